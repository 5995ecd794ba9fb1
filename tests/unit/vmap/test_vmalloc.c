/* SPDX-License-Identifier: MIT */
/* test_vmalloc.c: vmalloc and vfree on the mock machine, whose TLB fails a test that uses a
 * stale translation. */
#include "vmap_test.h"

#include <quarry/set_memory.h>

#include "mm/vmap/pgtable.h"

static const unsigned formats[] = {MOCK_PT_LEVELS_3, MOCK_PT_LEVELS_4, MOCK_PT_LEVELS_5};

/* Each page is really there at both of its addresses; the guard page is not. */
static void g003_vmalloc_maps_every_page(void **state)
{
	(void)state;
	for (unsigned f = 0; f < COUNT(formats); f++) {
		struct mock_config config = {.format = formats[f]};
		void *p;

		mock_start(&config);
		p = vmalloc(MOCK_MIB);
		assert_non_null(p);
		assert_true(is_vmalloc_addr(p));
		assert_int_equal(vmalloc_nr_pages(), 256);
		touch_pages(p, 256);
		assert_true(mock_faults(va_of(p) + MOCK_MIB));
		assert_true(mock_faults(va_of(p) - 1));
		vfree(p);
		assert_true(mock_faults(va_of(p)));
		assert_int_equal(vmalloc_nr_pages(), 0);
		mock_stop();
	}
}

static unsigned level_at(uintptr_t va)
{
	struct pt_leaf leaf;

	assert_int_equal(pgtable_query(va, true, &leaf), 0);
	return leaf.level;
}

/* Where blocks of 2 MiB are free, whole 2 MiB are one entry each; the rest is not, nor is the guard
 * mapped. No leaf table is made for them. */
static void huge_leaves(void **state)
{
	(void)state;
	for (unsigned f = 0; f < COUNT(formats); f++) {
		struct mock_config config = {.format = formats[f]};
		unsigned long none, tables;
		char *p;

		mock_start(&config);
		none = pgtable_pages();
		vfree(vmalloc(2 * MOCK_MIB)); /* the upper tables are there */
		tables = pgtable_pages();
		p = vmalloc(7 * MOCK_MIB);
		assert_int_equal(pgtable_pages(), tables + 1);
		for (unsigned long at = 0; at < 7 * MOCK_MIB; at += PAGE_SIZE)
			assert_int_equal(level_at(va_of(p) + at), at < 6 * MOCK_MIB);
		touch_pages(p, 1792);
		assert_true(mock_faults(va_of(p) + 7 * MOCK_MIB));
		assert_int_equal(pgtable_count(va_of(p), va_of(p) + 8 * MOCK_MIB), 1792);
		assert_int_equal(mm_check(), 0);
		vfree(p);
		assert_true(mock_faults(va_of(p)));
		assert_true(mock_faults(va_of(p) + 6 * MOCK_MIB));
		vmap_drain();
		assert_int_equal(pgtable_pages(), none);
		mock_stop();
	}
}

/* Small and huge leaves follow each other at the same addresses: a leaf table that is still there
 * is used, and gone after a drain. */
static void huge_after_small(void **state)
{
	char *small[4], *huge;

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < COUNT(small); i++)
		small[i] = vmalloc(511 * PAGE_SIZE);
	for (unsigned i = 0; i < COUNT(small); i++)
		vfree(small[i]);
	vm_unmap_aliases();
	huge = vmalloc(4 * MOCK_MIB);
	assert_ptr_equal(huge, small[0]);
	assert_int_equal(level_at(va_of(huge)), 0);
	touch_pages(huge, 1024);
	vfree(huge);
	vmap_drain();
	huge = vmalloc(4 * MOCK_MIB);
	assert_ptr_equal(huge, small[0]);
	assert_int_equal(level_at(va_of(huge)), 1);
	touch_pages(huge, 1024);
	vfree(huge);
	vm_unmap_aliases();
	small[0] = vmalloc(511 * PAGE_SIZE);
	assert_ptr_equal(huge, small[0]);
	touch_pages(small[0], 511);
	vfree(small[0]);
	mock_stop();
}

static void g123_vzalloc_is_zero(void **state)
{
	struct mock_config config = {.bytes = 4 * MOCK_MIB, .dirty_memory = true};

	(void)state;
	mock_start(&config);
	void *p = vzalloc(100001);
	assert_non_null(p);
	/* To the end of the last page. */
	for (unsigned long i = 0; i < PAGE_ALIGN(100001); i++)
		assert_int_equal(mock_load(va_of(p) + i), 0);
	vfree(p);
	p = vcalloc(25, 1000);
	for (unsigned long i = 0; i < 25000; i++)
		assert_int_equal(mock_load(va_of(p) + i), 0);
	vfree(p);
	mock_stop();
}

static void g123_impossible_sizes(void **state)
{
	(void)state;
	mock_start(NULL);
	unsigned long before = mock_free_pages();
	volatile size_t all = totalram_pages() * PAGE_SIZE, huge = SIZE_MAX, none = 0;

	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	assert_null(vmalloc(none));
	mock_expect_report(QUARRY_RULE_SIZE_LIMIT, 2);
	assert_null(vmalloc(all + 1));
	assert_null(vmalloc(huge));
	assert_null(__vmalloc(huge, GFP_KERNEL | __GFP_NOWARN));
	assert_null(vmalloc_array(huge / 2, 3));
	assert_int_equal(mock_free_pages(), before);
	/* Not more than memory, but more than is free: fails in the middle, nothing stays
	 * behind. */
	mock_expect_report(QUARRY_RULE_NO_MEMORY, 1);
	assert_null(vmalloc(all));
	assert_int_equal(mock_free_pages(), before);
	mock_stop();
}

/* A mask that no page request may have is refused, whatever blocks are free. */
static void impossible_masks(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_BAD_GFP, 2); /* of a batch, then of one page */
	mock_expect_report(QUARRY_RULE_NO_MEMORY, 1);
	assert_null(__vmalloc(2 * MOCK_MIB, GFP_KERNEL | __GFP_DMA32 | __GFP_HIGHMEM));
	mock_stop();
}

static void every_page_count(void **state)
{
	(void)state;
	mock_start(NULL);
	for (unsigned long pages = 1; pages <= 1100; pages += pages < 20 ? 1 : 53) {
		void *p = vmalloc(pages * PAGE_SIZE - pages % 7);

		assert_non_null(p);
		touch_pages(p, pages);
		assert_true(mock_faults(va_of(p) + pages * PAGE_SIZE));
		vfree(p);
	}
	mock_stop();
}

static void aligned_areas(void **state)
{
	(void)state;
	mock_start(NULL);
	for (size_t align = 1; align <= 64 * MOCK_MIB; align *= 2) {
		void *p = __vmalloc_node(5000, align, GFP_KERNEL, NUMA_NO_NODE, NULL);

		assert_non_null(p);
		assert_int_equal(va_of(p) % align, 0);
		assert_int_equal(va_of(p) % PAGE_SIZE, 0);
		touch_pages(p, 2);
		vfree(p);
	}
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	assert_null(__vmalloc_node(5000, 3 * PAGE_SIZE, GFP_KERNEL, NUMA_NO_NODE, NULL));
	mock_expect_report(QUARRY_RULE_VMAP_SPACE, 1);
	assert_null(__vmalloc_node(5000, 1ul << 63, GFP_KERNEL, NUMA_NO_NODE, NULL));
	mock_stop();
}

static void g125_works_when_memory_is_fragmented(void **state)
{
	static struct page *held[20000];
	unsigned long kept, apart = 0;
	unsigned char *p;

	(void)state;
	mock_start(NULL);
	kept = fragment_memory(held, COUNT(held));
	assert_null(kmalloc(MOCK_MIB, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN));
	p = vmalloc(MOCK_MIB);
	assert_non_null(p);
	touch_pages(p, 256);
	for (unsigned long i = 1; i < 256; i++)
		apart += vmalloc_to_pfn(p + i * PAGE_SIZE) !=
			 vmalloc_to_pfn(p + (i - 1) * PAGE_SIZE) + 1;
	assert_int_equal(apart, 255);
	vfree(p);
	release_memory(held, kept);
	mock_stop();
}

/* Any internal step may fail, it alone or with all later ones: NULL or success, and everything
 * back. */
static void failure_at_every_step(void **state)
{
	static const unsigned long sizes[] = {1, 64, 65, 513, 1100};

	(void)state;
	for (unsigned f = 0; f < COUNT(formats); f++) {
		for (unsigned i = 0; i < COUNT(sizes); i++) {
			struct mock_config config = {.format = formats[f]};
			unsigned long before, n = 0;
			bool failed;

			mock_start(&config);
			before = mock_free_pages();
			do {
				unsigned long passes = mock_fault_passes(-1);
				size_t size = sizes[i] * PAGE_SIZE;
				void *p;

				n++;
				for (unsigned later = 0; later < 2; later++) {
					mock_fail_site(-1, n, later);
					p = __vmalloc(size, GFP_KERNEL | __GFP_NOWARN);
					mock_fail_site(-1, 0, false);
					vfree(p);
					assert_int_equal(mock_free_pages(), before);
				}
				/* The second of the two, where all later steps fail too. */
				failed = !p;
				if (!failed && mock_fault_passes(-1) - passes < n)
					fail_msg("step %lu was not reached", n);
			} while (failed);
			assert_true(n > 5);
			mock_stop();
		}
	}
}

static void g150_vfree_in_interrupt(void **state)
{
	(void)state;
	mock_start(NULL);
	void *small = vmalloc(5 * PAGE_SIZE), *large = vmalloc(3 * MOCK_MIB);

	mock_set_context(QUARRY_CTX_IRQ);
	vfree(small);
	vfree(large);
	assert_false(mock_faults(va_of(small)));
	/* Freed already, though still mapped. */
	mock_expect_report(QUARRY_RULE_VMAP_UNKNOWN, 1);
	vfree(small);
	mock_set_context(0);
	assert_int_equal(mm_check(), 0);
	assert_int_equal(mock_run_deferred(), 1);
	assert_true(mock_faults(va_of(small)));
	assert_true(mock_faults(va_of(large)));
	assert_true(mock_faults(va_of(large) + 3 * MOCK_MIB - 1));
	mock_stop();
}

static void g150_without_a_defer_hook(void **state)
{
	struct mock_config config = {.no_optional = true};

	(void)state;
	mock_start(&config);
	void *p = vmalloc(5 * PAGE_SIZE), *q = vmalloc(1);

	mock_set_context(QUARRY_CTX_IRQ);
	vfree(p);
	mock_set_context(0);
	assert_false(mock_faults(va_of(p)));
	vfree(q);
	assert_true(mock_faults(va_of(p)));
	mock_stop();
}

/* What waits for a call that may sleep comes back before one fails for want of addresses. */
static void put_off_frees_serve_requests(void **state)
{
	struct mock_config config = {.no_optional = true, .vmalloc_size = 4 * MOCK_MIB};
	void *p[8];

	(void)state;
	mock_start(&config);
	for (unsigned i = 0; i < COUNT(p); i++)
		p[i] = vmalloc(127 * PAGE_SIZE);
	mock_set_context(QUARRY_CTX_IRQ);
	for (unsigned i = 0; i < COUNT(p); i++)
		vfree(p[i]);
	mock_set_context(0);
	p[0] = vmalloc(2 * MOCK_MIB);
	assert_non_null(p[0]);
	vfree(p[0]);
	mock_stop();
}

/* A failure rule never makes a request fail that must not. */
static void nofail_does_not_fail(void **state)
{
	struct quarry_fault_rule rule = {.max_order = MAX_PAGE_ORDER, .times = 100};

	(void)state;
	mock_start(NULL);
	rule.sites = 1u << FAULT_VMAP_AREA;
	assert_int_equal(quarry_fault_set(&rule), 0);
	void *p = __vmalloc(3 * PAGE_SIZE, GFP_KERNEL | __GFP_NOFAIL);
	void *q = __vmalloc(3 * MOCK_MIB, GFP_KERNEL | __GFP_NOFAIL);
	quarry_fault_set(NULL);
	assert_non_null(p);
	assert_non_null(q);
	vfree(p);
	vfree(q);
	mock_stop();
}

/* An NMI may have come while its own CPU holds our locks: nothing waits for one there. */
static void nmi_takes_no_lock(void **state)
{
	static const unsigned nmi = QUARRY_CTX_NMI | QUARRY_CTX_IRQ | QUARRY_CTX_ATOMIC;
	struct page *page;

	(void)state;
	mock_start(NULL);
	page = alloc_page(GFP_KERNEL);
	void *p = vmalloc(1), *ram = vm_map_ram(&page, 1, NUMA_NO_NODE);
	unsigned long irq = mm_lock(&vmap_lock);

	mock_set_context(nmi);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 4);
	vm_unmap_ram(ram, 1);
	assert_non_null(vmalloc_to_page(p));
	assert_null(__vmalloc(1, GFP_ATOMIC));
	assert_null(vrealloc(p, 1, GFP_ATOMIC));
	assert_int_equal(set_memory_ro(va_of(p), 1), -QUARRY_EINVAL);
	mock_set_context(0);
	mm_unlock(&vmap_lock, irq);
	vm_unmap_ram(ram, 1);
	vfree(p);
	__free_page(page);
	mock_stop();
}

static void g150_vfree_in_nmi_is_reported(void **state)
{
	(void)state;
	mock_start(NULL);
	void *p = vmalloc(1);

	mock_set_context(QUARRY_CTX_NMI);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	vfree(p);
	mock_set_context(0);
	assert_false(mock_faults(va_of(p)));
	vfree(p);
	mock_stop();
}

/* With a lock held vfree unmaps at once, but no CPU is asked to flush. */
static void vfree_in_atomic_context_does_not_flush(void **state)
{
	(void)state;
	mock_start(NULL);
	void *p[40];

	for (unsigned i = 0; i < COUNT(p); i++)
		p[i] = vmalloc(MOCK_MIB / 2);
	mock_set_context(QUARRY_CTX_ATOMIC);
	mock_hook_reset();
	for (unsigned i = 0; i < COUNT(p); i++) {
		vfree(p[i]);
		assert_true(mock_faults(va_of(p[i])));
	}
	assert_int_equal(mock_hook_count(MOCK_FLUSH), 0);
	assert_int_equal(mock_hook_count(MOCK_DEFER), 1);
	mock_set_context(0);
	assert_int_equal(mock_run_deferred(), 1);
	assert_int_equal(mock_hook_count(MOCK_FLUSH), 1);
	mock_stop();
}

static void g007_atomic_masks_work_in_interrupts(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_set_context(QUARRY_CTX_IRQ);
	void *p = __vmalloc(100 * PAGE_SIZE, GFP_NOWAIT);
	assert_non_null(p);
	touch_pages(p, 100);
	/* Without a mask it is GFP_KERNEL: a violation, served as if it could not sleep. */
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	void *q = vmalloc(PAGE_SIZE);
	assert_non_null(q);
	mock_set_context(0);
	vfree(p);
	vfree(q);
	mock_stop();
}

static void g149_bad_frees_are_reported(void **state)
{
	struct page *page;

	(void)state;
	mock_start(NULL);
	char *p = vmalloc(3 * PAGE_SIZE), *large = vmalloc(5 * MOCK_MIB);
	page = alloc_page(GFP_KERNEL);
	void *mapped = vmap(&page, 1, VM_MAP, PAGE_KERNEL);

	mock_expect_report(QUARRY_RULE_VMAP_UNKNOWN, 6);
	vfree(p + 1);
	vfree(p + PAGE_SIZE);
	vfree(p + 3 * PAGE_SIZE);
	vfree(large + 3 * MOCK_MIB);
	vfree(page_address(page));
	vfree((void *)(uintptr_t)-1);
	mock_expect_report(QUARRY_RULE_FREE_KIND, 2);
	vfree(mapped);
	vunmap(p);
	touch_pages(p, 3);
	vfree(NULL);
	vunmap(NULL);
	vfree(p);
	vfree(large);
	mock_expect_report(QUARRY_RULE_VMAP_UNKNOWN, 2);
	vfree(p);
	vfree(large);
	vunmap(mapped);
	__free_page(page);
	mock_stop();
}

static void no_window(void **state)
{
	struct mock_config config = {.no_vmalloc = true};

	(void)state;
	mock_start(&config);
	mock_expect_report(QUARRY_RULE_VMAP_SPACE, 2);
	assert_null(vmalloc(1));
	assert_null(vmalloc(10 * MOCK_MIB));
	assert_false(is_vmalloc_addr((void *)MOCK_VMALLOC));
	/* It must not fail, but never can succeed: better NULL than a loop. */
	mock_expect_report(QUARRY_RULE_VMAP_SPACE, 1);
	assert_null(__vmalloc(1, GFP_KERNEL | __GFP_NOFAIL));
	vm_unmap_aliases();
	mock_stop();
}

/* When addresses run out, those that wait for a flush are flushed. */
static void exhausted_window(void **state)
{
	struct mock_config config = {.vmalloc_size = 4 * MOCK_MIB};
	void *p[8];

	(void)state;
	mock_start(&config);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < COUNT(p); i++) {
			p[i] = vmalloc(127 * PAGE_SIZE);
			assert_non_null(p[i]);
		}
		mock_expect_report(QUARRY_RULE_VMAP_SPACE, 1);
		assert_null(vmalloc(1));
		for (unsigned i = 0; i < COUNT(p); i++)
			vfree(p[i]);
	}
	mock_stop();
}

/* Each of four CPUs allocates, writes, reads and frees; some frees are of what another CPU
 * allocated. */
static void *shared[4];

static void churn(void *arg, unsigned cpu)
{
	uint64_t seed = cpu + 11;

	(void)arg;
	for (unsigned i = 0; i < 150; i++) {
		uint64_t r = mock_random(&seed);
		unsigned long pages = r & 15 ? 1 + (r >> 8) % 12 : 1 + (r >> 8) % 700;
		char *p = vmalloc(pages * PAGE_SIZE);
		char *old;

		if (!p)
			mock_fail("vmalloc of %lu pages failed", pages);
		for (unsigned long k = 0; k < pages; k++)
			p[k * PAGE_SIZE] = (char)(cpu + k);
		for (unsigned long k = 0; k < pages; k++)
			if (p[k * PAGE_SIZE] != (char)(cpu + k))
				mock_fail("page %lu changed", k);
		old = __atomic_exchange_n(&shared[(r >> 40) % 4], p, __ATOMIC_ACQ_REL);
		vfree(old);
	}
}

static void four_cpus(void **state)
{
	struct mock_config config = {.cpus = 4};

	(void)state;
	for (unsigned way = 0; way < 3; way++) {
		config.flush_hook = way == 1;
		config.park_areas = way == 2;
		mock_start(&config);
		mock_run_cpus(4, churn, NULL);
		for (unsigned i = 0; i < 4; i++) {
			vfree(shared[i]);
			shared[i] = NULL;
		}
		mock_stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g003_vmalloc_maps_every_page),
		cmocka_unit_test(huge_leaves),
		cmocka_unit_test(huge_after_small),
		cmocka_unit_test(g123_vzalloc_is_zero),
		cmocka_unit_test(g123_impossible_sizes),
		cmocka_unit_test(impossible_masks),
		cmocka_unit_test(every_page_count),
		cmocka_unit_test(aligned_areas),
		cmocka_unit_test(g125_works_when_memory_is_fragmented),
		cmocka_unit_test(failure_at_every_step),
		cmocka_unit_test(g150_vfree_in_interrupt),
		cmocka_unit_test(g150_without_a_defer_hook),
		cmocka_unit_test(put_off_frees_serve_requests),
		cmocka_unit_test(nofail_does_not_fail),
		cmocka_unit_test(nmi_takes_no_lock),
		cmocka_unit_test(g150_vfree_in_nmi_is_reported),
		cmocka_unit_test(vfree_in_atomic_context_does_not_flush),
		cmocka_unit_test(g007_atomic_masks_work_in_interrupts),
		cmocka_unit_test(g149_bad_frees_are_reported),
		cmocka_unit_test(no_window),
		cmocka_unit_test(exhausted_window),
		cmocka_unit_test(four_cpus),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
