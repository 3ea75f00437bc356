/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/session.h"

#include "api/cli/files.h"
#include "api/cli/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TOKEN_FILE_MAX_BYTES = 4096, SLEEP_STEP_MS = 100 };

static int64_t now_s(void)
{
    return (int64_t)time(NULL);
}

enum status session_open(struct session *session, const char *folder,
                         const char *url, const atomic_bool *stop,
                         struct error *err)
{
    enum status status =
        credentials_load(&session->credentials, folder, url, err);

    if (status == STATUS_OK) {
        status =
            client_open(&session->client, session->credentials.url, stop, err);
    }
    if (status == STATUS_OK) {
        status = client_set_token(session->client,
                                  session->credentials.access_token, err);
    }
    session->stop = stop;
    snprintf(session->folder, sizeof(session->folder), "%s", folder);
    return status;
}

enum status session_open_operator(struct session *session, const char *url,
                                  const char *token_file,
                                  const atomic_bool *stop, struct error *err)
{
    struct buffer token = {0};
    enum status status =
        files_read(&token, token_file, TOKEN_FILE_MAX_BYTES, err);

    if (status == STATUS_NOT_FOUND) {
        status = error_set(err, STATUS_NOT_FOUND, "no_file",
                           "there is no operator token at %s: name the "
                           "operator.token of the service's data folder with "
                           "--token-file",
                           token_file);
    }
    if (status == STATUS_OK) {
        while (token.length > 0 &&
               strchr(" \t\r\n", token.bytes[token.length - 1]) != NULL) {
            token.bytes[--token.length] = '\0';
        }
        status = session_open_anonymous(session, url, stop, err);
    }
    if (status == STATUS_OK) {
        status = client_set_token(session->client, buffer_text(&token), err);
    }
    buffer_wipe(&token);
    return status;
}

enum status session_open_anonymous(struct session *session, const char *url,
                                   const atomic_bool *stop, struct error *err)
{
    session->stop = stop;
    snprintf(session->credentials.url, sizeof(session->credentials.url), "%s",
             url);
    return client_open(&session->client, url, stop, err);
}

void session_close(struct session *session)
{
    client_close(session->client);
    explicit_bzero(session, sizeof(*session));
}

enum status session_take_tokens(struct session *session, const json_t *answer,
                                struct error *err)
{
    struct credentials *kept = &session->credentials;
    const char *access = text_member(answer, "access_token", "");
    const char *refresh = text_member(answer, "refresh_token", "");
    const char *device = text_member(answer, "device_id", kept->device_id);

    if (access[0] == '\0' || strlen(access) >= CREDENTIALS_TEXT_SIZE ||
        strlen(refresh) >= CREDENTIALS_TEXT_SIZE ||
        strlen(device) >= CREDENTIALS_TEXT_SIZE) {
        return error_set(err, STATUS_INVALID, "bad_answer",
                         "%s answered without a usable token: check that the "
                         "address is Refrain's",
                         kept->url);
    }
    snprintf(kept->access_token, sizeof(kept->access_token), "%s", access);
    snprintf(kept->refresh_token, sizeof(kept->refresh_token), "%s", refresh);
    memmove(kept->device_id, device, strlen(device) + 1);
    kept->access_until_s = now_s() + text_integer(answer, "expires_in", 0);
    return client_set_token(session->client, access, err);
}

/* RFC 6749 §6. */
static enum status ask_for_tokens(struct session *session, json_t **out,
                                  struct error *err)
{
    struct buffer form = {0};
    enum status status =
        buffer_printf(&form, err, "grant_type=refresh_token&refresh_token=");

    if (status == STATUS_OK) {
        status =
            text_append_encoded(&form, session->credentials.refresh_token, err);
    }
    if (status == STATUS_OK) {
        const struct client_request request = {.method = "POST",
                                               .path = "/v1/oauth/token",
                                               .form = buffer_text(&form)};

        status = client_send(session->client, &request, out, err);
    }
    buffer_wipe(&form);
    if (status == STATUS_DENIED || status == STATUS_INVALID) {
        status = error_set(err, STATUS_DENIED, "signed_out",
                           "this device is signed out: run refrain login %s",
                           session->credentials.email);
    }
    return status;
}

/* The holder of the lock either finds that another one has got new tokens
 * meanwhile, or gets them and keeps them: a refresh token works once. */
static enum status renew_locked(struct session *session, struct error *err)
{
    struct credentials *mine = &session->credentials;
    struct credentials kept = {0};
    json_t *answer = NULL;
    enum status status =
        credentials_load(&kept, session->folder, mine->url, err);

    if (status == STATUS_OK &&
        strcmp(kept.access_token, mine->access_token) != 0) {
        *mine = kept;
        status = client_set_token(session->client, mine->access_token, err);
    } else if (status == STATUS_OK) {
        status = ask_for_tokens(session, &answer, err);
        if (status == STATUS_OK) {
            status = session_take_tokens(session, answer, err);
        }
        if (status == STATUS_OK) {
            status = credentials_save(mine, session->folder, err);
        }
        json_decref(answer);
    }
    explicit_bzero(&kept, sizeof(kept));
    return status;
}

static enum status renew(struct session *session, struct error *err)
{
    int lock = -1;
    enum status status = credentials_lock(&lock, session->folder, err);

    if (status == STATUS_OK) {
        status = renew_locked(session, err);
        credentials_unlock(lock);
    }
    return status;
}

static enum status renew_if_due(struct session *session, struct error *err)
{
    const int64_t until_s = session->credentials.access_until_s;

    if (session->folder[0] != '\0' && until_s > 0 &&
        now_s() >= until_s - SESSION_TOKEN_MARGIN_S) {
        return renew(session, err);
    }
    return STATUS_OK;
}

/* Whether the service refused the token itself, and another may be had. */
static bool is_token_refused(const struct session *session, enum status status,
                             const struct error *err)
{
    return status == STATUS_DENIED && session->folder[0] != '\0' &&
           strcmp(err->code, "invalid_token") == 0;
}

enum status session_send(struct session *session,
                         const struct client_request *request, json_t **out,
                         struct error *err)
{
    enum status status = renew_if_due(session, err);

    if (status != STATUS_OK) {
        return status;
    }
    status = client_send(session->client, request, out, err);
    /* A body is on its way already: its sender begins anew. */
    if (is_token_refused(session, status, err)) {
        status = renew(session, err);
        if (status == STATUS_OK && request->body == NULL) {
            status = client_send(session->client, request, out, err);
        } else if (status == STATUS_OK) {
            status = error_set(err, STATUS_UNAVAILABLE, "token_renewed",
                               "the session was renewed: try again");
        }
    }
    return status;
}

enum status session_greet(struct session *session, const char *path,
                          struct error *err)
{
    const struct client_request request = {.method = "GET", .path = path};

    return session_send(session, &request, NULL, err);
}

enum status session_receive(struct session *session,
                            const struct client_download *download,
                            struct error *err)
{
    enum status status = renew_if_due(session, err);

    if (status != STATUS_OK) {
        return status;
    }
    status = client_receive(session->client, download, err);
    if (is_token_refused(session, status, err)) {
        status = renew(session, err);
        if (status == STATUS_OK) {
            status = client_receive(session->client, download, err);
        }
    }
    return status;
}

static bool is_stopped(const struct session *session)
{
    return session->stop != NULL && atomic_load(session->stop);
}

bool session_wait(const struct session *session, enum status status,
                  unsigned tries)
{
    const unsigned asked_ms = client_retry_after_s(session->client) * 1000;
    unsigned wait_ms = SESSION_FIRST_WAIT_MS;
    struct timespec now;

    if (status != STATUS_UNAVAILABLE || tries >= SESSION_TRIES_MAX ||
        asked_ms > SESSION_ASKED_MAX_MS) {
        return false;
    }
    for (unsigned i = 1; i < tries && wait_ms < SESSION_LONGEST_WAIT_MS; i++) {
        wait_ms *= 2;
    }
    /* Up to a quarter more, so that many clients do not come back at once. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    wait_ms += (unsigned)(now.tv_nsec / 1000) % (wait_ms / 4);
    wait_ms = asked_ms > wait_ms ? asked_ms : wait_ms;
    for (unsigned slept_ms = 0; slept_ms < wait_ms && !is_stopped(session);
         slept_ms += SLEEP_STEP_MS) {
        const struct timespec step = {.tv_nsec = SLEEP_STEP_MS * 1000000L};

        nanosleep(&step, NULL);
    }
    return !is_stopped(session);
}

enum status session_send_patiently(struct session *session,
                                   const struct client_request *request,
                                   bool (*rewind)(void *context), json_t **out,
                                   struct error *err)
{
    for (unsigned tries = 1;; tries++) {
        if (rewind != NULL && !rewind(request->body->context)) {
            return error_set(err, STATUS_INVALID, "body_failed",
                             "what is to be sent could not be read");
        }
        const enum status status = session_send(session, request, out, err);

        if (!session_wait(session, status, tries)) {
            return status;
        }
    }
}
