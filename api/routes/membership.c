/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/membership.h"

#include "api/routes/times.h"

enum status membership_check(const struct account *account,
                             const struct config *config, int64_t now_ms,
                             struct error *err)
{
    char until[TIME_TEXT_SIZE];
    int64_t until_ms = 0;
    if (account_subscription(account, now_ms, config->grace_days, &until_ms) !=
        SUBSCRIPTION_LAPSED) {
        return STATUS_OK;
    }
    time_print(until, until_ms);
    return error_set(err, STATUS_DENIED, "subscription_lapsed",
                     "the subscription ended at %s: renew it to match songs "
                     "and to hear matched ones; your own audio stays available",
                     until);
}

json_t *membership_json(const struct account *account,
                        const struct config *config, int64_t now_ms)
{
    static const char *const words[] = {
        [SUBSCRIPTION_TRIAL] = "trial",
        [SUBSCRIPTION_ACTIVE] = "active",
        [SUBSCRIPTION_GRACE] = "grace",
        [SUBSCRIPTION_LAPSED] = "lapsed",
    };
    char until[TIME_TEXT_SIZE];
    int64_t until_ms = 0;
    enum subscription state =
        account_subscription(account, now_ms, config->grace_days, &until_ms);
    time_print(until, until_ms);
    return json_pack("{s:s, s:s}", "state", words[state], "until", until);
}
