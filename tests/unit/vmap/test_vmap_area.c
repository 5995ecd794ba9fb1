/* SPDX-License-Identifier: MIT */
/* test_vmap_area.c: address ranges of the window, without pages and tables. */
#include "vmap_test.h"

#include "mm/vmap/vmap_area.h"

/* Own windows far from the mock's; the world is only there for pages and hooks. The layer is set
 * up anew at the end. */
#define BASE 0x700000000000ul

static void start_window(uintptr_t start, uintptr_t end)
{
	mock_start(NULL);
	assert_int_equal(vmap_area_init(start, end), 0);
}

/* Everything retired becomes free; nobody has a translation of these addresses. */
static void flush_all(void)
{
	struct vmap_leftover left = {{0, 0, 0}, NULL};
	unsigned long irq = mm_lock(&vmap_lock);

	vmap_area_flush_begin_locked();
	while (vmap_area_flush_mark_locked())
		;
	while (vmap_area_releasing_locked())
		vmap_area_release_locked(&left);
	mm_unlock(&vmap_lock, irq);
	vmap_area_free_leftover(&left);
}

static void check_space(void)
{
	assert_int_equal(vmap_area_check(), 0);
}

static int get_in(unsigned long pages, const struct vmap_where *where, uintptr_t *start)
{
	struct vmap_info info = {0, pages * 10, pages, VMAP_MAP, 42, 0};
	int error = vmap_area_alloc(&info, where, GFP_KERNEL);

	*start = info.start;
	return error;
}
static int get(unsigned long pages, unsigned long align, uintptr_t *start)
{
	const struct vmap_where where = {align, 0, UINTPTR_MAX};

	return get_in(pages, &where, start);
}
static void put(uintptr_t start)
{
	struct vmap_info info;
	unsigned long irq = mm_lock(&vmap_lock);

	assert_int_equal(vmap_area_claim_locked(start, VMAP_MAP, &info), 0);
	vmap_area_retire_locked(&info);
	mm_unlock(&vmap_lock, irq);
}
static bool find(uintptr_t va, struct vmap_info *info)
{
	unsigned long irq = mm_lock(&vmap_lock);
	bool found = vmap_area_find_locked(va, info);

	mm_unlock(&vmap_lock, irq);
	return found;
}

/* The mock's own window comes back for the checks of mock_stop; what the test's window used goes
 * first. */
static void stop_window(void)
{
	flush_all();
	check_space();
	mock_abandon();
}

struct live {
	uintptr_t start;
	unsigned long pages;
};

static bool overlaps(const struct live *live, unsigned nr, uintptr_t start, unsigned long pages)
{
	for (unsigned i = 0; i < nr; i++)
		if (start < live[i].start + (live[i].pages + 1) * PAGE_SIZE &&
		    live[i].start < start + (pages + 1) * PAGE_SIZE)
			return true;
	return false;
}

/* Random small and large areas: disjoint, aligned, found from every kind of address, all space
 * back at the end. */
static void random_areas(void **state)
{
	static struct live live[4096];
	unsigned nr = 0;
	uint64_t seed = 7;
	uintptr_t whole;

	(void)state;
	start_window(BASE + 3 * PAGE_SIZE, BASE + 64 * MOCK_MIB - PAGE_SIZE);
	for (unsigned step = 0; step < 6000; step++) {
		uint64_t r = mock_random(&seed);

		if (r % 16 < 9 && nr < COUNT(live)) {
			unsigned long pages =
				r >> 8 & 15 ? 1 + (r >> 16) % 20 : 1 + (r >> 16) % 2000;
			unsigned long align = 1ul << (r >> 40) % (r >> 50 & 7 ? 2 : 12);
			uintptr_t start;

			if (get(pages, align, &start))
				continue;
			assert_int_equal(start % (align * PAGE_SIZE), 0);
			assert_true(start >= vmap_area_start());
			assert_true(start + (pages + 1) * PAGE_SIZE <= vmap_area_end());
			assert_false(overlaps(live, nr, start, pages));
			live[nr++] = (struct live){start, pages};
		} else if (r % 16 < 15 && nr) {
			unsigned i = (unsigned)(r >> 8) % nr;

			put(live[i].start);
			live[i] = live[--nr];
		} else {
			flush_all();
		}
		if (step % 64 == 0)
			check_space();
	}
	for (unsigned i = 0; i < nr; i++) {
		struct vmap_info info;
		uintptr_t last = live[i].start + (live[i].pages - 1) * PAGE_SIZE;

		assert_true(find(live[i].start, &info) && info.start == live[i].start);
		assert_int_equal(info.size, live[i].pages * 10);
		assert_int_equal(info.caller, 42);
		assert_true(find(last + PAGE_SIZE - 1, &info) && info.start == live[i].start);
		assert_false(find(last + PAGE_SIZE, &info));
	}
	while (nr)
		put(live[--nr].start);
	flush_all();
	/* All but the edges is one run again: 31 chunks less one for the partial last, first 2
	 * MiB partial too. */
	assert_int_equal(get(30 * 512 - 1, 1, &whole), 0);
	put(whole);
	stop_window();
}

/* Areas asked for in a part of the window lie there, also where a lower chunk has room, and fail
 * when it is full, however much is free elsewhere. */
static void parts_of_the_window(void **state)
{
	const uintptr_t first = BASE + 3 * PAGE_SIZE, last = BASE + 64 * MOCK_MIB - PAGE_SIZE;
	static struct live live[4096];
	uint64_t seed = 11;
	unsigned nr = 0;
	uintptr_t start;

	(void)state;
	start_window(first, last);
	for (unsigned step = 0; step < 3000; step++) {
		uint64_t r = mock_random(&seed);
		unsigned a = (unsigned)(r % 33), b = (unsigned)(r >> 8) % 33;
		unsigned long pages = r >> 16 & 3 ? 1 + (r >> 20) % 40 : 1 + (r >> 20) % 1500;
		const struct vmap_where where = {
			.align = 1ul << (r >> 40) % (r >> 50 & 7 ? 2 : 10),
			.start = a ? BASE + (a < b ? a : b) * 2 * MOCK_MIB : 0,
			.end = BASE + (a < b ? b : a) * 2 * MOCK_MIB,
		};

		if (a == b || get_in(pages, &where, &start)) {
			if (nr)
				put(live[--nr].start);
			if (step % 16 == 0)
				flush_all();
			continue;
		}
		assert_true(start >= where.start && start >= first);
		assert_true(start + (pages + 1) * PAGE_SIZE <= where.end);
		assert_true(start + (pages + 1) * PAGE_SIZE <= last);
		assert_int_equal(start % (where.align * PAGE_SIZE), 0);
		assert_false(overlaps(live, nr, start, pages));
		live[nr++] = (struct live){start, pages};
	}
	assert_true(nr > 10);
	while (nr)
		put(live[--nr].start);
	flush_all();

	const struct vmap_where block = {1, BASE + 6 * MOCK_MIB, BASE + 8 * MOCK_MIB};

	assert_int_equal(get(1, 1, &live[0].start), 0);
	for (nr = 1; !get_in(63, &block, &live[nr].start); nr++)
		assert_true(live[nr].start >= block.start);
	assert_int_equal(nr, 1 + 8);
	while (nr)
		put(live[--nr].start);
	stop_window();
}

/* A window smaller than a chunk behaves like a bitmap: an area fits exactly if a free run does. */
static void tiny_window_is_exact(void **state)
{
	static bool used[64];
	static struct live live[64];
	unsigned nr = 0;
	uint64_t seed = 3;

	(void)state;
	start_window(BASE + 100 * PAGE_SIZE, BASE + 164 * PAGE_SIZE);
	for (unsigned step = 0; step < 5000; step++) {
		uint64_t r = mock_random(&seed);

		if (r & 1) {
			unsigned long pages = 1 + (r >> 8) % 12, run = 0, best = 0;
			uintptr_t start;
			int error = get(pages, 1, &start);

			for (unsigned i = 0; i < 64; i++) {
				run = used[i] ? 0 : run + 1;
				best = run > best ? run : best;
			}
			assert_int_equal(error, best >= pages + 1 ? 0 : -QUARRY_ENOSPC);
			if (error)
				continue;
			live[nr++] = (struct live){start, pages};
			for (unsigned long i = 0; i <= pages; i++)
				used[(start - vmap_area_start()) / PAGE_SIZE + i] = true;
		} else if (nr) {
			unsigned i = (unsigned)(r >> 8) % nr;

			put(live[i].start);
			flush_all();
			for (unsigned long k = 0; k <= live[i].pages; k++)
				used[(live[i].start - vmap_area_start()) / PAGE_SIZE + k] = false;
			live[i] = live[--nr];
		}
	}
	while (nr)
		put(live[--nr].start);
	stop_window();
}

/* Addresses that wait for a flush are not handed out, whatever is asked. */
static void retired_addresses_wait(void **state)
{
	uintptr_t a, b, large, again;

	(void)state;
	start_window(BASE, BASE + 4 * MOCK_MIB);
	assert_int_equal(get(511, 1, &a), 0);
	assert_int_equal(get(511, 1, &b), 0);
	assert_int_equal(get(1, 1, &again), -QUARRY_ENOSPC);
	put(a);
	put(b);
	assert_int_equal(get(1, 1, &again), -QUARRY_ENOSPC);
	flush_all();
	assert_int_equal(get(1023, 1, &large), 0);
	assert_int_equal(large, BASE);
	put(large);
	assert_int_equal(get(1, 1, &again), -QUARRY_ENOSPC);
	flush_all();
	assert_int_equal(get(1, 1, &again), 0);
	put(again);
	stop_window();
}

/* What begins to be flushed and what is retired later are kept apart. */
static void later_frees_need_a_later_flush(void **state)
{
	struct vmap_leftover left = {{0, 0, 0}, NULL};
	uintptr_t a, b, c;
	unsigned long irq;

	(void)state;
	start_window(BASE, BASE + 2 * MOCK_MIB);
	assert_int_equal(get(255, 1, &a), 0);
	assert_int_equal(get(255, 1, &b), 0);
	put(a);
	irq = mm_lock(&vmap_lock);
	vmap_area_flush_begin_locked();
	assert_false(vmap_area_flush_mark_locked());
	mm_unlock(&vmap_lock, irq);
	put(b);
	irq = mm_lock(&vmap_lock);
	vmap_area_release_locked(&left);
	assert_false(vmap_area_releasing_locked());
	mm_unlock(&vmap_lock, irq);
	vmap_area_free_leftover(&left);
	assert_int_equal(get(255, 1, &c), 0);
	assert_int_equal(c, a);
	assert_int_equal(get(1, 1, &c), -QUARRY_ENOSPC);
	put(a);
	stop_window();
}

/* The tail of a large area shares its chunk with small areas, and lookups tell them apart. */
static void tail_is_shared(void **state)
{
	struct vmap_info info;
	uintptr_t large, small;

	(void)state;
	start_window(BASE, BASE + 8 * MOCK_MIB);
	assert_int_equal(get(1024 + 99, 1, &large), 0);
	assert_int_equal(get(3, 1, &small), 0);
	assert_int_equal(small, large + (1024 + 100) * PAGE_SIZE);
	assert_true(find(large + (1024 + 98) * PAGE_SIZE, &info) && info.start == large);
	assert_false(find(large + (1024 + 99) * PAGE_SIZE, &info));
	assert_true(find(small, &info) && info.start == small);
	put(large);
	assert_false(find(large + 1100 * PAGE_SIZE, &info));
	flush_all();
	assert_true(find(small, &info) && info.start == small);
	put(small);
	stop_window();
}

/* A large area and its tail become free together: between two steps of a release nobody can settle
 * across two of them, and as many fit side by side as before. */
static void large_areas_come_back_whole(void **state)
{
	struct vmap_leftover left = {{0, 0, 0}, NULL};
	uintptr_t area[8];
	unsigned again = 0;
	unsigned long irq;

	(void)state;
	start_window(BASE, BASE + 16 * 2 * MOCK_MIB);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(get(768, 1, &area[i]), 0);
	for (unsigned i = 0; i < 8; i++)
		put(area[i]);
	irq = mm_lock(&vmap_lock);
	vmap_area_flush_begin_locked();
	assert_false(vmap_area_flush_mark_locked());
	while (vmap_area_releasing_locked()) {
		vmap_area_release_locked(&left);
		mm_unlock(&vmap_lock, irq);
		while (again < 8 && !get(768, 1, &area[again]))
			again++;
		irq = mm_lock(&vmap_lock);
	}
	mm_unlock(&vmap_lock, irq);
	vmap_area_free_leftover(&left);
	assert_int_equal(again, 8);
	check_space();
	while (again)
		put(area[--again]);
	stop_window();
}

/* Claims: only the start of a live area of the right kind, and once. */
static void claim_once(void **state)
{
	struct vmap_info info;
	uintptr_t start[2];
	unsigned long irq;

	(void)state;
	start_window(BASE, BASE + 16 * MOCK_MIB);
	assert_int_equal(get(4, 1, &start[0]), 0);
	assert_int_equal(get(600, 1, &start[1]), 0);
	irq = mm_lock(&vmap_lock);
	for (unsigned i = 0; i < 2; i++) {
		uintptr_t s = start[i];

		assert_int_equal(vmap_area_claim_locked(s + 1, VMAP_MAP, &info), -QUARRY_ENOENT);
		assert_int_equal(vmap_area_claim_locked(s + PAGE_SIZE, VMAP_MAP, &info),
				 -QUARRY_ENOENT);
		assert_int_equal(vmap_area_claim_locked(s, VMAP_ALLOC, &info), -QUARRY_EINVAL);
		assert_int_equal(vmap_area_claim_locked(s, VMAP_MAP, &info), 0);
		assert_int_equal(vmap_area_claim_locked(s, VMAP_MAP, &info), -QUARRY_ENOENT);
		vmap_area_keep_locked(s, 77);
		vmap_area_claimed_locked(s, &info);
		assert_int_equal(info.caller, 77);
		assert_int_equal(info.start, s);
		vmap_area_retire_locked(&info);
	}
	mm_unlock(&vmap_lock, irq);
	stop_window();
}

/* The walk sees each live area once, in order of addresses. */
static void walk_in_order(void **state)
{
	static const unsigned long sizes[] = {1, 5, 511, 700, 2, 1500, 30, 512};
	uintptr_t start[COUNT(sizes)];
	uintptr_t cursor = 0, last = 0;
	struct vmap_info info;
	unsigned seen = 0;

	(void)state;
	start_window(BASE + PAGE_SIZE, BASE + 32 * MOCK_MIB);
	for (unsigned i = 0; i < COUNT(sizes); i++)
		assert_int_equal(get(sizes[i], 1, &start[i]), 0);
	while (vmap_info_next(&cursor, &info)) {
		assert_true(info.start > last);
		last = info.start;
		seen++;
	}
	assert_int_equal(seen, COUNT(sizes));
	for (unsigned i = 0; i < COUNT(sizes); i++)
		put(start[i]);
	stop_window();
}

/* No memory for bookkeeping at any step: nothing is taken, and a retry works. */
static void bookkeeping_fails(void **state)
{
	static const unsigned long sizes[] = {1, 511, 512, 3000};

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		start_window(BASE, BASE + 4 * MOCK_GIB);
		unsigned long before = mock_free_pages();
		uintptr_t start;
		unsigned n = 0;

		do {
			mock_fail_site(-1, ++n, false);
		} while (get(sizes[i], 1, &start));
		assert_true(n > 2);
		mock_fail_site(-1, 0, false);
		put(start);
		flush_all();
		assert_int_equal(mock_free_pages(), before);
		stop_window();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_areas),
		cmocka_unit_test(parts_of_the_window),
		cmocka_unit_test(tiny_window_is_exact),
		cmocka_unit_test(retired_addresses_wait),
		cmocka_unit_test(later_frees_need_a_later_flush),
		cmocka_unit_test(tail_is_shared),
		cmocka_unit_test(large_areas_come_back_whole),
		cmocka_unit_test(claim_once),
		cmocka_unit_test(walk_in_order),
		cmocka_unit_test(bookkeeping_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
