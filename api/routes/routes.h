/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_ROUTES_ROUTES_H
#define REFRAIN_API_ROUTES_ROUTES_H

#include "api/router.h"

/** The tables of this folder, one a story, each ended by a NULL method;
 *  tables.c lists them. */
extern const struct route routes_accounts[];
extern const struct route routes_admin[];
extern const struct route routes_admin_releases[];
extern const struct route routes_admin_vault[];
extern const struct route routes_audio[];
extern const struct route routes_devices[];
extern const struct route routes_fix[];
extern const struct route routes_health[];
extern const struct route routes_library[];
extern const struct route routes_token[];
extern const struct route routes_uploads[];
extern const struct route routes_why[];

#endif
