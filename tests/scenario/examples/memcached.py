# SPDX-License-Identifier: BSD-3-Clause
"""The memcached example: each exchange below is memcached's own. Where memcached is installed it is
held to them, too, so that they cannot drift."""
import contextlib
import shutil
import socket
import subprocess
import unittest

import example_program as ep
import shoal_program as sp

BIG = b"x" * (1024 * 1024)

# What is sent, and what must come back, in turn on one connection to an empty cache.
EXCHANGES = [
    (b"get nothing\r\n", b"END\r\n"),
    (b"set a 7 0 3\r\none\r\n", b"STORED\r\n"),
    (b"get a\r\n", b"VALUE a 7 3\r\none\r\nEND\r\n"),
    (b"get a nothing a\r\n", b"VALUE a 7 3\r\none\r\nVALUE a 7 3\r\none\r\nEND\r\n"),
    (b"add a 0 0 3\r\ntwo\r\n", b"NOT_STORED\r\n"),
    (b"add b 0 0 3\r\ntwo\r\n", b"STORED\r\n"),
    (b"replace c 0 0 1\r\nx\r\n", b"NOT_STORED\r\n"),
    (b"replace b 1 0 5\r\nthree\r\n", b"STORED\r\n"),
    (b"append b 9 0 2\r\n>>\r\n", b"STORED\r\n"),
    (b"prepend b 9 0 2\r\n<<\r\n", b"STORED\r\n"),
    (b"get b\r\n", b"VALUE b 1 9\r\n<<three>>\r\nEND\r\n"),
    (b"append nothing 0 0 1\r\nx\r\n", b"NOT_STORED\r\n"),
    (b"cas nothing 0 0 1 1\r\nx\r\n", b"NOT_FOUND\r\n"),
    (b"cas a 0 0 1 999999999\r\nx\r\n", b"EXISTS\r\n"),
    (b"set n 0 0 2\r\n10\r\n", b"STORED\r\n"),
    (b"incr n 5\r\n", b"15\r\n"),
    (b"decr n 6\r\n", b"9\r\n"),
    (b"get n\r\n", b"VALUE n 0 2\r\n9 \r\nEND\r\n"),
    (b"decr n 100\r\n", b"0\r\n"),
    (b"set n 0 0 20\r\n18446744073709551615\r\n", b"STORED\r\n"),
    (b"incr n 2\r\n", b"1\r\n"),
    (b"incr nothing 1\r\n", b"NOT_FOUND\r\n"),
    (b"incr a 1\r\n", b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"),
    (b"incr n x\r\n", b"CLIENT_ERROR invalid numeric delta argument\r\n"),
    (b"delete a\r\n", b"DELETED\r\n"),
    (b"delete a\r\n", b"NOT_FOUND\r\n"),
    (b"touch a 0\r\n", b"NOT_FOUND\r\n"),
    (b"touch b 0\r\n", b"TOUCHED\r\n"),
    (b"touch b -1\r\nget b\r\n", b"TOUCHED\r\nEND\r\n"),
    (b"set gone 0 -1 1\r\nx\r\nget gone\r\n", b"STORED\r\nEND\r\n"),
    (b"set q 0 0 1 noreply\r\nx\r\nget q\r\n", b"VALUE q 0 1\r\nx\r\nEND\r\n"),
    (b"incr q 1 noreply\r\ndelete q noreply\r\nget q\r\n", b"END\r\n"),
    (b"set empty 0 0 0\r\n\r\nget empty\r\n", b"STORED\r\nVALUE empty 0 0\r\n\r\nEND\r\n"),
    (b"set nl 0 0 4\r\n\r\n\r\n\r\nget nl\r\n", b"STORED\r\nVALUE nl 0 4\r\n\r\n\r\n\r\nEND\r\n"),
    (b"set " + b"k" * 250 + b" 0 0 1\r\nx\r\n", b"STORED\r\n"),
    (b"get " + b"k" * 251 + b"\r\n", b"CLIENT_ERROR bad command line format\r\n"),
    (b"get\r\n", b"ERROR\r\n"),
    (b"nonsense\r\n", b"ERROR\r\n"),
    (b"flush_all\r\nget empty nl n\r\n", b"OK\r\nEND\r\n"),
    (b"set a 0 0 1\r\nx\r\nget a\r\n", b"STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"),
    (b"set big 0 0 1048577\r\n" + BIG + b"y\r\nget a\r\n",
     b"SERVER_ERROR object too large for cache\r\nVALUE a 0 1\r\nx\r\nEND\r\n"),
    (b"get a\n", b"VALUE a 0 1\r\nx\r\nEND\r\n"),
    (b"get a\r\n" * 1000, b"VALUE a 0 1\r\nx\r\nEND\r\n" * 1000),
]


def receive(sock, size):
    got = b""
    while len(got) < size:
        part = sock.recv(size - len(got))
        if not part:
            break
        got += part
    return got


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def memcached_itself():
    """A connection to the real one."""
    port = free_port()
    process = subprocess.Popen(["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(port)])
    try:
        def connected():
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", port), sp.PATIENCE)
            return None
        with sp.eventually(connected, "memcached's port") as sock:
            yield sock
    finally:
        process.terminate()
        process.wait(sp.PATIENCE)


@contextlib.contextmanager
def example(loops=1):
    with ep.Example("memcached", "tcp://127.0.0.1:0", str(loops)) as server:
        yield server


class Protocol(unittest.TestCase):
    def check(self, sock):
        for sent, expected in EXCHANGES:
            with self.subTest(sent=sent[:60]):
                sock.sendall(sent)
                self.assertEqual(receive(sock, len(expected))[:3000], expected[:3000])

    def test_every_exchange(self):
        with example() as server, server.connect() as sock:
            self.check(sock)

    @unittest.skipUnless(shutil.which("memcached"), "memcached is not installed")
    def test_memcached_says_the_same(self):
        with memcached_itself() as sock:
            self.check(sock)

    def test_every_exchange_byte_by_byte(self):
        with example() as server, server.connect() as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for sent, expected in EXCHANGES[:38]:
                for at in range(len(sent)):
                    sock.sendall(sent[at:at + 1])
                self.assertEqual(receive(sock, len(expected)), expected, sent)

    def test_cas_takes_what_gets_told_once(self):
        with example() as server, server.connect() as sock:
            sock.sendall(b"set a 0 0 1\r\nx\r\ngets a\r\n")
            told = sp.receive_until(sock, b"END\r\n")
            unique = told.split(b"\r\n")[1].split()[4]
            cas = b"cas a 0 0 1 " + unique + b"\r\ny\r\n"
            sock.sendall(cas * 2)
            self.assertEqual(receive(sock, 16), b"STORED\r\nEXISTS\r\n")

    def test_quit_closes_behind_the_answers(self):
        with example() as server, server.connect() as sock:
            sock.sendall(b"version\r\nquit\r\nversion\r\n")
            self.assertRegex(sp.receive_all(sock), rb"\AVERSION [^\r]+\r\n\Z")

    def test_stats_count_the_items(self):
        with example() as server, server.connect() as sock:
            sock.sendall(b"set a 0 0 1\r\nx\r\nset b 0 0 1\r\nx\r\ndelete a\r\nstats\r\n")
            self.assertIn(b"STAT curr_items 1\r\n", sp.receive_until(sock, b"END\r\n"))


class Sharing(unittest.TestCase):
    def test_clients_on_different_loops_share_every_item(self):
        rounds = sp.fewer(2000)
        with example(loops=4) as server, contextlib.ExitStack() as held:
            socks = [held.enter_context(server.connect()) for _ in range(8)]
            socks[0].sendall(b"set n 0 0 1\r\n0\r\n")
            self.assertEqual(receive(socks[0], 8), b"STORED\r\n")
            for sock in socks:
                sock.sendall(b"incr n 1 noreply\r\n" * rounds + b"version\r\n")
            for sock in socks:
                sp.receive_until(sock, b"\r\n")
            socks[3].sendall(b"get n\r\n")
            count = b"%d" % (rounds * len(socks))
            expected = b"VALUE n 0 %d\r\n%s\r\nEND\r\n" % (len(count), count)
            self.assertEqual(receive(socks[3], len(expected)), expected)

    def test_thousands_of_keys(self):
        keys = sp.fewer(20000)
        with example(loops=2) as server, server.connect() as one, server.connect() as other:
            one.sendall(b"".join(b"set key%d 0 0 8 noreply\r\n%08d\r\n" % (i, i)
                                 for i in range(keys)) + b"version\r\n")
            sp.receive_until(one, b"\r\n")
            for i in range(0, keys, max(1, keys // 50)):
                other.sendall(b"get key%d\r\n" % i)
                self.assertIn(b"\r\n%08d\r\n" % i, sp.receive_until(other, b"END\r\n"))


if __name__ == "__main__":
    sp.main()
