/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: api/openapi.json and the table of routes say the same: every route is
 * described, nothing else is, and who may call it and with what body agrees. */
#include "api/openapi.h"
#include "api/router.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static json_t *document;

static int load(void **state)
{
    (void)state;
    document = json_loadb((const char *)openapi_json, openapi_json_length,
                          JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_decref(document);
    return 0;
}

/* The described operation of a route, or NULL. */
static const json_t *operation_of(const struct route *route)
{
    char method[8];
    size_t length = strlen(route->method);
    assert_true(length < sizeof method);
    for (size_t i = 0; i <= length; i++) {
        method[i] = (char)tolower((unsigned char)route->method[i]);
    }
    const json_t *paths = json_object_get(document, "paths");
    return json_object_get(json_object_get(paths, route->path), method);
}

static const struct route *route_of(const char *method, const char *path)
{
    for (size_t t = 0; route_tables[t] != NULL; t++) {
        for (const struct route *r = route_tables[t]; r->method != NULL; r++) {
            if (strcasecmp(r->method, method) == 0 &&
                strcmp(r->path, path) == 0) {
                return r;
            }
        }
    }
    return NULL;
}

static void test_routes_are_sound(void **state)
{
    (void)state;
    struct error err = {0};
    if (router_check(&err) != STATUS_OK) {
        fail_msg("%s", err.text);
    }
}

/* OpenAPI 3.1, "security": the names of the schemes; none for anyone. */
static void check_role(const struct route *route, const json_t *operation)
{
    static const char *const schemes[] = {[ROLE_ANYONE] = NULL,
                                          [ROLE_SUBSCRIBER] = "subscriber",
                                          [ROLE_OPERATOR] = "operator"};
    const json_t *security = json_object_get(operation, "security");
    const char *scheme = schemes[route->role];
    size_t wanted = scheme == NULL ? 0 : 1;
    if (!json_is_array(security) || json_array_size(security) != wanted) {
        fail_msg("%s %s: \"security\" must name %zu scheme", route->method,
                 route->path, wanted);
    }
    if (scheme != NULL &&
        json_object_get(json_array_get(security, 0), scheme) == NULL) {
        fail_msg("%s %s: \"security\" must name %s", route->method, route->path,
                 scheme);
    }
}

static void check_body(const struct route *route, const json_t *operation)
{
    bool described = json_object_get(operation, "requestBody") != NULL;
    if (described != (route->body != BODY_NONE)) {
        fail_msg("%s %s: \"requestBody\" is %s", route->method, route->path,
                 described ? "described, but none is taken" : "missing");
    }
}

static void test_every_route_is_described(void **state)
{
    (void)state;
    for (size_t t = 0; route_tables[t] != NULL; t++) {
        for (const struct route *r = route_tables[t]; r->method != NULL; r++) {
            const json_t *operation = operation_of(r);
            if (operation == NULL) {
                fail_msg("%s %s is not described", r->method, r->path);
            }
            check_role(r, operation);
            check_body(r, operation);
        }
    }
}

static void test_nothing_else_is_described(void **state)
{
    (void)state;
    const char *path = NULL;
    json_t *operations = NULL;
    json_object_foreach(json_object_get(document, "paths"), path, operations)
    {
        const char *method = NULL;
        json_t *operation = NULL;
        json_object_foreach(operations, method, operation)
        {
            /* HEAD is answered wherever GET is */
            bool known =
                route_of(method, path) != NULL ||
                strcmp(method, "parameters") == 0 ||
                (strcmp(method, "head") == 0 && route_of("GET", path) != NULL);
            if (!known) {
                fail_msg("%s %s is described, but no route", method, path);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes_are_sound),
        cmocka_unit_test(test_every_route_is_described),
        cmocka_unit_test(test_nothing_else_is_described),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
