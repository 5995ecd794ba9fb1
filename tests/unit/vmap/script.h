/* SPDX-License-Identifier: MIT */
/*
 * script.h: one script of mappings, splits and changes, run by the real walk on the tables of any
 * CPU port, and read back by a walk of its own that knows the format from the CPU's manual only
 * (decode_*.h).
 *
 *   window  0        16M      32M     48M          1G           2G          3G
 *           | blocks |  pages | huge  |            | 1 GiB leaf | rest      |
 *
 * Included by a test that has included one of decode_*.h and defines FORMAT_LEVELS, the numbers of
 * levels to try. The walk and the mapper are compiled into the test a second time, for this format;
 * their names carry no prefix here, so that they stand beside those of the mock's format.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "mm/base/bits.h"
#include "mm/base/cpu.h"
#include "mm/base/fault.h"
#include "mm/base/lock.h"
#include "mm/base/log.h"
#include "mm/boot/memblock.h"
#include "mm/gfp/gfp.h"
#include "mm/page/page_alloc.h"
#include "mm/phys/pageblock.h"
#include "mock.h"

static unsigned levels;
static phys_addr_t root_table;

static inline unsigned arch_pt_levels(void)
{
	return levels;
}
static inline phys_addr_t arch_pt_root(void)
{
	return root_table;
}
static inline unsigned arch_pt_max_leaf_level(void)
{
	return 2;
}

#undef QUARRY_INT
#define QUARRY_INT(name)
#include "mm/vmap/pgtable.c"
#include "mm/vmap/vmap_map.c"

#define MIB(n) ((uintptr_t)(n) << 20)
#define WINDOW MIB(3 * 1024)
#define WINDOW_PAGES (WINDOW >> PAGE_SHIFT)
#define DEVICE (16ull << 30) /* physical; nothing is there and nothing is read */

static uintptr_t base; /* of the window */

/* ---- the model: what each page should be ---- */

static struct model {
	uint64_t phys;
	unsigned prot; /* 0: absent */
} model[WINDOW_PAGES];

static void expect(uintptr_t at, unsigned long pages, uint64_t phys, unsigned prot)
{
	for (unsigned long i = 0; i < pages; i++, phys += PAGE_SIZE)
		model[(at >> PAGE_SHIFT) + i] = (struct model){phys, prot};
}

/* ---- the reader ---- */

struct reading {
	struct decoded entry;
	unsigned level;
};

/* All entries of a group say the same, and both its ends are at multiples of it. */
static void check_group(const uint64_t *table, unsigned index, const struct decoded *d)
{
	unsigned first = index - index % d->group;

	assert_int_equal(d->phys % (d->group * PAGE_SIZE), 0);
	for (unsigned i = 0; i < d->group; i++)
		assert_int_equal(table[first + i], table[index]);
}

static struct reading read_tables(uintptr_t va)
{
	uint64_t table = root_table;

	for (unsigned level = levels - 1;; level--) {
		unsigned shift = 12 + 9 * level;
		uint64_t entry = *(uint64_t *)(MOCK_DIRECT + table + 8 * (va >> shift & 511));
		struct decoded d = decode(entry, level);

		if (d.group)
			check_group((uint64_t *)(MOCK_DIRECT + table), va >> shift & 511, &d);
		if (!d.present || d.leaf)
			return (struct reading){d, level};
		assert_int_not_equal(level, 0);
		table = d.phys;
	}
}

static void check_page(unsigned long i)
{
	uintptr_t va = base + (i << PAGE_SHIFT);
	struct reading r = read_tables(va);
	const struct model *m = &model[i];

	assert_int_equal(r.entry.present, m->prot != 0);
	if (!m->prot)
		return;
	uint64_t size = r.entry.group ? r.entry.group * PAGE_SIZE : 1ull << (12 + 9 * r.level);
	assert_int_equal(r.entry.phys + (va & (size - 1)), m->phys);
	assert_int_equal(r.entry.write, (m->prot & QUARRY_PROT_WRITE) != 0);
	assert_int_equal(r.entry.exec, (m->prot & QUARRY_PROT_EXEC) != 0);
	assert_int_equal(r.entry.caching, format_caching(m->prot & QUARRY_PROT_CACHING));
	assert_false(r.entry.user);
}

/* Every page of the first 64 MiB, and of 4 MiB around each GiB; of the rest every 509th. */
static void check_all(void)
{
	for (unsigned long i = 0; i < WINDOW_PAGES;) {
		unsigned long to_gib = (i + 512) % (1ul << 18);

		check_page(i);
		i += i < 16384 || to_gib < 1024 ? 1 : 509 < 262144 - to_gib ? 509 : 262144 - to_gib;
	}
}

static void check_level(uintptr_t at, unsigned level)
{
	unsigned most = levels - 2 < 2 ? levels - 2 : 2;

	assert_int_equal(read_tables(base + at).level, level < most ? level : most);
}

/* Are pages [at, at + pages) mapped by groups, if the port has any? */
static void check_groups(uintptr_t at, unsigned long pages, bool grouped)
{
	for (unsigned long i = 0; i < pages; i++)
		assert_int_equal(read_tables(base + at + i * PAGE_SIZE).entry.group,
				 grouped && group_pages() > 1 ? group_pages() : 0);
}

/* ---- the script ---- */

static void map_block(uintptr_t at, uint64_t phys, unsigned long pages, unsigned prot)
{
	assert_int_equal(vmap_map_block(base + at, phys, pages, prot, GFP_KERNEL), pages);
	expect(at, pages, phys, prot);
	check_all();
}

/* Areas are unmapped whole, the script's also in part: not within a leaf or group. */
static void unmap(uintptr_t at, unsigned long pages)
{
	const uintptr_t ends[] = {base + at, base + at + (pages << PAGE_SHIFT)};

	assert_true(pgtable_split(ends, 2, GFP_KERNEL) >= 0);
	vmap_unmap_pages(base + at, pages, NULL);
	expect(at, pages, 0, 0);
	check_all();
}

static void split(uintptr_t first, uintptr_t second)
{
	const uintptr_t at[] = {base + first, base + second};

	assert_true(pgtable_split(at, 2, GFP_KERNEL) >= 0);
	check_all(); /* the same as before */
}

static void change(uintptr_t at, unsigned long pages, unsigned clear, unsigned set)
{
	uintptr_t va = base + at, end = va + (pages << PAGE_SHIFT);
	const uintptr_t ends[] = {va, end};

	assert_true(pgtable_split(ends, 2, GFP_KERNEL) >= 0);
	while (va != end)
		va += pgtable_change(va, (end - va) >> PAGE_SHIFT,
				     (struct pt_change){clear, set})
		      << PAGE_SHIFT;
	for (unsigned long i = 0; i < pages; i++) {
		struct model *m = &model[(at >> PAGE_SHIFT) + i];

		if (m->prot)
			m->prot = (m->prot & ~clear) | set;
	}
	check_all();
}

/* Given pages, in an order of their own. */
static void map_given_pages(uintptr_t at)
{
	struct page *block = alloc_pages(GFP_KERNEL, 4), *pages[16];

	for (unsigned i = 0; i < 16; i++) {
		pages[i] = block + i * 7 % 16;
		expect(at + i * PAGE_SIZE, 1, page_to_phys(pages[i]), PAGE_KERNEL_ROX);
	}
	assert_int_equal(vmap_map_pages(base + at, pages, 16, PAGE_KERNEL_ROX, GFP_KERNEL), 16);
	check_all();
	unmap(at, 16);
	__free_pages(block, 4);
}

static void small_leaves(void)
{
	map_block(0, DEVICE + MIB(1), 700, PAGE_KERNEL);
	map_block(MIB(4) - PAGE_SIZE, DEVICE, 3, PAGE_KERNEL_RO);
	map_block(MIB(8), DEVICE + MIB(3), 1, pgprot_noncached(PAGE_KERNEL));
	map_block(MIB(8) + PAGE_SIZE, DEVICE, 2, pgprot_writecombine(PAGE_KERNEL));
	map_block(MIB(8) + 3 * PAGE_SIZE, DEVICE, 2, pgprot_writethrough(PAGE_KERNEL));
	map_given_pages(MIB(16) - 8 * PAGE_SIZE);
	change(PAGE_SIZE, 600, QUARRY_PROT_WRITE, QUARRY_PROT_EXEC);
	change(MIB(8), 4, QUARRY_PROT_CACHING, QUARRY_PROT_WRITE_THROUGH);
	unmap(100 * PAGE_SIZE, 450);
	map_block(100 * PAGE_SIZE, DEVICE + MIB(9), 450, PAGE_KERNEL_EXEC);
	unmap(0, 700);
}

/* Groups of 16 pages where addresses and frames allow; a change of a part takes a group apart, one
 * of the whole does not. */
static void groups(void)
{
	map_block(5 * PAGE_SIZE, DEVICE + 5 * PAGE_SIZE, 100, PAGE_KERNEL);
	check_groups(5 * PAGE_SIZE, 11, false);
	check_groups(16 * PAGE_SIZE, 80, true);
	check_groups(96 * PAGE_SIZE, 9, false);
	map_block(128 * PAGE_SIZE, DEVICE + 5 * PAGE_SIZE, 50, PAGE_KERNEL);
	check_groups(128 * PAGE_SIZE, 50, false);
	map_block(511 * PAGE_SIZE, DEVICE + 15 * PAGE_SIZE, 18, pgprot_writecombine(PAGE_KERNEL));
	check_groups(511 * PAGE_SIZE, 1, false);
	check_groups(512 * PAGE_SIZE, 16, true);
	check_groups(528 * PAGE_SIZE, 1, false);

	change(32 * PAGE_SIZE, 32, QUARRY_PROT_WRITE, 0);
	check_groups(16 * PAGE_SIZE, 80, true);
	change(32 * PAGE_SIZE, 16, 0, QUARRY_PROT_EXEC);
	check_groups(16 * PAGE_SIZE, 80, true);
	change(40 * PAGE_SIZE, 16, QUARRY_PROT_WRITE | QUARRY_PROT_EXEC, 0);
	check_groups(16 * PAGE_SIZE, 16, true);
	check_groups(32 * PAGE_SIZE, 32, false);
	check_groups(64 * PAGE_SIZE, 32, true);
	split(65 * PAGE_SIZE, 95 * PAGE_SIZE);
	check_groups(64 * PAGE_SIZE, 32, false);
	vmap_clear_pages(base, 528);
	expect(0, 528, 0, 0);
	check_all();
	unmap(528 * PAGE_SIZE, 1);
}

static void huge_leaves_2m(void)
{
	map_block(MIB(32), DEVICE + MIB(64), 2048 + 5, PAGE_KERNEL);
	check_level(MIB(32), 1);
	check_level(MIB(39), 1);
	check_level(MIB(40), 0);
	split(MIB(33), MIB(33));
	check_level(MIB(32), 0);
	check_level(MIB(34), 1);
	change(MIB(35), 1024, QUARRY_PROT_WRITE, 0);
	check_level(MIB(34), 0);
	check_level(MIB(36), 1);
	check_level(MIB(38), 0);
	change(MIB(36), 512, 0, QUARRY_PROT_WRITE_COMBINE);
	check_level(MIB(36), 1);
	change(MIB(36) + PAGE_SIZE, 1, QUARRY_PROT_CACHING, QUARRY_PROT_UNCACHED);
	change(MIB(32), 2048, 0, QUARRY_PROT_EXEC);
	unmap(MIB(32), 2048 + 5);
}

static void huge_leaves_1g(void)
{
	map_block(MIB(1024), DEVICE + MIB(1024), 262144 + 512 + 1,
		  pgprot_writecombine(PAGE_KERNEL));
	check_level(MIB(1024), 2);
	check_level(MIB(2048), 1);
	check_level(MIB(2050), 0);
	/* One page in the middle: two levels of tables, the neighbours stay as large as can be. */
	change(MIB(1501) + 5 * PAGE_SIZE, 1, QUARRY_PROT_WRITE, 0);
	check_level(MIB(1500), 0);
	check_level(MIB(1502), 1);
	check_level(MIB(1024), 1);
	change(MIB(1024), 262144, QUARRY_PROT_CACHING, QUARRY_PROT_EXEC);
	unmap(MIB(1024), 262144 + 512 + 1);
}

static void prune_everything(void)
{
	struct page_chain tables = {0, 0, 0};

	pgtable_prune_begin();
	for (uintptr_t va = base; va != base + WINDOW;)
		va = pgtable_prune(va, base + WINDOW, &tables);
	pgtable_prune_end();
	for (struct page *page; (page = chain_pop(&tables));)
		table_free(page);
}

static void same_script_in_every_format(void **state)
{
	static const unsigned numbers[] = {FORMAT_LEVELS};

	(void)state;
	for (unsigned f = 0; f < sizeof(numbers) / sizeof(numbers[0]); f++) {
		struct mock_config config = {.no_vmalloc = true};

		mock_start(&config);
		struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		levels = numbers[f];
		root_table = page_to_phys(page);
		/* The last quarter of the upper half, whatever the number of levels. */
		base = 0 - ((uintptr_t)1 << (12 + 9 * levels - 3));
		assert_int_equal(pgtable_init(root_table, base, base + WINDOW), 0);
		unsigned long tables = pgtable_pages();
		expect(0, WINDOW_PAGES, 0, 0);
		check_all();
		small_leaves();
		groups();
		huge_leaves_2m();
		prune_everything();
		huge_leaves_1g();
		for (unsigned long i = 0; i < WINDOW_PAGES; i++)
			if (model[i].prot)
				unmap(i << PAGE_SHIFT, 1);
		prune_everything();
		assert_int_equal(pgtable_pages(), tables);
		empty_root(base, base + WINDOW);
		__free_page(page);
		mock_stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_script_in_every_format),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
