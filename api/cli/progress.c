/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/progress.h"

#include "api/cli/text.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* An estimate from less than this swings too much to help. */
enum { ESTIMATE_AFTER_MS = 10000, ESTIMATE_AFTER_PART = 20 };

static int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_start(struct progress *progress)
{
    *progress = (struct progress){.on = isatty(STDERR_FILENO) == 1,
                                  .started_ms = clock_ms()};
}

static void print_estimate(int64_t elapsed_ms, uint64_t done, uint64_t total)
{
    if (done == 0 || done >= total ||
        (elapsed_ms < ESTIMATE_AFTER_MS &&
         done < total / ESTIMATE_AFTER_PART)) {
        return;
    }
    const double left_s =
        (double)elapsed_ms / 1000 * (double)(total - done) / (double)done;

    if (left_s < 1) {
        return;
    }
    if (left_s < 90) {
        fprintf(stderr, ", about %.0f s left", left_s);
    } else {
        fprintf(stderr, ", about %.0f min left", left_s / 60);
    }
}

void progress_show(struct progress *progress, size_t done, size_t total,
                   const char *what, uint64_t done_bytes, uint64_t total_bytes)
{
    char have[TEXT_SHORT_SIZE];
    char all[TEXT_SHORT_SIZE];

    if (!progress->on) {
        return;
    }
    text_size(have, done_bytes);
    text_size(all, total_bytes);
    /* ECMA-48: erase from the cursor to the end of the line. */
    fprintf(stderr, "\r\033[K%zu of %zu %s, %s of %s", done, total, what, have,
            all);
    print_estimate(clock_ms() - progress->started_ms, done_bytes, total_bytes);
    (void)fflush(stderr);
    progress->shown = true;
}

void progress_hide(struct progress *progress)
{
    if (progress->shown) {
        (void)fputs("\r\033[K", stderr);
        (void)fflush(stderr);
        progress->shown = false;
    }
}
