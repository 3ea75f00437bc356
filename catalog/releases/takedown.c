/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/takedown.h"

#include "catalog/redis/keys.h"
#include "catalog/releases/fields.h"
#include "catalog/releases/index.h"
#include "catalog/releases/releases.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static enum status delete_key(struct redis *redis, struct key key,
                              struct error *err)
{
    const struct redis_arg args[] = {redis_text("DEL"), redis_text(key.text)};

    return redis_call(redis, NULL, args, 2, err);
}

static enum status clear_mark(struct redis *redis, const char *recording_id,
                              struct error *err)
{
    struct key key = key_recording(recording_id);
    const struct redis_arg args[] = {redis_text("HDEL"), redis_text(key.text),
                                     redis_text(FIELD_NUMBER),
                                     redis_text(FIELD_INDEXED)};

    return redis_call(redis, NULL, args, 4, err);
}

enum status recording_take_down(struct redis *redis, const char *recording_id,
                                struct error *err)
{
    struct recording recording;
    enum status status = recording_read(redis, recording_id, &recording, err);

    if (status != STATUS_OK || recording.number == 0) {
        return status;
    }
    status = delete_key(redis, key_reference(recording.number), err);
    if (status == STATUS_OK) {
        status = index_remove(redis, recording.number, err);
    }
    if (status == STATUS_OK) {
        status = delete_key(redis, key_recording_number(recording.number), err);
    }
    if (status == STATUS_OK) {
        status = clear_mark(redis, recording_id, err);
    }
    return status;
}

/* ---- releases ---- */

static int compare_tracks(const void *left, const void *right)
{
    const struct release_track *a = left;
    const struct release_track *b = right;

    return strcmp(a->recording_id, b->recording_id);
}

/* Sorts the tracks by their recordings, and leaves one of each. */
static void sort_recordings(struct release *release)
{
    size_t kept = 0;

    if (release->track_count == 0) {
        return;
    }
    qsort(release->tracks, release->track_count, sizeof *release->tracks,
          compare_tracks);
    for (size_t i = 1; i < release->track_count; i++) {
        if (compare_tracks(&release->tracks[kept], &release->tracks[i]) != 0) {
            release->tracks[++kept] = release->tracks[i];
        }
    }
    release->track_count = kept + 1;
}

/* Marks what of `release` (sorted) the other has too. */
static enum status mark_shared(bool *shared, struct redis *redis,
                               const struct release *release,
                               const char *other_id, struct error *err)
{
    struct release other = {0};
    struct error local = {0};
    enum status status = release_read(redis, other_id, &other, &local);

    if (status == STATUS_NOT_FOUND) { /* taken down meanwhile */
        return STATUS_OK;
    }
    if (status != STATUS_OK && err != NULL) {
        *err = local;
    }
    for (size_t i = 0; status == STATUS_OK && i < other.track_count; i++) {
        const struct release_track *found =
            bsearch(&other.tracks[i], release->tracks, release->track_count,
                    sizeof *release->tracks, compare_tracks);
        if (found != NULL) {
            shared[found - release->tracks] = true;
        }
    }
    release_clear(&other);
    return status;
}

static enum status find_shared(bool *shared, struct redis *redis,
                               const struct release *release, struct error *err)
{
    uint64_t cursor = 0;
    enum status status = STATUS_OK;

    do {
        struct release *page = NULL;
        size_t count = 0;
        status = release_list(redis, cursor, RELEASE_LIST_MAX, &page, &count,
                              &cursor, err);
        for (size_t i = 0; status == STATUS_OK && i < count; i++) {
            if (strcmp(page[i].id, release->id) != 0) {
                status = mark_shared(shared, redis, release, page[i].id, err);
            }
        }
        free(page);
    } while (status == STATUS_OK && cursor != 0);
    return status;
}

static enum status leave_list(struct redis *redis, const char *release_id,
                              struct error *err)
{
    struct key list = key_releases();
    const struct redis_arg args[] = {redis_text("ZREM"), redis_text(list.text),
                                     redis_text(release_id)};
    enum status status = redis_call(redis, NULL, args, 3, err);

    return status == STATUS_OK ? delete_key(redis, key_release(release_id), err)
                               : status;
}

/* One that is not there, or not whole, is none. */
static enum status take_down_track(struct redis *redis, const char *id,
                                   struct error *err)
{
    struct error local = {0};
    enum status status = recording_take_down(redis, id, &local);

    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    if (status != STATUS_OK && err != NULL) {
        *err = local;
    }
    return status;
}

enum status release_take_down(struct redis *redis, const char *release_id,
                              struct taken_down *out, struct error *err)
{
    struct release release = {0};
    bool *shared = NULL;

    *out = (struct taken_down){0};
    enum status status = release_read(redis, release_id, &release, err);
    if (status != STATUS_OK) {
        return status;
    }
    sort_recordings(&release);
    shared = calloc(release.track_count + 1, sizeof *shared);
    if (shared == NULL) {
        status = error_set(err, STATUS_NO_MEMORY, "no_memory",
                           "no memory left to take a release down");
        goto out;
    }
    status = find_shared(shared, redis, &release, err);
    for (size_t i = 0; status == STATUS_OK && i < release.track_count; i++) {
        if (shared[i]) {
            out->kept_count++;
            continue;
        }
        status = take_down_track(redis, release.tracks[i].recording_id, err);
        out->recording_count++;
    }
    if (status == STATUS_OK) {
        status = leave_list(redis, release_id, err);
    }
out:
    free(shared);
    release_clear(&release);
    return status;
}
