/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/masters.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Durable in four steps: write under a name that nobody reads, fsync the file,
 * rename it, fsync the folder that now holds the name. A failed fsync is not
 * repeated, since the kernel calls the lost pages clean (Rebello et al., USENIX
 * ATC 2020): the copy is given up. */

enum {
    COPY_BYTES = 64 * 1024,
    LEFTOVER_AGE_S = 24 * 60 * 60, /* no copy takes a day */
    SWEEP_MAX_FILES = 10000,       /* a load; the next one goes on */
};
#define UNFINISHED "tmp"

static enum status cannot_write(struct error *err, const char *what)
{
    if (errno == ENOSPC || errno == EDQUOT) {
        (void)error_set(err, STATUS_UNAVAILABLE, "masters_full",
                        "no space left for masters: free some on the disk of "
                        "the data folder, then load again");
        return STATUS_UNAVAILABLE;
    }
    (void)error_set(err, STATUS_UNAVAILABLE, "masters_write",
                    "cannot %s in the folder of masters (%s): make it "
                    "writable, check its disk, then load again",
                    what, strerror(errno));
    return STATUS_UNAVAILABLE;
}

static enum status cannot_read(struct error *err)
{
    (void)error_set(err, STATUS_UNAVAILABLE, "masters_read",
                    "cannot read a file of the release (%s): check its disk, "
                    "then load again",
                    strerror(errno));
    return STATUS_UNAVAILABLE;
}

static ssize_t read_at(int fd, uint8_t *bytes, size_t length, off_t offset)
{
    ssize_t got = 0;
    do {
        got = pread(fd, bytes, length, offset);
    } while (got < 0 && errno == EINTR);
    return got;
}

static int write_all(int fd, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return -1;
        }
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

/* Hashes `fd` and, when `to` is not -1, copies it there. */
static enum status hash_and_copy(int fd, int to, uint8_t out[SHA256_BYTES],
                                 struct error *err)
{
    uint8_t bytes[COPY_BYTES];
    struct crypto_hash *hash = crypto_hash_new();
    enum status status = STATUS_OK;
    off_t offset = 0;
    ssize_t got = read_at(fd, bytes, sizeof bytes, 0);
    while (got > 0 && status == STATUS_OK) {
        crypto_hash_add(hash, bytes, (size_t)got);
        if (to >= 0 && write_all(to, bytes, (size_t)got) != 0) {
            status = cannot_write(err, "write");
            break;
        }
        offset += got;
        got = read_at(fd, bytes, sizeof bytes, offset);
    }
    crypto_hash_finish(hash, out);
    return got < 0 && status == STATUS_OK ? cannot_read(err) : status;
}

enum status masters_hash(int fd, uint8_t out[SHA256_BYTES], struct error *err)
{
    return hash_and_copy(fd, -1, out, err);
}

void masters_name(char out[MASTER_NAME_SIZE],
                  const uint8_t sha256[SHA256_BYTES], const char *extension)
{
    char hex[2 * SHA256_BYTES + 1];
    hex_encode(hex, sha256, SHA256_BYTES);
    int length =
        snprintf(out, MASTER_NAME_SIZE, "%.2s/%s.%s", hex, hex, extension);
    assert(length > 0 && length < MASTER_NAME_SIZE);
}

const char *masters_extension(enum container container)
{
    static const char *const extensions[] = {
        [CONTAINER_MP3] = "mp3",   [CONTAINER_ADTS] = "aac",
        [CONTAINER_MP4] = "m4a",   [CONTAINER_FLAC] = "flac",
        [CONTAINER_OGG] = "ogg",   [CONTAINER_WAV] = "wav",
        [CONTAINER_AIFF] = "aiff",
    };
    assert(container > CONTAINER_UNKNOWN && container <= CONTAINER_AIFF);
    return extensions[container];
}

static int sync_folder(int root_fd, const char *name)
{
    int fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int bad = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0) {
        int reason = errno;
        (void)close(fd);
        errno = reason;
    }
    return bad;
}

/* The sub-folder "ab" of "ab/abcd….flac", made durable itself when new. */
static int make_folder(int root_fd, const char *name, char out[3])
{
    (void)snprintf(out, 3, "%.2s", name);
    if (mkdirat(root_fd, out, 0700) == 0) {
        return sync_folder(root_fd, ".");
    }
    return errno == EEXIST ? 0 : -1;
}

/* What a file is to hold. */
struct content {
    int fd;                     /* copied, when bytes is NULL; and must be */
    const uint8_t *sha256;      /* what has this hash */
    const struct buffer *bytes; /* or these */
    mode_t mode;
};

static enum status fill(int to, const struct content *content,
                        struct error *err)
{
    if (content->bytes != NULL) {
        const struct buffer *bytes = content->bytes;
        return write_all(to, bytes->bytes, bytes->length) == 0
                   ? STATUS_OK
                   : cannot_write(err, "write");
    }
    uint8_t copied[SHA256_BYTES];
    assert(content->sha256 != NULL);
    enum status status = hash_and_copy(content->fd, to, copied, err);
    if (status == STATUS_OK &&
        memcmp(copied, content->sha256, SHA256_BYTES) != 0) {
        status = error_set(err, STATUS_CONFLICT, "file_changed",
                           "a file of the release changed while it was "
                           "loaded: load again when it is complete");
    }
    return status;
}

/* The file under its unfinished name, written and synced. */
static enum status write_file(int root_fd, const char *unfinished,
                              const struct content *content, struct error *err)
{
    int to = openat(root_fd, unfinished,
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, content->mode);
    if (to < 0) {
        return cannot_write(err, "make a file");
    }
    enum status status = fill(to, content, err);
    if (status == STATUS_OK && fsync(to) != 0) {
        status = cannot_write(err, "sync a file");
    }
    if (close(to) != 0 && status == STATUS_OK) {
        status = cannot_write(err, "close a file");
    }
    return status;
}

/* Under its name, durable, in place of what is there. */
static enum status place(int root_fd, const char *name,
                         const struct content *content, struct error *err)
{
    char folder[3];
    char unfinished[sizeof UNFINISHED "/" + ID_SIZE] = UNFINISHED "/";
    id_random(unfinished + sizeof UNFINISHED, "master");
    if (make_folder(root_fd, name, folder) != 0) {
        return cannot_write(err, "make a folder");
    }
    enum status status = write_file(root_fd, unfinished, content, err);
    if (status == STATUS_OK &&
        renameat(root_fd, unfinished, root_fd, name) != 0) {
        status = cannot_write(err, "place a file");
    }
    if (status != STATUS_OK) {
        (void)unlinkat(root_fd, unfinished, 0);
    } else if (sync_folder(root_fd, folder) != 0) {
        status = cannot_write(err, "sync a folder");
        (void)unlinkat(root_fd, name, 0);
    }
    return status;
}

enum status masters_store(const char *folder, const char *name,
                          const uint8_t sha256[SHA256_BYTES], int fd,
                          struct error *err)
{
    int root_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0) {
        return cannot_write(err, "look");
    }
    const struct content content = {fd, sha256, NULL, 0400};
    enum status status = STATUS_OK;
    if (faccessat(root_fd, name, F_OK, 0) != 0) {
        status = place(root_fd, name, &content, err);
    }
    (void)close(root_fd);
    return status;
}

enum status masters_replace(const char *folder, const char *name,
                            const struct buffer *bytes, struct error *err)
{
    int root_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0) {
        return cannot_write(err, "look");
    }
    const struct content content = {-1, NULL, bytes, 0600};
    enum status status = place(root_fd, name, &content, err);
    (void)close(root_fd);
    return status;
}

enum status masters_open(int *fd, const char *folder,
                         const struct recording *recording, struct error *err)
{
    char path[PATH_MAX];
    struct stat facts = {0};
    int length =
        snprintf(path, sizeof path, "%s/%s", folder, recording->master_name);
    assert(length > 0 && (size_t)length < sizeof path);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0) {
        return error_set(err, STATUS_CORRUPT, "master_missing",
                         "cannot open the master of recording %s (%s): load "
                         "its release again",
                         recording->id, strerror(errno));
    }
    if (fstat(*fd, &facts) != 0 ||
        (uint64_t)facts.st_size != recording->size_bytes) {
        (void)close(*fd);
        *fd = -1;
        return error_set(err, STATUS_CORRUPT, "master_damaged",
                         "the master of recording %s has not its size of "
                         "%" PRIu64 " bytes: load its release again",
                         recording->id, recording->size_bytes);
    }
    return STATUS_OK;
}

/* What a crash left in DIR/masters/tmp. A file that cannot be removed is
 * tried again by the next load. */
static void sweep(int tmp_fd)
{
    int own_fd = fcntl(tmp_fd, F_DUPFD_CLOEXEC, 0);
    DIR *files = own_fd < 0 ? NULL : fdopendir(own_fd);
    if (files == NULL) {
        return;
    }
    time_t now = time(NULL);
    const struct dirent *entry = readdir(files);
    for (int i = 0; entry != NULL && i < SWEEP_MAX_FILES; i++) {
        struct stat status;
        if (fstatat(tmp_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode) && now - status.st_mtime > LEFTOVER_AGE_S) {
            (void)unlinkat(tmp_fd, entry->d_name, 0);
        }
        entry = readdir(files);
    }
    (void)closedir(files);
}

enum status masters_prepare(const char *folder, struct error *err)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/" UNFINISHED, folder);
    if (length < 0 || (size_t)length >= sizeof path) {
        errno = ENAMETOOLONG;
        return cannot_write(err, "make a folder");
    }
    if ((mkdir(folder, 0700) != 0 && errno != EEXIST) ||
        (mkdir(path, 0700) != 0 && errno != EEXIST)) {
        return cannot_write(err, "make a folder");
    }
    int tmp_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tmp_fd < 0) {
        return cannot_write(err, "open a folder");
    }
    sweep(tmp_fd);
    (void)close(tmp_fd);
    return STATUS_OK;
}
