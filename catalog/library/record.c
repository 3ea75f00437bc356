/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/record.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct field *field_new(struct record *record, const char *name)
{
    assert(record->field_count < RECORD_FIELDS_MAX);
    struct field *field = &record->fields[record->field_count++];
    field->name = name;
    return field;
}

void record_add_text(struct record *record, const char *name, const char *text)
{
    if (text[0] == '\0') {
        return;
    }
    struct field *field = field_new(record, name);
    field->text = text;
    field->length = strlen(text);
}

void record_add_integer(struct record *record, const char *name, int64_t value)
{
    if (value == 0) {
        return;
    }
    struct field *field = field_new(record, name);
    struct redis_arg arg = redis_integer(&field->number, value);
    field->text = field->number.text;
    field->length = arg.length;
}

void record_add_size(struct record *record, const char *name, uint64_t value)
{
    assert(value <= INT64_MAX);
    record_add_integer(record, name, (int64_t)value);
}

const char *record_text(const struct record *record, const char *name)
{
    for (size_t i = 0; i < record->field_count; i++) {
        if (strcmp(record->fields[i].name, name) == 0) {
            return record->fields[i].text;
        }
    }
    return "";
}

void record_copy(char *out, size_t size, const struct record *record,
                 const char *name)
{
    (void)snprintf(out, size, "%s", record_text(record, name));
}

int64_t record_integer(const struct record *record, const char *name)
{
    const char *text = record_text(record, name);
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    return end == text || *end != '\0' || errno != 0 ? 0 : (int64_t)value;
}

uint64_t record_size(const struct record *record, const char *name)
{
    int64_t value = record_integer(record, name);
    return value < 0 ? 0 : (uint64_t)value;
}

uint32_t record_u32(const struct record *record, const char *name)
{
    int64_t value = record_integer(record, name);
    return value < 0 || value > UINT32_MAX ? 0 : (uint32_t)value;
}

void record_of_reply(struct record *out, const struct redis_reply *reply)
{
    out->field_count = 0;
    size_t count = redis_reply_count(reply);
    for (size_t i = 0; i + 1 < count && out->field_count < RECORD_FIELDS_MAX;
         i += 2) {
        size_t name_length = 0;
        size_t length = 0;
        const char *name =
            redis_reply_bytes(redis_reply_at(reply, i), &name_length);
        const char *text =
            redis_reply_bytes(redis_reply_at(reply, i + 1), &length);
        if (name != NULL && text != NULL) {
            struct field *field = field_new(out, name);
            field->text = text;
            field->length = length;
        }
    }
}

size_t record_args(const struct record *record, struct redis_arg *args)
{
    for (size_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        args[2 * i] = redis_text(field->name);
        args[2 * i + 1] = redis_bytes(field->text, field->length);
    }
    return 2 * record->field_count;
}

const char *record_word(const char *const *words, size_t count, int value)
{
    assert(value >= 0);
    assert((size_t)value < count);
    return words[value];
}

int record_value(const struct record *record, const char *name,
                 const char *const *words, size_t count, int otherwise)
{
    const char *word = record_text(record, name);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0) {
            return (int)i;
        }
    }
    return otherwise;
}
