/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/keys.h"

#include "catalog/id.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static struct key key_format(const char *format, ...) PRINTF_LIKE(1, 2);

static struct key key_format(const char *format, ...)
{
    struct key key;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(key.text, sizeof key.text, format, arguments);
    va_end(arguments);
    assert(length > 0);
    assert((size_t)length < sizeof key.text);
    return key;
}

/* The name behind {a:ID}, and whether an item follows it. */
static const struct account_name {
    const char *name;
    bool has_item;
} account_names[] = {
    [KEY_ACCOUNT] = {"account", false},
    [KEY_DEVICES] = {"devices", false},
    [KEY_TOKENS] = {"tokens", false},
    [KEY_TRACK] = {"track", true},
    [KEY_TRACKS] = {"tracks", false},
    [KEY_TRASH] = {"trash", false},
    [KEY_MANIFEST] = {"manifest", true},
    [KEY_PRINT] = {"print", true},
    [KEY_CHANGES] = {"changes", false},
    [KEY_RECORDINGS] = {"recordings", false},
    [KEY_CONTENTS] = {"contents", false},
    [KEY_UNMATCHED] = {"unmatched", false},
    [KEY_ASKING] = {"asking", true},
    [KEY_DENIED] = {"denied", false},
    [KEY_UPLOAD] = {"upload", true},
    [KEY_IDEMPOTENCY] = {"idempotency", true},
};
enum { ACCOUNT_NAMES = sizeof account_names / sizeof account_names[0] };

struct key key_of_account(enum account_key kind, const char *account_id,
                          const char *item)
{
    assert((unsigned)kind < ACCOUNT_NAMES);
    assert(id_valid(account_id));
    const struct account_name *name = &account_names[kind];
    if (!name->has_item) {
        assert(item[0] == '\0');
        return key_format("{a:%s}:%s", account_id, name->name);
    }
    assert(id_valid(item));
    return key_format("{a:%s}:%s:%s", account_id, name->name, item);
}

struct key key_email(const char *email_hash)
{
    assert(id_valid(email_hash));
    return key_format("email:%s", email_hash);
}

struct key key_recording(const char *recording_id)
{
    assert(id_valid(recording_id));
    return key_format("recording:%s", recording_id);
}

struct key key_recording_number(uint32_t number)
{
    return key_format("number:%u", (unsigned)number);
}

struct key key_reference(uint32_t number)
{
    return key_format("print:%u", (unsigned)number);
}

struct key key_release(const char *release_id)
{
    assert(id_valid(release_id));
    return key_format("release:%s", release_id);
}

struct key key_releases(void)
{
    return key_format("releases");
}

struct key key_numbers(void)
{
    return key_format("numbers");
}

struct key key_arrivals(void)
{
    return key_format("arrivals");
}

struct key key_accounts(void)
{
    return key_format("accounts");
}

struct key key_unmatched_accounts(void)
{
    return key_format("unmatched");
}

struct key key_rescan_lease(void)
{
    return key_format("rescan");
}

struct key key_index_segment(uint32_t segment, uint32_t version)
{
    return key_format("ix:%03x:%u", (unsigned)segment, (unsigned)version);
}

struct key key_index_versions(void)
{
    return key_format("ix:versions");
}

struct key key_index_log(void)
{
    return key_format("ix:log");
}

struct key key_index_lease(void)
{
    return key_format("ix:lease");
}

struct key key_index_restoring(void)
{
    return key_format("ix:restoring");
}

struct key key_jobs(void)
{
    return key_format("jobs");
}

struct key key_audit(void)
{
    return key_format("audit");
}

struct key key_of_upkeep(enum upkeep_key kind, const char *region)
{
    static const char *const names[] = {
        [KEY_PINS] = "pins",           [KEY_CONDEMNED] = "condemned",
        [KEY_DELETING] = "deleting",   [KEY_COLLECTOR] = "collector",
        [KEY_COLLECTED] = "collected", [KEY_READ] = "read",
    };
    assert((unsigned)kind < sizeof names / sizeof names[0]);
    assert(id_valid(region));
    return key_format("{gc:%s}:%s", region, names[kind]);
}

const char *key_changed_channel(void)
{
    return "changed";
}
