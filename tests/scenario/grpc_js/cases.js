// SPDX-License-Identifier: BSD-3-Clause
// What the client and the server of the interop cases share: definitions, sizes, metadata.
"use strict";

const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

// The folder with gRPC's own definitions.
function testing(root) {
    const definition = loader.loadSync("grpc/testing/test.proto", {
        keepCase: true,
        includeDirs: [root],
    });
    return grpc.loadPackageDefinition(definition).grpc.testing;
}

const INITIAL = "x-grpc-test-echo-initial";
const TRAILING = "x-grpc-test-echo-trailing-bin";

module.exports = { grpc, testing, INITIAL, TRAILING };
