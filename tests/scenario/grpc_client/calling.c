/* SPDX-License-Identifier: BSD-3-Clause */
/* The client with a server of Shoal's over a real socket: many calls at once, servers that go away,
 * and calls that block. */
#include "post.h"

#include <pthread.h>
#include <semaphore.h>

/* On a loop */

/* A hundred calls of a channel, and the order in which they ended. */
struct hundred {
    struct shoal_grpc_channel *channel;
    const char *url;
    uint32_t order[POST_IN_ORDER];
    unsigned ended;
    int status;
    sem_t over;
};

static void note_order(struct shoal_rpc *rpc, int status, void *arg)
{
    struct hundred *all = arg;
    const Parcels__Parcel *reply = shoal_rpc_reply(rpc);
    all->status = status != SHOAL_GRPC_OK ? status : all->status;
    all->order[all->ended++] = reply ? reply->count : UINT32_MAX;
    if (all->ended == POST_IN_ORDER)
        sem_post(&all->over);
}

/* A server of one loop, which is all that a client needs. */
static struct shoal_server *start_loop(void)
{
    struct shoal_server_cfg cfg = SHOAL_SERVER_CFG_INIT;
    struct shoal_server *here;
    cfg.loops = 1;
    cfg.workers = 0;
    assert_int_equal(shoal_server_create(&cfg, &here), 0);
    assert_int_equal(shoal_server_start(here), 0);
    return here;
}

static void wait_for(sem_t *sem)
{
    while (sem_wait(sem) < 0)
        continue;
}

/* In an order of their own: 37 is prime to 100. */
static void call_hundred(struct shoal_loop *loop, void *arg)
{
    struct hundred *all = arg;
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    parcel.label = (char *)(uintptr_t) "order";
    assert_int_equal(shoal_grpc_channel_create(loop, all->url, NULL, &all->channel), 0);
    for (uint32_t i = 0; i < POST_IN_ORDER; i++) {
        parcel.count = (i * 37 + 99) % POST_IN_ORDER;
        struct shoal_rpc_cfg cfg = post_unary(&parcel);
        cfg.done = note_order;
        cfg.arg = all;
        assert_int_equal(shoal_rpc_start(all->channel, &cfg, NULL), 0);
    }
}

static void calls_on_one_connection_end_in_the_order_of_their_delays(void **state)
{
    struct post *post = *state;
    static struct hundred all;
    struct shoal_server *here = start_loop();
    all = (struct hundred){.url = post->url};
    sem_init(&all.over, 0, 0);
    assert_int_equal(shoal_call(shoal_server_loop(here, 0), call_hundred, &all), 0);
    wait_for(&all.over);
    assert_int_equal(shoal_server_destroy(&here), 0); /* and the channel with it */
    assert_int_equal(all.status, SHOAL_GRPC_OK);
    for (uint32_t i = 0; i < POST_IN_ORDER; i++)
        assert_int_equal(all.order[i], i);
}

/* A call that the server keeps, and what it came to. */
struct single {
    struct shoal_grpc_channel *channel;
    const char *url;
    int ended, status;
};

static void note_end(struct shoal_rpc *rpc, int status, void *arg)
{
    struct single *single = arg;
    (void)rpc;
    single->ended++;
    single->status = status;
}

static void call_single(struct shoal_loop *loop, void *arg)
{
    struct single *single = arg;
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    parcel.label = (char *)(uintptr_t) "keep";
    struct shoal_rpc_cfg cfg = post_unary(&parcel);
    cfg.done = note_end;
    cfg.arg = single;
    assert_int_equal(shoal_grpc_channel_create(loop, single->url, NULL, &single->channel), 0);
    assert_int_equal(shoal_rpc_start(single->channel, &cfg, NULL), 0);
}

/* Starts it, and waits until the server has it. */
static struct shoal_server *start_single(struct single *single, struct shoal_grpc_client *other)
{
    struct shoal_server *here = start_loop();
    assert_int_equal(shoal_call(shoal_server_loop(here, 0), call_single, single), 0);
    while (post_ask(other, "kept") != SHOAL_GRPC_OK)
        continue;
    return here;
}

static void *drain(void *here)
{
    struct shoal_drain_report report;
    int rc = shoal_server_drain(here, 20000, &report);
    return (void *)(intptr_t)(rc == 0 ? (int)report.forced : rc);
}

static void the_drain_of_its_own_server_waits_for_a_call(void **state)
{
    struct post *post = *state;
    struct shoal_grpc_client *other = post_client(post);
    struct single single = {.url = post->url};
    struct shoal_server *here = start_single(&single, other);
    pthread_t drainer;
    void *forced;
    assert_int_equal(pthread_create(&drainer, NULL, drain, here), 0);
    while (!shoal_server_draining(here))
        continue;
    assert_int_equal(post_ask(other, "let go"), SHOAL_GRPC_OK);
    assert_int_equal(pthread_join(drainer, &forced), 0);
    assert_int_equal((intptr_t)forced, 0);
    assert_int_equal(single.ended, 1);
    assert_int_equal(single.status, SHOAL_GRPC_OK);
    assert_int_equal(shoal_server_destroy(&here), 0);
    assert_int_equal(shoal_grpc_client_close(&other), 0);
}

static void the_end_of_its_own_server_ends_a_call(void **state)
{
    struct post *post = *state;
    struct shoal_grpc_client *other = post_client(post);
    struct single single = {.url = post->url};
    struct shoal_server *here = start_single(&single, other);
    assert_int_equal(shoal_server_stop(here), 0);
    assert_int_equal(single.ended, 1);
    assert_true(single.status == SHOAL_GRPC_UNAVAILABLE || single.status == SHOAL_GRPC_CANCELLED);
    assert_int_equal(shoal_server_destroy(&here), 0);
    while (post_ask(other, "kept") != SHOAL_GRPC_NOT_FOUND) /* the server takes notice */
        continue;
    assert_int_equal(shoal_grpc_client_close(&other), 0);
}

/* Many calls, each given up after so many turns of the loop. */
struct storm {
    struct shoal_grpc_channel *channel;
    const char *url;
    struct shoal_rpc *rpcs[64];
    unsigned begun, ended;
    unsigned odd; /* that ended otherwise than they may */
    struct shoal_task task;
    sem_t over;
};

enum { STORM = 4000 };

static void note_calm(struct shoal_rpc *rpc, int status, void *arg)
{
    struct storm *storm = arg;
    storm->odd += status != SHOAL_GRPC_OK && status != SHOAL_GRPC_CANCELLED &&
                  status != SHOAL_GRPC_UNAVAILABLE;
    for (unsigned i = 0; i < sizeof(storm->rpcs) / sizeof(storm->rpcs[0]); i++)
        storm->rpcs[i] = storm->rpcs[i] == rpc ? NULL : storm->rpcs[i];
    storm->ended++;
}

/* A turn: some calls begin, and whatever has been at their places for a while is given up. The
 * server may find that it is too much, and cut the connection. */
static void storm_on(struct shoal_loop *loop, void *arg)
{
    struct storm *storm = arg;
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    parcel.label = (char *)(uintptr_t) "hello";
    struct shoal_rpc_cfg cfg = post_unary(&parcel);
    cfg.done = note_calm;
    cfg.arg = storm;
    if (!storm->channel)
        assert_int_equal(shoal_grpc_channel_create(loop, storm->url, NULL, &storm->channel), 0);
    for (unsigned i = 0; i < 8 && storm->begun < STORM; i++) {
        unsigned place = (storm->begun++ * 37) % 64;
        if (storm->rpcs[place])
            shoal_rpc_cancel(storm->rpcs[place]);
        assert_int_equal(shoal_rpc_start(storm->channel, &cfg, &storm->rpcs[place]), 0);
    }
    if (storm->ended < STORM)
        shoal_defer(loop, &storm->task);
    else
        sem_post(&storm->over);
}

static void calls_may_be_cancelled_at_any_point(void **state)
{
    struct post *post = *state;
    static struct storm storm;
    struct shoal_server *here = start_loop();
    storm = (struct storm){.url = post->url, .task = SHOAL_TASK(storm_on, &storm)};
    sem_init(&storm.over, 0, 0);
    assert_int_equal(shoal_post(shoal_server_loop(here, 0), &storm.task), 0);
    wait_for(&storm.over);
    assert_int_equal(shoal_server_destroy(&here), 0);
    assert_int_equal(storm.odd, 0);
}

/* Servers that go away */

static void a_call_is_lost_with_its_connection_and_the_next_one_makes_another(void **state)
{
    struct shoal_grpc_client *client = post_client(*state);
    assert_int_equal(post_ask(client, "hello"), SHOAL_GRPC_OK);
    assert_int_equal(post_ask(client, "cut"), SHOAL_GRPC_UNAVAILABLE);
    assert_int_equal(post_ask(client, "hello"), SHOAL_GRPC_OK);
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

static void a_list_of_servers_is_gone_through(void **state)
{
    struct post *post = *state;
    char urls[512];
    struct shoal_grpc_client *client = NULL;
    snprintf(urls, sizeof(urls), "unix:%s/nobody,tcp://[::1]:1,%s", post->folder, post->url);
    assert_int_equal(shoal_grpc_client_open(urls, NULL, &client), 0);
    assert_int_equal(post_ask(client, "hello"), SHOAL_GRPC_OK);
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

static void who_pings_too_often_loses_the_connection(void **state)
{
    struct post *post = *state;
    struct shoal_grpc_channel_cfg cfg = SHOAL_GRPC_CHANNEL_CFG_INIT;
    struct shoal_grpc_client *client = NULL;
    cfg.keepalive_ms = 5;
    assert_int_equal(shoal_grpc_client_open(post->url, &cfg, &client), 0);
    assert_int_equal(post_ask(client, "keep"), SHOAL_GRPC_UNAVAILABLE);
    assert_int_equal(post_ask(client, "hello"), SHOAL_GRPC_OK);
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

static void *ask_when_ready(void *arg)
{
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    struct shoal_rpc_cfg cfg = post_unary(&parcel);
    struct shoal_grpc_result *result = NULL;
    cfg.wait_for_ready = true;
    int status = shoal_grpc_client_call(arg, &cfg, &result);
    shoal_grpc_result_free(&result);
    return (void *)(intptr_t)status;
}

static void a_server_that_comes_back_is_found_again(void **state)
{
    struct post *post = *state;
    struct shoal_grpc_client *client = post_client(post);
    pthread_t waiter;
    void *status;
    assert_int_equal(post_ask(client, "hello"), SHOAL_GRPC_OK);
    post_stop(post, 0);
    assert_int_equal(post_ask(client, "hello"), SHOAL_GRPC_UNAVAILABLE);
    assert_int_equal(pthread_create(&waiter, NULL, ask_when_ready, client), 0);
    post_start(post);
    assert_int_equal(pthread_join(waiter, &status), 0);
    assert_int_equal((intptr_t)status, SHOAL_GRPC_OK);
    assert_int_equal(post_ask(client, "hello"), SHOAL_GRPC_OK);
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

static void connections_may_age_without_a_call_being_lost(void **state)
{
    struct post *post = *state;
    post_stop(post, 0);
    post->max_age_ms = 20;
    post_start(post);
    struct shoal_grpc_client *client = post_client(post);
    for (int i = 0; i < 500; i++)
        assert_int_equal(post_ask(client, "hello"), SHOAL_GRPC_OK);
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

static void a_draining_server_loses_no_call(void **state)
{
    struct post *post = *state;
    struct shoal_grpc_client *client = post_client(post);
    for (int i = 0; i < 5; i++) { /* the client is told goodbye while it is idle */
        assert_int_equal(post_ask(client, "hello"), SHOAL_GRPC_OK);
        post_stop(post, 10000);
        post_start(post);
    }
    assert_int_equal(post_ask(client, "hello"), SHOAL_GRPC_OK);
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

/* Calls that block */

static void *ask_often(void *arg)
{
    intptr_t good = 0;
    for (int i = 0; i < 50; i++)
        good += post_ask(arg, "hello") == SHOAL_GRPC_OK;
    return (void *)good;
}

static void many_threads_share_a_client(void **state)
{
    enum { THREADS = 8 };
    struct shoal_grpc_client *client = post_client(*state);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, client), 0);
    for (int i = 0; i < THREADS; i++) {
        void *good;
        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_int_equal((intptr_t)good, 50);
    }
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

static void a_reply_that_grows_out_of_proportion_is_not_unpacked(void **state)
{
    struct shoal_grpc_client *client = post_client(*state);
    struct shoal_grpc_result *result;
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    struct shoal_rpc_cfg cfg = post_unary(&parcel);
    parcel.label = (char *)(uintptr_t) "much";
    int status = shoal_grpc_client_call(client, &cfg, &result);
    assert_int_equal(status, SHOAL_GRPC_RESOURCE_EXHAUSTED);
    assert_string_equal(result->text, "reply too large unpacked");
    assert_null(result->reply);
    shoal_grpc_result_free(&result);
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

/* What a loop's thread is told. */
struct tried {
    struct shoal_grpc_client *client;
    struct shoal_grpc_talk *talk;
    const char *url;
    int open, call, begin, send, receive, finish, close;
    sem_t over;
};

static void try_to_block(struct shoal_loop *loop, void *arg)
{
    (void)loop;
    struct tried *tried = arg;
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    struct shoal_rpc_cfg cfg = post_unary(&parcel);
    struct shoal_grpc_client *other = NULL;
    struct shoal_grpc_talk *talk = NULL;
    struct shoal_grpc_result *result = NULL;
    const void *reply;
    tried->open = shoal_grpc_client_open(tried->url, NULL, &other);
    tried->call = shoal_grpc_client_call(tried->client, &cfg, &result);
    tried->begin = shoal_grpc_talk_begin(tried->client, &cfg, &talk);
    tried->send = shoal_grpc_talk_send(tried->talk, &parcel);
    tried->receive = shoal_grpc_talk_receive(tried->talk, &reply);
    tried->finish = shoal_grpc_talk_finish(&tried->talk, NULL);
    tried->close = shoal_grpc_client_close(&tried->client);
    sem_post(&tried->over);
}

static void the_thread_of_a_loop_may_not_block(void **state)
{
    struct post *post = *state;
    struct tried tried = {.client = post_client(post), .url = post->url};
    struct shoal_rpc_cfg cfg = post_streaming("Chat", SHOAL_GRPC_BIDI);
    assert_int_equal(shoal_grpc_talk_begin(tried.client, &cfg, &tried.talk), 0);
    sem_init(&tried.over, 0, 0);
    assert_int_equal(shoal_call(shoal_server_loop(post->server, 0), try_to_block, &tried), 0);
    wait_for(&tried.over);
    assert_int_equal(tried.open, -SHOAL_EDEADLK);
    assert_int_equal(tried.call, -SHOAL_EDEADLK);
    assert_int_equal(tried.begin, -SHOAL_EDEADLK);
    assert_int_equal(tried.send, -SHOAL_EDEADLK);
    assert_int_equal(tried.receive, -SHOAL_EDEADLK);
    assert_int_equal(tried.finish, -SHOAL_EDEADLK);
    assert_int_equal(tried.close, -SHOAL_EDEADLK);
    assert_int_equal(shoal_grpc_talk_finish(&tried.talk, NULL), SHOAL_GRPC_OK);
    assert_int_equal(shoal_grpc_client_close(&tried.client), 0);
}

static void a_client_without_sense_is_refused(void **state)
{
    (void)state;
    struct shoal_grpc_client *client = NULL;
    assert_int_equal(shoal_grpc_client_open("http://a:1", NULL, &client), -SHOAL_EURL);
    assert_null(client);
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

/* Talks */

enum { MANY = 400, LARGE = 20000 };

/* Sends more than all buffers between hold. */
static void *send_many(void *arg)
{
    static uint8_t bytes[LARGE];
    struct shoal_grpc_talk *talk = arg;
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    intptr_t rc = 0;
    parcel.payload = (ProtobufCBinaryData){sizeof(bytes), bytes};
    for (uint32_t i = 0; rc == 0 && i < MANY; i++) {
        parcel.count = i;
        rc = shoal_grpc_talk_send(talk, &parcel);
    }
    return (void *)(rc == 0 ? shoal_grpc_talk_end(talk) : rc);
}

static void one_thread_may_send_while_another_one_receives(void **state)
{
    struct shoal_grpc_client *client = post_client(*state);
    struct shoal_rpc_cfg cfg = post_streaming("Chat", SHOAL_GRPC_BIDI);
    struct shoal_grpc_talk *talk;
    pthread_t sender;
    void *rc;
    assert_int_equal(shoal_grpc_talk_begin(client, &cfg, &talk), 0);
    assert_int_equal(pthread_create(&sender, NULL, send_many, talk), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        const void *reply;
        assert_int_equal(shoal_grpc_talk_receive(talk, &reply), 1);
        const Parcels__Parcel *parcel = reply;
        assert_int_equal(parcel->count, i);
        assert_int_equal(parcel->payload.len, LARGE);
    }
    const void *none;
    assert_int_equal(shoal_grpc_talk_receive(talk, &none), 0);
    assert_int_equal(pthread_join(sender, &rc), 0);
    assert_int_equal((intptr_t)rc, 0);
    assert_int_equal(shoal_grpc_talk_finish(&talk, NULL), SHOAL_GRPC_OK);
    assert_null(talk);
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

static void *receive_one(void *arg)
{
    const void *reply;
    return (void *)(intptr_t)shoal_grpc_talk_receive(arg, &reply);
}

static void a_cancelled_talk_wakes_who_waits(void **state)
{
    struct shoal_grpc_client *client = post_client(*state);
    struct shoal_rpc_cfg cfg = post_streaming("Chat", SHOAL_GRPC_BIDI);
    struct shoal_grpc_talk *talk;
    pthread_t receiver;
    void *rc;
    assert_int_equal(shoal_grpc_talk_begin(client, &cfg, &talk), 0);
    assert_int_equal(pthread_create(&receiver, NULL, receive_one, talk), 0);
    shoal_grpc_talk_cancel(talk);
    assert_int_equal(pthread_join(receiver, &rc), 0);
    assert_int_equal((intptr_t)rc, 0);
    assert_int_equal(shoal_grpc_talk_finish(&talk, NULL), SHOAL_GRPC_CANCELLED);
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

static void a_talk_may_be_finished_before_all_replies_are_taken(void **state)
{
    struct shoal_grpc_client *client = post_client(*state);
    struct shoal_rpc_cfg cfg = post_streaming("Spread", SHOAL_GRPC_SERVER_STREAM);
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    struct shoal_grpc_talk *talk;
    const void *reply;
    parcel.count = 5000;
    cfg.request = &parcel;
    assert_int_equal(shoal_grpc_talk_begin(client, &cfg, &talk), 0);
    assert_int_equal(shoal_grpc_talk_receive(talk, &reply), 1);
    assert_int_equal(shoal_grpc_talk_finish(&talk, NULL), SHOAL_GRPC_OK);
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

static void a_sender_learns_that_the_server_has_ended_the_call(void **state)
{
    static const char bytes[1 << 20]; /* more than the windows and what may wait */
    struct shoal_view request = shoal_view(bytes, sizeof(bytes));
    struct shoal_grpc_client *client = post_client(*state);
    struct shoal_rpc_cfg cfg = {.method = "/parcels.Post/Nobody", .kind = SHOAL_GRPC_BIDI};
    struct shoal_grpc_talk *talk;
    int rc = 0;
    assert_int_equal(shoal_grpc_talk_begin(client, &cfg, &talk), 0);
    while (rc == 0) /* nobody receives, and no room is ever made for all of it */
        rc = shoal_grpc_talk_send(talk, &request);
    assert_int_equal(rc, -SHOAL_EPIPE);
    assert_int_equal(shoal_grpc_talk_finish(&talk, NULL), SHOAL_GRPC_UNIMPLEMENTED);
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

static void a_talk_that_did_not_begin_may_be_finished(void **state)
{
    struct shoal_grpc_client *client = post_client(*state);
    struct shoal_rpc_cfg cfg = post_streaming("Nobody", SHOAL_GRPC_BIDI);
    struct shoal_grpc_talk *talk = (struct shoal_grpc_talk *)&cfg;
    assert_int_equal(shoal_grpc_talk_begin(client, &cfg, &talk), -SHOAL_EINVAL);
    assert_null(talk);
    assert_int_equal(shoal_grpc_talk_finish(&talk, NULL), -SHOAL_EINVAL);
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

static void *ask_to_be_kept(void *client)
{
    return (void *)(intptr_t)post_ask(client, "keep");
}

static void a_client_may_be_closed_while_others_wait_for_it(void **state)
{
    struct shoal_grpc_client *client = post_client(*state), *other = post_client(*state);
    pthread_t asker;
    void *status;
    assert_int_equal(pthread_create(&asker, NULL, ask_to_be_kept, client), 0);
    while (post_ask(other, "kept") != SHOAL_GRPC_OK)
        continue;
    assert_int_equal(shoal_grpc_client_close(&client), 0);
    assert_int_equal(pthread_join(asker, &status), 0);
    assert_int_equal((intptr_t)status, SHOAL_GRPC_CANCELLED);
    assert_int_equal(shoal_grpc_client_close(&other), 0);
}

static void sending_after_the_end_is_refused(void **state)
{
    struct shoal_grpc_client *client = post_client(*state);
    struct shoal_rpc_cfg cfg = post_streaming("Gather", SHOAL_GRPC_CLIENT_STREAM);
    Parcels__Parcel parcel = PARCELS__PARCEL__INIT;
    struct shoal_grpc_talk *talk;
    struct shoal_grpc_result *result;
    assert_int_equal(shoal_grpc_talk_begin(client, &cfg, &talk), 0);
    assert_int_equal(shoal_grpc_talk_send(talk, &parcel), 0);
    assert_int_equal(shoal_grpc_talk_end(talk), 0);
    assert_int_equal(shoal_grpc_talk_send(talk, &parcel), -SHOAL_ESTATE);
    assert_int_equal(shoal_grpc_talk_finish(&talk, &result), SHOAL_GRPC_OK);
    assert_int_equal(((const Parcels__Parcel *)result->reply)->count, 1);
    shoal_grpc_result_free(&result);
    assert_null(result);
    assert_int_equal(shoal_grpc_client_close(&client), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, post_setup, post_teardown)
    const struct CMUnitTest tests[] = {
        TEST(calls_on_one_connection_end_in_the_order_of_their_delays),
        TEST(a_call_is_lost_with_its_connection_and_the_next_one_makes_another),
        TEST(a_list_of_servers_is_gone_through),
        TEST(who_pings_too_often_loses_the_connection),
        TEST(a_server_that_comes_back_is_found_again),
        TEST(the_drain_of_its_own_server_waits_for_a_call),
        TEST(the_end_of_its_own_server_ends_a_call),
        TEST(calls_may_be_cancelled_at_any_point),
        TEST(connections_may_age_without_a_call_being_lost),
        TEST(a_draining_server_loses_no_call),
        TEST(many_threads_share_a_client),
        TEST(a_reply_that_grows_out_of_proportion_is_not_unpacked),
        TEST(the_thread_of_a_loop_may_not_block),
        TEST(a_client_without_sense_is_refused),
        TEST(one_thread_may_send_while_another_one_receives),
        TEST(a_cancelled_talk_wakes_who_waits),
        TEST(a_talk_may_be_finished_before_all_replies_are_taken),
        TEST(a_sender_learns_that_the_server_has_ended_the_call),
        TEST(a_talk_that_did_not_begin_may_be_finished),
        TEST(a_client_may_be_closed_while_others_wait_for_it),
        TEST(sending_after_the_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
