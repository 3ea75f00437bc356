/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: files are found below folders in a stable order, each once, and what
 * cannot be read is told instead of left out. */
#include "api/cli/names.h"
#include "api/cli/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int make_tree(void **state)
{
    char *folder = strdup("/tmp/refrain-test.XXXXXX");
    char command[1024];

    *state = folder;
    if (folder == NULL || mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(command, sizeof(command),
             "cd %s && mkdir -p b/inner empty && echo 1234 >b/2.mp3 && "
             "echo >b/1.flac && echo >b/cover.jpg && echo >b/inner/3.ogg && "
             "echo >z.wav && echo >notes && ln -s .. b/inner/loop && "
             "ln -s nowhere b/gone.mp3 && ln -s ../z.wav b/link.wav",
             folder);
    /* NOLINTNEXTLINE(cert-env33-c): a path of our own making */
    return system(command);
}

static int remove_tree(void **state)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
    free(*state);
    /* NOLINTNEXTLINE(cert-env33-c): as above */
    return system(command);
}

static void files_come_before_folders_by_name(void **state)
{
    static const char *const expected[] = {"z.wav",      "b/1.flac",
                                           "b/2.mp3",    "b/gone.mp3",
                                           "b/link.wav", "b/inner/3.ogg"};
    char *const paths[] = {*state, NULL};
    const size_t top = strlen(*state) + 1;
    struct walk walk = {0};
    struct error err;

    assert_int_equal(walk_files(&walk, paths, name_is_audio, &err), STATUS_OK);
    assert_int_equal(walk.count, 6);
    for (size_t i = 0; i < walk.count; i++) {
        assert_string_equal(walk.files[i].path + top, expected[i]);
        if (i == 3) {
            assert_string_not_equal(walk.files[i].problem, "");
        } else {
            assert_string_equal(walk.files[i].problem, "");
        }
    }
    assert_int_equal(walk.files[2].size_bytes, 5);
    assert_int_equal(walk.total_bytes, 5 + 4);
    assert_int_equal(walk.passed_over, 2);
    walk_clear(&walk);
}

static void a_named_file_is_always_taken(void **state)
{
    char notes[128];
    char missing[128];
    char *const paths[] = {notes, missing, NULL};
    struct walk walk = {0};
    struct error err;

    snprintf(notes, sizeof(notes), "%s/notes", (char *)*state);
    snprintf(missing, sizeof(missing), "%s/zzz", (char *)*state);
    assert_int_equal(walk_files(&walk, paths, name_is_audio, &err), STATUS_OK);
    assert_int_equal(walk.count, 2);
    assert_string_equal(walk.files[0].path, notes);
    assert_string_equal(walk.files[0].problem, "");
    assert_string_equal(walk.files[1].path, missing);
    assert_string_equal(walk.files[1].problem, strerror(2 /* ENOENT */));
    walk_clear(&walk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_come_before_folders_by_name,
                                        make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(a_named_file_is_always_taken, make_tree,
                                        remove_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
