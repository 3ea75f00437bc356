/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/redis.h"

#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Longer than a loaded machine needs to start a redis-server. */
enum { START_TRIES = 3000, TRY_MS = 10 };

void test_folder_make(char out[64])
{
    (void)signal(SIGPIPE, SIG_IGN); /* as catalog/redis/redis.h asks for */
    (void)snprintf(out, 64, "/tmp/refrain-test-XXXXXX");
    char *made = mkdtemp(out);
    assert(made != NULL);
}

static int remove_one(const char *path, const struct stat *status, int type,
                      struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void test_folder_remove(const char *folder)
{
    assert(strncmp(folder, "/tmp/refrain-test-", 18) == 0);
    int bad = nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    assert(bad == 0);
}

static _Noreturn void become_server(const char *folder)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || chdir(folder) != 0 || dup2(null, 0) < 0 ||
        dup2(null, 1) < 0) {
        _exit(126);
    }
    (void)execlp("redis-server", "redis-server", "--port", "0", "--unixsocket",
                 "s", "--save", "", "--appendonly", "yes", "--appendfsync",
                 "always", "--loglevel", "warning", (char *)NULL);
    _exit(127);
}

static void wait_until_answers(struct test_redis *server)
{
    struct redis *redis = test_redis_open(server);
    enum status status = STATUS_UNAVAILABLE;
    for (int i = 0; i < START_TRIES && status != STATUS_OK; i++) {
        const struct redis_arg ping = redis_text("PING");
        status = redis_call(redis, NULL, &ping, 1, NULL);
        if (status != STATUS_OK) {
            const struct timespec pause = {.tv_nsec = TRY_MS * 1000000L};
            (void)nanosleep(&pause, NULL);
        }
    }
    assert(status == STATUS_OK);
    redis_close(redis);
}

void test_redis_restart(struct test_redis *server)
{
    assert(server->pid == 0);
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        become_server(server->folder);
    }
    server->pid = pid;
    wait_until_answers(server);
}

void test_redis_start(struct test_redis *server)
{
    *server = (struct test_redis){0};
    test_folder_make(server->folder);
    (void)snprintf(server->address, sizeof server->address, "unix:%s/s",
                   server->folder);
    test_redis_restart(server);
}

void test_redis_kill(struct test_redis *server)
{
    if (server->pid != 0) {
        int bad = kill(server->pid, SIGKILL);
        assert(bad == 0);
        pid_t ended = waitpid(server->pid, NULL, 0);
        assert(ended == server->pid);
        server->pid = 0;
    }
}

void test_redis_pause(const struct test_redis *server)
{
    int bad = kill(server->pid, SIGSTOP);
    assert(bad == 0);
}

void test_redis_resume(const struct test_redis *server)
{
    int bad = kill(server->pid, SIGCONT);
    assert(bad == 0);
}

void test_redis_stop(struct test_redis *server)
{
    test_redis_kill(server);
    test_folder_remove(server->folder);
}

struct redis *test_redis_open(const struct test_redis *server)
{
    struct redis *redis = NULL;
    enum status status = redis_open(&redis, server->address, NULL);
    assert(status == STATUS_OK);
    return redis;
}
