/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/fuzz.h"

#include "api/routes/release_tar.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Input: an archive as it comes over the network. Whatever it is, what lies in
 * the folder afterwards are regular files within the limits, and nothing lies
 * beside it. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const struct release_tar_limits limits = {4, 65536};
    char outer[64];
    char inner[80];
    struct error err = {0};
    size_t file_count = 0;
    uint64_t total = 0;

    /* In memory where that is possible: a folder an input on a busy disk took
     * 7 ms (measured), which is most of the time. */
    (void)snprintf(outer, sizeof outer, "%s/refrain-fuzz-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert(mkdtemp(outer) != NULL);
    (void)snprintf(inner, sizeof inner, "%s/release", outer);
    assert(mkdir(inner, 0700) == 0);
    int fd = memfd_create("tar", MFD_CLOEXEC);
    assert(fd >= 0);
    assert(write(fd, bytes, length) == (ssize_t)length);
    assert(lseek(fd, 0, SEEK_SET) == 0);
    enum status status = release_tar_unpack(fd, inner, &limits, &err);
    assert(status == STATUS_OK || err.code[0] != '\0');
    close(fd);

    DIR *entries = opendir(inner);
    assert(entries != NULL);
    const struct dirent *entry = NULL;
    while ((entry = readdir(entries)) != NULL) {
        struct stat facts;
        if (strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        assert(fstatat(dirfd(entries), entry->d_name, &facts,
                       AT_SYMLINK_NOFOLLOW) == 0);
        assert(S_ISREG(facts.st_mode));
        file_count++;
        total += (uint64_t)facts.st_size;
        assert(unlinkat(dirfd(entries), entry->d_name, 0) == 0);
    }
    closedir(entries);
    assert(file_count <= limits.file_count);
    assert(total <= limits.bytes);
    assert(rmdir(inner) == 0);
    assert(rmdir(outer) == 0); /* nothing beside it */
    return 0;
}
