/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/admin.h"

#include <stddef.h>

static const struct command commands[] = {
    {"catalog load", "bring folders of tagged files in as releases",
     run_catalog_load},
    {"catalog ls", "list the releases", run_catalog_ls},
    {"catalog show", "show a release or a recording", run_catalog_show},
    {"catalog takedown", "offer a release or a recording no more",
     run_catalog_takedown},
    {"account add", "make a subscriber's account", run_account_add},
    {"account grant", "grant a subscription until a date", run_account_grant},
    {"vault gc", "remove what nobody owns any more", run_vault_gc},
    {"vault check", "look whether the vault is whole", run_vault_check},
    {"vault stats", "tell what the vault holds and saves", run_vault_stats},
    {"audit", "list the operator's calls, newest first", run_audit},
    {NULL, NULL, NULL}};

int main(int argc, char **argv)
{
    return command_main(argc, argv, commands,
                        "What the operator of a Refrain service does: its "
                        "catalog, its accounts and its vault.",
                        true);
}
