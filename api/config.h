/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CONFIG_H
#define REFRAIN_API_CONFIG_H

#include "matcher/status.h"

#include <stdbool.h>
#include <stdint.h>

/** refraind's options: one table in config.c (name, unit, default, limits,
 *  meaning) from which the file parser, the command line, --help,
 *  --print-config and README's table come. */

enum { CONFIG_TEXT_SIZE = 512 };
struct config {
    char data[CONFIG_TEXT_SIZE];    /* the data folder; no default */
    char listen[CONFIG_TEXT_SIZE];  /* HOST:PORT; port 0 picks one */
    char redis[CONFIG_TEXT_SIZE];   /* "" starts the embedded one */
    char decoder[CONFIG_TEXT_SIZE]; /* refrain-decoder; "" beside refraind */
    bool signup_open;
    uint32_t trial_days;
    uint32_t grace_days;
    uint64_t quota_bytes;       /* own audio of a new account */
    uint32_t trash_days;        /* after them what was removed is forgotten */
    uint32_t gc_interval_hours; /* between collectors; 0: none by itself */
    uint64_t upload_max_bytes;  /* one file */
    uint64_t release_max_bytes; /* one delivered release */
    uint32_t loops;             /* event loops; 0: one a core */
    uint32_t workers;           /* threads for slow requests; 0: two a core */
    uint32_t matchers;          /* uploads matched at once; 0: one a core */
    uint32_t connections_max;   /* over all loops */
};

/** Defaults, then the file (when named), then the command line.
 *  Prints help and exits as argp does; wrong usage exits 2.
 *  STATUS_INVALID "bad_config": names option, value and what is allowed. */
MUST_USE enum status config_read(struct config *out, int argc, char **argv,
                                 struct error *err);

#endif
