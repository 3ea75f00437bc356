/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/listen.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections that the kernel holds while a loop is busy (measured with; the
 * kernel cuts it to net.core.somaxconn, 4096 by default). */
enum { BACKLOG = 4096 };

struct address {
    char host[LISTEN_NAME_SIZE];
    char port[8];
    bool bracketed;
};

static enum status bad_listen(const char *text, struct error *err)
{
    return error_set(err, STATUS_INVALID, "bad_listen",
                     "\"%.200s\" is no address to listen on: give HOST:PORT, "
                     "for instance 127.0.0.1:8090 or [::1]:8090",
                     text);
}

static enum status split(const char *text, struct address *out,
                         struct error *err)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon[1] == '\0' || strlen(colon + 1) > 5 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
        return bad_listen(text, err);
    }
    const char *host = text;
    size_t length = (size_t)(colon - text);
    out->bracketed = text[0] == '[';
    if (out->bracketed) {
        if (length < 3 || text[length - 1] != ']') {
            return bad_listen(text, err);
        }
        host++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof out->host ||
        (!out->bracketed && memchr(host, ':', length) != NULL)) {
        return bad_listen(text, err);
    }
    memcpy(out->host, host, length);
    out->host[length] = '\0';
    (void)snprintf(out->port, sizeof out->port, "%s", colon + 1);
    return STATUS_OK;
}

/* A bound socket; -1 and errno. SO_REUSEADDR alone lets us take a port over
 * from connections that linger in TIME_WAIT, but not from a listener. */
static int bind_one(const struct addrinfo *at, bool shared)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    IPPROTO_TCP);
    if (fd < 0) {
        return -1;
    }
    const int on = 1;
    int bad = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bad == 0 && shared) {
        bad = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    }
    if (bad == 0) {
        bad = bind(fd, at->ai_addr, at->ai_addrlen);
    }
    if (bad != 0) {
        int reason = errno;
        (void)close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

static enum status refused(const char *text, struct error *err)
{
    int reason = errno;
    return error_set(err, STATUS_UNAVAILABLE,
                     reason == EADDRINUSE ? "port_taken" : "listen",
                     "cannot listen on %.200s (%s): choose another address "
                     "with --listen",
                     text, strerror(reason));
}

/* Would a socket that shares with nobody get the address? Else a second
 * program of the same user would silently take half of our connections. */
static bool is_free(const struct addrinfo *at)
{
    int fd = bind_one(at, false);
    bool free = fd >= 0 && listen(fd, 1) == 0;
    int reason = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = reason;
    return free;
}

static void set_port(struct addrinfo *at, in_port_t port)
{
    if (at->ai_family == AF_INET6) {
        ((struct sockaddr_in6 *)(void *)at->ai_addr)->sin6_port = port;
    } else {
        ((struct sockaddr_in *)(void *)at->ai_addr)->sin_port = port;
    }
}

/* The port that the kernel picked, network order. */
static in_port_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } name = {.v6 = {.sin6_port = 0}};
    socklen_t length = sizeof name;
    int bad = getsockname(fd, &name.any, &length);
    assert(bad == 0);
    return name.any.sa_family == AF_INET6 ? name.v6.sin6_port
                                          : name.v4.sin_port;
}

/* The first socket decides the port of all. */
static enum status open_all(struct addrinfo *at, int *fds, size_t count,
                            const char *text, struct error *err)
{
    if (!is_free(at)) {
        return refused(text, err);
    }
    for (size_t i = 0; i < count; i++) {
        fds[i] = bind_one(at, true);
        if (fds[i] < 0 || listen(fds[i], BACKLOG) != 0) {
            enum status status = refused(text, err);
            for (size_t j = 0; j <= i; j++) {
                if (fds[j] >= 0) {
                    (void)close(fds[j]);
                }
            }
            return status;
        }
        set_port(at, port_of(fds[i]));
    }
    return STATUS_OK;
}

enum status listen_open(const char *address, int *fds, size_t count,
                        char name[LISTEN_NAME_SIZE], struct error *err)
{
    assert(count > 0);
    struct address parts = {0};
    enum status status = split(address, &parts, err);
    if (status != STATUS_OK) {
        return status;
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (getaddrinfo(parts.host, parts.port, &hints, &found) != 0) {
        return bad_listen(address, err);
    }
    status = open_all(found, fds, count, address, err);
    freeaddrinfo(found);
    if (status == STATUS_OK) {
        (void)snprintf(name, LISTEN_NAME_SIZE,
                       parts.bracketed ? "[%.400s]:%u" : "%.400s:%u",
                       parts.host, (unsigned)ntohs(port_of(fds[0])));
    }
    return status;
}
