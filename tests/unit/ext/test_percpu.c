/* SPDX-License-Identifier: MIT */
/* test_percpu.c: an object for each CPU. */
#include "../slab/slab_test.h"

#include <quarry/percpu.h>
#include <quarry/report.h>

#define CPUS 3

static void start(void)
{
	mock_start(&(struct mock_config){.cpus = CPUS, .extra.nr_cpus = CPUS});
}

struct counter {
	unsigned long events, bytes;
	char rest[24];
};

/* Distinct and zero for each CPU; memory that comes back is zero again. */
static void api23_percpu_objects_are_apart(void **state)
{
	(void)state;
	start();
	struct counter *p[300];

	for (unsigned turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < 300; i++) {
			p[i] = alloc_percpu(struct counter);
			assert_non_null(p[i]);
			for (unsigned cpu = 0; cpu < CPUS; cpu++) {
				char *own = (char *)per_cpu_ptr(p[i], cpu);
				assert_true(all_bytes(own, 0, sizeof(struct counter)));
				memset(own, (int)(i * CPUS + cpu) | 1, sizeof(struct counter));
			}
		}
		assert_int_equal(mm_check(), 0);
		for (unsigned i = 0; i < 300; i++) {
			for (unsigned cpu = 0; cpu < CPUS; cpu++)
				assert_true(all_bytes(per_cpu_ptr(p[i], cpu),
						      (unsigned char)((i * CPUS + cpu) | 1),
						      sizeof(struct counter)));
			free_percpu(p[i]);
		}
		assert_int_equal(mm_check(), 0);
	}
	free_percpu(NULL);
	mock_stop();
}

/* Every size at every alignment, at once: aligned on each CPU, no two overlap. */
static void api23_percpu_sizes_and_alignment(void **state)
{
	(void)state;
	start();
	static char *p[400];
	unsigned n = 0;

	for (size_t align = 1; align <= PAGE_SIZE; align *= 2)
		for (size_t size = 1; size <= PAGE_SIZE; size = size * 3 / 2 + 1) {
			p[n] = __alloc_percpu(size, align);
			assert_non_null(p[n]);
			for (unsigned cpu = 0; cpu < CPUS; cpu++) {
				assert_int_equal((uintptr_t)per_cpu_ptr(p[n], cpu) % align, 0);
				memset(per_cpu_ptr(p[n], cpu), (int)n & 0xff, size);
			}
			n++;
		}
	char *whole = __alloc_percpu(PAGE_SIZE, PAGE_SIZE);
	assert_non_null(whole);
	free_percpu(whole);
	for (unsigned i = 0; i < n; i++)
		for (unsigned cpu = 0; cpu < CPUS; cpu++)
			assert_int_equal(per_cpu_ptr(p[i], cpu)[0], (char)i);
	for (unsigned i = 0; i < n; i += 2)
		free_percpu(p[i]);
	assert_int_equal(mm_check(), 0);
	for (unsigned i = 1; i < n; i += 2)
		free_percpu(p[i]);
	mock_stop();
}

static void count_on_this_cpu(void *arg, unsigned cpu)
{
	(void)cpu;
	for (unsigned i = 0; i < 1000; i++)
		++*this_cpu_ptr((unsigned long *)arg);
}

/* Each CPU counts for itself, all at once. */
static void api23_percpu_counts(void **state)
{
	(void)state;
	start();
	unsigned long *hits = alloc_percpu(unsigned long);

	assert_non_null(hits);
	mock_run_cpus(CPUS, count_on_this_cpu, hits);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		assert_int_equal(*per_cpu_ptr(hits, cpu), 1000);
	free_percpu(hits);
	mock_stop();
}

static void churn(void *arg, unsigned cpu)
{
	unsigned long *kept[40] = {0};
	unsigned seed = *(unsigned *)arg + cpu;

	for (unsigned i = 0; i < 400; i++) {
		unsigned at = (seed = seed * 1103515245 + 12345) >> 16;
		unsigned long **slot = &kept[at % 40];
		if (*slot) {
			assert_int_equal(**slot, (unsigned long)(slot - kept) + cpu * 100);
			free_percpu(*slot);
			*slot = NULL;
		} else {
			*slot = __alloc_percpu_gfp(8 + at % 3000, 8, GFP_KERNEL);
			if (*slot)
				**slot = (unsigned long)(slot - kept) + cpu * 100;
		}
	}
	for (unsigned i = 0; i < 40; i++)
		free_percpu(kept[i]);
}

/* CPUs take and free beside each other. */
static void api23_percpu_under_contention(void **state)
{
	(void)state;
	start();
	unsigned seed = 7;

	mock_run_cpus(CPUS, churn, &seed);
	mock_stop();
}

/* In an interrupt there are objects as long as a chunk has room. */
static void api23_percpu_when_it_may_not_sleep(void **state)
{
	(void)state;
	start();
	void *first = __alloc_percpu(64, 64);

	mock_set_context(QUARRY_CTX_ATOMIC | QUARRY_CTX_IRQ);
	void *second = __alloc_percpu_gfp(64, 64, GFP_ATOMIC);
	assert_non_null(second);
	free_percpu(second);
	mock_set_context(0);
	free_percpu(first);
	mock_stop();
}

static void api23_percpu_bad_input_is_reported(void **state)
{
	(void)state;
	start();
	mock_expect_report(QUARRY_RULE_SIZE_LIMIT, 2);
	assert_null(__alloc_percpu(0, 8));
	assert_null(__alloc_percpu(PAGE_SIZE + 1, 8));
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 3);
	assert_null(__alloc_percpu(8, 0));
	assert_null(__alloc_percpu(8, 24));
	assert_null(__alloc_percpu(8, 2 * PAGE_SIZE));

	char *p = __alloc_percpu(40, 8), *q = __alloc_percpu(40, 8);
	mock_expect_report(QUARRY_RULE_OBJECT_INTERIOR, 2);
	free_percpu(p + 8);
	free_percpu(p + 1);
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 2);
	free_percpu(per_cpu_ptr(p, 1));
	free_percpu(&p);
	free_percpu(p);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	free_percpu(p);
	free_percpu(q);
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 1);
	free_percpu(q); /* its chunk is gone */

	/* The first object of a chunk starts its memory, which is nobody else's to free. */
	p = __alloc_percpu(40, 8);
	mock_expect_report(QUARRY_RULE_FREE_KIND, 2);
	kfree(p);
	kvfree(p);
	assert_int_equal(ksize(p), 0);
	*(int *)(void *)per_cpu_ptr(p, CPUS - 1) = 5;
	free_percpu(p);
	mock_stop();
}

static void find_percpu(void *ctx, const char *text)
{
	if (!strncmp(text, "Percpu:", 7))
		*(unsigned long *)ctx = strtoul(text + 7, NULL, 10);
}

/* The chunks are in meminfo. */
static void api23_percpu_is_in_meminfo(void **state)
{
	(void)state;
	start();
	unsigned long before = 0, after = 0;

	quarry_report_meminfo(find_percpu, &before);
	void *p = __alloc_percpu(8, 8);
	quarry_report_meminfo(find_percpu, &after);
	assert_int_equal(after - before, CPUS * PAGE_SIZE / 1024);
	free_percpu(p);
	quarry_report_meminfo(find_percpu, &after);
	assert_int_equal(after, before);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(api23_percpu_objects_are_apart),
		cmocka_unit_test(api23_percpu_sizes_and_alignment),
		cmocka_unit_test(api23_percpu_counts),
		cmocka_unit_test(api23_percpu_under_contention),
		cmocka_unit_test(api23_percpu_when_it_may_not_sleep),
		cmocka_unit_test(api23_percpu_bad_input_is_reported),
		cmocka_unit_test(api23_percpu_is_in_meminfo),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
