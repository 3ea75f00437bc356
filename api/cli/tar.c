/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/tar.h"

#include "api/cli/names.h"
#include "matcher/buffer.h"
#include "matcher/utf8.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* POSIX.1-2001, utility pax, "ustar Interchange Format" and "pax Header Block".
 * Each entry is a header record, the contents, and zeros up to a whole number
 * of records; two records of zeros end the archive. What does not fit the
 * header stands before it, in an entry of type 'x'. */
enum {
    RECORD_BYTES = 512,
    END_BYTES = 2 * RECORD_BYTES,
    NAME_BYTES = 100,
    FILE_NAME_SIZE = 256, /* Linux' NAME_MAX and the NUL */
};
/* Eleven octal digits. */
#define SIZE_MAX_BYTES UINT64_C(077777777777)

/* Offsets into a header record; fields that are not named here stay zero. */
enum {
    AT_NAME = 0,
    AT_MODE = 100,
    AT_UID = 108,
    AT_GID = 116,
    AT_SIZE = 124,
    AT_MTIME = 136,
    AT_CHECKSUM = 148,
    AT_TYPE = 156,
    AT_MAGIC = 257,   /* "ustar" and NUL */
    AT_VERSION = 263, /* "00" without NUL */
};

struct tar {
    char *const *paths; /* borrowed */
    uint64_t *sizes;    /* owned, one a path */
    size_t path_count;
    uint64_t size_bytes;
    struct buffer made; /* headers and zeros, not read yet from made_at on */
    size_t made_at;
    size_t next; /* path whose entry begins next */
    int fd;      /* the file in hand, or -1 */
    uint64_t left_bytes;
    bool ended;
    struct error error;
};

/* Headers. */

static void put_octal(uint8_t *record, size_t at, int digits, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%0*llo", digits, (unsigned long long)value);
    assert(strlen(text) == (size_t)digits);
    memcpy(record + at, text, (size_t)digits);
}

/* The sum of all bytes, with spaces in its own place. */
static void put_checksum(uint8_t *record)
{
    uint64_t sum = 0;

    memset(record + AT_CHECKSUM, ' ', 8);
    for (size_t i = 0; i < RECORD_BYTES; i++) {
        sum += record[i];
    }
    put_octal(record, AT_CHECKSUM, 6, sum);
    record[AT_CHECKSUM + 6] = '\0';
}

/* The same for the same file: the operator's owner, mode and time are nobody's
 * concern. */
static enum status put_record(struct buffer *out, const char *name, char type,
                              uint64_t size_bytes, struct error *err)
{
    uint8_t record[RECORD_BYTES] = {0};

    memcpy(record + AT_NAME, name, strnlen(name, NAME_BYTES));
    put_octal(record, AT_MODE, 7, 0644);
    put_octal(record, AT_UID, 7, 0);
    put_octal(record, AT_GID, 7, 0);
    put_octal(record, AT_SIZE, 11,
              size_bytes <= SIZE_MAX_BYTES ? size_bytes : 0);
    put_octal(record, AT_MTIME, 11, 0);
    record[AT_TYPE] = (uint8_t)type;
    memcpy(record + AT_MAGIC, "ustar", 6);
    record[AT_VERSION] = '0';
    record[AT_VERSION + 1] = '0';
    put_checksum(record);
    return buffer_append(out, record, sizeof(record), err);
}

static enum status put_padding(struct buffer *out, uint64_t size_bytes,
                               struct error *err)
{
    static const uint8_t zeros[RECORD_BYTES];
    const size_t over = (size_t)(size_bytes % RECORD_BYTES);

    return over == 0 ? STATUS_OK
                     : buffer_append(out, zeros, RECORD_BYTES - over, err);
}

/* "21 path=B\xc3\xa4r.mp3\n": the number counts the whole line, itself too. */
static enum status put_line(struct buffer *out, const char *key,
                            const char *value, struct error *err)
{
    const size_t rest = strlen(key) + strlen(value) + 3; /* ' ', '=', '\n' */
    size_t length = rest + 1;
    char digits[24];

    while (length !=
           rest + (size_t)snprintf(digits, sizeof(digits), "%zu", length)) {
        length++;
    }
    return buffer_printf(out, err, "%zu %s=%s\n", length, key, value);
}

static enum status put_extension(struct buffer *out, const char *name,
                                 uint64_t size_bytes, struct error *err)
{
    struct buffer lines = {0};
    char size[24];
    enum status status = put_line(&lines, "path", name, err);

    if (status == STATUS_OK && size_bytes > SIZE_MAX_BYTES) {
        snprintf(size, sizeof(size), "%llu", (unsigned long long)size_bytes);
        status = put_line(&lines, "size", size, err);
    }
    if (status == STATUS_OK) {
        status = put_record(out, "extension", 'x', lines.length, err);
    }
    if (status == STATUS_OK) {
        status = buffer_append(out, lines.bytes, lines.length, err);
    }
    if (status == STATUS_OK) {
        status = put_padding(out, lines.length, err);
    }
    buffer_clear(&lines);
    return status;
}

static bool is_plain(const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        if ((uint8_t)*at >= 0x80) {
            return false;
        }
    }
    return strlen(name) <= NAME_BYTES;
}

/* All that stands before the contents of a file. */
static enum status put_header(struct buffer *out, const char *path,
                              uint64_t size_bytes, struct error *err)
{
    char name[FILE_NAME_SIZE];
    enum status status = STATUS_OK;

    utf8_copy(name, sizeof(name), name_base(path), strlen(name_base(path)));
    if (!is_plain(name) || size_bytes > SIZE_MAX_BYTES) {
        status = put_extension(out, name, size_bytes, err);
    }
    return status == STATUS_OK ? put_record(out, name, '0', size_bytes, err)
                               : status;
}

/* Sizes: of each file, then of the archive. */

static enum status unreadable(const char *path, const char *why,
                              struct error *err)
{
    return error_set(err, STATUS_INVALID, "unreadable",
                     "cannot read %.300s (%s): check its owner and mode", path,
                     why);
}

static enum status measure(struct tar *tar, struct error *err)
{
    struct buffer header = {0};
    struct stat facts;
    enum status status = STATUS_OK;

    tar->size_bytes = END_BYTES;
    for (size_t i = 0; i < tar->path_count && status == STATUS_OK; i++) {
        if (stat(tar->paths[i], &facts) != 0) {
            status = unreadable(tar->paths[i], strerror(errno), err);
            break;
        }
        tar->sizes[i] = (uint64_t)facts.st_size;
        header.length = 0;
        status = put_header(&header, tar->paths[i], tar->sizes[i], err);
        if (status == STATUS_OK) {
            status = put_padding(&header, tar->sizes[i], err);
        }
        tar->size_bytes += header.length + tar->sizes[i];
    }
    buffer_clear(&header);
    return status;
}

enum status tar_open(struct tar **out, char *const *paths, size_t path_count,
                     struct error *err)
{
    struct tar *tar = calloc(1, sizeof(*tar));
    uint64_t *sizes = calloc(path_count + 1, sizeof(*sizes));

    if (tar == NULL || sizes == NULL) {
        free(tar);
        free(sizes);
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "out of memory: load fewer folders at once");
    }
    *tar = (struct tar){
        .paths = paths, .sizes = sizes, .path_count = path_count, .fd = -1};
    const enum status status = measure(tar, err);

    if (status != STATUS_OK) {
        tar_close(tar);
        return status;
    }
    *out = tar;
    return STATUS_OK;
}

static void close_file(struct tar *tar)
{
    if (tar->fd >= 0) {
        close(tar->fd);
        tar->fd = -1;
    }
}

void tar_close(struct tar *tar)
{
    if (tar != NULL) {
        close_file(tar);
        buffer_clear(&tar->made);
        free(tar->sizes);
        free(tar);
    }
}

uint64_t tar_size(const struct tar *tar)
{
    return tar->size_bytes;
}

const struct error *tar_error(const struct tar *tar)
{
    return &tar->error;
}

void tar_rewind(struct tar *tar)
{
    close_file(tar);
    tar->made.length = 0;
    tar->made_at = 0;
    tar->next = 0;
    tar->ended = false;
    tar->error = (struct error){0};
}

/* Making it. */

static enum status begin_file(struct tar *tar)
{
    const char *path = tar->paths[tar->next];

    tar->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (tar->fd < 0) {
        return unreadable(path, strerror(errno), &tar->error);
    }
    tar->left_bytes = tar->sizes[tar->next];
    return put_header(&tar->made, path, tar->sizes[tar->next++], &tar->error);
}

/* What follows in `made`, between contents. */
static enum status make_more(struct tar *tar)
{
    static const uint8_t end[END_BYTES];

    tar->made.length = 0;
    tar->made_at = 0;
    if (tar->fd >= 0) {
        close_file(tar);
        return put_padding(&tar->made, tar->sizes[tar->next - 1], &tar->error);
    }
    if (tar->next < tar->path_count) {
        return begin_file(tar);
    }
    tar->ended = true;
    return buffer_append(&tar->made, end, sizeof(end), &tar->error);
}

static int64_t read_contents(struct tar *tar, char *out, size_t length)
{
    const size_t wanted =
        tar->left_bytes < length ? (size_t)tar->left_bytes : length;
    const ssize_t got = read(tar->fd, out, wanted);

    if (got <= 0) {
        (void)unreadable(tar->paths[tar->next - 1],
                         got < 0 ? strerror(errno) : "it became shorter",
                         &tar->error);
        return -1;
    }
    tar->left_bytes -= (uint64_t)got;
    return got;
}

int64_t tar_read(struct tar *tar, char *out, size_t length)
{
    assert(length > 0);
    for (;;) {
        const size_t there = tar->made.length - tar->made_at;
        const size_t taken = there < length ? there : length;

        if (taken > 0) {
            memcpy(out, tar->made.bytes + tar->made_at, taken);
            tar->made_at += taken;
            return (int64_t)taken;
        }
        if (tar->fd >= 0 && tar->left_bytes > 0) {
            return read_contents(tar, out, length);
        }
        if (tar->ended) {
            return 0;
        }
        if (make_more(tar) != STATUS_OK) {
            return -1;
        }
    }
}
