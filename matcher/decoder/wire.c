/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/wire.h"

#include "matcher/decode.h"
#include "matcher/utf8.h"

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Facts: numbers first, then texts in fields of fixed size, then the cover. */
enum {
    FACTS_CONTAINER = 0,
    FACTS_ADVISORY = 1,
    FACTS_HAS_SIDE = 2,
    FACTS_DURATION = 4,
    FACTS_RATE = 8,
    FACTS_CHANNELS = 12,
    FACTS_BIT_RATE = 16,
    FACTS_DISC = 20,
    FACTS_TRACK = 24,
    FACTS_COVER_LENGTH = 28,
    FACTS_SAMPLES = 32,
    FACTS_CODEC = 40,
    FACTS_COVER_TYPE = 56,
    FACTS_ISRC = 72,
    FACTS_BARCODE = 88,
    FACTS_DATE = 112,
    FACTS_TITLE = 144,
    FACTS_ARTIST = FACTS_TITLE + TAG_SIZE,
    FACTS_ALBUM = FACTS_ARTIST + TAG_SIZE,
    FACTS_ALBUM_ARTIST = FACTS_ALBUM + TAG_SIZE,
    FACTS_BYTES = FACTS_ALBUM_ARTIST + TAG_SIZE,

    PRINT_HEAD_QUIET = 4,
    PRINT_TAIL_QUIET = 8,
    PRINT_ITEMS = 12,
    PRINT_BYTES_PER_ITEM = 5,

    FAILURE_CODE = 4,
    FAILURE_TEXT = FAILURE_CODE + 32,
    FAILURE_BYTES = FAILURE_TEXT + 512,

    PROGRESS_BYTES = 4,
    REQUEST_BYTES = 16,

    READ_COUNT = 4,
    READ_START = 8,
    READ_BYTES = 16, /* also what stands before samples */
    BYTES_PER_SAMPLE = 2,

    MAX_SAMPLES = DECODE_MAX_MS / 1000 * PCM_RATE_HZ,
};
_Static_assert((int)READ_BYTES <= (int)WIRE_MAX_QUESTION_BYTES &&
                   (int)REQUEST_BYTES <= (int)WIRE_MAX_QUESTION_BYTES,
               "questions fit");
_Static_assert(READ_BYTES + BYTES_PER_SAMPLE * SOUND_READ_MAX <=
                   WIRE_MAX_BODY_BYTES,
               "a read fits a message");
_Static_assert(sizeof((struct audio_facts){0}.codec) == 16, "layout");
_Static_assert(sizeof((struct tags){0}.barcode) == 24, "layout");
_Static_assert(sizeof((struct error){0}.text) == 512, "layout");

static enum status corrupt(struct error *err, const char *what)
{
    return error_set(err, STATUS_CORRUPT, "wire_corrupt",
                     "refrain-decoder answered nonsense (%s): install the "
                     "programs of one build",
                     what);
}

/* Appends a header and `length` zeroed bytes; *body points at those. */
static enum status put_message(struct buffer *out, enum wire_type type,
                               size_t length, uint8_t **body, struct error *err)
{
    assert(length <= WIRE_MAX_BODY_BYTES);
    enum status status = buffer_reserve(out, WIRE_HEADER_BYTES + length, err);
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t *header = out->bytes + out->length;
    memset(header, 0, WIRE_HEADER_BYTES + length + 1);
    header[0] = WIRE_VERSION;
    header[1] = (uint8_t)type;
    store_u32le(header + 4, (uint32_t)length);
    out->length += WIRE_HEADER_BYTES + length;
    *body = header + WIRE_HEADER_BYTES;
    return STATUS_OK;
}

enum status wire_put_progress(struct buffer *out, uint32_t decoded_ms,
                              struct error *err)
{
    uint8_t *body = NULL;
    enum status status =
        put_message(out, WIRE_PROGRESS, PROGRESS_BYTES, &body, err);

    if (status == STATUS_OK) {
        store_u32le(body, decoded_ms);
    }
    return status;
}

enum status wire_put_request(struct buffer *out,
                             const struct wire_request *request,
                             struct error *err)
{
    uint8_t *body = NULL;
    enum status status =
        put_message(out, WIRE_REQUEST, REQUEST_BYTES, &body, err);

    if (status == STATUS_OK) {
        store_u64le(body, request->start);
        store_u64le(body + 8, request->count);
    }
    return status;
}

static void store_read(uint8_t *body, const struct wire_read *read)
{
    assert(read->count >= 1 && read->count <= SOUND_READ_MAX);
    body[0] = (uint8_t)read->channel;
    store_u32le(body + READ_COUNT, read->count);
    store_u64le(body + READ_START, read->start);
}

enum status wire_put_read(struct buffer *out, const struct wire_read *read,
                          struct error *err)
{
    uint8_t *body = NULL;
    enum status status = put_message(out, WIRE_READ, READ_BYTES, &body, err);

    if (status == STATUS_OK) {
        store_read(body, read);
    }
    return status;
}

enum status wire_put_samples(struct buffer *out, const struct wire_read *read,
                             const int16_t *samples, struct error *err)
{
    uint8_t *body = NULL;
    enum status status = put_message(
        out, WIRE_SAMPLES, READ_BYTES + (size_t)BYTES_PER_SAMPLE * read->count,
        &body, err);

    if (status != STATUS_OK) {
        return status;
    }
    store_read(body, read);
    for (size_t i = 0; i < read->count; i++) {
        store_u16le(body + READ_BYTES + BYTES_PER_SAMPLE * i,
                    (uint16_t)samples[i]);
    }
    return STATUS_OK;
}

enum status wire_put_failure(struct buffer *out, enum status failed,
                             const struct error *why, struct error *err)
{
    uint8_t *body = NULL;
    enum status status =
        put_message(out, WIRE_FAILURE, FAILURE_BYTES, &body, err);

    if (status == STATUS_OK) {
        body[0] = (uint8_t)failed;
        memcpy(body + FAILURE_CODE, why->code, strlen(why->code));
        memcpy(body + FAILURE_TEXT, why->text, strlen(why->text));
    }
    return status;
}

enum status wire_put_print(struct buffer *out, const struct fingerprint *print,
                           struct error *err)
{
    uint8_t *body = NULL;
    size_t count = print->item_count;
    enum status status =
        put_message(out, WIRE_PRINT, PRINT_ITEMS + count * PRINT_BYTES_PER_ITEM,
                    &body, err);

    if (status != STATUS_OK) {
        return status;
    }
    store_u32le(body, (uint32_t)count);
    store_u32le(body + PRINT_HEAD_QUIET, print->head_quiet_ms);
    store_u32le(body + PRINT_TAIL_QUIET, print->tail_quiet_ms);
    for (size_t i = 0; i < count; i++) {
        store_u32le(body + PRINT_ITEMS + 4 * i, print->items[i]);
    }
    memcpy(body + PRINT_ITEMS + 4 * count, print->levels, count);
    return STATUS_OK;
}

enum status wire_put_facts(struct buffer *out, const struct audio_facts *facts,
                           const struct wire_extent *extent, struct error *err)
{
    uint8_t *body = NULL;
    const struct tags *tags = &facts->tags;
    enum status status = put_message(
        out, WIRE_FACTS, FACTS_BYTES + facts->cover.length, &body, err);

    if (status != STATUS_OK) {
        return status;
    }
    body[FACTS_CONTAINER] = (uint8_t)facts->container;
    body[FACTS_ADVISORY] = (uint8_t)tags->advisory;
    store_u32le(body + FACTS_DURATION, facts->duration_ms);
    store_u32le(body + FACTS_RATE, facts->sample_rate_hz);
    store_u32le(body + FACTS_CHANNELS, facts->channels);
    store_u32le(body + FACTS_BIT_RATE, facts->bit_rate);
    store_u32le(body + FACTS_DISC, tags->disc);
    store_u32le(body + FACTS_TRACK, tags->track);
    store_u32le(body + FACTS_COVER_LENGTH, (uint32_t)facts->cover.length);
    body[FACTS_HAS_SIDE] = extent->has_side;
    store_u64le(body + FACTS_SAMPLES, extent->sample_count);
    memcpy(body + FACTS_CODEC, facts->codec, strlen(facts->codec));
    memcpy(body + FACTS_COVER_TYPE, facts->cover_type,
           strlen(facts->cover_type));
    memcpy(body + FACTS_ISRC, tags->isrc, strlen(tags->isrc));
    memcpy(body + FACTS_BARCODE, tags->barcode, strlen(tags->barcode));
    memcpy(body + FACTS_DATE, tags->date, strlen(tags->date));
    memcpy(body + FACTS_TITLE, tags->title, strlen(tags->title));
    memcpy(body + FACTS_ARTIST, tags->artist, strlen(tags->artist));
    memcpy(body + FACTS_ALBUM, tags->album, strlen(tags->album));
    memcpy(body + FACTS_ALBUM_ARTIST, tags->album_artist,
           strlen(tags->album_artist));
    if (facts->cover.length > 0) {
        memcpy(body + FACTS_BYTES, facts->cover.bytes, facts->cover.length);
    }
    return STATUS_OK;
}

enum status wire_parse_header(struct wire_header *out, const uint8_t *bytes,
                              struct error *err)
{
    static const struct {
        uint32_t shortest;
        uint32_t longest;
    } lengths[] = {
        [WIRE_PROGRESS] = {PROGRESS_BYTES, PROGRESS_BYTES},
        [WIRE_FACTS] = {FACTS_BYTES, FACTS_BYTES + DECODE_MAX_COVER_BYTES},
        [WIRE_PRINT] = {PRINT_ITEMS + PRINT_BYTES_PER_ITEM,
                        PRINT_ITEMS +
                            PRINT_BYTES_PER_ITEM * FINGERPRINT_MAX_ITEMS},
        [WIRE_FAILURE] = {FAILURE_BYTES, FAILURE_BYTES},
        [WIRE_REQUEST] = {REQUEST_BYTES, REQUEST_BYTES},
        [WIRE_READ] = {READ_BYTES, READ_BYTES},
        [WIRE_SAMPLES] = {READ_BYTES + BYTES_PER_SAMPLE,
                          READ_BYTES + BYTES_PER_SAMPLE * SOUND_READ_MAX},
    };
    uint32_t length = load_u32le(bytes + 4);

    if (bytes[0] != WIRE_VERSION || bytes[2] != 0 || bytes[3] != 0) {
        return corrupt(err, "another version");
    }
    if (bytes[1] < WIRE_PROGRESS || bytes[1] > WIRE_SAMPLES) {
        return corrupt(err, "no such message");
    }
    if (length < lengths[bytes[1]].shortest ||
        length > lengths[bytes[1]].longest) {
        return corrupt(err, "a length that no such message has");
    }
    out->type = (enum wire_type)bytes[1];
    out->body_length = length;
    return STATUS_OK;
}

enum status wire_parse_progress(uint32_t *decoded_ms, const uint8_t *body,
                                size_t length, struct error *err)
{
    if (length != PROGRESS_BYTES || load_u32le(body) > DECODE_MAX_MS) {
        return corrupt(err, "its progress");
    }
    *decoded_ms = load_u32le(body);
    return STATUS_OK;
}

enum status wire_parse_request(struct wire_request *out, const uint8_t *body,
                               size_t length, struct error *err)
{
    if (length != REQUEST_BYTES) {
        return corrupt(err, "a request of another length");
    }
    out->start = load_u64le(body);
    out->count = load_u64le(body + 8);
    return STATUS_OK;
}

enum status wire_parse_read(struct wire_read *out, const uint8_t *body,
                            size_t length, struct error *err)
{
    if (length != READ_BYTES || body[0] > PCM_SIDE || body[1] != 0 ||
        load_u16le(body + 2) != 0 || load_u32le(body + READ_COUNT) < 1 ||
        load_u32le(body + READ_COUNT) > SOUND_READ_MAX ||
        load_u64le(body + READ_START) > MAX_SAMPLES) {
        return corrupt(err, "a read that cannot be");
    }
    out->channel = (enum pcm_channel)body[0];
    out->count = load_u32le(body + READ_COUNT);
    out->start = load_u64le(body + READ_START);
    return STATUS_OK;
}

enum status wire_parse_samples(int16_t *out, const struct wire_read *asked,
                               const uint8_t *body, size_t length,
                               struct error *err)
{
    struct wire_read told = {0};
    size_t sample_bytes = (size_t)BYTES_PER_SAMPLE * asked->count;

    if (length != READ_BYTES + sample_bytes ||
        wire_parse_read(&told, body, READ_BYTES, NULL) != STATUS_OK ||
        told.channel != asked->channel || told.start != asked->start ||
        told.count != asked->count) {
        return corrupt(err, "samples that nobody asked for");
    }
    for (size_t i = 0; i < asked->count; i++) {
        out[i] = (int16_t)load_u16le(body + READ_BYTES + BYTES_PER_SAMPLE * i);
    }
    return STATUS_OK;
}

/* A field holds text, then NULs to its end, at least one. */
static bool take_text(char *to, const uint8_t *field, size_t size)
{
    size_t length = strnlen((const char *)field, size);

    if (length == size || !utf8_valid((const char *)field, length)) {
        return false;
    }
    for (size_t i = length; i < size; i++) {
        if (field[i] != 0) {
            return false;
        }
    }
    memcpy(to, field, size);
    return true;
}

static bool all_of(const char *text, const char *allowed)
{
    return text[strspn(text, allowed)] == '\0';
}

enum status wire_parse_failure(enum status *failed, struct error *why,
                               const uint8_t *body, size_t length,
                               struct error *err)
{
    if (length != FAILURE_BYTES || load_u16le(body + 1) != 0 || body[3] != 0 ||
        (body[0] != STATUS_INVALID && body[0] != STATUS_UNAVAILABLE &&
         body[0] != STATUS_NO_MEMORY) ||
        !take_text(why->code, body + FAILURE_CODE, sizeof why->code) ||
        !take_text(why->text, body + FAILURE_TEXT, sizeof why->text) ||
        why->code[0] == '\0' ||
        !all_of(why->code, "abcdefghijklmnopqrstuvwxyz_")) {
        *why = (struct error){0};
        return corrupt(err, "its failure");
    }
    *failed = (enum status)body[0];
    return STATUS_OK;
}

enum status wire_parse_print(struct fingerprint *out, const uint8_t *body,
                             size_t length, struct error *err)
{
    *out = (struct fingerprint){0};
    if (length < PRINT_ITEMS) {
        return corrupt(err, "a fingerprint that is cut");
    }
    size_t count = load_u32le(body);
    uint32_t head_quiet_ms = load_u32le(body + PRINT_HEAD_QUIET);
    uint32_t tail_quiet_ms = load_u32le(body + PRINT_TAIL_QUIET);
    if (count < 1 || count > FINGERPRINT_MAX_ITEMS ||
        length != PRINT_ITEMS + count * PRINT_BYTES_PER_ITEM ||
        head_quiet_ms > DECODE_MAX_MS || tail_quiet_ms > DECODE_MAX_MS) {
        return corrupt(err, "a fingerprint of impossible length");
    }
    const uint8_t *levels = body + PRINT_ITEMS + 4 * count;
    for (size_t i = 0; i < count; i++) {
        if (levels[i] > FINGERPRINT_MAX_LEVEL) {
            return corrupt(err, "a level out of range");
        }
    }
    out->items = malloc(count * sizeof *out->items);
    out->levels = malloc(count);
    if (out->items == NULL || out->levels == NULL) {
        fingerprint_clear(out);
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory left for a fingerprint");
    }
    out->item_count = count;
    out->head_quiet_ms = head_quiet_ms;
    out->tail_quiet_ms = tail_quiet_ms;
    for (size_t i = 0; i < count; i++) {
        out->items[i] = load_u32le(body + PRINT_ITEMS + 4 * i);
    }
    memcpy(out->levels, levels, count);
    return STATUS_OK;
}

/* The texts of a facts message, each checked. */
static bool take_texts(struct audio_facts *out, const uint8_t *body)
{
    struct tags *tags = &out->tags;
    const struct {
        char *to;
        size_t offset;
        size_t size;
    } fields[] = {
        {out->codec, FACTS_CODEC, sizeof out->codec},
        {out->cover_type, FACTS_COVER_TYPE, sizeof out->cover_type},
        {tags->isrc, FACTS_ISRC, sizeof tags->isrc},
        {tags->barcode, FACTS_BARCODE, sizeof tags->barcode},
        {tags->date, FACTS_DATE, sizeof tags->date},
        {tags->title, FACTS_TITLE, sizeof tags->title},
        {tags->artist, FACTS_ARTIST, sizeof tags->artist},
        {tags->album, FACTS_ALBUM, sizeof tags->album},
        {tags->album_artist, FACTS_ALBUM_ARTIST, sizeof tags->album_artist},
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!take_text(fields[i].to, body + fields[i].offset, fields[i].size)) {
            return false;
        }
    }
    return all_of(out->codec, "abcdefghijklmnopqrstuvwxyz0123456789_") &&
           all_of(tags->isrc, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") &&
           all_of(tags->barcode, "0123456789");
}

/* Numbers that a file within the limits can have. */
static bool take_numbers(struct audio_facts *out, struct wire_extent *extent,
                         const uint8_t *body)
{
    out->duration_ms = load_u32le(body + FACTS_DURATION);
    out->sample_rate_hz = load_u32le(body + FACTS_RATE);
    out->channels = load_u32le(body + FACTS_CHANNELS);
    out->bit_rate = load_u32le(body + FACTS_BIT_RATE);
    out->tags.disc = load_u32le(body + FACTS_DISC);
    out->tags.track = load_u32le(body + FACTS_TRACK);
    extent->sample_count = load_u64le(body + FACTS_SAMPLES);
    if (body[FACTS_CONTAINER] == CONTAINER_UNKNOWN ||
        body[FACTS_CONTAINER] > CONTAINER_AIFF ||
        body[FACTS_ADVISORY] > ADVISORY_CLEAN || body[FACTS_HAS_SIDE] > 1 ||
        body[FACTS_HAS_SIDE + 1] != 0) {
        return false;
    }
    extent->has_side = body[FACTS_HAS_SIDE] == 1;
    out->container = (enum container)body[FACTS_CONTAINER];
    out->tags.advisory = (enum advisory)body[FACTS_ADVISORY];
    return out->duration_ms >= FINGERPRINT_MIN_MS &&
           out->duration_ms <= DECODE_MAX_MS &&
           extent->sample_count <= MAX_SAMPLES &&
           extent->sample_count * 1000 / PCM_RATE_HZ == out->duration_ms &&
           out->sample_rate_hz >= DECODE_MIN_RATE_HZ &&
           out->sample_rate_hz <= DECODE_MAX_RATE_HZ && out->channels >= 1 &&
           out->channels <= DECODE_MAX_CHANNELS;
}

static bool cover_fits(const struct audio_facts *facts, const uint8_t *cover,
                       size_t length)
{
    if (length == 0) {
        return facts->cover_type[0] == '\0';
    }
    if (length < 4 || length > DECODE_MAX_COVER_BYTES) {
        return false;
    }
    if (strcmp(facts->cover_type, "image/jpeg") == 0) {
        return memcmp(cover, "\xff\xd8\xff", 3) == 0;
    }
    return strcmp(facts->cover_type, "image/png") == 0 &&
           memcmp(cover, "\x89PNG", 4) == 0;
}

enum status wire_parse_facts(struct audio_facts *out,
                             struct wire_extent *extent, const uint8_t *body,
                             size_t length, struct error *err)
{
    *out = (struct audio_facts){0};
    if (length < FACTS_BYTES ||
        length - FACTS_BYTES != load_u32le(body + FACTS_COVER_LENGTH)) {
        return corrupt(err, "facts of another length");
    }
    const uint8_t *cover = body + FACTS_BYTES;
    size_t cover_length = length - FACTS_BYTES;
    if (!take_texts(out, body) || !take_numbers(out, extent, body) ||
        !cover_fits(out, cover, cover_length)) {
        *out = (struct audio_facts){0};
        return corrupt(err, "facts that cannot be");
    }
    return cover_length == 0
               ? STATUS_OK
               : buffer_append(&out->cover, cover, cover_length, err);
}
