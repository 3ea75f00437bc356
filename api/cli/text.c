/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/text.h"

#include "matcher/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_time(char out[TEXT_SHORT_SIZE], int64_t ms)
{
    const int64_t seconds = ms > 0 ? ms / 1000 : 0;

    if (seconds >= 3600) {
        snprintf(out, TEXT_SHORT_SIZE, "%" PRId64 ":%02d:%02d", seconds / 3600,
                 (int)(seconds / 60 % 60), (int)(seconds % 60));
    } else {
        snprintf(out, TEXT_SHORT_SIZE, "%d:%02d", (int)(seconds / 60),
                 (int)(seconds % 60));
    }
}

void text_size(char out[TEXT_SHORT_SIZE], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    enum { UNITS = sizeof(units) / sizeof(units[0]) };
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1024 && unit + 1 < UNITS) {
        value /= 1024;
        unit++;
    }
    snprintf(out, TEXT_SHORT_SIZE, "%.*f %s", unit == 0 ? 0 : 1, value,
             units[unit]);
}

const char *text_member(const json_t *object, const char *name,
                        const char *otherwise)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value != NULL && value[0] != '\0' ? value : otherwise;
}

int64_t text_integer(const json_t *object, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(object, name);

    return json_is_integer(value) ? (int64_t)json_integer_value(value)
                                  : otherwise;
}

enum status text_append(struct buffer *out, const char *text, struct error *err)
{
    const size_t length = strlen(text);
    /* A malformed byte becomes the three bytes of U+FFFD. */
    const size_t room = length * 3 + 1;
    const enum status status = buffer_reserve(out, room, err);

    if (status != STATUS_OK) {
        return status;
    }
    char *to = (char *)out->bytes + out->length;

    utf8_copy(to, room, text, length);
    out->length += strlen(to);
    return STATUS_OK;
}

enum status text_append_encoded(struct buffer *out, const char *text,
                                struct error *err)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-._~";
    enum status status = STATUS_OK;

    for (; *text != '\0' && status == STATUS_OK; text++) {
        if (strchr(plain, *text) != NULL) {
            status = buffer_append(out, text, 1, err);
        } else {
            status = buffer_printf(out, err, "%%%02X", (unsigned char)*text);
        }
    }
    return status;
}
