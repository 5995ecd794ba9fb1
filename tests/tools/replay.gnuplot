# SPDX-License-Identifier: MIT
# Draws the table of replay.c: gnuplot -e "table='...'; picture='...'" replay.gnuplot
set terminal svg size 1000,700 dynamic background rgb 'white'
set output picture
set grid
set key top left
set xtics format '%.0s%c'
set multiplot
set lmargin 10
set rmargin 10
set size 1,0.65
set origin 0,0.35
set ylabel 'MiB'
set y2label 'memory / requested'
set ytics nomirror
set y2tics
set y2range [1:2]
plot table using 1:($3/1048576) with lines lw 2 title 'memory of objects', \
     table using 1:($2/1048576) with lines lw 2 title 'requested', \
     table using 1:4 axes x1y2 with lines lt 0 lw 2 title 'ratio (right)'
set origin 0,0
set size 1,0.35
unset y2label
unset y2tics
set ytics mirror
set ylabel 'pages'
set xlabel 'events'
plot table using 1:5 with lines lw 2 title 'pages that hold one object'
unset multiplot
