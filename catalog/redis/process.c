/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    /* At a start a larger log becomes PROCESS_LOG ".old": two times this is
     * what the folder ever holds. A quiet server writes about 1 KB a day. */
    LOG_MAX_BYTES = 8 * 1024 * 1024,
    LOG_TAIL_BYTES = 4096,
    LOOK_AGAIN_MS = 1000,
    EXIT_NOT_FOUND = 127, /* as shells do */
    EXIT_NO_FOLDER = 126,
};

/* Relative names: the server runs inside its folder, so that no path has to
 * be quoted. Commands that would damage data or stall everybody are away;
 * nothing in Refrain uses them. No RDB snapshots: the append-only file alone
 * holds everything, and its rewrites keep it short. */
static char *const arguments[] = {
    "redis-server",
    "--port",
    "0",
    "--protected-mode",
    "yes",
    "--unixsocket",
    PROCESS_SOCKET,
    "--unixsocketperm",
    "700",
    "--daemonize",
    "no",
    "--supervised",
    "no",
    "--logfile",
    PROCESS_LOG,
    "--databases",
    "1",
    "--save",
    "",
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--aof-load-truncated",
    "yes",
    "--maxmemory-policy",
    "noeviction",
    "--rename-command",
    "FLUSHALL",
    "",
    "--rename-command",
    "FLUSHDB",
    "",
    "--rename-command",
    "SWAPDB",
    "",
    "--rename-command",
    "KEYS",
    "",
    "--rename-command",
    "DEBUG",
    "",
    "--rename-command",
    "CONFIG",
    "",
    "--rename-command",
    "MODULE",
    "",
    "--rename-command",
    "REPLICAOF",
    "",
    "--rename-command",
    "SLAVEOF",
    "",
    "--rename-command",
    "MIGRATE",
    "",
    NULL,
};

/* Between fork and exec of a program with threads: async-signal-safe calls
 * only (signal-safety(7)). */
static _Noreturn void become_server(const char *folder, pid_t parent)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(EXIT_NO_FOLDER); /* it died before it could be noticed */
    }
    (void)setsid(); /* Ctrl-C is for the service, which still needs us */
    (void)umask(077);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = chdir(folder) != 0
                  ? -1
                  : open(PROCESS_LOG, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                         0600);
    if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 ||
        dup2(log, 2) < 0 || close_range(3, ~0U, 0) != 0) {
        _exit(EXIT_NO_FOLDER);
    }
    (void)execvp(arguments[0], arguments);
    _exit(EXIT_NOT_FOUND);
}

static off_t prepare_log(const char *folder)
{
    char path[4096];
    char old[4096 + 4];
    struct stat status = {0};
    (void)snprintf(path, sizeof path, "%s/" PROCESS_LOG, folder);
    (void)snprintf(old, sizeof old, "%s.old", path);
    if (stat(path, &status) != 0) {
        return 0;
    }
    if (status.st_size > LOG_MAX_BYTES && rename(path, old) == 0) {
        return 0;
    }
    return status.st_size;
}

static enum status cannot_start(struct error *err, const char *what, int reason)
{
    return error_set(err, STATUS_UNAVAILABLE, "redis_start",
                     "cannot start redis-server: %s (%s): free what the system "
                     "is out of, then start again",
                     what, strerror(reason));
}

enum status process_start(struct process *out, const char *folder,
                          struct error *err)
{
    *out = (struct process){.folder = folder, .pidfd = -1};
    out->log_start = prepare_log(folder);
    pid_t parent = getpid();
    out->pid = fork();
    if (out->pid < 0) {
        return cannot_start(err, "no new process", errno);
    }
    if (out->pid == 0) {
        become_server(folder, parent);
    }
    out->pidfd = pidfd_open(out->pid, 0);
    if (out->pidfd < 0) {
        int reason = errno;
        (void)kill(out->pid, SIGKILL);
        (void)waitpid(out->pid, NULL, 0);
        return cannot_start(err, "no process descriptor", reason);
    }
    return STATUS_OK;
}

bool process_wait(struct process *process, int64_t timeout_ms, int *exit_code)
{
    struct pollfd ended = {.fd = process->pidfd, .events = POLLIN};
    if (poll(&ended, 1, (int)timeout_ms) <= 0) {
        return false;
    }
    int status = 0;
    pid_t got = waitpid(process->pid, &status, 0);
    *exit_code =
        got == process->pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    (void)close(process->pidfd);
    process->pidfd = -1;
    return true;
}

void process_end(struct process *process, int64_t grace_ms)
{
    int exit_code = 0;
    (void)kill(process->pid, SIGTERM);
    if (!process_wait(process, grace_ms, &exit_code)) {
        (void)kill(process->pid, SIGKILL);
        while (!process_wait(process, LOOK_AGAIN_MS, &exit_code)) {
            continue; /* nothing survives SIGKILL, but a full disk may delay */
        }
    }
}

/* The last line in which the server warns: "PID:ROLE date # text", or one
 * that it wrote before it had a log. */
static void last_complaint(const struct process *process, char *out,
                           size_t size)
{
    char path[4096];
    char tail[LOG_TAIL_BYTES + 1];
    (void)snprintf(path, sizeof path, "%s/" PROCESS_LOG, process->folder);
    out[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status = {0};
    if (fd < 0 || fstat(fd, &status) != 0) {
        goto out;
    }
    off_t start = status.st_size - LOG_TAIL_BYTES;
    start = start < process->log_start ? process->log_start : start;
    ssize_t got = pread(fd, tail, LOG_TAIL_BYTES, start);
    tail[got < 0 ? 0 : got] = '\0';
    char *rest = tail;
    for (char *line = strsep(&rest, "\n"); line != NULL;
         line = strsep(&rest, "\n")) {
        const char *text = strstr(line, " # ");
        if (text != NULL) {
            (void)snprintf(out, size, "%s", text + 3);
        } else if (line[0] != '\0' && strstr(line, " * ") == NULL) {
            (void)snprintf(out, size, "%s", line);
        }
    }
out:
    if (fd >= 0) {
        (void)close(fd);
    }
}

enum status process_failure(const struct process *process, int exit_code,
                            struct error *err)
{
    if (exit_code == EXIT_NOT_FOUND) {
        return error_set(err, STATUS_UNAVAILABLE, "redis_start",
                         "cannot execute redis-server: install the package "
                         "redis-server, or give the address of a Redis");
    }
    if (exit_code == EXIT_NO_FOLDER) {
        return error_set(err, STATUS_UNAVAILABLE, "redis_start",
                         "redis-server cannot enter or write %.200s: check its "
                         "owner and permissions",
                         process->folder);
    }
    char complaint[200];
    last_complaint(process, complaint, sizeof complaint);
    return error_set(err, STATUS_UNAVAILABLE, "redis_start",
                     "redis-server ended at once (%s): see %.200s/%s",
                     complaint[0] == '\0' ? "without a word" : complaint,
                     process->folder, PROCESS_LOG);
}

/* The process that listens on a socket; 0: nobody does; -1: somebody, but not
 * to be seen from here (busy, or in another namespace). */
static pid_t listener(const char *socket_path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s", socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return 0;
    }
    if (connect(fd, (const struct sockaddr *)&name, sizeof name) != 0) {
        bool busy = errno == EAGAIN; /* unix(7): its queue is full */
        (void)close(fd);
        return busy ? -1 : 0;
    }
    struct ucred peer = {0};
    socklen_t length = sizeof peer;
    int bad = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
    (void)close(fd);
    return bad == 0 && peer.pid > 0 ? peer.pid : -1;
}

static bool ends_within(int pidfd, int64_t timeout_ms)
{
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    return poll(&ended, 1, (int)timeout_ms) > 0;
}

enum status process_end_leftover(const char *socket_path, int64_t grace_ms,
                                 struct error *err)
{
    pid_t pid = listener(socket_path);
    if (pid == 0) {
        return STATUS_OK;
    }
    int pidfd = pid < 0 ? -1 : pidfd_open(pid, 0);
    bool gone = pid > 0 && pidfd < 0 && errno == ESRCH;
    if (pidfd >= 0) {
        /* asked again: the number may have a new owner since */
        bool same = listener(socket_path) == pid;
        gone = !same || (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) == 0 &&
                         (ends_within(pidfd, grace_ms) ||
                          (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0 &&
                           ends_within(pidfd, grace_ms))));
        (void)close(pidfd);
    }
    if (!gone) {
        return error_set(err, STATUS_UNAVAILABLE, "redis_start",
                         "another redis-server (process %d) holds %.200s: end "
                         "it, then start again",
                         (int)pid, socket_path);
    }
    return STATUS_OK;
}
