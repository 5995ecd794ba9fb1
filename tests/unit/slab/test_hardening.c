/* SPDX-License-Identifier: MIT */
/*
 * test_hardening.c: what QUARRY_HARDENING 1 adds: wrong frees are seen at the free itself, and the
 * order in which a new slab is handed out cannot be foreseen.
 */
#include "mm/slab/class_hint.h"
#include "mm/slab/depot.h"
#include "mm/slab/partial.h"
#include "mm/slab/slab_cache.h"
#include "slab_test.h"

static const unsigned sizes[] = {8, 16, 24, 64, 96, 192, 448, 640, 1024, 3000, 4096, 8192, 40000};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static struct kmem_cache *new_cache(unsigned size)
{
	struct kmem_cache *cache = kmem_cache_create("t", size, NULL, 0);

	assert_non_null(cache);
	return cache;
}

/* The quick test agrees with the definition for every address of a slab. */
static void quick_test_is_exact(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < SIZES; i++) {
		struct kmem_cache *cache = new_cache(sizes[i]);
		char *p = kmem_cache_alloc(cache, GFP_KERNEL);
		struct page *head = slab_head(virt_to_page(p));
		char *base = page_address(head);
		size_t bytes = PAGE_SIZE << cache->shape[0].order;
		unsigned starts = 0;

		for (size_t offset = 0; offset < bytes; offset++) {
			bool start = offset % cache->size == 0 &&
				     offset / cache->size < cache->shape[0].objects;

			assert_int_equal(slab_starts_object(cache, base + offset), start);
			starts += start;
		}
		assert_int_equal(starts, cache->shape[0].objects);
		kmem_cache_free(cache, p);
		kmem_cache_destroy(cache);
	}
	mock_stop();
}

/* A pointer into an object is never handed out: by kfree, kmem_cache_free and in bulk. (H41) */
static void h041_interior_pointer_at_the_free(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < SIZES; i++) {
		struct kmem_cache *cache = new_cache(sizes[i]);
		char *p = kmem_cache_alloc(cache, GFP_KERNEL);
		void *inner = p + 4;

		mock_expect_report(QUARRY_RULE_OBJECT_INTERIOR, 3);
		kfree(inner);
		kmem_cache_free(cache, inner);
		kmem_cache_free_bulk(cache, 1, &inner);
		assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_INTERIOR), 3 * (i + 1));
		void *q = kmem_cache_alloc(cache, GFP_KERNEL);

		assert_ptr_not_equal(q, inner);
		kmem_cache_free(cache, q);
		kmem_cache_free(cache, p);
		kmem_cache_destroy(cache);
	}
	mock_stop();
}

/* Slabs of the smaller shape: right frees work, wrong ones are seen. */
static void slabs_of_the_smaller_shape(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = new_cache(700);

	assert_true(cache->shape[0].order > cache->shape[1].order);
	/* The first request for pages fails, the second is for the smaller shape. */
	mock_fail_site(FAULT_PAGE, 1, false);
	void *p = kmem_cache_alloc(cache, GFP_KERNEL), *q = kmem_cache_alloc(cache, GFP_KERNEL);
	void *r = kmem_cache_alloc(cache, GFP_KERNEL);

	mock_fail_site(FAULT_PAGE, 0, false);
	assert_ptr_equal(slab_shape(cache, slab_head(virt_to_page(p))), &cache->shape[1]);
	mock_expect_report(QUARRY_RULE_OBJECT_INTERIOR, 3);
	kfree((char *)p + 128);
	kmem_cache_free(cache, (char *)p + 128);
	void *inner = (char *)p + 128;

	kmem_cache_free_bulk(cache, 1, &inner);
	assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_INTERIOR), 3);
	kfree(p);
	kmem_cache_free(cache, q);
	kmem_cache_free_bulk(cache, 1, &r);
	assert_int_equal(active_of("t"), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Free a, b, a: the second a is seen at once and handed out once. (G149, H42) */
static void h042_freed_twice_with_one_between(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < SIZES; i++) {
		struct kmem_cache *cache = new_cache(sizes[i]);
		void *a = kmem_cache_alloc(cache, GFP_KERNEL);
		void *b = kmem_cache_alloc(cache, GFP_KERNEL);

		kfree(a);
		kfree(b);
		mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
		kfree(a);
		assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_TWICE), i + 1);
		void *c = kmem_cache_alloc(cache, GFP_KERNEL);
		void *d = kmem_cache_alloc(cache, GFP_KERNEL);

		assert_ptr_not_equal(c, d);
		kmem_cache_free(cache, c);
		kmem_cache_free(cache, d);
		kmem_cache_destroy(cache);
	}
	mock_stop();
}

/* After a refill and after a flush too the stock knows what it holds. (H42) */
static void h042_after_refill_and_flush(void **state)
{
	void *object[70];

	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = new_cache(64);
	struct object_stock *stock;

	for (unsigned i = 0; i < 70; i++)
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	stock = stock_of(cache, 0);
	/* Refilled, not freed here: seen when the stock is emptied, and free once. */
	void *free_object = stock->object[stock_count(stock) - 1];

	kfree(free_object);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	assert_true(cpu_cache_drain(cache, 0));
	assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_TWICE), 1);
	assert_int_equal(active_of("t"), 70);
	/* The stock overflows: the older half leaves, the newer moves down. */
	for (unsigned i = 0; i < 70; i++)
		kfree(object[i]);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 2);
	kfree(object[68]);
	kfree(object[69]);
	assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_TWICE), 3);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Taken and freed at once, the shortest way: the object is in the stock, once, and known there. */
static void h042_freed_twice_after_a_pair(void **state)
{
	void *object[31];

	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = new_cache(64);

	/* Only what the last refill took is recorded: have it take all. */
	for (unsigned i = 0; i < 31; i++)
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_free_bulk(cache, 31, object);
	assert_true(cpu_cache_drain(cache, 0));
	for (unsigned i = 0; i < 31; i++)
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	/* The first one came from a new slab, past the stock. */
	for (unsigned i = 31; i-- > 1;) {
		struct object_stock *stock = stock_of(cache, 0);
		size_t n = stock_count(stock);

		assert_ptr_equal(stock->object[n], object[i]);
		kmem_cache_free(cache, object[i]);
		assert_int_equal(stock_count(stock), n + 1);
		mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 2);
		kmem_cache_free(cache, object[i]);
		kfree(object[i]);
		assert_int_equal(stock_count(stock), n + 1);
		assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_TWICE), 2 * (31 - i));
	}
	kmem_cache_free(cache, object[0]);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Freed in the order of allocation: what was written above the newest says nothing any more. */
static void h042_freed_twice_in_another_order(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = new_cache(64);
	void *a = kmem_cache_alloc(cache, GFP_KERNEL), *b = kmem_cache_alloc(cache, GFP_KERNEL);
	void *c = kmem_cache_alloc(cache, GFP_KERNEL);

	kmem_cache_free(cache, a);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 2);
	kmem_cache_free(cache, a);
	kmem_cache_free(cache, b);
	kmem_cache_free(cache, a);
	assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_TWICE), 2);
	kmem_cache_free(cache, c);
	assert_int_equal(active_of("t"), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* What a CPU handed out last another CPU freed, and the slab is gone: a second free here is no
 * free. (H42) */
static void h042_freed_twice_after_the_slab_went(void **state)
{
	struct mock_config config = {.cpus = 2};
	void *object[200];
	unsigned n = 0;

	(void)state;
	mock_start(&config);
	struct kmem_cache *cache = new_cache(1024);

	do {
		object[n++] = kmem_cache_alloc(cache, GFP_KERNEL);
	} while (n < 30 || stock_count(stock_of(cache, 0)));
	mock_set_cpu(1);
	for (unsigned i = 0; i < n; i++)
		kmem_cache_free(cache, object[i]);
	assert_true(cpu_cache_drain(cache, 1));
	depot_drain(cache);
	assert_int_equal(cache_shrink(cache), 0);
	mock_set_cpu(0);
	struct object_stock *stock = stock_of(cache, 0);

	assert_ptr_equal(stock->object[0], object[n - 1]);
	assert_true(stock_is_apart(stock_fast(cache, 0)));
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 1);
	kmem_cache_free(cache, object[n - 1]);
	assert_int_equal(mock_reports(QUARRY_RULE_FREE_UNKNOWN), 1);
	assert_int_equal(stock_count(stock), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* kfree guesses the cache from the page: a wrong guess costs time only. */
static void wrong_guesses(void **state)
{
	(void)state;
	mock_start(NULL);
	char *p = kmalloc(100, GFP_KERNEL), *q = kmalloc(3000, GFP_KERNEL);
	struct kmem_cache *right = slab_cache_of(virt_to_page(p));
	struct kmem_cache *wrong = slab_cache_of(virt_to_page(q));

	assert_ptr_equal(class_hint_at(p)->cache, right);
	class_hint_at(p)->cache = wrong;
	size_t n = stock_count(stock_of(right, 0)), other = stock_count(stock_of(wrong, 0));

	kfree(p);
	assert_int_equal(stock_count(stock_of(right, 0)), n + 1);
	assert_int_equal(stock_count(stock_of(wrong, 0)), other);
	assert_ptr_equal(class_hint_at(p)->cache, right); /* better now */
	class_hint_at(p)->cache = wrong;
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kfree(p);
	kfree(q);
	kfree(NULL);
	kfree(ZERO_SIZE_PTR);
	mock_stop();
}

static bool named_has(const struct kmem_cache *cache, const void *p)
{
	return slab_named_has(cache, &class_hint_at(p)->slab, p);
}

/* What kfree takes for an object without looking at its page is one of that cache: around the
 * slab, for each other class, and whatever bit of the address is wrong. */
static void named_slabs_are_exact(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < SIZES && sizes[i] <= KMALLOC_MAX_CACHE_SIZE; i++) {
		char *p = kmalloc(sizes[i], GFP_KERNEL);
		struct kmem_cache *cache = slab_cache_of(virt_to_page(p));
		char *base = page_address(slab_head(virt_to_page(p)));
		size_t bytes = PAGE_SIZE << cache->shape[0].order;

		for (char *at = base - bytes; at < base + 2 * bytes; at++) {
			bool start = at >= base && at < base + bytes &&
				     slab_starts_object(cache, at);

			if (page_of_address(at) && slab_cache_of(virt_to_page(at)) == cache)
				assert_int_equal(named_has(cache, at),
						 slab_starts_object(cache, at));
			else
				assert_int_equal(named_has(cache, at), start);
		}
		for (unsigned cls = 0; cls < QUARRY_KMALLOC_CLASSES; cls++) {
			struct kmem_cache *other =
				quarry_kmalloc_cache(QUARRY_KMALLOC_NORMAL, cls);

			assert_int_equal(named_has(other, p), other == cache);
		}
		for (unsigned bit = 20; bit < 64; bit++)
			assert_false(named_has(cache, (char *)((uintptr_t)p ^ 1ul << bit)));
		kfree(p);
	}
	assert_false(named_has(quarry_kmalloc_cache(QUARRY_KMALLOC_NORMAL, 0), NULL));
	mock_stop();
}

/* A name ends with its slab; a wrong one is found by the validator; one that another slab has taken
 * costs time only. */
static void names_of_slabs(void **state)
{
	(void)state;
	mock_start(NULL);
	char *p = kmalloc(3000, GFP_KERNEL), *q = kmalloc(100, GFP_KERNEL);
	struct kmem_cache *cache = slab_cache_of(virt_to_page(p));
	uintptr_t name = class_hint_at(p)->slab;

	assert_true(named_has(cache, p));
	class_hint_at(p)->slab = class_hint_at(q)->slab;
	mock_expect_report(QUARRY_RULE_VALIDATE, 1);
	assert_int_equal(class_hint_check(), 1);
	size_t n = stock_count(stock_of(cache, 0));

	kfree(p);
	assert_int_equal(stock_count(stock_of(cache, 0)), n + 1);
	class_hint_at(p)->slab = name;
	assert_int_equal(class_hint_check(), 0);
	slab_drain();
	assert_int_equal(cache->node[0].slabs, 0);
	assert_false(named_has(cache, p));
	assert_int_equal(class_hint_check(), 0);
	mock_expect_report(QUARRY_RULE_FREE_TWICE, 1);
	kfree(p);
	assert_int_equal(mock_reports(QUARRY_RULE_FREE_TWICE), 1);
	kfree(q);
	mock_stop();
}

/* No wrong alarm in a long mix of frees and allocations. */
static void no_false_alarm(void **state)
{
	void *object[200] = {NULL};
	uint64_t random = 7;

	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = new_cache(48);

	for (unsigned i = 0; i < 20000; i++) {
		void **slot = &object[mock_random(&random) % 200];

		if (*slot)
			kmem_cache_free(cache, *slot);
		*slot = *slot ? NULL : kmem_cache_alloc(cache, GFP_KERNEL);
	}
	for (unsigned i = 0; i < 200; i++)
		kmem_cache_free(cache, object[i]);
	assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_TWICE), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* ---- order ---- */

/* Handed out from a new slab: all objects once; false if in the order of their addresses. */
static bool is_shuffled(struct kmem_cache *cache)
{
	char *object[64], *base = NULL;
	uint64_t seen = 0;
	bool shuffled = false;

	for (unsigned i = 0; i < 64; i++) {
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		if (!base)
			base = page_address(slab_head(virt_to_page(object[0])));
		seen |= 1ull << (size_t)(object[i] - base) / 64;
		/* The first object is taken alone, the rest in batches. */
		shuffled |= i > 1 && object[i] != object[i - 1] + 64;
	}
	assert_true(seen == ~0ull);
	for (unsigned i = 0; i < 64; i++)
		kmem_cache_free(cache, object[i]);
	return shuffled;
}

/* The random hook chooses the order of a cache; every object is still handed out. */
static void order_is_random(void **state)
{
	unsigned long calls;
	unsigned shuffled = 0;

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < 16; i++) {
		calls = mock_hook_count(MOCK_RANDOM);
		struct kmem_cache *cache = new_cache(64);

		assert_int_equal(mock_hook_count(MOCK_RANDOM), calls + 1);
		assert_int_equal(cache->stride * cache->stride_inverse % 64, 1);
		shuffled += is_shuffled(cache);
		kmem_cache_destroy(cache);
	}
	assert_true(shuffled >= 12);
	mock_stop();
}

/* ---- pages of slabs ---- */

/* Any page of a slab leads to the head. */
static void inner_pages_lead_to_the_head(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < SIZES; i++) {
		struct kmem_cache *cache = new_cache(sizes[i]);
		void *p = kmem_cache_alloc(cache, GFP_KERNEL);
		struct page *head = slab_head(virt_to_page(p));
		char *base = page_address(head);

		for (size_t at = 0; at < PAGE_SIZE << cache->shape[0].order; at += PAGE_SIZE / 2) {
			assert_ptr_equal(virt_to_head_page(base + at), head);
			assert_ptr_equal(compound_head(virt_to_page(base + at)), head);
		}
		kmem_cache_free(cache, p);
		kmem_cache_destroy(cache);
	}
	mock_stop();
}

/* ---- giving back ---- */

/* Many empty slabs go back, a few under one hold of a lock. */
static void shrink_in_steps(void **state)
{
	static void *object[1024];

	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = kmem_cache_create("t", 4096, NULL, 0);

	cache->max_empty = UINT32_MAX;
	for (unsigned i = 0; i < 1024; i++)
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (unsigned i = 0; i < 1024; i++)
		kmem_cache_free(cache, object[i]);
	cache_drain(cache);
	unsigned long before = cache->node[0].slabs;
	uint32_t chain = 0;

	assert_true(before > 64);
	/* One step unlists a bounded number. */
	assert_int_equal(partial_detach(cache, &chain), before - 16);
	partial_release(chain);
	slab_drain();
	assert_int_equal(cache->node[0].slabs, 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quick_test_is_exact),
		cmocka_unit_test(h041_interior_pointer_at_the_free),
		cmocka_unit_test(slabs_of_the_smaller_shape),
		cmocka_unit_test(h042_freed_twice_with_one_between),
		cmocka_unit_test(h042_after_refill_and_flush),
		cmocka_unit_test(h042_freed_twice_after_a_pair),
		cmocka_unit_test(h042_freed_twice_in_another_order),
		cmocka_unit_test(h042_freed_twice_after_the_slab_went),
		cmocka_unit_test(wrong_guesses),
		cmocka_unit_test(named_slabs_are_exact),
		cmocka_unit_test(names_of_slabs),
		cmocka_unit_test(no_false_alarm),
		cmocka_unit_test(order_is_random),
		cmocka_unit_test(inner_pages_lead_to_the_head),
		cmocka_unit_test(shrink_in_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
