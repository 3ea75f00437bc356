/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_VAULT_INTERNAL_H
#define REFRAIN_CATALOG_VAULT_VAULT_INTERNAL_H

#include "catalog/vault/store.h"
#include "catalog/vault/vault.h"

/** What vault.c (writing) and vault_reader.c share. Never changed while open,
 *  which is what makes a vault thread-safe. */
struct vault {
    struct store *store; /* owned */
    const struct keyring *keyring;
};

#endif
