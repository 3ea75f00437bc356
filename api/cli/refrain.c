/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/commands.h"

#include <stddef.h>

static const struct command commands[] = {
    {"signup", "make an account and sign this device in", run_signup},
    {"login", "sign this device in", run_login},
    {"logout", "sign this device out", run_logout},
    {"scan", "bring songs into the library", run_scan},
    {"ls", "list the library", run_ls},
    {"get", "download a track", run_get},
    {"why", "show why a track is what it is", run_why},
    {"fix", "say that a track is not your song", run_fix},
    {"devices", "list the signed-in devices, or remove one", run_devices},
    {"me", "show account, subscription and room left", run_me},
    {NULL, NULL, NULL}};

int main(int argc, char **argv)
{
    return command_main(argc, argv, commands,
                        "Your music, matched: what the catalog has is streamed "
                        "from there, what it has not is kept for you.",
                        false);
}
