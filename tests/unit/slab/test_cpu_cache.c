/* SPDX-License-Identifier: MIT */
/* test_cpu_cache.c: the CPUs' stocks: interrupts, other CPUs, CPUs that come and go. */
#define _GNU_SOURCE
#include "tests/unit/nmi.h"

#include "slab_test.h"

static struct kmem_cache *cache;

static void setup(const struct mock_config *config)
{
	mock_start(config);
	cache = kmem_cache_create("t", 64, NULL, 0);
	assert_non_null(cache);
}
static void teardown(void)
{
	kmem_cache_destroy(cache);
	mock_stop();
}

/* A stock hands out the newest object first, and no slab is touched between refills. */
static void newest_first(void **state)
{
	(void)state;
	setup(NULL);
	void *a = kmem_cache_alloc(cache, GFP_KERNEL), *b = kmem_cache_alloc(cache, GFP_KERNEL);

	kmem_cache_free(cache, a);
	kmem_cache_free(cache, b);
	mock_hook_reset();
	assert_ptr_equal(kmem_cache_alloc(cache, GFP_KERNEL), b);
	assert_ptr_equal(kmem_cache_alloc(cache, GFP_KERNEL), a);
	assert_int_equal(mock_hook_count(MOCK_IRQ_SAVE), 0);
	kmem_cache_free(cache, a);
	kmem_cache_free(cache, b);
	assert_int_equal(mock_hook_count(MOCK_IRQ_SAVE), 0);
	teardown();
}

/* The counters are exact whatever the stocks hold. (slabinfo) */
static void counters_are_exact(void **state)
{
	struct slab_info info;
	void *object[300];

	(void)state;
	setup(NULL);
	for (unsigned i = 0; i < 300; i++) {
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		assert_int_equal(active_of("t"), i + 1);
	}
	for (unsigned i = 0; i < 300; i++) {
		kmem_cache_free(cache, object[(i * 7) % 300]);
		assert_int_equal(active_of("t"), 299 - i);
	}
	assert_true(find_info("t", &info));
	assert_true(info.in_stocks > 0 && info.in_stocks <= info.stock_cap);
	assert_int_equal(slab_check(), 0);
	assert_int_equal(kmem_cache_shrink(cache), 0);
	assert_true(find_info("t", &info));
	assert_int_equal(info.in_stocks + info.slabs + info.pages + info.total, 0);
	teardown();
}

/* ---- interrupts ---- */

static struct {
	void *held[4];
	unsigned runs;
} irq;

/* Takes two, gives one back, keeps one. */
static void handler(void *arg)
{
	(void)arg;
	void *a = kmem_cache_alloc(cache, GFP_ATOMIC), *b = kmem_cache_alloc(cache, GFP_ATOMIC);

	assert_non_null(a);
	assert_non_null(b);
	assert_ptr_not_equal(a, b);
	memset(a, 0xa1, 64);
	memset(b, 0xb2, 64);
	kmem_cache_free(cache, a);
	irq.held[irq.runs++ % 4] = b;
}

static bool distinct(void **object, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < i; j++)
			if (object[i] == object[j])
				return false;
	return true;
}

/* An interrupt that allocates and frees in the same cache, at every hook call of a sequence that
 * refills and drains. (H30) */
static void h030_interrupt_at_every_point(void **state)
{
	void *object[150];

	(void)state;
	for (unsigned point = 1; point < 2000; point += 2000 / MOCK_STEPS(2000u)) {
		irq.runs = 0;
		setup(NULL);
		mock_interrupt_at(point, handler, NULL);
		for (unsigned i = 0; i < 140; i++) {
			object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
			memset(object[i], (int)i, 64);
		}
		object[140] = irq.held[0];
		assert_true(distinct(object, irq.runs ? 141 : 140));
		for (unsigned i = 0; i < 140; i++) {
			assert_true(all_bytes(object[i], (unsigned char)i, 64));
			kmem_cache_free(cache, object[i]);
		}
		bool done = irq.runs == 0;

		if (!done) {
			assert_true(all_bytes(irq.held[0], 0xb2, 64));
			assert_int_equal(active_of("t"), 1);
			kmem_cache_free(cache, irq.held[0]);
		}
		mock_interrupt_at(0, NULL, NULL);
		assert_int_equal(slab_check(), 0);
		teardown();
		if (done) {
			assert_true(point > 300);
			return;
		}
	}
	fail_msg("the sequence did not end");
}

#ifdef HAVE_STEPS
/* An object that an interrupt took or is to free, and whether there is one. */
static void *theirs;
static bool theirs_taken;

static void take_theirs(void)
{
	mock_self.now.context = QUARRY_CTX_IRQ;
	theirs = kmem_cache_alloc(cache, GFP_ATOMIC);
	theirs_taken = true;
}
static void free_theirs(void)
{
	mock_self.now.context = QUARRY_CTX_IRQ;
	kmem_cache_free(cache, theirs);
	theirs_taken = false;
}

static void *stepped;
static bool pushed;
static void op_pop(void)
{
	stepped = object_pop(stock_fast(cache, 0));
}
static void op_push(void)
{
	pushed = object_push(cache, stock_fast(cache, 0), NULL, stepped);
}

/* Pop an object and push it, with an interrupt after `at` instructions of each. `between`: another
 * one is popped in between. Return: false if both were over before. */
static bool pair_interrupted_at(unsigned long at, bool between, void (*before)(void),
				void (*fn)(void))
{
	bool during = false;

	for (unsigned push = 0; push < 2; push++) {
		void *other = between && push ? kmem_cache_alloc(cache, GFP_ATOMIC) : NULL;
		void *some[4];

		before();
		/* What the interrupt finds busy it takes from the slab, or gives back there. */
		for (unsigned i = 0; i < 4 && !push; i++)
			some[i] = kmem_cache_alloc(cache, GFP_ATOMIC);
		for (unsigned i = 0; i < 4 && !push; i++)
			kmem_cache_free(cache, some[i]);
		cpu_pin();
		during |= interrupted_at(at, 0, push ? op_push : op_pop, fn);
		cpu_unpin();
		assert_non_null(stepped);
		if (theirs_taken) {
			assert_true(push || stepped != theirs);
			kmem_cache_free(cache, theirs);
			theirs_taken = false;
		}
		if (push && !pushed)
			kmem_cache_free(cache, stepped);
		kmem_cache_free(cache, other);
		assert_int_equal(active_of("t"), 1 + !push);
		assert_int_equal(slab_check(), 0);
	}
	return during;
}

static void nothing(void)
{
}

/* The same between any two instructions of a request that the stock answers, and of a free.
 * (H30) */
static void h030_interrupt_between_instructions(void **state)
{
	void *object[20];

	(void)state;
	setup(NULL);
	for (unsigned i = 0; i < 20; i++)
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (unsigned i = 1; i < 20; i++) /* the first keeps the slab */
		kmem_cache_free(cache, object[i]);
	for (unsigned way = 0; way < 4; way++) {
		bool gives = way % 2;
		unsigned long at = 1;

		theirs_taken = false;
		while (pair_interrupted_at(at, way / 2, gives ? take_theirs : nothing,
					   gives ? free_theirs : take_theirs))
			at++;
		assert_true(at > 15);
	}
	kmem_cache_free(cache, object[0]);
	teardown();
}
#endif

/* An interrupt that finds the stock in use goes past it; nothing waits. */
static void busy_stock_is_left_alone(void **state)
{
	(void)state;
	setup(NULL);
	void *p = kmem_cache_alloc(cache, GFP_KERNEL);
	struct object_stock *stock = stock_of(cache, 0);
	size_t n = stock_count(stock);

	assert_true(stock_begin(stock));
	void *q = kmem_cache_alloc(cache, GFP_ATOMIC);

	assert_non_null(q);
	assert_ptr_not_equal(p, q);
	kmem_cache_free(cache, q);
	assert_int_equal(stock_count(stock), n);
	assert_false(cpu_cache_drain(cache, 0));
	stock_end(stock);
	assert_true(cpu_cache_drain(cache, 0));
	assert_int_equal(stock_count(stock), 0);
	kmem_cache_free(cache, p);
	teardown();
}

/* ---- several CPUs ---- */

/* What one CPU allocated another one frees; each CPU's stock is emptied by the CPU itself. (H32) */
static void other_cpu_frees(void **state)
{
	struct mock_config config = {.cpus = 3};
	void *object[200];

	(void)state;
	setup(&config);
	for (unsigned i = 0; i < 200; i++) {
		mock_set_cpu(i % 3);
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	}
	for (unsigned i = 0; i < 200; i++) {
		mock_set_cpu((i + 1) % 3);
		kmem_cache_free(cache, object[i]);
	}
	mock_set_cpu(0);
	assert_int_equal(active_of("t"), 0);
	for (unsigned cpu = 0; cpu < 3; cpu++)
		assert_true(stock_count(stock_of(cache, cpu)) > 0);
	assert_int_equal(kmem_cache_shrink(cache), 0);
	for (unsigned cpu = 0; cpu < 3; cpu++)
		assert_int_equal(stock_count(stock_of(cache, cpu)), 0);
	teardown();
}

/* A CPU goes: its objects come back. It returns: it has stocks again. (H33) */
static void h033_cpu_offline_and_back(void **state)
{
	struct mock_config config = {.cpus = 2};
	struct kmem_cache *kmalloc_24 = quarry_kmalloc_cache(QUARRY_KMALLOC_NORMAL, 2);
	void *object[20];

	(void)state;
	mock_start(&config);
	for (unsigned round = 0; round < 3; round++) {
		cache = kmem_cache_create("t", 64, NULL, 0);
		mock_set_cpu(1);
		for (unsigned i = 0; i < 20; i++)
			object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		for (unsigned i = 0; i < 20; i++)
			kmem_cache_free(cache, object[i]);
		kfree(kmalloc(24, GFP_KERNEL));
		assert_true(stock_count(stock_of(cache, 1)) > 0);
		assert_true(stock_count(stock_of(kmalloc_24, 1)) > 0);

		mock_set_cpu(0);
		assert_int_equal(quarry_cpu_offline(1), 0);
		mock_cpu_stop(1);
		assert_ptr_equal(stock_of(cache, 1), STOCK_NONE);
		assert_ptr_equal(stock_of(kmalloc_24, 1), STOCK_NONE);
		assert_int_equal(active_of("t"), 0);
		kmem_cache_destroy(cache);

		mock_cpu_start(1);
		mock_set_cpu(1);
		assert_int_equal(quarry_cpu_online(), 0);
		assert_ptr_not_equal(stock_of(kmalloc_24, 1), STOCK_NONE);
		kfree(kmalloc(24, GFP_KERNEL));
		mock_set_cpu(0);
	}
	mock_stop();
}

#define ROUNDS 3000u
#define SLOTS 64u
static void *exchange[SLOTS];

/* Random work: allocate, swap with a shared slot, free what was there; now and then empty the
 * stocks. */
static void churn(void *arg, unsigned cpu)
{
	uint64_t random = 1 + cpu;

	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t dice = mock_random(&random);
		size_t size = 8 + dice % 700;
		unsigned char *p = dice >> 20 & 1
					   ? kmalloc(size, dice >> 21 & 1 ? GFP_ATOMIC : GFP_KERNEL)
					   : kmem_cache_alloc(cache, GFP_KERNEL);

		if (p)
			p[0] = p[ksize(p) - 1] = (unsigned char)cpu;
		p = __atomic_exchange_n(&exchange[dice >> 32 & (SLOTS - 1)], p, __ATOMIC_ACQ_REL);
		if (p && p[0] != p[ksize(p) - 1])
			mock_fail("an object was handed out twice");
		kfree(p);
		if ((dice >> 40) % 512 == 0)
			slab_drain();
	}
}

static void threads_exchange_objects(void **state)
{
	struct mock_config config = {.cpus = 4};

	(void)state;
	setup(&config);
	mock_run_cpus(4, churn, NULL);
	for (unsigned i = 0; i < SLOTS; i++) {
		kfree(exchange[i]);
		exchange[i] = NULL;
	}
	assert_int_equal(active_of("t"), 0);
	assert_int_equal(slab_check(), 0);
	teardown();
}

static void create_and_destroy(void *arg, unsigned cpu)
{
	(void)arg;
	for (unsigned i = 0; i < 40; i++) {
		struct kmem_cache *own = kmem_cache_create("own", 40 + cpu * 8, NULL, 0);
		void *p[40];

		for (unsigned k = 0; k < 40; k++)
			p[k] = kmem_cache_alloc(own, GFP_KERNEL);
		for (unsigned k = 0; k < 40; k++)
			kmem_cache_free(own, p[k]);
		if (i % 8 == 0)
			slab_drain();
		kmem_cache_destroy(own);
	}
}

/* Caches come and go on all CPUs while all stocks are emptied. (H46) */
static void h046_threads_create_and_destroy(void **state)
{
	struct mock_config config = {.cpus = 3};

	(void)state;
	setup(&config);
	mock_run_cpus(3, create_and_destroy, NULL);
	assert_int_equal(slab_check(), 0);
	teardown();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newest_first),
		cmocka_unit_test(counters_are_exact),
		cmocka_unit_test(h030_interrupt_at_every_point),
#ifdef HAVE_STEPS
		cmocka_unit_test(h030_interrupt_between_instructions),
#endif
		cmocka_unit_test(busy_stock_is_left_alone),
		cmocka_unit_test(other_cpu_frees),
		cmocka_unit_test(h033_cpu_offline_and_back),
		cmocka_unit_test(threads_exchange_objects),
		cmocka_unit_test(h046_threads_create_and_destroy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
