/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/upkeep/owned.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 1024 };

static int compare(const void *a, const void *b)
{
    const struct owned_object *left = a;
    const struct owned_object *right = b;
    return memcmp(left->name, right->name, SHA256_BYTES);
}

void owned_sort(struct owned *owned)
{
    size_t kept = 0;
    if (owned->sorted_count == owned->count) {
        return;
    }
    qsort(owned->objects, owned->count, sizeof *owned->objects, compare);
    for (size_t i = 0; i < owned->count; i++) {
        if (kept == 0 ||
            compare(&owned->objects[kept - 1], &owned->objects[i]) != 0) {
            owned->objects[kept++] = owned->objects[i];
        }
    }
    owned->count = kept;
    owned->sorted_count = kept;
}

/* Objects that many own are added many times: before the set grows, those are
 * taken out, and it grows only when that left it more than half full. So it
 * takes memory for what is different, and sorts a few times. */
static enum status make_room(struct owned *owned, struct error *err)
{
    owned_sort(owned);
    if (owned->capacity != 0 && owned->count <= owned->capacity / 2) {
        return STATUS_OK;
    }
    size_t capacity =
        owned->capacity == 0 ? FIRST_CAPACITY : 2 * owned->capacity;
    void *more = reallocarray(owned->objects, capacity, sizeof *owned->objects);
    if (more == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for the names of %zu objects: free some",
                         capacity);
    }
    owned->objects = more;
    owned->capacity = capacity;
    return STATUS_OK;
}

enum status owned_add(struct owned *owned, const uint8_t name[SHA256_BYTES],
                      uint32_t length_bytes, struct error *err)
{
    if (owned->count == owned->capacity) {
        enum status status = make_room(owned, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    struct owned_object *object = &owned->objects[owned->count++];
    memcpy(object->name, name, SHA256_BYTES);
    object->length_bytes = length_bytes;
    return STATUS_OK;
}

const struct owned_object *owned_find(const struct owned *owned,
                                      const uint8_t name[SHA256_BYTES])
{
    struct owned_object wanted;
    assert(owned->sorted_count == owned->count);
    if (owned->count == 0) {
        return NULL;
    }
    memcpy(wanted.name, name, SHA256_BYTES);
    return bsearch(&wanted, owned->objects, owned->count,
                   sizeof *owned->objects, compare);
}

void owned_clear(struct owned *owned)
{
    free(owned->objects);
    *owned = (struct owned){0};
}
