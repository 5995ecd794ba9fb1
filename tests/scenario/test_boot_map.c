/* SPDX-License-Identifier: MIT */
/*
 * test_boot_map.c: what a memory map promises, seen from outside: exactly its usable pages come out
 * of the allocator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "world.h"

#define BASE (16 * MOCK_MIB)
#define FRAMES 4096ul /* of address space that a map here may use */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned char taken[FRAMES];

static bool is_covered(const struct quarry_mem_range *map, size_t nr, phys_addr_t x,
		       enum quarry_mem_type type)
{
	for (size_t i = 0; i < nr; i++)
		if (map[i].type == type && x >= map[i].base && x - map[i].base < map[i].size)
			return true;
	return false;
}

/*
 * Is every byte of the page usable, and none reserved or later? Edges are at multiples of 256 bytes
 * here.
 */
static bool is_usable(const struct quarry_mem_range *map, size_t nr, phys_addr_t page)
{
	for (phys_addr_t x = page; x < page + PAGE_SIZE; x += 256)
		if (!is_covered(map, nr, x, QUARRY_MEM_USABLE) ||
		    is_covered(map, nr, x, QUARRY_MEM_RESERVED) ||
		    is_covered(map, nr, x, QUARRY_MEM_LATER))
			return false;
	return true;
}

/* Take every page, write all of it, check where it came from; give all back. Return: pages seen. */
static unsigned long exhaust(const struct quarry_mem_range *map, size_t nr)
{
	static struct page *pages[FRAMES];
	unsigned long count = 0;

	memset(taken, 0, sizeof(taken));
	while (count < FRAMES && (pages[count] = alloc_page(GFP_ATOMIC | __GFP_NOWARN))) {
		phys_addr_t phys = page_to_phys(pages[count]);

		assert_in_range(phys, BASE, BASE + FRAMES * PAGE_SIZE - 1);
		assert_int_equal(taken[(phys - BASE) / PAGE_SIZE]++, 0);
		assert_true(is_usable(map, nr, phys));
		memset(page_address(pages[count]), 0xff, PAGE_SIZE);
		count++;
	}
	for (unsigned long i = 0; i < count; i++)
		__free_page(pages[i]);
	return count;
}

static unsigned char *at(phys_addr_t phys)
{
	return (unsigned char *)(MOCK_DIRECT + phys);
}

/*
 * |usable .....[reserved, odd edges].....| hole |..usable..[later]..|  unsorted, overlapping,
 * repeated
 *
 * Every byte that is not usable keeps its pattern while all of memory is taken and written.
 */
static void h3_reserved_bytes_stay(void **state)
{
	static const struct quarry_mem_range map[] = {
		{BASE + 8 * MOCK_MIB, 4 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{BASE + 0x123100, 0x45600, QUARRY_MEM_RESERVED, 0},
		{BASE, 5 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{BASE + 0x150000, 0x20100, QUARRY_MEM_RESERVED, 0},
		{BASE + 8 * MOCK_MIB, 4 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{BASE + 11 * MOCK_MIB, 0x8000, QUARRY_MEM_LATER, 0},
		{BASE + 9 * MOCK_MIB, 0, QUARRY_MEM_RESERVED, 0},
	};
	static const struct mock_config config = {.map = map, .nr_map = COUNT(map)};
	phys_addr_t kept[] = {BASE + 0x123100,
			      BASE + 0x1686ff,
			      BASE + 0x1700ff,
			      BASE + 0x123000,
			      BASE + 0x170fff,
			      BASE + 11 * MOCK_MIB,
			      BASE + 11 * MOCK_MIB + 0x7fff};

	(void)state;
	mock_start(&config);
	for (size_t i = 0; i < COUNT(kept); i++)
		*at(kept[i]) = 0x5a;
	assert_true(exhaust(map, COUNT(map)) > 2000);
	for (size_t i = 0; i < COUNT(kept); i++)
		assert_int_equal(*at(kept[i]), 0x5a);
	mock_stop();
}

/* LATER pages come out after quarry_add_memory, not before; twice is an error. */
static void later_memory_is_added_once(void **state)
{
	static const struct quarry_mem_range map[] = {
		{BASE, 4 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{BASE + 4 * MOCK_MIB, 4 * MOCK_MIB, QUARRY_MEM_LATER, 0}};
	static const struct quarry_mem_range all = {BASE, 8 * MOCK_MIB, QUARRY_MEM_USABLE, 0};
	static const struct mock_config config = {.map = map, .nr_map = COUNT(map)};
	unsigned long before, total;

	(void)state;
	mock_start(&config);
	before = exhaust(map, COUNT(map));
	total = totalram_pages();
	assert_int_equal(quarry_add_memory(BASE + 4 * MOCK_MIB, 4 * MOCK_MIB), 0);
	assert_int_equal(totalram_pages(), total + 1024);
	assert_true(exhaust(&all, 1) > before + 900);
	assert_int_equal(quarry_add_memory(BASE + 4 * MOCK_MIB, 4 * MOCK_MIB), -QUARRY_EINVAL);
	assert_int_equal(mock_reports(QUARRY_RULE_BAD_ARGUMENT), 1);
	assert_int_equal(mm_check(), 0);
	mock_abandon(); /* there is more free memory now than at the start */
}

/* Machines of every small size, and of some larger ones: they boot, or refuse without a trace. */
static void h8_every_machine_size(void **state)
{
	unsigned long smallest = 0;

	(void)state;
	for (unsigned long pages = 1; pages <= 2048; pages += pages < 140 ? 1 : 53) {
		struct quarry_mem_range map = {BASE + PAGE_SIZE, pages * PAGE_SIZE,
					       QUARRY_MEM_USABLE, 0};
		struct mock_config config = {.map = &map, .nr_map = 1, .no_vmalloc = true};

		if (mock_try_start(&config) == 0) {
			if (!smallest)
				smallest = pages;
			(void)exhaust(&map, 1);
			mock_stop();
		} else {
			assert_int_equal(smallest, 0);
			assert_int_equal(mock_reports(QUARRY_RULE_MAP_NO_ROOM) +
						 mock_reports(QUARRY_RULE_MAP_EMPTY),
					 1);
			mock_abandon();
		}
	}
	assert_in_range(smallest, 6, 64);
}

/* Bytes of the machine's memory that boot writes to, in whole pages. */
static uint64_t touched_by_boot(uint64_t bytes)
{
	struct quarry_mem_range map = {4 * MOCK_GIB, bytes, QUARRY_MEM_USABLE, 0};
	struct stat after;

	mock_start(&(struct mock_config){.map = &map, .nr_map = 1, .no_vmalloc = true});
	assert_int_equal(fstat(mock_memory, &after), 0);
	mock_stop();
	return (uint64_t)after.st_blocks * 512;
}

/* A thousand times the memory: the map of pageblocks grows, a byte for 2 MiB, and nothing else. */
static void boot_follows_the_map_not_memory(void **state)
{
	(void)state;
	assert_in_range(touched_by_boot(1024 * MOCK_GIB) - touched_by_boot(1 * MOCK_GIB), 0,
			512 * MOCK_KIB + PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(h3_reserved_bytes_stay),
		cmocka_unit_test(later_memory_is_added_once),
		cmocka_unit_test(h8_every_machine_size),
		cmocka_unit_test(boot_follows_the_map_not_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
