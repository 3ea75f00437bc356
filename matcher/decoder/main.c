/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decode.h"
#include "matcher/decoder/sandbox.h"
#include "matcher/decoder/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* refrain-decoder: one file, one process. It locks itself in, decodes what is
 * on descriptor 0, tells facts and fingerprint on the socket 3, answers
 * requests for further fingerprints, and ends when the socket does. No stdio
 * once it is locked in: its first use asks for system calls that are refused.
 */

enum { JOB_FD = 0, SOCKET_FD = 3, EXIT_USAGE = 2 };

static const char help[] =
    "Usage: refrain-decoder\n"
    "Decodes one audio file in a sandbox and fingerprints it.\n"
    "\n"
    "refraind starts it: the file is descriptor 0, a socket descriptor 3.\n"
    "There is nothing to set, and no reason to run it by hand.\n"
    "\n"
    "  --help     show this\n"
    "  --version  show the version\n";

static bool send_all(const struct buffer *message)
{
    size_t at = 0;

    while (at < message->length) {
        ssize_t sent =
            write(SOCKET_FD, message->bytes + at, message->length - at);
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
        ssize_t got = read(SOCKET_FD, to + at, length - at);
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

/* Chromaprint plans its transforms on first use: before the door is locked. */
static enum status warm_up(struct error *err)
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

/* Decodes the job and tells what it is. */
static enum status decode_job(struct pcm *pcm, uint64_t size_bytes,
                              struct error *err)
{
    struct audio_facts facts = {0};
    struct fingerprint print = {0};
    struct buffer message = {0};
    const struct decode_input input = {
        .fd = JOB_FD, .size_bytes = size_bytes, .progress = send_progress};
    enum status status = decode_file(pcm, &facts, &input, err);

    if (status == STATUS_OK) {
        status = fingerprint_compute(&print, pcm, 0, pcm->sample_count, err);
    }
    if (status == STATUS_OK) {
        status = wire_put_facts(&message, &facts, pcm->sample_count, err);
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

/* One fingerprint of a part of the samples. */
static enum status answer(const struct pcm *pcm,
                          const struct wire_request *request,
                          struct buffer *message, struct error *err)
{
    struct fingerprint print = {0};

    if (request->start > pcm->sample_count ||
        request->count > pcm->sample_count - request->start) {
        return error_set(err, STATUS_INVALID, "out_of_range",
                         "the file has only %zu samples", pcm->sample_count);
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

/* Answers until the socket ends. False: what came is no request. */
static bool serve(const struct pcm *pcm)
{
    uint8_t bytes[WIRE_HEADER_BYTES + sizeof(struct wire_request)];
    struct buffer message = {0};
    bool alive = true;

    while (alive && receive_all(bytes, WIRE_HEADER_BYTES)) {
        struct wire_header header;
        struct wire_request request;
        struct error err = {0};
        uint8_t *body = bytes + WIRE_HEADER_BYTES;

        alive = wire_parse_header(&header, bytes, NULL) == STATUS_OK &&
                header.type == WIRE_REQUEST &&
                receive_all(body, header.body_length) &&
                wire_parse_request(&request, body, header.body_length, NULL) ==
                    STATUS_OK;
        if (!alive) {
            break;
        }
        message.length = 0;
        enum status status = answer(pcm, &request, &message, &err);
        if (status == STATUS_OK) {
            alive = send_all(&message);
        } else {
            send_failure(status, &err);
        }
    }
    buffer_clear(&message);
    return alive;
}

static int run(void)
{
    struct pcm pcm = {0};
    struct error err = {0};
    struct stat job = {0};
    enum status status;

    sandbox_close_files(SOCKET_FD);
    if (fstat(JOB_FD, &job) != 0 || job.st_size < 0) {
        status = error_set(&err, STATUS_UNAVAILABLE, "no_job",
                           "descriptor 0 is no file: %s", strerror(errno));
    } else {
        status = warm_up(&err);
    }
    if (status == STATUS_OK) {
        status = sandbox_enter(&err);
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
    return served ? 0 : 1;
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
        getsockopt(SOCKET_FD, SOL_SOCKET, SO_TYPE, &type, &length) != 0) {
        (void)fputs("refrain-decoder: started by hand; it works for refraind "
                    "(see --help)\n",
                    stderr);
        return EXIT_USAGE;
    }
    _exit(run()); /* no exit handler of a library: the filter is on */
}
