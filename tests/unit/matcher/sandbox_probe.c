/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

/* Locks itself in as refrain-decoder does and then tries what its argument
 * says. Exits with the errno that it met, with 0 if it got through; the test
 * also looks at the signal that ended it. */

static int try_memory(void)
{
    enum { PIECE = 16 * 1024 * 1024, MANY = 1000 };

    for (int i = 0; i < MANY; i++) {
        volatile char *piece = malloc(PIECE);
        if (piece == NULL) {
            return ENOMEM;
        }
        piece[0] = 1;
    }
    return 0;
}

static int try_executable_page(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? errno : 0;
}

static int tried(long result)
{
    return result < 0 ? errno : 0;
}

static int try_it(const char *what)
{
    char byte = 0;

    if (strcmp(what, "nothing") == 0) {
        return 0;
    }
    if (strcmp(what, "open") == 0) {
        return tried(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
    }
    if (strcmp(what, "socket") == 0) {
        return tried(socket(AF_INET, SOCK_STREAM, 0));
    }
    if (strcmp(what, "exec") == 0) {
        return tried(execl("/bin/true", "true", (char *)NULL));
    }
    if (strcmp(what, "fork") == 0) {
        return tried(fork());
    }
    if (strcmp(what, "kill") == 0) {
        return tried(kill(getppid(), 0));
    }
    if (strcmp(what, "ptrace") == 0) {
        return tried(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    }
    if (strcmp(what, "memory") == 0) {
        return try_memory();
    }
    if (strcmp(what, "executable") == 0) {
        return try_executable_page();
    }
    if (strcmp(what, "descriptor") == 0) {
        return tried(read(4, &byte, 1));
    }
    return EINVAL;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return EINVAL;
    }
    sandbox_close_files(3);
    if (sandbox_enter(getppid(), NULL) != STATUS_OK) {
        return EPERM;
    }
    _exit(try_it(argv[1]));
}
