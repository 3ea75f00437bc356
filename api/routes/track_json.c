/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/track_json.h"

#include "api/routes/times.h"
#include "matcher/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Media types: RFC 3003 (mpeg), RFC 9559 leaves FLAC to RFC 9639, RFC 5334
 * (ogg), RFC 4337 (mp4); audio/aac, audio/wav and audio/aiff are what browsers
 * and players know. */
static const struct container_words {
    const char *media_type;
    const char *extension;
} containers[] = {
    [CONTAINER_UNKNOWN] = {"application/octet-stream", ""},
    [CONTAINER_MP3] = {"audio/mpeg", ".mp3"},
    [CONTAINER_ADTS] = {"audio/aac", ".aac"},
    [CONTAINER_MP4] = {"audio/mp4", ".m4a"},
    [CONTAINER_FLAC] = {"audio/flac", ".flac"},
    [CONTAINER_OGG] = {"audio/ogg", ".ogg"},
    [CONTAINER_WAV] = {"audio/wav", ".wav"},
    [CONTAINER_AIFF] = {"audio/aiff", ".aiff"},
};
enum { CONTAINER_COUNT = sizeof containers / sizeof containers[0] };

static const char *const upload_words[] = {
    [UPLOAD_WAITING] = "waiting",       [UPLOAD_MATCHED] = "matched",
    [UPLOAD_UPLOADED] = "uploaded",     [UPLOAD_DUPLICATE] = "duplicate",
    [UPLOAD_INELIGIBLE] = "ineligible", [UPLOAD_ERROR] = "error",
};

static const char *const edition_words[] = {
    [VERDICT_UNMATCHED] = "unknown",
    [VERDICT_OTHER_EDITION] = "other",
    [VERDICT_HELD] = "unsure",
    [VERDICT_MATCHED] = "same",
};

const char *container_media_type(enum container container)
{
    assert((unsigned)container < CONTAINER_COUNT);
    return containers[container].media_type;
}

const char *container_extension(enum container container)
{
    assert((unsigned)container < CONTAINER_COUNT);
    return containers[container].extension;
}

json_t *text_json(const char *text)
{
    if (text[0] == '\0') {
        return json_null();
    }
    json_t *value = json_string(text);
    if (value == NULL) {
        /* No UTF-8: a record that another program wrote. */
        char clean[TAG_SIZE];
        utf8_copy(clean, sizeof clean, text, strlen(text));
        value = json_string(clean);
    }
    return value;
}

json_t *count_json(uint64_t count)
{
    return count == 0 ? json_null() : json_integer((json_int_t)count);
}

json_t *time_json(int64_t at_ms)
{
    char text[TIME_TEXT_SIZE];
    time_print(text, at_ms);
    return at_ms == 0 ? json_null() : json_string(text);
}

json_t *advisory_json(enum advisory advisory)
{
    return advisory == ADVISORY_EXPLICIT ? json_string("explicit")
           : advisory == ADVISORY_CLEAN  ? json_string("clean")
                                         : json_null();
}

json_t *cursor_json(uint64_t next)
{
    return next == 0 ? json_null() : json_sprintf("%" PRIu64, next);
}

void list_json_add(json_t **list, json_t *item)
{
    if (*list == NULL) {
        json_decref(item);
    } else if (json_array_append_new(*list, item) != 0) {
        json_decref(*list);
        *list = NULL;
    }
}

/* A share of bits to six digits: a two-hour print has 1.9 million bits, so
 * more would be noise. */
static json_t *share_json(double share)
{
    return json_real(round(share * 1e6) / 1e6);
}

json_t *track_json(const struct entry *entry)
{
    /* Loudness is not measured: replay_gain_db is null until it is. */
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:n, s:o, s:o, s:s, s:I, s:o, s:I}",
        "id", entry->id, "status",
        entry->status == ENTRY_MATCHED ? "matched" : "uploaded", "reason",
        text_json(entry->reason), "title", text_json(entry->title), "artist",
        text_json(entry->artist), "album", text_json(entry->album),
        "album_artist", text_json(entry->album_artist), "disc",
        count_json(entry->disc), "track", count_json(entry->track), "date",
        text_json(entry->date), "duration_ms", count_json(entry->duration_ms),
        "isrc", text_json(entry->isrc), "advisory",
        advisory_json(entry->advisory), "replay_gain_db", "added_at",
        time_json(entry->added_ms), "filename", text_json(entry->filename),
        "content_type", container_media_type(entry->container), "size_bytes",
        (json_int_t)entry->size_bytes, "recording_id",
        text_json(entry->recording_id), "version", (json_int_t)entry->version);
}

static json_t *differences_json(const struct evidence *evidence)
{
    json_t *list = json_array();
    for (size_t i = 0; i < evidence->difference_count; i++) {
        const struct stretch *stretch = &evidence->differences[i];
        list_json_add(&list, json_pack("{s:I, s:I}", "start_ms",
                                       (json_int_t)stretch->start_ms, "end_ms",
                                       (json_int_t)stretch->end_ms));
    }
    return list;
}

static json_t *runner_up_json(const struct evidence *evidence)
{
    if (evidence->runner_up_id[0] == '\0') {
        return json_null();
    }
    return json_pack("{s:s, s:o}", "recording_id", evidence->runner_up_id,
                     "bit_error_rate",
                     share_json(evidence->runner_up_bit_error_rate));
}

static json_t *recording_json(const struct evidence *evidence)
{
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:s, s:o, s:o}",
        "recording_id", evidence->recording_id, "title",
        text_json(evidence->title), "artist", text_json(evidence->artist),
        "release", text_json(evidence->release), "isrc",
        text_json(evidence->isrc), "bit_error_rate",
        share_json(evidence->bit_error_rate), "aligned_ms",
        (json_int_t)evidence->aligned_ms, "offset_ms",
        (json_int_t)evidence->offset_ms, "runner_up", runner_up_json(evidence),
        "edition", edition_words[evidence->kind], "edition_score",
        share_json(evidence->edition_score), "differences",
        differences_json(evidence));
}

json_t *match_json(const struct evidence *evidence)
{
    return evidence->recording_id[0] == '\0' ||
                   evidence->kind == VERDICT_UNMATCHED
               ? json_null()
               : recording_json(evidence);
}

json_t *nearest_json(const struct evidence *evidence)
{
    return evidence->recording_id[0] == '\0' ||
                   evidence->kind != VERDICT_UNMATCHED
               ? json_null()
               : recording_json(evidence);
}

json_t *upload_json(const struct upload *upload)
{
    return json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:o}", "id", upload->id, "status",
        upload_words[upload->status], "track_id", text_json(upload->track_id),
        "reason", text_json(upload->reason), "match",
        match_json(&upload->evidence), "filename", text_json(upload->filename),
        "size_bytes", (json_int_t)upload->size_bytes, "created_at",
        time_json(upload->created_ms));
}

json_t *explanation_json(const struct entry *entry)
{
    const struct evidence *evidence = &entry->evidence;
    const char *title = evidence->title;
    switch (evidence->recording_id[0] == '\0' ? VERDICT_UNMATCHED
                                              : evidence->kind) {
    case VERDICT_MATCHED:
        return json_sprintf(
            "It sounds the same as \"%s\" of the catalog: %.2f %% of the "
            "fingerprint's bits differ over %u s.",
            title, 100 * evidence->bit_error_rate, evidence->aligned_ms / 1000);
    case VERDICT_OTHER_EDITION:
        if (evidence->difference_count == 0) { /* it is longer or shorter */
            return json_sprintf(
                "It is the song \"%s\" of the catalog, but "
                "another edition of it. Your own audio is kept.",
                title);
        }
        return json_sprintf(
            "It is the song \"%s\" of the catalog, but another edition of it: "
            "it differs in %zu place%s, first at %u s. Your own audio is kept.",
            title, evidence->difference_count,
            evidence->difference_count == 1 ? "" : "s",
            evidence->differences[0].start_ms / 1000);
    case VERDICT_HELD:
        return json_sprintf(
            "It is probably \"%s\" of the catalog, but not surely enough to "
            "replace it (%.2f %% of the bits differ). Your own audio is kept.",
            title, 100 * evidence->bit_error_rate);
    case VERDICT_UNMATCHED:
        break;
    }
    return json_string("Nothing in the catalog sounds like it. Your own audio "
                       "is kept.");
}
