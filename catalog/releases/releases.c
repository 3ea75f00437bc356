/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/releases.h"

#include "catalog/redis/keys.h"
#include "catalog/releases/fields.h"
#include "catalog/releases/writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Stored as numbers: a change of the enums would change their meaning. */
_Static_assert(CONTAINER_MP3 == 1 && CONTAINER_ADTS == 2 &&
                   CONTAINER_MP4 == 3 && CONTAINER_FLAC == 4 &&
                   CONTAINER_OGG == 5 && CONTAINER_WAV == 6 &&
                   CONTAINER_AIFF == 7,
               "containers in stored recordings");
_Static_assert(ADVISORY_UNKNOWN == 0 && ADVISORY_EXPLICIT == 1 &&
                   ADVISORY_CLEAN == 2,
               "advisories in stored recordings");

static enum status no_recording(struct error *err)
{
    (void)error_set(err, STATUS_NOT_FOUND, "no_recording",
                    "there is no such recording: list a release to see its "
                    "recordings");
    return STATUS_NOT_FOUND;
}

static enum status hash_read(struct redis *redis, const struct key *key,
                             struct redis_reply **reply, struct error *err)
{
    const struct redis_arg args[] = {redis_text("HGETALL"),
                                     redis_text(key->text)};
    return redis_call(redis, reply, args, 2, err);
}

/* false when a text is longer than its place: then it is not ours. */
static bool text_read(const struct redis_reply *hash, const char *field,
                      char *out, size_t size)
{
    return redis_reply_copy(out, size, redis_reply_field(hash, field));
}

static bool number_read(const struct redis_reply *hash, const char *field,
                        uint64_t maximum, uint64_t *out)
{
    int64_t value = redis_reply_integer(redis_reply_field(hash, field), 0);
    *out = (uint64_t)value;
    return value >= 0 && *out <= maximum;
}

static bool u32_read(const struct redis_reply *hash, const char *field,
                     uint32_t maximum, uint32_t *out)
{
    uint64_t value = 0;
    bool fits = number_read(hash, field, maximum, &value);
    *out = (uint32_t)value;
    return fits;
}

/* ---- recordings ---- */

static bool recording_parse(const struct redis_reply *hash,
                            struct recording *out)
{
    char version[8];
    uint32_t advisory = 0;
    uint32_t container = 0;
    bool ours =
        text_read(hash, FIELD_VERSION, version, sizeof version) &&
        strcmp(version, RECORD_VERSION) == 0 &&
        u32_read(hash, FIELD_NUMBER, UINT32_MAX, &out->number) &&
        text_read(hash, FIELD_TITLE, out->title, sizeof out->title) &&
        text_read(hash, FIELD_ARTIST, out->artist, sizeof out->artist) &&
        text_read(hash, FIELD_ISRC, out->isrc, sizeof out->isrc) &&
        u32_read(hash, FIELD_ADVISORY, ADVISORY_CLEAN, &advisory) &&
        u32_read(hash, FIELD_DURATION, UINT32_MAX, &out->duration_ms) &&
        text_read(hash, FIELD_RELEASE_ID, out->release_id,
                  sizeof out->release_id) &&
        text_read(hash, FIELD_RELEASE_TITLE, out->release_title,
                  sizeof out->release_title) &&
        text_read(hash, FIELD_SHA256, out->master_sha256,
                  sizeof out->master_sha256) &&
        text_read(hash, FIELD_MASTER, out->master_name,
                  sizeof out->master_name) &&
        u32_read(hash, FIELD_CONTAINER, CONTAINER_AIFF, &container) &&
        number_read(hash, FIELD_SIZE, INT64_MAX, &out->size_bytes);
    out->advisory = (enum advisory)advisory;
    out->container = (enum container)container;
    /* none: taken down */
    return ours &&
           (out->number > 0 || redis_reply_field(hash, FIELD_NUMBER) == NULL);
}

static bool tags_parse(const struct redis_reply *hash, struct tags *out)
{
    uint32_t advisory = 0;
    bool ours =
        text_read(hash, FIELD_TAG_TITLE, out->title, sizeof out->title) &&
        text_read(hash, FIELD_TAG_ARTIST, out->artist, sizeof out->artist) &&
        text_read(hash, FIELD_TAG_ALBUM, out->album, sizeof out->album) &&
        text_read(hash, FIELD_TAG_ALBUM_ARTIST, out->album_artist,
                  sizeof out->album_artist) &&
        text_read(hash, FIELD_ISRC, out->isrc, sizeof out->isrc) &&
        text_read(hash, FIELD_TAG_BARCODE, out->barcode, sizeof out->barcode) &&
        text_read(hash, FIELD_TAG_DATE, out->date, sizeof out->date) &&
        u32_read(hash, FIELD_TAG_DISC, UINT32_MAX, &out->disc) &&
        u32_read(hash, FIELD_TAG_TRACK, UINT32_MAX, &out->track) &&
        u32_read(hash, FIELD_ADVISORY, ADVISORY_CLEAN, &advisory);
    out->advisory = (enum advisory)advisory;
    return ours;
}

/* A hash that has only its number is one that is being written, or that a
 * crash left: the rest comes in one command. */
static bool is_whole(const struct redis_reply *hash)
{
    return redis_reply_field(hash, FIELD_SHA256) != NULL;
}

static enum status corrupt_recording(const char *id, struct error *err)
{
    (void)error_set(err, STATUS_CORRUPT, "recording_record",
                    "the record of recording %s is damaged: restore Redis "
                    "from a backup",
                    id);
    return STATUS_CORRUPT;
}

enum status recording_known(struct redis *redis, const char *recording_id,
                            struct recording *out, struct tags *tags,
                            bool *known, struct error *err)
{
    *out = (struct recording){0};
    *tags = (struct tags){0};
    *known = false;
    struct key key = key_recording(recording_id);
    struct redis_reply *hash = NULL;
    enum status status = hash_read(redis, &key, &hash, err);
    if (status != STATUS_OK) {
        return status;
    }
    (void)snprintf(out->id, sizeof out->id, "%s", recording_id);
    if (is_whole(hash)) {
        *known = redis_reply_field(hash, FIELD_INDEXED) != NULL;
        status = recording_parse(hash, out) && tags_parse(hash, tags)
                     ? STATUS_OK
                     : corrupt_recording(recording_id, err);
    }
    redis_reply_free(hash);
    return status;
}

enum status recording_read(struct redis *redis, const char *recording_id,
                           struct recording *out, struct error *err)
{
    *out = (struct recording){0};
    if (!id_valid(recording_id)) {
        return no_recording(err);
    }
    struct key key = key_recording(recording_id);
    struct redis_reply *hash = NULL;
    enum status status = hash_read(redis, &key, &hash, err);
    if (status != STATUS_OK) {
        return status;
    }
    if (!is_whole(hash)) {
        status = no_recording(err);
    } else if (!recording_parse(hash, out)) {
        status = corrupt_recording(recording_id, err);
    }
    (void)snprintf(out->id, sizeof out->id, "%s", recording_id);
    redis_reply_free(hash);
    return status;
}

static enum status string_read(struct redis *redis, const struct key *key,
                               struct redis_reply **reply, struct error *err)
{
    const struct redis_arg args[] = {redis_text("GET"), redis_text(key->text)};
    enum status status = redis_call(redis, reply, args, 2, err);
    if (status == STATUS_OK && redis_reply_type(*reply) == REDIS_NIL) {
        redis_reply_free(*reply);
        *reply = NULL;
        return no_recording(err);
    }
    return status;
}

enum status recording_by_number(struct redis *redis, uint32_t number,
                                struct recording *out, struct error *err)
{
    *out = (struct recording){0};
    struct key key = key_recording_number(number);
    struct redis_reply *reply = NULL;
    enum status status = string_read(redis, &key, &reply, err);
    if (status != STATUS_OK) {
        return status;
    }
    char id[ID_SIZE];
    status = redis_reply_copy(id, sizeof id, reply)
                 ? recording_read(redis, id, out, err)
                 : corrupt_recording(id, err);
    redis_reply_free(reply);
    return status;
}

enum status recording_print(struct redis *redis, uint32_t number,
                            struct fingerprint *out, struct error *err)
{
    *out = (struct fingerprint){0};
    struct key key = key_reference(number);
    struct redis_reply *reply = NULL;
    enum status status = string_read(redis, &key, &reply, err);
    if (status != STATUS_OK) {
        return status;
    }
    size_t length = 0;
    const char *bytes = redis_reply_bytes(reply, &length);
    status = fingerprint_unpack(out, bytes, length, err);
    redis_reply_free(reply);
    return status;
}

/* ---- releases ---- */

void release_clear(struct release *release)
{
    free(release->tracks);
    *release = (struct release){0};
}

static enum status corrupt_release(const char *id, struct error *err)
{
    (void)error_set(err, STATUS_CORRUPT, "release_record",
                    "the record of release %s is damaged: load its folder "
                    "again, or restore Redis from a backup",
                    id);
    return STATUS_CORRUPT;
}

/* All but the tracks. */
static bool release_parse(const struct redis_reply *hash, struct release *out)
{
    char version[8];
    uint32_t track_count = 0;
    bool ours =
        text_read(hash, FIELD_VERSION, version, sizeof version) &&
        strcmp(version, RECORD_VERSION) == 0 &&
        text_read(hash, FIELD_TITLE, out->title, sizeof out->title) &&
        text_read(hash, FIELD_ARTIST, out->artist, sizeof out->artist) &&
        text_read(hash, FIELD_BARCODE, out->barcode, sizeof out->barcode) &&
        text_read(hash, FIELD_DATE, out->date, sizeof out->date) &&
        text_read(hash, FIELD_COVER, out->cover_name, sizeof out->cover_name) &&
        u32_read(hash, FIELD_TRACK_COUNT, RELEASE_TRACKS_MAX, &track_count);
    out->loaded_ms =
        redis_reply_integer(redis_reply_field(hash, FIELD_LOADED), 0);
    out->track_count = track_count;
    return ours;
}

/* One line "DISC TRACK RECORDING-ID"; *at moves behind it. */
static bool track_parse(const char **at, struct release_track *out)
{
    char *end = NULL;
    unsigned long disc = strtoul(*at, &end, 10);
    if (end == *at || *end != ' ' || disc > UINT32_MAX) {
        return false;
    }
    const char *text = end + 1;
    unsigned long track = strtoul(text, &end, 10);
    if (end == text || *end != ' ' || track > UINT32_MAX) {
        return false;
    }
    text = end + 1;
    size_t length = strcspn(text, "\n");
    if (text[length] != '\n' || length >= sizeof out->recording_id) {
        return false;
    }
    *out = (struct release_track){(uint32_t)disc, (uint32_t)track, ""};
    memcpy(out->recording_id, text, length);
    *at = text + length + 1;
    return id_valid(out->recording_id);
}

static enum status tracks_read(const struct redis_reply *hash,
                               struct release *out, struct error *err)
{
    size_t length = 0;
    const char *at =
        redis_reply_bytes(redis_reply_field(hash, FIELD_TRACKS), &length);
    if (at == NULL) {
        return corrupt_release(out->id, err);
    }
    out->tracks = calloc(out->track_count + 1, sizeof *out->tracks);
    if (out->tracks == NULL) {
        (void)error_set(err, STATUS_NO_MEMORY, "no_memory",
                        "no memory for a release: give the service more");
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < out->track_count; i++) {
        if (!track_parse(&at, &out->tracks[i])) {
            return corrupt_release(out->id, err);
        }
    }
    return *at == '\0' ? STATUS_OK : corrupt_release(out->id, err);
}

enum status release_read(struct redis *redis, const char *release_id,
                         struct release *out, struct error *err)
{
    *out = (struct release){0};
    struct redis_reply *hash = NULL;
    if (id_valid(release_id)) {
        struct key key = key_release(release_id);
        enum status status = hash_read(redis, &key, &hash, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (redis_reply_count(hash) == 0) {
        redis_reply_free(hash);
        (void)error_set(err, STATUS_NOT_FOUND, "no_release",
                        "there is no such release: list the catalog to see "
                        "what there is");
        return STATUS_NOT_FOUND;
    }
    (void)snprintf(out->id, sizeof out->id, "%s", release_id);
    enum status status = release_parse(hash, out)
                             ? tracks_read(hash, out, err)
                             : corrupt_release(release_id, err);
    redis_reply_free(hash);
    if (status != STATUS_OK) {
        release_clear(out);
    }
    return status;
}

/* The ids at places cursor to cursor + limit, one more than wanted. */
static enum status ids_read(struct redis *redis, uint64_t cursor,
                            uint32_t limit, struct redis_reply **ids,
                            struct error *err)
{
    if (cursor > INT64_MAX - RELEASE_LIST_MAX) {
        cursor = INT64_MAX - RELEASE_LIST_MAX; /* past every end as well */
    }
    struct key key = key_releases();
    struct redis_number first;
    struct redis_number last;
    const struct redis_arg args[] = {
        redis_text("ZRANGE"), redis_text(key.text),
        redis_integer(&first, (int64_t)cursor),
        redis_integer(&last, (int64_t)cursor + limit)};
    return redis_call(redis, ids, args, 4, err);
}

static enum status send_summary(struct redis *redis, const char *release_id,
                                struct error *err)
{
    struct key key = key_release(release_id);
    const struct redis_arg args[] = {
        redis_text("HMGET"),          redis_text(key.text),
        redis_text(FIELD_TITLE),      redis_text(FIELD_ARTIST),
        redis_text(FIELD_BARCODE),    redis_text(FIELD_DATE),
        redis_text(FIELD_COVER),      redis_text(FIELD_LOADED),
        redis_text(FIELD_TRACK_COUNT)};
    return redis_send(redis, args, sizeof args / sizeof args[0], err);
}

static enum status receive_summary(struct redis *redis, struct release *out,
                                   struct error *err)
{
    struct redis_reply *reply = NULL;
    enum status status = redis_receive(redis, &reply, err);
    if (status != STATUS_OK) {
        return status;
    }
    const struct {
        char *text;
        size_t size;
    } texts[] = {{out->title, sizeof out->title},
                 {out->artist, sizeof out->artist},
                 {out->barcode, sizeof out->barcode},
                 {out->date, sizeof out->date},
                 {out->cover_name, sizeof out->cover_name}};
    enum { TEXTS = sizeof texts / sizeof texts[0] };
    bool ours = redis_reply_count(reply) == TEXTS + 2;
    for (size_t i = 0; ours && i < TEXTS; i++) {
        ours = redis_reply_copy(texts[i].text, texts[i].size,
                                redis_reply_at(reply, i));
    }
    if (ours) {
        out->loaded_ms = redis_reply_integer(redis_reply_at(reply, TEXTS), 0);
        out->track_count =
            (size_t)redis_reply_integer(redis_reply_at(reply, TEXTS + 1), 0);
    }
    redis_reply_free(reply);
    return ours ? STATUS_OK : corrupt_release(out->id, err);
}

static enum status summaries_read(struct redis *redis,
                                  const struct redis_reply *ids,
                                  struct release *out, size_t count,
                                  struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        bool whole = redis_reply_copy(out[i].id, sizeof out[i].id,
                                      redis_reply_at(ids, i));
        status = whole && id_valid(out[i].id)
                     ? send_summary(redis, out[i].id, err)
                     : corrupt_release(out[i].id, err);
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = receive_summary(redis, &out[i], err);
    }
    redis_cancel(redis);
    return status;
}

enum status release_list(struct redis *redis, uint64_t cursor, uint32_t limit,
                         struct release **out, size_t *count, uint64_t *next,
                         struct error *err)
{
    assert(limit >= 1 && limit <= RELEASE_LIST_MAX);
    *out = NULL;
    *count = 0;
    *next = 0;
    struct redis_reply *ids = NULL;
    enum status status = ids_read(redis, cursor, limit, &ids, err);
    if (status != STATUS_OK) {
        return status;
    }
    size_t found = redis_reply_count(ids);
    bool more = found > limit;
    found = more ? limit : found;
    struct release *list = calloc(found + 1, sizeof *list);
    if (list == NULL) {
        redis_reply_free(ids);
        (void)error_set(err, STATUS_NO_MEMORY, "no_memory",
                        "no memory for a list: ask for fewer releases");
        return STATUS_NO_MEMORY;
    }
    status = summaries_read(redis, ids, list, found, err);
    redis_reply_free(ids);
    if (status != STATUS_OK) {
        free(list);
        return status;
    }
    *out = list;
    *count = found;
    *next = more ? cursor + found : 0;
    return STATUS_OK;
}
