/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/s3_stub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct s3_stub {
    const struct s3_stub_answer *answers;
    size_t answer_count;
    int listener;
    int connection; /* -1: none */
    int stop[2];    /* a pipe: a byte in it ends the thread */
    char url[64];
    pthread_t thread;
    atomic_uint requests;
    atomic_uint connections;
    char kept[S3_STUB_KEPT][S3_STUB_REQUEST_SIZE];
};

static void hang_up(struct s3_stub *stub)
{
    if (stub->connection >= 0) {
        (void)close(stub->connection);
        stub->connection = -1;
    }
}

static size_t header_number(const char *head, const char *name)
{
    const char *at = strcasestr(head, name);
    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

/* Reads one request; false: the other side has gone. */
static bool take_request(struct s3_stub *stub, char out[S3_STUB_REQUEST_SIZE])
{
    size_t length = 0;
    size_t total = SIZE_MAX; /* unknown until the head is there */
    size_t seen = 0;
    while (seen < total) {
        char block[4096];
        ssize_t got = recv(stub->connection, block, sizeof block, 0);
        if (got <= 0) {
            return false;
        }
        size_t room = S3_STUB_REQUEST_SIZE - 1 - length;
        size_t kept = (size_t)got < room ? (size_t)got : room;
        memcpy(out + length, block, kept);
        length += kept;
        out[length] = '\0';
        seen += (size_t)got;
        const char *end = strstr(out, "\r\n\r\n");
        if (total == SIZE_MAX && end != NULL) {
            total = (size_t)(end + 4 - out) +
                    header_number(out, "\r\ncontent-length:");
            if (strcasestr(out, "\r\nexpect:") != NULL) {
                (void)send(stub->connection, "HTTP/1.1 100 Continue\r\n\r\n",
                           25, MSG_NOSIGNAL);
            }
        }
    }
    return true;
}

static void send_all(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        at += sent;
        length -= (size_t)sent;
    }
}

static void send_answer(struct s3_stub *stub, const char *request,
                        const struct s3_stub_answer *answer)
{
    char head[1024];
    char range[128] = "";
    size_t first = 0;
    size_t length = answer->body_length;
    const char *asked = strcasestr(request, "\r\nrange: bytes=");
    if (answer->ranged && asked != NULL) {
        unsigned long long last = 0;
        char *dash = NULL;
        first = strtoull(asked + 15, &dash, 10);
        last = strtoull(dash + 1, NULL, 10);
        last = last < length ? last : length - 1;
        (void)snprintf(range, sizeof range,
                       "Content-Range: bytes %zu-%llu/%zu\r\n", first, last,
                       length);
        length = (size_t)last + 1 - first;
    }
    (void)snprintf(
        head, sizeof head, "HTTP/1.1 %s\r\n%s%sContent-Length: %zu\r\n\r\n",
        answer->ranged ? "206 Partial" : answer->status,
        answer->headers == NULL ? "" : answer->headers, range, length);
    send_all(stub->connection, head, strlen(head));
    if (strncmp(request, "HEAD ", 5) != 0 && answer->body != NULL) {
        send_all(stub->connection, (const char *)answer->body + first,
                 length - answer->cut_bytes);
    }
}

static void serve_request(struct s3_stub *stub)
{
    static char rest[S3_STUB_REQUEST_SIZE];
    unsigned index = atomic_load(&stub->requests);
    char *request = index < S3_STUB_KEPT ? stub->kept[index] : rest;
    if (!take_request(stub, request)) {
        hang_up(stub);
        return;
    }
    const struct s3_stub_answer *answer =
        stub->answers +
        (index < stub->answer_count ? index : stub->answer_count - 1);
    atomic_fetch_add(&stub->requests, 1);
    struct pollfd stop = {.fd = stub->stop[0], .events = POLLIN};
    (void)poll(&stop, 1, (int)answer->delay_ms);
    if (answer->status != NULL || answer->ranged) {
        send_answer(stub, request, answer);
    }
    if ((answer->status == NULL && !answer->ranged) || answer->closed ||
        answer->cut_bytes > 0) {
        hang_up(stub);
    }
}

static void *serve(void *context)
{
    struct s3_stub *stub = context;
    for (;;) {
        struct pollfd fds[] = {{.fd = stub->stop[0], .events = POLLIN},
                               {.fd = stub->listener, .events = POLLIN},
                               {.fd = stub->connection, .events = POLLIN}};
        (void)poll(fds, 3, -1);
        if (fds[0].revents != 0) {
            return NULL;
        }
        if (stub->connection >= 0 && fds[2].revents != 0) {
            serve_request(stub);
        } else if (fds[1].revents != 0) {
            hang_up(stub);
            stub->connection = accept(stub->listener, NULL, NULL);
            atomic_fetch_add(&stub->connections, 1);
        }
    }
}

struct s3_stub *s3_stub_open(const struct s3_stub_answer *answers, size_t count)
{
    struct s3_stub *stub = calloc(1, sizeof *stub);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    assert_non_null(stub);
    assert_true(count > 0);
    stub->answers = answers;
    stub->answer_count = count;
    stub->connection = -1;
    stub->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(stub->listener >= 0);
    assert_int_equal(bind(stub->listener, (struct sockaddr *)&address, size),
                     0);
    assert_int_equal(listen(stub->listener, 16), 0);
    assert_int_equal(
        getsockname(stub->listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(stub->url, sizeof stub->url, "http://127.0.0.1:%u",
                   ntohs(address.sin_port));
    assert_int_equal(pipe(stub->stop), 0);
    assert_int_equal(pthread_create(&stub->thread, NULL, serve, stub), 0);
    return stub;
}

void s3_stub_close(struct s3_stub *stub)
{
    assert_int_equal(write(stub->stop[1], "", 1), 1);
    assert_int_equal(pthread_join(stub->thread, NULL), 0);
    hang_up(stub);
    (void)close(stub->listener);
    (void)close(stub->stop[0]);
    (void)close(stub->stop[1]);
    free(stub);
}

const char *s3_stub_url(const struct s3_stub *stub)
{
    return stub->url;
}

unsigned s3_stub_requests(struct s3_stub *stub)
{
    return atomic_load(&stub->requests);
}

unsigned s3_stub_connections(struct s3_stub *stub)
{
    return atomic_load(&stub->connections);
}

const char *s3_stub_request(struct s3_stub *stub, unsigned index)
{
    assert_true(index < S3_STUB_KEPT && index < s3_stub_requests(stub));
    return stub->kept[index];
}
