/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/strict.h"

#include <string.h>
#include <strings.h>

static enum status bad(const char *what, struct error *err)
{
    return error_set(err, STATUS_INVALID, "bad_request",
                     "the request's head is refused, since others may read it "
                     "otherwise: %s",
                     what);
}

/* tchar of RFC 9110 §5.6.2. */
static bool token_character(char c)
{
    return c != '\0' &&
           ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            (c >= '0' && c <= '9') || strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!token_character(text[i])) {
            return false;
        }
    }
    return length > 0;
}

/* Visible ASCII, blanks and obs-text (RFC 9110 §5.5). */
static bool value_valid(const struct strict_field *field)
{
    for (size_t i = 0; i < field->value_length; i++) {
        unsigned char c = (unsigned char)field->value[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool named(const struct strict_field *field, const char *name)
{
    return field->name_length == strlen(name) &&
           strncasecmp(field->name, name, field->name_length) == 0;
}

/* No blanks and control characters, at which others may end it. Bytes beyond
 * ASCII are no URI either (RFC 3986), but that is the router's to say. */
static bool target_valid(const char *target)
{
    for (const char *at = target; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c <= 0x20 || c == 0x7f) {
            return false;
        }
    }
    return target[0] != '\0';
}

/* The shape in memory that only CRLF-ended, unfolded lines have. */
static bool lines_proper(const struct strict_head *head)
{
    if (head->target_at != head->method + strlen(head->method) + 1 ||
        head->version != head->target_at + strlen(head->target) + 1) {
        return false;
    }
    const char *next = head->version + strlen(head->version) + 2;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct strict_field *field = &head->fields[i];
        if (field->name != next) {
            return false;
        }
        next = field->value + field->value_length + 2;
    }
    return next + 2 == head->method + head->size;
}

static enum status check_fields(const struct strict_head *head,
                                struct error *err)
{
    if (!is_token(head->method, strlen(head->method)) ||
        !target_valid(head->target)) {
        return bad("the method is no token, or the target no URI", err);
    }
    for (size_t i = 0; i < head->field_count; i++) {
        if (!is_token(head->fields[i].name, head->fields[i].name_length)) {
            return bad("a header's name is no token", err);
        }
        if (!value_valid(&head->fields[i])) {
            return bad("a header's value holds a control character", err);
        }
    }
    if (!lines_proper(head)) {
        return bad("a line does not end in CR LF, is folded or holds a NUL",
                   err);
    }
    return STATUS_OK;
}

/* The one field of that name, or NULL; *twice when there are more. */
static const struct strict_field *find(const struct strict_head *head,
                                       const char *name, bool *twice)
{
    const struct strict_field *found = NULL;
    for (size_t i = 0; i < head->field_count; i++) {
        if (named(&head->fields[i], name)) {
            *twice = *twice || found != NULL;
            found = &head->fields[i];
        }
    }
    return found;
}

static bool value_is(const struct strict_field *field, const char *text)
{
    return field->value_length == strlen(text) &&
           strncasecmp(field->value, text, field->value_length) == 0;
}

/* 1*DIGIT below 2^63. */
static bool read_length(const struct strict_field *field, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < field->value_length; i++) {
        char c = field->value[i];
        uint64_t digit = (uint64_t)(c - '0');
        if (c < '0' || c > '9' || value > (INT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return field->value_length > 0;
}

static enum status check_framing(const struct strict_field *length,
                                 const struct strict_field *transfer,
                                 const char *version, struct strict_body *body,
                                 struct error *err)
{
    if (length != NULL && transfer != NULL) {
        return bad("both Content-Length and Transfer-Encoding", err);
    }
    if (length != NULL && !read_length(length, &body->length)) {
        return bad("Content-Length is no length", err);
    }
    if (transfer != NULL && strcmp(version, "HTTP/1.1") != 0) {
        return bad("Transfer-Encoding before HTTP/1.1",
                   err); /* RFC 9112 §6.1 */
    }
    if (transfer != NULL && !value_is(transfer, "chunked")) {
        return error_set(err, STATUS_INVALID, "unsupported_transfer",
                         "the only transfer coding is \"chunked\"");
    }
    body->chunked = transfer != NULL;
    body->announced = body->chunked || body->length > 0;
    return STATUS_OK;
}

enum status strict_check(const struct strict_head *head,
                         struct strict_body *body, struct error *err)
{
    *body = (struct strict_body){0};
    if (head->size > STRICT_HEAD_BYTES_MAX) {
        return error_set(err, STATUS_LIMIT, "too_many_headers",
                         "send at most %d bytes of headers",
                         STRICT_HEAD_BYTES_MAX);
    }
    enum status status = check_fields(head, err);
    if (status != STATUS_OK) {
        return status;
    }
    bool twice = false;
    const struct strict_field *host = find(head, "Host", &twice);
    (void)find(head, "Range", &twice);
    (void)find(head, "Authorization", &twice);
    const struct strict_field *length = find(head, "Content-Length", &twice);
    const struct strict_field *transfer =
        find(head, "Transfer-Encoding", &twice);
    const struct strict_field *expect = find(head, "Expect", &twice);
    if (twice) {
        return bad("a header that may stand once stands twice", err);
    }
    if (host == NULL && strcmp(head->version, "HTTP/1.0") != 0) {
        return bad("Host is missing", err); /* RFC 9112 §3.2 */
    }
    status = check_framing(length, transfer, head->version, body, err);
    if (status == STATUS_OK && expect != NULL &&
        !value_is(expect, "100-continue")) {
        return error_set(err, STATUS_INVALID, "expectation",
                         "the only expectation is \"100-continue\"");
    }
    body->expects_continue = expect != NULL;
    return status;
}
