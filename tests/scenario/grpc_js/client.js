// SPDX-License-Identifier: BSD-3-Clause
// The client's side of gRPC's interop test descriptions, by @grpc/grpc-js. Runs the cases one after
// the other and prints for each a line: CASE, and "ok" or what was wrong.
//
//     node client.js HOST:PORT PROTO-ROOT SOAK-CALLS SOAK-CHANNELS
"use strict";

const assert = require("assert");
const { grpc, testing, INITIAL, TRAILING } = require("./cases");

const [address, root, soakCalls, soakChannels] = process.argv.slice(2);
const { TestService, UnimplementedService } = testing(root);
const SIZES_IN = [27182, 8, 1828, 45904];
const SIZES_OUT = [31415, 9, 2653, 58979];
const PATIENCE_MS = 30000;

function connect(options = {}, Service = TestService) {
    return new Service(address, grpc.credentials.createInsecure(), {
        "grpc.use_local_subchannel_pool": 1,
        ...options,
    });
}

const client = connect();
const compressing = connect({
    "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip,
});

const payload = (size) => ({ body: Buffer.alloc(size) });
const output = (size, compressed) => ({
    size,
    ...(compressed === undefined ? {} : { compressed: { value: compressed } }),
});
const options = () => ({ deadline: Date.now() + PATIENCE_MS });

function echoed() {
    const metadata = new grpc.Metadata();
    metadata.set(INITIAL, "test_initial_metadata_value");
    metadata.set(TRAILING, Buffer.from("ababab", "hex"));
    return metadata;
}

// What a unary or client-streaming call came to: reply or error, initial metadata and status.
function unary(method, request, on = client, metadata = new grpc.Metadata()) {
    return new Promise((resolve) => {
        const seen = {};
        const callback = (error, reply) => Object.assign(seen, { error, reply });
        const call = on[method](request, metadata, options(), callback);
        call.on("metadata", (initial) => (seen.initial = initial));
        call.on("status", (status) => setImmediate(() => resolve({ ...seen, status })));
    });
}

function gather(requests, on = client) {
    return new Promise((resolve) => {
        const call = on.StreamingInputCall(new grpc.Metadata(), options(), (error, reply) =>
            resolve({ error, reply })
        );
        for (const request of requests) call.write(request);
        call.end();
    });
}

// A stream of replies: next() waits for one, or undefined at its end; then there is the status.
function listen(call) {
    const replies = [];
    const waiting = [];
    const stream = { call, initial: undefined, ended: false };
    const wake = () => {
        while (waiting.length > 0 && (replies.length > 0 || stream.ended))
            waiting.shift()(replies.shift());
    };
    call.on("metadata", (initial) => (stream.initial = initial));
    call.on("data", (reply) => {
        replies.push(reply);
        wake();
    });
    call.on("error", () => {}); // the status tells
    stream.status = new Promise((resolve) => call.on("status", resolve));
    stream.status.then(() => setImmediate(() => {
        stream.ended = true;
        wake();
    }));
    stream.next = () => new Promise((resolve) => {
        waiting.push(resolve);
        wake();
    });
    return stream;
}

const talk = (metadata = new grpc.Metadata(), deadline = options()) =>
    listen(client.FullDuplexCall(metadata, deadline));

async function expectSizes(stream, sizes) {
    for (const size of sizes)
        assert.deepStrictEqual((await stream.next()).payload.body, Buffer.alloc(size));
    assert.strictEqual(await stream.next(), undefined);
    assert.strictEqual((await stream.status).code, grpc.status.OK);
}

const large = (more = {}) => ({ response_size: 314159, payload: payload(271828), ...more });

function expectLarge({ error, reply }) {
    assert.ifError(error);
    assert.deepStrictEqual(reply.payload.body, Buffer.alloc(314159));
}

function expectEchoed(initial, trailing) {
    assert.deepStrictEqual(initial.get(INITIAL), ["test_initial_metadata_value"]);
    assert.deepStrictEqual(trailing.get(TRAILING), [Buffer.from("ababab", "hex")]);
}

async function expectUnimplemented(on) {
    const { status } = await unary("UnimplementedCall", {}, on);
    assert.strictEqual(status.code, grpc.status.UNIMPLEMENTED);
}

const cases = {
    async empty_unary() {
        const { error, reply } = await unary("EmptyCall", {});
        assert.ifError(error);
        assert.deepStrictEqual({ ...reply }, {});
    },

    async large_unary() {
        expectLarge(await unary("UnaryCall", large()));
    },

    // grpc-js compresses all of a channel's requests or none.
    async client_compressed_unary() {
        const request = (value) => large({ expect_compressed: { value } });
        const probe = await unary("UnaryCall", request(true));
        assert.strictEqual(probe.status.code, grpc.status.INVALID_ARGUMENT);
        expectLarge(await unary("UnaryCall", request(true), compressing));
        expectLarge(await unary("UnaryCall", request(false)));
    },

    async server_compressed_unary() {
        expectLarge(await unary("UnaryCall", large({ response_compressed: { value: true } })));
        expectLarge(await unary("UnaryCall", large({ response_compressed: { value: false } })));
    },

    async client_streaming() {
        const { error, reply } = await gather(SIZES_IN.map((size) => ({ payload: payload(size) })));
        assert.ifError(error);
        assert.strictEqual(reply.aggregated_payload_size, 74922);
    },

    async client_compressed_streaming() {
        const requests = (value) =>
            [27182, 45904].map((size) => ({
                expect_compressed: { value },
                payload: payload(size),
            }));
        const probe = await gather(requests(true));
        assert.strictEqual(probe.error.code, grpc.status.INVALID_ARGUMENT);
        for (const [value, on] of [[true, compressing], [false, client]]) {
            const { error, reply } = await gather(requests(value), on);
            assert.ifError(error);
            assert.strictEqual(reply.aggregated_payload_size, 73086);
        }
    },

    async server_streaming() {
        const request = { response_parameters: SIZES_OUT.map((size) => output(size)) };
        await expectSizes(listen(client.StreamingOutputCall(request, options())), SIZES_OUT);
    },

    async server_compressed_streaming() {
        const request = { response_parameters: [output(31415, true), output(92653, false)] };
        await expectSizes(listen(client.StreamingOutputCall(request, options())), [31415, 92653]);
    },

    async ping_pong() {
        const stream = talk();
        for (let i = 0; i < SIZES_IN.length; i++) {
            stream.call.write({
                response_parameters: [output(SIZES_OUT[i])],
                payload: payload(SIZES_IN[i]),
            });
            assert.strictEqual((await stream.next()).payload.body.length, SIZES_OUT[i]);
        }
        stream.call.end();
        await expectSizes(stream, []);
    },

    async empty_stream() {
        const stream = talk();
        stream.call.end();
        await expectSizes(stream, []);
    },

    async custom_metadata() {
        const { error, initial, status } = await unary("UnaryCall", large(), client, echoed());
        assert.ifError(error);
        expectEchoed(initial, status.metadata);

        const stream = talk(echoed());
        stream.call.write({ response_parameters: [output(314159)], payload: payload(271828) });
        stream.call.end();
        await expectSizes(stream, [314159]);
        expectEchoed(stream.initial, (await stream.status).metadata);
    },

    async status_code_and_message() {
        const wanted = { code: 2, message: "test status message" };
        const { status } = await unary("UnaryCall", { response_status: wanted });
        assert.deepStrictEqual([status.code, status.details], [2, wanted.message]);

        const stream = talk();
        stream.call.write({ response_status: wanted });
        stream.call.end();
        const { code, details } = await stream.status;
        assert.deepStrictEqual([code, details], [2, wanted.message]);
    },

    async special_status_message() {
        const message =
            "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n";
        const { status } = await unary("UnaryCall", { response_status: { code: 2, message } });
        assert.deepStrictEqual([status.code, status.details], [2, message]);
    },

    async unimplemented_method() {
        await expectUnimplemented(client);
    },

    async unimplemented_service() {
        const other = connect({}, UnimplementedService);
        await expectUnimplemented(other);
        other.close();
    },

    async cancel_after_begin() {
        const { error } = await new Promise((resolve) => {
            const call = client.StreamingInputCall((failure) => resolve({ error: failure }));
            call.cancel();
        });
        assert.strictEqual(error.code, grpc.status.CANCELLED);
    },

    async cancel_after_first_response() {
        const stream = talk();
        stream.call.write({ response_parameters: [output(31415)], payload: payload(27182) });
        assert.strictEqual((await stream.next()).payload.body.length, 31415);
        stream.call.cancel();
        assert.strictEqual((await stream.status).code, grpc.status.CANCELLED);
    },

    async timeout_on_sleeping_server() {
        const stream = talk(new grpc.Metadata(), { deadline: Date.now() + 1 });
        stream.call.write({
            response_parameters: [{ size: 31415, interval_us: 10000000 }],
            payload: payload(27182),
        });
        assert.strictEqual((await stream.status).code, grpc.status.DEADLINE_EXCEEDED);
    },

    async rpc_soak() {
        for (let i = 0; i < Number(soakCalls); i++) expectLarge(await unary("UnaryCall", large()));
    },

    async channel_soak() {
        for (let i = 0; i < Number(soakChannels); i++) {
            const fresh = connect();
            expectLarge(await unary("UnaryCall", large(), fresh));
            fresh.close();
        }
    },
};

async function main() {
    for (const [name, run] of Object.entries(cases)) {
        const outcome = await run().then(() => "ok", (error) => JSON.stringify(error.message));
        console.log(`${name} ${outcome}`);
    }
}

// What grpc-js keeps open for a while is not waited for.
main().then(() => process.exit());
