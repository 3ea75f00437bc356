/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_COMMANDS_H
#define REFRAIN_API_CLI_COMMANDS_H

#include "api/cli/command.h"

/** The commands of refrain, one file a story. Each parses its own line and
 *  returns the program's exit code. */

/* login.c */
int run_signup(int argc, char **argv, struct context *context);
int run_login(int argc, char **argv, struct context *context);
int run_logout(int argc, char **argv, struct context *context);
/* scan.c */
int run_scan(int argc, char **argv, struct context *context);
/* library.c */
int run_ls(int argc, char **argv, struct context *context);
/* why.c */
int run_why(int argc, char **argv, struct context *context);
/* fix.c */
int run_fix(int argc, char **argv, struct context *context);
/* get.c */
int run_get(int argc, char **argv, struct context *context);
/* devices.c */
int run_devices(int argc, char **argv, struct context *context);
int run_me(int argc, char **argv, struct context *context);

#endif
