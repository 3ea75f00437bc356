/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_UPKEEP_SCRIPTS_H
#define REFRAIN_CATALOG_UPKEEP_SCRIPTS_H

#include "catalog/redis/redis.h"

/** The Lua scripts of catalog/upkeep/scripts, built in, by the rules of
 *  catalog/library/scripts.h. Their keys are those of one region's slot. */
extern const struct redis_script script_condemn;
extern const struct redis_script script_forget;
extern const struct redis_script script_lease;
extern const struct redis_script script_look;
extern const struct redis_script script_pin;

#endif
