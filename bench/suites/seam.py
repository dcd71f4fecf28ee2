# SPDX-License-Identifier: BSD-3-Clause
"""The stream seam: what it adds to the instructions that nghttp2 takes for a small HTTP/2 request, and
what the handler API adds to it.
"""
from harness import cost, report
from harness.bench import BenchError

SECTION = "The stream seam: instructions per HTTP/2 request"

KINDS = {"nghttp2": "nghttp2 alone", "stream": "the stream seam", "handler": "a handler"}
AT_ONCE = 32  # as bench/seam has it


def run(bench):
    if not cost.can_count():
        raise BenchError("valgrind is not installed")
    requests = AT_ONCE * (20 if bench.quick else 60)
    counts = {kind: cost.per_request(bench.build / "bench" / "seam", kind, requests)
              for kind in KINDS}
    return "\n\n".join([describe(), table(counts)])


def describe():
    return f"""\
GET /hello, {AT_ONCE} requests at once on one connection over a wire in memory, their fields in the
dynamic table; the answer has a length, a type, a date and 14 bytes. `nghttp2 alone` is the smallest
server that can be made of nghttp2 on a connection of Shoal's: it has the system's allocator, looks
at method and path only, and has no limits, deadlines or defence beyond nghttp2's own. `the stream
seam` answers from the stream's first callback; `a handler` goes through fields, router and
shoal_http_reply_view(). All three include what the connection takes."""


def table(counts):
    bare = counts["nghttp2"]
    return report.table(["", "instructions", "to nghttp2 alone"],
                        [[title, f"{counts[kind]:,.0f}", f"{counts[kind] / bare:.2f}"]
                         for kind, title in KINDS.items()])
