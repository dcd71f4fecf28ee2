/* SPDX-License-Identifier: BSD-3-Clause */
/* Versions: ours, and those of the libraries that are really linked. */
#include <shoal/version.h>

#include <pthread.h>
#include <stdio.h>

#include <event2/event.h>
#include <openssl/crypto.h>

static char libraries[128];
static pthread_once_t libraries_once = PTHREAD_ONCE_INIT;

const char *shoal_version(void)
{
    return SHOAL_VERSION;
}

static void write_libraries(void)
{
    snprintf(libraries, sizeof libraries, "libevent %s, OpenSSL %s", event_get_version(),
             OpenSSL_version(OPENSSL_VERSION_STRING));
}

const char *shoal_version_libraries(void)
{
    pthread_once(&libraries_once, write_libraries);
    return libraries;
}
