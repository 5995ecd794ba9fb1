/* SPDX-License-Identifier: MIT */
/*
 * test_kmalloc_nolock.c: objects for any context: what cannot be had is not waited for, and what
 * cannot be given is given later.
 */
#define _GNU_SOURCE
#include "slab_test.h"

#include "mm/base/fault.h"
#include "mm/phys/zone.h"
#include "mm/slab/debug_cache.h"
#include "mm/slab/free_later.h"
#include "mm/slab/partial.h"
#include "tests/unit/nmi.h"

static struct kmem_cache *cache_of(const void *object)
{
	return virt_to_page(object)->mapping;
}

/* This CPU's stock of a cache is in use by somebody whom the test interrupts, and so is the lock of
 * the node. */
static struct {
	struct kmem_cache *cache;
	unsigned long irq;
} in_use;
static void use_cache(struct kmem_cache *cache)
{
	in_use.cache = cache;
	stock_of(cache, 0)->mark = STOCK_BUSY;
	in_use.irq = mm_lock(&cache->node[0].lock);
}
static void unuse_cache(void)
{
	mm_unlock(&in_use.cache->node[0].lock, in_use.irq);
	stock_of(in_use.cache, 0)->mark = 0;
}

/* Every size is served, zeroed if asked for; either way out for either way in. */
static void plain_use(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.dirty_memory = true});
	for (size_t size = 1; size <= 100000; size += size < 300 ? 7 : size / 3) {
		char *a = kmalloc_nolock(size, __GFP_ZERO, NUMA_NO_NODE);
		char *b = kmalloc_nolock(size, (gfp_t)0, 0), *c = kmalloc(size, GFP_KERNEL);

		assert_non_null(a);
		assert_non_null(b);
		assert_true(all_bytes(a, 0, ksize(a)));
		assert_true(ksize(a) >= size && (uintptr_t)a % divisor(size) == 0);
		memset(a, 1, size);
		memset(b, 2, size);
		assert_true(all_bytes(a, 1, size));
		kfree_nolock(a);
		kfree(b);
		kfree_nolock(c);
	}
	assert_ptr_equal(kmalloc_nolock(0, (gfp_t)0, 0), ZERO_SIZE_PTR);
	kfree_nolock(ZERO_SIZE_PTR);
	kfree_nolock(NULL);

	struct kmem_cache *cache = kmem_cache_create("t", 48, NULL, 0);
	kfree_nolock(kmem_cache_alloc(cache, GFP_KERNEL));
	char *grown = krealloc(kmalloc_nolock(10, (gfp_t)0, 0), 5000, GFP_KERNEL);
	kfree_nolock(grown);
	kmem_cache_destroy(cache);
	mock_stop();
}

static void wrong_requests(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_BAD_GFP, 1);
	void *p = kmalloc_nolock(64, GFP_KERNEL, NUMA_NO_NODE);
	assert_non_null(p); /* the bits are ignored */
	kfree_nolock(p);
	p = kmalloc_nolock(64, __GFP_ACCOUNT | __GFP_ZERO, NUMA_NO_NODE);
	kfree_nolock(p);
	mock_expect_report(QUARRY_RULE_SIZE_LIMIT, 1);
	assert_null(kmalloc_nolock(KMALLOC_MAX_SIZE + 1, (gfp_t)0, NUMA_NO_NODE));
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	assert_null(kmalloc_nolock(64, (gfp_t)0, QUARRY_MAX_NODES));
	mock_fail_site(FAULT_OBJECT, 1, false);
	assert_null(kmalloc_nolock(64, (gfp_t)0, NUMA_NO_NODE));
	mock_stop();
}

/* No memory above the minimum: NULL, and not a word. */
static void no_memory(void **state)
{
	void **chain = NULL;
	size_t size = 8192;

	(void)state;
	mock_start(&(struct mock_config){.bytes = 8 * MOCK_MIB, .no_vmalloc = true});
	for (void **p; (p = kmalloc_nolock(size, (gfp_t)0, NUMA_NO_NODE)) != NULL;) {
		*p = chain;
		chain = p;
	}
	assert_non_null(chain);
	assert_null(kmalloc_nolock(size, (gfp_t)0, 0));
	for (void *next; chain; chain = next) {
		next = *chain;
		kfree_nolock(chain);
	}
	mock_stop();
}

/* Stock and slab are in use: the next class serves; what is freed is noted, a second free is
 * seen, and the next who comes by the slow path takes all home. */
static void everything_is_in_use(void **state)
{
	void *p[200];
	struct kmem_cache *cache;

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < 200; i++)
		p[i] = kmalloc(64, GFP_KERNEL);
	cache = cache_of(p[0]);
	use_cache(cache);
	void *larger = kmalloc_nolock(60, __GFP_ZERO, NUMA_NO_NODE);
	assert_int_equal(ksize(larger), 80);
	assert_true(all_bytes(larger, 0, run_time(60)));
	for (unsigned i = 0; i < 200; i++)
		kfree_nolock(p[i]);
	assert_int_equal(late_frees.notes, 200);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kfree_nolock(p[7]);
	assert_string_equal(mock_last_report()->call, "kfree_nolock");
	unuse_cache();
	assert_int_equal(mm_check(), 0);
	kfree_nolock(larger);
	assert_int_equal(active_of("kmalloc-64"), 200);
	free_later_do();
	assert_int_equal(late_frees.notes, 0);
	assert_int_equal(active_of("kmalloc-64"), 0);
	mock_stop();
}

/* Who takes noted frees home: a refill, a free to a full stock, a drain, a destroy. */
static void they_come_home(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned way = 0; way < 4; way++) {
		struct kmem_cache *cache = kmem_cache_create("t", 64, NULL, SLAB_NO_MERGE);
		void *p = kmem_cache_alloc(cache, GFP_KERNEL), *q[150];

		use_cache(cache);
		kfree_nolock(p);
		unuse_cache();
		assert_int_equal(late_frees.notes, 1);
		if (way == 0)
			kfree(kmalloc(24, GFP_KERNEL)); /* any cache's refill */
		for (unsigned i = 0; way == 1 && i < 150; i++)
			q[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		for (unsigned i = 0; way == 1 && i < 150; i++)
			kmem_cache_free(cache, q[i]);
		if (way == 2)
			kmem_cache_shrink(cache);
		assert_int_equal(late_frees.notes, way == 3);
		kmem_cache_destroy(cache);
		assert_int_equal(late_frees.notes, 0);
	}
	mock_stop();
}

/* More frees than there is room for notes: those are reported, and stay allocated. */
static void too_many_notes(void **state)
{
	static void *p[FREE_LATER_ROOM + 3];

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < FREE_LATER_ROOM + 3; i++)
		p[i] = kmalloc(128, GFP_KERNEL);
	use_cache(cache_of(p[0]));
	mock_expect_report(QUARRY_RULE_OBJECT_LEFT, 3);
	for (unsigned i = 0; i < FREE_LATER_ROOM + 3; i++)
		kfree_nolock(p[i]);
	unuse_cache();
	free_later_do();
	assert_int_equal(active_of("kmalloc-128"), 3);
	for (unsigned i = FREE_LATER_ROOM; i < FREE_LATER_ROOM + 3; i++)
		kfree(p[i]);
	mock_stop();
}

/* ---- mistakes ---- */

static const void *bad;
static void nmi_bad_free(void)
{
	kfree_nolock(bad);
}
static void expect_bad(enum quarry_rule rule, const void *p)
{
	bad = p;
	mock_expect_report(rule, 2);
	nmi_bad_free();
	in_nmi(nmi_bad_free);
	assert_string_equal(mock_last_report()->call, "kfree_nolock");
	assert_ptr_equal(mock_last_report()->subject, p);
	assert_int_equal(mm_check(), 0);
}

static void wrong_frees(void **state)
{
	int local = 0;

	(void)state;
	mock_start(NULL);
	char *small = kmalloc(64, GFP_KERNEL), *large = kmalloc(20000, GFP_KERNEL);
	struct page *page = alloc_page(GFP_KERNEL);

	expect_bad(QUARRY_RULE_OBJECT_INTERIOR, small + 8);
	expect_bad(QUARRY_RULE_OBJECT_INTERIOR, large + 8);
	expect_bad(QUARRY_RULE_OBJECT_INTERIOR, large + 2 * PAGE_SIZE);
	expect_bad(QUARRY_RULE_FREE_KIND, page_address(page));
	expect_bad(QUARRY_RULE_FREE_UNKNOWN, &local);
	struct kmem_cache *cache = kmem_cache_create("t", 64, NULL, 0);
	expect_bad(QUARRY_RULE_FREE_KIND, cache); /* the library's own object */
	kmem_cache_destroy(cache);
	kfree_nolock(small);
	expect_bad(QUARRY_RULE_OBJECT_TWICE, small);
	kfree_nolock(large);
	expect_bad(QUARRY_RULE_FREE_TWICE, large);
	__free_page(page);
	mock_stop();
}

/* A guarded object is freed later: its page is closed by a hook. */
static void guarded_objects(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.guard_pages = true, .extra.guard_every = 1});
	struct kmem_cache *cache = kmem_cache_create("t", 64, NULL, 0);
	void *p = kmem_cache_alloc(cache, GFP_KERNEL);

	assert_false(virt_to_page(p)->mapping == cache);
	kfree_nolock(p);
	assert_int_equal(late_frees.notes, 1);
	free_later_do();
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kfree(p);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* ---- debugged and wiped caches ---- */

static void debugged_objects(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.extra.slab_debug = "FZPU,kmalloc-64"});
	unsigned char *p = kmalloc_nolock(64, (gfp_t)0, NUMA_NO_NODE);

	assert_true(all_bytes(p, POISON_NEW, 64));
	kfree_nolock(p);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kfree_nolock(p);
	mock_expect_report(QUARRY_RULE_OBJECT_INTERIOR, 1);
	kfree_nolock(p + 8);
	p = kmalloc_nolock(64, (gfp_t)0, NUMA_NO_NODE);
	struct kmem_cache *cache = cache_of(p);

	/* Noted when it is free already, but has nowhere to go. */
	kfree(kmalloc(64, GFP_KERNEL));
	use_cache(cache);
	kfree_nolock(p);
	unuse_cache();
	assert_int_equal(late_frees.notes, 1);
	assert_int_equal(validate_slab_cache(cache), 0);
	free_later_do();
	mock_stop();
}

/* The validator looks at an object when the interrupt comes: its free waits, and is whole. */
static void *looked_at;
static void nmi_free(void)
{
	kfree_nolock(looked_at);
	looked_at = NULL;
}
static void look(void *object, void *arg)
{
	(void)arg;
	if (object == looked_at)
		in_nmi(nmi_free);
}
static void an_object_that_is_looked_at(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.extra.slab_debug = "FZPU,kmalloc-64"});
	looked_at = kmalloc(64, GFP_KERNEL);
	void *was = looked_at;

	debug_cache_each(cache_of(was), look, NULL);
	assert_null(looked_at);
	assert_int_equal(late_frees.notes, 1);
	assert_int_equal(active_of("kmalloc-64"), 1);
	free_later_do();
	assert_int_equal(active_of("kmalloc-64"), 0);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kfree(was);
	mock_stop();
}

/* ---- an interrupt at each instruction ---- */

static size_t op_size = 64, nmi_size = 64;
static unsigned op_count;
static unsigned long nmi_got, nmi_tried, nmi_noted;

static void op_pair(void)
{
	kfree(kmalloc(op_size, GFP_ATOMIC));
}
/* To the ends of the stock: refills and drains it. */
static void op_burst(void)
{
	void *p[130];

	for (unsigned i = 0; i < op_count; i++)
		p[i] = kmalloc(op_size, GFP_ATOMIC);
	for (unsigned i = 0; i < op_count; i++)
		kfree(p[i]);
}
static void op_bulk(void)
{
	void *p[8];
	struct kmem_cache *cache =
		quarry_kmalloc_cache(QUARRY_KMALLOC_NORMAL, quarry_kmalloc_class(op_size));

	if (kmem_cache_alloc_bulk(cache, GFP_ATOMIC, 8, p))
		kmem_cache_free_bulk(cache, 8, p);
}
static void op_large(void)
{
	kfree(kmalloc(20000, GFP_ATOMIC));
}

static void nmi_pair(void)
{
	unsigned char *p = kmalloc_nolock(nmi_size, __GFP_ZERO, NUMA_NO_NODE);

	nmi_tried++;
	if (!p)
		return;
	nmi_got++;
	if (p[0] || p[nmi_size - 1])
		mock_fail("object %p is not zeroed", (void *)p);
	memset(p, 0xee, nmi_size);
	kfree_nolock(p);
}
/* Takes now and gives back at a later interrupt. */
static void *kept[8];
static void nmi_shift(void)
{
	unsigned i = (unsigned)(nmi_tried++ % 8);

	kfree_nolock(kept[i]);
	nmi_noted += free_later_any();
	kept[i] = kmalloc_nolock(nmi_size, (gfp_t)0, NUMA_NO_NODE);
	nmi_got += kept[i] != NULL;
	if (kept[i])
		memset(kept[i], 0xee, nmi_size);
}
static void give_kept(void)
{
	for (unsigned i = 0; i < 8; i++)
		kfree_nolock(kept[i]);
	memset(kept, 0, sizeof(kept));
}

static void at_every_hook(void **state)
{
	static void (*const ops[])(void) = {op_pair, op_burst, op_bulk, op_large};

	(void)state;
	mock_start(NULL);
	op_count = 130;
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned n = 1; n < 60; n++) {
			if (n % 2)
				kmem_cache_shrink(quarry_kmalloc_cache(
					QUARRY_KMALLOC_NORMAL, quarry_kmalloc_class(op_size)));
			void (*nmi)(void) = n % 3 ? nmi_pair : nmi_shift;

			mock_interrupt_at(n, (void (*)(void *))(uintptr_t)nmi, NULL);
			ops[i]();
			mock_interrupt_at(0, NULL, NULL);
		}
	}
	give_kept();
	mock_stop();
}

#ifdef HAVE_STEPS
/* To a full stock. */
static void *spare[2];
static void op_spill(void)
{
	for (unsigned i = 0; i < 2; i++)
		kfree(spare[i]);
}
static void fill_stock(void)
{
	void *p[300];

	for (unsigned i = 0; i < 300; i++)
		p[i] = kmalloc(op_size, GFP_ATOMIC);
	const struct object_stock *stock = stock_of(cache_of(p[0]), 0);

	for (unsigned i = 0; i < 2; i++)
		spare[i] = p[i];
	for (unsigned i = 2; i < 300; i++)
		kfree(p[i]);
	while (stock->n < stock->cap) { /* by another cache's name it would not go there */
		void *q = NULL;

		partial_take(cache_of(spare[0]), 0, &q, 1);
		kfree_nolock(q);
	}
}
/* `op` with an interrupt at each of its instructions. */
static void step_through(void (*op)(void), void (*nmi)(void))
{
	nmi_got = nmi_tried = 0;
	interrupted_at(1, 1, op, nmi);
	assert_true(nmi_tried > 20);
	assert_true(nmi_got > 0);
	give_kept();
	free_later_do();
	assert_int_equal(mm_check(), 0);
}

/* Stock, its refill and its drain, new slabs, blocks of pages. */
static void at_every_instruction(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.bytes = 16 * MOCK_MIB});
	struct kmem_cache *cache =
		quarry_kmalloc_cache(QUARRY_KMALLOC_NORMAL, quarry_kmalloc_class(op_size));

	op_pair();
	nmi_noted = 0;
	step_through(op_pair, nmi_pair);
	step_through(op_pair, nmi_shift);
	assert_true(nmi_noted > 0);
	if (STEPS_ARE_DEAR) {
		mock_stop();
		return;
	}
	kmem_cache_shrink(cache);
	step_through(op_pair, nmi_shift);
	fill_stock();
	step_through(op_spill, nmi_pair);
	step_through(op_bulk, nmi_shift);
	nmi_size = 20000;
	step_through(op_large, nmi_pair);
	mock_stop();

	/* A slab's last object: its pages go to the zone. */
	mock_start(&(struct mock_config){.bytes = 16 * MOCK_MIB, .extra.no_parking = true});
	op_size = nmi_size = 8192;
	step_through(op_pair, nmi_shift);
	op_size = nmi_size = 64;
	mock_stop();
}

/* Caches whose every request comes by the slow path. */
static void at_every_instruction_of_closed_caches(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 2; way++) {
		mock_start(&(struct mock_config){
			.bytes = 16 * MOCK_MIB,
			.extra = {.slab_debug = way ? "FZPU,kmalloc-64" : NULL,
				  .init_on_free = !way}});
		step_through(op_pair, nmi_pair);
		if (!STEPS_ARE_DEAR)
			step_through(op_pair, nmi_shift);
		mock_stop();
	}
}

/* A second free looks at the object, which is free, to tell who freed it first. */
static void op_free_twice(void)
{
	kfree(looked_at);
}
static void a_free_object_that_is_looked_at(void **state)
{
	(void)state;
	if (STEPS_ARE_DEAR)
		return;
	mock_start(&(struct mock_config){.extra.slab_debug = "FZPU,kmalloc-64"});
	looked_at = kmalloc(64, GFP_KERNEL);
	kfree(looked_at);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	step_through(op_free_twice, nmi_pair);
	assert_true(nmi_got > 20);
	mock_stop();
}
#endif

/* ---- several CPUs ---- */

/* Some wait for the locks, some do not; an object freed by another CPU than took it. */
static void *passed[4];
static void one_cpu(void *arg, unsigned cpu)
{
	uint64_t random = cpu + 1;

	(void)arg;
	for (unsigned i = 0; i < 2000; i++) {
		size_t size = 8 + mock_random(&random) % 200;
		void *p = cpu % 2 ? kmalloc_nolock(size, (gfp_t)0, NUMA_NO_NODE)
				  : kmalloc(size, GFP_KERNEL);

		if (p)
			memset(p, (int)cpu, size);
		p = __atomic_exchange_n(&passed[mock_random(&random) % 4], p, __ATOMIC_ACQ_REL);
		if (i % 3)
			kfree_nolock(p);
		else
			kfree(p);
	}
}
static void several_cpus(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.cpus = 4});
	mock_run_cpus(4, one_cpu, NULL);
	for (unsigned i = 0; i < 4; i++)
		kfree(passed[i]);
	memset(passed, 0, sizeof(passed));
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_use),
		cmocka_unit_test(wrong_requests),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(everything_is_in_use),
		cmocka_unit_test(they_come_home),
		cmocka_unit_test(too_many_notes),
		cmocka_unit_test(wrong_frees),
		cmocka_unit_test(guarded_objects),
		cmocka_unit_test(debugged_objects),
		cmocka_unit_test(an_object_that_is_looked_at),
		cmocka_unit_test(at_every_hook),
#ifdef HAVE_STEPS
		cmocka_unit_test(at_every_instruction),
		cmocka_unit_test(at_every_instruction_of_closed_caches),
		cmocka_unit_test(a_free_object_that_is_looked_at),
#endif
		cmocka_unit_test(several_cpus),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
