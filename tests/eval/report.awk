# SPDX-License-Identifier: GPL-3.0-or-later
# awk -f report.awk peers.tsv answers.tsv: the report, in Markdown.
BEGIN {
    FS = "\t"
    rows("figure", "high low song full -6 -10 side pair")
    title["high"] = "rips ≥ 128 kbit/s recognised"; goal["high"] = "≥ 99.5 %"
    title["low"] = "64 kbit/s, Opus 32, mono, 22.05 kHz, -12 dB, 30 s trims recognised"; goal["low"] = "≥ 96 %"
    title["song"] = "matched to a different song, songs that the catalog lacks"; goal["song"] = "0 in ≥ 10 000"
    title["full"] = "edit taken for the original: whole mix, full-level vocal, cuts, repeats, fades, intro, speed"; goal["full"] = "≤ 0.2 %"
    title["-6"] = "the same, vocal 6 dB under the music"; goal["-6"] = "≤ 2 %"
    title["-10"] = "the same, vocal 10 dB under the music"; goal["-10"] = "≤ 4 %"
    title["side"] = "the same, vocal in the side channel only"; goal["side"] = "≤ 2 %"
    title["pair"] = "right edition chosen when both are there"; goal["pair"] = "≥ 99.5 %"
    split("right wrong_edition wrong_song held other_edition unmatched", outcomes, " ")
}

function rows(table, names,    i, list, n) {
    n = split(names, list, " ")
    for (i = 1; i <= n; i++) {
        add_row(table, list[i])
    }
}
function add_row(table, row) {
    if (!((table, row) in known)) {
        known[table, row] = 1
        row_of[table, ++row_count[table]] = row
    }
}

# hit: what the row counts, 1 or 0.
function count(table, row, hit,    i) {
    add_row(table, row)
    n[table, row, $2]++
    hits[table, row, $2] += hit
    seen[table, row, $2, $16]++
    if (!((table, row, $2, $15) in file_seen)) {
        file_seen[table, row, $2, $15] = 1
        files[table, row, $2]++
    }
    if ($1 in acoustid) {
        peer_n[table, row, $2]++
        acoustid_hits[table, row, $2] += hit_of[table] == "right" ? acoustid[$1] == "right" : acoustid[$1] ~ hit_of[table]
        plain_hits[table, row, $2] += hit_of[table] == "right" ? plain[$1] == "right" : plain[$1] ~ hit_of[table]
    }
}

# Wilson's interval, 95 %.
function wilson(x, m,    z, p, centre, half) {
    if (m == 0) {
        return "–"
    }
    z = 1.96; p = x / m
    centre = (p + z * z / (2 * m)) / (1 + z * z / m)
    half = z * sqrt(p * (1 - p) / m + z * z / (4 * m * m)) / (1 + z * z / m)
    return sprintf("%s [%.1f–%.1f]", percent(p), 100 * (centre - half < 0 ? 0 : centre - half), 100 * (centre + half > 1 ? 1 : centre + half))
}
function percent(p) {
    return sprintf(p > 0 && p < .1 || p > .9 && p < 1 ? "%.2f %%" : "%.1f %%", 100 * p)
}
function of(x, m) {
    return m == 0 ? "–" : (x + 0) " of " m
}

function note_scores(row) {
    if ($2 == "tuning" && $23 > 0) {
        add_row("scores", row)
        score_count[row]++
        score[row, "mid", score_count[row]] = $23
        score[row, "side", score_count[row]] = $24
        score[row, "both", score_count[row]] = $23 > $24 ? $23 : $24
        score[row, "BER", score_count[row]] = $20
    }
}

FILENAME ~ /peers\.tsv$/ {
    acoustid[$1] = $2
    plain[$1] = $5
    next
}

# --- every answer ------------------------------------------------------------

{
    is_edit = $3 ~ /^(vocal|mix|cut|intro|speed|pair_other)/
    is_wrong = $16 == "wrong_edition" || $16 == "wrong_song" || (is_edit && $16 == "right")
    if ($16 == "wrong_song") {
        wrong_songs[++wrong_song_count] = $2 "\t" $1 "\t" $19 "\tBER " $20 ", sketch " $23
    }
    if (is_edit && $16 == "wrong_edition" && $3 != "pair_other") {
        wrong_edits[++wrong_edit_count] = $2 "\t" $1 "\t" $3 " " $6 " " $8 " ms at " $7 " ms, level " $9 " dB\tsketch " $23 ", side " $24 ", residual " $25
    }
    if ($3 ~ /^(rip|pair_alone)/ && $16 != "right") {
        lost[++lost_count] = $2 "\t" $1 "\t" $3 " " $5 " " $6 "\t" $17 " " $18 ", BER " $20 ", sketch " $23 ", side " $24 ", residual " $25
    }
    if ($32 > 0 && $13 == 0) {
        minute_ms[++minute_count] = $36 / ($32 / 60000)
        open_ms[minute_count] = $35 / ($32 / 60000)
    }
    found[$3 ~ /impostor/ ? "" : ($33 == 0 ? "none" : $33 == 1 ? "first" : "later")]++
    second_tries += $34
}
$3 ~ /^(rip|pair_alone)/ {
    note_scores("rip, " $5)
}
$3 ~ /^(vocal|mix)/ {
    note_scores("edit, " $3)
}
$3 == "rip_high" {
    hit_of["figure"] = hit_of["rips"] = hit_of["codec"] = "right"
    count("figure", "high", $16 == "right")
    count("rips", "≥ 128 kbit/s class, " $5, $16 == "right")
}
$3 == "rip_low" {
    kind = $6
    sub(/[-0-9]+ppm/, "", kind)
    hit_of["figure"] = hit_of["rips"] = "right"
    if (kind !~ /drift|silence|second/) {
        count("figure", "low", $16 == "right")
    }
    count("rips", kind == "none" ? $5 : kind, $16 == "right")
}
$3 == "pair" || $3 == "pair_alone" {
    hit_of["figure"] = hit_of["pairs"] = "right"
    if ($3 == "pair") {
        count("figure", "pair", $16 == "right")
    }
    count("pairs", ($3 == "pair" ? "both in the catalog" : "only its own") ", " $6 ", voice " $9 " dB", $16 == "right")
}
$3 == "pair_other" {
    hit_of["pair_other"] = "wrong"
    count("pair_other", "only the other, " $6 ", voice " $9 " dB", $16 ~ /wrong/)
}
$3 == "impostor" {
    hit_of["figure"] = "wrong_song"
    count("figure", "song", $16 == "wrong_song")
}
$3 ~ /^(vocal|mix|cut|intro|speed)/ {
    row = $3 == "vocal-6" ? "-6" : $3 == "vocal-10" ? "-10" : $3 ~ /^vocal_(side|left)/ ? "side" : "full"
    hit_of["figure"] = hit_of["edits"] = hit_of["grades"] = "wrong"
    count("figure", row, $16 ~ /wrong/)
    count("edits", $3 ", " $6 ($8 ~ /^[0-9]/ ? " " $8 " ms" : ""), $16 ~ /wrong/)
    count("grades", $3 ", codec " $4, $16 ~ /wrong/)
}
$3 == "remaster" {
    hit_of["remaster"] = "right"
    count("remaster", "EQ, compressor, limiter; codec " $4, $16 == "right")
}

# --- tables ------------------------------------------------------------------

function figures(    i, row) {
    print "| | figure | tuning | | held-out | | AcoustID, held-out | plain 120 s, held-out |"
    print "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for (i = 1; i <= row_count["figure"]; i++) {
        row = row_of["figure", i]
        printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", title[row], goal[row], of(hits["figure", row, "tuning"], n["figure", row, "tuning"]), wilson(hits["figure", row, "tuning"], n["figure", row, "tuning"]), of(hits["figure", row, "held"], n["figure", row, "held"]), wilson(hits["figure", row, "held"], n["figure", row, "held"]), wilson(acoustid_hits["figure", row, "held"], peer_n["figure", row, "held"]), wilson(plain_hits["figure", row, "held"], peer_n["figure", row, "held"])
    }
}

function sorted_rows(table,    i, j, kept) {
    for (i = 2; i <= row_count[table]; i++) {
        for (j = i; j > 1 && row_of[table, j - 1] > row_of[table, j]; j--) {
            kept = row_of[table, j]; row_of[table, j] = row_of[table, j - 1]; row_of[table, j - 1] = kept
        }
    }
}

function outcome_table(table, what,    i, j, k, row, side, sides) {
    split("tuning held", sides, " ")
    sorted_rows(table)
    printf "| | split | files | queries | %s | right | wrong edition | wrong song | held | other edition | unmatched | AcoustID | plain 120 s |\n", what
    print "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for (i = 1; i <= row_count[table]; i++) {
        row = row_of[table, i]
        for (j = 1; j <= 2; j++) {
            side = sides[j]
            if (n[table, row, side] == 0) {
                continue
            }
            printf "| %s | %s | %d | %d | %s", row, side, files[table, row, side], n[table, row, side], wilson(hits[table, row, side], n[table, row, side])
            for (k = 1; k <= 6; k++) {
                printf " | %d", seen[table, row, side, outcomes[k]]
            }
            printf " | %s | %s |\n", of(acoustid_hits[table, row, side], peer_n[table, row, side]), of(plain_hits[table, row, side], peer_n[table, row, side])
        }
    }
    print ""
}

# The value that `share` of them do not exceed.
function quantile(row, which, share,    i, m, values) {
    m = score_count[row]
    for (i = 1; i <= m; i++) {
        values[i] = score[row, which, i]
    }
    median(values, m)
    i = int(share * m + .999)
    return values[i < 1 ? 1 : i]
}
function score_table(    i, row) {
    sorted_rows("scores")
    print "| tuning only | n | sketch med / p95 / max | side med / p95 / max | larger of both min / p1 / p5 / med | BER med / p95 / max |"
    print "| --- | --- | --- | --- | --- | --- |"
    for (i = 1; i <= row_count["scores"]; i++) {
        row = row_of["scores", i]
        printf "| %s | %d | %.2f / %.2f / %.2f | %.2f / %.2f / %.2f | %.2f / %.2f / %.2f / %.2f | %.3f / %.3f / %.3f |\n", row, score_count[row], quantile(row, "mid", .5), quantile(row, "mid", .95), quantile(row, "mid", 1), quantile(row, "side", .5), quantile(row, "side", .95), quantile(row, "side", 1), quantile(row, "both", 0), quantile(row, "both", .01), quantile(row, "both", .05), quantile(row, "both", .5), quantile(row, "BER", .5), quantile(row, "BER", .95), quantile(row, "BER", 1)
    }
    print ""
}

function list(name, items, item_count,    i, fields) {
    printf "\n## %s: %d\n\n", name, item_count
    for (i = 1; i <= item_count && i <= 80; i++) {
        split(items[i], fields, "\t")
        printf "- %s `%s` %s; %s\n", fields[1], fields[2], fields[3], fields[4]
    }
    if (item_count > 80) {
        print "- …"
    }
}

function median(values, m,    i, j, kept, gap) {
    for (gap = int(m / 2); gap > 0; gap = int(gap / 2)) {
        for (i = gap + 1; i <= m; i++) {
            kept = values[i]
            for (j = i; j > gap && values[j - gap] > kept; j -= gap) {
                values[j] = values[j - gap]
            }
            values[j] = kept
        }
    }
    return m == 0 ? 0 : values[int((m + 1) / 2)]
}

END {
    printf "# How well does the matcher do?\n\nScale %s, seed %s, %d answers. Tuning: thresholds were chosen with these songs; held-out: never looked at for that.\n", scale, seed, FNR
    print "Rates with Wilson's 95 % interval. Queries may be parts of one file: both numbers are given. The other two rules were asked about whole files alone; for them a wrong match is one as for us, and *recognised* means the right recording came first.\n"
    print "## Figures\n"
    figures()
    print "\n## Rips\n"
    outcome_table("rips", "recognised")
    print "## Edits\n"
    outcome_table("edits", "wrongly matched")
    print "## Edits by bitrate class\n"
    outcome_table("grades", "wrongly matched")
    print "## Explicit and clean\n"
    outcome_table("pairs", "right edition")
    outcome_table("pair_other", "wrongly matched")
    print "## Another mastering\n"
    outcome_table("remaster", "matched")
    print "## Scores\n"
    score_table()
    print "## Work\n"
    printf "Median CPU of candidates' alignment and comparison, ms a minute of the query: %.1f. Median time until decoded and fingerprinted, ms a minute: %.0f. Own recording among the candidates: first %d, later %d, not at all %d; second tries %d.\n", median(minute_ms, minute_count), median(open_ms, minute_count), found["first"], found["later"], found["none"], second_tries
    list("Wrong songs", wrong_songs, wrong_song_count + 0)
    list("Edits taken for the original", wrong_edits, wrong_edit_count + 0)
    list("Rips not recognised", lost, lost_count + 0)
}
