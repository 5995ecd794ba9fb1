/* SPDX-License-Identifier: MIT */
/*
 * threads.c: two CPUs at once against one, in operations a second; and how often CPUs meet at a
 * zone's lock.
 *
 * Throughput. Two threads on the same library are compared with one alone, and with two processes
 * at once, each with a library of its own. What two processes lose against one alone is the
 * machine's (cores that share units, caches or a clock, neighbours); the figure that is ours is
 * what threads lose against processes: 2.00 times means that the two CPUs did not hinder each
 * other. Times are of the processor, not of the clock, and the best of several rounds, in which the
 * three kinds take turns: a busy machine moves them alike.
 *
 * Lock traffic is counted, not timed, so its CPUs are played in turn by one thread, and the counts
 * repeat exactly. A CPU goes to the lock when a burst runs over an edge of its stock: 1/64 of its
 * share of the zone, at most 4096 pages, moved by the quarter (taking) or the half in chunks of 32
 * (giving). So the figure rises as the machine is cut into smaller shares, and falls with memory.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mm/phys/zone.h"
#include "tests/bench/host_world.h"

#define ROUNDS 15
#define PAIRS 1000000u
#define BATCHES 2000u
#define BATCH 512u
#define MAX_CPUS 16u
#define BURST 256u
#define TRAFFIC 2000000ul

/* ---- throughput ---- */

static void pair(unsigned order)
{
	for (unsigned i = 0; i < PAIRS; i++)
		__free_pages(alloc_pages(GFP_KERNEL, order), order);
}
static void batch(unsigned order)
{
	struct page *held[BATCH];

	for (unsigned n = 0; n < BATCHES; n++) {
		for (unsigned i = 0; i < BATCH; i++)
			held[i] = alloc_pages(GFP_KERNEL, order);
		for (unsigned i = BATCH; i-- > 0;)
			__free_pages(held[i], order);
	}
}

struct bench_job {
	void (*run)(unsigned order);
	unsigned order, cpu;
};
/* In memory that processes share. */
static struct {
	pthread_barrier_t gate;
	double time[2];
} *shared;

static double cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}
static void *work(void *arg)
{
	const struct bench_job *job = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(job->cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	bench_cpu = job->cpu;
	job->run(job->order); /* warm */
	pthread_barrier_wait(&shared->gate);
	double start = cpu_ns();
	job->run(job->order);
	shared->time[job->cpu] = cpu_ns() - start;
	return NULL;
}

/* Run on `cpus` CPUs, as threads of this process or as processes. Return: the slower one's time. */
static double round_of(void (*run)(unsigned), unsigned order, unsigned cpus, bool apart)
{
	struct bench_job job[2] = {{run, order, 0}, {run, order, 1}};
	pthread_barrierattr_t attributes;
	pthread_t id[2];

	pthread_barrierattr_init(&attributes);
	pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&shared->gate, &attributes, cpus);
	shared->time[1] = 0;
	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		if (!apart) {
			pthread_create(&id[cpu], NULL, work, &job[cpu]);
		} else if (!fork()) {
			work(&job[cpu]);
			_exit(0);
		}
	}
	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		if (apart)
			wait(NULL);
		else
			pthread_join(id[cpu], NULL);
	}
	return shared->time[0] > shared->time[1] ? shared->time[0] : shared->time[1];
}

static void throughput(const char *name, void (*run)(unsigned), unsigned order, double operations)
{
	enum { ALONE, APART, TOGETHER, KINDS };
	double best[KINDS] = {1e30, 1e30, 1e30};

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned kind = 0; kind < KINDS; kind++) {
			double time = round_of(run, order, kind == ALONE ? 1 : 2, kind == APART);
			best[kind] = time < best[kind] ? time : best[kind];
		}
	}
	printf("%-24s%7.1f%11.1f%11.1f ns%10.2f%12.2f\n", name, best[ALONE] / operations,
	       best[APART] / operations, best[TOGETHER] / operations,
	       2 * best[ALONE] / best[TOGETHER], 2 * best[APART] / best[TOGETHER]);
}

/* ---- lock traffic ---- */

static unsigned long locks(void)
{
	unsigned long sum = 0;

	for_every_populated_zone (zone)
		sum += zone->lock_count;
	return sum;
}

/* Each CPU in turn: what the CPU before it sent is freed, then a burst of 1 to 256 requests, which
 * go to the next CPU. Return: lock acquisitions per 1000 operations. */
static double lock_traffic(unsigned cpus, uint64_t bytes)
{
	static struct page *mail[MAX_CPUS][BURST];
	unsigned waiting[MAX_CPUS] = {0};
	unsigned long operations = 0, before;
	uint64_t seed = 1;

	bench_start(bytes, cpus);
	before = locks();
	for (unsigned self = 0; operations < TRAFFIC; self = (self + 1) % cpus) {
		unsigned next = (self + 1) % cpus, burst = 1 + bench_random(&seed) % BURST;

		bench_cpu = self;
		for (unsigned i = 0; i < waiting[self]; i++)
			__free_page(mail[self][i]);
		for (unsigned i = 0; i < burst; i++)
			mail[next][i] = alloc_page(GFP_KERNEL);
		operations += waiting[self] + burst;
		waiting[self] = 0;
		waiting[next] = burst;
	}
	before = locks() - before;
	for (bench_cpu = 0; bench_cpu < cpus; bench_cpu++)
		for (unsigned i = 0; i < waiting[bench_cpu]; i++)
			__free_page(mail[bench_cpu][i]);
	bench_cpu = 0;
	if (mm_check())
		exit(1);
	return 1000.0 * (double)before / (double)operations;
}

int main(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 1;
	bench_start(2ull << 30, 2);
	printf("%-24s%7s%11s%14s%10s%12s\n", "two CPUs", "alone", "2 procs", "2 threads",
	       "of alone", "of 2 procs");
	throughput("pair, order 0", pair, 0, PAIRS);
	throughput("pair, order 3", pair, 3, PAIRS);
	throughput("batch of 512, order 0", batch, 0, (double)BATCHES * BATCH);
	if (mm_check())
		return 1;
	printf("zone lock acquisitions per 1000 operations, pages taken here and freed next door:\n"
	       "CPUs      1 GiB     4 GiB    16 GiB\n");
	for (unsigned cpus = 2; cpus <= MAX_CPUS; cpus *= 2)
		printf("%4u%11.2f%10.2f%10.2f\n", cpus, lock_traffic(cpus, 1ull << 30),
		       lock_traffic(cpus, 4ull << 30), lock_traffic(cpus, 16ull << 30));
	return 0;
}
