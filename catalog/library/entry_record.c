/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/entry_record.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(words) (sizeof(words) / sizeof *(words))

static const char *const ENTRY_STATUSES[] = {
    [ENTRY_MATCHED] = "matched",
    [ENTRY_UPLOADED] = "uploaded",
};
static const char *const UPLOAD_STATUSES[] = {
    [UPLOAD_WAITING] = "waiting",       [UPLOAD_MATCHED] = "matched",
    [UPLOAD_UPLOADED] = "uploaded",     [UPLOAD_DUPLICATE] = "duplicate",
    [UPLOAD_INELIGIBLE] = "ineligible", [UPLOAD_ERROR] = "error",
};
static const char *const VERDICTS[] = {
    [VERDICT_UNMATCHED] = "unmatched",
    [VERDICT_OTHER_EDITION] = "other_edition",
    [VERDICT_HELD] = "held",
    [VERDICT_MATCHED] = "matched",
};
static const char *const ADVISORIES[] = {
    [ADVISORY_UNKNOWN] = "",
    [ADVISORY_EXPLICIT] = "explicit",
    [ADVISORY_CLEAN] = "clean",
};
static const char *const CONTAINERS[] = {
    [CONTAINER_UNKNOWN] = "",  [CONTAINER_MP3] = "mp3",
    [CONTAINER_ADTS] = "adts", [CONTAINER_MP4] = "mp4",
    [CONTAINER_FLAC] = "flac", [CONTAINER_OGG] = "ogg",
    [CONTAINER_WAV] = "wav",   [CONTAINER_AIFF] = "aiff",
};

static const char *const ATTEMPTS[] = {
    [ATTEMPT_FIRST] = "",
    [ATTEMPT_NEIGHBOURS] = "neighbours",
};

static const double MILLIONTHS = 1e6;

/* What is no number, or beyond any score that means something, is left out
 * and reads as 0. */
static void add_millionths(struct record *record, const char *name,
                           double value)
{
    const double most = 1e9;
    if (isfinite(value) && fabs(value) < most) {
        record_add_integer(record, name, llround(value * MILLIONTHS));
    }
}

static double millionths(const struct record *record, const char *name)
{
    return (double)record_integer(record, name) / MILLIONTHS;
}

static int32_t read_i32(const struct record *record, const char *name)
{
    int64_t value = record_integer(record, name);
    return value < INT32_MIN || value > INT32_MAX ? 0 : (int32_t)value;
}

/* The matcher has the words. */
static enum verdict_cause read_cause(const struct record *record)
{
    const char *word = record_text(record, "ev_cause");
    int cause = CAUSE_UNAVAILABLE;
    while (cause > CAUSE_NONE &&
           strcmp(verdict_cause_word((enum verdict_cause)cause), word) != 0) {
        cause--;
    }
    return (enum verdict_cause)cause;
}

static void write_differences(struct evidence_text *text,
                              const struct evidence *evidence)
{
    assert(evidence->difference_count <= VERDICT_MAX_DIFFERENCES);
    size_t at = 0;
    text->differences[0] = '\0';
    for (size_t i = 0; i < evidence->difference_count; i++) {
        const struct stretch *stretch = &evidence->differences[i];
        at += (size_t)snprintf(
            text->differences + at, sizeof text->differences - at, "%s%u-%u",
            i == 0 ? "" : ",", stretch->start_ms, stretch->end_ms);
    }
}

/* Reads as many well-formed stretches as there are. */
static void read_differences(struct evidence *out, const char *text)
{
    out->difference_count = 0;
    while (*text != '\0' && out->difference_count < VERDICT_MAX_DIFFERENCES) {
        char *end = NULL;
        unsigned long start_ms = strtoul(text, &end, 10);
        if (end == text || *end != '-' || start_ms > UINT32_MAX) {
            return;
        }
        text = end + 1;
        unsigned long end_ms = strtoul(text, &end, 10);
        if (end == text || end_ms > UINT32_MAX) {
            return;
        }
        out->differences[out->difference_count++] =
            (struct stretch){(uint32_t)start_ms, (uint32_t)end_ms};
        text = *end == ',' ? end + 1 : end;
    }
}

void evidence_record_write(struct record *record,
                           const struct evidence *evidence,
                           struct evidence_text *text)
{
    write_differences(text, evidence);
    record_add_text(
        record, "ev_kind",
        record_word(VERDICTS, COUNT(VERDICTS), (int)evidence->kind));
    record_add_text(record, "ev_recording_id", evidence->recording_id);
    record_add_text(record, "ev_title", evidence->title);
    record_add_text(record, "ev_artist", evidence->artist);
    record_add_text(record, "ev_release", evidence->release);
    record_add_text(record, "ev_isrc", evidence->isrc);
    add_millionths(record, "ev_bit_error_millionths", evidence->bit_error_rate);
    record_add_text(record, "ev_cause", verdict_cause_word(evidence->cause));
    add_millionths(record, "ev_sketch_millionths", evidence->sketch_score);
    add_millionths(record, "ev_side_millionths", evidence->side_score);
    add_millionths(record, "ev_residual_db_millionths", evidence->residual_db);
    add_millionths(record, "ev_drift_ppm_millionths", evidence->drift_ppm);
    record_add_text(
        record, "ev_attempt",
        record_word(ATTEMPTS, COUNT(ATTEMPTS), (int)evidence->attempt));
    record_add_integer(record, "ev_aligned_ms", evidence->aligned_ms);
    record_add_integer(record, "ev_offset_ms", evidence->offset_ms);
    record_add_integer(record, "ev_candidates", evidence->candidate_count);
    record_add_text(record, "ev_runner_up_id", evidence->runner_up_id);
    add_millionths(record, "ev_runner_up_bit_error_millionths",
                   evidence->runner_up_bit_error_rate);
    record_add_text(record, "ev_differences", text->differences);
}

void evidence_record_read(struct evidence *out, const struct record *record)
{
    *out = (struct evidence){0};
    out->kind = (enum verdict_kind)record_value(
        record, "ev_kind", VERDICTS, COUNT(VERDICTS), VERDICT_UNMATCHED);
    record_copy(out->recording_id, sizeof out->recording_id, record,
                "ev_recording_id");
    record_copy(out->title, sizeof out->title, record, "ev_title");
    record_copy(out->artist, sizeof out->artist, record, "ev_artist");
    record_copy(out->release, sizeof out->release, record, "ev_release");
    record_copy(out->isrc, sizeof out->isrc, record, "ev_isrc");
    out->bit_error_rate = millionths(record, "ev_bit_error_millionths");
    out->cause = read_cause(record);
    out->sketch_score = millionths(record, "ev_sketch_millionths");
    out->side_score = millionths(record, "ev_side_millionths");
    out->residual_db = millionths(record, "ev_residual_db_millionths");
    out->drift_ppm = millionths(record, "ev_drift_ppm_millionths");
    out->attempt = (enum attempt)record_value(record, "ev_attempt", ATTEMPTS,
                                              COUNT(ATTEMPTS), ATTEMPT_FIRST);
    out->aligned_ms = record_u32(record, "ev_aligned_ms");
    out->offset_ms = read_i32(record, "ev_offset_ms");
    out->candidate_count = record_u32(record, "ev_candidates");
    record_copy(out->runner_up_id, sizeof out->runner_up_id, record,
                "ev_runner_up_id");
    out->runner_up_bit_error_rate =
        millionths(record, "ev_runner_up_bit_error_millionths");
    read_differences(out, record_text(record, "ev_differences"));
}

static void write_status(struct record *record, const struct entry *entry)
{
    record_add_text(
        record, "status",
        record_word(ENTRY_STATUSES, COUNT(ENTRY_STATUSES), (int)entry->status));
    record_add_text(record, "reason", entry->reason);
}

/* Of what is streamed; all of it is in scripts/sound.lua. */
static void write_sound(struct record *record, const struct entry *entry)
{
    record_add_text(record, "isrc", entry->isrc);
    record_add_text(
        record, "advisory",
        record_word(ADVISORIES, COUNT(ADVISORIES), (int)entry->advisory));
    record_add_integer(record, "duration_ms", entry->duration_ms);
    record_add_text(
        record, "container",
        record_word(CONTAINERS, COUNT(CONTAINERS), (int)entry->container));
    record_add_size(record, "size_bytes", entry->size_bytes);
    record_add_text(record, "recording_id", entry->recording_id);
}

void entry_record_write(struct record *record, const struct entry *entry,
                        struct evidence_text *text)
{
    record_add_integer(record, "v", RECORD_VERSION);
    write_status(record, entry);
    record_add_text(record, "title", entry->title);
    record_add_text(record, "artist", entry->artist);
    record_add_text(record, "album", entry->album);
    record_add_text(record, "album_artist", entry->album_artist);
    record_add_integer(record, "disc", entry->disc);
    record_add_integer(record, "track", entry->track);
    record_add_text(record, "date", entry->date);
    write_sound(record, entry);
    record_add_integer(record, "added_ms", entry->added_ms);
    record_add_text(record, "filename", entry->filename);
    record_add_text(record, "content_id", entry->content_id);
    record_add_integer(record, "fixed_ms", entry->fixed_ms);
    evidence_record_write(record, &entry->evidence, text);
}

void sound_record_write(struct record *record, const struct entry *entry,
                        struct evidence_text *text)
{
    write_status(record, entry);
    write_sound(record, entry);
    evidence_record_write(record, &entry->evidence, text);
}

static void read_tags(struct entry *out, const struct record *record)
{
    record_copy(out->title, sizeof out->title, record, "title");
    record_copy(out->artist, sizeof out->artist, record, "artist");
    record_copy(out->album, sizeof out->album, record, "album");
    record_copy(out->album_artist, sizeof out->album_artist, record,
                "album_artist");
    out->disc = record_u32(record, "disc");
    out->track = record_u32(record, "track");
    record_copy(out->date, sizeof out->date, record, "date");
    record_copy(out->isrc, sizeof out->isrc, record, "isrc");
    out->advisory = (enum advisory)record_value(
        record, "advisory", ADVISORIES, COUNT(ADVISORIES), ADVISORY_UNKNOWN);
}

void entry_record_read(struct entry *out, const char *track_id,
                       const struct record *record)
{
    *out = (struct entry){0};
    (void)snprintf(out->id, sizeof out->id, "%s", track_id);
    out->status = (enum entry_status)record_value(
        record, "status", ENTRY_STATUSES, COUNT(ENTRY_STATUSES), ENTRY_MATCHED);
    record_copy(out->reason, sizeof out->reason, record, "reason");
    read_tags(out, record);
    out->duration_ms = record_u32(record, "duration_ms");
    out->added_ms = record_integer(record, "added_ms");
    out->fixed_ms = record_integer(record, "fixed_ms");
    record_copy(out->filename, sizeof out->filename, record, "filename");
    out->container = (enum container)record_value(
        record, "container", CONTAINERS, COUNT(CONTAINERS), CONTAINER_UNKNOWN);
    out->size_bytes = record_size(record, "size_bytes");
    record_copy(out->recording_id, sizeof out->recording_id, record,
                "recording_id");
    record_copy(out->content_id, sizeof out->content_id, record, "content_id");
    out->version = record_size(record, "version");
    evidence_record_read(&out->evidence, record);
}

const char *upload_status_word(enum upload_status status)
{
    return record_word(UPLOAD_STATUSES, COUNT(UPLOAD_STATUSES), (int)status);
}

void upload_record_write(struct record *record, const struct upload *upload)
{
    record_add_integer(record, "v", RECORD_VERSION);
    record_add_text(record, "status", upload_status_word(UPLOAD_WAITING));
    record_add_text(record, "filename", upload->filename);
    record_add_size(record, "size_bytes", upload->size_bytes);
    record_add_integer(record, "created_ms", upload->created_ms);
    record_add_text(record, "for_track", upload->for_track);
}

void upload_record_read(struct upload *out, const char *account_id,
                        const char *upload_id, const struct record *record)
{
    *out = (struct upload){0};
    (void)snprintf(out->id, sizeof out->id, "%s", upload_id);
    (void)snprintf(out->account_id, sizeof out->account_id, "%s", account_id);
    out->status =
        (enum upload_status)record_value(record, "status", UPLOAD_STATUSES,
                                         COUNT(UPLOAD_STATUSES), UPLOAD_ERROR);
    record_copy(out->reason, sizeof out->reason, record, "reason");
    record_copy(out->track_id, sizeof out->track_id, record, "track_id");
    record_copy(out->filename, sizeof out->filename, record, "filename");
    out->size_bytes = record_size(record, "size_bytes");
    out->created_ms = record_integer(record, "created_ms");
    record_copy(out->for_track, sizeof out->for_track, record, "for_track");
    evidence_record_read(&out->evidence, record);
}
