/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/stash.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AUDIO_SUFFIX ".audio"
#define ATTEMPTS_SUFFIX ".attempts"
#define RELEASE_PREFIX "release-"
#define BODY_SUFFIX ".part"
#define FAILED_FOLDER "failed"

static enum status refused(const char *what, int reason, struct error *err)
{
    if (reason == ENOSPC || reason == EDQUOT) {
        return error_set(err, STATUS_UNAVAILABLE, "spool_full",
                         "no space in the spool folder to %s: free some", what);
    }
    return error_set(err, STATUS_UNAVAILABLE, "spool_write",
                     "cannot %s in the spool folder (%s): check its disk and "
                     "permissions",
                     what, strerror(reason));
}

/* FOLDER/[sub]ACCOUNT.UPLOADsuffix; ids hold no dot (id_valid). */
static void item_path(char out[STASH_PATH_SIZE], const struct stash_item *item,
                      const char *sub, const char *suffix)
{
    assert(id_valid(item->account_id));
    assert(id_valid(item->upload_id));
    int length = snprintf(out, STASH_PATH_SIZE, "%s/%s%s.%s%s", item->folder,
                          sub, item->account_id, item->upload_id, suffix);
    assert(length > 0);
    assert(length < STASH_PATH_SIZE);
}

/* A rename is durable only when its folder is synced (fsync(2)). */
static int sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    int result = fsync(fd);
    int reason = errno;
    close(fd);
    errno = reason;
    return result;
}

enum status stash_keep(const struct stash_item *item, int body_fd,
                       const char *body_path, struct error *err)
{
    char path[STASH_PATH_SIZE];
    item_path(path, item, "", AUDIO_SUFFIX);
    if (fsync(body_fd) != 0) {
        return refused("sync an upload", errno, err);
    }
    if (rename(body_path, path) != 0) {
        return refused("keep an upload", errno, err);
    }
    if (sync_folder(item->folder) != 0) {
        enum status status = refused("sync an upload", errno, err);
        unlink(path);
        return status;
    }
    return STATUS_OK;
}

enum status stash_open(const struct stash_item *item, int *fd,
                       struct error *err)
{
    char path[STASH_PATH_SIZE];
    item_path(path, item, "", AUDIO_SUFFIX);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd >= 0) {
        return STATUS_OK;
    }
    if (errno == ENOENT) {
        return error_set(err, STATUS_CORRUPT, "spool_lost",
                         "the spool file of upload %s is gone: put it back or "
                         "let the subscriber send it again",
                         item->upload_id);
    }
    return refused("open an upload", errno, err);
}

void stash_remove(const struct stash_item *item)
{
    char path[STASH_PATH_SIZE];
    /* The audio first: attempts without audio are swept at the next start. */
    item_path(path, item, "", AUDIO_SUFFIX);
    unlink(path);
    item_path(path, item, "", ATTEMPTS_SUFFIX);
    unlink(path);
}

enum status stash_put_aside(const struct stash_item *item, struct error *err)
{
    char from[STASH_PATH_SIZE];
    char to[STASH_PATH_SIZE];
    int length = snprintf(to, sizeof to, "%s/" FAILED_FOLDER, item->folder);
    assert(length > 0 && length < STASH_PATH_SIZE);
    if (mkdir(to, 0700) != 0 && errno != EEXIST) {
        return refused("make the folder " FAILED_FOLDER, errno, err);
    }
    item_path(from, item, "", AUDIO_SUFFIX);
    item_path(to, item, FAILED_FOLDER "/", AUDIO_SUFFIX);
    if (rename(from, to) != 0 && errno != ENOENT) {
        return refused("put a failed upload aside", errno, err);
    }
    if (sync_folder(item->folder) != 0) {
        return refused("put a failed upload aside", errno, err);
    }
    item_path(from, item, "", ATTEMPTS_SUFFIX);
    unlink(from);
    return STATUS_OK;
}

unsigned stash_attempt(const struct stash_item *item)
{
    char path[STASH_PATH_SIZE];
    struct stat facts = {0};
    item_path(path, item, "", ATTEMPTS_SUFFIX);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                  0600);
    if (fd < 0) {
        return 1;
    }
    /* Not synced: it has to outlive a crash of ours, not of the machine. */
    bool noted = write(fd, "+", 1) == 1 && fstat(fd, &facts) == 0;
    close(fd);
    return noted ? (unsigned)facts.st_size : 1;
}

void stash_attempt_undo(const struct stash_item *item)
{
    char path[STASH_PATH_SIZE];
    struct stat facts = {0};
    item_path(path, item, "", ATTEMPTS_SUFFIX);
    if (stat(path, &facts) != 0) {
        return;
    }
    if (facts.st_size <= 1 || truncate(path, facts.st_size - 1) != 0) {
        unlink(path);
    }
}

/* "ACCOUNT.UPLOADsuffix" into its parts. */
static bool parse_name(const char *name, const char *suffix,
                       char account_id[ID_SIZE], char upload_id[ID_SIZE])
{
    const char *dot = strchr(name, '.');
    const char *end = dot == NULL ? NULL : strchr(dot + 1, '.');
    if (end == NULL || strcmp(end, suffix) != 0 || dot - name >= ID_SIZE ||
        end - dot - 1 >= ID_SIZE) {
        return false;
    }
    (void)snprintf(account_id, ID_SIZE, "%.*s", (int)(dot - name), name);
    (void)snprintf(upload_id, ID_SIZE, "%.*s", (int)(end - dot - 1), dot + 1);
    return id_valid(account_id) && id_valid(upload_id);
}

/* What nobody was promised. */
static void sweep_remains(const char *folder, const char *name)
{
    char path[STASH_PATH_SIZE];
    size_t length = strlen(name);
    size_t suffix = strlen(BODY_SUFFIX);
    int path_length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (path_length < 0 || path_length >= STASH_PATH_SIZE) {
        return; /* no name of ours */
    }
    if (strncmp(name, RELEASE_PREFIX, strlen(RELEASE_PREFIX)) == 0) {
        stash_release_remove(path);
    } else if (length > suffix &&
               strcmp(name + length - suffix, BODY_SUFFIX) == 0) {
        unlink(path);
    }
}

static enum status sweep_name(const char *folder, const char *name,
                              stash_visit visit, void *context,
                              struct error *err)
{
    char account_id[ID_SIZE];
    char upload_id[ID_SIZE];
    char path[STASH_PATH_SIZE];
    const struct stash_item item = {folder, account_id, upload_id};
    if (parse_name(name, AUDIO_SUFFIX, account_id, upload_id)) {
        return visit(context, &item, err);
    }
    if (!parse_name(name, ATTEMPTS_SUFFIX, account_id, upload_id)) {
        sweep_remains(folder, name);
        return STATUS_OK;
    }
    item_path(path, &item, "", AUDIO_SUFFIX);
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        stash_remove(&item);
    }
    return STATUS_OK;
}

enum status stash_sweep(const char *folder, stash_visit visit, void *context,
                        struct error *err)
{
    enum status status = STATUS_OK;
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return refused("look for uploads", errno, err);
    }
    while (status == STATUS_OK) {
        errno = 0;
        struct dirent *entry = readdir(entries);
        if (entry == NULL) {
            if (errno != 0) {
                status = refused("look for uploads", errno, err);
            }
            break;
        }
        status = sweep_name(folder, entry->d_name, visit, context, err);
    }
    closedir(entries);
    return status;
}

enum status stash_release_make(const char *folder, char out[STASH_PATH_SIZE],
                               struct error *err)
{
    int length =
        snprintf(out, STASH_PATH_SIZE, "%s/" RELEASE_PREFIX "XXXXXX", folder);
    assert(length > 0 && length < STASH_PATH_SIZE);
    if (mkdtemp(out) == NULL) {
        return refused("unpack a release", errno, err);
    }
    return STATUS_OK;
}

void stash_release_remove(const char *path)
{
    DIR *entries = opendir(path);
    if (entries != NULL) {
        struct dirent *entry = NULL;
        while ((entry = readdir(entries)) != NULL) {
            unlinkat(dirfd(entries), entry->d_name, 0);
        }
        closedir(entries);
    }
    rmdir(path);
}
