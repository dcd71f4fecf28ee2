// SPDX-License-Identifier: BSD-3-Clause
// grpc.testing.TestService by @grpc/grpc-js, as far as it can: it tells no handler whether a
// request came compressed, and lets none compress a reply.
//
//     node server.js PROTO-ROOT [CERT KEY]
"use strict";

const fs = require("fs");
const { grpc, testing, INITIAL, TRAILING } = require("./cases");

const [root, cert, key] = process.argv.slice(2);
const { TestService } = testing(root);
const payload = (size) => ({ body: Buffer.alloc(size) });

// Sends the initial metadata that is asked for; returns the trailing one.
function echoMetadata(call) {
    const initial = new grpc.Metadata();
    const trailing = new grpc.Metadata();
    for (const value of call.metadata.get(INITIAL)) initial.add(INITIAL, value);
    for (const value of call.metadata.get(TRAILING)) trailing.add(TRAILING, value);
    call.sendMetadata(initial);
    return trailing;
}

function failure(wanted, metadata) {
    if (!wanted || wanted.code === 0) return null;
    return { code: wanted.code, details: wanted.message, metadata };
}

function unary(call, answer) {
    const trailing = echoMetadata(call);
    const error = failure(call.request.response_status, trailing);
    answer(error, error ? null : { payload: payload(call.request.response_size) }, trailing);
}

function input(call, answer) {
    let size = 0;
    call.on("data", (request) => (size += request.payload ? request.payload.body.length : 0));
    call.on("end", () => answer(null, { aggregated_payload_size: size }));
}

const pause = (us) => new Promise((resolve) => setTimeout(resolve, us / 1000));

async function answerSteps(call, request) {
    for (const step of request.response_parameters) {
        if (step.interval_us > 0) await pause(step.interval_us);
        if (call.cancelled) return;
        call.write({ payload: payload(step.size) });
    }
}

async function outputs(call) {
    await answerSteps(call, call.request);
    call.end();
}

// One request's answers after the other's.
function fullDuplex(call) {
    const trailing = echoMetadata(call);
    let last = Promise.resolve();
    call.on("data", (request) => {
        last = last.then(async () => {
            const error = failure(request.response_status, trailing);
            if (error) call.emit("error", error);
            else await answerSteps(call, request);
        });
    });
    call.on("end", () => last.then(() => call.end(trailing)));
    call.on("error", () => {}); // ours, or the client has gone
}

const server = new grpc.Server();
server.addService(TestService.service, {
    EmptyCall: (call, answer) => answer(null, {}),
    UnaryCall: unary,
    StreamingInputCall: input,
    StreamingOutputCall: outputs,
    FullDuplexCall: fullDuplex,
});
const credentials = cert
    ? grpc.ServerCredentials.createSsl(null, [
          { cert_chain: fs.readFileSync(cert), private_key: fs.readFileSync(key) },
      ])
    : grpc.ServerCredentials.createInsecure();
server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
    if (error) throw error;
    console.error(`msg=listening url=${cert ? "tls" : "tcp"}://localhost:${port}`);
});
process.on("SIGTERM", () => process.exit(0));
