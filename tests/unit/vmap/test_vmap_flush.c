/* SPDX-License-Identifier: MIT */
/* test_vmap_flush.c: many frees, one flush; nothing comes back before it. The mock fails a test
 * that breaks this. */
#define _DEFAULT_SOURCE
#include <unistd.h>

#include "vmap_test.h"

#include <quarry/execmem.h>

/* Neither the addresses nor the pages of a freed area are seen again before the flush. */
static void g143_no_reuse_before_the_flush(void **state)
{
	static void *seen[64];

	(void)state;
	mock_start(NULL);
	mock_hook_reset();
	for (unsigned i = 0; i < COUNT(seen); i++) {
		seen[i] = vmalloc(3 * PAGE_SIZE);
		for (unsigned k = 0; k < i; k++)
			assert_ptr_not_equal(seen[i], seen[k]);
		vfree(seen[i]);
		assert_int_equal(vmap_waiting_pages(), 3 * (i + 1));
	}
	assert_int_equal(mock_hook_count(MOCK_FLUSH), 0);
	vm_unmap_aliases();
	assert_int_equal(mock_hook_count(MOCK_FLUSH), 1);
	assert_int_equal(vmap_waiting_pages(), 0);
	void *p = vmalloc(3 * PAGE_SIZE);
	assert_ptr_equal(p, seen[0]);
	vfree(p);
	mock_stop();
}

/* 64 MiB machine: a flush per 4 MiB freed (a sixteenth), whatever the size of the areas. */
static void one_flush_per_batch(void **state)
{
	static const unsigned long sizes[] = {1, 16, 100, 600};

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		struct mock_config config = {.cpus = 4};
		unsigned long freed = 0, flushes;

		mock_start(&config);
		flushes = quarry_vmap_flushes();
		while (freed < 64 * MOCK_MIB) {
			vfree(vmalloc(sizes[i] * PAGE_SIZE));
			freed += sizes[i] * PAGE_SIZE;
		}
		flushes = quarry_vmap_flushes() - flushes;
		assert_true(flushes >= 14 && flushes <= 16);
		mock_stop();
	}
}

/* 64 MiB machine, 4 MiB may wait. What was flushed comes back as more is freed, not all at once,
 * and with it never more than 4 MiB is kept back. Who asks for all of it gets it. */
static void flushed_pages_come_back_in_turn(void **state)
{
	static struct page *held[20000];
	const unsigned long each = 100;
	unsigned long n, waiting = 0, jumps = 0;

	(void)state;
	mock_start(NULL);
	n = fragment_memory(held, COUNT(held));
	for (unsigned i = 0; i < 60; i++) {
		vfree(vmalloc(each * PAGE_SIZE));
		unsigned long now = vmap_waiting_pages();

		assert_true(now <= 4 * MOCK_MIB / PAGE_SIZE && now + each >= waiting);
		jumps += now < waiting && waiting - now > each;
		waiting = now;
	}
	assert_true(quarry_vmap_flushes() >= 4);
	assert_int_equal(jumps, 0);
	assert_true(waiting > 900);
	vm_unmap_aliases();
	assert_int_equal(vmap_waiting_pages(), 0);
	release_memory(held, n);
	mock_stop();
}

/* Every other CPU is asked, by the flush hook if there is one. */
static void every_cpu_flushes(void **state)
{
	(void)state;
	for (unsigned hook = 0; hook < 2; hook++) {
		struct mock_config config = {.cpus = 3, .flush_hook = hook};
		void *p;

		mock_start(&config);
		p = vmalloc(2 * PAGE_SIZE);
		for (unsigned cpu = 0; cpu < 3; cpu++) {
			mock_set_cpu(cpu);
			mock_load(va_of(p));
		}
		mock_set_cpu(1);
		vfree(p);
		mock_hook_reset();
		vm_unmap_aliases();
		assert_int_equal(mock_hook_count(MOCK_FLUSH), 1);
		assert_int_equal(mock_hook_count(MOCK_CALL_OTHERS), 1);
		/* Its page and its addresses go to whoever asks; a stale translation would fail
		 * the test. */
		void *q = vmalloc(2 * PAGE_SIZE);
		assert_ptr_equal(q, p);
		for (unsigned cpu = 0; cpu < 3; cpu++) {
			mock_set_cpu(cpu);
			mock_store(va_of(q), (uint8_t)cpu);
			assert_int_equal(mock_load(va_of(q)), cpu);
		}
		vfree(q);
		mock_set_cpu(0);
		mock_stop();
	}
}

/* The task may move to another CPU at any unpinned moment: none is missed. */
static void migration_misses_no_cpu(void **state)
{
	(void)state;
	for (unsigned hook = 0; hook < 2; hook++) {
		struct mock_config config = {.cpus = 4, .migrate = true, .flush_hook = hook};

		mock_start(&config);
		for (unsigned i = 0; i < 200; i++) {
			char *p = vmalloc((1 + i % 5) * PAGE_SIZE);

			mock_store(va_of(p), 1);
			vfree(p);
			if (i % 16 == 15)
				vm_unmap_aliases();
		}
		mock_stop();
	}
}

/* What waits comes back before a request fails. */
static void waiting_pages_serve_requests(void **state)
{
	static struct page *held[20000];
	unsigned long n = 0, free_now;

	(void)state;
	mock_start(NULL);
	void *p = vmalloc(2 * MOCK_MIB);
	while (n < COUNT(held) && (held[n] = alloc_pages(GFP_NOWAIT, 0)))
		n++;
	vfree(p);
	assert_int_equal(vmap_waiting_pages(), 512);
	assert_null(alloc_pages(GFP_NOWAIT, 0));
	free_now = n;
	while (n < COUNT(held) && (held[n] = alloc_pages(GFP_KERNEL | __GFP_NOWARN, 0)))
		n++;
	assert_true(n >= free_now + 512);
	release_memory(held, n);
	mock_stop();
}

static void unmap_aliases_needs_to_wait(void **state)
{
	(void)state;
	mock_start(NULL);
	vfree(vmalloc(1));
	mock_set_context(QUARRY_CTX_ATOMIC);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	vm_unmap_aliases();
	mock_set_context(0);
	assert_int_equal(vmap_waiting_pages(), 1);
	mock_stop();
}

/* CPUs that all drain, while they use and free areas: tables and chunks vanish and come back
 * under each other. */
static void churn_and_drain(void *arg, unsigned cpu)
{
	uint64_t seed = cpu + 5;

	(void)arg;
	for (unsigned i = 0; i < 120; i++) {
		uint64_t r = mock_random(&seed);
		unsigned long pages = 1 + (r >> 8) % ((r & 7) ? 4 : 600);
		char *p = vmalloc(pages * PAGE_SIZE);

		if (!p)
			mock_fail("vmalloc of %lu pages failed", pages);
		p[0] = p[(pages - 1) * PAGE_SIZE] = (char)i;
		if (p[0] != (char)i)
			mock_fail("page 0 changed");
		vfree(p);
		if ((r >> 32) % 8 == 0)
			vmap_drain();
		if ((r >> 32) % 8 == 1)
			vm_unmap_aliases();
	}
}

static void four_cpus_drain(void **state)
{
	struct mock_config config = {.cpus = 4};

	(void)state;
	mock_start(&config);
	mock_run_cpus(4, churn_and_drain, NULL);
	mock_stop();
}

/*
 * CPUs that together use less than memory, even with what each of them has freed: a request finds
 * what other CPUs are just purging, so none may fail.
 */
static unsigned long refused;

static void use_and_free(void *arg, unsigned cpu)
{
	(void)cpu;
	for (unsigned i = 0; i < 60; i++) {
		void *p = __vmalloc(*(size_t *)arg, GFP_KERNEL | __GFP_NOWARN);

		if (!p)
			__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
		vfree(p);
	}
}

static void purges_of_others_are_waited_for(void **state)
{
	struct mock_config config = {
		.bytes = 32 * MOCK_MIB, .cpus = 4, .vmalloc_size = 256 * MOCK_MIB};
	size_t each = 5 * MOCK_MIB;

	(void)state;
	mock_start(&config);
	refused = 0;
	mock_run_cpus(4, use_and_free, &each);
	assert_int_equal(refused, 0);
	mock_stop();
}

/*
 * The same for addresses. An area takes two chunks of 2 MiB; three of other CPUs, each in use or
 * waiting for a flush, can lie so that no gap has more than one: 3 * 2 + 4 of the 11 chunks.
 */
static void addresses_of_others_are_waited_for(void **state)
{
	struct mock_config config = {
		.bytes = 64 * MOCK_MIB, .cpus = 4, .vmalloc_size = 22 * MOCK_MIB};
	size_t each = 3 * MOCK_MIB;

	(void)state;
	mock_start(&config);
	refused = 0;
	mock_run_cpus(4, use_and_free, &each);
	assert_int_equal(refused, 0);
	mock_stop();
}

/*
 * Unmapped in an interrupt, and another CPU is interrupted while it takes the area down: who calls
 * vm_unmap_aliases then waits for it.
 */
enum { MAPPED, PUT_OFF, HALFWAY, DONE };
static unsigned stage;
static bool code; /* sealed memory of execmem, not a mapping */

/* Meanwhile this CPU answers the others' calls. */
static void wait_for_stage(unsigned s, unsigned ms)
{
	for (unsigned i = 0; i < ms * 10 && __atomic_load_n(&stage, __ATOMIC_ACQUIRE) < s; i++) {
		arch_irq_restore(arch_irq_save());
		usleep(100);
	}
}
static void go_to_stage(unsigned s)
{
	__atomic_store_n(&stage, s, __ATOMIC_RELEASE);
}

static void stay_halfway(void *unused)
{
	(void)unused;
	go_to_stage(HALFWAY);
	wait_for_stage(DONE, 20);
}

static void unmap_together(void *arg, unsigned cpu)
{
	struct page **pages = arg;

	if (cpu) {
		wait_for_stage(PUT_OFF, 10000);
		mock_interrupt_at(20, stay_halfway, NULL);
		mock_run_deferred();
		return;
	}
	void *p = code ? execmem_alloc(EXECMEM_DEFAULT, 64 * PAGE_SIZE)
		       : vmap(pages, 64, VM_MAP, PAGE_KERNEL);

	refused += code && execmem_seal(p);
	mock_set_context(QUARRY_CTX_IRQ | QUARRY_CTX_ATOMIC);
	if (code)
		execmem_free(p);
	else
		vunmap(p);
	mock_set_context(0);
	go_to_stage(PUT_OFF);
	wait_for_stage(HALFWAY, 10000);
	vm_unmap_aliases();
	refused += !is_vmalloc_addr(p) || vmalloc_to_pfn((char *)p + 63 * PAGE_SIZE);
	go_to_stage(DONE);
}

static void areas_that_others_take_down_are_waited_for(void **state)
{
	struct mock_config config = {.cpus = 2, .protect_direct = true};
	struct page *page, *pages[64];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		mock_start(&config);
		page = alloc_page(GFP_KERNEL);
		for (unsigned k = 0; k < COUNT(pages); k++)
			pages[k] = page;
		refused = 0;
		stage = MAPPED;
		code = i;
		mock_run_cpus(2, unmap_together, pages);
		assert_int_equal(refused, 0);
		__free_page(page);
		mock_stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g143_no_reuse_before_the_flush),
		cmocka_unit_test(one_flush_per_batch),
		cmocka_unit_test(flushed_pages_come_back_in_turn),
		cmocka_unit_test(every_cpu_flushes),
		cmocka_unit_test(migration_misses_no_cpu),
		cmocka_unit_test(waiting_pages_serve_requests),
		cmocka_unit_test(unmap_aliases_needs_to_wait),
		cmocka_unit_test(four_cpus_drain),
		cmocka_unit_test(purges_of_others_are_waited_for),
		cmocka_unit_test(addresses_of_others_are_waited_for),
		cmocka_unit_test(areas_that_others_take_down_are_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
