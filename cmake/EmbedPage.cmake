# SPDX-License-Identifier: BSD-3-Clause
# cmake -DINPUT=page.html -DOUTPUT=page.c -DNAME=page -P EmbedPage.cmake: a C file with the bytes of
# a page as NAME[] and their number as NAME_size.
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "/* Made from ${NAME}; see EmbedPage.cmake. */
#include <stddef.h>

extern const char ${NAME}[];
extern const size_t ${NAME}_size;

const char ${NAME}[] = {
${bytes}
};
const size_t ${NAME}_size = sizeof(${NAME});
")
