/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/command.h"
#include "catalog/redis/redirect.h"
#include "catalog/redis/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned slot(const char *key)
{
    return redis_slot_of(key, strlen(key));
}

/* ---- slots: "Redis cluster specification", and the examples of the manual of
 * CLUSTER KEYSLOT ---- */

static void crc_is_the_one_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(redis_crc16("123456789", 9), 0x31C3);
    assert_int_equal(redis_crc16("", 0), 0);
}

static void slots_are_those_of_the_manual(void **state)
{
    (void)state;
    assert_int_equal(slot("somekey"), 11058);
    assert_int_equal(slot("foo{hash_tag}"), 2515);
    assert_int_equal(slot("bar{hash_tag}"), 2515);
    assert_int_equal(slot(""), 0);
}

static void tag_is_what_stands_in_the_first_braces(void **state)
{
    (void)state;
    assert_int_equal(slot("{user1000}.following"), slot("user1000"));
    assert_int_equal(slot("{user1000}.followers"), slot("user1000"));
    assert_int_equal(slot("foo{{bar}}zap"), slot("{bar"));
    assert_int_equal(slot("foo{bar}{zap}"), slot("bar"));
    assert_int_equal(slot("{a:acc_1}:track:trk_2"), slot("a:acc_1"));
}

/* Empty or open braces are no tag: the whole key counts. */
static void empty_tag_is_none(void **state)
{
    (void)state;
    static const char *const keys[] = {"foo{}{bar}", "{}bar", "foo{bar",
                                       "foo}bar{", "}{"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_int_equal(slot(keys[i]),
                         redis_crc16(keys[i], strlen(keys[i])) % 16384);
    }
}

/* The bytes decide, zero bytes among them. */
static void keys_are_bytes(void **state)
{
    (void)state;
    assert_int_equal(redis_slot_of("\0{a}\0", 5), slot("a"));
    assert_int_not_equal(redis_slot_of("a\0b", 3), slot("a"));
}

/* ---- the key of a command ---- */

static size_t fill(struct redis_arg *args, const char *const *words)
{
    size_t count = 0;
    for (; words[count] != NULL; count++) {
        args[count] = redis_text(words[count]);
    }
    return count;
}
#define KEY_OF(...) key_of((const char *const[]){__VA_ARGS__, NULL})

static const char *key_of(const char *const *words)
{
    struct redis_arg args[16];
    size_t count = fill(args, words);
    size_t at = redis_command_key(args, count);
    return at == 0 ? "" : words[at];
}

static void key_of_each_kind_of_command_is_found(void **state)
{
    (void)state;
    assert_string_equal(KEY_OF("GET", "k"), "k");
    assert_string_equal(KEY_OF("HSET", "k", "f", "v"), "k");
    assert_string_equal(KEY_OF("DEL", "k"), "k");
    assert_string_equal(KEY_OF("XGROUP", "CREATE", "k", "g", "0"), "k");
    assert_string_equal(KEY_OF("XREADGROUP", "GROUP", "g", "c", "COUNT", "1",
                               "BLOCK", "5", "STREAMS", "k", ">"),
                        "k");
    assert_string_equal(KEY_OF("EVALSHA", "abc", "2", "k", "l", "arg"), "k");
    assert_string_equal(KEY_OF("EVAL", "return 1", "0", "arg"), "");
    assert_string_equal(KEY_OF("PING"), "");
    assert_string_equal(KEY_OF("SCRIPT", "LOAD", "return 1"), "");
    assert_string_equal(KEY_OF("SUBSCRIBE", "changed"), "");
}

/* Does looking for its key end the process? */
static bool ends(const char *const *words)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit no_core = {0};
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGABRT, SIG_DFL);
        (void)close(STDERR_FILENO);
        struct redis_arg args[16];
        size_t count = fill(args, words);
        (void)redis_command_key(args, count);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}
#define ENDS(...) ends((const char *const[]){__VA_ARGS__, NULL})

static void command_that_a_cluster_cannot_route_is_a_bug(void **state)
{
    (void)state;
    assert_false(ENDS("GET", "k"));
    assert_true(ENDS("NOSUCH", "k"));
    assert_true(ENDS("GET"));
    assert_true(ENDS("DEL", "k", "l"));
    assert_true(ENDS("EXISTS", "k", "l"));
    assert_true(ENDS("UNLINK", "k", "l"));
    assert_true(ENDS("EVAL", "return 1", "1"));
    assert_true(ENDS("XREADGROUP", "GROUP", "g", "c", "STREAMS"));
    assert_true(
        ENDS("XREADGROUP", "GROUP", "g", "c", "STREAMS", "k", "l", ">", ">"));
}

static uint32_t blocks_of(const char *const *words)
{
    struct redis_arg args[16];
    size_t count = fill(args, words);
    return redis_command_blocks_ms(args, count);
}
#define BLOCKS_OF(...) blocks_of((const char *const[]){__VA_ARGS__, NULL})

static void time_of_blocking_commands_is_read(void **state)
{
    (void)state;
    assert_int_equal(BLOCKS_OF("GET", "BLOCK"), 0);
    assert_int_equal(BLOCKS_OF("XREAD", "BLOCK", "250", "STREAMS", "k", "$"),
                     250);
    assert_int_equal(BLOCKS_OF("XREADGROUP", "GROUP", "g", "c", "COUNT", "1",
                               "BLOCK", "7", "STREAMS", "k", ">"),
                     7);
    assert_int_equal(BLOCKS_OF("XREAD", "STREAMS", "BLOCK", "9"), 0);
}

/* ---- where a node sends us ---- */

static void assert_redirect(const char *reply, enum redirect_kind kind,
                            unsigned slot_number, const char *host,
                            unsigned port)
{
    struct redirect way;
    redirect_read(&way, reply);
    assert_int_equal(way.kind, kind);
    assert_int_equal(way.slot, slot_number);
    assert_string_equal(way.host, host);
    assert_int_equal(way.port, port);
}

/* As redis-server 7.0.15 words them (cluster.c, clusterRedirectClient()). */
static void redirections_are_read(void **state)
{
    (void)state;
    assert_redirect("MOVED 3999 127.0.0.1:6381", REDIRECT_MOVED, 3999,
                    "127.0.0.1", 6381);
    assert_redirect("ASK 16383 db-2.example:7000", REDIRECT_ASK, 16383,
                    "db-2.example", 7000);
    assert_redirect("MOVED 0 ::1:6381", REDIRECT_MOVED, 0, "::1", 6381);
    /* cluster-preferred-endpoint-type unknown-endpoint: the same host */
    assert_redirect("MOVED 1 :6381", REDIRECT_MOVED, 1, "", 6381);
}

static void states_that_pass_are_waited_for(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "CLUSTERDOWN The cluster is down",
        "CLUSTERDOWN Hash slot not served",
        "LOADING Redis is loading the dataset in memory",
        "UNBLOCKED force unblock from blocking operation",
    };
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        assert_redirect(replies[i], REDIRECT_LATER, 0, "", 0);
    }
}

static void other_replies_are_no_redirections(void **state)
{
    (void)state;
    static const char *const replies[] = {
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        "CROSSSLOT Keys in request don't hash to the same slot",
        "MOVED",
        "MOVED ",
        "MOVED 1",
        "MOVED 16384 a:1",
        "MOVED x a:1",
        "MOVED 1 a:0",
        "MOVED 1 a:65536",
        "MOVED 1 a:",
        "MOVED 1 a",
        "MOVED 1:2 a",
        "",
    };
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        struct redirect way;
        redirect_read(&way, replies[i]);
        assert_int_equal(way.kind, REDIRECT_NONE);
    }
    struct redirect way;
    redirect_read(&way, NULL);
    assert_int_equal(way.kind, REDIRECT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_is_the_one_of_the_specification),
        cmocka_unit_test(slots_are_those_of_the_manual),
        cmocka_unit_test(tag_is_what_stands_in_the_first_braces),
        cmocka_unit_test(empty_tag_is_none),
        cmocka_unit_test(keys_are_bytes),
        cmocka_unit_test(key_of_each_kind_of_command_is_found),
        cmocka_unit_test(command_that_a_cluster_cannot_route_is_a_bug),
        cmocka_unit_test(time_of_blocking_commands_is_read),
        cmocka_unit_test(redirections_are_read),
        cmocka_unit_test(states_that_pass_are_waited_for),
        cmocka_unit_test(other_replies_are_no_redirections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
