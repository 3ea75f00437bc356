/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_FORM_H
#define REFRAIN_API_FORM_H

#include "matcher/status.h"

#include <stddef.h>

/** name=value pairs of application/x-www-form-urlencoded: of a query and of a
 *  form's body alike (WHATWG URL §5.1: "&" parts, "+" is a blank, %XX a byte).
 *  Pure. Stricter than WHATWG: a broken %XX and a NUL are refused instead of
 *  guessed at. Values are bytes, not yet known to be UTF-8 (a file's name need
 *  not be): utf8_copy() what is stored or shown. */

enum { FORM_FIELDS_MAX = 32 };

struct form_field {
    const char *name; /* inside text */
    const char *value;
};
/** A zeroed struct is an empty form, always safe to clear. */
struct form {
    char *text; /* owned */
    size_t text_size;
    struct form_field fields[FORM_FIELDS_MAX];
    size_t field_count;
};

/** Reads `length` bytes of `encoded` (borrowed for the call).
 *  STATUS_INVALID "bad_encoding" · "too_many_fields" · STATUS_NO_MEMORY; then
 *  *out is empty. */
MUST_USE enum status form_parse(struct form *out, const char *encoded,
                                size_t length, struct error *err);
/** Value of the first field of that name, or NULL. Borrowed. */
const char *form_get(const struct form *form, const char *name);
/** Overwrites the text (forms carry passwords) and frees it. */
void form_clear(struct form *form);

#endif
