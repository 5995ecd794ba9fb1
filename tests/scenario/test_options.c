/* SPDX-License-Identifier: MIT */
/*
 * test_options.c: what holds whatever the options say. Built once for each row of options in
 * tests/meson.build.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mock.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Every size of kmalloc, all at once. */
static void every_size(void **state)
{
	static unsigned char *object[8193];

	(void)state;
	mock_start(&(struct mock_config){.bytes = 128 * MOCK_MIB});
	for (size_t n = 1; n < COUNT(object); n++) {
		object[n] = kmalloc(n, GFP_KERNEL);
		assert_non_null(object[n]);
		assert_true(ksize(object[n]) >= n && ksize(object[n]) >= KMALLOC_MIN_SIZE);
		assert_int_equal((uintptr_t)object[n] % ARCH_KMALLOC_MINALIGN, 0);
		memset(object[n], (int)(n % 251), ksize(object[n]));
	}
	for (size_t n = 1; n < COUNT(object); n++) {
		assert_int_equal(object[n][0], n % 251);
		assert_int_equal(object[n][ksize(object[n]) - 1], n % 251);
		kfree(object[n]);
	}
	mock_stop();
}

/* Sizes that the compiler knows find the same caches. */
static void constant_sizes(void **state)
{
	(void)state;
	mock_start(NULL);
#define CONSTANT(n)                                                                                \
	do {                                                                                       \
		void *object = kmalloc(n, GFP_KERNEL);                                             \
		assert_non_null(object);                                                           \
		assert_int_equal(ksize(object), kmalloc_size_roundup(n));                          \
		kfree(object);                                                                     \
	} while (0)
	CONSTANT(1);
	CONSTANT(9);
	CONSTANT(24);
	CONSTANT(40);
	CONSTANT(56);
	CONSTANT(65);
	CONSTANT(96);
	CONSTANT(1000);
	CONSTANT(8192);
	mock_stop();
}

/* Every order, and none above the largest. */
static void every_order(void **state)
{
	struct mock_config config = {.bytes = 4 * PAGE_SIZE << MAX_PAGE_ORDER};
	struct page *block[MAX_PAGE_ORDER + 1];

	(void)state;
	mock_start(&config);
	for (unsigned order = MAX_PAGE_ORDER + 1; order-- > 0;) {
		block[order] = alloc_pages(GFP_KERNEL, order);
		assert_non_null(block[order]);
		assert_int_equal(page_to_pfn(block[order]) % (1ul << order), 0);
		memset(page_address(block[order]), (int)order, PAGE_SIZE << order);
	}
	for (unsigned order = 0; order <= MAX_PAGE_ORDER; order++) {
		const unsigned char *bytes = page_address(block[order]);

		assert_int_equal(bytes[0], order);
		assert_int_equal(bytes[(PAGE_SIZE << order) - 1], order);
		__free_pages(block[order], order);
	}
	mock_expect_report(QUARRY_RULE_BAD_ORDER, 1);
	assert_null(alloc_pages(GFP_KERNEL, MAX_PAGE_ORDER + 1));
	mock_stop();
}

/* As many nodes as the build has, and one more, which counts as node 0. */
static void every_node(void **state)
{
	static struct quarry_mem_range map[QUARRY_MAX_NODES + 1];
	const uint64_t each = 8 * MOCK_MIB;

	(void)state;
	for (unsigned i = 0; i < COUNT(map); i++)
		map[i] = (struct quarry_mem_range){(i + 1) * each, each, QUARRY_MEM_USABLE, i};
	mock_start(&(struct mock_config){.map = map, .nr_map = COUNT(map)});
	for (unsigned node = 0; node < QUARRY_MAX_NODES; node++) {
		struct page *page = alloc_pages_node((int)node, GFP_KERNEL | __GFP_THISNODE, 0);

		assert_non_null(page);
		assert_int_equal(page_to_nid(page), node);
		__free_pages(page, 0);
	}
	mock_stop();
}

/* What is checked at every level: pages, and the free that follows the first at once. */
static void wrong_frees(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page *block = alloc_pages(GFP_KERNEL, 2);
	void *object = kmalloc(64, GFP_KERNEL);

	mock_expect_report(QUARRY_RULE_FREE_ORDER, 1);
	__free_pages(block, 1);
	__free_pages(block, 2);
	mock_expect_report(QUARRY_RULE_FREE_TWICE, 1);
	__free_pages(block, 2);
	kfree(object);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kfree(object);
	mock_stop();
}

/* Objects, areas and blocks of chance on several CPUs. */
static void mix(void *arg, unsigned cpu)
{
	uint64_t seed = cpu + 1;
	void *held[32] = {0};

	(void)arg;
	for (unsigned i = 0; i < 3000; i++) {
		uint64_t r = mock_random(&seed);
		void **at = &held[r % COUNT(held)];
		size_t size = (r >> 8) % ((r >> 32) % 16 ? 3000 : 100000);

		kvfree(*at);
		*at = (r >> 40) % 8 ? kmalloc(size, GFP_KERNEL) : kvmalloc(size + 1, GFP_KERNEL);
		if (!*at)
			mock_fail("%zu bytes failed", size);
		if (!ZERO_OR_NULL_PTR(*at))
			memset(*at, (int)i, size);
	}
	for (unsigned i = 0; i < COUNT(held); i++)
		kvfree(held[i]);
}

static void mixed_work(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.cpus = 3});
	mock_run_cpus(3, mix, NULL);
	mock_stop();
}

/* A kernel that was compiled otherwise is refused, and says so; so is a map without memory. What
 * runs goes on as it was. */
static void what_is_refused_changes_nothing(void **state)
{
	struct quarry_params params = {.size = sizeof(params)};
	unsigned refused = 0;

	(void)state;
	mock_start(NULL);
	void *object = kmalloc(100, GFP_KERNEL);
	unsigned long total = totalram_pages();
	mock_expect_report(QUARRY_RULE_CONFIG_MISMATCH, 23);
	for (unsigned bit = 0; bit < 64; bit += 3) {
		assert_int_equal(quarry_init_checked(&params, sizeof(struct page),
						     QUARRY_CONFIG_WORD ^ 1ul << bit),
				 -QUARRY_EINVAL);
		assert_int_equal(quarry_report_count(QUARRY_RULE_CONFIG_MISMATCH), ++refused);
	}
	assert_int_equal(
		quarry_init_checked(&params, sizeof(struct page) + 8, QUARRY_CONFIG_WORD),
		-QUARRY_EINVAL);
	mock_expect_report(QUARRY_RULE_MAP_EMPTY, 1);
	assert_true(quarry_init(&params) < 0);
	assert_int_equal(totalram_pages(), total);
	assert_int_equal(quarry_cpu_online(), 0);
	kfree(object);
	mock_stop();
}

#if QUARRY_ALLOCINFO
static char text[8192];

static void gather(void *ctx, const char *piece)
{
	(void)ctx;
	assert_true(strlen(text) + strlen(piece) < sizeof(text));
	strcat(text, piece);
}

/* What the report says about a line of this file: bytes and calls, 0 if nothing. */
struct row {
	unsigned long bytes, calls;
};
static struct row row_of(const char *func, unsigned line)
{
	struct row row = {0, 0};
	char site[100];

	text[0] = '\0';
	quarry_report_allocinfo(gather, NULL);
	snprintf(site, sizeof(site), "test_options.c:%u func:%s\n", line, func);
	char *at = strstr(text, site);

	if (!at)
		return row;
	while (at[-1] != '\n')
		at--;
	assert_int_equal(sscanf(at, "%lu %lu ", &row.bytes, &row.calls), 2);
	return row;
}
#define HAS(line, want_bytes, want_calls)                                                          \
	do {                                                                                       \
		struct row row = row_of(__func__, line);                                           \
		assert_int_equal(row.bytes, want_bytes);                                           \
		assert_int_equal(row.calls, want_calls);                                           \
	} while (0)

static void free_here(void *arg, unsigned cpu)
{
	void **p = arg;

	for (unsigned i = 0; i < 10; i++)
		kfree(p[cpu * 10 + i]);
}

/* Each place has what was asked for there and is not free yet, whoever frees it. */
static void bytes_and_calls_by_place(void **state)
{
	void *p[30];
	unsigned loop, large, small, resized, inner, outer;

	(void)state;
	mock_start(&(struct mock_config){.cpus = 3});
	struct kmem_cache *cache = kmem_cache_create("c", 100, NULL, SLAB_NO_MERGE);
	volatile size_t above = KMALLOC_MAX_CACHE_SIZE + 1;

	for (unsigned i = 0; i < 30; i++)
		loop = __LINE__, p[i] = kmalloc(i ? 64 : 60, GFP_KERNEL);
	HAS(loop, 30 * 64, 30);
	mock_run_cpus(3, free_here, p);
	HAS(loop, 0, 0);

	large = __LINE__, p[0] = kzalloc(above, GFP_KERNEL);
	HAS(large, 4 * PAGE_SIZE, 1);
	kvfree(p[0]);
	HAS(large, 0, 0);

	small = __LINE__, p[0] = kmem_cache_alloc(cache, GFP_KERNEL);
	HAS(small, 100, 1);
	resized = __LINE__, p[1] = krealloc(p[0], 90, GFP_KERNEL);
	assert_ptr_equal(p[0], p[1]);
	HAS(small, 0, 0);
	HAS(resized, 100, 1);
	kmem_cache_free_bulk(cache, 1, p);
	HAS(resized, 0, 0);
	small = __LINE__, p[0] = kmem_cache_zalloc(cache, GFP_ATOMIC);
	kmem_cache_free(cache, p[0]);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kmem_cache_free(cache, p[0]);
	HAS(small, 0, 0);
	/* And again, while the slab ends on another CPU: its pages lead nowhere. */
	virt_to_page(p[0])->mapping = NULL;
	mock_expect_report(QUARRY_RULE_FREE_KIND, 1);
	kfree(p[0]);
	virt_to_page(p[0])->mapping = cache;

	/* Arguments have calls, too; failures and nothing count as nothing. */
	inner = outer = __LINE__ + 1;
	char *copy = kstrdup(p[0] = kmemdup("abcd", 5, GFP_KERNEL), GFP_KERNEL);
	assert_string_equal(copy, "abcd");
	HAS(inner, 8, 1);
	assert_non_null(strstr(strstr(text, "        8        1 ") + 1, "        8        1 "));
	kfree(p[0]);
	kfree(copy);
	HAS(outer, 0, 0);
	p[0] = kmalloc(0, GFP_KERNEL);
	above = KMALLOC_MAX_SIZE + 1;
	p[1] = kmalloc(above, GFP_KERNEL | __GFP_NOWARN);
	assert_null(p[1]);
	assert_null(strstr((row_of("", 0), text), __func__));
	kfree(p[0]);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Objects that came many at once, from a sheaf, guarded, or are as large as there are. */
static void objects_of_all_kinds_by_place(void **state)
{
	void *p[40];
	unsigned line;

	(void)state;
	mock_start(&(struct mock_config){
		.cpus = 2, .guard_pages = true, .extra.guard_every = 1});
	struct kmem_cache *cache = kmem_cache_create("c", 100, NULL, SLAB_NO_MERGE);
	struct kmem_cache *huge = kmem_cache_create("h", QUARRY_CACHE_MAX_SIZE, NULL, 0);

	line = __LINE__, assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 40, p), 40);
	HAS(line, 4000, 40);
	kfree(p[0]);
	kmem_cache_free_bulk(cache, 39, p + 1);
	HAS(line, 0, 0);

	struct slab_sheaf *sheaf = kmem_cache_prefill_sheaf(cache, GFP_KERNEL, 4);
	line = __LINE__, p[0] = kmem_cache_alloc_from_sheaf(cache, GFP_KERNEL, sheaf);
	HAS(line, 100, 1);
	kmem_cache_return_sheaf(cache, GFP_KERNEL, sheaf);
	HAS(line, 100, 1);
	kmem_cache_free(cache, p[0]);
	HAS(line, 0, 0);

	unsigned guarded = 0;
	for (unsigned i = 0; i < 40; i++) {
		line = __LINE__, p[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		guarded += virt_to_page(p[i])->mapping != cache;
	}
	assert_true(guarded > 0);
	HAS(line, 4000, 40);
	for (unsigned i = 0; i < 40; i++)
		kmem_cache_free(cache, p[i]);
	HAS(line, 0, 0);

	line = __LINE__, p[0] = kmem_cache_alloc(huge, GFP_KERNEL);
	HAS(line, QUARRY_CACHE_MAX_SIZE, 1);
	kfree(p[0]);
	HAS(line, 0, 0);
	line = __LINE__, p[0] = kmalloc_nolock(64, (gfp_t)0, NUMA_NO_NODE);
	HAS(line, 64, 1);
	kfree_nolock(p[0]);
	HAS(line, 0, 0);
	kmem_cache_destroy(huge);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Blocks of pages, by any call and any free; split ones page by page. */
static void pages_by_place(void **state)
{
	struct page *p[8] = {NULL};
	unsigned line;

	(void)state;
	mock_start(&(struct mock_config){.cpus = 2});
	line = __LINE__, p[0] = alloc_pages(GFP_KERNEL, 3);
	HAS(line, 8 * PAGE_SIZE, 1);
	get_page(p[0]);
	__free_pages(p[0], 3);
	HAS(line, 8 * PAGE_SIZE, 1);
	__free_pages(p[0], 3);
	HAS(line, 0, 0);

	line = __LINE__, p[0] = alloc_pages(GFP_KERNEL, 3);
	split_page(p[0], 3);
	HAS(line, 8 * PAGE_SIZE, 8);
	__free_page(p[0] + 5);
	HAS(line, 7 * PAGE_SIZE, 7);
	for (unsigned i = 0; i < 8; i++)
		if (i != 5)
			free_pages_nolock(p[0] + i, 0);
	HAS(line, 0, 0);
	line = __LINE__, p[0] = alloc_pages_node(0, GFP_KERNEL, 3);
	free_pages_partial(p[0], 3, 2, 6);
	HAS(line, 2 * PAGE_SIZE, 2);
	free_pages_bulk(2, (struct page *[]){p[0], p[0] + 1});
	HAS(line, 0, 0);

	line = __LINE__, p[0] = NULL, assert_int_equal(alloc_pages_bulk(GFP_KERNEL, 8, p), 8);
	HAS(line, 8 * PAGE_SIZE, 8);
	free_pages_bulk(8, p);
	HAS(line, 0, 0);
	line = __LINE__;
	void *exact = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);
	HAS(line + 1, 5 * PAGE_SIZE, 5);
	free_pages_exact(exact, 5 * PAGE_SIZE);
	HAS(line + 1, 0, 0);

	line = __LINE__;
	unsigned long address = __get_free_pages(GFP_KERNEL, 1);
	HAS(line + 1, 2 * PAGE_SIZE, 1);
	free_pages(address, 1);
	HAS(line + 1, 0, 0);
	address = get_zeroed_page(GFP_KERNEL);
	HAS(__LINE__ - 1, PAGE_SIZE, 1);
	free_page(address);
	struct folio *folio = folio_alloc(GFP_KERNEL, 2);
	HAS(__LINE__ - 1, 4 * PAGE_SIZE, 1);
	folio_put(folio);
	line = __LINE__, p[0] = alloc_pages_nolock(NUMA_NO_NODE, 0);
	HAS(line, PAGE_SIZE, 1);
	mock_expect_report(QUARRY_RULE_FREE_ORDER, 1);
	__free_pages(p[0], 2); /* refused */
	HAS(line, PAGE_SIZE, 1);
	__free_page(p[0]);
	mock_expect_report(QUARRY_RULE_FREE_TWICE, 1);
	__free_page(p[0]);
	HAS(line, 0, 0);
	drain_all_pages();
	mock_stop();
}

/* A block that is moved takes its count along. */
static struct page *movable;
static bool let_move(struct page *page, isolate_mode_t mode)
{
	(void)mode;
	return page == movable;
}
static int move_to(struct page *dst, struct page *src, enum migrate_mode mode)
{
	(void)mode;
	memcpy(page_address(dst), page_address(src), PAGE_SIZE);
	get_page(dst);
	put_page(src);
	movable = dst;
	return 0;
}
static void stay(struct page *page)
{
	(void)page;
}
static void moved_pages_by_place(void **state)
{
	static const struct movable_operations owner = {let_move, move_to, stay};
	unsigned line;

	(void)state;
	mock_start(&(struct mock_config){.cpus = 2});
	line = __LINE__, movable = alloc_pages(GFP_HIGHUSER_MOVABLE, 0);
	__SetPageMovable(movable, &owner);
	struct page *was = movable;
	unsigned long pfn = page_to_pfn(was);

	assert_int_equal(alloc_contig_range(pfn, pfn + 1, MIGRATE_MOVABLE, GFP_KERNEL), 0);
	assert_ptr_not_equal(movable, was);
	HAS(line, PAGE_SIZE, 1);
	free_contig_range(pfn, 1);
	HAS(line, PAGE_SIZE, 1);
	__free_page(movable);
	HAS(line, 0, 0);
	mock_stop();
}

/* Areas by their pages, and in no other row; objects for each CPU by the bytes of all. */
static void areas_and_percpu_by_place(void **state)
{
	unsigned line;

	(void)state;
	mock_start(&(struct mock_config){.cpus = 2});
	line = __LINE__;
	char *p = vmalloc(3 * PAGE_SIZE - 100);
	HAS(line + 1, 3 * PAGE_SIZE, 1);
	assert_null(strstr(text, "[vmalloc]"));
	char *same = vrealloc(p, 2 * PAGE_SIZE, GFP_KERNEL); /* hands it on */
	assert_ptr_equal(same, p);
	HAS(line + 1, 0, 0);
	HAS(__LINE__ - 3, 3 * PAGE_SIZE, 1);
	p = vrealloc(same, 50 * PAGE_SIZE, GFP_KERNEL);
	HAS(__LINE__ - 1, 50 * PAGE_SIZE, 1);
	vfree(p);
	assert_int_equal(row_of(__func__, __LINE__ - 3).calls, 0);
	p = vmalloc(3 * PAGE_SIZE); /* parked by now, used again */
	HAS(__LINE__ - 1, 3 * PAGE_SIZE, 1);
	kvfree(p);
	HAS(__LINE__ - 3, 0, 0);
	p = kvmalloc(100, GFP_KERNEL);
	char *q = kvmalloc(8 * MOCK_MIB, GFP_KERNEL);
	HAS(__LINE__ - 2, 112, 1);
	HAS(__LINE__ - 2, 8 * MOCK_MIB, 1);
	kvfree(p);
	kvfree(q);
	HAS(__LINE__ - 6, 0, 0);
	HAS(__LINE__ - 6, 0, 0);

	unsigned long *counter = alloc_percpu(unsigned long);
	HAS(__LINE__ - 1, 2 * sizeof(long), 1);
	free_percpu(counter);
	HAS(__LINE__ - 3, 0, 0);
	mock_stop();
}

static void *typed(void)
{
	struct pair {
		long a, b;
	} *pair = kmalloc_obj(struct pair);

	return pair;
}

/* Debugged objects have both words; places in functions that are inlined are their own. */
static void counted_and_debugged(void **state)
{
	void *p[100];

	(void)state;
	mock_start(&(struct mock_config){.extra.slab_debug = "FZPU"});
	for (unsigned i = 0; i < 100; i++)
		p[i] = typed();
	assert_int_equal((row_of("", 0), strstr(text, "func:typed\n") != NULL), 1);
	assert_non_null(strstr(text, "        1600      100 "));
	assert_int_equal(mm_check(), 0);
	for (unsigned i = 0; i < 100; i++)
		kfree(p[i]);
	row_of("", 0);
	assert_null(strstr(text, "func:typed\n"));
	for (size_t size = 4096; size <= 1ul << 20; size *= 2) {
		struct kmem_cache *cache = kmem_cache_create("c", (unsigned)size, NULL, 0);

		p[0] = kmem_cache_alloc(cache, GFP_KERNEL);
		memset(p[0], 1, size);
		assert_int_equal(mm_check(), 0);
		kmem_cache_free(cache, p[0]);
		kmem_cache_destroy(cache);
	}
	mock_stop();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size),	cmocka_unit_test(constant_sizes),
		cmocka_unit_test(every_order),	cmocka_unit_test(every_node),
		cmocka_unit_test(wrong_frees),	cmocka_unit_test(mixed_work),
		cmocka_unit_test(what_is_refused_changes_nothing),
#if QUARRY_ALLOCINFO
		cmocka_unit_test(bytes_and_calls_by_place),
		cmocka_unit_test(objects_of_all_kinds_by_place),
		cmocka_unit_test(pages_by_place),
		cmocka_unit_test(moved_pages_by_place),
		cmocka_unit_test(areas_and_percpu_by_place),
		cmocka_unit_test(counted_and_debugged),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
