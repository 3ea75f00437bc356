/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/router.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static enum status bad_path(struct error *err)
{
    return error_set(err, STATUS_INVALID, "bad_path",
                     "the path holds \"..\", a backslash, a percent sign or "
                     "another byte that no path here has: send the path as "
                     "documented");
}

/* "/." and "/..": a proxy in front may have resolved them otherwise. */
static bool dot_segment(const char *segment)
{
    size_t dots = strspn(segment, ".");
    return (dots == 1 || dots == 2) &&
           (segment[dots] == '/' || segment[dots] == '\0');
}

/* No route has a percent sign, so that %00, %2e and %2f need no decoding, nor
 * anything but visible ASCII. */
static enum status check_path(const char *path, struct error *err)
{
    if (path[0] != '/') {
        return bad_path(err);
    }
    for (size_t i = 0; path[i] != '\0'; i++) {
        unsigned char c = (unsigned char)path[i];
        if (c <= 0x20 || c >= 0x7f || c == '%' || c == '\\') {
            return bad_path(err);
        }
        if (c == '/' && dot_segment(path + i + 1)) {
            return bad_path(err);
        }
    }
    return STATUS_OK;
}

/* Length of the segment at `at`: up to the next slash or the end. */
static size_t segment_length(const char *at)
{
    return strcspn(at, "/");
}

/* Does `path` have the form of `pattern`? Fills the parameters; an id that is
 * none sets *bad_id and still counts as the same form. */
static bool matches(const char *pattern, const char *path,
                    char parameters[ROUTE_PARAMETERS_MAX][ID_SIZE],
                    bool *bad_id)
{
    size_t count = 0;
    *bad_id = false;
    while (*pattern == '/' && *path == '/') {
        pattern++;
        path++;
        size_t wanted = segment_length(pattern);
        size_t given = segment_length(path);
        if (*pattern == '{') {
            assert(count < ROUTE_PARAMETERS_MAX); /* router_check() */
            char *out = parameters[count++];
            size_t length = given < ID_SIZE ? given : 0; /* 0 is no id */
            memcpy(out, path, length);
            out[length] = '\0';
            *bad_id = *bad_id || !id_valid(out);
        } else if (given != wanted || memcmp(pattern, path, wanted) != 0) {
            return false;
        }
        pattern += wanted;
        path += given;
    }
    return *pattern == '\0' && *path == '\0';
}

/* Adds ", METHOD", and HEAD behind GET; the list always fits: router_check
 * bounds it. */
static void allow_add(char allow[64], const char *method)
{
    if (strstr(allow, method) != NULL) {
        return; /* two forms of path that both fit; no name holds another's */
    }
    size_t left = 64 - strlen(allow) - 1;
    if (allow[0] != '\0') {
        (void)strncat(allow, ", ", left);
        left = 64 - strlen(allow) - 1;
    }
    (void)strncat(allow, method, left);
    if (strcmp(method, "GET") == 0) {
        left = 64 - strlen(allow) - 1;
        (void)strncat(allow, ", HEAD", left);
    }
}

static bool method_fits(const char *route_method, const char *method)
{
    return strcmp(route_method, method) == 0 ||
           (strcmp(route_method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* Routes with a literal path go before those with a parameter at the same
 * place, whatever the order of the tables. */
static size_t parameter_count(const char *pattern)
{
    size_t count = 0;
    for (const char *at = strchr(pattern, '{'); at != NULL;
         at = strchr(at + 1, '{')) {
        count++;
    }
    return count;
}

struct search {
    const char *method;
    const char *path;
    const struct route *found; /* of the method */
    bool bad_id;               /* of found */
    bool known;                /* some route has this path */
};

static void consider(struct search *search, const struct route *route,
                     char parameters[ROUTE_PARAMETERS_MAX][ID_SIZE],
                     char allow[64])
{
    char values[ROUTE_PARAMETERS_MAX][ID_SIZE] = {{0}};
    bool bad_id = false;
    if (!matches(route->path, search->path, values, &bad_id)) {
        return;
    }
    search->known = true;
    allow_add(allow, route->method);
    if (!method_fits(route->method, search->method) ||
        (search->found != NULL && parameter_count(search->found->path) <=
                                      parameter_count(route->path))) {
        return;
    }
    search->found = route;
    search->bad_id = bad_id;
    memcpy(parameters, values, sizeof values);
}

enum status router_find(const char *method, const char *path,
                        const struct route **out,
                        char parameters[ROUTE_PARAMETERS_MAX][ID_SIZE],
                        char allow[64], struct error *err)
{
    *out = NULL;
    allow[0] = '\0';
    enum status status = check_path(path, err);
    if (status != STATUS_OK) {
        return status;
    }
    struct search search = {.method = method, .path = path};
    for (size_t t = 0; route_tables[t] != NULL; t++) {
        for (const struct route *r = route_tables[t]; r->method != NULL; r++) {
            consider(&search, r, parameters, allow);
        }
    }
    if (search.found == NULL && !search.known) {
        return error_set(err, STATUS_NOT_FOUND, "no_route",
                         "there is no such path: see /openapi.json");
    }
    if (search.found == NULL) {
        return error_set(err, STATUS_INVALID, "method_not_allowed",
                         "this path takes %s", allow);
    }
    if (search.bad_id) {
        return error_set(err, STATUS_INVALID, "bad_path",
                         "an id in the path is none: ids have 1 to 64 of "
                         "A-Z a-z 0-9 _ -");
    }
    *out = search.found;
    return STATUS_OK;
}

static enum status bad_route(const struct route *route, const char *why,
                             struct error *err)
{
    return error_set(err, STATUS_INVALID, "bad_route", "route %s %s %s",
                     route->method, route->path == NULL ? "" : route->path,
                     why);
}

/* What a literal part of a pattern is made of. */
static bool pattern_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || (c != '\0' && strchr("._-~", c) != NULL);
}

/* "/a/{id}/b": every segment a literal or {name}. */
static bool pattern_valid(const char *path)
{
    if (path == NULL || path[0] != '/') {
        return false;
    }
    for (const char *at = path; *at == '/';) {
        at++;
        size_t length = segment_length(at);
        bool parameter = *at == '{';
        if (length == 0 ||
            (parameter && (length < 3 || at[length - 1] != '}'))) {
            return false;
        }
        for (size_t i = parameter; i < length - parameter; i++) {
            if (!pattern_character(at[i])) {
                return false;
            }
        }
        at += length;
    }
    return parameter_count(path) <= ROUTE_PARAMETERS_MAX;
}

static enum status check_route(const struct route *route, struct error *err)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH",
                                          "DELETE"};
    bool known = false;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        known = known || strcmp(route->method, methods[i]) == 0;
    }
    if (!known) {
        return bad_route(route, "has a method that the router does not know",
                         err);
    }
    if (!pattern_valid(route->path)) {
        return bad_route(route, "has no valid path", err);
    }
    if (route->role < ROLE_ANYONE || route->role > ROLE_OPERATOR) {
        return bad_route(route, "does not say who may call it", err);
    }
    if (route->body > BODY_FILE || route->speed > SPEED_SLOW) {
        return bad_route(route, "has an unknown body or speed", err);
    }
    if (route->body == BODY_FILE && route->speed != SPEED_SLOW) {
        return bad_route(route, "takes a file but runs on an event loop", err);
    }
    if (route->body == BODY_FILE && route->role == ROLE_ANYONE) {
        return bad_route(route, "takes files from anyone", err);
    }
    if (route->handle == NULL) {
        return bad_route(route, "has no handler", err);
    }
    return STATUS_OK;
}

/* Same method and same form: "{a}" and "{b}" at one place are the same. */
static bool same_route(const struct route *a, const struct route *b)
{
    char values[ROUTE_PARAMETERS_MAX][ID_SIZE];
    bool bad_id = false;
    return strcmp(a->method, b->method) == 0 &&
           parameter_count(a->path) == parameter_count(b->path) &&
           matches(a->path, b->path, values, &bad_id);
}

static enum status check_unique(const struct route *route, struct error *err)
{
    for (size_t t = 0; route_tables[t] != NULL; t++) {
        for (const struct route *r = route_tables[t]; r->method != NULL; r++) {
            if (r == route) {
                return STATUS_OK; /* what follows is compared with this one */
            }
            if (same_route(r, route)) {
                return bad_route(route, "is there twice", err);
            }
        }
    }
    return STATUS_OK;
}

enum status router_check(struct error *err)
{
    for (size_t t = 0; route_tables[t] != NULL; t++) {
        for (const struct route *r = route_tables[t]; r->method != NULL; r++) {
            enum status status = check_route(r, err);
            if (status == STATUS_OK) {
                status = check_unique(r, err);
            }
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    return STATUS_OK;
}
