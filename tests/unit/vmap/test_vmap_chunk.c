/* SPDX-License-Identifier: MIT */
/* test_vmap_chunk.c: the bitmaps of a chunk and the searches in them, against an array of bytes. */
#include "vmap_test.h"

#include "mm/base/bitmap.h"
#include "mm/vmap/vmap_chunk.h"

enum state { CLEAR, USED, DIRTY, FLUSHING };

static unsigned model_find(const uint8_t *model, unsigned total, unsigned align)
{
	for (unsigned at = 0; at + total <= CHUNK_PAGES; at += align) {
		unsigned n = 0;

		while (n < total && model[at + n] == CLEAR)
			n++;
		if (n == total)
			return at;
	}
	return CHUNK_PAGES;
}

static unsigned model_longest(const uint8_t *model)
{
	unsigned best = 0, run = 0;

	for (unsigned i = 0; i < CHUNK_PAGES; i++) {
		run = model[i] == CLEAR ? run + 1 : 0;
		best = run > best ? run : best;
	}
	return best;
}

/* Every run [from, from + count) of a two-word map set, cleared, found. */
static void bitmap_ranges(void **state)
{
	(void)state;
	for (unsigned from = 0; from < 128; from++) {
		for (unsigned count = 1; from + count <= 128; count++) {
			uint64_t map[2] = {0, 0};

			bitmap_set(map, from, count);
			for (unsigned i = 0; i < 128; i++)
				assert_int_equal(bitmap_test(map, i),
						 i >= from && i < from + count);
			assert_int_equal(bitmap_next_set(map, 0, 128), from);
			assert_int_equal(bitmap_next_clear(map, from, 128), from + count);
			assert_int_equal(bitmap_prev_set(map, 127), from + count - 1);
			assert_int_equal(bitmap_prev_set(map, from), from);
			if (from)
				assert_int_equal(bitmap_prev_set(map, from - 1), ~0ul);
			bitmap_clear(map, from, count);
			assert_int_equal(map[0] | map[1], 0);
		}
	}
}

static void bitmap_search_stays_inside(void **state)
{
	uint64_t map[2] = {0, 0};

	(void)state;
	assert_int_equal(bitmap_find_run(map, 3, 100, 97, 1, 0), 3);
	assert_int_equal(bitmap_find_run(map, 3, 100, 98, 1, 0), 100);
	assert_int_equal(bitmap_find_run(map, 3, 128, 8, 8, 0), 8);
	assert_int_equal(bitmap_find_run(map, 3, 128, 8, 8, 5), 3);
	assert_int_equal(bitmap_find_run(map, 3, 128, 8, 1ul << 63, 0), 128);
	bitmap_set(map, 0, 128);
	assert_int_equal(bitmap_find_run(map, 0, 128, 1, 1, 0), 128);
	assert_int_equal(bitmap_longest_run(map, 128), 0);
}

struct live {
	unsigned bit, pages;
};

/* Random life of a chunk: place, free, flush in any order; the bytes and the bits agree
 * throughout. */
static void random_life_agrees_with_model(void **state)
{
	static struct vmap_chunk chunk;
	static uint8_t model[CHUNK_PAGES];
	static struct live live[256];
	unsigned nr_live = 0;
	uint64_t seed = 1;

	(void)state;
	chunk_init(&chunk, 0x40000000, 5, 509);
	for (unsigned i = 0; i < CHUNK_PAGES; i++)
		model[i] = i < 5 || i >= 509 ? USED : CLEAR;
	for (unsigned step = 0; step < 20000; step++) {
		uint64_t r = mock_random(&seed);
		unsigned what = (unsigned)(r % 16);

		if (what < 8) {
			unsigned total = 2 + (unsigned)(r >> 8) % (what ? 6 : 200);
			unsigned align = 1u << (r >> 32) % 5;
			struct vmap_info info = {0, total * 100, total - 1, VMAP_ALLOC, step, 0};
			unsigned bit = chunk_search(&chunk, total, align);

			assert_int_equal(bit == CHUNK_PAGES,
					 model_find(model, total, align) == CHUNK_PAGES);
			if (bit == CHUNK_PAGES) {
				assert_int_equal(chunk.max_run, model_longest(model));
				continue;
			}
			assert_int_equal(bit % align, 0);
			chunk_take(&chunk, bit, total);
			chunk_record(&chunk, bit, &info);
			for (unsigned i = bit; i < bit + total; i++) {
				assert_int_equal(model[i], CLEAR);
				model[i] = USED;
			}
			live[nr_live++] = (struct live){bit, total - 1};
		} else if (what < 14 && nr_live) {
			unsigned n = (unsigned)(r >> 8) % nr_live;
			struct live gone = live[n];
			struct vmap_info info;

			live[n] = live[--nr_live];
			chunk_describe(&chunk, gone.bit, &info);
			assert_int_equal(info.start, 0x40000000 + gone.bit * PAGE_SIZE);
			assert_int_equal(info.pages, gone.pages);
			assert_int_equal(info.size, (gone.pages + 1) * 100);
			bitmap_clear(chunk.starts, gone.bit, 1);
			chunk_retire(&chunk, gone.bit, gone.pages + 1);
			for (unsigned i = gone.bit; i <= gone.bit + gone.pages; i++)
				model[i] = DIRTY;
		} else if (what == 14) {
			chunk_flush_begin(&chunk);
			for (unsigned i = 0; i < CHUNK_PAGES; i++)
				model[i] = model[i] == DIRTY ? FLUSHING : model[i];
		} else {
			chunk_flush_end(&chunk);
			for (unsigned i = 0; i < CHUNK_PAGES; i++)
				model[i] = model[i] == FLUSHING ? CLEAR : model[i];
		}
		assert_int_equal(chunk_check(&chunk), 0);
		for (unsigned i = 0; i < CHUNK_PAGES; i++)
			assert_int_equal(bitmap_test(chunk.used, i), model[i] != CLEAR);
	}
}

/* Any page of an area finds its start; the guard page and free pages find none. */
static void area_of_every_page(void **state)
{
	static struct vmap_chunk chunk;
	struct vmap_info info = {0, 1, 3, VMAP_MAP, 0, 0};

	(void)state;
	chunk_init(&chunk, 0, 0, CHUNK_PAGES);
	for (unsigned bit = 0; bit + 4 <= CHUNK_PAGES; bit += 5) {
		chunk_take(&chunk, bit, 4);
		chunk_record(&chunk, bit, &info);
	}
	for (unsigned bit = 0; bit < 510; bit++)
		assert_int_equal(chunk_area_of(&chunk, bit),
				 bit % 5 < 3 ? bit - bit % 5 : CHUNK_PAGES);
}

/* Each invariant, broken by hand, is found. */
static void check_finds_damage(void **state)
{
	static struct vmap_chunk good, bad;
	struct vmap_info info = {0, 1, 3, VMAP_ALLOC, 0, 0};

	(void)state;
	chunk_init(&good, 0, 0, CHUNK_PAGES);
	chunk_take(&good, 64, 4);
	chunk_record(&good, 64, &info);
	assert_int_equal(chunk_check(&good), 0);
	bad = good;
	bad.dirty[0] = 1;
	assert_int_equal(chunk_check(&bad), 1);
	bad = good;
	bad.used[3] = 1;
	assert_int_equal(chunk_check(&bad), 2);
	bad = good;
	bad.max_run = 400;
	assert_int_equal(chunk_check(&bad), 3);
	bad = good;
	bad.shape[32]++;
	assert_int_equal(chunk_check(&bad), 4);
	bad = good;
	bad.shape[32] = 0;
	assert_int_equal(chunk_check(&bad), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bitmap_ranges),
		cmocka_unit_test(bitmap_search_stays_inside),
		cmocka_unit_test(random_life_agrees_with_model),
		cmocka_unit_test(area_of_every_page),
		cmocka_unit_test(check_finds_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
