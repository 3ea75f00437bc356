/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: every path finds its route or is refused as documented, and a route
 * that does not state who may call it stops the program. */
#include "api/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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
static const struct route routes_plain[] = {
    ROUTE("GET", "/v1/library"),        ROUTE("GET", "/v1/tracks/{id}"),
    ROUTE("DELETE", "/v1/tracks/{id}"), ROUTE("GET", "/v1/tracks/{id}/audio"),
    ROUTE("GET", "/v1/tracks/newest"),  ROUTE("POST", "/v1/a/{id}/b/{other}"),
    ROUTE("GET", "/rest/ping.view"),    {0},
};
/* What the tests of router_check() put in. */
static struct route routes_tried[3];
const struct route *const route_tables[] = {routes_plain, routes_tried, NULL};

static const struct route *find(const char *method, const char *path,
                                char parameters[ROUTE_PARAMETERS_MAX][ID_SIZE])
{
    const struct route *found = NULL;
    char allow[64];
    struct error err = {0};
    if (router_find(method, path, &found, parameters, allow, &err) !=
        STATUS_OK) {
        fail_msg("%s %s: %s", method, path, err.text);
    }
    return found;
}

static void refuses(const char *method, const char *path, enum status status,
                    const char *code)
{
    const struct route *found = NULL;
    char parameters[ROUTE_PARAMETERS_MAX][ID_SIZE];
    char allow[64];
    struct error err = {0};
    enum status got =
        router_find(method, path, &found, parameters, allow, &err);
    if (got != status || strcmp(err.code, code) != 0 || found != NULL) {
        fail_msg("%s %s: status %d, code %s", method, path, (int)got, err.code);
    }
}

static void test_finds(void **state)
{
    (void)state;
    char parameters[ROUTE_PARAMETERS_MAX][ID_SIZE] = {{0}};
    assert_ptr_equal(find("GET", "/v1/library", parameters), &routes_plain[0]);
    assert_ptr_equal(find("GET", "/v1/tracks/trk_1-A", parameters),
                     &routes_plain[1]);
    assert_string_equal(parameters[0], "trk_1-A");
    assert_ptr_equal(find("DELETE", "/v1/tracks/x", parameters),
                     &routes_plain[2]);
    assert_ptr_equal(find("GET", "/v1/tracks/x/audio", parameters),
                     &routes_plain[3]);
    assert_ptr_equal(find("POST", "/v1/a/one/b/two", parameters),
                     &routes_plain[5]);
    assert_string_equal(parameters[0], "one");
    assert_string_equal(parameters[1], "two");
    assert_ptr_equal(find("GET", "/rest/ping.view", parameters),
                     &routes_plain[6]);
}

static void test_head_is_get(void **state)
{
    (void)state;
    char parameters[ROUTE_PARAMETERS_MAX][ID_SIZE] = {{0}};
    assert_ptr_equal(find("HEAD", "/v1/tracks/x/audio", parameters),
                     &routes_plain[3]);
}

/* A literal goes before a parameter, whatever the order of the table. */
static void test_literal_first(void **state)
{
    (void)state;
    char parameters[ROUTE_PARAMETERS_MAX][ID_SIZE] = {{0}};
    assert_ptr_equal(find("GET", "/v1/tracks/newest", parameters),
                     &routes_plain[4]);
}

static void test_unknown(void **state)
{
    (void)state;
    static const char *const unknown[] = {"/",
                                          "/v1",
                                          "/v1/",
                                          "/v1/library/",
                                          "//v1/library",
                                          "/v1//library",
                                          "/V1/library",
                                          "/v1/library;x",
                                          "/v1/library/x",
                                          "/v1/tracks/x/audio/",
                                          "/v1/tracks"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        refuses("GET", unknown[i], STATUS_NOT_FOUND, "no_route");
    }
}

/* RFC 9110 §15.5.6: 405 names what is allowed. */
static void test_method(void **state)
{
    (void)state;
    const struct route *found = NULL;
    char parameters[ROUTE_PARAMETERS_MAX][ID_SIZE];
    char allow[64];
    struct error err = {0};
    assert_int_equal(
        router_find("PUT", "/v1/tracks/x", &found, parameters, allow, &err),
        STATUS_INVALID);
    assert_string_equal(err.code, "method_not_allowed");
    assert_string_equal(allow, "GET, HEAD, DELETE");
    assert_int_equal(
        router_find("GET", "/v1/a/1/b/2", &found, parameters, allow, &err),
        STATUS_INVALID);
    assert_string_equal(allow, "POST");
    refuses("get", "/v1/library", STATUS_INVALID, "method_not_allowed");
    refuses("HEAD", "/v1/a/1/b/2", STATUS_INVALID, "method_not_allowed");
}

static void test_hostile_paths(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "*",
        "v1/library",
        "http://host/v1/library",
        "/v1/../v1/library",
        "/..",
        "/v1/library/..",
        "/v1/./library",
        "/.",
        "/v1/library%00",
        "/v1/tracks/..%2f..%2flibrary",
        "/%76%31/library",
        "/v1\\library",
        "/v1/tracks/a b",
        "/v1/library\x7f",
        "/v1/tracks/\xc3\xa9",
        /* ids that are none */
        "/v1/tracks/a*b",
        "/v1/tracks/a.b/audio",
        "/v1/tracks//audio",
    };
    static const char too_long[] =
        "/v1/tracks/"
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12345";
    refuses("GET", too_long, STATUS_INVALID, "bad_path");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuses("GET", bad[i], STATUS_INVALID, "bad_path");
    }
}

static void test_longest_id(void **state)
{
    (void)state;
    static const char path[] =
        "/v1/tracks/"
        "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1234";
    char parameters[ROUTE_PARAMETERS_MAX][ID_SIZE] = {{0}};
    assert_ptr_equal(find("GET", path, parameters), &routes_plain[1]);
    assert_string_equal(parameters[0], strrchr(path, '/') + 1);
}

/* ---- at start ---- */

static void stops(struct route route)
{
    struct error err = {0};
    routes_tried[0] = route;
    if (router_check(&err) != STATUS_INVALID) {
        fail_msg("%s %s was taken", route.method,
                 route.path == NULL ? "(none)" : route.path);
    }
    assert_string_equal(err.code, "bad_route");
    routes_tried[0] = (struct route){0};
}

static void test_check_takes_good_ones(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(router_check(&err), STATUS_OK);
    routes_tried[0] = (struct route){"POST",    "/v1/uploads", ROLE_SUBSCRIBER,
                                     BODY_FILE, SPEED_SLOW,    handle};
    assert_int_equal(router_check(&err), STATUS_OK);
    routes_tried[0] = (struct route){0};
}

static void test_check_stops(void **state)
{
    (void)state;
    const struct route good = ROUTE("GET", "/x");
    struct route route = good;
    route.role = ROLE_UNDECLARED;
    stops(route);
    route = good;
    route.role = (enum role)9;
    stops(route);
    route = good;
    route.handle = NULL;
    stops(route);
    route = good;
    route.method = "get";
    stops(route);
    route = good;
    route.speed = (enum speed)9;
    stops(route);
    /* files are written to disk: never for anyone, never on a loop */
    route = good;
    route.body = BODY_FILE;
    route.speed = SPEED_SLOW;
    stops(route);
    route.role = ROLE_SUBSCRIBER;
    route.speed = SPEED_LOOP;
    stops(route);
}

static void test_check_stops_at_paths(void **state)
{
    (void)state;
    static const char *const bad[] = {NULL,   "",     "x",           "/x//y",
                                      "/x/",  "/{}",  "/{id",        "/a b",
                                      "/%41", "/x?y", "/{a}/{b}/{c}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct route route = ROUTE("GET", bad[i]);
        stops(route);
    }
    /* twice: also under another name of the parameter */
    const struct route again = ROUTE("GET", "/v1/library");
    stops(again);
    const struct route renamed = ROUTE("DELETE", "/v1/tracks/{track}");
    stops(renamed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds),
        cmocka_unit_test(test_head_is_get),
        cmocka_unit_test(test_literal_first),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_method),
        cmocka_unit_test(test_hostile_paths),
        cmocka_unit_test(test_longest_id),
        cmocka_unit_test(test_check_takes_good_ones),
        cmocka_unit_test(test_check_stops),
        cmocka_unit_test(test_check_stops_at_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
