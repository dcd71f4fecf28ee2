# SPDX-License-Identifier: BSD-3-Clause
"""The photo store: what sending a photo of 100 KiB costs beside nginx sending the same bytes as a
file; how many uploads a second one sync each and shared syncs allow; and how long a volume of a
million small photos takes to open, and how much memory it needs.
"""
import dataclasses
import http.client
import json
import os
import pathlib
import statistics
import tempfile
import time

from harness import report, web
from harness.bench import BenchError
from harness.rounds import interleave

SECTION = "Photos: CPU per photo, syncs, a million of them"

PHOTOS = web.WebServer("shoal", "shoal photos",
                       ("{build}/shoal", "photos", "-n", "1", "-q", "-l", "{how}", "--volume",
                        "{work}/volume"),
                       plain="tcp://127.0.0.1:{port}")
MANY = web.WebServer("shoal", "shoal photos",
                     ("{build}/shoal", "photos", "-n", "1", "-q", "-l", "{how}", "--volume",
                      "{volume}"), plain="tcp://127.0.0.1:{port}")
PATHS = {"nginx": "/100k", "shoal": "/photo/100k"}
GET = "GET of 100 KiB, 64 connections"
CLIENTS = (1, 64)
UPLOAD_SIZE = 1024

# Every request another key; each thread of wrk has one state, and there is one thread.
UPLOAD = """\
wrk.method = "PUT"
wrk.body = string.rep("x", {size})
local first, n = {first}, 0
request = function()
    n = n + 1
    return wrk.format(nil, string.format("/photo/%012d", first + n))
end
"""
KEY_BYTES = 12


def run(bench):
    web.install_peers()
    servers = bench.choose((web.NGINX_SERVER, PHOTOS))
    seconds = 1 if bench.quick else 2

    def measure(server, _):
        with web.serving(bench, server) as running:
            if server is PHOTOS:
                ask(running, "PUT", PATHS["shoal"], web.FILES["100k"])
            return web.wrk(running, 64, seconds, PATHS[server.name])

    results = interleave(bench, servers, [GET], measure)
    parts = [describe(servers, results, seconds), report.ratios(servers, results, [GET])]
    if len(servers) == 2:
        ratio = results.median_ratio("shoal", "nginx", GET, report.CPU)
        parts.append(report.verdict("a photo against nginx", ratio, 1.05))
    return "\n\n".join(parts + [uploads(bench, seconds), million(bench)])


def describe(servers, results, seconds):
    return f"""\
Server CPU time for a photo, as ratio to {servers[0].title} (lower is better): median of
{results.rounds()} interleaved rounds of {seconds} s each, in brackets the least and the greatest. 64
connections by wrk on the other core. Others used at most {results.worst("others_cpu_share"):.0%} of a core meanwhile."""


def ask(running, method, path, body=None):
    """One request; returns the body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    connection.request(method, path, body)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    if answer.status >= 300:
        raise BenchError(f"{method} {path}: {answer.status}")
    return data


def stats(running):
    return json.loads(ask(running, "GET", "/stats"))


def put_many(running, clients, seconds, size, first):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(UPLOAD.format(size=size, first=first))
        script.flush()
        return web.wrk(running, clients, seconds, "/", script=script.name)


# Uploads

def one_sync_each(seconds):
    """Appends and syncs a second by a program that does nothing else, on the same disk."""
    with tempfile.TemporaryFile() as file:
        end, count = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            os.write(file.fileno(), b"x" * UPLOAD_SIZE)
            os.fdatasync(file.fileno())
            count += 1
        return count / seconds


def uploads(bench, seconds):
    """Interleaved: the bare loop, then each number of clients, and again."""
    rates = {key: [] for key in ("bare", *CLIENTS)}
    syncs = {clients: [] for clients in CLIENTS}
    for _ in range(bench.rounds):
        rates["bare"].append(one_sync_each(seconds))
        for clients in CLIENTS:
            with web.serving(bench, PHOTOS) as running:
                rates[clients].append(put_many(running, clients, seconds, UPLOAD_SIZE, 0)["rate"])
                after = stats(running)
                syncs[clients].append(after["puts"] / after["syncs"])
    base = statistics.median(rates["bare"])
    rows = [["a loop of write and fdatasync", f"{base:,.0f}", "1.00", "1.0"]]
    for clients in CLIENTS:
        rate = statistics.median(rates[clients])
        rows.append([f"shoal photos, {clients} client{'s' if clients > 1 else ''}", f"{rate:,.0f}",
                     f"{rate / base:.2f}", f"{statistics.median(syncs[clients]):.1f}"])
    return (f"Uploads of {UPLOAD_SIZE} bytes a second, each acknowledged after its sync (medians):\n\n"
            + report.table(["", "a second", "to one sync each", "uploads a sync"], rows))


# A million

def million(bench):
    count = 100_000 if bench.quick else 1_000_000
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        volume = pathlib.Path(folder) / "volume"
        fill(bench, volume, count)
        checkpointed, photos, index_bytes = open_volume(bench, volume)
        volume.with_name("volume.index").unlink()
        scanned, _, _ = open_volume(bench, volume)
        size = volume.stat().st_size
    beyond = index_bytes / photos - KEY_BYTES
    rows = [["photos", f"{photos:,}"], ["volume", f"{size / (1 << 20):,.0f} MiB"],
            ["start, with the checkpoint", f"{checkpointed:.2f} s"],
            ["start, reading the whole volume", f"{scanned:.2f} s"],
            ["memory of a photo beyond its key", f"{beyond:.1f} bytes"]]
    return ("Small photos of 100 bytes, keys of 12:\n\n" + report.table(["", ""], rows) + "\n\n"
            + report.verdict("bytes of a photo beyond its key", beyond, 64))


def serving_volume(bench, volume):
    command = tuple(word.replace("{volume}", str(volume)) for word in MANY.command)
    return web.serving(bench, dataclasses.replace(MANY, command=command))


def fill(bench, volume, count):
    with serving_volume(bench, volume) as running:
        stored = 0
        while stored < count:
            put_many(running, 256, 2, 100, stored)
            stored = stats(running)["photos"]


def open_volume(bench, volume):
    """Seconds until it answers, how many photos it has, and the memory that its index takes."""
    begin = time.monotonic()
    with serving_volume(bench, volume) as running:
        seconds = time.monotonic() - begin
        after = stats(running)
        return seconds, after["photos"], after["index_bytes"]
