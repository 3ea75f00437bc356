/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/vault.h"

#include "catalog/vault/chunker.h"
#include "catalog/vault/essence.h"
#include "catalog/vault/manifest.h"
#include "catalog/vault/seal.h"
#include "catalog/vault/vault_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    /* of the file, read ahead of the cut: four times the longest chunk, so that
     * moving what is left to the front copies a quarter of the bytes */
    WINDOW_BYTES = 4 * CHUNKER_MAX_BYTES,
    /* Objects are pinned together, since each call costs a sync of Redis' log:
     * a dozen chunks of usual length, with room for one of the longest. */
    BATCH_BYTES = 4 * SEAL_MAX_OBJECT_BYTES,
};

/* Sealed objects that are not stored yet, one behind the other. */
struct batch {
    uint8_t names[VAULT_PINS_MAX][SHA256_BYTES];
    size_t lengths[VAULT_PINS_MAX];
    size_t count;
    size_t used_bytes;
    uint8_t objects[BATCH_BYTES];
};

/* One vault_put() at work. All but the batch is secret. */
struct put {
    struct store *store;
    const struct vault_guard *guard; /* may be NULL */
    const uint8_t *region_secret;
    struct chunker_gear gear;
    struct manifest manifest;
    struct essence essence;
    struct heads_cursor heads;
    int fd;
    uint64_t offset_bytes; /* in the file, of the window's end */
    size_t start;          /* in the window, of the next chunk */
    size_t end;            /* in the window, of what was read */
    uint8_t window[WINDOW_BYTES];
    struct batch batch;
};

enum status vault_open(struct vault **out, struct store *store,
                       const struct keyring *keyring, struct error *err)
{
    *out = NULL;
    struct vault *vault = calloc(1, sizeof *vault);
    if (vault == NULL) {
        store->methods->close(store);
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for the vault");
    }
    vault->store = store;
    vault->keyring = keyring;
    *out = vault;
    return STATUS_OK;
}

enum status vault_open_folder(struct vault **out, const char *folder,
                              const struct keyring *keyring, struct error *err)
{
    struct store *store = NULL;
    *out = NULL;
    enum status status = store_folder_open(&store, folder, err);
    return status == STATUS_OK ? vault_open(out, store, keyring, err) : status;
}

void vault_close(struct vault *vault)
{
    if (vault == NULL) {
        return;
    }
    vault->store->methods->close(vault->store);
    free(vault);
}

static enum status unreadable(struct error *err, const char *why)
{
    return error_set(err, STATUS_UNAVAILABLE, "upload_unreadable",
                     "cannot read the upload (%s): check the disk and send it "
                     "again",
                     why);
}

/* Reads up to `length` bytes at `offset`; *got is 0 at the file's end alone. */
static enum status read_some(int fd, uint64_t offset, uint8_t *out,
                             size_t length, size_t *got, struct error *err)
{
    ssize_t count = 0;
    do {
        count = pread(fd, out, length, (off_t)offset);
    } while (count < 0 && errno == EINTR);
    *got = count < 0 ? 0 : (size_t)count;
    return count < 0 ? unreadable(err, strerrordesc_np(errno)) : STATUS_OK;
}

/* Fills the window up to its end or the file's, heads of pages taken out. */
static enum status fill_window(struct put *put, struct error *err)
{
    memmove(put->window, put->window + put->start, put->end - put->start);
    put->end -= put->start;
    put->start = 0;
    while (put->end < sizeof put->window) {
        size_t got = 0;
        enum status status =
            read_some(put->fd, put->offset_bytes, put->window + put->end,
                      sizeof put->window - put->end, &got, err);
        if (status != STATUS_OK || got == 0) {
            return status;
        }
        put->end += heads_take_out(&put->heads, put->offset_bytes,
                                   put->window + put->end, got);
        put->offset_bytes += got;
    }
    return STATUS_OK;
}

/* Pins the batch, then stores it: an object that the store has may only be
 * relied on when nobody removes it any more. */
static enum status store_batch(struct put *put, struct error *err)
{
    struct batch *batch = &put->batch;
    enum status status = STATUS_OK;
    if (batch->count > 0 && put->guard != NULL) {
        status = put->guard->pin(put->guard->context,
                                 (const uint8_t(*)[SHA256_BYTES])batch->names,
                                 batch->count, err);
    }
    const uint8_t *object = batch->objects;
    for (size_t i = 0; status == STATUS_OK && i < batch->count; i++) {
        status = put->store->methods->put(put->store, batch->names[i], object,
                                          batch->lengths[i], err);
        object += batch->lengths[i];
    }
    batch->count = 0;
    batch->used_bytes = 0;
    return status;
}

/* Cuts and seals the first chunk of `plain`, and stores what there is when the
 * batch is full; *length, which is that of all of it, becomes the chunk's. */
static enum status put_chunk(struct put *put, enum part_kind kind,
                             const uint8_t *plain, size_t *length_bytes,
                             struct error *err)
{
    struct chunk_ref chunk;
    struct batch *batch = &put->batch;
    size_t length = chunker_cut(&put->gear, plain, *length_bytes);
    seal_chunk(batch->objects + batch->used_bytes, &chunk, put->region_secret,
               plain, (uint32_t)length);
    enum status status = manifest_add(&put->manifest, kind, &chunk, err);
    if (status == STATUS_OK) {
        memcpy(batch->names[batch->count], chunk.name, SHA256_BYTES);
        batch->lengths[batch->count] = seal_object_bytes((uint32_t)length);
        batch->used_bytes += batch->lengths[batch->count];
        batch->count++;
    }
    if (status == STATUS_OK &&
        (batch->count == VAULT_PINS_MAX ||
         BATCH_BYTES - batch->used_bytes < SEAL_MAX_OBJECT_BYTES)) {
        status = store_batch(put, err);
    }
    crypto_wipe(&chunk, sizeof chunk);
    *length_bytes = length;
    return status;
}

static enum status put_span(struct put *put, const struct span *span,
                            struct error *err)
{
    enum part_kind kind = span->kind == SPAN_SOUND ? PART_SOUND : PART_TAGS;
    uint64_t left = span->length_bytes;
    while (left > 0) {
        enum status status = STATUS_OK;
        size_t held = put->end - put->start;
        if (held < CHUNKER_MAX_BYTES && held < left) {
            status = fill_window(put, err);
            held = put->end - put->start;
        }
        if (status == STATUS_OK && held < CHUNKER_MAX_BYTES && held < left) {
            status = unreadable(err, "it was cut meanwhile");
        }
        size_t length = held < left ? held : (size_t)left;
        if (status == STATUS_OK) {
            status =
                put_chunk(put, kind, put->window + put->start, &length, err);
        }
        if (status != STATUS_OK) {
            return status;
        }
        put->start += length;
        left -= length;
    }
    return STATUS_OK;
}

static enum status put_heads(struct put *put, struct error *err)
{
    const struct buffer *list = &put->essence.heads;
    enum status status = STATUS_OK;
    for (size_t at = 0; status == STATUS_OK && at < list->length;) {
        size_t length = list->length - at;
        status = put_chunk(put, PART_HEADS, list->bytes + at, &length, err);
        at += length;
    }
    return status;
}

/* For essence_split(). */
static enum status read_exactly(void *context, uint64_t offset, uint8_t *out,
                                size_t length, struct error *err)
{
    const struct put *put = context;
    for (size_t done = 0; done < length;) {
        size_t got = 0;
        enum status status = read_some(put->fd, offset + done, out + done,
                                       length - done, &got, err);
        if (status == STATUS_OK && got == 0) {
            status = unreadable(err, "it was cut meanwhile");
        }
        if (status != STATUS_OK) {
            return status;
        }
        done += got;
    }
    return STATUS_OK;
}

static enum status split_file(struct put *put, struct error *err)
{
    struct stat facts;
    if (fstat(put->fd, &facts) != 0) {
        return unreadable(err, strerrordesc_np(errno));
    }
    const struct essence_source source = {.read = read_exactly,
                                          .context = put,
                                          .size_bytes =
                                              (uint64_t)facts.st_size};
    if (source.size_bytes > ESSENCE_MAX_FILE_BYTES) {
        return error_set(err, STATUS_LIMIT, "too_large",
                         "the file is over 4 GiB: upload it in parts");
    }
    enum status status = essence_split(&put->essence, &source, err);
    heads_cursor_init(&put->heads, put->essence.heads.bytes,
                      put->essence.heads.length);
    return status;
}

static enum status put_file(struct put *put, struct error *err)
{
    enum status status = split_file(put, err);
    for (size_t i = 0; status == STATUS_OK && i < put->essence.span_count;
         i++) {
        status = put_span(put, &put->essence.spans[i], err);
    }
    put->manifest.size_bytes += put->essence.removed_bytes;
    if (status == STATUS_OK) {
        status = put_heads(put, err);
    }
    return status == STATUS_OK ? store_batch(put, err) : status;
}

enum status vault_put(struct vault *vault, const struct vault_owner *owner,
                      int fd, const struct vault_guard *guard,
                      struct buffer *manifest, struct error *err)
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
    put->guard = guard;
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
    essence_clear(&put->essence);
    crypto_wipe(put, sizeof *put);
    free(put);
    return status;
}

struct store *vault_store(struct vault *vault)
{
    return vault->store;
}

enum status vault_probe(struct vault *vault, struct error *err)
{
    return vault->store->methods->probe(vault->store, err);
}
