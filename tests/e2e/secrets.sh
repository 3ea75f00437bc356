#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: who takes the data folder's vault learns nothing. No piece
# of an uploaded song, no title, no e-mail address is in it; equal songs are
# stored once; names say nothing. No password or token is in Redis or in the
# log, secrets on disk are their owner's alone, and a master's sketch is told to
# nobody.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

TITLE="Quagga Waltz 7391"
ARTIST="Zanzibar Okapi Sextet"
ALBUM="Thylacine Lullabies"
NAME="quagga-secret-file.mp3"
EMAIL="okapi.keeper@example.org"
PASSWORD="numbat-bilby-potoroo-88"
SONG=$WORK/song.mp3
"${FFMPEG[@]}" -i "$(clip_master 4)" -map_metadata -1 -metadata title="$TITLE" \
    -metadata artist="$ARTIST" -metadata album="$ALBUM" -c:a libmp3lame \
    -b:a 160k "$SONG"

# --- what is looked for, and whether looking finds it ------------------------------------

hex_of() { # FILE… or stdin
    od -An -v -tx1 "$@" | tr -d ' \n'
}

# 32-byte pieces from all over the song, as hex.
pieces() {
    local size i first
    size=$(stat -c %s "$SONG")
    for ((i = 0; i < 80; i++)); do
        first=$((i * (size - 32) / 80))
        slice "$SONG" "$first" $((first + 31)) | hex_of
        echo
    done
}
pieces | sort -u >"$WORK/pieces"

piece_in() { # FILE [PIECES]
    hex_of "$1" | grep -qFf "${2:-$WORK/pieces}"
}

words() {
    printf '%s\n' "$TITLE" "$ARTIST" "$ALBUM" "$NAME" "$EMAIL" Quagga Okapi \
        okapi.keeper
}
words >"$WORK/words"

step "the search itself finds what is there (control)"
piece_in "$SONG" || die "the search finds no piece of the song in itself"
tail -c +777 "$SONG" >"$WORK/shifted"
piece_in "$WORK/shifted" || die "the search depends on where a piece stands"
grep -qaiFf "$WORK/words" "$SONG" || die "the search finds no title"

# --- one song by two people --------------------------------------------------------------

step "upload"
service_start
sign_up "$EMAIL"
sign_in "$EMAIL" "okapi phone"
TOKENS=("$TOKEN" "$REFRESH" "$(operator_token)")
upload "$SONG" "$NAME"
expect_json .status uploaded
TRACK_ID=$(json .track_id)
ask_token grant_type=refresh_token "refresh_token=$REFRESH"
TOKENS+=("$TOKEN" "$REFRESH")
fetch_audio "$TRACK_ID" "$WORK/back"
expect_same_bytes "the song" "$SONG" "$WORK/back"
api GET "/v1/tracks/$TRACK_ID/audio" -H 'Range: bytes=1000-2000'
chunks() {
    find "$DATA/vault" -type f | sort
}
chunks >"$WORK/one"
[ -s "$WORK/one" ] || die "the vault is empty"

step "another's equal song is stored once"
sign_up second@example.org
sign_in second@example.org
TOKENS+=("$TOKEN" "$REFRESH")
upload "$SONG" "$NAME"
expect_json .status uploaded
SECOND_ID=$(json .track_id)
chunks >"$WORK/two"
expect_same_bytes "files in the vault" "$WORK/one" "$WORK/two"
fetch_audio "$SECOND_ID" "$WORK/back"
expect_same_bytes "the second's song" "$SONG" "$WORK/back"

step "a song that the catalog has is matched; all that is said of it is kept"
make_release "$WORK/catalog" 1 2
load_catalog "$WORK/catalog"
upload "$(clip_mp3 1 128)" known.mp3
cp "$BODY" "$WORK/answers"
expect_json .status matched
KNOWN_ID=$(json .track_id)
for path in "/v1/uploads/$(json .id)" /v1/library /v1/library/changes?since=0 \
    "/v1/tracks/$KNOWN_ID/why" "/v1/tracks/$KNOWN_ID/audio" /metrics; do
    api GET "$path"
    [ "$STATUS" = 200 ] || problem "GET $path: $STATUS"
    cat "$BODY" >>"$WORK/answers"
done
find "$DATA/masters" -name '*.sketch' >"$WORK/sketches"
expect_equal "sketches" 2 "$(wc -l <"$WORK/sketches")"
while read -r file; do
    name=${file#"$DATA"/}
    for path in "/$name" "/v1/$name" "/v1/tracks/${name##*/}/audio"; do
        api GET "$path"
        [[ $STATUS = 40[04] ]] || problem "GET $path: $STATUS"
    done
done <"$WORK/sketches"
# Failures go to the log, too.
ask_token grant_type=password "username=$EMAIL" "password=$PASSWORD-wrong"
TOKEN=${TOKENS[0]}x
api GET /v1/me
service_stop

# --- what can be seen -----------------------------------------------------------------------

step "the vault holds no piece of the song, no title, no address"
while read -r file; do
    ! piece_in "$file" || problem "$file holds a piece of the song"
done <"$WORK/one"
! grep -raiFf "$WORK/words" "$DATA/vault" || problem "the vault holds words"
! find "$DATA/vault" | grep -iFf "$WORK/words" || problem "names hold words"

step "a master's sketch is in no answer, and nowhere but beside the master"
SKETCHED=$WORK/sketched
while read -r file; do
    size=$(stat -c %s "$file")
    for ((i = 1; i < 40; i++)); do
        slice "$file" $((i * size / 40)) $((i * size / 40 + 31)) | hex_of
        echo
    done
done <"$WORK/sketches" | grep -vE '(.)\1{15}' >"$SKETCHED"
[ "$(wc -l <"$SKETCHED")" -gt 20 ] || die "too few pieces to look for"
piece_in "$(head -n 1 "$WORK/sketches")" "$SKETCHED" ||
    die "the search finds no sketch"
while read -r file; do
    ! piece_in "$file" "$SKETCHED" || problem "$file holds a piece of a sketch"
done < <(find "$DATA" -type f -not -name '*.sketch'; echo "$LOG"
    echo "$WORK/answers")
expect_equal "sketches that others may touch" "" \
    "$(find "$DATA/masters" -name '*.sketch' -perm /077)"

step "names in the vault are hashes of what is stored, not of the song"
while read -r file; do
    name=$(basename "$file")
    [[ $name =~ ^[0-9a-f]{64}$ ]] || problem "a file of the vault is called $name"
    [ "$name" = "$(sha256sum <"$file" | cut -d' ' -f1)" ] ||
        problem "$name is not the hash of its bytes"
done <"$WORK/one"
# Sealed bytes do not compress: 64 KiB pieces that did would show structure.
raw=$(xargs cat <"$WORK/one" | wc -c)
packed=$(xargs cat <"$WORK/one" | gzip -9 | wc -c)
[ $((packed * 100)) -gt $((raw * 98)) ] ||
    problem "the vault compresses from $raw to $packed bytes"

step "nothing of the song is left outside the vault"
while read -r file; do
    ! piece_in "$file" || problem "$file holds a piece of the song"
done < <(find "$DATA" -type f -not -path "$DATA/vault/*")
[ -z "$(find "$DATA/spool" -type f)" ] || problem "the spool is not empty"

step "no password and no token is in Redis, in the log, or anywhere on disk"
printf '%s\n' "$PASSWORD" "${TOKENS[@]}" >"$WORK/secrets"
# The part behind the dot is the secret one: look for it alone, too.
printf '%s\n' "${TOKENS[@]}" | sed -n 's/^.*\.//p' >>"$WORK/secrets"
! grep -rlaFf "$WORK/secrets" "$DATA/redis" "$DATA/vault" "$DATA/spool" ||
    problem "a password or token is on disk"
! grep -naFf "$WORK/secrets" "$LOG" || problem "a password or token is in the log"
! grep -naiFf "$WORK/words" "$LOG" || problem "a title or address is in the log"
printf '%s\n' "$(operator_token)" | grep -rlaFf - "$DATA" >"$WORK/found" || true
expect_equal "files with the operator's token" "$DATA/operator.token" \
    "$(cat "$WORK/found")"

step "keys are in the key folder alone"
[ -n "$(find "$DATA/keys" -type f)" ] || die "there are no keys"
while read -r key; do
    # Raw or as hex, whichever way a key may have leaked.
    hex_of "$key" >"$WORK/key.hex"
    while read -r file; do
        if hex_of "$file" | grep -qF "$(head -c 64 "$WORK/key.hex")" ||
            grep -qaiF "$(head -c 64 "$WORK/key.hex")" "$file"; then
            problem "$file holds $(basename "$key")"
        fi
    done < <(find "$DATA" -type f -not -path "$DATA/keys/*"; echo "$LOG")
done < <(find "$DATA/keys" -type f)

step "secrets on disk are their owner's alone"
expect_equal "mode of keys/" 700 "$(stat -c %a "$DATA/keys")"
expect_equal "mode of operator.token" 600 "$(stat -c %a "$DATA/operator.token")"
expect_equal "keys that others may touch" "" \
    "$(find "$DATA/keys" -type f -perm /077)"
for folder in redis spool vault; do
    # Whoever cannot enter the folder cannot read what is in it.
    if [ $((0$(stat -c %a "$DATA/$folder") & 7)) != 0 ] &&
        [ $((0$(stat -c %a "$DATA") & 7)) != 0 ]; then
        problem "others may enter $folder/ ($(stat -c %a "$DATA/$folder"))"
    fi
done
