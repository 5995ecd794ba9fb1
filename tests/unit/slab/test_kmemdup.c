/* SPDX-License-Identifier: MIT */
/* test_kmemdup.c: copies of memory and strings; checked sizes. */
#include <quarry/string.h>

#include "mm/slab/slab_debug.h"
#include "slab_test.h"

static void copies(void **state)
{
	static const char text[] = "quarry";
	char exact[3] = {'a', 'b', 'c'}; /* no NUL: nothing after it may be read (H63) */

	(void)state;
	mock_start(NULL);
	char *a = kmemdup(text, sizeof(text), GFP_KERNEL), *b = kstrdup(text, GFP_KERNEL);
	char *c = kstrndup(exact, 3, GFP_KERNEL), *d = kmemdup_nul(exact, 2, GFP_KERNEL);
	char *e = kmemdup_array(text, 2, 3, GFP_KERNEL), *f = kstrdup("", GFP_KERNEL);

	assert_string_equal(a, text);
	assert_string_equal(b, text);
	assert_string_equal(c, "abc");
	assert_string_equal(d, "ab");
	assert_memory_equal(e, text, 6);
	assert_string_equal(f, "");
	assert_null(kstrdup(NULL, GFP_KERNEL));
	assert_null(kstrndup(NULL, 3, GFP_KERNEL));
	assert_null(kmemdup_array(text, run_time(SIZE_MAX / 2), 3, GFP_KERNEL));
	assert_null(kmemdup_nul(text, run_time(SIZE_MAX), GFP_KERNEL | __GFP_NOWARN));
	assert_ptr_equal(kmemdup(text, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	mock_fail_site(FAULT_OBJECT, 1, true);
	assert_null(kmemdup(text, 3, GFP_KERNEL));
	assert_null(kstrdup(text, GFP_KERNEL));
	mock_fail_site(-1, 0, false);
	kfree(a);
	kfree(b);
	kfree(c);
	kfree(d);
	kfree(e);
	kfree(f);
	mock_stop();
}

static uintptr_t blamed;
__attribute__((noinline)) static void *helper(size_t size)
{
	blamed = (uintptr_t)__builtin_return_address(0);
	return kmalloc_track_caller(size, GFP_KERNEL);
}
__attribute__((noinline)) static void *node_helper(size_t size)
{
	blamed = (uintptr_t)__builtin_return_address(0);
	return kmalloc_node_track_caller(size, GFP_KERNEL, 0);
}

/* Who took an object last, if it is tracked. */
static uintptr_t taker(const void *p)
{
	struct slab_track track[NR_TRACKS];

	assert_true(slab_debug_tracks(slab_cache_of(virt_to_page(p)), p, track));
	return track[TRACK_ALLOC].caller;
}

__attribute__((noinline)) static void take_all(void *p[10])
{
	p[0] = kmemdup("abc", 4, GFP_KERNEL);
	p[1] = kmemdup_array("abc", 2, 2, GFP_KERNEL);
	p[2] = kmemdup_nul("abc", 3, GFP_KERNEL);
	p[3] = kstrdup("abc", GFP_KERNEL);
	p[4] = kstrndup("abc", 2, GFP_KERNEL);
	p[5] = (void *)(uintptr_t)kstrdup_const("abc", GFP_KERNEL);
	p[6] = kasprintf(GFP_KERNEL, "%d", 1);
	p[7] = krealloc(NULL, 20, GFP_KERNEL);
	p[8] = krealloc(krealloc(NULL, 20, GFP_KERNEL), 2000, GFP_KERNEL);
	p[9] = kvmalloc(20, GFP_KERNEL);
}

/* What a function takes for its caller is tracked as the caller's, not as its own. */
static void api23_track_caller(void **state)
{
	void *p[10];

	(void)state;
	mock_start(&(struct mock_config){.extra = {.slab_debug = "U,kmalloc-*"}});
	void *a = helper(run_time(30)), *b;

	assert_int_equal(taker(a), blamed);
	b = node_helper(run_time(30));
	assert_int_equal(taker(b), blamed);
	kfree(a);
	kfree(b);
	take_all(p);
	for (unsigned i = 0; i < 10; i++) {
		assert_in_range(taker(p[i]) - (uintptr_t)take_all, 1, 2000);
		kfree(p[i]);
	}
	/* The same without tracks. */
	assert_null(kmalloc_track_caller(run_time(SIZE_MAX), GFP_KERNEL | __GFP_NOWARN));
	assert_ptr_equal(kmalloc_track_caller(0, GFP_KERNEL), ZERO_SIZE_PTR);
	a = kmalloc_track_caller(20000, GFP_KERNEL | __GFP_ZERO);
	assert_true(all_bytes(a, 0, 20000));
	kfree(a);
	a = kmalloc_track_caller(2000, GFP_KERNEL | __GFP_RECLAIMABLE);
	assert_int_equal(active_of("kmalloc-rcl-2k"), 1);
	kfree(a);
	mock_stop();
}

/* Constants are not copied, and not freed; everything else is. */
static void api23_constants(void **state)
{
	static const char constant[] = "constant";
	char text[] = "text";

	(void)state;
	mock_start(&(struct mock_config){
		.extra = {.rodata_start = (uintptr_t)constant,
			  .rodata_end = (uintptr_t)constant + sizeof(constant)}});
	assert_ptr_equal(kstrdup_const(constant, GFP_KERNEL), constant);
	assert_ptr_equal(kstrdup_const(constant + 8, GFP_KERNEL), constant + 8);
	const char *copy = kstrdup_const(text, GFP_KERNEL);

	assert_ptr_not_equal(copy, text);
	assert_string_equal(copy, text);
	kfree_const(copy);
	kfree_const(constant);
	kfree_const(NULL);
	assert_null(kstrdup_const(NULL, GFP_KERNEL));
	mock_stop();
	mock_start(NULL);
	copy = kstrdup_const(constant, GFP_KERNEL);
	assert_ptr_not_equal(copy, constant);
	kfree_const(copy);
	mock_stop();
}

struct flexible {
	int n;
	int item[];
};
_Static_assert(struct_size_t(struct flexible, item, 3) == 16,
	       "constant count: a constant expression");
_Static_assert(struct_size_t(struct flexible, item, SIZE_MAX / 4) == SIZE_MAX,
	       "... that saturates");
_Static_assert(flex_array_size((struct flexible *)NULL, item, 5) == 20, "...");

static void g111_sizes_saturate(void **state)
{
	struct flexible *p = NULL;

	(void)state;
	assert_int_equal(struct_size(p, item, run_time(SIZE_MAX / 4)), SIZE_MAX);
	assert_int_equal(struct_size(p, item, run_time(10)), 44);
	assert_int_equal(flex_array_size(p, item, run_time(SIZE_MAX / 2)), SIZE_MAX);
	mock_start(NULL);
	assert_null(kmalloc(struct_size(p, item, run_time(SIZE_MAX / 4)),
			    GFP_KERNEL | __GFP_NOWARN));
	mock_stop();
	assert_int_equal(size_add(SIZE_MAX, 1), SIZE_MAX);
	assert_int_equal(size_sub(3, 5), SIZE_MAX);
	assert_int_equal(size_sub(SIZE_MAX, 5), SIZE_MAX);
	assert_int_equal(size_sub(5, 3), 2);
}

static void g112_array_size(void **state)
{
	(void)state;
	assert_int_equal(array_size(SIZE_MAX, 2), SIZE_MAX);
	assert_int_equal(array_size(3, 5), 15);
	assert_int_equal(array_size(0, SIZE_MAX), 0);
}

static void g113_array3_size(void **state)
{
	(void)state;
	assert_int_equal(array3_size((size_t)1 << 22, (size_t)1 << 22, (size_t)1 << 22), SIZE_MAX);
	assert_int_equal(array3_size(2, 3, 4), 24);
}

/* Every pair of bytes against wide arithmetic. (H57) */
static void h057_checked_arithmetic(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			uint8_t x = (uint8_t)a, y = (uint8_t)b, r;

			assert_int_equal(check_add_overflow(x, y, &r), a + b > 255);
			assert_int_equal(check_sub_overflow(x, y, &r), b > a);
			assert_int_equal(check_mul_overflow(x, y, &r), a * b > 255);
			assert_int_equal(r, (uint8_t)(a * b));
			if (b < 12)
				assert_int_equal(check_shl_overflow(x, y, &r),
						 b > 7 ? true : a << b > 255);
		}
	}
	int n;

	assert_false(check_shl_overflow(1, 30, &n));
	assert_true(check_shl_overflow(1, 31, &n));
	assert_true(check_shl_overflow(1, -1, &n));
	assert_true(check_shl_overflow(-1, 1, &n));
}

static void flexible_on_the_stack(void **state)
{
	(void)state;
	DEFINE_FLEX(struct flexible, p, item, n, 4);
	assert_int_equal(p->n, 4);
	assert_int_equal(p->item[3], 0);
	p->item[3] = 7;
	assert_int_equal(p->item[3], 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies),
		cmocka_unit_test(api23_track_caller),
		cmocka_unit_test(api23_constants),
		cmocka_unit_test(g111_sizes_saturate),
		cmocka_unit_test(g112_array_size),
		cmocka_unit_test(g113_array3_size),
		cmocka_unit_test(h057_checked_arithmetic),
		cmocka_unit_test(flexible_on_the_stack),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
