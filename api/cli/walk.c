/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/walk.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "out of memory: name fewer files at once");
}

static enum status add(struct walk *walk, const FTSENT *entry,
                       const char *problem, struct error *err)
{
    if (walk->count >= WALK_FILES_MAX) {
        return error_set(err, STATUS_LIMIT, "many_files",
                         "there are over %d files: name smaller folders",
                         WALK_FILES_MAX);
    }
    if (walk->count == walk->capacity) {
        const size_t capacity = walk->capacity == 0 ? 256 : walk->capacity * 2;
        struct walk_file *files =
            reallocarray(walk->files, capacity, sizeof(*files));

        if (files == NULL) {
            return no_memory(err);
        }
        walk->files = files;
        walk->capacity = capacity;
    }
    struct walk_file *file = &walk->files[walk->count];

    *file = (struct walk_file){.path = strdup(entry->fts_path)};
    if (file->path == NULL) {
        return no_memory(err);
    }
    if (problem == NULL) {
        file->size_bytes = (uint64_t)entry->fts_statp->st_size;
        walk->total_bytes += file->size_bytes;
    } else {
        snprintf(file->problem, sizeof(file->problem), "%s", problem);
    }
    walk->count++;
    return STATUS_OK;
}

static enum status visit(struct walk *walk, const FTSENT *entry,
                         bool (*wanted)(const char *path), struct error *err)
{
    const bool named = entry->fts_level == FTS_ROOTLEVEL;

    switch (entry->fts_info) {
    case FTS_F:
        if (named || wanted(entry->fts_path)) {
            return add(walk, entry, NULL, err);
        }
        walk->passed_over++;
        return STATUS_OK;
    case FTS_NS:
    case FTS_SLNONE:
        if (named || wanted(entry->fts_path)) {
            return add(walk, entry,
                       entry->fts_info == FTS_NS ? strerror(entry->fts_errno)
                                                 : "a link to nothing",
                       err);
        }
        return STATUS_OK;
    case FTS_DNR:
    case FTS_ERR:
        return add(walk, entry, strerror(entry->fts_errno), err);
    case FTS_DEFAULT: /* a socket, a device … */
        return named ? add(walk, entry, "neither file nor folder", err)
                     : STATUS_OK;
    default:
        return STATUS_OK;
    }
}

/* A folder's own files come before its folders, so that they stay together. */
static int by_name(const FTSENT **left, const FTSENT **right)
{
    const bool left_folder = (*left)->fts_info == FTS_D;
    const bool right_folder = (*right)->fts_info == FTS_D;

    if (left_folder != right_folder) {
        return left_folder ? 1 : -1;
    }
    return strcmp((*left)->fts_name, (*right)->fts_name);
}

enum status walk_files(struct walk *out, char *const *paths,
                       bool (*wanted)(const char *path), struct error *err)
{
    FTS *tree = fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    enum status status = STATUS_OK;
    const FTSENT *entry;

    if (tree == NULL) {
        return error_set(err, STATUS_UNAVAILABLE, "unreadable",
                         "cannot look through the folders (%s): check the "
                         "paths",
                         strerror(errno));
    }
    errno = 0;
    while (status == STATUS_OK && (entry = fts_read(tree)) != NULL) {
        status = visit(out, entry, wanted, err);
        errno = 0;
    }
    if (status == STATUS_OK && errno != 0) {
        status = error_set(err, STATUS_UNAVAILABLE, "unreadable",
                           "cannot look through the folders (%s): check the "
                           "paths",
                           strerror(errno));
    }
    fts_close(tree);
    if (status != STATUS_OK) {
        walk_clear(out);
    }
    return status;
}

void walk_clear(struct walk *walk)
{
    for (size_t i = 0; i < walk->count; i++) {
        free(walk->files[i].path);
    }
    free(walk->files);
    *walk = (struct walk){0};
}
