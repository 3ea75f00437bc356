/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/data_folder.h"

#include "catalog/id.h"
#include "catalog/vault/crypto.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOKEN_BYTES = 32, TOKEN_HEX = 2 * TOKEN_BYTES };

static const char format_text[] = "refrain data folder, format 1\n";
static const char *const subfolders[] = {"vault", "masters", "redis", "spool",
                                         "keys"};

static enum status refused(const char *path, const char *what,
                           struct error *err)
{
    return error_set(err, STATUS_UNAVAILABLE, "data_folder", "%.300s %s", path,
                     what);
}

static enum status failed(const char *path, const char *doing,
                          struct error *err)
{
    return error_set(err, STATUS_UNAVAILABLE, "data_folder",
                     "cannot %s %.300s (%s): check its permissions and disk, "
                     "or name another folder with --data",
                     doing, path, strerror(errno));
}

enum status data_folder_path(const struct data_folder *folder, const char *name,
                             char out[CONFIG_TEXT_SIZE], struct error *err)
{
    int length = snprintf(out, CONFIG_TEXT_SIZE, "%s/%s", folder->path, name);
    return length < CONFIG_TEXT_SIZE
               ? STATUS_OK
               : refused(folder->path, "is too long: use a shorter path", err);
}

/* ---- files that must survive a crash ---- */

static enum status sync_folder(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return failed(path, "open", err);
    }
    int bad = fsync(fd);
    enum status status = bad == 0 ? STATUS_OK : failed(path, "sync", err);
    (void)close(fd);
    return status;
}

static enum status write_synced(int fd, const char *path, const char *text,
                                struct error *err)
{
    size_t length = strlen(text);
    if (write(fd, text, length) != (ssize_t)length || fsync(fd) != 0) {
        return failed(path, "write", err);
    }
    return STATUS_OK;
}

/* DIR/NAME with `text`, whole or not at all. */
static enum status write_file(const struct data_folder *folder,
                              const char *name, const char *text,
                              struct error *err)
{
    char path[CONFIG_TEXT_SIZE];
    char fresh[CONFIG_TEXT_SIZE];
    enum status status = data_folder_path(folder, name, path, err);
    if (status == STATUS_OK) {
        status = data_folder_path(folder, "new.tmp", fresh, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                  0600);
    if (fd < 0) {
        return failed(fresh, "create", err);
    }
    status = write_synced(fd, fresh, text, err);
    (void)close(fd);
    if (status == STATUS_OK && rename(fresh, path) != 0) {
        status = failed(path, "create", err);
    }
    return status == STATUS_OK ? sync_folder(folder->path, err) : status;
}

/* Reads up to size - 1 bytes. *exists is false when there is no such file. */
static enum status read_file(const struct data_folder *folder, const char *name,
                             char *out, size_t size, bool *exists,
                             struct error *err)
{
    char path[CONFIG_TEXT_SIZE];
    enum status status = data_folder_path(folder, name, path, err);
    if (status != STATUS_OK) {
        return status;
    }
    *exists = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? STATUS_OK : failed(path, "read", err);
    }
    ssize_t got = read(fd, out, size - 1);
    if (got < 0) {
        status = failed(path, "read", err);
    } else {
        out[got] = '\0';
        *exists = true;
    }
    (void)close(fd);
    return status;
}

/* ---- opening ---- */

static enum status make_folder(const char *path, struct error *err)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return failed(path, "make the folder", err);
    }
    return STATUS_OK;
}

static enum status resolve(struct data_folder *out, const char *path,
                           struct error *err)
{
    char *absolute = realpath(path, NULL);
    if (absolute == NULL) {
        return failed(path, "open the folder", err);
    }
    int length = snprintf(out->path, sizeof out->path, "%s", absolute);
    free(absolute);
    return length < CONFIG_TEXT_SIZE
               ? STATUS_OK
               : refused(path, "is too long: use a shorter path", err);
}

static enum status take_lock(struct data_folder *out, struct error *err)
{
    char path[CONFIG_TEXT_SIZE];
    enum status status = data_folder_path(out, "lock", path, err);
    if (status != STATUS_OK) {
        return status;
    }
    out->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out->lock_fd < 0) {
        return failed(path, "create", err);
    }
    if (flock(out->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        return STATUS_OK;
    }
    return errno == EWOULDBLOCK
               ? refused(out->path,
                         "is in use by another refraind: stop that one, or "
                         "name another folder with --data",
                         err)
               : failed(path, "lock", err);
}

/* 0: no entries but "." and ".."; 1: some; -1: cannot be read. */
static int has_entries(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return errno == ENOENT ? 0 : -1;
    }
    int found = 0;
    const struct dirent *entry = NULL;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of our own
    while (found == 0 && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0) {
            found = 1;
        }
    }
    (void)closedir(folder);
    return found;
}

static bool may_stand_before_first_start(const char *name)
{
    static const char *const known[] = {
        ".",     "..",    "lock", "operator.token", "new.tmp", "lost+found",
        "vault", "spool", "keys", "masters",        "redis"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name, known[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Without a format the folder has to be new: empty, or as a first start that
 * was cut off leaves it. Secrets made beside data of others would lock these
 * away for ever. */
static enum status check_new(const struct data_folder *folder,
                             struct error *err)
{
    DIR *stream = opendir(folder->path);
    if (stream == NULL) {
        return failed(folder->path, "read the folder", err);
    }
    const struct dirent *entry = NULL;
    bool foreign = false;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of our own
    while ((entry = readdir(stream)) != NULL) {
        foreign = foreign || !may_stand_before_first_start(entry->d_name);
    }
    (void)closedir(stream);
    static const char *const empty[] = {"vault", "masters", "redis", "spool"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        char path[CONFIG_TEXT_SIZE];
        enum status status = data_folder_path(folder, empty[i], path, err);
        if (status != STATUS_OK) {
            return status;
        }
        foreign = foreign || has_entries(path) != 0;
    }
    return foreign
               ? refused(folder->path,
                         "is not empty, and its file \"format\" is missing: "
                         "name an empty folder, or restore that file and "
                         "keys/ from the backup",
                         err)
               : STATUS_OK;
}

static enum status check_format(struct data_folder *out, struct error *err)
{
    char text[sizeof format_text + 1];
    bool exists = false;
    enum status status =
        read_file(out, "format", text, sizeof text, &exists, err);
    if (status != STATUS_OK) {
        return status;
    }
    if (exists) {
        return strcmp(text, format_text) == 0
                   ? STATUS_OK
                   : refused(out->path,
                             "has another format: use the refraind that made "
                             "it",
                             err);
    }
    out->is_first_start = true;
    return check_new(out, err);
}

static enum status make_subfolders(const struct data_folder *folder,
                                   struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof subfolders / sizeof subfolders[0]; i++) {
        char path[CONFIG_TEXT_SIZE];
        status = data_folder_path(folder, subfolders[i], path, err);
        if (status == STATUS_OK) {
            status = make_folder(path, err);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return sync_folder(folder->path, err);
}

/* A folder that is not ours loses the lock's file again. */
static void leave_no_trace(const struct data_folder *folder)
{
    char path[CONFIG_TEXT_SIZE];
    if (data_folder_path(folder, "lock", path, NULL) == STATUS_OK) {
        (void)unlink(path);
    }
}

enum status data_folder_open(struct data_folder *out, const char *path,
                             struct error *err)
{
    *out = (struct data_folder){.lock_fd = -1};
    enum status status = make_folder(path, err);
    if (status == STATUS_OK) {
        status = resolve(out, path, err);
    }
    if (status == STATUS_OK) {
        status = take_lock(out, err);
    }
    if (status == STATUS_OK) {
        status = check_format(out, err);
        if (status != STATUS_OK && out->is_first_start) {
            leave_no_trace(out);
        }
    }
    if (status == STATUS_OK) {
        status = make_subfolders(out, err);
    }
    if (status != STATUS_OK) {
        data_folder_close(out);
    }
    return status;
}

void data_folder_close(struct data_folder *folder)
{
    if (folder->lock_fd >= 0) {
        (void)close(folder->lock_fd);
    }
    folder->lock_fd = -1;
}

/* ---- secrets ---- */

static enum status make_token(const struct data_folder *folder,
                              char token[TOKEN_HEX + 2], struct error *err)
{
    uint8_t bytes[TOKEN_BYTES];
    crypto_random(bytes, sizeof bytes);
    hex_encode(token, bytes, sizeof bytes);
    crypto_wipe(bytes, sizeof bytes);
    token[TOKEN_HEX] = '\n';
    token[TOKEN_HEX + 1] = '\0';
    return write_file(folder, "operator.token", token, err);
}

enum status data_folder_token(const struct data_folder *folder, char sha256[65],
                              struct error *err)
{
    char token[TOKEN_HEX + 2];
    bool exists = false;
    enum status status =
        read_file(folder, "operator.token", token, sizeof token, &exists, err);
    if (status == STATUS_OK && !exists) {
        status = make_token(folder, token, err);
    }
    uint8_t digest[SHA256_BYTES];
    if (status == STATUS_OK) {
        token[strcspn(token, "\r\n")] = '\0';
        if (strlen(token) != TOKEN_HEX ||
            !hex_decode(digest, TOKEN_BYTES, token)) {
            status = refused(folder->path,
                             "has a damaged operator.token: remove that file, "
                             "and the next start makes a new one",
                             err);
        }
    }
    if (status == STATUS_OK) {
        crypto_sha256(digest, token, TOKEN_HEX);
        hex_encode(sha256, digest, sizeof digest);
    }
    crypto_wipe(token, sizeof token);
    return status;
}

enum status data_folder_started(struct data_folder *folder, struct error *err)
{
    if (!folder->is_first_start) {
        return STATUS_OK;
    }
    return write_file(folder, "format", format_text, err);
}
