/* SPDX-License-Identifier: MIT */
/* test_kmalloc.c: memory by size. */
#include <quarry/cleanup.h>

#include "slab_test.h"

/* One object of every size, all alive at once: none overlaps, each keeps the promise of
 * alignment. (G1, G117, G119) */
static void g001_every_size_at_once(void **state)
{
	static unsigned char *object[8193];
	struct mock_config config = {.bytes = 96 * MOCK_MIB};

	(void)state;
	mock_start(&config);
	for (size_t n = 1; n <= 8192; n++) {
		object[n] = kmalloc(n, GFP_KERNEL);
		assert_non_null(object[n]);
		assert_int_equal((uintptr_t)object[n] % divisor(n), 0);
		assert_int_equal((uintptr_t)object[n] % ARCH_KMALLOC_MINALIGN, 0);
		assert_true(ksize(object[n]) >= n);
		memset(object[n], (int)(n % 251), n);
	}
	for (size_t n = 1; n <= 8192; n++) {
		assert_true(all_bytes(object[n], (unsigned char)(n % 251), n));
		kfree(object[n]);
	}
	mock_stop();
}

/* The class of each size holds it, wastes at most a quarter, and is at least as aligned. (H55) */
static void h055_class_of_every_size(void **state)
{
	(void)state;
	for (size_t n = 1; n <= KMALLOC_MAX_CACHE_SIZE; n++) {
		unsigned cls = quarry_kmalloc_class(n);
		size_t size = quarry_kmalloc_class_size(cls);

		assert_in_range(cls, 0, QUARRY_KMALLOC_CLASSES - 1);
		assert_in_range(size, n, n < 64 ? n + 7 : n + n / 4 - 1);
		assert_true(divisor(size) >= divisor(n) || n < KMALLOC_MIN_SIZE);
		assert_int_equal(quarry_kmalloc_class(size), cls);
	}
	assert_int_equal(quarry_kmalloc_class_size(QUARRY_KMALLOC_CLASSES - 1),
			 KMALLOC_MAX_CACHE_SIZE);
}

/* Powers of two are aligned to themselves, large blocks too. (G118) */
static void g118_powers_of_two(void **state)
{
	(void)state;
	mock_start(NULL);
	for (size_t n = 8; n <= KMALLOC_MAX_SIZE; n *= 2) {
		void *a = kmalloc(n, GFP_KERNEL), *b = kmalloc(n, GFP_KERNEL);

		assert_non_null(a);
		assert_non_null(b);
		assert_int_equal((uintptr_t)a % n, 0);
		assert_int_equal((uintptr_t)b % n, 0);
		assert_ptr_not_equal(a, b);
		kfree(b);
		kfree(a);
	}
	mock_stop();
}

/* Zeroed to the last byte of ksize(), although every byte was dirty. (G9, G108) */
static void g009_kzalloc_is_all_zero(void **state)
{
	static const size_t sizes[] = {1, 7, 8, 96, 255, 256, 257, 4096, 8192, 8193, 1 << 20};
	struct mock_config config = {.bytes = 16 * MOCK_MIB, .dirty_memory = true};

	(void)state;
	mock_start(&config);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (unsigned round = 0; round < 2; round++) {
			unsigned char *p = kzalloc(sizes[i], GFP_KERNEL);

			assert_non_null(p);
			assert_true(all_bytes(p, 0, ksize(p)));
			memset(p, 0xaa, ksize(p));
			kfree(p);
		}
	}
	/* Constant sizes are cleared by the caller's own code. */
	unsigned char *p = kzalloc(100, GFP_KERNEL);

	assert_true(all_bytes(p, 0, ksize(p)));
	kfree(p);
	mock_stop();
}

/* DMA requests have caches of their own; DMA32 is not a kmalloc zone. (G58) */
static void g058_zone_bits(void **state)
{
	struct mock_config config = {.base = 1 * MOCK_MIB, .bytes = 64 * MOCK_MIB};

	(void)state;
	mock_start(&config);
	void *dma = kmalloc(64, GFP_KERNEL | GFP_DMA);

	assert_non_null(dma);
	assert_int_equal(active_of("dma-kmalloc-64"), 1);
	assert_int_equal(active_of("kmalloc-64"), 0);
	if (QUARRY_ARCH_DMA_LIMIT != 0)
		assert_true(virt_to_phys(dma) + 64 <= QUARRY_ARCH_DMA_LIMIT);
	kfree(dma);
	assert_int_equal(active_of("dma-kmalloc-64"), 0);

	mock_expect_report(QUARRY_RULE_BAD_GFP, 1);
	void *p = kmalloc(64, GFP_KERNEL | GFP_DMA32);

	assert_non_null(p);
	assert_int_equal(active_of("kmalloc-64"), 1);
	kfree(p);
	mock_stop();
}

static void g109_array_overflow(void **state)
{
	(void)state;
	mock_start(NULL);
	unsigned long passes = mock_fault_passes(-1);

	assert_null(kmalloc_array(run_time(SIZE_MAX / 2), 3, GFP_KERNEL));
	assert_null(kcalloc(SIZE_MAX / 2, 3, GFP_KERNEL));
	assert_null(kmalloc_array_node(SIZE_MAX / 2, 3, GFP_KERNEL, 0));
	assert_int_equal(mock_fault_passes(-1), passes);
	mock_stop();
}

/* Dirty memory comes back zero. (G110) */
static void g110_kcalloc_zeroes(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned n = 1; n < 200; n += 9) {
		unsigned char *p = kmalloc(run_time(n * 9), GFP_KERNEL);

		memset(p, 0xaa, n * 9);
		kfree(p);
		p = kcalloc(run_time(n), 9, GFP_KERNEL);
		assert_true(all_bytes(p, 0, n * 9));
		kfree(p);
	}
	mock_stop();
}

/* Zeroing works in every family, but for caches with a constructor. (G108) */
static void g108_zeroing_in_every_family(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.dirty_memory = true});
	struct kmem_cache *cache = kmem_cache_create("t", 500, NULL, 0);
	unsigned char *p[] = {kzalloc(500, GFP_KERNEL),
			      kmalloc(run_time(500), GFP_KERNEL | __GFP_ZERO),
			      kzalloc_node(500, GFP_KERNEL, 0),
			      kcalloc(50, 10, GFP_KERNEL),
			      kmem_cache_zalloc(cache, GFP_KERNEL),
			      kvzalloc(500, GFP_KERNEL),
			      vzalloc(500),
			      (unsigned char *)get_zeroed_page(GFP_KERNEL),
			      kmalloc(run_time(9000), GFP_KERNEL | __GFP_ZERO)};

	for (unsigned i = 0; i < sizeof(p) / sizeof(p[0]); i++)
		assert_true(all_bytes(p[i], 0, 500));
	free_page((unsigned long)p[7]);
	for (unsigned i = 0; i < sizeof(p) / sizeof(p[0]); i++)
		if (i != 7)
			kvfree(p[i]);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Ten thousand random sizes: the least alignment (G117), and the largest power of two that divides
 * the size (G119). */
static void g117_g119_alignment_of_random_sizes(void **state)
{
	uint64_t random = 5;

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < 10000; i++) {
		size_t size = 1 + mock_random(&random) % (i % 100 ? 1000 : 20000);
		void *p = kmalloc(size, GFP_KERNEL);

		assert_int_equal((uintptr_t)p % ARCH_KMALLOC_MINALIGN, 0);
		assert_int_equal((uintptr_t)p % divisor(size), 0);
		kfree(p);
	}
	void *a = kmalloc(96, GFP_KERNEL), *b = kmalloc(192, GFP_KERNEL);

	assert_int_equal((uintptr_t)a % 32, 0);
	assert_int_equal((uintptr_t)b % 64, 0);
	kfree(a);
	kfree(b);
	mock_stop();
}

static void g114_largest_size(void **state)
{
	(void)state;
	mock_start(NULL);
	void *p = kmalloc(KMALLOC_MAX_SIZE, GFP_KERNEL);

	assert_non_null(p);
	memset(p, 1, KMALLOC_MAX_SIZE);
	kfree(p);
	mock_expect_report(QUARRY_RULE_SIZE_LIMIT, 1);
	assert_null(kmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL));
	assert_null(kmalloc(run_time(SIZE_MAX), GFP_KERNEL | __GFP_NOWARN));
	mock_stop();
}

/* kmalloc_size_roundup() predicts ksize(). (G116) */
static void g116_size_roundup(void **state)
{
	(void)state;
	mock_start(NULL);
	for (size_t n = 1; n <= 70000; n += n < 9000 ? 1 : 997) {
		void *p = kmalloc(n, GFP_KERNEL);

		assert_int_equal(kmalloc_size_roundup(n), ksize(p));
		kfree(p);
	}
	assert_int_equal(kmalloc_size_roundup(0), 0);
	assert_int_equal(kmalloc_size_roundup(SIZE_MAX), SIZE_MAX);
	mock_stop();
}

/* A constant size and the same size at run time come from the same cache. (G1) */
static void constant_and_run_time_size_agree(void **state)
{
	(void)state;
	mock_start(NULL);
	void *a = kmalloc(200, GFP_KERNEL);

	assert_int_equal(active_of("kmalloc-224"), 1);
	void *b = kmalloc(run_time(200), GFP_KERNEL);

	assert_int_equal(active_of("kmalloc-224"), 2);
	void *c = kmalloc(200, GFP_KERNEL | __GFP_RECLAIMABLE);

	assert_int_equal(active_of("kmalloc-rcl-224"), 1);
	kfree(a);
	kfree(b);
	kfree(c);
	mock_stop();
}

static void g120_zero_size(void **state)
{
	(void)state;
	mock_start(NULL);
	void *p = kmalloc(0, GFP_KERNEL);

	assert_ptr_equal(p, ZERO_SIZE_PTR);
	assert_int_equal((uintptr_t)p, 16);
	assert_int_equal(ksize(p), 0);
	kfree(p);
	kfree(p);
	assert_ptr_equal(kmalloc(run_time(0), GFP_KERNEL), ZERO_SIZE_PTR);
	kfree_sensitive(ZERO_SIZE_PTR);
	kfree_sized(ZERO_SIZE_PTR, 0);
	assert_int_equal(ksize(NULL), 0);
	mock_stop();
}

static void fill_pattern(unsigned char *p, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		p[i] = (unsigned char)(i * 7 + 3);
}
static bool has_pattern(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != (unsigned char)(i * 7 + 3))
			return false;
	return true;
}

/* Growing and shrinking keeps the contents. (G121) */
static void g121_krealloc_keeps_contents(void **state)
{
	static const size_t chain[] = {16, 17, 100, 4096, 65536, 65537, 70000, 200, 8192, 1};
	unsigned char *p = NULL;
	size_t n = 0;

	(void)state;
	mock_start(NULL);
	for (size_t i = 0; i < sizeof(chain) / sizeof(chain[0]); i++) {
		p = krealloc(p, chain[i], GFP_KERNEL);
		assert_non_null(p);
		assert_true(has_pattern(p, n < chain[i] ? n : chain[i]));
		fill_pattern(p, 0, chain[i]);
		n = chain[i];
	}
	/* In place where it fits. */
	kfree(p);
	p = kmalloc(33, GFP_KERNEL);
	assert_ptr_equal(krealloc(p, 40, GFP_KERNEL), p);
	assert_ptr_equal(krealloc(p, 5, GFP_KERNEL), p);
	/* Size 0 frees. */
	assert_ptr_equal(krealloc(p, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	assert_int_equal(active_of("kmalloc-40"), 0);
	p = krealloc(ZERO_SIZE_PTR, 8, GFP_KERNEL);
	assert_non_null(p);
	/* A failure leaves the old one alone. */
	fill_pattern(p, 0, 8);
	mock_fail_site(FAULT_OBJECT, 1, false);
	assert_null(krealloc(p, 100, GFP_KERNEL));
	assert_true(has_pattern(p, 8));
	kfree(p);
	mock_stop();
}

/* With __GFP_ZERO at every call, all bytes beyond the old size are zero, after a shrink too.
 * (H59) */
static void h059_krealloc_zeroes_the_new_part(void **state)
{
	(void)state;
	mock_start(NULL);
	for (size_t old = 1; old <= 300; old += 13) {
		for (size_t less = 1; less <= old; less += 7) {
			for (size_t new = less; new <= 300; new += 11) {
				unsigned char *p = kmalloc(old, GFP_KERNEL | __GFP_ZERO);

				fill_pattern(p, 0, old);
				p = krealloc(p, less, GFP_KERNEL | __GFP_ZERO);
				p = krealloc(p, new, GFP_KERNEL | __GFP_ZERO);
				assert_true(has_pattern(p, less));
				assert_true(all_bytes(p + less, 0, new - less));
				kfree(p);
			}
		}
	}
	mock_stop();
}

static void g122_krealloc_array(void **state)
{
	(void)state;
	mock_start(NULL);
	unsigned char *p = kmalloc(10, GFP_KERNEL);

	fill_pattern(p, 0, 10);
	assert_null(krealloc_array(p, SIZE_MAX / 2, 3, GFP_KERNEL));
	assert_true(has_pattern(p, 10));
	p = krealloc_array(p, 10, 10, GFP_KERNEL);
	assert_true(has_pattern(p, 10));
	kfree(p);
	mock_stop();
}

static void g146_null_is_accepted(void **state)
{
	void *nothing[2] = {NULL, NULL};

	(void)state;
	mock_start(NULL);
	kfree(NULL);
	kfree_sensitive(NULL);
	kfree_sized(NULL, 5);
	kfree_bulk(2, nothing);
	kfree(krealloc(NULL, 3, GFP_KERNEL));
	mock_stop();
}

/* Addresses that are no objects. (G145, G149, H61) */
static void g149_foreign_pointers(void **state)
{
	int on_stack = 0;

	(void)state;
	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 2);
	kfree(&on_stack);
	kfree((void *)MOCK_VMALLOC);

	struct page *page = alloc_page(GFP_KERNEL);

	mock_expect_report(QUARRY_RULE_FREE_KIND, 1);
	kfree(page_address(page));
	__free_page(page);
	mock_expect_report(QUARRY_RULE_FREE_TWICE, 1);
	kfree(page_address(page));

	/* Inside a large block, on its first page and on another one. */
	char *large = kmalloc(3 * PAGE_SIZE, GFP_KERNEL);

	mock_expect_report(QUARRY_RULE_OBJECT_INTERIOR, 2);
	kfree(large + 8);
	kfree(large + PAGE_SIZE);
	kfree(large);
	mock_expect_report(QUARRY_RULE_FREE_TWICE, 1);
	kfree(large);
	mock_stop();
}

/* Blocks of whole pageblocks, whose inner pages have no state: a pointer into one is no start, and
 * no stranger either. (G149) */
static void g149_interior_pointers_of_the_largest(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned order = pageblock_order - 1; order <= MAX_PAGE_ORDER; order++) {
		char *p = kmalloc(run_time(PAGE_SIZE << order), GFP_KERNEL);
		size_t bytes = ksize(p), at[] = {8, PAGE_SIZE, bytes / 2, bytes - 8};

		for (unsigned i = 0; i < 4; i++) {
			mock_expect_report(QUARRY_RULE_OBJECT_INTERIOR, 2);
			kfree(p + at[i]);
			kvfree(p + at[i]);
			assert_int_equal(mock_last_report()->a, p);
			assert_true(kmem_valid_obj(p + at[i]));
		}
		kfree(p);
	}
	mock_stop();
}

/* What the library allocated for itself is not a caller's to free, nor is any number that means
 * something to it. (G149) */
static void g149_internal_objects(void **state)
{
	void *bulk[1];

	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = kmem_cache_create("t", 64, NULL, 0);
	void *p = kmem_cache_alloc(cache, GFP_KERNEL);

	kmem_cache_free(cache, p);
	mock_expect_report(QUARRY_RULE_FREE_KIND, 4);
	kfree(cache);
	kvfree(cache);
	kfree_sensitive(cache);
	bulk[0] = stock_of(cache, 0);
	kfree_bulk(1, bulk);
	mock_expect_report(QUARRY_RULE_OBJECT_CACHE, 1);
	kmem_cache_free(cache, cache);
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 1);
	kmem_cache_free(cache, (void *)0x51554159ul);
	assert_int_equal(stock_count(stock_of(cache, 0)), 1);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* A second free that comes while the slab ends on another CPU: its pages lead nowhere. (G149) */
static void g149_while_the_slab_ends(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = kmem_cache_create("t", 64, NULL, 0);
	void *p = kmem_cache_alloc(cache, GFP_KERNEL);
	struct page *page = virt_to_page(p);

	page->mapping = NULL;
	mock_expect_report(QUARRY_RULE_FREE_KIND, 2);
	kfree(p);
	kvfree(p);
	page->mapping = cache;
	kfree(p);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* A second free is seen at the free itself, with another one in between too. (G149, H42) */
static void g149_double_free(void **state)
{
	(void)state;
	mock_start(NULL);
	void *a = kmalloc(64, GFP_KERNEL), *b = kmalloc(64, GFP_KERNEL);

	kfree(a);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kfree(a);
	assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_TWICE), 1);

	kfree(b);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kfree(a);
	assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_TWICE), 2);

	/* After its slab went back to the page allocator. */
	a = kmalloc(64, GFP_KERNEL);
	kfree(a);
	slab_drain();
	mock_expect_report(QUARRY_RULE_FREE_TWICE, 1);
	kfree(a);
	mock_stop();
}

/* A pointer into an object is reported at the free, and the object stays alive. (G149, H41) */
static void g149_interior_pointer(void **state)
{
	(void)state;
	mock_start(NULL);
	char *p = kmalloc(96, GFP_KERNEL);

	memset(p, 5, 96);
	mock_expect_report(QUARRY_RULE_OBJECT_INTERIOR, 95);
	for (unsigned i = 1; i < 96; i++) {
		kfree(p + i);
		assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_INTERIOR), i);
	}
	assert_true(all_bytes(p, 5, 96));
	assert_int_equal(active_of("kmalloc-96"), 1);
	kfree(p);
	assert_int_equal(active_of("kmalloc-96"), 0);
	mock_stop();
}

/* A pointer into an object has no size: what lies beyond the object stays as it is. */
static void g149_interior_pointers_have_no_size(void **state)
{
	static const size_t sizes[] = {40, 96, 1000, 5000, 20000};

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *pair[2] = {kmalloc(sizes[i], GFP_KERNEL), kmalloc(sizes[i], GFP_KERNEL)};
		size_t bytes = ksize(pair[0]);
		char *inside = pair[0] + bytes / 2;

		memset(pair[0], 6, bytes);
		memset(pair[1], 6, bytes);
		assert_int_equal(ksize(inside), 0);
		mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 2);
		assert_null(krealloc(inside, bytes / 4, GFP_KERNEL | __GFP_ZERO));
		assert_null(krealloc(inside, 2 * bytes, GFP_KERNEL));
		mock_expect_report(QUARRY_RULE_OBJECT_INTERIOR, 1);
		kfree_sensitive(inside);
		assert_true(all_bytes(pair[0], 6, bytes));
		assert_true(all_bytes(pair[1], 6, bytes));
		kfree(pair[0]);
		kfree(pair[1]);
	}
	mock_stop();
}

/* Nothing of ours is written into a freed object. */
static void freed_memory_is_left_alone(void **state)
{
	(void)state;
	mock_start(NULL);
	for (size_t n = 8; n <= 1024; n *= 2) {
		unsigned char *keep = kmalloc(n, GFP_KERNEL), *p = kmalloc(n, GFP_KERNEL);

		memset(p, 0x5a, n);
		kfree(p);
		slab_drain();
		for (size_t i = 0; i < n; i++)
			assert_int_equal(peek(p + i), 0x5a);
		kfree(keep);
	}
	mock_stop();
}

static void g154_sensitive_free_wipes(void **state)
{
	static const size_t sizes[] = {1, 31, 100, 4000, 9000};

	(void)state;
	mock_start(NULL);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		unsigned char *p = kmalloc(sizes[s], GFP_KERNEL);
		size_t n = ksize(p);

		memset(p, 0xee, n);
		kfree_sensitive(p);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(peek(p + i), 0);
	}
	mock_stop();
}

static void sized_free_checks_the_size(void **state)
{
	(void)state;
	mock_start(NULL);
	kfree_sized(kmalloc(100, GFP_KERNEL), 100);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	kfree_sized(kmalloc(100, GFP_KERNEL), 200);
	mock_stop();
}

/* Sleeping requests from an interrupt are reported even when memory is plenty; atomic ones are
 * not. (G23, G24) */
static void g023_context(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_set_context(QUARRY_CTX_IRQ);
	kfree(kmalloc(64, GFP_ATOMIC));
	kfree(kmalloc(run_time(64), GFP_NOWAIT));
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 2);
	kfree(kmalloc(64, GFP_KERNEL));
	kfree(kmalloc(20000, GFP_KERNEL));
	mock_set_context(0);
	mock_stop();
}

struct flexible {
	int n;
	int item[];
};

static void typed_helpers(void **state)
{
	(void)state;
	mock_start(NULL);
	struct flexible *a = kmalloc_obj(struct flexible), *b = kzalloc_obj(*a, GFP_ATOMIC);
	struct flexible *c = kzalloc_flex(*a, item, 10), *d = kmalloc_objs(struct flexible, 3);

	assert_int_equal(b->n, 0);
	assert_int_equal(c->item[9], 0);
	assert_true(ksize(c) >= 44);
	assert_true(ksize(d) >= 12);
	assert_null(kmalloc_flex(*a, item, run_time(SIZE_MAX / 2), GFP_KERNEL | __GFP_NOWARN));
	kfree(a);
	kfree(b);
	kfree(c);
	kfree(d);
	mock_stop();
}

static void *taken_out(void)
{
	void *p __free(kfree) = kmalloc(72, GFP_KERNEL);

	return_ptr(p);
}

static void scoped_free(void **state)
{
	(void)state;
	mock_start(NULL);
	{
		void *p __free(kfree) = kmalloc(72, GFP_KERNEL);
		void *none __free(kfree) = NULL;
		void *error __free(kfree) = (void *)-(intptr_t)QUARRY_ENOMEM;

		assert_non_null(p);
		(void)none;
		(void)error;
		assert_int_equal(active_of("kmalloc-80"), 1);
	}
	assert_int_equal(active_of("kmalloc-80"), 0);
	void *p = taken_out();

	assert_int_equal(active_of("kmalloc-80"), 1);
	kfree(p);
	mock_stop();
}

/* Each internal step fails once: the result is NULL or an object, and nothing is lost. */
static void failure_sweep(void **state)
{
	(void)state;
	for (unsigned long n = 1; n < 100; n++) {
		mock_start(NULL);
		unsigned long before = mock_fault_passes(-1);

		mock_fail_site(-1, n, false);
		void *a = kmalloc(24, GFP_KERNEL | __GFP_NOWARN),
		     *b = kmalloc(5000, GFP_KERNEL | __GFP_NOWARN);
		void *c = kmalloc(100000, GFP_KERNEL | __GFP_NOWARN),
		     *d = krealloc(a, 600, GFP_KERNEL | __GFP_NOWARN);

		kfree(d ? d : a);
		kfree(b);
		kfree(c);
		bool done = mock_fault_passes(-1) - before < n;

		mock_fail_site(-1, 0, false);
		mock_stop();
		if (done)
			return;
	}
	fail_msg("the sweep did not end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g001_every_size_at_once),
		cmocka_unit_test(h055_class_of_every_size),
		cmocka_unit_test(g118_powers_of_two),
		cmocka_unit_test(g009_kzalloc_is_all_zero),
		cmocka_unit_test(g058_zone_bits),
		cmocka_unit_test(g108_zeroing_in_every_family),
		cmocka_unit_test(g109_array_overflow),
		cmocka_unit_test(g110_kcalloc_zeroes),
		cmocka_unit_test(g117_g119_alignment_of_random_sizes),
		cmocka_unit_test(g114_largest_size),
		cmocka_unit_test(g116_size_roundup),
		cmocka_unit_test(constant_and_run_time_size_agree),
		cmocka_unit_test(g120_zero_size),
		cmocka_unit_test(g121_krealloc_keeps_contents),
		cmocka_unit_test(h059_krealloc_zeroes_the_new_part),
		cmocka_unit_test(g122_krealloc_array),
		cmocka_unit_test(g146_null_is_accepted),
		cmocka_unit_test(g149_foreign_pointers),
		cmocka_unit_test(g149_interior_pointers_of_the_largest),
		cmocka_unit_test(g149_internal_objects),
		cmocka_unit_test(g149_while_the_slab_ends),
		cmocka_unit_test(g149_double_free),
		cmocka_unit_test(g149_interior_pointer),
		cmocka_unit_test(g149_interior_pointers_have_no_size),
		cmocka_unit_test(freed_memory_is_left_alone),
		cmocka_unit_test(g154_sensitive_free_wipes),
		cmocka_unit_test(sized_free_checks_the_size),
		cmocka_unit_test(g023_context),
		cmocka_unit_test(typed_helpers),
		cmocka_unit_test(scoped_free),
		cmocka_unit_test(failure_sweep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
