/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/status.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status error_set(struct error *err, enum status status, const char *code,
                      const char *format, ...)
{
    assert(status != STATUS_OK);
    assert(code[0] != '\0');
    if (err == NULL) {
        return status;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(err->text, sizeof err->text, format, arguments);
    va_end(arguments);
    (void)snprintf(err->code, sizeof err->code, "%s", code);
    return status;
}

void error_context(struct error *err, const char *format, ...)
{
    if (err == NULL) {
        return;
    }
    char where[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(where, sizeof where, format, arguments);
    va_end(arguments);

    char text[sizeof err->text];
    memcpy(text, err->text, sizeof text);
    (void)snprintf(err->text, sizeof err->text, "%s: %.*s", where,
                   (int)(sizeof err->text - sizeof where - 3), text);
}
