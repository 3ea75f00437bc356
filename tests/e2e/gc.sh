#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: what nobody owns any more leaves the vault, and nothing
# else does. A removed track can be restored until its time in the trash is
# over; another subscriber's equal song stays byte for byte; a rip that becomes
# matched lets its chunks go. A check finds nothing wrong after all that, a
# flipped bit when it reads, and nothing again after anybody uploaded the song.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

SHARED=$(clip_mp3 1 128)
LONE=$(clip_mp3 2 128)
LATER=$(clip_mp3 3 128)

redis_says() { # COMMAND…
    redis-cli -s "$DATA/redis/redis.sock" "$@"
}

# Pins end after a day; a story cannot wait for that.
end_pins() {
    redis_says DEL '{gc:default}:pins' >/dev/null
}

object_files() {
    find "$DATA"/vault/?? -type f | sort
}

objects() {
    object_files | wc -l
}

collect() { # [ARGUMENT…] -> BODY is the report
    admin vault gc --json "$@" >"$BODY" 2>"$WORK/err" ||
        die "gc failed: $(cat "$BODY" "$WORK/err")"
    expect_json .state "done"
}

declare -A TOKENS=() TRACK=()
as() { # anna or ben
    TOKEN=${TOKENS[$1]}
}

# --- the trash --------------------------------------------------------------------

step "two subscribers with one song in common"
service_start
for who in anna ben; do
    new_subscriber "$who@example.org"
    TOKENS[$who]=$TOKEN
    upload_expect "$SHARED" uploaded no_candidate
    TRACK[$who]=$TRACK_ID
done
as anna
BEFORE=$(objects)
upload_expect "$LONE" uploaded no_candidate
TRACK[lone]=$TRACK_ID
ALL=$(objects)
[ "$ALL" -gt "$BEFORE" ] || die "the second song added no object"

step "what is being stored is pinned: a collector without grace takes nothing"
api DELETE "/v1/tracks/${TRACK[lone]}"
expect_status 204
collect --grace 0
expect_json .counts.removed_objects 0
expect_equal "objects" "$ALL" "$(objects)"

step "what was removed can be restored for 30 days, its audio too"
end_pins
collect --grace 0
expect_json .counts.removed_objects 0
expect_json .counts.purged_tracks 0
api POST "/v1/tracks/${TRACK[lone]}/restore"
expect_status 200
fetch_audio "${TRACK[lone]}" "$WORK/heard"
expect_same_bytes "the restored song" "$LONE" "$WORK/heard"

step "a dry run of a service whose trash is kept for no day counts alone"
service_stop
service_start --trash-days 0 --gc-interval-hours 0
api DELETE "/v1/tracks/${TRACK[lone]}"
expect_status 204
api DELETE "/v1/tracks/${TRACK[anna]}"
expect_status 204
collect --grace 0 --dry-run
expect_json .counts.purged_tracks 2
expect_equal "objects" "$ALL" "$(objects)"
api POST "/v1/tracks/${TRACK[anna]}/restore"
expect_status 200
api DELETE "/v1/tracks/${TRACK[anna]}"
expect_status 204

step "then the tracks are forgotten, and objects that are nobody's condemned"
collect
expect_json .counts.purged_tracks 2
expect_json .counts.condemned_objects $((ALL - BEFORE))
expect_json .counts.removed_objects 0
api POST "/v1/tracks/${TRACK[lone]}/restore"
expect_problem 404 no_track

step "and removed when their grace is over; ben's song stays byte for byte"
collect --grace 0
expect_json .counts.removed_objects $((ALL - BEFORE))
expect_equal "objects" "$BEFORE" "$(objects)"
as ben
fetch_audio "${TRACK[ben]}" "$WORK/heard"
expect_same_bytes "ben's song" "$SHARED" "$WORK/heard"

step "the figures are right"
admin vault stats --json >"$BODY" || die "stats failed"
expect_json .uploaded_tracks 1
expect_json .logical_bytes "$(stat -c %s "$SHARED")"
expect_json .stored_objects "$BEFORE"
expect_json .unowned_objects 0
admin vault stats >"$WORK/out"
grep -q '^uploaded tracks  *1$' "$WORK/out" || die "$(cat "$WORK/out")"

# --- a rip that becomes matched ---------------------------------------------------------

step "a rip that becomes matched lets its chunks go"
make_release "$WORK/catalog/Late Evenings" 1
load_catalog "$WORK/catalog/Late Evenings"
is_matched() {
    api GET "/v1/tracks/${TRACK[ben]}/why"
    [ "$(json .status)" = matched ]
}
wait_for 60 "ben's rip to be matched" is_matched
end_pins
collect --grace 0
expect_json .counts.removed_objects "$BEFORE"
expect_equal "objects" 0 "$(objects)"
admin vault stats --json >"$BODY" || die "stats failed"
expect_json .saved_by_matching_bytes "$(stat -c %s "$(clip_master 1)")"

# --- check --------------------------------------------------------------------------------

step "a check finds nothing wrong"
upload_expect "$LATER" uploaded no_candidate
TRACK[later]=$TRACK_ID
expect_exit 0 admin vault check
expect_exit 0 admin vault check --read-data --json
tail -n 1 "$WORK/out" >"$BODY"
expect_json .counts.is_whole true
expect_json .counts.read_to_end true
expect_json .counts.read_objects "$(objects)"

step "a flipped bit is found by who reads, and the song that needs it named"
OBJECT=$(object_files | sed -n 1p)
chmod 600 "$OBJECT"
BYTE=$(od -An -tu1 -j 20 -N 1 "$OBJECT")
# shellcheck disable=SC2059
printf "\\x$(printf %x $((BYTE ^ 8)))" |
    dd of="$OBJECT" bs=1 seek=20 conv=notrunc status=none
expect_exit 0 admin vault check
expect_exit 1 admin vault check --read-data
grep -q "^damaged_object  $(basename "$OBJECT")" "$WORK/out" ||
    die "not named: $(cat "$WORK/out")"
expect_exit 1 admin vault check --read-data --json
jq -es "any(.[]; .finding == \"affected_track\" and
    .track_id == \"${TRACK[later]}\")" "$WORK/out" >/dev/null ||
    die "the track is not named: $(cat "$WORK/out")"

step "anybody's upload of the song makes it whole again"
as anna
upload_expect "$LATER" uploaded no_candidate
expect_exit 0 admin vault check --read-data
as ben
fetch_audio "${TRACK[later]}" "$WORK/heard"
expect_same_bytes "the song" "$LATER" "$WORK/heard"

step "a manifest that nobody can read stops the collector, and the check tells"
end_pins
ALL=$(objects)
ACCOUNT=$(redis_says --raw SMEMBERS accounts | while read -r id; do
    [ "$(redis_says EXISTS "{a:$id}:manifest:${TRACK[later]}")" = 0 ] ||
        echo "$id"
done)
MANIFEST="{a:$ACCOUNT}:manifest:${TRACK[later]}"
redis_says RENAME "$MANIFEST" "$MANIFEST.away" >/dev/null
expect_exit 1 admin vault gc --grace 0
grep -q "${TRACK[later]}" "$WORK/err" || die "not named: $(cat "$WORK/err")"
expect_equal "objects" "$ALL" "$(objects)"
expect_exit 1 admin vault check
redis_says RENAME "$MANIFEST.away" "$MANIFEST" >/dev/null
expect_exit 0 admin vault check

step "a wrong quota is found"
redis_says HINCRBY "{a:$ACCOUNT}:account" used_bytes 5 >/dev/null
expect_exit 1 admin vault check
grep -q '^wrong_quota ' "$WORK/out" || die "not named: $(cat "$WORK/out")"
redis_says HINCRBY "{a:$ACCOUNT}:account" used_bytes -5 >/dev/null

step "wrong usage, unknown runs, and what the audit log has"
expect_exit 2 admin vault gc --grace soon
expect_exit 2 admin vault check --max-duration 0
TOKEN=$(operator_token)
api GET /v1/admin/vault/runs/run_none
expect_problem 404 no_run
api POST '/v1/admin/vault/gc?grace_s=-1'
expect_problem 400 bad_parameter
api GET '/v1/admin/vault/runs/run_none?wait=11'
expect_problem 400 bad_parameter
admin audit --json >"$WORK/audit"
for call in 'POST /v1/admin/vault/gc' 'POST /v1/admin/vault/check' \
    'GET /v1/admin/vault/stats'; do
    grep -qF "\"$call\"" "$WORK/audit" || problem "not in the audit log: $call"
done
service_stop
