/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: answers of S3, its XML too, are taken for what they are, and hostile
 * ones for nothing. */
#include "catalog/vault/s3/answer.h"
#include "catalog/vault/s3/xml.h"

#include "matcher/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HASH_1                                                                 \
    "1100000000000000000000000000000000000000000000000000000000000000"
#define HASH_2                                                                 \
    "2200000000000000000000000000000000000000000000000000000000000000"
#define KEY_1 "p/11/" HASH_1
#define KEY_2 "p/22/" HASH_2
#define OPEN                                                                   \
    "<?xml version='1.0' encoding='UTF-8'?>\n"                                 \
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define CLOSE "</ListBucketResult>"
#define OBJECT(key, size)                                                      \
    "<Contents><Key>" key "</Key><ETag>&quot;1&quot;</ETag><Size>" size        \
    "</Size><Owner><ID>x</ID></Owner></Contents>"
#define WHOLE "<IsTruncated>false</IsTruncated>"
#define MORE "<IsTruncated>true</IsTruncated>"

static void outcomes_follow_code_then_status(void **state)
{
    (void)state;
    static const struct {
        long http_status;
        const char *code;
        enum s3_outcome outcome;
        const char *word;
    } cases[] = {
        {200, "", S3_DONE, NULL},
        {204, "", S3_DONE, NULL},
        {206, "", S3_DONE, NULL},
        {404, "NoSuchKey", S3_MISSING, NULL},
        {404, "NoSuchBucket", S3_REFUSED, "store_bucket"},
        {404, "", S3_REFUSED, "store_refused"}, /* who knows what that was */
        {403, "SignatureDoesNotMatch", S3_REFUSED, "store_denied"},
        {403, "InvalidAccessKeyId", S3_REFUSED, "store_denied"},
        {403, "AccessDenied", S3_REFUSED, "store_denied"},
        {400, "ExpiredToken", S3_REFUSED, "store_denied"},
        {403, "", S3_REFUSED, "store_denied"},
        {403, "RequestTimeTooSkewed", S3_REFUSED, "store_clock"},
        {400, "AuthorizationHeaderMalformed", S3_REFUSED, "store_region"},
        {301, "PermanentRedirect", S3_REFUSED, "store_region"},
        {307, "TemporaryRedirect", S3_REFUSED, "store_region"},
        {400, "XAmzContentSHA256Mismatch", S3_AGAIN, "store_altered"},
        {400, "RequestTimeout", S3_AGAIN, "store_busy"},
        {408, "", S3_AGAIN, "store_busy"},
        {429, "", S3_AGAIN, "store_busy"},
        {500, "InternalError", S3_AGAIN, "store_busy"},
        {502, "", S3_AGAIN, "store_busy"},
        {503, "SlowDown", S3_AGAIN, "store_busy"},
        {504, "", S3_AGAIN, "store_busy"},
        {507, "", S3_REFUSED, "vault_full"},
        {501, "NotImplemented", S3_REFUSED, "store_refused"},
        {400, "SomethingNew", S3_REFUSED, "store_refused"},
        {304, "", S3_REFUSED, "store_refused"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct s3_verdict verdict =
            s3_judge(cases[i].http_status, cases[i].code);
        if (verdict.outcome != cases[i].outcome) {
            print_error("%ld %s: %d\n", cases[i].http_status, cases[i].code,
                        (int)verdict.outcome);
        }
        assert_int_equal(verdict.outcome, cases[i].outcome);
        if (cases[i].word != NULL) {
            assert_string_equal(verdict.code, cases[i].word);
            assert_true(strlen(verdict.text) > 20);
        } else {
            assert_null(verdict.code);
        }
    }
}

static void content_ranges_are_read(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "bytes",
                                      "bytes 0-9",
                                      "bytes 0-9/",
                                      "bytes 0-9/*",
                                      "bytes */10",
                                      "bytes 9-0/10",
                                      "bytes 0-10/10",
                                      "bytes -1-5/10",
                                      "bytes 0-9/10 ",
                                      "bytes  0-9/10",
                                      "bytes 0-9/1000000000000000000000",
                                      "items 0-9/10"};
    struct s3_content_range range;
    assert_true(s3_content_range_read(&range, "bytes 10-19/1048576"));
    assert_int_equal(range.first, 10);
    assert_int_equal(range.last, 19);
    assert_int_equal(range.total, 1048576);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(s3_content_range_read(&range, bad[i]));
    }
}

static void expect_code(const char *xml, const char *expected)
{
    char code[S3_CODE_SIZE];
    s3_error_code(code, xml, strlen(xml));
    assert_string_equal(code, expected);
}

static void the_code_of_an_error_is_found(void **state)
{
    (void)state;
    expect_code("<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>NoSuchKey"
                "</Code><Message>none</Message></Error>",
                "NoSuchKey");
    expect_code("<Error xmlns='x'><Message>a</Message><Code>SlowDown</Code>"
                "</Error>",
                "SlowDown");
    expect_code("", "");
    expect_code("<html><body>404</body></html>", "");
    expect_code("<Error><Code>No\nsuch: key</Code></Error>", "");
    expect_code("<Error><Inner><Code>NoSuchKey</Code></Inner></Error>", "");
    expect_code("<!DOCTYPE Error [<!ENTITY k 'NoSuchKey'>]>"
                "<Error><Code>&k;</Code></Error>",
                "");
}

static enum status read_text(struct s3_listing *out, const char *after,
                             const char *xml)
{
    struct error err = {0};
    enum status status =
        s3_listing_read(out, "p/", after, xml, strlen(xml), &err);
    if (status != STATUS_OK) {
        assert_string_equal(err.code, "store_listing");
        assert_null(out->entries);
        assert_int_equal(out->entry_count, 0);
    }
    return status;
}

static void a_page_has_its_objects(void **state)
{
    (void)state;
    struct s3_listing page;
    assert_int_equal(read_text(&page, "",
                               OPEN "<Name>b</Name><Prefix>p/</Prefix>" MORE
                                    "<Contents/>" CLOSE),
                     STATUS_UNAVAILABLE); /* an object without a key */
    assert_int_equal(
        read_text(&page, "",
                  OPEN "<Name>b</Name><Prefix>p/</Prefix><!-- x -->" MORE
                       "\n  " OBJECT(KEY_1, "33") OBJECT(KEY_2, "1049600")
                           OBJECT("p/probe", "5") CLOSE),
        STATUS_OK);
    assert_int_equal(page.entry_count, 2);
    assert_int_equal(page.entries[0].name[0], 0x11);
    assert_int_equal(page.entries[0].size_bytes, 33);
    assert_int_equal(page.entries[1].name[0], 0x22);
    assert_int_equal(page.entries[1].size_bytes, 1049600);
    assert_true(page.truncated);
    assert_string_equal(page.last_key, "p/probe");
    s3_listing_clear(&page);
    assert_int_equal(read_text(&page, KEY_1, OPEN WHOLE CLOSE), STATUS_OK);
    assert_int_equal(page.entry_count, 0);
    assert_false(page.truncated);
    assert_string_equal(page.last_key, KEY_1);
    s3_listing_clear(&page);
}

/* A name may have characters that XML writes in its own way. */
static void keys_of_others_are_read_whole(void **state)
{
    (void)state;
    struct s3_listing page;
    assert_int_equal(read_text(&page, "",
                               OPEN WHOLE OBJECT(
                                   "p/a&amp;b&#x3c;c<![CDATA[&]]>", "1") CLOSE),
                     STATUS_OK);
    assert_int_equal(page.entry_count, 0);
    assert_string_equal(page.last_key, "p/a&b<c&");
    s3_listing_clear(&page);
}

static void pages_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const pages[] = {
        "",
        "x",
        "<ListBucketResult>",
        "<Error><Code>NoSuchBucket</Code></Error>",
        OPEN CLOSE, /* it does not say whether there is more */
        OPEN "<IsTruncated>maybe</IsTruncated>" CLOSE,
        OPEN MORE CLOSE, /* more, but nothing to go on from */
        OPEN WHOLE OBJECT(KEY_1, "33"),
        OPEN WHOLE OBJECT(KEY_1, "33") CLOSE "<x/>",
        OPEN WHOLE OBJECT(KEY_1, "") CLOSE,
        OPEN WHOLE OBJECT(KEY_1, "-1") CLOSE,
        OPEN WHOLE OBJECT(KEY_1, "0x10") CLOSE,
        OPEN WHOLE OBJECT(KEY_1, "9999999999999999999") CLOSE,
        OPEN WHOLE OBJECT("", "33") CLOSE,
        OPEN WHOLE "<Contents><Key>" KEY_1 "</Key></Contents>" CLOSE,
        OPEN WHOLE "<Contents><Size>1</Size></Contents>" CLOSE,
        OPEN WHOLE OBJECT(KEY_2, "33") OBJECT(KEY_1, "33") CLOSE,
        OPEN WHOLE OBJECT(KEY_1, "33") OBJECT(KEY_1, "33") CLOSE,
        OPEN WHOLE "<a><b><c><d><e><f><g/></f></e></d></c></b></a>" CLOSE,
        OPEN WHOLE "&nothing;" CLOSE,
        "<!DOCTYPE x SYSTEM 'file:///etc/passwd'>" OPEN WHOLE CLOSE,
        "<!DOCTYPE l [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
        "<ListBucketResult>" WHOLE OBJECT("&x;", "33") CLOSE,
        "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]>"
        "<ListBucketResult>" WHOLE OBJECT("&b;", "33") CLOSE,
    };
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct s3_listing page;
        if (read_text(&page, "", pages[i]) != STATUS_UNAVAILABLE) {
            print_error("%s\n", pages[i]);
            fail();
        }
    }
}

/* Else a server could keep a listing going for ever. */
static void a_page_goes_on_behind_the_last(void **state)
{
    (void)state;
    struct s3_listing page;
    const char *xml = OPEN MORE OBJECT(KEY_1, "33") OBJECT(KEY_2, "33") CLOSE;
    assert_int_equal(read_text(&page, KEY_1, xml), STATUS_UNAVAILABLE);
    assert_int_equal(read_text(&page, KEY_2, xml), STATUS_UNAVAILABLE);
    assert_int_equal(read_text(&page, "p/10", xml), STATUS_OK);
    s3_listing_clear(&page);
}

static void write_page(struct buffer *out, unsigned count)
{
    assert_int_equal(buffer_printf(out, NULL, "%s", OPEN WHOLE), STATUS_OK);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(
            buffer_printf(out, NULL,
                          "<Contents><Key>p/00/%064x</Key><Size>%u</Size>"
                          "</Contents>",
                          i, i),
            STATUS_OK);
    }
    assert_int_equal(buffer_printf(out, NULL, "%s", CLOSE), STATUS_OK);
}

static void a_page_has_a_thousand_objects_at_most(void **state)
{
    (void)state;
    struct buffer xml = {0};
    struct s3_listing page;
    write_page(&xml, S3_LISTING_MAX_ENTRIES);
    assert_int_equal(read_text(&page, "", buffer_text(&xml)), STATUS_OK);
    assert_int_equal(page.entry_count, S3_LISTING_MAX_ENTRIES);
    assert_int_equal(page.entries[999].size_bytes, 999);
    s3_listing_clear(&page);
    buffer_clear(&xml);
    write_page(&xml, S3_LISTING_MAX_ENTRIES + 1);
    assert_int_equal(read_text(&page, "", buffer_text(&xml)),
                     STATUS_UNAVAILABLE);
    buffer_clear(&xml);
}

static void long_keys_are_refused(void **state)
{
    (void)state;
    struct s3_listing page;
    char key[S3_KEY_SIZE + 1];
    char xml[S3_KEY_SIZE + 512];
    memset(key, 'x', sizeof key);
    key[1024] = '\0';
    (void)snprintf(xml, sizeof xml, OPEN WHOLE OBJECT("%s", "1") CLOSE, key);
    assert_int_equal(read_text(&page, "", xml), STATUS_OK);
    s3_listing_clear(&page);
    key[1024] = 'x';
    key[1025] = '\0';
    (void)snprintf(xml, sizeof xml, OPEN WHOLE OBJECT("%s", "1") CLOSE, key);
    assert_int_equal(read_text(&page, "", xml), STATUS_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_follow_code_then_status),
        cmocka_unit_test(content_ranges_are_read),
        cmocka_unit_test(the_code_of_an_error_is_found),
        cmocka_unit_test(a_page_has_its_objects),
        cmocka_unit_test(keys_of_others_are_read_whole),
        cmocka_unit_test(pages_that_are_none_are_refused),
        cmocka_unit_test(a_page_goes_on_behind_the_last),
        cmocka_unit_test(a_page_has_a_thousand_objects_at_most),
        cmocka_unit_test(long_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
