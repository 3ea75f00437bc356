/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/sketches.h"

#include "catalog/releases/masters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The cells of two hours in two channels, and ample room for the rest. */
static const off_t sketch_max_bytes =
    2 * (off_t)SKETCH_MAX_FRAMES * SKETCH_FRAME_BYTES + 4096;

enum status sketches_draw(struct buffer *out, struct decoder *decoder,
                          struct error *err)
{
    struct sketch sketch = {0};
    const struct sound sound = decoder_sound(decoder);
    enum status status = sketch_make(&sketch, &sound, err);
    if (status == STATUS_OK) {
        status = sketch_pack(out, &sketch, err);
    }
    sketch_clear(&sketch);
    return status;
}

enum { NAME_SIZE = MASTER_NAME_SIZE + sizeof ".sketch" };

/* "ab/abcd….flac" -> "ab/abcd….sketch" */
static void sketch_name(char out[NAME_SIZE], const char *master_name)
{
    const char *dot = strrchr(master_name, '.');
    size_t stem =
        dot == NULL ? strlen(master_name) : (size_t)(dot - master_name);
    (void)snprintf(out, NAME_SIZE, "%.*s.sketch", (int)stem, master_name);
}

enum status sketches_store(const char *folder, const char *master_name,
                           const struct buffer *bytes, struct error *err)
{
    char name[NAME_SIZE];
    sketch_name(name, master_name);
    return masters_replace(folder, name, bytes, err);
}

static int open_in(const char *folder, const char *name)
{
    int root_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0) {
        return -1;
    }
    int fd =
        openat(root_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int reason = errno;
    (void)close(root_fd);
    errno = reason;
    return fd;
}

/* Appends the whole file; false when the disk refuses (errno). */
static bool read_all(struct buffer *out, int fd, size_t length)
{
    while (out->length < length) {
        ssize_t got = pread(fd, out->bytes + out->length, length - out->length,
                            (off_t)out->length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got == 0 ? EIO : errno; /* shorter than it was just now */
            return false;
        }
        out->length += (size_t)got;
    }
    return true;
}

static enum status no_sketch(struct error *err)
{
    return error_set(err, STATUS_NOT_FOUND, "no_sketch",
                     "cannot read the sketch of a recording (%s): it is drawn "
                     "again from the master",
                     strerror(errno));
}

static enum status read_from(struct sketch *out, int fd, struct error *err)
{
    struct stat facts;
    struct buffer bytes = {0};
    if (fstat(fd, &facts) != 0) {
        return no_sketch(err);
    }
    if (!S_ISREG(facts.st_mode) || facts.st_size > sketch_max_bytes) {
        return error_set(err, STATUS_CORRUPT, "sketch_corrupt",
                         "what lies in place of a recording's sketch is none: "
                         "it is drawn again from the master");
    }
    enum status status = buffer_reserve(&bytes, (size_t)facts.st_size, err);
    if (status == STATUS_OK && !read_all(&bytes, fd, (size_t)facts.st_size)) {
        status = no_sketch(err);
    }
    if (status == STATUS_OK) {
        status = sketch_unpack(out, bytes.bytes, bytes.length, err);
    }
    buffer_clear(&bytes);
    return status;
}

enum status sketches_read(struct sketch *out, const char *folder,
                          const char *master_name, struct error *err)
{
    char name[NAME_SIZE];
    *out = (struct sketch){0};
    sketch_name(name, master_name);
    int fd = open_in(folder, name);
    if (fd < 0) {
        return no_sketch(err);
    }
    enum status status = read_from(out, fd, err);
    (void)close(fd);
    return status;
}
