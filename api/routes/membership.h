/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_ROUTES_MEMBERSHIP_H
#define REFRAIN_API_ROUTES_MEMBERSHIP_H

#include "api/config.h"
#include "catalog/library/accounts.h"

#include <jansson.h>

/** What a subscription allows. Without one, uploading and the catalog's masters
 *  are closed; the subscriber's own audio, lists and evidence stay open: they
 *  are the subscriber's. Pure. */

/** STATUS_DENIED "subscription_lapsed". */
MUST_USE enum status membership_check(const struct account *account,
                                      const struct config *config,
                                      int64_t now_ms, struct error *err);
/** {"state":"trial|active|grace|lapsed","until":…} */
json_t *membership_json(const struct account *account,
                        const struct config *config, int64_t now_ms);

#endif
