#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes the files of recipe lines, given as arguments: tab-separated
#   file, input, second input, filter, codec, filter after, codec after, stream
# The filter ends in [o]. With a filter after (of what the first codec left,
# piped as `stream`; "anull" for none), the file is that of the codec after. "-" is none. A
# file that is there is left alone. EVAL_UNTIL: not after this second.
set -euo pipefail

exact=(-map_metadata -1 -fflags +bitexact -flags:a +bitexact)

make() {
    local file=$1 input=$2 second=$3 filter=$4 codec=$5 after=$6 codec_after=$7
    local stream=$8 work
    local -a inputs=(-i "$input") arguments after_arguments graph
    if [[ -s $file ]] || ((${EVAL_UNTIL:-9999999999} < $(date +%s))); then
        return
    fi
    mkdir -p "$(dirname "$file")"
    work=${file%.*}.part$$.${file##*.}
    [[ $second == - ]] || inputs+=(-i "$second")
    read -ra arguments <<<"$codec"
    if [[ $after == - ]]; then
        ffmpeg -nostdin -v error -y "${inputs[@]}" -filter_complex "$filter" \
            -map '[o]' "${exact[@]}" "${arguments[@]}" "$work"
    else
        read -ra after_arguments <<<"$codec_after"
        graph=(-af "$after")
        [[ $after != *'[o]' ]] || graph=(-filter_complex "$after" -map '[o]')
        ffmpeg -nostdin -v error "${inputs[@]}" -filter_complex "$filter" \
            -map '[o]' "${exact[@]}" "${arguments[@]}" -f "$stream" - |
            ffmpeg -v error -y -i - "${graph[@]}" "${exact[@]}" \
                "${after_arguments[@]}" "$work"
    fi
    mv -- "$work" "$file"
}

for line in "$@"; do
    IFS=$'\t' read -ra fields <<<"$line"
    make "${fields[@]}" || echo "make.sh: could not make ${fields[0]}" >&2
done
