/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_LIBRARY_SCRIPTS_H
#define REFRAIN_CATALOG_LIBRARY_SCRIPTS_H

#include "catalog/redis/redis.h"

#include <stdbool.h>

/** The Lua scripts of catalog/library/scripts, built in. Each file opens with
 *  its keys and arguments. All of them keep three rules: every key comes
 *  through KEYS and belongs to one hash slot; everything is checked before the
 *  first write, since Redis does not roll back; {"refused", code} is the
 *  answer when nothing was written. */
extern const struct redis_script script_account_grant;
extern const struct redis_script script_device_authenticate;
extern const struct redis_script script_device_refresh;
extern const struct redis_script script_device_remove;
extern const struct redis_script script_device_sign_in;
extern const struct redis_script script_email_claim;
extern const struct redis_script script_entry_fix;
extern const struct redis_script script_entry_remove;
extern const struct redis_script script_entry_restore;
extern const struct redis_script script_entry_unfix;
extern const struct redis_script script_holdings;
extern const struct redis_script script_job_add;
extern const struct redis_script script_job_done;
extern const struct redis_script script_lease_take;
extern const struct redis_script script_trash_purge;
extern const struct redis_script script_unmatched_heard;
extern const struct redis_script script_unmatched_upgrade;
extern const struct redis_script script_upload_add;
extern const struct redis_script script_upload_close;
extern const struct redis_script script_upload_create;
extern const struct redis_script script_upload_own;

/** Did the script refuse with this code? */
bool script_refused(const struct redis_reply *reply, const char *code);

#endif
