/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_LOG_H
#define REFRAIN_API_LOG_H

#include "matcher/status.h"

/** One line an event on stderr: time, level, event, then name=value pairs. No
 *  secrets: no token, password, e-mail address or title ever goes in.
 *  Thread-safe: a line is one write(2). */
struct log;
enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };

MUST_USE enum status log_open(struct log **out, int fd, struct error *err);
void log_close(struct log *log);
/** event   stable word ("request", "upload_finished")
 *  format  the pairs: "request_id=%s status=%u …"; values with blanks or
 *          control characters are the caller's to keep out */
void log_event(struct log *log, enum log_level level, const char *event,
               const char *format, ...) PRINTF_LIKE(4, 5);

#endif
