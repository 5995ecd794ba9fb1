/* SPDX-License-Identifier: MIT */
/*
 * host.c: the benchmark in nanoseconds on this machine, as a check that fewer instructions are a
 * faster call.
 *
 * Memory is one anonymous mapping; there is no vmalloc window, so the virtual-memory cases are left
 * out. Each figure is the best of several rounds, because the machine is shared.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/bench/cases.h"

#define MEMORY (1ul << 30)
#define BLOCK (4ul << 20)
#define ROUNDS 9

__thread unsigned bench_cpu;
__thread unsigned long bench_task_word;

void quarry_os_log(int level, const char *line)
{
	(void)level;
	fprintf(stderr, "%s\n", line);
}
_Noreturn void quarry_os_panic(const char *why)
{
	fprintf(stderr, "panic: %s\n", why);
	abort();
}
void quarry_os_call_others(void (*fn)(void *arg), void *arg)
{
	(void)fn; /* one CPU is online */
	(void)arg;
}

static double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(void)
{
	char *memory = mmap(NULL, MEMORY + BLOCK, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uintptr_t base = ((uintptr_t)memory + BLOCK) & ~(BLOCK - 1);
	struct quarry_mem_range range = {BLOCK, MEMORY - BLOCK, QUARRY_MEM_USABLE, 0};
	struct quarry_params params = {.size = sizeof(params),
				       .map = &range,
				       .nr_map = 1,
				       .direct_map_offset = base,
				       .nr_cpus = 1};

	if (memory == MAP_FAILED || quarry_init(&params) || !bench_setup())
		return 1;
	quarry_sleeping_works();
	printf("host: nanoseconds per operation\n");
	for (unsigned i = 0; i < nr_bench_cases; i++) {
		const struct bench_case *bench = &bench_cases[i];
		double best = 1e30;
		if (strstr(bench->name, "vmalloc_") == bench->name ||
		    strstr(bench->name, "kvmalloc_pair_8m") || strchr(bench->name, '/'))
			continue;
		for (int round = 0; round < ROUNDS; round++) {
			double start = now_ns();
			bench->run(bench, bench->n);
			double time = (now_ns() - start) / (double)(bench->n * bench->per);
			best = time < best ? time : best;
		}
		printf("%-36s%10.1f\n", bench->name, best);
	}
	return mm_check() != 0;
}
