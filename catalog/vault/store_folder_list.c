/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/id.h"
#include "catalog/vault/store_folder_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names of one folder of objects: 1/256 of all. */
struct names {
    uint8_t (*names)[SHA256_BYTES]; /* owned */
    size_t count;
    size_t capacity;
};

static enum status names_add(struct names *names,
                             const uint8_t name[SHA256_BYTES],
                             struct error *err)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity == 0 ? 64 : 2 * names->capacity;
        void *more = reallocarray(names->names, capacity, SHA256_BYTES);
        if (more == NULL) {
            return error_set(err, STATUS_NO_MEMORY, "no_memory",
                             "no memory for listing the vault");
        }
        names->names = more;
        names->capacity = capacity;
    }
    memcpy(names->names[names->count++], name, SHA256_BYTES);
    return STATUS_OK;
}

/* Is it how an object of that folder is called? */
static bool object_name(uint8_t out[SHA256_BYTES], uint8_t first_byte,
                        const char *file)
{
    char path[STORE_FOLDER_PATH_SIZE];
    if (!hex_decode(out, SHA256_BYTES, file) || out[0] != first_byte) {
        return false;
    }
    store_folder_path(path, out);
    return strcmp(path + 3, file) == 0; /* in lower case */
}

static enum status read_names(struct names *names, int root_fd,
                              uint8_t first_byte, struct error *err)
{
    char path[3];
    hex_encode(path, &first_byte, 1);
    int fd = openat(root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    enum status status = STATUS_OK;
    if (listing == NULL) {
        status = store_folder_unreadable(err, errno);
        if (fd >= 0) {
            (void)close(fd);
        }
        return status;
    }
    while (status == STATUS_OK) {
        uint8_t name[SHA256_BYTES];
        errno = 0;
        const struct dirent *file = readdir(listing);
        if (file == NULL) {
            status =
                errno == 0 ? STATUS_OK : store_folder_unreadable(err, errno);
            break;
        }
        if (object_name(name, first_byte, file->d_name)) {
            status = names_add(names, name, err);
        }
    }
    (void)closedir(listing);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return memcmp(a, b, SHA256_BYTES);
}

static enum status visit_names(int root_fd, const struct names *names,
                               const uint8_t *after, store_visit *visit,
                               void *context, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < names->count; i++) {
        struct store_entry entry;
        struct stat facts;
        char path[STORE_FOLDER_PATH_SIZE];
        memcpy(entry.name, names->names[i], SHA256_BYTES);
        store_folder_path(path, entry.name);
        if (after != NULL && memcmp(entry.name, after, SHA256_BYTES) <= 0) {
            continue;
        }
        if (fstatat(root_fd, path, &facts, AT_SYMLINK_NOFOLLOW) != 0) {
            /* it may have gone since */
            status = errno == ENOENT ? STATUS_OK
                                     : store_folder_unreadable(err, errno);
            continue;
        }
        entry.size_bytes = (uint64_t)facts.st_size;
        status = visit(context, &entry, err);
    }
    return status;
}

enum status store_folder_list(int root_fd, const uint8_t *after,
                              store_visit *visit, void *context,
                              struct error *err)
{
    enum status status = STATUS_OK;
    for (int i = after == NULL ? 0 : after[0];
         status == STATUS_OK && i < STORE_FOLDER_COUNT; i++) {
        struct names names = {0};
        status = read_names(&names, root_fd, (uint8_t)i, err);
        if (status == STATUS_OK && names.count > 0) {
            qsort(names.names, names.count, SHA256_BYTES, compare_names);
            status = visit_names(root_fd, &names, after, visit, context, err);
        }
        free(names.names);
    }
    return status;
}
