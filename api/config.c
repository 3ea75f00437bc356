/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/config.h"

#include <argp.h>
#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_TEXT, KIND_SIGNUP, KIND_NUMBER, KIND_BYTES };

/** One option. The file writes its name as here, the command line with
 *  hyphens: trial_days, --trial-days. */
struct option_entry {
    const char *name;
    enum kind kind;
    size_t offset; /* in struct config */
    const char *unit;
    const char *standard; /* its default, as one would write it */
    uint64_t min, max;    /* KIND_NUMBER and KIND_BYTES */
    const char *meaning;
};

#define AT(field) offsetof(struct config, field)
static const struct option_entry entries[] = {
    {"data", KIND_TEXT, AT(data), "folder", "", 0, 0,
     "data folder: vault, masters, spool, keys, embedded Redis"},
    {"listen", KIND_TEXT, AT(listen), "HOST:PORT", "127.0.0.1:8090", 0, 0,
     "where to serve; port 0 picks a free one"},
    {"redis", KIND_TEXT, AT(redis), "URL", "", 0, 0,
     "Redis to use: redis://HOST:PORT[/DB], some nodes of a Redis Cluster as "
     "redis://HOST:PORT,HOST:PORT, or unix:/PATH; empty starts one in the data "
     "folder"},
    {"decoder", KIND_TEXT, AT(decoder), "program", "", 0, 0,
     "refrain-decoder; empty takes the one beside refraind"},
    {"signup", KIND_SIGNUP, AT(signup_open), "open|closed", "open", 0, 0,
     "may anyone make an account, or the operator alone"},
    {"trial_days", KIND_NUMBER, AT(trial_days), "days", "30", 0, 3650,
     "trial subscription of a new account"},
    {"grace_days", KIND_NUMBER, AT(grace_days), "days", "7", 0, 3650,
     "how long a subscription goes on after its end"},
    /* 25 000 songs, what iTunes Match held, of 10 MB each: if none matched. */
    {"quota_bytes", KIND_BYTES, AT(quota_bytes), "bytes", "5G", 0,
     UINT64_C(1) << 50, "own audio that a new account may keep"},
    {"trash_days", KIND_NUMBER, AT(trash_days), "days", "30", 0, 3650,
     "how long what was removed can be restored; then gc forgets it"},
    {"gc_interval_hours", KIND_NUMBER, AT(gc_interval_hours), "hours", "24", 0,
     8760, "how often gc runs by itself; 0: only when it is asked to"},
    /* Two hours, the longest that is decoded, of 16 bit 44.1 kHz WAV are
     * 1.2 GiB. */
    {"upload_max_bytes", KIND_BYTES, AT(upload_max_bytes), "bytes", "2G",
     UINT64_C(1) << 10, UINT64_C(1) << 40, "largest file of a subscriber"},
    /* A double album of 24 bit 96 kHz WAV is 5 GiB. */
    {"release_max_bytes", KIND_BYTES, AT(release_max_bytes), "bytes", "8G",
     UINT64_C(1) << 10, UINT64_C(1) << 40, "largest release for the catalog"},
    {"loops", KIND_NUMBER, AT(loops), "threads", "0", 0, 256,
     "event loops; 0: one a core"},
    {"workers", KIND_NUMBER, AT(workers), "threads", "0", 0, 256,
     "threads for slow requests; 0: two a core"},
    {"matchers", KIND_NUMBER, AT(matchers), "uploads", "0", 0, 64,
     "uploads matched at once; 0: one a core"},
    {"connections_max", KIND_NUMBER, AT(connections_max), "connections", "4096",
     16, 100000, "client connections at once, over all loops"},
};
#undef AT

enum {
    ENTRY_COUNT = sizeof entries / sizeof entries[0],
    /* argp's keys: above what could be a letter */
    KEY_FIRST = 0x100,
    KEY_CONFIG = KEY_FIRST + ENTRY_COUNT,
    KEY_PRINT,
    KEY_VERSION,
    NAME_SIZE = 32,
};

/* ---- values ---- */

static enum status bad_value(const struct option_entry *entry,
                             const char *value, struct error *err)
{
    if (entry->kind == KIND_NUMBER || entry->kind == KIND_BYTES) {
        return error_set(
            err, STATUS_INVALID, "bad_config",
            "%s = \"%.100s\" is not allowed: give a whole number "
            "of %s from %" PRIu64 " to %" PRIu64 "%s",
            entry->name, value, entry->unit, entry->min, entry->max,
            entry->kind == KIND_BYTES ? ", with K, M, G or T for powers of 1024"
                                      : "");
    }
    if (entry->kind == KIND_SIGNUP) {
        return error_set(err, STATUS_INVALID, "bad_config",
                         "%s = \"%.100s\" is not allowed: give open or closed",
                         entry->name, value);
    }
    return error_set(err, STATUS_INVALID, "bad_config",
                     "%s = \"%.100s…\" is too long: give at most %d bytes",
                     entry->name, value, CONFIG_TEXT_SIZE - 1);
}

/* Bits to shift for the suffix at `at`; -1: no suffix of ours. */
static int suffix_bits(const char *at)
{
    static const char letters[] = "KMGT";
    if (at[0] == '\0') {
        return 0;
    }
    const char *letter = strchr(letters, at[0]);
    return letter == NULL || at[1] != '\0' ? -1
                                           : 10 * (int)(letter - letters + 1);
}

static bool parse_number(const struct option_entry *entry, const char *value,
                         uint64_t *out)
{
    char *end = NULL;
    if (value[0] < '0' || value[0] > '9') {
        return false; /* strtoull would take blanks and signs */
    }
    errno = 0;
    uint64_t number = strtoull(value, &end, 10);
    int bits =
        entry->kind == KIND_BYTES ? suffix_bits(end) : (*end == '\0' ? 0 : -1);
    if (errno != 0 || bits < 0 || number > entry->max >> bits) {
        return false;
    }
    *out = number << bits;
    return *out >= entry->min;
}

static enum status set_value(struct config *config,
                             const struct option_entry *entry,
                             const char *value, struct error *err)
{
    char *at = (char *)config + entry->offset;
    uint64_t number = 0;
    switch (entry->kind) {
    case KIND_TEXT:
        if (strlen(value) >= CONFIG_TEXT_SIZE) {
            return bad_value(entry, value, err);
        }
        memcpy(at, value, strlen(value) + 1);
        return STATUS_OK;
    case KIND_SIGNUP:
        *(bool *)(void *)at = strcmp(value, "open") == 0;
        return strcmp(value, "open") == 0 || strcmp(value, "closed") == 0
                   ? STATUS_OK
                   : bad_value(entry, value, err);
    case KIND_NUMBER:
        if (!parse_number(entry, value, &number)) {
            return bad_value(entry, value, err);
        }
        *(uint32_t *)(void *)at = (uint32_t)number;
        return STATUS_OK;
    case KIND_BYTES:
        if (!parse_number(entry, value, &number)) {
            return bad_value(entry, value, err);
        }
        *(uint64_t *)(void *)at = number;
        return STATUS_OK;
    }
    assert(entry->kind <= KIND_BYTES);
    return STATUS_OK;
}

/* "2G" where that is exact. */
static void print_bytes(char *out, size_t size, uint64_t number)
{
    static const char letters[] = "\0KMGT";
    size_t step = 0;
    while (step < sizeof letters - 2 && number > 0 && number % 1024 == 0) {
        number /= 1024;
        step++;
    }
    (void)snprintf(out, size, "%" PRIu64 "%.1s", number, &letters[step]);
}

/* The value as one would write it. */
static void print_value(char out[CONFIG_TEXT_SIZE], const struct config *config,
                        const struct option_entry *entry)
{
    const char *at = (const char *)config + entry->offset;
    switch (entry->kind) {
    case KIND_TEXT:
        (void)snprintf(out, CONFIG_TEXT_SIZE, "%s", at);
        return;
    case KIND_SIGNUP:
        (void)snprintf(out, CONFIG_TEXT_SIZE, "%s",
                       *(const bool *)(const void *)at ? "open" : "closed");
        return;
    case KIND_NUMBER:
        (void)snprintf(out, CONFIG_TEXT_SIZE, "%" PRIu32,
                       *(const uint32_t *)(const void *)at);
        return;
    case KIND_BYTES:
        print_bytes(out, CONFIG_TEXT_SIZE, *(const uint64_t *)(const void *)at);
        return;
    }
}

/* ---- the file ---- */

struct file {
    FILE *stream;
    const char *path;
    struct config *config;
    bool given[ENTRY_COUNT];
    bool line_too_long;
    enum status status;
    struct error *err;
};

static const struct option_entry *find_entry(const char *name, size_t *index)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        if (strcmp(entries[i].name, name) == 0) {
            *index = i;
            return &entries[i];
        }
    }
    return NULL;
}

/* inih's callback: 0 stops nothing, it only counts; so the first error is
 * kept. */
static int on_setting(void *user, const char *section, const char *name,
                      const char *value)
{
    struct file *file = user;
    size_t index = 0;
    const struct option_entry *entry = find_entry(name, &index);
    if (file->status != STATUS_OK) {
        return 0;
    }
    if (section[0] != '\0') {
        file->status = error_set(file->err, STATUS_INVALID, "bad_config",
                                 "section [%.50s] is unknown: write settings "
                                 "without sections",
                                 section);
    } else if (entry == NULL) {
        file->status = error_set(file->err, STATUS_INVALID, "bad_config",
                                 "setting \"%.50s\" is unknown: see refraind "
                                 "--print-config",
                                 name);
    } else if (file->given[index]) {
        file->status = error_set(file->err, STATUS_INVALID, "bad_config",
                                 "%s is set twice: keep one", name);
    } else {
        file->given[index] = true;
        file->status = set_value(file->config, entry, value, file->err);
    }
    return file->status == STATUS_OK;
}

/* Reads a line; one that does not fit would be taken for two. */
static char *read_line(char *line, int size, void *stream)
{
    struct file *file = stream;
    char *got = fgets(line, size, file->stream);
    if (got != NULL && strchr(line, '\n') == NULL && !feof(file->stream)) {
        file->line_too_long = true;
        return NULL;
    }
    return got;
}

static enum status parse_file(struct file *file)
{
    int line = ini_parse_stream(read_line, file, on_setting, file);
    if (ferror(file->stream)) {
        return error_set(file->err, STATUS_INVALID, "bad_config",
                         "cannot read it: check its permissions");
    }
    if (file->line_too_long) {
        return error_set(file->err, STATUS_INVALID, "bad_config",
                         "a line is longer than 198 bytes: shorten it, or give "
                         "that option on the command line");
    }
    if (file->status == STATUS_OK && line != 0) {
        return error_set(file->err, STATUS_INVALID, "bad_config",
                         "line %d is no \"name = value\"", line);
    }
    return file->status;
}

static enum status read_file(struct config *config, const char *path,
                             struct error *err)
{
    struct file file = {.path = path, .config = config, .err = err};
    file.stream = fopen(path, "re");
    if (file.stream == NULL) {
        return error_set(err, STATUS_INVALID, "bad_config",
                         "cannot read the configuration %.300s: %s", path,
                         strerror(errno));
    }
    enum status status = parse_file(&file);
    (void)fclose(file.stream);
    if (status != STATUS_OK) {
        error_context(err, "%.200s", path);
    }
    return status;
}

/* ---- the command line ---- */

enum print { PRINT_NOTHING, PRINT_INI, PRINT_MARKDOWN };

struct arguments {
    const char *values[ENTRY_COUNT]; /* NULL: not given */
    const char *file;
    enum print print;
};

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct arguments *out = state->input;
    if (key >= KEY_FIRST && key < KEY_FIRST + ENTRY_COUNT) {
        out->values[key - KEY_FIRST] = argument;
        return 0;
    }
    switch (key) {
    case KEY_CONFIG:
        out->file = argument;
        return 0;
    case KEY_PRINT:
        if (argument != NULL && strcmp(argument, "markdown") != 0) {
            argp_error(state, "--print-config takes nothing or \"markdown\"");
        }
        out->print = argument == NULL ? PRINT_INI : PRINT_MARKDOWN;
        return 0;
    case KEY_VERSION:
        (void)printf("refraind %s\n", REFRAIN_VERSION);
        exit(0); // NOLINT(concurrency-mt-unsafe): nothing runs yet
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is no option", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What argp wants to know, from the table. */
struct command_line {
    struct argp_option options[ENTRY_COUNT + 4];
    char names[ENTRY_COUNT][NAME_SIZE]; /* with hyphens */
    char docs[ENTRY_COUNT][256];
};

static void describe(struct command_line *out)
{
    *out = (struct command_line){0};
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        const struct option_entry *entry = &entries[i];
        assert(strlen(entry->name) < NAME_SIZE);
        for (size_t c = 0; entry->name[c] != '\0'; c++) {
            out->names[i][c] = entry->name[c];
            if (entry->name[c] == '_') {
                out->names[i][c] = '-';
            }
        }
        (void)snprintf(out->docs[i], sizeof out->docs[i], "%s%s%s%s",
                       entry->meaning, entry->standard[0] ? " (default " : "",
                       entry->standard, entry->standard[0] ? ")" : "");
        out->options[i] = (struct argp_option){.name = out->names[i],
                                               .key = KEY_FIRST + (int)i,
                                               .arg = entry->unit,
                                               .doc = out->docs[i]};
    }
    out->options[ENTRY_COUNT] = (struct argp_option){
        .name = "config",
        .key = KEY_CONFIG,
        .arg = "FILE",
        .doc = "settings, as --print-config writes them; the command line goes "
               "before them"};
    out->options[ENTRY_COUNT + 1] = (struct argp_option){
        .name = "print-config",
        .key = KEY_PRINT,
        .arg = "markdown",
        .flags = OPTION_ARG_OPTIONAL,
        .doc = "write the settings (or their table for the README) and exit"};
    out->options[ENTRY_COUNT + 2] = (struct argp_option){
        .name = "version", .key = KEY_VERSION, .doc = "write the version"};
}

static void read_command_line(struct arguments *out, int argc, char **argv)
{
    struct command_line line;
    describe(&line);
    const struct argp argp = {
        .options = line.options,
        .parser = on_option,
        .doc = "refraind: the Refrain service. A first start on an empty data "
               "folder makes its keys and the operator's token."};
    argp_err_exit_status = 2;
    error_t bad = argp_parse(&argp, argc, argv, 0, NULL, out);
    assert(bad == 0 || bad == ENOMEM);
    if (bad != 0) {
        (void)fputs("refraind: no memory to read the command line\n", stderr);
        exit(1); // NOLINT(concurrency-mt-unsafe): nothing runs yet
    }
}

/* ---- printing ---- */

static void print_ini(const struct config *config)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        const struct option_entry *entry = &entries[i];
        char value[CONFIG_TEXT_SIZE];
        print_value(value, config, entry);
        (void)printf("; %s (%s)\n%s%s = %s\n\n", entry->meaning, entry->unit,
                     value[0] == '\0' ? ";" : "", entry->name, value);
    }
}

static void print_markdown(void)
{
    (void)puts("| setting | unit | default | allowed | meaning |\n"
               "| --- | --- | --- | --- | --- |");
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        const struct option_entry *entry = &entries[i];
        const char *quote = entry->standard[0] == '\0' ? "" : "`";
        (void)printf("| `%s` | %s | %s%s%s | ", entry->name,
                     entry->kind == KIND_SIGNUP ? "" : entry->unit, quote,
                     entry->standard, quote);
        if (entry->kind == KIND_NUMBER) {
            (void)printf("%" PRIu64 " to %" PRIu64, entry->min, entry->max);
        } else if (entry->kind == KIND_BYTES) {
            char min[32];
            char max[32];
            print_bytes(min, sizeof min, entry->min);
            print_bytes(max, sizeof max, entry->max);
            (void)printf("%s to %s", min, max);
        } else if (entry->kind == KIND_SIGNUP) {
            (void)printf("`open`, `closed`");
        }
        (void)printf(" | %s |\n", entry->meaning);
    }
}

/* ---- all of it ---- */

static enum status apply(struct config *out, const struct arguments *arguments,
                         struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        status = set_value(out, &entries[i], entries[i].standard, err);
        assert(status == STATUS_OK); /* a default outside its limits: a bug */
    }
    if (arguments->file != NULL) {
        status = read_file(out, arguments->file, err);
    }
    for (size_t i = 0; i < ENTRY_COUNT && status == STATUS_OK; i++) {
        if (arguments->values[i] != NULL) {
            status = set_value(out, &entries[i], arguments->values[i], err);
        }
    }
    return status;
}

enum status config_read(struct config *out, int argc, char **argv,
                        struct error *err)
{
    struct arguments arguments = {0};
    *out = (struct config){0};
    read_command_line(&arguments, argc, argv);
    enum status status = apply(out, &arguments, err);
    if (status != STATUS_OK) {
        return status;
    }
    if (arguments.print != PRINT_NOTHING) {
        if (arguments.print == PRINT_INI) {
            print_ini(out);
        } else {
            print_markdown();
        }
        exit(fflush(stdout) == 0 ? 0 : 1); // NOLINT(concurrency-mt-unsafe)
    }
    if (out->data[0] == '\0') {
        return error_set(err, STATUS_INVALID, "bad_config",
                         "no data folder is named: give one with --data DIR");
    }
    return STATUS_OK;
}
