/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/commands.h"
#include "api/cli/password.h"
#include "api/cli/text.h"
#include "catalog/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_PASSWORD_STDIN = 1, OPTION_DEVICE, OPTION_FORGET };

struct login {
    const char *email;
    const char *device_name; /* "" until known */
    char host_name[64];
    bool password_stdin;
};

static error_t login_option(int key, const char *value, void *own)
{
    struct login *login = own;

    switch (key) {
    case OPTION_PASSWORD_STDIN:
        login->password_stdin = true;
        return 0;
    case OPTION_DEVICE:
        login->device_name = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option login_options[] = {
    {"password-stdin", OPTION_PASSWORD_STDIN, NULL, 0,
     "Read the password from standard input, up to the first line end", 0},
    {"device", OPTION_DEVICE, "NAME", 0,
     "How this device is called in the list of devices (default: this host's "
     "name)",
     0},
    {0}};

static void name_device(struct login *login)
{
    if (login->device_name != NULL && login->device_name[0] != '\0') {
        return;
    }
    if (gethostname(login->host_name, sizeof(login->host_name) - 1) != 0 ||
        login->host_name[0] == '\0') {
        snprintf(login->host_name, sizeof(login->host_name), "refrain");
    }
    login->device_name = login->host_name;
}

static enum status append_field(struct buffer *form, const char *name,
                                const char *value, struct error *err)
{
    const enum status status = buffer_printf(form, err, "&%s=", name);

    return status == STATUS_OK ? text_append_encoded(form, value, err) : status;
}

/* RFC 6749 §4.3. */
static enum status ask_for_tokens(struct session *session,
                                  const struct login *login,
                                  const char *password, struct error *err)
{
    struct buffer form = {0};
    json_t *answer = NULL;
    enum status status = buffer_printf(&form, err, "grant_type=password");

    if (status == STATUS_OK) {
        status = append_field(&form, "username", login->email, err);
    }
    if (status == STATUS_OK) {
        status = append_field(&form, "password", password, err);
    }
    if (status == STATUS_OK) {
        status = append_field(&form, "device_name", login->device_name, err);
    }
    if (status == STATUS_OK) {
        const struct client_request request = {.method = "POST",
                                               .path = "/v1/oauth/token",
                                               .form = buffer_text(&form)};

        status = session_send(session, &request, &answer, err);
    }
    if (status == STATUS_OK) {
        status = session_take_tokens(session, answer, err);
    }
    buffer_wipe(&form);
    json_decref(answer);
    return status;
}

static enum status remove_device(struct session *session, const char *device_id,
                                 struct error *err)
{
    char path[64 + CREDENTIALS_TEXT_SIZE];

    if (!id_valid(device_id)) {
        return STATUS_OK; /* none that the service could know */
    }
    snprintf(path, sizeof(path), "/v1/devices/%s", device_id);
    const struct client_request request = {.method = "DELETE", .path = path};

    return session_send(session, &request, NULL, err);
}

/* Signing in again under the same name takes the place of before, or the list
 * of devices would fill up with it. That it fails is no failure of signing in:
 * the old device can still be removed by hand. */
static void replace_earlier(struct session *session,
                            const struct credentials *earlier)
{
    const struct credentials *now = &session->credentials;
    struct error ignored;

    if (strcmp(earlier->email, now->email) == 0 &&
        strcmp(earlier->device_name, now->device_name) == 0 &&
        strcmp(earlier->device_id, now->device_id) != 0) {
        (void)!remove_device(session, earlier->device_id, &ignored);
    }
}

static enum status keep(struct session *session, const struct login *login,
                        struct error *err)
{
    struct credentials *now = &session->credentials;
    struct credentials earlier = {0};
    struct error ignored;
    char folder[CREDENTIALS_TEXT_SIZE];
    int lock = -1;
    enum status status = command_config_folder(folder, sizeof(folder), err);

    snprintf(now->email, sizeof(now->email), "%s", login->email);
    snprintf(now->device_name, sizeof(now->device_name), "%s",
             login->device_name);
    if (status == STATUS_OK) {
        status = credentials_lock(&lock, folder, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const bool known =
        credentials_load(&earlier, folder, now->url, &ignored) == STATUS_OK;

    status = credentials_save(now, folder, err);
    credentials_unlock(lock);
    if (status == STATUS_OK && known) {
        replace_earlier(session, &earlier);
    }
    explicit_bzero(&earlier, sizeof(earlier));
    return status;
}

/* Signs in where a session is open already; keeps the tokens. */
static enum status sign_in(struct session *session, const struct login *login,
                           const char *password, struct error *err)
{
    enum status status = ask_for_tokens(session, login, password, err);

    return status == STATUS_OK ? keep(session, login, err) : status;
}

static enum status make_account(struct session *session,
                                const struct login *login, const char *password,
                                struct error *err)
{
    json_t *body =
        json_pack("{s:s, s:s}", "email", login->email, "password", password);
    enum status status = STATUS_OK;

    if (body == NULL) {
        return error_set(err, STATUS_INVALID, "bad_field",
                         "e-mail address and password must be UTF-8: check "
                         "the terminal's encoding");
    }
    const struct client_request request = {
        .method = "POST", .path = "/v1/accounts", .json = body};

    status = session_send(session, &request, NULL, err);
    json_decref(body);
    return status;
}

static int report(const struct context *context, const struct session *session,
                  const struct login *login)
{
    if (context->json) {
        json_t *line = json_pack(
            "{s:s, s:s, s:s, s:s}", "url", session->credentials.url, "email",
            login->email, "device_id", session->credentials.device_id,
            "device_name", login->device_name);

        command_print_json(line);
        json_decref(line);
    } else {
        printf("signed in to %s as %s, device %s\n", session->credentials.url,
               login->email, login->device_name);
    }
    return command_done(context);
}

/* The url to sign in to: the named one, the last one, the default. */
static void choose_url(char out[CLIENT_URL_SIZE], const struct context *context)
{
    struct credentials last = {0};
    struct error ignored;
    char folder[CREDENTIALS_TEXT_SIZE];

    if (context->url == NULL &&
        command_config_folder(folder, sizeof(folder), &ignored) == STATUS_OK &&
        credentials_load(&last, folder, NULL, &ignored) == STATUS_OK) {
        snprintf(out, CLIENT_URL_SIZE, "%s", last.url);
    } else {
        snprintf(out, CLIENT_URL_SIZE, "%s", command_default_url(context));
    }
    explicit_bzero(&last, sizeof(last));
}

static int run(struct context *context, struct login *login, bool fresh)
{
    struct session session = {0};
    struct buffer password = {0};
    struct error err;
    char url[CLIENT_URL_SIZE];
    int code = EXIT_FAILED;

    name_device(login);
    choose_url(url, context);
    enum status status =
        session_open_anonymous(&session, url, context->stop, &err);

    if (status == STATUS_OK) {
        status =
            password_read(&password, login->password_stdin, "Password: ", &err);
    }
    if (status == STATUS_OK && fresh) {
        status = make_account(&session, login, buffer_text(&password), &err);
    }
    if (status == STATUS_OK) {
        status = sign_in(&session, login, buffer_text(&password), &err);
    }
    code = status == STATUS_OK ? report(context, &session, login)
                               : command_fail(context, &err);
    buffer_wipe(&password);
    session_close(&session);
    return code;
}

int run_login(int argc, char **argv, struct context *context)
{
    struct login login = {0};
    const struct command_line line = {
        .arguments = "EMAIL",
        .doc = "Signs this device in and keeps its tokens in "
               "$XDG_CONFIG_HOME/refrain/credentials.json; the password is "
               "kept nowhere. Signing in again under the same name takes the "
               "earlier device's place.",
        .options = login_options,
        .option = login_option,
        .own = &login,
        .min_count = 1,
        .max_count = 1};

    login.email = command_parse(argc, argv, context, &line)[0];
    return run(context, &login, false);
}

int run_signup(int argc, char **argv, struct context *context)
{
    struct login login = {0};
    const struct command_line line = {
        .arguments = "EMAIL",
        .doc = "Makes an account, with a trial subscription, and signs this "
               "device in.",
        .options = login_options,
        .option = login_option,
        .own = &login,
        .min_count = 1,
        .max_count = 1};

    login.email = command_parse(argc, argv, context, &line)[0];
    return run(context, &login, true);
}

static error_t logout_option(int key, const char *value, void *own)
{
    (void)value;
    if (key == OPTION_FORGET) {
        *(bool *)own = true;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

/* A device that the service does not know any more is signed out, too. */
static enum status sign_out(struct session *session, struct error *err)
{
    const enum status status =
        remove_device(session, session->credentials.device_id, err);

    return status == STATUS_DENIED || status == STATUS_NOT_FOUND ? STATUS_OK
                                                                 : status;
}

static enum status forget(const struct session *session, struct error *err)
{
    int lock = -1;
    enum status status = credentials_lock(&lock, session->folder, err);

    if (status == STATUS_OK) {
        status =
            credentials_forget(session->credentials.url, session->folder, err);
        credentials_unlock(lock);
    }
    return status;
}

int run_logout(int argc, char **argv, struct context *context)
{
    static const struct argp_option options[] = {
        {"forget", OPTION_FORGET, NULL, 0,
         "Only forget the tokens here, without asking the service", 0},
        {0}};
    bool only_forget = false;
    const struct command_line line = {
        .doc = "Removes this device from the account and its tokens from here.",
        .options = options,
        .option = logout_option,
        .own = &only_forget};
    struct session session = {0};
    struct error err;
    int code = EXIT_FAILED;

    (void)command_parse(argc, argv, context, &line);
    enum status status = command_session(&session, context, &err);

    if (status == STATUS_OK && !only_forget) {
        status = sign_out(&session, &err);
    }
    if (status == STATUS_OK) {
        status = forget(&session, &err);
    }
    if (status != STATUS_OK) {
        code = command_fail(context, &err);
    } else {
        if (context->json) {
            json_t *gone = json_pack("{s:s, s:b}", "url",
                                     session.credentials.url, "signed_in", 0);

            command_print_json(gone);
            json_decref(gone);
        } else {
            printf("signed out of %s\n", session.credentials.url);
        }
        code = command_done(context);
    }
    session_close(&session);
    return code;
}
