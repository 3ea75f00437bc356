/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/plan.h"

#include "catalog/releases/names.h"
#include "catalog/vault/crypto.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static enum status no_memory(struct error *err)
{
    (void)error_set(err, STATUS_NO_MEMORY, "no_memory",
                    "no memory for a release: load a smaller folder");
    return STATUS_NO_MEMORY;
}

static void copy(char out[TAG_SIZE], const char *text)
{
    (void)snprintf(out, TAG_SIZE, "%.*s", TAG_SIZE - 1, text);
}

static const char *first_of(const char *a, const char *b)
{
    return a[0] != '\0' ? a : b;
}

/* ---- what the files say together ---- */

typedef const char *(*tag_of)(const struct tags *tags);

static const char *album(const struct tags *tags)
{
    return tags->album;
}
static const char *album_artist(const struct tags *tags)
{
    return tags->album_artist;
}
static const char *barcode(const struct tags *tags)
{
    return tags->barcode;
}
static const char *date(const struct tags *tags)
{
    return tags->date;
}

/* The value that most files have; "" only when none has one. */
static const char *majority(const struct plan_file *files, size_t count,
                            tag_of get)
{
    const char *best = "";
    size_t best_votes = 0;
    for (size_t i = 0; i < count; i++) {
        const char *value = get(files[i].tags);
        size_t votes = 0;
        for (size_t j = 0; value[0] != '\0' && j < count; j++) {
            votes += strcmp(value, get(files[j].tags)) == 0;
        }
        if (votes > best_votes) {
            best = value;
            best_votes = votes;
        }
    }
    return best;
}

/* The artist of all files. */
static const char *common_artist(const struct plan_file *files, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (strcmp(files[i].artist, files[0].artist) != 0) {
            return "Various Artists";
        }
    }
    return files[0].artist;
}

/* ---- which release it is ---- */

static void hash_part(struct crypto_hash *hash, const char *text)
{
    /* with its NUL, so that parts cannot run into each other */
    crypto_hash_add(hash, text, strlen(text) + 1);
}

static void make_id(char out[ID_SIZE], const char *code, const char *by,
                    const char *title, const char *folder)
{
    enum { ID_BYTES = 16 };
    struct crypto_hash *hash = crypto_hash_new();
    if (code[0] != '\0') {
        hash_part(hash, "barcode");
        /* an EAN with a leading zero is the UPC without */
        hash_part(hash, code + strspn(code, "0"));
    } else {
        hash_part(hash, "folder");
        hash_part(hash, by);
        hash_part(hash, title);
        hash_part(hash, folder);
    }
    uint8_t digest[SHA256_BYTES];
    crypto_hash_finish(hash, digest);
    char hex[2 * ID_BYTES + 1];
    hex_encode(hex, digest, ID_BYTES);
    (void)snprintf(out, ID_SIZE, "rel_%s", hex);
}

/* ---- which place a file has ---- */

static bool is_taken(const struct plan_file *files, size_t count, uint32_t disc,
                     uint32_t track)
{
    for (size_t i = 0; i < count; i++) {
        if (files[i].disc == disc && files[i].track == track) {
            return true;
        }
    }
    return false;
}

static uint32_t last_track(const struct plan_file *files, size_t count,
                           uint32_t disc)
{
    uint32_t last = 0;
    for (size_t i = 0; i < count; i++) {
        if (files[i].disc == disc && files[i].track > last) {
            last = files[i].track;
        }
    }
    return last;
}

/* A number behind which there is room for more. */
static bool is_sane(uint32_t number)
{
    enum { NUMBER_MAX = 100000 };
    return number >= 1 && number <= NUMBER_MAX;
}

/* Files before it have theirs: what its tags say, else what its name says,
 * else behind the last of its disc. */
static void find_place(struct plan_file *files, size_t index,
                       const struct file_name *name, uint32_t folder_disc)
{
    struct plan_file *file = &files[index];
    uint32_t disc = is_sane(file->tags->disc) ? file->tags->disc
                    : is_sane(name->disc)     ? name->disc
                    : is_sane(folder_disc)    ? folder_disc
                                              : 1;
    uint32_t track = file->tags->track;
    if (!is_sane(track) || is_taken(files, index, disc, track)) {
        track = name->track;
    }
    if (!is_sane(track) || is_taken(files, index, disc, track)) {
        track = 0; /* below, when all that know their place have it */
    }
    file->disc = disc;
    file->track = track;
}

static int compare_tracks(const void *left, const void *right)
{
    const struct release_track *a = left;
    const struct release_track *b = right;
    if (a->disc != b->disc) {
        return a->disc < b->disc ? -1 : 1;
    }
    return (a->track > b->track) - (a->track < b->track);
}

static void sort_tracks(struct release *release)
{
    qsort(release->tracks, release->track_count, sizeof *release->tracks,
          compare_tracks);
}

static enum status place_tracks(struct release *out, struct plan_file *files,
                                size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (files[i].track == 0) {
            files[i].track = last_track(files, count, files[i].disc) + 1;
        }
    }
    out->tracks = calloc(count, sizeof *out->tracks);
    if (out->tracks == NULL) {
        return no_memory(err);
    }
    out->track_count = count;
    for (size_t i = 0; i < count; i++) {
        out->tracks[i].disc = files[i].disc;
        out->tracks[i].track = files[i].track;
        (void)snprintf(out->tracks[i].recording_id, ID_SIZE, "%s",
                       files[i].recording_id);
    }
    sort_tracks(out);
    return STATUS_OK;
}

enum status plan_release(struct release *out, struct plan_file *files,
                         size_t count, const char *folder_name,
                         struct error *err)
{
    assert(count > 0);
    *out = (struct release){0};
    struct folder_name folder;
    names_of_folder(&folder, folder_name);
    const char *by = majority(files, count, album_artist);
    const char *title = majority(files, count, album);
    char named_album[TAG_SIZE] = "";
    for (size_t i = 0; i < count; i++) {
        struct file_name name;
        names_of_file(&name, files[i].name);
        copy(files[i].title, first_of(files[i].tags->title, name.title));
        copy(files[i].artist,
             first_of(first_of(files[i].tags->artist, name.artist),
                      first_of(by, folder.artist)));
        find_place(files, i, &name, folder.disc);
        copy(named_album, first_of(named_album, name.album));
    }
    const char *code = majority(files, count, barcode);
    make_id(out->id, code, by, title, folder_name);
    (void)snprintf(out->barcode, sizeof out->barcode, "%s", code);
    (void)snprintf(out->date, sizeof out->date, "%s",
                   first_of(majority(files, count, date), folder.date));
    copy(out->title, first_of(title, first_of(named_album, folder.album)));
    copy(out->artist,
         first_of(first_of(by, folder.artist), common_artist(files, count)));
    return place_tracks(out, files, count, err);
}

/* ---- a release that is there already ---- */

static bool has_disc(const struct release *release, size_t count, uint32_t disc)
{
    for (size_t i = 0; i < count; i++) {
        if (release->tracks[i].disc == disc) {
            return true;
        }
    }
    return false;
}

enum status plan_merge(struct release *release, const struct release *before,
                       struct error *err)
{
    size_t own = release->track_count;
    struct release_track *all =
        realloc(release->tracks,
                (own + before->track_count + 1) * sizeof *release->tracks);
    if (all == NULL) {
        return no_memory(err);
    }
    release->tracks = all;
    for (size_t i = 0; i < before->track_count; i++) {
        if (!has_disc(release, own, before->tracks[i].disc)) {
            all[release->track_count++] = before->tracks[i];
        }
    }
    if (release->track_count > RELEASE_TRACKS_MAX) {
        return error_set(err, STATUS_LIMIT, "too_many_tracks",
                         "release %s would have %zu tracks, more than %d: give "
                         "its folders barcodes of their own",
                         release->id, release->track_count, RELEASE_TRACKS_MAX);
    }
    sort_tracks(release);
    release->loaded_ms = before->loaded_ms;
    if (release->cover_name[0] == '\0') {
        (void)snprintf(release->cover_name, sizeof release->cover_name, "%s",
                       before->cover_name);
    }
    if (release->date[0] == '\0') {
        (void)snprintf(release->date, sizeof release->date, "%s", before->date);
    }
    return STATUS_OK;
}

bool plan_is_same(const struct release *release, const struct release *before)
{
    bool same = release->track_count == before->track_count &&
                strcmp(release->title, before->title) == 0 &&
                strcmp(release->artist, before->artist) == 0 &&
                strcmp(release->barcode, before->barcode) == 0 &&
                strcmp(release->date, before->date) == 0 &&
                strcmp(release->cover_name, before->cover_name) == 0;
    for (size_t i = 0; same && i < release->track_count; i++) {
        same = compare_tracks(&release->tracks[i], &before->tracks[i]) == 0 &&
               strcmp(release->tracks[i].recording_id,
                      before->tracks[i].recording_id) == 0;
    }
    return same;
}
