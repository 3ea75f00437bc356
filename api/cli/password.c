/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/password.h"

#include "api/cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static enum status read_line(struct buffer *out, int fd, struct error *err)
{
    for (;;) {
        char byte;
        const ssize_t got = read(fd, &byte, 1);

        if (got < 0) {
            return error_set(err, STATUS_UNAVAILABLE, "interrupted",
                             "the password could not be read (%s): try again",
                             strerror(errno));
        }
        if (got == 0 || byte == '\n') {
            break;
        }
        if (out->length >= PASSWORD_MAX_BYTES) {
            return error_set(err, STATUS_LIMIT, "long_password",
                             "the password is longer than %d bytes: choose a "
                             "shorter one",
                             PASSWORD_MAX_BYTES);
        }
        const enum status status = buffer_append(out, &byte, 1, err);

        if (status != STATUS_OK) {
            return status;
        }
    }
    if (out->length > 0 && out->bytes[out->length - 1] == '\r') {
        out->bytes[--out->length] = '\0';
    }
    if (out->length == 0) {
        return error_set(err, STATUS_INVALID, "no_password",
                         "there is no password: type one");
    }
    return STATUS_OK;
}

static enum status ask(struct buffer *out, const char *prompt,
                       struct error *err)
{
    const int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios shown;

    if (fd < 0 || tcgetattr(fd, &shown) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return error_set(err, STATUS_INVALID, "no_password",
                         "there is no terminal to ask for the password: use "
                         "--password-stdin");
    }
    struct termios hidden = shown;

    hidden.c_lflag &= ~(tcflag_t)ECHO;
    hidden.c_lflag |= ECHONL;
    (void)files_write(fd, prompt, strlen(prompt));
    tcsetattr(fd, TCSAFLUSH, &hidden);
    const enum status status = read_line(out, fd, err);

    tcsetattr(fd, TCSAFLUSH, &shown);
    close(fd);
    return status;
}

enum status password_read(struct buffer *out, bool from_stdin,
                          const char *prompt, struct error *err)
{
    return from_stdin ? read_line(out, STDIN_FILENO, err)
                      : ask(out, prompt, err);
}
