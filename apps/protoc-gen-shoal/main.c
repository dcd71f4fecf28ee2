/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * protoc-gen-shoal: protoc's plugin for gRPC on Shoal. protoc writes a request to its standard
 * input, and reads the files to be made from its standard output.
 */
#include <stdlib.h>

#include "generate.h"
#include "text.h"

enum { FIRST_ROOM = 64 << 10 };

static unsigned char *read_all(FILE *in, size_t *out_size)
{
    size_t room = 0, size = 0;
    unsigned char *bytes = NULL;
    while (!feof(in) && !ferror(in)) {
        if (size == room) {
            room = room > 0 ? 2 * room : FIRST_ROOM;
            bytes = reallocate(bytes, room, 1);
        }
        size += fread(bytes + size, 1, room - size, in);
    }
    if (ferror(in))
        fail("cannot read the request");
    *out_size = size;
    return bytes;
}

static void write_response(const Plugin__Response *response)
{
    size_t size = plugin__response__get_packed_size(response);
    unsigned char *bytes = allocate(size);
    plugin__response__pack(response, bytes);
    if (fwrite(bytes, 1, size, stdout) != size || fflush(stdout) != 0)
        fail("cannot write the response");
    free(bytes);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        fail("run it by protoc: protoc --shoal_out=DIR FILE.proto");

    size_t size;
    unsigned char *bytes = read_all(stdin, &size);
    Plugin__Request *request = plugin__request__unpack(NULL, size, bytes);
    if (!request)
        fail("this is no request of protoc");
    Plugin__Response *response = generate(request);
    write_response(response);

    response_free(response);
    plugin__request__free_unpacked(request, NULL);
    free(bytes);
    return 0;
}
