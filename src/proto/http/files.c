/* SPDX-License-Identifier: BSD-3-Clause */
/* Names, tags and pages. Names in a page come from the disk, where anybody may have chosen them. */
#include "proto/http/files.h"

#include <stdio.h>

#include <shoal/buf.h>

#include "base/utf8.h"

static bool has_odd_byte(struct shoal_view text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < ' ' || byte == 0x7f || byte == '\\')
            return true;
    }
    return false;
}

static bool is_served(struct shoal_view segment)
{
    return segment.size > 0 && segment.data[0] != '.' && segment.data[segment.size - 1] != '~' &&
           !has_odd_byte(segment);
}

bool shoal__file_name_is_served(const char *member)
{
    struct shoal_view name = shoal_view_of(member);
    return is_served(name) && shoal__utf8_is_valid(name);
}

enum shoal__file_name shoal__file_name_judge(const char *path)
{
    if (!shoal__utf8_is_valid(shoal_view_of(path)))
        return SHOAL__FILE_NAME_MALFORMED;
    while (*path) {
        const char *end = path + strcspn(path, "/");
        if (!is_served(shoal_view(path, (size_t)(end - path))))
            return SHOAL__FILE_NAME_NONE;
        if (*end == '\0')
            return SHOAL__FILE_NAME_FILE;
        path = end + 1;
    }
    return SHOAL__FILE_NAME_DIRECTORY;
}

void shoal__file_etag_write(uint64_t inode, uint64_t size, int64_t modified_ns,
                            char out[SHOAL__ETAG_SIZE])
{
    (void)snprintf(out, SHOAL__ETAG_SIZE, "\"%llx-%llx-%llx\"", (unsigned long long)inode,
                   (unsigned long long)size, (unsigned long long)modified_ns);
}

/* Listing */

static const char *html_of(char byte)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static int append(struct shoal_buf *out, const char *text)
{
    return shoal_buf_append(out, text, strlen(text));
}

static int append_html(struct shoal_buf *out, const char *text)
{
    int rc = 0;
    for (; rc == 0 && *text; text++) {
        const char *escaped = html_of(*text);
        rc = escaped ? append(out, escaped) : shoal_buf_append(out, text, 1);
    }
    return rc;
}

static bool is_unreserved(char byte)
{
    char lower = (char)(byte | 0x20);
    return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
           byte == '.' || byte == '_' || byte == '~' || byte == '/';
}

/* As a relative reference. A colon is encoded as well, or "javascript:" would be a scheme. */
static int append_reference(struct shoal_buf *out, const char *name)
{
    int rc = 0;
    for (; rc == 0 && *name; name++) {
        if (is_unreserved(*name))
            rc = shoal_buf_append(out, name, 1);
        else
            rc = shoal_buf_printf(out, "%%%02X", (unsigned)(unsigned char)*name);
    }
    return rc;
}

static int append_entry(struct shoal_buf *out, const char *name)
{
    int rc = append(out, "<li><a href=\"");
    if (rc == 0)
        rc = append_reference(out, name);
    if (rc == 0)
        rc = append(out, "\">");
    if (rc == 0)
        rc = append_html(out, name);
    return rc == 0 ? append(out, "</a></li>\n") : rc;
}

static int append_top(struct shoal_buf *out, const char *path)
{
    int rc = append(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
                         "<title>");
    if (rc == 0)
        rc = append_html(out, path);
    if (rc == 0)
        rc = append(out, "</title></head>\n<body>\n<h1>");
    if (rc == 0)
        rc = append_html(out, path);
    return rc == 0 ? append(out, "</h1>\n<ul>\n") : rc;
}

int shoal__file_listing_write(struct shoal_buf *out, const char *path, char *const *names,
                              size_t count, bool cut)
{
    int rc = append_top(out, path);
    if (rc == 0 && strcmp(path, "/") != 0)
        rc = append(out, "<li><a href=\"../\">../</a></li>\n");
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = append_entry(out, names[i]);
    if (rc == 0)
        rc = append(out, "</ul>\n");
    if (rc == 0 && cut)
        rc = append(out, "<p>There are more.</p>\n");
    return rc == 0 ? append(out, "</body>\n</html>\n") : rc;
}
