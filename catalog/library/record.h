/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_LIBRARY_RECORD_H
#define REFRAIN_CATALOG_LIBRARY_RECORD_H

#include "catalog/redis/redis.h"

#include <stdint.h>

/** A stored hash as named fields, between a struct and Redis; pure but for
 *  record_of_reply(). What is empty or zero is left out when written, and what
 *  is missing reads as empty or zero: so a program reads the records of an
 *  older one, and of a newer one all that it knows.
 *
 *  A record borrows: texts from what was added, numbers from itself (do not
 *  copy the struct), everything from the reply that it was read from. */
enum {
    RECORD_FIELDS_MAX = 64,
    RECORD_VERSION = 1, /* field "v": another one where a field that stays
                           means something else, which has not happened */
};
struct field {
    const char *name;
    const char *text;
    size_t length;
    struct redis_number number;
};
struct record {
    size_t field_count;
    struct field fields[RECORD_FIELDS_MAX];
};

void record_add_text(struct record *record, const char *name, const char *text);
void record_add_integer(struct record *record, const char *name, int64_t value);
/** Asserts value <= INT64_MAX, which no count or size of ours comes near. */
void record_add_size(struct record *record, const char *name, uint64_t value);

/** "" when there is no such field. */
const char *record_text(const struct record *record, const char *name);
/** Copies the text; a longer one (there is none that we wrote) is cut. */
void record_copy(char *out, size_t size, const struct record *record,
                 const char *name);
/** 0 when there is no such field, or it is no decimal number. */
int64_t record_integer(const struct record *record, const char *name);
/** As record_integer(), 0 for what does not fit. */
uint64_t record_size(const struct record *record, const char *name);
uint32_t record_u32(const struct record *record, const char *name);

/** Reads a flat field-value list (HGETALL). Fields over RECORD_FIELDS_MAX,
 *  which no record of ours has, are not seen. */
void record_of_reply(struct record *out, const struct redis_reply *reply);
/** Writes name, value, name, value … into `args`, which has room for 2 *
 *  RECORD_FIELDS_MAX; returns how many were written. */
size_t record_args(const struct record *record, struct redis_arg *args);

/** Enumerations are stored as words, so that a record explains itself and no
 *  number has to keep its meaning.
 *  record_word  `count` words, indexed by value; asserts the value is in range
 *  record_value  the value of the word stored, `otherwise` for an unknown one
 */
const char *record_word(const char *const *words, size_t count, int value);
int record_value(const struct record *record, const char *name,
                 const char *const *words, size_t count, int otherwise);

#endif
