/* SPDX-License-Identifier: MIT */
/*
 * test_memmap_fdt.c: memory from device trees: handmade, cut short, and damaged in every word.
 *
 * Trees are copied to heap blocks of exactly their size, so that AddressSanitizer sees any read
 * outside.
 */
#include <stdlib.h>
#include <string.h>

#include "boot_model.h"

#include "arch/riscv64/memmap.c"

/* ---- a writer of trees ---- */

static struct {
	unsigned char structure[4096], strings[512];
	uint32_t structure_bytes, strings_bytes;
	uint64_t reservations[8][2];
	uint32_t nr_reservations;
} tree;

static void put32(unsigned char *at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> (24 - 8 * i));
}
static void word(uint32_t value)
{
	put32(tree.structure + tree.structure_bytes, value);
	tree.structure_bytes += 4;
}
static void bytes(const void *data, uint32_t size)
{
	memcpy(tree.structure + tree.structure_bytes, data, size);
	tree.structure_bytes += (size + 3) & ~3u;
}
static void node(const char *name)
{
	word(1);
	bytes(name, (uint32_t)strlen(name) + 1);
}
static void end(void)
{
	word(2);
}
/* Start a property: its name and the size of the value, which the caller writes next. */
static void property(const char *name, uint32_t size)
{
	word(3);
	word(size);
	word(tree.strings_bytes);
	memcpy(tree.strings + tree.strings_bytes, name, strlen(name) + 1);
	tree.strings_bytes += (uint32_t)strlen(name) + 1;
}
static void text(const char *name, const char *value)
{
	property(name, (uint32_t)strlen(value) + 1);
	bytes(value, (uint32_t)strlen(value) + 1);
}
static void cell(const char *name, uint32_t value)
{
	property(name, 4);
	word(value);
}
static void number(uint64_t value, unsigned cells)
{
	if (cells == 2)
		word((uint32_t)(value >> 32));
	word((uint32_t)value);
}
static void reg(uint64_t base, uint64_t size, unsigned address_cells, unsigned size_cells)
{
	property("reg", 4 * (address_cells + size_cells));
	number(base, address_cells);
	number(size, size_cells);
}
static void tree_begin(uint32_t address_cells, uint32_t size_cells)
{
	memset(&tree, 0, sizeof(tree));
	node("");
	cell("#address-cells", address_cells);
	cell("#size-cells", size_cells);
}
static void memory(const char *name, uint64_t base, uint64_t size, unsigned cells)
{
	node(name);
	text("device_type", "memory");
	reg(base, size, cells, cells);
	end();
}

/*
 * Close the root and lay out the blob: header, reservations, structure, strings. Return: a heap
 * block of exactly its size.
 */
static unsigned char *tree_end(uint32_t *size)
{
	uint32_t at_reservations = 40,
		 at_structure = at_reservations + 16 * (tree.nr_reservations + 1), at_strings;
	unsigned char *blob;

	end();
	word(9);
	at_strings = at_structure + tree.structure_bytes;
	*size = at_strings + tree.strings_bytes;
	blob = calloc(1, *size);
	put32(blob, 0xd00dfeed);
	put32(blob + 4, *size);
	put32(blob + 8, at_structure);
	put32(blob + 12, at_strings);
	put32(blob + 16, at_reservations);
	put32(blob + 20, 17);
	put32(blob + 24, 16);
	put32(blob + 32, tree.strings_bytes);
	put32(blob + 36, tree.structure_bytes);
	for (uint32_t i = 0; i < tree.nr_reservations; i++)
		for (unsigned half = 0; half < 2; half++) {
			put32(blob + at_reservations + 16 * i + 8 * half,
			      (uint32_t)(tree.reservations[i][half] >> 32));
			put32(blob + at_reservations + 16 * i + 8 * half + 4,
			      (uint32_t)tree.reservations[i][half]);
		}
	memcpy(blob + at_structure, tree.structure, tree.structure_bytes);
	memcpy(blob + at_strings, tree.strings, tree.strings_bytes);
	return blob;
}

/* ---- conversion ---- */

#define MAX 32
#define OFFSET 0x1000
static struct quarry_mem_range ranges[MAX];
static struct quarry_memmap map;

static int convert(const unsigned char *blob, size_t size)
{
	map = (struct quarry_memmap){.ranges = ranges, .max = MAX};
	return quarry_memmap_fdt(&map, blob, size, OFFSET);
}
static bool has(uint64_t base, uint64_t size, enum quarry_mem_type type, unsigned numa_node)
{
	for (size_t i = 0; i < map.nr; i++)
		if (ranges[i].base == base && ranges[i].size == size && ranges[i].type == type &&
		    ranges[i].node == numa_node)
			return true;
	return false;
}
#define USABLE_RANGE(base, size) has(base, size, QUARRY_MEM_USABLE, 0)
#define RESERVED_RANGE(base, size) has(base, size, QUARRY_MEM_RESERVED, 0)

/* Everything that a tree can say about memory. Return: entries expected. */
static size_t full_tree(void)
{
	tree_begin(2, 2);
	tree.reservations[0][0] = 0x80000000;
	tree.reservations[0][1] = 0x40000;
	tree.nr_reservations = 1;
	node("chosen");
	property("linux,initrd-start", 8);
	number(0x84000000, 2);
	property("linux,initrd-end", 4);
	number(0x84100000, 1);
	end();
	node("memory@80000000"); /* two ranges, a NUMA id, and device_type after reg */
	property("reg", 32);
	number(0x80000000, 2);
	number(0x10000000, 2);
	number(0x880000000, 2);
	number(0x100000000, 2);
	text("device_type", "memory");
	cell("numa-node-id", 1);
	end();
	memory("memory@2000000000", 0x2000000000, 0x1000, 2);
	node("reserved-memory");
	cell("#address-cells", 1); /* other cells than the root's */
	cell("#size-cells", 1);
	property("ranges", 0);
	node("firmware@80000000");
	property("no-map", 0);
	reg(0x80000000, 0x80000, 1, 1);
	end();
	node("pool"); /* to be placed by the kernel: no place yet */
	property("size", 4);
	word(0x100000);
	end();
	node("off@90000000");
	text("status", "disabled");
	reg(0x90000000, 0x1000, 1, 1);
	end();
	end();
	node("soc");
	node("memory@0"); /* not a child of the root */
	text("device_type", "memory");
	reg(0, 0x1000, 2, 2);
	end();
	end();
	return 6 + 1;
}

static void everything(void **state)
{
	size_t expected = full_tree();
	uint32_t size;
	unsigned char *blob = tree_end(&size);

	(void)state;
	assert_int_equal(convert(blob, size), 0);
	assert_int_equal(map.nr, expected);
	assert_true(has(0x80000000, 0x10000000, QUARRY_MEM_USABLE, 1));
	assert_true(has(0x880000000, 0x100000000, QUARRY_MEM_USABLE, 1));
	assert_true(USABLE_RANGE(0x2000000000, 0x1000));
	assert_true(RESERVED_RANGE(0x80000000, 0x40000));
	assert_true(RESERVED_RANGE(0x80000000, 0x80000));
	assert_true(RESERVED_RANGE(0x84000000, 0x100000));
	assert_true(RESERVED_RANGE((uintptr_t)blob - OFFSET, size));
	free(blob);
}

/* The array too small by any number of entries: nothing is left behind. */
static void too_small_an_array(void **state)
{
	size_t expected = full_tree();
	uint32_t size;
	unsigned char *blob = tree_end(&size);

	(void)state;
	for (size_t max = 1; max < expected + 1; max++) {
		map = (struct quarry_memmap){.ranges = ranges, .max = max, .nr = 1};
		assert_int_equal(quarry_memmap_fdt(&map, blob, size, 0), -QUARRY_ENOSPC);
		assert_int_equal(map.nr, 1);
	}
	free(blob);
}

static void cells(void **state)
{
	(void)state;
	for (uint32_t address = 0; address <= 3; address++)
		for (uint32_t length = 0; length <= 3; length++) {
			bool good = address - 1 < 2 && length - 1 < 2;
			uint32_t size;
			unsigned char *blob;

			tree_begin(address, length);
			node("memory");
			text("device_type", "memory");
			property("reg", 4 * (address + length));
			for (uint32_t i = 0; i < address + length; i++)
				word(i == address - 1		 ? 0x1000
				     : i == address + length - 1 ? 0x2000
								 : 0);
			end();
			blob = tree_end(&size);
			if (address + length == 0) /* an empty reg: nothing to say */
				assert_int_equal(convert(blob, size), 0);
			else
				assert_int_equal(convert(blob, size), good ? 0 : -QUARRY_EINVAL);
			if (good)
				assert_true(USABLE_RANGE(0x1000, 0x2000));
			free(blob);
		}
}

/* Without cell counts the root has 2 and 1; nodes that are not okay or not memory do not count. */
static void defaults(void **state)
{
	uint32_t size;
	unsigned char *blob;

	(void)state;
	memset(&tree, 0, sizeof(tree));
	node("");
	word(4); /* a NOP */
	node("memory@1000");
	text("device_type", "memory");
	text("status", "okay");
	reg(0x100001000, 0x2000, 2, 1);
	end();
	node("memory@2000");
	text("device_type", "memory");
	text("status", "fail");
	reg(0x2000, 0x2000, 2, 1);
	end();
	node("flash@0");
	text("device_type", "memoryx");
	reg(0x5000, 0x2000, 2, 1);
	end();
	blob = tree_end(&size);
	assert_int_equal(convert(blob, size), 0);
	assert_int_equal(map.nr, 2);
	assert_true(USABLE_RANGE(0x100001000, 0x2000));
	free(blob);
}

/* Header fields that are wrong, one at a time. */
static void bad_headers(void **state)
{
	static const struct {
		uint32_t at, value;
	} damage[] = {
		{0, 0xedfe0dd0},  {0, 0},	   {4, 39},	     {4, 0xffffffff},
		{8, 0xffffffff},  {8, 0xfffffffe}, {12, 0xffffffff}, {16, 0xffffffff},
		{16, 0x7fffffff}, {20, 15},	   {24, 18},
	};
	uint32_t size;
	unsigned char *blob;

	(void)state;
	full_tree();
	blob = tree_end(&size);
	for (size_t i = 0; i < COUNT(damage); i++) {
		uint32_t good = be32(blob + damage[i].at);

		put32(blob + damage[i].at, damage[i].value);
		assert_int_equal(convert(blob, size), -QUARRY_EINVAL);
		assert_int_equal(map.nr, 0);
		put32(blob + damage[i].at, good);
	}
	put32(blob + 24, 17);
	assert_int_equal(convert(blob, size), 0);
	assert_int_equal(convert(blob, size - 1), -QUARRY_EINVAL);
	assert_int_equal(convert(blob, 0), -QUARRY_EINVAL);
	free(blob);
}

/* The tree ends early, in its header's own words. */
static void cut_anywhere(void **state)
{
	uint32_t size;
	unsigned char *blob;

	(void)state;
	full_tree();
	blob = tree_end(&size);
	for (uint32_t cut = 40; cut < size; cut++) {
		unsigned char *copy = malloc(cut);

		memcpy(copy, blob, cut);
		put32(copy + 4, cut);
		assert_int_equal(convert(copy, cut), -QUARRY_EINVAL);
		assert_int_equal(map.nr, 0);
		free(copy);
	}
	free(blob);
}

/*
 * Every word replaced, every byte changed: some result, nothing read outside, nothing left behind
 * on failure.
 */
static void damaged_anywhere(void **state)
{
	static const uint32_t values[] = {0,	1,	    2,		3,	    4,	       9,
					  0xff, 0x7ffffff8, 0x80000000, 0xfffffff0, 0xffffffff};
	unsigned refused = 0;
	uint32_t size;
	unsigned char *blob, *copy;

	(void)state;
	full_tree();
	blob = tree_end(&size);
	copy = malloc(size);
	for (uint32_t at = 0; at < size; at++) {
		for (unsigned i = 0; i < COUNT(values) + 256; i++) {
			memcpy(copy, blob, size);
			if (i >= COUNT(values))
				copy[at] = (unsigned char)(i - COUNT(values));
			else if (at % 4 == 0 && at + 4 <= size)
				put32(copy + at, values[i]);
			if (convert(copy, size)) {
				refused++;
				assert_int_equal(map.nr, 0);
			}
		}
	}
	assert_true(refused > 1000);
	free(copy);
	free(blob);
}

/* A thousand nodes inside each other: depth is a number, not a stack. */
static void deep_nesting(void **state)
{
	uint32_t size;
	unsigned char *blob;

	(void)state;
	tree_begin(2, 2);
	for (unsigned i = 0; i < 300; i++)
		node("a");
	for (unsigned i = 0; i < 300; i++)
		end();
	memory("memory@1000", 0x1000, 0x1000, 2);
	blob = tree_end(&size);
	assert_int_equal(convert(blob, size), 0);
	assert_true(USABLE_RANGE(0x1000, 0x1000));
	free(blob);

	/* One node too few, one too many. */
	for (unsigned extra = 0; extra < 2; extra++) {
		tree_begin(2, 2);
		if (extra)
			node("open");
		else
			end();
		blob = tree_end(&size);
		assert_int_equal(convert(blob, size), -QUARRY_EINVAL);
		free(blob);
	}
}

/* An initial ramdisk by halves, of odd sizes, or empty: refused, or nothing to reserve. */
static void odd_initrd(void **state)
{
	static const struct {
		uint32_t start_size, end_size;
		int error;
		size_t entries;
	} cases[] = {{4, 4, 0, 2},
		     {8, 8, 0, 2},
		     {0, 4, 0, 1},
		     {4, 0, 0, 1},
		     {12, 4, -QUARRY_EINVAL, 0},
		     {4, 12, -QUARRY_EINVAL, 0}};
	uint32_t size;
	unsigned char *blob;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		tree_begin(2, 2);
		node("chosen");
		property("linux,initrd-start", cases[i].start_size);
		for (uint32_t at = 0; at < cases[i].start_size; at += 4)
			word(at + 4 == cases[i].start_size ? 0x1000 : 0);
		property("linux,initrd-end", cases[i].end_size);
		for (uint32_t at = 0; at < cases[i].end_size; at += 4)
			word(at + 4 == cases[i].end_size ? 0x3000 : 0);
		end();
		blob = tree_end(&size);
		assert_int_equal(convert(blob, size), cases[i].error);
		assert_int_equal(map.nr, cases[i].entries);
		assert_true(cases[i].entries < 2 || RESERVED_RANGE(0x1000, 0x2000));
		free(blob);
	}
}

/* Cell counts that are no 32-bit numbers do not count; a property name must start in its block. */
static void odd_properties(void **state)
{
	uint32_t size;
	unsigned char *blob;

	(void)state;
	tree_begin(2, 2);
	property("#size-cells", 8);
	number(1, 2);
	memory("memory", 0x1000, 0x1000, 2);
	blob = tree_end(&size);
	assert_int_equal(convert(blob, size), 0);
	assert_true(USABLE_RANGE(0x1000, 0x1000));
	free(blob);

	tree_begin(2, 2);
	word(3);
	word(0);
	word(0); /* where its name will be: behind the last name */
	tree.structure[tree.structure_bytes - 1] = (unsigned char)tree.strings_bytes;
	blob = tree_end(&size);
	assert_int_equal(convert(blob, size), -QUARRY_EINVAL);
	free(blob);
}

/* The tree's last bytes are a node name without an end. */
static void node_name_without_end(void **state)
{
	unsigned char *blob = calloc(1, 64);

	(void)state;
	put32(blob, 0xd00dfeed);
	put32(blob + 4, 64);
	put32(blob + 8, 56);  /* structure */
	put32(blob + 12, 40); /* names: none */
	put32(blob + 16, 40); /* reservations: the pair of zeros */
	put32(blob + 20, 17);
	put32(blob + 24, 16);
	put32(blob + 56, 1);
	memset(blob + 60, 'n', 4);
	assert_int_equal(convert(blob, 64), -QUARRY_EINVAL);
	assert_int_equal(map.nr, 0);
	free(blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything),
		cmocka_unit_test(too_small_an_array),
		cmocka_unit_test(cells),
		cmocka_unit_test(defaults),
		cmocka_unit_test(bad_headers),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(damaged_anywhere),
		cmocka_unit_test(deep_nesting),
		cmocka_unit_test(odd_initrd),
		cmocka_unit_test(odd_properties),
		cmocka_unit_test(node_name_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
