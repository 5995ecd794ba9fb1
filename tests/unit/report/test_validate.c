/* SPDX-License-Identifier: MIT */
/*
 * test_validate.c: the validator names what is broken. Each test damages one thing through the
 * internal headers, sees the invariant named, repairs the damage, and sees the validator content.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mock.h"

#include "mm/base/log.h"
#include "mm/phys/pageblock.h"
#include "mm/phys/pcp.h"
#include "mm/phys/zone_check.h"
#include "mm/slab/slab.h"
#include "mm/vmap/pgtable.h"
#include "mm/vmap/vmap.h"

/* ---- what mm_check reports ---- */

static struct {
	char calls[64][64];
	unsigned nr;
} seen;

static void collect(const struct quarry_report *report)
{
	if (report->rule == QUARRY_RULE_VALIDATE && seen.nr < 64)
		snprintf(seen.calls[seen.nr++], sizeof(seen.calls[0]), "%s", report->call);
}

/* Does a report's `call` start with these words? I1 is not I10. */
static bool matches(const char *call, const char *invariant)
{
	size_t length = strlen(invariant);

	return !strncmp(call, invariant, length) && (call[length] < '0' || call[length] > '9');
}

static bool named(const char *invariant)
{
	for (unsigned i = 0; i < seen.nr; i++)
		if (matches(seen.calls[i], invariant))
			return true;
	return false;
}

/* The validator finds something, and names these two (NULL: no second) among it. */
static void finds(const char *first, const char *second)
{
	void (*mock)(const struct quarry_report *report) = mm_ops.report;

	seen.nr = 0;
	mm_ops.report = collect;
	unsigned long broken = mm_check();
	mm_ops.report = mock;
	assert_int_equal(broken, seen.nr);
	if (!named(first) || (second && !named(second)))
		fail_msg("%u reports, none named %s, %s; the first: %s", seen.nr, first,
			 second ? second : "-", seen.nr ? seen.calls[0] : "-");
}

static void finds_only(const char *invariant)
{
	finds(invariant, NULL);
	for (unsigned i = 0; i < seen.nr; i++)
		if (!matches(seen.calls[i], invariant))
			fail_msg("not only %s but also %s", invariant, seen.calls[i]);
}

static void finds_nothing(void)
{
	assert_int_equal(mm_check(), 0);
}

/* ---- helpers ---- */

static struct zone *start(void)
{
	mock_start(&(struct mock_config){ .base = 16 * MOCK_MIB, .extra = { .no_parking = true } });
	for_every_populated_zone(zone)
		return zone;
	return NULL;
}

/* A listed block that has a neighbour in its list. */
static struct page *listed_block(const struct zone *zone, unsigned *order, unsigned *type)
{
	for (*order = 0; *order < NR_PAGE_ORDERS; ++*order)
		for (*type = 0; *type < MIGRATE_TYPES; ++*type)
			if (zone->list[*order][*type])
				return pfn_to_page(zone->list[*order][*type]);
	fail_msg("no block is listed");
	return NULL;
}

/* ---- zones ---- */

static void i1_managed_present_spanned(void **state)
{
	struct zone *zone;

	(void)state;
	zone = start();
	unsigned long present = zone->present;
	zone->present = zone->managed - 1;
	finds_only("zone_check I1");
	zone->present = zone->end - zone->first + 1;
	finds_only("zone_check I1");
	zone->present = present;
	finds_nothing();
	mock_stop();
}

static void i2_free_is_the_sum_of_the_lists(void **state)
{
	struct zone *zone;

	(void)state;
	zone = start();
	zone->free++;
	finds("zone_check I2", "zone_check I8");
	zone->free -= 2;
	finds("zone_check I2", "zone_check I8");
	zone->free++;
	finds_nothing();
	mock_stop();
}

static void i3_bit_for_each_filled_list(void **state)
{
	struct zone *zone;

	(void)state;
	zone = start();
	__free_page(alloc_page(GFP_KERNEL));
	for (unsigned type = 0; type < MIGRATE_TYPES; type++) {
		for (unsigned order = 0; order < NR_PAGE_ORDERS; order++) {
			zone->orders[type] ^= 1u << order;
			finds_only("zone_check I3");
			zone->orders[type] ^= 1u << order;
		}
	}
	finds_nothing();
	mock_stop();
}

static void i4_listed_blocks_are_free_heads(void **state)
{
	unsigned order, type;
	struct zone *zone;

	(void)state;
	zone = start();
	struct page *used = alloc_page(GFP_KERNEL);
	struct page *head = listed_block(zone, &order, &type);
	uint32_t flags = head->flags;
	head->flags = page_state(QUARRY_PAGE_FREE, order, (type + 1) % MIGRATE_TYPES, zone->number);
	finds_only("zone_check I4");
	head->flags = page_state(QUARRY_PAGE_USED, order, type, zone->number);
	finds("zone_check I4", NULL);
	head->flags = flags;
	head->lru.prev = 77;
	finds_only("zone_check I4");
	head->lru.prev = 0;
	uint32_t last = zone->last[order][type];
	zone->last[order][type] = last + 1;
	finds_only("zone_check I4");
	zone->last[order][type] = last;
	zone->list[order][type] = (uint32_t)zone->end;
	finds_only("zone_check I4");
	zone->list[order][type] = (uint32_t)page_to_pfn(head);
	finds_nothing();
	__free_page(used);
	mock_stop();
}

static void i5_free_buddies_have_merged(void **state)
{
	struct zone *zone;

	(void)state;
	zone = start();
	struct page *pair = alloc_pages(GFP_KERNEL, 1);
	split_page(pair, 1);
	__free_page(&pair[1]);
	/* Free the first by hand, without the merge. */
	unsigned type = page_mobility(&pair[1]);
	uint32_t first = zone->list[0][type];
	assert_int_not_equal(first, 0);
	pair[0].flags = pair[1].flags;
	pair[0].refcount = 0;
	pair[0].lru.next = first;
	pair[0].lru.prev = 0;
	pfn_to_page(first)->lru.prev = (uint32_t)page_to_pfn(&pair[0]);
	zone->list[0][type] = (uint32_t)page_to_pfn(&pair[0]);
	zone->count[0][type]++;
	zone->free++;
	finds_only("zone_check I5");
	zone->free--;
	zone->count[0][type]--;
	zone->list[0][type] = first;
	pfn_to_page(first)->lru.prev = 0;
	pair[0].flags = page_state(QUARRY_PAGE_USED, 0, type, zone->number);
	pair[0].refcount = 1;
	finds_nothing();
	__free_page(pair);
	mock_stop();
}

static void i6_counts_are_lengths(void **state)
{
	unsigned order, type;
	struct zone *zone;

	(void)state;
	zone = start();
	struct page *used = alloc_page(GFP_KERNEL);
	struct page *head = listed_block(zone, &order, &type);
	zone->count[order][type]++;
	finds("zone_check I6", "zone_check I2");
	zone->count[order][type] -= 2;
	finds("zone_check I6", "zone_check I2");
	zone->count[order][type]++;
	/* A list that runs in a circle ends the walk. */
	head->lru.next = (uint32_t)page_to_pfn(head);
	finds_only("zone_check I6");
	head->lru.next = 0;
	finds_nothing();

	assert_int_not_equal(zone->extent_blocks, 0);
	struct page *header = pfn_to_page(zone->extent);
	header->private_--;
	finds("zone_check I6", NULL);
	header->private_ += 2;
	finds("zone_check I6", NULL);
	header->private_--;
	zone->extent++;
	finds("zone_check I6", NULL);
	zone->extent--;
	finds_nothing();
	__free_page(used);
	mock_stop();
}

static void i7_every_frame_belongs_to_a_block(void **state)
{
	struct zone *zone;

	(void)state;
	zone = start();
	struct page *block = alloc_pages(GFP_KERNEL, 4), *huge = alloc_pages(GFP_KERNEL, 10);
	unsigned long pfn = page_to_pfn(block);
	uint32_t flags = block->flags, inner = block[3].flags;

	block[3].flags = page_state(QUARRY_PAGE_USED, 0, 0, zone->number);
	finds_only("zone_check I7"); /* a head inside a block */
	block[3].flags = inner;
	block->flags = inner;
	finds_only("zone_check I7"); /* no head */
	block->flags = page_state(QUARRY_PAGE_USED, 6, 0, zone->number);
	finds_only("zone_check I7"); /* too large for its place, or over other blocks */
	block->flags = page_state((enum quarry_page_kind)15, 4, 0, zone->number);
	finds_only("zone_check I7"); /* an unknown kind */
	block->flags = flags;
	finds_nothing();

	for (unsigned order = 0; order < pageblock_order; order++) {
		huge->flags = page_state(QUARRY_PAGE_USED, order, 0, zone->number);
		finds_only("zone_check I7"); /* a small block in a whole pageblock */
	}
	huge->flags = page_state(QUARRY_PAGE_USED, 10, 0, zone->number);
	unsigned state_was = pageblock_state(pfn);
	static const unsigned insane[] = { BLOCK_WHOLE | BLOCK_READY, BLOCK_READY | 7, 32, 1 };
	for (unsigned i = 0; i < sizeof(insane) / sizeof(insane[0]); i++) {
		pageblock_set_state(pfn, insane[i]);
		finds("zone_check I7", NULL);
	}
	pageblock_set_state(pfn, state_was);
	state_was = pageblock_state(page_to_pfn(huge) + pageblock_nr_pages);
	pageblock_set_state(page_to_pfn(huge) + pageblock_nr_pages, 0);
	finds_only("zone_check I7"); /* half of a block in an untouched pageblock */
	pageblock_set_state(page_to_pfn(huge) + pageblock_nr_pages, state_was);
	pageblock_set_state(zone->extent, BLOCK_WHOLE);
	finds("zone_check I7", NULL); /* an extent over a pageblock in use */
	pageblock_set_state(zone->extent, 0);
	finds_nothing();
	__free_pages(block, 4);
	__free_pages(huge, 10);
	mock_stop();
}

static void i8_no_free_block_is_unlisted(void **state)
{
	unsigned order, type;
	struct zone *zone;

	(void)state;
	zone = start();
	struct page *used = alloc_page(GFP_KERNEL);
	struct page *head = listed_block(zone, &order, &type);
	assert_int_equal(zone->count[order][type], 1);
	zone->list[order][type] = 0;
	zone->count[order][type] = 0;
	zone->orders[type] &= ~(1u << order);
	zone->free -= 1ul << order;
	finds_only("zone_check I8");
	zone->free += 1ul << order;
	zone->orders[type] |= 1u << order;
	zone->count[order][type] = 1;
	zone->list[order][type] = (uint32_t)page_to_pfn(head);
	finds_nothing();
	__free_page(used);
	mock_stop();
}

static void i9_parked_pages_are_in_stocks(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page *page = alloc_page(GFP_KERNEL);
	page_set_kind(page, QUARRY_PAGE_PARKED);
	finds_only("zone_check I9");
	page_set_kind(page, QUARRY_PAGE_USED);
	finds_nothing();
	__free_page(page);
	mock_stop();
}

static void i10_every_managed_frame_is_in_one_block(void **state)
{
	struct zone *zone;

	(void)state;
	zone = start();
	struct page *page = alloc_page(GFP_KERNEL);
	zone->managed--;
	finds_only("zone_check I10");
	zone->managed++;
	uint32_t flags = page->flags;
	page->flags = page_state(QUARRY_PAGE_RESERVED, 0, 0, zone->number);
	finds_only("zone_check I10"); /* a lost page */
	page->flags = flags;
	finds_nothing();
	__free_page(page);
	mock_stop();
}

/* ---- stocks of pages ---- */

static struct page_stock *filled_stock(void)
{
	struct page *page = alloc_page(GFP_KERNEL);
	struct page_stock *stock = stock_of_flags(&page_cpus[0], page->flags);

	__free_page(page);
	assert_int_not_equal(stock_held(stock), 0);
	return stock;
}

static void stocks_of_pages(void **state)
{
	(void)state;
	mock_start(NULL);
	struct page_stock *stock = filled_stock();
	uint16_t cap = stock->cap;
	stock->cap = 0;
	finds("pcp_check I1", NULL);
	stock->cap = cap;
	stock->held_taken++;
	finds("pcp_check I1", NULL);
	stock->held_taken--;
	struct page *head = stock->newest;
	uint32_t flags = head->flags;
	head->flags = page_state(QUARRY_PAGE_USED, 0, page_mobility(head), page_zone_number(head));
	finds("pcp_check I2", NULL);
	head->flags = flags;
	stock->held_taken--;
	stock->newest = parked_next(head);
	finds_only("zone_check I9"); /* a parked page that the stock forgot */
	stock->held_taken++;
	stock->newest = head;
	finds_nothing();
	mock_stop();
}

/* ---- objects ---- */

static void slabs(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = kmem_cache_create("victim", 64, 0, SLAB_NO_MERGE, NULL);
	void *object = kmem_cache_alloc(cache, GFP_KERNEL);
	struct page *head = slab_head(virt_to_page(object));
	struct slab_node *node = slab_node_of(cache, head);
	node->slabs++;
	finds("slab I4", NULL);
	node->slabs--;
	node->objects++;
	finds("slab I5", NULL);
	node->objects--;
	head->refcount++;
	finds("slab I6", NULL);
	head->refcount--;
	head->private_ ^= 1;
	finds("slab I6", NULL);
	head->private_ ^= 1;
	finds_nothing();
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* ---- virtual range ---- */

static void mapped_pages(void **state)
{
	(void)state;
	mock_start(NULL);
	void *area = vmalloc(4 * PAGE_SIZE);
	struct page *page = vmalloc_to_page(area);
	page_set_kind(page, QUARRY_PAGE_USED);
	finds("vmap", NULL);
	page_set_kind(page, QUARRY_PAGE_VMALLOC);
	finds_nothing();
	vfree(area);
	mock_stop();
}

/* ---- many worlds ---- */

/* Whatever is done with memory, the validator has nothing to say in between. */
static void a_mixed_run_is_clean(void **state)
{
	struct {
		void *address;
		unsigned kind, order;
	} item[128] = { { NULL, 0, 0 } };
	uint64_t random = 7;

	(void)state;
	mock_start(&(struct mock_config){ .cpus = 3, .bytes = 24 * MOCK_MIB });
	for (unsigned step = 0; step < 3000; step++) {
		uint64_t r = mock_random(&random);
		unsigned i = r % 128;
		mock_set_cpu(r >> 8 & 0xff ? (unsigned)(r >> 16) % 3 : 0);
		if (item[i].address && item[i].kind == 0)
			free_pages((unsigned long)item[i].address, item[i].order);
		else
			kvfree(item[i].address);
		item[i].kind = r >> 24 & 3;
		item[i].order = (unsigned)(r >> 32) % 8;
		size_t size = (r >> 40) % (64 * MOCK_KIB) + 1;
		if (item[i].kind == 0)
			item[i].address = (void *)__get_free_pages(GFP_NOWAIT, item[i].order);
		else if (item[i].kind == 1)
			item[i].address = vmalloc(size);
		else
			item[i].address = kmalloc(size, GFP_NOWAIT);
		if (step % 50 == 0)
			finds_nothing();
	}
	for (unsigned i = 0; i < 128; i++) {
		if (item[i].address && item[i].kind == 0)
			free_pages((unsigned long)item[i].address, item[i].order);
		else
			kvfree(item[i].address);
	}
	mock_set_cpu(0);
	finds_nothing();
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(i1_managed_present_spanned),
		cmocka_unit_test(i2_free_is_the_sum_of_the_lists),
		cmocka_unit_test(i3_bit_for_each_filled_list),
		cmocka_unit_test(i4_listed_blocks_are_free_heads),
		cmocka_unit_test(i5_free_buddies_have_merged),
		cmocka_unit_test(i6_counts_are_lengths),
		cmocka_unit_test(i7_every_frame_belongs_to_a_block),
		cmocka_unit_test(i8_no_free_block_is_unlisted),
		cmocka_unit_test(i9_parked_pages_are_in_stocks),
		cmocka_unit_test(i10_every_managed_frame_is_in_one_block),
		cmocka_unit_test(stocks_of_pages),
		cmocka_unit_test(slabs),
		cmocka_unit_test(mapped_pages),
		cmocka_unit_test(a_mixed_run_is_clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
