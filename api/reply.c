/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/reply.h"

#include "api/problem.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Bytes that a stream produces at once (the block with which sealed audio was
 * measured at 0.6 GB/s and core). */
enum { STREAM_BLOCK_BYTES = 128 * 1024 };

/* Nine digits: rates and scores are kept in millionths, and no reader wants
 * 0.0075719999999999997. */
#define JSON_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(9))

static void set_type(struct reply *reply, const char *content_type)
{
    assert(strlen(content_type) < sizeof reply->content_type);
    (void)snprintf(reply->content_type, sizeof reply->content_type, "%s",
                   content_type);
}

/* A handler answers once. */
static void begin(struct reply *reply, enum reply_kind kind,
                  unsigned http_status)
{
    assert(reply->kind == REPLY_NONE);
    reply->kind = kind;
    reply->http_status = http_status;
}

/* When there is no memory left to say so. */
static void set_out_of_memory(struct reply *reply)
{
    static const char body[] =
        "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\","
        "\"status\":503,\"code\":\"no_memory\","
        "\"detail\":\"the service is short of memory: try again later\"}";
    reply->http_status = 503;
    set_type(reply, "application/problem+json");
    reply->bytes = strdup(body);
    reply->byte_count = reply->bytes == NULL ? 0 : sizeof body - 1;
}

static void set_json(struct reply *reply, json_t *body)
{
    reply->bytes = body == NULL ? NULL : json_dumps(body, JSON_FLAGS);
    json_decref(body);
    if (reply->bytes == NULL) {
        set_out_of_memory(reply);
        return;
    }
    reply->byte_count = strlen(reply->bytes);
}

void reply_json(struct reply *reply, unsigned http_status, json_t *body)
{
    begin(reply, REPLY_BYTES, http_status);
    set_type(reply, "application/json");
    set_json(reply, body);
}

void reply_text(struct reply *reply, unsigned http_status,
                const char *content_type, const char *text, size_t length)
{
    begin(reply, REPLY_BYTES, http_status);
    set_type(reply, content_type);
    reply->bytes = malloc(length + 1);
    if (reply->bytes == NULL) {
        set_out_of_memory(reply);
        return;
    }
    memcpy(reply->bytes, text, length);
    reply->byte_count = length;
}

void reply_empty(struct reply *reply, unsigned http_status)
{
    begin(reply, REPLY_BYTES, http_status);
}

void reply_file(struct reply *reply, unsigned http_status,
                const char *content_type, int fd, uint64_t offset,
                uint64_t length)
{
    begin(reply, REPLY_FILE, http_status);
    set_type(reply, content_type);
    reply->fd = fd;
    reply->offset = offset;
    reply->length = length;
}

void reply_stream(struct reply *reply, unsigned http_status,
                  const char *content_type, reply_read read,
                  reply_release release, void *context, uint64_t offset,
                  uint64_t length)
{
    begin(reply, REPLY_STREAM, http_status);
    set_type(reply, content_type);
    reply->read = read;
    reply->release = release;
    reply->context = context;
    reply->offset = offset;
    reply->length = length;
}

void reply_wait(struct reply *reply, int64_t until_ms)
{
    begin(reply, REPLY_WAIT, 0);
    reply->wait_until_ms = until_ms;
}

void reply_header(struct reply *reply, const char *name, const char *value)
{
    assert(reply->header_count < REPLY_HEADERS_MAX);
    size_t length = strlen(value);
    assert(length < sizeof reply->headers[0].value);
    for (size_t i = 0; i < length; i++) {
        assert((unsigned char)value[i] >= 0x20 && value[i] != 0x7f);
    }
    reply->headers[reply->header_count].name = name;
    memcpy(reply->headers[reply->header_count].value, value, length + 1);
    reply->header_count++;
}

/* What a client is told of a fault that is not its own. */
static const char *general_detail(unsigned http_status)
{
    switch (http_status) {
    case 501:
        return "this service does not do that: see /openapi.json";
    case 502:
        return "what is stored does not verify and is not handed out: tell "
               "the operator the request id";
    case 507:
        return "there is no space left for this: tell the operator";
    default:
        return "the service cannot do this at the moment: try again in a few "
               "seconds";
    }
}

void reply_problem(struct reply *reply, enum status status,
                   const struct error *err, const char *request_id,
                   const json_t *more)
{
    struct problem problem = problem_of(status, err->code);
    begin(reply, REPLY_BYTES, problem.http_status);
    set_type(reply, "application/problem+json");
    if (problem.retry_after_s != 0) {
        char seconds[16];
        (void)snprintf(seconds, sizeof seconds, "%u", problem.retry_after_s);
        reply_header(reply, "Retry-After", seconds);
    }
    const char *detail = problem.http_status >= 500
                             ? general_detail(problem.http_status)
                             : err->text;
    json_t *body = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "type",
                             "about:blank", "title", problem.title, "status",
                             (int)problem.http_status, "detail", detail, "code",
                             err->code, "request_id", request_id);
    if (body != NULL && more != NULL) {
        json_t *copy = json_deep_copy(more); /* more is const, update is not */
        if (copy == NULL || json_object_update_missing(body, copy) != 0) {
            json_decref(body);
            body = NULL;
        }
        json_decref(copy);
    }
    set_json(reply, body);
}

void reply_clear(struct reply *reply)
{
    free(reply->bytes);
    if (reply->kind == REPLY_FILE) {
        (void)close(reply->fd);
    }
    if (reply->kind == REPLY_STREAM && reply->release != NULL) {
        reply->release(reply->context);
    }
    *reply = (struct reply){0};
}

/* A stream on its way: what the callbacks of libmicrohttpd get. */
struct stream {
    reply_read read;
    reply_release release;
    void *context;
    uint64_t offset;
};

static ssize_t stream_read(void *cls, uint64_t position, char *out, size_t size)
{
    struct stream *stream = cls;
    int64_t got =
        stream->read(stream->context, stream->offset + position, out, size);
    assert(got <= (int64_t)size);
    /* The length is promised: an early end is as wrong as an error. */
    return got > 0 ? (ssize_t)got : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void stream_release(void *cls)
{
    struct stream *stream = cls;
    if (stream->release != NULL) {
        stream->release(stream->context);
    }
    free(stream);
}

static struct MHD_Response *stream_response(struct reply *reply)
{
    struct stream *stream = malloc(sizeof *stream);
    if (stream == NULL) {
        return NULL;
    }
    *stream = (struct stream){.read = reply->read,
                              .release = reply->release,
                              .context = reply->context,
                              .offset = reply->offset};
    struct MHD_Response *response = MHD_create_response_from_callback(
        reply->length, STREAM_BLOCK_BYTES, stream_read, stream, stream_release);
    if (response == NULL) {
        free(stream);
        return NULL;
    }
    reply->kind = REPLY_NONE; /* the stream is the response's now */
    return response;
}

/* Takes body and descriptors over into a response; NULL: no memory, and the
 * reply still owns them. */
static struct MHD_Response *make_response(struct reply *reply)
{
    struct MHD_Response *response = NULL;
    switch (reply->kind) {
    case REPLY_BYTES:
        response = MHD_create_response_from_buffer(
            reply->byte_count, reply->bytes, MHD_RESPMEM_MUST_FREE);
        if (response != NULL) {
            reply->bytes = NULL;
        }
        return response;
    case REPLY_FILE:
        response = MHD_create_response_from_fd_at_offset64(
            reply->length, reply->fd, reply->offset);
        if (response != NULL) {
            reply->kind = REPLY_NONE; /* closes fd with the response */
        }
        return response;
    case REPLY_STREAM:
        return stream_response(reply);
    case REPLY_NONE:
    case REPLY_WAIT:
        break;
    }
    assert(response != NULL); /* nothing was answered: a bug of ours */
    return NULL;
}

static bool has_header(const struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcasecmp(reply->headers[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_headers(struct MHD_Response *response,
                        const struct reply *reply, const char *request_id,
                        bool close)
{
    enum MHD_Result ok = MHD_YES;
    for (size_t i = 0; i < reply->header_count && ok == MHD_YES; i++) {
        ok = MHD_add_response_header(response, reply->headers[i].name,
                                     reply->headers[i].value);
    }
    const struct {
        const char *name;
        const char *value;
        bool wanted;
    } common[] = {
        {"Content-Type", reply->content_type, reply->content_type[0] != '\0'},
        {"Cache-Control", "no-store", !has_header(reply, "Cache-Control")},
        {"X-Content-Type-Options", "nosniff", true},
        {"X-Request-Id", request_id, true},
        {"Connection", "close", close},
    };
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
        if (common[i].wanted && ok == MHD_YES) {
            ok = MHD_add_response_header(response, common[i].name,
                                         common[i].value);
        }
    }
    return ok == MHD_YES;
}

bool reply_send(struct reply *reply, struct MHD_Connection *connection,
                const char *request_id, bool close)
{
    bool sent = false;
    struct MHD_Response *response = make_response(reply);
    if (response != NULL) {
        sent = add_headers(response, reply, request_id, close) &&
               MHD_queue_response(connection, reply->http_status, response) ==
                   MHD_YES;
        MHD_destroy_response(response); /* the connection holds its own */
    }
    reply_clear(reply);
    return sent;
}
