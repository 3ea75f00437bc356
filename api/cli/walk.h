/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_WALK_H
#define REFRAIN_API_CLI_WALK_H

#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Files below paths, in a stable order: a folder's files by name, then its
 *  folders by name. Links are followed; a link back to a folder above is
 *  passed over. */

enum {
    WALK_FILES_MAX = 1000000, /* more is another disk named by mistake */
    WALK_REASON_SIZE = 160,
};
struct walk_file {
    char *path;
    uint64_t size_bytes;
    /* "" for a file; otherwise why it or the folder cannot be read. */
    char problem[WALK_REASON_SIZE];
};
struct walk {
    struct walk_file *files; /* owned: walk_clear() */
    size_t count;
    size_t capacity;
    uint64_t total_bytes;
    size_t passed_over; /* regular files that `wanted` refused */
};

/** paths   files and folders, ended by NULL; a file named here is always taken
 *  wanted  decides by its path whether a file found below a folder is taken
 *  out     starts zeroed; the caller's on STATUS_OK
 *  STATUS_LIMIT "many_files" · STATUS_NO_MEMORY · STATUS_UNAVAILABLE
 *  "unreadable": the walk itself failed. A path that is not there is an entry
 *  with a problem. */
MUST_USE enum status walk_files(struct walk *out, char *const *paths,
                                bool (*wanted)(const char *path),
                                struct error *err);
void walk_clear(struct walk *walk);

#endif
