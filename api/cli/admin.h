/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_ADMIN_H
#define REFRAIN_API_CLI_ADMIN_H

#include "api/cli/command.h"

/** The commands of refrain-admin, one file a story. Each parses its own line
 *  and returns the program's exit code. */

/* admin_load.c */
int run_catalog_load(int argc, char **argv, struct context *context);
/* admin_catalog.c */
int run_catalog_ls(int argc, char **argv, struct context *context);
int run_catalog_show(int argc, char **argv, struct context *context);
int run_catalog_takedown(int argc, char **argv, struct context *context);
/* admin_account.c */
int run_account_add(int argc, char **argv, struct context *context);
int run_account_grant(int argc, char **argv, struct context *context);
int run_audit(int argc, char **argv, struct context *context);
/* admin_vault.c */
int run_vault_gc(int argc, char **argv, struct context *context);
int run_vault_check(int argc, char **argv, struct context *context);
int run_vault_stats(int argc, char **argv, struct context *context);

#endif
