/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/server.h"

#include "api/log.h"
#include "api/metrics.h"
#include "catalog/redis/keys.h"

#include <arpa/inet.h>
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 30 };

/* ---- the server ---- */

static void sign_in(struct test_server *server)
{
    struct device_tokens tokens;
    int64_t now = (int64_t)time(NULL) * 1000;
    enum status status =
        device_sign_in(server->library.redis, server->library.account, "test",
                       now, &tokens, NULL);
    assert(status == STATUS_OK);
    memcpy(server->token, tokens.access, sizeof server->token);
}

void test_server_start(struct test_server *server, unsigned workers)
{
    *server = (struct test_server){.server = NULL};
    test_library_start(&server->library);
    sign_in(server);
    test_folder_make(server->spool_folder);
    struct service *service = &server->service;
    service->config = (struct config){.listen = "127.0.0.1:0",
                                      .loops = 2,
                                      .workers = workers,
                                      .upload_max_bytes = UINT64_C(8) << 20,
                                      .release_max_bytes = UINT64_C(8) << 20,
                                      .connections_max = 256};
    (void)snprintf(service->redis_address, sizeof service->redis_address, "%s",
                   server->library.server.address);
    (void)snprintf(service->spool_folder, sizeof service->spool_folder, "%s",
                   server->spool_folder);
    (void)snprintf(
        service->operator_token_sha256, sizeof service->operator_token_sha256,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert(quiet >= 0);
    assert(log_open(&service->log, quiet, NULL) == STATUS_OK);
    assert(metrics_open(&service->metrics, NULL) == STATUS_OK);
    struct error err = {0};
    if (server_open(&server->server, service, &err) != STATUS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        assert(!"the server starts");
    }
}

void test_server_end(struct test_server *server)
{
    server_close(server->server);
    server->server = NULL;
}

void test_server_stop(struct test_server *server)
{
    test_server_end(server);
    log_close(server->service.log);
    metrics_close(server->service.metrics);
    test_folder_remove(server->spool_folder);
    test_library_stop(&server->library);
}

size_t test_server_spooled(const struct test_server *server)
{
    DIR *folder = opendir(server->spool_folder);
    assert(folder != NULL);
    size_t count = 0;
    const struct dirent *entry = NULL;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): a stream of our own
    while ((entry = readdir(folder)) != NULL) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(folder);
    return count;
}

void test_server_change(struct test_server *server)
{
    const struct redis_arg args[] = {redis_text("PUBLISH"),
                                     redis_text(key_changed_channel()),
                                     redis_text(server->library.account)};
    enum status status = redis_call(server->library.redis, NULL, args, 3, NULL);
    assert(status == STATUS_OK);
}

/* ---- the client ---- */

int test_connect(const struct test_server *server)
{
    const char *colon = strrchr(server_name(server->server), ':');
    assert(colon != NULL);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((in_port_t)strtoul(colon + 1, NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(fd >= 0);
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    assert(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
                      sizeof patience) == 0);
    assert(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

void test_send(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        assert(sent > 0);
        bytes += sent;
        length -= (size_t)sent;
    }
}

void test_send_text(int fd, const char *text)
{
    test_send(fd, text, strlen(text));
}

/* One byte; false at the end of the stream. */
static bool read_byte(int fd, char *out)
{
    ssize_t got = recv(fd, out, 1, 0);
    assert(got >= 0 || errno == ECONNRESET);
    return got == 1;
}

static bool read_head(int fd, struct test_answer *out)
{
    size_t length = 0;
    while (length < 4 || memcmp(out->head + length - 4, "\r\n\r\n", 4) != 0) {
        assert(length < sizeof out->head - 1);
        if (!read_byte(fd, out->head + length)) {
            assert(length == 0);
            return false;
        }
        length++;
        out->head[length] = '\0';
    }
    return true;
}

static void read_body(int fd, struct test_answer *out, size_t length)
{
    out->body = malloc(length + 1);
    assert(out->body != NULL);
    while (out->body_length < length) {
        ssize_t got = recv(fd, out->body + out->body_length,
                           length - out->body_length, 0);
        assert(got >= 0 || errno == ECONNRESET);
        if (got <= 0) {
            break;
        }
        out->body_length += (size_t)got;
    }
    out->body[out->body_length] = '\0';
    out->is_whole = out->body_length == length;
}

void test_read(int fd, bool has_body, struct test_answer *out)
{
    *out = (struct test_answer){.status = 0};
    if (!read_head(fd, out)) {
        return;
    }
    assert(strncmp(out->head, "HTTP/1.1 ", 9) == 0);
    out->status = (unsigned)strtoul(out->head + 9, NULL, 10);
    char length[256];
    test_answer_header(out, "Content-Length", length);
    read_body(fd, out, has_body ? strtoul(length, NULL, 10) : 0);
}

void test_answer_clear(struct test_answer *answer)
{
    free(answer->body);
    *answer = (struct test_answer){.status = 0};
}

void test_answer_header(const struct test_answer *answer, const char *name,
                        char out[256])
{
    out[0] = '\0';
    size_t name_length = strlen(name);
    for (const char *at = strstr(answer->head, "\r\n"); at != NULL;
         at = strstr(at + 2, "\r\n")) {
        const char *line = at + 2;
        if (strncasecmp(line, name, name_length) == 0 &&
            line[name_length] == ':') {
            const char *value = line + name_length + 1;
            value += strspn(value, " ");
            (void)snprintf(out, 256, "%.*s", (int)strcspn(value, "\r"), value);
            return;
        }
    }
}

bool test_closed(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

void test_request(const struct test_server *server, const char *line,
                  const char *token, struct test_answer *out)
{
    char head[512];
    int length =
        snprintf(head, sizeof head, "%s HTTP/1.1\r\nHost: x\r\n%s%s%s\r\n",
                 line, token == NULL ? "" : "Authorization: Bearer ",
                 token == NULL ? "" : token, token == NULL ? "" : "\r\n");
    assert(length > 0 && (size_t)length < sizeof head);
    int fd = test_connect(server);
    test_send(fd, head, (size_t)length);
    test_read(fd, strncmp(line, "HEAD ", 5) != 0, out);
    assert(close(fd) == 0);
}
