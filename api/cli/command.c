/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/command.h"

#include "api/cli/text.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_URL "http://127.0.0.1:8090" /* refraind's own default */

const char *argp_program_version = "refrain " REFRAIN_VERSION;

/* A signal reaches no other place than a static one. Lock-free, hence safe in
 * a handler: C17 §7.14.1.1. */
static atomic_bool stopped;
_Static_assert(ATOMIC_BOOL_LOCK_FREE == 2, "used in a signal handler");

static void on_signal(int number)
{
    (void)number;
    atomic_store(&stopped, true);
}

static void prepare_signals(void)
{
    /* One shot: a second Ctrl-C ends at once. No SA_RESTART: a read from the
     * terminal ends. */
    struct sigaction stop = {.sa_handler = on_signal,
                             .sa_flags = (int)SA_RESETHAND};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGHUP, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

/* Options before and after the command's name. */

enum { OPTION_URL = 0x100, OPTION_JSON, OPTION_TOKEN_FILE };

/* Credentials are found by the url as it is written: without a '/' behind. */
static void set_url(struct context *context, const char *url)
{
    size_t length = strlen(url);

    while (length > 0 && url[length - 1] == '/') {
        length--;
    }
    /* One that does not fit is told to be wrong by client_open(). */
    snprintf(context->url_text, sizeof(context->url_text), "%.*s", (int)length,
             url);
    context->url = context->url_text;
}

static error_t common_option(int key, char *value, struct argp_state *state)
{
    struct context *context = state->input;

    switch (key) {
    case OPTION_URL:
        set_url(context, value);
        return 0;
    case OPTION_JSON:
        context->json = true;
        return 0;
    case OPTION_TOKEN_FILE:
        context->token_file = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option subscriber_options[] = {
    {"url", OPTION_URL, "URL", 0,
     "The service (default: $REFRAIN_URL, else where you signed in last)", 0},
    {"json", OPTION_JSON, NULL, 0, "Print one JSON object a line", 0},
    {0}};
static const struct argp_option operator_options[] = {
    {"url", OPTION_URL, "URL", 0,
     "The service (default: $REFRAIN_URL, else " DEFAULT_URL ")", 0},
    {"token-file", OPTION_TOKEN_FILE, "FILE", 0,
     "The operator's token, DIR/operator.token of the service (default: "
     "$REFRAIN_OPERATOR_TOKEN_FILE, else ./operator.token)",
     0},
    {"json", OPTION_JSON, NULL, 0, "Print one JSON object a line", 0},
    {0}};
static const struct argp subscriber_argp = {.options = subscriber_options,
                                            .parser = common_option};
static const struct argp operator_argp = {.options = operator_options,
                                          .parser = common_option};

static const struct argp *common_argp(const struct context *context)
{
    return context->operator_program ? &operator_argp : &subscriber_argp;
}

/* A command's own line. */

struct parse {
    struct context *context;
    const struct command_line *line;
    char **arguments;
    int count;
};

static error_t line_option(int key, char *value, struct argp_state *state)
{
    struct parse *parse = state->input;
    const struct command_line *line = parse->line;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = parse->context;
        return 0;
    case ARGP_KEY_ARG: /* all of them together: ARGP_KEY_ARGS */
        return ARGP_ERR_UNKNOWN;
    case ARGP_KEY_ARGS:
        parse->arguments = state->argv + state->next;
        parse->count = state->argc - state->next;
        return 0;
    case ARGP_KEY_END:
        if (parse->count < line->min_count) {
            argp_error(state, "%s is missing", line->arguments);
        } else if (parse->count > line->max_count) {
            argp_error(state, "'%s' is too much",
                       parse->arguments[line->max_count]);
        }
        return 0;
    default:
        /* Argp's own keys are negative or far above a character's. */
        return line->option != NULL && key > 0 && key < 0x10000
                   ? line->option(key, value, line->own)
                   : ARGP_ERR_UNKNOWN;
    }
}

char **command_parse(int argc, char **argv, struct context *context,
                     const struct command_line *line)
{
    static char *no_arguments[] = {NULL};
    struct parse parse = {
        .context = context, .line = line, .arguments = no_arguments};
    const struct argp_child children[] = {
        {common_argp(context), 0, "Common options:", 1}, {0}};
    const struct argp argp = {.options = line->options,
                              .parser = line_option,
                              .args_doc = line->arguments,
                              .doc = line->doc,
                              .children = children};

    argp_parse(&argp, argc, argv, 0, NULL, &parse);
    return parse.arguments;
}

unsigned command_number(const struct context *context, const char *option,
                        const char *value, unsigned min, unsigned max)
{
    char *end = NULL;
    const unsigned long number = strtoul(value, &end, 10);

    if (end == value || *end != '\0' || value[0] == '-' || number < min ||
        number > max) {
        fprintf(stderr, "%s: %s must be a number from %u to %u, not '%s'\n",
                context->program, option, min, max, value);
        exit(EXIT_USAGE);
    }
    return (unsigned)number;
}

/* The program's line: finds the command. */

struct choice {
    struct context *context;
    int first; /* index of the command's name */
};

/* NOLINTNEXTLINE(readability-non-const-parameter): argp's type */
static error_t main_option(int key, char *value, struct argp_state *state)
{
    struct choice *choice = state->input;

    (void)value;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = choice->context;
        return 0;
    case ARGP_KEY_ARG:
        return ARGP_ERR_UNKNOWN;
    case ARGP_KEY_ARGS:
        choice->first = state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_state_help(state, stderr, ARGP_HELP_STD_ERR);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* How many words of argv are the command's name; 0: another command. */
static int match_name(const char *name, char **words)
{
    const char *space = strchr(name, ' ');

    if (space == NULL) {
        return strcmp(words[0], name) == 0 ? 1 : 0;
    }
    const size_t length = (size_t)(space - name);

    return strlen(words[0]) == length && strncmp(words[0], name, length) == 0 &&
                   words[1] != NULL && strcmp(words[1], space + 1) == 0
               ? 2
               : 0;
}

static int run_command(int argc, char **argv, const struct command *commands,
                       struct context *context)
{
    char name[64];

    for (const struct command *at = commands; at->name != NULL; at++) {
        const int words = match_name(at->name, argv);

        if (words > 0) {
            /* Argp shows argv[0] as the program. */
            snprintf(name, sizeof(name), "%s %s", context->program, at->name);
            context->command = name;
            argv[words - 1] = name;
            return at->run(argc - words + 1, argv + words - 1, context);
        }
    }
    fprintf(stderr, "%s: there is no command '%s': see %s --help\n",
            context->program, argv[0], context->program);
    return EXIT_USAGE;
}

static enum status describe(struct buffer *out, const char *doc,
                            const struct command *commands, struct error *err)
{
    enum status status = buffer_printf(out, err, "%s\vCommands:\n", doc);

    for (; commands->name != NULL && status == STATUS_OK; commands++) {
        status = buffer_printf(out, err, "  %-16s %s\n", commands->name,
                               commands->summary);
    }
    if (status == STATUS_OK) {
        status = buffer_printf(out, err,
                               "\nEach has its own --help. Exit codes: 0 done, "
                               "1 failed, 2 used wrongly.");
    }
    return status;
}

int command_main(int argc, char **argv, const struct command *commands,
                 const char *doc, bool operator_program)
{
    struct context context = {.program = program_invocation_short_name,
                              .command = program_invocation_short_name,
                              .operator_program = operator_program,
                              .stop = &stopped};
    struct choice choice = {.context = &context};
    struct buffer text = {0};
    struct error err;
    int code = EXIT_FAILED;

    const char *url = getenv("REFRAIN_URL");

    argp_err_exit_status = EXIT_USAGE;
    prepare_signals();
    if (url != NULL && url[0] != '\0') {
        set_url(&context, url);
    }
    if (describe(&text, doc, commands, &err) != STATUS_OK ||
        client_prepare(&err) != STATUS_OK) {
        code = command_fail(&context, &err);
    } else {
        const struct argp_child children[] = {
            {common_argp(&context), 0, NULL, 0}, {0}};
        const struct argp argp = {.parser = main_option,
                                  .args_doc = "COMMAND [ARGUMENT...]",
                                  .doc = buffer_text(&text),
                                  .children = children};

        /* In order: what follows the command's name is the command's. */
        argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice);
        code = run_command(argc - choice.first, argv + choice.first, commands,
                           &context);
    }
    buffer_clear(&text);
    return code;
}

/* Where things are. */

static enum status xdg_folder(char *out, size_t size, const char *variable,
                              const char *below_home, struct error *err)
{
    const char *base = getenv(variable);
    const char *home = getenv("HOME");
    int length = 0;

    /* The specification: relative paths are to be ignored. */
    if (base != NULL && base[0] == '/') {
        length = snprintf(out, size, "%s/refrain", base);
    } else if (home != NULL && home[0] == '/') {
        length = snprintf(out, size, "%s/%s/refrain", home, below_home);
    }
    if (length <= 0 || (size_t)length >= size) {
        return error_set(err, STATUS_INVALID, "no_home",
                         "there is no folder for this program's files: set "
                         "%s or HOME to one with a short path",
                         variable);
    }
    return STATUS_OK;
}

enum status command_config_folder(char *out, size_t size, struct error *err)
{
    return xdg_folder(out, size, "XDG_CONFIG_HOME", ".config", err);
}

enum status command_state_folder(char *out, size_t size, struct error *err)
{
    return xdg_folder(out, size, "XDG_STATE_HOME", ".local/state", err);
}

const char *command_default_url(const struct context *context)
{
    return context->url != NULL ? context->url : DEFAULT_URL;
}

enum status command_session(struct session *session,
                            const struct context *context, struct error *err)
{
    char folder[CREDENTIALS_TEXT_SIZE];

    if (context->operator_program) {
        const char *named = getenv("REFRAIN_OPERATOR_TOKEN_FILE");
        const char *token_file = context->token_file != NULL
                                     ? context->token_file
                                 : named != NULL ? named
                                                 : "operator.token";

        return session_open_operator(session, command_default_url(context),
                                     token_file, context->stop, err);
    }
    const enum status status =
        command_config_folder(folder, sizeof(folder), err);

    if (status != STATUS_OK) {
        return status;
    }
    return session_open(session, folder, context->url, context->stop, err);
}

/* Output. */

int command_fail(const struct context *context, const struct error *err)
{
    struct buffer text = {0};
    struct error ignored;

    (void)fflush(stdout);
    /* The sentence may name a file that somebody else named. */
    if (text_append(&text, err->text, &ignored) == STATUS_OK) {
        fprintf(stderr, "%s: %s\n", context->program, buffer_text(&text));
    }
    buffer_clear(&text);
    return EXIT_FAILED;
}

void command_print_json(const json_t *object)
{
    /* Ten digits tell all that a share of bits or a score has. */
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(10));
    (void)fputc('\n', stdout);
    (void)fflush(stdout); /* a line is useful as soon as it is there */
}

void command_print(const struct buffer *line)
{
    (void)puts(buffer_text(line));
    (void)fflush(stdout);
}

int command_done(const struct context *context)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "%s: cannot write the output: check its place\n",
                context->program);
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

int command_ask(const struct context *context,
                const struct client_request *request,
                void (*print)(const json_t *answer))
{
    struct session session = {0};
    struct error err;
    json_t *answer = NULL;
    int code = EXIT_FAILED;
    enum status status = command_session(&session, context, &err);

    if (status == STATUS_OK) {
        status = session_send(&session, request, &answer, &err);
    }
    if (status != STATUS_OK) {
        code = command_fail(context, &err);
    } else {
        if (context->json && answer != NULL) {
            command_print_json(answer);
        } else if (!context->json && print != NULL) {
            print(answer);
        }
        code = command_done(context);
    }
    json_decref(answer);
    session_close(&session);
    return code;
}
