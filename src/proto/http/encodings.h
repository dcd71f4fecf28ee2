/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accept-Encoding, RFC 9110 §12.5.3, for the codings in which a file may lie there beside itself.
 */
#ifndef SHOAL_PROTO_HTTP_ENCODINGS_H
#define SHOAL_PROTO_HTTP_ENCODINGS_H

#include <stddef.h>
#include <stdint.h>

#include <shoal/view.h>

/* X(NAME, coding, suffix): in the order of our liking. The file as it is comes last. */
#define SHOAL__ENCODING_TABLE(X) \
    X(BROTLI, "br", ".br")       \
    X(ZSTD, "zstd", ".zst")      \
    X(GZIP, "gzip", ".gz")       \
    X(IDENTITY, "identity", "")

enum shoal__encoding {
#define SHOAL__ENCODING_ENUM(NAME, coding, suffix) SHOAL__ENCODING_##NAME,
    SHOAL__ENCODING_TABLE(SHOAL__ENCODING_ENUM)
#undef SHOAL__ENCODING_ENUM
        SHOAL__ENCODINGS
};

/* "gzip", ".gz". Static. Thread: any. */
const char *shoal__encoding_coding(enum shoal__encoding encoding);
const char *shoal__encoding_suffix(enum shoal__encoding encoding);

/*
 * The one to send, of those whose bit is set in `there` (IDENTITY always is): what the client likes
 * best, and of equals what we do. A field that is absent or malformed asks for IDENTITY, and so
 * does one that accepts nothing: an answer nobody asked for serves better than none.
 * Thread: any.
 */
enum shoal__encoding shoal__encoding_choose(struct shoal_view accept, unsigned there);

#endif
