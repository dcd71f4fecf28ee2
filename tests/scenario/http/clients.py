# SPDX-License-Identifier: BSD-3-Clause
"""shoal http and clients that others wrote: curl under TLS, nghttp, h2load, node's http2."""

import hashlib
import json
import os
import re
import subprocess
import tempfile
import unittest

import shoal_program as sp
import tls_program as tls

MIB = 1 << 20
MOST_GROWTH = (400 if sp.SANITIZED else 16) * MIB  # AddressSanitizer keeps back what is freed


def run(*command, stdin=None):
    """Runs a client to its good end; returns what it printed."""
    done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True,
                          timeout=sp.PATIENCE * 4, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}: {done.stdout[-2000:]!r} "
                             f"{done.stderr[-2000:]!r}")
    return done.stdout


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = tls.Certificates().make("server")
        cls.server = sp.Shoal("http", "-l", "tcp://127.0.0.1:0",
                              "-l", cls.certificates.url("server"), "-n", "2", "-w", "2", listens=2)
        cls.plain = f"http://127.0.0.1:{cls.server.port(0)}"
        cls.secure = f"https://localhost:{port_of_tls(cls.server)}"

    @classmethod
    def tearDownClass(cls):
        code = cls.server.end()
        cls.certificates._folder.cleanup()
        assert code == 0, cls.server.lines

    def curl(self, path, *args, **more):
        return run("curl", "-sS", "--noproxy", "*", "--cacert", self.certificates.path("server.pem"),
                   *args, self.secure + path, **more)

    def test_curl_under_tls_chooses_http2_by_alpn(self):
        version = self.curl("/hello", "-o", os.devnull, "-w", "%{http_version} %{ssl_verify_result}")
        self.assertEqual(version, b"2 0")
        version = self.curl("/hello", "--http1.1", "-o", os.devnull, "-w", "%{http_version}")
        self.assertEqual(version, b"1.1")

    def test_curl_under_tls_gets_what_it_sent(self):
        data = os.urandom(5 * MIB)
        with tempfile.NamedTemporaryFile() as body:
            body.write(data)
            body.flush()
            for flag in ("--http1.1", "--http2"):
                with self.subTest(flag=flag):
                    self.assertEqual(self.curl("/echo", flag, "-X", "POST", "-T", body.name), data)

    def test_curl_asks_many_things_of_one_connection(self):
        config = "\n".join(f'url = "{self.secure}/hello/{i}"' for i in range(50)).encode()
        said = run("curl", "-sS", "--noproxy", "*", "--cacert",
                   self.certificates.path("server.pem"), "-w", "%{num_connects}\n", "-K", "-",
                   stdin=config)
        self.assertEqual([line for line in said.decode().splitlines() if line.startswith("Hello")],
                         [f"Hello, {i}!" for i in range(50)])
        self.assertEqual(sum(int(line) for line in said.decode().splitlines() if line.isdigit()), 1)

    def test_curl_uploads_a_gibibyte_through_bounded_memory(self):
        """What is sent is a hole in a file; what comes back is counted."""
        size = sp.fewer(1024) * MIB
        for flag in ("--http1.1", "--http2-prior-knowledge"):
            with self.subTest(flag=flag), tempfile.NamedTemporaryFile() as body:
                body.truncate(size)
                before = self.server.resident_bytes()
                most, received = self.upload(flag, body.name)
                self.assertEqual(received, size)
                self.assertLess(most - before, MOST_GROWTH)

    def upload(self, flag, name):
        """The server's memory at most, and how many bytes came back."""
        command = ["curl", "-sS", "--noproxy", "*", flag, "-X", "POST", "-T", name,
                   f"{self.plain}/echo"]
        most = received = 0
        with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
            while part := client.stdout.read(8 * MIB):
                received += len(part)
                most = max(most, self.server.resident_bytes())
        return most, received

    def test_nghttp_gets_many_streams(self):
        said = run("nghttp", "-ns", "-m", "50", f"{self.plain}/hello", f"{self.plain}/bytes/100000")
        self.assertEqual(len(re.findall(rb"\b200\b .*/(?:hello|bytes)", said)), 100)

    def test_nghttp_posts(self):
        data = os.urandom(MIB)
        with tempfile.NamedTemporaryFile() as body:
            body.write(data)
            body.flush()
            for base in (self.plain, self.secure):
                with self.subTest(base=base):
                    self.assertEqual(run("nghttp", "-d", body.name, f"{base}/echo"), data)

    def test_h2load_is_answered_on_every_stream(self):
        count = sp.fewer(50_000)
        for base, flags in ((self.plain, ()), (self.plain, ("--h1",)), (self.secure, ())):
            with self.subTest(base=base, flags=flags):
                asked = count if base == self.plain else count // 10
                said = run("h2load", *flags, "-n", asked, "-c", 16, "-m", 32, f"{base}/hello")
                self.assertIn(f"status codes: {asked} 2xx, 0 3xx, 0 4xx, 0 5xx".encode(), said)

    def test_h2load_uploads(self):
        data = os.urandom(100_000)
        with tempfile.NamedTemporaryFile() as body:
            body.write(data)
            body.flush()
            said = run("h2load", "-n", 200, "-c", 4, "-m", 8, "-d", body.name,
                       f"{self.plain}/echo")
        self.assertIn(b"status codes: 200 2xx", said)
        self.assertIn(b"(20000000) data", said)

    def test_node(self):
        body = hashlib.shake_128(b"node").digest(300_000)
        said = run("node", "-e", NODE, self.plain, stdin=body)
        answer = json.loads(said)
        self.assertEqual(answer["greetings"], [f"Hello, {i}!\n" for i in range(100)])
        self.assertEqual(answer["echo"], hashlib.sha256(body).hexdigest())
        self.assertEqual(answer["status"], 404)
        self.assertEqual(answer["cancelled"], 8)  # CANCEL
        self.assertEqual(answer["ping"], True)


NODE = """
const http2 = require('http2'), crypto = require('crypto'), fs = require('fs');
const session = http2.connect(process.argv[1]);
function ask(path) {
    return new Promise((resolve, reject) => {
        const stream = session.request({':path': path});
        let text = '', status;
        stream.setEncoding('utf8').on('response', fields => { status = fields[':status']; })
            .on('data', part => { text += part; }).on('error', reject)
            .on('end', () => resolve({status, text}));
    });
}
function echo(data) {
    return new Promise((resolve, reject) => {
        const stream = session.request({':path': '/echo', ':method': 'POST'});
        const hash = crypto.createHash('sha256');
        stream.on('data', part => hash.update(part)).on('error', reject)
            .on('end', () => resolve(hash.digest('hex')));
        stream.end(data);
    });
}
function cancel() {
    return new Promise(resolve => {
        const stream = session.request({':path': '/events'});
        stream.on('data', () => stream.close(http2.constants.NGHTTP2_CANCEL))
            .on('close', () => resolve(stream.rstCode));
    });
}
const ping = () => new Promise(resolve => session.ping(error => resolve(!error)));
(async () => {
    const many = await Promise.all([...Array(100).keys()].map(i => ask('/hello/' + i)));
    console.log(JSON.stringify({
        greetings: many.map(answer => answer.text), echo: await echo(fs.readFileSync(0)),
        status: (await ask('/nowhere')).status, cancelled: await cancel(), ping: await ping()}));
    session.close();
})();
"""


def port_of_tls(server):
    url, = [url for url in server.urls if url.startswith("tls:")]
    return int(re.search(r":(\d+)(\?|$)", url).group(1))


if __name__ == "__main__":
    sp.main()
