/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static enum status echo(struct redis *redis, const char *text,
                        struct redis_reply **reply, struct error *err)
{
    const struct redis_arg args[] = {redis_text("ECHO"), redis_text(text)};
    return redis_call(redis, reply, args, 2, err);
}

/* Takes the 10 s after which a silent server counts as gone. */
static void
hanging_server_is_unavailable_and_its_answer_not_mixed_up(void **state)
{
    (void)state;
    struct test_redis server;
    test_redis_start(&server);
    struct redis *redis = test_redis_open(&server);
    assert_int_equal(echo(redis, "early", NULL, NULL), STATUS_OK);
    test_redis_pause(&server);
    struct error err = {0};
    struct redis_reply *reply = NULL;
    assert_int_equal(echo(redis, "late", &reply, &err), STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "redis_unavailable");
    assert_non_null(strstr(err.text, "no answer in time"));
    assert_null(reply);
    test_redis_resume(&server);
    assert_int_equal(echo(redis, "own", &reply, NULL), STATUS_OK);
    size_t length = 0;
    assert_string_equal(redis_reply_bytes(reply, &length), "own");
    redis_reply_free(reply);
    redis_close(redis);
    test_redis_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            hanging_server_is_unavailable_and_its_answer_not_mixed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
