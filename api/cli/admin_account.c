/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/admin.h"
#include "api/cli/password.h"
#include "api/cli/text.h"

#include <inttypes.h>
#include <stdio.h>

enum { OPTION_PASSWORD_STDIN = 1, OPTION_REGION, OPTION_UNTIL, OPTION_LIMIT };

struct account_options {
    bool password_stdin;
    const char *region; /* NULL: the service's default */
    const char *until;
};

static error_t account_option(int key, const char *value, void *own)
{
    struct account_options *options = own;

    switch (key) {
    case OPTION_PASSWORD_STDIN:
        options->password_stdin = true;
        return 0;
    case OPTION_REGION:
        options->region = value;
        return 0;
    case OPTION_UNTIL:
        options->until = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_added(const json_t *answer)
{
    printf("added: account %s\n", text_member(answer, "account_id", "?"));
}

/* Takes `body` over. */
static int post(const struct context *context, const char *path, json_t *body,
                void (*print)(const json_t *answer))
{
    struct error err;
    int code;

    if (body == NULL) {
        (void)error_set(&err, STATUS_INVALID, "bad_field",
                        "an argument is no UTF-8: check the terminal's "
                        "encoding");
        return command_fail(context, &err);
    }
    const struct client_request request = {
        .method = "POST", .path = path, .json = body};

    code = command_ask(context, &request, print);
    json_decref(body);
    return code;
}

int run_account_add(int argc, char **argv, struct context *context)
{
    static const struct argp_option options[] = {
        {"password-stdin", OPTION_PASSWORD_STDIN, NULL, 0,
         "Read the password from standard input, up to the first line end", 0},
        {"region", OPTION_REGION, "REGION", 0,
         "Where the account's data has to live (default: the service's)", 0},
        {0}};
    struct account_options chosen = {0};
    const struct command_line line = {
        .arguments = "EMAIL",
        .doc = "Makes a subscriber's account, with a trial subscription.",
        .options = options,
        .option = account_option,
        .own = &chosen,
        .min_count = 1,
        .max_count = 1};
    const char *email = command_parse(argc, argv, context, &line)[0];
    struct buffer password = {0};
    struct error err;
    int code;

    if (password_read(&password, chosen.password_stdin,
                      "Password of the new account: ", &err) != STATUS_OK) {
        code = command_fail(context, &err);
    } else {
        /* s*: left out when NULL */
        code = post(context, "/v1/admin/accounts",
                    json_pack("{s:s, s:s, s:s*}", "email", email, "password",
                              buffer_text(&password), "region", chosen.region),
                    print_added);
    }
    buffer_wipe(&password);
    return code;
}

static void print_granted(const json_t *answer)
{
    const json_t *subscription = json_object_get(answer, "subscription");

    printf("granted: account %s is %s until %s\n",
           text_member(answer, "account_id", "?"),
           text_member(subscription, "state", "?"),
           text_member(subscription, "until", "?"));
}

int run_account_grant(int argc, char **argv, struct context *context)
{
    static const struct argp_option options[] = {
        {"until", OPTION_UNTIL, "DATE", 0,
         "Last day (2027-01-31), or a time (2027-01-31T12:00:00Z)", 0},
        {0}};
    struct account_options chosen = {0};
    const struct command_line line = {
        .arguments = "EMAIL",
        .doc = "Gives the account of EMAIL a subscription until DATE.",
        .options = options,
        .option = account_option,
        .own = &chosen,
        .min_count = 1,
        .max_count = 1};
    const char *email = command_parse(argc, argv, context, &line)[0];

    if (chosen.until == NULL) {
        fprintf(stderr, "%s: say until when with --until DATE\n",
                context->program);
        return EXIT_USAGE;
    }
    return post(context, "/v1/admin/accounts/grant",
                json_pack("{s:s, s:s}", "email", email, "until", chosen.until),
                print_granted);
}

/* Audit. */

struct audit_options {
    const struct context *context;
    unsigned limit;
};

static error_t audit_option(int key, const char *value, void *own)
{
    enum { LIMIT_MAX = 1000 }; /* what the API gives at most */
    struct audit_options *options = own;

    if (key == OPTION_LIMIT) {
        options->limit =
            command_number(options->context, "--limit", value, 1, LIMIT_MAX);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static void print_entry(const json_t *entry)
{
    struct buffer line = {0};
    struct error ignored;

    if (buffer_printf(&line, &ignored, "%s  %3" PRId64 "  ",
                      text_member(entry, "at", "?"),
                      text_integer(entry, "status", 0)) == STATUS_OK &&
        text_append(&line, text_member(entry, "call", "?"), &ignored) ==
            STATUS_OK &&
        buffer_printf(&line, &ignored, "  ") == STATUS_OK &&
        text_append(&line, text_member(entry, "target", ""), &ignored) ==
            STATUS_OK) {
        command_print(&line);
    }
    buffer_clear(&line);
}

int run_audit(int argc, char **argv, struct context *context)
{
    static const struct argp_option options[] = {
        {"limit", OPTION_LIMIT, "N", 0, "How many, 1 to 1000 (default 100)", 0},
        {0}};
    struct audit_options chosen = {.context = context, .limit = 100};
    const struct command_line line = {
        .doc = "Lists what was done with the operator token, newest first: "
               "when, HTTP status, call, what it was about.",
        .options = options,
        .option = audit_option,
        .own = &chosen};
    struct session session = {0};
    struct error err;
    json_t *answer = NULL;
    char path[64];
    size_t i;
    json_t *entry;

    (void)command_parse(argc, argv, context, &line);
    snprintf(path, sizeof(path), "/v1/admin/audit?limit=%u", chosen.limit);
    const struct client_request request = {.method = "GET", .path = path};
    enum status status = command_session(&session, context, &err);

    if (status == STATUS_OK) {
        status = session_send(&session, &request, &answer, &err);
    }
    json_array_foreach(json_object_get(answer, "entries"), i, entry)
    {
        if (context->json) {
            command_print_json(entry);
        } else {
            print_entry(entry);
        }
    }
    json_decref(answer);
    session_close(&session);
    return status == STATUS_OK ? command_done(context)
                               : command_fail(context, &err);
}
