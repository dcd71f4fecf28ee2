/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of a TLS listener's URL: one allocation, with the strings behind the struct. */
#include "net/tls_query.h"

#include <stdlib.h>
#include <string.h>

#include <shoal/error.h>

/* Owned by its listener; constant once it is parsed. */
struct shoal__tls_query {
    struct shoal_tls_cert *certs;
    size_t cert_count;
    size_t key_count;
    const char *client_ca;
    bool require_client_cert;
    const char **alpn; /* ended by NULL; NULL: none */
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX in place. False for anything that is not two digits, and for %00. */
static bool decode(char *text)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        if (*in == '%') {
            int high = hex_digit(in[1]);
            int low = high < 0 ? -1 : hex_digit(in[2]);
            if (low < 0 || high + low == 0)
                return false;
            *out++ = (char)(high << 4 | low);
            in += 2;
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
    return true;
}

/* Takes one option. NULL, or what is wrong with it. */
static const char *set_option(struct shoal__tls_query *query, char *name, char *value)
{
    if (!value || !*value || !decode(value))
        return "an option of a tls:// URL is NAME=VALUE, with odd characters as %XX";
    if (strcmp(name, "cert") == 0)
        query->certs[query->cert_count++].cert_file = value;
    else if (strcmp(name, "key") == 0)
        query->certs[query->key_count++].key_file = value;
    else if (strcmp(name, "client_ca") == 0 && !query->client_ca)
        query->client_ca = value;
    else if (strcmp(name, "client_cert") == 0 && strcmp(value, "require") == 0)
        query->require_client_cert = true;
    else
        return "unknown option; a tls:// URL takes cert=FILE, key=FILE, client_ca=FILE and "
               "client_cert=require";
    return NULL;
}

static const char *parse_options(struct shoal__tls_query *query, char *text)
{
    char *rest;
    for (char *option = strtok_r(text, "&", &rest); option; option = strtok_r(NULL, "&", &rest)) {
        char *value = strchr(option, '=');
        if (value)
            *value++ = '\0';
        const char *why = set_option(query, option, value);
        if (why)
            return why;
    }
    if (query->cert_count == 0 || query->cert_count != query->key_count)
        return "TLS needs a certificate and its key; write tls://HOST:PORT?cert=FILE&key=FILE";
    if (query->require_client_cert && !query->client_ca)
        return "client_cert=require needs client_ca=FILE, the certificates that clients' are "
               "signed with";
    return NULL;
}

static size_t count_options(struct shoal_view query)
{
    size_t count = 1;
    for (size_t i = 0; i < query.size; i++)
        count += query.data[i] == '&';
    return count;
}

static struct shoal__tls_query *make_query(size_t options, size_t names, size_t bytes)
{
    struct shoal__tls_query *query =
        calloc(1, sizeof(*query) + options * sizeof(struct shoal_tls_cert) +
                      (names + 1) * sizeof(char *) + bytes);
    if (!query)
        return NULL;
    query->certs = (struct shoal_tls_cert *)(query + 1);
    if (names > 0)
        query->alpn = (const char **)(query->certs + options);
    return query;
}

int shoal__tls_query_parse(struct shoal_view query, const char *const *alpn,
                           struct shoal__tls_query **out_query, const char **out_why)
{
    size_t options = count_options(query), names = 0, bytes = query.size + 1;
    for (; alpn && alpn[names]; names++)
        bytes += strlen(alpn[names]) + 1;
    struct shoal__tls_query *self = make_query(options, names, bytes);
    if (!self)
        return -SHOAL_ENOMEM;
    char *text = (char *)((const char **)(self->certs + options) + names + 1);
    char *name = text + query.size + 1;
    for (size_t i = 0; i < names; i++) {
        self->alpn[i] = name;
        name = stpcpy(name, alpn[i]) + 1;
    }
    if (query.size > 0)
        memcpy(text, query.data, query.size);
    const char *why = parse_options(self, text);
    if (why) {
        free(self);
        *out_why = why;
        return -SHOAL_EURL;
    }
    *out_query = self;
    return 0;
}

int shoal__tls_query_open(const struct shoal__tls_query *query, struct shoal_tls **out_tls,
                          char *error, size_t error_size)
{
    struct shoal_tls_cfg cfg = SHOAL_TLS_CFG_INIT;
    cfg.certs = query->certs;
    cfg.cert_count = query->cert_count;
    cfg.alpn = query->alpn;
    cfg.ca_file = query->client_ca;
    cfg.require_client_cert = query->require_client_cert;
    return shoal_tls_create(&cfg, out_tls, error, error_size);
}

void shoal__tls_query_destroy(struct shoal__tls_query **query)
{
    free(*query);
    *query = NULL;
}
