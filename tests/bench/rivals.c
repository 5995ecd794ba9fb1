/* SPDX-License-Identifier: MIT */
/*
 * rivals.c: objects beside allocators of user space: one driver, this library or the process's
 * malloc, which is what LD_PRELOAD says (rivals.sh).
 *
 *   rivals quarry | malloc      prints "CASE THREADS NANOSECONDS", an operation being an allocation
 *                               and its free
 *
 *   pair       taken and freed at once
 *   batch      1000 taken, then freed, oldest first or in random order
 *   slots      256 slots; a random one is freed and taken anew with a random size
 *   exchange   512 taken, then freed by the other thread, both threads at the same time
 *
 * Both are called through a pointer, and time is that of the processor, the best of several rounds.
 * With two threads it is the slower one's. Those of user space need not be safe from interrupts;
 * nor do the hooks of host_os.h mask any, but the library pays for what it does to need that.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/host_world.h"

#define ROUNDS 60u
#define BATCH 1000u
#define SLOTS 256u
#define MAIL 512u

struct result {
	double ns;
	unsigned long operations;
};
struct job {
	void (*run)(unsigned self, size_t size, struct result *result);
	size_t size;
	unsigned self;
	struct result result;
};

static void *(*take)(size_t size);
static void (*give)(void *p);
static pthread_barrier_t gate;
static unsigned nr_threads;
static unsigned short shuffled[BATCH];
static void *mail[2][MAIL];

static void *take_quarry(size_t size)
{
	return kmalloc(size, GFP_KERNEL);
}
static void give_quarry(void *p)
{
	kfree(p);
}

static double cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void pair(unsigned self, size_t size, struct result *result)
{
	double start = cpu_ns();

	(void)self;
	for (unsigned i = 0; i < 50000; i++)
		give(take(size));
	*result = (struct result){cpu_ns() - start, 50000};
}

static void batch(size_t size, bool random, struct result *result)
{
	void *held[BATCH];
	double start = cpu_ns();

	for (unsigned round = 0; round < 30; round++) {
		for (unsigned i = 0; i < BATCH; i++)
			held[i] = take(size);
		for (unsigned i = 0; i < BATCH; i++)
			give(held[random ? shuffled[i] : i]);
	}
	*result = (struct result){cpu_ns() - start, 30 * BATCH};
}
static void batch_fifo(unsigned self, size_t size, struct result *result)
{
	(void)self;
	batch(size, false, result);
}
static void batch_random(unsigned self, size_t size, struct result *result)
{
	(void)self;
	batch(size, true, result);
}

static void slots(unsigned self, size_t size, struct result *result)
{
	void *slot[SLOTS] = {NULL};
	uint64_t seed = self + 1;
	double start = cpu_ns();

	for (unsigned i = 0; i < 30000; i++) {
		uint64_t dice = bench_random(&seed);
		void **place = &slot[dice % SLOTS];

		give(*place);
		*place = take(16 + (dice >> 32) % (size - 15));
	}
	*result = (struct result){cpu_ns() - start, 30000};
	for (unsigned i = 0; i < SLOTS; i++)
		give(slot[i]);
}

static void exchange(unsigned self, size_t size, struct result *result)
{
	double time = 0, start;

	for (unsigned round = 0; round < 50; round++) {
		start = cpu_ns();
		for (unsigned i = 0; i < MAIL; i++)
			mail[self][i] = take(size);
		time += cpu_ns() - start;
		pthread_barrier_wait(&gate);
		start = cpu_ns();
		for (unsigned i = 0; i < MAIL; i++)
			give(mail[!self][i]);
		time += cpu_ns() - start;
		pthread_barrier_wait(&gate);
	}
	*result = (struct result){time, 50 * MAIL};
}

static void *work(void *arg)
{
	struct job *job = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(job->self, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	bench_cpu = job->self;
	for (unsigned warm = 0; warm < 2; warm++) {
		pthread_barrier_wait(&gate);
		job->run(job->self, job->size, &job->result);
	}
	return NULL;
}

static void measure(const char *name, void (*run)(unsigned, size_t, struct result *), size_t size,
		    unsigned threads)
{
	double best = 1e30;

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct job job[2] = {{run, size, 0, {0, 1}}, {run, size, 1, {0, 1}}};
		pthread_t id[2];
		double slower = 0;

		nr_threads = threads;
		pthread_barrier_init(&gate, NULL, threads);
		for (unsigned i = 0; i < threads; i++)
			pthread_create(&id[i], NULL, work, &job[i]);
		for (unsigned i = 0; i < threads; i++) {
			pthread_join(id[i], NULL);
			double ns = job[i].result.ns / (double)job[i].result.operations;
			slower = ns > slower ? ns : slower;
		}
		pthread_barrier_destroy(&gate);
		best = slower < best ? slower : best;
	}
	printf("%s-%zu %u %.2f\n", name, size, threads, best);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	uint64_t seed = 7;
	bool ours = argc > 1 && !strcmp(argv[1], "quarry");

	take = ours ? take_quarry : malloc;
	give = ours ? give_quarry : free;
	if (ours)
		bench_start(1ull << 30, 2);
	for (unsigned i = 0; i < BATCH; i++) {
		unsigned j = (unsigned)(bench_random(&seed) % (i + 1));

		shuffled[i] = shuffled[j];
		shuffled[j] = (unsigned short)i;
	}
	for (unsigned threads = 1; threads <= 2; threads++) {
		measure("pair", pair, 64, threads);
		measure("pair", pair, 1024, threads);
		measure("batch-fifo", batch_fifo, 64, threads);
		measure("batch-random", batch_random, 64, threads);
		measure("batch-random", batch_random, 1024, threads);
		measure("slots", slots, 1024, threads);
	}
	measure("exchange", exchange, 64, 2);
	measure("exchange", exchange, 1024, 2);
	return ours && mm_check() != 0;
}
