/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/server.h"
#include "tests/support/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Longer than a loaded machine needs for anything here. */
enum { TRIES = 3000, TRY_MS = 10 };

static char top[64];    /* removed at the end */
static char folder[96]; /* top/redis */

static int setup(void **state)
{
    (void)state;
    test_folder_make(top);
    (void)snprintf(folder, sizeof folder, "%s/redis", top);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_folder_remove(top);
    return 0;
}

static void pause_a_little(void)
{
    const struct timespec pause = {.tv_nsec = TRY_MS * 1000000L};
    (void)nanosleep(&pause, NULL);
}

static struct redis_server *start(void)
{
    struct redis_server *server = NULL;
    struct error err = {0};
    if (redis_server_start(&server, folder, &err) != STATUS_OK) {
        fail_msg("%s", err.text);
    }
    return server;
}

static struct redis *open_on(const struct redis_server *server)
{
    struct redis *redis = NULL;
    assert_int_equal(redis_open(&redis, redis_server_address(server), NULL),
                     STATUS_OK);
    return redis;
}

static void set(struct redis *redis, const char *key, const char *value)
{
    const struct redis_arg args[] = {redis_text("SET"), redis_text(key),
                                     redis_text(value)};
    assert_int_equal(redis_call(redis, NULL, args, 3, NULL), STATUS_OK);
}

/* Waits while the server is being started again. */
static void assert_holds(struct redis *redis, const char *key,
                         const char *value)
{
    const struct redis_arg args[] = {redis_text("GET"), redis_text(key)};
    struct redis_reply *reply = NULL;
    enum status status = redis_call(redis, &reply, args, 2, NULL);
    for (int i = 0; i < TRIES && status == STATUS_UNAVAILABLE; i++) {
        pause_a_little();
        status = redis_call(redis, &reply, args, 2, NULL);
    }
    assert_int_equal(status, STATUS_OK);
    char text[64];
    assert_true(redis_reply_copy(text, sizeof text, reply));
    assert_string_equal(text, value);
    redis_reply_free(reply);
}

static pid_t pid_of(struct redis *redis)
{
    const struct redis_arg args[] = {redis_text("INFO"), redis_text("server")};
    struct redis_reply *reply = NULL;
    assert_int_equal(redis_call(redis, &reply, args, 2, NULL), STATUS_OK);
    size_t length = 0;
    const char *line = strstr(redis_reply_bytes(reply, &length), "process_id:");
    assert_non_null(line);
    pid_t pid = (pid_t)strtol(line + strlen("process_id:"), NULL, 10);
    redis_reply_free(reply);
    return pid;
}

static void nobody_else_gets_in(void **state)
{
    (void)state;
    struct redis_server *server = start();
    struct stat status;
    assert_int_equal(stat(folder, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(
        stat(redis_server_address(server) + strlen("unix:"), &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_mode & 077, 0);
    redis_server_stop(server);
}

static void data_outlive_a_stop(void **state)
{
    (void)state;
    struct redis_server *server = start();
    struct redis *redis = open_on(server);
    set(redis, "a", "1");
    redis_close(redis);
    redis_server_stop(server);
    server = start();
    redis = open_on(server);
    assert_holds(redis, "a", "1");
    redis_close(redis);
    redis_server_stop(server);
}

static void stop_leaves_no_process(void **state)
{
    (void)state;
    struct redis_server *server = start();
    struct redis *redis = open_on(server);
    pid_t pid = pid_of(redis);
    redis_close(redis);
    redis_server_stop(server);
    assert_int_equal(kill(pid, 0), -1);
    redis_server_stop(NULL);
}

static void killed_server_comes_back_with_what_it_acknowledged(void **state)
{
    (void)state;
    struct redis_server *server = start();
    struct redis *redis = open_on(server);
    for (unsigned i = 1; i <= 3; i++) {
        char value[8];
        (void)snprintf(value, sizeof value, "%u", i);
        set(redis, "k", value);
        pid_t before = pid_of(redis);
        assert_int_equal(kill(before, SIGKILL), 0);
        assert_holds(redis, "k", value);
        assert_int_not_equal(pid_of(redis), before);
        assert_int_equal(redis_server_restarts(server), i);
    }
    redis_close(redis);
    redis_server_stop(server);
}

static void commands_that_destroy_are_away(void **state)
{
    (void)state;
    struct redis_server *server = start();
    struct redis *redis = open_on(server);
    static const char *const away[] = {"FLUSHALL", "FLUSHDB", "KEYS",
                                       "DEBUG",    "CONFIG",  "REPLICAOF"};
    for (size_t i = 0; i < sizeof away / sizeof away[0]; i++) {
        const struct redis_arg args[] = {
            redis_text("COMMAND"), redis_text("INFO"), redis_text(away[i])};
        struct redis_reply *reply = NULL;
        assert_int_equal(redis_call(redis, &reply, args, 3, NULL), STATUS_OK);
        assert_int_equal(redis_reply_count(reply), 1);
        assert_int_equal(redis_reply_type(redis_reply_at(reply, 0)), REDIS_NIL);
        redis_reply_free(reply);
    }
    redis_close(redis);
    redis_server_stop(server);
}

static void folder_in_use_is_refused(void **state)
{
    (void)state;
    struct redis_server *server = start();
    struct redis_server *second = NULL;
    struct error err = {0};
    assert_int_equal(redis_server_start(&second, folder, &err),
                     STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "redis_start");
    assert_non_null(strstr(err.text, "another service"));
    struct redis *redis = open_on(server);
    set(redis, "still", "here");
    redis_close(redis);
    redis_server_stop(server);
}

static pid_t start_orphan(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir(folder) == 0) {
            (void)execlp("redis-server", "redis-server", "--port", "0",
                         "--unixsocket", "redis.sock", "--appendonly", "yes",
                         "--appendfsync", "always", "--save", "", "--logfile",
                         "orphan.log", (char *)NULL);
        }
        _exit(127);
    }
    return pid;
}

static void leftover_server_is_ended_and_its_data_kept(void **state)
{
    (void)state;
    redis_server_stop(start()); /* makes the folder */
    pid_t orphan = start_orphan();
    char address[128];
    (void)snprintf(address, sizeof address, "unix:%s/redis.sock", folder);
    struct redis *redis = NULL;
    assert_int_equal(redis_open(&redis, address, NULL), STATUS_OK);
    const struct redis_arg args[] = {redis_text("SET"), redis_text("orphan"),
                                     redis_text("knew")};
    for (int i = 0;
         i < TRIES && redis_call(redis, NULL, args, 3, NULL) != STATUS_OK;
         i++) {
        pause_a_little();
    }
    assert_int_equal(pid_of(redis), orphan);

    struct redis_server *server = start();
    assert_holds(redis, "orphan", "knew");
    assert_int_not_equal(pid_of(redis), orphan);
    assert_int_equal(waitpid(orphan, NULL, 0), orphan);
    redis_close(redis);
    redis_server_stop(server);
}

static void leftover_socket_is_no_obstacle(void **state)
{
    (void)state;
    redis_server_stop(start());
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s/redis.sock",
                   folder);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(access(name.sun_path, F_OK), 0);
    redis_server_stop(start());
}

/* The log of writes: folder/appendonlydir/appendonly.aof.N.incr.aof */
static void log_path(char *out, size_t size)
{
    char pattern[256];
    (void)snprintf(pattern, sizeof pattern, "%s/appendonlydir/*.incr.aof",
                   folder);
    glob_t found;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 1);
    (void)snprintf(out, size, "%s", found.gl_pathv[0]);
    globfree(&found);
}

static off_t log_size(void)
{
    char path[512];
    struct stat status;
    log_path(path, sizeof path);
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

/* Power was lost while the last write was on its way to the disk: cut at
 * every byte of it. */
static void torn_last_write_is_given_up(void **state)
{
    (void)state;
    off_t record = 1;
    for (off_t cut = 1; cut <= record; cut++) {
        struct redis_server *server = start();
        struct redis *redis = open_on(server);
        set(redis, "whole", "yes");
        off_t before = log_size();
        set(redis, "torn", "half");
        record = log_size() - before;
        redis_close(redis);
        redis_server_stop(server);

        char path[512];
        log_path(path, sizeof path);
        assert_int_equal(truncate(path, before + record - cut), 0);
        server = start();
        redis = open_on(server);
        assert_holds(redis, "whole", "yes");
        assert_holds(redis, "torn", "");
        redis_close(redis);
        redis_server_stop(server);
    }
    assert_true(record > 10);
}

static void damaged_log_is_an_error_with_its_reason(void **state)
{
    (void)state;
    struct redis_server *server = start();
    struct redis *redis = open_on(server);
    set(redis, "a", "1");
    redis_close(redis);
    redis_server_stop(server);
    char path[512];
    log_path(path, sizeof path);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "garbage!", 8, 2), 8);
    assert_int_equal(close(fd), 0);
    struct error err = {0};
    assert_int_equal(redis_server_start(&server, folder, &err),
                     STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "redis_start");
    assert_non_null(strstr(err.text, "redis-check-aof"));
    assert_non_null(strstr(err.text, "redis.log"));
}

static void path_too_long_for_a_socket_is_an_error(void **state)
{
    (void)state;
    char path[160];
    int length = snprintf(path, sizeof path, "%s/", top);
    memset(path + length, 'x', sizeof path - (size_t)length);
    path[length + 100] = '\0';
    struct redis_server *server = NULL;
    struct error err = {0};
    assert_int_equal(redis_server_start(&server, path, &err),
                     STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "redis_start");
    assert_non_null(strstr(err.text, "too long"));
}

static void missing_program_is_an_error_that_names_the_package(void **state)
{
    (void)state;
    const char *before = getenv("PATH");
    assert_non_null(before);
    char *path = strdup(before == NULL ? "" : before);
    assert_int_equal(setenv("PATH", "/nonexistent", 1), 0);
    struct redis_server *server = NULL;
    struct error err = {0};
    assert_int_equal(redis_server_start(&server, folder, &err),
                     STATUS_UNAVAILABLE);
    assert_int_equal(setenv("PATH", path, 1), 0);
    free(path);
    assert_string_equal(err.code, "redis_start");
    assert_non_null(strstr(err.text, "install the package redis-server"));
}

static void folder_under_a_file_is_an_error(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/file", top);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(close(fd), 0);
    (void)snprintf(path, sizeof path, "%s/file/redis", top);
    struct redis_server *server = NULL;
    struct error err = {0};
    assert_int_equal(redis_server_start(&server, path, &err),
                     STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "redis_start");
}

/* A service of its own, that tells its Redis' pid and waits to be killed. */
static _Noreturn void be_a_service(int tell_fd)
{
    struct redis_server *server = NULL;
    struct redis *redis = NULL;
    if (redis_server_start(&server, folder, NULL) != STATUS_OK ||
        redis_open(&redis, redis_server_address(server), NULL) != STATUS_OK) {
        _exit(1);
    }
    set(redis, "before", "kill");
    pid_t pid = pid_of(redis);
    if (write(tell_fd, &pid, sizeof pid) != sizeof pid) {
        _exit(1);
    }
    for (;;) {
        (void)pause();
    }
}

static void kill_of_the_service_ends_its_redis(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    /* so that the orphan can be awaited here */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t service = fork();
    assert_true(service >= 0);
    if (service == 0) {
        be_a_service(fds[1]);
    }
    pid_t redis_pid = 0;
    assert_int_equal(read(fds[0], &redis_pid, sizeof redis_pid),
                     sizeof redis_pid);
    (void)close(fds[0]);
    (void)close(fds[1]);
    assert_int_equal(kill(service, SIGKILL), 0);
    assert_int_equal(waitpid(service, NULL, 0), service);
    /* started again at once, while the old one may still be ending */
    struct redis_server *server = start();
    struct redis *redis = open_on(server);
    assert_holds(redis, "before", "kill");
    assert_int_equal(waitpid(redis_pid, NULL, 0), redis_pid);
    redis_close(redis);
    redis_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(nobody_else_gets_in),
        TEST(data_outlive_a_stop),
        TEST(stop_leaves_no_process),
        TEST(killed_server_comes_back_with_what_it_acknowledged),
        TEST(commands_that_destroy_are_away),
        TEST(folder_in_use_is_refused),
        TEST(leftover_server_is_ended_and_its_data_kept),
        TEST(leftover_socket_is_no_obstacle),
        TEST(torn_last_write_is_given_up),
        TEST(damaged_log_is_an_error_with_its_reason),
        TEST(path_too_long_for_a_socket_is_an_error),
        TEST(missing_program_is_an_error_that_names_the_package),
        TEST(folder_under_a_file_is_an_error),
        TEST(kill_of_the_service_ends_its_redis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
