/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/metrics.h"

#include <assert.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct metrics {
    _Atomic int64_t values[METRIC_COUNT];
    int64_t started_s; /* since 1970 */
};

/* A family has one HELP and TYPE line; its samples differ by label. Samples
 * of a family stand together, as the format asks. */
static const struct {
    const char *family;
    const char *type;
    const char *help;
    const char *label; /* "" none */
} descriptions[METRIC_COUNT] = {
    [METRIC_REQUESTS_2XX] = {"refrain_requests_total", "counter",
                             "HTTP requests answered, by class of status",
                             "{class=\"2xx\"}"},
    [METRIC_REQUESTS_3XX] = {"refrain_requests_total", "counter", "",
                             "{class=\"3xx\"}"},
    [METRIC_REQUESTS_4XX] = {"refrain_requests_total", "counter", "",
                             "{class=\"4xx\"}"},
    [METRIC_REQUESTS_5XX] = {"refrain_requests_total", "counter", "",
                             "{class=\"5xx\"}"},
    [METRIC_BYTES_SENT] = {"refrain_sent_bytes_total", "counter",
                           "Bytes of bodies sent", ""},
    [METRIC_UPLOADS_ACCEPTED] = {"refrain_uploads_accepted_total", "counter",
                                 "Uploads acknowledged", ""},
    [METRIC_UPLOADS_MATCHED] = {"refrain_uploads_finished_total", "counter",
                                "Uploads decided, by outcome",
                                "{outcome=\"matched\"}"},
    [METRIC_UPLOADS_UPLOADED] = {"refrain_uploads_finished_total", "counter",
                                 "", "{outcome=\"uploaded\"}"},
    [METRIC_UPLOADS_DUPLICATE] = {"refrain_uploads_finished_total", "counter",
                                  "", "{outcome=\"duplicate\"}"},
    [METRIC_UPLOADS_INELIGIBLE] = {"refrain_uploads_finished_total", "counter",
                                   "", "{outcome=\"ineligible\"}"},
    [METRIC_UPLOADS_ERROR] = {"refrain_uploads_finished_total", "counter", "",
                              "{outcome=\"error\"}"},
    [METRIC_RESCANS_ASKED] = {"refrain_rescans_total", "counter",
                              "Tracks asked again with their audio at hand",
                              ""},
    [METRIC_RESCANS_UPGRADED] = {"refrain_rescans_upgraded_total", "counter",
                                 "Tracks that became matched so", ""},
    [METRIC_DECODER_HOSTILE] = {"refrain_decoder_hostile_total", "counter",
                                "Files on which the decoder died", ""},
    [METRIC_REDIS_UNAVAILABLE] = {"refrain_redis_unavailable_total", "counter",
                                  "Requests refused because Redis was gone",
                                  ""},
    [METRIC_CONNECTIONS_OPEN] = {"refrain_connections_open", "gauge",
                                 "Client connections now open", ""},
};

enum status metrics_open(struct metrics **out, struct error *err)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "cannot allocate the counters");
    }
    (*out)->started_s = (int64_t)time(NULL);
    return STATUS_OK;
}

void metrics_close(struct metrics *metrics)
{
    free(metrics);
}

void metrics_add(struct metrics *metrics, enum metric metric, int64_t amount)
{
    assert(metric < METRIC_COUNT);
    /* Relaxed: a counter orders nothing else. */
    (void)atomic_fetch_add_explicit(&metrics->values[metric], amount,
                                    memory_order_relaxed);
}

/* Resident bytes, from the second field of /proc/self/statm (proc(5)), in
 * pages; 0 when it cannot be read. */
static int64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return 0;
    }
    char line[128];
    int64_t pages = 0;
    if (fgets(line, sizeof line, file) != NULL) {
        char *at = NULL;
        (void)strtoll(line, &at, 10);
        pages = strtoll(at, NULL, 10);
    }
    (void)fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static int64_t open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return 0;
    }
    int64_t count = -3; /* ".", ".." and the folder's own descriptor */
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

static enum status print_process(const struct metrics *metrics,
                                 struct buffer *out, struct error *err)
{
    return buffer_printf(
        out, err,
        "# HELP process_resident_memory_bytes Resident memory\n"
        "# TYPE process_resident_memory_bytes gauge\n"
        "process_resident_memory_bytes %" PRId64 "\n"
        "# HELP process_open_fds Open file descriptors\n"
        "# TYPE process_open_fds gauge\n"
        "process_open_fds %" PRId64 "\n"
        "# HELP process_start_time_seconds Start of the process, since 1970\n"
        "# TYPE process_start_time_seconds gauge\n"
        "process_start_time_seconds %" PRId64 "\n"
        "# HELP refrain_build_info Version that runs\n"
        "# TYPE refrain_build_info gauge\n"
        "refrain_build_info{version=\"" REFRAIN_VERSION "\"} 1\n",
        resident_bytes(), open_descriptors(), metrics->started_s);
}

enum status metrics_print(const struct metrics *metrics, struct buffer *out,
                          struct error *err)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < METRIC_COUNT && status == STATUS_OK; i++) {
        if (descriptions[i].help[0] != '\0') {
            status =
                buffer_printf(out, err, "# HELP %s %s\n# TYPE %s %s\n",
                              descriptions[i].family, descriptions[i].help,
                              descriptions[i].family, descriptions[i].type);
        }
        if (status == STATUS_OK) {
            int64_t value =
                atomic_load_explicit(&metrics->values[i], memory_order_relaxed);
            status = buffer_printf(out, err, "%s%s %" PRId64 "\n",
                                   descriptions[i].family,
                                   descriptions[i].label, value);
        }
    }
    return status == STATUS_OK ? print_process(metrics, out, err) : status;
}
