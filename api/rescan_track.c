/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/rescan_track.h"

#include "api/entry_build.h"
#include "api/judge.h"
#include "api/log.h"
#include "api/metrics.h"
#include "api/spool.h"
#include "catalog/library/accounts.h"
#include "catalog/library/unmatched.h"
#include "catalog/releases/arrivals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COPY_BLOCK_BYTES = 128 << 10 };

/* Starts zeroed with fd -1, ends in asking_clear(). */
struct asking {
    const struct service *service;
    struct redis *redis;
    const struct job *job;
    uint64_t arrivals; /* before the catalog is asked */
    struct entry entry;
    struct account account;
    uint8_t account_key[AES256_KEY_BYTES];
    struct fingerprint print;
    int fd; /* of the audio */
    struct decoder *decoder;
    struct judged judged;
    uint8_t block[COPY_BLOCK_BYTES];
};

static void asking_clear(struct asking *asking)
{
    judged_clear(&asking->judged);
    decoder_close(asking->decoder);
    if (asking->fd >= 0) {
        close(asking->fd);
    }
    fingerprint_clear(&asking->print);
    crypto_wipe(asking->account_key, sizeof asking->account_key);
    crypto_wipe(asking->block, sizeof asking->block);
}

/* ---- what there is ---- */

/* *asks: the track is there and one of those that are asked. */
static enum status look_up(struct asking *asking, bool *asks, struct error *err)
{
    const struct job *job = asking->job;
    *asks = false;
    enum status status = arrivals_count(asking->redis, &asking->arrivals, err);
    if (status == STATUS_OK) {
        status = unmatched_has(asking->redis, job->account_id, job->item_id,
                               asks, err);
    }
    if (status != STATUS_OK || !*asks) {
        return status;
    }
    status = library_entry(asking->redis, job->account_id, job->item_id,
                           &asking->entry, err);
    if (status == STATUS_OK) {
        status =
            account_read(asking->redis, job->account_id, &asking->account, err);
    }
    *asks = status == STATUS_OK && asking->entry.status == ENTRY_UPLOADED;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Whether what arrived since may be the track, by its fingerprint. */
static enum status ask_print(struct asking *asking, bool *worth,
                             struct error *err)
{
    struct buffer packed = {0};
    uint32_t newer_than = 0;
    const struct job *job = asking->job;
    *worth = false;
    enum status status = unmatched_print(asking->redis, job->account_id,
                                         job->item_id, &packed, err);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK; /* upgraded or removed just now */
    }
    if (status == STATUS_OK) {
        status = fingerprint_unpack(&asking->print, packed.bytes, packed.length,
                                    err);
    }
    if (status == STATUS_OK) {
        status =
            arrivals_newer_than(asking->redis, job->asked, &newer_than, err);
    }
    if (status == STATUS_OK) {
        status = judge_is_worth(worth, asking->service, asking->redis,
                                &asking->print, newer_than, err);
    }
    buffer_clear(&packed);
    return status;
}

/* ---- its audio ---- */

static enum status open_vault(struct asking *asking, struct vault_reader **out,
                              struct error *err)
{
    struct buffer manifest = {0};
    const struct vault_owner owner = {.account_key = asking->account_key,
                                      .account_id = asking->account.id,
                                      .track_id = asking->entry.id,
                                      .region = asking->account.region};
    enum status status = library_manifest(asking->redis, asking->account.id,
                                          asking->entry.id, &manifest, err);
    if (status == STATUS_OK) {
        status = keyring_unwrap(asking->service->keyring, asking->account_key,
                                asking->account.wrapped_key, err);
    }
    if (status == STATUS_OK) {
        status = vault_reader_open(out, asking->service->vault, &owner,
                                   manifest.bytes, manifest.length, err);
    }
    buffer_wipe(&manifest);
    return status;
}

static enum status copy_out(struct asking *asking, struct vault_reader *reader,
                            int fd, struct error *err)
{
    uint64_t size = vault_reader_size(reader);
    enum status status = STATUS_OK;
    size_t got = 0;
    for (uint64_t at = 0; at < size && status == STATUS_OK; at += got) {
        status = vault_read(reader, at, asking->block, sizeof asking->block,
                            &got, err);
        if (status == STATUS_OK) {
            status = spool_append(fd, asking->block, got, err);
        }
    }
    return status;
}

/* The decoder gets a descriptor that cannot write. */
static enum status reopen(int fd, int *out, struct error *err)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    *out = open(path, O_RDONLY | O_CLOEXEC);
    if (*out < 0) {
        return error_set(err, STATUS_UNAVAILABLE, "spool_read",
                         "cannot open a track's audio in the spool folder "
                         "(%s): mount /proc, repair the disk",
                         strerror(errno));
    }
    return STATUS_OK;
}

/* Into a file without a name: whatever happens, nothing of it stays. */
static enum status open_audio(struct asking *asking, struct error *err)
{
    char path[CONFIG_TEXT_SIZE];
    struct vault_reader *reader = NULL;
    int fd = -1;
    enum status status = open_vault(asking, &reader, err);
    if (status != STATUS_OK) {
        return status;
    }
    status = spool_create(asking->service->spool_folder,
                          vault_reader_size(reader), path, &fd, err);
    if (status == STATUS_OK) {
        (void)unlink(path);
        status = copy_out(asking, reader, fd, err);
    }
    if (status == STATUS_OK) {
        status = reopen(fd, &asking->fd, err);
    }
    if (fd >= 0) {
        close(fd);
    }
    vault_reader_close(reader);
    return status;
}

/* ---- what it is ---- */

/* The master's facts in the place of the track's; its names stay. */
static void become(struct entry *entry, const struct recording *recording)
{
    entry->status = ENTRY_MATCHED;
    memcpy(entry->recording_id, recording->id, sizeof entry->recording_id);
    entry->duration_ms = recording->duration_ms;
    entry->container = recording->container;
    entry->size_bytes = recording->size_bytes;
    if (recording->isrc[0] != '\0') {
        memcpy(entry->isrc, recording->isrc, sizeof entry->isrc);
    }
    if (recording->advisory != ADVISORY_UNKNOWN) {
        entry->advisory = recording->advisory;
    }
}

static void set_reason(struct entry *entry, const char *reason)
{
    (void)snprintf(entry->reason, sizeof entry->reason, "%s", reason);
}

static enum status upgrade(struct asking *asking, struct error *err)
{
    struct entry matched = asking->entry;
    const struct verdict *verdict = &asking->judged.verdict;
    become(&matched, &asking->judged.nearest.recordings[verdict->best]);
    set_reason(&matched, entry_build_reason(VERDICT_MATCHED));
    enum status status =
        unmatched_upgrade(asking->redis, asking->account.id, &matched, err);
    if (status == STATUS_OK) {
        metrics_add(asking->service->metrics, METRIC_RESCANS_UPGRADED, 1);
        log_event(asking->service->log, LOG_INFO, "track_upgraded",
                  "track_id=%s account_id=%s recording_id=%s", matched.id,
                  asking->account.id, matched.recording_id);
    }
    return status;
}

/* Stays the subscriber's own. Something near is better news than nothing. */
static enum status keep(struct asking *asking, const char *reason,
                        struct error *err)
{
    set_reason(&asking->entry, reason);
    return unmatched_heard(asking->redis, asking->account.id, &asking->entry,
                           asking->arrivals, err);
}

static enum status settle(struct asking *asking, struct error *err)
{
    struct evidence *evidence = &asking->entry.evidence;
    entry_build_evidence(evidence, &asking->judged);
    if (evidence->kind != VERDICT_MATCHED) {
        return keep(asking,
                    evidence->kind == VERDICT_UNMATCHED
                        ? ""
                        : entry_build_reason(evidence->kind),
                    err);
    }
    enum status status = upgrade(asking, err);
    if (status == STATUS_CONFLICT && strcmp(err->code, "denied") == 0) {
        status = keep(asking, "denied", err);
    }
    return status;
}

static enum status ask_sound(struct asking *asking, struct error *err)
{
    struct error heard = {0};
    enum status status = open_audio(asking, err);
    if (status != STATUS_OK) {
        return status;
    }
    status = decoder_open(&asking->decoder, asking->service->decoders,
                          asking->fd, &heard);
    if (status == STATUS_OK) {
        status = judge_song(&asking->judged, asking->service, asking->redis,
                            asking->decoder, &heard);
    }
    if (status == STATUS_INVALID) {
        return keep(asking, "", err); /* no longer decoded: so it stays */
    }
    if (status != STATUS_OK) {
        *err = heard;
        return status;
    }
    return settle(asking, err);
}

static enum status ask(struct asking *asking, struct error *err)
{
    bool asks = false;
    bool worth = false;
    enum status status = look_up(asking, &asks, err);
    if (status != STATUS_OK || !asks) {
        return status;
    }
    metrics_add(asking->service->metrics, METRIC_RESCANS_ASKED, 1);
    status = ask_print(asking, &worth, err);
    if (status == STATUS_OK) {
        status = worth ? ask_sound(asking, err) : keep(asking, "", err);
    }
    /* Fixed, removed or upgraded meanwhile: then that counts. */
    return status == STATUS_CONFLICT || status == STATUS_NOT_FOUND ? STATUS_OK
                                                                   : status;
}

enum status rescan_track(const struct service *service, struct redis *redis,
                         const struct job *job, struct error *err)
{
    /* On the heap: recordings, an entry and a block are more than a thread's
     * stack should be asked for. */
    struct asking *asking = calloc(1, sizeof *asking);
    if (asking == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory to ask a track again: try later");
    }
    asking->service = service;
    asking->redis = redis;
    asking->job = job;
    asking->fd = -1;
    enum status status = ask(asking, err);
    if (status != STATUS_OK) {
        error_context(err, "track %s", job->item_id);
    }
    asking_clear(asking);
    free(asking);
    return status;
}
