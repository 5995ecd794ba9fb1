/* SPDX-License-Identifier: MIT */
/*
 * host.c: the benchmark in nanoseconds on this machine, as a check that fewer instructions are a
 * faster call.
 *
 * There is no vmalloc window, so the virtual-memory cases are left out. Each figure is the best of
 * several rounds, because the machine may be shared.
 */
#include <stdio.h>
#include <string.h>

#include "tests/bench/cases.h"
#include "tests/bench/host_world.h"

#define ROUNDS 9

int main(void)
{
	bench_start(1ull << 30, 1);
	if (!bench_setup())
		return 1;
	printf("host: nanoseconds per operation\n");
	for (unsigned i = 0; i < nr_bench_cases; i++) {
		const struct bench_case *bench = &bench_cases[i];
		double best = 1e30;
		if (strstr(bench->name, "vmalloc_") == bench->name ||
		    strstr(bench->name, "kvmalloc_pair_8m") || strchr(bench->name, '/'))
			continue;
		for (int round = 0; round < ROUNDS; round++) {
			double start = bench_now_ns();
			bench->run(bench, bench->n);
			double time = (bench_now_ns() - start) / (double)(bench->n * bench->per);
			best = time < best ? time : best;
		}
		printf("%-36s%10.1f\n", bench->name, best);
	}
	return mm_check() != 0;
}
