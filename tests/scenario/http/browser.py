# SPDX-License-Identifier: BSD-3-Clause
"""shoal http and a headless Chromium: pages, fetch, server-sent events and WebSocket."""

import os
import tempfile
import unittest

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

import shoal_program as sp

FETCH = """
const done = arguments[arguments.length - 1];
const body = 'x'.repeat(300000);
(async () => {
    const greeting = await (await fetch('/hello/browser')).text();
    const echo = await (await fetch('/echo', {method: 'POST', body})).text();
    const missing = (await fetch('/nowhere')).status;
    const many = await Promise.all([...Array(50).keys()].map(
        async i => (await fetch('/hello/' + i)).text()));
    const reader = (await fetch('/bytes/5000000')).body.getReader();
    let bytes = 0;
    for (let part = await reader.read(); !part.done; part = await reader.read())
        bytes += part.value.length;
    return {greeting, echo: echo === body, missing, many, bytes};
})().then(done, error => done({error: String(error)}));
"""

EVENTS = """
const done = arguments[arguments.length - 1];
const source = new EventSource('/events'), seen = [];
source.addEventListener('tick', event => {
    seen.push(Number(event.data));
    if (seen.length === 3) { source.close(); done(seen); }
});
source.onerror = () => { source.close(); done(seen); };
"""

WEBSOCKET = """
const done = arguments[arguments.length - 1];
const socket = new WebSocket(location.origin.replace('http', 'ws') + '/ws');
const seen = [], large = 'y'.repeat(200000);
socket.binaryType = 'arraybuffer';
socket.onopen = () => { socket.send('h\\u00e9llo'); socket.send(large);
                        socket.send(new Uint8Array([0, 255, 7])); };
socket.onmessage = event => {
    seen.push(event.data);
    if (seen.length === 3) socket.close(1000);
};
socket.onclose = event => done({first: seen[0], large: seen[1] === large, code: event.code,
                                bytes: seen[2] && [...new Uint8Array(seen[2])],
                                clean: event.wasClean});
"""


class Browser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = sp.Shoal("http", "-l", "tcp://127.0.0.1:0", "-n", "2")
        cls.profile = tempfile.TemporaryDirectory(prefix="shoal-browser-")
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--no-proxy-server", f"--user-data-dir={cls.profile.name}"):
            options.add_argument(flag)
        os.environ["no_proxy"] = "*"  # the driver is asked by HTTP, too
        cls.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        cls.driver.set_script_timeout(sp.PATIENCE)

    @classmethod
    def tearDownClass(cls):
        cls.driver.quit()
        cls.profile.cleanup()
        assert cls.server.end() == 0, cls.server.lines

    def setUp(self):
        self.driver.get(f"http://127.0.0.1:{self.server.port()}/hello")

    def test_a_page_is_shown(self):
        self.assertIn("Hello, world!", self.driver.page_source)

    def test_fetch(self):
        self.assertEqual(self.driver.execute_async_script(FETCH), {
            "greeting": "Hello, browser!\n", "echo": True, "missing": 404,
            "many": [f"Hello, {i}!\n" for i in range(50)], "bytes": 5_000_000})

    def test_server_sent_events(self):
        ticks = self.driver.execute_async_script(EVENTS)
        self.assertEqual(len(ticks), 3)
        self.assertEqual(ticks, sorted(ticks))

    def test_websocket(self):
        self.assertEqual(self.driver.execute_async_script(WEBSOCKET), {
            "first": "h\u00e9llo", "large": True, "bytes": [0, 255, 7], "code": 1000,
            "clean": True})


if __name__ == "__main__":
    sp.main()
