/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_SESSION_H
#define REFRAIN_API_CLI_SESSION_H

#include "api/cli/client.h"
#include "api/cli/credentials.h"

/** A signed-in client: sends the bearer token, gets a new one when the old one
 *  ends, and asks again when the service is briefly away. One thread; several
 *  threads and programs may each have a session of the same device, since the
 *  credentials file is where they agree on the newest tokens. */
struct session {
    struct client *client; /* owned */
    struct credentials credentials;
    char folder[CREDENTIALS_TEXT_SIZE]; /* of credentials.json; "" operator */
    const atomic_bool *stop;            /* may be NULL */
};

enum {
    /* 0.5 s, doubled each time up to 16 s: about 50 s in all, in which a
     * service is restarted or a network comes back. */
    SESSION_TRIES_MAX = 8,
    SESSION_FIRST_WAIT_MS = 500,
    SESSION_LONGEST_WAIT_MS = 16000,
    /* A service that asks for more (a full disk) needs a person first. */
    SESSION_ASKED_MAX_MS = 30000,
    /* Ended this much early, an access token never ends on its way. */
    SESSION_TOKEN_MARGIN_S = 60,
};

/** As a subscriber, with the kept credentials.
 *  url   NULL: the service that was signed in to last
 *  stop  see client_open()
 *  STATUS_NOT_FOUND "signed_out" and what credentials_load() says. */
MUST_USE enum status session_open(struct session *session, const char *folder,
                                  const char *url, const atomic_bool *stop,
                                  struct error *err);
/** As the operator, with the token in a file. STATUS_NOT_FOUND "no_file". */
MUST_USE enum status session_open_operator(struct session *session,
                                           const char *url,
                                           const char *token_file,
                                           const atomic_bool *stop,
                                           struct error *err);
/** Without a token, for signing in. */
MUST_USE enum status session_open_anonymous(struct session *session,
                                            const char *url,
                                            const atomic_bool *stop,
                                            struct error *err);
/** Wipes and closes; fine on a zeroed one. */
void session_close(struct session *session);

/** One request. A token that ended is renewed, and the request sent again.
 *  STATUS_DENIED "signed_out": the device was removed or its tokens ended. */
MUST_USE enum status session_send(struct session *session,
                                  const struct client_request *request,
                                  json_t **out, struct error *err);
/** The same, and again after a while when the service is away or busy: only
 *  for requests that may arrive twice.
 *  rewind  starts the request's body anew; NULL when it has none. false: give
 *          up with STATUS_INVALID "body_failed" */
MUST_USE enum status session_send_patiently(
    struct session *session, const struct client_request *request,
    bool (*rewind)(void *context), json_t **out, struct error *err);
/** Asks once, without patience, whether the service is there and takes the
 *  token: so that a wrong address is told at once.
 *  path  something that this role may GET. */
MUST_USE enum status session_greet(struct session *session, const char *path,
                                   struct error *err);
MUST_USE enum status session_receive(struct session *session,
                                     const struct client_download *download,
                                     struct error *err);

/** After the `tries`-th failure (from 1) in a row: sleeps and says true when
 *  another try makes sense. */
bool session_wait(const struct session *session, enum status status,
                  unsigned tries);

/** Takes the answer of /v1/oauth/token over: device and tokens.
 *  STATUS_INVALID "bad_answer". */
MUST_USE enum status session_take_tokens(struct session *session,
                                         const json_t *answer,
                                         struct error *err);

#endif
