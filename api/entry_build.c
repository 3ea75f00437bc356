/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/entry_build.h"

#include "matcher/utf8.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    EXTENSION_MAX = 6,   /* ".flac": what is longer is part of the title */
    TRACK_DIGITS_MAX = 3 /* "07", "107": more is a year or a title */
};
#define NAME_SEPARATOR " - "

const char *entry_build_reason(enum verdict_kind kind)
{
    switch (kind) {
    case VERDICT_MATCHED:
        return "matched";
    case VERDICT_OTHER_EDITION:
        return "other_edition";
    case VERDICT_HELD:
        return "held";
    case VERDICT_UNMATCHED:
        break;
    }
    return "no_candidate";
}

void entry_build_evidence(struct evidence *out, const struct judged *judged)
{
    const struct verdict *verdict = &judged->verdict;
    const struct recording *recordings = judged->nearest.recordings;
    *out = (struct evidence){
        .kind = verdict->kind,
        .bit_error_rate = verdict->bit_error_rate,
        .cause = verdict->cause,
        .sketch_score = verdict->sketch_score,
        .side_score = verdict->side_score,
        .residual_db = verdict->residual_db,
        .drift_ppm = verdict->drift_ppm,
        .attempt = judged->attempt,
        .aligned_ms = verdict->aligned_ms,
        .offset_ms = verdict->offset_ms,
        .candidate_count = (uint32_t)judged->nearest.candidate_count,
        .difference_count = verdict->difference_count,
    };
    assert(verdict->difference_count <= VERDICT_MAX_DIFFERENCES);
    memcpy(out->differences, verdict->differences, sizeof out->differences);
    if (verdict->best != VERDICT_NONE) {
        const struct recording *best = &recordings[verdict->best];
        memcpy(out->recording_id, best->id, sizeof out->recording_id);
        memcpy(out->title, best->title, sizeof out->title);
        memcpy(out->artist, best->artist, sizeof out->artist);
        memcpy(out->release, best->release_title, sizeof out->release);
        memcpy(out->isrc, best->isrc, sizeof out->isrc);
    }
    if (verdict->runner_up != VERDICT_NONE) {
        memcpy(out->runner_up_id, recordings[verdict->runner_up].id,
               sizeof out->runner_up_id);
        out->runner_up_bit_error_rate = verdict->runner_up_bit_error_rate;
    }
}

/* Copies a text into a field that is still empty. */
static void fill(char *field, size_t size, const char *text)
{
    if (field[0] == '\0') {
        utf8_copy(field, size, text, strlen(text));
    }
}

/* 1..TRACK_DIGITS_MAX digits and nothing else: a track number, else 0. */
static uint32_t track_number(const char *text)
{
    uint32_t number = 0;
    size_t length = strlen(text);
    if (length == 0 || length > TRACK_DIGITS_MAX ||
        strspn(text, "0123456789") != length) {
        return 0;
    }
    for (size_t i = 0; i < length; i++) {
        number = 10 * number + (uint32_t)(text[i] - '0');
    }
    return number;
}

/* Splits "first - rest" in place; NULL when there is no separator. */
static char *split(char *text)
{
    char *separator = strstr(text, NAME_SEPARATOR);
    if (separator == NULL || separator == text) {
        return NULL;
    }
    *separator = '\0';
    return separator + strlen(NAME_SEPARATOR);
}

void entry_build_name(struct tags *tags, const char *filename)
{
    char name[FILENAME_SIZE];
    utf8_copy(name, sizeof name, filename, strlen(filename));
    char *dot = strrchr(name, '.');
    if (dot != NULL && dot != name && strlen(dot) <= EXTENSION_MAX) {
        *dot = '\0';
    }
    char *title = name;
    char *rest = split(title);
    if (rest != NULL && track_number(title) != 0) {
        if (tags->track == 0) {
            tags->track = track_number(title);
        }
        title = rest;
        rest = split(title);
    }
    if (rest != NULL && rest[0] != '\0') {
        /* An artist only beside the title of the same name: a tag and half a
         * file name need not belong together. */
        if (tags->title[0] == '\0') {
            fill(tags->artist, sizeof tags->artist, title);
        }
        title = rest;
    }
    fill(tags->title, sizeof tags->title, title);
}

/* The subscriber's tags, made safe; then the catalog's; then the name. */
static void gather_tags(struct tags *tags, const struct entry_parts *parts)
{
    const struct tags *own = &parts->facts->tags;
    const struct recording *matched = parts->matched;
    *tags = (struct tags){.disc = own->disc, .track = own->track};
    fill(tags->title, sizeof tags->title, own->title);
    fill(tags->artist, sizeof tags->artist, own->artist);
    fill(tags->album, sizeof tags->album, own->album);
    fill(tags->album_artist, sizeof tags->album_artist, own->album_artist);
    fill(tags->date, sizeof tags->date, own->date);
    fill(tags->isrc, sizeof tags->isrc, own->isrc);
    if (matched != NULL) {
        fill(tags->title, sizeof tags->title, matched->title);
        fill(tags->artist, sizeof tags->artist, matched->artist);
        fill(tags->album, sizeof tags->album, matched->release_title);
    }
    entry_build_name(tags, parts->upload->filename);
    fill(tags->title, sizeof tags->title, "Untitled");
}

static void describe_sound(struct entry *out, const struct entry_parts *parts,
                           const struct tags *tags)
{
    const struct audio_facts *facts = parts->facts;
    const struct recording *matched = parts->matched;
    out->duration_ms = facts->duration_ms;
    out->container = facts->container;
    out->size_bytes = parts->upload->size_bytes;
    out->advisory = facts->tags.advisory;
    memcpy(out->isrc, tags->isrc, sizeof out->isrc);
    if (matched == NULL) {
        return;
    }
    out->duration_ms = matched->duration_ms;
    out->container = matched->container;
    out->size_bytes = matched->size_bytes;
    memcpy(out->recording_id, matched->id, sizeof out->recording_id);
    if (matched->advisory != ADVISORY_UNKNOWN) {
        out->advisory = matched->advisory;
    }
    if (matched->isrc[0] != '\0') {
        memcpy(out->isrc, matched->isrc, sizeof out->isrc);
    }
}

void entry_build(struct entry *out, const struct entry_parts *parts)
{
    struct tags tags;
    bool is_match = parts->matched != NULL;
    assert(!is_match || parts->evidence->kind == VERDICT_MATCHED);
    *out = (struct entry){
        .status = is_match ? ENTRY_MATCHED : ENTRY_UPLOADED,
        .added_ms = parts->now_ms,
        .evidence = *parts->evidence,
    };
    gather_tags(&tags, parts);
    memcpy(out->title, tags.title, sizeof out->title);
    memcpy(out->artist, tags.artist, sizeof out->artist);
    memcpy(out->album, tags.album, sizeof out->album);
    memcpy(out->album_artist, tags.album_artist, sizeof out->album_artist);
    memcpy(out->date, tags.date, sizeof out->date);
    out->disc = tags.disc;
    out->track = tags.track;
    describe_sound(out, parts, &tags);
    snprintf(out->id, sizeof out->id, "%s", parts->track_id);
    snprintf(out->reason, sizeof out->reason, "%s",
             entry_build_reason(parts->evidence->kind));
    snprintf(out->filename, sizeof out->filename, "%s",
             parts->upload->filename);
    snprintf(out->content_id, sizeof out->content_id, "%s", parts->content_id);
}
