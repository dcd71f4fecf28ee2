# SPDX-License-Identifier: BSD-3-Clause
"""The program under test: starts it, knows where it listens, ends it and checks how it ended.

Python's standard library only. Every wait is for a condition and bounded; nothing sleeps for luck.
A test file ends with `shoal_program.main()`.
"""

import atexit
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

BIN = os.environ.get("SHOAL_BIN", "build/release/shoal")
SANITIZED = bool(os.environ.get("SHOAL_SANITIZE"))
PATIENCE = float(os.environ.get("SHOAL_PATIENCE", 30))  # seconds; the longest that any single wait may take

# What `shoal serve` serves, in its order.
SERVICES = ("echo", "fish", "console", "http", "grpc", "photos")

SANITIZER_WORDS = ("AddressSanitizer", "ThreadSanitizer", "LeakSanitizer", "runtime error:")


def fewer(count):
    """A load count: a tenth of it under the sanitizers."""
    return max(1, count // 10) if SANITIZED else count


def services(**urls):
    """Arguments that put every service where it is named, and the others on free ports."""
    return [f"{name}={urls.get(name, 'tcp://127.0.0.1:0')}" for name in SERVICES]


def eventually(condition, what="the condition"):
    """Waits until condition() is true; returns its value."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true in {PATIENCE} s")
        time.sleep(0.005)


def is_writable(sock, seconds):
    """Whether the socket takes bytes within so many seconds."""
    return bool(select.select([], [sock], [], seconds)[1])


def state_folder():
    """A folder of its own for what a server keeps, removed at the end."""
    folder = tempfile.mkdtemp(prefix="shoal-state-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def environment(extra=None):
    env = {k: v for k, v in os.environ.items()
           if not k.startswith("SHOAL_") or k in ("SHOAL_BIN", "SHOAL_SANITIZE")}
    env["XDG_STATE_HOME"] = state_folder()
    env.update(extra or {})
    return env


def run(*args, env=None, timeout=PATIENCE):
    """Runs the program to its end; returns the completed process with text output."""
    return subprocess.run([BIN, *args], env=environment(env), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=timeout, check=False)


class Shoal:
    """A running server. `listens` is how many lines with `up` mean that it is up."""

    def __init__(self, *args, listens=1, env=None, pass_fds=(), program=BIN, up="msg=listening"):
        self.lines = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen([program, *args], env=environment(env), pass_fds=pass_fds,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.wait_for_line(up, listens)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        self.urls = self.find_urls()

    def find_urls(self):
        return [re.search(r"url=(\S+)", line).group(1)
                for line in self.lines if "msg=listening" in line]

    def _read(self):
        for raw in self.process.stderr:
            with self._changed:
                self.lines.append(raw.decode("utf-8", "replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self.lines.append("")  # the end
            self._changed.notify_all()

    def wait_for_line(self, text, count=1):
        """Waits until `count` lines of stderr hold `text`; returns them."""
        def found():
            return [line for line in self.lines if text in line]

        with self._changed:
            done = self._changed.wait_for(
                lambda: len(found()) >= count or (self.lines and self.lines[-1] == ""), PATIENCE)
            if not done or len(found()) < count:
                raise AssertionError(f"no {count} x {text!r} in stderr:\n" + "\n".join(self.lines))
            return found()

    def connect(self, index=0, receive_buffer=None):
        """A connected blocking socket with a time limit."""
        url = self.urls[index]
        if url.startswith("unix:"):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(PATIENCE)
            sock.connect(url[len("unix:"):])
            return sock
        host, port = url[len("tcp://"):].rsplit(":", 1)
        host = host.strip("[]")
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        sock.settimeout(PATIENCE)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect((host, int(port)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def port(self, index=0):
        return int(self.urls[index].rsplit(":", 1)[1])

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM):
        """Sends the signal (None: none), waits for the end. Returns the exit code."""
        if number is not None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the program did not end:\n" + "\n".join(self.lines)) from None
        self._reader.join(PATIENCE)
        self.process.stderr.close()
        complaints = [l for l in self.lines if any(word in l for word in SANITIZER_WORDS)]
        if complaints:
            raise AssertionError("a sanitizer complained:\n" + "\n".join(self.lines))
        return code

    def report(self):
        """The numbers of the msg=drained line."""
        line, = [l for l in self.lines if "msg=drained" in l]
        return {k: int(v) for k, v in re.findall(r"(graceful|forced|discarded|stuck)=(\d+)", line)}

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is not None:
            return
        if kind is not None:
            self.process.kill()
            self.process.wait()
            return
        code = self.end()
        if code != 0:
            raise AssertionError(f"exit code {code}:\n" + "\n".join(self.lines))


def receive_all(sock):
    """Everything until the peer ends its side."""
    parts = []
    while True:
        part = sock.recv(1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def receive_exactly(sock, size):
    parts = []
    while size > 0:
        part = sock.recv(min(size, 1 << 16))
        if not part:
            raise AssertionError(f"ended {size} bytes early after {b''.join(parts)[-200:]!r}")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def receive_until(sock, end):
    """Reads byte by byte up to and including `end`."""
    got = b""
    while not got.endswith(end):
        part = sock.recv(1)
        if not part:
            raise AssertionError(f"ended after {got!r}")
        got += part
    return got


def exchange(sock, data, end=True):
    """Sends all of `data` and, with `end`, our end; returns everything the server says."""
    sender = threading.Thread(target=send_all, args=(sock, data, end), daemon=True)
    sender.start()
    answer = receive_all(sock)
    sender.join(PATIENCE)
    return answer


def send_all(sock, data, end=False):
    try:
        sock.sendall(data)
        if end:
            sock.shutdown(socket.SHUT_WR)
    except OSError as error:
        if isinstance(error, TimeoutError):
            raise
        # else the server has heard enough


def main():
    unittest.main(verbosity=2)
