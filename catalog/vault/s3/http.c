/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/s3/http.h"

#include "catalog/id.h"

#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    ERROR_BODY_MAX_BYTES = 64 * 1024,
    CONNECT_TIMEOUT_MS = 5000,
    /* a try without a byte for this long is given up, so that the deadline has
     * room for others */
    SILENCE_S = 10,
    RETRY_AFTER_MAX_S = 3600,
    LINE_SIZE = 256,
};

struct s3_http {
    char *access_key; /* owned, as all of these */
    char *secret_key;
    char *token_header; /* NULL: none */
    char *sigv4;        /* how libcurl is to sign */
    char *ca_file;      /* NULL: the system's */
    bool https;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    CURL **idle; /* owned; the last one was used last */
    unsigned idle_count;
    unsigned busy_count;
    unsigned handle_max;
};

/* One request on its way: what libcurl's callbacks share. */
struct exchange {
    const struct s3_request *request;
    struct s3_answer *answer;
    CURL *curl;
    struct curl_slist *headers; /* owned */
    bool no_memory;
    bool too_long;
    char reason[CURL_ERROR_SIZE];
};

static pthread_once_t started = PTHREAD_ONCE_INIT;
static CURLcode start_result;

static void start(void)
{
    start_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

int64_t s3_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "no memory for talking to the store");
}

/* --- the pool --------------------------------------------------------------
 */

static void wipe_text(char *text)
{
    if (text != NULL) {
        crypto_wipe(text, strlen(text));
        free(text);
    }
}

static char *join(const char *before, const char *text, const char *after)
{
    size_t size = strlen(before) + strlen(text) + strlen(after) + 1;
    char *out = malloc(size);
    if (out != NULL) {
        (void)snprintf(out, size, "%s%s%s", before, text, after);
    }
    return out;
}

static bool copy_settings(struct s3_http *http,
                          const struct store_s3_config *config)
{
    const char *token = config->session_token;
    bool has_token = token != NULL && token[0] != '\0';
    if (has_token) {
        http->token_header = join("x-amz-security-token: ", token, "");
    }
    if (config->ca_file != NULL) {
        http->ca_file = join("", config->ca_file, "");
    }
    http->access_key = join("", config->access_key, "");
    http->secret_key = join("", config->secret_key, "");
    http->sigv4 = join("aws:amz:", config->region, ":s3");
    http->idle = calloc(http->handle_max, sizeof *http->idle);
    return http->access_key != NULL && http->secret_key != NULL &&
           http->sigv4 != NULL && http->idle != NULL &&
           (http->token_header != NULL || !has_token) &&
           (http->ca_file != NULL || config->ca_file == NULL);
}

enum status s3_http_open(struct s3_http **out,
                         const struct store_s3_config *config, bool https,
                         struct error *err)
{
    *out = NULL;
    (void)pthread_once(&started, start);
    struct s3_http *http = calloc(1, sizeof *http);
    if (http == NULL || start_result != CURLE_OK) {
        free(http);
        return no_memory(err);
    }
    pthread_condattr_t steady;
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&http->lock, NULL);
    (void)pthread_cond_init(&http->freed, &steady);
    (void)pthread_condattr_destroy(&steady);
    http->https = https;
    http->handle_max = config->connections_max != 0 ? config->connections_max
                                                    : STORE_S3_CONNECTIONS;
    if (!copy_settings(http, config)) {
        s3_http_close(http);
        return no_memory(err);
    }
    *out = http;
    return STATUS_OK;
}

void s3_http_close(struct s3_http *http)
{
    if (http == NULL) {
        return;
    }
    assert(http->busy_count == 0);
    for (unsigned i = 0; i < http->idle_count; i++) {
        curl_easy_cleanup(http->idle[i]);
    }
    free(http->idle);
    wipe_text(http->access_key);
    wipe_text(http->secret_key);
    wipe_text(http->token_header);
    free(http->sigv4);
    free(http->ca_file);
    (void)pthread_cond_destroy(&http->freed);
    (void)pthread_mutex_destroy(&http->lock);
    free(http);
}

/* The handle that was used last has the connection most likely to be open. */
static enum status take_handle(struct s3_http *http, int64_t deadline_ms,
                               CURL **out, struct error *err)
{
    struct timespec until = {.tv_sec = deadline_ms / 1000,
                             .tv_nsec = deadline_ms % 1000 * 1000000};
    int waited = 0;
    *out = NULL;
    (void)pthread_mutex_lock(&http->lock);
    while (http->busy_count == http->handle_max && waited == 0) {
        waited = pthread_cond_timedwait(&http->freed, &http->lock, &until);
    }
    bool free_one = http->busy_count < http->handle_max;
    if (free_one) {
        http->busy_count++;
        if (http->idle_count > 0) {
            *out = http->idle[--http->idle_count];
        }
    }
    (void)pthread_mutex_unlock(&http->lock);
    if (!free_one) {
        return error_set(err, STATUS_UNAVAILABLE, "store_busy",
                         "all %u connections to the store are in use: allow "
                         "more, or see why it is slow",
                         http->handle_max);
    }
    if (*out == NULL) {
        *out = curl_easy_init();
    }
    return STATUS_OK; /* with NULL when there is no memory */
}

/* The reset frees libcurl's copies of the secrets; connections stay. */
static void give_handle(struct s3_http *http, CURL *curl)
{
    if (curl != NULL) {
        curl_easy_reset(curl);
    }
    (void)pthread_mutex_lock(&http->lock);
    http->busy_count--;
    if (curl != NULL) {
        http->idle[http->idle_count++] = curl;
    }
    (void)pthread_cond_signal(&http->freed);
    (void)pthread_mutex_unlock(&http->lock);
}

/* --- what libcurl calls --------------------------------------------------- */

static size_t on_write(char *bytes, size_t size, size_t count, void *context)
{
    struct exchange *exchange = context;
    struct buffer *body = &exchange->answer->body;
    size_t length = size * count;
    size_t kept = length;
    long http_status = 0;
    (void)curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE,
                            &http_status);
    if (http_status < 200 || http_status >= 300) {
        size_t room = ERROR_BODY_MAX_BYTES - body->length;
        kept = length < room ? length : room;
    } else if (length > exchange->request->answer_max_bytes - body->length) {
        exchange->too_long = true;
        return 0;
    }
    if (buffer_append(body, bytes, kept, NULL) != STATUS_OK) {
        exchange->no_memory = true;
        return 0;
    }
    return length;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    static const char name[] = "content-range:";
    const size_t name_length = sizeof name - 1;
    struct exchange *exchange = context;
    size_t length = size * count;
    char line[LINE_SIZE];
    if (length < sizeof line && length > name_length &&
        strncasecmp(bytes, name, name_length) == 0) {
        memcpy(line, bytes, length);
        while (length > 0 && strchr("\r\n \t", line[length - 1]) != NULL) {
            length--;
        }
        line[length] = '\0';
        const char *value = line + name_length;
        value += strspn(value, " \t");
        exchange->answer->has_range =
            s3_content_range_read(&exchange->answer->range, value);
    }
    return size * count;
}

/* --- a request -------------------------------------------------------------
 */

static void add_header(struct exchange *exchange, const char *line)
{
    struct curl_slist *longer = curl_slist_append(exchange->headers, line);
    if (longer == NULL) {
        exchange->no_memory = true;
    } else {
        exchange->headers = longer;
    }
}

/* One of them may be the token. */
static void wipe_headers(struct exchange *exchange)
{
    for (struct curl_slist *at = exchange->headers; at != NULL; at = at->next) {
        crypto_wipe(at->data, strlen(at->data));
    }
    curl_slist_free_all(exchange->headers);
}

/* All of these are signed. libcurl does not say by itself what the hash of the
 * body is, and every server wants to know. A header without a value, which
 * libcurl takes for one that is not to be sent ("Expect:"), must not be among
 * them: 7.88 signs it all the same, and no server agrees. */
static void set_headers(struct exchange *exchange, const struct s3_http *http)
{
    const struct s3_request *request = exchange->request;
    uint8_t empty[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    char line[LINE_SIZE];
    if (request->body_sha256 == NULL) {
        crypto_sha256(empty, "", 0);
    }
    hex_encode(hex, request->body_sha256 == NULL ? empty : request->body_sha256,
               SHA256_BYTES);
    (void)snprintf(line, sizeof line, "x-amz-content-sha256: %s", hex);
    add_header(exchange, line);
    if (http->token_header != NULL) {
        add_header(exchange, http->token_header);
    }
    if (request->range_length > 0) {
        (void)snprintf(line, sizeof line, "Range: bytes=%llu-%llu",
                       (unsigned long long)request->range_first,
                       (unsigned long long)(request->range_first +
                                            request->range_length - 1));
        add_header(exchange, line);
    }
    if (request->body_sha256 != NULL) {
        add_header(exchange, "Content-Type: application/octet-stream");
    }
    (void)curl_easy_setopt(exchange->curl, CURLOPT_HTTPHEADER,
                           exchange->headers);
}

static void set_method(CURL *curl, const struct s3_request *request)
{
    if (strcmp(request->method, "HEAD") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        return;
    }
    if (request->body_sha256 != NULL) {
        /* not CURLOPT_UPLOAD: bytes in memory need no call-backs, and can be
         * sent again when a kept connection turns out to be closed */
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)request->body_length);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    }
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

/* Proxies of the environment are not asked: configuration is what counts. */
static void set_connection(CURL *curl, const struct s3_http *http,
                           int64_t left_ms)
{
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
                           http->https ? "https" : "http");
    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION,
                           (long)CURL_SSLVERSION_TLSv1_2);
    if (http->ca_file != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, http->ca_file);
    }
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                           (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                           (long)CONNECT_TIMEOUT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_S);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
}

static void set_request(struct exchange *exchange, const struct s3_http *http,
                        int64_t left_ms)
{
    CURL *curl = exchange->curl;
    set_connection(curl, http, left_ms);
    (void)curl_easy_setopt(curl, CURLOPT_URL, exchange->request->url);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "refrain/" REFRAIN_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, http->sigv4);
    (void)curl_easy_setopt(curl, CURLOPT_USERNAME, http->access_key);
    (void)curl_easy_setopt(curl, CURLOPT_PASSWORD, http->secret_key);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->reason);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange);
    set_method(curl, exchange->request);
    set_headers(exchange, http);
}

static void read_facts(struct exchange *exchange)
{
    struct s3_answer *answer = exchange->answer;
    curl_off_t length = 0;
    curl_off_t retry_after_s = 0;
    (void)curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE,
                            &answer->http_status);
    (void)curl_easy_getinfo(exchange->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
                            &length);
    (void)curl_easy_getinfo(exchange->curl, CURLINFO_RETRY_AFTER,
                            &retry_after_s);
    answer->length_bytes = length < 0 ? 0 : (uint64_t)length;
    answer->retry_after_ms =
        (uint32_t)(retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s
                                                     : RETRY_AFTER_MAX_S) *
        1000;
}

/* A refusal that came before the whole body was sent breaks the sending, yet
 * it is the answer. */
static enum status settle(struct exchange *exchange, CURLcode result,
                          struct error *err)
{
    if (exchange->no_memory || result == CURLE_OUT_OF_MEMORY) {
        return no_memory(err);
    }
    read_facts(exchange);
    if (exchange->too_long) {
        return error_set(err, STATUS_UNAVAILABLE, "store_refused",
                         "the store answers with more than was asked for: "
                         "check that its endpoint speaks S3");
    }
    if (result == CURLE_OK || exchange->answer->http_status >= 300) {
        return STATUS_OK;
    }
    exchange->answer->http_status = 0;
    const char *reason = exchange->reason[0] != '\0'
                             ? exchange->reason
                             : curl_easy_strerror(result);
    if (result == CURLE_PEER_FAILED_VERIFICATION ||
        result == CURLE_SSL_CACERT_BADFILE) {
        return error_set(err, STATUS_UNAVAILABLE, "store_certificate",
                         "the store's certificate is not trusted (%.200s): "
                         "check its endpoint, or set its CA file",
                         reason);
    }
    return error_set(err, STATUS_UNAVAILABLE, "store_unreachable",
                     "no answer from the store (%.200s): check its endpoint, "
                     "the network and that it runs",
                     reason);
}

enum status s3_http_perform(struct s3_http *http,
                            const struct s3_request *request,
                            int64_t deadline_ms, struct s3_answer *out,
                            struct error *err)
{
    struct exchange exchange = {.request = request, .answer = out};
    s3_answer_clear(out);
    enum status status = take_handle(http, deadline_ms, &exchange.curl, err);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t left_ms = deadline_ms - s3_now_ms();
    if (exchange.curl == NULL) {
        status = no_memory(err);
        goto out;
    }
    set_request(&exchange, http, left_ms > 0 ? left_ms : 1);
    status = settle(&exchange,
                    exchange.no_memory ? CURLE_OUT_OF_MEMORY
                                       : curl_easy_perform(exchange.curl),
                    err);
out:
    give_handle(http, exchange.curl);
    wipe_headers(&exchange);
    return status;
}

void s3_answer_clear(struct s3_answer *answer)
{
    buffer_clear(&answer->body);
    *answer = (struct s3_answer){0};
}
