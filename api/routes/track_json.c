/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/track_json.h"

#include "api/routes/times.h"
#include "catalog/library/fix.h"
#include "matcher/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
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
        "s:n, s:o, s:o, s:o, s:s, s:I, s:o, s:I}",
        "id", entry->id, "status",
        entry->status == ENTRY_MATCHED ? "matched" : "uploaded", "reason",
        text_json(entry->reason), "title", text_json(entry->title), "artist",
        text_json(entry->artist), "album", text_json(entry->album),
        "album_artist", text_json(entry->album_artist), "disc",
        count_json(entry->disc), "track", count_json(entry->track), "date",
        text_json(entry->date), "duration_ms", count_json(entry->duration_ms),
        "isrc", text_json(entry->isrc), "advisory",
        advisory_json(entry->advisory), "replay_gain_db", "added_at",
        time_json(entry->added_ms), "fixed_at", time_json(entry->fixed_ms),
        "filename", text_json(entry->filename), "content_type",
        container_media_type(entry->container), "size_bytes",
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

json_t *attempt_json(enum attempt attempt)
{
    static const char *const words[] = {
        [ATTEMPT_FIRST] = "first", [ATTEMPT_NEIGHBOURS] = "neighbours"};
    return json_string(words[attempt]);
}

/* A measured figure, or null for 0: it was not measured. */
static json_t *figure_json(double figure)
{
    return figure == 0 ? json_null() : share_json(figure);
}

static json_t *sketch_json(const struct evidence *evidence)
{
    if (evidence->sketch_score == 0) {
        return json_null();
    }
    return json_pack("{s:o, s:o}", "score", figure_json(evidence->sketch_score),
                     "side_score", figure_json(evidence->side_score));
}

static json_t *recording_json(const struct evidence *evidence)
{
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:s, s:o, s:o, s:o, "
        "s:o, s:o, s:o}",
        "recording_id", evidence->recording_id, "title",
        text_json(evidence->title), "artist", text_json(evidence->artist),
        "release", text_json(evidence->release), "isrc",
        text_json(evidence->isrc), "bit_error_rate",
        share_json(evidence->bit_error_rate), "aligned_ms",
        (json_int_t)evidence->aligned_ms, "offset_ms",
        (json_int_t)evidence->offset_ms, "runner_up", runner_up_json(evidence),
        "edition", edition_words[evidence->kind], "cause",
        text_json(verdict_cause_word(evidence->cause)), "sketch",
        sketch_json(evidence), "residual_db",
        figure_json(evidence->residual_db), "drift_ppm",
        share_json(evidence->drift_ppm), "attempt",
        attempt_json(evidence->attempt), "differences",
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

/* What tells a file from the catalog's, to end "… another edition of it: " and
 * "… not surely enough to replace it: ". */
static const char *const cause_words[] = {
    [CAUSE_NONE] = "the two differ",
    [CAUSE_STRUCTURE] = "a part is missing, repeated, or of something else",
    [CAUSE_ENDS] = "it begins or ends at another place of the song",
    [CAUSE_FADE] = "one is faded in or out where the other plays on",
    [CAUSE_SKETCH] = "something else is heard in the middle, a word that was "
                     "muted or replaced, say",
    [CAUSE_SIDE] = "something else is heard at the sides, in what left and "
                   "right do not share",
    [CAUSE_ADVISORY] = "one is labelled explicit, the other clean",
    [CAUSE_BIT_ERRORS] = "the fingerprints are further apart than rips of one "
                         "recording are",
    [CAUSE_SHORT] = "too little of the two lies on each other",
    [CAUSE_DOUBT] = "it differs more than rips of one recording do, and less "
                    "than another edition does",
    [CAUSE_DYNAMICS] = "it is louder or quieter in places, as another "
                       "mastering of the same performance is",
    [CAUSE_SIBLINGS] = "the catalog has two recordings that fit as well as "
                       "each other",
    [CAUSE_UNAVAILABLE] = "the catalog's own copy could not be read to compare",
};

/* ", in 2 places, first at 72 s", or nothing. */
static void print_places(char *out, size_t size,
                         const struct evidence *evidence)
{
    size_t count = evidence->difference_count;
    out[0] = '\0';
    if (count > 0) {
        (void)snprintf(out, size, ", in %zu place%s, first at %" PRIu32 " s",
                       count, count == 1 ? "" : "s",
                       evidence->differences[0].start_ms / 1000);
    }
}

/* What the subscriber has said goes before what was heard; NULL: nothing. */
static json_t *fix_json(const struct entry *entry)
{
    const struct evidence *evidence = &entry->evidence;
    const char *title = evidence->title;
    if (entry_wants_audio(entry)) {
        return json_sprintf(
            "You said that \"%s\" of the catalog is not your song. It plays "
            "until you send your own file again, which is kept then.",
            title);
    }
    if (entry->fixed_ms != 0) {
        return json_string("You said that the catalog's is not your song. Your "
                           "own audio is kept, whatever the catalog gets.");
    }
    if (entry->status == ENTRY_UPLOADED && evidence->kind == VERDICT_MATCHED) {
        return json_sprintf("It sounds the same as \"%s\" of the catalog, of "
                            "which you said that it is not your song. Your own "
                            "audio is kept.",
                            title);
    }
    return NULL;
}

json_t *explanation_json(const struct entry *entry)
{
    json_t *said = fix_json(entry);
    if (said != NULL) {
        return said;
    }
    const struct evidence *evidence = &entry->evidence;
    const char *title = evidence->title;
    char places[64];
    print_places(places, sizeof places, evidence);
    switch (evidence->recording_id[0] == '\0' ? VERDICT_UNMATCHED
                                              : evidence->kind) {
    case VERDICT_MATCHED:
        return json_sprintf(
            "It sounds the same as \"%s\" of the catalog: %.2f %% of the "
            "fingerprint's bits differ over %u s.",
            title, 100 * evidence->bit_error_rate, evidence->aligned_ms / 1000);
    case VERDICT_OTHER_EDITION:
        return json_sprintf(
            "It is the song \"%s\" of the catalog, but another edition of it: "
            "%s%s. Your own audio is kept.",
            title, cause_words[evidence->cause], places);
    case VERDICT_HELD:
        return json_sprintf(
            "It is probably \"%s\" of the catalog, but not surely enough to "
            "replace it: %s%s. Your own audio is kept.",
            title, cause_words[evidence->cause], places);
    case VERDICT_UNMATCHED:
        break;
    }
    return json_string("Nothing in the catalog sounds like it. Your own audio "
                       "is kept.");
}
