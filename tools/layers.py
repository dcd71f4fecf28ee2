# SPDX-License-Identifier: BSD-3-Clause
"""The table of layers (tools/layers.txt) for check-layers and check-link."""
import dataclasses
import fnmatch
import pathlib

TOP = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass
class Room:
    name: str
    archive: str
    rooms: list  # of names: whose headers it may include
    modules: list  # of pkg-config names

    def holds(self, path):
        """Whether a file, relative to src/ and without suffix, is in this room."""
        if '*' in self.name:
            return fnmatch.fnmatch(path, self.name)
        return path.rpartition('/')[0] == self.name

    @property
    def folder(self):
        return self.name.rpartition('/')[0] if '*' in self.name else self.name


@dataclasses.dataclass
class Table:
    rooms: list = dataclasses.field(default_factory=list)
    public: dict = dataclasses.field(default_factory=dict)  # header name -> room name
    modules: dict = dataclasses.field(default_factory=dict)  # header prefix -> module

    def room_of(self, path):
        """The room of a file relative to src/, or None."""
        stem = path.rpartition('.')[0]
        found = [room for room in self.rooms if room.holds(stem)]
        return max(found, key=lambda room: len(room.name), default=None)


def read_table(path=TOP / 'tools' / 'layers.txt'):
    table = Table()
    for line in path.read_text().splitlines():
        words = line.split('#')[0].split()
        if not words:
            continue
        if words[0] == 'public':
            table.public.update({header: words[1] for header in words[2:]})
        elif words[0] == 'module':
            table.modules.update({prefix: words[1] for prefix in words[2:]})
        else:
            allowed = [word for word in words[2:] if word != '-']
            table.rooms.append(Room(
                words[0], words[1],
                [word for word in allowed if word[0] != '<'],
                [word.strip('<>') for word in allowed if word[0] == '<']))
    return table
