/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and URLs: what is printed, what counts as one peer, and what a listener accepts. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <shoal/error.h>

#include "net/address.h"

static struct shoal__address parse(const char *ip, uint16_t port)
{
    struct shoal__address address;
    assert_true(shoal__address_numeric(shoal_view_of(ip), port, &address));
    return address;
}

static void assert_prints(const char *ip, uint16_t port, const char *text)
{
    char out[64];
    struct shoal__address address = parse(ip, port);
    assert_string_equal(shoal__address_print(&address, out, sizeof(out)), text);
}

static void an_ipv4_address_prints_as_dotted_quad_and_port(void **state)
{
    (void)state;
    assert_prints("192.0.2.7", 80, "192.0.2.7:80");
    assert_prints("0.0.0.0", 0, "0.0.0.0:0");
}

static void an_ipv6_address_prints_in_brackets(void **state)
{
    (void)state;
    assert_prints("::1", 443, "[::1]:443");
    assert_prints("2001:db8::a", 65535, "[2001:db8::a]:65535");
    assert_prints("fe80::1%3", 1, "[fe80::1%3]:1");
}

static void an_ipv4_mapped_address_is_ipv4(void **state)
{
    (void)state;
    assert_prints("::ffff:192.0.2.7", 80, "192.0.2.7:80");
    struct shoal__address mapped = parse("::ffff:192.0.2.7", 80);
    struct shoal__address plain = parse("192.0.2.7", 80);
    assert_memory_equal(&mapped, &plain, sizeof(plain));
}

static void a_print_that_does_not_fit_is_cut_and_terminated(void **state)
{
    (void)state;
    char out[8] = "xxxxxxx";
    struct shoal__address address = parse("192.0.2.7", 80);
    assert_string_equal(shoal__address_print(&address, out, sizeof(out)), "192.0.2");
}

static void unix_and_unknown_peers_have_a_name_and_no_sockaddr(void **state)
{
    (void)state;
    char out[16];
    struct sockaddr_storage name;
    struct shoal__address local = {.family = AF_UNIX};
    struct shoal__address none = {.family = AF_UNSPEC};
    assert_string_equal(shoal__address_print(&local, out, sizeof(out)), "unix:");
    assert_string_equal(shoal__address_print(&none, out, sizeof(out)), "unknown");
    assert_int_equal(shoal__address_to(&local, &name), 0);
    assert_int_equal(shoal__address_to(&none, &name), 0);
}

static void a_sockaddr_survives_the_round_trip(void **state)
{
    (void)state;
    static const char *const ips[] = {"192.0.2.7", "2001:db8::a", "fe80::1%3"};
    for (size_t i = 0; i < 3; i++) {
        struct sockaddr_storage name;
        struct shoal__address address = parse(ips[i], 4711);
        socklen_t size = shoal__address_to(&address, &name);
        struct shoal__address again = shoal__address_from((struct sockaddr *)&name, size);
        assert_memory_equal(&again, &address, sizeof(address));
    }
}

static void a_sockaddr_that_is_too_short_is_no_address(void **state)
{
    (void)state;
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct shoal__address address = shoal__address_from((struct sockaddr *)&in, 4);
    assert_int_equal(address.family, AF_UNSPEC);
    assert_int_equal(shoal__address_from((struct sockaddr *)&in, 0).family, AF_UNSPEC);
}

static void assert_same_key(const char *one, const char *other, bool same)
{
    struct shoal__address a = parse(one, 1);
    struct shoal__address b = parse(other, 2);
    assert_int_equal(shoal_view_equal(shoal__address_key(&a), shoal__address_key(&b)), same);
}

static void the_key_is_the_ipv4_address_or_the_ipv6_network(void **state)
{
    (void)state;
    assert_same_key("192.0.2.7", "192.0.2.7", true);
    assert_same_key("192.0.2.7", "192.0.2.8", false);
    assert_same_key("192.0.2.7", "::ffff:192.0.2.7", true);
    assert_same_key("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true);
    assert_same_key("2001:db8:0:1::1", "2001:db8:0:2::1", false);
    struct shoal__address local = {.family = AF_UNIX};
    assert_int_equal(shoal__address_key(&local).size, 0);
}

static void only_whole_numeric_addresses_are_numeric(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "localhost", "1.2.3",    "1.2.3.4.5", "1.2.3.256",
                                      ":::1", "[::1]",     "1.2.3.4 ", "fe80::1%",  "::1%no-such",
                                      "::g",  "0x7f.1",    "%1",       "fe80::1%0"};
    struct shoal__address address = {.port = 99};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(shoal__address_numeric(shoal_view_of(bad[i]), 1, &address));
    assert_int_equal(address.port, 99);
}

static void an_embedded_nul_is_no_part_of_an_address(void **state)
{
    (void)state;
    struct shoal__address address;
    assert_false(shoal__address_numeric(shoal_view("1.2.3.4\0x", 9), 1, &address));
}

static struct shoal__url url_of(const char *text)
{
    struct shoal__url url;
    assert_int_equal(shoal__url_parse(text, &url), 0);
    return url;
}

static void assert_view(struct shoal_view view, const char *text)
{
    assert_int_equal(view.size, strlen(text));
    if (view.size > 0)
        assert_memory_equal(view.data, text, view.size);
}

static void assert_tcp(const char *text, const char *host, uint16_t port, bool ipv6)
{
    struct shoal__url url = url_of(text);
    assert_int_equal(url.scheme, SHOAL__URL_TCP);
    assert_view(url.scheme_text, "tcp");
    assert_view(url.host, host);
    assert_int_equal(url.port, port);
    assert_int_equal(url.ipv6_literal, ipv6);
    assert_view(url.query, "");
}

static void a_tcp_url_has_host_and_port(void **state)
{
    (void)state;
    assert_tcp("tcp://127.0.0.1:5555", "127.0.0.1", 5555, false);
    assert_tcp("tcp://localhost:80", "localhost", 80, false);
    assert_tcp("tcp://a-b.example_1.org:65535", "a-b.example_1.org", 65535, false);
    assert_tcp("tcp://:5555", "", 5555, false);
    assert_tcp("tcp://127.0.0.1:0", "127.0.0.1", 0, false);
    assert_tcp("tcp://[::1]:80", "::1", 80, true);
    assert_tcp("tcp://[::]:0", "::", 0, true);
    assert_tcp("tcp://[fe80::1%1]:80", "fe80::1%1", 80, true);
    assert_tcp("tcp://host9:80", "host9", 80, false);
}

static void a_tls_url_is_recognised(void **state)
{
    (void)state;
    struct shoal__url url = url_of("tls://localhost:443?cert=a.pem&key=b.pem");
    assert_int_equal(url.scheme, SHOAL__URL_TLS);
    assert_view(url.scheme_text, "tls");
    assert_view(url.host, "localhost");
    assert_view(url.query, "cert=a.pem&key=b.pem");
}

static void a_unix_url_has_a_path(void **state)
{
    (void)state;
    assert_view(url_of("unix:/run/a.sock").path, "/run/a.sock");
    assert_view(url_of("unix:a.sock").path, "a.sock");
    assert_view(url_of("unix:///run/a.sock").path, "/run/a.sock");
    assert_view(url_of("unix:a:b").path, "a:b");
    struct shoal__url url = url_of("unix:/run/a.sock?mode=0660");
    assert_int_equal(url.scheme, SHOAL__URL_UNIX);
    assert_view(url.path, "/run/a.sock");
    assert_view(url.query, "mode=0660");
}

static void a_fd_url_has_a_number(void **state)
{
    (void)state;
    struct shoal__url url = url_of("fd:3");
    assert_int_equal(url.scheme, SHOAL__URL_FD);
    assert_int_equal(url.fd, 3);
    assert_int_equal(url_of("fd:2147483647").fd, 2147483647);
}

static void what_is_not_understood_whole_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "tcp",
        "tcp:",
        "tcp://",
        "tcp:/localhost:1",
        "tcp://localhost",
        "tcp://localhost:",
        "tcp://localhost:x",
        "tcp://localhost:-1",
        "tcp://localhost:+1",
        "tcp://localhost: 1",
        "tcp://localhost:65536",
        "tcp://localhost:000080",
        "tcp://localhost:80/",
        "tcp://local host:80",
        "tcp://user@host:80",
        "tcp://a,b:80",
        "tcp://h\xc3\xb6st:80",
        "tcp://::1:80",
        "tcp://[::1]",
        "tcp://[::1]80",
        "tcp://[]:80",
        "tcp://[1.2.3.4]:80",
        "tcp://[localhost]:80",
        "tcp://[::1:80",
        "tcp://::1]:80",
        "tcp://1.2.3:80",
        "tcp://1.2.3.4.5:80",
        "tcp://999.1.1.1:80",
        "tcp://127.1:80",
        "tcp://17:80",
        "TCP://localhost:80",
        " tcp://localhost:80",
        "udp://localhost:80",
        "http://localhost:80",
        "localhost:80",
        "unix:",
        "unix://",
        "unix://run/a.sock",
        "fd:",
        "fd:x",
        "fd:-1",
        "fd:3x",
        "fd:2147483648",
        "fd:99999999999999999999",
        "?",
    };
    struct shoal__url url = {.port = 99};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (shoal__url_parse(bad[i], &url) != -SHOAL_EURL)
            fail_msg("accepted \"%s\"", bad[i]);
    }
    assert_int_equal(url.port, 99);
}

static void a_host_name_has_at_most_253_bytes(void **state)
{
    (void)state;
    struct shoal__url url;
    char text[300] = "tcp://";
    memset(text + 6, 'a', 253);
    strcpy(text + 6 + 253, ":1");
    assert_int_equal(shoal__url_parse(text, &url), 0);
    memset(text + 6, 'a', 254);
    strcpy(text + 6 + 254, ":1");
    assert_int_equal(shoal__url_parse(text, &url), -SHOAL_EURL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ipv4_address_prints_as_dotted_quad_and_port),
        cmocka_unit_test(an_ipv6_address_prints_in_brackets),
        cmocka_unit_test(an_ipv4_mapped_address_is_ipv4),
        cmocka_unit_test(a_print_that_does_not_fit_is_cut_and_terminated),
        cmocka_unit_test(unix_and_unknown_peers_have_a_name_and_no_sockaddr),
        cmocka_unit_test(a_sockaddr_survives_the_round_trip),
        cmocka_unit_test(a_sockaddr_that_is_too_short_is_no_address),
        cmocka_unit_test(the_key_is_the_ipv4_address_or_the_ipv6_network),
        cmocka_unit_test(only_whole_numeric_addresses_are_numeric),
        cmocka_unit_test(an_embedded_nul_is_no_part_of_an_address),
        cmocka_unit_test(a_tcp_url_has_host_and_port),
        cmocka_unit_test(a_tls_url_is_recognised),
        cmocka_unit_test(a_unix_url_has_a_path),
        cmocka_unit_test(a_fd_url_has_a_number),
        cmocka_unit_test(what_is_not_understood_whole_is_refused),
        cmocka_unit_test(a_host_name_has_at_most_253_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
