# SPDX-License-Identifier: GPL-3.0-or-later
# gnuplot -e "curve='curve.tsv'; picture='curve.png'" curve.gnuplot
set terminal pngcairo size 1100,750 font "sans,11"
set output picture
set datafile separator "\t"
set title "Limit of the sketch from 1.0 to 5.0: rips recognised against edits taken for the original"
set xlabel "edits wrongly matched, %"
set ylabel "rips recognised, %"
set xrange [-.3:20]
set yrange [60:100.5]
set key bottom right
set grid
mark(limit) = (int(limit * 20 + .5) == 36) ? 1 : 1/0
plot curve index 0 using 2:3 with lines lw 2 lc rgb "#1f77b4" title "held-out, at least 128 kbit/s class", \
     curve index 1 using 2:3 with lines lw 2 lc rgb "#d62728" title "held-out, below", \
     curve index 2 using 2:3 with lines lw 1 dt 2 lc rgb "#1f77b4" title "tuning, at least 128 kbit/s class", \
     curve index 3 using 2:3 with lines lw 1 dt 2 lc rgb "#d62728" title "tuning, below", \
     curve index 0 using (mark($1) * $2):3 with points pt 7 lc rgb "#1f77b4" title "limit 1.8", \
     curve index 1 using (mark($1) * $2):3 with points pt 7 lc rgb "#d62728" notitle
