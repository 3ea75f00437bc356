/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/forker.h"

#include "matcher/decoder/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SOCKET_FD = 3, /* in the child */
    /* Linking takes .05 s and a fork 2 ms; a machine that swaps gets time. */
    START_SECONDS = 30,
    END_MS = 1000,
};

/* What the child has: /dev/null as 0 to 2 and its socket as 3. */
static int add_files(posix_spawn_file_actions_t *actions, int child_socket)
{
    int rc = posix_spawn_file_actions_adddup2(actions, child_socket, SOCKET_FD);

    for (int i = 0; i <= 2 && rc == 0; i++) {
        rc = posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR,
                                              0);
    }
    return rc;
}

/* The child must not inherit blocked or ignored signals. */
static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int rc = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
                                                      POSIX_SPAWN_SETSIGDEF);
    rc = rc != 0 ? rc : posix_spawnattr_setsigmask(attributes, &none);
    return rc != 0 ? rc : posix_spawnattr_setsigdefault(attributes, &all);
}

static int spawn(int *pid, char *program, int child_socket)
{
    static char *const environment[] = {NULL};
    char *const arguments[] = {program, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;

    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0) {
        return rc;
    }
    rc = posix_spawnattr_init(&attributes);
    if (rc != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return rc;
    }
    rc = set_signals(&attributes);
    rc = rc != 0 ? rc : add_files(&actions, child_socket);
    rc = rc != 0 ? rc
                 : posix_spawn(pid, program, &actions, &attributes, arguments,
                               environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* Both ends; the child's is out of the way of the descriptors 0 to 3 that it is
 * about to have. */
static int open_sockets(int *ours, int *theirs)
{
    const struct timeval patience = {.tv_sec = START_SECONDS};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return errno;
    }
    *ours = pair[0];
    *theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, SOCKET_FD + 1);
    int code = *theirs < 0 ? errno : 0;
    (void)close(pair[1]);
    if (code == 0 && (setsockopt(*ours, SOL_SOCKET, SO_RCVTIMEO, &patience,
                                 sizeof patience) != 0 ||
                      setsockopt(*ours, SOL_SOCKET, SO_SNDTIMEO, &patience,
                                 sizeof patience) != 0)) {
        code = errno;
        (void)close(*theirs);
    }
    if (code != 0) {
        (void)close(*ours);
    }
    return code;
}

int forker_open(struct forker **out, char *program)
{
    struct forker *forker = calloc(1, sizeof *forker);
    int theirs = -1;

    *out = NULL;
    if (forker == NULL) {
        return ENOMEM;
    }
    int code = open_sockets(&forker->socket, &theirs);
    if (code == 0) {
        code = spawn(&forker->pid, program, theirs);
        (void)close(theirs);
        if (code != 0) {
            (void)close(forker->socket);
        }
    }
    if (code != 0) {
        free(forker);
        return code;
    }
    *out = forker;
    return 0;
}

int forker_start_job(struct forker *forker, int file, int socket, int *process)
{
    const struct handover job = {.fd_count = 2, .fds = {file, socket}};
    struct handover answer;

    int code = handover_send(forker->socket, &job);
    if (code == 0) {
        code = handover_receive(&answer, forker->socket);
    }
    if (code != 0) {
        return code;
    }
    if (answer.code != 0 || answer.fd_count != 1) {
        code = answer.code != 0 ? answer.code : EPROTO;
        handover_clear(&answer);
        return code;
    }
    *process = answer.fds[0];
    return 0;
}

void forker_end_job(int process)
{
    struct pollfd gone = {.fd = process, .events = POLLIN};

    /* It has nothing to lose. ESRCH: it is gone. */
    (void)pidfd_send_signal(process, SIGKILL, NULL, 0);
    while (poll(&gone, 1, -1) < 0 && errno == EINTR) {
    }
    (void)close(process);
}

bool forker_alive(const struct forker *forker)
{
    struct pollfd end = {.fd = forker->socket}; /* POLLHUP is always told */

    return poll(&end, 1, 0) == 0;
}

void forker_close(struct forker *forker)
{
    if (forker == NULL) {
        return;
    }
    struct pollfd end = {.fd = forker->socket, .events = POLLIN};
    /* It reaps its jobs and goes; if not, it is made to. It is not reaped yet:
     * the pid is still its own. */
    (void)shutdown(forker->socket, SHUT_WR);
    (void)poll(&end, 1, END_MS);
    (void)kill(forker->pid, SIGKILL);
    while (waitpid(forker->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    (void)close(forker->socket);
    free(forker);
}
