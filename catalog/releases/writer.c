/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/writer.h"

#include "catalog/redis/keys.h"
#include "catalog/releases/arrivals.h"
#include "catalog/releases/fields.h"
#include "catalog/releases/index.h"

#include <assert.h>
#include <inttypes.h>

/* ---- HSET with many fields, built piece by piece ---- */

enum { PAIRS_MAX = 24 };
struct hash_write {
    struct key key;
    struct redis_arg args[2 + 2 * PAIRS_MAX];
    size_t count;
    struct redis_number numbers[PAIRS_MAX];
    size_t number_count;
};

static void hash_begin(struct hash_write *write, struct key key)
{
    write->key = key;
    write->args[0] = redis_text("HSET");
    write->args[1] = redis_text(write->key.text);
    write->count = 2;
    write->number_count = 0;
}

/* Empty texts are left out: a field that is not there reads as "". */
static void hash_text(struct hash_write *write, const char *field,
                      const char *value)
{
    if (value[0] != '\0') {
        assert(write->count + 2 <= sizeof write->args / sizeof write->args[0]);
        write->args[write->count++] = redis_text(field);
        write->args[write->count++] = redis_text(value);
    }
}

static void hash_number(struct hash_write *write, const char *field,
                        uint64_t value)
{
    assert(write->number_count < PAIRS_MAX && value <= INT64_MAX);
    struct redis_number *number = &write->numbers[write->number_count++];
    (void)redis_integer(number, (int64_t)value);
    hash_text(write, field, number->text);
}

static enum status hash_end(struct redis *redis, const struct hash_write *write,
                            struct error *err)
{
    return redis_call(redis, NULL, write->args, write->count, err);
}

/* ---- recordings ---- */

static enum status integer_call(struct redis *redis, int64_t *out,
                                const struct redis_arg *args, size_t count,
                                struct error *err)
{
    struct redis_reply *reply = NULL;
    enum status status = redis_call(redis, &reply, args, count, err);
    if (status == STATUS_OK) {
        *out = redis_reply_integer(reply, 0);
        redis_reply_free(reply);
    }
    return status;
}

/* The recording's number: the one that it has, or the next. Of two that claim
 * one at the same time HSETNX lets one win; the other's number stays unused. */
static enum status number_claim(struct redis *redis, struct recording *out,
                                struct error *err)
{
    struct key key = key_recording(out->id);
    struct key last = key_numbers();
    struct redis_number digits;
    int64_t number = 0;
    int64_t next = 0;
    const struct redis_arg get[] = {redis_text("HGET"), redis_text(key.text),
                                    redis_text(FIELD_NUMBER)};
    const struct redis_arg increment[] = {redis_text("INCR"),
                                          redis_text(last.text)};
    enum status status = integer_call(redis, &number, get, 3, err);
    if (status == STATUS_OK && number == 0) {
        status = integer_call(redis, &next, increment, 2, err);
        const struct redis_arg set[] = {
            redis_text("HSETNX"), redis_text(key.text),
            redis_text(FIELD_NUMBER), redis_integer(&digits, next)};
        if (status == STATUS_OK) {
            status = redis_call(redis, NULL, set, 4, err);
        }
        if (status == STATUS_OK) {
            status = integer_call(redis, &number, get, 3, err);
        }
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (number <= 0 || number > UINT32_MAX) {
        (void)error_set(err, STATUS_LIMIT, "catalog_full",
                        "recording numbers have run out: start a new catalog");
        return STATUS_LIMIT;
    }
    out->number = (uint32_t)number;
    return STATUS_OK;
}

static enum status string_set(struct redis *redis, struct key key,
                              struct redis_arg value, struct error *err)
{
    const struct redis_arg args[] = {redis_text("SET"), redis_text(key.text),
                                     value};
    return redis_call(redis, NULL, args, 3, err);
}

static enum status recording_hash(struct redis *redis,
                                  const struct recording *recording,
                                  const struct tags *tags, struct error *err)
{
    struct hash_write write;
    hash_begin(&write, key_recording(recording->id));
    hash_text(&write, FIELD_VERSION, RECORD_VERSION);
    hash_text(&write, FIELD_TITLE, recording->title);
    hash_text(&write, FIELD_ARTIST, recording->artist);
    hash_text(&write, FIELD_ISRC, recording->isrc);
    hash_number(&write, FIELD_ADVISORY, (uint64_t)recording->advisory);
    hash_number(&write, FIELD_DURATION, recording->duration_ms);
    hash_text(&write, FIELD_RELEASE_ID, recording->release_id);
    hash_text(&write, FIELD_RELEASE_TITLE, recording->release_title);
    hash_text(&write, FIELD_SHA256, recording->master_sha256);
    hash_text(&write, FIELD_MASTER, recording->master_name);
    hash_number(&write, FIELD_CONTAINER, (uint64_t)recording->container);
    hash_number(&write, FIELD_SIZE, recording->size_bytes);
    hash_text(&write, FIELD_TAG_TITLE, tags->title);
    hash_text(&write, FIELD_TAG_ARTIST, tags->artist);
    hash_text(&write, FIELD_TAG_ALBUM, tags->album);
    hash_text(&write, FIELD_TAG_ALBUM_ARTIST, tags->album_artist);
    hash_text(&write, FIELD_TAG_BARCODE, tags->barcode);
    hash_text(&write, FIELD_TAG_DATE, tags->date);
    hash_number(&write, FIELD_TAG_DISC, tags->disc);
    hash_number(&write, FIELD_TAG_TRACK, tags->track);
    return hash_end(redis, &write, err);
}

static enum status mark_indexed(struct redis *redis, const char *recording_id,
                                struct error *err)
{
    struct hash_write write;
    hash_begin(&write, key_recording(recording_id));
    hash_number(&write, FIELD_INDEXED, 1);
    return hash_end(redis, &write, err);
}

enum status recording_store(struct redis *redis, struct recording *recording,
                            const struct tags *tags, const struct buffer *print,
                            const struct terms *terms, struct error *err)
{
    enum status status = number_claim(redis, recording, err);
    if (status == STATUS_OK) {
        status = string_set(redis, key_reference(recording->number),
                            redis_bytes(print->bytes, print->length), err);
    }
    if (status == STATUS_OK) {
        status = string_set(redis, key_recording_number(recording->number),
                            redis_text(recording->id), err);
    }
    if (status == STATUS_OK) {
        status = recording_hash(redis, recording, tags, err);
    }
    if (status == STATUS_OK) {
        status = index_add(redis, recording->number, terms, err);
    }
    if (status == STATUS_OK) {
        status = arrivals_add(redis, recording->number, err);
    }
    if (status == STATUS_OK) {
        status = mark_indexed(redis, recording->id, err);
    }
    return status;
}

/* ---- releases ---- */

static enum status tracks_write(struct buffer *out,
                                const struct release *release,
                                struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < release->track_count && status == STATUS_OK; i++) {
        const struct release_track *track = &release->tracks[i];
        status = buffer_printf(out, err, "%" PRIu32 " %" PRIu32 " %s\n",
                               track->disc, track->track, track->recording_id);
    }
    return status;
}

static enum status list_release(struct redis *redis,
                                const struct release *release,
                                struct error *err)
{
    struct key key = key_releases();
    struct redis_number score;
    /* NX: a release keeps its place when it is loaded again */
    const struct redis_arg args[] = {
        redis_text("ZADD"), redis_text(key.text), redis_text("NX"),
        redis_integer(&score, release->loaded_ms), redis_text(release->id)};
    return redis_call(redis, NULL, args, 5, err);
}

enum status release_store(struct redis *redis, const struct release *release,
                          struct error *err)
{
    assert(release->track_count <= RELEASE_TRACKS_MAX);
    struct buffer tracks = {0};
    struct hash_write write;
    enum status status = tracks_write(&tracks, release, err);
    if (status != STATUS_OK) {
        goto out;
    }
    hash_begin(&write, key_release(release->id));
    hash_text(&write, FIELD_VERSION, RECORD_VERSION);
    hash_number(&write, FIELD_LOADED, (uint64_t)release->loaded_ms);
    hash_number(&write, FIELD_TRACK_COUNT, release->track_count);
    hash_text(&write, FIELD_TRACKS, buffer_text(&tracks));
    /* also when empty: the release may have had them before */
    const struct {
        const char *field;
        const char *value;
    } texts[] = {{FIELD_TITLE, release->title},
                 {FIELD_ARTIST, release->artist},
                 {FIELD_BARCODE, release->barcode},
                 {FIELD_DATE, release->date},
                 {FIELD_COVER, release->cover_name}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        write.args[write.count++] = redis_text(texts[i].field);
        write.args[write.count++] = redis_text(texts[i].value);
    }
    status = hash_end(redis, &write, err);
    if (status == STATUS_OK) {
        status = list_release(redis, release, err);
    }
out:
    buffer_clear(&tracks);
    return status;
}
