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
};
enum { BENCH_LIFO, BENCH_FIFO, BENCH_RANDOM };

extern const struct bench_case bench_cases[];
extern const unsigned nr_bench_cases;

/* Once, after quarry_init: caches and permutations. Return: false if memory is missing. */
bool bench_setup(void);

#endif
