/* SPDX-License-Identifier: MIT */
/*
 * pressure.c: the last pages of memory, fought for by a cache, kswapd and interrupts; then memory
 * that is scattered, made whole by moving pages.
 *
 * Fight     A cache with a shrinker takes nearly all memory and grows on. All CPUs ask with
 *           GFP_KERNEL, their interrupts with GFP_ATOMIC. kswapd, woken from wherever memory was
 *           found short, shrinks the cache; so do requests that cannot wait for it.
 * Compact   The cache keeps most of memory, pages that can move take the rest; every other one is
 *           freed. What is free are single pages then, and blocks after compaction. Each moved page
 *           must come with its contents.
 *
 * This kernel has no threads: CPUs do the work of kswapd and kcompactd in steps, between their own.
 *
 * Start at pressure_phase().
 */
#include "tests/boot/common/kernel.h"

#define HELD 64u
#define IRQ_HELD 4u
#define MOVABLE 16384u

struct fighter {
	uint64_t random;
	struct page *held[HELD], *irq_held[IRQ_HELD];
	unsigned long got, failed, irq_got, irq_failed;
};

static struct {
	struct fighter fighter[BOOT_MAX_CPUS];
	unsigned long turns;
	bool fighting;
	unsigned told;
	unsigned long scans, shrunk;
	unsigned lock; /* of the cache */
	struct page *cache;
	unsigned long cached;
	struct page *movable[MOVABLE];
	unsigned nr_movable;
	unsigned long moved;
} state;

/* ---- the cache ---- */

static void lock_cache(void)
{
	while (__atomic_exchange_n(&state.lock, 1u, __ATOMIC_ACQUIRE))
		arch_relax();
}
static void unlock_cache(void)
{
	__atomic_store_n(&state.lock, 0u, __ATOMIC_RELEASE);
}

static void cache_give(struct page *page)
{
	lock_cache();
	page->mapping = state.cache;
	state.cache = page;
	__atomic_store_n(&state.cached, state.cached + 1, __ATOMIC_RELAXED);
	unlock_cache();
}

static struct page *cache_take(void)
{
	lock_cache();
	struct page *page = state.cache;
	if (page) {
		state.cache = page->mapping;
		__atomic_store_n(&state.cached, state.cached - 1, __ATOMIC_RELAXED);
	}
	unlock_cache();
	return page;
}

static unsigned long cache_count(struct shrinker *shrinker, struct shrink_control *control)
{
	(void)shrinker;
	(void)control;
	return __atomic_load_n(&state.cached, __ATOMIC_RELAXED);
}

static unsigned long cache_scan(struct shrinker *shrinker, struct shrink_control *control)
{
	unsigned long freed = 0;
	struct page *page;

	(void)shrinker;
	while (freed < control->nr_to_scan && (page = cache_take())) {
		__free_page(page);
		freed++;
	}
	__atomic_fetch_add(&state.scans, 1ul, __ATOMIC_RELAXED);
	__atomic_fetch_add(&state.shrunk, freed, __ATOMIC_RELAXED);
	return freed;
}

static struct shrinker cache_shrinker = {
	.count_objects = cache_count, .scan_objects = cache_scan, .seeks = DEFAULT_SEEKS};

/* Let the cache take pages until `left` are free. */
static void cache_grow(unsigned long left)
{
	struct page *page;

	while (nr_free_pages() + nr_parked_pages() > left && (page = alloc_page(GFP_NOWAIT)))
		cache_give(page);
}

/* ---- the fight ---- */

static void on_pressure(struct quarry_pressure_watch *watch, enum quarry_pressure level)
{
	static const char *const names[] = {"normal", "short", "critical"};

	(void)watch;
	if (__atomic_fetch_add(&state.told, 1u, __ATOMIC_RELAXED) < 6)
		kprintf("pressure: level %s, %lu pages free\n", names[level], nr_free_pages());
}

void pressure_interrupt(unsigned cpu)
{
	struct fighter *fighter = &state.fighter[cpu];

	if (!__atomic_load_n(&state.fighting, __ATOMIC_RELAXED))
		return;
	struct page **page = &fighter->irq_held[random_below(&fighter->random, IRQ_HELD)];
	if (*page) {
		__free_page(*page);
		*page = NULL;
	} else {
		*page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
		*(*page ? &fighter->irq_got : &fighter->irq_failed) += 1;
	}
}

static void print_fight(unsigned long percent)
{
	unsigned long got = 0, failed = 0, irq_got = 0, irq_failed = 0;

	for (unsigned cpu = 0; cpu < smp_online(); cpu++) {
		got += state.fighter[cpu].got;
		failed += state.fighter[cpu].failed;
		irq_got += state.fighter[cpu].irq_got;
		irq_failed += state.fighter[cpu].irq_failed;
	}
	struct smp_kswapd kswapd = smp_kswapd();
	kprintf("pressure: %3lu %%, %lu pages free, cache %lu; shrinker called %lu times, freed "
		"%lu; tasks got %lu pages, failed %lu; interrupts got %lu, failed %lu\n",
		percent, nr_free_pages(), state.cached, state.scans, state.shrunk, got, failed,
		irq_got, irq_failed);
	kprintf("pressure: kswapd woken %lu times, ran %lu times; last on CPU %u, from %lu to %lu "
		"pages free\n",
		kswapd.wakes, kswapd.runs, kswapd.cpu, kswapd.before, kswapd.after);
}

static void fight(unsigned cpu)
{
	struct fighter *fighter = &state.fighter[cpu];
	uint64_t random = cpu + 1;

	for (unsigned long turn = 0; turn < state.turns; turn++) {
		struct page **page = &fighter->held[random_below(&random, HELD)];
		if (*page) {
			__free_page(*page);
			*page = NULL;
		} else {
			*page = alloc_page(GFP_KERNEL | __GFP_NOWARN);
			*(*page ? &fighter->got : &fighter->failed) += 1;
		}
		struct page *more = alloc_page(GFP_NOWAIT);
		if (more)
			cache_give(more);
		if (random_below(&random, 16) == 0)
			machine_send_ipi((unsigned)random_below(&random, smp_online()));
		smp_run_deferred();
		if (cpu == 0 && turn % (state.turns / 4 + 1) == 0)
			print_fight(turn * 100 / state.turns);
	}
}

static void end_fight(void)
{
	for (unsigned cpu = 0; cpu < smp_online(); cpu++) {
		struct fighter *fighter = &state.fighter[cpu];
		for (unsigned i = 0; i < HELD; i++)
			__free_page(fighter->held[i]);
		for (unsigned i = 0; i < IRQ_HELD; i++)
			__free_page(fighter->irq_held[i]);
	}
}

static const char *run_fight(void)
{
	struct quarry_pressure_watch watch = {.changed = on_pressure};
	struct fighter *first = &state.fighter[0];

	state.turns = option_number("steps", 40000) / 4;
	for (unsigned cpu = 0; cpu < smp_online(); cpu++)
		state.fighter[cpu].random = cpu + 77;
	quarry_watch_pressure(&watch);
	cache_grow(totalram_pages() / 64);
	__atomic_store_n(&state.fighting, true, __ATOMIC_RELAXED);
	smp_run(fight);
	__atomic_store_n(&state.fighting, false, __ATOMIC_RELAXED);
	print_fight(100);
	quarry_unwatch_pressure(&watch);
	end_fight();
	if (first->failed)
		return "a request failed though a cache could be shrunk";
	return smp_kswapd().runs && state.scans ? NULL : "memory was short and nobody reclaimed";
}

/* ---- compaction ---- */

static bool isolate(struct page *page, isolate_mode_t mode)
{
	(void)mode;
	return page_private(page) != 0;
}

static int migrate(struct page *dst, struct page *src, enum migrate_mode mode)
{
	unsigned long number = page_private(src);

	(void)mode;
	if (!number || page_ref_count(src) != 2)
		return -QUARRY_EAGAIN;
	copy_page(page_address(dst), page_address(src));
	set_page_private(dst, number);
	set_page_private(src, 0);
	state.movable[number - 1] = dst;
	state.moved++;
	get_page(dst);
	__SetPageMovable(dst, page_movable_ops(src));
	put_page(src);
	return 0;
}

static void put_back(struct page *page)
{
	(void)page;
}

static const struct movable_operations owner = {isolate, migrate, put_back};

static void take_movable(void)
{
	struct page *page;

	while (state.nr_movable < MOVABLE &&
	       (page = alloc_page((GFP_HIGHUSER_MOVABLE & ~__GFP_DIRECT_RECLAIM) | __GFP_NOWARN))) {
		*(uint64_t *)page_address(page) = state.nr_movable;
		state.movable[state.nr_movable] = page;
		set_page_private(page, ++state.nr_movable);
		__SetPageMovable(page, &owner);
	}
}

static const char *free_movable(unsigned step)
{
	const char *failure = NULL;

	for (unsigned i = 0; i < state.nr_movable; i += step) {
		struct page *page = state.movable[i];
		if (!page)
			continue;
		if (*(uint64_t *)page_address(page) != i)
			failure = "a page that moved lost its contents";
		set_page_private(page, 0);
		__free_page(page);
		state.movable[i] = NULL;
	}
	return failure;
}

static void print_memory(const char *when)
{
	drain_all_pages();
	kprintf("\nmemory %s compaction: %lu pages free\n", when, nr_free_pages());
	quarry_report_buddyinfo(console_write, NULL);
	quarry_report_pagemap(console_write, NULL, 64, 8);
}

static const char *run_compaction(void)
{
	uint64_t start = machine_clock_ns();
	struct page *page;

	while (nr_free_pages() < MOVABLE + MOVABLE / 8 && (page = cache_take()))
		__free_page(page);
	take_movable();
	const char *failure = free_movable(2);
	print_memory("before");
	quarry_compact_node(0);
	print_memory("after");
	kprintf("compaction: %lu of %u pages moved, %lu ms\n", state.moved, state.nr_movable / 2,
		(unsigned long)((machine_clock_ns() - start) / 1000000));
	const char *lost = free_movable(1);
	if (failure || lost)
		return lost ? lost : failure;
	return state.moved ? NULL : "compaction moved nothing";
}

const char *pressure_phase(void)
{
	struct page *page;

	kprintf("\n");
	if (register_shrinker(&cache_shrinker, "demo cache"))
		return "register_shrinker failed";
	const char *failure = run_fight();
	if (!failure)
		failure = run_compaction();
	unregister_shrinker(&cache_shrinker);
	while ((page = cache_take()))
		__free_page(page);
	kprintf("\n");
	return failure;
}
