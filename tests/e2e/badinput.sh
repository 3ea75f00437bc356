#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: whatever is sent, the answer is the documented one (all six
# members of problem+json, or an ineligible upload with its reason), nothing of
# it is followed, fetched or stored, and the service goes on serving.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

cat >"$WORK/small.conf" <<'EOT'
upload_max_bytes = 25000000
EOT
service_start --config "$WORK/small.conf"
new_subscriber hostile@example.org

# --- files that are no music --------------------------------------------------------

check_ineligible() { # WHAT FILE REASON-REGEX
    upload "$2" "song.mp3"
    if [ "$(json '.status // ""')" != ineligible ] ||
        ! [[ $(json .reason) =~ ^($3)$ ]]; then
        problem "$1: expected ineligible ($3), got HTTP $STATUS: $(body_start)"
    elif [ "$(json '.track_id // ""')" != "" ]; then
        problem "$1: has a track: $(body_start)"
    fi
    service_alive || die "the service is not alive after $1"
}

step "files that are no music"
echo "just words" >"$WORK/text"
check_ineligible "a text" "$WORK/text" not_audio
check_ineligible "a picture" "$(clip_png)" not_audio
head -c 300000 /dev/urandom >"$WORK/noise"
check_ineligible "random bytes" "$WORK/noise" not_audio
head -c 2000000 /dev/zero >"$WORK/zeros"
check_ineligible "zeros" "$WORK/zeros" not_audio
cp "$REFRAIN_BIN/refrain" "$WORK/program"
head -c 2000000 "$WORK/program" >"$WORK/elf"
check_ineligible "a program" "$WORK/elf" not_audio
"${FFMPEG[@]}" -f lavfi -i sine=r=11025:d=1 "$WORK/second.wav"
check_ineligible "one second of sound" "$WORK/second.wav" too_short
head -c 1000 "$(clip_mp3 1 128)" >"$WORK/stump.mp3"
check_ineligible "the first 1000 bytes of an MP3" "$WORK/stump.mp3" \
    'not_audio|too_short|unreadable'
head -c 2000 "$(clip_aac 2 96)" >"$WORK/stump.m4a"
check_ineligible "the first 2000 bytes of an M4A" "$WORK/stump.m4a" \
    'not_audio|too_short|unreadable'
"${FFMPEG[@]}" -f lavfi -i testsrc=size=64x64:duration=4 -c:v mpeg4 \
    "$WORK/video.mp4"
check_ineligible "a video without sound" "$WORK/video.mp4" not_audio
check_ineligible "10 hours of silence" "$(clip_long_silence)" too_long

step "a header that promises more than there is"
# A WAV header: 64 channels of 192 kHz and 4 GB, 44 bytes long.
printf 'RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x40\0\0\xee\x02\0\0\0\x77\x01\x80\0\x10\0data\xff\xff\xff\xff' \
    >"$WORK/bomb.wav"
check_ineligible "a WAV that promises 4 GB" "$WORK/bomb.wav" \
    'not_audio|too_short|unreadable'

step "an empty body"
: >"$WORK/empty"
upload "$WORK/empty" "song.mp3"
if [ "$STATUS" -lt 400 ]; then
    expect_json .status ineligible
else
    check_problem "an empty upload" 400 empty
fi

step "a song cut off in the middle is what it is: half a song"
size=$(stat -c %s "$(clip_mp3 4 160)")
head -c $((size / 2)) "$(clip_mp3 4 160)" >"$WORK/half.mp3"
upload_expect "$WORK/half.mp3" uploaded no_candidate
fetch_audio "$TRACK_ID" "$WORK/half.back"
expect_same_bytes "half a song" "$WORK/half.mp3" "$WORK/half.back"

# --- playlists in disguise ------------------------------------------------------------

# FFmpeg left to itself fetches what a playlist names (measured:
# connections and decoded local files). A Redis of our own is the ear: it
# counts who connects.
step "playlists fetch nothing and open nothing"
EAR=
for _ in {1..20}; do
    port=$((20000 + RANDOM))
    redis-server --bind 127.0.0.1 --port "$port" --unixsocket "$WORK/ear" \
        --save '' --dir "$WORK" --daemonize no >"$WORK/ear.log" 2>&1 &
    ear_pid=$!
    for _ in {1..50}; do
        if redis-cli -s "$WORK/ear" ping 2>/dev/null | grep -q PONG; then
            EAR=$port
            break
        fi
        is_gone "$ear_pid" && break
        sleep 0.1
    done
    [ -z "$EAR" ] || break
done
[ -n "$EAR" ] || die "no free port for the ear"
undo "kill $ear_pid 2>/dev/null"
heard() { # connections over TCP: all but redis-cli's own, which count too
    redis-cli -s "$WORK/ear" info stats | tr -d '\r' |
        sed -n 's/^total_connections_received://p'
}
BEFORE=$(heard)
cp "$(clip_mp3 1 128)" "$WORK/near.mp3"
printf '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:%s/a.ts\n#EXT-X-ENDLIST\n' \
    "$EAR" >"$WORK/hls"
check_ineligible "an HLS playlist that names a server" "$WORK/hls" not_audio
printf '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://%s\n#EXT-X-ENDLIST\n' \
    "$WORK/near.mp3" >"$WORK/hls-file"
check_ineligible "an HLS playlist that names a file" "$WORK/hls-file" not_audio
printf 'ffconcat version 1.0\nfile %s\nfile http://127.0.0.1:%s/a.mp3\n' \
    "$WORK/near.mp3" "$EAR" >"$WORK/concat"
check_ineligible "an ffconcat script" "$WORK/concat" not_audio
printf 'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio %s RTP/AVP 0\n' \
    "$EAR" >"$WORK/sdp"
check_ineligible "an SDP session" "$WORK/sdp" not_audio
printf '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>http://127.0.0.1:%s/a.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>' \
    "$EAR" >"$WORK/dash"
check_ineligible "a DASH manifest" "$WORK/dash" not_audio
printf '#EXTM3U\nhttp://127.0.0.1:%s/a.mp3\n' "$EAR" >"$WORK/m3u"
check_ineligible "an M3U playlist" "$WORK/m3u" not_audio
printf '[playlist]\nFile1=http://127.0.0.1:%s/a.mp3\nNumberOfEntries=1\n' \
    "$EAR" >"$WORK/pls"
check_ineligible "a PLS playlist" "$WORK/pls" not_audio
# heard() itself connects once each time.
expect_equal "connections that playlists made" $((BEFORE + 1)) "$(heard)"
kill "$ear_pid"
wait "$ear_pid" || true

# --- requests -------------------------------------------------------------------------

step "bodies that are not what they should be"
while IFS='|' read -r what body; do
    TOKEN='' api_json POST /v1/accounts "$body"
    check_problem "JSON: $what" 400 'bad_json|bad_field'
done <<'EOT'
nothing|
half|{"email":"a@example.org"
a list|["a@example.org"]
a word|hello
a number|5
rubbish behind|{"email":"a@example.org","password":"12345678"} x
a lone surrogate|{"email":"\ud800@example.org","password":"12345678"}
a NUL|{"email":"a\u0000@example.org","password":"12345678"}
members twice|{"email":"a@example.org","email":"b@example.org","password":"12345678"}
wrong type|{"email":["a@example.org"],"password":"12345678"}
EOT
printf '{"email":"\xff\xfe@example.org","password":"12345678"}' >"$WORK/latin"
TOKEN='' api POST /v1/accounts --data-binary "@$WORK/latin"
check_problem "JSON: not UTF-8" 400 'bad_json'
{
    printf '%.0s[' {1..20000}
} >"$WORK/deep"
TOKEN='' api POST /v1/accounts --data-binary "@$WORK/deep"
check_problem "JSON: 20000 deep" 400 'bad_json'
for form in '' 'grant_type' 'grant_type=%zz' 'grant_type=%00' '&&&==&' \
    'grant_type=password&username=%ff%fe&password=x'; do
    TOKEN='' api POST /v1/oauth/token --data-binary "$form"
    check_problem "form '$form'" 400 '[a-z_]+'
done

step "a body that is too large"
head -c 200000 /dev/zero | tr '\0' ' ' >"$WORK/large"
TOKEN='' api POST /v1/accounts --data-binary "@$WORK/large"
check_problem "200 KB of JSON" 413 too_large
head -c 26000000 /dev/zero >"$WORK/large"
api POST '/v1/uploads?filename=large.mp3' --data-binary "@$WORK/large"
check_problem "an upload over the limit, by its length" 413 too_large
api POST '/v1/uploads?filename=large.mp3' -H 'Transfer-Encoding: chunked' \
    -H 'Content-Length:' --data-binary "@$WORK/large"
[[ $STATUS = 413 || $STATUS = 501 ]] ||
    problem "a chunked upload over the limit: HTTP $STATUS: $(body_start)"
rm "$WORK/large"

step "routes and methods that are none"
for path in / /v1 /v1/ /v1/nothing /v2 /v1/library/ /V1/me /v1/tracks /v1/me/x \
    /index.html /favicon.ico /v1/admin; do
    api GET "$path"
    check_problem "GET $path" 404 'no_route'
done
while read -r method path; do
    api "$method" "$path"
    [ "$method" = HEAD ] || check_problem "$method $path" 405 method_not_allowed
    [ -n "$(header allow)" ] ||
        problem "$method $path: 405 without Allow (RFC 9110 15.5.6)"
done <<'EOT'
POST /v1/me
DELETE /v1/library
PUT /v1/uploads
PATCH /v1/devices
GET /v1/accounts
GET /v1/oauth/token
POST /healthz
BREW /v1/me
EOT

step "paths with tricks"
# To a route with an id: never an answer from anywhere else.
for id in .. . ../me %2e%2e %2e%2e%2f%2e%2e%2fetc%2fpasswd '..%2f..%2fme' \
    'a%00b' 'a%2fb' 'a\b' 'a%5cb' 'a%20b' 'a*b' '%' '%zz' 'a%0d%0aX:1' \
    "$(printf 'x%.0s' {1..65})" 'é'; do
    api GET "/v1/tracks/$id/audio"
    [[ $STATUS = 400 || $STATUS = 404 ]] ||
        problem "id '$id': HTTP $STATUS: $(body_start)"
    check_problem "id '$id'" "$STATUS" 'bad_path|no_route|no_track'
done
for path in //v1/me /v1//me '/v1/library;x' /v1/../etc/passwd /../../etc/passwd '/v1/me%00' '/v1/me%2f..' \
    '/%2e%2e/%2e%2e/etc/passwd' '/v1/me\..\x'; do
    api GET "$path"
    [[ $STATUS = 400 || $STATUS = 404 ]] ||
        problem "path '$path': HTTP $STATUS: $(body_start)"
    check_problem "path '$path'" "$STATUS" '[a-z_]+'
done
api GET "/v1/tracks/trk_0000000000000000/audio"
check_problem "an id that nobody has" 404 no_track
api GET "/v1/uploads/upl_0000000000000000"
check_problem "an upload that nobody has" 404 no_upload

step "parameters out of range"
for query in 'wait=61' 'wait=-1' 'wait=x' 'wait=1.5' 'wait=99999999999999999999' \
    'wait='; do
    api GET "/v1/uploads/upl_0000000000000000?$query"
    check_problem "$query" 400 bad_parameter
done
for query in 'limit=0' 'limit=501' 'limit=x' 'limit=-1' 'cursor=x' 'cursor=-1'; do
    api GET "/v1/library?$query"
    check_problem "$query" 400 '[a-z_]+'
done
for query in 'since=x' 'since=-1' 'since=0&wait=61'; do
    api GET "/v1/library/changes?$query"
    check_problem "$query" 400 bad_parameter
done

step "ranges that are none"
upload_expect "$(clip_short 203)" uploaded no_candidate
SONG=$TRACK_ID
for range in 'bytes=99999999999999999999-' 'bytes=0-99999999999999999999' \
    'bytes=-99999999999999999999' 'bytes=18446744073709551615-' \
    'bytes=18446744073709551616-18446744073709551617' 'bytes=--5' 'bytes=0x0-5' \
    'bytes=+0-5' 'bytes= 0 - 5' 'bytes' '=' 'bytes=-' \
    "bytes=$(printf '%d-,' {0..500})0-1"; do
    api GET "/v1/tracks/$SONG/audio" -H "Range: $range"
    case $STATUS in
    200) cmp -s "$BODY" "$(clip_short 203)" ||
        problem "Range: ${range:0:60}: 200 with other bytes" ;;
    206) [[ $(header content-range) =~ ^bytes\ ([0-9]+)-([0-9]+)/[0-9]+$ ]] &&
        cmp -s "$BODY" <(slice "$(clip_short 203)" "${BASH_REMATCH[1]}" \
            "${BASH_REMATCH[2]}") ||
        problem "Range: ${range:0:60}: 206 with wrong bytes" ;;
    416) check_problem "Range: ${range:0:60}" 416 '[a-z_]+' ;;
    *) problem "Range: ${range:0:60}: HTTP $STATUS" ;;
    esac
done

step "file names are only names"
number=203
for name in '../../../etc/passwd' '/etc/passwd' $'a\nb.mp3' 'a"b;c.flac' '' \
    "$(printf 'x%.0s' {1..3000}).flac" 'Ünïcödé ☃.flac' $'\xff\xfe.flac' '.' '..'
do
    number=$((number + 1))
    upload "$(clip_short $number)" "$name"
    if [ "$STATUS" -ge 400 ]; then
        check_problem "file name '${name:0:40}'" 400 '[a-z_]+'
    elif [ "$(json .status)" != uploaded ]; then
        problem "file name '${name:0:40}': $(body_start)"
    fi
done
api POST '/v1/uploads?wait=60&filename=%ff%fe%00.flac' \
    --data-binary "@$(clip_short 214)"
[ "$STATUS" -lt 500 ] || problem "file name %ff%fe%00: HTTP $STATUS"
[ -z "$(find "$WORK" -newer "$WORK/small.conf" -name 'passwd*')" ] ||
    problem "a file name reached the disk"

step "an idempotency key used for another file"
KEY="$(printf 'k%.0s' {1..36})"
upload "$(clip_short 201)" a.flac -H "Idempotency-Key: $KEY"
first=$(json .id)
upload "$(clip_short 201)" a.flac -H "Idempotency-Key: $KEY"
expect_equal "upload under the same key" "$first" "$(json .id)"
upload "$(clip_short 202)" b.flac -H "Idempotency-Key: $KEY"
check_problem "another file under a used key" 409 idempotency_mismatch
for key in "$(printf 'k%.0s' {1..300})" $'\t' 'é'; do
    upload "$(clip_short 219)" c.flac -H "Idempotency-Key: $key"
    [[ $STATUS = 400 || $STATUS = 431 || $STATUS = 202 || $STATUS = 200 ]] ||
        problem "Idempotency-Key '${key:0:20}': HTTP $STATUS: $(body_start)"
done

# --- afterwards ------------------------------------------------------------------------

step "the service is as it was"
service_alive || die "not alive"
api GET /readyz
expect_status 200
[ -z "$(find "$DATA/spool" -type f -not -path '*/failed/*')" ] ||
    problem "left in the spool: $(find "$DATA/spool" -type f)"
fetch_audio "$SONG" "$WORK/song"
expect_same_bytes "a song" "$(clip_short 203)" "$WORK/song"
service_stop
