// SPDX-License-Identifier: BSD-3-Clause
// @grpc/grpc-js as the peer of `shoal grpc`: shoal.v1.Echo's Unary and Bidi.
//
//     node server.js ECHO.PROTO
"use strict";

const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const definition = loader.loadSync(process.argv[2], { keepCase: true });
const { Echo } = grpc.loadPackageDefinition(definition).shoal.v1;

function unary(call, answer) {
    answer(null, call.request);
}

function bidi(call) {
    call.on("data", (message) => call.write(message));
    call.on("end", () => call.end());
    call.on("error", () => {}); // the client has gone
}

const server = new grpc.Server();
server.addService(Echo.service, { Unary: unary, Bidi: bidi });
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    console.error(`msg=listening url=tcp://127.0.0.1:${port}`);
});
