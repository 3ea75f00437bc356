/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/form.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Percent-encodes every byte. */
static char *encode(const char *text)
{
    size_t length = strlen(text);
    char *out = malloc(3 * length + 1);
    assert(out != NULL);
    for (size_t i = 0; i < length; i++) {
        (void)snprintf(out + 3 * i, 4, "%%%02x", (unsigned char)text[i]);
    }
    out[3 * length] = '\0';
    return out;
}

/* What was decoded once comes back when it is encoded again: decode(encode(x))
 * = x, and nothing is longer than it was. */
static void check_field(const struct form_field *field, size_t length)
{
    assert(strlen(field->name) + strlen(field->value) <= length);
    char *value = encode(field->value);
    size_t size = strlen(value) + 3;
    char *text = malloc(size);
    assert(text != NULL);
    (void)snprintf(text, size, "a=%s", value);
    struct form again;
    enum status status = form_parse(&again, text, strlen(text), NULL);
    assert(status == STATUS_OK);
    assert(strcmp(form_get(&again, "a"), field->value) == 0);
    form_clear(&again);
    free(value);
    free(text);
}

/* Input: a query or the body of a form. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct form form;
    struct error err = {0};
    if (form_parse(&form, (const char *)bytes, length, &err) != STATUS_OK) {
        assert(err.code[0] != '\0');
        assert(form.text == NULL);
        return 0;
    }
    assert(form.field_count <= FORM_FIELDS_MAX);
    for (size_t i = 0; i < form.field_count; i++) {
        assert(form_get(&form, form.fields[i].name) != NULL);
        check_field(&form.fields[i], length);
    }
    form_clear(&form);
    return 0;
}
