# SPDX-License-Identifier: BSD-3-Clause
"""protoc-gen-shoal as protoc runs it: what it makes compiles beside protoc-c's, in C and C++."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import grpc_tools
from google.protobuf.descriptor_pb2 import FileDescriptorSet

import shoal_program as sp

PLUGIN = os.environ["SHOAL_PLUGIN"]
INCLUDE = os.environ["SHOAL_INCLUDE"]
PROTOS = pathlib.Path(__file__).parent / "protos"
WELL_KNOWN = pathlib.Path(grpc_tools.__file__).parent / "_proto"  # google/protobuf/...
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]


def run(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True,
                          timeout=sp.PATIENCE, **more)


class Generating(unittest.TestCase):
    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.work = pathlib.Path(work.name)

    def must(self, *command):
        done = run(*command, cwd=self.work)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()

    def write(self, name, text):
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def generate(self, *files, roots=(".",), messages=()):
        """Generates services of `files`, and messages of these and of others."""
        roots = [f"-I{root}" for root in roots]
        self.must("protoc-c", *roots, "--c_out=.", *files, *messages)
        self.must("protoc", f"--plugin=protoc-gen-shoal={PLUGIN}", *roots, "--shoal_out=.", *files)

    def compile(self, *files):
        """The generated sources, and the headers as a program in C++ has them."""
        for file in files:
            stem = file.removesuffix(".proto")
            self.must("cc", "-std=c17", *WARNINGS, "-Wshadow", f"-I{INCLUDE}", "-I.", "-c", "-o",
                      "made.o", f"{stem}.shoal.c")
            self.write("main.cc", f'#include "{stem}.shoal.h"\nint main() {{}}\n')
            self.must("c++", "-std=c++17", *WARNINGS, f"-I{INCLUDE}", "-I.", "-c", "-o", "made.o",
                      "main.cc")

    def test_names_are_those_of_protoc_c(self):
        files = ["kitchen-v2.proto", "parts/part_1.proto", "plain.proto"]
        self.generate(*files, roots=[PROTOS])
        self.compile(*files)

    def test_messages_may_come_from_imported_files_whose_package_has_another_name_in_c(self):
        self.write("cold_fish.proto", '''
            syntax = "proto3";
            package very.long.package;
            import "protobuf-c/protobuf-c.proto";
            import "google/protobuf/empty.proto";
            option (pb_c_file).c_package = "cf";
            message Fish { message Bone { int32 length = 1; } }
            service Fridge { rpc Open(google.protobuf.Empty) returns (stream Fish.Bone); }
        ''')
        self.write("shop.proto", '''
            syntax = "proto3";
            import "cold_fish.proto";
            service Shop { rpc Sell(very.long.package.Fish) returns (very.long.package.Fish.Bone); }
        ''')
        self.write("nowhere.proto", '''
            syntax = "proto3";
            import "protobuf-c/protobuf-c.proto";
            option (pb_c_file).c_package = "some.where";
            message Thing {}
            service Things { rpc Get(Thing) returns (Thing); }
        ''')
        files = ["cold_fish.proto", "shop.proto", "nowhere.proto"]
        self.generate(*files, roots=[".", WELL_KNOWN, "/usr/include"],
                      messages=["google/protobuf/empty.proto"])
        self.compile(*files)
        header = (self.work / "cold_fish.shoal.h").read_text()
        self.assertIn("struct cf__fridge_handlers", header)

    def test_a_service_without_methods_is_nothing_to_register(self):
        self.write("empty.proto", 'syntax = "proto3"; service Empty {}')
        self.generate("empty.proto")
        self.compile("empty.proto")
        self.assertNotIn("register", (self.work / "empty.shoal.h").read_text())

    def test_a_file_that_protoc_c_leaves_out_is_left_out(self):
        self.write("silent.proto", '''
            syntax = "proto3";
            import "protobuf-c/protobuf-c.proto";
            option (pb_c_file).no_generate = true;
            message Thing {}
            service Things { rpc Get(Thing) returns (Thing); }
        ''')
        self.generate("silent.proto", roots=[".", WELL_KNOWN, "/usr/include"])
        self.assertFalse((self.work / "silent.shoal.h").exists())

    def test_a_method_with_a_handler_of_other_messages_does_not_compile(self):
        self.generate("plain.proto", roots=[PROTOS])
        self.write("main.c", '''
            #include "plain.shoal.h"
            static int twice(struct shoal_grpc_call *call, const Plain *request, REPLY *reply)
            { (void)call; (void)request; (void)reply; return SHOAL_GRPC_OK; }
            const struct plain_service_handlers handlers = {.twice = twice};
        ''')
        command = ["cc", "-std=c17", *WARNINGS, f"-I{INCLUDE}", "-I.", "-c", "main.c"]
        self.must(*command, "-DREPLY=Plain")
        done = run(*command, "-DREPLY=ProtobufCMessage", cwd=self.work)
        self.assertIn(b"incompatible", done.stderr)

    def test_comments_come_along_and_end_no_comment(self):
        self.generate("kitchen-v2.proto", messages=["plain.proto", "parts/part_1.proto"],
                      roots=[PROTOS])
        header = (self.work / "kitchen-v2.shoal.h").read_text()
        self.assertIn('     * GetURL(text) is "text text".\n', header)
        self.assertIn("* / or begin one / *", header)
        self.assertIn("     * list_all(n) is the numbers from 1 to n.\n", header)
        self.assertIn(" returns (parts.v1.Part)\n     * the sum\n", header)
        self.assertIn("Inner.deep_one)\n     * TALK is what is said, once more.\n", header)
        self.assertIn("rpc list_all(parts.v1.Part.Piece) returns (stream Plain)", header)

    def test_reflection_has_what_protoc_says_of_a_file_and_its_imports(self):
        self.must("protoc", f"--plugin=protoc-gen-shoal={PLUGIN}", f"-I{PROTOS}", "--shoal_out=.",
                  "--include_imports", "--descriptor_set_out=set", "kitchen-v2.proto")
        source = (self.work / "kitchen-v2.shoal.c").read_text()
        array = re.search(r"descriptor_set\[\] = \{(.*?)\};", source, re.S).group(1)
        made = bytes(int(byte, 16) for byte in re.findall(r"0x(\w\w)", array))
        self.assertEqual(FileDescriptorSet.FromString(made),
                         FileDescriptorSet.FromString((self.work / "set").read_bytes()))

    def test_optional_fields_of_proto3_are_no_hindrance(self):
        self.write("some.proto", '''
            syntax = "proto3";
            message Some { optional int32 number = 1; }
            service Maybe { rpc Get(Some) returns (Some); }
        ''')
        self.must("protoc", f"--plugin=protoc-gen-shoal={PLUGIN}", "-I.", "--shoal_out=.",
                  "some.proto")

    def test_an_unknown_option_is_an_error_that_protoc_tells(self):
        done = run("protoc", f"--plugin=protoc-gen-shoal={PLUGIN}", f"-I{PROTOS}",
                   f"--shoal_out=fast,cheap:{self.work}", "plain.proto")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b'there is no option "fast', done.stderr)

    def test_what_is_no_request_ends_with_1_and_a_word_why(self):
        for request in (b"\x80", b"\x0a\xff\xff\xff\xff\x0fabc", b"\x7a\x02\x0a\x05", b"hello\n"):
            with self.subTest(request=request):
                done = run(PLUGIN, input=request)
                self.assertEqual((done.returncode, done.stdout), (1, b""))
                self.assertIn(b"protoc-gen-shoal: this is no request of protoc", done.stderr)

    def test_a_file_that_was_not_described_is_an_error(self):
        done = run(PLUGIN, input=b"\x0a\x03x.y")
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"x.y: protoc has not described it", done.stdout)

    def test_a_response_that_cannot_be_written_ends_with_1(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PLUGIN], input=b"\x0a\x03x.y", stdout=full,
                                  stderr=subprocess.PIPE, timeout=sp.PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cannot write the response", done.stderr)

    def test_run_by_hand_it_says_how_it_is_run(self):
        done = run(PLUGIN, "--help")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"run it by protoc", done.stderr)


if __name__ == "__main__":
    sp.main()
