/* SPDX-License-Identifier: MIT */
/*
 * cases.h: the benchmark cases, by the names under which Linux was measured
 * (tests/bench/linux.csv).
 *
 * A case does one thing `n` times, through the public API only, so the same source runs on bare
 * metal and on the host.
 */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#include <quarry/quarry.h>

struct bench_case {
	const char *name;
	void (*run)(const struct bench_case *self, unsigned long n);
	unsigned long n;   /* turns of one measurement */
	unsigned long per; /* operations a turn: the figure is for one of them */
	size_t size;       /* what the case is about: bytes, order, length: see its function */
	unsigned count;
	unsigned order_of_free; /* BENCH_LIFO, BENCH_FIFO, BENCH_RANDOM */
	/* Free memory consists of blocks of this order, and of smaller ones; 0: as it is. */
	unsigned broken_to; /* order plus 1 */
};
enum { BENCH_LIFO, BENCH_FIFO, BENCH_RANDOM };

extern const struct bench_case bench_cases[];
extern const unsigned nr_bench_cases;

/* Once, after quarry_init: caches and permutations. Return: false if memory is missing. */
bool bench_setup(void);
/* How addresses lie after many vmallocs and vfrees of mixed sizes, in bytes: areas with their guard
 * pages; from the first to the end of the last; and the longest stretch between that is free. */
struct bench_addresses {
	size_t live, span, longest_hole;
};
struct bench_addresses bench_addresses(void);
/* Break memory up as the case wants it, and undo that. Return: false if memory is missing. */
bool bench_prepare(const struct bench_case *bench);
void bench_restore(const struct bench_case *bench);

#endif
