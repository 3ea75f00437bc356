/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/song.h"

#include "api/entry_build.h"
#include "api/judge.h"
#include "api/stash.h"
#include "catalog/library/accounts.h"
#include "catalog/library/fix.h"
#include "catalog/releases/arrivals.h"
#include "catalog/upkeep/pins.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    HASH_BLOCK_BYTES = 64 << 10,
    /* A track may be fixed, or its fix taken back, between the look at it and
     * the commit, which then looks again; by hand nobody does so thrice. */
    COMMIT_ROUNDS_MAX = 3,
};

/* One song on its way: starts zeroed with fd -1, ends in song_clear(). */
struct song {
    const struct service *service;
    struct redis *redis;
    const struct upload *upload;
    struct account account;
    uint8_t account_key[AES256_KEY_BYTES];
    int fd; /* of the spool file */
    char content_id[2 * SHA256_BYTES + 1];
    char track_id[ID_SIZE];
    char own_of[ID_SIZE]; /* the track that wants it as its audio, or "" */
    struct decoder *decoder;
    uint64_t arrivals; /* before the catalog was asked */
    struct judged judged;
    struct audio_facts facts;
    struct evidence evidence;
    struct entry entry;
    struct pins pins; /* of the manifest's objects */
    struct buffer manifest;
    struct buffer print;
};

static void song_clear(struct song *song)
{
    buffer_wipe(&song->manifest);
    buffer_clear(&song->print);
    judged_clear(&song->judged);
    decoder_close(song->decoder);
    if (song->fd >= 0) {
        close(song->fd);
    }
    crypto_wipe(song->account_key, sizeof song->account_key);
}

static enum status hash_file(int fd, uint8_t out[SHA256_BYTES],
                             struct error *err)
{
    struct crypto_hash *hash = crypto_hash_new();
    uint8_t block[HASH_BLOCK_BYTES];
    off_t offset = 0;
    ssize_t got = 0;
    do {
        got = pread(fd, block, sizeof block, offset);
        if (got > 0) {
            crypto_hash_add(hash, block, (size_t)got);
            offset += got;
        }
    } while (got > 0 || (got < 0 && errno == EINTR));
    int number = errno;
    crypto_hash_finish(hash, out);
    if (got < 0) {
        return error_set(err, STATUS_UNAVAILABLE, "spool_read",
                         "cannot read an upload from the spool folder (%s): "
                         "repair the disk",
                         strerror(number));
    }
    return STATUS_OK;
}

/* Whose song it is, and under which name its bytes go there. */
static enum status identify(struct song *song, struct error *err)
{
    uint8_t digest[SHA256_BYTES];
    const struct stash_item item = {song->service->spool_folder,
                                    song->upload->account_id, song->upload->id};
    enum status status = account_read(song->redis, song->upload->account_id,
                                      &song->account, err);
    if (status == STATUS_OK) {
        status = keyring_unwrap(song->service->keyring, song->account_key,
                                song->account.wrapped_key, err);
    }
    if (status == STATUS_OK) {
        status = stash_open(&item, &song->fd, err);
    }
    if (status == STATUS_OK) {
        status = hash_file(song->fd, digest, err);
    }
    if (status == STATUS_OK) {
        keyring_content_id(song->content_id, song->account_key, digest);
    }
    return status;
}

static enum status finish(struct song *song,
                          const struct upload_outcome *outcome,
                          struct upload *out, struct error *err)
{
    return upload_finish(song->redis, song->upload->account_id,
                         song->upload->id, outcome, out, err);
}

static enum status finish_ineligible(struct song *song, const char *reason,
                                     struct upload *out, struct error *err)
{
    const struct evidence *evidence =
        song->entry.id[0] == '\0' ? NULL : &song->evidence;
    const struct upload_outcome outcome = {
        .status = UPLOAD_INELIGIBLE, .reason = reason, .evidence = evidence};
    return finish(song, &outcome, out, err);
}

/* Of the same bytes it is known already what they were compared with. */
static enum status finish_duplicate(struct song *song,
                                    const struct entry *there,
                                    struct upload *out, struct error *err)
{
    const struct upload_outcome outcome = {.status = UPLOAD_DUPLICATE,
                                           .reason = "duplicate",
                                           .track_id = there->id,
                                           .evidence = &there->evidence};
    return finish(song, &outcome, out, err);
}

static enum status finish_matched(struct song *song, struct upload *out,
                                  struct error *err)
{
    const struct upload_outcome outcome = {.status = UPLOAD_MATCHED,
                                           .reason = song->entry.reason,
                                           .entry = &song->entry,
                                           .evidence = &song->evidence};
    return finish(song, &outcome, out, err);
}

static enum status commit_uploaded(struct song *song, struct upload *out,
                                   struct error *err)
{
    const struct upload_outcome outcome = {.status = UPLOAD_UPLOADED,
                                           .reason = song->entry.reason,
                                           .entry = &song->entry,
                                           .evidence = &song->evidence,
                                           .manifest = &song->manifest,
                                           .print = &song->print,
                                           .arrivals = song->arrivals,
                                           .kept_until_ms =
                                               pins_until_ms(&song->pins),
                                           .is_own = song->own_of[0] != '\0'};
    return finish(song, &outcome, out, err);
}

static enum status pack_print(struct song *song, struct error *err)
{
    if (song->decoder == NULL) {
        return STATUS_OK; /* in an earlier round */
    }
    enum status status =
        fingerprint_pack(&song->print, decoder_fingerprint(song->decoder), err);
    if (status == STATUS_OK) {
        /* Its place in the pool is free while the disk syncs. */
        decoder_close(song->decoder);
        song->decoder = NULL;
    }
    return status;
}

/* Stores the subscriber's own audio, then commits. The quota is asked before
 * the vault is filled, and once more, with certainty, by upload_finish(). */
static enum status finish_uploaded(struct song *song, struct upload *out,
                                   struct error *err)
{
    const struct account *account = &song->account;
    uint64_t size_bytes = song->upload->size_bytes;
    if (account->used_bytes > account->limit_bytes ||
        size_bytes > account->limit_bytes - account->used_bytes) {
        return finish_ineligible(song, "quota", out, err);
    }
    const struct vault_owner owner = {.account_key = song->account_key,
                                      .account_id = account->id,
                                      .track_id = song->entry.id,
                                      .region = account->region};
    enum status status = pack_print(song, err);
    if (status == STATUS_OK) {
        pins_init(&song->pins, song->redis, UPKEEP_REGION);
        const struct vault_guard guard = pins_guard(&song->pins);
        buffer_wipe(&song->manifest);
        status = vault_put(song->service->vault, &owner, song->fd, &guard,
                           &song->manifest, err);
    }
    return status == STATUS_OK ? commit_uploaded(song, out, err) : status;
}

/* What the song is, by its sound. */
static enum status judge(struct song *song, struct error *err)
{
    enum status status = arrivals_count(song->redis, &song->arrivals, err);
    if (status == STATUS_OK) {
        status = judge_song(&song->judged, song->service, song->redis,
                            song->decoder, err);
    }
    if (status == STATUS_OK) {
        song->facts = *decoder_facts(song->decoder);
        song->facts.cover = (struct buffer){0}; /* stays the decoder's */
        entry_build_evidence(&song->evidence, &song->judged);
    }
    return status;
}

static bool wants_song(struct song *song, const struct entry *entry)
{
    bool wants = entry_wants_audio(entry);
    if (wants) {
        memcpy(song->own_of, entry->id, ID_SIZE);
    }
    return wants;
}

/* Whether the library has these very bytes: then *there is the track, unless
 * that one wants them as its own audio. */
static enum status find_bytes(struct song *song, struct entry *there,
                              bool *found, struct error *err)
{
    char track_id[ID_SIZE];
    const char *account_id = song->upload->account_id;
    enum status status = upload_find_content(song->redis, account_id,
                                             song->content_id, track_id, err);
    *found = false;
    if (status != STATUS_OK || track_id[0] == '\0') {
        return status;
    }
    status = library_entry(song->redis, account_id, track_id, there, err);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK; /* removed just now */
    }
    *found = status == STATUS_OK && !wants_song(song, there);
    return status;
}

/* Whether the track that the subscriber named with the upload wants it. */
static enum status find_named(struct song *song, struct error *err)
{
    struct entry named;
    if (song->upload->for_track[0] == '\0') {
        return STATUS_OK;
    }
    enum status status = library_entry(song->redis, song->upload->account_id,
                                       song->upload->for_track, &named, err);
    if (status == STATUS_OK) {
        (void)wants_song(song, &named);
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* What the subscriber has said of the recording that it is, or comes near to:
 * *denied it is not the song; the track of which it was said may want this. */
static enum status find_denial(struct song *song, bool *denied,
                               struct error *err)
{
    enum denial denial = DENIAL_NONE;
    char track_id[ID_SIZE] = "";
    const struct evidence *evidence = &song->evidence;
    enum status status = STATUS_OK;
    if (evidence->kind != VERDICT_UNMATCHED) {
        status = denial_find(song->redis, song->upload->account_id,
                             evidence->recording_id, &denial, track_id, err);
    }
    if (denial == DENIAL_WANTED && song->own_of[0] == '\0') {
        memcpy(song->own_of, track_id, ID_SIZE);
    }
    *denied = denial != DENIAL_NONE;
    return status;
}

static void build_entry(struct song *song, bool denied)
{
    struct timespec now;
    bool is_own = song->own_of[0] != '\0';
    bool is_match =
        song->evidence.kind == VERDICT_MATCHED && !denied && !is_own;
    clock_gettime(CLOCK_REALTIME, &now);
    const struct entry_parts parts = {
        .upload = song->upload,
        .facts = &song->facts,
        .evidence = &song->evidence,
        .matched =
            is_match
                ? &song->judged.nearest.recordings[song->judged.verdict.best]
                : NULL,
        .content_id = song->content_id,
        .track_id = is_own ? song->own_of : song->track_id,
        .now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
    };
    entry_build(&song->entry, &parts);
    if (is_own || (denied && song->evidence.kind == VERDICT_MATCHED)) {
        (void)snprintf(song->entry.reason, sizeof song->entry.reason, "%s",
                       is_own ? "fixed" : "denied");
    }
}

/* Decides what becomes of it and commits that.
 * STATUS_CONFLICT: what was decided by has changed meanwhile. */
static enum status settle(struct song *song, struct upload *out,
                          struct error *err)
{
    struct entry there;
    bool found = false;
    bool denied = false;
    song->own_of[0] = '\0';
    enum status status = find_named(song, err);
    if (status == STATUS_OK && song->own_of[0] == '\0') {
        status = find_bytes(song, &there, &found, err);
    }
    if (status == STATUS_OK && found) {
        return finish_duplicate(song, &there, out, err);
    }
    if (status == STATUS_OK) {
        status = find_denial(song, &denied, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    build_entry(song, denied);
    return song->entry.status == ENTRY_MATCHED
               ? finish_matched(song, out, err)
               : finish_uploaded(song, out, err);
}

static enum status carry(struct song *song, struct upload *out,
                         struct error *err)
{
    struct entry there;
    bool found = false;
    struct error heard = {0};
    enum status status = identify(song, err);
    if (status == STATUS_OK) {
        status = find_named(song, err);
    }
    if (status == STATUS_OK && song->own_of[0] == '\0') {
        status = find_bytes(song, &there, &found, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (found) {
        return finish_duplicate(song, &there, out, err);
    }
    status =
        decoder_open(&song->decoder, song->service->decoders, song->fd, &heard);
    if (status == STATUS_OK) {
        status = judge(song, &heard);
    }
    /* Only the decoder calls a song invalid, and then it is the song's fault:
     * the same bytes would fail again. */
    if (status == STATUS_INVALID) {
        return finish_ineligible(song, heard.code, out, err);
    }
    if (status != STATUS_OK) {
        *err = heard;
        return status;
    }
    id_random(song->track_id, "trk");
    for (int round = 0; round < COMMIT_ROUNDS_MAX; round++) {
        status = settle(song, out, err);
        if (status != STATUS_CONFLICT) {
            return status;
        }
    }
    return error_set(err, STATUS_UNAVAILABLE, "busy",
                     "the library changes too fast to add a song: try again");
}

enum status song_carry(const struct service *service, struct redis *redis,
                       const struct upload *upload, struct upload *out,
                       struct error *err)
{
    /* On the heap: ten recordings and two entries are more than a thread's
     * stack should be asked for. */
    struct song *song = calloc(1, sizeof *song);
    if (song == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory to match an upload: try later");
    }
    song->service = service;
    song->redis = redis;
    song->upload = upload;
    song->fd = -1;
    enum status status = carry(song, out, err);
    if (status != STATUS_OK) {
        error_context(err, "upload %s", upload->id);
    }
    song_clear(song);
    free(song);
    return status;
}
