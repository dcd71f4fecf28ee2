# SPDX-License-Identifier: BSD-3-Clause
"""`shoal call` and `shoal grpc`: listings, calls of all four kinds, and what is told when
something is wrong."""

import json
import os
import signal
import subprocess
import unittest

import shoal_program as sp

ECHO = "shoal.v1.Echo"
MARKET = "shoal.v1.FishMarket"
TEST = "grpc.testing.TestService"


class Talk:
    """A call whose requests are given one by one."""

    def __init__(self, *args):
        self.process = subprocess.Popen([sp.BIN, "call", *args], env=sp.environment(),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def say(self, request):
        self.process.stdin.write(request)
        self.process.stdin.flush()

    def hear(self):
        return json.loads(self.process.stdout.readline())

    def end(self):
        """Exit code and what stderr had."""
        out, err = self.process.communicate(timeout=sp.PATIENCE)
        assert out == "", out
        return self.process.returncode, err


class Call(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = sp.Shoal("grpc", "--interop", "-n", "1", "-w", "4", "-l",
                              "tcp://127.0.0.1:0")
        cls.url = cls.server.urls[0]

    @classmethod
    def tearDownClass(cls):
        assert cls.server.end() == 0, cls.server.lines

    def call(self, *args, code=0):
        done = sp.run("call", *args[:-1], self.url, *args[-1])
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def replies(self, *args):
        done = self.call(*args)
        self.assertEqual(done.stderr, "")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def refusal(self, code, *args):
        done = self.call(*args, code=code)
        self.assertEqual(done.stdout, "")
        line, = done.stderr.splitlines()
        return line.removeprefix("shoal call: ")

    # Without a call

    def test_a_url_alone_lists_a_line_for_each_method(self):
        lines = self.call([]).stdout.splitlines()
        self.assertIn(f"{ECHO}/Unary (shoal.v1.EchoMessage) -> shoal.v1.EchoMessage", lines)
        self.assertIn(f"{MARKET}/Trade (stream shoal.v1.Offer) -> stream shoal.v1.Payment", lines)
        self.assertIn(f"{TEST}/EmptyCall (grpc.testing.Empty) -> grpc.testing.Empty", lines)

    def test_services_messages_and_enums_are_described(self):
        service = self.call([MARKET]).stdout
        self.assertIn("  rpc Trade(stream shoal.v1.Offer) returns (stream shoal.v1.Payment);\n",
                      service)
        self.assertIn("message shoal.v1.Offer {\n  uint64 pounds = 1;\n", service)
        self.assertIn("repeated shoal.v1.Offer offers = 1;",
                      self.call(["shoal.v1.Catch"]).stdout)
        self.assertIn("  SERVING = 1;\n",
                      self.call(["grpc.health.v1.HealthCheckResponse.ServingStatus"]).stdout)

    # Calls

    def test_methods_of_all_four_kinds(self):
        part = '{"payload": "c2hvYWw="}'
        heard = {"payload": "c2hvYWw="}
        self.assertEqual(self.replies([f"{ECHO}/Unary", part]), [heard])
        self.assertEqual(self.replies([f"{ECHO}.ServerStream", '{"count": 3}']), 3 * [{"count": 3}])
        self.assertEqual(self.replies([f"{ECHO}/ClientStream", part + part]),
                         [{"payload": "c2hvYWxzaG9hbA=="}])
        self.assertEqual(self.replies([f"{ECHO}/Bidi", part, "{}", part]), [heard, {}, heard])

    def test_a_request_may_be_left_out_or_come_on_standard_input(self):
        self.assertEqual(self.replies([f"{ECHO}/Unary"]), [{}])
        talk = Talk(self.url, f"{ECHO}/Unary", "-")
        talk.say('{"count": 5}')
        talk.process.stdin.close()
        self.assertEqual(talk.hear(), {"count": 5})
        talk.process.stdin = None
        self.assertEqual(talk.end(), (0, ""))

    def test_a_reply_is_there_before_the_next_request_is_given(self):
        talk = Talk(self.url, f"{MARKET}/Trade")
        for pounds in ("1", "2", "3"):
            talk.say(f'{{"pounds": {pounds}, "fish": "herring"}}')
            self.assertEqual(talk.hear(), {"dollars": pounds})
        self.assertEqual(talk.end(), (0, ""))

    def test_names_of_fields_are_those_of_the_proto_file_too(self):
        for name in ("delay_ms", "delayMs"):
            self.assertEqual(self.replies([f"{ECHO}/Unary", f'{{"{name}": 1}}']), [{"delayMs": 1}])

    def test_metadata_is_sent_and_shown(self):
        done = self.call("-v", "-H", "X-Grpc-Test-Echo-Initial: hello",
                         "-H", "x-grpc-test-echo-trailing-bin: qwD/",
                         [f"{TEST}/UnaryCall", '{"responseSize": 3}'])
        self.assertEqual(json.loads(done.stdout), {"payload": {"body": "AAAA"}})
        said = done.stderr.splitlines()
        for mark in "><":
            self.assertIn(f"{mark} x-grpc-test-echo-initial: hello", said)
            self.assertIn(f"{mark} x-grpc-test-echo-trailing-bin: qwD/", said)
        self.assertIn("< (trailers) 0 OK", said)

    def test_requests_are_compressed_on_demand(self):
        request = [f"{TEST}/UnaryCall", '{"expectCompressed": {"value": true}, "responseSize": 1}']
        self.assertEqual(self.replies("--compress", request), [{"payload": {"body": "AA=="}}])
        self.assertIn("3 INVALID_ARGUMENT", self.refusal(3, request))

    # What goes wrong

    def test_a_status_is_the_exit_code_and_a_sentence(self):
        said = self.refusal(2, [f"{TEST}/UnaryCall", json.dumps(
            {"responseStatus": {"code": 2, "message": "test \u263a status"}})])
        self.assertEqual(said, f"{TEST}/UnaryCall of {self.url}: 2 UNKNOWN: test \u263a status")

    def test_replies_before_a_failure_are_printed(self):
        done = self.call([f"{TEST}/FullDuplexCall", '{"responseParameters": [{"size": 1}]}',
                          '{"responseStatus": {"code": 9, "message": "no"}}'], code=9)
        self.assertEqual(done.stdout, '{"payload": {"body": "AA=="}}\n')
        self.assertIn("9 FAILED_PRECONDITION: no", done.stderr)

    def test_names_that_are_not_there_lead_to_near_ones(self):
        self.assertIn("did you mean 'Unary'?", self.refusal(64, [f"{ECHO}/Unari", "{}"]))
        self.assertIn(f"did you mean '{ECHO}'?", self.refusal(64, ["shoal.v1.Echu/Unary"]))
        self.assertIn(f"did you mean '{MARKET}'?", self.refusal(64, ["shoal.v1.FishMarkt"]))

    def test_json_that_is_none_of_the_methods_is_refused_with_its_place(self):
        self.assertEqual(
            self.refusal(65, [f"{MARKET}/Sell", '{"offers": [{}, {"punds": 1}]}']),
            f"{MARKET}/Sell: request 1: offers[1].punds: unknown field of shoal.v1.Offer (did you "
            "mean 'pounds'?)")
        self.assertIn("this is not JSON: line 1, column 2",
                      self.refusal(65, [f"{ECHO}/Unary", "{,"]))
        self.assertIn("more JSON documents", self.refusal(65, [f"{ECHO}/Unary", "{} {}"]))
        self.assertIn("request 2: this is not JSON",
                      self.call([f"{ECHO}/ClientStream", "{} x"], code=65).stderr)

    def test_a_deadline_is_kept(self):
        said = self.refusal(4, "--deadline", "50ms", [f"{ECHO}/Delayed", '{"delayMs": 60000}'])
        self.assertIn("4 DEADLINE_EXCEEDED", said)

    def test_a_signal_cancels(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            talk = Talk(self.url, f"{ECHO}/Bidi")
            talk.say('{"count": 1}')
            self.assertEqual(talk.hear(), {"count": 1})
            talk.process.send_signal(number)
            talk.process.wait(sp.PATIENCE)
            code, said = talk.end()
            self.assertEqual(code, 1, said)
            self.assertIn("1 CANCELLED", said)

    def test_a_server_that_is_not_there_is_unavailable(self):
        with sp.socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            done = sp.run("call", f"127.0.0.1:{taken.getsockname()[1]}", f"{ECHO}/Unary")
        self.assertEqual(done.returncode, 14, done.stderr)
        self.assertIn("14 UNAVAILABLE", done.stderr)
        self.assertIn("is it up, and without TLS?", done.stderr)

    def test_a_reader_that_has_gone_ends_the_call(self):
        read, write = os.pipe()
        process = subprocess.Popen([sp.BIN, "call", self.url, f"{ECHO}/ServerStream",
                                    '{"count": 100000}'], stdout=write, stderr=subprocess.PIPE,
                                   env=sp.environment(), stdin=subprocess.DEVNULL)
        os.close(write)
        os.close(read)
        _, err = process.communicate(timeout=sp.PATIENCE)
        self.assertEqual(process.returncode, 74, err)

    def test_usage_is_told(self):
        for args in ([], ["--no-such"], [self.url, "--deadline", "x"]):
            done = sp.run("call", *args)
            self.assertEqual(done.returncode, 64)
            self.assertIn("shoal call --help", done.stderr)
        done = sp.run("call", "x://y")
        self.assertEqual(done.returncode, 64)
        self.assertIn("expected HOST:PORT", done.stderr)
        self.assertEqual(sp.run("call", "-H", "x-bin: *", self.url).returncode, 64)


class Tls(unittest.TestCase):
    def setUp(self):
        self.folder = sp.state_folder()
        self.cert, self.key = (os.path.join(self.folder, name) for name in ("cert", "key"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-days", "2",
                        "-keyout", self.key, "-out", self.cert], check=True, capture_output=True)
        self.server = sp.Shoal("grpc", "-n", "1", "-l",
                               f"tls://127.0.0.1:0?cert={self.cert}&key={self.key}")
        self.addCleanup(lambda: self.assertEqual(self.server.end(), 0))
        port = self.server.urls[0].split("?")[0].rsplit(":", 1)[1]
        self.url = f"https://localhost:{port}"

    def test_a_certificate_has_to_be_trusted(self):
        request = (self.url, f"{ECHO}/Unary", '{"count": 2}')
        for trust in (["--cacert", self.cert], ["-k"]):
            done = sp.run("call", *trust, *request)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '{"count": 2}\n', ""))
        done = sp.run("call", *request)
        self.assertEqual(done.returncode, 14, done.stderr)
        self.assertIn("--cacert names who vouches for it", done.stderr)
        self.assertEqual(sp.run("call", "--cacert", "/no/such", *request).returncode, 66)
        self.assertEqual(sp.run("call", "--cert", self.cert, *request).returncode, 64)


if __name__ == "__main__":
    sp.main()
