/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct test_redis server;
static struct redis *redis;

static int setup(void **state)
{
    (void)state;
    test_redis_start(&server);
    redis = test_redis_open(&server);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    redis_close(redis);
    test_redis_stop(&server);
    return 0;
}

static enum status call(struct redis_reply **reply, const char *const *words,
                        size_t count, struct error *err)
{
    struct redis_arg args[8];
    for (size_t i = 0; i < count; i++) {
        args[i] = redis_text(words[i]);
    }
    return redis_call(redis, reply, args, count, err);
}
#define CALL(reply, err, ...)                                                  \
    call(reply, (const char *const[]){__VA_ARGS__},                            \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), err)

static void assert_unavailable(enum status status, const struct error *err)
{
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_string_equal(err->code, "redis_unavailable");
    assert_non_null(strstr(err->text, server.address + strlen("unix:")));
}

static void replies_have_their_types(void **state)
{
    (void)state;
    struct redis_reply *reply = NULL;
    assert_int_equal(CALL(&reply, NULL, "SET", "k", "12"), STATUS_OK);
    assert_int_equal(redis_reply_type(reply), REDIS_TEXT);
    redis_reply_free(reply);
    assert_int_equal(CALL(&reply, NULL, "GET", "k"), STATUS_OK);
    assert_int_equal(redis_reply_integer(reply, -1), 12);
    redis_reply_free(reply);
    assert_int_equal(CALL(&reply, NULL, "INCR", "k"), STATUS_OK);
    assert_int_equal(redis_reply_type(reply), REDIS_INTEGER);
    assert_int_equal(redis_reply_integer(reply, -1), 13);
    redis_reply_free(reply);
    assert_int_equal(CALL(&reply, NULL, "GET", "none"), STATUS_OK);
    assert_int_equal(redis_reply_type(reply), REDIS_NIL);
    assert_int_equal(redis_reply_integer(reply, -1), -1);
    redis_reply_free(reply);
    assert_int_equal(CALL(NULL, NULL, "HSET", "h", "a", "1", "b", ""),
                     STATUS_OK);
    assert_int_equal(CALL(&reply, NULL, "HGETALL", "h"), STATUS_OK);
    assert_int_equal(redis_reply_count(reply), 4);
    assert_int_equal(redis_reply_integer(redis_reply_field(reply, "a"), -1), 1);
    assert_int_equal(redis_reply_integer(redis_reply_field(reply, "b"), -1),
                     -1);
    assert_null(redis_reply_field(reply, "1"));
    assert_int_equal(redis_reply_integer(redis_reply_field(reply, "c"), -1),
                     -1);
    redis_reply_free(reply);
}

static void bytes_come_back_as_they_went(void **state)
{
    (void)state;
    enum { SIZE = 3 * 1024 * 1024 };
    uint8_t *bytes = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)(i * 2654435761U >> 13);
    }
    const struct redis_arg set[] = {redis_text("SET"), redis_text("big"),
                                    redis_bytes(bytes, SIZE)};
    assert_int_equal(redis_call(redis, NULL, set, 3, NULL), STATUS_OK);
    struct redis_reply *reply = NULL;
    assert_int_equal(CALL(&reply, NULL, "GET", "big"), STATUS_OK);
    size_t length = 0;
    const char *back = redis_reply_bytes(reply, &length);
    assert_int_equal(length, SIZE);
    assert_memory_equal(back, bytes, SIZE);
    redis_reply_free(reply);
    free(bytes);
}

static void copies_are_cut_and_say_so(void **state)
{
    (void)state;
    struct redis_reply *reply = NULL;
    char out[4] = "???";
    assert_true(redis_reply_copy(out, sizeof out, NULL));
    assert_string_equal(out, "");
    assert_int_equal(CALL(&reply, NULL, "ECHO", "abc"), STATUS_OK);
    assert_true(redis_reply_copy(out, sizeof out, reply));
    assert_string_equal(out, "abc");
    redis_reply_free(reply);
    assert_int_equal(CALL(&reply, NULL, "ECHO", "abcd"), STATUS_OK);
    assert_false(redis_reply_copy(out, sizeof out, reply));
    assert_string_equal(out, "abc");
    redis_reply_free(reply);
}

static void send_echo(int i)
{
    struct redis_number number;
    const struct redis_arg args[] = {redis_text("ECHO"),
                                     redis_integer(&number, i)};
    assert_int_equal(redis_send(redis, args, 2, NULL), STATUS_OK);
}

static void pipeline_answers_in_order(void **state)
{
    (void)state;
    enum { COUNT = 20000 }; /* more than a socket holds */
    for (int i = 0; i < COUNT; i++) {
        send_echo(i);
    }
    for (int i = 0; i < COUNT; i++) {
        struct redis_reply *reply = NULL;
        assert_int_equal(redis_receive(redis, &reply, NULL), STATUS_OK);
        assert_int_equal(redis_reply_integer(reply, -1), i);
        redis_reply_free(reply);
    }
}

static void failed_pipeline_is_dropped_and_the_next_call_works(void **state)
{
    (void)state;
    send_echo(1);
    send_echo(2);
    send_echo(3);
    struct redis_reply *reply = NULL;
    assert_int_equal(redis_receive(redis, &reply, NULL), STATUS_OK);
    redis_reply_free(reply);
    redis_cancel(redis);
    assert_int_equal(CALL(&reply, NULL, "ECHO", "9"), STATUS_OK);
    assert_int_equal(redis_reply_integer(reply, -1), 9);
    redis_reply_free(reply);

    send_echo(1);
    test_redis_kill(&server);
    struct error err = {0};
    assert_unavailable(redis_receive(redis, &reply, &err), &err);
    assert_null(reply);
    test_redis_restart(&server);
    assert_int_equal(CALL(NULL, NULL, "PING"), STATUS_OK);
}

static void refusal_inside_a_pipeline_drops_the_rest(void **state)
{
    (void)state;
    assert_int_equal(CALL(NULL, NULL, "CONFIG", "SET", "maxmemory", "1"),
                     STATUS_OK);
    const struct redis_arg set[] = {redis_text("SET"), redis_text("k"),
                                    redis_text("v")};
    assert_int_equal(redis_send(redis, set, 3, NULL), STATUS_OK);
    send_echo(1);
    struct error err = {0};
    assert_unavailable(redis_receive(redis, NULL, &err), &err);
    assert_non_null(strstr(err.text, "maxmemory"));
    assert_int_equal(CALL(NULL, NULL, "CONFIG", "SET", "maxmemory", "0"),
                     STATUS_OK);
    assert_int_equal(redis_call(redis, NULL, set, 3, NULL), STATUS_OK);
}

static void restart_between_calls_goes_unseen(void **state)
{
    (void)state;
    assert_int_equal(CALL(NULL, NULL, "SET", "k", "v"), STATUS_OK);
    test_redis_kill(&server);
    test_redis_restart(&server);
    struct redis_reply *reply = NULL;
    assert_int_equal(CALL(&reply, NULL, "GET", "k"), STATUS_OK);
    size_t length = 0;
    assert_string_equal(redis_reply_bytes(reply, &length), "v");
    redis_reply_free(reply);
}

static void gone_server_is_unavailable_until_it_is_back(void **state)
{
    (void)state;
    assert_int_equal(CALL(NULL, NULL, "PING"), STATUS_OK);
    test_redis_kill(&server);
    for (int i = 0; i < 3; i++) {
        struct error err = {0};
        assert_unavailable(CALL(NULL, &err, "PING"), &err);
    }
    test_redis_restart(&server);
    assert_int_equal(CALL(NULL, NULL, "PING"), STATUS_OK);
}

static void server_killed_while_it_answers_is_unavailable(void **state)
{
    (void)state;
    assert_int_equal(CALL(NULL, NULL, "PING"), STATUS_OK);
    test_redis_pause(&server); /* it hangs, so the command is under way */
    send_echo(1);
    test_redis_kill(&server);
    struct error err = {0};
    assert_unavailable(redis_receive(redis, NULL, &err), &err);
    assert_non_null(strstr(err.text, "may or may not"));
    test_redis_restart(&server);
}

static int free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof name;
    assert_int_equal(bind(fd, (struct sockaddr *)&name, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    (void)close(fd);
    return ntohs(name.sin_port);
}

static void tcp_address_chooses_its_database(void **state)
{
    (void)state;
    char port[8];
    char address[64];
    (void)snprintf(port, sizeof port, "%d", free_port());
    assert_int_equal(CALL(NULL, NULL, "CONFIG", "SET", "port", port),
                     STATUS_OK);
    (void)snprintf(address, sizeof address, "redis://127.0.0.1:%s/3", port);
    struct redis *remote = NULL;
    assert_int_equal(redis_open(&remote, address, NULL), STATUS_OK);
    const struct redis_arg set[] = {redis_text("SET"), redis_text("only3"),
                                    redis_text("v")};
    assert_int_equal(redis_call(remote, NULL, set, 3, NULL), STATUS_OK);
    struct redis_reply *reply = NULL;
    assert_int_equal(CALL(&reply, NULL, "EXISTS", "only3"), STATUS_OK);
    assert_int_equal(redis_reply_integer(reply, -1), 0);
    redis_reply_free(reply);
    assert_int_equal(CALL(NULL, NULL, "CONFIG", "SET", "port", "0"), STATUS_OK);
    redis_close(remote);
}

/* A decoder that is started must not get a way to Redis. */
static void no_program_that_is_executed_inherits_the_socket(void **state)
{
    (void)state;
    assert_int_equal(CALL(NULL, NULL, "PING"), STATUS_OK);
    DIR *open_files = opendir("/proc/self/fd");
    assert_non_null(open_files);
    int sockets = 0;
    for (struct dirent *at = NULL; (at = readdir(open_files)) != NULL;) {
        int fd = (int)strtol(at->d_name, NULL, 10);
        struct sockaddr_un peer = {0};
        socklen_t length = sizeof peer;
        if (fd > STDERR_FILENO &&
            getpeername(fd, (struct sockaddr *)&peer, &length) == 0 &&
            peer.sun_family == AF_UNIX && strcmp(peer.sun_path, "s") == 0) {
            sockets++;
            assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        }
    }
    (void)closedir(open_files);
    assert_int_equal(sockets, 1);
}

static const struct redis_script adder = {
    "adder", "redis.call('INCRBY', KEYS[1], ARGV[1]) "
             "return {'value', redis.call('GET', KEYS[1])}"};

static void assert_adder_gives(int expected)
{
    const struct redis_arg key = redis_text("sum");
    const struct redis_arg arg = redis_text("5");
    struct redis_reply *reply = NULL;
    assert_int_equal(
        redis_script_run(redis, &reply, &adder, &key, 1, &arg, 1, NULL),
        STATUS_OK);
    assert_int_equal(redis_reply_integer(redis_reply_at(reply, 1), -1),
                     expected);
    redis_reply_free(reply);
}

static void script_survives_flush_and_restart(void **state)
{
    (void)state;
    assert_int_equal(CALL(NULL, NULL, "DEL", "sum"), STATUS_OK);
    assert_adder_gives(5);
    assert_adder_gives(10);
    assert_int_equal(CALL(NULL, NULL, "SCRIPT", "FLUSH"), STATUS_OK);
    assert_adder_gives(15);
    test_redis_kill(&server);
    test_redis_restart(&server);
    assert_adder_gives(20);
    assert_adder_gives(25);
}

static void script_is_refused_when_memory_is_out(void **state)
{
    (void)state;
    assert_int_equal(CALL(NULL, NULL, "CONFIG", "SET", "maxmemory", "1"),
                     STATUS_OK);
    const struct redis_arg key = redis_text("sum");
    const struct redis_arg arg = redis_text("5");
    struct error err = {0};
    assert_unavailable(
        redis_script_run(redis, NULL, &adder, &key, 1, &arg, 1, &err), &err);
    assert_non_null(strstr(err.text, "script adder"));
    assert_int_equal(CALL(NULL, NULL, "CONFIG", "SET", "maxmemory", "0"),
                     STATUS_OK);
}

static void consumer_group_twice_is_a_conflict(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(
        CALL(NULL, NULL, "XGROUP", "CREATE", "st", "g", "0", "MKSTREAM"),
        STATUS_OK);
    assert_int_equal(
        CALL(NULL, &err, "XGROUP", "CREATE", "st", "g", "0", "MKSTREAM"),
        STATUS_CONFLICT);
    assert_string_equal(err.code, "group_exists");
}

static void blocking_read_waits_its_own_time(void **state)
{
    (void)state;
    struct redis_reply *reply = NULL;
    assert_int_equal(
        CALL(&reply, NULL, "XREAD", "BLOCK", "20", "STREAMS", "nothing", "$"),
        STATUS_OK);
    assert_int_equal(redis_reply_type(reply), REDIS_NIL);
    redis_reply_free(reply);
}

static void publish(const char *text)
{
    struct redis *other = test_redis_open(&server);
    const struct redis_arg args[] = {redis_text("PUBLISH"), redis_text("news"),
                                     redis_text(text)};
    assert_int_equal(redis_call(other, NULL, args, 3, NULL), STATUS_OK);
    redis_close(other);
}

static void assert_hears(struct redis *listener, const char *expected)
{
    struct redis_reply *message = NULL;
    assert_int_equal(redis_listen(listener, "news", 30000, &message, NULL),
                     STATUS_OK);
    assert_non_null(message);
    size_t length = 0;
    assert_string_equal(redis_reply_bytes(message, &length), expected);
    redis_reply_free(message);
}

static void listener_hears_what_is_published(void **state)
{
    (void)state;
    struct redis *listener = test_redis_open(&server);
    struct redis_reply *message = NULL;
    assert_int_equal(redis_listen(listener, "news", 0, &message, NULL),
                     STATUS_OK);
    assert_null(message);
    publish("one");
    publish("two");
    publish("three");
    assert_hears(listener, "one");
    assert_hears(listener, "two");
    assert_hears(listener, "three");
    assert_int_equal(redis_listen(listener, "news", 10, &message, NULL),
                     STATUS_OK);
    assert_null(message);
    redis_close(listener);
}

static void listener_is_told_that_it_missed_something(void **state)
{
    (void)state;
    struct redis *listener = test_redis_open(&server);
    struct redis_reply *message = NULL;
    assert_int_equal(redis_listen(listener, "news", 0, &message, NULL),
                     STATUS_OK);
    test_redis_kill(&server);
    test_redis_restart(&server);
    struct error err = {0};
    assert_unavailable(redis_listen(listener, "news", 1000, &message, &err),
                       &err);
    assert_int_equal(redis_listen(listener, "news", 0, &message, NULL),
                     STATUS_OK);
    publish("again");
    assert_hears(listener, "again");
    redis_close(listener);
}

/* A command that Redis refuses for our mistake ends the process, as assert()
 * does, and names the reason. */
static void mistake_of_ours_aborts_with_the_reply(void **state)
{
    (void)state;
    assert_int_equal(CALL(NULL, NULL, "SET", "text", "v"), STATUS_OK);
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(fds[1], STDERR_FILENO);
        struct redis *own = test_redis_open(&server);
        const struct redis_arg args[] = {redis_text("LPUSH"),
                                         redis_text("text"), redis_text("x")};
        (void)!redis_call(own, NULL, args, 3, NULL);
        _exit(0);
    }
    (void)close(fds[1]);
    char said[256] = "";
    assert_true(read(fds[0], said, sizeof said - 1) > 0);
    (void)close(fds[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(said, "WRONGTYPE"));
}

/* Two threads, a handle each, share nothing. */
static void *count_up(void *argument)
{
    struct redis *own = test_redis_open(argument);
    const struct redis_arg args[] = {redis_text("INCR"), redis_text("shared")};
    for (int i = 0; i < 200; i++) {
        if (redis_call(own, NULL, args, 2, NULL) != STATUS_OK) {
            break; /* seen below: the count is short */
        }
    }
    redis_close(own);
    return NULL;
}

static void threads_with_a_handle_each_lose_nothing(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &server),
                         0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    struct redis_reply *reply = NULL;
    assert_int_equal(CALL(&reply, NULL, "GET", "shared"), STATUS_OK);
    assert_int_equal(redis_reply_integer(reply, -1), 800);
    redis_reply_free(reply);
}

static void *kill_later(void *argument)
{
    (void)usleep(30000);
    test_redis_kill(argument);
    return NULL;
}

/* appendfsync always: what was acknowledged is there after kill -9. */
static void
kill_in_the_middle_of_writes_loses_nothing_acknowledged(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        assert_int_equal(CALL(NULL, NULL, "DEL", "n"), STATUS_OK);
        pthread_t killer;
        assert_int_equal(pthread_create(&killer, NULL, kill_later, &server), 0);
        int64_t acknowledged = 0;
        struct redis_reply *reply = NULL;
        while (CALL(&reply, NULL, "INCR", "n") == STATUS_OK) {
            acknowledged = redis_reply_integer(reply, -1);
            redis_reply_free(reply);
        }
        assert_int_equal(pthread_join(killer, NULL), 0);
        test_redis_restart(&server);
        assert_int_equal(CALL(&reply, NULL, "GET", "n"), STATUS_OK);
        int64_t kept = redis_reply_integer(reply, 0);
        redis_reply_free(reply);
        assert_true(kept == acknowledged || kept == acknowledged + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_have_their_types),
        cmocka_unit_test(bytes_come_back_as_they_went),
        cmocka_unit_test(copies_are_cut_and_say_so),
        cmocka_unit_test(pipeline_answers_in_order),
        cmocka_unit_test(failed_pipeline_is_dropped_and_the_next_call_works),
        cmocka_unit_test(refusal_inside_a_pipeline_drops_the_rest),
        cmocka_unit_test(restart_between_calls_goes_unseen),
        cmocka_unit_test(gone_server_is_unavailable_until_it_is_back),
        cmocka_unit_test(server_killed_while_it_answers_is_unavailable),
        cmocka_unit_test(tcp_address_chooses_its_database),
        cmocka_unit_test(no_program_that_is_executed_inherits_the_socket),
        cmocka_unit_test(script_survives_flush_and_restart),
        cmocka_unit_test(script_is_refused_when_memory_is_out),
        cmocka_unit_test(consumer_group_twice_is_a_conflict),
        cmocka_unit_test(blocking_read_waits_its_own_time),
        cmocka_unit_test(listener_hears_what_is_published),
        cmocka_unit_test(listener_is_told_that_it_missed_something),
        cmocka_unit_test(mistake_of_ours_aborts_with_the_reply),
        cmocka_unit_test(threads_with_a_handle_each_lose_nothing),
        cmocka_unit_test(
            kill_in_the_middle_of_writes_loses_nothing_acknowledged),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
