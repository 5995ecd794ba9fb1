/* SPDX-License-Identifier: MIT */
/* test_vmap_park.c: freed areas that stay mapped for the next request of their size. */
#include "vmap_test.h"

#include <quarry/set_memory.h>

static const struct mock_config parking = {.park_areas = true};

/* The same address, the same pages, no flush and no entry written; another size is another area. */
static void next_of_the_size_takes_over(void **state)
{
	(void)state;
	mock_start(&parking);
	char *p = vmalloc(4 * PAGE_SIZE), *q = vmalloc(5 * PAGE_SIZE);
	struct page *page = vmalloc_to_page(p + 3 * PAGE_SIZE);

	vfree(p);
	vfree(q);
	assert_int_equal(vmap_parked_pages(), 9);
	assert_int_equal(vmalloc_nr_pages(), 0);
	assert_int_equal(mm_check(), 0);
	mock_hook_reset();
	assert_ptr_equal(vmalloc(4 * PAGE_SIZE - 100), p);
	assert_ptr_equal(vmalloc_to_page(p + 3 * PAGE_SIZE), page);
	assert_int_equal(mock_hook_count(MOCK_PTE_WRITE), 0);
	assert_int_equal(mock_hook_count(MOCK_FLUSH), 0);
	assert_int_equal(vmalloc_nr_pages(), 4);
	assert_int_equal(vmap_parked_pages(), 5);
	touch_pages(p, 4);
	char *r = vmalloc(4 * PAGE_SIZE);
	assert_ptr_not_equal(r, p);
	vfree(p);
	vfree(r);
	mock_stop();
}

/* A parked area is nobody's: not found, not listed, and freed twice is reported. */
static void parked_areas_are_not_live(void **state)
{
	struct vmap_info info;
	uintptr_t cursor = 0;

	(void)state;
	mock_start(&parking);
	char *p = vmalloc(100);
	assert_true(vmap_info_at(p, &info));
	assert_int_equal(info.size, 100);
	vfree(p);
	assert_false(vmap_info_at(p, &info));
	assert_false(vmap_info_next(&cursor, &info));
	mock_expect_report(QUARRY_RULE_VMAP_UNKNOWN, 3);
	vfree(p);
	vunmap(p);
	assert_null(kvrealloc(p, 10, GFP_KERNEL));
	mock_stop();
}

static void zeroed_when_asked(void **state)
{
	(void)state;
	mock_start(&parking);
	char *p = vmalloc(3 * PAGE_SIZE);
	touch_pages(p, 3);
	vfree(p);
	assert_ptr_equal(vzalloc(2 * PAGE_SIZE + 1), p);
	for (unsigned long i = 0; i < 3 * PAGE_SIZE; i++)
		assert_int_equal(mock_load(va_of(p) + i), 0);
	vfree(p);
	mock_stop();
}

/* Masks and alignments that mean particular pages or addresses are not served from here, and
 * what they got is not parked. */
static void only_ordinary_requests(void **state)
{
	(void)state;
	mock_start(&parking);
	char *p = vmalloc(PAGE_SIZE), *q;
	static const struct {
		gfp_t gfp;
		size_t align;
	} odd[] = {
		{GFP_KERNEL | __GFP_DMA32, 1},	   {GFP_KERNEL | __GFP_THISNODE, 1},
		{GFP_KERNEL | __GFP_HIGH, 1},	   {GFP_KERNEL | __GFP_ACCOUNT, 1},
		{GFP_KERNEL, 2 * PAGE_SIZE},
	};

	vfree(p);
	for (unsigned i = 0; i < COUNT(odd); i++) {
		q = __vmalloc_node(PAGE_SIZE, odd[i].align, odd[i].gfp, NUMA_NO_NODE, NULL);
		assert_non_null(q);
		assert_ptr_not_equal(q, p);
		vfree(q);
		assert_true(mock_faults(va_of(q)));
	}
	assert_ptr_equal(__vmalloc(PAGE_SIZE, GFP_NOIO), p);
	vfree(p);
	p = vmalloc((totalram_pages() / 64 + 1) * PAGE_SIZE); /* above the bound */
	vfree(p);
	assert_true(mock_faults(va_of(p)));
	assert_int_equal(vmap_parked_pages(), 1);
	mock_stop();
}

/* Long areas that are parked may have 8 MiB. */
static const struct mock_config roomy = {.park_areas = true, .bytes = 512 * MOCK_MIB};

/* Areas of more than 64 pages, with and without a chunk to themselves, as short ones: zeroed when
 * asked, freed once, and not parked with changed rights. */
static void long_areas_are_taken_over(void **state)
{
	static const unsigned pages[] = {65, 500, 512, 1000};

	(void)state;
	mock_start(&roomy);
	for (unsigned i = 0; i < COUNT(pages); i++) {
		size_t size = pages[i] * PAGE_SIZE;
		char *p = vmalloc(size), *q;
		struct page *last = vmalloc_to_page(p + size - 1);

		touch_pages(p, pages[i]);
		vfree(p);
		assert_int_equal(vmap_parked_pages(), pages[i]);
		assert_int_equal(mm_check(), 0);
		mock_expect_report(QUARRY_RULE_VMAP_UNKNOWN, 1);
		vfree(p);
		q = vmalloc(size - PAGE_SIZE);
		assert_ptr_not_equal(q, p);
		mock_hook_reset();
		assert_ptr_equal(vzalloc(size - 10), p);
		assert_int_equal(mock_hook_count(MOCK_PTE_WRITE), 0);
		assert_int_equal(mock_hook_count(MOCK_FLUSH), 0);
		assert_ptr_equal(vmalloc_to_page(p + size - 1), last);
		assert_int_equal(vmalloc_nr_pages(), 2 * pages[i] - 1);
		for (unsigned k = 0; k < pages[i]; k++)
			assert_int_equal(mock_load(va_of(p) + k * PAGE_SIZE), 0);
		assert_int_equal(mm_check(), 0);
		assert_int_equal(set_memory_ro(va_of(p), 1), 0);
		vfree(p);
		assert_true(mock_faults(va_of(p)));
		vfree(q);
		vm_unmap_aliases();
		assert_true(mock_faults(va_of(q)));
	}
	mock_stop();
}

/* Full slots give up long areas in turn, the oldest first, and leave short ones alone. */
static void slots_take_turns(void **state)
{
	static void *p[PARK_SLOTS + 4];

	(void)state;
	mock_start(&roomy);
	void *shorter = vmalloc(PAGE_SIZE);
	vfree(shorter);
	for (unsigned i = 0; i < COUNT(p); i++)
		p[i] = vmalloc((65 + i) * PAGE_SIZE);
	for (unsigned i = 0; i < COUNT(p); i++) {
		vfree(p[i]);
		assert_false(mock_faults(va_of(p[i])));
		assert_int_equal(mm_check(), 0);
	}
	for (unsigned i = 0; i < COUNT(p); i++)
		assert_int_equal(mock_faults(va_of(p[i])), i <= COUNT(p) - PARK_SLOTS);
	assert_ptr_equal(vmalloc(PAGE_SIZE), shorter);
	/* In an interrupt none can leave: the last slot stays empty. */
	assert_ptr_equal(vmalloc(84 * PAGE_SIZE), p[19]);
	assert_ptr_equal(vmalloc(83 * PAGE_SIZE), p[18]);
	void *other = vmalloc(90 * PAGE_SIZE);
	mock_set_context(QUARRY_CTX_IRQ);
	mock_hook_reset();
	vfree(p[19]);
	vfree(p[18]);
	assert_int_equal(mock_hook_count(MOCK_DEFER), 0);
	vfree(other);
	assert_int_equal(mock_hook_count(MOCK_DEFER), 1);
	mock_set_context(0);
	assert_int_equal(mock_run_deferred(), 1);
	assert_false(mock_faults(va_of(p[18])));
	assert_true(mock_faults(va_of(other)));
	vfree(shorter);
	mock_stop();
}

/* 64 MiB machine: at most a 64th, and what is not asked for gives way to what is. */
static void bounded(void **state)
{
	static void *p[600];

	(void)state;
	mock_start(&parking);
	unsigned long limit = totalram_pages() / 64;
	assert_true(limit > 200 && limit < 280);
	for (unsigned pages = 1; pages <= PARK_PAGES_LISTED; pages++) {
		unsigned n = 600 / pages;

		for (unsigned i = 0; i < n; i++)
			p[i] = vmalloc(pages * PAGE_SIZE);
		for (unsigned i = 0; i < n; i++) {
			vfree(p[i]);
			assert_true(vmap_parked_pages() <= limit);
			assert_true(vmap_parked_pages() + PARK_PAGES_LISTED > limit || i < limit);
		}
		assert_int_equal(mm_check(), 0);
	}
	/* Twice as many rounds as other sizes have areas: by then this one is kept. */
	for (unsigned i = 0; i < 2 * limit; i++) {
		void *a = vmalloc(PAGE_SIZE), *b = vmalloc(PAGE_SIZE);

		vfree(a);
		vfree(b);
	}
	mock_hook_reset();
	vfree(vmalloc(PAGE_SIZE));
	assert_int_equal(mock_hook_count(MOCK_PTE_WRITE), 0);
	mock_stop();
}

/* In an interrupt parking is all there is to do; above the bound it is put off. */
static void parked_in_interrupts(void **state)
{
	static void *p[300];

	(void)state;
	mock_start(&parking);
	for (unsigned i = 0; i < COUNT(p); i++)
		p[i] = vmalloc(PAGE_SIZE);
	mock_set_context(QUARRY_CTX_IRQ);
	mock_hook_reset();
	vfree(p[0]);
	assert_int_equal(mock_hook_count(MOCK_DEFER), 0);
	assert_ptr_equal(__vmalloc(PAGE_SIZE, GFP_NOWAIT), p[0]);
	for (unsigned i = 0; i < COUNT(p); i++)
		vfree(p[i]);
	assert_int_equal(mock_hook_count(MOCK_DEFER), 1);
	mock_set_context(0);
	assert_int_equal(vmap_parked_pages(), totalram_pages() / 64);
	assert_int_equal(mm_check(), 0);
	assert_int_equal(mock_run_deferred(), 1);
	mock_stop();
}

/* vm_unmap_aliases leaves nothing reachable. */
static void unmap_aliases_unmaps(void **state)
{
	(void)state;
	mock_start(&parking);
	char *p = vmalloc(3 * PAGE_SIZE);

	vfree(p);
	assert_false(mock_faults(va_of(p)));
	vm_unmap_aliases();
	assert_true(mock_faults(va_of(p)));
	assert_int_equal(vmap_parked_pages(), 0);
	mock_stop();
}

/* Before a request fails for want of pages or of addresses, what is parked comes back. */
static void parked_areas_serve_requests(void **state)
{
	static struct page *held[20000];
	struct mock_config config = {.park_areas = true, .vmalloc_size = 4 * MOCK_MIB};
	void *p[4];
	unsigned long n = 0;

	(void)state;
	mock_start(&parking);
	p[0] = vmalloc(64 * PAGE_SIZE);
	while (n < COUNT(held) && (held[n] = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0)))
		n++;
	vfree(p[0]);
	assert_int_equal(vmap_parked_pages(), 64);
	for (unsigned i = 0; i < 64; i++)
		assert_non_null(held[n++] = alloc_pages(GFP_KERNEL, 0));
	release_memory(held, n);
	mock_stop();

	mock_start(&config);
	for (unsigned i = 0; i < COUNT(p); i++)
		p[i] = vmalloc(60 * PAGE_SIZE);
	for (unsigned i = 0; i < COUNT(p); i++)
		vfree(p[i]);
	assert_int_equal(vmap_parked_pages(), 240);
	assert_non_null(p[0] = vmalloc(1000 * PAGE_SIZE));
	vfree(p[0]);
	mock_stop();
}

/* Without parking, by either of the two parameters, an access after vfree faults. */
static void can_be_turned_off(void **state)
{
	struct mock_config config = {.park_areas = true, .extra = {.no_parking = true}};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		mock_start(i ? NULL : &config);
		char *p = vmalloc(PAGE_SIZE);

		vfree(p);
		assert_true(mock_faults(va_of(p)));
		assert_int_equal(vmap_parked_pages(), 0);
		mock_stop();
	}
}

/* Areas wander between CPUs; each finds its own bytes, and drains find everything. */
static void *shared[8];

static void exchange(void *arg, unsigned cpu)
{
	uint64_t seed = cpu + 3;

	(void)arg;
	for (unsigned i = 0; i < 400; i++) {
		uint64_t r = mock_random(&seed);
		unsigned long pages = 1 + (r >> 8) % 6 + (r >> 20) % 4 / 3 * 70;
		char *p = vmalloc(pages * PAGE_SIZE);

		if (!p)
			mock_fail("vmalloc of %lu pages failed", pages);
		p[0] = p[(pages - 1) * PAGE_SIZE] = (char)(cpu + i);
		if (p[0] != (char)(cpu + i))
			mock_fail("page 0 changed");
		vfree(__atomic_exchange_n(&shared[(r >> 40) % COUNT(shared)], p, __ATOMIC_ACQ_REL));
		if (r >> 48 & 31)
			continue;
		if (r >> 56 & 1)
			vmap_drain();
		else
			vm_unmap_aliases();
	}
}

static void four_cpus_exchange(void **state)
{
	struct mock_config config = {.park_areas = true, .cpus = 4};

	(void)state;
	mock_start(&config);
	mock_run_cpus(4, exchange, NULL);
	for (unsigned i = 0; i < COUNT(shared); i++) {
		vfree(shared[i]);
		shared[i] = NULL;
	}
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_of_the_size_takes_over),
		cmocka_unit_test(parked_areas_are_not_live),
		cmocka_unit_test(zeroed_when_asked),
		cmocka_unit_test(only_ordinary_requests),
		cmocka_unit_test(long_areas_are_taken_over),
		cmocka_unit_test(slots_take_turns),
		cmocka_unit_test(bounded),
		cmocka_unit_test(parked_in_interrupts),
		cmocka_unit_test(unmap_aliases_unmaps),
		cmocka_unit_test(parked_areas_serve_requests),
		cmocka_unit_test(can_be_turned_off),
		cmocka_unit_test(four_cpus_exchange),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
