/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client's side of gRPC's interop test descriptions, on the blocking client:
 *
 *     interop_client URL [--ca FILE] CASE...
 *
 * Prints "ok CASE" for each that passes, and for the first that does not what was wrong; then it
 * ends with 1.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/testing/empty.pb-c.h>
#include <grpc/testing/messages.pb-c.h>
#include <grpc/testing/test.pb-c.h>

#include <shoal/shoal.h>

#define SERVICE (&grpc__testing__test_service__descriptor)

enum {
    LARGE_IN = 271828,
    LARGE_OUT = 314159,
    STEPS = 4,
    PATIENCE_MS = 30000,
    SOAK_CALLS = 100,
    SOAK_CHANNELS = 10,
};

static const size_t sizes_in[STEPS] = {27182, 8, 1828, 45904};
static const int32_t sizes_out[STEPS] = {31415, 9, 2653, 58979};
static uint8_t zeros[LARGE_OUT];

static const char *url;
static struct shoal_grpc_channel_cfg channel_cfg = SHOAL_GRPC_CHANNEL_CFG_INIT;
static struct shoal_grpc_client *client;

/* Says what was expected where that is not so, and has the case fail. */
#define EXPECT(condition)                                                           \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            return false;                                                           \
        }                                                                           \
    } while (0)

/* Whether the result of a call is this; frees it. A NULL text is not compared. */
static bool ended_with(struct shoal_grpc_result *result, int status, const char *text)
{
    bool good = result && result->status == status && (!text || strcmp(result->text, text) == 0);
    if (!good)
        fprintf(stderr, "ended with %s: %s\n",
                result ? shoal_grpc_status_name(result->status) : "nothing",
                result ? result->text : "");
    shoal_grpc_result_free(&result);
    return good;
}

/* Messages */

static Grpc__Testing__Payload payload_of(size_t size)
{
    Grpc__Testing__Payload payload = GRPC__TESTING__PAYLOAD__INIT;
    payload.body = (ProtobufCBinaryData){size, zeros};
    return payload;
}

static bool is_zeros(const Grpc__Testing__Payload *payload, size_t size)
{
    size_t came = payload ? payload->body.len : 0;
    return came == size && (size == 0 || memcmp(payload->body.data, zeros, size) == 0);
}

/* Calls */

static struct shoal_rpc_cfg unary(const char *method, const void *request)
{
    return (struct shoal_rpc_cfg){
        .service = SERVICE, .method = method, .request = request, .deadline_ms = PATIENCE_MS};
}

static struct shoal_rpc_cfg streaming(const char *method, enum shoal_grpc_kind kind)
{
    return (struct shoal_rpc_cfg){
        .service = SERVICE, .method = method, .kind = kind, .deadline_ms = PATIENCE_MS};
}

/* A result where the call could be made; NULL, told, where not. */
static struct shoal_grpc_result *call(const struct shoal_rpc_cfg *cfg)
{
    struct shoal_grpc_result *result = NULL;
    int rc = shoal_grpc_client_call(client, cfg, &result);
    if (rc < 0)
        fprintf(stderr, "cannot call: %s\n", shoal_strerror(rc));
    return result;
}

static struct shoal_grpc_talk *begin(const struct shoal_rpc_cfg *cfg)
{
    struct shoal_grpc_talk *talk = NULL;
    int rc = shoal_grpc_talk_begin(client, cfg, &talk);
    if (rc < 0)
        fprintf(stderr, "cannot begin: %s\n", shoal_strerror(rc));
    return talk;
}

static bool finishes_with(struct shoal_grpc_talk **talk, int status, const char *text)
{
    struct shoal_grpc_result *result = NULL;
    int rc = shoal_grpc_talk_finish(talk, &result);
    return rc >= 0 && ended_with(result, status, text);
}

static bool sends_output(struct shoal_grpc_talk *talk, size_t size_in, int32_t size_out,
                         int32_t interval_us)
{
    Grpc__Testing__Payload payload = payload_of(size_in);
    Grpc__Testing__ResponseParameters wanted = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
    Grpc__Testing__ResponseParameters *all[] = {&wanted};
    Grpc__Testing__StreamingOutputCallRequest request =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    wanted.size = size_out;
    wanted.interval_us = interval_us;
    request.payload = &payload;
    request.n_response_parameters = 1;
    request.response_parameters = all;
    return shoal_grpc_talk_send(talk, &request) == 0;
}

static bool receives(struct shoal_grpc_talk *talk, size_t size)
{
    const void *reply;
    if (shoal_grpc_talk_receive(talk, &reply) != 1)
        return false;
    const Grpc__Testing__StreamingOutputCallResponse *response = reply;
    return is_zeros(response->payload, size);
}

static bool receives_no_more(struct shoal_grpc_talk *talk)
{
    const void *reply;
    return shoal_grpc_talk_receive(talk, &reply) == 0;
}

/* The cases, as the descriptions have them */

static bool empty_unary(void)
{
    Grpc__Testing__Empty empty = GRPC__TESTING__EMPTY__INIT;
    struct shoal_rpc_cfg cfg = unary("EmptyCall", &empty);
    struct shoal_grpc_result *result = call(&cfg);
    EXPECT(!result || result->status != SHOAL_GRPC_OK || result->reply);
    return ended_with(result, SHOAL_GRPC_OK, NULL);
}

/* A call for LARGE_OUT bytes; whether the reply came compressed must be as told, unless NULL. */
static bool large_call(Grpc__Testing__BoolValue *expect, Grpc__Testing__BoolValue *compressed,
                       enum shoal_grpc_encoding encoding)
{
    Grpc__Testing__Payload payload = payload_of(LARGE_IN);
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    request.response_size = LARGE_OUT;
    request.payload = &payload;
    request.expect_compressed = expect;
    request.response_compressed = compressed;
    struct shoal_rpc_cfg cfg = unary("UnaryCall", &request);
    cfg.encoding = encoding;
    struct shoal_grpc_result *result = call(&cfg);
    EXPECT(result);
    if (result->status != SHOAL_GRPC_OK)
        return ended_with(result, SHOAL_GRPC_OK, NULL);
    const Grpc__Testing__SimpleResponse *reply = result->reply;
    EXPECT(is_zeros(reply->payload, LARGE_OUT));
    EXPECT(!compressed || result->compressed == (bool)compressed->value);
    return ended_with(result, SHOAL_GRPC_OK, NULL);
}

static bool large_unary(void)
{
    return large_call(NULL, NULL, SHOAL_GRPC_IDENTITY);
}

static bool client_compressed_unary(void)
{
    Grpc__Testing__BoolValue yes = GRPC__TESTING__BOOL_VALUE__INIT, no = yes;
    Grpc__Testing__SimpleRequest probe = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    yes.value = true;
    probe.expect_compressed = &yes;
    struct shoal_rpc_cfg cfg = unary("UnaryCall", &probe);
    EXPECT(ended_with(call(&cfg), SHOAL_GRPC_INVALID_ARGUMENT, NULL));
    EXPECT(large_call(&yes, NULL, SHOAL_GRPC_GZIP));
    EXPECT(large_call(&yes, NULL, SHOAL_GRPC_DEFLATE));
    return large_call(&no, NULL, SHOAL_GRPC_IDENTITY);
}

static bool server_compressed_unary(void)
{
    Grpc__Testing__BoolValue yes = GRPC__TESTING__BOOL_VALUE__INIT, no = yes;
    yes.value = true;
    EXPECT(large_call(NULL, &yes, SHOAL_GRPC_IDENTITY));
    return large_call(NULL, &no, SHOAL_GRPC_IDENTITY);
}

static bool sends_input(struct shoal_grpc_talk *talk, size_t size, Grpc__Testing__BoolValue *expect)
{
    Grpc__Testing__Payload payload = payload_of(size);
    Grpc__Testing__StreamingInputCallRequest request =
        GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
    request.payload = &payload;
    request.expect_compressed = expect;
    return shoal_grpc_talk_send(talk, &request) == 0;
}

static bool sums_up_to(struct shoal_grpc_talk **talk, int32_t size)
{
    struct shoal_grpc_result *result = NULL;
    EXPECT(shoal_grpc_talk_finish(talk, &result) == SHOAL_GRPC_OK);
    const Grpc__Testing__StreamingInputCallResponse *reply = result->reply;
    EXPECT(reply->aggregated_payload_size == size);
    return ended_with(result, SHOAL_GRPC_OK, NULL);
}

static bool client_streaming(void)
{
    struct shoal_rpc_cfg cfg = streaming("StreamingInputCall", SHOAL_GRPC_CLIENT_STREAM);
    struct shoal_grpc_talk *talk = begin(&cfg);
    EXPECT(talk);
    for (int i = 0; i < STEPS; i++)
        EXPECT(sends_input(talk, sizes_in[i], NULL));
    EXPECT(shoal_grpc_talk_end(talk) == 0);
    return sums_up_to(&talk, 74922);
}

static bool client_compressed_streaming(void)
{
    Grpc__Testing__BoolValue yes = GRPC__TESTING__BOOL_VALUE__INIT, no = yes;
    struct shoal_rpc_cfg cfg = streaming("StreamingInputCall", SHOAL_GRPC_CLIENT_STREAM);
    yes.value = true;
    struct shoal_grpc_talk *talk = begin(&cfg);
    EXPECT(talk && sends_input(talk, 27182, &yes)); /* which it is not */
    EXPECT(finishes_with(&talk, SHOAL_GRPC_INVALID_ARGUMENT, NULL));

    cfg.encoding = SHOAL_GRPC_GZIP;
    talk = begin(&cfg);
    EXPECT(talk && sends_input(talk, 27182, &yes));
    shoal_grpc_talk_compress(talk, false);
    EXPECT(sends_input(talk, 45904, &no));
    return sums_up_to(&talk, 73086);
}

static bool server_streaming(void)
{
    Grpc__Testing__ResponseParameters wanted[STEPS];
    Grpc__Testing__ResponseParameters *all[STEPS];
    Grpc__Testing__StreamingOutputCallRequest request =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    for (int i = 0; i < STEPS; i++) {
        wanted[i] = (Grpc__Testing__ResponseParameters)GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
        wanted[i].size = sizes_out[i];
        all[i] = &wanted[i];
    }
    request.n_response_parameters = STEPS;
    request.response_parameters = all;
    struct shoal_rpc_cfg cfg = streaming("StreamingOutputCall", SHOAL_GRPC_SERVER_STREAM);
    cfg.request = &request;
    struct shoal_grpc_talk *talk = begin(&cfg);
    EXPECT(talk);
    for (int i = 0; i < STEPS; i++)
        EXPECT(receives(talk, (size_t)sizes_out[i]));
    EXPECT(receives_no_more(talk));
    return finishes_with(&talk, SHOAL_GRPC_OK, NULL);
}

static bool server_compressed_streaming(void)
{
    Grpc__Testing__BoolValue yes = GRPC__TESTING__BOOL_VALUE__INIT, no = yes;
    Grpc__Testing__ResponseParameters first = GRPC__TESTING__RESPONSE_PARAMETERS__INIT,
                                      second = first;
    Grpc__Testing__ResponseParameters *all[] = {&first, &second};
    Grpc__Testing__StreamingOutputCallRequest request =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    yes.value = true;
    first.compressed = &yes;
    first.size = 31415;
    second.compressed = &no;
    second.size = 92653;
    request.n_response_parameters = 2;
    request.response_parameters = all;
    struct shoal_rpc_cfg cfg = streaming("StreamingOutputCall", SHOAL_GRPC_SERVER_STREAM);
    cfg.request = &request;
    struct shoal_grpc_talk *talk = begin(&cfg);
    EXPECT(talk && receives(talk, 31415));
    EXPECT(shoal_grpc_talk_was_compressed(talk));
    EXPECT(receives(talk, 92653));
    EXPECT(!shoal_grpc_talk_was_compressed(talk));
    return finishes_with(&talk, SHOAL_GRPC_OK, NULL);
}

static bool ping_pong(void)
{
    struct shoal_rpc_cfg cfg = streaming("FullDuplexCall", SHOAL_GRPC_BIDI);
    struct shoal_grpc_talk *talk = begin(&cfg);
    EXPECT(talk);
    for (int i = 0; i < STEPS; i++) {
        EXPECT(sends_output(talk, sizes_in[i], sizes_out[i], 0));
        EXPECT(receives(talk, (size_t)sizes_out[i]));
    }
    EXPECT(shoal_grpc_talk_end(talk) == 0);
    EXPECT(receives_no_more(talk));
    return finishes_with(&talk, SHOAL_GRPC_OK, NULL);
}

static bool empty_stream(void)
{
    struct shoal_rpc_cfg cfg = streaming("FullDuplexCall", SHOAL_GRPC_BIDI);
    struct shoal_grpc_talk *talk = begin(&cfg);
    EXPECT(talk && shoal_grpc_talk_end(talk) == 0);
    EXPECT(receives_no_more(talk));
    return finishes_with(&talk, SHOAL_GRPC_OK, NULL);
}

/* Metadata */

static const struct shoal_grpc_pair sent_pairs[] = {
    {"x-grpc-test-echo-initial", SHOAL_VIEW("test_initial_metadata_value")},
    {"x-grpc-test-echo-trailing-bin", {"\xab\xab\xab", 3}},
};

static bool has_pair(const struct shoal_grpc_pair *pairs, size_t count,
                     const struct shoal_grpc_pair *wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].name, wanted->name) == 0)
            return shoal_view_equal(pairs[i].value, wanted->value);
    }
    return false;
}

static bool came_back(struct shoal_grpc_result *result)
{
    EXPECT(has_pair(result->initial, result->initial_count, &sent_pairs[0]));
    EXPECT(has_pair(result->trailing, result->trailing_count, &sent_pairs[1]));
    return ended_with(result, SHOAL_GRPC_OK, NULL);
}

static bool custom_metadata(void)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    request.response_size = 1;
    struct shoal_rpc_cfg cfg = unary("UnaryCall", &request);
    cfg.metadata = sent_pairs;
    cfg.metadata_count = 2;
    struct shoal_grpc_result *result = call(&cfg);
    EXPECT(result && came_back(result));

    cfg = streaming("FullDuplexCall", SHOAL_GRPC_BIDI);
    cfg.metadata = sent_pairs;
    cfg.metadata_count = 2;
    struct shoal_grpc_talk *talk = begin(&cfg);
    EXPECT(talk && sends_output(talk, 1, 1, 0));
    EXPECT(receives(talk, 1));
    EXPECT(shoal_grpc_talk_finish(&talk, &result) == SHOAL_GRPC_OK);
    return came_back(result);
}

/* Statuses */

static bool fails_as_told(const char *text, bool duplex)
{
    Grpc__Testing__EchoStatus status = GRPC__TESTING__ECHO_STATUS__INIT;
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    Grpc__Testing__StreamingOutputCallRequest output =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    status.code = SHOAL_GRPC_UNKNOWN;
    status.message = (char *)(uintptr_t)text;
    request.response_status = output.response_status = &status;
    struct shoal_rpc_cfg cfg = unary("UnaryCall", &request);
    EXPECT(ended_with(call(&cfg), SHOAL_GRPC_UNKNOWN, text));
    if (!duplex)
        return true;
    cfg = streaming("FullDuplexCall", SHOAL_GRPC_BIDI);
    struct shoal_grpc_talk *talk = begin(&cfg);
    EXPECT(talk && shoal_grpc_talk_send(talk, &output) == 0);
    return finishes_with(&talk, SHOAL_GRPC_UNKNOWN, text);
}

static bool status_code_and_message(void)
{
    return fails_as_told("test status message", true);
}

static bool special_status_message(void)
{
    return fails_as_told("\t\ntest with whitespace\r\nand Unicode BMP \xe2\x98\xba and non-BMP "
                         "\xf0\x9f\x98\x88\t\n",
                         false);
}

static bool unimplemented_method(void)
{
    Grpc__Testing__Empty empty = GRPC__TESTING__EMPTY__INIT;
    struct shoal_rpc_cfg cfg = unary("UnimplementedCall", &empty);
    return ended_with(call(&cfg), SHOAL_GRPC_UNIMPLEMENTED, NULL);
}

static bool unimplemented_service(void)
{
    Grpc__Testing__Empty empty = GRPC__TESTING__EMPTY__INIT;
    struct shoal_rpc_cfg cfg = unary("UnimplementedCall", &empty);
    cfg.service = &grpc__testing__unimplemented_service__descriptor;
    return ended_with(call(&cfg), SHOAL_GRPC_UNIMPLEMENTED, NULL);
}

/* Ends before the end */

static bool cancel_after_begin(void)
{
    struct shoal_rpc_cfg cfg = streaming("StreamingInputCall", SHOAL_GRPC_CLIENT_STREAM);
    struct shoal_grpc_talk *talk = begin(&cfg);
    EXPECT(talk);
    shoal_grpc_talk_cancel(talk);
    return finishes_with(&talk, SHOAL_GRPC_CANCELLED, NULL);
}

static bool cancel_after_first_response(void)
{
    struct shoal_rpc_cfg cfg = streaming("FullDuplexCall", SHOAL_GRPC_BIDI);
    struct shoal_grpc_talk *talk = begin(&cfg);
    EXPECT(talk && sends_output(talk, 27182, 31415, 0));
    EXPECT(receives(talk, 31415));
    shoal_grpc_talk_cancel(talk);
    return finishes_with(&talk, SHOAL_GRPC_CANCELLED, NULL);
}

static bool timeout_on_sleeping_server(void)
{
    struct shoal_rpc_cfg cfg = streaming("FullDuplexCall", SHOAL_GRPC_BIDI);
    cfg.deadline_ms = 1;
    struct shoal_grpc_talk *talk = begin(&cfg);
    EXPECT(talk);
    (void)sends_output(talk, 27182, 31415, 10000000); /* which may be over already */
    EXPECT(receives_no_more(talk));
    return finishes_with(&talk, SHOAL_GRPC_DEADLINE_EXCEEDED, NULL);
}

/* Soaks */

static bool small_call(void)
{
    Grpc__Testing__Payload payload = payload_of(2718);
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    request.response_size = 3141;
    request.payload = &payload;
    struct shoal_rpc_cfg cfg = unary("UnaryCall", &request);
    struct shoal_grpc_result *result = call(&cfg);
    EXPECT(result && result->status == SHOAL_GRPC_OK);
    EXPECT(is_zeros(((const Grpc__Testing__SimpleResponse *)result->reply)->payload, 3141));
    return ended_with(result, SHOAL_GRPC_OK, NULL);
}

static bool rpc_soak(void)
{
    for (int i = 0; i < SOAK_CALLS; i++)
        EXPECT(small_call());
    return true;
}

static bool channel_soak(void)
{
    for (int i = 0; i < SOAK_CHANNELS; i++) {
        EXPECT(shoal_grpc_client_close(&client) == 0);
        EXPECT(shoal_grpc_client_open(url, &channel_cfg, &client) == 0);
        EXPECT(small_call());
    }
    return true;
}

/* X(case) */
#define CASES(X)                   \
    X(empty_unary)                 \
    X(large_unary)                 \
    X(client_compressed_unary)     \
    X(server_compressed_unary)     \
    X(client_streaming)            \
    X(client_compressed_streaming) \
    X(server_streaming)            \
    X(server_compressed_streaming) \
    X(ping_pong)                   \
    X(empty_stream)                \
    X(custom_metadata)             \
    X(status_code_and_message)     \
    X(special_status_message)      \
    X(unimplemented_method)        \
    X(unimplemented_service)       \
    X(cancel_after_begin)          \
    X(cancel_after_first_response) \
    X(timeout_on_sleeping_server)  \
    X(rpc_soak)                    \
    X(channel_soak)

static bool run(const char *name)
{
#define RUN(case_name)                 \
    if (strcmp(name, #case_name) == 0) \
        return case_name();
    CASES(RUN)
#undef RUN
    fprintf(stderr, "no such case\n");
    return false;
}

int main(int argc, char **argv)
{
    int next = 2;
    if (argc > 3 && strcmp(argv[2], "--ca") == 0) {
        channel_cfg.ca_file = argv[3];
        next = 4;
    }
    url = argc > 1 ? argv[1] : "";
    int rc = shoal_grpc_client_open(url, &channel_cfg, &client);
    if (rc < 0) {
        fprintf(stderr, "cannot open a client of %s: %s\n", url, shoal_strerror(rc));
        return 1;
    }
    bool good = true;
    for (; good && next < argc; next++) {
        good = run(argv[next]);
        printf("%s %s\n", good ? "ok" : "FAILED", argv[next]);
    }
    if (good) /* else a talk may still be open */
        (void)shoal_grpc_client_close(&client);
    return good ? 0 : 1;
}
