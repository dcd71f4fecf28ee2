# SPDX-License-Identifier: BSD-3-Clause
"""shoal console: transcripts, order, and that one client's work is nobody else's."""

import re
import socket
import time
import unittest

import shoal_program as sp

PROMPT = b"> "


def start(*args):
    return sp.Shoal("console", "-l", "tcp://127.0.0.1:0", *args)


def mixed(rounds):
    x, mask = 0, (1 << 64) - 1
    for _ in range(rounds):
        x = (x + 0x9E3779B97F4A7C15) & mask
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        x ^= x >> 31
    return b"%016x\r\n" % x


class Console(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = start("-n", "2", "-w", "4")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.end() == 0, cls.server.lines

    def client(self):
        sock = self.server.connect()
        self.addCleanup(sock.close)
        self.assertEqual(sp.receive_exactly(sock, 2), PROMPT)
        return sock

    def ask(self, sock, line):
        sock.sendall(line + b"\r\n")
        return sp.receive_until(sock, PROMPT)[:-2]

    def test_echo_says_the_rest_of_the_line(self):
        sock = self.client()
        self.assertEqual(self.ask(sock, b"echo hello"), b"hello\r\n")
        self.assertEqual(self.ask(sock, b"echo  two  blanks "), b" two  blanks \r\n")
        self.assertEqual(self.ask(sock, b"echo"), b"\r\n")
        self.assertEqual(self.ask(sock, b"ECHO %n%s $(reboot) \xc3\xa4"),
                         b"%n%s $(reboot) \xc3\xa4\r\n")

    def test_an_empty_line_gives_another_prompt(self):
        sock = self.client()
        self.assertEqual(self.ask(sock, b""), b"")
        self.assertEqual(self.ask(sock, b"   "), b"")

    def test_help_names_every_command(self):
        text = self.ask(self.client(), b"help")
        for name in (b"help", b"echo", b"info", b"sleep", b"crunch", b"say", b"who", b"quit",
                     b"shutdown", b"kill"):
            self.assertRegex(text, rb"(?m)^" + name + rb"\b")

    def test_an_unknown_command_is_named(self):
        sock = self.client()
        self.assertEqual(self.ask(sock, b"dance wildly"),
                         b'ERR unknown command "dance"; try help\r\n')
        self.assertEqual(self.ask(sock, b"\x1b[2J"),
                         b'ERR unknown command "\\x1B[2J"; try help\r\n')
        self.assertIn(b"...", self.ask(sock, b"x" * 8000))

    def test_info_tells_who_and_where_one_is(self):
        sock = self.client()
        text = self.ask(sock, b"info").decode()
        host, port = sock.getsockname()
        self.assertRegex(text, rf"peer {host}:{port}\r\nloop [01] of 2\r\nuptime \d+ s\r\n"
                               r"connections \d+\r\n")

    def test_quit_says_bye_and_nothing_behind_it_is_done(self):
        sock = self.client()
        self.assertEqual(sp.exchange(sock, b"quit\r\necho no\r\nwho\r\n", end=False), b"bye\r\n")

    def test_shutdown_needs_permission(self):
        sock = self.client()
        for command in (b"shutdown", b"kill"):
            self.assertEqual(self.ask(sock, command),
                             b"ERR not permitted: the server was started without "
                             b"--allow-shutdown\r\n")

    def test_answers_come_in_the_order_of_the_commands(self):
        sock = self.client()
        answer = sp.exchange(sock, b"echo a\nsleep 0.2\necho b\ncrunch 200000\necho c\nwho\n"
                                   b"echo d\nquit\n", end=False)
        self.assertRegex(answer, rb"\Aa\r\n> slept 0\.200 s\r\n> b\r\n> [0-9a-f]{16}\r\n> "
                                 rb"c\r\n> (\S+ on loop \d( \(you\))?\r\n)+> d\r\n> bye\r\n\Z")

    def test_a_half_closed_client_still_gets_every_answer(self):
        sock = self.client()
        self.assertEqual(sp.exchange(sock, b"sleep 0.1\necho a\nsleep 0.1"),
                         b"slept 0.100 s\r\n> a\r\n> slept 0.100 s\r\n> ")

    def test_a_pipeline_of_commands_is_answered_completely(self):
        count = sp.fewer(100000)
        sock = self.client()
        data = b"".join(b"echo %d\n" % i for i in range(count)) + b"quit\n"
        answer = b"".join(b"%d\r\n> " % i for i in range(count)) + b"bye\r\n"
        self.assertEqual(sp.exchange(sock, data, end=False), answer)

    def test_sleep_is_felt_by_nobody_else(self):
        sleepers = [self.client() for _ in range(8)]  # more than workers
        for sock in sleepers:
            sock.sendall(b"sleep 1\n")
        awake = [self.client() for _ in range(4)]  # on both loops
        start_time = time.monotonic()
        for sock in awake:
            for i in range(10):
                self.assertEqual(self.ask(sock, b"echo %d" % i), b"%d\r\n" % i)
        for sock in sleepers:  # nobody was answered yet: the sleep was the longer thing
            sock.setblocking(False)
        if time.monotonic() - start_time < 0.9:
            for sock in sleepers:
                with self.assertRaises(BlockingIOError):
                    sock.recv(1)
        for sock in sleepers:
            sock.settimeout(sp.PATIENCE)
            self.assertEqual(sp.receive_until(sock, PROMPT), b"slept 1.000 s\r\n> ")

    def test_crunch_tells_the_last_value(self):
        sock = self.client()
        for rounds in (0, 1, 2, 50000, 50001):
            self.assertEqual(self.ask(sock, b"crunch %d" % rounds), mixed(rounds))

    def test_crunch_leaves_turns_to_others(self):
        busy = self.client()
        busy.sendall(b"crunch %d\n" % sp.fewer(100000000))
        others = [self.client() for _ in range(4)]
        for sock in others:
            for i in range(20):
                self.assertEqual(self.ask(sock, b"echo %d" % i), b"%d\r\n" % i)
        self.assertRegex(sp.receive_until(busy, PROMPT), rb"\A[0-9a-f]{16}\r\n> \Z")

    def test_wrong_arguments_are_told(self):
        sock = self.client()
        for line in (b"sleep", b"sleep x", b"sleep -1", b"sleep 1.", b"sleep .5", b"sleep 1.2345",
                     b"sleep 3601", b"sleep 1 2", b"sleep 0x1", b"sleep 1e1"):
            self.assertEqual(self.ask(sock, line),
                             b"ERR expected: sleep SECONDS, from 0 to 3600\r\n")
        for line in (b"crunch", b"crunch -1", b"crunch 1.5", b"crunch 10000000001",
                     b"crunch 18446744073709551616"):
            self.assertEqual(self.ask(sock, line),
                             b"ERR expected: crunch N, from 0 to 10000000000\r\n")

    def test_who_lists_everybody_on_all_loops(self):
        socks = [self.client() for _ in range(4)]
        text = self.ask(socks[0], b"who").decode()
        for sock in socks:
            self.assertIn("%s:%d on loop" % sock.getsockname(), text)
        self.assertEqual(re.findall(r":(\d+) on loop \d \(you\)", text),
                         [str(socks[0].getsockname()[1])])

    def test_say_reaches_everybody_on_all_loops(self):
        socks = [self.client() for _ in range(6)]
        words = b"[%s:%d] fresh fish!\r\n" % (socks[0].getsockname()[0].encode(),
                                              socks[0].getsockname()[1])
        self.assertEqual(self.ask(socks[0], b"say fresh fish!"), words)
        for sock in socks[1:]:
            self.assertEqual(sp.receive_until(sock, PROMPT), b"\r\n" + words + PROMPT)

    def test_what_is_said_cannot_steer_terminals(self):
        speaker = self.client()
        answer = self.ask(speaker, b"say a\x1b[2J\x07b\xc2\x9bc\xc3\xa4")
        self.assertTrue(answer.endswith(b"] a?[2J?b\xc2?c\xc3\xa4\r\n"), answer)

    def test_bad_lines_are_answered_and_end_the_connection(self):
        self.assertEqual(sp.exchange(self.client(), b"echo a\0b\necho c\n"),
                         b"ERR a line has no NUL bytes\r\n")
        self.assertEqual(sp.exchange(self.client(), b"echo 1\n" + b"x" * 100000),
                         b"1\r\n> ERR line longer than 8192 bytes\r\n")

    def test_a_client_that_leaves_while_it_waits_does_no_harm(self):
        for command in (b"sleep 0.1\n", b"crunch 1000000\n", b"who\n", b"say bye\n") * 3:
            sock = self.client()
            sock.sendall(command)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.close()  # with a reset
        sock = self.client()
        sock.sendall(b"sleep 0.2\n")
        sp.receive_until(sock, b"slept 0.200 s\r\n> ")  # last words of others may come before


class Own(unittest.TestCase):
    """What needs a server of its own."""

    def test_shutdown_drains_the_server_where_it_is_allowed(self):
        for command in (b"shutdown\n", b"kill\n"):
            with start("--allow-shutdown") as server, server.connect() as sock:
                answer = sp.exchange(sock, command, end=False)
                self.assertEqual(answer, b"> shutting down\r\n> ")
                self.assertEqual(server.end(None), 0)
                self.assertEqual(server.report()["graceful"], 1)

    def test_a_drain_waits_for_the_answer_that_is_owed(self):
        with start() as server, server.connect() as sock, server.connect() as other:
            sock.sendall(b"echo a\nsleep 0.5\n")
            sp.receive_until(sock, b"a\r\n> ")
            other.sendall(b"shutdown\n")
            sp.receive_until(other, b"--allow-shutdown\r\n> ")
            self.assertEqual(server.end(), 0)
            self.assertEqual(sp.receive_all(sock), b"slept 0.500 s\r\n> ")
            self.assertEqual(server.report(),
                             {"graceful": 2, "forced": 0, "discarded": 0, "stuck": 0})

    def test_sleepers_past_the_deadline_are_forced_not_stuck(self):
        with start("--drain-timeout", "200ms", "-w", "1") as server:
            socks = [server.connect() for _ in range(3)]
            for sock in socks:
                sock.sendall(b"echo a\nsleep 3600\n")
                sp.receive_until(sock, b"a\r\n> ")
            self.assertEqual(server.end(), 0)
            report = server.report()
            self.assertEqual((report["forced"], report["stuck"]), (3, 0))
            for sock in socks:
                sock.close()

    def test_a_cruncher_past_the_deadline_is_forced(self):
        with start("--drain-timeout", "100ms") as server, server.connect() as sock:
            sock.sendall(b"echo a\ncrunch 10000000000\n")
            sp.receive_until(sock, b"a\r\n> ")
            self.assertEqual(server.end(), 0)
            self.assertEqual(server.report()["forced"], 1)

    def test_without_workers_sleep_is_refused(self):
        with start("-w", "0") as server, server.connect() as sock:
            answer = sp.exchange(sock, b"sleep 1\nquit\n")
            self.assertEqual(answer, b"> ERR no workers: start the server with --workers\r\n> "
                                     b"bye\r\n")

    def test_an_idle_client_is_sent_away_and_a_waiting_one_is_not(self):
        with start("--idle-timeout", "300ms") as server:
            with server.connect() as idle, server.connect() as waiting:
                waiting.sendall(b"sleep 1\n")
                self.assertEqual(sp.receive_all(idle), PROMPT)
                self.assertEqual(sp.receive_until(waiting, b"s\r\n> "), b"> slept 1.000 s\r\n> ")
                self.assertEqual(sp.receive_all(waiting), b"")

    def test_half_a_command_does_not_keep_a_client(self):
        with start("--idle-timeout", "300ms") as server, server.connect() as sock:
            sock.sendall(b"echo never fin")
            self.assertEqual(sp.receive_all(sock), PROMPT)

    def test_one_who_never_reads_cannot_fill_the_memory(self):
        with start("-n", "1") as server:
            deaf = server.connect(receive_buffer=4096)
            before = server.resident_bytes()
            with server.connect() as speaker:
                words = b"say " + b"x" * 8000 + b"\n"
                sp.exchange(speaker, words * 1500 + b"quit\n", end=False)
            self.assertLess(server.resident_bytes() - before, (100 if sp.SANITIZED else 24) << 20)
            deaf.close()


if __name__ == "__main__":
    sp.main()
