/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/router.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

static enum status handle(struct request *request, struct reply *reply,
                          struct error *err)
{
    (void)request;
    (void)reply;
    (void)err;
    return STATUS_OK;
}

#define ROUTE(method, path)                                                    \
    {                                                                          \
        method, path, ROLE_ANYONE, BODY_NONE, SPEED_LOOP, handle               \
    }
static const struct route routes_fuzzed[] = {
    ROUTE("GET", "/"),         ROUTE("GET", "/a"),
    ROUTE("POST", "/a/{id}"),  ROUTE("GET", "/a/{id}/b"),
    ROUTE("GET", "/a/b/{id}"), ROUTE("DELETE", "/a/{id}/b/{other}"),
    ROUTE("PATCH", "/a/{id}"), {0},
};
const struct route *const route_tables[] = {routes_fuzzed, NULL};

static void check_ids(const struct route *route,
                      char parameters[ROUTE_PARAMETERS_MAX][ID_SIZE])
{
    size_t count = 0;
    for (const char *at = route->path; *at != '\0'; at++) {
        count += *at == '{';
    }
    for (size_t i = 0; i < count; i++) {
        assert(id_valid(parameters[i]));
    }
}

/* Input: method, NUL, path. What is found has valid ids and no dot segment;
 * what is not found has a reason. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char text[1024];
    if (length >= sizeof text) {
        return 0;
    }
    memcpy(text, bytes, length);
    text[length] = '\0';
    size_t method_length = strlen(text);
    const char *path = method_length < length ? text + method_length + 1 : "";

    const struct route *found = NULL;
    char parameters[ROUTE_PARAMETERS_MAX][ID_SIZE] = {{0}};
    char allow[64];
    struct error err = {0};
    enum status status =
        router_find(text, path, &found, parameters, allow, &err);
    assert(strlen(allow) < sizeof allow);
    if (status != STATUS_OK) {
        assert(found == NULL && err.code[0] != '\0');
        return 0;
    }
    assert(found != NULL);
    assert(strstr(path, "..") == NULL && strchr(path, '%') == NULL);
    assert(strcmp(found->method, text) == 0 || strcmp(text, "HEAD") == 0);
    check_ids(found, parameters);
    return 0;
}
