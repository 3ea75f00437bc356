/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: the S3 store and the vault on it, against a server that checks what it
 * is sent, while that is well and while it is not. tests/e2e/s3.sh starts one,
 * and says in which state it is:
 *   well      it answers
 *   dead      what keeps its objects was killed
 *   returning likewise, and is started once REFRAIN_S3_SEEN_DEAD is there
 *   altered   bodies are changed on their way to it
 *   cut       its answers are cut on their way here
 *   stranger  it has a certificate that REFRAIN_S3_CA_FILE alone vouches for */
#include "tests/support/pattern.h"
#include "tests/support/store.h"
#include "tests/support/vault.h"

#include "catalog/vault/s3/address.h"
#include "catalog/vault/s3/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LENGTH = 100000,
    SONG_BYTES = 1500000,
    PATIENT_TRIES = 200,
    PATIENT_MS = 90000,
    SHORT_MS = 3000,
};

static struct store *open_store(const struct store_s3_config *config)
{
    struct error err = {0};
    struct store *store = NULL;
    test_expect_ok(store_s3_open(&store, config, &err), &err);
    return store;
}

static enum status see(void *context, const struct store_entry *entry,
                       struct error *err)
{
    (void)context;
    (void)entry;
    (void)err;
    return STATUS_OK;
}

/* Every method must say so. */
static void expect_all(const struct store_s3_config *config, const char *code)
{
    struct store *store = open_store(config);
    struct store_object *object = NULL;
    struct error err = {0};
    uint8_t name[SHA256_BYTES];
    uint8_t *bytes = test_object(name, LENGTH, 1);
    bool there = false;
    const struct store_methods *does = store->methods;
    const enum status said[] = {
        does->put(store, name, bytes, LENGTH, &err),
        does->open(store, name, &object, &err),
        does->has(store, name, &there, &err),
        does->remove(store, name, &err),
        does->list(store, NULL, see, NULL, &err),
        does->probe(store, &err),
    };
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        test_expect_error(said[i], STATUS_UNAVAILABLE, &err, code);
    }
    assert_null(strstr(err.text, config->secret_key));
    does->close(store);
    free(bytes);
}

static void a_wrong_secret_is_denied(void **state)
{
    (void)state;
    struct store_s3_config config = test_s3_config();
    config.secret_key = "guessed";
    expect_all(&config, "store_denied");
}

static void an_unknown_key_is_denied(void **state)
{
    (void)state;
    struct store_s3_config config = test_s3_config();
    config.access_key = "test:nobody";
    expect_all(&config, "store_denied");
}

static void a_missing_bucket_is_named(void **state)
{
    (void)state;
    struct store_s3_config config = test_s3_config();
    config.bucket = "no-such-bucket";
    expect_all(&config, "store_bucket");
}

static void a_wrong_region_is_named(void **state)
{
    (void)state;
    struct store_s3_config config = test_s3_config();
    config.region = "eu-north-7";
    expect_all(&config, "store_region");
}

/* The server knows of no tokens, but its signature covers what was signed. */
static void the_signature_covers_a_session_token(void **state)
{
    (void)state;
    struct store_s3_config config = test_s3_config();
    uint8_t name[SHA256_BYTES];
    config.session_token = "FwoGZXIvYXdzEBYaDG/+token==";
    struct store *store = open_store(&config);
    test_store_put(store, name, LENGTH, 2);
    test_store_expect(store, LENGTH, 2);
    store->methods->close(store);
}

static void buckets_may_stand_in_the_host(void **state)
{
    (void)state;
    struct store_s3_config config = test_s3_config();
    struct error err = {0};
    char endpoint[128];
    uint8_t name[SHA256_BYTES];
    (void)snprintf(endpoint, sizeof endpoint, "http://s3.localhost:%s",
                   strrchr(config.endpoint, ':') + 1);
    config.endpoint = endpoint;
    config.style = STORE_S3_VIRTUAL_HOST;
    config.prefix = "hosted";
    struct store *store = open_store(&config);
    test_store_put(store, name, LENGTH, 3);
    test_store_expect(store, LENGTH, 3);
    test_expect_ok(store->methods->list(store, NULL, see, NULL, &err), &err);
    test_expect_ok(store->methods->remove(store, name, &err), &err);
    assert_false(test_store_has(store, name));
    store->methods->close(store);
}

/* --- the vault
 * ---------------------------------------------------------------- */

struct on_s3 {
    struct store_s3_config config;
    struct test_vault tv; /* its vault is on S3, its keys in a folder */
    uint8_t song[SONG_BYTES];
    struct buffer manifest;
};

static int vault_set_up(void **state)
{
    struct on_s3 *on = calloc(1, sizeof *on);
    struct error err = {0};
    assert_non_null(on);
    test_vault_open(&on->tv);
    vault_close(on->tv.vault);
    on->config = test_s3_config();
    on->config.prefix = "vault";
    test_expect_ok(vault_open(&on->tv.vault, open_store(&on->config),
                              on->tv.keyring, &err),
                   &err);
    pattern_fill(on->song, sizeof on->song, 5);
    test_vault_put(&on->tv, &TEST_OWNER, on->song, SONG_BYTES, &on->manifest);
    *state = on;
    return 0;
}

static int vault_tear_down(void **state)
{
    struct on_s3 *on = *state;
    buffer_clear(&on->manifest);
    test_vault_close(&on->tv);
    free(on);
    return 0;
}

static void a_song_comes_back_in_any_range(void **state)
{
    struct on_s3 *on = *state;
    uint64_t random = 9;
    uint8_t *back = malloc(SONG_BYTES);
    struct vault_reader *reader =
        test_vault_reader(&on->tv, &TEST_OWNER, &on->manifest);
    assert_non_null(back);
    test_vault_expect(&on->tv, &TEST_OWNER, &on->manifest, on->song,
                      SONG_BYTES);
    for (int i = 0; i < 30; i++) {
        struct error err = {0};
        size_t got = 0;
        size_t offset = pattern_below(&random, SONG_BYTES);
        size_t length = 1 + pattern_below(&random, 70000);
        size_t left = SONG_BYTES - offset;
        test_expect_ok(vault_read(reader, offset, back, length, &got, &err),
                       &err);
        assert_int_equal(got, length < left ? length : left);
        assert_memory_equal(back, on->song + offset, got);
    }
    vault_reader_close(reader);
    free(back);
}

static enum status collect(void *context, const struct store_entry *entry,
                           struct error *err)
{
    (void)err;
    struct store_entry *largest = context;
    if (entry->size_bytes > largest->size_bytes) {
        *largest = *entry;
    }
    return STATUS_OK;
}

/* Puts other bytes under an object's name, as its server might. */
static void replace(const struct on_s3 *on, const uint8_t name[SHA256_BYTES],
                    const uint8_t *bytes, size_t length)
{
    struct s3_address address;
    struct s3_http *http = NULL;
    struct s3_answer answer = {0};
    struct error err = {0};
    char url[S3_URL_SIZE];
    uint8_t hash[SHA256_BYTES];
    crypto_sha256(hash, bytes, length);
    test_expect_ok(s3_address_init(&address, &on->config, &err), &err);
    s3_object_url(url, &address, name);
    const struct s3_request request = {.method = "PUT",
                                       .url = url,
                                       .body = bytes,
                                       .body_length = length,
                                       .body_sha256 = hash,
                                       .answer_max_bytes = 65536};
    test_expect_ok(s3_http_open(&http, &on->config, false, &err), &err);
    test_expect_ok(
        s3_http_perform(http, &request, s3_now_ms() + 30000, &answer, &err),
        &err);
    assert_int_equal(answer.http_status, 200);
    s3_answer_clear(&answer);
    s3_http_close(http);
}

/* Reads block by block: each is right or there is none. */
static void expect_corrupt(const struct on_s3 *on, const char *what)
{
    enum { BLOCK = 65536 };
    struct vault_reader *reader = test_vault_reader(
        (struct test_vault *)&on->tv, &TEST_OWNER, &on->manifest);
    uint8_t *back = malloc(BLOCK);
    unsigned refused = 0;
    assert_non_null(back);
    for (size_t at = 0; at < SONG_BYTES; at += BLOCK) {
        struct error err = {0};
        size_t got = 0;
        enum status status = vault_read(reader, at, back, BLOCK, &got, &err);
        if (status != STATUS_OK) {
            test_expect_error(status, STATUS_CORRUPT, &err, "chunk_corrupt");
            assert_int_equal(got, 0);
            refused++;
        }
        assert_memory_equal(back, on->song + at, got);
    }
    if (refused == 0) {
        print_error("not found: %s\n", what);
    }
    assert_in_range(refused, 1, 18);
    vault_reader_close(reader);
    free(back);
}

static void what_the_store_spoils_is_found(void **state)
{
    struct on_s3 *on = *state;
    struct error err = {0};
    struct store *store = open_store(&on->config);
    struct store_object *object = NULL;
    struct store_entry largest = {0};
    test_expect_ok(store->methods->list(store, NULL, collect, &largest, &err),
                   &err);
    size_t length = (size_t)largest.size_bytes;
    uint8_t *bytes = malloc(length);
    struct iovec piece = {.iov_base = bytes, .iov_len = length};
    assert_true(length > 100000);
    assert_non_null(bytes);
    test_expect_ok(store->methods->open(store, largest.name, &object, &err),
                   &err);
    test_expect_ok(object->methods->read(object, 0, &piece, 1, &err), &err);
    object->methods->object_close(object);
    /* header, ciphertext, a tag, the last byte */
    const size_t places[] = {9, 20000, 16 + 16384 + 3, length - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        bytes[places[i]] ^= 0x10;
        replace(on, largest.name, bytes, length);
        expect_corrupt(on, "a bit");
        bytes[places[i]] ^= 0x10;
    }
    replace(on, largest.name, bytes, length - 1);
    expect_corrupt(on, "a missing byte");
    /* the same song again mends it */
    struct buffer again = {0};
    test_vault_put(&on->tv, &TEST_OWNER, on->song, SONG_BYTES, &again);
    test_vault_expect(&on->tv, &TEST_OWNER, &on->manifest, on->song,
                      SONG_BYTES);
    buffer_clear(&again);
    store->methods->close(store);
    free(bytes);
}

/* --- bad days
 * ------------------------------------------------------------------ */

static int64_t now_ms(void)
{
    return s3_now_ms();
}

static void a_dead_server_is_busy_within_the_deadline(void **state)
{
    (void)state;
    struct store_s3_config config = test_s3_config();
    struct error err = {0};
    uint8_t name[SHA256_BYTES];
    uint8_t *bytes = test_object(name, LENGTH, 4);
    config.timeout_ms = SHORT_MS;
    struct store *store = open_store(&config);
    int64_t began_ms = now_ms();
    test_expect_error(store->methods->put(store, name, bytes, LENGTH, &err),
                      STATUS_UNAVAILABLE, &err, "store_busy");
    assert_in_range(now_ms() - began_ms, 1, SHORT_MS + 1000);
    store->methods->close(store);
    free(bytes);
}

static void touch(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void a_put_outlasts_a_restart(void **state)
{
    (void)state;
    struct store_s3_config config = test_s3_config();
    uint8_t name[SHA256_BYTES];
    a_dead_server_is_busy_within_the_deadline(state);
    config.tries_max = PATIENT_TRIES;
    config.timeout_ms = PATIENT_MS;
    struct store *store = open_store(&config);
    touch(getenv("REFRAIN_S3_SEEN_DEAD"));
    test_store_put(store, name, LENGTH, 4);
    test_store_expect(store, LENGTH, 4);
    store->methods->close(store);
}

static void an_altered_body_is_refused(void **state)
{
    (void)state;
    struct store_s3_config config = test_s3_config();
    struct error err = {0};
    uint8_t name[SHA256_BYTES];
    uint8_t *bytes = test_object(name, LENGTH, 5);
    config.tries_max = 2;
    struct store *store = open_store(&config);
    test_expect_error(store->methods->put(store, name, bytes, LENGTH, &err),
                      STATUS_UNAVAILABLE, &err, "store_altered");
    assert_false(test_store_has(store, name)); /* nor was it kept */
    store->methods->close(store);
    free(bytes);
}

/* The object is there: written past what cuts the answers. */
static void a_cut_object_is_no_object(void **state)
{
    (void)state;
    struct store_s3_config config = test_s3_config();
    struct store_object *object = NULL;
    struct error err = {0};
    uint8_t name[SHA256_BYTES];
    config.tries_max = 2;
    struct store *store = open_store(&config);
    test_store_put(store, name, LENGTH, 6);
    test_expect_error(store->methods->open(store, name, &object, &err),
                      STATUS_UNAVAILABLE, &err, "store_unreachable");
    assert_null(object);
    assert_true(test_store_has(store, name));
    store->methods->close(store);
}

static void only_whom_the_ca_vouches_for_is_spoken_to(void **state)
{
    (void)state;
    struct store_s3_config config = test_s3_config();
    struct error err = {0};
    uint8_t name[SHA256_BYTES] = {1};
    bool there = false;
    config.tries_max = 1;
    struct store *store = open_store(&config);
    test_expect_error(store->methods->has(store, name, &there, &err),
                      STATUS_UNAVAILABLE, &err, "store_certificate");
    store->methods->close(store);
    config.ca_file = getenv("REFRAIN_S3_CA_FILE");
    store = open_store(&config);
    test_expect_error(store->methods->has(store, name, &there, &err),
                      STATUS_UNAVAILABLE, &err,
                      "store_refused"); /* it is trusted, but no S3 */
    store->methods->close(store);
}

#define VAULT_TEST(name)                                                       \
    cmocka_unit_test_setup_teardown(name, vault_set_up, vault_tear_down)

int main(int argc, char **argv)
{
    const char *how = argc == 2 ? argv[1] : "";
    const struct CMUnitTest well[] = {
        cmocka_unit_test(a_wrong_secret_is_denied),
        cmocka_unit_test(an_unknown_key_is_denied),
        cmocka_unit_test(a_missing_bucket_is_named),
        cmocka_unit_test(a_wrong_region_is_named),
        cmocka_unit_test(the_signature_covers_a_session_token),
        cmocka_unit_test(buckets_may_stand_in_the_host),
        VAULT_TEST(a_song_comes_back_in_any_range),
        VAULT_TEST(what_the_store_spoils_is_found),
    };
    const struct CMUnitTest dead[] = {
        cmocka_unit_test(a_dead_server_is_busy_within_the_deadline)};
    const struct CMUnitTest returning[] = {
        cmocka_unit_test(a_put_outlasts_a_restart)};
    const struct CMUnitTest altered[] = {
        cmocka_unit_test(an_altered_body_is_refused)};
    const struct CMUnitTest cut[] = {
        cmocka_unit_test(a_cut_object_is_no_object)};
    const struct CMUnitTest stranger[] = {
        cmocka_unit_test(only_whom_the_ca_vouches_for_is_spoken_to)};
    if (strcmp(how, "well") == 0) {
        return cmocka_run_group_tests(well, NULL, NULL);
    }
    if (strcmp(how, "dead") == 0) {
        return cmocka_run_group_tests(dead, NULL, NULL);
    }
    if (strcmp(how, "returning") == 0) {
        return cmocka_run_group_tests(returning, NULL, NULL);
    }
    if (strcmp(how, "altered") == 0) {
        return cmocka_run_group_tests(altered, NULL, NULL);
    }
    if (strcmp(how, "cut") == 0) {
        return cmocka_run_group_tests(cut, NULL, NULL);
    }
    if (strcmp(how, "stranger") == 0) {
        return cmocka_run_group_tests(stranger, NULL, NULL);
    }
    (void)fprintf(stderr, "run by tests/e2e/s3.sh\n");
    return 2;
}
