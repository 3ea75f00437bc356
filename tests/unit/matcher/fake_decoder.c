/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/wire.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Stands in for refrain-decoder and misbehaves in the way that the name it is
 * called by says: what a decoder might do that a file has taken over. */

enum { SOCKET_FD = 3, MANY = 100 };

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
        must(wire_put_facts(&out, &facts, 110250, NULL));
    } else if (strcmp(way, "liar") == 0) {
        facts.channels = 200;
        must(wire_put_facts(&out, &facts, 110250, NULL));
        must(wire_put_print(&out, &print, NULL));
    } else if (strcmp(way, "half") == 0) {
        must(wire_put_facts(&out, &facts, 110250, NULL));
        out.length /= 2;
    } else if (strcmp(way, "two_facts") == 0) {
        must(wire_put_facts(&out, &facts, 110250, NULL));
        must(wire_put_facts(&out, &facts, 110250, NULL));
    }
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *way = slash == NULL ? argv[0] : slash + 1;

    (void)argc;
    if (strcmp(way, "killed") == 0) {
        (void)raise(SIGKILL);
    }
    if (strcmp(way, "crashed") == 0) {
        (void)raise(SIGSEGV);
    }
    say_numbers(way);
    say_facts(way);
    bool sent = out.length == 0 ||
                write(SOCKET_FD, out.bytes, out.length) == (ssize_t)out.length;
    buffer_clear(&out);
    return sent ? 0 : 1;
}
