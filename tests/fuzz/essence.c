/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/essence.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct input {
    const uint8_t *bytes;
    size_t length;
};

static enum status read_input(void *context, uint64_t offset, uint8_t *out,
                              size_t length, struct error *err)
{
    const struct input *input = context;
    (void)err;
    assert(length <= ESSENCE_MAX_READ_BYTES);
    assert(offset <= input->length);
    assert(length <= input->length - offset);
    memcpy(out, input->bytes + offset, length);
    return STATUS_OK;
}

/* Spans and heads are all of the file. */
static void check_sum(const struct essence *essence, uint64_t length)
{
    uint64_t sum = essence->removed_bytes;
    assert(essence->span_count <= ESSENCE_MAX_SPANS);
    for (size_t i = 0; i < essence->span_count; i++) {
        assert(essence->spans[i].length_bytes >= 1);
        sum += essence->spans[i].length_bytes;
    }
    assert(sum == length);
    assert(heads_valid(essence->heads.bytes, essence->heads.length, length,
                       essence->removed_bytes));
}

/* Input: a file. Its spans cover it but for heads of pages, which do not
 * overlap; and put in where they were taken out they give the file. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct input input = {.bytes = bytes, .length = length};
    const struct essence_source source = {
        .read = read_input, .context = &input, .size_bytes = length};
    struct essence essence;
    struct heads_cursor cursor;
    uint8_t *copy = malloc(length + 1);
    if (copy == NULL || length == 0) {
        free(copy);
        return 0;
    }
    enum status status = essence_split(&essence, &source, NULL);
    assert(status == STATUS_OK);
    check_sum(&essence, length);
    memcpy(copy, bytes, length);
    heads_cursor_init(&cursor, essence.heads.bytes, essence.heads.length);
    size_t kept = heads_take_out(&cursor, 0, copy, length);
    assert(kept == length - essence.removed_bytes);
    memmove(copy + (length - kept), copy, kept);
    heads_put_in(&cursor, 0, copy, length, kept);
    assert(memcmp(copy, bytes, length) == 0);
    free(copy);
    essence_clear(&essence);
    return 0;
}
