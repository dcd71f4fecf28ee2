# SPDX-License-Identifier: BSD-3-Clause
"""The gallery in headless Chromium: uploads two photos, sees them, deletes one; by keyboard, at a
phone's width, light and dark. Screenshots are read pixel by pixel."""

import struct
import tempfile
import zlib

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys

import album
import shoal_program as sp

RED, BLUE = (200, 30, 40), (30, 60, 200)
PHONE_WIDTH = 360


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def make_png(colour, size=64):
    rows = (b"\0" + bytes(colour) * size) * size
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def paeth(a, b, c):
    p = a + b - c
    return min((a, b, c), key=lambda x: abs(p - x))


def read_png(data):
    """(width, bytes of a pixel, rows) of an 8-bit colour PNG that is not interlaced."""
    width, _, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert depth == 8 and kind in (2, 6)
    channels, body, at = (3 if kind == 2 else 4), b"", 8
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at:at + 8])
        body += data[at + 8:at + 8 + size] if name == b"IDAT" else b""
        at += size + 12
    raw, stride = zlib.decompress(body), width * channels
    rows, above = [], bytearray(stride)
    for start in range(0, len(raw), stride + 1):
        way, row = raw[start], bytearray(raw[start + 1:start + 1 + stride])
        for i in range(stride) if way else ():
            left = row[i - channels] if i >= channels else 0
            corner = above[i - channels] if i >= channels else 0
            guess = (0, left, above[i], (left + above[i]) // 2, paeth(left, above[i], corner))[way]
            row[i] = (row[i] + guess) % 256
        rows.append(row)
        above = row
    return width, channels, rows


def start_browser(profile):
    options = webdriver.ChromeOptions()
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                 "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
                 "--force-device-scale-factor=1", "--window-size=900,700",
                 f"--user-data-dir={profile}"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


class Gallery(album.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = start_browser(cls.enterClassContext(
            tempfile.TemporaryDirectory(prefix="shoal-chromium-")))
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        super().setUp()
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        for name, colour in (("red.png", RED), ("blue fish.png", BLUE)):
            (self.album.folder / name).write_bytes(make_png(colour))

    def open(self):
        self.browser.get(f"http://127.0.0.1:{self.album.server.port()}/")

    def find(self, selector):
        return self.browser.find_elements("css selector", selector)

    def names(self):
        return sorted(self.browser.execute_script(
            "return [...document.querySelectorAll('#photos .name')].map(node => node.textContent)"))

    def upload(self):
        paths = [str(self.album.folder / name) for name in ("red.png", "blue fish.png")]
        self.browser.find_element("id", "files").send_keys("\n".join(paths))
        sp.eventually(lambda: len(self.find("#photos li")) == 2, "two photos")
        sp.eventually(self.all_loaded, "thumbnails")

    def delete(self, name):
        """The first press asks, the second deletes."""
        self.find(f"button[aria-label='Delete {name}']")[0].click()
        self.assertIn(name, self.names())
        self.find(f"button[aria-label='Press again to delete {name}']")[0].click()

    def all_loaded(self):
        return self.browser.execute_script(
            "return [...document.images].every(image => image.complete && image.naturalWidth)")

    def centre_colours(self):
        """What the screenshot shows in the middle of every thumbnail, by its name."""
        places = self.browser.execute_script(
            "return [...document.images].map(image => { const box = image.getBoundingClientRect();"
            "return [image.alt, box.x + box.width / 2, box.y + box.height / 2]; })")
        _, channels, rows = read_png(self.browser.get_screenshot_as_png())
        return {name: tuple(rows[int(y)][int(x) * channels:int(x) * channels + 3])
                for name, x, y in places}

    def test_two_photos_are_uploaded_seen_and_one_deleted(self):
        self.open()
        sp.eventually(lambda: self.find("#empty")[0].is_displayed(), "the empty gallery")
        self.upload()
        self.assertEqual(self.names(), ["blue fish.png", "red.png"])
        self.assertEqual(self.centre_colours(), {"red.png": RED, "blue fish.png": BLUE})
        self.assertEqual(self.album.get("red.png"), make_png(RED))
        self.delete("red.png")
        sp.eventually(lambda: self.names() == ["blue fish.png"], "one photo")
        self.assertIsNone(self.album.get("red.png"))
        self.browser.refresh()
        sp.eventually(lambda: self.names() == ["blue fish.png"], "one photo after a reload")
        sp.eventually(self.all_loaded, "the thumbnail")
        self.assertEqual(self.centre_colours(), {"blue fish.png": BLUE})

    def test_files_that_are_dropped_are_uploaded(self):
        self.open()
        self.browser.execute_script(
            "const held = new DataTransfer();"
            "held.items.add(new File(['not a picture'], 'dropped.txt', {type: 'text/plain'}));"
            "document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: held, bubbles: true}));")
        sp.eventually(lambda: self.names() == ["dropped.txt"], "the dropped file")
        self.assertEqual(self.album.get("dropped.txt"), b"not a picture")

    def test_a_drop_shows_its_progress(self):
        self.open()
        self.browser.execute_cdp_cmd("Network.enable", {})
        self.slow_down(200_000)
        self.browser.execute_script("""
            const held = new DataTransfer();
            held.items.add(new File([new Uint8Array(3000000)], 'slow.bin'));
            document.body.dispatchEvent(new DragEvent('dragover', {dataTransfer: held, bubbles: true}));
            window.sawOver = document.body.classList.contains('over');
            document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: held, bubbles: true}));""")
        self.assertTrue(self.browser.execute_script("return window.sawOver"))
        sp.eventually(lambda: self.browser.execute_script(
            "const bar = document.querySelector('#sending progress');"
            "return bar && bar.value > 0 && bar.value < 1;"), "progress in the middle")
        self.slow_down(-1)
        sp.eventually(lambda: self.names() == ["slow.bin"], "the end of the upload")
        self.assertEqual(self.find("#sending progress"), [])
        self.assertEqual(len(self.album.get("slow.bin")), 3_000_000)

    def slow_down(self, bytes_a_second):
        self.browser.execute_cdp_cmd("Network.emulateNetworkConditions", {
            "offline": False, "latency": 0, "downloadThroughput": -1,
            "uploadThroughput": bytes_a_second})

    def test_a_refused_upload_says_why(self):
        self.album.stop()
        self.album.start("--max-photo", "10")
        self.open()
        self.browser.find_element("id", "files").send_keys(str(self.album.folder / "red.png"))
        sp.eventually(lambda: self.find("#sending .bad"), "the refusal")
        self.assertIn("Not uploaded", self.find("#sending .bad")[0].text)

    def test_everything_is_reached_by_keyboard(self):
        self.open()
        self.upload()
        reached = []
        for _ in range(5):
            self.browser.switch_to.active_element.send_keys(Keys.TAB)
            reached.append(self.browser.execute_script(
                "const at = document.activeElement;"
                "return at.getAttribute('aria-label') || at.id || at.getAttribute('href');"))
        self.assertEqual(reached[0], "choose")
        self.assertEqual(sorted(reached[1:]), ["/photo/blue%20fish.png", "/photo/red.png",
                                               "Delete blue fish.png", "Delete red.png"])
        deleted = reached[-1].removeprefix("Delete ")
        for _ in range(2):
            self.browser.switch_to.active_element.send_keys(Keys.ENTER)
        sp.eventually(lambda: deleted not in self.names(), "the deletion")
        focus = self.browser.execute_script("return document.activeElement.tagName")
        self.assertEqual(focus, "BUTTON")

    def test_it_fits_a_phone_and_follows_the_scheme(self):
        self.open()
        self.upload()
        backs = []
        for scheme in ("light", "dark"):
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
                "features": [{"name": "prefers-color-scheme", "value": scheme}]})
            self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
                "width": PHONE_WIDTH, "height": 740, "deviceScaleFactor": 1, "mobile": True})
            width = self.browser.execute_script("return document.documentElement.scrollWidth")
            self.assertLessEqual(width, PHONE_WIDTH)
            backs.append(sum(read_png(self.browser.get_screenshot_as_png())[2][2][:3]))
        self.assertGreater(backs[0], 600)
        self.assertLess(backs[1], 150)

    def test_names_are_text_never_markup(self):
        self.album.put("<img src=x onerror=document.title='bad'>", b"x")
        self.open()
        sp.eventually(lambda: self.names(), "the photo")
        self.assertEqual(self.names(), ["<img src=x onerror=document.title='bad'>"])
        self.assertEqual(self.browser.title, "Photos")


if __name__ == "__main__":
    sp.main()
