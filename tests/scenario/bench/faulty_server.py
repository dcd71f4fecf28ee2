# SPDX-License-Identifier: BSD-3-Clause
"""An echo server with a known fault, for holding the load generator against:
faulty_server.py FAULT [VALUE]. It says "port N" on stdout; at TERM, one JSON object with what it
saw: {"accepted": N, "sources": N}."""
import asyncio
import json
import signal
import socket
import sys


class Echo(asyncio.Protocol):
    """Sends everything back; the faults override answer()."""
    accepted = 0
    messages = 0  # of all connections
    sources = set()
    value = 0.0

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Echo.accepted += 1
        Echo.sources.add(transport.get_extra_info("peername")[0])

    def data_received(self, data):
        Echo.messages += 1
        self.answer(data)

    def answer(self, data):
        self.transport.write(data)

    def later(self, seconds, data):
        asyncio.get_running_loop().call_later(seconds, self.write_if_open, data)

    def write_if_open(self, data):
        if not self.transport.is_closing():
            self.transport.write(data)

    def is_nth(self):
        return Echo.messages % int(self.value) == 0


class Delay(Echo):
    """VALUE seconds for everything."""

    def answer(self, data):
        self.later(self.value, data)


class Hiccup(Echo):
    """100 ms for every VALUE-th message, on its own connection only."""

    def answer(self, data):
        if self.is_nth():
            self.later(0.1, data)
        else:
            self.transport.write(data)


class Corrupt(Echo):
    """One bit of every VALUE-th message is wrong."""

    def answer(self, data):
        flipped = bytes([data[0] ^ 1]) + data[1:]
        self.transport.write(flipped if self.is_nth() else data)


class Swap(Echo):
    """Every VALUE-th answer goes to the connection that asked before."""
    previous = None

    def answer(self, data):
        to = Swap.previous if self.is_nth() and Swap.previous else self.transport
        Swap.previous = self.transport
        if not to.is_closing():
            to.write(data)


class Cut(Echo):
    """Half of every VALUE-th answer, and the end."""

    def answer(self, data):
        if self.is_nth():
            self.transport.write(data[:len(data) // 2])
            self.transport.close()
        else:
            self.transport.write(data)


class Surplus(Echo):
    """Every VALUE-th answer comes twice."""

    def answer(self, data):
        self.transport.write(data + data if self.is_nth() else data)


class Close(Echo):
    """No answer to every VALUE-th message but the end."""

    def answer(self, data):
        if self.is_nth():
            self.transport.close()
        else:
            self.transport.write(data)


class Reset(Echo):
    """No answer to every VALUE-th message but a reset."""

    def answer(self, data):
        if self.is_nth():
            linger = b"\1\0\0\0\0\0\0\0"  # on, for 0 seconds
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET,
                                                               socket.SO_LINGER, linger)
            self.transport.abort()
        else:
            self.transport.write(data)


class CutSlow(Echo):
    """Cuts whoever leaves more than VALUE bytes unread."""

    def answer(self, data):
        self.transport.write(data)
        if self.transport.get_write_buffer_size() > self.value:
            self.transport.abort()


class Crlf(Echo):
    """Lines come back with CRLF."""

    def answer(self, data):
        self.transport.write(data.replace(b"\n", b"\r\n"))


class Mute(Echo):
    """Answers the first VALUE messages, then never again."""

    def answer(self, data):
        if Echo.messages <= self.value:
            self.transport.write(data)


FAULTS = {fault.__name__.lower(): fault for fault in
          (Echo, Delay, Hiccup, Corrupt, Swap, Cut, Surplus, Close, Reset, CutSlow, Crlf, Mute)}


async def main():
    fault = FAULTS[sys.argv[1]]
    fault.value = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(fault, "127.0.0.1", 0, backlog=1024)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()
    print(json.dumps({"accepted": Echo.accepted, "sources": len(Echo.sources)}), flush=True)


asyncio.run(main())
