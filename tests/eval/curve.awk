# SPDX-License-Identifier: GPL-3.0-or-later
# awk -f curve.awk answers.tsv: recall of rips and share of edits wrongly
# matched when the limit of the sketch moves, all else as it was decided. Four
# blocks for gnuplot (split and bitrate class): limit, wrongly matched %,
# recall %, how many of each.
BEGIN {
    FS = "\t"
    STEPS = 80
    split("held tuning", sides, " ")
    split("high low", grades, " ")
}

# What the sketch alone decided: a query that failed elsewhere fails at every
# limit.
function score() {
    if ($23 == 0 || $18 !~ /^(-|sketch|side|doubt|dynamics)$/) {
        return 1e9
    }
    return $23 > $24 ? $23 : $24
}

$3 ~ /^(rip_|pair_alone)/ || $3 ~ /^(vocal|mix)/ {
    group = $3 ~ /^(rip_|pair_alone)/ ? "rip" : "edit"
    key = group SUBSEP $2 SUBSEP $4
    all[key]++
    value = score()
    for (i = 0; i <= STEPS; i++) {
        if (value <= 1 + i / 20) {
            accepted[key, i]++
        }
    }
}

END {
    for (s = 1; s <= 2; s++) {
        for (g = 1; g <= 2; g++) {
            rip = "rip" SUBSEP sides[s] SUBSEP grades[g]
            cut = "edit" SUBSEP sides[s] SUBSEP grades[g]
            printf "# %s %s: limit, wrongly matched %%, recall %%, edits, rips\n", sides[s], grades[g]
            for (i = 0; i <= STEPS; i++) {
                printf "%.2f\t%.3f\t%.3f\t%d\t%d\n", 1 + i / 20, all[cut] ? 100 * accepted[cut, i] / all[cut] : 0, all[rip] ? 100 * accepted[rip, i] / all[rip] : 0, all[cut], all[rip]
            }
            print "\n"
        }
    }
}
