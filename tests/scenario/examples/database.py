# SPDX-License-Identifier: BSD-3-Clause
"""Rows streamed from real databases: SQLite in the worker pool, PostgreSQL on the loop."""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import unittest

import example_program as ep
import shoal_program as sp

ROWS = 100_000
ENDLESS = 2_000_000_000


class Rows:
    """What both databases have to show; `arguments()` names the one."""

    def arguments(self):
        return ["tcp://127.0.0.1:0"]

    def test_header_rows_and_footer_come_in_order(self):
        rows = sp.fewer(ROWS)
        with ep.Example("database_rows", *self.arguments()) as server, server.connect() as sock:
            sock.sendall(b"rows %d\r\nbad\r\n" % rows)
            expected = b"-- number, text\r\n"
            expected += b"".join(b"%d, row %d\r\n" % (i, i) for i in range(1, rows + 1))
            expected += b"-- %d rows\r\nsay: rows N\r\n" % rows
            self.assertEqual(sp.receive_exactly(sock, len(expected)), expected)

    def test_a_slow_reader_costs_little_memory(self):
        with ep.Example("database_rows", *self.arguments()) as server:
            with server.connect(receive_buffer=4096) as sock:
                sock.sendall(b"rows %d\r\n" % sp.fewer(ROWS * 20))
                sp.receive_exactly(sock, 100_000)
                self.assertLess(server.resident_bytes(), (300 if sp.SANITIZED else 60) << 20)

    def test_a_client_that_leaves_cancels_its_query(self):
        with ep.Example("database_rows", *self.arguments()) as server:
            with server.connect() as sock:
                sock.sendall(b"rows %d\r\n" % ENDLESS)
                sp.receive_exactly(sock, 1000)
            server.wait_for_line("query cancelled")
            with server.connect() as sock:
                sock.sendall(b"rows 1\r\n")
                sp.receive_until(sock, b"-- 1 rows\r\n")


class Sqlite(Rows, unittest.TestCase):
    pass


class Postgres(Rows, unittest.TestCase):
    """A PostgreSQL server of our own in a temporary folder, reached by a Unix socket."""

    @classmethod
    def setUpClass(cls):
        tools = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        cls.folder = tempfile.mkdtemp()
        user = {}
        if os.getuid() == 0:  # the server refuses to run as root
            account = pwd.getpwnam("postgres")
            os.chown(cls.folder, account.pw_uid, account.pw_gid)
            user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        data = os.path.join(cls.folder, "data")
        subprocess.run([f"{tools}/initdb", "-D", data, "-U", "shoal", "-A", "trust", "--no-sync"],
                       check=True, stdout=subprocess.DEVNULL, timeout=60, cwd=cls.folder, **user)
        cls.server = subprocess.Popen(
            [f"{tools}/postgres", "-D", data, "-k", cls.folder, "-c", "listen_addresses=",
             "-c", "fsync=off"], stderr=subprocess.DEVNULL, cwd=cls.folder, **user)
        sp.eventually(lambda: subprocess.run(
            [f"{tools}/pg_isready", "-q", "-h", cls.folder], check=False).returncode == 0)

    @classmethod
    def tearDownClass(cls):
        cls.server.send_signal(signal.SIGINT)  # at once, whoever is connected
        cls.server.wait(sp.PATIENCE)
        shutil.rmtree(cls.folder)

    def arguments(self):
        return super().arguments() + [f"postgresql://shoal@/postgres?host={self.folder}"]


if __name__ == "__main__":
    sp.main()
