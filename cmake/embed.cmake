# SPDX-License-Identifier: BSD-3-Clause
# cmake -DFILE=file -DSYMBOL=name -DOUT=file.c -P embed.cmake: the file's bytes as a C array.
file(READ ${FILE} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "#include <stddef.h>\n"
  "extern const unsigned char ${SYMBOL}[];\nextern const size_t ${SYMBOL}_size;\n"
  "const unsigned char ${SYMBOL}[] = {${bytes}};\n"
  "const size_t ${SYMBOL}_size = sizeof(${SYMBOL});\n")
