/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_SERVICE_H
#define REFRAIN_API_SERVICE_H

#include "api/config.h"
#include "catalog/redis/redis.h"
#include "catalog/releases/index.h"
#include "catalog/vault/vault.h"
#include "matcher/decoder/pool.h"

struct upkeep;

/** Everything that a running refraind shares between its threads: handed to
 *  whoever needs it, global nowhere. All parts are thread-safe or constant.
 *  Redis handles are not: every thread has its own, opened at redis_address. */
struct service {
    struct config config;
    char redis_address[CONFIG_TEXT_SIZE];
    char spool_folder[CONFIG_TEXT_SIZE];
    char masters_folder[CONFIG_TEXT_SIZE];
    char operator_token_sha256[65]; /* hex */
    struct keyring *keyring;
    struct vault *vault;
    struct index *index;
    struct decoder_pool *decoders; /* what subscribers and operators send */
    /* The catalog's own masters, opened by those who hold a place above and
     * wait for one here: in one pool they would wait for each other. */
    struct decoder_pool *master_decoders;
    struct upkeep *upkeep; /* runs over the vault */
    struct metrics *metrics;
    struct log *log;
};

#endif
