/* SPDX-License-Identifier: MIT */
/* test_wipe.c: objects that are zeroed when they are handed out, or when they are freed. */
#include "slab_test.h"

#include <stdio.h>

#include "mm/slab/slab_wipe.h"

#include "mm/slab/slab_debug.h"

static void start(bool on_alloc, bool on_free, const char *slab_debug)
{
	mock_start(&(struct mock_config){
		.cpus = 2,
		.extra = {.init_on_alloc = on_alloc,
			  .init_on_free = on_free,
			  .slab_debug = slab_debug},
	});
}

static struct kmem_cache *new_cache(const char *name, unsigned size, slab_flags_t flags)
{
	struct kmem_cache *cache = kmem_cache_create(name, size, NULL, flags);

	assert_non_null(cache);
	return cache;
}

static const size_t sizes[] = {1, 8, 24, 64, 100, 513, 4096, 8192, 8193, 40000};
#define NR_SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* Dirty `n` objects, free them, and ask again: all of each is zero. */
static void churn(size_t size, gfp_t gfp, bool zeroed)
{
	unsigned char *p[100];
	unsigned n = size > 8192 ? 4 : 100;
	bool zeros = true;

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < n; i++) {
			p[i] = kmalloc(run_time(size), gfp);
			assert_non_null(p[i]);
			zeros = zeros && all_bytes(p[i], 0, ksize(p[i]));
			memset(p[i], 0xa5, ksize(p[i]));
		}
		for (unsigned i = 0; i < n; i++) {
			mock_set_cpu(i % 3 == 0);
			kfree(p[i]);
		}
		mock_set_cpu(0);
	}
	assert_int_equal(zeros, zeroed);
}

static void g108_on_alloc_every_object_is_zero(void **state)
{
	(void)state;
	start(true, false, NULL);
	for (unsigned i = 0; i < NR_SIZES; i++) {
		churn(sizes[i], GFP_KERNEL, true);
		churn(sizes[i], GFP_NOWAIT, true);
	}
	churn(100, GFP_KERNEL | __GFP_RECLAIMABLE, true);
	struct kmem_cache *cache = new_cache("t", 72, 0);
	void *all[90];

	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 90, all), 90);
		for (unsigned i = 0; i < 90; i++) {
			assert_true(all_bytes(all[i], 0, 72));
			memset(all[i], 1, 72);
		}
		kmem_cache_free_bulk(cache, 90, all);
		unsigned char *p = kmem_cache_alloc_node(cache, GFP_KERNEL, 0);

		assert_true(all_bytes(p, 0, 72));
		memset(p, 1, 72);
		kmem_cache_free(cache, p);
	}
	struct slab_sheaf *sheaf = kmem_cache_prefill_sheaf(cache, GFP_KERNEL, 20);

	for (unsigned i = 0; i < 20; i++) {
		unsigned char *p = kmem_cache_alloc_from_sheaf(cache, GFP_KERNEL, sheaf);

		assert_true(all_bytes(p, 0, 72));
		memset(p, 1, 72);
		kmem_cache_free(cache, p);
	}
	kmem_cache_return_sheaf(cache, GFP_KERNEL, sheaf);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Without the options neither: a dirty object comes back as it was. The stocks are open. */
static void off_unless_asked_for(void **state)
{
	(void)state;
	start(false, false, NULL);
	churn(100, GFP_KERNEL, false);
	assert_false(cache_is_closed(quarry_kmalloc_cache(QUARRY_KMALLOC_NORMAL,
							  quarry_kmalloc_class(100))));
	mock_stop();
	start(false, true, NULL);
	struct kmem_cache *cache = new_cache("t", 100, 0);

	assert_true(cache_is_closed(cache));
	kmem_cache_destroy(cache);
	mock_stop();
}

static bool freed_is_zero(const unsigned char *p, size_t n)
{
	while (n && !peek(p + n - 1))
		n--;
	return !n;
}

/* No byte of a freed object is left, however it is freed. */
static void g154_on_free_nothing_is_left(void **state)
{
	(void)state;
	start(false, true, NULL);
	for (unsigned i = 0; i < NR_SIZES; i++) {
		unsigned char *p = kmalloc(run_time(sizes[i]), GFP_KERNEL);

		memset(p, 0xa5, ksize(p));
		size_t bytes = ksize(p);

		kfree(p);
		assert_true(freed_is_zero(p, bytes));
	}
	struct kmem_cache *cache = new_cache("t", 72, 0);
	unsigned char *all[90];

	for (unsigned n = 1; n <= 90; n += 89) {
		assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, n, (void **)all), n);
		for (unsigned i = 0; i < n; i++)
			memset(all[i], 0xa5, 72);
		if (n == 1)
			kmem_cache_free(cache, all[0]);
		else
			kmem_cache_free_bulk(cache, n, (void **)all);
		for (unsigned i = 0; i < n; i++)
			assert_true(freed_is_zero(all[i], 72));
	}
	kmem_cache_destroy(cache);
	mock_stop();
}

static void count_up(void *object)
{
	*(unsigned *)object = 77;
}

/* Constructed, type-stable and poisoned objects keep what they hold. (G138, G140) */
static void g138_nobodys_contents_are_lost(void **state)
{
	(void)state;
	start(true, true, "P,poisoned;Z,zoned");
	struct kmem_cache *ctor = kmem_cache_create("c", 40, 8, 0, count_up),
			  *stable = new_cache("s", 40, SLAB_TYPESAFE_BY_RCU),
			  *poisoned = new_cache("poisoned", 40, 0),
			  *zoned = new_cache("zoned", 40, 0);

	for (unsigned i = 0; i < 100; i++) {
		unsigned *p = kmem_cache_alloc(ctor, GFP_KERNEL);
		unsigned *q = kmem_cache_alloc(stable, GFP_KERNEL);
		unsigned char *r = kmem_cache_alloc(poisoned, GFP_KERNEL);
		unsigned char *z = kmem_cache_alloc(zoned, GFP_KERNEL);

		assert_int_equal(*p, 77);
		assert_true(all_bytes(r, POISON_NEW, 40));
		assert_true(all_bytes(z, 0, 40));
		memset(z, 1, 40);
		*q = i;
		kmem_cache_free(ctor, p);
		kmem_cache_free(stable, q);
		kmem_cache_free(poisoned, r);
		kmem_cache_free(zoned, z);
		assert_int_equal(*q, i);
		assert_true(freed_is_zero(z, 40));
	}
	kmem_cache_destroy(ctor);
	kmem_cache_destroy(stable);
	kmem_cache_destroy(poisoned);
	kmem_cache_destroy(zoned);
	mock_stop();
}

/* Wrong frees are reported as ever, and wipe nobody else's object. (G147, G149) */
static void g149_bad_frees(void **state)
{
	(void)state;
	start(true, true, NULL);
	struct kmem_cache *cache = new_cache("t", 72, 0), *other = new_cache("o", 72, 0);
	unsigned char *p[3];

	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 3, (void **)p), 3);
	for (unsigned i = 0; i < 3; i++)
		memset(p[i], 9, 72);
	mock_expect_report(QUARRY_RULE_OBJECT_INTERIOR, 2);
	kmem_cache_free(cache, p[1] + 8);
	void *inside = p[0] + 16;

	kmem_cache_free_bulk(cache, 1, &inside);
	kmem_cache_shrink(cache);
	mock_expect_report(QUARRY_RULE_OBJECT_CACHE, 1);
	kmem_cache_free(other, p[0]);
	for (unsigned i = 0; i < 3; i++)
		assert_true(all_bytes(p[i], 9, 72));
	kmem_cache_free(cache, p[0]);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kmem_cache_free(cache, p[0]);
	kmem_cache_shrink(cache);
	kmem_cache_free(cache, p[1]);
	kmem_cache_free(cache, p[2]);
	assert_int_equal(active_of("t"), 0);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(other);
	mock_stop();
}

static struct kmem_cache *interrupted;

static void interrupt(void *arg)
{
	unsigned char *p = kmem_cache_alloc(interrupted, GFP_ATOMIC);

	(void)arg;
	assert_non_null(p);
	assert_true(all_bytes(p, 0, 48));
	memset(p, 7, 48);
	kmem_cache_free(interrupted, p);
}

/* A closed stock still has one user at a time: an interrupt at any point has objects of its own. */
static void interrupts_at_every_point(void **state)
{
	unsigned char *p[80];

	(void)state;
	start(true, true, NULL);
	interrupted = new_cache("t", 48, 0);
	for (unsigned n = 1; n < MOCK_STEPS(200) + 10; n++) {
		mock_interrupt_at(n, interrupt, NULL);
		for (unsigned i = 0; i < 80; i++) {
			p[i] = kmem_cache_alloc(interrupted, GFP_KERNEL);
			assert_true(all_bytes(p[i], 0, 48));
			memset(p[i], (int)i, 48);
		}
		for (unsigned i = 0; i < 80; i++) {
			assert_true(all_bytes(p[i], (unsigned char)i, 48));
			kmem_cache_free(interrupted, p[i]);
		}
	}
	assert_int_equal(active_of("t"), 0);
	struct slab_info info;

	assert_true(find_info("t", &info));
	assert_true(info.in_stocks > 0);
	kmem_cache_destroy(interrupted);
	mock_stop();
}

static char *text;
static size_t text_used;

static void gather(void *ctx, const char *piece)
{
	(void)ctx;
	text_used += (size_t)snprintf(text + text_used, 16384 - text_used, "%s", piece);
}

/* The boot report tells the limits and what is on. */
static void g115_boot_report_tells_limits(void **state)
{
	(void)state;
	text = malloc(16384);
	for (unsigned i = 0; i < 2; i++) {
		start(i == 0, i == 1, NULL);
		text_used = 0;
		quarry_features(gather, NULL);
		char line[80];

		snprintf(line, sizeof(line), "\nlargest object: %lu KiB, ",
			 (unsigned long)(KMALLOC_MAX_SIZE >> 10));
		assert_non_null(strstr(text, line));
		assert_int_equal(KMALLOC_MAX_SIZE, (size_t)1 << (PAGE_SHIFT + QUARRY_MAX_ORDER));
		assert_non_null(strstr(text, i ? "when allocated off, when freed on"
					       : "when allocated on, when freed off"));
		mock_stop();
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g108_on_alloc_every_object_is_zero),
		cmocka_unit_test(off_unless_asked_for),
		cmocka_unit_test(g154_on_free_nothing_is_left),
		cmocka_unit_test(g138_nobodys_contents_are_lost),
		cmocka_unit_test(g149_bad_frees),
		cmocka_unit_test(interrupts_at_every_point),
		cmocka_unit_test(g115_boot_report_tells_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
