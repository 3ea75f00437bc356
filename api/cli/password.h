/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_PASSWORD_H
#define REFRAIN_API_CLI_PASSWORD_H

#include "matcher/buffer.h"
#include "matcher/status.h"

#include <stdbool.h>

enum { PASSWORD_MAX_BYTES = 1024 };

/** Reads a password, up to the first line end, which is left out.
 *  from_stdin  from standard input; otherwise from the terminal, unseen
 *  prompt      for the terminal
 *  out         buffer_wipe() it
 *  STATUS_INVALID "no_password": empty, or no terminal to ask at ·
 *  STATUS_LIMIT "long_password" · STATUS_UNAVAILABLE "interrupted". */
MUST_USE enum status password_read(struct buffer *out, bool from_stdin,
                                   const char *prompt, struct error *err);

#endif
