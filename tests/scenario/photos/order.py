# SPDX-License-Identifier: BSD-3-Clause
"""The order of system calls: no 201 or 204 leaves before an fdatasync that began after all of its
needle was written has returned. (kill -9 does not empty the page cache, so crashes.py cannot see
this.)"""

import pathlib
import re
import shutil
import subprocess
import sys
import threading

import album
import shoal_program as sp

LINE = re.compile(r"^(?P<pid>\d+)\s+(?P<call>.*)$")


def events(trace):
    """(what, detail) in the order of the trace: write KEY, sync-begin PID, sync-end PID, ack."""
    for text in trace.splitlines():
        found = LINE.match(text)
        if not found:
            continue
        pid, call = found["pid"], found["call"]
        wrote = re.match(r"pwritev\(.*NDL1", call)
        if wrote:
            yield "write", re.search(r"key-\d+", call)[0]
        elif call.startswith("fdatasync("):
            yield "sync-begin", pid
            if "unfinished" not in call:
                yield "sync-end", pid
        elif "fdatasync resumed" in call and "= 0" in call:
            yield "sync-end", pid
        elif re.match(r"(write|writev|sendmsg|sendto)\(.*HTTP/1\.1 (201|204)", call):
            yield "ack", re.search(r"HTTP/1\.1 (\d+)", call)[1]


class Order(album.TestCase):
    def setUp(self):
        if not shutil.which("strace"):
            print("strace is not there")
            sys.exit(77)
        self.album = album.Album()
        self.addCleanup(self.album.remove)
        # The leak check traces the program, too, and only one may.
        self.album.start(env={"ASAN_OPTIONS": "detect_leaks=0"})

    def test_no_success_before_the_sync_that_covers_it(self):
        trace = self.album.folder / "trace"
        pid = self.album.server.process.pid
        tracer = subprocess.Popen(
            ["strace", "-f", "-qq", "-s", "400", "-o", trace, "-p", str(pid),
             "-e", "trace=pwritev,fdatasync,write,writev,sendmsg,sendto"],
            stderr=subprocess.PIPE)
        status = pathlib.Path(f"/proc/{pid}/status")
        sp.eventually(lambda: "TracerPid:\t0" not in status.read_text(), "strace")
        clients = [threading.Thread(target=self.upload, args=(i,)) for i in range(8)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(sp.PATIENCE)
        self.album.stop()
        tracer.wait(sp.PATIENCE)
        tracer.stderr.close()
        written = self.check(trace.read_text(errors="replace"))
        self.assertEqual(written, 40)

    def upload(self, number):
        for i in range(5):
            self.assertEqual(self.album.put(f"key-{number * 5 + i}", b"x" * 100), 201)

    def check(self, trace):
        """Counts down: what was written before a sync began is covered when it ends, and no more
        can have been acknowledged than is covered."""
        written, at_begin, covered, acknowledged = 0, 0, 0, 0
        for what, detail in events(trace):
            if what == "write":
                written += 1
            elif what == "sync-begin":
                at_begin = written
            elif what == "sync-end":
                covered = max(covered, at_begin)
            else:
                acknowledged += 1
                self.assertLessEqual(acknowledged, covered, f"{what} {detail} came too early")
        self.assertEqual(acknowledged, written)
        return written


if __name__ == "__main__":
    sp.main()
