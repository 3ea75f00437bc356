/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/handover.h"
#include "matcher/decoder/job.h"
#include "matcher/decoder/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* refrain-decoder: links and warms up once, then forks a process for every file
 * that comes over the socket 3 (forker.h), and ends when that does. It reads no
 * byte of a file: what it is and knows when it forks is always the same, and
 * no file sees another. One thread: forking is safe. */

enum { CONTROL_FD = 3, EXIT_USAGE = 2 };

static const char help[] =
    "Usage: refrain-decoder\n"
    "Decodes audio files, each in a sandboxed process, and fingerprints them.\n"
    "\n"
    "refraind starts it: descriptor 3 is the socket that files come over.\n"
    "There is nothing to set, and no reason to run it by hand.\n"
    "\n"
    "  --help     show this\n"
    "  --version  show the version\n";

/* The forked process: only the file and its socket are left of what was. */
static _Noreturn void run_job(const struct handover *job, pid_t parent)
{
    /* received above 3, where they are not in each other's way */
    bool ready = dup2(job->fds[0], JOB_FILE_FD) >= 0 &&
                 dup2(job->fds[1], JOB_SOCKET_FD) >= 0;

    /* no exit handler of a library: the filter is on */
    _exit(ready && job_run(parent) ? 0 : 1);
}

/* Forks a process for the job and hands it back; not reaped yet, so that the
 * pid is its own. */
static void start_job(const struct handover *job)
{
    struct handover answer = {.code = EPROTO};
    pid_t parent = getpid();
    pid_t pid = job->fd_count == 2 ? fork() : -1;
    int process = -1;

    if (pid == 0) {
        run_job(job, parent);
    }
    if (pid > 0) {
        process = pidfd_open(pid, 0);
    }
    if (process >= 0) {
        answer = (struct handover){.fd_count = 1, .fds = {process}};
    } else if (job->fd_count == 2) {
        answer.code = errno;
    }
    if (handover_send(CONTROL_FD, &answer) != 0 || process < 0) {
        /* nobody will end it */
        if (pid > 0) {
            (void)kill(pid, SIGKILL);
        }
    }
    if (process >= 0) {
        (void)close(process);
    }
}

static void reap(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

/* A signal has to be handled to end a wait. */
static void wake(int signal)
{
    (void)signal;
}

/* Starts jobs until the pool's end of the socket is closed. */
static int serve(void)
{
    struct pollfd control = {.fd = CONTROL_FD, .events = POLLIN};
    struct sigaction on_child = {.sa_handler = wake};
    sigset_t waiting; /* what is blocked while it waits: nothing */
    sigset_t child;
    int code = 0;

    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child, &waiting);
    (void)sigaction(SIGCHLD, &on_child, NULL);
    while (code == 0) {
        if (ppoll(&control, 1, NULL, &waiting) <= 0) {
            code = errno == EINTR ? 0 : errno;
            reap();
            continue;
        }
        struct handover job;
        code = handover_receive(&job, CONTROL_FD);
        if (code == 0) {
            start_job(&job);
            handover_clear(&job);
        }
    }
    reap();
    return code == EPIPE ? 0 : 1;
}

int main(int argc, char **argv)
{
    int type = 0;
    socklen_t length = sizeof type;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        return fputs(help, stdout) < 0;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        return puts("refrain-decoder " REFRAIN_VERSION) < 0;
    }
    if (argc != 1 ||
        getsockopt(CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &length) != 0 ||
        type != SOCK_SEQPACKET) {
        (void)fputs("refrain-decoder: started by hand; it works for refraind "
                    "(see --help)\n",
                    stderr);
        return EXIT_USAGE;
    }
    sandbox_close_files(CONTROL_FD);
    return job_prepare(NULL) == STATUS_OK ? serve() : 1;
}
