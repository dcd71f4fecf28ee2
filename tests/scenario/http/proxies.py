# SPDX-License-Identifier: BSD-3-Clause
"""shoal http behind other people's proxies: nginx and HAProxy, over HTTP/1.1 and (HAProxy) HTTP/2."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest

import shoal_program as sp

MIB = 1 << 20

NGINX = """\
{user}daemon off; master_process off; pid {work}/pid; error_log stderr crit;
events {{}}
http {{
    access_log off; client_max_body_size 0; proxy_request_buffering off; proxy_buffering off;
    client_body_temp_path {work}/1; proxy_temp_path {work}/2; fastcgi_temp_path {work}/3;
    uwsgi_temp_path {work}/4; scgi_temp_path {work}/5;
    upstream shoal {{ server 127.0.0.1:{behind}; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://shoal; proxy_http_version 1.1; proxy_set_header Connection "";
        }}
    }}
}}
"""

HAPROXY = """\
defaults
    mode http
    timeout connect 30s
    timeout client 30s
    timeout server 30s
frontend front
    bind 127.0.0.1:{port}
    default_backend shoal
backend shoal
    http-reuse always
    server one 127.0.0.1:{behind}{proto}
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def accepts(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def proxy(program, config, behind, **words):
    """The proxy, with `config` as its configuration, in front of a port; yields its own port."""
    # A proxy is not in every user's PATH.
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin")
    with tempfile.TemporaryDirectory(prefix="shoal-proxy-") as work:
        port = free_port()
        file = pathlib.Path(work) / "config"
        file.write_text(config.format(work=work, port=port, behind=behind, **words))
        command = {"nginx": [path, "-e", "stderr", "-p", work, "-c", file],
                   "haproxy": [path, "-db", "-q", "-f", file]}[program]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            sp.eventually(lambda: process.poll() is not None or accepts(port), program)
            yield port
        finally:
            process.terminate()
            process.wait(sp.PATIENCE)


class Proxies:
    """What works through each of them."""

    UPLOAD = 5 * MIB

    @classmethod
    def setUpClass(cls):
        cls.server = sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "-n", "2", "-w", "2")
        cls.held = contextlib.ExitStack()
        cls.port = cls.held.enter_context(cls.start_proxy(cls.server.port()))

    @classmethod
    def tearDownClass(cls):
        cls.held.close()
        assert cls.server.end() == 0, cls.server.lines

    def curl(self, path, *args):
        return subprocess.run(["curl", "-sSf", "--noproxy", "*", "-m", str(sp.PATIENCE), *args,
                               f"http://127.0.0.1:{self.port}{path}"],
                              stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout

    def test_small_answers(self):
        for i in range(20):
            self.assertEqual(self.curl(f"/hello/{i}"), f"Hello, {i}!\n".encode())

    def test_a_large_answer(self):
        self.assertEqual(len(self.curl(f"/bytes/{20 * MIB}")), 20 * MIB)

    def test_head_has_no_body(self):
        self.assertIn(b"content-length: 14", self.curl("/hello", "-I").lower())

    def test_a_body_goes_there_and_back(self):
        """Without Expect: where 100 and the final head come in one read, which a proxy makes likely,
        curl 7.88 takes it that its body is not wanted."""
        data = os.urandom(self.UPLOAD)
        with tempfile.NamedTemporaryFile() as body:
            body.write(data)
            body.flush()
            for more in ((), ("-H", "Transfer-Encoding: chunked")):
                with self.subTest(more=more):
                    self.assertEqual(self.curl("/echo", "-X", "POST", "-H", "Expect:", *more,
                                               "-T", body.name), data)

    def test_a_late_answer(self):
        self.assertEqual(self.curl("/delay/200"), b"waited 200 ms\n")

    def test_many_at_once(self):
        count = sp.fewer(1000)
        asked = "".join(f'url = "http://127.0.0.1:{self.port}/hello/{i}"\n' for i in range(count))
        said = subprocess.run(["curl", "-sSf", "--noproxy", "*", "-Z", "-K", "-"], check=True,
                              input=asked.encode(), capture_output=True,
                              timeout=sp.PATIENCE * 4).stdout
        self.assertEqual(sorted(said.decode().splitlines()),
                         sorted(f"Hello, {i}!" for i in range(count)))


class Nginx(Proxies, unittest.TestCase):
    # It may not read the answer before it has sent the request, while the echo does not read on
    # before its answer is taken: what goes there and back must fit in between.
    UPLOAD = 128 * 1024

    @staticmethod
    def start_proxy(behind):
        return proxy("nginx", NGINX, behind, user="user root;\n" if os.geteuid() == 0 else "")


class Haproxy(Proxies, unittest.TestCase):
    @staticmethod
    def start_proxy(behind):
        return proxy("haproxy", HAPROXY, behind, proto="")


class HaproxyByHttp2(Proxies, unittest.TestCase):
    @staticmethod
    def start_proxy(behind):
        return proxy("haproxy", HAPROXY, behind, proto=" proto h2")


if __name__ == "__main__":
    sp.main()
