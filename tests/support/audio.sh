# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Music for tests, generated and always the same: pieces by `compose` (see
# compose.c), some with a voice by espeak-ng, in the formats that people have.
# Whatever is made is kept in $REFRAIN_CLIPS, so that stories share it.

COMPOSE=${COMPOSE:-$REFRAIN_BIN/../tests/compose}
REFRAIN_CLIPS=${REFRAIN_CLIPS:-${TMPDIR:-/tmp}/refrain-clips-$(id -u)}
# Encoders write no date and no version of themselves: same input, same bytes.
FFMPEG=(ffmpeg -nostdin -v error -y)
EXACT=(-map_metadata -1 -fflags +bitexact -flags:a +bitexact)

# Makes $REFRAIN_CLIPS/NAME once: COMMAND… writes to its last argument, a
# temporary name with the same ending.
clip_once() { # NAME COMMAND…
    local name=$1 target=$REFRAIN_CLIPS/$1 made
    shift
    if [ ! -s "$target" ]; then
        mkdir -p "$REFRAIN_CLIPS"
        made=$(mktemp "$REFRAIN_CLIPS/.XXXXXX.$name")
        if ! "$@" "$made"; then
            rm -f -- "$made"
            die "could not make the clip $name"
        fi
        mv -- "$made" "$target"
    fi
    echo "$target"
}

# A master as a label delivers it: 75 s FLAC with tags. SEED names the piece;
# even seeds are sung over.
clip_master() { # SEED -> prints its path
    clip_once "master-$1.flac" make_master "$1"
}
MASTER_SECONDS=75
MASTER_ARTIST="The Loopbacks"
MASTER_ALBUM="Generated Evenings"
master_title() { # SEED
    local words=(Amber Harbour Lantern Meadow Quarry Sparrow Velvet Winter)
    echo "${words[$(($1 % 8))]} Number $1"
}
master_isrc() { # SEED
    printf 'XXREF26%05d' "$1"
}

make_master() { # SEED FILE
    local seed=$1 out=$2 raw
    raw=$(mktemp -d "$REFRAIN_CLIPS/.raw.XXXXXX")
    "$COMPOSE" "$seed" $MASTER_SECONDS >"$raw/music.wav"
    if [ $((seed % 2)) = 0 ]; then
        espeak-ng -v en -s 130 -p $((30 + seed % 40)) -w "$raw/voice.wav" \
            "$(lyrics "$seed")"
        "${FFMPEG[@]}" -i "$raw/music.wav" -i "$raw/voice.wav" -filter_complex \
            '[1]adelay=6000|6000,aresample=44100,pan=stereo|c0=c0|c1=c0[v];[0][v]amix=duration=first:normalize=0' \
            "$raw/song.wav"
    else
        mv "$raw/music.wav" "$raw/song.wav"
    fi
    "${FFMPEG[@]}" -i "$raw/song.wav" "${EXACT[@]}" \
        -metadata title="$(master_title "$seed")" \
        -metadata artist="$MASTER_ARTIST" -metadata album="$MASTER_ALBUM" \
        -metadata track="$seed" -metadata date=2026 \
        -metadata isrc="$(master_isrc "$seed")" "$out"
    rm -rf -- "$raw"
}

lyrics() { # SEED
    local words=(river morning paper engine silver window garden thunder
        letter candle station orange) line="" i
    for i in {1..40}; do
        line+="${words[$((($1 * 7 + i * i * 5 + i * $1) % 12))]} "
        [ $((i % 6)) -ne 0 ] || line+=". "
    done
    echo "$line"
}

# What people have at home: the master, encoded by them and tagged by them.
clip_mp3() { # SEED KBPS
    clip_once "rip-$1-$2.mp3" encode "$(clip_master "$1")" \
        "my rip of $1" -c:a libmp3lame -b:a "$2k" -id3v2_version 3
}
clip_aac() { # SEED KBPS
    clip_once "rip-$1-$2.m4a" encode "$(clip_master "$1")" \
        "my rip of $1" -c:a aac -b:a "$2k"
}
encode() { # IN TITLE ENCODER-ARGUMENT… OUT
    local in=$1 title=$2 out=${*: -1}
    "${FFMPEG[@]}" -i "$in" "${EXACT[@]}" -metadata title="$title" \
        -metadata artist="Somebody" -metadata album="From my shelf" \
        "${@:3:$#-3}" "$out"
}

# The master with CUT seconds taken out at AT seconds, as MP3.
clip_cut() { # SEED AT CUT
    clip_once "cut-$1-$2-$3.mp3" encode "$(clip_master "$1")" \
        "cut of $1" -af "aselect='not(between(t,$2,$(($2 + $3))))',asetpts=N/SR/TB" \
        -c:a libmp3lame -b:a 192k
}

# Short and small, for stories that want many different files.
clip_short() { # SEED
    clip_once "short-$1.flac" make_short "$1"
}
SHORT_SECONDS=8
make_short() { # SEED FILE
    "$COMPOSE" "$1" $SHORT_SECONDS | "${FFMPEG[@]}" -i - "${EXACT[@]}" \
        -metadata title="Short $1" -ar 32000 "$2"
}

# 10 hours of digital silence: a few MB that cost long to decode.
clip_long_silence() {
    clip_once silence-10h.flac "${FFMPEG[@]}" -f lavfi \
        -i anullsrc=r=8000:cl=mono -t 36000
}

clip_png() {
    clip_once picture.png "${FFMPEG[@]}" -f lavfi \
        -i testsrc=size=64x64:duration=1 -frames:v 1
}
