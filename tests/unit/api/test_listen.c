/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: all loops get one port, nobody shares it unasked, and a wrong address
 * is named. */
#include "api/listen.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { COUNT = 3 };

static unsigned port_of(int fd)
{
    struct sockaddr_in name = {0};
    socklen_t length = sizeof name;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    return ntohs(name.sin_port);
}

static void close_all(const int fds[COUNT])
{
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(close(fds[i]), 0);
    }
}

static void test_one_port(void **state)
{
    (void)state;
    int fds[COUNT];
    char name[LISTEN_NAME_SIZE];
    char wanted[64];
    assert_int_equal(listen_open("127.0.0.1:0", fds, COUNT, name, NULL),
                     STATUS_OK);
    unsigned port = port_of(fds[0]);
    assert_true(port != 0);
    for (int i = 1; i < COUNT; i++) {
        assert_int_equal(port_of(fds[i]), port);
    }
    (void)snprintf(wanted, sizeof wanted, "127.0.0.1:%u", port);
    assert_string_equal(name, wanted);
    close_all(fds);
}

/* SO_REUSEPORT alone would let a second service of the same user in. */
static void test_taken(void **state)
{
    (void)state;
    int fds[COUNT];
    int more[COUNT];
    char name[LISTEN_NAME_SIZE];
    char other[LISTEN_NAME_SIZE];
    struct error err = {0};
    assert_int_equal(listen_open("127.0.0.1:0", fds, COUNT, name, NULL),
                     STATUS_OK);
    assert_int_equal(listen_open(name, more, COUNT, other, &err),
                     STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "port_taken");
    assert_non_null(strstr(err.text, name));
    close_all(fds);
    assert_int_equal(listen_open(name, more, COUNT, other, &err), STATUS_OK);
    close_all(more);
}

static void test_wrong_addresses(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",      "127.0.0.1",        ":80",          "127.0.0.1:",
        "[::1]", "[::1:80",          "::1:80",       "127.0.0.1:x",
        "[]:80", "127.0.0.1:999999", "127.0.0.1:-1", "256.1.1.1:80"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int fds[1];
        char name[LISTEN_NAME_SIZE];
        struct error err = {0};
        if (listen_open(wrong[i], fds, 1, name, &err) != STATUS_INVALID) {
            fail_msg("\"%s\" was taken", wrong[i]);
        }
        assert_string_equal(err.code, "bad_listen");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_port),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_wrong_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
