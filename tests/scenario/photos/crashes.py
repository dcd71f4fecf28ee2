# SPDX-License-Identifier: BSD-3-Clause
"""kill -9 at random points: every acknowledged photo is there byte for byte, every deleted one is
gone. SHOAL_CRASHES says how many (40), SHOAL_SEED which.
"""

import itertools
import os
import random
import threading

import album
import shoal_program as sp

CRASHES = int(os.environ.get("SHOAL_CRASHES", 8 if sp.SANITIZED else 40))
SEED = int(os.environ.get("SHOAL_SEED", 0)) or random.randrange(1 << 32)
CLIENTS = 4
KEYS = 6  # of each client


def body_of(number):
    return random.Random(number).randbytes(number * 7919 % 40_000)


class Client(threading.Thread):
    """Writes its own keys until the program dies. `known`: what was acknowledged; `open`: what was
    asked for last and not answered, which may or may not have happened."""

    def __init__(self, store, name, known, numbers, seed):
        super().__init__(daemon=True)
        self.store, self.name, self.known, self.numbers = store, name, known, numbers
        self.random = random.Random(seed)
        self.open = None
        self.wrong = None
        self.answers = 0

    def run(self):
        connection = self.store.connect()
        try:
            while True:
                self.write(connection)
        except (OSError, album.http.client.HTTPException):
            pass  # killed
        finally:
            connection.close()

    def write(self, connection):
        key = f"{self.name}/{self.random.randrange(KEYS)}"
        number = None if self.random.random() < 0.3 else next(self.numbers)
        self.open = (key, number)
        if number is None:
            connection.request("DELETE", album.path_of(key))
        else:
            connection.request("PUT", album.path_of(key), body_of(number))
        answer = connection.getresponse()
        answer.read()
        if answer.status not in (201, 204, 404):
            self.wrong = f"{self.open}: {answer.status}"
        self.known[key] = number
        self.answers += 1
        self.open = None


class Crashes(album.TestCase):
    ARGS = ("--compact-min", "100000", "--compact-percent", "30")

    def test_nothing_acknowledged_is_lost(self):
        print(f"SHOAL_SEED={SEED}")
        chance = random.Random(SEED)
        known = {}
        numbers = itertools.count(1)
        answers = 0
        for crash in range(CRASHES):
            clients = [Client(self.album, str(i), known, numbers, chance.random())
                       for i in range(CLIENTS)]
            for client in clients:
                client.start()
            threading.Event().wait(chance.random() * 0.25)  # the random point
            self.album.kill()
            for client in clients:
                client.join(sp.PATIENCE)
                self.assertIsNone(client.wrong)
                answers += client.answers
            self.album.start()
            self.compare(known, dict(filter(None, (client.open for client in clients))), crash)
        print(f"{answers} acknowledged writes, {CRASHES} crashes")
        self.assertGreater(answers, 5 * CRASHES)

    def compare(self, known, undecided, crash):
        """Reads everything; what was open at the crash is settled by what is there."""
        for key in sorted(set(known) | set(undecided)):
            there = self.album.get(key)
            allowed = [known.get(key)] + ([undecided[key]] if key in undecided else [])
            matching = [number for number in allowed
                        if there == (None if number is None else body_of(number))]
            self.assertTrue(matching, f"crash {crash}, {key}: {there and len(there)} bytes, "
                                      f"expected one of {allowed}")
            known[key] = matching[0]


if __name__ == "__main__":
    sp.main()
