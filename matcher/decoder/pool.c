/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/pool.h"

#include "matcher/decode.h"
#include "matcher/decoder/wire.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_PROCESSES = 64,
    SOCKET_FD = 3, /* in the child */
    /* Wall clock for an answer. RLIMIT_CPU in the child does not count sleep.
     * Decoding gets more while it proves progress, at twenty times the speed
     * of sound (measured: 250 to 600 times on one core). */
    ANSWER_MS = 60 * 1000,
    MS_PER_DECODED_SECOND = 50,
};

struct decoder_pool {
    char *program; /* owned */
    unsigned process_count;
    sem_t places;
};

struct decoder {
    struct decoder_pool *pool; /* borrowed */
    pid_t pid;
    int socket; /* owned, does not block */
    int64_t started_ms;
    int64_t deadline_ms; /* of the answer that is awaited */
    struct audio_facts facts;
    struct fingerprint print;
    uint64_t sample_count;
    struct buffer body; /* of the message that came last */
};

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum status unreadable(struct error *err, const char *what)
{
    return error_set(err, STATUS_INVALID, "unreadable",
                     "the file cannot be decoded (%s): send another copy",
                     what);
}

static enum status no_decoder(struct error *err, const char *program, int code)
{
    return error_set(err, STATUS_UNAVAILABLE, "no_decoder",
                     "cannot start %s (%s): install refrain-decoder there",
                     program, strerror(code));
}

/* 0, or why it cannot be executed. */
static int check_program(const char *program)
{
    struct stat found;

    if (access(program, X_OK) != 0 || stat(program, &found) != 0) {
        return errno;
    }
    return S_ISREG(found.st_mode) ? 0 : EACCES;
}

enum status decoder_pool_open(struct decoder_pool **out, const char *program,
                              unsigned process_count, struct error *err)
{
    assert(process_count >= 1 && process_count <= MAX_PROCESSES);
    int code = check_program(program);

    *out = NULL;
    if (code != 0) {
        return no_decoder(err, program, code);
    }
    struct decoder_pool *pool = calloc(1, sizeof *pool);
    if (pool != NULL) {
        pool->program = strdup(program);
    }
    if (pool == NULL || pool->program == NULL) {
        free(pool);
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory left for the decoders");
    }
    pool->process_count = process_count;
    int rc = sem_init(&pool->places, 0, process_count);
    assert(rc == 0); /* fails only for a count that is out of range */
    (void)rc;
    *out = pool;
    return STATUS_OK;
}

void decoder_pool_close(struct decoder_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    int places = 0;
    (void)sem_getvalue(&pool->places, &places);
    assert((unsigned)places == pool->process_count);
    (void)sem_destroy(&pool->places);
    free(pool->program);
    free(pool);
}

/* Starts the program with the file as 0, a socket as 3, and nothing else; no
 * variable of ours reaches it. */
static int spawn(struct decoder *decoder, int fd, int child_socket)
{
    static char *const environment[] = {NULL};
    char *const arguments[] = {decoder->pool->program, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0) {
        return rc;
    }
    rc = posix_spawnattr_init(&attributes);
    if (rc != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return rc;
    }
    /* The child must not inherit blocked or ignored signals. */
    rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
                                                   POSIX_SPAWN_SETSIGDEF);
    rc = rc != 0 ? rc : posix_spawnattr_setsigmask(&attributes, &none);
    rc = rc != 0 ? rc : posix_spawnattr_setsigdefault(&attributes, &all);
    rc = rc != 0 ? rc : posix_spawn_file_actions_adddup2(&actions, fd, 0);
    rc = rc != 0 ? rc
                 : posix_spawn_file_actions_adddup2(&actions, child_socket,
                                                    SOCKET_FD);
    for (int i = 1; i <= 2 && rc == 0; i++) {
        rc = posix_spawn_file_actions_addopen(&actions, i, "/dev/null",
                                              O_WRONLY, 0);
    }
    rc = rc != 0 ? rc
                 : posix_spawn(&decoder->pid, decoder->pool->program, &actions,
                               &attributes, arguments, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* Both ends of the conversation; the child's end is out of the way of the
 * descriptors 0 to 3 that it is about to have. */
static int open_sockets(int *ours, int *theirs)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return errno;
    }
    *ours = pair[0];
    *theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, SOCKET_FD + 1);
    int code = *theirs < 0 ? errno : 0;
    (void)close(pair[1]);
    if (code == 0 && fcntl(*ours, F_SETFL, O_NONBLOCK) != 0) {
        code = errno;
        (void)close(*theirs);
    }
    if (code != 0) {
        (void)close(*ours);
        *ours = -1;
    }
    return code;
}

static enum status start(struct decoder *decoder, int fd, struct error *err)
{
    int theirs = -1;
    int code = open_sockets(&decoder->socket, &theirs);

    if (code == 0) {
        code = spawn(decoder, fd, theirs);
        (void)close(theirs);
    }
    if (code != 0) {
        decoder->pid = 0;
        return no_decoder(err, decoder->pool->program, code);
    }
    decoder->started_ms = now_ms();
    decoder->deadline_ms = decoder->started_ms + ANSWER_MS;
    return STATUS_OK;
}

/* Waits until the socket is ready for `events` or the deadline has passed. */
static enum status wait_socket(const struct decoder *decoder, short events,
                               struct error *err)
{
    struct pollfd pollfd = {.fd = decoder->socket, .events = events};

    for (;;) {
        int64_t left_ms = decoder->deadline_ms - now_ms();
        if (left_ms <= 0) {
            return unreadable(err, "it takes too long");
        }
        int ready = poll(&pollfd, 1, (int)left_ms);
        if (ready > 0) {
            return STATUS_OK;
        }
        if (ready < 0 && errno != EINTR) {
            return error_set(err, STATUS_UNAVAILABLE, "no_decoder",
                             "cannot wait for refrain-decoder: %s",
                             strerror(errno));
        }
    }
}

static enum status receive_all(const struct decoder *decoder, uint8_t *to,
                               size_t length, struct error *err)
{
    size_t at = 0;

    while (at < length) {
        ssize_t got = recv(decoder->socket, to + at, length - at, 0);
        if (got > 0) {
            at += (size_t)got;
            continue;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            return unreadable(err, "it ended the decoder");
        }
        enum status status = wait_socket(decoder, POLLIN, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status send_request(const struct decoder *decoder,
                                const struct wire_request *request,
                                struct error *err)
{
    struct buffer message = {0};
    size_t at = 0;
    enum status status = wire_put_request(&message, request, err);

    while (status == STATUS_OK && at < message.length) {
        ssize_t sent = send(decoder->socket, message.bytes + at,
                            message.length - at, MSG_NOSIGNAL);
        if (sent >= 0) {
            at += (size_t)sent;
        } else if (errno == EAGAIN || errno == EINTR) {
            status = wait_socket(decoder, POLLOUT, err);
        } else {
            status = unreadable(err, "it ended the decoder");
        }
    }
    buffer_clear(&message);
    return status;
}

/* One whole message; its body into decoder->body. */
static enum status receive_message(struct decoder *decoder,
                                   struct wire_header *header,
                                   struct error *err)
{
    uint8_t bytes[WIRE_HEADER_BYTES];
    enum status status = receive_all(decoder, bytes, sizeof bytes, err);

    if (status == STATUS_OK) {
        status = wire_parse_header(header, bytes, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    decoder->body.length = 0;
    status = buffer_reserve(&decoder->body, header->body_length, err);
    if (status != STATUS_OK) {
        return status;
    }
    status =
        receive_all(decoder, decoder->body.bytes, header->body_length, err);
    if (status == STATUS_OK) {
        decoder->body.length = header->body_length;
    }
    return status;
}

static enum status receive_progress(struct decoder *decoder, struct error *err)
{
    uint32_t decoded_ms = 0;
    enum status status = wire_parse_progress(&decoded_ms, decoder->body.bytes,
                                             decoder->body.length, err);

    if (status == STATUS_OK) {
        decoder->deadline_ms =
            decoder->started_ms + ANSWER_MS +
            (int64_t)decoded_ms / 1000 * MS_PER_DECODED_SECOND;
    }
    return status;
}

/* The next message that is no progress, which must be of `type`; a failure
 * becomes this function's own. */
static enum status receive_answer(struct decoder *decoder, enum wire_type type,
                                  struct error *err)
{
    enum { MAX_REPORTS = DECODE_MAX_MS / DECODE_PROGRESS_MS };

    for (int i = 0; i <= MAX_REPORTS; i++) {
        struct wire_header header;
        enum status status = receive_message(decoder, &header, err);
        if (status != STATUS_OK) {
            return status;
        }
        if (header.type == type) {
            return STATUS_OK;
        }
        if (header.type == WIRE_FAILURE) {
            enum status failed = STATUS_INVALID;
            struct error why;
            status = wire_parse_failure(&failed, &why, decoder->body.bytes,
                                        decoder->body.length, err);
            return status != STATUS_OK
                       ? status
                       : error_set(err, failed, why.code, "%s", why.text);
        }
        if (header.type != WIRE_PROGRESS) {
            break;
        }
        status = receive_progress(decoder, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return unreadable(err, "its decoder answers out of turn");
}

static enum status receive_print(struct decoder *decoder,
                                 struct fingerprint *out, struct error *err)
{
    enum status status = receive_answer(decoder, WIRE_PRINT, err);

    if (status == STATUS_OK) {
        status = wire_parse_print(out, decoder->body.bytes,
                                  decoder->body.length, err);
    }
    return status;
}

static enum status receive_first(struct decoder *decoder, struct error *err)
{
    enum status status = receive_answer(decoder, WIRE_FACTS, err);

    if (status == STATUS_OK) {
        status =
            wire_parse_facts(&decoder->facts, &decoder->sample_count,
                             decoder->body.bytes, decoder->body.length, err);
    }
    if (status == STATUS_OK) {
        status = receive_print(decoder, &decoder->print, err);
    }
    return status;
}

/* Nonsense on the wire is the file's fault: it has taken its decoder over. */
static enum status blame(enum status status, struct error *err)
{
    if (status == STATUS_CORRUPT) {
        return unreadable(err, "its decoder answered nonsense");
    }
    return status;
}

static void wait_place(struct decoder_pool *pool)
{
    while (sem_wait(&pool->places) != 0) {
        assert(errno == EINTR);
    }
}

enum status decoder_open(struct decoder **out, struct decoder_pool *pool,
                         int fd, struct error *err)
{
    *out = NULL;
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory left for a decoder");
    }
    decoder->pool = pool;
    decoder->socket = -1;
    wait_place(pool);
    enum status status = start(decoder, fd, err);
    if (status == STATUS_OK) {
        status = blame(receive_first(decoder, err), err);
    }
    if (status != STATUS_OK) {
        decoder_close(decoder);
        return status;
    }
    *out = decoder;
    return STATUS_OK;
}

const struct audio_facts *decoder_facts(const struct decoder *decoder)
{
    return &decoder->facts;
}

const struct fingerprint *decoder_fingerprint(const struct decoder *decoder)
{
    return &decoder->print;
}

enum status decoder_print(struct decoder *decoder, struct fingerprint *out,
                          size_t start, size_t count, struct error *err)
{
    const struct wire_request request = {.start = start, .count = count};

    *out = (struct fingerprint){0};
    decoder->deadline_ms = now_ms() + ANSWER_MS;
    enum status status = send_request(decoder, &request, err);
    if (status == STATUS_OK) {
        status = receive_print(decoder, out, err);
    }
    return blame(status, err);
}

/* The process has nothing to lose, and it is not reaped yet: the pid is still
 * its own. */
static void end_process(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

void decoder_close(struct decoder *decoder)
{
    if (decoder == NULL) {
        return;
    }
    if (decoder->pid > 0) {
        end_process(decoder->pid);
    }
    if (decoder->socket >= 0) {
        (void)close(decoder->socket);
    }
    (void)sem_post(&decoder->pool->places);
    audio_facts_clear(&decoder->facts);
    fingerprint_clear(&decoder->print);
    buffer_clear(&decoder->body);
    free(decoder);
}
