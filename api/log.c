/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A line is written at once, so that lines of threads never mix: write(2) of
 * up to PIPE_BUF bytes (4096, pipe(7)) to a pipe is atomic. */
enum { LINE_SIZE = 2048 };
_Static_assert(LINE_SIZE <= 4096, "a line must fit PIPE_BUF");

struct log {
    int fd; /* borrowed */
};

enum status log_open(struct log **out, int fd, struct error *err)
{
    *out = malloc(sizeof **out);
    if (*out == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "cannot allocate the log");
    }
    (*out)->fd = fd;
    return STATUS_OK;
}

void log_close(struct log *log)
{
    free(log);
}

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_INFO:
        return "info";
    case LOG_WARNING:
        return "warning";
    case LOG_ERROR:
        return "error";
    }
    return "?";
}

/* "2026-01-31T12:00:00.123Z level event ": its length. */
static size_t print_prefix(char out[LINE_SIZE], enum log_level level,
                           const char *event)
{
    struct timespec now;
    int bad = clock_gettime(CLOCK_REALTIME, &now);
    assert(bad == 0);
    struct tm utc;
    (void)gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(out, LINE_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    int more = snprintf(out + length, LINE_SIZE - length, ".%03ldZ %s %s ",
                        now.tv_nsec / 1000000, level_name(level), event);
    assert(more > 0 && (size_t)more < LINE_SIZE - length);
    return length + (size_t)more;
}

void log_event(struct log *log, enum log_level level, const char *event,
               const char *format, ...)
{
    char line[LINE_SIZE];
    size_t length = print_prefix(line, level, event);
    va_list arguments;
    va_start(arguments, format);
    int more =
        vsnprintf(line + length, sizeof line - length, format, arguments);
    va_end(arguments);
    assert(more >= 0);
    length += (size_t)more;
    if (length > sizeof line - 1) {
        length = sizeof line - 1; /* cut at the end: the newline stays */
    }
    line[length] = '\n';
    /* A log that cannot be written must not stop the service. */
    ssize_t written = write(log->fd, line, length + 1);
    (void)written;
}
