/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/data_folder.h"
#include "api/jobs.h"
#include "api/log.h"
#include "api/metrics.h"
#include "api/rescan.h"
#include "api/server.h"
#include "api/upkeep.h"
#include "catalog/library/uploads.h"
#include "catalog/redis/server.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/** refraind: puts the parts together, serves until it is told to stop. */

enum {
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    /* Beside two a connection (socket and file): Redis, log, spool, chunks. */
    DESCRIPTORS_EXTRA = 512,
    /* decoder_pool_open() takes no more. */
    DECODERS_MAX = 64,
};

/* Everything that runs, in the order in which it starts. */
struct parts {
    struct data_folder folder;
    struct redis_server *redis_server;
    struct service service;
    struct jobs *jobs;
    struct rescan *rescan;
    struct server *server;
};

static int fail(const struct error *err, int code)
{
    (void)fprintf(stderr, "refraind: %s\n", err->text);
    return code;
}

static unsigned matcher_count(const struct config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long wanted = config->matchers != 0 ? (long)config->matchers : cores;
    if (wanted < 1) {
        return 1;
    }
    return wanted > DECODERS_MAX ? (unsigned)DECODERS_MAX : (unsigned)wanted;
}

/* Signals come to main's sigwait() alone: every thread inherits the mask. A
 * client that goes away must not end us. */
static void prepare_signals(sigset_t *stop)
{
    (void)sigemptyset(stop);
    (void)sigaddset(stop, SIGTERM);
    (void)sigaddset(stop, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, stop, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* As many descriptors as connections_max may need. */
static void raise_descriptors(const struct service *service)
{
    struct rlimit limit;
    rlim_t wanted =
        (rlim_t)service->config.connections_max * 2 + DESCRIPTORS_EXTRA;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return;
    }
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted) {
        log_event(service->log, LOG_WARNING, "few_descriptors",
                  "allowed=%llu wanted=%llu hint=raise_the_hard_limit_or_"
                  "lower_connections_max",
                  (unsigned long long)limit.rlim_cur,
                  (unsigned long long)wanted);
    }
}

/* "" in the configuration: the program beside this one. */
static enum status find_decoder(struct service *service, struct error *err)
{
    if (service->config.decoder[0] != '\0') {
        return STATUS_OK;
    }
    static const char name[] = "refrain-decoder";
    char *path = service->config.decoder;
    ssize_t length = readlink("/proc/self/exe", path, CONFIG_TEXT_SIZE - 1);
    if (length > 0) {
        path[length] = '\0';
        char *slash = strrchr(path, '/');
        size_t room = CONFIG_TEXT_SIZE - (size_t)(slash + 1 - path);
        if (sizeof name <= room) {
            memcpy(slash + 1, name, sizeof name);
            return STATUS_OK;
        }
    }
    return error_set(err, STATUS_UNAVAILABLE, "no_decoder",
                     "cannot tell where refraind itself is: name "
                     "refrain-decoder with --decoder");
}

/* Secrets come before everything that would be lost without them. */
static enum status start_secrets(struct parts *parts, struct error *err)
{
    struct service *service = &parts->service;
    char path[CONFIG_TEXT_SIZE];
    enum status status = data_folder_path(&parts->folder, "keys", path, err);
    if (status == STATUS_OK) {
        status = keyring_open(&service->keyring, path,
                              parts->folder.is_first_start, err);
    }
    if (status == STATUS_OK) {
        status = data_folder_token(&parts->folder,
                                   service->operator_token_sha256, err);
    }
    return status == STATUS_OK ? data_folder_started(&parts->folder, err)
                               : status;
}

static enum status start_redis(struct parts *parts, struct error *err)
{
    struct service *service = &parts->service;
    const char *address = service->config.redis;
    if (address[0] == '\0') {
        char path[CONFIG_TEXT_SIZE];
        enum status status =
            data_folder_path(&parts->folder, "redis", path, err);
        if (status == STATUS_OK) {
            status = redis_server_start(&parts->redis_server, path, err);
        }
        if (status != STATUS_OK) {
            return status;
        }
        address = redis_server_address(parts->redis_server);
    }
    (void)snprintf(service->redis_address, sizeof service->redis_address, "%s",
                   address);
    struct redis *redis = NULL;
    enum status status = redis_open(&redis, address, err);
    if (status == STATUS_OK) {
        status = jobs_prepare(redis, err);
    }
    redis_close(redis);
    return status;
}

static enum status start_index(struct service *service, struct error *err)
{
    struct redis *redis = NULL;
    size_t filed = 0;
    const struct index_options options = {.address = service->redis_address,
                                          .merge = true};
    enum status status = redis_open(&redis, service->redis_address, err);
    if (status == STATUS_OK) {
        status = index_restore(redis, &filed, err);
    }
    redis_close(redis);
    if (status == STATUS_OK && filed > 0) {
        log_event(service->log, LOG_WARNING, "index_restored", "recordings=%zu",
                  filed);
    }
    return status == STATUS_OK ? index_open(&service->index, &options, err)
                               : status;
}

static enum status start_storage(struct parts *parts, struct error *err)
{
    struct service *service = &parts->service;
    const struct data_folder *folder = &parts->folder;
    char path[CONFIG_TEXT_SIZE];
    enum status status =
        data_folder_path(folder, "spool", service->spool_folder, err);
    if (status == STATUS_OK) {
        status =
            data_folder_path(folder, "masters", service->masters_folder, err);
    }
    if (status == STATUS_OK) {
        status = data_folder_path(folder, "vault", path, err);
    }
    if (status == STATUS_OK) {
        status =
            vault_open_folder(&service->vault, path, service->keyring, err);
    }
    if (status == STATUS_OK) {
        status = find_decoder(service, err);
    }
    if (status == STATUS_OK) {
        status = decoder_pool_open(&service->decoders, service->config.decoder,
                                   matcher_count(&service->config), err);
    }
    if (status == STATUS_OK) {
        status = decoder_pool_open(&service->master_decoders,
                                   service->config.decoder,
                                   matcher_count(&service->config), err);
    }
    return status;
}

static enum status start(struct parts *parts, struct error *err)
{
    struct service *service = &parts->service;
    enum status status = log_open(&service->log, STDERR_FILENO, err);
    if (status == STATUS_OK) {
        raise_descriptors(service);
        status = metrics_open(&service->metrics, err);
    }
    if (status == STATUS_OK) {
        status = data_folder_open(&parts->folder, service->config.data, err);
    }
    if (status == STATUS_OK) {
        status = start_secrets(parts, err);
    }
    if (status == STATUS_OK) {
        status = start_redis(parts, err);
    }
    if (status == STATUS_OK) {
        status = start_index(service, err);
    }
    if (status == STATUS_OK) {
        status = start_storage(parts, err);
    }
    if (status == STATUS_OK) {
        status = jobs_start(&parts->jobs, service, err);
    }
    if (status == STATUS_OK) {
        status = rescan_start(&parts->rescan, service, err);
    }
    if (status == STATUS_OK) {
        status = upkeep_start(&service->upkeep, service, err);
    }
    return status == STATUS_OK ? server_open(&parts->server, service, err)
                               : status;
}

static void stop(struct parts *parts)
{
    struct service *service = &parts->service;
    server_close(parts->server);
    upkeep_stop(service->upkeep);
    rescan_stop(parts->rescan);
    jobs_stop(parts->jobs);
    decoder_pool_close(service->master_decoders);
    decoder_pool_close(service->decoders);
    vault_close(service->vault);
    index_close(service->index);
    redis_server_stop(parts->redis_server);
    keyring_close(service->keyring);
    metrics_close(service->metrics);
    log_close(service->log);
    data_folder_close(&parts->folder);
}

int main(int argc, char **argv)
{
    struct parts parts = {.folder = {.lock_fd = -1}};
    struct error err = {0};
    if (config_read(&parts.service.config, argc, argv, &err) != STATUS_OK) {
        return fail(&err, EXIT_USAGE);
    }
    (void)umask(077); // all that we make is ours alone
    sigset_t stop_signals;
    prepare_signals(&stop_signals);
    int code = 0;
    if (start(&parts, &err) == STATUS_OK) {
        (void)printf("refraind: ready on http://%s\n",
                     server_name(parts.server));
        (void)fflush(stdout);
        int signal_number = 0;
        (void)sigwait(&stop_signals, &signal_number);
        log_event(parts.service.log, LOG_INFO, "stopping", "signal=%d",
                  signal_number);
    } else {
        code = fail(&err,
                    err.code[0] != '\0' && strcmp(err.code, "bad_listen") == 0
                        ? EXIT_USAGE
                        : EXIT_FAILED);
    }
    stop(&parts);
    return code;
}
