# SPDX-License-Identifier: GPL-3.0-or-later
# Draws what is tried: which rips and edits of which song, with which codec,
# where. Nothing is made here.
#
# awk -v seed=N -v scale=small|medium|full -v out=DIR -v places=DIR
#     -v audio=DIR -f plan.awk tracks.tsv
#
# Reads tracks.tsv (id, split, duration in ms, path; in the order of choice)
# and places/ID.tsv of voice.c. Writes, tab-separated, to DIR:
#   references.tsv  id, song, 1 = in every catalog, path
#   recipes.tsv     how a file is made, see make.sh; those needed first first
#   jobs.tsv        what is asked, see match.c
# A song draws from its own name and the seed, so that a larger scale has all
# files of a smaller one.

BEGIN {
    FS = OFS = "\t"
    for (i = 32; i < 127; i++) {
        ordinal[sprintf("%c", i)] = i
    }
    set_scale()
    set_codecs()
    STEREO = "aresample=44100,aformat=sample_fmts=fltp:channel_layouts=stereo"
    RESTART = "asetpts=PTS-STARTPTS"
}

function set_scale() {
    if (scale == "small") {
        set_counts(24, 3, 3, 1, 5, 2, 2, 1)
    } else if (scale == "medium") {
        set_counts(60, 5, 5, 3, 10, 4, 3, 2)
    } else {
        set_counts(200, 11, 12, 4, 30, 9, 12, 4)
    }
    # Longer songs are in the catalog and nothing more.
    longest_ms = scale == "full" ? 720000 : 330000
}

function set_counts(songs, high, low, cuts, vocal, mix, structure, pairs) {
    song_max = songs; high_max = high; low_max = low; cut_max = cuts
    vocal_max = vocal; mix_max = mix; structure_max = structure
    pair_max = pairs
}

# Fast settings: what they lose makes the rips harder, not easier.
function set_codecs() {
    codec("mp3_320", "-c:a libmp3lame -compression_level 7 -b:a 320k", "mp3", "mp3", "high")
    codec("mp3_192", "-c:a libmp3lame -compression_level 7 -b:a 192k", "mp3", "mp3", "high")
    codec("mp3_128", "-c:a libmp3lame -compression_level 7 -b:a 128k", "mp3", "mp3", "high")
    codec("aac_256", "-c:a aac -aac_coder fast -b:a 256k", "m4a", "adts", "high")
    codec("aac_128", "-c:a aac -aac_coder fast -b:a 128k", "m4a", "adts", "high")
    codec("vorbis_q6", "-c:a libvorbis -q:a 6", "ogg", "ogg", "high")
    codec("vorbis_q3", "-c:a libvorbis -q:a 3", "ogg", "ogg", "high")
    codec("opus_128", "-ar 48000 -c:a libopus -compression_level 5 -b:a 128k", "opus", "ogg", "high")
    codec("opus_96", "-ar 48000 -c:a libopus -compression_level 5 -b:a 96k", "opus", "ogg", "high")
    codec("opus_64", "-ar 48000 -c:a libopus -compression_level 5 -b:a 64k", "opus", "ogg", "high")
    codec("flac", "-c:a flac -compression_level 2 -sample_fmt s16", "flac", "flac", "high")
    high_count = codec_count
    codec("mp3_64", "-c:a libmp3lame -compression_level 7 -b:a 64k", "mp3", "mp3", "low")
    codec("aac_64", "-c:a aac -aac_coder fast -b:a 64k", "m4a", "adts", "low")
    codec("opus_32", "-ar 48000 -c:a libopus -compression_level 5 -b:a 32k", "opus", "ogg", "low")
    low_count = codec_count - high_count
    codec("mono_96", "-ac 1 -c:a libmp3lame -compression_level 7 -b:a 96k", "mp3", "mp3", "low")
    codec("r22050_64", "-ar 22050 -c:a libmp3lame -compression_level 7 -b:a 64k", "mp3", "mp3", "low")
    split("mp3_64 aac_64 opus_32 mono_96 r22050_64 gain trim_head trim_tail silence second drift drift", low_kinds, " ")
    split("cut_10 cut_20 repeat_20 fade_10 fade_20 speed_+1 speed_-1 speed_+2 speed_-2 speed_+3 intro remaster", structures, " ")
    split("45 91 -91 249 -499 998", drifts, " ")
    split("2 4 -4 11 -22 44", drift_hz, " ")
}

function codec(name, arguments, ending, stream, grade) {
    codecs[++codec_count] = name
    codec_arguments[name] = arguments
    codec_ending[name] = ending
    codec_stream[name] = stream
    codec_grade[name] = grade
}

# --- chance ------------------------------------------------------------------

function hash(text,    i, h) {
    h = 7
    for (i = 1; i <= length(text); i++) {
        h = (h * 131 + ordinal[substr(text, i, 1)]) % 2147483647
    }
    for (i = 0; i < 4; i++) {
        h = (h * 48271 + 11) % 2147483647
    }
    return h
}
function chance(key) {
    return hash(seed ":" song ":" key) / 2147483647
}
function between(key, low, high) {
    return low + (high - low) * chance(key)
}
function one_of(key, count) {
    return 1 + int(chance(key) * count)
}
function any_codec(key) { # two of three are of the high class
    if (chance(key ":grade") < .67) {
        return codecs[one_of(key, high_count)]
    }
    return codecs[high_count + one_of(key, low_count)]
}
# shuffled[1..count]: 1..count in an order of the song's own
function shuffle(key, count,    i, j, kept) {
    for (i = 1; i <= count; i++) {
        shuffled[i] = i
    }
    for (i = count; i > 1; i--) {
        j = one_of(key ":" i, i)
        kept = shuffled[i]; shuffled[i] = shuffled[j]; shuffled[j] = kept
    }
}

# --- filters -----------------------------------------------------------------

function edit(from, to, kind, start, end, bleep_db) {
    if (kind == "mute" || kind == "bleep") {
        # Frames of 6 ms: what is muted is muted in whole frames.
        muted = from "asetnsamples=256:p=0,volume=0:enable='between(t," start "," end ")'"
        if (kind == "mute") {
            return muted to
        }
        return muted "[m];sine=f=1000:r=44100:d=" (end - start) \
            ",volume=" bleep_db "dB,adelay=" int(start * 1000) \
            ":all=1,aformat=channel_layouts=stereo[b];[m][b]amix=inputs=2:duration=first:normalize=0" to
    }
    return from "asplit=3[e1][e2][e3];[e1]atrim=end=" start "[f1];[e2]atrim=" start ":" end \
        ",areverse," RESTART "[f2];[e3]atrim=start=" end "," RESTART \
        "[f3];[f1][f2][f3]concat=n=3:v=0:a=1" to
}

# Music and voice, 6 dB down so that nothing clips: into [s].
function sung(kind, start, end,    voice, gain, pan) {
    gain = 3.981 * .5 * 10 ^ (flavour_db / 20) # the file is 12 dB down
    pan = flavour_pan == "mid" ? "c0=c0|c1=c0" : flavour_pan == "side" ? "c0=c0|c1=-1*c0" : "c0=c0|c1=0*c0"
    voice = "[1:a]aresample=44100,pan=stereo|" pan ",volume=" sprintf("%.5f", gain)
    if (kind == "") {
        voice = voice "[v]"
    } else if (kind == "words") {
        voice = voice ",asetnsamples=256:p=0,volume=0:enable='" words "'[v]"
    } else {
        # ffmpeg's sine is at -18 dB; a bleep is about as loud as the voice.
        voice = voice "[u];" edit("[u]", "[v]", kind, start, end, flavour_db)
    }
    return "[0:a]" STEREO ",volume=.5[n];" voice ";[n][v]amix=inputs=2:duration=first:normalize=0[s]"
}

function flavour_set(name) {
    flavour = name
    flavour_db = name ~ /10/ ? -10 : name ~ /6/ ? -6 : 0
    flavour_pan = name ~ /^a/ ? "side" : name ~ /^l/ ? "left" : "mid"
}

# Head and tail cut by up to 2 s, so that every phase of the hop occurs. Sets
# trim_ms.
function trimmed(key,    head, tail) {
    head = sprintf("%.4f", between(key ":head", 0, 2))
    tail = sprintf("%.4f", duration_ms / 1000 - between(key ":tail", 0, 2))
    trim_ms = int(head * 1000)
    return "atrim=" head ":" tail "," RESTART
}

# --- what is written ---------------------------------------------------------

function recipe(first, name, input, second, filter, arguments, ending, filter_after, arguments_after, stream,    line, path) {
    line = input OFS second OFS filter OFS arguments OFS filter_after OFS arguments_after OFS stream
    path = audio "/" song "/" name "-" sprintf("%08x", hash(line)) "." ending
    if (!(path in made)) {
        made[path] = 1
        print rank, 1 - first, track_number, path, line >(out "/recipes.unsorted")
    }
    return path
}

function reference(flavour_name, base, path) {
    if (!((song, flavour_name) in referenced)) {
        referenced[song, flavour_name] = 1
        print song "." flavour_name, song, base, path >(out "/references.tsv")
    }
}

# A question about `path`; the song's own references are "own" (names, comma
# between them), the right answer is `right`; "-" is none.
function job(class, codec_name, edit_name, at_ms, length_ms, level_db, own, right, skip, drop, path,    number) {
    number = ++job_count[path]
    print rank, track_number, path, number, song "/" substr(path, length(audio "/" song "/") + 1) "/" number, \
        split_name, class, codec_grade[codec_name], codec_name, edit_name, at_ms, length_ms, level_db, \
        song, named(own), named(right), skip, drop, path >(out "/jobs.unsorted")
}
function named(names) {
    if (names == "-") {
        return names
    }
    gsub(/,/, "," song ".", names)
    return song "." names
}

# Asked among all songs but its own.
function impostor(codec_name, edit_name, skip, drop, path) {
    job("impostor", codec_name, edit_name, "-", "-", "-", "-", "-", skip, drop, path)
}

# Further queries out of one file: what is left when both ends are cut again.
function cuts(class, codec_name, edit_name, count, path,    i, skip, drop) {
    for (i = 1; i <= count; i++) {
        skip = int(between(path ":skip" i, 0, 22050))
        drop = int(between(path ":drop" i, 0, 22050))
        job(class, codec_name, edit_name, "-", "-", "-", "orig", "orig", skip, drop, path)
        impostor(codec_name, edit_name, skip, drop, path)
    }
}

# --- classes -----------------------------------------------------------------

function rips_high(    i, order, name, path) {
    shuffle("high", high_count)
    for (i = 1; i <= high_count; i++) {
        order[i] = shuffled[i]
    }
    for (rank = 1; rank <= high_max && rank <= high_count; rank++) {
        name = codecs[order[rank]]
        path = recipe(0, "rip-" name, track_path, "-", "[0:a]" STEREO "," trimmed("rip" name) "[o]", \
            codec_arguments[name], codec_ending[name], "-", "-", "-")
        job("rip_high", name, "none", "-", "-", "-", "orig", "orig", 0, 0, path)
        impostor(name, "none", 0, 0, path)
        cuts("rip_high", name, "none", cut_max, path)
    }
}

function low_filter(kind, key,    filter) {
    filter = STEREO "," trimmed(key)
    if (kind == "gain") {
        return filter ",volume=-12dB,aformat=sample_fmts=s16,aformat=sample_fmts=fltp"
    }
    if (kind == "trim_head") {
        return STEREO ",atrim=start=" sprintf("%.3f", between(key ":long", 2, 30) * long_trim()) "," RESTART
    }
    if (kind == "trim_tail") {
        return STEREO ",atrim=end=" sprintf("%.3f", duration_ms / 1000 - between(key ":long", 2, 30) * long_trim()) "," RESTART
    }
    if (kind == "silence") {
        return filter ",adelay=" int(between(key ":lead", 500, 10000)) ":all=1,apad=pad_dur=" sprintf("%.1f", between(key ":pad", .5, 15))
    }
    if (kind == "drift") {
        return STEREO ",asetrate=" (44100 + drift_hz[drift]) ",aresample=44100," trimmed(key)
    }
    return filter
}
# A short song keeps two thirds.
function long_trim() {
    return duration_ms < 90000 ? duration_ms / 90000 : 1
}

function rips_low(    i, order, kind, name, path, second) {
    shuffle("low", 12)
    for (i = 1; i <= 12; i++) {
        order[i] = shuffled[i]
    }
    for (rank = 1; rank <= low_max && rank <= 12; rank++) {
        kind = low_kinds[order[rank]]
        key = "low" kind rank
        drift = one_of(key ":drift", 6)
        name = kind in codec_arguments ? kind : codecs[one_of(key ":codec", high_count)]
        second = kind == "second" ? codecs[one_of(key ":second", high_count)] : "-"
        path = recipe(0, "low-" kind (kind == "drift" ? drifts[drift] : "") "-" name, track_path, "-", \
            "[0:a]" low_filter(kind, key) "[o]", codec_arguments[name], \
            second == "-" ? codec_ending[name] : codec_ending[second], \
            second == "-" ? "-" : "anull", second == "-" ? "-" : codec_arguments[second], \
            second == "-" ? "-" : codec_stream[name])
        if (kind == "drift") {
            kind = "drift" drifts[drift] "ppm"
        }
        job("rip_low", name, kind, "-", "-", "-", "orig", "orig", 0, 0, path)
        impostor(name, kind, 0, 0, path)
        cuts("rip_low", name, kind, 1, path)
    }
}

# A place of this kind and length: sets place_ms and place_db; 0 if none.
function place(key, kind, length_ms,    i, count) {
    count = place_count[kind, length_ms] + 0
    if (count == 0) {
        return 0
    }
    i = one_of(key, count)
    place_ms = place_start[kind, length_ms, i]
    place_db = place_level[kind, length_ms, i]
    return 1
}

function sung_master(name) {
    flavour_set(name)
    reference(name, 0, recipe(1, "master-" name, track_path, voice_path, sung("") ";[s]anull[o]", \
        codec_arguments["flac"], "flac", "-", "-", "-"))
}

function vocals(    i, kind, length_ms, name, draw, path, class) {
    split("v0 v6 v10 a6 l6", flavours, " ")
    split("400 700 1500", lengths, " ")
    for (rank = 1; rank <= vocal_max; rank++) {
        key = "vocal" rank
        flavour_set(flavours[1 + (rank + track_number) % 5])
        draw = chance(key ":kind")
        kind = draw < .6 ? "mute" : "reverse"
        if (flavour == "v0" && draw > .4 && draw < .75) {
            kind = "bleep"
        }
        length_ms = lengths[one_of(key ":length", 3)]
        if (!place(key ":place", "voice", length_ms)) {
            continue
        }
        sung_master(flavour)
        name = any_codec(key ":codec")
        path = recipe(0, "vocal-" flavour "-" kind length_ms "-" name, track_path, voice_path, \
            sung(kind, place_ms / 1000, (place_ms + length_ms) / 1000) ";[s]" trimmed(key) "[o]", \
            codec_arguments[name], codec_ending[name], "-", "-", "-")
        class = flavour_pan == "mid" ? "vocal" (flavour_db == 0 ? "_0" : flavour_db) : "vocal_" flavour_pan
        job(class, name, kind, place_ms - trim_ms, length_ms, place_db + flavour_db, flavour, "-", 0, 0, path)
        impostor(name, kind, 0, 0, path)
    }
}

function mixes(    kind, length_ms, name, after, path, start, end) {
    split("mute bleep reverse", kinds, " ")
    for (rank = 1; rank <= mix_max; rank++) {
        key = "mix" rank
        kind = kinds[1 + (rank + track_number) % 3]
        length_ms = lengths[one_of(key ":length", 3)]
        if (!place(key ":place", "mix", length_ms)) {
            continue
        }
        start = place_ms / 1000
        end = (place_ms + length_ms) / 1000
        name = any_codec(key ":codec")
        if (chance(key ":after") < .2) { # edited after the codec, kept as FLAC
            path = recipe(0, "mix-after-" kind length_ms "-" name, track_path, "-", "[0:a]" STEREO "[o]", \
                codec_arguments[name], "flac", edit("[0:a]", "[t]", kind, start, end, 0) ";[t]" STEREO "," trimmed_head(key) "[o]", \
                codec_arguments["flac"], codec_stream[name])
            kind = kind "_after"
        } else {
            path = recipe(0, "mix-" kind length_ms "-" name, track_path, "-", \
                "[0:a]" STEREO "[i];" edit("[i]", "[t]", kind, start, end, 0) ";[t]" trimmed(key) "[o]", \
                codec_arguments[name], codec_ending[name], "-", "-", "-")
        }
        job("mix", name, kind, place_ms - trim_ms, length_ms, place_db, "orig", "-", 0, 0, path)
        impostor(name, kind, 0, 0, path)
    }
}

# The filter of a change of the whole song, into [o]; sets at_ms.
function structure_filter(kind, key,    seconds, start, end, at, number) {
    seconds = duration_ms / 1000
    number = kind
    sub(/^[a-z]+_/, "", number)
    at = sprintf("%.2f", seconds * between(key ":at", .25, .6))
    at_ms = int(at * 1000)
    if (kind ~ /^cut/) {
        return "[0:a]" STEREO ",asplit[a][b];[a]atrim=end=" at "[c];[b]atrim=start=" (at + number) "," RESTART "[d];[c][d]concat=n=2:v=0:a=1,"  trimmed_head(key) "[o]"
    }
    if (kind ~ /^repeat/) {
        return "[0:a]" STEREO ",asplit[a][b];[a]atrim=end=" at "[c];[b]atrim=start=" (at - number > 0 ? at - number : 0) "," RESTART "[d];[c][d]concat=n=2:v=0:a=1," trimmed_head(key) "[o]"
    }
    if (kind ~ /^fade/) {
        end = seconds - number - between(key ":more", 0, 5)
        at_ms = int(end * 1000) - 6000
        return "[0:a]" STEREO ",atrim=end=" sprintf("%.2f", end) ",afade=t=out:st=" sprintf("%.2f", end - 6) ":d=6," trimmed_head(key) "[o]"
    }
    if (kind ~ /^speed/) {
        at_ms = "-"
        return "[0:a]" STEREO ",asetrate=" int(44100 * (1 + number / 100)) ",aresample=44100," trimmed_head(key) "[o]"
    }
    if (kind == "intro") {
        return "[0:a]" STEREO ",atrim=end=" at "[a];[1:a]" STEREO ",atrim=start=" sprintf("%.1f", other_ms / 4000) ":end=" sprintf("%.1f", other_ms / 4000 + seconds - at) "," RESTART "[b];[a][b]concat=n=2:v=0:a=1," trimmed_head(key) "[o]"
    }
    at_ms = "-"
    return "[0:a]" STEREO ",equalizer=f=90:t=o:w=1:g=4,equalizer=f=900:t=o:w=1.5:g=-3,equalizer=f=5000:t=o:w=1:g=4,acompressor=threshold=.1:ratio=3:attack=10:release=120:makeup=2,volume=4dB,alimiter=limit=.9:level=0," trimmed_head(key) "[o]"
}
function trimmed_head(key,    head) {
    head = sprintf("%.4f", between(key ":head", 0, 2))
    trim_ms = int(head * 1000)
    return "atrim=start=" head "," RESTART
}

function structure(    i, order, kind, name, filter, path, class) {
    shuffle("structure", 12)
    for (i = 1; i <= 12; i++) {
        order[i] = shuffled[i]
    }
    for (rank = 1; rank <= structure_max && rank <= 12; rank++) {
        kind = structures[order[rank]]
        key = kind rank
        name = any_codec(key ":codec")
        filter = structure_filter(kind, key)
        path = recipe(0, kind "-" name, track_path, kind == "intro" ? other_path : "-", filter, \
            codec_arguments[name], codec_ending[name], "-", "-", "-")
        class = kind ~ /^(cut|repeat|fade)/ ? "cut" : kind ~ /^speed/ ? "speed" : kind
        job(class, name, kind, at_ms == "-" ? "-" : at_ms - trim_ms, "-", "-", "orig", class == "remaster" ? "orig" : "-", 0, 0, path)
        if (kind != "intro") { # half of it is another song of the catalog
            impostor(name, kind, 0, 0, path)
        }
    }
}

# Three words of the voice: sets `words`.
function choose_words(    i) {
    words = ""
    for (i = 1; i <= 3; i++) {
        if (place("word" i, "voice", i == 1 ? 400 : 700)) {
            words = words (words == "" ? "" : "+") "between(t," place_ms / 1000 "," (place_ms + (i == 1 ? 400 : 700)) / 1000 ")"
        }
    }
    return words != ""
}

# Explicit (v) and clean (c) are both masters; the clean one lacks three words.
function pairs(    i, side, name, path, other) {
    if (!choose_words()) {
        return
    }
    for (rank = 1; rank <= pair_max; rank++) {
        flavour = "v" (rank + track_number) % 2 * 6
        sung_master(flavour)
        other = "c" substr(flavour, 2)
        reference(other, 0, recipe(1, "master-" other, track_path, voice_path, sung("words") ";[s]anull[o]", \
            codec_arguments["flac"], "flac", "-", "-", "-"))
        for (i = 1; i <= 2; i++) {
            side = i == 1 ? flavour : other
            key = "pair" rank side
            name = any_codec(key ":codec")
            path = recipe(0, "pair-" side "-" name, track_path, voice_path, \
                sung(i == 1 ? "" : "words") ";[s]" trimmed(key) "[o]", codec_arguments[name], codec_ending[name], "-", "-", "-")
            job("pair", name, i == 1 ? "explicit" : "clean", "-", "-", flavour_db, flavour "," other, side, 0, 0, path)
            job("pair_alone", name, i == 1 ? "explicit" : "clean", "-", "-", flavour_db, side, side, 0, 0, path)
            job("pair_other", name, i == 1 ? "explicit" : "clean", "-", "-", flavour_db, i == 1 ? other : flavour, "-", 0, 0, path)
        }
    }
}

function read_places(    line, fields) {
    delete place_count
    while ((getline line <(places "/" song ".tsv")) > 0) {
        split(line, fields, "\t")
        n = ++place_count[fields[1], fields[2]]
        place_start[fields[1], fields[2], n] = fields[3]
        place_level[fields[1], fields[2], n] = fields[4]
    }
    close(places "/" song ".tsv")
}

{
    songs[NR] = $1; splits[NR] = $2; durations[NR] = $3; paths[NR] = $4
}

END {
    split("400 700 1500", lengths, " ")
    for (t = 1; t <= NR; t++) {
        song = songs[t]
        reference("orig", 1, paths[t])
    }
    for (t = 1; t <= NR && track_number < song_max; t++) {
        if (durations[t] > longest_ms) {
            continue
        }
        track_number++
        song = songs[t]; split_name = splits[t]; duration_ms = durations[t]; track_path = paths[t]
        voice_path = places "/" song ".wav"
        other_path = paths[t % NR + 1]; other_ms = durations[t % NR + 1]
        read_places()
        rips_high()
        rips_low()
        vocals()
        mixes()
        structure()
        pairs()
    }
}
