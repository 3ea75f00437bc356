/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 64 };

enum status buffer_reserve(struct buffer *buffer, size_t more,
                           struct error *err)
{
    assert(buffer->length <= buffer->capacity);
    /* one more than asked for: the NUL behind the end */
    if (more >= SIZE_MAX / 2 - buffer->length) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "cannot hold %zu more bytes", more);
    }
    size_t needed = buffer->length + more + 1;
    if (needed <= buffer->capacity) {
        return STATUS_OK;
    }
    size_t capacity = buffer->capacity == 0 ? CAPACITY_FIRST : buffer->capacity;
    while (capacity < needed) {
        capacity *= 2;
    }
    uint8_t *bytes = realloc(buffer->bytes, capacity);
    if (bytes == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "cannot hold %zu more bytes", more);
    }
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return STATUS_OK;
}

enum status buffer_append(struct buffer *buffer, const void *bytes,
                          size_t length, struct error *err)
{
    enum status status = buffer_reserve(buffer, length, err);
    if (status != STATUS_OK) {
        return status;
    }
    if (length > 0) {
        memcpy(buffer->bytes + buffer->length, bytes, length);
    }
    buffer->length += length;
    buffer->bytes[buffer->length] = '\0';
    return STATUS_OK;
}

enum status buffer_printf(struct buffer *buffer, struct error *err,
                          const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    assert(length >= 0);
    enum status status = buffer_reserve(buffer, (size_t)length, err);
    if (status == STATUS_OK) {
        (void)vsnprintf((char *)buffer->bytes + buffer->length,
                        (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    }
    va_end(again);
    return status;
}

const char *buffer_text(const struct buffer *buffer)
{
    return buffer->bytes == NULL ? "" : (const char *)buffer->bytes;
}

void buffer_clear(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}

void buffer_wipe(struct buffer *buffer)
{
    if (buffer->bytes != NULL) {
        explicit_bzero(buffer->bytes, buffer->capacity);
    }
    buffer_clear(buffer);
}
