# SPDX-License-Identifier: BSD-3-Clause
"""What the machine may do to the program: the least that system calls promise, a clock that jumps,
a process that is stopped or killed, storms of signals, work that does not end.
"""

import os
import random
import re
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import shoal_program as sp

RESET = b"\1\0\0\0\0\0\0\0"
ON_EPOLL = "EVENT_NOEPOLL" not in os.environ


def echo(*args, **more):
    return sp.Shoal("echo", "-l", "tcp://127.0.0.1:0", *args, **more)


def shim(**wishes):
    """The environment with tests/support/shim.c preloaded, which makes such wishes come true."""
    asan, tsan = (os.environ.get(name, "") for name in ("ASAN_OPTIONS", "TSAN_OPTIONS"))
    return {"LD_PRELOAD": os.environ["SHOAL_SHIM"],
            "ASAN_OPTIONS": asan + ":verify_asan_link_order=0",  # the shim may come first
            "TSAN_OPTIONS": tsan + ":report_thread_leaks=0",  # a thread that never ends is one
            **{f"SHIM_{name}": "1" for name in wishes}}


def still_echoes(sock):
    sock.sendall(b"still here")
    return sp.receive_exactly(sock, 10) == b"still here"


class LeastPromises(unittest.TestCase):
    def test_bytes_are_the_same_where_sockets_move_them_one_by_one(self):
        data = random.Random(1).randbytes(sp.fewer(300000))
        with sp.Shoal("serve", *sp.services(), listens=len(sp.SERVICES), env=shim(SHORT=1)) as server:
            with server.connect(0) as sock:
                self.assertEqual(sp.exchange(sock, data), data)
            with server.connect(1) as sock:
                self.assertEqual(sp.exchange(sock, b"5 pounds of haddock\n3 pounds of trout\r\nnone\n"
                                                   b"4 pounds of bream\n"),
                                 b'ERR line 3: expected "N pounds of FISH"\r\n23\r\n')
            with server.connect(2) as sock:
                self.assertEqual(sp.exchange(sock, b"echo a\nsleep 0\necho b\r\nquit\n", end=False),
                                 b"> a\r\n> slept 0.000 s\r\n> b\r\n> bye\r\n")

    def test_fishermen_whose_sockets_move_single_bytes_are_paid_as_well(self):
        with sp.Shoal("fish", "-l", "tcp://127.0.0.1:0") as server:
            done = sp.run("fishermen", "--market", server.urls[0], "--crowd", "50",
                          env=shim(SHORT=1))
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_an_unlucky_accept_delays_and_loses_nobody(self):
        for way in ("handoff", "reuseport"):
            with self.subTest(way=way), echo("-n", "2", "--accept", way,
                                             env=shim(ACCEPT=1)) as server:
                socks = [server.connect() for _ in range(40)]
                for sock in socks:
                    self.assertTrue(self.is_served_or_was_shed(sock))
                    sock.close()
                with server.connect() as sock:
                    sp.eventually(lambda: self.is_served(server), "service as before")

    @staticmethod
    def is_served(server):
        with server.connect() as sock:
            return LeastPromises.is_served_or_was_shed(sock, shed=False)

    @staticmethod
    def is_served_or_was_shed(sock, shed=True):
        """Where there seem to be no descriptors left, a reserve is given up to close somebody."""
        try:
            sock.sendall(b"x")
            return sock.recv(1) == b"x" or shed
        except (ConnectionResetError, BrokenPipeError):
            return shed

    def test_a_wall_clock_that_jumps_by_decades_times_nothing(self):
        with sp.Shoal("console", "-l", "tcp://127.0.0.1:0", "--idle-timeout", "1h",
                      env=shim(WALL_CLOCK=1)) as server:
            socks = [server.connect() for _ in range(10)]
            for _ in range(3):
                for sock in socks:
                    sock.sendall(b"sleep 0.05\n")
                for sock in socks:
                    sp.receive_until(sock, b"slept 0.050 s\r\n> ")
            self.assertEqual(server.end(), 0)
            years = {int(line[3:7]) for line in server.lines if line.startswith("ts=")}
            self.assertGreater(max(years) - min(years), 10, "the clock did not jump")
            self.assertEqual(server.report()["forced"], 0)
            for sock in socks:
                sock.close()

    def test_urgent_data_stalls_nothing(self):
        with echo() as server, server.connect() as sock:
            sock.sendall(b"a")
            sock.send(b"!", socket.MSG_OOB)
            sock.sendall(b"b")
            self.assertEqual(sp.receive_exactly(sock, 2), b"ab")


def stop(server):
    """Stops the process, and is sure of it: its threads may run on for a moment."""
    def states():
        for task in os.listdir(f"/proc/{server.process.pid}/task"):
            with open(f"/proc/{server.process.pid}/task/{task}/stat", encoding="ascii") as stat:
                yield stat.read().rsplit(")", 1)[1].split()[0]

    server.send(signal.SIGSTOP)
    sp.eventually(lambda: set(states()) == {"T"}, "the stop")


class Stopped(unittest.TestCase):
    def test_who_spoke_while_the_process_was_stopped_is_not_too_late(self):
        with echo("-n", "2", "--idle-timeout", "1s") as server:
            socks = [server.connect() for _ in range(50)]
            for sock in socks:
                self.assertTrue(still_echoes(sock))
            stop(server)
            for sock in socks:
                sock.sendall(b"in time")
            time.sleep(1.5)  # beyond everybody's deadline
            server.send(signal.SIGCONT)
            for sock in socks:
                self.assertEqual(sp.receive_exactly(sock, 7), b"in time")
                self.assertTrue(still_echoes(sock))
                sock.close()

    def test_who_is_owed_an_answer_waits_through_a_stop(self):
        with sp.Shoal("console", "-l", "tcp://127.0.0.1:0", "--idle-timeout", "1s") as server, \
                server.connect() as sock:
            sock.sendall(b"sleep 0.5\n")
            sp.receive_exactly(sock, 2)
            stop(server)
            time.sleep(1.5)
            server.send(signal.SIGCONT)
            sp.receive_until(sock, b"slept 0.500 s\r\n> ")


class Signals(unittest.TestCase):
    def test_a_storm_of_signals_disturbs_nobody(self):
        harmless = (signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGWINCH, signal.SIGURG,
                    signal.SIGCONT)
        count = sp.fewer(20000)
        with sp.Shoal("fish", "-l", "tcp://127.0.0.1:0", "-n", "2") as server:
            stop = threading.Event()
            sold = []

            def sell():
                with server.connect() as sock:
                    while not stop.is_set():
                        sock.sendall(b"3 pounds of trout\n\n")
                        sold.append(sp.receive_until(sock, b"\r\n"))

            sellers = [threading.Thread(target=sell) for _ in range(4)]
            for seller in sellers:
                seller.start()
            for i in range(count):
                server.send(harmless[i % len(harmless)])
            stop.set()
            for seller in sellers:
                seller.join(sp.PATIENCE)
            self.assertEqual(set(sold), {b"9\r\n"})
            self.assertEqual(server.end(), 0)

    def test_a_storm_of_ending_signals_ends_it_once(self):
        server = echo("-n", "2")
        socks = [server.connect() for _ in range(20)]
        for _ in range(1000):
            server.send(signal.SIGTERM)
        code = server.end(None)
        for sock in socks:
            sock.close()
        self.assertEqual(code, 0)
        self.assertEqual(sum("msg=drained" in line for line in server.lines), 1)

    def test_an_ending_signal_during_the_start_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "echo")
            for i in range(sp.fewer(100)):
                process = subprocess.Popen([sp.BIN, "echo", "-n", "2", "-l", "unix:" + path],
                                           env=sp.environment(), stdin=subprocess.DEVNULL,
                                           stderr=subprocess.PIPE, text=True)
                time.sleep(i % 20 / 2000)  # at every point of the start
                process.send_signal(signal.SIGTERM)
                said = process.communicate(timeout=sp.PATIENCE)[1]
                self.assertIn(process.returncode, (0, -signal.SIGTERM), said)
                if process.returncode == 0:
                    self.assertIn("msg=drained", said)
                    self.assertFalse(os.path.exists(path))

    def test_killed_it_starts_again_at_once_on_the_same_addresses(self):
        with tempfile.TemporaryDirectory() as folder:
            urls = ("-l", "unix:" + os.path.join(folder, "echo"), "-l")
            tcp = "tcp://127.0.0.1:0"
            for _ in range(sp.fewer(50)):
                server = sp.Shoal("echo", "-n", "2", *urls, tcp, listens=2)
                tcp = server.urls[1]  # the same port from now on
                socks = [server.connect(index) for index in (0, 1)]
                for sock in socks:
                    self.assertTrue(still_echoes(sock))
                server.process.kill()
                server.process.wait()
                server.process.stderr.close()
                for sock in socks:
                    sock.close()
            with sp.Shoal("echo", *urls, tcp, listens=2) as server, server.connect(0) as sock:
                self.assertTrue(still_echoes(sock))


class Stuck(unittest.TestCase):
    def test_work_that_ignores_its_end_is_reported_and_makes_it_70(self):
        server = sp.Shoal("console", "-l", "tcp://127.0.0.1:0", "--drain-timeout", "200ms",
                          "-w", "2", env=shim(DEAF=1))
        with server.connect() as sock, server.connect() as other:
            sock.sendall(b"sleep 60\n")
            other.sendall(b"echo a\n")
            sp.receive_until(other, b"a\r\n> ")  # the work may run before this or after
            sock.settimeout(0.3)
            with self.assertRaises(TimeoutError):  # by now it does
                sp.receive_exactly(sock, 3)
            self.assertEqual(server.end(), 70)
        self.assertEqual(server.report()["stuck"], 1)
        self.assertEqual(server.report()["forced"], 1)


class Crowded(unittest.TestCase):
    @unittest.skipIf("EVENT_NOPOLL" in os.environ, "more descriptors than select can watch")
    def test_a_full_pool_refuses_at_once_and_serves_others(self):
        room = 1024
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # for so many sockets
        with sp.Shoal("console", "-l", "tcp://127.0.0.1:0", "-w", "1", "--drain-timeout",
                      "0") as server, server.connect() as other:
            sleepers = [server.connect() for _ in range(room)]
            for sock in sleepers:
                sock.sendall(b"echo a\nsleep 3600\n")
            for sock in sleepers:
                sp.receive_until(sock, b"a\r\n> ")  # one turn for both lines
            other.sendall(b"sleep 0\necho served\n")
            answer = sp.receive_until(other, b"served\r\n> ")
            self.assertRegex(answer, rb"\A> ERR .*\r\n> served\r\n> \Z")
            self.assertEqual(server.end(), 0)
            for sock in sleepers:
                sock.close()
            self.assertEqual(server.report()["stuck"], 0)

    def test_one_who_floods_its_loop_delays_nobody_for_long(self):
        with echo("-n", "1") as server:
            stop_it = threading.Event()

            def flood():
                with server.connect() as sock:
                    reader = threading.Thread(target=sp.receive_all, args=(sock,))
                    reader.start()
                    while not stop_it.is_set():
                        sock.sendall(bytes(1 << 20))
                    sock.shutdown(socket.SHUT_WR)
                    reader.join(sp.PATIENCE)

            floods = [threading.Thread(target=flood) for _ in range(2)]
            for one in floods:
                one.start()
            with server.connect() as sock:
                sock.settimeout(2)  # for each: far above what turns of others take
                for _ in range(sp.fewer(200)):
                    self.assertTrue(still_echoes(sock))
            stop_it.set()
            for one in floods:
                one.join(sp.PATIENCE)


class Leaving(unittest.TestCase):
    @unittest.skipUnless(ON_EPOLL, "only epoll tells of a reset while input must wait")
    def test_a_reset_is_noticed_while_an_answer_is_owed(self):
        with sp.Shoal("console", "-l", "tcp://127.0.0.1:0", "-w", "1") as server, \
                server.connect() as watcher:
            sleeper = server.connect()
            sleeper.sendall(b"sleep 3600\necho never\n")
            sp.receive_exactly(sleeper, 2)
            sp.eventually(lambda: self.connections(watcher) == 2, "two connections")
            sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sleeper.close()
            sp.eventually(lambda: self.connections(watcher) == 1, "one connection")
            watcher.sendall(b"sleep 0.01\n")  # the only worker is free again
            sp.receive_until(watcher, b"slept 0.010 s\r\n> ")

    def test_one_who_only_ends_its_side_is_answered_although_input_waits(self):
        with sp.Shoal("console", "-l", "tcp://127.0.0.1:0") as server, server.connect() as sock:
            self.assertEqual(sp.exchange(sock, b"sleep 0.3\necho a\n"),
                             b"> slept 0.300 s\r\n> a\r\n> ")

    @staticmethod
    def connections(sock):
        sock.sendall(b"info\n")
        return int(re.search(rb"connections (\d+)", sp.receive_until(sock, b"\r\n> ")).group(1))


class Strangers(unittest.TestCase):
    """The first words of other protocols: an answer or an end, and never silence."""

    WORDS = (bytes.fromhex("16030100f8010000f40303") + bytes(241), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
             b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n",
             b"EHLO example\r\n", b"*1\r\n$4\r\nPING\r\n")

    def test_every_service_answers_every_protocol(self):
        with sp.Shoal("serve", *sp.services(), listens=len(sp.SERVICES)) as server:
            for words in self.WORDS:
                with self.subTest(words=words[:12]):
                    with server.connect(0) as sock:
                        self.assertEqual(sp.exchange(sock, words), words)
                    with server.connect(1) as sock:
                        self.assertIn(b"ERR ", sp.exchange(sock, words))
                    with server.connect(2) as sock:
                        self.assertIn(b"ERR ", sp.exchange(sock, words))


class Machine(unittest.TestCase):
    def test_more_loops_than_cpus_are_allowed_and_said(self):
        with echo("-n", "64") as server:
            line, = server.wait_for_line('msg="more loops than usable CPUs"')
            self.assertIn("level=warn", line)
            self.assertIn("loops=64", line)
            with server.connect() as sock:
                self.assertTrue(still_echoes(sock))

    def test_more_connections_than_descriptors_are_lowered_and_said(self):
        with echo("--max-connections", "100000000") as server:
            line, = server.wait_for_line('msg="max_connections lowered')
            self.assertIn("level=warn", line)
            with server.connect() as sock:
                self.assertTrue(still_echoes(sock))

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "one CPU")
    def test_pinned_loops_have_a_cpu_each(self):
        with echo("-n", "2", "--pin") as server:
            masks = [self.status_of(server.process.pid, task, "Cpus_allowed_list")
                     for task in os.listdir(f"/proc/{server.process.pid}/task")]
            single = [mask for mask in masks if mask.isdigit()]
            self.assertEqual(len(single), 2, masks)
            self.assertEqual(len(set(single)), 2, masks)

    def test_no_thread_of_the_library_takes_a_signal(self):
        wanted = sum(1 << (number - 1) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP,
                                                      signal.SIGPIPE, signal.SIGALRM, signal.SIGUSR1))
        with echo("-n", "2", "-w", "2") as server:
            pid = str(server.process.pid)
            masks = [int(self.status_of(pid, task, "SigBlk"), 16)
                     for task in os.listdir(f"/proc/{pid}/task") if task != pid]
            self.assertGreaterEqual(len(masks), 4)
            for mask in masks:
                self.assertEqual(mask & wanted, wanted, f"{mask:x}")

    @staticmethod
    def status_of(pid, task, field):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as status:
            return re.search(rf"{field}:\s*(\S+)", status.read()).group(1)


if __name__ == "__main__":
    sp.main()
