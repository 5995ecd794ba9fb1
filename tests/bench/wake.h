/* SPDX-License-Identifier: MIT */
/*
 * wake.h: what a request pays for short memory when kswapd need only be told.
 */
#ifndef BENCH_WAKE_H
#define BENCH_WAKE_H

/*
 * Measure, and print "WAKE <mask> <above the low mark> <below it, kswapd not to be woken> <below
 * it, kswapd awake> <below it, kswapd woken>": instructions of a page taken from its zone and given
 * back. `per_mille`: cycles per 1000 instructions.
 * Context: CPU 0, the other CPUs wait. Return: NULL, or what went wrong: also if the wake costs too
 * much, or a page is missing afterwards.
 */
const char *wake_measure(unsigned long per_mille);

#endif
