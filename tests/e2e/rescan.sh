#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: a release that is loaded later makes the rips that were
# kept before matched, in every library, with the subscribers' own words and
# places; what is another edition stays, and so does what was fixed or removed.
# A crash in the middle, or somebody listening meanwhile, changes nothing of that.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

RIP=$(clip_mp3 1 128)
OTHER_RIP=$(clip_mp3 1 192)
CUT=$(clip_cut 3 30 20)
FIXED=$(clip_mp3 2 128)
REMOVED=$(clip_mp3 2 192)
UNKNOWN=$(clip_mp3 4 160)

as() { # anna or ben
    TOKEN=${TOKENS[$1]}
}

track_is() { # TRACK STATUS REASON
    api GET "/v1/tracks/$1/why"
    [ "$STATUS" = 200 ] && [ "$(json .status)" = "$2" ] &&
        [ "$(json .reason)" = "$3" ]
}

# The tracks of the library, without what a match changes.
own_words() {
    api GET /v1/library
    expect_status 200
    jq -S '[.tracks[] | {id, title, artist, album, album_artist, disc, track,
        date, added_at, filename}]' "$BODY"
}

# All that arrived has been asked about, and all jobs are done.
is_settled() {
    local walks
    walks=$(grep -c ' unmatched_asked ' "$LOG") || true
    [ "$walks" -ge "$1" ] || return 1
    [ "$(redis_says XLEN jobs)" = 0 ]
}

redis_says() { # COMMAND…
    redis-cli -s "$DATA/redis/redis.sock" "$@"
}

# --- before ---------------------------------------------------------------------------

step "two libraries, and a catalog that has none of it"
declare -A TOKENS=() TRACK=()
service_start
declare -A VERSIONS
for who in anna ben; do
    new_subscriber "$who@example.org"
    TOKENS[$who]=$TOKEN
done
as anna
upload_expect "$RIP" uploaded no_candidate
TRACK[rip]=$TRACK_ID
upload_expect "$CUT" uploaded no_candidate
TRACK[cut]=$TRACK_ID
upload_expect "$FIXED" uploaded no_candidate
TRACK[fixed]=$TRACK_ID
upload_expect "$UNKNOWN" uploaded no_candidate
TRACK[unknown]=$TRACK_ID
own_words >"$WORK/anna.before"
as ben
upload_expect "$OTHER_RIP" uploaded no_candidate
TRACK[other_rip]=$TRACK_ID
upload_expect "$REMOVED" uploaded no_candidate
TRACK[removed]=$TRACK_ID
own_words >"$WORK/ben.before"

step "one is fixed, one is in the trash"
as anna
api POST "/v1/tracks/${TRACK[fixed]}/fix"
expect_status 200
expect_json .wanted false
as ben
api DELETE "/v1/tracks/${TRACK[removed]}"
expect_status 204
for who in anna ben; do
    as "$who"
    api GET /v1/library
    VERSIONS[$who]=$(json .version)
done

step "a part of the old audio is being read while the catalog changes"
as anna
api GET "/v1/tracks/${TRACK[rip]}/audio" -H 'Range: bytes=0-999'
expect_status 206
OLD_ETAG=$(header etag)
(
    trap - EXIT
    curl -sS -m 90 --limit-rate 100K -H "Authorization: Bearer $TOKEN" \
        "$URL/v1/tracks/${TRACK[rip]}/audio" -o "$WORK/slow" || rm -f "$WORK/slow"
) &
READER=$!

# --- the release comes ------------------------------------------------------------------

step "the release is loaded"
make_release "$WORK/catalog/Generated Evenings" 1 2 3
load_catalog "$WORK/catalog/Generated Evenings"
as anna
wait_for 60 "anna's rip to be matched" track_is "${TRACK[rip]}" matched matched
as ben
wait_for 60 "ben's rip to be matched" track_is "${TRACK[other_rip]}" matched \
    matched
wait_for 60 "everything to be asked" is_settled 1

step "both rips are the master now"
for who in anna:rip ben:other_rip; do
    as "${who%:*}"
    id=${TRACK[${who#*:}]}
    fetch_audio "$id" "$WORK/heard"
    expect_same_bytes "${who#*:}" "$(clip_master 1)" "$WORK/heard"
    expect_header content-type '^audio/flac'
    api GET "/v1/tracks/$id/why"
    expect_json .match.title "$(master_title 1)"
    expect_json .match.edition same
done

step "the subscribers' own words and places stayed"
for who in anna ben; do
    as "$who"
    own_words >"$WORK/$who.after"
done
expect_same_bytes "anna's own words" "$WORK/anna.before" "$WORK/anna.after"
jq -S "map(select(.id != \"${TRACK[removed]}\"))" "$WORK/ben.before" \
    >"$WORK/ben.expected"
expect_same_bytes "ben's own words" "$WORK/ben.expected" "$WORK/ben.after"

step "the change feed tells of it"
as ben
api GET "/v1/library/changes?since=${VERSIONS[ben]}"
expect_json '.changes | length' 1
expect_json '.changes[0].kind' changed
expect_json '.changes[0].track.id' "${TRACK[other_rip]}"
expect_json '.changes[0].track.status' matched
expect_json '.changes[0].track.isrc' "$(master_isrc 1)"

step "the cut is another edition, the fixed and the unknown are what they were"
as anna
track_is "${TRACK[cut]}" uploaded other_edition || die "cut: $(body_start)"
expect_json .match.title "$(master_title 3)"
track_is "${TRACK[fixed]}" uploaded fixed || die "fixed: $(body_start)"
track_is "${TRACK[unknown]}" uploaded no_candidate || die "unknown: $(body_start)"
for name in cut:$CUT fixed:$FIXED unknown:$UNKNOWN; do
    fetch_audio "${TRACK[${name%%:*}]}" "$WORK/heard"
    expect_same_bytes "${name%%:*}" "${name#*:}" "$WORK/heard"
done

step "own audio that was let go no longer counts"
api GET /v1/me
expect_json .quota.used_bytes "$(($(stat -c %s "$CUT") +
    $(stat -c %s "$FIXED") + $(stat -c %s "$UNKNOWN")))"

step "who was reading the old audio got it whole, or an error: no mixture"
wait "$READER" || true
[ ! -e "$WORK/slow" ] ||
    expect_same_bytes "the old audio" "$RIP" "$WORK/slow"
api GET "/v1/tracks/${TRACK[rip]}/audio" -H "If-Range: $OLD_ETAG" \
    -H 'Range: bytes=1000-1999'
expect_status 200 # RFC 9110 13.1.5: another representation, so the whole
expect_same_bytes "the master after If-Range" "$(clip_master 1)" "$BODY"

# --- later -----------------------------------------------------------------------------

step "restored from the trash, a track is asked about what came meanwhile"
as ben
api POST "/v1/tracks/${TRACK[removed]}/restore"
expect_status 200
wait_for 60 "the restored rip to be matched" track_is "${TRACK[removed]}" \
    matched matched

step "a fix that is taken back is asked about at once"
as anna
api DELETE "/v1/tracks/${TRACK[fixed]}/fix"
expect_status 200
expect_json .fixed_at null
wait_for 60 "the rip to be matched" track_is "${TRACK[fixed]}" matched matched
fetch_audio "${TRACK[fixed]}" "$WORK/heard"
expect_same_bytes "the rip" "$(clip_master 2)" "$WORK/heard"

step "a release with nothing of it asks and changes nothing"
api GET /v1/library
VERSION=$(json .version)
WALKS=$(grep -c ' unmatched_asked ' "$LOG")
make_release "$WORK/catalog/Strangers" 5
load_catalog "$WORK/catalog/Strangers"
wait_for 60 "everything to be asked" is_settled $((WALKS + 1))
api GET "/v1/library/changes?since=$VERSION"
expect_json '.changes | length' 0

# --- a crash ---------------------------------------------------------------------------

step "kill -9 in the middle: after the restart all are matched, once"
CRASHED=()
for seed in 6 7 8; do
    upload_expect "$(clip_mp3 "$seed" 128)" uploaded no_candidate
    CRASHED+=("$TRACK_ID")
done
api GET /v1/library
VERSION=$(json .version)
make_release "$WORK/catalog/Crashed" 6 7 8
load_catalog "$WORK/catalog/Crashed"
begun() { # a job waits or runs, or was quicker than this look
    redis_says XRANGE jobs - + | grep -q '^track$' ||
        grep -q " track_upgraded .*track_id=${CRASHED[0]}" "$LOG"
}
wait_for 60 "a track to be asked" begun
service_crash
wait_for 10 "every process to end" no_own_processes
service_start
for id in "${CRASHED[@]}"; do
    wait_for 60 "$id to be matched" track_is "$id" matched matched
done
wait_for 60 "all jobs to be done" is_settled 1
api GET "/v1/library/changes?since=$VERSION"
expect_json '[.changes[] | select(.kind == "changed")] | length' 3
expect_json '[.changes[].track.id] | unique | length' 3
for id in "${CRASHED[@]}"; do
    api HEAD "/v1/tracks/$id/audio"
    expect_status 200
    expect_header content-type '^audio/flac'
done

step "nothing of the audio is left in the spool"
service_stop
[ -z "$(find "$DATA/spool" -type f)" ] ||
    die "left in the spool: $(find "$DATA/spool" -type f)"
