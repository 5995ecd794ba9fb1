/* SPDX-License-Identifier: MIT */
/*
 * test_memblock.c: the boot allocator, on memory that can really be written.
 */
#include <stdlib.h>
#include <string.h>

#include "boot_model.h"
#include "mm/boot/memblock.h"

#define MIB (1ull << 20)
#define RAM (4 * MIB) /* physical base; its direct-map address is that of an array */
#define RAM_BYTES (2 * MIB)

static _Alignas(4096) unsigned char ram[RAM_BYTES];
static struct quarry_mem_range ram_range = {RAM, RAM_BYTES, QUARRY_MEM_USABLE, 0};

static struct quarry_params open_ram(void)
{
	struct quarry_params params = {.size = sizeof(params),
				       .map = &ram_range,
				       .nr_map = 1,
				       .direct_map_offset = (uintptr_t)ram - RAM};

	memset(ram, 0xaa, sizeof(ram));
	quarry_memblock_init(&params);
	return params;
}

static uint64_t free_pages(void)
{
	uint64_t cursor = 0, pages = 0;
	struct mem_span span;

	while (memblock_free_next(&cursor, &span))
		pages += span.end_pfn - span.start_pfn;
	return pages;
}

static void allocates_from_the_top_in_pages(void **state)
{
	(void)state;
	open_ram();
	assert_int_equal(memblock_phys_alloc(1, 1), RAM + RAM_BYTES - FRAME);
	assert_int_equal(memblock_phys_alloc(FRAME + 1, 0), RAM + RAM_BYTES - 3 * FRAME);
	assert_int_equal(memblock_phys_alloc(FRAME, MIB), RAM + MIB);
	assert_int_equal(free_pages(), RAM_BYTES / FRAME - 4);
	memblock_close();
}

static void alloc_is_zeroed_and_writes_nothing_else(void **state)
{
	size_t touched = 0;
	unsigned char *memory;

	(void)state;
	open_ram();
	memory = memblock_alloc(100, 8);
	assert_ptr_equal(memory, ram + RAM_BYTES - FRAME);
	for (size_t i = 0; i < sizeof(ram); i++)
		touched += ram[i] != 0xaa;
	assert_int_equal(touched, 100);
	assert_int_equal(memory[0] | memory[99], 0);
	memblock_close();
}

static void range_and_alignment(void **state)
{
	(void)state;
	open_ram();
	assert_int_equal(memblock_phys_alloc_range(FRAME, 0, RAM + 5, RAM + 3 * FRAME - 1),
			 RAM + FRAME);
	assert_int_equal(memblock_phys_alloc_range(FRAME, 0, RAM + 5, RAM + 3 * FRAME - 1), 0);
	assert_int_equal(memblock_phys_alloc(FRAME, 1ull << 63), 0);
	assert_int_equal(
		memblock_phys_alloc_range(FRAME, 2 * FRAME, RAM + 3 * FRAME, RAM + 4 * FRAME), 0);
	assert_int_equal(memblock_phys_alloc(RAM_BYTES, 0), 0);
	assert_int_equal(memblock_phys_alloc(RAM + RAM_BYTES + FRAME, 0), 0);
	assert_int_equal(memblock_phys_alloc(UINT64_MAX, 0), 0);
	memblock_close();
}

/* Reserved bytes are not handed out; added memory is; both reach into quarry_init's view. */
static void reserve_and_add(void **state)
{
	struct quarry_params params = open_ram();
	struct memblock_plan plan;

	(void)state;
	assert_int_equal(memblock_reserve(RAM + RAM_BYTES - 1, 1), 0);
	assert_int_equal(memblock_phys_alloc(FRAME, 0), RAM + RAM_BYTES - 2 * FRAME);
	assert_int_equal(memblock_reserve(RAM, 0), 0);
	assert_int_equal(memblock_add(RAM + RAM_BYTES, MIB), 0);
	assert_int_equal(memblock_phys_alloc(FRAME, 0), RAM + RAM_BYTES + MIB - FRAME);
	assert_int_equal(memblock_plan(&params, 0, &plan), 0);
	assert_int_equal(plan.usable_pages, (RAM_BYTES + MIB) / FRAME);
	memblock_commit(&params, &plan);
	assert_int_equal(free_pages(), (RAM_BYTES + MIB) / FRAME - 3 - plan.array_pages - 1);
	memblock_close();
}

/* A kernel without a map: memblock_add alone. */
static void add_to_an_empty_map(void **state)
{
	struct quarry_params params = {.size = sizeof(params)};
	struct memblock_plan plan;

	(void)state;
	quarry_memblock_init(&params);
	assert_int_equal(memblock_phys_alloc(FRAME, 0), 0);
	assert_int_equal(memblock_add(RAM, RAM_BYTES), 0);
	assert_int_equal(memblock_plan(&params, 0, &plan), 0);
	assert_int_equal(plan.usable_pages, RAM_BYTES / FRAME);
	memblock_close();
}

/* Until exhaustion: every page once, and never one of the metadata. */
static void exhaustion_after_commit(void **state)
{
	struct quarry_params params = open_ram();
	static unsigned char seen[RAM_BYTES / FRAME];
	struct memblock_plan plan;
	phys_addr_t page;
	size_t pages = 0;

	(void)state;
	memset(seen, 0, sizeof(seen));
	assert_int_equal(memblock_plan(&params, 0, &plan), 0);
	memblock_commit(&params, &plan);
	while ((page = memblock_phys_alloc(FRAME, 0))) {
		assert_int_equal(seen[(page - RAM) / FRAME]++, 0);
		assert_true(page / FRAME < plan.array_pfn || page / FRAME >= plan.end_pfn);
		pages++;
	}
	assert_int_equal(pages, RAM_BYTES / FRAME - (plan.end_pfn - plan.array_pfn));
	assert_int_equal(free_pages(), 0);
	memblock_close();
}

static void table_full_is_reported(void **state)
{
	unsigned long reports = quarry_report_count(QUARRY_RULE_MAP_FULL);

	(void)state;
	open_ram();
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(memblock_reserve(RAM + i * 2 * FRAME, FRAME), 0);
	assert_int_equal(memblock_reserve(RAM + 200 * FRAME, FRAME), -QUARRY_ENOSPC);
	assert_int_equal(memblock_phys_alloc(FRAME, 2 * FRAME), 0);
	assert_int_equal(quarry_report_count(QUARRY_RULE_MAP_FULL), reports + 2);
	/* Neighbours of an entry still fit. */
	assert_int_equal(memblock_reserve(RAM + FRAME, FRAME), 0);
	assert_int_equal(memblock_reserve(RAM + 127 * FRAME, FRAME), 0);
	assert_int_equal(free_pages(), RAM_BYTES / FRAME - 66);
	memblock_close();
}

/* The last page below 2^64 and page 0 are no neighbours. */
static void no_merge_around_the_top(void **state)
{
	struct quarry_mem_range map = {0, 16 * FRAME, QUARRY_MEM_USABLE, 0};
	struct quarry_params params = {.size = sizeof(params), .map = &map, .nr_map = 1};

	(void)state;
	for (unsigned first = 0; first < 2; first++) {
		quarry_memblock_init(&params);
		assert_int_equal(memblock_reserve(first ? 0 : 0 - FRAME, FRAME), 0);
		assert_int_equal(memblock_reserve(first ? 0 - FRAME : 0, FRAME), 0);
		assert_int_equal(free_pages(), 15);
		memblock_close();
	}
}

static void closed_is_reported(void **state)
{
	unsigned long reports = quarry_report_count(QUARRY_RULE_BAD_ARGUMENT);

	(void)state;
	memblock_close();
	assert_int_equal(memblock_add(RAM, FRAME), -QUARRY_EINVAL);
	assert_int_equal(memblock_reserve(RAM, FRAME), -QUARRY_EINVAL);
	assert_int_equal(memblock_phys_alloc(FRAME, 0), 0);
	assert_null(memblock_alloc(FRAME, 0));
	assert_int_equal(quarry_report_count(QUARRY_RULE_BAD_ARGUMENT), reports + 4);
}

/* Nothing of an earlier time is left when it opens again. */
static void opens_empty(void **state)
{
	(void)state;
	open_ram();
	assert_int_equal(memblock_reserve(RAM, FRAME), 0);
	open_ram();
	assert_int_equal(memblock_reserve(RAM + FRAME, FRAME), 0);
	assert_int_equal(free_pages(), RAM_BYTES / FRAME - 1);
	memblock_close();
}

static void bad_arguments_are_reported(void **state)
{
	unsigned long reports = quarry_report_count(QUARRY_RULE_BAD_ARGUMENT);

	(void)state;
	open_ram();
	assert_int_equal(memblock_phys_alloc(0, 0), 0);
	assert_int_equal(memblock_phys_alloc(FRAME, 3 * FRAME), 0);
	assert_int_equal(quarry_report_count(QUARRY_RULE_BAD_ARGUMENT), reports + 2);
	memblock_close();
}

/* An older kernel's shorter parameters: what is beyond their size counts as zero. */
static void params_of_an_older_kernel(void **state)
{
	struct quarry_params params = {.size = offsetof(struct quarry_params, direct_map_limit),
				       .map = &ram_range,
				       .nr_map = 1,
				       .direct_map_limit = FRAME};

	(void)state;
	quarry_memblock_init(&params);
	assert_int_equal(memblock_phys_alloc(FRAME, 0), RAM + RAM_BYTES - FRAME);
	memblock_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocates_from_the_top_in_pages),
		cmocka_unit_test(alloc_is_zeroed_and_writes_nothing_else),
		cmocka_unit_test(range_and_alignment),
		cmocka_unit_test(reserve_and_add),
		cmocka_unit_test(add_to_an_empty_map),
		cmocka_unit_test(exhaustion_after_commit),
		cmocka_unit_test(table_full_is_reported),
		cmocka_unit_test(no_merge_around_the_top),
		cmocka_unit_test(closed_is_reported),
		cmocka_unit_test(opens_empty),
		cmocka_unit_test(bad_arguments_are_reported),
		cmocka_unit_test(params_of_an_older_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
