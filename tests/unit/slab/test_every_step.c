/* SPDX-License-Identifier: MIT */
/*
 * test_every_step.c: interrupts after every other machine instruction of whole requests and frees:
 * by size, in bulk, of debugged objects. (H30; one interrupt alone: test_cpu_cache.c)
 *
 * A step takes the host 30 us.
 */
#define _GNU_SOURCE
#include "slab_test.h"

#include "tests/unit/nmi.h"

#if defined(HAVE_STEPS) && !defined(MOCK_ASAN)
#define APART 2u /* instructions; each is hit, by either kind of interrupt */

static struct kmem_cache *cache;
static struct {
	unsigned char *held[2];
	bool holds, by_size;
	unsigned count;
} irq;

/* Takes two objects, or gives them back. */
static void handler(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 2; i++) {
		unsigned char **held = &irq.held[i];

		if (irq.holds) {
			if (!all_bytes(*held, 0xa1, 64))
				mock_fail("an object of the interrupt's changed");
			kfree(*held);
			continue;
		}
		*held = irq.by_size ? kmalloc(64, GFP_ATOMIC) : kmem_cache_alloc(cache, GFP_ATOMIC);
		if (!*held)
			mock_fail("the interrupt got no object");
		memset(*held, 0xa1, 64);
	}
	irq.holds = !irq.holds;
}

static void enter(void (*fn)(void))
{
	(void)fn;
	irq.count++;
	mock_interrupt(handler, NULL);
}

/* ---- what is interrupted ---- */

static void use(unsigned char **p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		memset(p[i], (int)i, 64);
	for (unsigned i = 0; i < n; i++)
		if (!all_bytes(p[i], (unsigned char)i, 64))
			mock_fail("an object changed");
}
static void pair(void)
{
	unsigned char *p = kmem_cache_alloc(cache, GFP_KERNEL);

	use(&p, 1);
	kmem_cache_free(cache, p);
}
/* Freed in another order than taken: no record says that they are objects. */
static void two_by_size(void)
{
	unsigned char *p[2] = {kmalloc(64, GFP_KERNEL), kmalloc(64, GFP_KERNEL)};

	use(p, 2);
	kfree(p[0]);
	kfree(p[1]);
}
static void bulk(void)
{
	void *p[5];

	if (kmem_cache_alloc_bulk(cache, GFP_KERNEL, 5, p) != 5)
		mock_fail("no bulk");
	use((unsigned char **)p, 5);
	kmem_cache_free_bulk(cache, 5, p);
}

/* What the stock has: were it the interrupt's, too, it would be seen to change. */
static void use_stock(void)
{
	unsigned char *p[10];

	for (unsigned i = 0; i < 10; i++)
		p[i] = irq.by_size ? kmalloc(64, GFP_KERNEL) : kmem_cache_alloc(cache, GFP_KERNEL);
	use(p, 10);
	kfree_bulk(10, (void **)p);
}

static void interrupted(void (*what)(void), bool by_size, const char *slab_debug)
{
	mock_start(&(struct mock_config){.extra.slab_debug = slab_debug});
	irq.holds = false;
	irq.by_size = by_size;
	cache = kmem_cache_create("t", 64, NULL, 0);
	use_stock();
	trap.enter = enter;
	for (unsigned i = 0; i < 2 * APART; i++) {
		if (irq.holds != (i >= APART))
			handler(NULL);
		irq.count = 0;
		interrupted_at(1 + i % APART, APART, what, NULL);
		use_stock();
		assert_true(irq.count > 50);
		assert_int_equal(slab_check(), 0);
	}
	if (irq.holds)
		handler(NULL);
	assert_int_equal(active_of("t"), 0);
	assert_int_equal(active_of("kmalloc-64"), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

static void h030_by_size(void **state)
{
	(void)state;
	interrupted(two_by_size, true, NULL);
}
static void h030_bulk(void **state)
{
	(void)state;
	interrupted(bulk, false, NULL);
}
static void h030_debugged(void **state)
{
	(void)state;
	interrupted(pair, false, "FZPU");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(h030_by_size),
		cmocka_unit_test(h030_bulk),
		cmocka_unit_test(h030_debugged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
/* No such flag, or an instrumented build, whose steps are not those of the library. */
static void nothing(void **state)
{
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
