/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: a head that two readers could take differently is refused. The heads
 * are taken apart in place as libmicrohttpd 0.9.75 does it; that it really does
 * so, tests/e2e/smuggling.sh shows. */
#include "api/strict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A head and the bytes that it points into. */
struct taken {
    char bytes[STRICT_HEAD_BYTES_MAX + 1024];
    char target[256];
    struct strict_head head;
};

/* One line, CRLF or bare LF overwritten by NULs; *at moves behind it. */
static char *take_line(char **at)
{
    char *line = *at;
    char *end = strchr(line, '\n');
    assert_non_null(end);
    *at = end + 1;
    *end = '\0';
    if (end > line && end[-1] == '\r') {
        end[-1] = '\0';
    }
    return line;
}

static void take_field(struct strict_head *head, char *line)
{
    char *colon = strchr(line, ':');
    assert_non_null(colon);
    *colon = '\0';
    const char *value = colon + 1 + strspn(colon + 1, " \t");
    assert_true(head->field_count < STRICT_FIELDS_MAX);
    head->fields[head->field_count++] =
        (struct strict_field){.name = line,
                              .name_length = strlen(line),
                              .value = value,
                              .value_length = strlen(value)};
}

/* `raw` without NULs; @ stands for one, put in afterwards. */
static enum status check(const char *raw, struct strict_body *body,
                         struct error *err)
{
    static struct taken taken;
    taken = (struct taken){.head = {0}};
    size_t length = strlen(raw);
    assert_true(length < sizeof taken.bytes);
    memcpy(taken.bytes, raw, length + 1);
    char *at = taken.bytes;
    char *line = take_line(&at);
    char *target = strchr(line, ' ');
    char *version = strrchr(line, ' ');
    assert_true(target != NULL && version > target);
    *target = '\0';
    target += 1 + strspn(target + 1, " "); /* it skips more blanks */
    *version = '\0';
    taken.head.method = line;
    taken.head.target_at = target;
    taken.head.version = version + 1;
    (void)snprintf(taken.target, sizeof taken.target, "%.*s",
                   (int)strcspn(target, "@"), target);
    taken.head.target = taken.target;
    for (line = take_line(&at); line[0] != '\0'; line = take_line(&at)) {
        char *nul = strchr(line, '@');
        if (nul != NULL) {
            *nul = '\0';
        }
        take_field(&taken.head, line);
    }
    taken.head.size = (size_t)(at - taken.bytes);
    return strict_check(&taken.head, body, err);
}

static void accepts(const char *raw)
{
    struct strict_body body;
    struct error err = {0};
    if (check(raw, &body, &err) != STATUS_OK) {
        fail_msg("refused: %s\n%s", err.text, raw);
    }
}

static void refuses(const char *raw, const char *code)
{
    struct strict_body body;
    struct error err = {0};
    if (check(raw, &body, &err) == STATUS_OK) {
        fail_msg("accepted: %s", raw);
    }
    assert_string_equal(err.code, code);
}

#define LINE "POST /v1/x?a=b HTTP/1.1\r\n"
#define HOST "Host: example.org\r\n"

static void test_proper_heads(void **state)
{
    (void)state;
    accepts(LINE HOST "\r\n");
    accepts("GET / HTTP/1.0\r\n\r\n");
    accepts(LINE HOST "Content-Length: 0\r\n\r\n");
    accepts(LINE HOST "Content-Length: 9223372036854775807\r\n\r\n");
    accepts(LINE HOST "transfer-encoding: CHUNKED\r\n\r\n");
    accepts(LINE HOST "X:\r\nY: \r\nZ: a  b \r\n\r\n");
    accepts(LINE HOST "X-a.b!#$%&'*+^_`|~1: \xc3\xa9\t\r\n\r\n");
    accepts(LINE HOST "Range: bytes=0-\r\nAuthorization: Bearer x\r\n\r\n");
    accepts(LINE HOST "Cookie: a=b; c=d\r\nAccept: a\r\nAccept: b\r\n\r\n");
}

static void test_framing(void **state)
{
    (void)state;
    struct strict_body body;
    struct error err;
    assert_int_equal(check(LINE HOST "\r\n", &body, &err), STATUS_OK);
    assert_false(body.announced);
    assert_int_equal(check(LINE HOST "Content-Length: 12\r\nExpect: "
                                     "100-Continue\r\n\r\n",
                           &body, &err),
                     STATUS_OK);
    assert_true(body.announced);
    assert_false(body.chunked);
    assert_int_equal(body.length, 12);
    assert_true(body.expects_continue);
    assert_int_equal(
        check(LINE HOST "Transfer-Encoding: chunked\r\n\r\n", &body, &err),
        STATUS_OK);
    assert_true(body.announced);
    assert_true(body.chunked);
}

/* RFC 9112 §6.3: these decide where the next request begins. */
static void test_ambiguous_lengths(void **state)
{
    (void)state;
    static const char *const bad[] = {
        LINE HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        LINE HOST "Content-Length: 4\r\nContent-Length: 4\r\n\r\n",
        LINE HOST "Content-Length: 4\r\ncontent-length: 0\r\n\r\n",
        LINE HOST "Content-Length : 4\r\n\r\n",
        LINE HOST " Content-Length: 4\r\n\r\n",
        LINE HOST "Content-Length: -1\r\n\r\n",
        LINE HOST "Content-Length: +4\r\n\r\n",
        LINE HOST "Content-Length: 4, 4\r\n\r\n",
        LINE HOST "Content-Length: 0x4\r\n\r\n",
        LINE HOST "Content-Length:\r\n\r\n",
        LINE HOST "Content-Length: 9223372036854775808\r\n\r\n",
        LINE HOST "Content-Length: 18446744073709551620\r\n\r\n",
        LINE HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuses(bad[i], "bad_request");
    }
    refuses(LINE HOST "Transfer-Encoding: gzip, chunked\r\n\r\n",
            "unsupported_transfer");
    refuses(LINE HOST "Transfer-Encoding: identity\r\n\r\n",
            "unsupported_transfer");
    refuses(LINE HOST "Transfer-Encoding: xchunked\r\n\r\n",
            "unsupported_transfer");
}

static void test_lines(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "POST /v1/x HTTP/1.1\n" HOST "\r\n",     /* bare LF, first */
        LINE "Host: a\nX: b\r\n\r\n",            /* in the middle */
        LINE "Host: a\n\r\n",                    /* before the end */
        LINE HOST "\n",                          /* the end */
        LINE HOST "X: a@b\r\n\r\n",              /* NUL in a value */
        LINE "Host: a@\r\n\r\n",                 /* at its end */
        "POST /v1/x@y HTTP/1.1\r\n" HOST "\r\n", /* in the target */
        "POST /v1/x@HTTP/1.1 HTTP/1.1\r\n" HOST "\r\n",
        "POST  /v1/x HTTP/1.1\r\n" HOST "\r\n", /* two blanks */
        "POST /v1/x y HTTP/1.1\r\n" HOST "\r\n",
        LINE HOST "X: a\rb\r\n\r\n", /* bare CR */
        LINE HOST "X: a\x01\r\n\r\n",
        LINE HOST "X: a\x7f\r\n\r\n",
        LINE HOST "X y: a\r\n\r\n", /* names */
        LINE HOST "X\t: a\r\n\r\n",
        LINE HOST "X(y): a\r\n\r\n",
        LINE HOST ": a\r\n\r\n",
        LINE HOST "\xc3\xa9: a\r\n\r\n",
        "P()ST / HTTP/1.1\r\n" HOST "\r\n", /* methods */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuses(bad[i], "bad_request");
    }
}

/* obs-fold (RFC 9112 §5.2): libmicrohttpd leaves the value as the first line
 * had it, and the next name is not where it should be. */
static void test_folded(void **state)
{
    (void)state;
    char bytes[] = "GET\0/\0HTTP/1.1\0\0Host\0 a\0\0 b\0\0\0";
    struct strict_head head = {.method = bytes,
                               .target_at = bytes + 4,
                               .target = "/",
                               .version = bytes + 6,
                               .size = sizeof bytes - 1,
                               .field_count = 1};
    head.fields[0] = (struct strict_field){bytes + 16, 4, bytes + 22, 1};
    struct strict_body body;
    struct error err = {0};
    assert_int_equal(strict_check(&head, &body, &err), STATUS_INVALID);
    assert_string_equal(err.code, "bad_request");
}

static void test_once(void **state)
{
    (void)state;
    refuses(LINE HOST HOST "\r\n", "bad_request");
    refuses(LINE "\r\n", "bad_request"); /* none: RFC 9112 §3.2 */
    refuses(LINE HOST "Range: bytes=0-1\r\nRange: bytes=0-2\r\n\r\n",
            "bad_request");
    refuses(LINE HOST
            "Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n",
            "bad_request");
    refuses(LINE HOST "Expect: 200-ok\r\n\r\n", "expectation");
}

static void test_size(void **state)
{
    (void)state;
    static char raw[STRICT_HEAD_BYTES_MAX + 100];
    int length = snprintf(raw, sizeof raw, LINE HOST "X: ");
    size_t fill = STRICT_HEAD_BYTES_MAX - (size_t)length - 4;
    memset(raw + length, 'a', fill);
    memcpy(raw + (size_t)length + fill, "\r\n\r\n", 5);
    accepts(raw);
    memcpy(raw + (size_t)length + fill, "a\r\n\r\n", 6);
    refuses(raw, "too_many_headers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proper_heads),
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_ambiguous_lengths),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_folded),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
