/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/pool.h"

#include "matcher/decode.h"
#include "matcher/decoder/forker.h"
#include "matcher/decoder/wire.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_PROCESSES = 64,
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
    pthread_mutex_t lock; /* of all below, and of every forker's job_count */
    /* Owned; NULL: the next job opens one. A forker that is replaced here goes
     * when the last of its jobs does. */
    struct forker *forker;
};

struct decoder {
    struct decoder_pool *pool; /* borrowed */
    struct forker *forker;     /* that it came from; NULL: there is none yet */
    int process;               /* owned pidfd, where there is a forker */
    int socket;                /* owned, does not block */
    bool is_suspect;           /* its file may have taken it over */
    int64_t started_ms;
    int64_t deadline_ms; /* of the answer that is awaited */
    struct audio_facts facts;
    struct fingerprint print;
    struct wire_extent extent;
    struct buffer body; /* of the message that came last */
};

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum status unreadable(struct decoder *decoder, const char *what,
                              struct error *err)
{
    decoder->is_suspect = true;
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
    rc = pthread_mutex_init(&pool->lock, NULL);
    assert(rc == 0); /* glibc's cannot fail */
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
    forker_close(pool->forker);
    (void)pthread_mutex_destroy(&pool->lock);
    (void)sem_destroy(&pool->places);
    free(pool->program);
    free(pool);
}

/* Both ends of the conversation. */
static int open_sockets(int *ours, int *theirs)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return errno;
    }
    if (fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0) {
        int code = errno;
        (void)close(pair[0]);
        (void)close(pair[1]);
        return code;
    }
    *ours = pair[0];
    *theirs = pair[1];
    return 0;
}

static void lock(struct decoder_pool *pool)
{
    int rc = pthread_mutex_lock(&pool->lock);
    assert(rc == 0); /* it is locked once and by its owner unlocked */
    (void)rc;
}

static void unlock(struct decoder_pool *pool)
{
    (void)pthread_mutex_unlock(&pool->lock);
}

/* Has no further job started by `forker`; true when the caller has to close it.
 * The pool is locked. */
static bool retire(struct decoder_pool *pool, const struct forker *forker)
{
    if (pool->forker == forker) {
        pool->forker = NULL;
    }
    return forker->job_count == 0;
}

/* A process of the pool's forker, which is opened if need be. EPIPE: that had
 * ended; another may do. */
static int start_process(struct decoder *decoder, int fd, int child_socket)
{
    struct decoder_pool *pool = decoder->pool;
    struct forker *ended = NULL;
    int code = 0;

    lock(pool);
    if (pool->forker == NULL) {
        code = forker_open(&pool->forker, pool->program);
    }
    if (code == 0) {
        struct forker *forker = pool->forker;
        code = forker_start_job(forker, fd, child_socket, &decoder->process);
        if (code == 0) {
            forker->job_count++;
            decoder->forker = forker;
        } else if (retire(pool, forker)) {
            ended = forker;
        }
    }
    unlock(pool);
    forker_close(ended);
    return code;
}

/* Ends the process, and its forker if that was the last of its jobs. A forker
 * whose job is suspect starts no other: all its jobs have their addresses in
 * common, and a file that made one talk could tell the next. */
static void end_process(struct decoder *decoder)
{
    struct decoder_pool *pool = decoder->pool;
    struct forker *forker = decoder->forker;

    forker_end_job(decoder->process);
    lock(pool);
    forker->job_count--;
    bool over = pool->forker == forker && !decoder->is_suspect
                    ? false
                    : retire(pool, forker);
    unlock(pool);
    if (over) {
        forker_close(forker);
    }
}

static enum status start(struct decoder *decoder, int fd, struct error *err)
{
    enum { TRIES = 2 }; /* the forker may have been killed meanwhile */
    int code = EPIPE;

    for (int i = 0; i < TRIES && code == EPIPE; i++) {
        int theirs = -1;
        if (decoder->socket >= 0) {
            (void)close(decoder->socket);
            decoder->socket = -1;
        }
        code = open_sockets(&decoder->socket, &theirs);
        if (code == 0) {
            code = start_process(decoder, fd, theirs);
            (void)close(theirs);
        }
    }
    if (code != 0) {
        return no_decoder(err, decoder->pool->program, code);
    }
    decoder->started_ms = now_ms();
    decoder->deadline_ms = decoder->started_ms + ANSWER_MS;
    return STATUS_OK;
}

/* The process has hung up: its file's fault, unless its forker was ended from
 * outside, which takes the jobs along. */
static enum status hung_up(struct decoder *decoder, struct error *err)
{
    if (forker_alive(decoder->forker)) {
        return unreadable(decoder, "it ended the decoder", err);
    }
    decoder->is_suspect = true; /* so that another forker is opened */
    return error_set(err, STATUS_UNAVAILABLE, "no_decoder",
                     "refrain-decoder was ended from outside: try again");
}

/* Waits until the socket is ready for `events` or the deadline has passed. */
static enum status wait_socket(struct decoder *decoder, short events,
                               struct error *err)
{
    struct pollfd pollfd = {.fd = decoder->socket, .events = events};

    for (;;) {
        int64_t left_ms = decoder->deadline_ms - now_ms();
        if (left_ms <= 0) {
            return unreadable(decoder, "it takes too long", err);
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

static enum status receive_all(struct decoder *decoder, uint8_t *to,
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
            return hung_up(decoder, err);
        }
        enum status status = wait_socket(decoder, POLLIN, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status send_all(struct decoder *decoder,
                            const struct buffer *message, struct error *err)
{
    enum status status = STATUS_OK;
    size_t at = 0;

    while (status == STATUS_OK && at < message->length) {
        ssize_t sent = send(decoder->socket, message->bytes + at,
                            message->length - at, MSG_NOSIGNAL);
        if (sent >= 0) {
            at += (size_t)sent;
        } else if (errno == EAGAIN || errno == EINTR) {
            status = wait_socket(decoder, POLLOUT, err);
        } else {
            status = hung_up(decoder, err);
        }
    }
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
    return unreadable(decoder, "its decoder answers out of turn", err);
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
            wire_parse_facts(&decoder->facts, &decoder->extent,
                             decoder->body.bytes, decoder->body.length, err);
    }
    if (status == STATUS_OK) {
        status = receive_print(decoder, &decoder->print, err);
    }
    return status;
}

/* Nonsense on the wire is the file's fault: it has taken its decoder over. */
static enum status blame(struct decoder *decoder, enum status status,
                         struct error *err)
{
    if (status == STATUS_CORRUPT) {
        return unreadable(decoder, "its decoder answered nonsense", err);
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
        status = blame(decoder, receive_first(decoder, err), err);
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
    struct buffer message = {0};

    *out = (struct fingerprint){0};
    decoder->deadline_ms = now_ms() + ANSWER_MS;
    enum status status = wire_put_request(&message, &request, err);
    if (status == STATUS_OK) {
        status = send_all(decoder, &message, err);
    }
    if (status == STATUS_OK) {
        status = receive_print(decoder, out, err);
    }
    buffer_clear(&message);
    return blame(decoder, status, err);
}

static enum status read_samples(void *context, enum pcm_channel channel,
                                uint64_t start, size_t count, int16_t *out,
                                struct error *err)
{
    struct decoder *decoder = context;
    const struct wire_extent *extent = &decoder->extent;
    struct buffer message = {0};

    assert(count >= 1 && count <= SOUND_READ_MAX);
    assert(start <= extent->sample_count);
    assert(count <= extent->sample_count - start);
    assert(channel == PCM_MID || extent->has_side);
    const struct wire_read read = {
        .channel = channel, .start = start, .count = (uint32_t)count};
    decoder->deadline_ms = now_ms() + ANSWER_MS;
    enum status status = wire_put_read(&message, &read, err);
    if (status == STATUS_OK) {
        status = send_all(decoder, &message, err);
    }
    if (status == STATUS_OK) {
        status = receive_answer(decoder, WIRE_SAMPLES, err);
    }
    if (status == STATUS_OK) {
        status = wire_parse_samples(out, &read, decoder->body.bytes,
                                    decoder->body.length, err);
    }
    buffer_clear(&message);
    return blame(decoder, status, err);
}

struct sound decoder_sound(struct decoder *decoder)
{
    return (struct sound){.context = decoder,
                          .sample_count = decoder->extent.sample_count,
                          .has_side = decoder->extent.has_side,
                          .read = read_samples};
}

void decoder_close(struct decoder *decoder)
{
    if (decoder == NULL) {
        return;
    }
    if (decoder->forker != NULL) {
        end_process(decoder);
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
