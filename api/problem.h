/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_PROBLEM_H
#define REFRAIN_API_PROBLEM_H

#include "matcher/status.h"

/** The one table from our errors to HTTP: status and code decide. Pure. */

struct problem {
    unsigned http_status;
    const char *title;      /* of the HTTP status, RFC 9110 §15 */
    unsigned retry_after_s; /* 0: no Retry-After */
};

/** status  any but STATUS_OK
 *  code    err->code; unknown ones go by the status alone */
struct problem problem_of(enum status status, const char *code);

#endif
