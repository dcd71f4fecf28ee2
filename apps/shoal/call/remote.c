/* SPDX-License-Identifier: BSD-3-Clause */
/* The server that is called; see remote.h. */
#include "call/remote.h"

#include <sysexits.h>

#include <shoal/error.h>

#include "call/base64.h"
#include "host.h"
#include "parse.h"

/* The library's URL: tcp://, tls:// or unix:. */
static void translate_url(const char *url, struct bytes *out)
{
    static const struct {
        const char *ours, *theirs;
    } schemes[] = {{"grpcs://", "tls://"},
                   {"grpc://", "tcp://"},
                   {"https://", "tls://"},
                   {"http://", "tcp://"},
                   {"h2c://", "tcp://"}};
    struct shoal_view rest = shoal_view_of(url);
    const char *scheme = "";
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]) && !*scheme; i++) {
        if (take_text(&rest, schemes[i].ours))
            scheme = schemes[i].theirs;
    }
    if (*scheme && rest.size > 0 && rest.data[rest.size - 1] == '/')
        rest.size--;
    if (!*scheme && !strstr(url, "://") && strncmp(url, "unix:", 5) != 0)
        scheme = "tcp://";
    bytes_text(out, scheme);
    bytes_add(out, rest.data, rest.size);
    bytes_add(out, "", 1);
}

/* Metadata, from "Name: value" */

static void lower_name(struct shoal_view name, struct bytes *out)
{
    for (size_t i = 0; i < name.size; i++) {
        char letter = name.data[i];
        letter = (char)(letter >= 'A' && letter <= 'Z' ? letter + 32 : letter);
        bytes_add(out, &letter, 1);
    }
    bytes_add(out, "", 1);
}

static bool is_binary(const char *name)
{
    size_t size = strlen(name);
    return size >= 4 && strcmp(name + size - 4, "-bin") == 0;
}

static int add_pair(struct remote *remote, const char *header)
{
    struct bytes *name = &remote->owned[2 * remote->pair_count];
    struct bytes *value = name + 1;
    struct shoal_view rest = shoal_view_of(header);
    lower_name(take_until(&rest, ':'), name);
    rest = trim(rest);
    if (name->failed)
        return host_fail(remote->options, EX_OSERR, "out of memory");
    if (!is_binary(name->data))
        bytes_add(value, rest.data, rest.size);
    else if (!base64_decode(value, rest))
        return host_fail(remote->options, EX_USAGE,
                         "the value of '%s' is not base64, as that of a name in '-bin' has to be",
                         name->data);
    remote->pairs[remote->pair_count++] = (struct shoal_grpc_pair){name->data, bytes_view(value)};
    return 0;
}

static int add_pairs(struct remote *remote)
{
    for (size_t i = 0; i < remote->options->header_count; i++) {
        int code = add_pair(remote, remote->options->headers[i]);
        if (code != 0)
            return code;
    }
    return 0;
}

/* The client */

static int open_failed(const struct remote *remote, int rc)
{
    const char *advice = "";
    if (rc == -SHOAL_EURL)
        advice = "; expected HOST:PORT, http://HOST:PORT, https://HOST:PORT or unix:PATH";
    else if (rc == -SHOAL_ECERT)
        advice = "; see what --cacert, --cert and --key name";
    return host_fail(remote->options, host_exit_code(rc), "cannot call %s: %s (%s)%s", remote->url,
                     shoal_strerror(rc), shoal_strerrorname(rc), advice);
}

static int open_client(struct remote *remote)
{
    const struct options *options = remote->options;
    struct bytes url = {0};
    struct shoal_grpc_channel_cfg cfg = SHOAL_GRPC_CHANNEL_CFG_INIT;
    translate_url(remote->url, &url);
    if (url.failed)
        return host_fail(options, EX_OSERR, "out of memory");
    cfg.authority = options->authority;
    cfg.user_agent = "shoal-call";
    cfg.ca_file = options->ca_file;
    cfg.cert_file = options->cert_file;
    cfg.key_file = options->key_file;
    cfg.no_verify = options->insecure;
    cfg.max_reply = (uint32_t)options->max_reply;
    remote->by_tls = strncmp(url.data, "tls://", 6) == 0;
    int rc = shoal_grpc_client_open(url.data, &cfg, &remote->client);
    bytes_fini(&url);
    return rc < 0 ? open_failed(remote, rc) : 0;
}

int remote_open(struct remote *remote, const struct options *options, const char *url)
{
    *remote = (struct remote){.options = options, .url = url};
    if (!options->cert_file != !options->key_file)
        return host_fail(options, EX_USAGE, "--cert and --key belong together: one is missing");
    int code = add_pairs(remote);
    return code == 0 ? open_client(remote) : code;
}

void remote_close(struct remote *remote)
{
    (void)shoal_grpc_client_close(&remote->client);
    for (size_t i = 0; i < sizeof(remote->owned) / sizeof(remote->owned[0]); i++)
        bytes_fini(&remote->owned[i]);
}

int remote_begin(struct remote *remote, const char *path, enum shoal_grpc_kind kind,
                 const struct shoal_view *request, struct shoal_grpc_talk **out_talk)
{
    struct shoal_rpc_cfg cfg = {
        .method = path,
        .kind = kind,
        .request = request,
        .deadline_ms = remote->options->deadline_ms,
        .encoding = remote->options->compress ? SHOAL_GRPC_GZIP : SHOAL_GRPC_IDENTITY,
        .metadata = remote->pairs,
        .metadata_count = remote->pair_count,
    };
    int rc = shoal_grpc_talk_begin(remote->client, &cfg, out_talk);
    if (rc == -SHOAL_EINVAL)
        return host_fail(remote->options, EX_USAGE,
                         "a field given with -H cannot be sent as metadata");
    if (rc < 0)
        return host_fail(remote->options, host_exit_code(rc), "cannot call %s of %s: %s", path,
                         remote->url, shoal_strerror(rc));
    return 0;
}

const char *remote_advice(const struct remote *remote)
{
    return remote->by_tls ? "; is it up, and trusted? --cacert names who vouches for it"
                          : "; is it up, and without TLS? https:// is with it";
}
