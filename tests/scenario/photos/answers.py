# SPDX-License-Identifier: BSD-3-Clause
"""What the photo store answers."""

import email
import json
import os
import resource
import threading

import album
import shoal_program as sp

SMALL = bytes(range(256)) * 40
LARGE = os.urandom(3_000_000)


class Storing(album.TestCase):
    def test_photos_come_back_as_they_went_in(self):
        for key, body in (("small", SMALL), ("large", LARGE), ("empty", b""), ("a/b c/ä", SMALL)):
            self.assertEqual(self.album.put(key, body, Content_Type="image/x-test"), 201)
            status, fields, back = self.album.ask("GET", album.path_of(key))
            self.assertEqual((status, back == body), (200, True), key)
            self.assertEqual(fields["Content-Type"], "image/x-test")
            self.assertEqual(fields["Content-Length"], str(len(body)))

    def test_a_body_without_a_length_is_stored(self):
        parts = [LARGE[i:i + 70_000] for i in range(0, len(LARGE), 70_000)]
        self.assertEqual(self.album.put("chunked", iter(parts)), 201)
        self.assertEqual(self.album.get("chunked"), LARGE)

    def test_head_tells_the_size_and_sends_nothing(self):
        self.album.put("small", SMALL)
        status, fields, body = self.album.ask("HEAD", "/photo/small")
        self.assertEqual((status, fields["Content-Length"], body), (200, str(len(SMALL)), b""))

    def test_replacing_and_deleting(self):
        self.assertEqual(self.album.put("a", b"1"), 201)
        self.assertEqual(self.album.put("a", b"2"), 204)
        self.assertEqual(self.album.get("a"), b"2")
        self.assertEqual(self.album.ask("DELETE", "/photo/a")[0], 204)
        self.assertEqual(self.album.ask("DELETE", "/photo/a")[0], 404)
        self.assertIsNone(self.album.get("a"))

    def test_keys_that_are_none_are_refused(self):
        for path in ("/photo/", "/photo/%00", "/photo/a%00b", "/photo/%01", "/photo/%7f",
                     "/photo/%c2%80", "/photo/%ff", "/photo/%c0%af", "/photo/%ed%a0%80",
                     "/photo/" + "x" * 256):
            self.assertEqual(self.album.ask("PUT", path, b"x")[0], 400, path)
        self.assertEqual(self.album.ask("PUT", "/photo/" + "x" * 255, b"x")[0], 201)

    def test_every_other_key_is_a_key(self):
        keys = [" ", "/", "//", ".", "..", "../stats", "a/../b", "a//b", "a/", "%", "%2f", "+", "?a=b#c",
                "\\", '"', "ä", "\u65e5\u672c", "\U0001f41f", "é", "x" * 255, "\u00a0",
                "\u2028", "\ufeff"]
        for number, key in enumerate(keys):
            path = "/photo/" + album.urllib.parse.quote(key, safe="").replace(".", "%2E")
            self.assertEqual(self.album.ask("PUT", path, str(number).encode())[0], 201, key)
        listed = json.loads(self.album.ask("GET", "/photos?limit=1000")[2])["photos"]
        self.assertEqual([photo["key"] for photo in listed],
                         sorted(keys, key=lambda key: key.encode()))
        for number, key in enumerate(keys):
            path = "/photo/" + album.urllib.parse.quote(key, safe="").replace(".", "%2E")
            self.assertEqual(self.album.ask("GET", path)[2], str(number).encode(), key)

    def test_a_type_that_json_could_not_hold_is_refused(self):
        for kind in (b"image/\xff", b"image/\t;x", b"x" * 128):
            request = (b"PUT /photo/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                       b"Content-Length: 1\r\nContent-Type: " + kind + b"\r\n\r\nx")
            with self.album.server.connect() as sock:
                sock.sendall(request)
                self.assertEqual(sp.receive_all(sock).split()[1], b"400", kind)
        self.assertEqual(self.album.put("a", b"x", Content_Type="image/x; ä".encode()), 201)
        self.assertEqual(json.loads(self.album.ask("GET", "/photos")[2])["photos"][0]["type"],
                         "image/x; ä")

    def test_a_part_or_a_coded_photo_is_not_stored_as_if_it_were_one(self):
        self.assertEqual(self.album.put("a", b"x", Content_Range="bytes 0-0/2"), 400)
        self.assertEqual(self.album.put("a", b"x", Content_Encoding="gzip"), 415)
        self.assertEqual(self.album.put("a", b"x", Content_Encoding="Identity"), 201)

    def test_a_type_too_many_is_refused_and_the_known_ones_are_not(self):
        connection = self.album.connect()
        answers = []
        for number in range(1025):
            connection.request("PUT", "/photo/a", b"", {"Content-Type": f"image/{number}"})
            answer = connection.getresponse()
            answer.read()
            answers.append(answer.status)
        connection.close()
        self.assertEqual(answers, [201] + [204] * 1023 + [400])
        self.assertEqual(self.album.put("a", b"x", Content_Type="image/7"), 204)

    def test_what_is_refused_takes_no_memory(self):
        before = self.album.stats()["index_bytes"]
        connection = self.album.connect()
        for number in range(sp.fewer(10_000)):
            path = f"/photo/{number:0250d}"
            connection.request("DELETE", path)
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, 404)
        connection.close()
        self.assertEqual(self.album.stats()["index_bytes"], before)

    def test_an_upload_that_breaks_off_leaves_nothing(self):
        with self.album.server.connect() as sock:
            sock.sendall(b"PUT /photo/half HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
            sock.sendall(bytes(600_000))
        self.assertEqual(self.album.put("other", b"x"), 201)
        self.assertIsNone(self.album.get("half"))
        self.assertEqual(self.album.stats()["puts"], 1)


class Conditions(album.TestCase):
    def etag(self, key):
        return self.album.ask("HEAD", album.path_of(key))[1]["ETag"]

    def test_none_is_overwritten_with_if_none_match_star(self):
        self.assertEqual(self.album.put("a", b"1", If_None_Match="*"), 201)
        self.assertEqual(self.album.put("a", b"2", If_None_Match="*"), 412)
        self.assertEqual(self.album.get("a"), b"1")

    def test_if_match_writes_what_is_expected_only(self):
        self.assertEqual(self.album.put("a", b"0", If_Match="*"), 412)
        self.album.put("a", b"1")
        first = self.etag("a")
        self.assertEqual(self.album.put("a", b"2", If_Match=first), 204)
        self.assertEqual(self.album.put("a", b"3", If_Match=first), 412)
        self.assertEqual(self.album.ask("DELETE", "/photo/a", If_Match=first)[0], 412)
        self.assertEqual(self.album.get("a"), b"2")
        self.assertEqual(self.album.ask("DELETE", "/photo/a", If_Match=self.etag("a"))[0], 204)

    def test_of_many_who_create_one_wins(self):
        socks = [self.album.server.connect() for _ in range(20)]
        for i, sock in enumerate(socks):
            sock.sendall(b"PUT /photo/a HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n"
                         b"Connection: close\r\nContent-Length: 2\r\n\r\n%02d" % i)
        answers = [sp.receive_all(sock).split()[1] for sock in socks]
        for sock in socks:
            sock.close()
        self.assertEqual(sorted(answers), [b"201"] + [b"412"] * 19)
        self.assertEqual(int(self.album.get("a")), answers.index(b"201"))

    def test_unchanged_photos_are_not_sent_again(self):
        self.album.put("a", SMALL)
        _, fields, _ = self.album.ask("GET", "/photo/a")
        for condition in ({"If_None_Match": fields["ETag"]}, {"If_None_Match": "W/" + fields["ETag"]},
                          {"If_Modified_Since": fields["Last-Modified"]}):
            status, _, body = self.album.ask("GET", "/photo/a", **condition)
            self.assertEqual((status, body), (304, b""), condition)
        self.assertEqual(self.album.ask("GET", "/photo/a", If_None_Match='"x"')[0], 200)
        self.assertEqual(self.album.ask("GET", "/photo/a", If_Match='"x"')[0], 412)

    def test_ranges(self):
        self.album.put("a", LARGE)
        size = len(LARGE)
        for text, first, last in (("0-0", 0, 0), ("5-99", 5, 99), ("1000000-", 1000000, size - 1),
                                  ("-7", size - 7, size - 1), ("0-99999999", 0, size - 1)):
            status, fields, body = self.album.ask("GET", "/photo/a", Range="bytes=" + text)
            self.assertEqual(status, 206, text)
            self.assertEqual(fields["Content-Range"], f"bytes {first}-{last}/{size}")
            self.assertTrue(body == LARGE[first:last + 1], text)
        status, fields, _ = self.album.ask("GET", "/photo/a", Range=f"bytes={size}-")
        self.assertEqual((status, fields["Content-Range"]), (416, f"bytes */{size}"))
        for text in ("bytes=2-1", "bytes=x-", "lines=1-2", "bytes=0-9,3-4"):
            self.assertEqual(self.album.ask("GET", "/photo/a", Range=text)[0], 200, text)

    def test_several_ranges_come_as_parts(self):
        self.album.put("a", LARGE, Content_Type="image/x-test")
        for warm in (False, True):
            status, fields, body = self.album.ask("GET", "/photo/a",
                                                  Range="bytes=5-6, 1000000-1999999,-3")
            self.assertEqual(status, 206, warm)
            self.assertEqual(fields["Content-Length"], str(len(body)))
            message = email.message_from_bytes(
                b"Content-Type: " + fields["Content-Type"].encode() + b"\r\n\r\n" + body)
            self.assertEqual(message.get_content_type(), "multipart/byteranges")
            parts = [(part["Content-Type"], part["Content-Range"].split("/")[0])
                     for part in message.get_payload()]
            self.assertEqual(parts, [("image/x-test", "bytes 5-6"),
                                     ("image/x-test", "bytes 1000000-1999999"),
                                     ("image/x-test", "bytes 2999997-2999999")])
            for piece in (LARGE[5:7], LARGE[1_000_000:2_000_000], LARGE[-3:]):
                self.assertIn(b"\r\n\r\n" + piece + b"\r\n--", body)

    def test_if_range_sends_all_of_another_photo(self):
        self.album.put("a", SMALL)
        etag = self.etag("a")
        self.assertEqual(
            self.album.ask("GET", "/photo/a", Range="bytes=0-1", If_Range=etag)[0], 206)
        self.album.put("a", SMALL)
        self.assertEqual(
            self.album.ask("GET", "/photo/a", Range="bytes=0-1", If_Range=etag)[0], 200)


class Listing(album.TestCase):
    def test_pages_of_the_list_hold_every_photo_once_in_order(self):
        keys = sorted([f"key {i:03d}" for i in range(25)] + ['"quoted\\"', "ä"],
                      key=lambda key: key.encode())
        for key in reversed(keys):
            self.album.put(key, key.encode(), Content_Type="image/x-test")
        seen, after = [], ""
        while after is not None:
            query = "/photos?limit=10&after=" + album.urllib.parse.quote(after)
            page = json.loads(self.album.ask("GET", query)[2])
            self.assertLessEqual(len(page["photos"]), 10)
            seen += page["photos"]
            after = page["next"]
        self.assertEqual([photo["key"] for photo in seen], keys)
        for photo in seen:
            self.assertEqual(photo["size"], len(photo["key"].encode()))
            self.assertEqual(photo["type"], "image/x-test")
        for limit in ("0", "1001", "x"):
            self.assertEqual(self.album.ask("GET", "/photos?limit=" + limit)[0], 400)

    def test_many_that_were_deleted_do_not_hold_a_loop_up(self):
        """A list looks at 10,000 keys."""
        lanes = 100  # side by side, so that they share syncs
        for method in (b"PUT", b"DELETE"):
            socks = [self.album.server.connect() for _ in range(lanes)]
            for lane, sock in enumerate(socks):
                requests = [b"%s /photo/%05d HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
                            % (method, number) for number in range(lane, 10_100, lanes)]
                sock.sendall(b"\r\n".join(requests) + b"Connection: close\r\n\r\n")
            for sock in socks:
                sp.receive_all(sock)
                sock.close()
        self.album.put("last", b"x")
        self.assertEqual(self.album.stats()["photos"], 1)
        first = json.loads(self.album.ask("GET", "/photos")[2])
        self.assertEqual((first["photos"], first["next"]), ([], "09999"))
        second = json.loads(self.album.ask("GET", "/photos?after=" + first["next"])[2])
        self.assertEqual([photo["key"] for photo in second["photos"]], ["last"])
        self.assertIsNone(second["next"])

    def test_figures(self):
        self.album.put("a", SMALL)
        self.album.put("a", SMALL)
        stats = self.album.stats()
        self.assertEqual((stats["photos"], stats["puts"]), (1, 2))
        self.assertEqual(stats["volume_bytes"], os.path.getsize(self.album.volume))
        self.assertEqual(stats["live_bytes"] + stats["dead_bytes"] + 64, stats["volume_bytes"])
        self.assertGreater(stats["dead_bytes"], len(SMALL))
        self.assertGreaterEqual(stats["sync_us"]["max"], stats["sync_us"]["median"])


class Limits(album.TestCase):
    ARGS = ("--max-photo", "1000")

    def test_too_large_a_photo_is_refused(self):
        self.assertEqual(self.album.put("a", bytes(1001)), 413)
        self.assertEqual(self.album.put("a", iter([bytes(600), bytes(600)])), 413)
        self.assertEqual(self.album.put("a", bytes(1000)), 201)


class Damage(album.TestCase):
    def test_a_damaged_photo_is_answered_500_and_counted_and_verify_tells_it(self):
        self.album.put("rotten", b"x" * 1000)
        self.album.put("sound", b"y" * 1000)
        self.album.stop()
        data = self.album.volume.read_bytes()
        self.album.volume.write_bytes(data.replace(b"x" * 1000, b"x" * 999 + b"z"))
        verified = sp.run("photos", "--verify", "--volume", str(self.album.volume))
        self.assertEqual((verified.returncode, verified.stdout), (65, "2 photos, 1 damaged\n"))
        self.assertIn('key="rotten"', verified.stderr)
        self.album.start()
        for _ in range(2):
            self.assertEqual(self.album.ask("GET", "/photo/rotten")[0], 500)
        self.assertEqual(self.album.get("sound"), b"y" * 1000)
        self.assertEqual(self.album.stats()["damaged"], 2)

    def test_verify_makes_no_volume(self):
        path = self.album.folder / "misspelt"
        self.assertNotEqual(sp.run("photos", "--verify", "--volume", str(path)).returncode, 0)
        self.assertFalse(path.exists())

    def test_two_processes_do_not_open_one_volume(self):
        second = sp.run("photos", "-l", "tcp://127.0.0.1:0", "--volume", str(self.album.volume))
        self.assertEqual(second.returncode, 69)
        self.assertIn("another process has", second.stderr)

    def test_a_full_disk_is_answered_507_and_loses_nothing(self):
        self.album.put("kept", SMALL)
        limit = os.path.getsize(self.album.volume) + 5000
        pid = self.album.server.process.pid
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, hard))
        self.assertEqual(self.album.put("new", SMALL), 507)
        self.assertEqual(self.album.put("kept", LARGE), 507)
        self.assertEqual(self.album.put("fits", b"x"), 201)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        self.assertEqual(self.album.put("new", SMALL), 201)
        self.album.stop()
        self.album.start()
        for key, body in (("kept", SMALL), ("new", SMALL), ("fits", b"x")):
            self.assertEqual(self.album.get(key), body)


class Compaction(album.TestCase):
    ARGS = ("--compact-min", "200000", "--compact-percent", "5")

    def test_the_dead_go_while_photos_are_served(self):
        self.album.put("kept", LARGE[:300_000])
        reader = self.album.server.connect()
        reader.sendall(b"GET /photo/kept HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for i in range(60):
            self.album.put("busy", LARGE[i:i + 50_000])
        sp.eventually(lambda: self.album.stats()["compactions"] > 0, "compaction")
        self.assertTrue(sp.receive_all(reader).endswith(LARGE[:300_000]))
        reader.close()
        self.assertEqual(self.album.get("kept"), LARGE[:300_000])
        self.assertEqual(self.album.get("busy"), LARGE[59:50_059])
        self.assertLess(os.path.getsize(self.album.volume), 60 * 50_000)

    def test_readers_who_go_away_hold_no_old_volume(self):
        """Of old volumes that are still being read there may be seven."""
        self.album.put("kept", LARGE)
        for count in range(1, 10):
            with self.album.server.connect(receive_buffer=4096) as sock:
                sock.sendall(b"GET /photo/kept HTTP/1.1\r\nHost: x\r\n\r\n")
                sock.recv(1000)
                while self.album.stats()["compactions"] < count:
                    self.album.put("busy", LARGE[:250_000])
        fds = f"/proc/{self.album.server.process.pid}/fd"

        def names(fd):
            try:
                return str(self.album.volume) in os.readlink(f"{fds}/{fd}")
            except FileNotFoundError:  # closed meanwhile
                return False

        def volumes():
            return [fd for fd in os.listdir(fds) if names(fd)]

        sp.eventually(lambda: len(volumes()) == 1, "old volumes are closed")
        self.assertEqual(self.album.get("kept"), LARGE)


class AllLoops(album.TestCase):
    ARGS = ("--compact-min", "20000", "--compact-percent", "10", "-n", "4")
    KEYS = 8

    def read(self, errors):
        """A photo is all of one byte, and as long as that byte says."""
        connection = self.album.connect()
        number = 0
        while not self.stopping.is_set():
            number += 1
            path = "/photos" if number % 10 == 0 else f"/photo/{number % self.KEYS}"
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            whole = number % 10 == 0 or body == bytes([body[0]]) * (500 + 100 * body[0])
            if answer.status != 200 or not whole:
                errors.append(f"{path}: {answer.status}, {len(body)} bytes")
        connection.close()

    def test_they_read_while_it_is_written_and_compacted(self):
        self.stopping, errors = threading.Event(), []
        for key in range(self.KEYS):
            self.album.put(str(key), b"\0" * 500)
        readers = [threading.Thread(target=self.read, args=(errors,)) for _ in range(4)]
        for reader in readers:
            reader.start()
        number = 0
        while self.album.stats()["compactions"] < 5:
            number = (number + 1) % 100
            self.album.put(str(number % self.KEYS), bytes([number]) * (500 + 100 * number))
        self.stopping.set()
        for reader in readers:
            reader.join(sp.PATIENCE)
        self.assertEqual(errors, [])
        self.assertEqual(self.album.stats()["damaged"], 0)


class Ending(album.TestCase):
    ARGS = ("--drain-timeout", "0")

    def test_an_end_in_the_middle_of_uploads_loses_nothing_acknowledged(self):
        socks = [self.album.server.connect() for _ in range(30)]
        for i, sock in enumerate(socks):
            sock.sendall(b"PUT /photo/%d HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" % i)
        self.assertEqual(sp.receive_until(socks[0], b"\r\n"), b"HTTP/1.1 201 Created\r\n")
        acknowledged = [0]
        self.album.stop()
        for i, sock in enumerate(socks[1:], 1):
            try:
                if sp.receive_all(sock).startswith(b"HTTP/1.1 201"):
                    acknowledged.append(i)
            except ConnectionError:
                pass  # cut: not acknowledged
        for sock in socks:
            sock.close()
        self.album.start()
        for i in acknowledged:
            self.assertEqual(self.album.get(str(i)), b"abc")


if __name__ == "__main__":
    sp.main()
