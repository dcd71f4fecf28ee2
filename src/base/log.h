/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the library speaks to the application's log sink (include/shoal/log.h): one call that builds
 * a line on the stack and hands it over. No memory is allocated and no lock is held.
 */
#ifndef SHOAL_BASE_LOG_H
#define SHOAL_BASE_LOG_H

#include <shoal/log.h>
#include <shoal/view.h>

/* The longest line a sink gets, with its terminating NUL. */
#define SHOAL__LOG_LINE_BYTES 1024

/*
 * Builds one logfmt line and gives it to the sink. A NULL `log`, a NULL sink or a level above the
 * sink's does nothing; a longer line ends in "...". Text of a peer goes through shoal__escape()
 * first; control bytes that come nevertheless are written as '?'.
 * Thread: any; the sink runs on the caller's.
 */
void shoal__log(const struct shoal_log *log, enum shoal_log_level level, const char *format, ...)
    SHOAL_PRINTF(3, 4);

/*
 * Writes `text` to `out` as one harmless piece of a quoted log field: control characters (U+0080
 * to U+009F too), backslash, double quote and bytes that are not UTF-8 become \xHH. Always
 * terminated where `size` > 0; what does not fit is cut between characters and, where there is
 * room, marked with "...". Returns the length written, without the NUL.
 * Thread: any.
 */
size_t shoal__escape(char *out, size_t size, struct shoal_view text);

#endif
