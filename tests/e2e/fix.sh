#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: "this is not my song", by curl and by the command line. The
# track asks for the subscriber's own file, plays the master until it has that,
# is then that file with the subscriber's words, and is matched no more by any
# upload or release, until the fix is taken back.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

export HOME=$WORK/home XDG_CONFIG_HOME=$WORK/home/config \
    XDG_STATE_HOME=$WORK/home/state
RIP=$(clip_mp3 1 128)
OTHER_RIP=$(clip_mp3 1 192)
SCANNED=$(clip_mp3 2 128)

refrain() {
    "$REFRAIN_BIN/refrain" --url "$URL" "$@"
}

track_is() { # TRACK STATUS REASON
    api GET "/v1/tracks/$1/why"
    [ "$STATUS" = 200 ] && [ "$(json .status)" = "$2" ] &&
        [ "$(json .reason)" = "$3" ]
}

step "a matched track"
service_start
make_release "$WORK/catalog/Generated Evenings" 1 2
load_catalog "$WORK/catalog/Generated Evenings"
new_subscriber listener@example.org
upload_expect "$RIP" matched matched
ID=$TRACK_ID
api GET /v1/library
VERSION=$(json .version)
expect_json '.tracks[0].fixed_at' null

step "fixed, it wants the own file and plays the master meanwhile"
for round in 1 2; do # the second one changes nothing
    api POST "/v1/tracks/$ID/fix"
    expect_status 200
    expect_json .id "$ID"
    expect_json .status matched
    expect_json .reason own_audio_wanted
    expect_json .wanted true
    expect_json '.fixed_at | type' string
done
api GET "/v1/library/changes?since=$VERSION"
expect_json '[.changes[].kind] | join(" ")' changed
fetch_audio "$ID" "$WORK/heard"
expect_same_bytes "the stop-gap" "$(clip_master 1)" "$WORK/heard"
api GET "/v1/tracks/$ID/why"
expect_json .wanted true

step "the same file again becomes this very track"
upload_expect "$RIP" uploaded fixed
expect_equal "track of the own file" "$ID" "$TRACK_ID"
fetch_audio "$ID" "$WORK/heard"
expect_same_bytes "the own file" "$RIP" "$WORK/heard"
api GET /v1/library
expect_json '.tracks | length' 1
expect_json '.tracks[0].title' "my rip of 1"
expect_json '.tracks[0].status' uploaded
expect_json '.tracks[0].recording_id' null
api GET /v1/me
expect_json .quota.used_bytes "$(stat -c %s "$RIP")"
upload_expect "$RIP" duplicate duplicate
expect_equal "track of the same bytes" "$ID" "$TRACK_ID"
expect_json .match.title "$(master_title 1)"

step "the denied recording is matched by no other upload"
upload_expect "$OTHER_RIP" uploaded denied
OTHER=$TRACK_ID
[ "$OTHER" != "$ID" ] || die "another file took the track's place"
api DELETE "/v1/tracks/$OTHER"
expect_status 204

step "taken back, the track is compared again and matched"
api DELETE "/v1/tracks/$ID/fix"
expect_status 200
expect_json .fixed_at null
expect_json .wanted false
wait_for 60 "the track to be matched" track_is "$ID" matched matched
fetch_audio "$ID" "$WORK/heard"
expect_same_bytes "the master" "$(clip_master 1)" "$WORK/heard"
api DELETE "/v1/tracks/$ID/fix"
expect_status 200

step "a file that the matcher takes for the denied recording is wanted, too"
api POST "/v1/tracks/$ID/fix"
upload_expect "$OTHER_RIP" uploaded fixed
expect_equal "track of the other file" "$ID" "$TRACK_ID"
fetch_audio "$ID" "$WORK/heard"
expect_same_bytes "the other file" "$OTHER_RIP" "$WORK/heard"

step "what is not there, or not one's own, cannot be fixed"
for method in POST DELETE; do
    api "$method" /v1/tracks/trk_00000000000000000000000000000000/fix
    expect_problem 404 no_track
done
new_subscriber other@example.org
api POST "/v1/tracks/$ID/fix"
expect_problem 404 no_track
api POST "/v1/uploads?track=no%20id" --data-binary "@$RIP"
expect_problem 400 bad_parameter

# --- by the command line -----------------------------------------------------------------

step "refrain fix, then scan the same folder"
mkdir -p "$WORK/rips"
cp "$SCANNED" "$WORK/rips/"
echo "$PASSWORD" >"$WORK/password"
STDIN=$WORK/password expect_exit 0 refrain login listener@example.org \
    --password-stdin
refrain scan --json "$WORK/rips" >"$WORK/scan" 2>/dev/null
expect_equal "first scan" matched "$(jq -r .status "$WORK/scan")"
ONE=$(jq -r .track_id "$WORK/scan")
expect_exit 0 refrain fix "$ONE"
grep -q 'refrain scan' "$WORK/out" || die "fix says not what to do"
expect_exit 0 refrain why "$ONE"
grep -q 'your own file is wanted' "$WORK/out" || die "why: $(cat "$WORK/out")"
refrain scan --json "$WORK/rips" >"$WORK/scan" 2>/dev/null
expect_equal "second scan" "uploaded fixed $ONE true" \
    "$(jq -r '"\(.status) \(.reason) \(.track_id) \(.sent)"' "$WORK/scan")"
expect_exit 0 refrain get "$ONE" -o "$WORK/own"
expect_same_bytes "own file" "$SCANNED" "$WORK/own"
refrain scan --json "$WORK/rips" >"$WORK/scan" 2>/dev/null
expect_equal "sent by a third scan" false "$(jq -r .sent "$WORK/scan")"

step "refrain fix --undo"
expect_exit 0 refrain fix --undo "$ONE"
sign_in listener@example.org again
wait_for 60 "the track to be matched" track_is "$ONE" matched matched

step "refrain fix with the file"
expect_exit 0 refrain fix "$ONE" "$WORK/rips/$(basename "$SCANNED")"
track_is "$ONE" uploaded fixed || die "after fix with a file: $(body_start)"
expect_exit 0 refrain fix "$ONE" "$SCANNED" # a second time: nothing to do
grep -q 'nothing was sent' "$WORK/out" || die "fix: $(cat "$WORK/out")"
expect_equal "fix --json" "uploaded false" \
    "$(refrain fix --json "$ONE" | jq -r '"\(.status) \(.wanted)"')"

step "wrong usage and refusals"
expect_exit 2 refrain fix
expect_exit 2 refrain fix --undo "$ONE" "$SCANNED"
expect_exit 1 refrain fix 'no id'
expect_exit 1 refrain fix trk_0000000000000000
expect_equal "lines of the message" 1 "$(wc -l <"$WORK/err")"

step "after a restart and another release the fixed ones stay"
service_stop
service_start
make_release "$WORK/catalog/More" 3
load_catalog "$WORK/catalog/More"
wait_for 60 "everything to be asked" grep -q ' unmatched_asked .*jobs=0' "$LOG"
track_is "$ONE" uploaded fixed || die "fixed: $(body_start)"
track_is "$ID" uploaded fixed || die "fixed: $(body_start)"
service_stop
