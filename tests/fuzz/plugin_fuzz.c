/* SPDX-License-Identifier: BSD-3-Clause */
/* libFuzzer on protoc-gen-shoal: any request is refused or answered, and all is freed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "generate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Plugin__Request *request = plugin__request__unpack(NULL, size, data);
    if (!request)
        return 0;
    Plugin__Response *response = generate(request);
    for (size_t i = 0; i < response->n_file; i++) {
        if (!strstr(response->file[i]->name, ".shoal."))
            abort();
    }
    response_free(response);
    plugin__request__free_unpacked(request, NULL);
    return 0;
}
