/* SPDX-License-Identifier: MIT */
/*
 * test_objects.c: random operations on objects against a plain table of what is held.
 *
 * Each CPU has a table of slots; a held slot remembers address, size and a pattern. Operations come
 * from tasks, and from interrupts that hit the library at a random hook call; now and then an
 * allocation fails. After each step the object's contents must be those that were written, and at
 * the end everything goes back. Run with plain caches, with caches that are debugged, and with
 * memory so short that requests fail by themselves.
 */
#include "../unit/slab/slab_test.h"

#define CPUS 3
#define SLOTS 48
#ifdef MOCK_TSAN
#define STEPS 200
#else
#define STEPS 700
#endif

struct slot {
	unsigned char *p;
	size_t size;
	unsigned char pattern;
	int cache; /* -1: kmalloc */
};

static struct kmem_cache *caches[3];
static const unsigned cache_sizes[3] = {24, 200, 3000};
static struct slot slots[CPUS][SLOTS];

static void write_pattern(struct slot *slot, unsigned char pattern)
{
	slot->pattern = pattern;
	memset(slot->p, pattern, slot->size);
}

static void check(const struct slot *slot)
{
	if (!all_bytes(slot->p, slot->pattern, slot->size))
		mock_fail("an object of %zu bytes changed", slot->size);
}

static void give(struct slot *slot, uint64_t random)
{
	check(slot);
	if (slot->cache >= 0 && random & 1)
		kmem_cache_free(caches[slot->cache], slot->p);
	else if (random & 2)
		kvfree(slot->p);
	else
		kfree(slot->p);
	slot->p = NULL;
}

static void take(struct slot *slot, uint64_t random, gfp_t gfp)
{
	bool zero = random & 1;

	gfp |= zero ? __GFP_NOWARN | __GFP_ZERO : __GFP_NOWARN;
	slot->cache = (int)(random >> 1 & 3) - 1;
	if (slot->cache >= 0) {
		slot->size = cache_sizes[slot->cache];
		slot->p = kmem_cache_alloc(caches[slot->cache], gfp);
	} else {
		slot->size = 1 + (random >> 8) % (random >> 3 & 7 ? 600 : 12000);
		slot->p = kmalloc(slot->size, gfp);
	}
	if (!slot->p)
		return;
	if ((uintptr_t)slot->p % (slot->cache < 0 ? divisor(slot->size) : 8))
		mock_fail("an object of %zu bytes is not aligned", slot->size);
	if (zero && !all_bytes(slot->p, 0, slot->size))
		mock_fail("an object of %zu bytes is not zero", slot->size);
	write_pattern(slot, (unsigned char)(random >> 40));
}

static void resize(struct slot *slot, uint64_t random)
{
	size_t size = 1 + random % 9000;
	unsigned char *p = krealloc(slot->p, size, GFP_NOWAIT | __GFP_NOWARN);

	if (!p)
		return;
	slot->p = p;
	if (!all_bytes(p, slot->pattern, size < slot->size ? size : slot->size))
		mock_fail("krealloc lost contents");
	slot->cache = -1;
	slot->size = size;
	write_pattern(slot, slot->pattern);
}

/* An interrupt uses a slot of its own. */
struct irq_work {
	struct slot *slot;
	uint64_t random;
};
static void in_interrupt(void *arg)
{
	struct irq_work *work = arg;

	if (work->slot->p)
		give(work->slot, work->random);
	else
		take(work->slot, work->random, GFP_ATOMIC);
}

static void step(unsigned cpu, uint64_t *seed)
{
	struct slot *own = slots[cpu];
	uint64_t random = mock_random(seed);
	struct slot *slot = &own[1 + (random >> 16) % (SLOTS - 1)];
	struct irq_work work = {&own[0], mock_random(seed)};

	if (random % 8 == 0)
		mock_interrupt_at(1 + (unsigned)(random >> 24) % 12, in_interrupt, &work);
	if (random % 64 == 1)
		kmem_cache_shrink(caches[(random >> 32) % 3]);
	else if (!slot->p)
		take(slot, random >> 20, random & 4 ? GFP_KERNEL : GFP_NOWAIT);
	else if (slot->cache < 0 && random % 4 == 1)
		resize(slot, random >> 20);
	else
		give(slot, random >> 20);
	/* `work` ends with this step: so must its interrupt. */
	for (unsigned i = 0; i < 12 && random % 8 == 0; i++)
		quarry_os_context();
}

static void work_on(void *arg, unsigned cpu)
{
	uint64_t seed = *(uint64_t *)arg + cpu;

	for (unsigned i = 0; i < STEPS; i++)
		step(cpu, &seed);
}

static void run(const struct mock_config *config, uint64_t seed)
{
	static const char *const names[3] = {"a", "b", "c"};

	mock_start(config);
	memset(slots, 0, sizeof(slots));
	for (unsigned i = 0; i < 3; i++)
		caches[i] = kmem_cache_create(names[i], cache_sizes[i], NULL, SLAB_NO_MERGE);
	mock_run_cpus(CPUS, work_on, &seed);
	assert_int_equal(slab_check(), 0);
	/* What a CPU took, another gives back. */
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		mock_set_cpu((cpu + 1) % CPUS);
		for (unsigned i = 0; i < SLOTS; i++)
			if (slots[cpu][i].p)
				give(&slots[cpu][i], i);
	}
	mock_set_cpu(0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(active_of(names[i]), 0);
		kmem_cache_destroy(caches[i]);
	}
	mock_stop();
}

static void g107_plain(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 2; seed++)
		run(&(struct mock_config){.cpus = CPUS}, seed << 32);
}

static void g107_debugged(void **state)
{
	(void)state;
	run(&(struct mock_config){.cpus = CPUS, .extra.slab_debug = "FZPU"}, 77);
	run(&(struct mock_config){.cpus = CPUS, .extra.slab_debug = "ZP,a,kmalloc-*"}, 78);
}

static void g107_short_of_memory(void **state)
{
	(void)state;
	run(&(struct mock_config){.cpus = CPUS, .bytes = 2 * MOCK_MIB, .extra.no_parking = true},
	    99);
}

/* Every allocation of a small life fails in turn: of caches, objects, sheaves, resizing, copies. */
__attribute__((unused)) static int small_life(void *arg)
{
	struct kmem_cache *cache = kmem_cache_create("life", 100, NULL, SLAB_NO_MERGE);
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	void *bulk[40];
	int error = cache ? 0 : -QUARRY_ENOMEM;

	(void)arg;
	if (!cache)
		return error;
	void *p[] = {kmem_cache_zalloc(cache, gfp), kmalloc(100, gfp), kzalloc(run_time(5000), gfp),
		     kmalloc(run_time(20000), gfp), kmemdup("text", 5, gfp), kstrdup("text", gfp),
		     kcalloc(run_time(7), 9, gfp), kvmalloc(run_time(100000), gfp),
		     kmalloc_node(run_time(300), gfp, 0)};
	struct slab_sheaf *sheaf = kmem_cache_prefill_sheaf(cache, gfp, 9);
	int got = kmem_cache_alloc_bulk(cache, gfp, 40, bulk);
	void *grown = krealloc(p[1], 4000, gfp);

	if (grown)
		p[1] = grown;
	if (!grown || !sheaf || !got)
		error = -QUARRY_ENOMEM;
	if (got)
		kmem_cache_free_bulk(cache, 40, bulk);
	kmem_cache_return_sheaf(cache, gfp, sheaf);
	for (unsigned i = 0; i < sizeof(p) / sizeof(p[0]); i++) {
		error = p[i] ? error : -QUARRY_ENOMEM;
		kvfree(p[i]);
	}
	kmem_cache_destroy(cache);
	return error;
}

__attribute__((unused)) static void every_failure(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.bytes = 4 * MOCK_MIB});
	assert_true(mock_sweep(small_life, NULL) > 20);
	mock_stop();
	mock_start(&(struct mock_config){.bytes = 4 * MOCK_MIB, .extra.slab_debug = "FZPU"});
	assert_true(mock_sweep(small_life, NULL) > 20);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g107_plain),
		cmocka_unit_test(g107_debugged),
		cmocka_unit_test(g107_short_of_memory),
#ifndef MOCK_TSAN /* one thread, and slow there */
		cmocka_unit_test(every_failure),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
