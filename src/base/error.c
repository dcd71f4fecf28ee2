/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names and texts of error codes. Shoal's own come from the table in include/shoal/error.h, errno's
 * from the C library, in English and static whatever the locale.
 */
#include <shoal/error.h>

#include <limits.h>
#include <string.h>

/* The positive number behind a code of either sign. */
static int magnitude(int code)
{
    return code >= 0 ? code : code == INT_MIN ? INT_MAX : -code;
}

const char *shoal_strerror(int code)
{
    switch (magnitude(code)) {
    case 0:
        return "no error";
#define SHOAL_ERROR_TEXT(name, value, text) \
    case value:                             \
        return text;
        SHOAL_ERROR_TABLE(SHOAL_ERROR_TEXT)
#undef SHOAL_ERROR_TEXT
    default:;
    }
    const char *text = strerrordesc_np(magnitude(code));
    return text != NULL ? text : "unknown error";
}

const char *shoal_strerrorname(int code)
{
    switch (magnitude(code)) {
#define SHOAL_ERROR_NAME(name, value, text) \
    case value:                             \
        return #name;
        SHOAL_ERROR_TABLE(SHOAL_ERROR_NAME)
#undef SHOAL_ERROR_NAME
    default:;
    }
    const char *name = strerrorname_np(magnitude(code));
    return name != NULL ? name : "EUNKNOWN";
}
