/* SPDX-License-Identifier: MIT */
/*
 * test_memmap_loaders.c: the converters for Limine, UEFI, E820, PVH and Multiboot, on handmade
 * tables.
 *
 * Tables are put at the end of a heap block, so that AddressSanitizer sees a read past them.
 */
#include <stdlib.h>
#include <string.h>

#include "boot_model.h"

#include "arch/x86_64/memmap.c"

static struct quarry_mem_range ranges[64];
static struct quarry_memmap map;

static void start(size_t max)
{
	memset(ranges, 0xee, sizeof(ranges));
	map = (struct quarry_memmap){.ranges = ranges, .max = max};
}

/* Is there an entry like this? */
static bool has(uint64_t base, uint64_t size, enum quarry_mem_type type)
{
	for (size_t i = 0; i < map.nr; i++)
		if (ranges[i].base == base && ranges[i].size == size && ranges[i].type == type &&
		    !ranges[i].node)
			return true;
	return false;
}
#define RESERVED QUARRY_MEM_RESERVED

static void limine(void **state)
{
	static const uint64_t table[][3] = {{0x1000, 0x9e000, 0},  {0x9f000, 0x61000, 1},
					    {0x100000, 0x1000, 5}, {0x101000, 0x2000, 2},
					    {0x200000, 0x3000, 6}, {0x300000, 0x3000, 99}};
	static const enum quarry_mem_type types[] = {QUARRY_MEM_USABLE, RESERVED, QUARRY_MEM_LATER,
						     QUARRY_MEM_LATER,	RESERVED, RESERVED};
	const void *entries[COUNT(table)];

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		entries[i] = table[i];
	start(64);
	assert_int_equal(quarry_memmap_limine(&map, entries, COUNT(table)), 0);
	assert_int_equal(map.nr, COUNT(table));
	for (size_t i = 0; i < COUNT(table); i++)
		assert_true(has(table[i][0], table[i][1], types[i]));
	start(COUNT(table) - 1);
	assert_int_equal(quarry_memmap_limine(&map, entries, COUNT(table)), -QUARRY_ENOSPC);
	assert_int_equal(map.nr, 0);
	assert_int_equal(quarry_memmap_limine(&map, entries, UINT64_MAX), -QUARRY_ENOSPC);
}

/* A stride of 48, as firmware has it, and one of 40; every memory type. */
static void efi(void **state)
{
	(void)state;
	for (size_t stride = 40; stride <= 48; stride += 8) {
		unsigned char *table = calloc(16, stride);

		for (uint32_t type = 0; type < 16; type++) {
			uint64_t words[2] = {(uint64_t)type << 20, 0}, pages = 3;

			memcpy(table + type * stride, &type, 4);
			memcpy(table + type * stride + 8, words, 8);
			memcpy(table + type * stride + 24, &pages, 8);
		}
		start(64);
		assert_int_equal(quarry_memmap_efi(&map, table, 16 * stride, stride), 0);
		assert_int_equal(map.nr, 16);
		for (unsigned type = 0; type < 16; type++) {
			bool usable = type == 3 || type == 4 || type == 7;
			bool later = type == 1 || type == 2 || type == 9;

			assert_true(has((uint64_t)type << 20, 3 * 4096,
					usable	? QUARRY_MEM_USABLE
					: later ? QUARRY_MEM_LATER
						: RESERVED));
		}
		start(15);
		assert_int_equal(quarry_memmap_efi(&map, table, 16 * stride, stride),
				 -QUARRY_ENOSPC);
		assert_int_equal(quarry_memmap_efi(&map, table, 16 * stride, 39), -QUARRY_EINVAL);
		assert_int_equal(quarry_memmap_efi(&map, table, 16 * stride, 0), -QUARRY_EINVAL);
		assert_int_equal(quarry_memmap_efi(&map, table, 16 * stride - 1, stride),
				 -QUARRY_EINVAL);
		memset(table + 24, 0xff, 8); /* more pages than an address space has */
		start(64);
		assert_int_equal(quarry_memmap_efi(&map, table, stride, stride), 0);
		assert_int_equal(ranges[0].size, UINT64_MAX);
		free(table);
	}
}

static void put_entry(unsigned char *at, uint64_t base, uint64_t size, uint32_t type)
{
	memcpy(at, &base, 8);
	memcpy(at + 8, &size, 8);
	memcpy(at + 16, &type, 4);
}

static void e820(void **state)
{
	(void)state;
	for (size_t stride = 20; stride <= 24; stride += 4) {
		unsigned char *table = calloc(4, stride);

		put_entry(table, 0, 0x9fc00, 1);
		put_entry(table + stride, 0x100000, 0x7ee0000, 1);
		put_entry(table + 2 * stride, 0x7fe0000, 0x20000, 3);
		put_entry(table + 3 * stride, 0xfeffc000, 0x4000, 0);
		start(64);
		assert_int_equal(quarry_memmap_e820(&map, table, 4, stride), 0);
		assert_true(has(0, 0x9fc00, QUARRY_MEM_USABLE));
		assert_true(has(0x100000, 0x7ee0000, QUARRY_MEM_USABLE));
		assert_true(has(0x7fe0000, 0x20000, QUARRY_MEM_LATER));
		assert_true(has(0xfeffc000, 0x4000, RESERVED));
		assert_true(has(0, 1 << 20, RESERVED));
		assert_int_equal(map.nr, 5);
		start(4);
		map.nr = 1;
		assert_int_equal(quarry_memmap_e820(&map, table, 4, stride), -QUARRY_ENOSPC);
		assert_int_equal(map.nr, 1);
		assert_int_equal(quarry_memmap_e820(&map, table, 4, 19), -QUARRY_EINVAL);
		free(table);
	}
}

/* Boot information made on the heap: "physical" addresses are heap addresses minus the offset. */
#define PHYS(pointer) ((uint64_t)(uintptr_t)(pointer)-offset)

static void pvh(void **state)
{
	unsigned char *entries = calloc(2, 24);
	char *line = malloc(6), *module_line = malloc(2);
	struct pvh_start_info *info = calloc(1, sizeof(*info));
	struct pvh_module *module = calloc(1, sizeof(*module));
	uintptr_t offset = 0x10000;

	(void)state;
	memcpy(line, "quiet", 6);
	memcpy(module_line, "m", 2);
	put_entry(entries, 0x100000, 0x700000, 1);
	put_entry(entries + 24, 0x800000, 0x1000, 2);
	*module = (struct pvh_module){0x300000, 0x1234, PHYS(module_line), 0};
	*info = (struct pvh_start_info){.magic = 0x336ec578,
					.version = 1,
					.nr_modules = 1,
					.modules = PHYS(module),
					.command_line = PHYS(line),
					.memory_map = PHYS(entries),
					.nr_memory_map = 2};
	start(64);
	assert_int_equal(quarry_memmap_pvh(&map, info, offset), 0);
	assert_int_equal(map.nr, 9);
	assert_true(has(0x100000, 0x700000, QUARRY_MEM_USABLE));
	assert_true(has(0x800000, 0x1000, RESERVED));
	assert_true(has(0x300000, 0x1234, RESERVED));
	assert_true(has(PHYS(info), 56, RESERVED));
	assert_true(has(PHYS(entries), 48, RESERVED));
	assert_true(has(PHYS(module), 32, RESERVED));
	assert_true(has(PHYS(line), 6, RESERVED));
	assert_true(has(PHYS(module_line), 2, RESERVED));
	assert_true(has(0, 1 << 20, RESERVED));
	for (size_t max = 0; max < 9; max++) {
		start(max);
		assert_int_equal(quarry_memmap_pvh(&map, info, offset), -QUARRY_ENOSPC);
		assert_int_equal(map.nr, 0);
	}
	info->version = 0;
	assert_int_equal(quarry_memmap_pvh(&map, info, offset), -QUARRY_EINVAL);
	info->version = 1;
	info->magic++;
	assert_int_equal(quarry_memmap_pvh(&map, info, offset), -QUARRY_EINVAL);
	free(entries);
	free(line);
	free(module_line);
	free(info);
	free(module);
}

/*
 * Multiboot 1 has 32-bit addresses: its tables lie in one static block, and the offset makes its
 * addresses small.
 */
static void multiboot1(void **state)
{
	static _Alignas(8) unsigned char block[512];
	uintptr_t offset = (uintptr_t)block - 0x2000;
	struct multiboot1_info info = {.flags = MULTIBOOT1_MEMORY | MULTIBOOT1_MEMORY_MAP,
				       .mem_upper = 7168};
	struct multiboot1_module module = {0x400000, 0x400800, 0x2180, 0};
	uint32_t size;

	(void)state;
	put_entry(block + 0x84, 0x100000, 0x700000, 1); /* entries of unequal size */
	size = 28;
	memcpy(block + 0x80, &size, 4);
	put_entry(block + 0xa4, 0x800000, 0x5000, 3);
	size = 20;
	memcpy(block + 0xa0, &size, 4);
	info.memory_map = 0x2080;
	info.memory_map_bytes = 32 + 24;
	memcpy(block + 0x100, &module, sizeof(module));
	memcpy(block + 0x180, "a b", 4);
	info.flags |= MULTIBOOT1_MODULES | MULTIBOOT1_COMMAND_LINE;
	info.nr_modules = 1;
	info.modules = 0x2100;
	info.command_line = 0x2182;
	memcpy(block, &info, sizeof(info));
	start(64);
	assert_int_equal(quarry_memmap_multiboot1(&map, block, offset), 0);
	assert_true(has(0x100000, 0x700000, QUARRY_MEM_USABLE));
	assert_true(has(0x800000, 0x5000, QUARRY_MEM_LATER));
	assert_true(has(0x2080, 56, RESERVED));
	assert_true(has(0x2000, sizeof(info), RESERVED));
	assert_true(has(0x2100, 16, RESERVED));
	assert_true(has(0x400000, 0x800, RESERVED));
	assert_true(has(0x2180, 4, RESERVED));
	assert_true(has(0x2182, 2, RESERVED));
	assert_true(has(0, 1 << 20, RESERVED));
	assert_int_equal(map.nr, 9);

	/* Entry sizes that are too small, or reach past the table. */
	size = 19;
	memcpy(block + 0x80, &size, 4);
	start(64);
	assert_int_equal(quarry_memmap_multiboot1(&map, block, offset), -QUARRY_EINVAL);
	size = 53;
	memcpy(block + 0x80, &size, 4);
	assert_int_equal(quarry_memmap_multiboot1(&map, block, offset), -QUARRY_EINVAL);
	assert_int_equal(map.nr, 0);

	/* No table: the size of upper memory in KiB. Nothing at all: refused. */
	info.flags = MULTIBOOT1_MEMORY;
	memcpy(block, &info, sizeof(info));
	assert_int_equal(quarry_memmap_multiboot1(&map, block, offset), 0);
	assert_true(has(0x100000, 0x700000, QUARRY_MEM_USABLE));
	assert_int_equal(map.nr, 3);
	info.flags = 0;
	memcpy(block, &info, sizeof(info));
	assert_int_equal(quarry_memmap_multiboot1(&map, block, offset), -QUARRY_EINVAL);
}

/*
 * Tags: a module with a string of odd length, the map, the end. Return: the information, `*bytes`
 * long.
 */
static unsigned char *multiboot2_info(size_t *bytes)
{
	static const uint32_t module[] = {3, 18, 0x400000, 0x400800}, tag[] = {6, 16 + 48, 24, 0},
			      end[] = {0, 8};
	unsigned char *info = calloc(1, *bytes = 8 + 24 + 64 + 8);
	uint32_t total = (uint32_t)*bytes;

	memcpy(info, &total, 4);
	memcpy(info + 8, module, sizeof(module));
	memcpy(info + 32, tag, sizeof(tag));
	put_entry(info + 48, 0x100000, 0x700000, 1);
	put_entry(info + 72, 0x800000, 0x5000, 5);
	memcpy(info + 96, end, sizeof(end));
	return info;
}

static void multiboot2(void **state)
{
	size_t bytes;
	unsigned char *info = multiboot2_info(&bytes);

	(void)state;
	start(64);
	assert_int_equal(quarry_memmap_multiboot2(&map, info, 0x10000), 0);
	assert_int_equal(map.nr, 5);
	assert_true(has(0x100000, 0x700000, QUARRY_MEM_USABLE));
	assert_true(has(0x800000, 0x5000, RESERVED));
	assert_true(has(0x400000, 0x800, RESERVED));
	assert_true(has((uintptr_t)info - 0x10000, bytes, RESERVED));
	assert_true(has(0, 1 << 20, RESERVED));
	free(info);
}

/* Cut anywhere, or with any word of it damaged: a result, but never a read outside. */
static void multiboot2_hostile(void **state)
{
	static const uint32_t values[] = {0, 1, 7, 8, 9, 23, 0x7fffffff, 0xfffffff8, 0xffffffff};
	size_t bytes;
	unsigned char *info = multiboot2_info(&bytes);

	(void)state;
	for (size_t cut = 8; cut < bytes; cut++) {
		unsigned char *copy = malloc(cut);
		uint32_t total = (uint32_t)cut;

		memcpy(copy, info, cut);
		memcpy(copy, &total, 4);
		start(64);
		if (cut < 32 + 64)
			assert_int_equal(quarry_memmap_multiboot2(&map, copy, 0), -QUARRY_EINVAL);
		else
			assert_int_equal(quarry_memmap_multiboot2(&map, copy, 0), 0);
		free(copy);
	}
	for (size_t at = 8; at < bytes; at += 4) {
		for (size_t v = 0; v < COUNT(values); v++) {
			unsigned char *copy = malloc(bytes);
			int error;

			memcpy(copy, info, bytes);
			memcpy(copy + at, &values[v], 4);
			start(64);
			error = quarry_memmap_multiboot2(&map, copy, 0);
			assert_true(error == 0 || (error == -QUARRY_EINVAL && map.nr == 0));
			free(copy);
		}
	}
	free(info);
}

/*
 * A map tag that ends inside an entry: that entry does not count. Tags behind the end do not
 * either.
 */
static void multiboot2_ends(void **state)
{
	static const uint32_t tag[] = {6, 16 + 24 + 23, 24, 0}, end[] = {0, 8};
	static const uint32_t module[] = {3, 16, 0x400000, 0x400800};
	unsigned char info[8 + 64 + 8 + 16] = {sizeof(info)};

	(void)state;
	memcpy(info + 8, tag, sizeof(tag));
	put_entry(info + 24, 0x100000, 0x700000, 1);
	memcpy(info + 72, end, sizeof(end));
	memcpy(info + 80, module, sizeof(module));
	start(64);
	assert_int_equal(quarry_memmap_multiboot2(&map, info, 0), 0);
	assert_int_equal(map.nr, 3);
	assert_true(has(0x100000, 0x700000, QUARRY_MEM_USABLE));
}

/* The second entry of a Multiboot 1 table reaches past its end. */
static void multiboot1_second_entry_too_long(void **state)
{
	static _Alignas(8) unsigned char block[256];
	struct multiboot1_info info = {
		.flags = MULTIBOOT1_MEMORY_MAP, .memory_map = 0x2080, .memory_map_bytes = 48};

	(void)state;
	block[0x80] = 20;
	block[0x98] = 21;
	memcpy(block, &info, sizeof(info));
	start(64);
	assert_int_equal(quarry_memmap_multiboot1(&map, block, (uintptr_t)block - 0x2000),
			 -QUARRY_EINVAL);
	block[0x98] = 20;
	assert_int_equal(quarry_memmap_multiboot1(&map, block, (uintptr_t)block - 0x2000), 0);
}

static void pvh_two_modules(void **state)
{
	unsigned char entry[24] = {0};
	struct pvh_module modules[2] = {{0x300000, 0x1000, 0, 0}, {0x400000, 0x2000, 0, 0}};
	struct pvh_start_info info = {.magic = PVH_MAGIC,
				      .version = 1,
				      .nr_modules = 2,
				      .modules = (uintptr_t)modules,
				      .memory_map = (uintptr_t)entry,
				      .nr_memory_map = 1};

	(void)state;
	start(64);
	assert_int_equal(quarry_memmap_pvh(&map, &info, 0), 0);
	assert_true(has(0x300000, 0x1000, RESERVED));
	assert_true(has(0x400000, 0x2000, RESERVED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limine),
		cmocka_unit_test(efi),
		cmocka_unit_test(e820),
		cmocka_unit_test(pvh),
		cmocka_unit_test(multiboot1),
		cmocka_unit_test(multiboot2),
		cmocka_unit_test(multiboot2_hostile),
		cmocka_unit_test(multiboot2_ends),
		cmocka_unit_test(multiboot1_second_entry_too_long),
		cmocka_unit_test(pvh_two_modules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
