/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: settings become the URLs that S3 wants, or an error that says which of
 * them is wrong. */
#include "catalog/vault/s3/address.h"

#include "catalog/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NAME "ab0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"

static const struct store_s3_config GOOD = {.endpoint =
                                                "https://s3.example.org",
                                            .region = "eu-west-1",
                                            .bucket = "songs",
                                            .access_key = "AKIA",
                                            .secret_key = "se/cr+et="};

static struct s3_address address_of(const struct store_s3_config *config)
{
    struct s3_address address;
    struct error err = {0};
    if (s3_address_init(&address, config, &err) != STATUS_OK) {
        print_error("%s\n", err.text);
        fail();
    }
    return address;
}

static void expect_object_url(const struct store_s3_config *config,
                              const char *expected)
{
    struct s3_address address = address_of(config);
    uint8_t name[SHA256_BYTES];
    char url[S3_URL_SIZE];
    assert_true(hex_decode(name, sizeof name, NAME));
    s3_object_url(url, &address, name);
    assert_string_equal(url, expected);
}

static void objects_have_urls_in_both_styles(void **state)
{
    (void)state;
    struct store_s3_config config = GOOD;
    expect_object_url(&config, "https://s3.example.org/songs/ab/" NAME);
    config.prefix = "music/vault-1";
    expect_object_url(&config,
                      "https://s3.example.org/songs/music/vault-1/ab/" NAME);
    config.style = STORE_S3_VIRTUAL_HOST;
    expect_object_url(&config,
                      "https://songs.s3.example.org/music/vault-1/ab/" NAME);
    config.endpoint = "http://s3.localhost:8080";
    config.prefix = "";
    expect_object_url(&config, "http://songs.s3.localhost:8080/ab/" NAME);
}

/* Sorted by name, every reserved character encoded: signed as it stands. */
static void listings_are_asked_for_in_order_and_encoded(void **state)
{
    (void)state;
    struct store_s3_config config = GOOD;
    char url[S3_URL_SIZE];
    struct s3_address address = address_of(&config);
    s3_list_url(url, &address, 1000, "");
    assert_string_equal(url, "https://s3.example.org/songs?list-type=2"
                             "&max-keys=1000&prefix=");
    config.prefix = "a/b_c";
    config.style = STORE_S3_VIRTUAL_HOST;
    address = address_of(&config);
    s3_list_url(url, &address, 7, "a/b_c/x y&z=\xc3\xa9~");
    assert_string_equal(url, "https://songs.s3.example.org/?list-type=2"
                             "&max-keys=7&prefix=a%2Fb_c%2F"
                             "&start-after=a%2Fb_c%2Fx%20y%26z%3D%C3%A9~");
}

static void the_longest_key_fits_into_a_url(void **state)
{
    (void)state;
    struct store_s3_config config = GOOD;
    struct s3_address address = address_of(&config);
    char key[S3_KEY_SIZE];
    char url[S3_URL_SIZE];
    memset(key, '/', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    s3_list_url(url, &address, 1000, key);
    assert_int_equal(strlen(strstr(url, "start-after=")),
                     strlen("start-after=") + (size_t)3 * 1024);
}

static void keys_of_ours_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        bool ours;
    } cases[] = {
        {"p/ab/" NAME, true},
        {"ab/" NAME, false}, /* without the prefix */
        {"p/cd/" NAME, false},
        {"p/" NAME, false},
        {"p/ab/" NAME "0", false},
        {"p/ab/" NAME "/", false},
        {"p/ab" NAME, false},
        {"p/AB/AB0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
         "abcd",
         false},
        {"p/probe", false},
        {"p/", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t name[SHA256_BYTES];
        if (s3_key_name(name, "p/", cases[i].key) != cases[i].ours) {
            print_error("%s\n", cases[i].key);
            fail();
        }
    }
}

static void a_key_is_read_as_it_is_written(void **state)
{
    (void)state;
    struct store_s3_config config = GOOD;
    config.prefix = "music";
    struct s3_address address = address_of(&config);
    uint8_t name[SHA256_BYTES];
    uint8_t back[SHA256_BYTES];
    char key[S3_KEY_SIZE];
    crypto_sha256(name, "x", 1);
    s3_object_key(key, &address, name);
    assert_true(s3_key_name(back, address.prefix, key));
    assert_memory_equal(back, name, sizeof name);
}

static void expect_invalid(const struct store_s3_config *config,
                           const char *setting)
{
    struct s3_address address;
    struct error err = {0};
    enum status status = s3_address_init(&address, config, &err);
    if (status != STATUS_INVALID || strstr(err.text, setting) == NULL) {
        print_error("status %d, %s; endpoint %s, bucket %s\n", (int)status,
                    err.text, config->endpoint, config->bucket);
        fail();
    }
    assert_string_equal(err.code, "store_config");
    assert_null(strstr(err.text, GOOD.secret_key));
}

static void wrong_endpoints_are_refused(void **state)
{
    (void)state;
    static const char *const endpoints[] = {
        NULL,
        "",
        "s3.example.org",
        "ftp://s3.example.org",
        "https://",
        "https://s3.example.org/",
        "https://s3.example.org/path",
        "https://user@s3.example.org",
        "https://s3.example.org?x",
        "https://s3.example.org#x",
        "https://s3.example.org:",
        "https://s3.example.org:0",
        "https://s3.example.org:65536",
        "https://s3.example.org:80x",
        "https://s3.example.org:80:80",
        "https://s3 example.org",
        "https://[::1",
        "https://[::1]x",
        "https://s3.example.org\r\nX: y",
    };
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        struct store_s3_config config = GOOD;
        config.endpoint = endpoints[i];
        expect_invalid(&config, "endpoint");
    }
}

/* What the secrets' signatures travel over. */
static void plain_http_stays_on_this_machine(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint;
        bool here;
    } cases[] = {
        {"http://localhost", true},
        {"http://127.0.0.1:7520", true},
        {"http://127.9.9.9", true},
        {"http://[::1]:80", true},
        {"http://s3.localhost", true},
        {"http://10.0.0.1", false},
        {"http://s3.example.org", false},
        {"http://127.evil.org", false},
        {"http://127.0.0.1.evil.org", false},
        {"http://localhost.evil.org", false},
        {"http://notlocalhost", false},
        {"http://[::2]", false},
        {"http://0.0.0.0", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct store_s3_config config = GOOD;
        config.endpoint = cases[i].endpoint;
        if (cases[i].here) {
            assert_false(address_of(&config).https);
        } else {
            expect_invalid(&config, "endpoint");
        }
        config.allow_http = true;
        assert_false(address_of(&config).https);
    }
}

static void wrong_buckets_and_prefixes_are_refused(void **state)
{
    (void)state;
    static const char *const buckets[] = {NULL,    "",      "ab",    "Songs",
                                          "a/b/c", "-ab",   "ab.",   "a..b",
                                          "a b",   "a\nbc", "../abc"};
    static const char *const prefixes[] = {
        "/",   "/a",  "a/",   "a//b",   "..",     "a/..",    "./a",
        "a b", "a?b", "a%2f", "a\r\nb", "a/../b", "\xc3\xa9"};
    struct store_s3_config config = GOOD;
    for (size_t i = 0; i < sizeof buckets / sizeof buckets[0]; i++) {
        config.bucket = buckets[i];
        expect_invalid(&config, "bucket");
    }
    config = GOOD;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        config.prefix = prefixes[i];
        expect_invalid(&config, "prefix");
    }
}

static void buckets_stand_only_before_names(void **state)
{
    (void)state;
    struct store_s3_config config = GOOD;
    config.style = STORE_S3_VIRTUAL_HOST;
    config.endpoint = "https://10.0.0.1";
    expect_invalid(&config, "path style");
    config.endpoint = "https://[::1]";
    expect_invalid(&config, "path style");
    config = GOOD;
    config.style = STORE_S3_VIRTUAL_HOST;
    config.bucket = "so.ngs";
    expect_invalid(&config, "path style");
}

static void what_would_split_a_header_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"a b", "a\r\nX-Evil: 1", "a\tb", "\x7f",
                                      "\xc3\xa9"};
    struct store_s3_config config = GOOD;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        config = GOOD;
        config.access_key = bad[i];
        expect_invalid(&config, "access key");
        config = GOOD;
        config.secret_key = bad[i];
        expect_invalid(&config, "secret key");
        config = GOOD;
        config.session_token = bad[i];
        expect_invalid(&config, "session token");
        config = GOOD;
        config.region = bad[i];
        expect_invalid(&config, "region");
    }
    config = GOOD;
    config.access_key = NULL;
    expect_invalid(&config, "access key");
    config = GOOD;
    config.secret_key = "";
    expect_invalid(&config, "secret key");
    config = GOOD;
    config.region = "aws:amz";
    expect_invalid(&config, "region");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_have_urls_in_both_styles),
        cmocka_unit_test(listings_are_asked_for_in_order_and_encoded),
        cmocka_unit_test(the_longest_key_fits_into_a_url),
        cmocka_unit_test(keys_of_ours_are_known),
        cmocka_unit_test(a_key_is_read_as_it_is_written),
        cmocka_unit_test(wrong_endpoints_are_refused),
        cmocka_unit_test(plain_http_stays_on_this_machine),
        cmocka_unit_test(wrong_buckets_and_prefixes_are_refused),
        cmocka_unit_test(buckets_stand_only_before_names),
        cmocka_unit_test(what_would_split_a_header_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
