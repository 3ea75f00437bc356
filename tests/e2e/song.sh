#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: a song goes the whole way. What the catalog has comes back
# as its master, what it has not comes back byte for byte, a cut is not mistaken
# for the whole, and library, changes, evidence, quota and ranges tell the truth
# on every device.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

RELEASE="$WORK/catalog/Generated Evenings"
MP3=$(clip_mp3 1 128)
AAC=$(clip_aac 2 96)
CUT=$(clip_cut 3 30 20)
UNKNOWN=$(clip_mp3 4 160)
declare -A TRACK=() # by file -> id of its track

step "a catalog, an account, a device"
service_start
make_release "$RELEASE" 1 2 3
cp "$(clip_png)" "$RELEASE/cover.png"
load_catalog "$RELEASE"
sign_up listener@example.org
[ -n "$(json .account_id)" ] || die "no account_id: $(body_start)"
sign_in listener@example.org laptop
LAPTOP=$TOKEN
api GET /v1/me
expect_json .subscription.state trial
expect_json .quota.used_bytes 0
expect_json .quota.tracks 0

# --- what becomes of each file ----------------------------------------------------

expect_same_recording() { # SEED
    expect_json .match.title "$(master_title "$1")"
    expect_json .match.artist "$MASTER_ARTIST"
    expect_json .match.release "$MASTER_ALBUM"
    expect_json .match.isrc "$(master_isrc "$1")"
}

step "an MP3 of a known song is matched"
upload_expect "$MP3" matched matched
TRACK[$MP3]=$TRACK_ID
expect_same_recording 1
expect_json .match.edition same
# Beyond 0.15 nothing is the same recording (matcher/README.md).
expect_json '.match.bit_error_rate | . >= 0 and . < 0.15' true
expect_json ".match.aligned_ms > $((MASTER_SECONDS * 900))" true
expect_json '.match.offset_ms | . > -250 and . < 250' true
expect_json '.match | has("runner_up")' true
api GET "/v1/uploads/$UPLOAD_ID"
expect_json .status matched
expect_json .track_id "$TRACK_ID"

step "an AAC of a known song is matched"
upload_expect "$AAC" matched matched
TRACK[$AAC]=$TRACK_ID
expect_same_recording 2

step "a song with 20 s cut out at 0:30 is another edition, kept as it is"
upload_expect "$CUT" uploaded other_edition
TRACK[$CUT]=$TRACK_ID
expect_same_recording 3
[ "$(json .match.edition)" != same ] || die "a cut was called the same edition"
# Where they part, in the file's own time; fingerprint items hear 2.4 s each.
expect_json '.match.differences | any(.start_ms < 33000 and .end_ms > 27000)' \
    true
expect_json '.match.differences | all(.end_ms < 38000 and .start_ms > 22000)' \
    true

step "a song that nobody has is kept"
upload_expect "$UNKNOWN" uploaded no_candidate
TRACK[$UNKNOWN]=$TRACK_ID

step "the same bytes, and the same recording, again are duplicates"
upload_expect "$UNKNOWN" duplicate '[a-z_]+'
expect_equal "track of the same bytes" "${TRACK[$UNKNOWN]}" "$TRACK_ID"
upload_expect "$MP3" duplicate '[a-z_]+'
expect_equal "track of the same recording" "${TRACK[$MP3]}" "$TRACK_ID"

step "a text called .mp3 is ineligible"
echo "this is no music, whatever its name says" >"$WORK/text.mp3"
upload_expect "$WORK/text.mp3" ineligible not_audio
expect_equal "track of a text" "" "$TRACK_ID"

# --- the library ---------------------------------------------------------------------

step "the library lists each once, with the subscriber's own words"
api GET /v1/library
expect_status 200
cp "$BODY" "$WORK/library.json"
expect_json '.tracks | length' 4
expect_json '[.tracks[].status] | sort | join(" ")' \
    "matched matched uploaded uploaded"
expect_json '[.tracks[].id] | sort | join(" ")' \
    "$(printf '%s\n' "${TRACK[@]}" | sort | paste -sd' ')"
expect_json ".tracks[] | select(.id == \"${TRACK[$MP3]}\") | .title" \
    "my rip of 1"
expect_json ".tracks[] | select(.id == \"${TRACK[$MP3]}\") | .isrc" \
    "$(master_isrc 1)"
expect_json '[.tracks[].added_at | test("^20[0-9-]{8}T[0-9:.]+Z$")] | all' true
expect_json '[.tracks[] | .duration_ms > 50000] | all' true
VERSION=$(json .version)

step "by pages it is the same library"
: >"$WORK/pages"
cursor=
for page in 1 2 3 4 5; do
    api GET "/v1/library?limit=1${cursor:+&cursor=$cursor}"
    expect_status 200
    json '.tracks[].id' >>"$WORK/pages"
    cursor=$(json '.next // ""')
    [ -n "$cursor" ] || break
done
jq -r '.tracks[].id' "$WORK/library.json" >"$WORK/whole"
expect_same_bytes "pages" "$WORK/whole" "$WORK/pages"

step "changes since the beginning are four additions, and none since now"
api GET "/v1/library/changes?since=0"
expect_status 200
expect_json '[.changes[].kind] | join(" ")' "added added added added"
expect_json '[.changes[].version] | . == (sort | unique)' true
expect_json '.changes[0].track.id' "${TRACK[$MP3]}"
api GET "/v1/library/changes?since=$VERSION"
expect_json '.changes | length' 0

step "a waiting change feed answers when something changes"
(
    start=$SECONDS
    api GET "/v1/library/changes?since=$VERSION&wait=50"
    echo "$((SECONDS - start)) $STATUS $(jq -c . "$BODY")" >"$WORK/waited.new"
    mv "$WORK/waited.new" "$WORK/waited"
) &
WAITER=$!
# The waiter has its own shell but the same BODY file: keep apart.
BODY=$WORK/body.feed HEADERS=$WORK/headers.feed
sleep 1
[ ! -e "$WORK/waited" ] || die "it did not wait: $(cat "$WORK/waited")"
upload_expect "$(clip_short 220)" uploaded no_candidate
EXTRA=$TRACK_ID
wait "$WAITER"
BODY=$WORK/body HEADERS=$WORK/headers
read -r waited status answer <"$WORK/waited"
expect_equal "status of the feed" 200 "$status"
expect_between "seconds until the feed answered" 0 25 "$waited"
expect_equal "what the feed told" "$EXTRA" \
    "$(jq -r '.changes[0].track.id' <<<"$answer")"

step "why: the evidence of each"
api GET "/v1/tracks/${TRACK[$MP3]}/why"
expect_status 200
grep -q "$(master_title 1)" "$BODY" || die "why names no title: $(body_start)"
api GET "/v1/tracks/${TRACK[$UNKNOWN]}/why"
expect_status 200
grep -q no_candidate "$BODY" || die "why gives no reason: $(body_start)"

step "me: own audio counts, the catalog's does not"
api GET /v1/me
expect_json .quota.tracks 5
expect_json .quota.used_bytes "$(($(stat -c %s "$CUT") +
    $(stat -c %s "$UNKNOWN") + $(stat -c %s "$(clip_short 220)")))"
expect_json '.quota.limit_bytes > .quota.used_bytes' true

# --- the sound --------------------------------------------------------------------------

# One range, against the slice of the original.
check_part() { # TRACK ORIGINAL RANGE FIRST LAST
    local size
    size=$(stat -c %s "$2")
    api GET "/v1/tracks/$1/audio" -H "Range: bytes=$3"
    expect_status 206
    expect_header content-range "^bytes $4-$5/$size\$"
    expect_header content-length "^$(($5 - $4 + 1))\$"
    cmp <(slice "$2" "$4" "$5") "$BODY" >&2 ||
        die "bytes $3 of $(basename "$2") are wrong"
}

check_sound() { # TRACK ORIGINAL CONTENT-TYPE
    local id=$1 original=$2 size etag first last i
    size=$(stat -c %s "$original")
    api GET "/v1/tracks/$id/audio"
    expect_status 200
    expect_same_bytes "$(basename "$original") streamed whole" \
        "$original" "$BODY"
    expect_header content-type "^$3(;.*)?\$"
    expect_header content-length "^$size\$"
    expect_header accept-ranges '^bytes$'
    expect_header etag '^"[^"]+"$' # strong: RFC 9110 8.8.3
    etag=$(header etag)

    check_part "$id" "$original" 0-0 0 0
    check_part "$id" "$original" "0-$((size + 4096))" 0 $((size - 1))
    check_part "$id" "$original" "$((size - 1))-" $((size - 1)) $((size - 1))
    check_part "$id" "$original" -1000 $((size - 1000)) $((size - 1))
    check_part "$id" "$original" "-$((size * 2))" 0 $((size - 1))
    RANDOM=4711
    for i in {1..12}; do # seeks: across segments and chunks
        first=$(((RANDOM * 32768 + RANDOM) % size))
        last=$((first + (RANDOM * 8) % (size - first)))
        check_part "$id" "$original" "$first-$last" "$first" "$last"
    done

    api HEAD "/v1/tracks/$id/audio"
    expect_status 200
    expect_header content-length "^$size\$"
    expect_header content-type "^$3"
    expect_equal "ETag of HEAD" "$etag" "$(header etag)"
    api HEAD "/v1/tracks/$id/audio" -H 'Range: bytes=0-9'
    [ "$STATUS" = 200 ] ||
        problem "HEAD with Range: $STATUS, but only GET has ranges (RFC 9110 14.2)"

    check_conditions "$id" "$original" "$etag" "$size"
}

# RFC 9110 13.1.2 (If-None-Match), 13.1.5 (If-Range), 14.2, 15.5.17 (416).
check_conditions() { # TRACK ORIGINAL ETAG SIZE
    local path=/v1/tracks/$1/audio value
    for value in "$3" "W/$3" '*' "\"other\", $3"; do
        api GET "$path" -H "If-None-Match: $value"
        expect_status 304
        expect_equal "ETag of 304" "$3" "$(header etag)"
        expect_equal "size of 304" 0 "$(stat -c %s "$BODY")"
    done
    api GET "$path" -H 'If-None-Match: "other"' -H 'Range: bytes=0-9'
    expect_status 206
    api GET "$path" -H "If-Range: $3" -H 'Range: bytes=5-14'
    expect_status 206
    cmp <(slice "$2" 5 14) "$BODY" >&2 || die "If-Range: wrong bytes"
    for value in '"other"' "W/$3" 'Wed, 21 Oct 2015 07:28:00 GMT'; do
        api GET "$path" -H "If-Range: $value" -H 'Range: bytes=5-14'
        expect_status 200
        expect_same_bytes "If-Range: $value" "$2" "$BODY"
    done
    for value in "$4-" "$4-$(($4 + 9))" '-0'; do
        api GET "$path" -H "Range: bytes=$value"
        expect_problem 416 '[a-z_]+'
        expect_header content-range "^bytes \*/$4\$"
    done
    for value in 'bytes=9-5' 'bytes=a-b' 'lines=0-5' 'bytes=' 'bytes=0-1,5-9'; do
        api GET "$path" -H "Range: $value"
        expect_status 200 # not understood, or several: the whole
        expect_same_bytes "Range: $value" "$2" "$BODY"
    done
}

step "a matched track is the catalog's master"
check_sound "${TRACK[$MP3]}" "$(clip_master 1)" audio/flac
step "an uploaded track is what was uploaded"
check_sound "${TRACK[$CUT]}" "$CUT" audio/mpeg

# --- removal, and other devices ----------------------------------------------------------

step "removed, it is gone everywhere but for the trash"
api GET /v1/library
VERSION=$(json .version)
api DELETE "/v1/tracks/${TRACK[$UNKNOWN]}"
expect_match "status of DELETE" '^20[04]$' "$STATUS"
api GET "/v1/tracks/${TRACK[$UNKNOWN]}/audio"
expect_problem 404 no_track
api DELETE "/v1/tracks/${TRACK[$UNKNOWN]}"
expect_problem 404 no_track
api GET /v1/library
expect_json '.tracks | length' 4
api GET "/v1/library/changes?since=$VERSION"
expect_json '.changes | length' 1
expect_json '.changes[0].kind' removed
expect_json '.changes[0].track_id // .changes[0].track.id' "${TRACK[$UNKNOWN]}"

step "restored, it is back as it was"
api POST "/v1/tracks/${TRACK[$UNKNOWN]}/restore"
expect_match "status of restore" '^20[04]$' "$STATUS"
fetch_audio "${TRACK[$UNKNOWN]}" "$WORK/restored"
expect_same_bytes "restored track" "$UNKNOWN" "$WORK/restored"
api GET /v1/library
expect_json '.tracks | length' 5

step "a second device sees the same library"
jq -S '.tracks | sort_by(.id)' "$BODY" >"$WORK/on-laptop"
sign_in listener@example.org phone
[ "$TOKEN" != "$LAPTOP" ] || die "two devices got one token"
api GET /v1/library
jq -S '.tracks | sort_by(.id)' "$BODY" >"$WORK/on-phone"
expect_same_bytes "library on the phone" "$WORK/on-laptop" "$WORK/on-phone"
fetch_audio "${TRACK[$MP3]}" "$WORK/heard"
expect_same_bytes "song on the phone" "$(clip_master 1)" "$WORK/heard"

step "after a restart all is still there"
service_stop
service_start
api GET /v1/library
jq -S '.tracks | sort_by(.id)' "$BODY" >"$WORK/restarted"
expect_same_bytes "library after a restart" "$WORK/on-laptop" "$WORK/restarted"
fetch_audio "${TRACK[$CUT]}" "$WORK/heard"
expect_same_bytes "own song after a restart" "$CUT" "$WORK/heard"
service_stop
