/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_S3_CALL_H
#define REFRAIN_CATALOG_VAULT_S3_CALL_H

#include "catalog/vault/s3/http.h"
#include "catalog/vault/store_s3.h"
#include "matcher/status.h"

#include <stdbool.h>

/** A request until it is answered: tried again while that may help, until its
 *  deadline; not tried at all while the store is known to be down. Everything
 *  asked of a store may be asked twice. Thread-safe. */
struct s3_caller;

/** As s3_http_open(). */
MUST_USE enum status s3_caller_open(struct s3_caller **out,
                                    const struct store_s3_config *config,
                                    bool https, struct error *err);
void s3_caller_close(struct s3_caller *caller);

/** missing  set: there is no such object, which is an answer too; NULL: it is
 *           an error, "chunk_missing"
 *  out      the caller's in any case: s3_answer_clear() it; must be empty
 *  Statuses as store_s3.h has them. */
MUST_USE enum status s3_call(struct s3_caller *caller,
                             const struct s3_request *request, bool *missing,
                             struct s3_answer *out, struct error *err);
/** The same with one try and no more than a few seconds: for readiness. */
MUST_USE enum status s3_call_once(struct s3_caller *caller,
                                  const struct s3_request *request,
                                  struct s3_answer *out, struct error *err);

#endif
