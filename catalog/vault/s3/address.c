/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/s3/address.h"

#include "catalog/id.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum {
    HOST_MAX = 253, /* RFC 1035 */
    REGION_MAX = 64,
    KEY_MAX = 256,
    TOKEN_MAX = 8192, /* AWS names no limit; theirs have 400 to 2000 */
};

static enum status invalid(struct error *err, const char *what)
{
    return error_set(err, STATUS_INVALID, "store_config", "the store's %s",
                     what);
}

static bool consists_of(const char *text, const char *allowed, size_t max)
{
    size_t length = text == NULL ? 0 : strlen(text);
    return length >= 1 && length <= max && strspn(text, allowed) == length;
}

/* May stand in a header: visible ASCII. */
static bool is_visible(const char *text, size_t max)
{
    size_t length = text == NULL ? 0 : strlen(text);
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    return length >= 1 && length <= max;
}

/* A name under localhost is loopback by RFC 6761; libcurl sees to it. */
static bool is_loopback(const char *host)
{
    struct in_addr address;
    size_t length = strlen(host);
    size_t tail = strlen("localhost");
    if (length >= tail && strcmp(host + length - tail, "localhost") == 0) {
        return length == tail || host[length - tail - 1] == '.';
    }
    return strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &address) == 1 &&
            ntohl(address.s_addr) >> 24 == 127);
}

static bool is_port(const char *text)
{
    if (!consists_of(text, DIGITS, 5)) {
        return false;
    }
    unsigned long port = strtoul(text, NULL, 10);
    return port >= 1 && port <= 65535;
}

struct endpoint {
    char host[HOST_MAX + 1]; /* "[…]" of IPv6 */
    const char *port;        /* ":8080" or "" */
    bool https;
    bool is_name; /* no address in digits */
};

/* SCHEME://HOST[:PORT] and nothing more. */
static bool endpoint_read(struct endpoint *out, const char *text)
{
    struct in_addr digits;
    if (text == NULL) {
        return false;
    }
    out->https = strncmp(text, "https://", 8) == 0;
    if (!out->https && strncmp(text, "http://", 7) != 0) {
        return false;
    }
    text += out->https ? 8 : 7;
    bool bracket = text[0] == '[';
    size_t length = bracket ? strcspn(text, "]") + 1 : strcspn(text, ":");
    if (length < 1 || length > HOST_MAX || length > strlen(text)) {
        return false;
    }
    memcpy(out->host, text, length);
    out->host[length] = '\0';
    out->port = text + length;
    out->is_name = !bracket && inet_pton(AF_INET, out->host, &digits) != 1;
    const char *allowed =
        bracket ? DIGITS "abcdefABCDEF:.[]" : DIGITS LOWER UPPER "-.";
    return consists_of(out->host, allowed, HOST_MAX) &&
           (out->port[0] == '\0' ||
            (out->port[0] == ':' && is_port(out->port + 1)));
}

static bool is_bucket(const char *name)
{
    return consists_of(name, DIGITS LOWER "-.", 63) && strlen(name) >= 3 &&
           strchr("-.", name[0]) == NULL &&
           strchr("-.", name[strlen(name) - 1]) == NULL &&
           strstr(name, "..") == NULL;
}

/* Folders of plain letters; "." and ".." are resolved by clients on the way. */
static bool is_prefix(const char *prefix)
{
    const char *at = prefix;
    if (!consists_of(prefix, DIGITS LOWER UPPER "-_./", S3_PREFIX_MAX)) {
        return false;
    }
    for (;;) {
        size_t length = strcspn(at, "/");
        if (length == 0 || strspn(at, ".") == length) {
            return false;
        }
        if (at[length] == '\0') {
            return true;
        }
        at += length + 1;
    }
}

static enum status check_who(const struct store_s3_config *config,
                             struct error *err)
{
    const char *token = config->session_token;
    if (!consists_of(config->region, DIGITS LOWER UPPER "-", REGION_MAX)) {
        return invalid(err, "region must be a name like us-east-1");
    }
    if (!is_visible(config->access_key, KEY_MAX)) {
        return invalid(err, "access key is missing, or has blanks in it");
    }
    if (!is_visible(config->secret_key, KEY_MAX)) {
        return invalid(err, "secret key is missing, or has blanks in it");
    }
    if (token != NULL && token[0] != '\0' && !is_visible(token, TOKEN_MAX)) {
        return invalid(err, "session token has blanks in it, or is too long");
    }
    return STATUS_OK;
}

static enum status check_where(const struct endpoint *endpoint,
                               const struct store_s3_config *config,
                               struct error *err)
{
    if (!endpoint->https && !config->allow_http &&
        !is_loopback(endpoint->host)) {
        return invalid(err, "endpoint must begin with https://, or plain HTTP "
                            "to other machines be allowed");
    }
    if (!is_bucket(config->bucket)) {
        return invalid(err, "bucket must have 3 to 63 of a-z, 0-9, '-', '.'");
    }
    if (config->prefix != NULL && config->prefix[0] != '\0' &&
        !is_prefix(config->prefix)) {
        return invalid(err, "prefix must be like music/vault: letters, "
                            "digits, '-', '_', '.', 200 at most, no '/' at "
                            "its ends");
    }
    if (config->style == STORE_S3_VIRTUAL_HOST && !endpoint->is_name) {
        return invalid(err, "endpoint is an address in digits: buckets cannot "
                            "stand before it, so choose path style");
    }
    if (config->style == STORE_S3_VIRTUAL_HOST && endpoint->https &&
        strchr(config->bucket, '.') != NULL) {
        return invalid(err, "bucket has a '.', so that no certificate fits "
                            "its host: choose path style");
    }
    return STATUS_OK;
}

enum status s3_address_init(struct s3_address *out,
                            const struct store_s3_config *config,
                            struct error *err)
{
    struct endpoint endpoint = {0};
    *out = (struct s3_address){0};
    if (!endpoint_read(&endpoint, config->endpoint)) {
        return invalid(err, "endpoint must be like https://HOST or "
                            "https://HOST:PORT, without a path");
    }
    enum status status = check_where(&endpoint, config, err);
    if (status == STATUS_OK) {
        status = check_who(config, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const char *scheme = endpoint.https ? "https" : "http";
    out->https = endpoint.https;
    out->bucket_in_path = config->style == STORE_S3_PATH;
    if (out->bucket_in_path) {
        (void)snprintf(out->base, sizeof out->base, "%s://%s%s/%s", scheme,
                       endpoint.host, endpoint.port, config->bucket);
    } else {
        (void)snprintf(out->base, sizeof out->base, "%s://%s.%s%s", scheme,
                       config->bucket, endpoint.host, endpoint.port);
    }
    if (config->prefix != NULL && config->prefix[0] != '\0') {
        (void)snprintf(out->prefix, sizeof out->prefix, "%s/", config->prefix);
    }
    return STATUS_OK;
}

void s3_object_key(char out[S3_KEY_SIZE], const struct s3_address *address,
                   const uint8_t name[SHA256_BYTES])
{
    char hex[2 * SHA256_BYTES + 1];
    hex_encode(hex, name, SHA256_BYTES);
    (void)snprintf(out, S3_KEY_SIZE, "%s%.2s/%s", address->prefix, hex, hex);
}

bool s3_key_name(uint8_t out[SHA256_BYTES], const char *prefix, const char *key)
{
    char hex[2 * SHA256_BYTES + 1];
    size_t length = strlen(prefix);
    if (strncmp(key, prefix, length) != 0 || strlen(key + length) < 3) {
        return false;
    }
    key += length;
    if (key[2] != '/' || !hex_decode(out, SHA256_BYTES, key + 3)) {
        return false;
    }
    hex_encode(hex, out, SHA256_BYTES); /* lower case is the only way */
    return strcmp(hex, key + 3) == 0 && strncmp(hex, key, 2) == 0;
}

void s3_object_url(char out[S3_URL_SIZE], const struct s3_address *address,
                   const uint8_t name[SHA256_BYTES])
{
    char key[S3_KEY_SIZE];
    s3_object_key(key, address, name);
    /* no character of ours needs encoding in a path */
    (void)snprintf(out, S3_URL_SIZE, "%s/%s", address->base, key);
}

void s3_probe_url(char out[S3_URL_SIZE], const struct s3_address *address)
{
    (void)snprintf(out, S3_URL_SIZE, "%s/%sprobe", address->base,
                   address->prefix);
}

/* Percent-encodes all but the unreserved characters of RFC 3986. */
static size_t encode(char *out, const char *text)
{
    size_t length = 0;
    for (; *text != '\0'; text++) {
        if (strchr(DIGITS LOWER UPPER "-._~", *text) != NULL) {
            out[length++] = *text;
        } else {
            length += (size_t)snprintf(out + length, 4, "%%%02X",
                                       (unsigned)(unsigned char)*text);
        }
    }
    out[length] = '\0';
    return length;
}

/* Names of the query in order of the alphabet. */
void s3_list_url(char out[S3_URL_SIZE], const struct s3_address *address,
                 unsigned page_max, const char *after)
{
    assert(strlen(after) < S3_KEY_SIZE);
    size_t length = (size_t)snprintf(
        out, S3_URL_SIZE, "%s%s?list-type=2&max-keys=%u&prefix=", address->base,
        address->bucket_in_path ? "" : "/", page_max);
    length += encode(out + length, address->prefix);
    if (after[0] != '\0') {
        length += (size_t)snprintf(out + length, S3_URL_SIZE - length,
                                   "&start-after=");
        length += encode(out + length, after);
    }
    assert(length < S3_URL_SIZE);
}
