/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/store_s3.h"

#include "catalog/vault/s3/address.h"
#include "catalog/vault/s3/call.h"
#include "catalog/vault/s3/xml.h"
#include "matcher/buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* what a read fetches at least: most objects are had with the first
     * request, and a longer one in steps that a player wants within seconds */
    WINDOW_BYTES = 272 * 1024,
    CONNECTIONS_MAX = 1024,
    TRIES_MAX = 1000,
    TIMEOUT_MAX_MS = 60 * 60 * 1000,
};

struct s3 {
    struct store base;
    struct s3_address address;
    struct s3_caller *caller; /* owned */
    unsigned page_max;
};

struct s3_object {
    struct store_object base;
    struct s3 *s3;
    uint8_t name[SHA256_BYTES];
    /* what was fetched last: bytes of the object from window_first on */
    struct buffer window;
    uint64_t window_first;
};

static struct s3 *s3_get(struct store *store)
{
    return (struct s3 *)store; /* base is the first member */
}

/* --- writing ---------------------------------------------------------------
 */

/* Is all of it there? The hash of the body was checked by the server, if it is
 * as good as it should be. */
static enum status check_length(struct s3 *s3, const char *url, size_t length,
                                struct error *err)
{
    const struct s3_request request = {.method = "HEAD", .url = url};
    struct s3_answer answer = {0};
    enum status status = s3_call(s3->caller, &request, NULL, &answer, err);
    if (status == STATUS_OK && answer.length_bytes != length) {
        status = error_set(err, STATUS_UNAVAILABLE, "vault_write",
                           "the store kept %llu bytes of %zu: see what is "
                           "wrong with it",
                           (unsigned long long)answer.length_bytes, length);
    }
    s3_answer_clear(&answer);
    return status;
}

/* Always sent, also when it is there: asking first would cost every new object
 * a round trip, and would not find a spoilt one. */
static enum status s3_put(struct store *store, const uint8_t name[SHA256_BYTES],
                          const void *bytes, size_t length, struct error *err)
{
    struct s3 *s3 = s3_get(store);
    char url[S3_URL_SIZE];
    struct s3_answer answer = {0};
    s3_object_url(url, &s3->address, name);
    const struct s3_request request = {.method = "PUT",
                                       .url = url,
                                       .body = bytes,
                                       .body_length = length,
                                       .body_sha256 = name,
                                       .answer_max_bytes =
                                           S3_LISTING_MAX_BYTES};
    enum status status = s3_call(s3->caller, &request, NULL, &answer, err);
    s3_answer_clear(&answer);
    return status == STATUS_OK ? check_length(s3, url, length, err) : status;
}

static enum status s3_remove(struct store *store,
                             const uint8_t name[SHA256_BYTES],
                             struct error *err)
{
    struct s3 *s3 = s3_get(store);
    char url[S3_URL_SIZE];
    bool missing = false; /* as good as gone */
    struct s3_answer answer = {0};
    s3_object_url(url, &s3->address, name);
    const struct s3_request request = {.method = "DELETE",
                                       .url = url,
                                       .answer_max_bytes =
                                           S3_LISTING_MAX_BYTES};
    enum status status = s3_call(s3->caller, &request, &missing, &answer, err);
    s3_answer_clear(&answer);
    return status;
}

/* Always the same object, so that none is left behind. */
static enum status s3_probe(struct store *store, struct error *err)
{
    static const char text[] = "probe";
    struct s3 *s3 = s3_get(store);
    char url[S3_URL_SIZE];
    uint8_t hash[SHA256_BYTES];
    struct s3_answer answer = {0};
    s3_probe_url(url, &s3->address);
    crypto_sha256(hash, text, sizeof text - 1);
    const struct s3_request request = {.method = "PUT",
                                       .url = url,
                                       .body = text,
                                       .body_length = sizeof text - 1,
                                       .body_sha256 = hash,
                                       .answer_max_bytes =
                                           S3_LISTING_MAX_BYTES};
    enum status status = s3_call_once(s3->caller, &request, &answer, err);
    s3_answer_clear(&answer);
    return status;
}

/* --- reading ----------------------------------------------------------------
 */

static enum status cut_short(struct error *err)
{
    return error_set(err, STATUS_CORRUPT, "chunk_corrupt",
                     "a stored chunk is cut short: restore it from a backup, "
                     "or upload the song again");
}

/* Fetches bytes of an object, fewer than `length` only at its end.
 * out  must be empty; out->range.total is the object's size. */
static enum status fetch(struct s3 *s3, const uint8_t name[SHA256_BYTES],
                         uint64_t first, uint64_t length, bool *missing,
                         struct s3_answer *out, struct error *err)
{
    char url[S3_URL_SIZE];
    s3_object_url(url, &s3->address, name);
    const struct s3_request request = {.method = "GET",
                                       .url = url,
                                       .range_first = first,
                                       .range_length = length,
                                       .answer_max_bytes = (size_t)length};
    enum status status = s3_call(s3->caller, &request, missing, out, err);
    if (out->http_status == 416) {
        return cut_short(err); /* it ends before the first byte */
    }
    if (status != STATUS_OK || (missing != NULL && *missing)) {
        return status;
    }
    const struct s3_content_range *range = &out->range;
    if (out->http_status != 206 || !out->has_range || range->first != first ||
        range->last - range->first + 1 != out->body.length ||
        (out->body.length < length && range->last + 1 != range->total)) {
        return error_set(err, STATUS_UNAVAILABLE, "store_refused",
                         "the store does not answer with the range that was "
                         "asked for: check that its endpoint speaks S3");
    }
    return STATUS_OK;
}

/* HEAD would not do: its answer has no body, and so cannot tell a missing
 * object from a missing bucket. */
static enum status s3_has(struct store *store, const uint8_t name[SHA256_BYTES],
                          bool *out, struct error *err)
{
    bool missing = false;
    struct s3_answer answer = {0};
    struct error why = {0};
    enum status status =
        fetch(s3_get(store), name, 0, 1, &missing, &answer, &why);
    s3_answer_clear(&answer);
    if (status != STATUS_OK && status != STATUS_CORRUPT) {
        *out = false;
        return error_set(err, status, why.code, "%s", why.text);
    }
    *out = !missing; /* an empty one is there too */
    return STATUS_OK;
}

static struct buffer take_body(struct s3_answer *answer)
{
    struct buffer body = answer->body;
    answer->body = (struct buffer){0};
    return body;
}

static void s3_object_close(struct store_object *base)
{
    struct s3_object *object = (struct s3_object *)base;
    buffer_clear(&object->window);
    free(object);
}

/* The first window comes along. */
static enum status s3_object_open(struct store *store,
                                  const uint8_t name[SHA256_BYTES],
                                  struct store_object **out, struct error *err)
{
    struct s3_object *object = calloc(1, sizeof *object);
    struct s3_answer answer = {0};
    if (object == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for reading a chunk");
    }
    object->s3 = s3_get(store);
    object->base.methods = store->methods;
    memcpy(object->name, name, sizeof object->name);
    enum status status =
        fetch(object->s3, name, 0, WINDOW_BYTES, NULL, &answer, err);
    if (status == STATUS_OK) {
        object->base.size_bytes = answer.range.total;
        object->window = take_body(&answer);
        *out = &object->base;
    } else {
        s3_object_close(&object->base);
    }
    s3_answer_clear(&answer);
    return status;
}

/* Moves the window so that it starts at `offset` and has `length` bytes and
 * more. What it has of them already is kept. */
static enum status move_window(struct s3_object *object, uint64_t offset,
                               size_t length, struct error *err)
{
    struct buffer *window = &object->window;
    struct s3_answer answer = {0};
    uint64_t end = object->window_first + window->length;
    size_t kept = 0;
    if (offset >= object->window_first && offset < end) {
        kept = (size_t)(end - offset);
        memmove(window->bytes, window->bytes + window->length - kept, kept);
    }
    window->length = kept;
    object->window_first = offset;
    uint64_t first = offset + kept;
    uint64_t left = object->base.size_bytes - first;
    uint64_t wanted = length - kept;
    wanted = wanted < WINDOW_BYTES ? WINDOW_BYTES : wanted;
    wanted = wanted < left ? wanted : left;
    enum status status =
        fetch(object->s3, object->name, first, wanted, NULL, &answer, err);
    if (status == STATUS_OK && answer.range.total != object->base.size_bytes) {
        status = cut_short(err);
    }
    if (status == STATUS_OK && kept == 0) {
        buffer_clear(window);
        *window = take_body(&answer);
    } else if (status == STATUS_OK) {
        status =
            buffer_append(window, answer.body.bytes, answer.body.length, err);
    }
    s3_answer_clear(&answer);
    return status;
}

static enum status s3_object_read(struct store_object *base, uint64_t offset,
                                  struct iovec *pieces, size_t count,
                                  struct error *err)
{
    struct s3_object *object = (struct s3_object *)base;
    size_t length = 0;
    assert(count <= STORE_MAX_PIECES);
    for (size_t i = 0; i < count; i++) {
        length += pieces[i].iov_len;
    }
    if (offset > base->size_bytes || length > base->size_bytes - offset) {
        return cut_short(err);
    }
    if (offset < object->window_first ||
        offset + length > object->window_first + object->window.length) {
        enum status status = move_window(object, offset, length, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    const uint8_t *at = object->window.bytes + (offset - object->window_first);
    for (size_t i = 0; i < count; i++) {
        memcpy(pieces[i].iov_base, at, pieces[i].iov_len);
        at += pieces[i].iov_len;
    }
    return STATUS_OK;
}

/* --- listing -----------------------------------------------------------------
 */

static enum status fetch_page(struct s3 *s3, const char *after,
                              struct s3_listing *out, struct error *err)
{
    char url[S3_URL_SIZE];
    struct s3_answer answer = {0};
    s3_list_url(url, &s3->address, s3->page_max, after);
    const struct s3_request request = {
        .method = "GET", .url = url, .answer_max_bytes = S3_LISTING_MAX_BYTES};
    enum status status = s3_call(s3->caller, &request, NULL, &answer, err);
    if (status == STATUS_OK) {
        status = s3_listing_read(out, s3->address.prefix, after,
                                 answer.body.bytes, answer.body.length, err);
    }
    s3_answer_clear(&answer);
    return status;
}

/* Page by page behind the last key, not by continuation token: one that a
 * server forgets cannot break off the walk. s3_listing_read() sees to it that
 * each page gets on. */
static enum status s3_list(struct store *store, const uint8_t *after,
                           store_visit *visit, void *context, struct error *err)
{
    struct s3 *s3 = s3_get(store);
    char last_key[S3_KEY_SIZE] = "";
    bool more = true;
    enum status status = STATUS_OK;
    if (after != NULL) {
        s3_object_key(last_key, &s3->address, after);
    }
    while (status == STATUS_OK && more) {
        struct s3_listing page = {0};
        status = fetch_page(s3, last_key, &page, err);
        for (size_t i = 0; status == STATUS_OK && i < page.entry_count; i++) {
            status = visit(context, page.entries + i, err);
        }
        more = page.truncated;
        memcpy(last_key, page.last_key, sizeof last_key);
        s3_listing_clear(&page);
    }
    return status;
}

/* --- open and close
 * ------------------------------------------------------------ */

static void s3_close(struct store *store)
{
    struct s3 *s3 = s3_get(store);
    s3_caller_close(s3->caller);
    free(s3);
}

static const struct store_methods S3_METHODS = {
    .put = s3_put,
    .open = s3_object_open,
    .read = s3_object_read,
    .object_close = s3_object_close,
    .has = s3_has,
    .remove = s3_remove,
    .list = s3_list,
    .probe = s3_probe,
    .close = s3_close,
};

enum status store_s3_open(struct store **out,
                          const struct store_s3_config *config,
                          struct error *err)
{
    *out = NULL;
    assert(config->page_max <= STORE_S3_PAGE);
    assert(config->connections_max <= CONNECTIONS_MAX);
    assert(config->tries_max <= TRIES_MAX);
    assert(config->timeout_ms <= TIMEOUT_MAX_MS);
    struct s3 *s3 = calloc(1, sizeof *s3);
    if (s3 == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for the store");
    }
    enum status status = s3_address_init(&s3->address, config, err);
    if (status == STATUS_OK) {
        status = s3_caller_open(&s3->caller, config, s3->address.https, err);
    }
    if (status != STATUS_OK) {
        s3_close(&s3->base);
        return status;
    }
    s3->base.methods = &S3_METHODS;
    s3->page_max = config->page_max != 0 ? config->page_max : STORE_S3_PAGE;
    *out = &s3->base;
    return STATUS_OK;
}
