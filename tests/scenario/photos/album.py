# SPDX-License-Identifier: BSD-3-Clause
"""A photo store in a folder of its own, and requests to it."""

import http.client
import json
import pathlib
import shutil
import tempfile
import unittest
import urllib.parse

import shoal_program as sp


class Album:
    """A volume in a temporary folder, served by one program at a time."""

    def __init__(self, *args):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="shoal-photos-"))
        self.volume = self.folder / "volume"
        self.args = args
        self.server = None

    def start(self, *more, urls=("tcp://127.0.0.1:0",), **keywords):
        listeners = [word for url in urls for word in ("-l", url)]
        self.server = sp.Shoal("photos", *listeners, "--volume", str(self.volume),
                               *self.args, *more, listens=len(urls), **keywords)
        return self.server

    def stop(self):
        code = self.server.end()
        if code != 0:
            raise AssertionError(f"exit code {code}:\n" + "\n".join(self.server.lines))

    def kill(self):
        self.server.process.kill()
        self.server.process.wait()
        self.server._reader.join(sp.PATIENCE)
        self.server.process.stderr.close()

    def remove(self):
        if self.server and self.server.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.server.port(), timeout=sp.PATIENCE)

    def ask(self, method, path, body=None, **fields):
        """One request on a connection of its own: (status, fields, body)."""
        connection = self.connect()
        try:
            fields = {name.replace("_", "-"): value for name, value in fields.items()}
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def put(self, key, body, **fields):
        return self.ask("PUT", path_of(key), body, **fields)[0]

    def get(self, key):
        status, _, body = self.ask("GET", path_of(key))
        return body if status == 200 else None

    def stats(self):
        return json.loads(self.ask("GET", "/stats")[2])


def path_of(key):
    return "/photo/" + urllib.parse.quote(key)


class TestCase(unittest.TestCase):
    ARGS = ()

    def setUp(self):
        self.album = Album(*self.ARGS)
        self.addCleanup(self.album.remove)
        self.album.start()
