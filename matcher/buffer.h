/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_BUFFER_H
#define REFRAIN_MATCHER_BUFFER_H

#include "matcher/status.h"

#include <stddef.h>
#include <stdint.h>

/** Bytes that grow. A zeroed struct is an empty buffer, always safe to clear.
 *  Invariants: length <= capacity; bytes is NULL only while capacity is 0.
 *  After any append there is a NUL behind the last byte, not counted, so that
 *  text in a buffer can be printed. Depends on nothing but libc. */
struct buffer {
    uint8_t *bytes; /* owned */
    size_t length;
    size_t capacity;
};

/** Makes room for `more` bytes behind the end.
 *  STATUS_NO_MEMORY: the buffer is as it was. */
MUST_USE enum status buffer_reserve(struct buffer *buffer, size_t more,
                                    struct error *err);
/** Adds a copy of `length` bytes. STATUS_NO_MEMORY: nothing was added. */
MUST_USE enum status buffer_append(struct buffer *buffer, const void *bytes,
                                   size_t length, struct error *err);
/** Adds formatted text. STATUS_NO_MEMORY: nothing was added. */
MUST_USE enum status buffer_printf(struct buffer *buffer, struct error *err,
                                   const char *format, ...) PRINTF_LIKE(3, 4);
/** The contents as a NUL-terminated text, borrowed until the next change;
 *  "" for an empty buffer. */
const char *buffer_text(const struct buffer *buffer);
/** Frees the bytes; the buffer is empty and usable again. */
void buffer_clear(struct buffer *buffer);
/** Overwrites the bytes, then frees them: for keys and plaintext. */
void buffer_wipe(struct buffer *buffer);

/* Little-endian integers in stored and wire formats. */
static inline void store_u16le(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value & 0xff);
    at[1] = (uint8_t)(value >> 8);
}
static inline void store_u32le(uint8_t *at, uint32_t value)
{
    store_u16le(at, (uint16_t)(value & 0xffff));
    store_u16le(at + 2, (uint16_t)(value >> 16));
}
static inline void store_u64le(uint8_t *at, uint64_t value)
{
    store_u32le(at, (uint32_t)(value & 0xffffffff));
    store_u32le(at + 4, (uint32_t)(value >> 32));
}
static inline uint16_t load_u16le(const uint8_t *at)
{
    return (uint16_t)(at[0] | (unsigned)at[1] << 8);
}
static inline uint32_t load_u32le(const uint8_t *at)
{
    return load_u16le(at) | (uint32_t)load_u16le(at + 2) << 16;
}
static inline uint64_t load_u64le(const uint8_t *at)
{
    return load_u32le(at) | (uint64_t)load_u32le(at + 4) << 32;
}

#endif
