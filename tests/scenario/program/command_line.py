# SPDX-License-Identifier: BSD-3-Clause
"""What the program answers to wrong use: one sentence on stderr, nothing else, and a code."""

import os
import re
import resource
import socket
import subprocess
import tempfile
import unittest

import shoal_program as sp

WRONG_USE = (
    ((), "shoal: a command is missing; try 'shoal --help'"),
    (("ehco",), "shoal: unknown command 'ehco' (did you mean 'echo'?); try 'shoal --help'"),
    (("fisherman",),
     "shoal: unknown command 'fisherman' (did you mean 'fishermen'?); try 'shoal --help'"),
    (("\x1b[2J",),
     "shoal: unknown command '\\x1B[2J' (did you mean 'echo'?); try 'shoal --help'"),
    (("echo", "--idle-timout", "3s"),
     "shoal echo: unknown option '--idle-timout' (did you mean '--idle-timeout'?); "
     "try 'shoal echo --help'"),
    (("echo", "-l"), "shoal echo: option '--listen' needs a value: tcp://HOST:PORT, unix:PATH or "
                     "fd:N, 64 times at most; try 'shoal echo --help'"),
    (("echo", "-n", "zero"), "shoal echo: option '--loops': expected a number from 1 to 1024, or "
                             "'auto', not 'zero'; try 'shoal echo --help'"),
    (("echo", "-w", "-1"), "shoal echo: option '--workers': expected a number from 0 to 1024, or "
                           "'auto', not '-1'; try 'shoal echo --help'"),
    (("console", "--idle-timeout", "1.5s"),
     "shoal console: option '--idle-timeout': expected a duration such as 500ms, 60s, 5m or 1h, "
     "not '1.5s'; try 'shoal console --help'"),
    (("fish", "--accept", "any"),
     "shoal fish: option '--accept': expected 'handoff', 'least-of-two' or 'reuseport', not 'any'; "
     "try 'shoal fish --help'"),
    (("echo", "more"), "shoal echo: unexpected argument 'more'; try 'shoal echo --help'"),
    (("echo", "-q=1"),
     "shoal echo: unknown option '-=' (did you mean '--pin'?); try 'shoal echo --help'"),
    (("echo", "--quiet=1"),
     "shoal echo: option '--quiet' takes no value; try 'shoal echo --help'"),
    (("serve", "ecco=tcp://:1"),
     "shoal serve: expected SERVICE=URL, not 'ecco=tcp://:1' (did you mean "
     "'echo=tcp://HOST:PORT'?); try 'shoal serve --help'"),
    (("serve", "echo"),
     "shoal serve: expected SERVICE=URL, not 'echo' (did you mean 'echo=tcp://HOST:PORT'?); "
     "try 'shoal serve --help'"),
    (("echo", "-l", "http://:80"),
     "shoal echo: cannot listen on 'http://:80': expected tcp://HOST:PORT, unix:PATH or fd:N; "
     "try 'shoal echo --help'"),
    (("fishermen", "--crowd", "many"),
     "shoal fishermen: option '--crowd': expected a whole number up to 4294967295, not 'many'; "
     "try 'shoal fishermen --help'"),
)

WRONG_URLS = ("", "tcp://", "tcp://localhost", "tcp://:65536", "tcp://:-1", "tcp://:x",
              "tcp://[::1:80", "unix:", "fd:", "fd:-1", "fd:x", "fd:99999999999", ":80", "80")

COMMANDS = ("serve", "echo", "fish", "fishermen", "console", "http", "grpc")


class WrongUse(unittest.TestCase):
    def check(self, args, code, sentence, env=None):
        done = sp.run(*args, env=env)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (code, "", sentence + "\n"))

    def test_golden_sentences(self):
        for args, sentence in WRONG_USE:
            with self.subTest(args=args):
                self.check(args, 64, sentence)

    def test_urls_that_are_none(self):
        for url in WRONG_URLS:
            with self.subTest(url=url):
                done = sp.run("echo", "-l", url)
                self.assertEqual(done.returncode, 64, done.stderr)
                self.assertRegex(done.stderr, r"\Ashoal echo: .*expected tcp://HOST:PORT, "
                                              r"unix:PATH or fd:N[^\n]*\n\Z")

    def test_a_wrong_variable_is_named(self):
        self.check(("echo",), 64,
                   "shoal echo: environment variable SHOAL_LOOPS: expected a number from 1 to "
                   "1024, or 'auto', not 'all'; try 'shoal echo --help'",
                   env={"SHOAL_LOOPS": "all"})


class CannotServe(unittest.TestCase):
    def one_sentence(self, done, code, pattern):
        self.assertEqual(done.returncode, code, done.stderr)
        lines = [l for l in done.stderr.splitlines() if not l.startswith("ts=")]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertRegex(lines[0], pattern)
        self.assertNotIn("msg=listening", done.stderr)
        self.assertNotIn("msg=drained", done.stderr)

    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as holder:
            url = "tcp://127.0.0.1:%d" % holder.getsockname()[1]
            done = sp.run("echo", "-l", "tcp://127.0.0.1:0", "-l", url)
        self.one_sentence(done, 69, rf"^shoal echo: cannot listen on {url}: Address already in use "
                                    r"\(EADDRINUSE\); see who holds it: ss ")

    def test_an_address_that_is_not_ours(self):
        self.one_sentence(sp.run("echo", "-l", "tcp://192.0.2.1:1234"), 69,
                          r"cannot listen on tcp://192\.0\.2\.1:1234: .*\(EADDRNOTAVAIL\)")

    def test_a_descriptor_that_is_none(self):
        self.one_sentence(sp.run("echo", "-l", "fd:77"), 69, r"cannot listen on fd:77: ")

    def test_a_folder_that_is_not_there(self):
        self.one_sentence(sp.run("echo", "-l", "unix:/nowhere/at/all"), 69,
                          r"cannot listen on unix:/nowhere/at/all: .*\(ENOENT\)")

    def test_no_permission(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            if os.geteuid() != 0:
                os.chmod(folder, 0o555)
            path = os.path.join(folder, "socket")

            def become_nobody():
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setgid(65534)
                    os.setuid(65534)

            done = subprocess.run([sp.BIN, "echo", "-l", "unix:" + path], capture_output=True,
                                  env=sp.environment(), preexec_fn=become_nobody, text=True,
                                  timeout=sp.PATIENCE, check=False)
            self.one_sentence(done, 77, rf"cannot listen on unix:{path}: Permission denied "
                                        r"\(EACCES\)")

    if not sp.SANITIZED:  # they need descriptors of their own

        def test_too_few_descriptors(self):
            def limit():
                resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))

            done = subprocess.run([sp.BIN, "echo", "-l", "tcp://127.0.0.1:0", "-n", "4"],
                                  text=True, capture_output=True, env=sp.environment(),
                                  preexec_fn=limit, timeout=sp.PATIENCE, check=False)
            self.one_sentence(done, 71, r"EMFILE")


class RightUse(unittest.TestCase):
    def test_help_goes_to_stdout(self):
        for args in (("--help",), ("-h",), ("help",)):
            done = sp.run(*args)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for command in COMMANDS:
                self.assertRegex(done.stdout, rf"(?m)^  {command} ")

    def test_every_command_explains_its_options_and_variables(self):
        for command in COMMANDS:
            done = sp.run(command, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(done.stdout.startswith(f"Usage: shoal {command} "))
            names = re.findall(r"--([a-z-]+)", done.stdout)
            for name in set(names) - {"help", "version"}:
                self.assertIn("SHOAL_" + name.upper().replace("-", "_"), done.stdout)

    def test_version_names_the_libraries(self):
        for args in (("--version",), ("-V",), ("echo", "--version")):
            done = sp.run(*args)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertRegex(done.stdout, r"\Ashoal \d+\.\d+\.\d+\n.*libevent")

    def test_the_environment_configures_and_flags_win(self):
        env = {"SHOAL_LISTEN": "tcp://127.0.0.1:0", "SHOAL_LOOPS": "1", "SHOAL_QUIET": "1",
               "SHOAL_IDLE_TIMEOUT": "1h"}
        with sp.Shoal("console", env=env) as server, server.connect() as sock:
            self.assertIn(b"loop 0 of 1", sp.exchange(sock, b"info\nquit\n", end=False))
        with sp.Shoal("console", "-n", "2", env=env) as server, server.connect() as sock:
            self.assertIn(b" of 2", sp.exchange(sock, b"info\nquit\n", end=False))

    def test_closed_standard_descriptors_do_no_harm(self):
        with sp.Shoal("echo", "-l", "tcp://127.0.0.1:0") as probe:
            port = probe.port()
        process = subprocess.Popen(["/bin/sh", "-c", f'exec "{sp.BIN}" echo -l '
                                    f'tcp://127.0.0.1:{port} <&- >&- 2>&-'],
                                   env=sp.environment())

        def answers():
            try:
                with socket.create_connection(("127.0.0.1", port), sp.PATIENCE) as sock:
                    return sp.exchange(sock, b"hello") == b"hello"
            except ConnectionRefusedError:
                return False

        try:
            sp.eventually(answers, "an answer")
        finally:
            process.terminate()
            self.assertEqual(process.wait(sp.PATIENCE), 0)


if __name__ == "__main__":
    sp.main()
