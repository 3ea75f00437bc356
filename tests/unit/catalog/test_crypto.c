/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: the primitives are the ones that their standards describe. Every
 * expected value below is printed in the standard that its test names. */
#include "catalog/vault/crypto.h"

#include "catalog/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_BYTES = 256 };

/* Hex to bytes; the length is the text's. */
static size_t unhex(uint8_t out[MAX_BYTES], const char *text)
{
    size_t length = strlen(text) / 2;
    assert_true(length <= MAX_BYTES);
    assert_true(hex_decode(out, length, text));
    return length;
}

static void expect_hex(const uint8_t *bytes, size_t length, const char *text)
{
    char got[2 * MAX_BYTES + 1];
    assert_true(length <= MAX_BYTES);
    hex_encode(got, bytes, length);
    assert_string_equal(got, text);
}

static void sha256_of_fips_180_examples(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *digest;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb924"
             "27ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223"
                "b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t digest[SHA256_BYTES];
        crypto_sha256(digest, cases[i].text, strlen(cases[i].text));
        expect_hex(digest, sizeof digest, cases[i].digest);
    }
}

static void sha256_in_pieces_is_that_of_the_whole(void **state)
{
    (void)state;
    struct crypto_hash *hash = crypto_hash_new();
    char block[997];
    memset(block, 'a', sizeof block);
    size_t left = 1000000;
    while (left > 0) {
        size_t piece = left < sizeof block ? left : sizeof block;
        crypto_hash_add(hash, block, piece);
        left -= piece;
    }
    uint8_t digest[SHA256_BYTES];
    crypto_hash_finish(hash, digest);
    /* FIPS 180-2, B.3: a million times "a" */
    expect_hex(digest, sizeof digest,
               "cdc76e5c9914fb9281a1c7e284d73e67"
               "f1809a48a497200e046d39ccc7112cd0");
}

static void hmac_of_rfc_4231(void **state)
{
    (void)state;
    static const struct {
        size_t key_length;
        size_t data_length;
        const char *key;  /* NULL: key_byte repeated */
        const char *data; /* NULL: data_byte repeated */
        const char *mac;
        uint8_t key_byte;
        uint8_t data_byte;
    } cases[] = {
        {20, 0, NULL, "Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
         0x0b, 0},
        {0, 0, "Jefe", "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", 0,
         0},
        {20, 50, NULL, NULL,
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
         0xaa, 0xdd},
        {131, 0, NULL, "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
         0xaa, 0},
        {131, 0, NULL,
         "This is a test using a larger than block-size key and a larger than "
         "block-size data. The key needs to be hashed before being used by the "
         "HMAC algorithm.",
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
         0xaa, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char key[MAX_BYTES];
        char data[MAX_BYTES];
        size_t key_length = cases[i].key_length;
        size_t data_length = cases[i].data_length;
        memset(key, cases[i].key_byte, sizeof key);
        memset(data, cases[i].data_byte, sizeof data);
        if (cases[i].key != NULL) {
            key_length = strlen(cases[i].key);
            memcpy(key, cases[i].key, key_length);
        }
        if (cases[i].data != NULL) {
            data_length = strlen(cases[i].data);
            memcpy(data, cases[i].data, data_length);
        }
        uint8_t mac[SHA256_BYTES];
        crypto_hmac(mac, key, key_length, NULL, data, data_length);
        expect_hex(mac, sizeof mac, cases[i].mac);
    }
}

static void hmac_label_is_its_text_and_a_zero_byte(void **state)
{
    (void)state;
    uint8_t labelled[SHA256_BYTES];
    uint8_t plain[SHA256_BYTES];
    crypto_hmac(labelled, "Jefe", 4, "what", "do ya", 5);
    crypto_hmac(plain, "Jefe", 4, NULL, "what\0do ya", 10);
    assert_memory_equal(labelled, plain, sizeof plain);
}

/* "The Galois/Counter Mode of Operation" (McGrew, Viega; NIST's submission),
 * appendix B, test cases 1-4 and 13-16. */
static const struct gcm_case {
    const char *key;
    const char *nonce;
    const char *aad;
    const char *plain;
    const char *sealed;
    const char *tag;
} GCM_CASES[] = {
    {"00000000000000000000000000000000", "000000000000000000000000", "", "", "",
     "58e2fccefa7e3061367f1d57a4e7455a"},
    {"00000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
     "ab6e47d42cec13bdf53a67b21257bddf"},
    {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985",
     "4d5c2af327cd64a62cf35abd2ba6fab4"},
    {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {"0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

struct gcm_bytes {
    uint8_t key[MAX_BYTES];
    uint8_t nonce[MAX_BYTES];
    uint8_t aad[MAX_BYTES];
    uint8_t plain[MAX_BYTES];
    uint8_t sealed[MAX_BYTES];
    uint8_t tag[MAX_BYTES];
    size_t key_length;
    size_t aad_length;
    size_t length;
};

static void gcm_bytes_init(struct gcm_bytes *out, const struct gcm_case *from)
{
    out->key_length = unhex(out->key, from->key);
    assert_int_equal(unhex(out->nonce, from->nonce), GCM_NONCE_BYTES);
    out->aad_length = unhex(out->aad, from->aad);
    out->length = unhex(out->plain, from->plain);
    assert_int_equal(unhex(out->sealed, from->sealed), out->length);
    assert_int_equal(unhex(out->tag, from->tag), GCM_TAG_BYTES);
}

static void gcm_seals_as_the_standard_prints(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof GCM_CASES / sizeof GCM_CASES[0]; i++) {
        struct gcm_bytes in;
        uint8_t out[MAX_BYTES];
        uint8_t tag[GCM_TAG_BYTES];
        gcm_bytes_init(&in, &GCM_CASES[i]);
        crypto_gcm_seal(out, tag, in.key, in.key_length, in.nonce, in.aad,
                        in.aad_length, in.plain, in.length);
        assert_memory_equal(out, in.sealed, in.length);
        assert_memory_equal(tag, in.tag, sizeof tag);
    }
}

static void gcm_opens_what_the_standard_prints_in_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof GCM_CASES / sizeof GCM_CASES[0]; i++) {
        struct gcm_bytes in;
        gcm_bytes_init(&in, &GCM_CASES[i]);
        assert_int_equal(crypto_gcm_open(in.sealed, in.key, in.key_length,
                                         in.nonce, in.aad, in.aad_length,
                                         in.sealed, in.length, in.tag, NULL),
                         STATUS_OK);
        assert_memory_equal(in.sealed, in.plain, in.length);
    }
}

/* One flipped bit of key, nonce, AAD, bytes or tag. */
static void gcm_refuses_any_change_and_hands_out_nothing(void **state)
{
    (void)state;
    struct gcm_bytes in;
    gcm_bytes_init(&in, &GCM_CASES[3]);
    const struct {
        uint8_t *bytes;
        size_t length;
    } regions[] = {{in.key, in.key_length},
                   {in.nonce, GCM_NONCE_BYTES},
                   {in.aad, in.aad_length},
                   {in.sealed, in.length},
                   {in.tag, GCM_TAG_BYTES}};
    for (size_t r = 0; r < sizeof regions / sizeof regions[0]; r++) {
        for (size_t bit = 0; bit < 8 * regions[r].length; bit++) {
            uint8_t out[MAX_BYTES];
            static const uint8_t nothing[MAX_BYTES];
            struct error err = {0};
            uint8_t flip = (uint8_t)(1U << (bit % 8));
            memset(out, 0xee, sizeof out);
            regions[r].bytes[bit / 8] ^= flip;
            assert_int_equal(crypto_gcm_open(out, in.key, in.key_length,
                                             in.nonce, in.aad, in.aad_length,
                                             in.sealed, in.length, in.tag,
                                             &err),
                             STATUS_CORRUPT);
            assert_string_equal(err.code, "sealed_bytes");
            assert_memory_equal(out, nothing, in.length);
            regions[r].bytes[bit / 8] ^= flip;
        }
    }
}

static void gcm_context_serves_many_segments_in_both_directions(void **state)
{
    (void)state;
    struct gcm_bytes in;
    gcm_bytes_init(&in, &GCM_CASES[7]);
    struct crypto_gcm *gcm = crypto_gcm_new(in.key, in.key_length);
    for (int round = 0; round < 3; round++) {
        uint8_t out[MAX_BYTES];
        uint8_t tag[GCM_TAG_BYTES];
        crypto_gcm_seal_next(gcm, out, tag, in.nonce, in.aad, in.aad_length,
                             in.plain, in.length);
        assert_memory_equal(out, in.sealed, in.length);
        assert_memory_equal(tag, in.tag, sizeof tag);
        tag[0] ^= 1;
        assert_int_equal(crypto_gcm_open_next(gcm, out, in.nonce, in.aad,
                                              in.aad_length, in.sealed,
                                              in.length, tag, NULL),
                         STATUS_CORRUPT);
        assert_int_equal(crypto_gcm_open_next(gcm, out, in.nonce, in.aad,
                                              in.aad_length, in.sealed,
                                              in.length, in.tag, NULL),
                         STATUS_OK);
        assert_memory_equal(out, in.plain, in.length);
    }
    crypto_gcm_free(gcm);
}

static void key_wrap_of_rfc_3394(void **state)
{
    (void)state;
    /* section 4.6: 256 bits of key data with a 256-bit key */
    uint8_t wrapping_key[MAX_BYTES];
    uint8_t key[MAX_BYTES];
    uint8_t wrapped[AES256_KEY_BYTES + KEY_WRAP_EXTRA_BYTES];
    uint8_t unwrapped[AES256_KEY_BYTES];
    (void)unhex(wrapping_key, "000102030405060708090a0b0c0d0e0f"
                              "101112131415161718191a1b1c1d1e1f");
    (void)unhex(key, "00112233445566778899aabbccddeeff"
                     "000102030405060708090a0b0c0d0e0f");
    crypto_key_wrap(wrapped, wrapping_key, key);
    expect_hex(wrapped, sizeof wrapped,
               "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326"
               "cbc7f0e71a99f43bfb988b9b7a02dd21");
    assert_int_equal(crypto_key_unwrap(unwrapped, wrapping_key, wrapped, NULL),
                     STATUS_OK);
    assert_memory_equal(unwrapped, key, sizeof unwrapped);
}

static void key_unwrap_refuses_any_flipped_bit(void **state)
{
    (void)state;
    uint8_t wrapping_key[AES256_KEY_BYTES] = {1};
    uint8_t key[AES256_KEY_BYTES] = {2};
    uint8_t wrapped[AES256_KEY_BYTES + KEY_WRAP_EXTRA_BYTES];
    crypto_key_wrap(wrapped, wrapping_key, key);
    for (size_t bit = 0; bit < 8 * sizeof wrapped; bit++) {
        static const uint8_t nothing[AES256_KEY_BYTES];
        uint8_t out[AES256_KEY_BYTES];
        uint8_t flip = (uint8_t)(1U << (bit % 8));
        wrapped[bit / 8] ^= flip;
        assert_int_equal(crypto_key_unwrap(out, wrapping_key, wrapped, NULL),
                         STATUS_CORRUPT);
        assert_memory_equal(out, nothing, sizeof out);
        wrapped[bit / 8] ^= flip;
    }
}

static void random_bytes_differ(void **state)
{
    (void)state;
    uint8_t one[32] = {0};
    uint8_t other[32] = {0};
    crypto_random(one, sizeof one);
    crypto_random(other, sizeof other);
    assert_memory_not_equal(one, other, sizeof one);
    crypto_wipe(one, sizeof one);
    static const uint8_t nothing[32];
    assert_memory_equal(one, nothing, sizeof one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_fips_180_examples),
        cmocka_unit_test(sha256_in_pieces_is_that_of_the_whole),
        cmocka_unit_test(hmac_of_rfc_4231),
        cmocka_unit_test(hmac_label_is_its_text_and_a_zero_byte),
        cmocka_unit_test(gcm_seals_as_the_standard_prints),
        cmocka_unit_test(gcm_opens_what_the_standard_prints_in_place),
        cmocka_unit_test(gcm_refuses_any_change_and_hands_out_nothing),
        cmocka_unit_test(gcm_context_serves_many_segments_in_both_directions),
        cmocka_unit_test(key_wrap_of_rfc_3394),
        cmocka_unit_test(key_unwrap_refuses_any_flipped_bit),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
