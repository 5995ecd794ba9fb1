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
 * A case is cut into turns of about 1000 operations, some 10 us each, and its figure is the time
 * that a tenth of the turns stayed below: what else runs on the machine makes most turns longer and
 * few shorter. With two threads it is the slower one's. Both are called through a pointer. Those of
 * user space need not be safe from interrupts; nor do the hooks of host_os.h mask any, but the
 * library pays for what it does to need that.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/host_world.h"

#define TURNS 4000u
#define BATCH 1000u
#define SLOTS 256u
#define MAIL 512u

struct job {
	double (*turn)(struct job *job); /* return: nanoseconds of one operation */
	size_t size;
	unsigned self;
	uint64_t seed;
	void *slot[SLOTS];
	double ns[TURNS];
};

static void *(*take)(size_t size);
static void (*give)(void *p);
static pthread_barrier_t gate;
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

static double pair(struct job *job)
{
	double start = bench_now_ns();

	for (unsigned i = 0; i < BATCH; i++)
		give(take(job->size));
	return (bench_now_ns() - start) / BATCH;
}

static double batch(size_t size, bool random)
{
	void *held[BATCH];
	double start = bench_now_ns();

	for (unsigned i = 0; i < BATCH; i++)
		held[i] = take(size);
	for (unsigned i = 0; i < BATCH; i++)
		give(held[random ? shuffled[i] : i]);
	return (bench_now_ns() - start) / BATCH;
}
static double batch_fifo(struct job *job)
{
	return batch(job->size, false);
}
static double batch_random(struct job *job)
{
	return batch(job->size, true);
}

static double slots(struct job *job)
{
	double start = bench_now_ns();

	for (unsigned i = 0; i < BATCH; i++) {
		uint64_t dice = bench_random(&job->seed);
		void **place = &job->slot[dice % SLOTS];

		give(*place);
		*place = take(16 + (dice >> 32) % (job->size - 15));
	}
	return (bench_now_ns() - start) / BATCH;
}

static double exchange(struct job *job)
{
	double time, start = bench_now_ns();

	for (unsigned i = 0; i < MAIL; i++)
		mail[job->self][i] = take(job->size);
	time = bench_now_ns() - start;
	pthread_barrier_wait(&gate);
	start = bench_now_ns();
	for (unsigned i = 0; i < MAIL; i++)
		give(mail[!job->self][i]);
	time += bench_now_ns() - start;
	pthread_barrier_wait(&gate);
	return time / MAIL;
}

static int ascending(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return (d > 0) - (d < 0);
}

static void *work(void *arg)
{
	struct job *job = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(job->self, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	bench_cpu = job->self;
	pthread_barrier_wait(&gate);
	for (unsigned turn = 0; turn < TURNS; turn++)
		job->ns[turn] = job->turn(job);
	for (unsigned i = 0; i < SLOTS; i++)
		give(job->slot[i]);
	qsort(job->ns, TURNS, sizeof(double), ascending);
	return NULL;
}

static void measure(const char *name, double (*turn)(struct job *), size_t size, unsigned threads)
{
	static struct job job[2];
	pthread_t id[2];
	double slower = 0;

	pthread_barrier_init(&gate, NULL, threads);
	for (unsigned i = 0; i < threads; i++) {
		job[i] = (struct job){.turn = turn, .size = size, .self = i, .seed = i + 1};
		pthread_create(&id[i], NULL, work, &job[i]);
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(id[i], NULL);
		double ns = job[i].ns[TURNS / 10];
		slower = ns > slower ? ns : slower;
	}
	pthread_barrier_destroy(&gate);
	printf("%s-%zu %u %.2f\n", name, size, threads, slower);
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
