/* SPDX-License-Identifier: MIT */
/* test_objects.c: what is in use and who asked for it; what an address is. */
#include <stdio.h>

#include "../slab/slab_test.h"

#include "mm/base/log.h"

static char text[32768];

static void gather(void *ctx, const char *piece)
{
	(void)ctx;
	assert_true(strlen(text) + strlen(piece) < sizeof(text));
	strcat(text, piece);
}

static bool name_it(uintptr_t address, char *buf, size_t size)
{
	mm_format(buf, (unsigned)size, "site%lu", (unsigned long)(address & 1));
	return true;
}

static unsigned long leaks(void)
{
	text[0] = '\0';
	return quarry_report_leaks(gather, NULL);
}

/* A clean run prints nothing but zero; else each place with count and bytes. (G141) */
static void g141_leaks(void **state)
{
	void *p[20];

	(void)state;
	mock_start(&(struct mock_config){.extra.slab_debug = "U,tracked"});
	struct kmem_cache *tracked = kmem_cache_create("tracked", 72, NULL, 0),
			  *plain = kmem_cache_create("plain", 40, NULL, SLAB_NO_MERGE);

	assert_int_equal(leaks(), 0);
	assert_non_null(strstr(text, "       0            0 in all\n"));
	/* One place: the loop is not to be unrolled. */
	for (size_t i = 0, n = run_time(10); i < n; i++) {
		p[i] = kmem_cache_alloc(tracked, GFP_KERNEL);
		p[10 + i] = kmem_cache_alloc(plain, GFP_KERNEL);
	}
	void *q = kmem_cache_zalloc(tracked, GFP_KERNEL); /* another place */
	void *small = kmalloc(run_time(100), GFP_KERNEL);
	void *large = kmalloc(run_time(20000), GFP_KERNEL);
	void *area = vmalloc(3 * PAGE_SIZE);

	assert_int_equal(leaks(), 24);
	assert_non_null(strstr(text, "      10          400 plain                    -\n"));
	assert_non_null(strstr(text, "      10          720 tracked "));
	assert_non_null(strstr(text, "       1           72 tracked "));
	assert_non_null(strstr(text, "       1          112 kmalloc-112              -\n"));
	assert_non_null(strstr(text, "       1        32768 kmalloc, pages           -\n"));
	assert_non_null(strstr(text, "       1        12288 vmalloc "));
	assert_null(strstr(text, "stock"));
	char total[64];

	snprintf(total, sizeof(total), "%8u %12u in all\n", 24u,
		 400u + 720 + 72 + 112 + 32768 + 12288);
	assert_non_null(strstr(text, total));

	text[0] = '\0';
	quarry_report_allocinfo(gather, NULL);
	assert_int_equal(strncmp(text, "allocinfo - version: 1.0\n#", 26), 0);
	assert_non_null(strstr(text, "         720       10 0x"));
	assert_non_null(strstr(text, "          72        1 0x"));
	assert_non_null(strstr(text, "       12288        1 0x"));
	assert_null(strstr(text, "plain"));

	kmem_cache_free_bulk(tracked, 10, p);
	kmem_cache_free_bulk(plain, 10, p + 10);
	kfree(q);
	kfree(small);
	kfree(large);
	vfree(area);
	assert_int_equal(leaks(), 0);
	kmem_cache_destroy(tracked);
	kmem_cache_destroy(plain);
	mock_stop();
}

static void says(const void *p, const char *what)
{
	text[0] = '\0';
	quarry_report_object(gather, NULL, p);
	if (!strstr(text, what))
		fail_msg("\"%s\" is not in: %s", what, text);
	assert_int_equal(text[strlen(text) - 1], '\n');
}

/* Any address at all. */
static void api23_dump_any_address(void **state)
{
	int local;

	(void)state;
	mock_start(&(struct mock_config){.extra.slab_debug = "FZU,tracked"});
	mm_ops.symbol = name_it;
	struct kmem_cache *tracked = kmem_cache_create("tracked", 72, NULL, 0);
	char *p = kmem_cache_alloc(tracked, GFP_KERNEL), *small = kmalloc(100, GFP_KERNEL);
	char *large = kmalloc(run_time(20000), GFP_KERNEL), *area = vmalloc(5000);
	char *pages = (char *)__get_free_pages(GFP_KERNEL, 1);

	says(p, "live object");
	says(p + 3, "of cache tracked, byte 3 of 72\n");
	says(p, "allocated by site");
	assert_true(kmem_valid_obj(p + 3));
	says((char *)page_address(slab_head(virt_to_page(p))), "between the objects of cache");
	kmem_cache_free(tracked, p);
	says(p, "free object");
	says(p, "freed by site");
	assert_false(kmem_valid_obj(p));
	says(small + 1, "of cache kmalloc-112, byte 1 of 112 (or waiting");
	says(large + 5000, "byte 5000 of a large kmalloc object, 32768 bytes, 20000 asked for\n");
	assert_true(kmem_valid_obj(large + 5000));
	says(area + 1, "byte 1 of a vmalloc area of 5000 bytes, by site");
	assert_false(kmem_valid_obj(area));
	says(area + 3 * PAGE_SIZE, "in no area");
	says(pages + 4097, "byte 4097 of a block of pages in use, 8192 bytes\n");
	assert_false(kmem_valid_obj(pages));
	free_pages((unsigned long)pages, 1);
	drain_all_pages();
	says(pages, "a free block");
	pages = kmalloc(run_time(PAGE_SIZE << MAX_PAGE_ORDER), GFP_KERNEL);
	says(pages + 3000000, "byte 3000000 of a large kmalloc object, 4194304 bytes");
	kfree(pages);
	says(pages + 3000000, "a free block");
	says(NULL, "NULL\n");
	says(ZERO_SIZE_PTR, "ZERO_SIZE_PTR\n");
	says(&local, "not our memory\n");
	says((void *)~0ul, "not our memory\n");
	says((void *)MOCK_DIRECT, "reserved memory");
	for (uint64_t i = 0, random = 1; i < 300; i++) {
		text[0] = '\0';
		const void *anything =
			(void *)(MOCK_DIRECT + mock_random(&random) % (70 * MOCK_MIB));

		quarry_report_object(gather, NULL, anything);
		assert_true(text[0] != '\0');
		kmem_valid_obj(anything);
	}
	kmem_dump_obj(small);
	assert_int_equal(mock_log_lines("of cache kmalloc-112"), 1);
	vfree(area);
	kfree(large);
	kfree(small);
	kmem_cache_destroy(tracked);
	mock_stop();
}

/* The row of a cache, as numbers. */
static void slabs_row(const char *name, unsigned long value[10])
{
	char *row;

	text[0] = '\0';
	quarry_report_slabs(gather, NULL);
	row = strstr(text, name);
	assert_non_null(row);
	row += strlen(name);
	for (unsigned i = 0; i < 9; i++)
		value[i] = strtoul(row, &row, 10);
}
enum { SIZE, ACTIVE, KIB, FREE_KIB, LOST_KIB, STOCKS, MISSES, FETCHED, HITS };

/* Where a cache's memory is, to the byte; and how often its stocks had nothing. */
static void api211_slabs(void **state)
{
	static void *p[1000];
	unsigned long value[10], before;
	struct slab_info info;

	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = kmem_cache_create("mine", 100, NULL, 0);

	for (unsigned i = 0; i < 1000; i++)
		p[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (unsigned i = 0; i < 500; i++)
		kmem_cache_free(cache, p[i]);
	slabs_row("\nmine ", value);
	assert_true(find_info("mine", &info));
	assert_int_equal(value[SIZE], 100);
	assert_int_equal(value[ACTIVE], 500);
	assert_int_equal(value[KIB], info.pages * 4);
	assert_int_equal(value[FREE_KIB], (info.total - 500) * 104 / 1024);
	assert_int_equal(value[LOST_KIB],
			 (info.pages * 4096 - (info.total - 500) * 104 - 500 * 100) / 1024);
	assert_int_equal(value[STOCKS], info.in_stocks);
	assert_in_range(value[MISSES], 10, 60);
	assert_true(value[HITS] >= 90);
	/* Hits cost nothing, so they are not counted. */
	before = value[MISSES];
	for (unsigned i = 0; i < 100; i++)
		kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
	slabs_row("\nmine ", value);
	assert_int_equal(value[MISSES], before);
	/* A request that finds the stock empty is a miss, each time. */
	for (unsigned i = 500; i < 1000; i++)
		kmem_cache_free(cache, p[i]);
	for (unsigned i = 0; i < 500; i++) {
		kmem_cache_shrink(cache);
		kmem_cache_free(cache, kmem_cache_alloc(cache, GFP_KERNEL));
	}
	slabs_row("\nmine ", value);
	assert_int_equal(value[MISSES], before + 500);
	assert_true(value[HITS] < 70);
	kmem_cache_destroy(cache);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g141_leaks),
		cmocka_unit_test(api211_slabs),
		cmocka_unit_test(api23_dump_any_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
