/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/sketch.h"

#include "matcher/spectrum.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

/* Layout: matcher/README.md, "Stored sketch". */
enum {
    MAGIC_BYTES = 4,
    VERSION = 1,
    VERSION_OFFSET = 4,
    CHANNELS_OFFSET = 5,
    COUNT_OFFSET = 8,
    HEADER_BYTES = 12,
    SIDE_DB_BYTES = 2,
    BASES_BYTES = SKETCH_BANDS * 2,
    /* Higher levels give 10 % at most, for ten times the time. */
    ZSTD_LEVEL = 3,
};
static const uint8_t MAGIC[MAGIC_BYTES] = {'R', 'F', 'S', 'K'};

static size_t plain_size(size_t channels, size_t frame_count)
{
    return SIDE_DB_BYTES +
           channels * (BASES_BYTES + frame_count * SKETCH_FRAME_BYTES);
}

static enum status corrupt(struct error *err, const char *what)
{
    return error_set(err, STATUS_CORRUPT, "sketch_corrupt",
                     "the stored sketch is damaged (%s): load its recording "
                     "again",
                     what);
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "no memory left for a sketch");
}

static uint8_t *put_channel(uint8_t *at, const struct sketch_channel *channel,
                            size_t frame_count)
{
    for (size_t band = 0; band < SKETCH_BANDS; band++, at += 2) {
        long base = lrintf(channel->base_db[band] * LEVEL_DB);
        assert(base >= 0 && base <= LEVEL_MAX);
        store_u16le(at, (uint16_t)base);
    }
    memcpy(at, channel->cells, frame_count * SKETCH_FRAME_BYTES);
    return at + frame_count * SKETCH_FRAME_BYTES;
}

static void flatten(uint8_t *plain, const struct sketch *sketch)
{
    long side = lrintf(sketch->side_db * LEVEL_DB);

    assert(side >= INT16_MIN && side <= INT16_MAX);
    store_u16le(plain, (uint16_t)(int16_t)side);
    uint8_t *at =
        put_channel(plain + SIDE_DB_BYTES, &sketch->mid, sketch->frame_count);
    if (sketch->side.cells != NULL) {
        (void)put_channel(at, &sketch->side, sketch->frame_count);
    }
}

enum status sketch_pack(struct buffer *out, const struct sketch *sketch,
                        struct error *err)
{
    size_t channels = sketch->side.cells == NULL ? 1 : 2;
    size_t plain_length = plain_size(channels, sketch->frame_count);
    enum status status = STATUS_OK;
    uint8_t *plain = NULL;
    ZSTD_CCtx *context = NULL;

    assert(sketch->frame_count >= 1 && sketch->mid.cells != NULL);
    assert(sketch->frame_count <= SKETCH_MAX_FRAMES);
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
    flatten(plain, sketch);
    uint8_t *header = out->bytes + out->length;
    memset(header, 0, HEADER_BYTES);
    memcpy(header, MAGIC, MAGIC_BYTES);
    header[VERSION_OFFSET] = VERSION;
    header[CHANNELS_OFFSET] = (uint8_t)channels;
    store_u32le(header + COUNT_OFFSET, (uint32_t)sketch->frame_count);
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
static enum status check_packed(size_t *channels, size_t *frame_count,
                                const uint8_t *bytes, size_t length,
                                struct error *err)
{
    if (length <= HEADER_BYTES) {
        return corrupt(err, "it is cut");
    }
    if (memcmp(bytes, MAGIC, MAGIC_BYTES) != 0) {
        return corrupt(err, "it is none");
    }
    if (bytes[VERSION_OFFSET] != VERSION || bytes[6] != 0 || bytes[7] != 0) {
        return corrupt(err, "its version is not known here");
    }
    *channels = bytes[CHANNELS_OFFSET];
    *frame_count = load_u32le(bytes + COUNT_OFFSET);
    if (*channels < 1 || *channels > 2 || *frame_count == 0 ||
        *frame_count > SKETCH_MAX_FRAMES) {
        return corrupt(err, "its length is impossible");
    }
    const uint8_t *frame = bytes + HEADER_BYTES;
    size_t frame_length = length - HEADER_BYTES;
    if (ZSTD_getFrameContentSize(frame, frame_length) !=
            plain_size(*channels, *frame_count) ||
        ZSTD_findFrameCompressedSize(frame, frame_length) != frame_length) {
        return corrupt(err, "its length does not fit");
    }
    return STATUS_OK;
}

static enum status take_channel(struct sketch_channel *channel,
                                const uint8_t *at, size_t frame_count,
                                struct error *err)
{
    for (size_t band = 0; band < SKETCH_BANDS; band++, at += 2) {
        uint16_t base = load_u16le(at);
        if (base > LEVEL_MAX) {
            return corrupt(err, "a level is out of range");
        }
        channel->base_db[band] = (float)base / LEVEL_DB;
    }
    channel->cells = malloc(frame_count * SKETCH_FRAME_BYTES);
    if (channel->cells == NULL) {
        return no_memory(err);
    }
    memcpy(channel->cells, at, frame_count * SKETCH_FRAME_BYTES);
    return STATUS_OK;
}

static enum status unflatten(struct sketch *out, const uint8_t *plain,
                             size_t channels, struct error *err)
{
    size_t channel_bytes = BASES_BYTES + out->frame_count * SKETCH_FRAME_BYTES;
    const uint8_t *at = plain + SIDE_DB_BYTES;

    out->side_db = (float)(int16_t)load_u16le(plain) / LEVEL_DB;
    enum status status = take_channel(&out->mid, at, out->frame_count, err);
    if (status == STATUS_OK && channels == 2) {
        status =
            take_channel(&out->side, at + channel_bytes, out->frame_count, err);
    }
    return status;
}

enum status sketch_unpack(struct sketch *out, const void *bytes, size_t length,
                          struct error *err)
{
    size_t channels = 0;
    size_t frame_count = 0;

    *out = (struct sketch){0};
    enum status status =
        check_packed(&channels, &frame_count, bytes, length, err);
    if (status != STATUS_OK) {
        return status;
    }
    size_t plain_length = plain_size(channels, frame_count);
    uint8_t *plain = malloc(plain_length);
    if (plain == NULL) {
        return no_memory(err);
    }
    out->frame_count = frame_count;
    size_t got = ZSTD_decompress(plain, plain_length,
                                 (const uint8_t *)bytes + HEADER_BYTES,
                                 length - HEADER_BYTES);
    if (ZSTD_isError(got)) {
        status = ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation
                     ? no_memory(err)
                     : corrupt(err, "its checksum is wrong");
    } else if (got != plain_length) {
        status = corrupt(err, "it is cut");
    } else {
        status = unflatten(out, plain, channels, err);
    }
    if (status != STATUS_OK) {
        sketch_clear(out);
    }
    free(plain);
    return status;
}
