/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/keyring.h"

#include "catalog/id.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_REGIONS = 64,
    REGION_NAME_SIZE = 33,
    FILE_NAME_SIZE = 64,
    MAX_FOLDER_ENTRIES = 4096, /* looked at for secrets of regions */
};
#define MASTER_FILE "master.key"
#define DEFAULT_REGION "default"
_Static_assert((int)AES256_KEY_BYTES == (int)SHA256_BYTES,
               "every secret has the same size");

struct region {
    char name[REGION_NAME_SIZE];
    uint8_t version; /* the highest there is */
    uint8_t secret[SHA256_BYTES];
};

/* Lives in pages of its own, kept out of swap and core dumps. */
struct keyring {
    uint8_t master[AES256_KEY_BYTES];
    struct region regions[MAX_REGIONS];
    size_t region_count;
};

static enum status unreadable(struct error *err, const char *folder,
                              const char *name, const char *why)
{
    return error_set(err, STATUS_UNAVAILABLE, "keys_unreadable",
                     "cannot use the secret %s/%s: %s", folder, name, why);
}

/* A secret's file: exactly 32 bytes, for its owner alone.
 * STATUS_NOT_FOUND when there is none. */
static enum status load(uint8_t out[SHA256_BYTES], int folder_fd,
                        const char *folder, const char *name, struct error *err)
{
    int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT
                   ? STATUS_NOT_FOUND
                   : unreadable(err, folder, name, strerrordesc_np(errno));
    }
    struct stat facts;
    enum status status = STATUS_OK;
    if (fstat(fd, &facts) != 0) {
        status = unreadable(err, folder, name, strerrordesc_np(errno));
    } else if ((facts.st_mode & 077) != 0) {
        status =
            unreadable(err, folder, name, "others may read it: chmod 0400 it");
    } else if (facts.st_size != SHA256_BYTES ||
               read(fd, out, SHA256_BYTES) != SHA256_BYTES) {
        status = unreadable(err, folder, name,
                            "it has not 32 bytes: restore it from the backup");
    }
    (void)close(fd);
    return status;
}

/* Random bytes in a synced file; linked, not renamed, to its name, so that of
 * two first starts the later one finds the earlier one's secret and cannot
 * replace it. */
static int create(int folder_fd, const char *name)
{
    char tmp[ID_SIZE];
    uint8_t secret[SHA256_BYTES];
    id_random(tmp, "new");
    int fd =
        openat(folder_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (fd < 0) {
        return -1;
    }
    crypto_random(secret, sizeof secret);
    ssize_t written = write(fd, secret, sizeof secret);
    crypto_wipe(secret, sizeof secret);
    if (written >= 0 && written != SHA256_BYTES) {
        errno = ENOSPC;
    }
    int result = written == SHA256_BYTES && fsync(fd) == 0 ? 0 : -1;
    if (result == 0 && linkat(folder_fd, tmp, folder_fd, name, 0) != 0 &&
        errno != EEXIST) {
        result = -1;
    }
    int error = errno;
    (void)close(fd);
    (void)unlinkat(folder_fd, tmp, 0);
    errno = error;
    return result;
}

/* Loads a secret that must be there, making it when that is allowed. */
static enum status load_or_create(uint8_t out[SHA256_BYTES], int folder_fd,
                                  const char *folder, const char *name,
                                  bool may_create, struct error *err)
{
    enum status status = load(out, folder_fd, folder, name, err);
    if (status != STATUS_NOT_FOUND) {
        return status;
    }
    if (!may_create) {
        return error_set(err, STATUS_UNAVAILABLE, "keys_missing",
                         "the secret %s/%s is missing: restore it from the "
                         "backup; without it nothing that is stored can be "
                         "opened, so no new one is made",
                         folder, name);
    }
    if (create(folder_fd, name) != 0) {
        return unreadable(err, folder, name, strerrordesc_np(errno));
    }
    status = load(out, folder_fd, folder, name, err);
    return status == STATUS_NOT_FOUND
               ? unreadable(err, folder, name, "it went away")
               : status;
}

/* "region-NAME.vN.secret" → NAME and N 1..255; NAME of [a-z0-9-], 1..32. */
static bool parse_region_file(const char *file, char name[REGION_NAME_SIZE],
                              uint8_t *version)
{
    unsigned number = 0;
    int end = 0;
    if (sscanf(file, // NOLINT(cert-err34-c): %3u holds, the range is checked
               "region-%32[a-z0-9-].v%3u.secret%n", name, &number, &end) != 2 ||
        end == 0 || file[end] != '\0' || number < 1 || number > UINT8_MAX) {
        return false;
    }
    char canonical[FILE_NAME_SIZE]; /* no "v01", no "v+1" */
    (void)snprintf(canonical, sizeof canonical, "region-%s.v%u.secret", name,
                   number);
    *version = (uint8_t)number;
    return strcmp(canonical, file) == 0;
}

static struct region *find_region(struct keyring *keyring, const char *name)
{
    for (size_t i = 0; i < keyring->region_count; i++) {
        if (strcmp(keyring->regions[i].name, name) == 0) {
            return &keyring->regions[i];
        }
    }
    return NULL;
}

static enum status load_region(struct keyring *keyring, int folder_fd,
                               const char *folder, const char *file,
                               struct error *err)
{
    char name[REGION_NAME_SIZE];
    uint8_t version = 0;
    if (!parse_region_file(file, name, &version)) {
        return STATUS_OK; /* not ours to judge */
    }
    struct region *region = find_region(keyring, name);
    if (region != NULL && region->version >= version) {
        return STATUS_OK;
    }
    if (region == NULL) {
        if (keyring->region_count == MAX_REGIONS) {
            return unreadable(err, folder, file,
                              "there are over 64 regions: remove some");
        }
        region = &keyring->regions[keyring->region_count];
    }
    enum status status = load(region->secret, folder_fd, folder, file, err);
    if (status == STATUS_NOT_FOUND) {
        return unreadable(err, folder, file, "it went away");
    }
    if (status == STATUS_OK) {
        memcpy(region->name, name, sizeof region->name);
        region->version = version;
        if (region == &keyring->regions[keyring->region_count]) {
            keyring->region_count++;
        }
    }
    return status;
}

static enum status load_regions(struct keyring *keyring, int folder_fd,
                                const char *folder, struct error *err)
{
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (listing == NULL) {
        enum status status =
            unreadable(err, folder, "", strerrordesc_np(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return status;
    }
    enum status status = STATUS_OK;
    const struct dirent *file = readdir(listing);
    for (int i = 0; status == STATUS_OK && file != NULL; i++) {
        status =
            i < MAX_FOLDER_ENTRIES
                ? load_region(keyring, folder_fd, folder, file->d_name, err)
                : unreadable(err, folder, "",
                             "too many files: leave only secrets there");
        file = readdir(listing);
    }
    (void)closedir(listing);
    return status;
}

/* Makes what was found as durable as what was made: an earlier first start may
 * have died before it synced the folders. Nothing to sync where nothing can be
 * written. */
static enum status sync_folder(int folder_fd, const char *folder,
                               struct error *err)
{
    int parent_fd = openat(folder_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = -1;
    if (parent_fd >= 0 && fsync(folder_fd) == 0) {
        result = fsync(parent_fd);
    }
    int error = errno;
    if (parent_fd >= 0) {
        (void)close(parent_fd);
    }
    if (result != 0 && error != EROFS && error != EINVAL) {
        return unreadable(err, folder, "", strerrordesc_np(error));
    }
    return STATUS_OK;
}

/* The folder, made when that is allowed. */
static enum status open_folder(int *out, const char *folder, bool may_create,
                               struct error *err)
{
    if (may_create && mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return unreadable(err, folder, "", strerrordesc_np(errno));
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && !may_create) {
        return error_set(err, STATUS_UNAVAILABLE, "keys_missing",
                         "the folder %s with the secrets is missing: restore "
                         "it from the backup",
                         folder);
    }
    if (fd < 0) {
        return unreadable(err, folder, "", strerrordesc_np(errno));
    }
    struct stat facts;
    if (fstat(fd, &facts) != 0 || (facts.st_mode & 077) != 0) {
        (void)close(fd);
        return unreadable(err, folder, "",
                          "others may enter the folder: chmod 0700 it");
    }
    *out = fd;
    return STATUS_OK;
}

enum status keyring_open(struct keyring **out, const char *folder,
                         bool may_create, struct error *err)
{
    *out = NULL;
    int folder_fd = -1;
    uint8_t region[SHA256_BYTES];
    struct keyring *keyring =
        mmap(NULL, sizeof *keyring, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (keyring == MAP_FAILED) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for the secrets");
    }
    /* both are best effort: a limit on locked memory is no reason to stop */
    (void)mlock(keyring, sizeof *keyring);
    (void)madvise(keyring, sizeof *keyring, MADV_DONTDUMP);

    enum status status = open_folder(&folder_fd, folder, may_create, err);
    if (status == STATUS_OK) {
        status = load_or_create(keyring->master, folder_fd, folder, MASTER_FILE,
                                may_create, err);
    }
    if (status == STATUS_OK) {
        status = load_or_create(region, folder_fd, folder,
                                "region-" DEFAULT_REGION ".v1.secret",
                                may_create, err);
    }
    if (status == STATUS_OK) {
        status = load_regions(keyring, folder_fd, folder, err);
    }
    if (status == STATUS_OK) {
        status = sync_folder(folder_fd, folder, err);
    }
    crypto_wipe(region, sizeof region);
    if (folder_fd >= 0) {
        (void)close(folder_fd);
    }
    if (status != STATUS_OK) {
        keyring_close(keyring);
        return status;
    }
    *out = keyring;
    return STATUS_OK;
}

void keyring_close(struct keyring *keyring)
{
    if (keyring == NULL) {
        return;
    }
    crypto_wipe(keyring, sizeof *keyring);
    (void)munmap(keyring, sizeof *keyring);
}

void keyring_new_account_key(const struct keyring *keyring,
                             struct account_key_pair *out)
{
    crypto_random(out->key, sizeof out->key);
    crypto_key_wrap(out->wrapped, keyring->master, out->key);
}

enum status keyring_unwrap(const struct keyring *keyring,
                           uint8_t out[AES256_KEY_BYTES],
                           const uint8_t wrapped[WRAPPED_KEY_BYTES],
                           struct error *err)
{
    if (crypto_key_unwrap(out, keyring->master, wrapped, NULL) != STATUS_OK) {
        return error_set(err, STATUS_CORRUPT, "account_key",
                         "an account's key does not open: the database is "
                         "damaged, or master.key is not the one it was made "
                         "with; restore both from the same backup");
    }
    return STATUS_OK;
}

const uint8_t *keyring_region_secret(const struct keyring *keyring,
                                     const char *region, uint8_t *version)
{
    for (size_t i = 0; i < keyring->region_count; i++) {
        if (strcmp(keyring->regions[i].name, region) == 0) {
            *version = keyring->regions[i].version;
            return keyring->regions[i].secret;
        }
    }
    return NULL;
}

void keyring_content_id(char out[2 * SHA256_BYTES + 1],
                        const uint8_t account_key[AES256_KEY_BYTES],
                        const uint8_t file_sha256[SHA256_BYTES])
{
    uint8_t id[SHA256_BYTES];
    crypto_hmac(id, account_key, AES256_KEY_BYTES, "content-id", file_sha256,
                SHA256_BYTES);
    hex_encode(out, id, sizeof id);
}
