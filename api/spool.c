/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/spool.h"

#include "catalog/id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static enum status refused(int reason, struct error *err)
{
    if (reason == ENOSPC || reason == EDQUOT) {
        return error_set(err, STATUS_UNAVAILABLE, "spool_full",
                         "no space in the spool folder: free some");
    }
    return error_set(err, STATUS_UNAVAILABLE, "spool_write",
                     "cannot write to the spool folder (%s): check its disk "
                     "and permissions",
                     strerror(reason));
}

/* Only what surely does not fit is told at once: others write meanwhile. */
static bool fits(const char *folder, uint64_t wanted_bytes)
{
    struct statvfs disk;
    return statvfs(folder, &disk) != 0 ||
           wanted_bytes <= (uint64_t)disk.f_bavail * disk.f_frsize;
}

enum status spool_create(const char *folder, uint64_t wanted_bytes,
                         char out_path[CONFIG_TEXT_SIZE], int *fd,
                         struct error *err)
{
    char name[ID_SIZE];
    id_random(name, "up");
    int length =
        snprintf(out_path, CONFIG_TEXT_SIZE, "%s/%s.part", folder, name);
    if (length >= CONFIG_TEXT_SIZE) {
        return error_set(err, STATUS_UNAVAILABLE, "spool_write",
                         "the data folder's path is too long: use a shorter "
                         "one");
    }
    if (!fits(folder, wanted_bytes)) {
        out_path[0] = '\0';
        return refused(ENOSPC, err);
    }
    *fd = open(out_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
               0600);
    if (*fd < 0) {
        out_path[0] = '\0';
        return refused(errno, err);
    }
    return STATUS_OK;
}

enum status spool_append(int fd, const void *bytes, size_t length,
                         struct error *err)
{
    const uint8_t *at = bytes;
    while (length > 0) {
        ssize_t written = write(fd, at, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return refused(errno, err);
        }
        at += written;
        length -= (size_t)written;
    }
    return STATUS_OK;
}
