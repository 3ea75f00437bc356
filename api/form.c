/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/form.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* Decodes in place; the result is never longer. false: broken %XX or NUL. */
static bool decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '+') {
            *to++ = ' ';
        } else if (*from != '%') {
            *to++ = *from;
        } else {
            int high = hex_value(from[1]);
            int low = high < 0 ? -1 : hex_value(from[2]);
            if (low < 0 || (high == 0 && low == 0)) {
                return false;
            }
            *to++ = (char)(high << 4 | low);
            from += 2;
        }
    }
    *to = '\0';
    return true;
}

/* Reads one part between two "&"; empty ones say nothing. */
static enum status parse_part(struct form *out, char *part, struct error *err)
{
    if (part[0] == '\0') {
        return STATUS_OK;
    }
    if (out->field_count == FORM_FIELDS_MAX) {
        return error_set(err, STATUS_INVALID, "too_many_fields",
                         "send at most %d parameters", FORM_FIELDS_MAX);
    }
    char *value = strchr(part, '=');
    if (value == NULL) {
        value = part + strlen(part);
    } else {
        *value++ = '\0';
    }
    if (!decode(part) || !decode(value)) {
        return error_set(err, STATUS_INVALID, "bad_encoding",
                         "a parameter is not percent-encoded: write \"%%\" as "
                         "%%25, and send no NUL");
    }
    out->fields[out->field_count++] =
        (struct form_field){.name = part, .value = value};
    return STATUS_OK;
}

enum status form_parse(struct form *out, const char *encoded, size_t length,
                       struct error *err)
{
    *out = (struct form){0};
    if (length > 0 && memchr(encoded, '\0', length) != NULL) {
        return error_set(err, STATUS_INVALID, "bad_encoding",
                         "a parameter holds a NUL: send none");
    }
    out->text = malloc(length + 1);
    if (out->text == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "cannot hold %zu bytes of parameters", length);
    }
    out->text_size = length + 1;
    if (length > 0) {
        memcpy(out->text, encoded, length);
    }
    out->text[length] = '\0';

    enum status status = STATUS_OK;
    char *rest = out->text;
    while (rest != NULL && status == STATUS_OK) {
        char *part = strsep(&rest, "&");
        status = parse_part(out, part, err);
    }
    if (status != STATUS_OK) {
        form_clear(out);
    }
    return status;
}

const char *form_get(const struct form *form, const char *name)
{
    for (size_t i = 0; i < form->field_count; i++) {
        if (strcmp(form->fields[i].name, name) == 0) {
            return form->fields[i].value;
        }
    }
    return NULL;
}

void form_clear(struct form *form)
{
    if (form->text != NULL) {
        explicit_bzero(form->text, form->text_size);
    }
    free(form->text);
    *form = (struct form){0};
}
