/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/auth.h"

#include "catalog/vault/crypto.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/* token68 / b64token: ALPHA DIGIT - . _ ~ + / and "=" (RFC 6750 §2.1). */
static bool token_character(char c)
{
    return c != '\0' && ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                         (c >= '0' && c <= '9') || strchr("-._~+/=", c));
}

const char *auth_bearer(const char *header)
{
    static const char scheme[] = "Bearer ";
    if (header == NULL || strncasecmp(header, scheme, sizeof scheme - 1) != 0) {
        return NULL;
    }
    const char *token = header + sizeof scheme - 1;
    token += strspn(token, " ");
    size_t length = 0;
    while (token_character(token[length])) {
        length++;
    }
    return length > 0 && length < TOKEN_SIZE && token[length] == '\0' ? token
                                                                      : NULL;
}

bool auth_operator(const char *token, const char *sha256)
{
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    crypto_sha256(digest, token, strlen(token));
    hex_encode(hex, digest, sizeof digest);
    assert(strlen(sha256) == sizeof hex - 1);
    unsigned different = 0;
    for (size_t i = 0; i < sizeof hex - 1; i++) {
        different |=
            (unsigned)((unsigned char)hex[i] ^ (unsigned char)sha256[i]);
    }
    return different == 0;
}

enum status auth_check(struct request *request, const struct route *route,
                       bool *presented, struct error *err)
{
    *presented = false;
    if (route->role == ROLE_ANYONE) {
        return STATUS_OK;
    }
    const char *header = request_header(request, "Authorization");
    *presented = header != NULL;
    const char *token = auth_bearer(header);
    if (token == NULL) {
        return error_set(err, STATUS_DENIED, "invalid_token",
                         "this needs \"Authorization: Bearer TOKEN\": sign in "
                         "first");
    }
    if (route->role == ROLE_SUBSCRIBER) {
        return device_authenticate(request->redis, token, request->now_ms,
                                   &request->principal, err);
    }
    assert(route->role == ROLE_OPERATOR);
    return auth_operator(token, request->service->operator_token_sha256)
               ? STATUS_OK
               : error_set(err, STATUS_DENIED, "invalid_token",
                           "this needs the operator token: it stands in the "
                           "file operator.token of the data folder");
}
