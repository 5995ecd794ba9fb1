/* SPDX-License-Identifier: MIT */
/* test_guard.c: accesses that the sampling guard makes page faults, and objects that it guards. */
#include "slab_test.h"

#include <stdio.h>

#include <quarry/quarry.h>

#include "mm/slab/slab_guard.h"

static void start(unsigned every)
{
	mock_start(&(struct mock_config){
		.cpus = 2, .guard_pages = true, .extra.guard_every = every});
}

/* The access itself, past the memory checker. */
__attribute__((no_sanitize_address, no_sanitize("undefined"), noinline)) static void
poke(char *p, long offset)
{
	*((volatile char *)p + offset) = 0x11;
}
__attribute__((no_sanitize_address, no_sanitize("undefined"), noinline)) static char
look(const char *p, long offset)
{
	return *((const volatile char *)p + offset);
}

/* Objects that came before the guarded one, to be freed at the end. */
static struct {
	void *p[9000];
	unsigned n;
} others;

static void free_others(void)
{
	kfree_bulk(others.n, others.p);
	others.n = 0;
}

/* A guarded object of the cache, at the start of its page or at its end. */
static char *guarded(struct kmem_cache *cache, bool at_start)
{
	for (;;) {
		char *p = kmem_cache_alloc(cache, GFP_KERNEL);

		assert_non_null(p);
		if (slab_guard_covers(p) && ((uintptr_t)p % PAGE_SIZE == 0) == at_start)
			return p;
		if (slab_guard_covers(p))
			kmem_cache_free(cache, p);
		else
			others.p[others.n++] = p;
		assert_true(others.n < 9000);
	}
}

static struct kmem_cache *new_cache(const char *name, unsigned size)
{
	struct kmem_cache *cache = kmem_cache_create(name, size, NULL, 0);

	assert_non_null(cache);
	return cache;
}

static void reported(enum quarry_rule rule, const void *subject, long a)
{
	assert_int_equal(mock_last_report()->rule, rule);
	assert_ptr_equal(mock_last_report()->subject, subject);
	assert_int_equal((long)mock_last_report()->a, a);
}

static const unsigned sizes[] = {1, 8, 13, 64, 100, 1000, 2048, 4000};
#define NR_SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* The first byte past the end, or before the start, is a fault that names the object; the access
 * is then let through, once reported, until the neighbour is used anew. */
static void api23_guard_past_and_before(void **state)
{
	(void)state;
	start(1);
	for (unsigned i = 0; i < NR_SIZES; i++) {
		struct kmem_cache *cache = new_cache("t", sizes[i]);
		char *end = guarded(cache, false);
		long past = cache->size;

		mock_expect_report(QUARRY_RULE_OBJECT_BOUNDS, 1);
		poke(end, past);
		reported(QUARRY_RULE_OBJECT_BOUNDS, end, past);
		assert_string_equal((const char *)mock_last_report()->b, "t");
		assert_string_equal(mock_last_report()->call, "a write");
		assert_int_equal(look(end, past), 0x11);
		poke(end, past + 5);
		kmem_cache_free(cache, end);
		char *begin = guarded(cache, true);

		mock_expect_report(QUARRY_RULE_OBJECT_BOUNDS, 1);
		look(begin, -1);
		reported(QUARRY_RULE_OBJECT_BOUNDS, begin, -1);
		assert_string_equal(mock_last_report()->call, "a read");
#if defined(__x86_64__) && defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
		assert_in_range(mock_last_report()->caller, (uintptr_t)look, (uintptr_t)look + 64);
#endif
		kmem_cache_free(cache, begin);
		free_others();
		assert_int_equal(active_of("t"), 0);
		kmem_cache_destroy(cache);
	}
	/* All slots come round again, and with them the guard pages. */
	struct kmem_cache *cache = new_cache("t", 64);

	for (unsigned i = 0; i < GUARD_SLOTS; i++)
		kmem_cache_free(cache, guarded(cache, false));
	assert_int_equal(guard.open, 0);
	free_others();
	char *p = guarded(cache, false);

	mock_expect_report(QUARRY_RULE_OBJECT_BOUNDS, 1);
	poke(p, 64);
	kmem_cache_free(cache, p);
	free_others();
	kmem_cache_destroy(cache);
	mock_stop();
}

/* What does not reach the next page is found when the object is freed. */
static void api23_guard_damage_within_the_page(void **state)
{
	static const long offsets[] = {13, 14, 4095, -1, -8, -3000};

	(void)state;
	start(1);
	struct kmem_cache *cache = new_cache("t", 13);

	for (unsigned i = 0; i < 6; i++) {
		char *p = guarded(cache, offsets[i] > 0);

		memset(p, 0xcc, 13);
		poke(p, offsets[i]);
		mock_expect_report(QUARRY_RULE_OBJECT_ZONE, 1);
		kmem_cache_free(cache, p);
		reported(QUARRY_RULE_OBJECT_ZONE, p, offsets[i]);
	}
	free_others();
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Reads and writes after the free; the lines that follow name who had it. */
static void api23_guard_use_after_free(void **state)
{
	(void)state;
	start(1);
	for (unsigned i = 0; i < NR_SIZES; i++) {
		struct kmem_cache *cache = new_cache("t", sizes[i]);
		char *p = guarded(cache, i % 2), *q = guarded(cache, !(i % 2));
		long at = sizes[i] - 1;

		kmem_cache_free(cache, p);
		kfree(q);
		mock_expect_report(QUARRY_RULE_OBJECT_FREED, 2);
		look(p, at);
		reported(QUARRY_RULE_OBJECT_FREED, p, at);
		if (i == 0) {
			assert_int_equal(mock_log_lines("allocated by"), 1);
			assert_int_equal(mock_log_lines("freed by"), 1);
		}
		look(p, 0);
		poke(q, 0);
		reported(QUARRY_RULE_OBJECT_FREED, q, 0);
		free_others();
		kmem_cache_destroy(cache);
	}
	mock_stop();
}

/* Wrong frees, each by its rule; nothing is lost. (G147, G149) */
static void g149_guard_bad_frees(void **state)
{
	(void)state;
	start(1);
	struct kmem_cache *cache = new_cache("t", 64), *other = new_cache("o", 64);
	char *p = guarded(cache, true), *q = guarded(cache, false);
	void *bulk[2] = {p + 1, q + 1};

	free_others();
	mock_expect_report(QUARRY_RULE_OBJECT_INTERIOR, 6);
	kfree(p + 8);
	kmem_cache_free(cache, q + 63);
	kmem_cache_free_bulk(cache, 2, bulk);
	kfree(p - PAGE_SIZE);		  /* a guard page */
	kfree((void *)(guard.start + 64)); /* the slots */
	mock_expect_report(QUARRY_RULE_OBJECT_CACHE, 1);
	kmem_cache_free(other, p);
	reported(QUARRY_RULE_OBJECT_CACHE, p, (long)cache);
	assert_int_equal(mock_log_lines("object of cache t freed to cache o"), 1);
	assert_int_equal(slab_guard_count(cache), 2);
	kmem_cache_free(cache, p);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 3);
	kmem_cache_free(cache, p);
	kfree(p);
	bulk[0] = p;
	kmem_cache_free_bulk(cache, 1, bulk);
	mock_expect_report(QUARRY_RULE_CACHE_BUSY, 1);
	kmem_cache_destroy(cache); /* q lives */
	kfree(q);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(other);
	mock_stop();
}

static char text[512];

static void gather(void *ctx, const char *piece)
{
	(void)ctx;
	strncat(text, piece, sizeof(text) - strlen(text) - 1);
}

/* A guarded object is an object in all other ways. */
static void api23_guard_is_an_object(void **state)
{
	(void)state;
	start(1);
	char *p;

	for (unsigned i = 0; i < 200; i++) {
		size_t size = (i * 97) % 4096 + 1;
		unsigned char *object = kzalloc(run_time(size), GFP_KERNEL);

		assert_true(all_bytes(object, 0, ksize(object)));
		assert_true(ksize(object) >= size);
		assert_int_equal(ksize(object), kmalloc_size_roundup(size));
		assert_int_equal((uintptr_t)object % divisor(size), 0);
		assert_ptr_equal(virt_to_phys(object) + MOCK_DIRECT, object);
		memset(object, 7, size);
		object = krealloc(object, size * 2, GFP_KERNEL);
		assert_true(all_bytes(object, 7, size));
		others.p[others.n++] = object;
	}
	assert_true(guard.samples > 20);
	for (unsigned i = 0; i < others.n; i += 2) {
		kfree_sensitive(others.p[i]);
		others.p[i] = NULL;
	}
	free_others();

	struct kmem_cache *cache = kmem_cache_create_usercopy("t", 100, 8, 0, 16, 32, NULL);

	p = guarded(cache, false);
	assert_true(quarry_usercopy_ok(p + 16, 32, true));
	mock_expect_report(QUARRY_RULE_USERCOPY, 2);
	assert_false(quarry_usercopy_ok(p + 15, 2, true));
	assert_false(quarry_usercopy_ok(p + 40, 9, true));
	assert_int_equal(active_of("t"), others.n + 1);
	assert_true(kmem_valid_obj(p + 99));
	text[0] = '\0';
	quarry_report_object(gather, NULL, p + 5);
	assert_non_null(strstr(text, "live guarded object"));
	assert_non_null(strstr(text, "of cache t, byte 5 of 100"));
	kfree(p);
	assert_false(kmem_valid_obj(p));
	text[0] = '\0';
	quarry_report_object(gather, NULL, p - PAGE_SIZE * 2);
	quarry_report_object(gather, NULL, p);
	assert_non_null(strstr(text, "free guarded object"));
	free_others();
	kmem_cache_destroy(cache);
	mock_stop();
}

static void count_up(void *object)
{
	*(unsigned *)object = 77;
}

/* Constructed objects are constructed; those that readers count on, and debugged ones, are not
 * guarded. */
static void g138_guard_of_special_caches(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.guard_pages = true,
					 .extra = {.guard_every = 1, .slab_debug = "FZP,d"}});
	struct kmem_cache *ctor = kmem_cache_create("c", 40, 8, 0, count_up);
	struct kmem_cache *never[] = {
		kmem_cache_create("s", 40, NULL, SLAB_TYPESAFE_BY_RCU), new_cache("d", 40),
		new_cache("big", 5000)};
	char *p = guarded(ctor, true);

	assert_int_equal(*(unsigned *)(void *)p, 77);
	kmem_cache_free(ctor, p);
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned n = 0; n < 100; n++) {
			p = kmem_cache_alloc(never[i], GFP_KERNEL);
			assert_false(slab_guard_covers(p));
			others.p[others.n++] = p;
		}
	}
	free_others();
	for (unsigned i = 0; i < 3; i++)
		kmem_cache_destroy(never[i]);
	kmem_cache_destroy(ctor);
	mock_stop();
}

/* About each nth object; one place does not take all slots. */
static void api23_guard_how_many(void **state)
{
	(void)state;
	start(500);
	struct kmem_cache *cache = new_cache("t", 64);

	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < 1000; i++)
			others.p[others.n++] = kmem_cache_alloc(cache, GFP_KERNEL);
		free_others();
	}
	assert_in_range(guard.samples, 100, 400);
	kmem_cache_destroy(cache);
	mock_stop();
	start(1);
	cache = new_cache("t", 2048);
	for (unsigned i = 0; i < 2000; i++)
		others.p[others.n++] = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_true(slab_guard_count(cache) >= GUARD_SLOTS / 2);
	free_others();
	assert_int_equal(slab_guard_count(cache), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

static void of_one_cache(void *arg, unsigned cpu)
{
	char *p[100];

	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 100; i++) {
			p[i] = kmem_cache_alloc(arg, GFP_KERNEL);
			memset(p[i], (int)cpu, 72);
		}
		for (unsigned i = 0; i < 100; i++) {
			assert_true(all_bytes(p[i], (unsigned char)cpu, 72));
			kmem_cache_free(arg, p[i]);
		}
	}
}

static void api23_guard_on_several_cpus(void **state)
{
	(void)state;
	start(10);
	struct kmem_cache *cache = new_cache("t", 72);

	mock_run_cpus(2, of_one_cache, cache);
	assert_true(guard.samples > 10);
	assert_int_equal(slab_guard_count(cache), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

static struct kmem_cache *looked_at;
static unsigned looks;

static void none_of_it(void *arg)
{
	(void)arg;
	looks++;
	if (slab_guard_count(looked_at))
		mock_fail("a slot that is another cache's counts as this one's");
}

/* Whose a slot is changes in one step: a cache may end while its old slots become another's. */
static void api23_guard_slot_changes_hands(void **state)
{
	(void)state;
	start(1);
	struct kmem_cache *next = new_cache("n", 64);

	looked_at = new_cache("t", 64);
	for (unsigned i = 0; i < 2 * GUARD_SLOTS; i++)
		kmem_cache_free(looked_at, guarded(looked_at, i % 2));
	free_others();
	for (unsigned point = 1; point <= 12; point++) {
		mock_interrupt_at(point, none_of_it, NULL);
		others.p[others.n++] = guarded(next, point % 2);
	}
	mock_interrupt_at(0, NULL, NULL);
	assert_true(looks >= 10);
	kmem_cache_destroy(looked_at);
	free_others();
	kmem_cache_destroy(next);
	mock_stop();
}

/* Without the hook, or the wish, there is no pool, and faults are others'. */
static void api23_guard_off(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.extra.guard_every = 1});
	void *p = kmalloc(100, GFP_KERNEL);

	assert_false(slab_guard_covers(p));
	assert_false(slab_guard_covers(NULL));
	assert_false(quarry_guard_fault((uintptr_t)p, true, 0));
	assert_false(quarry_guard_fault(0, true, 0));
	kfree(p);
	mock_stop();
	start(0);
	assert_int_equal(guard.bytes, 0);
	mock_stop();
	start(1);
	assert_false(quarry_guard_fault(guard.start, true, 0)); /* the slots */
	assert_false(quarry_guard_fault(guard.start - 1, true, 0));
	assert_false(quarry_guard_fault(guard.start + guard.bytes, true, 0));
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(api23_guard_past_and_before),
		cmocka_unit_test(api23_guard_damage_within_the_page),
		cmocka_unit_test(api23_guard_use_after_free),
		cmocka_unit_test(g149_guard_bad_frees),
		cmocka_unit_test(api23_guard_is_an_object),
		cmocka_unit_test(g138_guard_of_special_caches),
		cmocka_unit_test(api23_guard_how_many),
		cmocka_unit_test(api23_guard_on_several_cpus),
		cmocka_unit_test(api23_guard_slot_changes_hands),
		cmocka_unit_test(api23_guard_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
