/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_COMMAND_H
#define REFRAIN_API_CLI_COMMAND_H

#include "api/cli/session.h"
#include "matcher/buffer.h"
#include "matcher/status.h"

#include <argp.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

/** What all commands of both programs share: options, exit codes, output.
 *  Exit codes: 0 done, 1 failed, 2 used wrongly. */

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/** Where and how a command runs. */
struct context {
    const char *program; /* "refrain" */
    const char *command; /* "refrain scan" */
    const char *url;     /* --url or $REFRAIN_URL; NULL: not named */
    char url_text[CLIENT_URL_SIZE + 1]; /* what url points to */
    const char *token_file; /* refrain-admin's --token-file; NULL: not named */
    bool operator_program;
    bool json;               /* one JSON object a line */
    const atomic_bool *stop; /* SIGINT, SIGTERM or SIGHUP came */
};

struct command {
    const char *name;    /* "scan"; of two words: "catalog load" */
    const char *summary; /* one line for --help */
    int (*run)(int argc, char **argv, struct context *context);
};

/** main() of a program: finds the command and runs it.
 *  commands  ended by a NULL name
 *  doc       what the program is, for --help */
int command_main(int argc, char **argv, const struct command *commands,
                 const char *doc, bool operator_program);

/** A command's own command line. */
struct command_line {
    const char *arguments;             /* "PATH..." for --help; NULL: none */
    const char *doc;                   /* what it does, for --help */
    const struct argp_option *options; /* its own; NULL: none */
    /* An option of its own: ARGP_ERR_UNKNOWN refuses it. */
    error_t (*option)(int key, const char *value, void *own);
    void *own;
    int min_count; /* of arguments */
    int max_count;
};
/** Parses; prints help and ends the program as argp does (wrong usage: 2).
 *  Returns the arguments, ended by NULL, borrowed from argv. */
char **command_parse(int argc, char **argv, struct context *context,
                     const struct command_line *line);
/** For the value of an option: a whole number in [min, max], or the program
 *  ends with EXIT_USAGE. */
unsigned command_number(const struct context *context, const char *option,
                        const char *value, unsigned min, unsigned max);

/** Opens the session that the program's commands need: the subscriber's, or
 *  the operator's. */
MUST_USE enum status command_session(struct session *session,
                                     const struct context *context,
                                     struct error *err);
/** Where credentials are kept, and what was sent before:
 *  $XDG_CONFIG_HOME/refrain and $XDG_STATE_HOME/refrain (XDG Base Directory
 *  Specification 0.8). STATUS_INVALID "no_home". */
MUST_USE enum status command_config_folder(char *out, size_t size,
                                           struct error *err);
MUST_USE enum status command_state_folder(char *out, size_t size,
                                          struct error *err);
/** The service where nobody is signed in yet. */
const char *command_default_url(const struct context *context);

/** "refrain: <sentence>" on standard error; EXIT_FAILED. */
int command_fail(const struct context *context, const struct error *err);
/** One JSON object as a line on standard output; borrowed. */
void command_print_json(const json_t *object);
/** A line of text on standard output. */
void command_print(const struct buffer *line);
/** Whether all that was printed has arrived; EXIT_DONE or, with a sentence,
 *  EXIT_FAILED. What a command ends with. */
int command_done(const struct context *context);

/** What every command of the operator or subscriber that asks once and prints
 *  the answer does: sends, prints the answer as JSON with --json, else by
 *  `print`. */
int command_ask(const struct context *context,
                const struct client_request *request,
                void (*print)(const json_t *answer));

#endif
