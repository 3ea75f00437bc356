#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: the service lives on a Redis Cluster of three masters as it
# does on one server: sign-up, catalog, a match, own audio, both streamed back;
# while slots move from one master to another, and after one was lost and came
# back.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

# Beside $WORK: what runs in there must end with the service.
NODES=$(mktemp -d "${TMPDIR:-/tmp}/refrain-cluster-nodes.XXXXXX")
declare -a PORTS=() PIDS=()
end_nodes() {
    local pid
    for pid in "${PIDS[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf -- "$NODES"
}
undo end_nodes

# --- three masters -----------------------------------------------------------

node() { # INDEX COMMAND…
    redis-cli -h 127.0.0.1 -p "${PORTS[$1]}" "${@:2}"
}

node_start() { # INDEX, on ${PORTS[INDEX]}
    mkdir -p "$NODES/$1"
    (cd "$NODES/$1" && exec setpriv --pdeathsig KILL redis-server \
        --bind 127.0.0.1 --port "${PORTS[$1]}" --cluster-enabled yes \
        --cluster-node-timeout 3000 --cluster-require-full-coverage no \
        --appendonly yes --appendfsync always --save '' >>log 2>&1) &
    PIDS[$1]=$!
}

node_answers() { # INDEX
    [ "$(node "$1" ping)" = PONG ]
}

# A port is free when the server that wants it stays.
node_make() { # INDEX
    local try
    for try in {1..20}; do
        PORTS[$1]=$((20000 + RANDOM % 20000)) # and 10000 more for the bus
        rm -rf -- "${NODES:?}/$1"
        node_start "$1"
        for _ in {1..100}; do
            if is_gone "${PIDS[$1]}"; then
                break
            elif node_answers "$1" 2>/dev/null; then
                return 0
            fi
            sleep 0.1
        done
        kill -KILL "${PIDS[$1]}" 2>/dev/null || true
        wait "${PIDS[$1]}" 2>/dev/null || true
    done
    die "no port for a node of the cluster after $try tries"
}

is_whole() { # every node sees all slots served
    local i
    for i in 0 1 2; do
        node "$i" cluster info | tr -d '\r' >"$WORK/cluster-info"
        grep -qx 'cluster_slots_ok:16384' "$WORK/cluster-info" &&
            grep -qx 'cluster_state:ok' "$WORK/cluster-info" || return 1
    done
}

account_node() { # ACCOUNT-ID -> index of the node that has its keys
    local slot port i
    slot=$(node 0 cluster keyslot "{a:$1}:account")
    port=$(node 0 --json cluster slots |
        jq ".[] | select(.[0] <= $slot and $slot <= .[1]) | .[2][1]")
    for i in 0 1 2; do
        [ "${PORTS[$i]}" != "$port" ] || echo "$i"
    done
}

step "three masters become a cluster"
for i in 0 1 2; do
    node_make "$i"
done
redis-cli --cluster create "127.0.0.1:${PORTS[0]}" "127.0.0.1:${PORTS[1]}" \
    "127.0.0.1:${PORTS[2]}" --cluster-yes >"$WORK/create" 2>&1 ||
    die "no cluster: $(tail -n 5 "$WORK/create")"
wait_for 30 "the cluster to be whole" is_whole

# --- the way of a song ---------------------------------------------------------

step "a database of a cluster is refused"
expect_exit 1 "$REFRAIN_BIN/refraind" --data "$DATA" --listen 127.0.0.1:0 \
    --redis "redis://127.0.0.1:${PORTS[0]}/1"
grep -q 'leave "/1" away' "$WORK/err" || die "it says $(cat "$WORK/err")"

step "sign-up, catalog, devices: spread over all masters"
service_start --redis "redis://127.0.0.1:1,127.0.0.1:${PORTS[1]}"
[ ! -e "$DATA/redis/appendonlydir" ] || die "an embedded Redis runs as well"
make_release "$WORK/catalog/Generated Evenings" 1 2 3
load_catalog "$WORK/catalog/Generated Evenings"
declare -a TOKENS=() HOME_NODE=()
declare -A LIVES=()
for i in {0..7}; do
    sign_up "listener$i@example.org"
    HOME_NODE[$i]=$(account_node "$(json .account_id)")
    LIVES[${HOME_NODE[$i]}]=$i
    sign_in "listener$i@example.org"
    TOKENS[$i]=$TOKEN
    [ "${#LIVES[@]}" -lt 3 ] || break
done
for i in 0 1 2; do
    [ "$(node "$i" dbsize)" -gt 0 ] || die "node $i has no keys"
done

check_songs() { # streams both back
    fetch_audio "$MATCHED" "$WORK/heard"
    expect_same_bytes "a matched song" "$(clip_master 1)" "$WORK/heard"
    fetch_audio "$OWN" "$WORK/heard"
    expect_same_bytes "own audio" "$(clip_short 231)" "$WORK/heard"
}

step "a known song is matched, own audio is kept, both stream back"
TOKEN=${TOKENS[0]}
upload_expect "$(clip_mp3 1 128)" matched matched
MATCHED=$TRACK_ID
upload_expect "$(clip_short 231)" uploaded no_candidate
OWN=$TRACK_ID
check_songs
api GET /v1/library
expect_json '.tracks | length' 2
VERSION=$(json .version)

step "a change is heard, whichever node it was made on"
for i in "${LIVES[@]}"; do
    TOKEN=${TOKENS[$i]}
    api GET /v1/library
    since=$(json .version)
    (
        BODY=$WORK/body.feed HEADERS=$WORK/headers.feed
        start=$SECONDS
        api GET "/v1/library/changes?since=$since&wait=50"
        echo "$((SECONDS - start)) $(jq '.changes | length' "$BODY")" \
            >"$WORK/waited"
    ) &
    waiter=$!
    sleep 1
    upload_expect "$(clip_short $((240 + i)))" uploaded no_candidate
    wait "$waiter"
    read -r waited changes <"$WORK/waited"
    expect_equal "changes that the feed told" 1 "$changes"
    expect_between "seconds until it told" 0 25 "$waited"
done

# --- slots move, a master is lost ------------------------------------------------

step "while slots move, songs go on"
TOKEN=${TOKENS[0]}
from=$(node "${HOME_NODE[0]}" cluster myid)
to=$(node "$(((HOME_NODE[0] + 1) % 3))" cluster myid)
redis-cli --cluster reshard "127.0.0.1:${PORTS[0]}" --cluster-from "$from" \
    --cluster-to "$to" --cluster-slots 5460 --cluster-yes \
    >"$WORK/reshard" 2>&1 &
mover=$!
# One slot or two stay: a master without any has no vote, and of two masters
# none may be lost.
rounds=0
while kill -0 "$mover" 2>/dev/null || [ "$rounds" -lt 2 ]; do
    upload_expect "$(clip_short $((250 + rounds % 3)))" uploaded no_candidate
    api DELETE "/v1/tracks/$TRACK_ID"
    expect_match "status of DELETE" '^20[04]$' "$STATUS"
    check_songs
    rounds=$((rounds + 1))
done
wait "$mover" || die "the slots did not move: $(tail -n 5 "$WORK/reshard")"
echo "   $rounds rounds while slots moved"
wait_for 30 "the cluster to be whole" is_whole
[ "$(node "${HOME_NODE[0]}" dbsize)" -lt 5 ] ||
    die "the node still has $(node "${HOME_NODE[0]}" dbsize) keys"
check_songs

step "a lost master takes its accounts with it, and no others"
lost=$(((HOME_NODE[0] + 1) % 3))
kill -KILL "${PIDS[$lost]}"
wait "${PIDS[$lost]}" 2>/dev/null || true
TOKEN=${TOKENS[0]}
api GET /v1/library
expect_problem 503 '[a-z_]+'
for i in "${!TOKENS[@]}"; do
    if [ "${HOME_NODE[$i]}" != "${HOME_NODE[0]}" ] &&
        [ "${HOME_NODE[$i]}" != "$lost" ]; then
        TOKEN=${TOKENS[$i]}
        api GET /v1/library
        expect_status 200
    fi
done
expect_alive "the loss of a master"

step "back again, nothing is lost"
node_start "$lost"
wait_for 30 "the node" node_answers "$lost"
wait_for 30 "the cluster to be whole" is_whole
TOKEN=${TOKENS[0]}
check_songs
api GET "/v1/library/changes?since=$VERSION"
expect_status 200
service_stop
service_start --redis "redis://127.0.0.1:${PORTS[2]}"
check_songs

step "the vault is collected and checked over all masters"
expect_exit 0 admin vault gc --grace 0 --json
expect_equal "accounts that the collector walked" "${#TOKENS[@]}" \
    "$(jq .counts.accounts "$WORK/out")"
expect_exit 0 admin vault check --read-data
check_songs
service_stop
