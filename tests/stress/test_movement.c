/* SPDX-License-Identifier: MIT */
/*
 * test_movement.c: pages moved while they are used: CPUs as threads take, check, pin and free
 * movable blocks at random, others compact, claim ranges and contiguous memory, and a node's
 * memory comes and goes. Every move checks contents and the mover's manners (owner.h). For
 * ThreadSanitizer above all.
 */
#define MOCK_OWNER_THREADS 1
#include "mm/ext/cma.h"
#include "mm/reclaim/compact.h"
#include "tests/unit/reclaim/owner.h"

#define BASE (4 * MOCK_GIB)
#define SLOTS 2048u /* of each CPU */

#ifdef MOCK_TSAN
#define TURNS 8000u
#else
#define TURNS 20000u
#endif

static struct cma *area;
static unsigned long claims, removals, ranges;

static const struct quarry_mem_range map[] = {
	{BASE, 64 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	{BASE + 64 * MOCK_MIB, 8 * MOCK_MIB, QUARRY_MEM_LATER, 0},
};

static void start(unsigned cpus)
{
	owner_reset();
	claims = removals = ranges = 0;
	mock_start(&(struct mock_config){
		.map = map, .nr_map = 2, .cpus = cpus, .extra = {.movable_bytes = 16 * MOCK_MIB}});
	assert_int_equal(
		cma_init_reserved_mem(BASE + 16 * MOCK_MIB, 8 * MOCK_MIB, 0, "area", &area), 0);
	assert_int_equal(quarry_add_memory(map[1].base, map[1].size), 0);
	owner.refuse = 17;
	owner.again = 11;
	owner.fail = 13;
}
static void stop(void)
{
	owner_check_all();
	assert_int_equal(mm_check(), 0);
	owner_free_all();
	assert_int_equal(quarry_remove_memory(map[1].base, map[1].size), 0);
	assert_true(cma_end_all());
	mock_stop();
}

/* One turn of a user of movable memory, in its own slots. */
static void use(unsigned first, uint64_t r)
{
	unsigned i = first + (unsigned)(r >> 8) % SLOTS;
	unsigned order = (unsigned)__builtin_ctz((unsigned)(r >> 40) | 1u << 4);

	switch (r & 7) {
	case 0:
	case 1:
	case 2:
		if (!__atomic_load_n(&owner.slot[i].page, __ATOMIC_RELAXED))
			owner_take(i, order, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN);
		break;
	case 3:
		owner_pin(i, true);
		break;
	case 4:
		owner_pin(i, false);
		break;
	case 5:
		owner_free(i);
		break;
	case 6:
		pthread_mutex_lock(&owner.lock);
		if (owner.slot[i].page && !owner.slot[i].isolated) {
			owner_check(&owner.slot[i]);
			owner_fill(&owner.slot[i]);
		}
		pthread_mutex_unlock(&owner.lock);
		break;
	default: { /* ordinary memory between the movable */
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);
		if (page)
			__free_pages(page, order);
		break;
	}
	}
}

/* One turn of somebody who wants others' places. */
static void disturb(uint64_t r)
{
	unsigned long pfn = PFN_DOWN(BASE) + (r >> 8) % (15 * MOCK_MIB / PAGE_SIZE);
	unsigned long nr = 1 + (r >> 32) % 700;
	struct page_request request = {.gfp = GFP_KERNEL,
				       .order = 1 + (unsigned)(r >> 16) % 9,
				       .highest = ZONE_NORMAL,
				       .call = "test"};
	struct page *page;

	switch (r % 6) {
	case 0:
		quarry_compact_node(0);
		break;
	case 1:
		compact_zones_for(&request, (enum compact_priority)(r >> 24) % 3);
		break;
	case 2:
		wakeup_kcompactd(0, request.order, ZONE_MOVABLE);
		quarry_kcompactd_step(0);
		break;
	case 3:
		if (!alloc_contig_range(pfn, pfn + nr, MIGRATE_MOVABLE, GFP_KERNEL)) {
			memset(page_address(pfn_to_page(pfn)), 0x77, nr * PAGE_SIZE);
			free_contig_range(pfn, nr);
			__atomic_fetch_add(&ranges, 1ul, __ATOMIC_RELAXED);
		}
		break;
	default:
		page = cma_alloc(area, nr, (unsigned)(r >> 24) % 5, true);
		if (page) {
			memset(page_address(page), 0x55, nr * PAGE_SIZE);
			if (!cma_release(area, page, nr))
				mock_fail("a claim is not known");
			__atomic_fetch_add(&claims, 1ul, __ATOMIC_RELAXED);
		}
	}
}

static void remove_and_add(void)
{
	if (quarry_remove_memory(map[1].base, map[1].size))
		return;
	memset(phys_to_virt(map[1].base), 0x33, map[1].size);
	if (quarry_add_memory(map[1].base, map[1].size))
		mock_fail("memory that was removed cannot be added");
	removals++;
}

/* One task does everything in turn. */
static void in_turn(void **state)
{
	uint64_t random = 2;
	(void)state;
	start(1);
	for (unsigned turn = 0; turn < TURNS; turn++) {
		use(0, mock_random(&random));
		if (turn % 64 == 0)
			disturb(mock_random(&random));
		if (turn % 1024 == 0)
			remove_and_add();
		if (turn % 2048 == 0)
			assert_int_equal(mm_check(), 0);
	}
	assert_true(owner.migrated > TURNS / 20);
	assert_true(claims && removals && ranges);
	stop();
}

/* On two CPUs: one uses, the other disturbs too. On four: two of each, and memory that goes. */
static unsigned working;
static void work(void *arg, unsigned cpu)
{
	unsigned cpus = *(unsigned *)arg;
	uint64_t random = cpu + 7;

	for (unsigned turn = 0; turn < TURNS / 2; turn++) {
		use(cpu * SLOTS, mock_random(&random));
		if (cpu >= cpus / 2 && turn % 32 == 0)
			disturb(mock_random(&random));
		if (cpu == 3 && turn % 256 == 0)
			remove_and_add();
	}
	__atomic_fetch_sub(&working, 1u, __ATOMIC_RELAXED);
}
static void on_cpus(unsigned cpus)
{
	start(cpus);
	working = cpus;
	mock_run_cpus(cpus, work, &cpus);
	assert_int_equal(working, 0);
	assert_true(owner.migrated > TURNS / 100);
	assert_true(claims);
	mock_set_cpu(0);
	stop();
}
static void on_two_cpus(void **state)
{
	(void)state;
	on_cpus(2);
}
static void on_four_cpus(void **state)
{
	(void)state;
	on_cpus(4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(in_turn),
		page_test(on_two_cpus),
		page_test(on_four_cpus),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
