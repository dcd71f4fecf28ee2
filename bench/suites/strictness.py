# SPDX-License-Identifier: BSD-3-Clause
"""HTTP/1.1: how many malformed requests a server acts upon. They are those of tests/corpus/http1
with the fault in the head.
"""
import pathlib
import re
import socket

from harness import report, web

SECTION = "HTTP/1.1: malformed requests"

CORPUS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "corpus" / "http1"
PEERS = (web.NGINX_SERVER, web.H2O_SERVER, web.LIGHTTPD_SERVER, web.EVHTTP_SERVER,
         web.EVHTP_SERVER)
IN_THE_BODY = ("chunk-", "trailer-")  # the head before it was good, and may have been acted upon
NOT_HTTP_1 = {"h2-preface", "ok-connect", "ok-upgrade-websocket", "ok-odd-target-bytes"}
BY_LIMIT = {"LARGE_BODY", "LONG_TARGET", "LARGE_FIELDS", "MANY_FIELDS"}  # a matter of configuration
REFUSALS = {400, 408, 411, 413, 414, 417, 421, 426, 431, 500, 501, 503, 505}
SILENCE_S = 0.5


def run(bench):
    web.install_peers()
    malformed, legal = entries()
    servers = bench.choose((*PEERS, web.SHOAL_SERVER))
    rows = [[server.title, *map(str, counts(bench, server, malformed, legal))] for server in servers]
    return "\n\n".join([
        f"Of {len(malformed)} malformed requests, how many a server acts upon: it answers, and not "
        f"by refusing.\nAnd how many of {len(legal)} odd but legal ones are refused. Every server "
        "with the settings of the other\ntables here.",
        report.table(["server", "malformed, acted upon", "legal, refused"], rows)])


def entries():
    """The names of malformed and of legal requests."""
    malformed, legal = [], []
    for line in (CORPUS / "expected.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, executed, verdict = line.split()
        if name.startswith(IN_THE_BODY) or name in NOT_HTTP_1 or verdict in BY_LIMIT:
            continue
        if verdict == "OK":
            legal.append(name)
        elif executed == "0":
            malformed.append(name)
    return malformed, legal


def counts(bench, server, malformed, legal):
    with web.serving(bench, server) as running:
        return (sum(acts_upon(running, name) for name in malformed),
                sum(not acts_upon(running, name) for name in legal))


def acts_upon(running, name):
    """True where the first answer is no refusal. No answer, or a mere end, is one."""
    said = b""
    with socket.create_connection(("127.0.0.1", running.port), 10) as sock:
        sock.settimeout(SILENCE_S)
        try:
            sock.sendall((CORPUS / f"{name}.http").read_bytes())
            while part := sock.recv(65536):
                said += part
        except (TimeoutError, ConnectionError):
            pass
    found = map(int, re.findall(rb"HTTP/1\.[01] (\d{3})[ \r]", said))
    return next((status for status in found if status >= 200), 400) not in REFUSALS
