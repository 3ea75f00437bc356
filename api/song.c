/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/song.h"

#include "api/entry_build.h"
#include "api/nearest.h"
#include "api/stash.h"
#include "catalog/library/accounts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HASH_BLOCK_BYTES = 64 << 10 };

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
    struct decoder *decoder;
    struct nearest nearest;
    struct verdict verdict;
    struct evidence evidence;
    struct entry entry;
    struct buffer manifest;
    struct buffer print;
};

static void song_clear(struct song *song)
{
    buffer_wipe(&song->manifest);
    buffer_clear(&song->print);
    nearest_clear(&song->nearest);
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

static enum status finish_duplicate(struct song *song, const char *track_id,
                                    struct upload *out, struct error *err)
{
    const struct upload_outcome outcome = {.status = UPLOAD_DUPLICATE,
                                           .reason = "duplicate",
                                           .track_id = track_id};
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
                                      .track_id = song->track_id,
                                      .region = account->region};
    enum status status =
        fingerprint_pack(&song->print, decoder_fingerprint(song->decoder), err);
    if (status != STATUS_OK) {
        return status;
    }
    /* Its place in the pool is free while the disk syncs. */
    decoder_close(song->decoder);
    song->decoder = NULL;
    status =
        vault_put(song->service->vault, &owner, song->fd, &song->manifest, err);
    if (status != STATUS_OK) {
        return status;
    }
    const struct upload_outcome outcome = {.status = UPLOAD_UPLOADED,
                                           .reason = song->entry.reason,
                                           .entry = &song->entry,
                                           .evidence = &song->evidence,
                                           .manifest = &song->manifest,
                                           .print = &song->print};
    return finish(song, &outcome, out, err);
}

/* What the song is, by its sound; fills evidence and entry. */
static enum status judge(struct song *song, struct error *err)
{
    struct timespec now;
    enum status status = nearest_find(&song->nearest, song->redis,
                                      decoder_fingerprint(song->decoder), err);
    if (status == STATUS_OK) {
        status =
            decoder_match(&song->verdict, song->decoder,
                          song->nearest.references, song->nearest.count, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    id_random(song->track_id, "trk");
    entry_build_evidence(&song->evidence, &song->verdict,
                         song->nearest.recordings,
                         song->nearest.candidate_count);
    const struct entry_parts parts = {
        .upload = song->upload,
        .facts = decoder_facts(song->decoder),
        .evidence = &song->evidence,
        .matched = song->verdict.kind == VERDICT_MATCHED
                       ? &song->nearest.recordings[song->verdict.best]
                       : NULL,
        .content_id = song->content_id,
        .track_id = song->track_id,
        .now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
    };
    entry_build(&song->entry, &parts);
    return STATUS_OK;
}

static enum status carry(struct song *song, struct upload *out,
                         struct error *err)
{
    char there[ID_SIZE];
    struct error heard = {0};
    enum status status = identify(song, err);
    if (status == STATUS_OK) {
        status = upload_find_content(song->redis, song->upload->account_id,
                                     song->content_id, there, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (there[0] != '\0') {
        return finish_duplicate(song, there, out, err);
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
    return song->verdict.kind == VERDICT_MATCHED
               ? finish_matched(song, out, err)
               : finish_uploaded(song, out, err);
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
