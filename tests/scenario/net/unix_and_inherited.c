/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening on Unix sockets, whose files have modes and outlive us, and on inherited descriptors.
 */
#include "peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <shoal/error.h>

static char directory[] = "/tmp/shoal-XXXXXX";
static char path[64];
static char url[72];

static int make_directory(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/socket", directory);
    snprintf(url, sizeof(url), "unix:%s", path);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static struct shoal_server *make_unix_server(unsigned mode)
{
    struct shoal_listen_cfg cfg = SHOAL_LISTEN_CFG_INIT;
    cfg.unix_mode = mode;
    struct shoal_server_cfg of_server = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_server *server = make_server(&of_server);
    listen_on(server, url, &cfg);
    return server;
}

static mode_t mode_of_file(void)
{
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    return status.st_mode & 07777;
}

/* A socket as a crashed server leaves it behind; with `listens` as a living one has it. */
static int make_socket(int type, bool listens)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    if (listens)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void assert_start_fails(int code, const char *why)
{
    char expected[300];
    struct shoal_server *server = make_unix_server(0);
    snprintf(expected, sizeof(expected), "cannot listen on %s: %s", url, why);
    assert_int_equal(shoal_server_start(server), code);
    assert_string_equal(shoal_server_error(server), expected);
    destroy(&server);
}

static void a_unix_socket_serves(void **state)
{
    (void)state;
    struct shoal_server *server = make_unix_server(0);
    start(server);
    int client = dial_unix(path);
    assert_true(client >= 0);
    assert_true(echoes(client));
    close(client);
    destroy(&server);
}

static void a_unix_socket_is_its_owners_alone_unless_told_otherwise(void **state)
{
    (void)state;
    static const mode_t umasks[] = {0, 022, 077, 0777};
    for (size_t i = 0; i < 4; i++) {
        mode_t old = umask(umasks[i]);
        struct shoal_server *server = make_unix_server(0);
        start(server);
        umask(old);
        assert_int_equal(mode_of_file(), 0600);
        destroy(&server);

        old = umask(umasks[i]);
        server = make_unix_server(0666);
        start(server);
        umask(old);
        assert_int_equal(mode_of_file(), 0666);
        destroy(&server);
    }
}

static void the_file_goes_with_the_server_and_comes_with_the_next_start(void **state)
{
    (void)state;
    struct shoal_server *server = make_unix_server(0);
    for (int i = 0; i < 3; i++) {
        start(server);
        assert_int_equal(access(path, F_OK), 0);
        assert_int_equal(shoal_server_stop(server), 0);
        assert_int_equal(access(path, F_OK), -1);
    }
    destroy(&server);
}

static void a_file_that_has_taken_our_place_is_not_removed(void **state)
{
    (void)state;
    struct shoal_server *server = make_unix_server(0);
    start(server);
    assert_int_equal(unlink(path), 0);
    close(make_socket(SOCK_STREAM, false));
    destroy(&server);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(path), 0);
}

static void a_socket_that_a_dead_server_left_is_replaced(void **state)
{
    (void)state;
    close(make_socket(SOCK_STREAM, true));
    assert_int_equal(access(path, F_OK), 0);
    struct shoal_server *server = make_unix_server(0);
    start(server);
    int client = dial_unix(path);
    assert_true(client >= 0 && echoes(client));
    close(client);
    destroy(&server);
}

static void a_socket_on_which_somebody_listens_is_left_alone(void **state)
{
    (void)state;
    int other = make_socket(SOCK_STREAM, true);
    assert_start_fails(-EADDRINUSE,
                       "Address already in use (EADDRINUSE); another process listens there: stop "
                       "it or take another path");
    int client = dial_unix(path);
    assert_true(client >= 0);
    close(client);
    close(other);
    unlink(path);
}

static void files_of_another_kind_are_left_alone(void **state)
{
    (void)state;
    static const char why[] = "File exists (EEXIST); that file is not a stream socket: remove it "
                              "or take another path";
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(file, "precious", 8), 8);
    close(file);
    assert_start_fails(-EEXIST, why);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 8);
    unlink(path);

    int datagram = make_socket(SOCK_DGRAM, false);
    assert_start_fails(-EEXIST, why);
    assert_int_equal(access(path, F_OK), 0);
    close(datagram);
    unlink(path);

    assert_int_equal(symlink("/nonexistent", path), 0);
    assert_start_fails(-EEXIST, why);
    unlink(path);
}

static void a_path_that_does_not_fit_is_told(void **state)
{
    (void)state;
    char text[200] = "unix:/tmp/";
    memset(text + 10, 'a', 103); /* 108 bytes of path */
    struct shoal_server_cfg cfg = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_server *server = make_server(&cfg);
    listen_on(server, text, NULL);
    assert_int_equal(shoal_server_start(server), -ENAMETOOLONG);
    assert_non_null(strstr(shoal_server_error(server),
                           "a socket's path has at most 107 bytes: take a shorter one"));
    destroy(&server);
}

static void a_directory_that_does_not_exist_is_told(void **state)
{
    (void)state;
    struct shoal_server_cfg cfg = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_server *server = make_server(&cfg);
    listen_on(server, "unix:/nonexistent/socket", NULL);
    assert_int_equal(shoal_server_start(server), -ENOENT);
    assert_string_equal(shoal_server_error(server),
                        "cannot listen on unix:/nonexistent/socket: no such object (ENOENT); its "
                        "directory does not exist: create it");
    destroy(&server);
}

static int listening_socket(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static uint16_t port_of_socket(int fd)
{
    struct sockaddr_in name;
    socklen_t size = sizeof(name);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    return ntohs(name.sin_port);
}

static void assert_inherited_serves(int fd, enum shoal_accept mode, unsigned loops)
{
    char text[32];
    struct shoal_listener *listener;
    snprintf(text, sizeof(text), "fd:%d", fd);
    struct shoal_server *server = serve(loops, mode, text, &listener);
    assert_string_equal(shoal_listener_url(listener), text);
    for (int i = 0; i < 5; i++) {
        int client = dial(port_of_socket(fd));
        assert_true(echoes(client));
        close(client);
    }
    destroy(&server);
}

static void an_inherited_descriptor_serves_and_stays_the_callers(void **state)
{
    (void)state;
    int fd = listening_socket();
    assert_inherited_serves(fd, SHOAL_ACCEPT_DEFAULT, 1);
    assert_inherited_serves(fd, SHOAL_ACCEPT_ROUND_ROBIN, 2);
    assert_inherited_serves(fd, SHOAL_ACCEPT_REUSEPORT, 2);
    int client = dial(port_of_socket(fd)); /* it listens still, for whoever has it next */
    struct sockaddr_in name;
    socklen_t size = sizeof(name);
    int accepted = accept(fd, (struct sockaddr *)&name, &size);
    assert_true(accepted >= 0);
    close(accepted);
    close(client);
    close(fd);
}

static void assert_bad_descriptor(int fd, int code, const char *why)
{
    char text[32];
    char expected[200];
    snprintf(text, sizeof(text), "fd:%d", fd);
    snprintf(expected, sizeof(expected), "cannot listen on %s: %s", text, why);
    struct shoal_server_cfg cfg = server_cfg(1, SHOAL_ACCEPT_DEFAULT);
    struct shoal_server *server = make_server(&cfg);
    listen_on(server, text, NULL);
    assert_int_equal(shoal_server_start(server), code);
    assert_string_equal(shoal_server_error(server), expected);
    destroy(&server);
}

static void a_descriptor_that_is_no_listening_stream_socket_is_told(void **state)
{
    (void)state;
    static const char not_listening[] = "invalid argument (EINVAL); it does not listen: pass a "
                                        "listening stream socket";
    assert_bad_descriptor(19999, -EBADF,
                          "Bad file descriptor (EBADF); no such descriptor is open: pass a "
                          "listening socket");
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_bad_descriptor(file, -ENOTSOCK,
                          "Socket operation on non-socket (ENOTSOCK); it is not a socket: pass a "
                          "listening stream socket");
    close(file);
    int stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_bad_descriptor(stream, -EINVAL, not_listening);
    close(stream);
    int datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_bad_descriptor(datagram, -EINVAL, not_listening);
    close(datagram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unix_socket_serves),
        cmocka_unit_test(a_unix_socket_is_its_owners_alone_unless_told_otherwise),
        cmocka_unit_test(the_file_goes_with_the_server_and_comes_with_the_next_start),
        cmocka_unit_test(a_file_that_has_taken_our_place_is_not_removed),
        cmocka_unit_test(a_socket_that_a_dead_server_left_is_replaced),
        cmocka_unit_test(a_socket_on_which_somebody_listens_is_left_alone),
        cmocka_unit_test(files_of_another_kind_are_left_alone),
        cmocka_unit_test(a_path_that_does_not_fit_is_told),
        cmocka_unit_test(a_directory_that_does_not_exist_is_told),
        cmocka_unit_test(an_inherited_descriptor_serves_and_stays_the_callers),
        cmocka_unit_test(a_descriptor_that_is_no_listening_stream_socket_is_told),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
