/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/release_tar.h"

#include "matcher/buffer.h"
#include "matcher/utf8.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NAME_MAX_BYTES = 255,       /* of a file in a folder: Linux' NAME_MAX */
    READ_BLOCK_BYTES = 64 << 10 /* a whole multiple of tar's 512 */
};

struct unpacking {
    struct archive *archive;
    int folder_fd;
    const struct release_tar_limits *limits;
    size_t file_count;
    uint64_t bytes;
};

static enum status bad_tar(struct unpacking *unpacking, struct error *err)
{
    const char *why = archive_error_string(unpacking->archive);
    return error_set(err, STATUS_INVALID, "bad_tar",
                     "the body is no readable tar archive (%.200s): send the "
                     "files of one folder as an uncompressed tar archive",
                     why == NULL ? "no reason given" : why);
}

static enum status refuse_entry(const char *name, struct error *err)
{
    return error_set(err, STATUS_INVALID, "bad_tar",
                     "the archive holds \"%.200s\": only regular files with "
                     "names without folders are taken, each name once",
                     name);
}

static enum status disk_error(const char *name, int reason, struct error *err)
{
    if (reason == ENOSPC || reason == EDQUOT) {
        return error_set(err, STATUS_UNAVAILABLE, "spool_full",
                         "no space in the spool folder to unpack \"%.200s\": "
                         "free some, then send it again",
                         name);
    }
    return error_set(err, STATUS_UNAVAILABLE, "spool_write",
                     "cannot unpack \"%.200s\" into the spool folder (%s): "
                     "check its disk and permissions, then send it again",
                     name, strerror(reason));
}

/* libarchive converts names by the locale, which may know no UTF-8: then the
 * bytes as they stand. */
static const char *entry_name(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname_utf8(entry);
    if (name == NULL) {
        name = archive_entry_pathname(entry);
    }
    if (name == NULL) {
        return "";
    }
    return strncmp(name, "./", 2) == 0 ? name + 2 : name;
}

static bool name_is_base(const char *name)
{
    size_t length = strlen(name);
    return length >= 1 && length <= NAME_MAX_BYTES &&
           strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0 && utf8_valid(name, length);
}

static enum status write_all(int fd, const char *name, const uint8_t *bytes,
                             size_t length, struct error *err)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return disk_error(name, errno, err);
        }
        bytes += written;
        length -= (size_t)written;
    }
    return STATUS_OK;
}

/* The contents, holes of a sparse file as zeros: so what is counted is what
 * lies on the disk afterwards. */
static enum status copy_contents(struct unpacking *unpacking, int fd,
                                 const char *name, struct error *err)
{
    uint8_t block[READ_BLOCK_BYTES];
    for (;;) {
        la_ssize_t got =
            archive_read_data(unpacking->archive, block, sizeof block);
        if (got == 0) {
            return STATUS_OK;
        }
        if (got < 0) {
            return bad_tar(unpacking, err);
        }
        unpacking->bytes += (uint64_t)got;
        if (unpacking->bytes > unpacking->limits->bytes) {
            return error_set(err, STATUS_LIMIT, "too_large",
                             "the release holds more than %llu bytes: deliver "
                             "it in parts or raise release_max_bytes",
                             (unsigned long long)unpacking->limits->bytes);
        }
        enum status status = write_all(fd, name, block, (size_t)got, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
}

static enum status unpack_file(struct unpacking *unpacking, const char *name,
                               struct error *err)
{
    if (unpacking->file_count == unpacking->limits->file_count) {
        return error_set(err, STATUS_INVALID, "too_many_files",
                         "the release holds more than %zu files: deliver it in "
                         "parts",
                         unpacking->limits->file_count);
    }
    unpacking->file_count++;
    int fd = openat(unpacking->folder_fd, name,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == EEXIST ? refuse_entry(name, err)
                               : disk_error(name, errno, err);
    }
    enum status status = copy_contents(unpacking, fd, name, err);
    /* No fsync: the folder lives no longer than the request. */
    if (close(fd) != 0 && status == STATUS_OK) {
        status = disk_error(name, errno, err);
    }
    return status;
}

static enum status unpack_entry(struct unpacking *unpacking,
                                struct archive_entry *entry, struct error *err)
{
    const char *name = entry_name(entry);
    bool is_folder_itself = archive_entry_filetype(entry) == AE_IFDIR &&
                            (name[0] == '\0' || strcmp(name, ".") == 0);
    if (is_folder_itself) {
        return STATUS_OK;
    }
    if (archive_entry_filetype(entry) != AE_IFREG ||
        archive_entry_hardlink(entry) != NULL ||
        archive_entry_symlink(entry) != NULL || !name_is_base(name)) {
        bool printable = utf8_valid(name, strlen(name));
        return refuse_entry(printable ? name : "an unprintable name", err);
    }
    return unpack_file(unpacking, name, err);
}

static enum status unpack_entries(struct unpacking *unpacking,
                                  struct error *err)
{
    for (;;) {
        struct archive_entry *entry = NULL;
        int result = archive_read_next_header(unpacking->archive, &entry);
        if (result == ARCHIVE_EOF) {
            break;
        }
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
            return bad_tar(unpacking, err);
        }
        enum status status = unpack_entry(unpacking, entry, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (unpacking->file_count == 0) {
        return error_set(err, STATUS_INVALID, "empty",
                         "the archive holds no file: send the files of one "
                         "folder");
    }
    return STATUS_OK;
}

enum status release_tar_unpack(int fd, const char *folder,
                               const struct release_tar_limits *limits,
                               struct error *err)
{
    struct unpacking unpacking = {.limits = limits, .folder_fd = -1};
    enum status status = STATUS_OK;

    unpacking.folder_fd =
        open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (unpacking.folder_fd < 0) {
        return disk_error("", errno, err);
    }
    unpacking.archive = archive_read_new();
    if (unpacking.archive == NULL) {
        status = error_set(err, STATUS_NO_MEMORY, "no_memory",
                           "no memory to unpack a release: try later");
        goto out;
    }
    if (archive_read_support_format_tar(unpacking.archive) != ARCHIVE_OK ||
        archive_read_open_fd(unpacking.archive, fd, READ_BLOCK_BYTES) !=
            ARCHIVE_OK) {
        status = bad_tar(&unpacking, err);
        goto out;
    }
    status = unpack_entries(&unpacking, err);
out:
    archive_read_free(unpacking.archive);
    close(unpacking.folder_fd);
    return status;
}
