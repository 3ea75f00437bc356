# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Ground that every story in tests/e2e stands on: a private folder, a private
# refraind on a free loopback port, assertions that say what was expected, and
# a clean-up that ends exactly what the story started.
#
# A story sources this file first. What it then has:
#   WORK      private folder, removed at the end (kept with KEEP=1)
#   DATA      the service's data folder, $WORK/data unless changed
#   URL       address of the running service
#   LOG       its log (stderr), over all starts
# Environment:
#   REFRAIN_BIN     folder of the programs; default build/dev/bin
#   REFRAIN_SOURCE  root of the sources; default: found from here
#   REFRAIN_CLIPS   where generated music is kept between stories

set -eEuo pipefail
export LC_ALL=C.UTF-8

REFRAIN_SOURCE=${REFRAIN_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." &&
    pwd)}
REFRAIN_BIN=${REFRAIN_BIN:-$REFRAIN_SOURCE/build/dev/bin}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/refrain-$(basename "$0" .sh).XXXXXX")
DATA=$WORK/data
LOG=$WORK/service.log
URL=
SERVICE_PID=
STEP="start"
PROBLEMS=0
declare -a UNDO=() # commands that clean-up runs, last first

# --- what went wrong ------------------------------------------------------

step() {
    STEP=$*
    printf -- '-- %3s s  %s\n' "$SECONDS" "$*"
}

die() {
    printf 'FAILED at "%s": %s\n' "$STEP" "$*" >&2
    exit 1
}

# Like die, but the story goes on and fails at its end: for tables of cases.
problem() {
    printf 'FAILED at "%s": %s\n' "$STEP" "$*" >&2
    PROBLEMS=$((PROBLEMS + 1))
}

# For what this machine does not allow: ctest shows the story as skipped.
skip_story() {
    printf 'SKIPPED: %s\n' "$*"
    exit 77
}

expect_equal() { # WHAT EXPECTED GOT
    [ "$2" = "$3" ] || die "$1: expected '$2', got '$3'"
}

expect_match() { # WHAT REGEX GOT
    [[ $3 =~ $2 ]] || die "$1: expected to match '$2', got '$3'"
}

expect_between() { # WHAT LOW HIGH GOT   (integers)
    if ! [[ $4 =~ ^-?[0-9]+$ ]] || [ "$4" -lt "$2" ] || [ "$4" -gt "$3" ]; then
        die "$1: expected $2 to $3, got '$4'"
    fi
}

expect_same_bytes() { # WHAT EXPECTED-FILE GOT-FILE
    cmp -- "$2" "$3" >&2 || die "$1: $2 and $3 differ"
}

# Bytes FIRST to LAST of a file, both inclusive, as ranges count.
slice() { # FILE FIRST LAST
    dd if="$1" iflag=skip_bytes,count_bytes skip="$2" count=$(($3 - $2 + 1)) \
        bs=64K status=none
}

# Runs a command that must end with a given exit code; its output is kept in
# $WORK/out and $WORK/err. STDIN names a file for its standard input.
expect_exit() { # CODE COMMAND…
    local wanted=$1 got=0
    shift
    "$@" >"$WORK/out" 2>"$WORK/err" <"${STDIN:-/dev/null}" || got=$?
    [ "$wanted" = "$got" ] || die "'$*' ended with $got, expected $wanted:" \
        "$(head -c 2000 "$WORK/out" "$WORK/err")"
}

# --- processes --------------------------------------------------------------

# Everything that runs because of this story: what names its private folder in
# the command line, or works in it. Prints one pid a line.
own_processes() {
    local entry pid
    for entry in /proc/[0-9]*; do
        pid=${entry#/proc/}
        [ "$pid" != $$ ] && [ "$pid" != "$BASHPID" ] || continue
        case $(readlink "$entry/exe" 2>/dev/null || :) in
        */refraind | */refrain-decoder | */redis-server | */redis-check-rdb) ;;
        *) continue ;;
        esac
        if tr '\0' ' ' <"$entry/cmdline" 2>/dev/null | grep -qF "$WORK" ||
            [[ $(readlink "$entry/cwd" 2>/dev/null || :) = "$WORK"* ]]; then
            echo "$pid"
        fi
    done
}

redis_pid() {
    local pid
    for pid in $(own_processes); do
        case $(readlink "/proc/$pid/exe" 2>/dev/null || :) in
        */redis-server | */redis-check-rdb)
            echo "$pid"
            return
            ;;
        esac
    done
}

# Waits until a command succeeds, at most SECONDS.
wait_for() { # SECONDS WHAT COMMAND…
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || die "waited too long for $what"
        sleep 0.1
    done
}

is_gone() { # PID
    ! kill -0 "$1" 2>/dev/null || [ ! -e "/proc/$1/exe" ]
}

no_own_processes() {
    [ -z "$(own_processes)" ]
}

# --- the service --------------------------------------------------------------

service_start() { # [ARGUMENT…] of refraind besides --data and --listen
    local out=$WORK/service.out line=
    : >"$out"
    "$REFRAIN_BIN/refraind" --data "$DATA" --listen "${LISTEN:-127.0.0.1:0}" \
        "$@" >"$out" 2>>"$LOG" </dev/null &
    SERVICE_PID=$!
    local until=$((SECONDS + 60))
    while :; do
        if read -r line <"$out" && [ -n "$line" ]; then
            break
        fi
        kill -0 "$SERVICE_PID" 2>/dev/null ||
            die "refraind ended before it was ready: $(tail -n 5 "$LOG")"
        [ "$SECONDS" -lt "$until" ] || die "refraind not ready after 60 s"
        sleep 0.05
    done
    expect_match "refraind's first line" \
        '^refraind: ready on http://127\.0\.0\.1:[0-9]+$' "$line"
    URL=${line#refraind: ready on }
}

# SIGTERM: must end with 0 and leave no process behind.
service_stop() {
    local code=0
    kill -TERM "$SERVICE_PID"
    wait "$SERVICE_PID" || code=$?
    SERVICE_PID=
    expect_equal "exit code of refraind after SIGTERM" 0 "$code"
    wait_for 10 "every process of the service to end" no_own_processes
}

# kill -9, as a crash: Redis may outlive it for a moment.
service_crash() {
    kill -KILL "$SERVICE_PID" 2>/dev/null || true
    wait "$SERVICE_PID" 2>/dev/null || true
    SERVICE_PID=
}

service_alive() {
    [ -n "$SERVICE_PID" ] && ! is_gone "$SERVICE_PID" &&
        [ "$(curl -s -o /dev/null -m 10 -w '%{http_code}' "$URL/healthz")" = 200 ]
}

expect_alive() { # AFTER WHAT
    service_alive || die "the service is not alive after $1"
}

# --- the end -------------------------------------------------------------------

undo() { # COMMAND to run at the end, last first
    UNDO=("$1" "${UNDO[@]}")
}

finish() {
    local code=$? pid command
    set +e
    trap - EXIT ERR
    # The sanitizers speak on stderr, whatever the exit code was.
    if [ -f "$LOG" ] && grep -nE \
        '(Address|Thread|Leak|UndefinedBehavior)Sanitizer|runtime error:|Assertion' \
        "$LOG" >&2; then
        echo "FAILED: a sanitizer or an assertion spoke: see above" >&2
        [ "$code" = 0 ] && code=1
    fi
    [ "$code" = 0 ] && [ "$PROBLEMS" -gt 0 ] && code=1
    if [ "$code" != 0 ] && [ "$code" != 77 ] && [ -f "$LOG" ]; then
        echo "--- the end of the service's log:" >&2
        tail -n 40 "$LOG" >&2
    fi
    [ -n "$SERVICE_PID" ] && kill -TERM "$SERVICE_PID" 2>/dev/null &&
        for _ in {1..50}; do
            is_gone "$SERVICE_PID" && break
            sleep 0.1
        done
    for pid in $(own_processes); do
        kill -KILL "$pid" 2>/dev/null
    done
    for command in "${UNDO[@]}"; do
        eval "$command"
    done
    wait 2>/dev/null
    if [ -n "${KEEP:-}" ]; then
        echo "kept: $WORK" >&2
    else
        rm -rf -- "$WORK"
    fi
    if [ "$code" = 0 ]; then
        echo "PASSED"
    fi
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM
trap 'echo "FAILED at \"$STEP\": line $LINENO of ${BASH_SOURCE[0]##*/}: $BASH_COMMAND" >&2' ERR
