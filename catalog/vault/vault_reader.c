/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/manifest.h"
#include "catalog/vault/seal.h"
#include "catalog/vault/vault.h"
#include "catalog/vault/vault_internal.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(2 * SEAL_MAX_SEGMENTS <= STORE_MAX_PIECES,
               "a whole chunk in one read: bytes and tag of each segment");

/* Whole segments go straight into the caller's memory and are opened there;
 * of a segment that is wanted in part, the whole is kept, since the next read
 * will most likely want the rest of it. Parts are counted in bytes without
 * heads of pages, which are put in at the end. */
struct vault_reader {
    struct store *store;
    struct manifest manifest;  /* secret */
    uint64_t *starts;          /* owned; of each part, without heads */
    size_t file_part_count;    /* of the parts, those that are the file's */
    struct buffer head_list;   /* owned; empty before the first read */
    struct heads_cursor heads; /* in it */
    /* the chunk in hand */
    struct store_object *object; /* owned; NULL: none */
    struct crypto_gcm *gcm;      /* owned; NULL: none */
    size_t part;                 /* its index */
    uint32_t length_bytes;       /* its plaintext */
    /* the segment in hand, of that chunk */
    bool segment_held;
    uint32_t segment;
    uint8_t plain[SEAL_SEGMENT_BYTES];
};

static enum status index_parts(struct vault_reader *reader, struct error *err)
{
    size_t count = reader->manifest.part_count;
    if (count == 0) {
        return STATUS_OK;
    }
    reader->starts = calloc(count, sizeof *reader->starts);
    if (reader->starts == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for reading a file");
    }
    uint64_t start = 0;
    for (size_t i = 0; i < count; i++) {
        const struct manifest_part *part = &reader->manifest.parts[i];
        if (part->kind == PART_HEADS) {
            break;
        }
        reader->starts[i] = start;
        reader->file_part_count = i + 1;
        start += part->chunk.length_bytes;
    }
    return STATUS_OK;
}

enum status vault_reader_open(struct vault_reader **out, struct vault *vault,
                              const struct vault_owner *owner,
                              const void *manifest, size_t manifest_length,
                              struct error *err)
{
    *out = NULL;
    struct vault_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for reading a file");
    }
    struct manifest_place place = {.account_key = owner->account_key,
                                   .account_id = owner->account_id,
                                   .track_id = owner->track_id};
    reader->store = vault->store;
    enum status status = manifest_open(&reader->manifest, manifest,
                                       manifest_length, &place, err);
    if (status == STATUS_OK) {
        status = index_parts(reader, err);
    }
    if (status != STATUS_OK) {
        vault_reader_close(reader);
        return status;
    }
    *out = reader;
    return STATUS_OK;
}

static void drop_chunk(struct vault_reader *reader)
{
    if (reader->object != NULL) {
        reader->object->methods->object_close(reader->object);
        reader->object = NULL;
    }
    crypto_gcm_free(reader->gcm);
    reader->gcm = NULL;
    if (reader->segment_held) {
        crypto_wipe(reader->plain, sizeof reader->plain);
        reader->segment_held = false;
    }
}

void vault_reader_close(struct vault_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    drop_chunk(reader);
    manifest_clear(&reader->manifest);
    buffer_wipe(&reader->head_list);
    free(reader->starts);
    free(reader);
}

uint64_t vault_reader_size(const struct vault_reader *reader)
{
    return reader->manifest.size_bytes;
}

/* The part that holds the byte at `offset`, which is within all parts. */
static size_t find_part(const struct vault_reader *reader, uint64_t offset)
{
    size_t low = 0;
    size_t high = reader->file_part_count;
    assert(high > 0);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (reader->starts[middle] <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Length and header are compared once: they follow from the manifest. */
static enum status check_object(struct vault_reader *reader, struct error *err)
{
    uint8_t header[SEAL_HEADER_BYTES];
    struct iovec piece = {.iov_base = header, .iov_len = sizeof header};
    struct store_object *object = reader->object;
    if (object->size_bytes != seal_object_bytes(reader->length_bytes)) {
        return error_set(err, STATUS_CORRUPT, "chunk_corrupt",
                         "a stored chunk has not the length that it should "
                         "have: restore it from a backup, or upload the song "
                         "again");
    }
    enum status status = object->methods->read(object, 0, &piece, 1, err);
    if (status == STATUS_OK) {
        status = seal_check_header(header, reader->length_bytes, err);
    }
    return status;
}

/* Takes the chunk of part `index` in hand. */
static enum status take_chunk(struct vault_reader *reader, size_t index,
                              struct error *err)
{
    if (reader->object != NULL && reader->part == index) {
        return STATUS_OK;
    }
    drop_chunk(reader);
    const struct chunk_ref *chunk = &reader->manifest.parts[index].chunk;
    enum status status = reader->store->methods->open(
        reader->store, chunk->name, &reader->object, err);
    if (status != STATUS_OK) {
        return status;
    }
    reader->part = index;
    reader->length_bytes = chunk->length_bytes;
    reader->gcm = crypto_gcm_new(chunk->key, sizeof chunk->key);
    status = check_object(reader, err);
    if (status != STATUS_OK) {
        drop_chunk(reader);
    }
    return status;
}

/* Opens `count` segments of the chunk in hand into `out`. */
static enum status open_segments(struct vault_reader *reader, uint32_t first,
                                 uint32_t count, uint8_t *out,
                                 struct error *err)
{
    struct iovec pieces[2 * SEAL_MAX_SEGMENTS];
    uint8_t tags[SEAL_MAX_SEGMENTS][GCM_TAG_BYTES];
    assert(count >= 1 && count <= SEAL_MAX_SEGMENTS);
    for (uint32_t i = 0; i < count; i++) {
        struct iovec *piece = pieces + (size_t)2 * i;
        piece[0].iov_base = out + (size_t)i * SEAL_SEGMENT_BYTES;
        piece[0].iov_len = seal_segment_bytes(reader->length_bytes, first + i);
        piece[1].iov_base = tags[i];
        piece[1].iov_len = GCM_TAG_BYTES;
    }
    enum status status = reader->object->methods->read(
        reader->object, seal_segment_offset(first), pieces, (size_t)2 * count,
        err);
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++) {
        uint8_t *at = out + (size_t)i * SEAL_SEGMENT_BYTES;
        status = seal_open_segment(reader->gcm, at, reader->length_bytes,
                                   first + i, at, tags[i], err);
    }
    return status;
}

static enum status take_segment(struct vault_reader *reader, uint32_t index,
                                struct error *err)
{
    if (reader->segment_held && reader->segment == index) {
        return STATUS_OK;
    }
    enum status status = open_segments(reader, index, 1, reader->plain, err);
    reader->segment_held = status == STATUS_OK;
    reader->segment = index;
    return status;
}

/* Segments from `first` on that fit whole into `length` bytes; *bytes is what
 * they hold. */
static uint32_t whole_segments(const struct vault_reader *reader,
                               uint32_t first, size_t length, size_t *bytes)
{
    uint32_t total = seal_segment_count(reader->length_bytes);
    uint32_t count = 0;
    *bytes = 0;
    while (first + count < total) {
        size_t next = seal_segment_bytes(reader->length_bytes, first + count);
        if (length - *bytes < next) {
            break;
        }
        *bytes += next;
        count++;
    }
    return count;
}

/* Reads as much of `length` as one step gives, within one chunk. */
static enum status read_step(struct vault_reader *reader, uint64_t offset,
                             uint8_t *out, size_t length, size_t *got,
                             struct error *err)
{
    size_t part = find_part(reader, offset);
    enum status status = take_chunk(reader, part, err);
    if (status != STATUS_OK) {
        return status;
    }
    uint32_t at = (uint32_t)(offset - reader->starts[part]);
    uint32_t segment = at / SEAL_SEGMENT_BYTES;
    uint32_t skip = at % SEAL_SEGMENT_BYTES;
    if (skip == 0) {
        uint32_t count = whole_segments(reader, segment, length, got);
        if (count > 0) {
            return open_segments(reader, segment, count, out, err);
        }
    }
    status = take_segment(reader, segment, err);
    if (status == STATUS_OK) {
        size_t held = seal_segment_bytes(reader->length_bytes, segment) - skip;
        *got = held < length ? held : length;
        memcpy(out, reader->plain + skip, *got);
    }
    return status;
}

static enum status read_heads(struct vault_reader *reader, struct error *err)
{
    const struct manifest *manifest = &reader->manifest;
    struct buffer *list = &reader->head_list;
    enum status status = buffer_reserve(list, manifest->heads_bytes, err);
    for (size_t i = reader->file_part_count;
         status == STATUS_OK && i < manifest->part_count; i++) {
        status = take_chunk(reader, i, err);
        if (status == STATUS_OK) {
            status = open_segments(reader, 0,
                                   seal_segment_count(reader->length_bytes),
                                   list->bytes + list->length, err);
        }
        if (status == STATUS_OK) {
            list->length += reader->length_bytes;
        }
    }
    if (status == STATUS_OK &&
        !heads_valid(list->bytes, list->length, manifest->size_bytes,
                     manifest->size_bytes - manifest->parts_bytes)) {
        status = error_set(err, STATUS_CORRUPT, "chunk_corrupt",
                           "the list of a stored song's pages is damaged: "
                           "upload the song again");
    }
    if (status != STATUS_OK) {
        buffer_wipe(list);
    }
    heads_cursor_init(&reader->heads, list->bytes, list->length);
    return status;
}

/* `length` bytes of the parts. */
static enum status read_parts(struct vault_reader *reader, uint64_t offset,
                              uint8_t *out, size_t length, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t done = 0; status == STATUS_OK && done < length;) {
        size_t step = 0;
        status = read_step(reader, offset + done, out + done, length - done,
                           &step, err);
        assert(status != STATUS_OK || step > 0);
        done += step;
    }
    return status;
}

enum status vault_read(struct vault_reader *reader, uint64_t offset, void *out,
                       size_t length, size_t *got, struct error *err)
{
    uint64_t size = vault_reader_size(reader);
    uint64_t left = offset < size ? size - offset : 0;
    size_t wanted = length < left ? length : (size_t)left;
    enum status status = STATUS_OK;
    *got = 0;
    if (wanted == 0) {
        return STATUS_OK;
    }
    if (reader->head_list.length < reader->manifest.heads_bytes) {
        status = read_heads(reader, err);
    }
    if (status == STATUS_OK) {
        uint64_t before = heads_before(&reader->heads, offset);
        struct heads_cursor end = reader->heads;
        uint64_t within = heads_before(&end, offset + wanted) - before;
        size_t kept = wanted - (size_t)within;
        status = read_parts(reader, offset - before,
                            (uint8_t *)out + (wanted - kept), kept, err);
        if (status == STATUS_OK) {
            heads_put_in(&reader->heads, offset, out, wanted, kept);
        }
    }
    if (status != STATUS_OK) {
        crypto_wipe(out, wanted);
        return status;
    }
    *got = wanted;
    return STATUS_OK;
}
