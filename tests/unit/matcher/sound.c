/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/matcher/sound.h"

#include "tests/unit/matcher/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/refrain-sound-XXXXXX";

const char *sound_program(const char *folder_name, const char *name)
{
    static char path[SOUND_PATH_SIZE];
    const char *bin = getenv("REFRAIN_BIN");

    if (bin == NULL) {
        fail_msg("%s", "set REFRAIN_BIN to the folder of the programs");
    }
    (void)snprintf(path, sizeof path, "%s/../%s/%s", bin, folder_name, name);
    return path;
}

int sound_set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || chdir(folder) != 0) {
        perror(folder);
        return 1;
    }
    return setenv("compose", sound_program("tests", "compose"), 1);
}

int sound_tear_down(void **state)
{
    (void)state;
    sound_run("cd / && rm -r -- %s", folder);
    return 0;
}

void sound_run(const char *format, ...)
{
    char line[SOUND_PATH_SIZE];
    char command[SOUND_PATH_SIZE + 64];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    assert_in_range(length, 1, sizeof line - 1);
    /* a line may hold quotes: bash reads it from the environment */
    assert_int_equal(setenv("line", line, 1), 0);
    (void)snprintf(command, sizeof command, "%s",
                   "exec bash -euo pipefail -c \"$line\"");
    /* The line is the test's own. NOLINTNEXTLINE(cert-env33-c) */
    if (system(command) != 0) {
        fail_msg("failed: %s", line);
    }
}

int sound_open(const char *name)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        fail_msg("%s: %s", name, strerror(errno));
    }
    return fd;
}

struct fingerprint sound_fpcalc(const char *name)
{
    struct fingerprint print = {0};
    size_t room = FINGERPRINT_MAX_ITEMS;
    unsigned long item = 0;

    /* fpcalc 1.5.1 exits with 3 at the end of some files, and is right */
    sound_run("fpcalc -raw -length 0 %s 2>/dev/null | "
              "sed -n 's/FINGERPRINT=//p' | tr , '\\n' >fpcalc || true",
              name);
    FILE *file = fopen("fpcalc", "r");
    assert_non_null(file);
    print.items = calloc(room, sizeof *print.items);
    assert_non_null(print.items);
    char line[32];
    while (fgets(line, sizeof line, file) != NULL) {
        item = strtoul(line, NULL, 10);
        assert_true(print.item_count < room);
        print.items[print.item_count++] = (uint32_t)item;
    }
    (void)fclose(file);
    return print;
}
