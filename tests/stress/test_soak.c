/* SPDX-License-Identifier: MIT */
/*
 * test_soak.c: all of reclaim at once under permanent pressure: CPUs that allocate, free and ask
 * from interrupts, a shrinker's cache, the OS's own pages, pages that move, kswapd and kcompactd on
 * a CPU of their own, OOM and its victims.
 *
 * A moment by default; QUARRY_SOAK_OPS sets the number of operations (50000000 for a soak; set
 * MOCK_TIMEOUT to the seconds that may take). At the end every page is accounted for.
 */
#define MOCK_OWNER_THREADS 1
#include "mm/reclaim/compact.h"
#include "tests/unit/reclaim/owner.h"
#include "tests/unit/reclaim/pressure_test.h"

#ifdef MOCK_TSAN
#define OPS 9000ul
#else
#define OPS 30000ul
#endif
#define CPUS 4 /* the last one runs the threads */
#define WORKERS (CPUS - 1)
#define SLOTS 600u	   /* of each worker */
#define IRQ_PAGES 4u	   /* that its interrupts hold at most */
#define MOVABLE_SLOTS 500u /* ... and blocks of its own that move */

struct slot {
	struct page *page;
	void *object;
	void *mapped; /* of vmalloc */
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
	unsigned long failed, ooms, kills, scans, irqs, irq_asked;
	unsigned workers;
	bool victim[WORKERS];
	struct slot slot[WORKERS][SLOTS];
	struct page *irq_page[WORKERS][IRQ_PAGES];
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

/* Free a part of the cache; if there is none, the next worker shall end all that it holds. */
static enum quarry_oom_result kill(const struct quarry_oom *request)
{
	struct page *page;
	unsigned freed = 0;

	__atomic_fetch_add(&soak.ooms, 1ul, __ATOMIC_RELAXED);
	while (freed < 64 && (page = cache_take())) {
		__free_page(page);
		freed++;
	}
	if (freed)
		return QUARRY_OOM_FREED;
	if (!request->may_kill)
		return QUARRY_OOM_CANNOT;
	unsigned next = (quarry_os_cpu() + 1) % soak.workers;
	__atomic_store_n(&soak.victim[next], true, __ATOMIC_RELAXED);
	__atomic_fetch_add(&soak.kills, 1ul, __ATOMIC_RELAXED);
	return QUARRY_OOM_KILLED;
}

static bool is_victim(void)
{
	unsigned cpu = quarry_os_cpu();

	return cpu < WORKERS && __atomic_load_n(&soak.victim[cpu], __ATOMIC_RELAXED);
}

/* An interrupt takes pages, or gives back what the last one took. */
static void tick(void *arg)
{
	struct page **page = arg;

	__atomic_fetch_add(&soak.irqs, 1ul, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < IRQ_PAGES; i++) {
		unsigned order = i == 3 ? 2 : 0;
		if (page[i]) {
			__free_pages(page[i], order);
			page[i] = NULL;
		} else {
			page[i] = alloc_pages(GFP_ATOMIC | __GFP_NOWARN, order);
			__atomic_fetch_add(&soak.irq_asked, 1ul, __ATOMIC_RELAXED);
		}
	}
}

static void empty(struct slot *slot)
{
	if (slot->page)
		__free_pages(slot->page, slot->order);
	kfree(slot->object);
	vfree(slot->mapped);
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
				      GFP_KERNEL | __GFP_NOFAIL,
				      GFP_KERNEL | __GFP_RECLAIMABLE};
	gfp_t gfp = masks[random % 10] | __GFP_NOWARN;
	unsigned scope = random >> 8 & 1 ? memalloc_flags_save(PF_MEMALLOC_NOFS) : 0;
	unsigned kind = random >> 16 & 15;

	slot->order = (unsigned)(random >> 24) % 16 ? 0 : (unsigned)(random >> 28) % 6;
	if (gfp_has(gfp, __GFP_NOFAIL)) { /* for more, or without a kill, it could wait for ever */
		slot->order = 0;
		memalloc_nofs_restore(scope);
		scope = 0;
	}
	if (kind == 0 && gfpflags_allow_blocking(gfp))
		slot->mapped = __vmalloc(1 + (random >> 20) % 20000, gfp);
	else if (kind < 8 && !gfp_has(gfp, __GFP_RECLAIMABLE))
		slot->object = kmalloc(1 + (random >> 20) % 3000, gfp);
	else
		slot->page = alloc_pages(gfp, slot->order);
	memalloc_nofs_restore(scope);
	if (!slot->page && !slot->object && !slot->mapped)
		__atomic_fetch_add(&soak.failed, 1ul, __ATOMIC_RELAXED);
}

/* One turn of a user of memory that moves. */
static void use_movable(unsigned i, uint64_t random)
{
	unsigned order = random & 7 ? 0 : (unsigned)(random >> 3) % 4;

	if (random >> 8 & 15)
		owner_free(i);
	else
		owner_pin(i, random >> 12 & 1);
	if (random >> 14 & 1 && !__atomic_load_n(&owner.slot[i].page, __ATOMIC_RELAXED))
		owner_take(i, order, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN);
}

static void die(unsigned cpu)
{
	for (unsigned i = 0; i < SLOTS; i++)
		empty(&soak.slot[cpu][i]);
	for (unsigned i = 0; i < MOVABLE_SLOTS; i++)
		owner_free(cpu * MOVABLE_SLOTS + i);
	__atomic_store_n(&soak.victim[cpu], false, __ATOMIC_RELAXED);
}

static void turn(unsigned cpu, uint64_t random)
{
	struct slot *slot = &soak.slot[cpu][random % SLOTS];

	if (soak.workers > 1 && !(random >> 40 & 63))
		mock_interrupt_at(1 + (unsigned)(random >> 48) % 40, tick, soak.irq_page[cpu]);
	if (is_victim())
		die(cpu);
	if (!(random >> 56 & 3))
		use_movable(cpu * MOVABLE_SLOTS + (unsigned)(random % MOVABLE_SLOTS), random >> 20);
	else if (slot->page || slot->object || slot->mapped)
		empty(slot);
	else
		fill(slot, random >> 10);
	if (!(random >> 46 & 3)) {
		struct page *page = alloc_page(GFP_NOWAIT);
		if (page)
			cache_give(page);
	}
}

static void run(void *arg, unsigned cpu)
{
	unsigned *working = arg;
	uint64_t seed = cpu + 1;

	if (cpu < WORKERS) {
		for (unsigned long op = 0; op < soak.ops; op++)
			turn(cpu, mock_random(&seed));
		die(cpu); /* the others could wait for its memory for ever */
		mock_interrupt_at(0, NULL, NULL);
		__atomic_fetch_sub(working, 1u, __ATOMIC_RELEASE);
		return;
	}
	while (__atomic_load_n(working, __ATOMIC_ACQUIRE)) {
		mock_kswapd();
		quarry_kcompactd_step(0);
		arch_relax();
	}
}

static void soak_start(const char *ops, unsigned workers)
{
	memset(&soak, 0, sizeof(soak));
	memset(&cache, 0, sizeof(cache));
	owner_reset();
	soak.workers = workers;
	soak.ops = (ops ? strtoul(ops, NULL, 0) : OPS) / WORKERS;
	mock_start(&(struct mock_config){.bytes = (workers > 1 ? 8 : 4) * MOCK_MIB, .cpus = CPUS});
	mock_reclaim()->kswapd = true;
	mock_reclaim()->oom = kill;
	mock_reclaim_changed();
	mm_ops.oom_victim = is_victim;
	owner.refuse = 17;
	owner.again = 11;
	owner.fail = 13;
	cache.shrinker.count_objects = cache_count;
	cache.shrinker.scan_objects = cache_scan;
	cache.shrinker.seeks = DEFAULT_SEEKS;
	assert_int_equal(register_shrinker(&cache.shrinker, "soak"), 0);
}

static void soak_stop(void)
{
	struct page *page;

	unregister_shrinker(&cache.shrinker);
	owner_check_all();
	for (unsigned cpu = 0; cpu < WORKERS; cpu++)
		for (unsigned i = 0; i < IRQ_PAGES; i++)
			if (soak.irq_page[cpu][i])
				__free_pages(soak.irq_page[cpu][i], i == 3 ? 2 : 0);
	while ((page = cache_take()))
		__free_page(page);
	mock_stop();
}

static void soak_under_pressure(void **state)
{
	unsigned working = WORKERS;
	(void)state;
	soak_start(getenv("QUARRY_SOAK_OPS"), WORKERS);
	mock_run_cpus(CPUS, run, &working);
	print_message("# %lu operations: %lu failed, %lu interrupts, %lu rounds of reclaim, %lu "
		      "runs of kswapd, %lu scans, %lu OOM calls, %lu kills, %lu compactions of "
		      "requests, %lu blocks moved\n",
		      soak.ops * WORKERS, soak.failed, soak.irqs,
		      reclaim_counted(RECLAIM_DIRECT).rounds, kswapd_runs(), soak.scans, soak.ooms,
		      soak.kills, compact_stat().stall, owner.migrated);
	assert_true(soak.scans && soak.irqs && compact_stat().stall);
	if (soak.ops * WORKERS > OPS) /* fewer may move none, where other load holds workers up */
		assert_true(owner.migrated > 0);
	assert_true(reclaim_counted(RECLAIM_DIRECT).rounds > 0 && kswapd_runs() > 0);
	soak_stop();
}

/* One task does all of that in turn, with an interrupt at a point of chance in each turn, until
 * they have asked for 10 000 blocks. */
static void g078_interrupts_at_random_points(void **state)
{
	uint64_t seed = 78;
	(void)state;
	soak_start(NULL, 1);
	mock_set_cpu(0);
	for (unsigned long op = 0; soak.irq_asked < MOCK_STEPS(10000u); op++) {
		uint64_t random = mock_random(&seed);
		mock_interrupt_at(1 + (unsigned)(random >> 32) % 400, tick, soak.irq_page[0]);
		turn(0, random);
		if (op % 64 == 0)
			mock_kswapd();
		if (op % 64 == 32)
			quarry_kcompactd_step(0);
	}
	mock_interrupt_at(0, NULL, NULL);
	print_message("# %lu interrupts, %lu rounds of reclaim, %lu OOM calls, %lu compactions, "
		      "%lu blocks moved\n",
		      soak.irqs, reclaim_counted(RECLAIM_DIRECT).rounds, soak.ooms,
		      compact_stat().stall, owner.migrated);
	assert_true(reclaim_counted(RECLAIM_DIRECT).rounds && compact_stat().stall);
	assert_true(soak.scans && kswapd_runs());
	die(0);
	soak_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g078_interrupts_at_random_points),
		cmocka_unit_test(soak_under_pressure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
