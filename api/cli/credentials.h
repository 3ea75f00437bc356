/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_CREDENTIALS_H
#define REFRAIN_API_CLI_CREDENTIALS_H

#include "api/cli/client.h"
#include "matcher/status.h"

#include <stdint.h>

/** Where this user of this machine is signed in: FOLDER/credentials.json, mode
 *  0600, replaced as a whole or not at all.
 *
 *  {"version": 1, "services": [{"url", "email", "device_id", "device_name",
 *   "access_token", "access_until" (seconds since 1970), "refresh_token"}]}
 *  The service that was signed in to last comes first. */

enum { CREDENTIALS_TEXT_SIZE = 320, CREDENTIALS_MAX_BYTES = 1024 * 1024 };
struct credentials {
    char url[CLIENT_URL_SIZE];
    char email[CREDENTIALS_TEXT_SIZE]; /* RFC 5321 §4.5.3.1: at most 254 */
    char device_id[CREDENTIALS_TEXT_SIZE];
    char device_name[CREDENTIALS_TEXT_SIZE];
    char access_token[CREDENTIALS_TEXT_SIZE];
    char refresh_token[CREDENTIALS_TEXT_SIZE];
    int64_t access_until_s;
};

/** url  NULL: the service that was signed in to last
 *  STATUS_NOT_FOUND "signed_out" · STATUS_CORRUPT "bad_credentials" ·
 *  STATUS_UNAVAILABLE "no_credentials": the file cannot be read. */
MUST_USE enum status credentials_load(struct credentials *out,
                                      const char *folder, const char *url,
                                      struct error *err);

/** One program or thread at a time changes the file. Waits for the others;
 *  makes the folder (0700) when it is missing. */
MUST_USE enum status credentials_lock(int *out_fd, const char *folder,
                                      struct error *err);
void credentials_unlock(int fd);
/** Puts one service first, replacing what was known of its url. The caller
 *  holds the lock. On disk when it returns STATUS_OK. */
MUST_USE enum status credentials_save(const struct credentials *credentials,
                                      const char *folder, struct error *err);
/** Takes one service out; fine when it was not there. The caller holds the
 *  lock. */
MUST_USE enum status credentials_forget(const char *url, const char *folder,
                                        struct error *err);

#endif
