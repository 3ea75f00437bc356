#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Audio by range against nginx on the same file, in the same minute: a master
# (sent by sendfile), a sealed upload (opened segment by segment), and nginx with
# sendfile. Each request of ours also checks the token and finds the track in
# Redis, and is logged; nginx only maps a path. Rounds alternate, so that a busy
# machine slows all alike; the medians of the rounds' ratios are what counts.
# CPU is that of the server's processes, Redis with ours.
#
# tests/bench/audio_range.sh [ROUNDS] [SECONDS] [RANGE-BYTES]    default: 5 3 262144
# REFRAIN_BIN  programs to measure; default build/release/bin

REFRAIN_BIN=${REFRAIN_BIN:-$(cd "$(dirname "$0")/../.." && pwd)/build/release/bin}
source "$(dirname "$0")/../support/lib.sh"

ROUNDS=${1:-5}
PERIOD=${2:-3}
RANGE=${3:-262144}
COMPOSE=$WORK/compose
LOAD=$WORK/range_load
cc -O2 -std=c17 -D_GNU_SOURCE -o "$COMPOSE" \
    "$REFRAIN_SOURCE/tests/support/compose.c" -lm
cc -O2 -std=c17 -D_GNU_SOURCE -o "$LOAD" \
    "$REFRAIN_SOURCE/tests/bench/range_load.c"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

step "a master, and a song that only the subscriber has"
mkdir "$WORK/masters" "$WORK/www"
for seed in 9101 9102; do
    "$COMPOSE" $seed 240 >"$WORK/$seed.wav"
    "${FFMPEG[@]}" -i "$WORK/$seed.wav" -metadata title="Bench $seed" \
        -c:a flac "$WORK/$seed.flac"
    rm "$WORK/$seed.wav"
done
cp "$WORK/9101.flac" "$WORK/masters/"
service_start
load_catalog "$WORK/masters"
new_subscriber bench@example.org
upload_expect "$WORK/9101.flac" matched matched
MASTER=$TRACK_ID
upload_expect "$WORK/9102.flac" uploaded no_candidate
SEALED=$TRACK_ID
cp "$WORK/9101.flac" "$WORK/www/song.flac"

step "nginx on the master"
NGINX_PORT=$(shuf -i 20000-60000 -n 1)
cat >"$WORK/nginx.conf" <<EOT
worker_processes $(nproc);
pid $WORK/nginx.pid;
error_log $WORK/nginx.log;
daemon off;
events { worker_connections 4096; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=16;
    keepalive_requests 100000000;
    types { audio/flac flac; }
    server { listen 127.0.0.1:$NGINX_PORT reuseport; root $WORK/www; }
}
EOT
# Its workers would be nobody's, who may not read here.
sed -i "1i user $(id -un);" "$WORK/nginx.conf"
nginx -e "$WORK/nginx.log" -c "$WORK/nginx.conf" &
NGINX=$!
undo "kill $NGINX 2>/dev/null"
wait_for 10 nginx curl -sf -o /dev/null "http://127.0.0.1:$NGINX_PORT/song.flac"

# Clock ticks that processes and their children used so far.
ticks() { # PID…
    local parent pid sum=0 fields
    for parent; do
        for pid in "$parent" $(cat "/proc/$parent/task/"*/children 2>/dev/null)
        do
            fields=$(sed 's/.*) //' "/proc/$pid/stat")
            # fields 14 and 15 of proc(5), with the first two cut off
            sum=$((sum + $(cut -d' ' -f12 <<<"$fields") + \
                $(cut -d' ' -f13 <<<"$fields")))
        done
    done
    echo "$sum"
}

# Prints: requests/s, microseconds of CPU a request.
measure() { # PORT PATH SIZE CONNECTIONS PID [TOKEN]
    local before after out
    before=$(ticks "$5")
    out=$("$LOAD" "$1" "$2" "$3" "$RANGE" "$4" "$PERIOD" ${6:+"$6"})
    after=$(ticks "$5")
    awk -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" -v out="$out" \
        'BEGIN { split(out, o); printf "%.1f %.1f\n", o[1] * 1e6 / o[3], ticks * 1e6 / hz / o[1] }'
}

median() {
    sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

PORT=${URL##*:}
MASTER_BYTES=$(stat -c %s "$WORK/9101.flac")
SEALED_BYTES=$(stat -c %s "$WORK/9102.flac")
echo
echo "ranges of $RANGE bytes, $ROUNDS rounds of $PERIOD s, $(nproc) cores," \
    "load $(cut -d' ' -f1-3 /proc/loadavg)"
printf '%-12s %-8s %12s %12s %14s %12s\n' connections what 'requests/s' \
    'to nginx' 'CPU us/request' 'to nginx'
for connections in 1 16 64; do
    : >"$WORK/rounds"
    for ((round = 0; round < ROUNDS; round++)); do
        echo "$(measure "$NGINX_PORT" /song.flac "$MASTER_BYTES" "$connections" "$NGINX")" \
            "$(measure "$PORT" "/v1/tracks/$MASTER/audio" "$MASTER_BYTES" \
                "$connections" "$SERVICE_PID" "$TOKEN")" \
            "$(measure "$PORT" "/v1/tracks/$SEALED/audio" "$SEALED_BYTES" \
                "$connections" "$SERVICE_PID" "$TOKEN")" >>"$WORK/rounds"
    done
    for what in 1:nginx 3:master 5:sealed; do
        column=${what%:*}
        printf '%-12s %-8s %12s %12s %14s %12s\n' "$connections" "${what#*:}" \
            "$(awk -v c="$column" '{ print $c }' "$WORK/rounds" | median)" \
            "$(awk -v c="$column" '{ printf "%.2f\n", $c / $1 }' "$WORK/rounds" | median)" \
            "$(awk -v c="$column" '{ print $(c + 1) }' "$WORK/rounds" | median)" \
            "$(awk -v c="$column" '{ printf "%.2f\n", $(c + 1) / $2 }' "$WORK/rounds" | median)"
    done
done
service_stop
