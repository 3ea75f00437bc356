/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/request.h"

#include <inttypes.h>
#include <string.h>

const char *request_query(const struct request *request, const char *name)
{
    return form_get(&request->query, name);
}

/* 1*DIGIT that fits 64 bits. */
static bool read_number(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return text[0] != '\0';
}

enum status request_number(const struct request *request, const char *name,
                           uint64_t min, uint64_t max, uint64_t otherwise,
                           uint64_t *out, struct error *err)
{
    const char *text = request_query(request, name);
    *out = otherwise;
    if (text == NULL) {
        return STATUS_OK;
    }
    if (!read_number(text, out) || *out < min || *out > max) {
        *out = otherwise;
        return error_set(err, STATUS_INVALID, "bad_parameter",
                         "\"%s\" must be a whole number from %" PRIu64
                         " to %" PRIu64,
                         name, min, max);
    }
    return STATUS_OK;
}

enum status request_json(const struct request *request, json_t **out,
                         struct error *err)
{
    json_error_t fault;
    *out = json_loadb(buffer_text(&request->body), request->body.length,
                      JSON_REJECT_DUPLICATES, &fault);
    if (*out == NULL) {
        /* fault.text may quote the body, which may hold a password. */
        return error_set(err, STATUS_INVALID, "bad_json",
                         "the body is no JSON: see line %d, column %d",
                         fault.line, fault.column);
    }
    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        return error_set(err, STATUS_INVALID, "bad_json",
                         "the body must be a JSON object: {…}");
    }
    return STATUS_OK;
}

enum status request_json_text(const json_t *object, const char *name,
                              const char **out, struct error *err)
{
    *out = json_string_value(json_object_get(object, name));
    if (*out == NULL) {
        return error_set(err, STATUS_INVALID, "bad_field",
                         "\"%s\" must be a text", name);
    }
    return STATUS_OK;
}

bool request_form(const struct request *request, const char *name, char *out,
                  size_t size)
{
    struct form form = {0};
    bool found = false;
    if (form_parse(&form, buffer_text(&request->body), request->body.length,
                   NULL) == STATUS_OK) {
        const char *value = form_get(&form, name);
        found = value != NULL && strlen(value) < size;
        if (found) {
            memcpy(out, value, strlen(value) + 1);
        }
    }
    form_clear(&form);
    return found;
}
