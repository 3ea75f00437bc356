/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: what was sent is remembered over runs, for one account of one service,
 * and a damaged list is no trouble. */
#include "api/cli/files.h"
#include "api/cli/sent.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char url[] = "http://127.0.0.1:1";
static const char email[] = "ana@example.org";

static int make_folder(void **state)
{
    char *folder = strdup("/tmp/refrain-test.XXXXXX");

    *state = folder;
    return folder != NULL && mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
    free(*state);
    /* NOLINTNEXTLINE(cert-env33-c): a path of our own making */
    return system(command);
}

static struct sent *open_list(const char *folder, const char *whose)
{
    struct sent *sent = NULL;
    struct error err;

    assert_int_equal(sent_open(&sent, folder, url, whose, &err), STATUS_OK);
    return sent;
}

static void note(struct sent *sent, const uint8_t *hash, const char *id)
{
    struct error err;

    assert_int_equal(sent_note(sent, hash, id, &err), STATUS_OK);
}

/* The one list in the folder. */
static void find_list(char *out, size_t size, const char *folder)
{
    DIR *stream = opendir(folder);
    const struct dirent *entry;

    assert_non_null(stream);
    out[0] = '\0';
    while ((entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] != '.') {
            assert_string_equal(out, "");
            snprintf(out, size, "%s/%s", folder, entry->d_name);
        }
    }
    closedir(stream);
    assert_string_not_equal(out, "");
}

static void it_is_remembered_over_runs(void **state)
{
    static const uint8_t first[SHA256_BYTES] = {1};
    static const uint8_t second[SHA256_BYTES] = {2};
    char id[ID_SIZE];
    struct sent *sent = open_list(*state, email);

    assert_false(sent_find(sent, first, id));
    note(sent, first, "upl_1");
    note(sent, second, "upl_2");
    note(sent, first, "upl_3");
    sent_close(sent);
    sent = open_list(*state, email);
    assert_true(sent_find(sent, first, id));
    assert_string_equal(id, "upl_3");
    assert_true(sent_find(sent, second, id));
    assert_string_equal(id, "upl_2");
    sent_close(sent);
}

static void another_account_has_another_list(void **state)
{
    static const uint8_t hash[SHA256_BYTES] = {1};
    char id[ID_SIZE];
    struct sent *sent = open_list(*state, email);

    note(sent, hash, "upl_1");
    sent_close(sent);
    sent = open_list(*state, "bo@example.org");
    assert_false(sent_find(sent, hash, id));
    sent_close(sent);
}

static void the_list_shows_no_address(void **state)
{
    static const uint8_t hash[SHA256_BYTES] = {1};
    struct buffer bytes = {0};
    struct error err;
    char path[400];
    struct sent *sent = open_list(*state, email);

    note(sent, hash, "upl_1");
    sent_close(sent);
    find_list(path, sizeof(path), *state);
    assert_null(strstr(path, "ana"));
    assert_int_equal(files_read(&bytes, path, 1000, &err), STATUS_OK);
    assert_string_equal(buffer_text(&bytes),
                        "01000000000000000000000000000000"
                        "00000000000000000000000000000000 upl_1\n");
    buffer_clear(&bytes);
}

static void damaged_lines_are_passed_over(void **state)
{
    static const char damaged[] =
        "\nnonsense\n"
        "zz000000000000000000000000000000"
        "00000000000000000000000000000000 upl_1\n"
        "01000000000000000000000000000000"
        "00000000000000000000000000000000 ../../me\n"
        "02000000000000000000000000000000"
        "00000000000000000000000000000000 upl_2\n"
        "03000000000000000000000000000000"
        "00000000000000000000000000000000 upl_3 cut off";
    char path[400];
    char id[ID_SIZE];
    struct error err;
    struct sent *sent = open_list(*state, email);

    sent_close(sent);
    find_list(path, sizeof(path), *state);
    assert_int_equal(files_replace(path, damaged, sizeof(damaged) - 1, &err),
                     STATUS_OK);
    sent = open_list(*state, email);
    assert_false(sent_find(sent, (uint8_t[SHA256_BYTES]){1}, id));
    assert_true(sent_find(sent, (uint8_t[SHA256_BYTES]){2}, id));
    assert_false(sent_find(sent, (uint8_t[SHA256_BYTES]){3}, id));
    sent_close(sent);
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(it_is_remembered_over_runs),
        TEST(another_account_has_another_list),
        TEST(the_list_shows_no_address),
        TEST(damaged_lines_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
