#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: what was acknowledged survives kill -9. While 20 songs are
# being uploaded, refraind, its Redis, or both are killed at a seeded random
# instant. Afterwards every upload that was answered with 202 reaches its
# outcome and reads back byte for byte, and one whose answer was lost gives one
# track, not two, when it is sent again under its Idempotency-Key.
#
# ROUNDS  how many kills (default 4)    SEED  of the instants (default 1)

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

ROUNDS=${ROUNDS:-4}
RANDOM=${SEED:-1}
WORKERS=4
# The instants: from 0 to the time in which 20 uploads are taken and worked on,
# early ones more often (squared), since taking them is the shorter part.
WINDOW_MS=$((1800 * ${REFRAIN_PATIENCE:-1}))
SEEDS=({201..220})

# The oracle: "SEED ID" for every upload that was acknowledged to a client.
ORACLE=$WORK/oracle

# One client: sends its share, notes what was acknowledged. Whatever else is
# answered, or nothing, leaves the outcome unknown.
client() { # NUMBER KEY-PREFIX
    local i seed
    BODY=$WORK/body.$1 HEADERS=$WORK/headers.$1
    for ((i = $1; i < ${#SEEDS[@]}; i += WORKERS)); do
        seed=${SEEDS[i]}
        api_try POST "/v1/uploads?filename=$seed.flac" \
            -H "Idempotency-Key: $2-$seed" --data-binary "@$(clip_short "$seed")"
        if [ "$STATUS" = 202 ]; then
            echo "$seed $(json .id)" >>"$ORACLE"
        fi
    done
}

# Sends again until the service takes it: Redis may still be loading.
send_again() { # SEED KEY-PREFIX
    local until=$((SECONDS + 30))
    while :; do
        api_try POST "/v1/uploads?filename=$1.flac" \
            -H "Idempotency-Key: $2-$1" --data-binary "@$(clip_short "$1")"
        [ "$STATUS" != 202 ] && [ "$STATUS" != 200 ] || return 0
        [ "$STATUS" = 503 ] || die "retry of $1: HTTP $STATUS: $(body_start)"
        [ "$SECONDS" -lt "$until" ] || die "retry of $1: still 503 after 30 s"
        sleep 0.2
    done
}

check_round() { # KEY-PREFIX
    local seed id
    declare -A acknowledged=()
    while read -r seed id; do
        acknowledged[$seed]=$id
    done <"$ORACLE"
    for seed in "${SEEDS[@]}"; do
        if [ -z "${acknowledged[$seed]:-}" ]; then
            send_again "$seed" "$1"
            id=$(json .id)
        else
            id=${acknowledged[$seed]}
        fi
        await_upload "$id"
        [ "$(json .status)" = uploaded ] ||
            die "song $seed (${acknowledged[$seed]:+acknowledged}): $(body_start)"
        fetch_audio "$(json .track_id)" "$WORK/back"
        expect_same_bytes "song $seed" "$(clip_short "$seed")" "$WORK/back"
    done
    # Acknowledged or not, an upload under the same key is the same one.
    seed=${SEEDS[RANDOM % ${#SEEDS[@]}]}
    send_again "$seed" "$1"
    [ -z "${acknowledged[$seed]:-}" ] ||
        expect_equal "id of a repeated upload" "${acknowledged[$seed]}" \
            "$(json .id)"
    api GET "/v1/library?limit=500"
    expect_json '.tracks | length' "${#SEEDS[@]}"
    expect_json '[.tracks[].filename] | unique | length' "${#SEEDS[@]}"
    api GET /v1/me
    expect_json .quota.tracks "${#SEEDS[@]}"
    expect_json .quota.used_bytes "$EXPECTED_BYTES"
    echo "   ${#acknowledged[@]} of ${#SEEDS[@]} were acknowledged: all there"
}

kill_at_random() { # WHAT -> restarts what does not come back by itself
    local delay_ms=$((RANDOM % WINDOW_MS)) redis start
    delay_ms=$((delay_ms * delay_ms / WINDOW_MS))
    redis=$(redis_pid)
    sleep "$(printf '%d.%03d' $((delay_ms / 1000)) $((delay_ms % 1000)))"
    echo "   kill -9 of $1 after $delay_ms ms"
    case $1 in
    refraind) service_crash ;;
    redis) kill -KILL "$redis" ;;
    both)
        kill -KILL "$redis" "$SERVICE_PID"
        service_crash
        ;;
    esac
    wait "${CLIENTS[@]}"
    if [ -z "$SERVICE_PID" ]; then
        start=$(date +%s%N)
        service_start
        echo "   ready again after $((($(date +%s%N) - start) / 1000000)) ms"
    fi
}

EXPECTED_BYTES=0
for seed in "${SEEDS[@]}"; do
    EXPECTED_BYTES=$((EXPECTED_BYTES + $(stat -c %s "$(clip_short "$seed")")))
done
WHAT=(refraind redis refraind both)
service_start
for ((round = 0; round < ROUNDS; round++)); do
    what=${WHAT[round % 4]}
    step "round $((round + 1)): $what"
    # The service may still be finding its Redis again.
    wait_for 20 "the service to be ready" curl -sf "$URL/readyz"
    new_subscriber "round-$round@example.org"
    : >"$ORACLE"
    CLIENTS=()
    for ((worker = 0; worker < WORKERS; worker++)); do
        client "$worker" "round-$round" &
        CLIENTS+=($!)
    done
    kill_at_random "$what"
    wait_for 20 "the service to be ready" curl -sf "$URL/readyz"
    check_round "round-$round"
done

step "nothing is left over"
service_stop
[ -z "$(find "$DATA/spool" -type f)" ] ||
    die "left in the spool: $(find "$DATA/spool" -type f)"
