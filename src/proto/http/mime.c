/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of types, and reading another one. Types from outside become values of a field, so
 * only visible ASCII is taken. */
#include "proto/http/mime.h"

#include <stdbool.h>
#include <stdlib.h>

#include <shoal/error.h>

/* Sorted by ending. */
static const struct shoal__mime_entry ours[] = {
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"apk", "application/vnd.android.package-archive"},
    {"atom", "application/atom+xml"},
    {"avi", "video/x-msvideo"},
    {"avif", "image/avif"},
    {"bin", "application/octet-stream"},
    {"bmp", "image/bmp"},
    {"br", "application/octet-stream"},
    {"bz2", "application/x-bzip2"},
    {"c", "text/plain; charset=utf-8"},
    {"cjs", "text/javascript; charset=utf-8"},
    {"conf", "text/plain; charset=utf-8"},
    {"cpp", "text/plain; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"deb", "application/vnd.debian.binary-package"},
    {"diff", "text/plain; charset=utf-8"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"eot", "application/vnd.ms-fontobject"},
    {"eps", "application/postscript"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"geojson", "application/geo+json"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"h", "text/plain; charset=utf-8"},
    {"heic", "image/heic"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/vnd.microsoft.icon"},
    {"ics", "text/calendar; charset=utf-8"},
    {"iso", "application/x-iso9660-image"},
    {"jar", "application/java-archive"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"jsonld", "application/ld+json"},
    {"jxl", "image/jxl"},
    {"log", "text/plain; charset=utf-8"},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"m4a", "audio/mp4"},
    {"map", "application/json"},
    {"md", "text/markdown; charset=utf-8"},
    {"mid", "audio/midi"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mkv", "video/x-matroska"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpd", "application/dash+xml"},
    {"mpeg", "video/mpeg"},
    {"mpg", "video/mpeg"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"ps", "application/postscript"},
    {"py", "text/x-python; charset=utf-8"},
    {"rar", "application/vnd.rar"},
    {"rss", "application/rss+xml"},
    {"rtf", "application/rtf"},
    {"sh", "text/x-shellscript; charset=utf-8"},
    {"svg", "image/svg+xml"},
    {"svgz", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"toml", "application/toml"},
    {"ts", "video/mp2t"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain; charset=utf-8"},
    {"vtt", "text/vtt; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

static const char unknown[] = "application/octet-stream";

static int by_ending(const void *a, const void *b)
{
    const struct shoal__mime_entry *left = a, *right = b;
    return strcmp(left->ending, right->ending);
}

static const char *find(const struct shoal__mime_entry *entries, size_t count, const char *ending)
{
    const struct shoal__mime_entry key = {.ending = ending};
    const struct shoal__mime_entry *found =
        count > 0 ? bsearch(&key, entries, count, sizeof(*entries), by_ending) : NULL;
    return found ? found->type : NULL;
}

static char to_lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

/* The ending in small letters; empty where there is none, or one longer than any that is known. A
 * name that begins with its only dot has none. */
static void ending_of(const char *name, char *out, size_t size)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    const char *dot = strrchr(base, '.');
    size_t length = dot && dot != base ? strlen(dot + 1) : 0;
    if (length >= size)
        length = 0;
    for (size_t i = 0; i < length; i++)
        out[i] = to_lower(dot[1 + i]);
    out[length] = '\0';
}

const char *shoal__mime_type(const struct shoal__mime *mime, const char *name)
{
    char ending[32];
    ending_of(name, ending, sizeof(ending));
    const char *type = find(ours, sizeof(ours) / sizeof(ours[0]), ending);
    if (!type && mime)
        type = find(mime->entries, mime->count, ending);
    return type ? type : unknown;
}

/* Reading */

static bool is_visible(const char *word)
{
    for (; *word; word++) {
        if (*word <= ' ' || *word > '~')
            return false;
    }
    return true;
}

/* The next word of a line, ended by a NUL in place; NULL at the line's end. */
static char *next_word(char **line)
{
    char *word = *line + strspn(*line, " \t\r");
    char *end = word + strcspn(word, " \t\r");
    *line = *end ? end + 1 : end;
    *end = '\0';
    return *word ? word : NULL;
}

static bool add(struct shoal__mime *mime, size_t *room, char *ending, const char *type)
{
    if (mime->count == *room) {
        size_t grown = *room ? *room * 2 : 256;
        void *entries = realloc(mime->entries, grown * sizeof(*mime->entries));
        if (!entries)
            return false;
        mime->entries = entries;
        *room = grown;
    }
    for (char *byte = ending; *byte; byte++)
        *byte = to_lower(*byte);
    mime->entries[mime->count++] = (struct shoal__mime_entry){ending, type};
    return true;
}

static bool read_line(struct shoal__mime *mime, size_t *room, char *line)
{
    line[strcspn(line, "#")] = '\0';
    const char *type = next_word(&line);
    if (!type || !strchr(type, '/') || !is_visible(type))
        return true;
    bool good = true;
    for (char *ending = next_word(&line); good && ending; ending = next_word(&line))
        good = add(mime, room, ending, type);
    return good;
}

int shoal__mime_read(struct shoal__mime *mime, struct shoal_view text)
{
    size_t room = 0;
    mime->text = malloc(text.size + 1);
    bool good = mime->text;
    if (good && text.size > 0)
        memcpy(mime->text, text.data, text.size);
    if (good)
        mime->text[text.size] = '\0';
    for (char *line = mime->text; good && line && *line;) {
        char *end = line + strcspn(line, "\n");
        char *next = *end ? end + 1 : end;
        *end = '\0';
        good = read_line(mime, &room, line);
        line = next;
    }
    if (!good) {
        shoal__mime_fini(mime);
        return -SHOAL_ENOMEM;
    }
    if (mime->count > 0)
        qsort(mime->entries, mime->count, sizeof(*mime->entries), by_ending);
    return 0;
}

void shoal__mime_fini(struct shoal__mime *mime)
{
    free(mime->entries);
    free(mime->text);
    *mime = (struct shoal__mime){0};
}
