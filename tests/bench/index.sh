#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# How large the index of a big catalog is in Redis, and how fast it answers,
# as ratios to PING in the same run. A private redis-server, made-up tracks.
#
# tests/bench/index.sh [--tracks N] [--queries N] [--seed N] [--tcp PORT]
#   default: 1 000 000 tracks (2.5 GB, some minutes), 2 000 queries, seed 1, and
#   a Unix socket, as the embedded server has; --tcp asks over loopback instead
# TMPDIR  where the server's folder is made

set -euo pipefail
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
TRACKS=1000000
QUERIES=2000
SEED=1
PORT=0
while [ $# -gt 0 ]; do
    case $1 in
    --tracks) TRACKS=$2 ;;
    --queries) QUERIES=$2 ;;
    --seed) SEED=$2 ;;
    --tcp) PORT=$2 ;;
    *)
        sed -n '3,10s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
    shift 2
done

WORK=$(mktemp -d "${TMPDIR:-/tmp}/refrain-bench-index.XXXXXX")
SERVER=
finish() {
    [ -z "$SERVER" ] || kill "$SERVER" 2>/dev/null || true
    rm -rf -- "$WORK"
}
trap finish EXIT

# Only what the index needs, so that no build has to be there; with the options
# of CMakeLists.txt.
cc -O3 -std=c17 -D_GNU_SOURCE -I"$SOURCE" -c -o "$WORK/align.o" \
    "$SOURCE/matcher/align.c"
# shellcheck disable=SC2046
cc -O2 -std=c17 -D_GNU_SOURCE -I"$SOURCE" -o "$WORK/index" \
    "$SOURCE/tests/bench/index.c" "$SOURCE"/catalog/releases/index/*.c \
    "$SOURCE"/catalog/redis/*.c "$SOURCE/catalog/id.c" "$WORK/align.o" \
    "$SOURCE"/matcher/{buffer,fingerprint,fingerprint_pack,levels,status,terms}.c \
    $(pkg-config --cflags --libs hiredis libchromaprint libzstd) -lpthread -lm

redis-server --port "$PORT" --bind 127.0.0.1 --unixsocket "$WORK/redis.sock" \
    --save '' --appendonly no --dir "$WORK" --logfile "$WORK/redis.log" &
SERVER=$!
for _ in $(seq 100); do
    ! redis-cli -s "$WORK/redis.sock" ping >/dev/null 2>&1 || break
    sleep 0.1
done
ADDRESS=unix:$WORK/redis.sock
[ "$PORT" -eq 0 ] || ADDRESS=redis://127.0.0.1:$PORT

echo "$(redis-server --version | cut -d' ' -f3); seed $SEED;" \
    "$(nproc) cores; load $(cut -d' ' -f1-3 /proc/loadavg); $ADDRESS"
"$WORK/index" "$ADDRESS" "$TRACKS" "$QUERIES" "$SEED"
echo "load $(cut -d' ' -f1-3 /proc/loadavg) at the end"
