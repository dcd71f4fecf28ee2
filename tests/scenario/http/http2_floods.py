# SPDX-License-Identifier: BSD-3-Clause
"""HTTP/2 floods against shoal http. Each script sends at most 2,000 abusive frames and then waits:
the server has to have ended the connection by itself, without idle timeout, and to serve another.
"""

import unittest

import http2_frames as h2
import shoal_program as sp

MOST_FRAMES = 2000
BATCH = 20
MIB = 1 << 20


def streams(count):
    """The ids of a client's streams."""
    return range(1, 2 * count, 2)


class Floods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "-n", "1",
                              "--idle-timeout", "1h")
        cls.canary = h2.Client(cls.server)
        cls.serial = 1

    @classmethod
    def tearDownClass(cls):
        cls.canary.close()
        assert cls.server.end() == 0, cls.server.lines

    def check_canary(self):
        """The connection that was there before is served."""
        stream = Floods.serial
        Floods.serial += 2
        self.assertTrue(self.canary.say(h2.get(stream)))
        self.canary.wait_for_end_of(stream)

    def flood(self, pieces, per_piece=1, first=None, before=b"", listens=True):
        """Sends `pieces` until they, or MOST_FRAMES abusive frames, are out; the server ends it."""
        with h2.Client(self.server, first, listens) as client:
            client.say(before)
            batch = []
            for count, piece in enumerate(pieces, 1):
                batch.append(piece)
                if count % BATCH == 0 and not client.say(b"".join(batch[-BATCH:])):
                    break
                if client.over or (count + 1) * per_piece > MOST_FRAMES:
                    break
            client.say(b"".join(batch[len(batch) // BATCH * BATCH:]))
            if not listens:
                client._listener.start()
            client.wait_for_end()
        self.check_canary()

    def test_101_rapid_reset(self):
        self.flood(h2.get(i, b"/delay/60000") + h2.reset(i) for i in streams(MOST_FRAMES))

    def test_102_made_you_reset_by_window_overflow(self):
        self.flood(h2.get(i, b"/delay/60000") + h2.window_update(i, h2.LARGEST_WINDOW)
                   for i in streams(MOST_FRAMES))

    def test_103_made_you_reset_by_content_length(self):
        self.flood(h2.post(i, b"/delay/60000", (b"content-length", b"5"))
                   + h2.frame(h2.DATA, h2.END_STREAM, i, b"abc") for i in streams(MOST_FRAMES))

    def test_104_made_you_reset_by_a_malformed_field(self):
        self.flood(h2.get(i, b"/hello", (b"Upper", b"x")) for i in streams(MOST_FRAMES))

    def test_105_made_you_reset_by_an_empty_window_update(self):
        self.flood(h2.get(i, b"/delay/60000") + h2.window_update(i, 0)
                   for i in streams(MOST_FRAMES))

    def test_105_made_you_reset_by_data_after_the_end(self):
        self.flood(h2.get(i, b"/delay/60000") + h2.frame(h2.DATA, 0, i, b"late")
                   for i in streams(MOST_FRAMES))

    def test_105_made_you_reset_by_a_short_priority(self):
        self.flood(h2.get(i, b"/delay/60000") + h2.frame(h2.PRIORITY, 0, i, b"1234")
                   for i in streams(MOST_FRAMES))

    def test_106_continuations(self):
        block = h2.field(b"x", b"y" * 1000)
        self.flood((h2.frame(h2.CONTINUATION, 0, 1, block) for _ in range(MOST_FRAMES)),
                   before=h2.frame(h2.HEADERS, h2.END_STREAM, 1, h2.request_block(b"/hello")))

    def test_107_empty_continuations(self):
        self.flood((h2.frame(h2.CONTINUATION, 0, 1) for _ in range(MOST_FRAMES)),
                   before=h2.frame(h2.HEADERS, h2.END_STREAM, 1, h2.request_block(b"/hello")))

    def test_108_settings(self):
        self.flood(h2.settings((h2.INITIAL_WINDOW_SIZE, 65535 + i)) for i in range(MOST_FRAMES))

    def test_108_empty_settings(self):
        self.flood(h2.settings() for _ in range(MOST_FRAMES))

    def test_109_pings(self):
        self.flood(h2.frame(h2.PING, 0, 0, b"8 bytes.") for _ in range(MOST_FRAMES))

    def test_110_pings_whose_answers_are_not_read(self):
        self.flood((h2.frame(h2.PING, 0, 0, b"8 bytes.") for _ in range(MOST_FRAMES)),
                   listens=False)

    def test_111_empty_data(self):
        self.flood((h2.frame(h2.DATA, 0, 1) for _ in range(MOST_FRAMES)), before=h2.post(1))

    def test_111_data_of_padding_alone(self):
        self.flood((h2.frame(h2.DATA, h2.PADDED, 1, b"\x07" + bytes(7))
                    for _ in range(MOST_FRAMES)), before=h2.post(1))

    def test_112_priorities(self):
        self.flood(h2.frame(h2.PRIORITY, 0, i, b"\0\0\0\0\x10") for i in streams(MOST_FRAMES))

    def test_113_window_updates_of_one(self):
        self.flood(h2.window_update(0, 1) for _ in range(MOST_FRAMES))

    def test_114_unknown_frames(self):
        self.flood(h2.frame(h2.UNKNOWN, 0, 0, b"what?") for _ in range(MOST_FRAMES))

    def test_115_resets_of_a_closed_stream(self):
        self.flood((h2.reset(1) for _ in range(MOST_FRAMES)), before=h2.get(1))

    def test_116_a_small_block_that_unpacks_to_a_large_one(self):
        entry = b"\x40" + h2.text(b"bomb") + h2.text(b"z" * 3900)  # into the dynamic table
        block = h2.request_block(b"/") + entry + b"\xbe" * 12000    # and out of it again
        before = self.server.resident_bytes()
        with h2.Client(self.server) as client:
            client.say(h2.frame(h2.HEADERS, h2.END_STREAM | h2.END_HEADERS, 1, block))
            client.wait_for(lambda: client.over or client.goaway or any(
                f[2] == 1 and (f[0] == h2.RST_STREAM or f[1] & h2.END_STREAM)
                for f in client.frames), "refusal")
        self.assertLess(self.server.resident_bytes() - before, 8 * MIB)
        self.check_canary()

    def test_118_a_window_of_a_byte_at_a_time(self):
        self.flood((h2.window_update(1, 1) for _ in range(MOST_FRAMES)),
                   first=h2.settings((h2.INITIAL_WINDOW_SIZE, 0)),
                   before=h2.get(1, b"/bytes/1000000"))

    def test_119_fields_without_a_name(self):
        self.flood(h2.get(i, b"/hello", (b"", b"x")) for i in streams(MOST_FRAMES))

    def test_119_requests_of_nothing(self):
        self.flood(h2.frame(h2.HEADERS, h2.END_STREAM | h2.END_HEADERS, i)
                   for i in streams(MOST_FRAMES))

    def test_120_large_answers_that_are_never_read(self):
        before = self.server.resident_bytes()
        with h2.Client(self.server, h2.settings((h2.INITIAL_WINDOW_SIZE, h2.LARGEST_WINDOW)),
                       listens=False, receive_buffer=4096) as client:
            client.say(h2.window_update(0, h2.LARGEST_WINDOW - 65535))
            client.say(b"".join(h2.get(i, b"/bytes/100000000") for i in streams(100)))
            self.check_canary()
            self.assertLess(self.server.resident_bytes() - before, 32 * MIB)

    def test_122_a_little_of_everything(self):
        def kinds(i):
            return (h2.frame(h2.PING, 0, 0, b"8 bytes.") + h2.settings() + h2.window_update(0, 1)
                    + h2.frame(h2.UNKNOWN) + h2.frame(h2.PRIORITY, 0, i, b"\0\0\0\0\x10"))
        self.flood((kinds(i) for i in streams(MOST_FRAMES)), per_piece=5)

    def test_streams_above_the_limit(self):
        self.flood(h2.get(i, b"/delay/60000") for i in streams(MOST_FRAMES))

    def test_an_honest_client_is_never_ended(self):
        with h2.Client(self.server) as client:
            for i in streams(sp.fewer(3000)):
                client.say(h2.get(i) + (h2.frame(h2.PING, 0, 0, b"8 bytes.") if i % 64 == 1
                                        else b""))
                if i % 200 == 1:
                    client.wait_for_end_of(i)
            client.wait_for_end_of(i)
            self.assertIsNone(client.goaway)


class Stalling(unittest.TestCase):
    def test_117_and_121_streams_that_stand_still_are_cut_and_others_served(self):
        with sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "-n", "1",
                      "--idle-timeout", "1s") as server:
            shut = h2.Client(server, h2.settings((h2.INITIAL_WINDOW_SIZE, 0)))
            silent = h2.Client(server)
            with shut, silent:
                shut.say(b"".join(h2.get(i, b"/bytes/1000") for i in streams(100)))
                silent.say(b"".join(h2.post(i) for i in streams(100)))
                with h2.Client(server) as other:
                    other.say(h2.get(1))
                    other.wait_for_end_of(1)
                for client in (shut, silent):
                    client.wait_for(lambda: client.over or client.goaway is not None or sum(
                        f[0] == h2.RST_STREAM for f in client.frames) >= 100, "cut")


if __name__ == "__main__":
    sp.main()
