/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks for random ranges over a number of kept connections, as players do.
 *
 * range_load PORT PATH FILE-BYTES RANGE-BYTES CONNECTIONS SECONDS [TOKEN]
 * prints: requests bytes microseconds */
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 2048, BUFFER_BYTES = 256 * 1024 };

struct load {
    in_port_t port;
    const char *path;
    const char *token; /* NULL: none */
    uint64_t file_bytes;
    uint64_t range_bytes;
};

struct client {
    char head[2048];
    size_t head_length;
    uint64_t left; /* of the body; UINT64_MAX while the head is coming */
};

static struct client clients[CONNECTIONS_MAX];
static struct pollfd polled[CONNECTIONS_MAX];
static char buffer[BUFFER_BYTES];

static int64_t now_us(void)
{
    struct timespec now;
    int bad = clock_gettime(CLOCK_MONOTONIC, &now);
    assert(bad == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int open_connection(in_port_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(fd >= 0);
    int bad = connect(fd, (struct sockaddr *)&address, sizeof address);
    assert(bad == 0);
    return fd;
}

/* The same row of ranges in every run. */
static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252U; /* xorshift64, Marsaglia */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void ask(int fd, struct client *client, const struct load *load)
{
    char request[1024];
    uint64_t first = next_random() % (load->file_bytes - load->range_bytes + 1);
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: bench\r\nRange: "
                          "bytes=%llu-%llu\r\n%s%s%s\r\n",
                          load->path, (unsigned long long)first,
                          (unsigned long long)(first + load->range_bytes - 1),
                          load->token == NULL ? "" : "Authorization: Bearer ",
                          load->token == NULL ? "" : load->token,
                          load->token == NULL ? "" : "\r\n");
    assert(length > 0 && (size_t)length < sizeof request);
    ssize_t sent = send(fd, request, (size_t)length, MSG_NOSIGNAL);
    assert(sent == length);
    client->head_length = 0;
    client->left = UINT64_MAX;
}

/* Takes `length` bytes of an answer; true when it is complete. */
static bool take(struct client *client, const struct load *load,
                 const char *bytes, size_t length)
{
    if (client->left == UINT64_MAX) {
        size_t room = sizeof client->head - 1 - client->head_length;
        size_t taken = length < room ? length : room;
        memcpy(client->head + client->head_length, bytes, taken);
        client->head[client->head_length + taken] = '\0';
        const char *end = strstr(client->head, "\r\n\r\n");
        assert(end != NULL || taken == length);
        if (end == NULL) {
            client->head_length += taken;
            return false;
        }
        if (strncmp(client->head, "HTTP/1.1 206", 12) != 0) {
            (void)fprintf(stderr, "range_load: %.200s\n", client->head);
            exit(1);
        }
        size_t head = (size_t)(end + 4 - client->head) - client->head_length;
        client->left = load->range_bytes;
        length -= head;
    }
    assert(length <= client->left);
    client->left -= length;
    return client->left == 0;
}

static void run(const struct load *load, size_t count, int64_t until_us,
                uint64_t *requests)
{
    while (now_us() < until_us) {
        int ready = poll(polled, count, 100);
        assert(ready >= 0);
        for (size_t i = 0; i < count; i++) {
            if ((polled[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0) {
                continue;
            }
            ssize_t got = recv(polled[i].fd, buffer, sizeof buffer, 0);
            assert(got > 0);
            if (take(&clients[i], load, buffer, (size_t)got)) {
                (*requests)++;
                ask(polled[i].fd, &clients[i], load);
            }
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 7) {
        (void)fprintf(stderr, "range_load PORT PATH FILE-BYTES RANGE-BYTES "
                              "CONNECTIONS SECONDS [TOKEN]\n");
        return 2;
    }
    const struct load load = {
        .port = (in_port_t)strtoul(argv[1], NULL, 10),
        .path = argv[2],
        .file_bytes = strtoull(argv[3], NULL, 10),
        .range_bytes = strtoull(argv[4], NULL, 10),
        .token = argc > 7 ? argv[7] : NULL,
    };
    size_t count = strtoul(argv[5], NULL, 10);
    assert(count > 0 && count <= CONNECTIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        polled[i] =
            (struct pollfd){.fd = open_connection(load.port), .events = POLLIN};
        ask(polled[i].fd, &clients[i], &load);
    }
    uint64_t requests = 0;
    int64_t start = now_us();
    run(&load, count, start + strtoll(argv[6], NULL, 10) * 1000000, &requests);
    (void)printf("%llu %llu %lld\n", (unsigned long long)requests,
                 (unsigned long long)(requests * load.range_bytes),
                 (long long)(now_us() - start));
    return 0;
}
