# SPDX-License-Identifier: BSD-3-Clause
"""Every system call of the server's, failing with every number that it may fail with, at the start
and under way: `shoal http --root` does not crash, does not hang, and serves again when the failures
are over; or it says in one sentence why it does not start.
"""

import concurrent.futures
import contextlib
import errno
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import unittest

import shoal_program as sp

FILE = b"x" * 100_000
TRIES = 60  # requests until the last failure is over and five in a row were answered
IN_A_ROW = 5
AT_ONCE = 4

FAILURES = {
    "read": ("EINTR", "EAGAIN", "EIO"),
    "recv": ("EINTR", "EAGAIN", "ECONNRESET", "ENOMEM", "ETIMEDOUT"),
    "send": ("EINTR", "EAGAIN", "EPIPE", "ENOBUFS", "ENOMEM"),
    "sendmsg": ("EINTR", "EAGAIN", "EPIPE", "ENOBUFS", "ENOMEM"),
    "sendfile": ("EINTR", "EAGAIN", "EIO", "EINVAL"),
    "write": ("EINTR",),
    "pread": ("EINTR", "EIO"),
    "preadv2": ("EAGAIN", "EOPNOTSUPP", "EIO"),
    "epoll_create1": ("EMFILE", "ENOMEM"),
    "epoll_ctl": ("ENOMEM", "ENOSPC", "EPERM"),
    "epoll_wait": ("EINTR",),
    "accept4": ("EAGAIN", "ECONNABORTED", "EMFILE", "ENFILE", "ENOBUFS", "EPERM"),
    "socket": ("EMFILE", "EACCES", "EAFNOSUPPORT"),
    "bind": ("EADDRINUSE", "EACCES"),
    "listen": ("EADDRINUSE",),
    "setsockopt": ("ENOPROTOOPT", "ENOMEM", "EINVAL"),
    "getsockopt": ("ENOBUFS",),
    "getsockname": ("ENOBUFS",),
    "shutdown": ("ENOTCONN",),
    "close": ("EINTR", "EIO"),
    "fstat": ("EIO", "EOVERFLOW"),
    "eventfd": ("EMFILE", "ENOMEM"),
    "signalfd": ("EMFILE", "ENOMEM"),
    "getrandom": ("EINTR", "ENOSYS"),
    "mmap": ("ENOMEM",),
    "munmap": ("ENOMEM",),
    "syscall": ("EMFILE", "ENOENT", "EACCES", "ENOSYS", "EXDEV"),  # openat2
}
# (every so many calls, at most so many times)
PATTERNS = ((1, 1), (2, 1), (5, 1), (1, 4), (3, 8))


def environment(name, number, step, most):
    asan = os.environ.get("ASAN_OPTIONS", "")
    return sp.environment({
        "LD_PRELOAD": os.environ["SHOAL_FAULTSHIM"],
        "ASAN_OPTIONS": asan + ":verify_asan_link_order=0",
        "SHIM_FAULT": f"{name}:{getattr(errno, number)}:{step}:{most}"})


def port_of(process, log):
    """The port it listens on; None where it has ended instead."""
    def said():
        found = re.search(rb"url=tcp://127.0.0.1:(\d+)", log.read_bytes())
        return int(found[1]) if found else "ended" if process.poll() is not None else None

    port = sp.eventually(said, "a port, or an end")
    return None if port == "ended" else port


def is_answered(port):
    """Two requests on one connection, of which the second is for all of a file."""
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as sock:
            sock.sendall(b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n"
                         b"GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            said = sp.receive_all(sock)
    except OSError:
        return False
    return said.startswith(b"HTTP/1.1 404 ") and said.endswith(b"\r\n\r\n" + FILE)


class Faults(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "root").mkdir()
        (self.folder / "root" / "file").write_bytes(FILE)

    def test_200_no_call_that_fails_crashes_or_silences_the_program(self):
        cases = [(name, number, *pattern) for name, numbers in FAILURES.items()
                 for number in numbers for pattern in PATTERNS]
        if sp.SANITIZED:
            cases = cases[::10]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            found = [wrong for wrong in pool.map(self.run_case, cases) if wrong]
        self.assertFalse(found, "\n".join(found))

    def run_case(self, case):
        """What went wrong, None for nothing."""
        log = self.folder / "-".join(map(str, case))
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [sp.BIN, "http", "--root", str(self.folder / "root"), "-l", "tcp://127.0.0.1:0",
                 "-n", "1", "-w", "1"], env=environment(*case), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=output)
        try:
            wrong = self.judge(process, log)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            wrong = str(error)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
        said = log.read_text(errors="replace")
        if not wrong and any(word in said for word in sp.SANITIZER_WORDS):
            wrong = "a sanitizer complained"
        return f"{case}: {wrong}:\n{said}" if wrong else None

    def judge(self, process, log):
        port = port_of(process, log)
        if port is None:
            refused = 64 <= process.returncode <= 78 and b"shoal http: " in log.read_bytes()
            return None if refused else f"ended with {process.returncode} at the start"
        good = 0
        for _ in range(TRIES):
            good = good + 1 if is_answered(port) else 0
            if good == IN_A_ROW:
                break
            time.sleep(0.0 if good else 0.02)  # it may be waiting for descriptors
        if good < IN_A_ROW:
            return f"does not serve ({process.poll()})"
        process.terminate()
        code = process.wait(sp.PATIENCE)
        return None if code == 0 else f"ended with {code}"


if __name__ == "__main__":
    sp.main()
