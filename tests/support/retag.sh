# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What a re-tagged copy of a song costs, for tests and benches. A song is
# encoded, given new tags (retag.py), and stored by the program in $RETAG
# (retag.c), which also proves that it comes back.
#   WORK  a folder for what is made

RETAG_FFMPEG=(ffmpeg -nostdin -v error -y)
RETAG_OLD=(-metadata title=Before -metadata artist=Somebody
    -metadata album=Something)
# Name, then how ffmpeg encodes it. What the name says besides its ending is for
# retag.py, or how the file lies before: bare without any tag, front with moov
# before the sound, shrunk with padding that goes away.
RETAG_KINDS='
tagged.mp3    -b:a 128k
bare.mp3      -b:a 128k -id3v2_version 0 -map_metadata -1
id3v1.mp3     -b:a 128k
ape_id3v1.mp3 -b:a 128k -write_id3v1 1
front.m4a     -b:a 128k -movflags +faststart
end.m4a       -b:a 128k
64k.m4a       -b:a 64k -movflags +faststart
padded.flac
shrunk.flac
vorbis.ogg    -c:a libvorbis -b:a 128k
opus.opus     -ar 48000 -b:a 128k
64k.opus      -ar 48000 -b:a 64k
flac.oga      -c:a flac
plain.wav
plain.aiff    -write_id3v2 1
'

# The same cover whenever it is made: no random bytes, so that two runs compare.
retag_cover() { # FILE BYTES
    openssl enc -aes-128-ctr -K "$(printf %032d 1)" -iv "$(printf %032d 0)" \
        -in /dev/zero 2>/dev/null | head -c "$2" >"$1" || true
}

# Debian's own Python, which has Debian's Mutagen.
retag_tag() {
    /usr/bin/python3 "$SOURCE/tests/support/retag.py" "$@"
}

# Prints, of a song encoded as KIND (a line of RETAG_KINDS): bytes of the file;
# new bytes for a copy with another text; for one with a cover too; and, when
# that one is there, for one more with the same cover and again another title.
retag_measure() { # SONG COVER NAME OPTION…
    local song=$1 cover=$2 name=$3 folder copy
    shift 3
    folder=$(mktemp -d "$WORK/retag.XXXXXX")
    mkdir "$folder"/{text,cover,again,vault_text,vault_cover}
    "${RETAG_FFMPEG[@]}" -i "$song" -vn -map_metadata -1 "${RETAG_OLD[@]}" \
        "$@" "$folder/$name"
    for copy in text cover again; do
        cp "$folder/$name" "$folder/$copy/$name"
    done
    retag_tag "$folder/text/$name" "Retagged"
    retag_tag "$folder/cover/$name" "Retagged, with a cover" "$cover"
    retag_tag "$folder/again/$name" "Retagged once more" "$cover"
    {
        "$RETAG" "$folder/vault_text" "$folder"/{,text/}"$name"
        "$RETAG" "$folder/vault_cover" "$folder"/{,cover/,again/}"$name"
    } >"$folder/figures"
    awk '{ new[NR] = $1; size[NR] = $2 }
        END { print size[1], new[2], new[4], new[5] }' "$folder/figures"
    rm -rf -- "$folder"
}

# Bytes that a cover of that many has in a file: in Ogg it is base64.
retag_cover_bytes() { # NAME BYTES
    case $1 in
    *.ogg | *.opus | *.oga) echo $((($2 + 2) / 3 * 4)) ;;
    *) echo "$2" ;;
    esac
}
