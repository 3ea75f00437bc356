/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_PROGRESS_H
#define REFRAIN_API_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One line on the terminal (standard error) that says how far it is; silent
 *  when standard error is none. One thread. */
struct progress {
    bool on;
    bool shown;
    int64_t started_ms;
};

void progress_start(struct progress *progress);
/** what  "files"
 *  "12 of 345 files, 40.1 MiB of 1.2 GiB, about 3 min left". The estimate
 *  appears once a twentieth or ten seconds are behind. */
void progress_show(struct progress *progress, size_t done, size_t total,
                   const char *what, uint64_t done_bytes, uint64_t total_bytes);
/** Takes the line away, so that another may be printed. */
void progress_hide(struct progress *progress);

#endif
