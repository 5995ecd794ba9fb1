/* SPDX-License-Identifier: MIT */
/*
 * host_os.c: the OS under the host benchmarks: hooks, and a machine on an anonymous mapping.
 *
 * A benchmark with several CPUs either runs a thread for each and makes no cross-calls, or plays
 * them all in one thread by setting bench_cpu; then a cross-call plays the others in turn.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/bench/host_world.h"

__thread unsigned bench_cpu;
__thread unsigned long bench_task_word;
unsigned bench_cpus = 1;

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
	unsigned self = bench_cpu;

	for (bench_cpu = 0; bench_cpu < bench_cpus; bench_cpu++)
		if (bench_cpu != self)
			fn(arg);
	bench_cpu = self;
}

double bench_now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

uint64_t bench_random(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 31) * 0xd6e8feb86659fd93ull;
	x = (x ^ x >> 29) * 0xa3b195354a39b70dull;
	return x ^ x >> 32;
}

void bench_start(uint64_t bytes, unsigned cpus)
{
	static char *memory;
	static size_t mapped;
	const uint64_t base = 4ull << 30; /* one zone: NORMAL */

	if (memory)
		munmap(memory, mapped);
	mapped = bytes + BENCH_ALIGN;
	/* High, so that the offset of the direct map is positive under a tool that maps low. */
	memory = mmap((void *)0x20000000000, mapped, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	uintptr_t start = ((uintptr_t)memory + BENCH_ALIGN - 1) & ~(BENCH_ALIGN - 1);
	struct quarry_mem_range range = {base, bytes, QUARRY_MEM_USABLE, 0};
	struct quarry_params params = {.size = sizeof(params),
				       .map = &range,
				       .nr_map = 1,
				       .direct_map_offset = start - base,
				       .nr_cpus = cpus};
	bench_cpus = 1;
	bench_cpu = 0;
	if (quarry_init(&params))
		exit(1);
	quarry_sleeping_works();
	for (bench_cpu = 1; bench_cpu < cpus; bench_cpu++)
		if (quarry_cpu_online())
			exit(1);
	bench_cpu = 0;
	bench_cpus = cpus;
}
