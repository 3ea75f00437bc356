/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_PAGES_H
#define REFRAIN_API_CLI_PAGES_H

#include "api/cli/command.h"

/** Prints a list that the API gives in pages, from its first to its last.
 *  path    without query: "/v1/library"
 *  member  of each page: the array, "tracks"
 *  print   one item as a line for people; with --json each is printed as it
 *          is. Stops when standard output is closed
 *  STATUS_UNAVAILABLE at once when nobody answers at first; later pages are
 *  asked for with patience. */
MUST_USE enum status pages_print(struct session *session,
                                 const struct context *context,
                                 const char *path, const char *member,
                                 void (*print)(const json_t *item),
                                 struct error *err);

#endif
