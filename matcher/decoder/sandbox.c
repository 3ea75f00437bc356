/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The sanitizers' runtimes need far more system calls and address space than
 * decoding does: in their builds the filter and RLIMIT_AS are left out. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool instrumented = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
static const bool instrumented = true;
#else
static const bool instrumented = false;
#endif
#else
static const bool instrumented = false;
#endif

enum {
    /* Debian's nobody: owns nothing, and RLIMIT_NPROC binds it. */
    NOBODY = 65534,
    /* Two hours of Opus took 29 s and its fingerprints 2 s each (measured:
     * 244 and 14 ms a minute): .02 of the time heard, and 5 s. */
    CPU_SECONDS = 150,
    /* Two hours of mid and side are 318 MB, the libraries' mappings 150. */
    MEMORY_MIB = 1024,
};

static enum status refused(struct error *err, const char *layer, int code)
{
    return error_set(err, STATUS_UNAVAILABLE, "no_sandbox",
                     "cannot lock refrain-decoder in (%s: %s): run it where "
                     "seccomp and prctl are allowed",
                     layer, strerror(code));
}

void sandbox_close_files(int last)
{
    (void)close_range((unsigned)last + 1, ~0U, 0);
}

static enum status set_limits(struct error *err)
{
    const rlim_t mebibyte = (rlim_t)1024 * 1024;
    const struct {
        __rlimit_resource_t resource;
        struct rlimit limit;
    } limits[] = {
        {RLIMIT_CPU, {CPU_SECONDS, CPU_SECONDS + 1}},
        {RLIMIT_AS, {MEMORY_MIB * mebibyte, MEMORY_MIB * mebibyte}},
        {RLIMIT_STACK, {8 * mebibyte, 8 * mebibyte}},
        {RLIMIT_NOFILE, {8, 8}},
        {RLIMIT_FSIZE, {0, 0}},
        {RLIMIT_CORE, {0, 0}},
        {RLIMIT_NPROC, {1, 1}},
    };

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (limits[i].resource == RLIMIT_AS && instrumented) {
            continue;
        }
        if (setrlimit(limits[i].resource, &limits[i].limit) != 0) {
            return refused(err, "setrlimit", errno);
        }
    }
    return STATUS_OK;
}

/* Root becomes nobody: RLIMIT_NPROC does not bind root. Where the machine has
 * no such user (EINVAL: a user namespace with one id) or root may not change
 * (EPERM: its capabilities are gone), it is no root to speak of. */
static enum status drop_user(struct error *err)
{
    if (geteuid() != 0) {
        return STATUS_OK;
    }
    if ((setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
         setresuid(NOBODY, NOBODY, NOBODY) != 0) &&
        errno != EINVAL && errno != EPERM) {
        return refused(err, "setresuid", errno);
    }
    return STATUS_OK;
}

/* A parent that ended before the kernel was told to look is noticed here. */
static enum status drop_privileges(pid_t parent, struct error *err)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return refused(err, "prctl", errno);
    }
    return getppid() == parent ? STATUS_OK : refused(err, "parent", ESRCH);
}

/* Landlock with no rule: no path can be opened, even if the filter failed.
 * Rights grew with the versions of its interface: 13 in the first, then REFER,
 * TRUNCATE, and IOCTL_DEV in the fifth (landlock(7)). Absence is no error. */
static void forbid_paths(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
                       LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        return;
    }
    unsigned rights = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;
    struct landlock_ruleset_attr attributes = {
        .handled_access_fs = (UINT64_C(1) << rights) - 1,
    };
    long ruleset =
        syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset >= 0) {
        (void)syscall(SYS_landlock_restrict_self, ruleset, 0);
        (void)close((int)ruleset);
    }
}

/* Measured with strace over ten formats: pread64 (or read), write, brk, mmap,
 * munmap, futex, exit_group; the others are what libc may come to need. */
static int fill_filter(scmp_filter_ctx filter)
{
    static const int allowed[] = {
        SCMP_SYS(read),         SCMP_SYS(pread64),   SCMP_SYS(write),
        SCMP_SYS(brk),          SCMP_SYS(munmap),    SCMP_SYS(mremap),
        SCMP_SYS(futex),        SCMP_SYS(exit),      SCMP_SYS(exit_group),
        SCMP_SYS(rt_sigreturn), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime),
        SCMP_SYS(gettimeofday),
    };
    int rc = 0;

    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    }
    const struct scmp_arg_cmp no_exec =
        SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    const struct scmp_arg_cmp anonymous =
        SCMP_A3_64(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS);
    const struct scmp_arg_cmp dont_need =
        SCMP_A2_64(SCMP_CMP_EQ, MADV_DONTNEED, 0);
    rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, no_exec,
                           anonymous);
    rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                           no_exec);
    rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(madvise), 1,
                           dont_need);
    /* Libraries try these and live with a refusal. */
    rc |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 0);
    rc |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 0);
    return rc;
}

static enum status load_filter(struct error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int rc = filter == NULL ? -ENOMEM : fill_filter(filter);

    if (rc == 0) {
        rc = seccomp_load(filter);
    }
    seccomp_release(filter);
    return rc == 0 ? STATUS_OK : refused(err, "seccomp", -rc);
}

enum status sandbox_enter(pid_t parent, struct error *err)
{
    enum status status = set_limits(err);

    if (status == STATUS_OK) {
        status = drop_user(err);
    }
    if (status == STATUS_OK) {
        status = drop_privileges(parent, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    forbid_paths();
    return instrumented ? STATUS_OK : load_filter(err);
}
