/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/track_change.h"

#include "catalog/library/library.h"
#include "catalog/library/scripts.h"

#include <assert.h>

enum { COMMON_ARGS = 4 };

static enum status no_track(struct error *err)
{
    return error_set(err, STATUS_NOT_FOUND, "no_track",
                     "there is no such track here: list the library anew");
}

static const char *item_of(enum account_key kind, const char *track_id)
{
    return kind == KEY_TRACK || kind == KEY_MANIFEST || kind == KEY_PRINT
               ? track_id
               : "";
}

enum status track_change_run(struct redis *redis, const char *account_id,
                             const char *track_id,
                             const struct track_change *change,
                             struct redis_reply **reply, struct error *err)
{
    struct redis_number kept;
    struct key names[TRACK_CHANGE_KEYS_MAX];
    struct redis_arg keys[TRACK_CHANGE_KEYS_MAX];
    struct redis_arg args[REDIS_ARGS_MAX];
    assert(change->key_count <= TRACK_CHANGE_KEYS_MAX);
    assert(change->more_count <= REDIS_ARGS_MAX - COMMON_ARGS);
    if (!id_valid(track_id)) {
        return no_track(err);
    }
    for (size_t i = 0; i < change->key_count; i++) {
        names[i] = key_of_account(change->keys[i], account_id,
                                  item_of(change->keys[i], track_id));
        keys[i] = redis_text(names[i].text);
    }
    args[0] = redis_text(account_id);
    args[1] = redis_text(key_changed_channel());
    args[2] = redis_integer(&kept, CHANGES_KEPT);
    args[3] = redis_text(track_id);
    for (size_t i = 0; i < change->more_count; i++) {
        args[COMMON_ARGS + i] = change->more[i];
    }
    enum status status =
        redis_script_run(redis, reply, change->script, keys, change->key_count,
                         args, COMMON_ARGS + change->more_count, err);
    if (status == STATUS_OK && script_refused(*reply, "no_track")) {
        status = no_track(err);
    }
    return status;
}
