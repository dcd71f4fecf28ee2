/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log lines: built on the stack of whoever has something to say, on any thread, and handed to the
 * application's sink in one piece.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static const char ellipsis[] = "...";
#define ELLIPSIS_SIZE (sizeof ellipsis - 1)

const char *shoal_log_level_name(enum shoal_log_level level)
{
    switch (level) {
    case SHOAL_LOG_ERROR:
        return "error";
    case SHOAL_LOG_WARN:
        return "warn";
    case SHOAL_LOG_INFO:
        return "info";
    case SHOAL_LOG_DEBUG:
        return "debug";
    }
    return "unknown";
}

static bool is_control(unsigned char byte)
{
    return byte < 0x20 || byte == 0x7f;
}

/* The last line of defence: a caller that forgot to escape must not break the log into lines. */
static void blank_controls(char *line)
{
    for (; *line != '\0'; line++) {
        if (is_control((unsigned char)*line))
            *line = '?';
    }
}

/* Ends a line that was cut with "...", not in the middle of a character. */
static void mark_cut(char *line, size_t size)
{
    size_t end = size - 1 - ELLIPSIS_SIZE;
    while (end > 0 && ((unsigned char)line[end] & 0xc0) == 0x80)
        end--;
    memcpy(line + end, ellipsis, sizeof ellipsis);
}

void shoal__log(const struct shoal_log *log, enum shoal_log_level level, const char *format, ...)
{
    if (log == NULL || log->write == NULL || level > log->level)
        return;

    char line[SHOAL__LOG_LINE_BYTES];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (length < 0)
        return;

    if ((size_t)length >= sizeof line)
        mark_cut(line, sizeof line);
    blank_controls(line);
    log->write(log->arg, level, line);
}

/* How many bytes at the front of `text` may stand in a quoted field as they are; 0 where the first
 * byte has to be escaped. */
static size_t plain_size(struct shoal_view text)
{
    size_t size = shoal__utf8_char_size(text);
    unsigned char byte = (unsigned char)text.data[0];
    if (size == 1 && (is_control(byte) || byte == '\\' || byte == '"'))
        return 0;
    if (size == 2 && byte == 0xc2 && (unsigned char)text.data[1] < 0xa0)
        return 0; /* U+0080 to U+009F: to a terminal they are control characters */
    return size;
}

/* Writes the piece at the front of `text`, 4 bytes at most, and how many bytes of it that took. */
static size_t escape_one(char *out, struct shoal_view text, size_t *out_taken)
{
    static const char hex[] = "0123456789abcdef";
    size_t plain = plain_size(text);
    if (plain > 0) {
        memcpy(out, text.data, plain);
        *out_taken = plain;
        return plain;
    }
    unsigned char byte = (unsigned char)text.data[0];
    memcpy(out, (char[]){'\\', 'x', hex[byte >> 4], hex[byte & 15]}, 4);
    *out_taken = 1;
    return 4;
}

size_t shoal__escape(char *out, size_t size, struct shoal_view text)
{
    if (size == 0)
        return 0;

    size_t room = size - 1;
    size_t length = 0;
    size_t cut = 0; /* the last place where "..." still fits behind whole pieces */
    while (text.size > 0) {
        char piece[4];
        size_t taken;
        size_t written = escape_one(piece, text, &taken);
        if (written > room - length)
            break;
        memcpy(out + length, piece, written);
        length += written;
        if (length + ELLIPSIS_SIZE <= room)
            cut = length;
        text = shoal_view_from(text, taken);
    }
    if (text.size > 0 && room >= ELLIPSIS_SIZE) {
        memcpy(out + cut, ellipsis, ELLIPSIS_SIZE);
        length = cut + ELLIPSIS_SIZE;
    }
    out[length] = '\0';
    return length;
}
