/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/store.h"

#include "catalog/id.h"
#include "catalog/vault/store_folder_internal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A file becomes durable in four steps, none of which may be left out: write
 * under a name that nobody reads, fsync the file, rename it, fsync the folder
 * that now holds the name. After a failed fsync the kernel calls the lost pages
 * clean and a second fsync would succeed (Rebello et al., USENIX ATC 2020): the
 * file is given up and never synced again. */

enum {
    LEFTOVER_AGE_S = 24 * 60 * 60, /* no put takes a day */
    SWEEP_MAX_FILES = 100000,      /* an open; the next one goes on */
    COMPARE_BYTES = 16384,
};
#define TMP_FOLDER "tmp"

struct folder {
    struct store base;
    int root_fd; /* owned */
    int tmp_fd;  /* owned */
};
struct folder_object {
    struct store_object base;
    int fd; /* owned */
};

static struct folder *folder_get(struct store *store)
{
    return (struct folder *)store; /* base is the first member */
}

void store_folder_path(char out[STORE_FOLDER_PATH_SIZE],
                       const uint8_t name[SHA256_BYTES])
{
    hex_encode(out, name, 1);
    out[2] = '/';
    hex_encode(out + 3, name, SHA256_BYTES);
}

enum status store_folder_unreadable(struct error *err, int error)
{
    if (error == ENOENT) {
        return error_set(err, STATUS_UNAVAILABLE, "chunk_missing",
                         "a stored chunk is missing: restore the vault from a "
                         "backup, or upload the song again");
    }
    return error_set(err, STATUS_UNAVAILABLE, "chunk_unreadable",
                     "cannot read a stored chunk (%s): check the vault's disk",
                     strerrordesc_np(error));
}

static enum status write_error(struct error *err, const char *what, int error)
{
    if (error == ENOSPC || error == EDQUOT) {
        return error_set(err, STATUS_UNAVAILABLE, "vault_full",
                         "no space left for the vault: free some on its disk, "
                         "or raise its quota");
    }
    return error_set(err, STATUS_UNAVAILABLE, "vault_write",
                     "cannot %s in the vault (%s): make its folder writable "
                     "and check the disk",
                     what, strerrordesc_np(error));
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

/* Passes over `length` bytes that were read into the pieces. */
static void pieces_advance(struct iovec **pieces, size_t *count, size_t length)
{
    while (*count > 0 && length >= (*pieces)->iov_len) {
        length -= (*pieces)->iov_len;
        (*pieces)++;
        (*count)--;
    }
    if (length > 0) {
        (*pieces)->iov_base = (uint8_t *)(*pieces)->iov_base + length;
        (*pieces)->iov_len -= length;
    }
}

/* 0: all pieces are full · 1: the file ended before · -1: errno. */
static int read_pieces(int fd, struct iovec *pieces, size_t count, off_t offset)
{
    while (count > 0) {
        ssize_t got = preadv(fd, pieces, (int)count, offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got == 0 ? 1 : -1;
        }
        pieces_advance(&pieces, &count, (size_t)got);
        offset += got;
    }
    return 0;
}

/* A synced file under a name that nobody reads; none is left on error. */
static enum status write_tmp(const struct folder *folder, char name[ID_SIZE],
                             const void *bytes, size_t length,
                             struct error *err)
{
    id_random(name, "put");
    int fd = openat(folder->tmp_fd, name,
                    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return write_error(err, "make a file", errno);
    }
    enum status status = STATUS_OK;
    if (write_all(fd, bytes, length) != 0) {
        status = write_error(err, "write a file", errno);
    } else if (fsync(fd) != 0) {
        status = write_error(err, "sync a file", errno);
    }
    if (close(fd) != 0 && status == STATUS_OK) {
        status = write_error(err, "close a file", errno);
    }
    if (status != STATUS_OK) {
        (void)unlinkat(folder->tmp_fd, name, 0);
    }
    return status;
}

/* Does the file hold these bytes and no others? Comparing with what is in hand
 * costs less than the hash did, and a spoilt object is found here while its
 * bytes are still to be had. */
static bool file_equals(int fd, const uint8_t *bytes, size_t length)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0 || facts.st_size != (off_t)length) {
        return false;
    }
    uint8_t block[COMPARE_BYTES];
    for (size_t at = 0; at < length;) {
        size_t wanted = length - at < sizeof block ? length - at : sizeof block;
        struct iovec piece = {.iov_base = block, .iov_len = wanted};
        if (read_pieces(fd, &piece, 1, (off_t)at) != 0 ||
            memcmp(block, bytes + at, wanted) != 0) {
            return false;
        }
        at += wanted;
    }
    return true;
}

/* Is the object there and now durable? It may stem from a writer that died
 * between rename and the sync of the folder, so that has to be done again. */
static bool keep_existing(const struct folder *folder,
                          const char path[STORE_FOLDER_PATH_SIZE],
                          const void *bytes, size_t length)
{
    int fd = openat(folder->root_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool kept = file_equals(fd, bytes, length) && fsync(fd) == 0;
    (void)close(fd);
    return kept;
}

/* Syncs the folder of the objects whose names start so. Doing this once for
 * all objects of a file was tried and gained nothing: measured, it is the flush
 * of the disk that takes the time, and each sync asks for one. */
static enum status sync_folder(const struct folder *folder, uint8_t first_byte,
                               struct error *err)
{
    char name[3];
    hex_encode(name, &first_byte, 1);
    int fd = openat(folder->root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum status status = STATUS_OK;
    if (fd < 0 || fsync(fd) != 0) {
        status = write_error(err, "sync a folder", errno);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

static enum status folder_put(struct store *store,
                              const uint8_t name[SHA256_BYTES],
                              const void *bytes, size_t length,
                              struct error *err)
{
    struct folder *folder = folder_get(store);
    char path[STORE_FOLDER_PATH_SIZE];
    store_folder_path(path, name);
    if (keep_existing(folder, path, bytes, length)) {
        return sync_folder(folder, name[0], err);
    }
    char tmp[ID_SIZE];
    enum status status = write_tmp(folder, tmp, bytes, length, err);
    if (status != STATUS_OK) {
        return status;
    }
    /* two writers of one name bring the same bytes: either may win */
    if (renameat(folder->tmp_fd, tmp, folder->root_fd, path) != 0) {
        status = write_error(err, "rename a file", errno);
        (void)unlinkat(folder->tmp_fd, tmp, 0);
        return status;
    }
    return sync_folder(folder, name[0], err);
}

static enum status folder_object_open(struct store *store,
                                      const uint8_t name[SHA256_BYTES],
                                      struct store_object **out,
                                      struct error *err)
{
    struct folder *folder = folder_get(store);
    char path[STORE_FOLDER_PATH_SIZE];
    store_folder_path(path, name);
    int fd = openat(folder->root_fd, path, O_RDONLY | O_CLOEXEC);
    struct stat facts;
    if (fd < 0 || fstat(fd, &facts) != 0) {
        enum status status = store_folder_unreadable(err, errno);
        if (fd >= 0) {
            (void)close(fd);
        }
        return status;
    }
    struct folder_object *object = calloc(1, sizeof *object);
    if (object == NULL) {
        (void)close(fd);
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for reading a chunk");
    }
    object->base.methods = store->methods;
    object->base.size_bytes = (uint64_t)facts.st_size;
    object->fd = fd;
    *out = &object->base;
    return STATUS_OK;
}

static enum status folder_object_read(struct store_object *object,
                                      uint64_t offset, struct iovec *pieces,
                                      size_t count, struct error *err)
{
    const struct folder_object *file = (struct folder_object *)object;
    assert(count <= STORE_MAX_PIECES);
    int result = read_pieces(file->fd, pieces, count, (off_t)offset);
    if (result < 0) {
        return store_folder_unreadable(err, errno);
    }
    if (result > 0) {
        return error_set(err, STATUS_CORRUPT, "chunk_corrupt",
                         "a stored chunk is cut short: restore it from a "
                         "backup, or upload the song again");
    }
    return STATUS_OK;
}

static void folder_object_close(struct store_object *object)
{
    struct folder_object *file = (struct folder_object *)object;
    (void)close(file->fd);
    free(file);
}

static enum status folder_has(struct store *store,
                              const uint8_t name[SHA256_BYTES], bool *out,
                              struct error *err)
{
    struct folder *folder = folder_get(store);
    char path[STORE_FOLDER_PATH_SIZE];
    struct stat facts;
    store_folder_path(path, name);
    *out = fstatat(folder->root_fd, path, &facts, 0) == 0;
    if (!*out && errno != ENOENT) {
        return store_folder_unreadable(err, errno);
    }
    return STATUS_OK;
}

/* Not synced: it would cost a flush of the disk an object, and what comes back
 * is an object that nobody names. */
static enum status folder_remove(struct store *store,
                                 const uint8_t name[SHA256_BYTES],
                                 struct error *err)
{
    struct folder *folder = folder_get(store);
    char path[STORE_FOLDER_PATH_SIZE];
    store_folder_path(path, name);
    if (unlinkat(folder->root_fd, path, 0) != 0 && errno != ENOENT) {
        return write_error(err, "remove a file", errno);
    }
    return STATUS_OK;
}

static enum status folder_list(struct store *store, const uint8_t *after,
                               store_visit *visit, void *context,
                               struct error *err)
{
    return store_folder_list(folder_get(store)->root_fd, after, visit, context,
                             err);
}

static enum status folder_probe(struct store *store, struct error *err)
{
    struct folder *folder = folder_get(store);
    char tmp[ID_SIZE];
    enum status status = write_tmp(folder, tmp, "probe", 5, err);
    if (status == STATUS_OK && unlinkat(folder->tmp_fd, tmp, 0) != 0) {
        status = write_error(err, "remove a file", errno);
    }
    return status;
}

static void folder_close(struct store *store)
{
    struct folder *folder = folder_get(store);
    if (folder->root_fd >= 0) {
        (void)close(folder->root_fd);
    }
    if (folder->tmp_fd >= 0) {
        (void)close(folder->tmp_fd);
    }
    free(folder);
}

/* Removes what writers that died have left. That one cannot be removed is no
 * reason not to start. */
static void sweep_tmp(const struct folder *folder)
{
    int fd = openat(folder->tmp_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (listing == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    time_t now_s = time(NULL);
    for (int i = 0; i < SWEEP_MAX_FILES; i++) {
        const struct dirent *file = readdir(listing);
        struct stat facts;
        if (file == NULL) {
            break;
        }
        if (fstatat(folder->tmp_fd, file->d_name, &facts,
                    AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(facts.st_mode) && now_s - facts.st_mtime > LEFTOVER_AGE_S) {
            (void)unlinkat(folder->tmp_fd, file->d_name, 0);
        }
    }
    (void)closedir(listing);
}

/* Every folder that an object may need, so that a put has none to make (and
 * none to sync one level up). */
static enum status make_folders(struct folder *folder, struct error *err)
{
    for (int i = 0; i <= STORE_FOLDER_COUNT; i++) {
        char name[sizeof TMP_FOLDER] = TMP_FOLDER;
        if (i < STORE_FOLDER_COUNT) {
            uint8_t byte = (uint8_t)i;
            hex_encode(name, &byte, 1);
        }
        if (mkdirat(folder->root_fd, name, 0700) != 0 && errno != EEXIST) {
            return write_error(err, "make a folder", errno);
        }
    }
    folder->tmp_fd =
        openat(folder->root_fd, TMP_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int parent_fd =
        openat(folder->root_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum status status = STATUS_OK;
    if (folder->tmp_fd < 0 || fsync(folder->root_fd) != 0 || parent_fd < 0 ||
        fsync(parent_fd) != 0) {
        status = write_error(err, "sync the folders", errno);
    }
    if (parent_fd >= 0) {
        (void)close(parent_fd);
    }
    return status;
}

static const struct store_methods FOLDER_METHODS = {
    .put = folder_put,
    .open = folder_object_open,
    .read = folder_object_read,
    .object_close = folder_object_close,
    .has = folder_has,
    .remove = folder_remove,
    .list = folder_list,
    .probe = folder_probe,
    .close = folder_close,
};

enum status store_folder_open(struct store **out, const char *path,
                              struct error *err)
{
    *out = NULL;
    struct folder *folder = calloc(1, sizeof *folder);
    if (folder == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for the vault");
    }
    folder->base.methods = &FOLDER_METHODS;
    folder->root_fd = -1;
    folder->tmp_fd = -1;
    enum status status = STATUS_OK;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        status = write_error(err, "make the folder", errno);
        goto out;
    }
    folder->root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->root_fd < 0) {
        status = write_error(err, "open the folder", errno);
        goto out;
    }
    status = make_folders(folder, err);
    if (status == STATUS_OK) {
        sweep_tmp(folder);
    }
out:
    if (status != STATUS_OK) {
        error_context(err, "%s", path);
        folder_close(&folder->base);
        return status;
    }
    *out = &folder->base;
    return STATUS_OK;
}
