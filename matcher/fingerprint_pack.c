/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/fingerprint.h"

#include "matcher/levels.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

/* Layout: matcher/README.md, "Packed fingerprint". */
enum {
    VERSION = 2,
    HEADER_BYTES = 8,
    COUNT_OFFSET = 4,
    QUIET_BYTES = 8, /* head and tail, at the start of the plain form */
    ITEM_BYTES = 4,
    /* Smallest of 1 to 19 on real prints, .3 ms a minute: see the README. */
    ZSTD_LEVEL = 15,
};

static size_t plain_size(size_t item_count)
{
    return QUIET_BYTES + item_count * ITEM_BYTES + (item_count + 7) / 8;
}

static enum status corrupt(struct error *err, const char *what)
{
    return error_set(err, STATUS_CORRUPT, "fingerprint_corrupt",
                     "the stored fingerprint is damaged (%s): load its "
                     "recording again",
                     what);
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "no memory left for a fingerprint");
}

/* Neighbours share most bits, so their XOR is mostly zero; the bytes of one
 * weight stand together, because they are alike. Of the levels one bit is left:
 * whether the hop is quiet. */
static void flatten(uint8_t *plain, const struct fingerprint *print)
{
    size_t count = print->item_count;
    uint8_t *planes = plain + QUIET_BYTES;
    uint8_t *sounding = planes + count * ITEM_BYTES;
    uint8_t loud = levels_loud(print->levels, count);
    uint32_t item_before = 0;

    memset(sounding, 0, (count + 7) / 8);
    store_u32le(plain, print->head_quiet_ms);
    store_u32le(plain + 4, print->tail_quiet_ms);
    for (size_t i = 0; i < count; i++) {
        uint32_t delta = print->items[i] ^ item_before;
        item_before = print->items[i];
        for (size_t byte = 0; byte < ITEM_BYTES; byte++) {
            planes[byte * count + i] = (uint8_t)(delta >> 8 * byte & 0xff);
        }
        if (print->levels[i] + LEVELS_QUIET_STEPS > loud) {
            sounding[i / 8] |= (uint8_t)(1U << i % 8);
        }
    }
}

static enum status unflatten(struct fingerprint *print, const uint8_t *plain,
                             size_t count, struct error *err)
{
    const uint8_t *planes = plain + QUIET_BYTES;
    const uint8_t *sounding = planes + count * ITEM_BYTES;
    uint32_t item = 0;

    assert(count >= 1);
    print->items = malloc(count * sizeof *print->items);
    print->levels = malloc(count);
    if (print->items == NULL || print->levels == NULL) {
        return no_memory(err);
    }
    print->item_count = count;
    print->head_quiet_ms = load_u32le(plain);
    print->tail_quiet_ms = load_u32le(plain + 4);
    for (size_t i = 0; i < count; i++) {
        for (size_t byte = 0; byte < ITEM_BYTES; byte++) {
            item ^= (uint32_t)planes[byte * count + i] << 8 * byte;
        }
        print->items[i] = item;
        bool sounds = (sounding[i / 8] >> i % 8 & 1) != 0;
        print->levels[i] = sounds ? LEVELS_QUIET_STEPS : 0;
    }
    if (count % 8 != 0 && sounding[count / 8] >> count % 8 != 0) {
        return corrupt(err, "it goes on behind its end");
    }
    if (levels_loud(print->levels, count) != LEVELS_QUIET_STEPS) {
        return corrupt(err, "nothing in it sounds");
    }
    return STATUS_OK;
}

enum status fingerprint_pack(struct buffer *out,
                             const struct fingerprint *print, struct error *err)
{
    enum status status = STATUS_OK;
    size_t plain_length = plain_size(print->item_count);
    uint8_t *plain = NULL;
    ZSTD_CCtx *context = NULL;

    assert(print->item_count >= 1);
    assert(print->item_count <= FINGERPRINT_MAX_ITEMS);
    status = buffer_reserve(
        out, HEADER_BYTES + ZSTD_compressBound(plain_length), err);
    if (status != STATUS_OK) {
        return status;
    }
    plain = malloc(plain_length);
    context = ZSTD_createCCtx();
    if (plain == NULL || context == NULL) {
        status = no_memory(err);
        goto out;
    }
    flatten(plain, print);
    uint8_t *header = out->bytes + out->length;
    memset(header, 0, HEADER_BYTES);
    header[0] = VERSION;
    store_u32le(header + COUNT_OFFSET, (uint32_t)print->item_count);
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t packed =
        ZSTD_compress2(context, header + HEADER_BYTES,
                       ZSTD_compressBound(plain_length), plain, plain_length);
    if (ZSTD_isError(packed)) {
        status = no_memory(err);
        goto out;
    }
    out->length += HEADER_BYTES + packed;
    out->bytes[out->length] = '\0';
out:
    ZSTD_freeCCtx(context);
    free(plain);
    return status;
}

/* Checks everything that can be known before any memory is taken. */
static enum status check_packed(size_t *count, const uint8_t *bytes,
                                size_t length, struct error *err)
{
    if (length <= HEADER_BYTES) {
        return corrupt(err, "it is cut");
    }
    if (bytes[0] != VERSION || bytes[1] != 0 || bytes[2] != 0 ||
        bytes[3] != 0) {
        return corrupt(err, "its version is not known here");
    }
    *count = load_u32le(bytes + COUNT_OFFSET);
    if (*count == 0 || *count > FINGERPRINT_MAX_ITEMS) {
        return corrupt(err, "its length is impossible");
    }
    const uint8_t *frame = bytes + HEADER_BYTES;
    size_t frame_length = length - HEADER_BYTES;
    if (ZSTD_getFrameContentSize(frame, frame_length) != plain_size(*count) ||
        ZSTD_findFrameCompressedSize(frame, frame_length) != frame_length) {
        return corrupt(err, "its length does not fit");
    }
    return STATUS_OK;
}

enum status fingerprint_unpack(struct fingerprint *out, const void *bytes,
                               size_t length, struct error *err)
{
    size_t count = 0;

    *out = (struct fingerprint){0};
    enum status status = check_packed(&count, bytes, length, err);
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t *plain = malloc(plain_size(count));
    if (plain == NULL) {
        return no_memory(err);
    }
    size_t got = ZSTD_decompress(plain, plain_size(count),
                                 (const uint8_t *)bytes + HEADER_BYTES,
                                 length - HEADER_BYTES);
    if (ZSTD_isError(got)) {
        status = ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation
                     ? no_memory(err)
                     : corrupt(err, "its checksum is wrong");
    } else if (got != plain_size(count)) {
        status = corrupt(err, "it is cut");
    } else {
        status = unflatten(out, plain, count, err);
    }
    if (status != STATUS_OK) {
        fingerprint_clear(out);
    }
    free(plain);
    return status;
}

void fingerprint_clear(struct fingerprint *print)
{
    free(print->items);
    free(print->levels);
    *print = (struct fingerprint){0};
}
