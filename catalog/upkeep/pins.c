/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/upkeep/pins.h"

#include "catalog/id.h"
#include "catalog/redis/keys.h"
#include "catalog/upkeep/scripts.h"

#include <assert.h>
#include <time.h>

/* Between two tries: a removal is a few milliseconds long. */
enum { TRY_FIRST_MS = 10, TRY_MAX_MS = 500 };

void pins_init(struct pins *out, struct redis *redis, const char *region)
{
    *out = (struct pins){
        .redis = redis, .region = region, .wait_max_ms = PIN_WAIT_MAX_MS};
}

int64_t pins_until_ms(const struct pins *pins)
{
    return pins->first_ms == 0
               ? 0
               : pins->first_ms + PIN_LIFE_MS / 2 - PIN_CLOCKS_MS;
}

static enum status pin_once(struct pins *pins,
                            const uint8_t (*names)[SHA256_BYTES], size_t count,
                            int64_t *refused, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number life;
    char hex[VAULT_PINS_MAX][2 * SHA256_BYTES + 1];
    struct redis_arg args[1 + VAULT_PINS_MAX] = {
        redis_integer(&life, PIN_LIFE_MS)};
    const struct key all[] = {key_of_upkeep(KEY_PINS, pins->region),
                              key_of_upkeep(KEY_CONDEMNED, pins->region),
                              key_of_upkeep(KEY_DELETING, pins->region)};
    const struct redis_arg keys[] = {redis_text(all[0].text),
                                     redis_text(all[1].text),
                                     redis_text(all[2].text)};
    for (size_t i = 0; i < count; i++) {
        hex_encode(hex[i], names[i], SHA256_BYTES);
        args[1 + i] = redis_text(hex[i]);
    }
    enum status status = redis_script_run(pins->redis, &reply, &script_pin,
                                          keys, 3, args, 1 + count, err);
    if (status == STATUS_OK) {
        assert(redis_reply_count(reply) == 2);
        *refused = redis_reply_integer(redis_reply_at(reply, 0), 0);
        if (pins->first_ms == 0) {
            pins->first_ms = redis_reply_integer(redis_reply_at(reply, 1), 0);
        }
    }
    redis_reply_free(reply);
    return status;
}

static enum status pin(void *context, const uint8_t (*names)[SHA256_BYTES],
                       size_t count, struct error *err)
{
    struct pins *pins = context;
    uint32_t waited_ms = 0;
    uint32_t next_ms = TRY_FIRST_MS;
    assert(count >= 1);
    assert(count <= VAULT_PINS_MAX);
    for (;;) {
        int64_t refused = 0;
        enum status status = pin_once(pins, names, count, &refused, err);
        if (status != STATUS_OK || refused == 0) {
            return status;
        }
        if (waited_ms >= pins->wait_max_ms) {
            return error_set(err, STATUS_UNAVAILABLE, "vault_busy",
                             "an object of the vault has been about to be "
                             "removed for %u s: start refrain-admin vault gc, "
                             "which ends that",
                             pins->wait_max_ms / 1000);
        }
        const struct timespec nap = {.tv_nsec = (long)next_ms * 1000000};
        (void)nanosleep(&nap, NULL);
        waited_ms += next_ms;
        next_ms = next_ms * 2 > TRY_MAX_MS ? TRY_MAX_MS : next_ms * 2;
    }
}

struct vault_guard pins_guard(struct pins *pins)
{
    return (struct vault_guard){.pin = pin, .context = pins};
}
