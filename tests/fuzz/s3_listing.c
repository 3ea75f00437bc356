/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/s3/xml.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

/* Input: an answer of S3, to a listing behind "p/01" or with an error. What is
 * accepted is in order, goes on, and can be gone on from. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct s3_listing page;
    struct error err = {0};
    char code[S3_CODE_SIZE];
    s3_error_code(code, bytes, length);
    assert(strspn(code, "0123456789abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(code));
    if (s3_listing_read(&page, "p/", "p/01", bytes, length, &err) !=
        STATUS_OK) {
        assert(err.code[0] != '\0');
        assert(page.entries == NULL);
        return 0;
    }
    assert(page.entry_count <= S3_LISTING_MAX_ENTRIES);
    assert(!page.truncated || strcmp(page.last_key, "p/01") > 0);
    for (size_t i = 1; i < page.entry_count; i++) {
        assert(memcmp(page.entries[i - 1].name, page.entries[i].name,
                      SHA256_BYTES) < 0);
    }
    s3_listing_clear(&page);
    return 0;
}
