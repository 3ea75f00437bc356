/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/accounts.h"

#include "catalog/redis/keys.h"

#include <assert.h>
#include <stdlib.h>

/* A list of ids that grows; a zeroed one is empty. */
struct ids {
    char (*ids)[ID_SIZE]; /* owned */
    size_t count;
    size_t capacity;
};

static enum status add_ids(struct ids *ids, const struct redis_reply *page,
                           struct error *err)
{
    size_t wanted = ids->count + redis_reply_count(page);
    if (wanted > ids->capacity) {
        size_t capacity = wanted < 1024 ? 1024 : 2 * wanted;
        void *more = reallocarray(ids->ids, capacity, ID_SIZE);
        if (more == NULL) {
            return error_set(err, STATUS_NO_MEMORY, "no_memory",
                             "no memory for a list of accounts: free some");
        }
        ids->ids = more;
        ids->capacity = capacity;
    }
    for (size_t i = 0; i < redis_reply_count(page); i++) {
        char *id = ids->ids[ids->count];
        if (redis_reply_copy(id, ID_SIZE, redis_reply_at(page, i)) &&
            id_valid(id)) {
            ids->count++;
        }
    }
    return STATUS_OK;
}

/* SSCAN gives what is in a set from the first call to the last, some of it
 * twice. */
static enum status add_set(struct ids *ids, struct redis *redis,
                           const struct key *set, struct error *err)
{
    char cursor[24] = "0";
    do {
        struct redis_reply *reply = NULL;
        const struct redis_arg args[] = {
            redis_text("SSCAN"), redis_text(set->text), redis_text(cursor),
            redis_text("COUNT"), redis_text("500")};
        enum status status = redis_call(redis, &reply, args, 5, err);
        if (status == STATUS_OK) {
            (void)redis_reply_copy(cursor, sizeof cursor,
                                   redis_reply_at(reply, 0));
            status = add_ids(ids, redis_reply_at(reply, 1), err);
        }
        redis_reply_free(reply);
        if (status != STATUS_OK) {
            return status;
        }
    } while (strcmp(cursor, "0") != 0);
    return STATUS_OK;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

enum status accounts_list(struct redis *redis, char (**out)[ID_SIZE],
                          size_t *count, struct error *err)
{
    struct ids ids = {0};
    struct key all = key_accounts();
    /* Accounts from before that set was kept are in this one, if they own
     * anything: it is written before any manifest is. */
    struct key unmatched = key_unmatched_accounts();
    *out = NULL;
    *count = 0;
    enum status status = add_set(&ids, redis, &all, err);
    if (status == STATUS_OK) {
        status = add_set(&ids, redis, &unmatched, err);
    }
    if (status != STATUS_OK || ids.count == 0) {
        free(ids.ids);
        return status;
    }
    assert(ids.ids != NULL);
    qsort(ids.ids, ids.count, ID_SIZE, compare_ids);
    for (size_t i = 0; i < ids.count; i++) {
        if (*count == 0 || strcmp(ids.ids[*count - 1], ids.ids[i]) != 0) {
            memmove(ids.ids[(*count)++], ids.ids[i], ID_SIZE);
        }
    }
    *out = ids.ids;
    return STATUS_OK;
}
