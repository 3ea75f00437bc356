/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/routes.h"

#include <stddef.h>

const struct route *const route_tables[] = {
    routes_health,  routes_accounts, routes_token,          routes_devices,
    routes_uploads, routes_library,  routes_audio,          routes_why,
    routes_fix,     routes_admin,    routes_admin_releases, routes_admin_vault,
    NULL,
};
