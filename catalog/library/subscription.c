/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/accounts.h"

static const int64_t DAY_MS = INT64_C(24) * 3600 * 1000;

/* For ends "for ever": stays at the end of time instead of wrapping. */
static int64_t add_days(int64_t time_ms, uint32_t days)
{
    int64_t more_ms = (int64_t)days * DAY_MS;
    return time_ms > INT64_MAX - more_ms ? INT64_MAX : time_ms + more_ms;
}

enum subscription account_subscription(const struct account *account,
                                       int64_t now_ms, uint32_t grace_days,
                                       int64_t *until_ms)
{
    if (now_ms < account->granted_until_ms) {
        *until_ms = account->granted_until_ms;
        return SUBSCRIPTION_ACTIVE;
    }
    if (now_ms < account->trial_until_ms) {
        *until_ms = account->trial_until_ms;
        return SUBSCRIPTION_TRIAL;
    }
    int64_t end_ms = account->granted_until_ms > account->trial_until_ms
                         ? account->granted_until_ms
                         : account->trial_until_ms;
    *until_ms = add_days(end_ms, grace_days);
    return now_ms < *until_ms ? SUBSCRIPTION_GRACE : SUBSCRIPTION_LAPSED;
}
