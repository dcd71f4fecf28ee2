/* SPDX-License-Identifier: BSD-3-Clause */
/* Sentences about what is wrong; see trouble.h. */
#include "call/trouble.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "parse.h"

enum { MOST_STEPS = 16 }; /* that are shown; the outermost ones give way */

static size_t add(struct trouble *trouble, size_t size, const char *text)
{
    size_t room = TROUBLE_MAX - size;
    int added = snprintf(trouble->text + size, room, "%s", text);
    return added < 0 ? size : (size_t)added < room ? size + (size_t)added : TROUBLE_MAX - 1;
}

static size_t add_step(struct trouble *trouble, size_t size, const struct place *place)
{
    char shown[80];
    char step[96];
    if (place->name)
        snprintf(step, sizeof(step), "%s%s", size > 0 ? "." : "",
                 escape_text(shoal_view_of(place->name), shown, sizeof(shown)));
    else
        snprintf(step, sizeof(step), "[%zu]", place->index);
    return add(trouble, size, step);
}

static size_t add_path(struct trouble *trouble, const struct place *place)
{
    const struct place *steps[MOST_STEPS];
    size_t count = 0;
    for (; place && count < MOST_STEPS; place = place->outer)
        steps[count++] = place;
    size_t size = place ? add(trouble, 0, "...") : 0;
    bool any = count > 0;
    while (count > 0)
        size = add_step(trouble, size, steps[--count]);
    return any ? add(trouble, size, ": ") : size;
}

bool trouble_say(struct trouble *trouble, const struct place *place, const char *format, ...)
{
    if (trouble->text[0] != '\0')
        return false;
    size_t size = add_path(trouble, place);
    va_list args;
    va_start(args, format);
    vsnprintf(trouble->text + size, TROUBLE_MAX - size, format, args);
    va_end(args);
    return false;
}
