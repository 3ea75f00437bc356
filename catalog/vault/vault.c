/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/vault.h"

#include "catalog/vault/chunker.h"
#include "catalog/vault/manifest.h"
#include "catalog/vault/seal.h"
#include "catalog/vault/vault_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    /* of the file, read ahead of the cut: four times the longest chunk, so that
     * moving what is left to the front copies a quarter of the bytes */
    WINDOW_BYTES = 4 * CHUNKER_MAX_BYTES,
};

/* One vault_put() at work. All but the object is secret. */
struct put {
    struct store *store;
    const uint8_t *region_secret;
    struct chunker_gear gear;
    struct manifest manifest;
    int fd;
    uint64_t offset_bytes; /* in the file, of the window's end */
    size_t start;          /* in the window, of the next chunk */
    size_t end;            /* in the window, of what was read */
    uint8_t window[WINDOW_BYTES];
    uint8_t object[SEAL_MAX_OBJECT_BYTES];
};

enum status vault_open(struct vault **out, const char *folder,
                       const struct keyring *keyring, struct error *err)
{
    *out = NULL;
    struct vault *vault = calloc(1, sizeof *vault);
    if (vault == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for the vault");
    }
    enum status status = store_folder_open(&vault->store, folder, err);
    if (status != STATUS_OK) {
        vault_close(vault);
        return status;
    }
    vault->keyring = keyring;
    *out = vault;
    return STATUS_OK;
}

void vault_close(struct vault *vault)
{
    if (vault == NULL) {
        return;
    }
    if (vault->store != NULL) {
        vault->store->methods->close(vault->store);
    }
    free(vault);
}

/* Fills the window up to its end or the file's. */
static enum status fill_window(struct put *put, struct error *err)
{
    memmove(put->window, put->window + put->start, put->end - put->start);
    put->end -= put->start;
    put->start = 0;
    while (put->end < sizeof put->window) {
        ssize_t got =
            pread(put->fd, put->window + put->end,
                  sizeof put->window - put->end, (off_t)put->offset_bytes);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return error_set(err, STATUS_UNAVAILABLE, "upload_unreadable",
                             "cannot read the upload (%s): check the disk and "
                             "send it again",
                             strerrordesc_np(errno));
        }
        if (got == 0) {
            break;
        }
        put->end += (size_t)got;
        put->offset_bytes += (uint64_t)got;
    }
    return STATUS_OK;
}

/* Cuts, seals and stores the next chunk of the window. */
static enum status put_chunk(struct put *put, struct error *err)
{
    struct chunk_ref chunk;
    const uint8_t *plain = put->window + put->start;
    size_t length = chunker_cut(&put->gear, plain, put->end - put->start);
    seal_chunk(put->object, &chunk, put->region_secret, plain,
               (uint32_t)length);
    enum status status = manifest_add(&put->manifest, PART_CHUNK, &chunk, err);
    if (status == STATUS_OK) {
        status =
            put->store->methods->put(put->store, chunk.name, put->object,
                                     seal_object_bytes((uint32_t)length), err);
    }
    crypto_wipe(&chunk, sizeof chunk);
    put->start += length;
    return status;
}

/* manifest_add() bounds the loop. */
static enum status put_file(struct put *put, struct error *err)
{
    for (;;) {
        enum status status = STATUS_OK;
        if (put->end - put->start < CHUNKER_MAX_BYTES) {
            status = fill_window(put, err);
        }
        if (status == STATUS_OK && put->start == put->end) {
            return STATUS_OK;
        }
        if (status == STATUS_OK) {
            status = put_chunk(put, err);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
}

enum status vault_put(struct vault *vault, const struct vault_owner *owner,
                      int fd, struct buffer *manifest, struct error *err)
{
    uint8_t version = 0;
    const uint8_t *secret =
        keyring_region_secret(vault->keyring, owner->region, &version);
    if (secret == NULL) {
        return error_set(err, STATUS_UNAVAILABLE, "keys_missing",
                         "there is no secret of the region %s here: restore "
                         "keys/region-%s.v1.secret from the backup",
                         owner->region, owner->region);
    }
    struct put *put = calloc(1, sizeof *put);
    if (put == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for storing a file");
    }
    put->store = vault->store;
    put->region_secret = secret;
    put->fd = fd;
    put->manifest.secret_version = version;
    chunker_gear_init(&put->gear, secret);
    enum status status = put_file(put, err);
    if (status == STATUS_OK) {
        struct manifest_place place = {.account_key = owner->account_key,
                                       .account_id = owner->account_id,
                                       .track_id = owner->track_id};
        status = manifest_seal(manifest, &put->manifest, &place, err);
    }
    manifest_clear(&put->manifest);
    crypto_wipe(put, sizeof *put);
    free(put);
    return status;
}

enum status vault_probe(struct vault *vault, struct error *err)
{
    return vault->store->methods->probe(vault->store, err);
}
