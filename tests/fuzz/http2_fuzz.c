/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libFuzzer on the HTTP/2 engine: any bytes behind a preface (a server), or behind a request (a
 * client), are read without a fault or leak, every stream that was announced is closed once, and
 * how the bytes were cut leaves no trace in what was told, unless the session ended: behind its
 * end, only bytes in the same piece are still looked at. The first two bytes choose
 * role, limits and cuts; where the second is odd, the rest is a list of frames whose lengths are
 * made right, so that more than the first frame is looked at.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/http2/http2_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_INPUT = 4096, CLIENT = 1, SMALL_LIMITS = 2, HOARDS = 4, LATE = 8, ECHOES = 16 };

struct outcome {
    char log[LOG_BYTES];
    unsigned requests;
    size_t received;
    bool over;
};

static void answer_never(struct peer *peer, struct shoal__stream *stream,
                         const struct shoal__head *head, bool end)
{
    (void)peer;
    (void)stream;
    (void)head;
    (void)end;
}

static void configure(struct peer *peer, uint8_t choice)
{
    peer_init(peer);
    peer->quiet = true;
    peer->hoards = choice & HOARDS;
    peer->on_request = choice & LATE ? answer_never : answer_hello;
    if (choice & ECHOES) {
        peer->on_request = answer_echo;
        peer->on_data = echo_data;
        peer->on_end = echo_end;
    }
    if (choice & SMALL_LIMITS) {
        peer->limits.max_streams = 2;
        peer->limits.max_fields = 5;
        peer->limits.max_fields_bytes = 40;
    }
    if ((choice & SMALL_LIMITS) && !(choice & ECHOES)) { /* echoes are as large as the pieces */
        peer->limits.out_high = 3;
        peer->limits.out_low = 1;
        peer->limits.out_max = 20;
    }
}

/* Frames of the fuzzer's choice: a byte of type, one of flags, one of stream, one of length. */
static size_t make_frames(const uint8_t *data, size_t size, struct frames *frames)
{
    while (size >= 4 && frames->size < MOST_INPUT) {
        size_t payload = data[3] % 64;
        if (payload > size - 4)
            payload = size - 4;
        frame(frames, data[0] % 12, data[1], data[2] % 16, data + 4, payload);
        data += 4 + payload;
        size -= 4 + payload;
    }
    return frames->size;
}

static void run(const struct frames *frames, uint8_t choice, size_t cut, struct outcome *outcome)
{
    static struct peer peer;
    configure(&peer, choice);
    if (peer_try_open(&peer, choice & CLIENT ? SHOAL__HTTP_CLIENT : SHOAL__HTTP_SERVER) < 0)
        abort();
    unsigned opened = 0;
    if (choice & CLIENT)
        opened = (ask(&peer, "GET", "/", true) != NULL) + (ask(&peer, "POST", "/", false) != NULL);
    (void)peer_flush(&peer);
    (void)peer_take(&peer, frames->bytes, frames->size, cut);
    (void)peer_flush(&peer);
    shoal__http2_expire(peer.engine, 100000);
    (void)peer_flush(&peer);
    outcome->over = shoal__http2_is_over(peer.engine);
    peer_close(&peer);
    if (peer.closes != peer.requests + opened)
        abort();
    outcome->requests = peer.requests;
    outcome->received = peer.received;
    snprintf(outcome->log, sizeof(outcome->log), "%s", peer_log(&peer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct frames frames;
    static struct outcome whole, cut;
    if (size < 2 || size > MOST_INPUT)
        return 0;
    frames.size = 0;
    if (!(data[0] & CLIENT))
        frame_preface(&frames);
    else
        frame(&frames, 4, 0, 0, NULL, 0);
    if (data[1] & 1) {
        make_frames(data + 2, size - 2, &frames);
    } else {
        memcpy(frames.bytes + frames.size, data + 2, size - 2);
        frames.size += size - 2;
    }
    run(&frames, data[0], frames.size, &whole);
    run(&frames, data[0], (size_t)(data[1] >> 1) % 13 + 1, &cut);
    if (whole.over || cut.over)
        return 0;
    if (whole.requests != cut.requests || whole.received != cut.received ||
        strcmp(whole.log, cut.log) != 0)
        abort();
    return 0;
}
