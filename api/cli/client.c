/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/client.h"

#include "api/cli/refusal.h"
#include "matcher/buffer.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct client {
    CURL *curl;
    char url[CLIENT_URL_SIZE]; /* without a '/' at its end */
    bool loopback;
    struct buffer authorization; /* header line, or empty */
    const atomic_bool *stop;
    unsigned retry_after_s;
};

/* One request on its way: what libcurl's callbacks share. */
struct exchange {
    struct client *client;
    struct buffer answer; /* JSON, or a refusal */
    const struct client_body *body;
    uint64_t sent_bytes;
    bool body_failed;
    const struct client_download *download;
    struct client_facts facts;
    bool begun;
    bool sink_failed;
    bool too_long;
    bool answered; /* the status line is there */
    bool stalled;
    unsigned answer_timeout_s;
    curl_off_t moved_bytes;
    int64_t moved_ms;
    char reason[CURL_ERROR_SIZE];
};

static int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum status client_prepare(struct error *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return error_set(err, STATUS_NO_MEMORY, "no_curl",
                         "libcurl does not start: check its installation");
    }
    return STATUS_OK;
}

/* A proxy from the environment cannot reach this machine's own loopback. */
static bool is_loopback(const char *url)
{
    static const char *const hosts[] = {"localhost", "127.", "[::1]"};
    const char *host = strstr(url, "://");

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        if (strncmp(host + 3, hosts[i], strlen(hosts[i])) == 0) {
            return true;
        }
    }
    return false;
}

enum status client_open(struct client **out, const char *url,
                        const atomic_bool *stop, struct error *err)
{
    size_t length = strlen(url);

    while (length > 0 && url[length - 1] == '/') {
        length--;
    }
    if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
        length >= CLIENT_URL_SIZE || strpbrk(url, " \t\r\n?#@") != NULL) {
        return error_set(err, STATUS_INVALID, "bad_url",
                         "'%.100s' is no address of a service: write it like "
                         "http://HOST:PORT",
                         url);
    }
    struct client *client = calloc(1, sizeof(*client));

    if (client == NULL || (client->curl = curl_easy_init()) == NULL) {
        free(client);
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "out of memory: close other programs");
    }
    snprintf(client->url, sizeof(client->url), "%.*s", (int)length, url);
    client->loopback = is_loopback(client->url);
    client->stop = stop;
    *out = client;
    return STATUS_OK;
}

void client_close(struct client *client)
{
    if (client != NULL) {
        curl_easy_cleanup(client->curl);
        buffer_wipe(&client->authorization);
        free(client);
    }
}

enum status client_set_token(struct client *client, const char *token,
                             struct error *err)
{
    buffer_wipe(&client->authorization);
    if (token == NULL) {
        return STATUS_OK;
    }
    /* RFC 6750 §2.1: b64token. */
    if (token[0] == '\0' ||
        token[strspn(token, "abcdefghijklmnopqrstuvwxyz0123456789"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ-._~+/=")] != '\0') {
        return error_set(err, STATUS_INVALID, "bad_token",
                         "the token is empty or has characters that none has: "
                         "get a new one");
    }
    return buffer_printf(&client->authorization, err,
                         "Authorization: Bearer %s", token);
}

unsigned client_retry_after_s(const struct client *client)
{
    return client->retry_after_s;
}

/* What libcurl calls while a request runs. */

static size_t on_read(char *out, size_t size, size_t count, void *context)
{
    struct exchange *exchange = context;
    const int64_t got =
        exchange->body->read(exchange->body->context, out, size * count);

    if (got == CLIENT_READ_FAILED) {
        exchange->body_failed = true;
        return CURL_READFUNC_ABORT;
    }
    exchange->sent_bytes += (uint64_t)got;
    return (size_t)got;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    enum { LINE_MAX_BYTES = 1024 }; /* longer ones are none that we read */
    struct exchange *exchange = context;
    size_t length = size * count;
    char line[LINE_MAX_BYTES];

    if (length >= 5 && strncmp(bytes, "HTTP/", 5) == 0) {
        /* 100 Continue is no answer yet: RFC 9110 §15.2. */
        memset(&exchange->facts, 0, sizeof(exchange->facts));
        exchange->answered = length > 9 && bytes[9] != '1';
    } else if (length < sizeof(line)) {
        while (length > 0 && strchr("\r\n", bytes[length - 1]) != NULL) {
            length--;
        }
        memcpy(line, bytes, length);
        line[length] = '\0';
        client_facts_read(&exchange->facts, line);
    }
    return size * count;
}

static bool begin_download(struct exchange *exchange)
{
    const struct client_download *download = exchange->download;

    if (!exchange->begun) {
        exchange->begun = true;
        return download->begin(download->context, &exchange->facts);
    }
    return true;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *context)
{
    struct exchange *exchange = context;
    const struct client_download *download = exchange->download;
    const size_t length = size * count;
    long http_status = 0;

    curl_easy_getinfo(exchange->client->curl, CURLINFO_RESPONSE_CODE,
                      &http_status);
    if (download != NULL && (http_status == 200 || http_status == 206)) {
        if (!begin_download(exchange) ||
            !download->write(download->context, bytes, length)) {
            exchange->sink_failed = true;
            return 0;
        }
        return length;
    }
    if (exchange->answer.length + length > CLIENT_ANSWER_MAX_BYTES ||
        buffer_append(&exchange->answer, bytes, length, NULL) != STATUS_OK) {
        exchange->too_long = true;
        return 0;
    }
    return length;
}

static int on_progress(void *context, curl_off_t receive_total,
                       curl_off_t received, curl_off_t send_total,
                       curl_off_t sent)
{
    struct exchange *exchange = context;
    const atomic_bool *stop = exchange->client->stop;
    const int64_t now_ms = clock_ms();
    const bool sending = sent < send_total;
    const unsigned limit_s = !exchange->answered && !sending
                                 ? exchange->answer_timeout_s
                                 : CLIENT_STALL_TIMEOUT_S;

    (void)receive_total;
    if (stop != NULL && atomic_load(stop)) {
        return 1;
    }
    if (received + sent != exchange->moved_bytes) {
        exchange->moved_bytes = received + sent;
        exchange->moved_ms = now_ms;
    } else if (now_ms - exchange->moved_ms > (int64_t)limit_s * 1000) {
        exchange->stalled = true;
        return 1;
    }
    return 0;
}

/* From libcurl's result to ours. */

static enum status transport_failed(const struct exchange *exchange,
                                    CURLcode result, struct error *err)
{
    const struct client *client = exchange->client;

    if (exchange->sink_failed) {
        return error_set(err, STATUS_INVALID, "sink_failed",
                         "what was received could not be kept");
    }
    if (exchange->body_failed) {
        return error_set(err, STATUS_INVALID, "body_failed",
                         "what is to be sent could not be read");
    }
    if (exchange->too_long) {
        return error_set(err, STATUS_INVALID, "long_answer",
                         "%s answers with more than %d MiB: check that the "
                         "address is Refrain's",
                         client->url, CLIENT_ANSWER_MAX_BYTES >> 20);
    }
    if (client->stop != NULL && atomic_load(client->stop)) {
        return error_set(err, STATUS_UNAVAILABLE, "interrupted",
                         "interrupted: run it again to go on");
    }
    if (exchange->stalled) {
        return error_set(err, STATUS_UNAVAILABLE, "unreachable",
                         "%s fell silent: check the network, then try again",
                         client->url);
    }
    if (result == CURLE_PEER_FAILED_VERIFICATION ||
        result == CURLE_SSL_CACERT_BADFILE) {
        return error_set(err, STATUS_DENIED, "bad_certificate",
                         "%s shows a certificate that is not trusted (%s): "
                         "check the address",
                         client->url, exchange->reason);
    }
    if (result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL) {
        return error_set(err, STATUS_INVALID, "bad_url",
                         "%s is no usable address: write it like "
                         "http://HOST:PORT",
                         client->url);
    }
    return error_set(err, STATUS_UNAVAILABLE, "unreachable",
                     "cannot reach %s (%s): check the address and that it runs",
                     client->url,
                     exchange->reason[0] != '\0' ? exchange->reason
                                                 : curl_easy_strerror(result));
}

/* A refusal that came before the whole body was sent breaks the sending, yet
 * it is the answer. */
static enum status settle(struct exchange *exchange, CURLcode result,
                          json_t **out, struct error *err)
{
    CURL *curl = exchange->client->curl;
    const char *moved_to = NULL;
    curl_off_t retry_after_s = 0;
    long http_status = 0;

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http_status);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after_s);
    exchange->client->retry_after_s =
        (unsigned)(retry_after_s < 3600 ? retry_after_s : 3600);
    if (result != CURLE_OK && http_status < 400) {
        return transport_failed(exchange, result, err);
    }
    if (http_status >= 300 && http_status < 400) {
        curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &moved_to);
        return error_set(err, STATUS_INVALID, "redirected",
                         "%s has moved: sign in at %.200s",
                         exchange->client->url,
                         moved_to != NULL ? moved_to : "its new address");
    }
    const bool expected = http_status >= 200 && http_status < 300;

    if (expected && exchange->download != NULL) {
        /* An empty file has no byte that would have begun it. */
        return begin_download(exchange)
                   ? STATUS_OK
                   : error_set(err, STATUS_INVALID, "sink_failed",
                               "what was received could not be kept");
    }
    json_t *answer = NULL;

    if (exchange->answer.length > 0) {
        answer = json_loadb((const char *)exchange->answer.bytes,
                            exchange->answer.length, 0, NULL);
    }
    enum status status = STATUS_OK;

    if (!expected || (answer == NULL && exchange->answer.length > 0)) {
        status = refusal_read(http_status, answer, err);
    } else if (out != NULL) {
        *out = json_incref(answer);
    }
    json_decref(answer);
    return status;
}

/* Setting up a request. */

struct headers {
    struct curl_slist *list;
    bool failed;
};

static void add_header(struct headers *headers, const char *line)
{
    struct curl_slist *longer = curl_slist_append(headers->list, line);

    if (longer == NULL) {
        headers->failed = true;
    } else {
        headers->list = longer;
    }
}

static void set_common(struct exchange *exchange, const char *url)
{
    const struct client *client = exchange->client;
    CURL *curl = client->curl;

    curl_easy_reset(curl); /* keeps connections and TLS sessions */
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "refrain/" REFRAIN_VERSION);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
                     (long)CLIENT_CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->reason);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange);
    if (client->loopback) {
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
    }
}

static void set_stream(struct exchange *exchange, struct headers *headers)
{
    CURL *curl = exchange->client->curl;
    char line[128];

    snprintf(line, sizeof(line), "Content-Type: %s",
             exchange->body->content_type);
    add_header(headers, line);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)exchange->body->size_bytes);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(curl, CURLOPT_READDATA, exchange);
}

static CURLcode perform(struct exchange *exchange, const char *path,
                        struct headers *headers)
{
    struct client *client = exchange->client;
    struct buffer url = {0};
    CURLcode result = CURLE_OUT_OF_MEMORY;

    if (buffer_printf(&url, NULL, "%s%s", client->url, path) != STATUS_OK) {
        return result;
    }
    curl_easy_setopt(client->curl, CURLOPT_URL, buffer_text(&url));
    if (client->authorization.length > 0) {
        add_header(headers, buffer_text(&client->authorization));
    }
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers->list);
    exchange->moved_ms = clock_ms();
    if (!headers->failed) {
        result = curl_easy_perform(client->curl);
    }
    buffer_clear(&url);
    return result;
}

static void set_text(CURL *curl, struct headers *headers,
                     const char *content_type, const char *text)
{
    add_header(headers, content_type);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)strlen(text));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
}

enum status client_send(struct client *client,
                        const struct client_request *request, json_t **out,
                        struct error *err)
{
    struct exchange exchange = {.client = client,
                                .body = request->body,
                                .answer_timeout_s =
                                    request->answer_timeout_s > 0
                                        ? request->answer_timeout_s
                                        : CLIENT_ANSWER_TIMEOUT_S};
    struct headers headers = {0};
    char *json = NULL;

    if (out != NULL) {
        *out = NULL;
    }
    set_common(&exchange, client->url);
    add_header(&headers, "Accept: application/json, application/problem+json");
    if (request->idempotency_key != NULL) {
        char line[256];

        snprintf(line, sizeof(line), "Idempotency-Key: %s",
                 request->idempotency_key);
        add_header(&headers, line);
    }
    if (request->json != NULL) {
        json = json_dumps(request->json, JSON_COMPACT);
        headers.failed = headers.failed || json == NULL;
        set_text(client->curl, &headers, "Content-Type: application/json",
                 json != NULL ? json : "");
    } else if (request->form != NULL) {
        set_text(client->curl, &headers,
                 "Content-Type: application/x-www-form-urlencoded",
                 request->form);
    } else if (request->body != NULL) {
        set_stream(&exchange, &headers);
    }
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, request->method);
    const CURLcode result = perform(&exchange, request->path, &headers);
    const enum status status = settle(&exchange, result, out, err);

    curl_slist_free_all(headers.list);
    free(json);
    buffer_wipe(&exchange.answer); /* tokens are answers, too */
    return status;
}

enum status client_receive(struct client *client,
                           const struct client_download *download,
                           struct error *err)
{
    struct exchange exchange = {.client = client,
                                .download = download,
                                .answer_timeout_s = CLIENT_ANSWER_TIMEOUT_S};
    struct headers headers = {0};
    char line[CLIENT_ETAG_SIZE + 32];

    set_common(&exchange, client->url);
    if (download->first_byte > 0) {
        assert(download->etag[0] != '\0');
        snprintf(line, sizeof(line), "Range: bytes=%llu-",
                 (unsigned long long)download->first_byte);
        add_header(&headers, line);
        snprintf(line, sizeof(line), "If-Range: %s", download->etag);
        add_header(&headers, line);
    }
    const CURLcode result = perform(&exchange, download->path, &headers);
    const enum status status = settle(&exchange, result, NULL, err);

    curl_slist_free_all(headers.list);
    buffer_clear(&exchange.answer);
    return status;
}
