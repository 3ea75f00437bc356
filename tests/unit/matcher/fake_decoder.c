/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/handover.h"
#include "matcher/decoder/wire.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

/* Stands in for refrain-decoder and misbehaves in the way that the name it is
 * called by says: what a decoder might do that a file has taken over. Those
 * whose name begins with "forker" do it before there is a job. */

enum { CONTROL_FD = 3, MANY = 100, SAMPLES = 110250 };

static struct buffer out;

/* A print of one item, and facts that fit. */
static uint32_t item = 1;
static uint8_t level = 1;
static const struct fingerprint print = {&item, &level, 1, 0, 0};
static struct audio_facts facts = {.container = CONTAINER_WAV,
                                   .codec = "pcm_s16le",
                                   .duration_ms = 10000,
                                   .sample_rate_hz = 44100,
                                   .channels = 2};
static const struct wire_extent extent = {.sample_count = SAMPLES,
                                          .has_side = true};
static const struct error why = {"not_audio", "no"};

static void must(enum status status)
{
    if (status != STATUS_OK) {
        abort();
    }
}

static void say_numbers(const char *way)
{
    uint8_t garbage[MANY];

    memset(garbage, 0xff, sizeof garbage);
    if (strcmp(way, "garbage") == 0) {
        must(buffer_append(&out, garbage, sizeof garbage, NULL));
    } else if (strcmp(way, "huge") == 0) {
        must(wire_put_print(&out, &print, NULL));
        store_u32le(out.bytes + 4, UINT32_MAX);
    } else if (strcmp(way, "endless") == 0) {
        for (int i = 0; i < MANY; i++) {
            must(wire_put_progress(&out, 1000, NULL));
        }
    } else if (strcmp(way, "success") == 0) {
        must(wire_put_failure(&out, STATUS_INVALID, &why, NULL));
        out.bytes[WIRE_HEADER_BYTES] = STATUS_OK;
    } else if (strcmp(way, "wrong_code") == 0) {
        must(wire_put_failure(&out, STATUS_INVALID, &why, NULL));
        out.bytes[WIRE_HEADER_BYTES + 4] = '/';
    } else if (strcmp(way, "request") == 0) {
        must(wire_put_request(&out, &(struct wire_request){0}, NULL));
    }
}

static void say_facts(const char *way)
{
    if (strcmp(way, "print_first") == 0) {
        must(wire_put_print(&out, &print, NULL));
        must(wire_put_facts(&out, &facts, &extent, NULL));
    } else if (strcmp(way, "liar") == 0) {
        facts.channels = 200;
        must(wire_put_facts(&out, &facts, &extent, NULL));
        must(wire_put_print(&out, &print, NULL));
    } else if (strcmp(way, "half") == 0) {
        must(wire_put_facts(&out, &facts, &extent, NULL));
        out.length /= 2;
    } else if (strcmp(way, "two_facts") == 0) {
        must(wire_put_facts(&out, &facts, &extent, NULL));
        must(wire_put_facts(&out, &facts, &extent, NULL));
    }
}

static void answer_read(const char *way, struct wire_read read)
{
    static const int16_t samples[SAMPLES];

    if (strcmp(way, "samples_many") == 0) {
        read.count++;
    } else if (strcmp(way, "samples_few") == 0) {
        read.count--;
    } else if (strcmp(way, "samples_channel") == 0) {
        read.channel = PCM_MID;
    } else if (strcmp(way, "samples_place") == 0) {
        read.start++;
    }
    if (strcmp(way, "samples_print") == 0) {
        must(wire_put_print(&out, &print, NULL));
    } else {
        must(wire_put_samples(&out, &read, samples, NULL));
    }
    if (strcmp(way, "samples_claimed") == 0) {
        store_u32le(out.bytes + 4, UINT32_MAX);
    } else if (strcmp(way, "samples_cut") == 0) {
        out.length /= 2;
    }
}

static void send_out(int socket)
{
    if (out.length > 0 &&
        write(socket, out.bytes, out.length) != (ssize_t)out.length) {
        abort();
    }
    out.length = 0;
}

/* Behaves until it is asked for samples. */
static void misread(const char *way, int socket)
{
    uint8_t bytes[WIRE_HEADER_BYTES + WIRE_MAX_QUESTION_BYTES];
    struct wire_read read_;

    must(wire_put_facts(&out, &facts, &extent, NULL));
    must(wire_put_print(&out, &print, NULL));
    send_out(socket);
    if (read(socket, bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
        must(wire_parse_read(&read_, bytes + WIRE_HEADER_BYTES,
                             WIRE_MAX_QUESTION_BYTES, NULL));
        answer_read(way, read_);
        send_out(socket);
    }
}

static void work(const char *way, int socket)
{
    if (strcmp(way, "killed") == 0) {
        (void)raise(SIGKILL);
    }
    if (strcmp(way, "crashed") == 0) {
        (void)raise(SIGSEGV);
    }
    if (strncmp(way, "samples", strlen("samples")) == 0) {
        misread(way, socket);
    } else {
        say_numbers(way);
        say_facts(way);
        send_out(socket);
    }
    buffer_clear(&out);
}

/* A process for the job, as refrain-decoder starts it. */
static void start_job(const char *way, const struct handover *job)
{
    struct handover answer = {.code = EAGAIN};

    if (strcmp(way, "forker_full") != 0) {
        pid_t pid = fork();
        if (pid == 0) {
            work(way, job->fds[1]);
            _exit(0);
        }
        answer = (struct handover){.fd_count = 1, .fds = {pidfd_open(pid, 0)}};
    }
    if (strcmp(way, "forker_mute") == 0) {
        answer.fd_count = 0;
    }
    if (handover_send(CONTROL_FD, &answer) != 0) {
        abort();
    }
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *way = slash == NULL ? argv[0] : slash + 1;
    struct handover job;

    (void)argc;
    if (strcmp(way, "forker_gone") == 0) {
        return 1;
    }
    while (handover_receive(&job, CONTROL_FD) == 0) {
        if (strcmp(way, "forker_dies") == 0) {
            return 1;
        }
        start_job(way, &job);
        handover_clear(&job);
    }
    return 0;
}
