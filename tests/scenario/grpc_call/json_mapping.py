# SPDX-License-Identifier: BSD-3-Clause
"""Messages and JSON as protobuf's own implementation has them: random messages of every kind of
field, both ways."""

import json
import os
import random
import subprocess
import sys
import unittest

sys.path.insert(0, os.environ["SHOAL_MESSAGES"])

import cases2_pb2
import cases_pb2
from google.protobuf import json_format, struct_pb2
from google.protobuf.descriptor import FieldDescriptor as Field

import shoal_program as sp

ROUNDS = 40
TYPES = [getattr(cases_pb2, name)
         for name in ("Scalars", "Lists", "Maps", "Tree", "Choice", "Known")]
SEED = 20261121

INTEGERS = {Field.TYPE_INT32: (-2**31, 2**31 - 1), Field.TYPE_INT64: (-2**63, 2**63 - 1),
            Field.TYPE_UINT32: (0, 2**32 - 1), Field.TYPE_UINT64: (0, 2**64 - 1)}
for same, as_this in ((Field.TYPE_SINT32, Field.TYPE_INT32), (Field.TYPE_SFIXED32, Field.TYPE_INT32),
                      (Field.TYPE_SINT64, Field.TYPE_INT64), (Field.TYPE_SFIXED64, Field.TYPE_INT64),
                      (Field.TYPE_FIXED32, Field.TYPE_UINT32),
                      (Field.TYPE_FIXED64, Field.TYPE_UINT64)):
    INTEGERS[same] = INTEGERS[as_this]


class Peer:
    """The program's own conversions."""

    def __init__(self):
        self.process = subprocess.Popen([os.environ["SHOAL_JSON_PEER"]], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, way, message_type, what):
        self.process.stdin.write(f"{way} {message_type.DESCRIPTOR.full_name} {what}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().rstrip("\n")
        if answer.startswith("error"):
            raise AssertionError(f"{answer}: {way} {what}")
        return answer

    def to_json(self, message):
        return self.ask("out", type(message), message.SerializeToString().hex())

    def to_message(self, message_type, text):
        return message_type.FromString(bytes.fromhex(self.ask("in", message_type, text)))

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(sp.PATIENCE)
        self.process.stdout.close()
        return code


class Maker:
    """Random messages."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self):
        letters = "ab\u00e9\u4e16\U0001f41f\"\\\n\t\x01/_"
        return "".join(self.random.choices(letters, k=self.random.randrange(6)))

    def scalar(self, field):
        kind = field.type
        if kind in INTEGERS:
            low, high = INTEGERS[kind]
            return self.random.choice((0, 1, low, high, self.random.randint(low, high)))
        if kind in (Field.TYPE_DOUBLE, Field.TYPE_FLOAT):
            return self.random.choice((0.0, 0.1, -1.5, 1e30, 3.0, float("inf"), float("-inf"),
                                       self.random.uniform(-1e6, 1e6)))
        if kind == Field.TYPE_BOOL:
            return self.random.random() < 0.5
        if kind == Field.TYPE_ENUM:
            return self.random.choice(field.enum_type.values).number
        if kind == Field.TYPE_BYTES:
            return self.random.randbytes(self.random.randrange(6))
        return self.text()

    def loose(self, depth):
        """What JSON can say."""
        kind = self.random.randrange(6 if depth else 4)
        if kind == 4:
            return [self.loose(depth - 1) for _ in range(self.random.randrange(3))]
        if kind == 5:
            return {self.text(): self.loose(depth - 1) for _ in range(self.random.randrange(3))}
        return (None, self.random.random() < 0.5, self.random.uniform(-9, 9), self.text())[kind]

    def fill_known(self, message, depth):
        name = message.DESCRIPTOR.name
        if name == "Timestamp":
            message.seconds = self.random.randint(-62135596800, 253402300799)
            message.nanos = self.random.choice((0, 5, 5000, 5000000, 999999999))
        elif name == "Duration":
            sign = self.random.choice((-1, 1))
            message.seconds = sign * self.random.choice((0, 7, 315575999999))
            message.nanos = sign * self.random.choice((0, 5, 5000, 5000000, 999999999))
        elif name in ("Struct", "Value", "ListValue"):
            json_format.ParseDict({"Struct": {"a": self.loose(depth)}, "Value": self.loose(depth),
                                   "ListValue": [self.loose(depth)]}[name], message)
        elif name == "FieldMask":
            message.paths.extend(self.random.choices(("a", "some_name.part", "b.c"), k=2))
        else:
            inner = self.random.choice(TYPES)() if depth else struct_pb2.Value(number_value=1)
            self.fill(inner, depth - 1)
            message.Pack(inner)

    def fill(self, message, depth):
        known = ("Timestamp", "Duration", "Struct", "Value", "ListValue", "FieldMask", "Any")
        descriptor = message.DESCRIPTOR
        if descriptor.file.package == "google.protobuf" and descriptor.name in known:
            self.fill_known(message, depth)
            return message
        for field in descriptor.fields:
            if self.random.random() < 0.5:
                self.fill_field(message, field, depth)
        return message

    def fill_field(self, message, field, depth):
        if field.message_type and field.message_type.GetOptions().map_entry:
            self.fill_map(getattr(message, field.name), field, depth)
        elif field.message_type and depth <= 0:
            return
        elif field.label == Field.LABEL_REPEATED:
            items = getattr(message, field.name)
            for _ in range(self.random.randrange(4)):
                if field.message_type:
                    self.fill(items.add(), depth - 1)
                else:
                    items.append(self.scalar(field))
        elif field.message_type:
            inner = getattr(message, field.name)
            inner.SetInParent()
            self.fill(inner, depth - 1)
        else:
            setattr(message, field.name, self.scalar(field))

    def fill_map(self, entries, field, depth):
        key = field.message_type.fields_by_name["key"]
        value = field.message_type.fields_by_name["value"]
        for _ in range(self.random.randrange(4)):
            if value.message_type:
                self.fill(entries[self.scalar(key)], max(depth - 1, 0))
            else:
                entries[self.scalar(key)] = self.scalar(value)


class JsonMapping(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.peer = Peer()

    @classmethod
    def tearDownClass(cls):
        assert cls.peer.end() == 0

    @staticmethod
    def each():
        for message_type in TYPES:
            for number in range(ROUNDS):
                maker = Maker(f"{SEED} {message_type.__name__} {number}")
                yield maker.fill(message_type(), 3)

    def require_same(self, got, wanted):
        """Equal; but what is packed in an Any may have its fields in another order."""
        if not isinstance(wanted, cases_pb2.Known):
            self.assertEqual(got, wanted)
        self.assertEqual(json_format.MessageToDict(got), json_format.MessageToDict(wanted))

    def test_messages_become_the_same_json(self):
        for message in self.each():
            ours = self.peer.to_json(message)
            self.assertEqual(json.loads(ours), json_format.MessageToDict(message))

    def test_json_becomes_the_same_message(self):
        for message in self.each():
            for style in ({}, {"preserving_proto_field_name": True},
                          {"use_integers_for_enums": True}):
                text = json_format.MessageToJson(message, indent=None, **style)
                self.require_same(self.peer.to_message(type(message), text), message)

    def test_the_json_that_was_written_means_the_same_to_protobuf(self):
        for message in self.each():
            parsed = json_format.Parse(self.peer.to_json(message), type(message)())
            self.require_same(parsed, message)

    def test_proto2_has_no_json_of_its_own(self):
        old = cases2_pb2.Old(id=0, zero=0, size=cases2_pb2.SMALL, packed=[1, 2], unpacked=[3])
        old.Extensions[cases2_pb2.nickname] = "x"
        old.Extensions[cases2_pb2.Holder.held].weight = 5
        self.assertEqual(json.loads(self.peer.to_json(old)), json_format.MessageToDict(old))
        text = json_format.MessageToJson(old, indent=None)
        self.assertEqual(self.peer.to_message(cases2_pb2.Old, text), old)

    def test_what_protobuf_refuses_is_refused(self):
        for name, text in (("Scalars", '{"anInt32": 1.5}'), ("Scalars", '{"aBool": "true"}'),
                           ("Scalars", '{"aString": 1}'), ("Scalars", '{"nothing": 1}'),
                           ("Scalars", '{"aUint32": -1}'), ("Scalars", '{"aFish": "WHALE"}'),
                           ("Lists", '{"strings": [null]}'), ("Maps", '{"fish": {"1": 1}}'),
                           ("Choice", '{"number": 1, "text": ""}'), ("Known", '{"time": "now"}'),
                           ("Known", '{"span": "1"}'), ("Known", '{"any": {"@type": "a/b.C"}}')):
            message_type = getattr(cases_pb2, name)
            with self.assertRaises(json_format.ParseError, msg=text):
                json_format.Parse(text, message_type())
            with self.assertRaises(AssertionError, msg=text):
                self.peer.to_message(message_type, text)


if __name__ == "__main__":
    sp.main()
