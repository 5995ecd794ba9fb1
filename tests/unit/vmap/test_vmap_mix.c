/* SPDX-License-Identifier: MIT */
/*
 * test_vmap_mix.c: all calls of the virtual layer in one world: random orders on CPUs taken in
 * turn, whose TLBs remember everything until they flush, and a failure at every step of every call;
 * and the rows about masks.
 */
#include "vmap_test.h"

#include "mm/base/log.h"
#include "mm/vmap/pgtable.h"

#include <quarry/execmem.h>
#include <quarry/io.h>
#include <quarry/sched/mm.h>
#include <quarry/set_memory.h>

#define SLOTS 24u
#define GIVEN 8u
#define CPUS 4u
#define DEVICE (8 * MOCK_GIB)

enum kind { NOTHING, VMALLOC, KVMALLOC, VMAP, MAP_RAM, IOREMAP, MEMREMAP, EXECMEM, NR_KINDS };

static struct slot {
	enum kind kind;
	char *p;
	unsigned long pages;
	uint8_t mark; /* in the first byte of each page, of kinds with memory of their own */
	unsigned long ro, nr_ro; /* pages that are read-only now */
	bool sealed;
} slots[SLOTS];

static struct page *given[GIVEN];
static uint64_t seed;

static unsigned long below(unsigned long n)
{
	return (unsigned long)(mock_random(&seed) % n);
}

static bool has_memory(const struct slot *s)
{
	return s->kind == VMALLOC || s->kind == KVMALLOC || s->kind == EXECMEM;
}

static void fill_slot(struct slot *s)
{
	unsigned long most = below(6) ? 20 : 1100;

	*s = (struct slot){.kind = (enum kind)(1 + below(NR_KINDS - 1)),
			   .mark = (uint8_t)below(256)};
	s->pages = 1 + below(s->kind == VMAP || s->kind == MAP_RAM ? GIVEN : most);
	if (s->kind == VMALLOC && below(4) == 0)
		s->pages = 80ul << below(5); /* seen again, and parked meanwhile */
	switch (s->kind) {
	case VMALLOC:
		s->p = below(2) ? vmalloc(s->pages * PAGE_SIZE)
				: __vmalloc(s->pages * PAGE_SIZE, GFP_NOWAIT);
		break;
	case KVMALLOC:
		s->pages += 1024; /* above the largest block */
		s->p = kvmalloc(s->pages * PAGE_SIZE, GFP_KERNEL);
		break;
	case VMAP:
		s->p = vmap(given, (unsigned)s->pages, VM_MAP, PAGE_KERNEL);
		break;
	case MAP_RAM:
		s->p = vm_map_ram(given, (unsigned)s->pages, NUMA_NO_NODE);
		break;
	case IOREMAP:
		s->p = ioremap(DEVICE + below(600) * PAGE_SIZE, s->pages * PAGE_SIZE);
		break;
	case MEMREMAP:
		s->p = memremap(DEVICE, s->pages * PAGE_SIZE, MEMREMAP_WB);
		break;
	default:
		s->p = execmem_alloc(EXECMEM_DEFAULT, s->pages * PAGE_SIZE);
	}
	assert_non_null(s->p);
	for (unsigned long i = 0; has_memory(s) && i < s->pages; i += 1 + s->pages / 8)
		mock_store(va_of(s->p) + i * PAGE_SIZE, s->mark);
}

static void empty_slot(struct slot *s)
{
	switch (s->kind) {
	case VMALLOC:
		vfree(s->p);
		break;
	case KVMALLOC:
		kvfree(s->p);
		break;
	case VMAP:
		vunmap(s->p);
		break;
	case MAP_RAM:
		vm_unmap_ram(s->p, (unsigned)s->pages);
		break;
	case IOREMAP:
		iounmap(s->p);
		break;
	case MEMREMAP:
		memunmap(s->p);
		break;
	case EXECMEM:
		execmem_free(s->p);
		break;
	default:
		break;
	}
	s->kind = NOTHING;
}

/* Take a right from a part, or give it back. */
static void change_slot(struct slot *s)
{
	if (s->kind == EXECMEM) {
		assert_int_equal(s->sealed ? execmem_make_temp_rw(s->p, s->pages * PAGE_SIZE)
					   : execmem_seal(s->p),
				 0);
		s->sealed = !s->sealed;
	} else if (s->kind == VMALLOC || s->kind == KVMALLOC) {
		if (s->nr_ro) {
			assert_int_equal(set_memory_rw(va_of(s->p) + s->ro * PAGE_SIZE,
						       (int)s->nr_ro),
					 0);
			s->nr_ro = 0;
		} else {
			s->ro = below(s->pages);
			s->nr_ro = 1 + below(s->pages - s->ro);
			assert_int_equal(set_memory_ro(va_of(s->p) + s->ro * PAGE_SIZE,
						       (int)s->nr_ro),
					 0);
		}
	}
}

static void touch_slot(const struct slot *s)
{
	for (unsigned long i = 0; has_memory(s) && i < s->pages; i += 1 + s->pages / 8) {
		uintptr_t va = va_of(s->p) + i * PAGE_SIZE;

		assert_int_equal(mock_load(va), s->mark);
		if (!s->sealed && i - s->ro >= s->nr_ro)
			mock_store(va, s->mark);
	}
}

static void random_step(void)
{
	struct slot *s = &slots[below(SLOTS)];

	mock_set_cpu((unsigned)below(CPUS));
	switch (below(32)) {
	case 0:
		vm_unmap_aliases();
		break;
	case 1:
		vmap_drain();
		break;
	case 2:
		mock_run_deferred();
		break;
	case 3: /* in an interrupt, or with a lock held */
		mock_set_context(below(2) ? QUARRY_CTX_IRQ : QUARRY_CTX_ATOMIC);
		empty_slot(s);
		mock_set_context(0);
		break;
	default:
		if (s->kind == NOTHING)
			fill_slot(s);
		else if (below(3) == 0)
			change_slot(s);
		else
			touch_slot(s);
		if (s->kind != NOTHING && below(4) == 0)
			empty_slot(s);
	}
}

static void random_interleavings(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 4; way++) {
		struct mock_config config = {.cpus = CPUS,
					     .bytes = (way >> 1 ? 512 : 64) * MOCK_MIB,
					     .flush_hook = way & 1,
					     .park_areas = way >> 1,
					     .protect_direct = way & 1,
					     .groups = way == 1 || way == 2,
					     .format = way % 3};

		seed = way + 3;
		mock_start(&config);
		for (unsigned i = 0; i < GIVEN; i++)
			given[i] = alloc_page(GFP_KERNEL);
		for (unsigned step = 0; step < 250; step++)
			random_step();
		for (unsigned i = 0; i < SLOTS; i++)
			empty_slot(&slots[i]);
		mock_run_deferred();
		vm_unmap_aliases();
		for (unsigned i = 0; i < GIVEN; i++)
			__free_page(given[i]);
		mock_set_cpu(0);
		mock_stop();
	}
}

/* ---- a failure at every step ---- */

static int every_call(void *arg)
{
	unsigned which = *(unsigned *)arg;
	char *p, *q;
	int error = -QUARRY_ENOMEM;

	switch (which) {
	case 0:
		p = vmalloc(3 * PAGE_SIZE);
		q = p ? vrealloc(p, 9 * PAGE_SIZE, GFP_KERNEL) : NULL;
		vfree(q ? q : p);
		return q ? 0 : error;
	case 1:
		p = vzalloc(MOCK_MIB);
		q = vmalloc_user(3 * MOCK_MIB);
		break;
	case 2:
		p = vmalloc_32(PAGE_SIZE);
		q = vzalloc_node(PAGE_SIZE, 0);
		break;
	case 3:
		p = vmalloc_node(600 * PAGE_SIZE, 0);
		q = vcalloc(100, 1000);
		break;
	case 4:
		p = kvmalloc(5 * MOCK_MIB, GFP_KERNEL);
		q = p ? kvrealloc(p, 6 * MOCK_MIB, GFP_KERNEL) : NULL;
		kvfree(q ? q : p);
		return q ? 0 : error;
	case 5:
		p = vmap(given, GIVEN, VM_MAP, PAGE_KERNEL);
		q = vm_map_ram(given, GIVEN, NUMA_NO_NODE);
		vunmap(p);
		if (q)
			vm_unmap_ram(q, GIVEN);
		vm_unmap_aliases();
		return p && q ? 0 : error;
	case 6:
		p = ioremap_wc(DEVICE, 4 * MOCK_MIB + PAGE_SIZE);
		q = memremap(DEVICE, 100, MEMREMAP_WT);
		iounmap(p);
		memunmap(q);
		return p && q ? 0 : error;
	default:
		p = vmalloc(4 * MOCK_MIB);
		q = p;
		if (p)
			error = set_memory_ro(va_of(p) + PAGE_SIZE, 700);
		if (!error)
			error = set_memory_wc(va_of(p) + 100 * PAGE_SIZE, 1);
		vfree(p);
		return error;
	}
	vfree(p);
	vfree(q);
	return p && q ? 0 : error;
}

static void failure_at_every_step(void **state)
{
	unsigned which;

	(void)state;
	for (which = 0; which < 8; which++) {
		struct mock_config config = {.park_areas = which & 1, .groups = which & 2};

		mock_start(&config);
		for (unsigned i = 0; i < GIVEN; i++)
			given[i] = alloc_page(GFP_KERNEL);
		mock_expect_report(QUARRY_RULE_NO_MEMORY, 1000);
		assert_true(mock_sweep(every_call, &which) >= 4);
		for (unsigned i = 0; i < GIVEN; i++)
			__free_page(given[i]);
		mock_abandon(); /* the reports were fewer */
	}
}

/* ---- masks ---- */

/* Memory is full, and more comes from here only: every mask that reclaim is asked with is seen. */
static struct {
	struct page *held[32768];
	unsigned long nr, calls, with_fs, with_io;
} pressure;

static unsigned long give_up(const struct quarry_reclaim *want)
{
	unsigned long freed = 0;

	pressure.calls++;
	pressure.with_fs += (want->gfp & __GFP_FS) != (QUARRY_FORCE gfp_t)0;
	pressure.with_io += (want->gfp & __GFP_IO) != (QUARRY_FORCE gfp_t)0;
	for (; freed < want->nr && pressure.nr; freed++)
		__free_page(pressure.held[--pressure.nr]);
	return freed;
}
static unsigned long could_give_up(unsigned node)
{
	(void)node;
	return pressure.nr;
}

/* vmalloc of 64 MiB with all pages out of reclaim. */
static void vmalloc_under_pressure(gfp_t gfp)
{
	unsigned long tables = pgtable_pages();
	char *p;

	pressure.calls = pressure.with_fs = pressure.with_io = 0;
	while (pressure.nr < COUNT(pressure.held) &&
	       (pressure.held[pressure.nr] = alloc_page(GFP_NOWAIT | __GFP_NOWARN)))
		pressure.nr++;
	assert_true(pressure.nr < COUNT(pressure.held));
	p = __vmalloc(64 * MOCK_MIB, gfp);
	assert_non_null(p);
	assert_true(pgtable_pages() >= tables + 32); /* no huge leaf: a table per 2 MiB */
	assert_true(pressure.calls > 100);
	vfree(p);
	release_memory(pressure.held, pressure.nr);
	pressure.nr = 0;
	vmap_drain();
}

/* In a scope nothing, page tables included, is asked for with a right that the scope takes away. */
static void g052_scopes_reach_page_tables(void **state)
{
	struct mock_config config = {.bytes = 96 * MOCK_MIB, .small_leaves = true};

	(void)state;
	mock_start(&config);
	mm_ops.reclaim = give_up;
	mm_ops.reclaimable = could_give_up;
	vmalloc_under_pressure(GFP_KERNEL);
	assert_true(pressure.with_fs > 100);
	unsigned scope = memalloc_nofs_save();
	vmalloc_under_pressure(GFP_KERNEL);
	assert_int_equal(pressure.with_fs, 0);
	assert_true(pressure.with_io > 100);
	memalloc_nofs_restore(scope);
	scope = memalloc_noio_save();
	vmalloc_under_pressure(GFP_KERNEL);
	assert_int_equal(pressure.with_fs + pressure.with_io, 0);
	memalloc_noio_restore(scope);
	vmalloc_under_pressure(GFP_NOIO);
	assert_int_equal(pressure.with_fs + pressure.with_io, 0);
	mock_stop();
}

/* The mask given to vmalloc governs its tables as well, with no scope open. */
static void d007_the_mask_governs_page_tables(void **state)
{
	static const gfp_t masks[] = {GFP_NOFS, GFP_NOIO, GFP_NOWAIT};
	static const gfp_t without[] = {__GFP_FS, __GFP_IO, __GFP_DIRECT_RECLAIM};

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < COUNT(masks); i++) {
		struct quarry_fault_rule rule = {
			.all = without[i],
			.max_order = MAX_PAGE_ORDER,
			.after = ~0ul >> 1,
			.times = 1,
		};

		/* Sites of tables and of pages. */
		rule.sites = 1u << FAULT_PAGE | 1u << FAULT_PAGE_BULK | 1u << FAULT_PAGE_TABLE;
		assert_int_equal(quarry_fault_set(&rule), 0);
		unsigned long tables = pgtable_pages();
		void *p = __vmalloc(5 * MOCK_MIB, masks[i]);
		assert_non_null(p);
		assert_true(pgtable_pages() > tables);
		assert_int_equal(quarry_fault_passes(), 0);
		quarry_fault_set(NULL);
		vfree(p);
		vmap_drain();
	}
	mock_stop();
}

/* Rules of 6.1: never for a page or less, never for masks that cannot sleep. */
static void d006_kvmalloc_falls_back_by_size_and_mask(void **state)
{
	static const struct {
		size_t size;
		gfp_t gfp;
		bool falls_back;
	} cases[] = {
		{PAGE_SIZE, GFP_KERNEL, false},	      {PAGE_SIZE + 1, GFP_KERNEL, true},
		{8 * PAGE_SIZE, GFP_NOFS, true},      {8 * PAGE_SIZE, GFP_NOIO, true},
		{8 * PAGE_SIZE, GFP_NOWAIT, false},   {8 * PAGE_SIZE, GFP_ATOMIC, false},
	};

	(void)state;
	mock_start(NULL);
	unsigned long kept = fragment_memory(pressure.held, COUNT(pressure.held));
	for (unsigned i = 0; i < COUNT(cases); i++) {
		if (cases[i].size <= PAGE_SIZE)
			mock_fail_site(FAULT_OBJECT, 1, true);
		void *p = kvmalloc(cases[i].size, cases[i].gfp | __GFP_NOWARN);
		mock_fail_site(FAULT_OBJECT, 0, false);
		assert_int_equal(p != NULL, cases[i].falls_back);
		assert_true(!p || is_vmalloc_addr(p));
		kvfree(p);
	}
	release_memory(pressure.held, kept);
	mock_stop();
}

/* The first try of kvmalloc is silent and kills nobody: whatever happens, the area comes. */
static unsigned ooms;
static enum quarry_oom_result count_oom(const struct quarry_oom *request)
{
	(void)request;
	ooms++;
	return QUARRY_OOM_CANNOT;
}

static void g128_the_first_try_is_gentle(void **state)
{
	(void)state;
	ooms = 0;
	mock_start(NULL);
	mock_reclaim()->oom = count_oom;
	mock_reclaim_changed();
	unsigned long kept = fragment_memory(pressure.held, COUNT(pressure.held));
	/* Of a size for which a request without NORETRY would have a victim chosen. */
	void *p = kvmalloc(32 * MOCK_KIB, GFP_KERNEL);

	assert_true(is_vmalloc_addr(p));
	assert_int_equal(ooms, 0);
	assert_int_equal(mock_reports(QUARRY_RULE_NO_MEMORY), 0);
	kvfree(p);
	release_memory(pressure.held, kept);
	mock_stop();
}

/* With RETRY_MAYFAIL it is a hard one, and with NOFAIL the area comes whatever fails. */
static void g130_how_hard_the_mask_asks(void **state)
{
	struct quarry_fault_rule rule = {.max_order = MAX_PAGE_ORDER, .times = 1000};
	unsigned long kept, asked[2];
	void *p;

	(void)state;
	ooms = 0;
	mock_start(NULL);
	mock_reclaim()->oom = count_oom;
	mock_reclaim()->claimed = 10000;
	mock_reclaim_changed();
	kept = fragment_memory(pressure.held, COUNT(pressure.held));
	for (unsigned hard = 0; hard < 2; hard++) {
		gfp_t gfp = GFP_KERNEL;

		if (hard)
			gfp |= __GFP_RETRY_MAYFAIL;
		mock_hook_reset();
		p = kvmalloc(64 * MOCK_KIB, gfp);
		asked[hard] = mock_hook_count(MOCK_RECLAIM);
		assert_true(is_vmalloc_addr(p));
		kvfree(p);
	}
	/* One round, and many. */
	assert_true(asked[0] && asked[1] > 10 * asked[0]);
	for (unsigned site = 0; site < QUARRY_NR_FAULT_SITES; site++)
		rule.sites |= 1u << site;
	assert_int_equal(quarry_fault_set(&rule), 0);
	p = kvmalloc(64 * MOCK_KIB, GFP_KERNEL | __GFP_NOFAIL);
	quarry_fault_set(NULL);
	assert_true(is_vmalloc_addr(p));
	assert_int_equal(ooms, 0);
	kvfree(p);
	release_memory(pressure.held, kept);
	mock_stop();
}

/* Where it is scattered, its address is not one of the direct map: who takes it for one is told in
 * a debug build; its pages are found one by one. What is contiguous is reported to nobody. */
static void g132_scattered_memory_says_so(void **state)
{
	(void)state;
	mock_start(NULL);
	unsigned long kept = fragment_memory(pressure.held, COUNT(pressure.held));
	char *p = kvmalloc(64 * MOCK_KIB, GFP_KERNEL);

	assert_true(is_vmalloc_addr(p));
	for (unsigned long at = 0; at < 64 * MOCK_KIB; at += PAGE_SIZE) {
		assert_false(virt_addr_valid(p + at)); /* a question: no report */
		mock_expect_report(QUARRY_RULE_VMAP_DIRECT, 2);
		(void)virt_to_phys(p + at);
		(void)virt_to_page(p + at);
		assert_int_equal(page_to_phys(vmalloc_to_page(p + at)),
				 mock_translate(va_of(p + at)));
	}
	kvfree(p);
	release_memory(pressure.held, kept);
	p = kvmalloc(64 * MOCK_KIB, GFP_KERNEL);
	assert_false(is_vmalloc_addr(p));
	assert_ptr_equal(phys_to_virt(virt_to_phys(p)), p);
	kvfree(p);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_interleavings),
		cmocka_unit_test(failure_at_every_step),
		cmocka_unit_test(g052_scopes_reach_page_tables),
		cmocka_unit_test(d007_the_mask_governs_page_tables),
		cmocka_unit_test(d006_kvmalloc_falls_back_by_size_and_mask),
		cmocka_unit_test(g128_the_first_try_is_gentle),
		cmocka_unit_test(g130_how_hard_the_mask_asks),
		cmocka_unit_test(g132_scattered_memory_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
