/* SPDX-License-Identifier: BSD-3-Clause */
/* Entity tags, their lists, and the order in which conditions count (RFC 9110 §13.2.2). */
#include "proto/http/conditions.h"

#include "proto/http/http_date.h"

/* What a list of tags says about ours. */
enum match { MATCH_YES, MATCH_NO, MATCH_MALFORMED };

static void skip_blanks(struct shoal_view *text)
{
    while (text->size > 0 && (text->data[0] == ' ' || text->data[0] == '\t'))
        *text = shoal_view(text->data + 1, text->size - 1);
}

/* Takes a tag, quotes included, from the front of *text. False where there is none. */
static bool take_tag(struct shoal_view *text, struct shoal_view *out_tag, bool *out_weak)
{
    *out_weak = text->size >= 2 && memcmp(text->data, "W/", 2) == 0;
    size_t start = *out_weak ? 2 : 0;
    if (text->size <= start || text->data[start] != '"')
        return false;
    const char *open = text->data + start;
    const char *close = memchr(open + 1, '"', text->size - start - 1);
    if (!close)
        return false;
    *out_tag = shoal_view(open, (size_t)(close - open) + 1);
    size_t taken = start + out_tag->size;
    *text = shoal_view(text->data + taken, text->size - taken);
    return true;
}

/* Behind an element: the end, or commas (and empty elements) before the next one. */
static bool skip_separator(struct shoal_view *list)
{
    skip_blanks(list);
    if (list->size == 0)
        return true;
    if (list->data[0] != ',')
        return false;
    while (list->size > 0 &&
           (list->data[0] == ',' || list->data[0] == ' ' || list->data[0] == '\t'))
        *list = shoal_view(list->data + 1, list->size - 1);
    return true;
}

/* The whole list is looked at: one that is malformed behind a match is malformed, too. */
static enum match match_list(struct shoal_view list, struct shoal_view ours, bool weakly)
{
    skip_blanks(&list);
    if (list.size == 1 && list.data[0] == '*')
        return MATCH_YES;
    enum match match = list.size > 0 ? MATCH_NO : MATCH_MALFORMED;
    while (list.size > 0) {
        struct shoal_view tag;
        bool weak;
        if (!take_tag(&list, &tag, &weak) || !skip_separator(&list))
            return MATCH_MALFORMED;
        if ((weakly || !weak) && shoal_view_equal(tag, ours))
            match = MATCH_YES;
    }
    return match;
}

/* If-Match, or without it If-Unmodified-Since. */
static bool fails(const struct shoal__conditions *conditions, const struct shoal__validators *ours)
{
    int64_t date;
    if (conditions->if_match.data)
        return match_list(conditions->if_match, ours->etag, false) == MATCH_NO;
    return conditions->if_unmodified_since.data &&
           shoal__http_date_read(conditions->if_unmodified_since, ours->now, &date) &&
           ours->modified > date;
}

/* If-None-Match, or without it If-Modified-Since. */
static bool has_it(const struct shoal__conditions *conditions, const struct shoal__validators *ours)
{
    int64_t date;
    if (conditions->if_none_match.data)
        return match_list(conditions->if_none_match, ours->etag, true) == MATCH_YES;
    return conditions->if_modified_since.data &&
           shoal__http_date_read(conditions->if_modified_since, ours->now, &date) &&
           ours->modified <= date;
}

enum shoal__verdict shoal__conditions_judge(const struct shoal__conditions *conditions,
                                            const struct shoal__validators *ours)
{
    if (fails(conditions, ours))
        return SHOAL__VERDICT_FAILED;
    return has_it(conditions, ours) ? SHOAL__VERDICT_NOT_MODIFIED : SHOAL__VERDICT_GO_ON;
}

/* A date names one state only where that second had passed when it was given out: what was
 * modified within the last second may be so again. RFC 9110 §8.8.2.2 */
static bool is_date_of(struct shoal_view text, const struct shoal__validators *ours)
{
    int64_t date;
    return shoal__http_date_read(text, ours->now, &date) && date == ours->modified &&
           ours->modified < ours->now - 1;
}

bool shoal__conditions_allow_range(const struct shoal__conditions *conditions,
                                   const struct shoal__validators *ours)
{
    struct shoal_view given = conditions->if_range;
    if (!given.data)
        return true;
    return shoal_view_equal(given, ours->etag) || is_date_of(given, ours);
}
