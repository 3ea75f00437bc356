/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/upkeep/walk.h"

#include "catalog/library/holdings.h"

#include <stdlib.h>
#include <string.h>

/* One account on the way. */
struct stop {
    struct redis *redis;
    const struct walk_visitor *visitor;
    const char *account_id;
    bool is_readable;
    struct account account;
    uint8_t key[AES256_KEY_BYTES];
    struct error fault; /* why it is not readable */
    struct holdings holdings;
};

static enum status hand_on(const struct stop *stop,
                           const struct holding *holding, bool is_in_trash,
                           const struct manifest *manifest,
                           const struct error *fault, struct error *err)
{
    const struct walk_track track = {.account_id = stop->account_id,
                                     .track_id = holding->track_id,
                                     .is_in_trash = is_in_trash,
                                     .is_uploaded = holding->is_uploaded,
                                     .size_bytes = holding->size_bytes,
                                     .manifest = manifest,
                                     .fault = fault};
    return stop->visitor->track(stop->visitor->context, &track, err);
}

/* Uploaded, and without a manifest: it became matched in between the two looks,
 * or is damaged. */
static enum status look_again(const struct stop *stop, struct holding *holding,
                              struct error *err)
{
    char track_id[ID_SIZE];
    memcpy(track_id, holding->track_id, ID_SIZE);
    *holding = (struct holding){0};
    memcpy(holding->track_id, track_id, ID_SIZE);
    return holdings_read(stop->redis, stop->account_id, holding, 1, err);
}

static enum status visit_sealed(const struct stop *stop,
                                const struct holding *holding, bool is_in_trash,
                                struct error *err)
{
    struct manifest manifest = {0};
    struct error fault = stop->fault;
    const struct manifest_place place = {.account_key = stop->key,
                                         .account_id = stop->account_id,
                                         .track_id = holding->track_id};
    if (!stop->is_readable) {
        return hand_on(stop, holding, is_in_trash, NULL, &fault, err);
    }
    enum status status =
        manifest_open(&manifest, holding->manifest.bytes,
                      holding->manifest.length, &place, &fault);
    if (status == STATUS_NO_MEMORY) {
        *err = fault;
        return status;
    }
    status = status == STATUS_OK
                 ? hand_on(stop, holding, is_in_trash, &manifest, NULL, err)
                 : hand_on(stop, holding, is_in_trash, NULL, &fault, err);
    manifest_clear(&manifest);
    return status;
}

static enum status visit(const struct stop *stop, struct holding *holding,
                         bool is_in_trash, struct error *err)
{
    enum status status = STATUS_OK;
    if (holding->is_uploaded && holding->manifest.length == 0) {
        status = look_again(stop, holding, err);
    }
    if (status != STATUS_OK || !holding->is_there) {
        return status;
    }
    if (holding->manifest.length > 0) {
        return visit_sealed(stop, holding, is_in_trash, err);
    }
    if (holding->is_uploaded) {
        struct error fault;
        (void)error_set(&fault, STATUS_CORRUPT, "manifest_missing",
                        "its manifest is not there: restore it from a backup");
        return hand_on(stop, holding, is_in_trash, NULL, &fault, err);
    }
    return hand_on(stop, holding, is_in_trash, NULL, NULL, err);
}

static enum status visit_page(const struct stop *stop, size_t first,
                              size_t count, struct error *err)
{
    struct holding page[HOLDINGS_PAGE_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        memcpy(page[i].track_id, stop->holdings.track_ids[first + i], ID_SIZE);
    }
    enum status status =
        holdings_read(stop->redis, stop->account_id, page, count, err);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status =
            visit(stop, &page[i], first + i < stop->holdings.trash_count, err);
    }
    for (size_t i = 0; i < count; i++) {
        buffer_clear(&page[i].manifest);
    }
    return status;
}

static enum status visit_tracks(const struct stop *stop, struct error *err)
{
    enum status status = STATUS_OK;
    size_t count = stop->holdings.count;
    for (size_t at = 0; status == STATUS_OK && at < count;) {
        size_t page =
            count - at < HOLDINGS_PAGE_MAX ? count - at : HOLDINGS_PAGE_MAX;
        status = visit_page(stop, at, page, err);
        at += page;
    }
    return status;
}

/* The account and its key; that they cannot be read is the tracks' fault. */
static enum status read_account(struct stop *stop,
                                const struct keyring *keyring,
                                struct error *err)
{
    enum status status = account_read(stop->redis, stop->account_id,
                                      &stop->account, &stop->fault);
    if (status == STATUS_OK) {
        status = keyring_unwrap(keyring, stop->key, stop->account.wrapped_key,
                                &stop->fault);
    }
    stop->is_readable = status == STATUS_OK;
    if (status == STATUS_OK || status == STATUS_CORRUPT ||
        status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    *err = stop->fault;
    return status;
}

static enum status leave(const struct stop *stop, struct error *err)
{
    struct account now;
    if (!stop->is_readable || stop->visitor->leave == NULL) {
        return STATUS_OK;
    }
    enum status status = account_read(stop->redis, stop->account_id, &now, err);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    return status == STATUS_OK
               ? stop->visitor->leave(stop->visitor->context, &stop->account,
                                      now.version != stop->account.version, err)
               : status;
}

static enum status visit_account(struct redis *redis,
                                 const struct keyring *keyring,
                                 const struct walk_visitor *visitor,
                                 const char *account_id, struct error *err)
{
    struct stop stop = {
        .redis = redis, .visitor = visitor, .account_id = account_id};
    enum status status =
        visitor->enter == NULL
            ? STATUS_OK
            : visitor->enter(visitor->context, account_id, err);
    if (status == STATUS_OK) {
        status = read_account(&stop, keyring, err);
    }
    if (status == STATUS_OK) {
        status = holdings_list(redis, account_id, &stop.holdings, err);
    }
    if (status == STATUS_OK) {
        status = visit_tracks(&stop, err);
    }
    if (status == STATUS_OK) {
        status = leave(&stop, err);
    }
    holdings_clear(&stop.holdings);
    crypto_wipe(stop.key, sizeof stop.key);
    return status;
}

enum status walk_accounts(struct redis *redis, const struct keyring *keyring,
                          const struct walk_visitor *visitor, struct error *err)
{
    char(*ids)[ID_SIZE] = NULL;
    size_t count = 0;
    enum status status = accounts_list(redis, &ids, &count, err);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = visit_account(redis, keyring, visitor, ids[i], err);
    }
    free(ids);
    return status;
}
