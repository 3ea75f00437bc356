/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/job.h"

#include "matcher/decode.h"
#include "matcher/decoder/sandbox.h"
#include "matcher/decoder/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool send_all(const struct buffer *message)
{
    size_t at = 0;

    while (at < message->length) {
        ssize_t sent =
            write(JOB_SOCKET_FD, message->bytes + at, message->length - at);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        at += (size_t)sent;
    }
    return true;
}

/* Fills `to` from the socket; false at its end. */
static bool receive_all(uint8_t *to, size_t length)
{
    size_t at = 0;

    while (at < length) {
        ssize_t got = read(JOB_SOCKET_FD, to + at, length - at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += (size_t)got;
    }
    return true;
}

static void send_failure(enum status failed, const struct error *why)
{
    struct buffer message = {0};

    if (wire_put_failure(&message, failed, why, NULL) == STATUS_OK) {
        (void)send_all(&message);
    }
    buffer_clear(&message);
}

static void send_progress(void *context, uint32_t decoded_ms)
{
    struct buffer message = {0};

    (void)context;
    if (wire_put_progress(&message, decoded_ms, NULL) == STATUS_OK) {
        (void)send_all(&message);
    }
    buffer_clear(&message);
}

/* Decodes the job and tells what it is. */
static enum status decode_job(struct pcm *pcm, uint64_t size_bytes,
                              struct error *err)
{
    struct audio_facts facts = {0};
    struct fingerprint print = {0};
    struct buffer message = {0};
    const struct decode_input input = {
        .fd = JOB_FILE_FD, .size_bytes = size_bytes, .progress = send_progress};
    enum status status = decode_file(pcm, &facts, &input, err);

    if (status == STATUS_OK) {
        status = fingerprint_compute(&print, pcm, 0, pcm->sample_count, err);
    }
    if (status == STATUS_OK) {
        const struct wire_extent extent = {.sample_count = pcm->sample_count,
                                           .has_side = pcm->side != NULL};
        status = wire_put_facts(&message, &facts, &extent, err);
    }
    if (status == STATUS_OK) {
        status = wire_put_print(&message, &print, err);
    }
    if (status == STATUS_OK && !send_all(&message)) {
        status = error_set(err, STATUS_UNAVAILABLE, "hung_up",
                           "nobody listens on descriptor 3");
    }
    buffer_clear(&message);
    fingerprint_clear(&print);
    audio_facts_clear(&facts);
    return status;
}

static enum status out_of_range(const struct pcm *pcm, struct error *err)
{
    return error_set(err, STATUS_INVALID, "out_of_range",
                     "the file has only %zu samples", pcm->sample_count);
}

/* One fingerprint of a part of the samples. */
static enum status answer_request(const struct pcm *pcm,
                                  const struct wire_request *request,
                                  struct buffer *message, struct error *err)
{
    struct fingerprint print = {0};

    if (request->start > pcm->sample_count ||
        request->count > pcm->sample_count - request->start) {
        return out_of_range(pcm, err);
    }
    size_t count = request->count == 0
                       ? pcm->sample_count - (size_t)request->start
                       : (size_t)request->count;
    enum status status =
        fingerprint_compute(&print, pcm, (size_t)request->start, count, err);
    if (status == STATUS_OK) {
        status = wire_put_print(message, &print, err);
    }
    fingerprint_clear(&print);
    return status;
}

static enum status answer_read(const struct pcm *pcm,
                               const struct wire_read *read,
                               struct buffer *message, struct error *err)
{
    const int16_t *samples =
        read->channel == PCM_SIDE ? pcm->side : pcm->samples;

    if (samples == NULL || read->start > pcm->sample_count ||
        read->count > pcm->sample_count - read->start) {
        return out_of_range(pcm, err);
    }
    return wire_put_samples(message, read, samples + read->start, err);
}

/* The answer to a question, or why there is none. STATUS_CORRUPT: what came is
 * no question. */
static enum status answer(const struct pcm *pcm,
                          const struct wire_header *header, const uint8_t *body,
                          struct buffer *message, struct error *err)
{
    struct wire_request request;
    struct wire_read read;
    enum status status;

    if (header->type == WIRE_READ) {
        status = wire_parse_read(&read, body, header->body_length, err);
        return status == STATUS_OK ? answer_read(pcm, &read, message, err)
                                   : status;
    }
    status = wire_parse_request(&request, body, header->body_length, err);
    return status == STATUS_OK ? answer_request(pcm, &request, message, err)
                               : status;
}

/* Answers until the socket ends. False: what came is no question. */
static bool serve(const struct pcm *pcm)
{
    uint8_t bytes[WIRE_HEADER_BYTES];
    uint8_t body[WIRE_MAX_QUESTION_BYTES];
    struct buffer message = {0};
    bool alive = true;

    while (alive && receive_all(bytes, sizeof bytes)) {
        struct wire_header header;
        struct error err = {0};

        alive = wire_parse_header(&header, bytes, NULL) == STATUS_OK &&
                (header.type == WIRE_REQUEST || header.type == WIRE_READ) &&
                receive_all(body, header.body_length);
        if (!alive) {
            break;
        }
        message.length = 0;
        enum status status = answer(pcm, &header, body, &message, &err);
        if (status == STATUS_OK) {
            alive = send_all(&message);
        } else if (status == STATUS_CORRUPT) {
            alive = false;
        } else {
            send_failure(status, &err);
        }
    }
    buffer_clear(&message);
    return alive;
}

enum status job_prepare(struct error *err)
{
    static int16_t silence[FINGERPRINT_ITEM_SAMPLES + PCM_RATE_HZ];
    struct pcm pcm = {.samples = silence,
                      .sample_count = sizeof silence / sizeof silence[0]};
    struct fingerprint print = {0};

    decode_prepare();
    enum status status =
        fingerprint_compute(&print, &pcm, 0, pcm.sample_count, err);
    fingerprint_clear(&print);
    return status;
}

bool job_run(pid_t parent)
{
    struct pcm pcm = {0};
    struct error err = {0};
    struct stat job = {0};
    enum status status;

    sandbox_close_files(JOB_SOCKET_FD);
    if (fstat(JOB_FILE_FD, &job) != 0 || job.st_size < 0) {
        status = error_set(&err, STATUS_UNAVAILABLE, "no_job",
                           "descriptor 0 is no file: %s", strerror(errno));
    } else {
        status = sandbox_enter(parent, &err);
    }
    if (status == STATUS_OK) {
        status = decode_job(&pcm, (uint64_t)job.st_size, &err);
    }
    if (status == STATUS_NO_MEMORY) {
        /* what the sandbox grants is enough for two hours of audio */
        status = error_set(&err, STATUS_INVALID, "unreadable",
                           "the file needs more memory than a file may: send "
                           "another copy");
    }
    bool served = false;
    if (status == STATUS_OK) {
        served = serve(&pcm);
    } else {
        send_failure(status, &err);
    }
    pcm_clear(&pcm);
    return served;
}
