/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_ROUTES_NEW_ACCOUNT_H
#define REFRAIN_API_ROUTES_NEW_ACCOUNT_H

#include "api/request.h"

/** Makes the account that a JSON body {"email","password"} asks for, with the
 *  configured trial and quota; for sign-up and for the operator alike. Slow.
 *  region  NULL: the default one
 *  Statuses as request_json(), request_json_text() and account_create(). */
MUST_USE enum status new_account_make(const struct request *request,
                                      const char *region, char out_id[ID_SIZE],
                                      struct error *err);

#endif
