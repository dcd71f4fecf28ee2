/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * grpc.testing.TestService, as gRPC's interop test descriptions define it: what a test client asks
 * for (sizes, intervals, statuses, compression, metadata) it gets.
 *
 * The streaming answers are a list of steps, one a reply, that a timer and the stream's
 * back-pressure drive; requests are not read while steps are left.
 */
#include <stdlib.h>
#include <string.h>

#include <grpc/testing/test.shoal.h>

#include "grpc.h"

typedef Grpc__Testing__StreamingOutputCallRequest output_request;

enum { MOST_BYTES = 64 << 20 }; /* of a reply */

/* What both unary and streaming calls may ask for. Each returns a status. */

static int out_of_memory(struct shoal_grpc_call *call)
{
    return shoal_grpc_fail(call, SHOAL_GRPC_RESOURCE_EXHAUSTED, "out of memory");
}

static int echo_metadata(struct shoal_grpc_call *call)
{
    static const char initial[] = "x-grpc-test-echo-initial";
    static const char trailing[] = "x-grpc-test-echo-trailing-bin";
    struct shoal_view value = shoal_grpc_metadata(call, initial);
    if (value.data && shoal_grpc_add_initial(call, initial, value) < 0)
        return out_of_memory(call);
    value = shoal_grpc_metadata(call, trailing);
    if (value.data && shoal_grpc_add_trailing(call, trailing, value) < 0)
        return out_of_memory(call);
    return SHOAL_GRPC_OK;
}

static int check_compression(struct shoal_grpc_call *call, const Grpc__Testing__BoolValue *expected)
{
    if (expected && (bool)expected->value != shoal_grpc_was_compressed(call))
        return shoal_grpc_fail(call, SHOAL_GRPC_INVALID_ARGUMENT,
                               "the request came otherwise compressed");
    return SHOAL_GRPC_OK;
}

static int wanted_status(struct shoal_grpc_call *call, const Grpc__Testing__EchoStatus *wanted)
{
    if (!wanted || wanted->code == 0)
        return SHOAL_GRPC_OK;
    return shoal_grpc_fail(call, wanted->code, "%s", wanted->message);
}

static bool is_size(int32_t size)
{
    return size >= 0 && size <= MOST_BYTES;
}

/* `size` zero bytes in `payload`. */
static bool fill(struct shoal_grpc_call *call, Grpc__Testing__Payload *payload, int32_t size)
{
    grpc__testing__payload__init(payload);
    uint8_t *zeros = shoal_grpc_alloc(call, (size_t)size);
    if (!zeros)
        return false;
    memset(zeros, 0, (size_t)size);
    payload->body = (ProtobufCBinaryData){(size_t)size, zeros};
    return true;
}

/* Unary */

static int empty_call(struct shoal_grpc_call *call, const Grpc__Testing__Empty *request,
                      Grpc__Testing__Empty *reply)
{
    (void)request;
    (void)reply;
    return echo_metadata(call);
}

static int answer_unary(struct shoal_grpc_call *call, const Grpc__Testing__SimpleRequest *request,
                        Grpc__Testing__SimpleResponse *reply)
{
    if (!is_size(request->response_size))
        return shoal_grpc_fail(call, SHOAL_GRPC_INVALID_ARGUMENT, "no such size");
    reply->payload = shoal_grpc_alloc(call, sizeof(*reply->payload));
    if (!reply->payload || !fill(call, reply->payload, request->response_size))
        return out_of_memory(call);
    if (request->response_compressed)
        shoal_grpc_compress(call, request->response_compressed->value);
    return SHOAL_GRPC_OK;
}

static int unary_call(struct shoal_grpc_call *call, const Grpc__Testing__SimpleRequest *request,
                      Grpc__Testing__SimpleResponse *reply)
{
    int status = echo_metadata(call);
    if (status == SHOAL_GRPC_OK)
        status = check_compression(call, request->expect_compressed);
    if (status == SHOAL_GRPC_OK)
        status = wanted_status(call, request->response_status);
    return status == SHOAL_GRPC_OK ? answer_unary(call, request, reply) : status;
}

/* StreamingInputCall: data is the sum. */

static int begin_sum(struct shoal_grpc_call *call)
{
    int32_t *sum = calloc(1, sizeof(*sum));
    shoal_grpc_set_data(call, sum);
    return sum ? SHOAL_GRPC_LATER : out_of_memory(call);
}

static int add_to_sum(struct shoal_grpc_call *call,
                      const Grpc__Testing__StreamingInputCallRequest *request)
{
    int32_t *sum = shoal_grpc_data(call);
    int status = check_compression(call, request->expect_compressed);
    if (status != SHOAL_GRPC_OK)
        return status;
    if (request->payload && __builtin_add_overflow(*sum, request->payload->body.len, sum))
        return shoal_grpc_fail(call, SHOAL_GRPC_OUT_OF_RANGE, "more than 2^31-1 bytes");
    return SHOAL_GRPC_LATER;
}

static int send_sum(struct shoal_grpc_call *call)
{
    Grpc__Testing__StreamingInputCallResponse reply =
        GRPC__TESTING__STREAMING_INPUT_CALL_RESPONSE__INIT;
    reply.aggregated_payload_size = *(int32_t *)shoal_grpc_data(call);
    return grpc__testing__test_service__streaming_input_call__send(call, &reply) < 0
               ? out_of_memory(call)
               : SHOAL_GRPC_OK;
}

static void end_sum(struct shoal_grpc_call *call, int status)
{
    (void)status;
    free(shoal_grpc_data(call));
}

/* Streaming output */

struct step {
    int32_t size;
    int32_t interval_us;
    bool compressed;
};

/* One streaming call's; its data. Dies in on_close. */
struct script {
    struct shoal_grpc_call *call;
    struct shoal_timer timer;
    struct step *steps;
    size_t count, next;
    bool timed;    /* the next step's interval has passed */
    bool reads_on; /* more requests may come when the steps are done */
    bool choked;   /* on_drained is awaited */
};

static void go_on(struct script *script);

static void on_timer(struct shoal_timer *timer, void *arg)
{
    (void)timer;
    struct script *script = arg;
    script->timed = true;
    go_on(script);
}

static int begin_script(struct shoal_grpc_call *call)
{
    struct script *script = calloc(1, sizeof(*script));
    shoal_grpc_set_data(call, script);
    if (!script)
        return out_of_memory(call);
    script->call = call;
    shoal_timer_init(&script->timer, on_timer, script);
    shoal_grpc_compress(call, false); /* so that it can be turned on for a later reply */
    int status = echo_metadata(call);
    return status == SHOAL_GRPC_OK ? SHOAL_GRPC_LATER : status;
}

static void end_script(struct shoal_grpc_call *call, int status)
{
    (void)status;
    struct script *script = shoal_grpc_data(call);
    if (!script)
        return;
    shoal_timer_stop(&script->timer);
    free(script->steps);
    free(script);
}

static int add_steps(struct script *script, const output_request *request)
{
    size_t count = script->count + request->n_response_parameters;
    struct step *steps = realloc(script->steps, count * sizeof(*steps) + 1);
    if (!steps)
        return out_of_memory(script->call);
    script->steps = steps;
    for (size_t i = 0; i < request->n_response_parameters; i++) {
        const Grpc__Testing__ResponseParameters *asked = request->response_parameters[i];
        if (!is_size(asked->size))
            return shoal_grpc_fail(script->call, SHOAL_GRPC_INVALID_ARGUMENT, "no such size");
        steps[script->count++] = (struct step){asked->size, asked->interval_us,
                                               asked->compressed && asked->compressed->value};
    }
    return SHOAL_GRPC_OK;
}

/* Sends a step's reply. Returns a status, with script->choked set where to wait. */
static int send_step(struct script *script, const struct step *step)
{
    struct shoal_grpc_call *call = script->call;
    Grpc__Testing__StreamingOutputCallResponse reply =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_RESPONSE__INIT;
    Grpc__Testing__Payload payload = GRPC__TESTING__PAYLOAD__INIT;
    uint8_t *zeros = calloc(1, (size_t)step->size + 1);
    if (!zeros)
        return out_of_memory(call);
    payload.body = (ProtobufCBinaryData){(size_t)step->size, zeros};
    reply.payload = &payload;
    shoal_grpc_compress(call, step->compressed);
    int rc = shoal_grpc_send(call, &reply);
    free(zeros);
    script->choked = rc == 1;
    return rc < 0 ? out_of_memory(call) : SHOAL_GRPC_OK;
}

/* True where the next step has to wait. */
static bool waits_for_interval(struct script *script)
{
    int32_t interval_us = script->steps[script->next].interval_us;
    if (interval_us <= 0 || script->timed)
        return false;
    int64_t interval_ms = ((int64_t)interval_us + 999) / 1000;
    return shoal_timer_start(shoal_grpc_loop(script->call), &script->timer, interval_ms) == 0;
}

/* As many steps as can be taken now. Returns a status, or LATER. */
static int take_steps(struct script *script)
{
    while (script->next < script->count && !script->choked) {
        if (waits_for_interval(script))
            return SHOAL_GRPC_LATER;
        script->timed = false;
        int status = send_step(script, &script->steps[script->next++]);
        if (status != SHOAL_GRPC_OK)
            return status;
    }
    if (script->choked && script->next < script->count)
        return SHOAL_GRPC_LATER;
    script->count = script->next = 0;
    return script->reads_on ? SHOAL_GRPC_LATER : SHOAL_GRPC_OK;
}

static void go_on(struct script *script)
{
    if (shoal_timer_running(&script->timer))
        return;
    int result = take_steps(script);
    if (result != SHOAL_GRPC_LATER)
        (void)shoal_grpc_finish(script->call, result);
    else if (script->reads_on && script->count == 0)
        shoal_grpc_resume(script->call);
}

static void on_drained(struct shoal_grpc_call *call)
{
    struct script *script = shoal_grpc_data(call);
    script->choked = false;
    go_on(script);
}

static int output_call(struct shoal_grpc_call *call, const output_request *request)
{
    struct script *script = shoal_grpc_data(call);
    int status = wanted_status(call, request->response_status);
    if (status == SHOAL_GRPC_OK)
        status = add_steps(script, request);
    return status == SHOAL_GRPC_OK ? take_steps(script) : status;
}

static int full_duplex_call(struct shoal_grpc_call *call, const output_request *request)
{
    struct script *script = shoal_grpc_data(call);
    script->reads_on = true;
    int result = output_call(call, request);
    if (result == SHOAL_GRPC_LATER && script->count > 0)
        shoal_grpc_pause(call);
    return result;
}

/* All requests first, then all answers. */
static int half_duplex_call(struct shoal_grpc_call *call, const output_request *request)
{
    int status = add_steps(shoal_grpc_data(call), request);
    return status == SHOAL_GRPC_OK ? SHOAL_GRPC_LATER : status;
}

static int half_duplex_end(struct shoal_grpc_call *call)
{
    return take_steps(shoal_grpc_data(call));
}

/* UnimplementedCall has no handler: that is its test. */
static const struct grpc__testing__test_service_handlers handlers = {
    .empty_call = empty_call,
    .unary_call = unary_call,
    .cacheable_unary_call = unary_call,
    .streaming_input_call = {.on_open = begin_sum,
                             .on_message = add_to_sum,
                             .on_end = send_sum,
                             .on_close = end_sum},
    .streaming_output_call = {.on_open = begin_script,
                              .on_message = output_call,
                              .on_drained = on_drained,
                              .on_close = end_script},
    .full_duplex_call = {.on_open = begin_script,
                         .on_message = full_duplex_call,
                         .on_drained = on_drained,
                         .on_close = end_script},
    .half_duplex_call = {.on_open = begin_script,
                         .on_message = half_duplex_call,
                         .on_end = half_duplex_end,
                         .on_drained = on_drained,
                         .on_close = end_script},
};

void grpc_add_interop(struct shoal_grpc *grpc)
{
    (void)grpc__testing__test_service_register(grpc, &handlers, NULL, NULL);
    (void)grpc__testing__test_service_reflect(grpc);
}
