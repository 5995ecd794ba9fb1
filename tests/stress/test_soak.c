/* SPDX-License-Identifier: MIT */
/*
 * test_soak.c: all of reclaim at once under permanent pressure: CPUs that allocate, free and ask
 * from interrupts, a shrinker's cache, the OS's own pages, kswapd on a CPU of its own, OOM.
 *
 * A few seconds by default; QUARRY_SOAK_OPS sets the number of operations (50000000 for a soak; set
 * MOCK_TIMEOUT to the seconds that may take). At the end every page is accounted for.
 */
#include "tests/unit/reclaim/pressure_test.h"

#define CPUS 4
#define SLOTS 900

struct slot {
	struct page *page;
	void *object;
	unsigned order;
};

/* A shrinker's cache: a chain of pages under a lock of the test's own. */
static struct {
	struct shrinker shrinker;
	unsigned lock;
	struct page *chain;
	unsigned long pages;
} cache;

static struct {
	unsigned long ops; /* of each CPU */
	unsigned long failed, ooms, scans, irqs;
	unsigned stop;
	struct slot slot[CPUS][SLOTS];
	struct page *irq_page[CPUS];
} soak;

static void cache_lock(void)
{
	while (__atomic_exchange_n(&cache.lock, 1u, __ATOMIC_ACQUIRE))
		arch_relax();
}
static void cache_unlock(void)
{
	__atomic_store_n(&cache.lock, 0u, __ATOMIC_RELEASE);
}

static unsigned long cache_count(struct shrinker *shrinker, struct shrink_control *control)
{
	(void)shrinker;
	(void)control;
	return __atomic_load_n(&cache.pages, __ATOMIC_RELAXED);
}

static struct page *cache_take(void)
{
	cache_lock();
	struct page *page = cache.chain;
	if (page) {
		cache.chain = page->mapping;
		__atomic_store_n(&cache.pages, cache.pages - 1, __ATOMIC_RELAXED);
	}
	cache_unlock();
	return page;
}

static void cache_give(struct page *page)
{
	cache_lock();
	page->mapping = cache.chain;
	cache.chain = page;
	__atomic_store_n(&cache.pages, cache.pages + 1, __ATOMIC_RELAXED);
	cache_unlock();
}

static unsigned long cache_scan(struct shrinker *shrinker, struct shrink_control *control)
{
	unsigned long freed = 0;
	struct page *page;

	(void)shrinker;
	__atomic_fetch_add(&soak.scans, 1ul, __ATOMIC_RELAXED);
	if (!gfp_has(control->gfp_mask, __GFP_FS))
		return SHRINK_STOP;
	/* A shrinker that allocates: from the reserves, and never into itself (G106). */
	void *note = kmalloc(64, GFP_KERNEL | __GFP_NOWARN);
	while (freed < control->nr_to_scan && (page = cache_take())) {
		__free_page(page);
		freed++;
	}
	kfree(note);
	return freed;
}

static enum quarry_oom_result kill_a_cache(const struct quarry_oom *request)
{
	struct page *page;
	unsigned freed = 0;

	(void)request;
	__atomic_fetch_add(&soak.ooms, 1ul, __ATOMIC_RELAXED);
	while (freed++ < 64 && (page = cache_take()))
		__free_page(page);
	return QUARRY_OOM_CANNOT;
}

/* An interrupt takes a page or gives the last one back. */
static void tick(void *arg)
{
	struct page **page = arg;

	__atomic_fetch_add(&soak.irqs, 1ul, __ATOMIC_RELAXED);
	if (*page) {
		__free_page(*page);
		*page = NULL;
	} else {
		*page = alloc_page(GFP_ATOMIC | __GFP_NOWARN);
	}
}

static void empty(struct slot *slot)
{
	if (slot->page)
		__free_pages(slot->page, slot->order);
	kfree(slot->object);
	*slot = (struct slot){.page = NULL};
}

static void fill(struct slot *slot, uint64_t random)
{
	static const gfp_t masks[] = {GFP_KERNEL,
				      GFP_KERNEL,
				      GFP_NOFS,
				      GFP_NOIO,
				      GFP_NOWAIT,
				      GFP_ATOMIC,
				      GFP_KERNEL | __GFP_NORETRY,
				      GFP_KERNEL | __GFP_RETRY_MAYFAIL,
				      GFP_HIGHUSER_MOVABLE,
				      GFP_KERNEL | __GFP_RECLAIMABLE};
	gfp_t gfp = masks[random % 10] | __GFP_NOWARN;
	unsigned scope = random >> 8 & 1 ? memalloc_flags_save(PF_MEMALLOC_NOFS) : 0;

	/* Nobody is killed for a request without __GFP_FS: if all CPUs made one that waits, all
	 * would wait for ever. */
	if (!gfp_has(current_gfp_context(gfp), __GFP_FS))
		gfp |= __GFP_NORETRY;
	if (random >> 16 & 1 && !gfp_has(gfp, __GFP_MOVABLE | __GFP_RECLAIMABLE)) {
		slot->object = kmalloc(1 + (random >> 20) % 3000, gfp);
	} else {
		slot->order = (unsigned)(random >> 24) % 16 ? 0 : (unsigned)(random >> 28) % 6;
		slot->page = alloc_pages(gfp, slot->order);
	}
	memalloc_nofs_restore(scope);
	if (!slot->page && !slot->object)
		__atomic_fetch_add(&soak.failed, 1ul, __ATOMIC_RELAXED);
}

static void work(unsigned cpu)
{
	uint64_t seed = cpu + 1;

	for (unsigned long op = 0; op < soak.ops; op++) {
		uint64_t random = mock_random(&seed);
		struct slot *slot = &soak.slot[cpu][random % SLOTS];
		if (!(random >> 40 & 63))
			mock_interrupt_at(1 + (unsigned)(random >> 48) % 40, tick,
					  &soak.irq_page[cpu]);
		if (slot->page || slot->object)
			empty(slot);
		else
			fill(slot, random >> 10);
		if (!(random >> 46 & 3)) {
			struct page *page = alloc_page(GFP_NOWAIT);
			if (page)
				cache_give(page);
		}
	}
	mock_interrupt_at(0, NULL, NULL);
}

static void run(void *arg, unsigned cpu)
{
	unsigned *working = arg;

	if (cpu < CPUS - 1) {
		work(cpu);
		__atomic_fetch_sub(working, 1u, __ATOMIC_RELEASE);
		return;
	}
	while (__atomic_load_n(working, __ATOMIC_ACQUIRE)) {
		mock_kswapd();
		arch_relax();
	}
}

static void soak_under_pressure(void **state)
{
	const char *ops = getenv("QUARRY_SOAK_OPS");
	unsigned working = CPUS - 1;
	(void)state;
	memset(&soak, 0, sizeof(soak));
	memset(&cache, 0, sizeof(cache));
	soak.ops = (ops ? strtoul(ops, NULL, 0) : 60000) / (CPUS - 1);
	mock_start(&(struct mock_config){.bytes = 8 * MOCK_MIB, .cpus = CPUS});
	mock_reclaim()->kswapd = true;
	mock_reclaim()->oom = kill_a_cache;
	mock_reclaim_changed();
	cache.shrinker.count_objects = cache_count;
	cache.shrinker.scan_objects = cache_scan;
	cache.shrinker.seeks = DEFAULT_SEEKS;
	assert_int_equal(register_shrinker(&cache.shrinker, "soak"), 0);
	mock_run_cpus(CPUS, run, &working);
	print_message("# %lu operations: %lu failed, %lu interrupts, %lu rounds of reclaim, "
		      "%lu runs of kswapd, %lu scans, %lu OOM calls\n",
		      soak.ops * (CPUS - 1), soak.failed, soak.irqs,
		      reclaim_counted(RECLAIM_DIRECT).rounds, kswapd_runs(), soak.scans, soak.ooms);
	assert_true(soak.scans > 0 && soak.irqs > 0);
	assert_true(reclaim_counted(RECLAIM_DIRECT).rounds > 0 && kswapd_runs() > 0);
	unregister_shrinker(&cache.shrinker);
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		for (unsigned i = 0; i < SLOTS; i++)
			empty(&soak.slot[cpu][i]);
		if (soak.irq_page[cpu])
			__free_page(soak.irq_page[cpu]);
	}
	struct page *page;
	while ((page = cache_take()))
		__free_page(page);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(soak_under_pressure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
