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

/* The file with its patches taken out: only in spans of sound does it differ.
 */
static void check_blank(const struct essence *essence,
                        const struct input *input, const uint8_t *blank)
{
    size_t at = 0;
    for (size_t i = 0; i < essence->span_count; i++) {
        const struct span *span = &essence->spans[i];
        assert(span->length_bytes >= 1);
        assert(span->length_bytes <= input->length - at);
        if (span->kind != SPAN_SOUND) {
            assert(memcmp(blank + at, input->bytes + at,
                          (size_t)span->length_bytes) == 0);
        }
        at += (size_t)span->length_bytes;
    }
    assert(at == input->length);
}

/* Input: a file. Its spans cover it, patches lie within its sound, do not
 * overlap, and bring it back. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct input input = {.bytes = bytes, .length = length};
    const struct essence_source source = {
        .read = read_input, .context = &input, .size_bytes = length};
    struct essence essence;
    struct patch_cursor cursor;
    uint8_t *blank = malloc(length + 1);
    if (blank == NULL || length == 0) {
        free(blank);
        return 0;
    }
    enum status status = essence_split(&essence, &source, NULL);
    assert(status == STATUS_OK);
    assert(essence.span_count <= ESSENCE_MAX_SPANS);
    assert(patch_list_valid(essence.patches.bytes, essence.patches.length,
                            length));
    memcpy(blank, bytes, length);
    patch_cursor_init(&cursor, essence.patches.bytes, essence.patches.length);
    patch_blank(&cursor, 0, blank, length);
    check_blank(&essence, &input, blank);
    patch_restore(&cursor, 0, blank, length);
    assert(memcmp(blank, bytes, length) == 0);
    free(blank);
    essence_clear(&essence);
    return 0;
}
