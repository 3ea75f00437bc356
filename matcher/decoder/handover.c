/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/handover.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for the descriptors, aligned as the kernel's header wants it. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * HANDOVER_MAX_FDS)];
};

int handover_send(int socket, const struct handover *what)
{
    uint8_t code = (uint8_t)what->code;
    struct iovec piece = {.iov_base = &code, .iov_len = sizeof code};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    union control control = {0};
    size_t bytes = sizeof(int) * what->fd_count;
    ssize_t sent;

    assert(what->code >= 0 && what->code <= UINT8_MAX);
    assert(what->fd_count <= HANDOVER_MAX_FDS);
    if (what->fd_count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(bytes);
        memcpy(CMSG_DATA(header), what->fds, bytes);
    }
    do {
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? errno : 0;
}

int handover_receive(struct handover *out, int socket)
{
    uint8_t code = 0;
    struct iovec piece = {.iov_base = &code, .iov_len = sizeof code};
    union control control = {0};
    struct msghdr message = {
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    ssize_t got;

    *out = (struct handover){0};
    do {
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return got == 0 || errno == ECONNRESET ? EPIPE : errno;
    }
    out->code = code;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
        out->fd_count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        assert(out->fd_count <= HANDOVER_MAX_FDS); /* all that had room */
        memcpy(out->fds, CMSG_DATA(header), sizeof(int) * out->fd_count);
    }
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        handover_clear(out);
        return EPROTO;
    }
    return 0;
}

void handover_clear(struct handover *what)
{
    for (size_t i = 0; i < what->fd_count; i++) {
        (void)close(what->fds[i]);
    }
    *what = (struct handover){0};
}
