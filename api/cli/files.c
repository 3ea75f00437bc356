/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024 };

static enum status unreadable(const char *path, struct error *err)
{
    if (errno == ENOENT || errno == ENOTDIR) {
        return error_set(err, STATUS_NOT_FOUND, "no_file",
                         "there is no %s: check the path", path);
    }
    return error_set(err, STATUS_UNAVAILABLE, "unreadable",
                     "cannot read %s (%s): check its owner and mode", path,
                     strerror(errno));
}

enum status files_read(struct buffer *out, const char *path, size_t max_bytes,
                       struct error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum status status = STATUS_OK;
    char piece[PIECE_BYTES];
    ssize_t got = 0;

    if (fd < 0) {
        return unreadable(path, err);
    }
    do {
        got = read(fd, piece, sizeof(piece));
        if (got < 0) {
            status = unreadable(path, err);
        } else if (out->length + (size_t)got > max_bytes) {
            status = error_set(err, STATUS_LIMIT, "large_file",
                               "%s has more than %zu bytes: check that it is "
                               "the right file",
                               path, max_bytes);
        } else {
            status = buffer_append(out, piece, (size_t)got, err);
        }
    } while (status == STATUS_OK && got > 0);
    explicit_bzero(piece, sizeof(piece)); /* it may have been a token */
    close(fd);
    return status;
}

bool files_write(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length > 0) {
        const ssize_t put = write(fd, at, length);

        if (put < 0 && errno != EINTR) {
            return false;
        }
        if (put > 0) {
            at += put;
            length -= (size_t)put;
        }
    }
    return true;
}

/* A rename is only sure to last once its folder is synced. */
static bool sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const int length = slash == NULL ? 1 : (int)(slash - path) + 1;

    snprintf(folder, sizeof(folder), "%.*s", length,
             slash == NULL ? "." : path);
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return synced;
}

enum status files_replace(const char *path, const void *bytes, size_t length,
                          struct error *err)
{
    char fresh[PATH_MAX];

    if (snprintf(fresh, sizeof(fresh), "%s.XXXXXX", path) >= PATH_MAX) {
        return error_set(err, STATUS_INVALID, "long_path",
                         "the path %s is too long: choose a shorter one", path);
    }
    const int fd = mkostemp(fresh, O_CLOEXEC); /* mode 0600 */

    if (fd < 0 || !files_write(fd, bytes, length) || fsync(fd) != 0 ||
        rename(fresh, path) != 0 || !sync_folder_of(path)) {
        const enum status status =
            error_set(err, STATUS_UNAVAILABLE, "unwritable",
                      "cannot write %s (%s): check its folder's owner, mode "
                      "and free space",
                      path, strerror(errno));

        if (fd >= 0) {
            close(fd);
            unlink(fresh);
        }
        return status;
    }
    close(fd);
    return STATUS_OK;
}

enum status files_make_folder(const char *path, struct error *err)
{
    char part[PATH_MAX];

    if (snprintf(part, sizeof(part), "%s", path) >= PATH_MAX) {
        return error_set(err, STATUS_INVALID, "long_path",
                         "the path %s is too long: choose a shorter one", path);
    }
    for (char *at = part + 1;; at++) {
        const char end = *at;

        if (end != '/' && end != '\0') {
            continue;
        }
        *at = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            return error_set(err, STATUS_UNAVAILABLE, "unwritable",
                             "cannot make the folder %s (%s): check the owner "
                             "and mode of the one above",
                             part, strerror(errno));
        }
        *at = end;
        if (end == '\0') {
            return STATUS_OK;
        }
    }
}
