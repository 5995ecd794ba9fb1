/* SPDX-License-Identifier: MIT */
/*
 * test_selftest.c: the self-test passes on a right machine, and each wrong hook that the mock can
 * play fails it; the list of features tells what this boot has.
 */
#define _GNU_SOURCE
#include "text.h"

#include <sys/mman.h>

#include "mm/base/log.h"
#include "mm/phys/pageblock.h"
#include "mm/phys/zone.h"
#include "mm/report/memtest.h"
#include "tests/mock/world.h"

static bool passed;
static void selftest(quarry_write_fn write, void *ctx)
{
	passed = quarry_selftest(write, ctx);
}

/* The result of one check: "pass", "FAIL (why)", or NULL if it was not made. */
static const char *result_of(const char *name)
{
	struct text *text = text_of(selftest);
	size_t length = strlen(name);
	const char *result = NULL;
	bool all = true;

	for (char *line; (line = text_line(text));) {
		const char *colon = strchr(line, ':');
		assert_non_null(colon);
		all &= !strcmp(colon, ": pass");
		if (!strcmp(colon, ": pass") || !strncmp(colon, ": FAIL (", 8)) {
			if (!strncmp(line, name, length) && colon == line + length)
				result = colon + 2;
		} else {
			fail_msg("\"%s\" is neither a pass nor a failure", line);
		}
	}
	assert_int_equal(all, passed);
	return result;
}

static void check_passes(const char *name)
{
	assert_string_equal(result_of(name), "pass");
	assert_true(passed);
}

/* The check fails for this reason. */
static void check_fails_for(const char *name, const char *why)
{
	const char *result = result_of(name);

	assert_false(passed);
	assert_non_null(result);
	if (!strstr(result, why))
		fail_msg("%s: %s; expected: %s", name, result, why);
}

/* ---- right machines ---- */

static void passes_on_right_machines(void **state)
{
	static const struct mock_config configs[] = {
		{ .cpus = 1 },
		{ .cpus = 4 },
		{ .cpus = 4, .flush_hook = true },
		{ .cpus = 4, .migrate = true },
		{ .cpus = 4, .no_optional = true },
		{ .cpus = 2, .no_vmalloc = true },
		{ .cpus = 2, .format = MOCK_PT_LEVELS_3 },
		{ .cpus = 2, .format = MOCK_PT_LEVELS_5 },
		{ .bytes = 2 * MOCK_MIB },
		{ .no_sleep = true },
		{ .dirty_memory = true, .bytes = 4 * MOCK_MIB },
		{ .extra = { .no_parking = true } },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		mock_start(&configs[i]);
		for (unsigned cpu = 0; cpu < mock_world.cpus; cpu++) {
			mock_set_cpu(cpu);
			check_passes("memory functions");
			check_passes("direct map");
		}
		mock_set_cpu(0);
		assert_int_equal(result_of("cross-call") != NULL, mock_world.cpus > 1);
		assert_int_equal(result_of("clock") != NULL, !configs[i].no_optional);
		assert_int_equal(result_of("TLB flush") != NULL, !configs[i].no_vmalloc);
		mock_stop();
	}
}

static void every_check_is_made(void **state)
{
	static const char *const names[] = {
		"memory functions", "context",       "irq state",  "task word",
		"cpu number",	    "pin",	     "cross-call", "clock",
		"clocks of all CPUs", "memory map",  "direct map", "page clearing",
		"vmalloc range",    "TLB flush",
	};

	(void)state;
	mock_start(&(struct mock_config){ .cpus = 3 });
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_passes(names[i]);
	mock_stop();
}

/* Each CPU its own thread, as on a machine: one runs the self-test, the others are interrupted. */
static void on_cpu(void *arg, unsigned cpu)
{
	static struct text text;

	(void)arg;
	if (cpu == 1)
		passed = quarry_selftest(text_write, &text);
}

static void passes_with_running_cpus(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .cpus = 4 });
	passed = false;
	mock_run_cpus(4, on_cpu, NULL);
	assert_true(passed);
	mock_stop();
}

/* ---- wrong hooks ---- */

static uint64_t falling_clock(void)
{
	static uint64_t now = 1ull << 40;

	return now--;
}

static uint64_t clock_of_each_cpu(void)
{
	static uint64_t ticks;

	return (quarry_os_cpu() ? 1000 : 1ull << 40) + ticks++;
}

static void a_clock_that_goes_backwards(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .cpus = 2 });
	uint64_t (*right)(void) = mm_ops.clock_ns;
	mm_ops.clock_ns = falling_clock;
	check_fails_for("clock", "backwards on this CPU");
	mm_ops.clock_ns = clock_of_each_cpu;
	check_fails_for("clocks of all CPUs", "behind");
	assert_string_equal(result_of("clock"), "pass");
	mm_ops.clock_ns = right;
	check_passes("clock");
	mock_stop();
}

static void no_flush(uintptr_t start, uintptr_t end)
{
	(void)start;
	(void)end;
}

static void run_selftest(void *unused)
{
	(void)unused;
	text_of(selftest);
}

/* The mock's own TLB notices first: the self-test makes the missing flush matter. */
static void a_flush_that_does_nothing(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .cpus = 2, .flush_hook = true });
	check_passes("TLB flush");
	mm_ops.flush_tlb_others = no_flush;
	assert_non_null(mock_failure_of(run_selftest, NULL));
	mock_abandon();
}

static void a_context_word_that_lies(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_set_context(QUARRY_CTX_ATOMIC);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1000); /* GFP_KERNEL, said to be atomic */
	check_fails_for("context", "is not 0");
	check_fails_for("irq state", "stay masked");
	mock_set_context(0);
	mock_abandon();
}

static void a_cpu_that_was_not_announced(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .cpus = 2 });
	assert_int_equal(quarry_cpu_offline(1), 0);
	mock_set_cpu(1);
	check_fails_for("cpu number", "never announced");
	assert_int_equal(quarry_cpu_online(), 0);
	check_passes("cpu number");
	mock_set_cpu(0);
	mock_stop();
}

/* ---- wrong memory ---- */

/* Make the library believe that its own data lie at `phys`. */
static const char *map_with_data_at(phys_addr_t phys)
{
	uintptr_t right = quarry_direct_offset;

	quarry_direct_offset = (uintptr_t)zones - phys;
	const char *why = memtest_map();
	quarry_direct_offset = right;
	return why;
}

static void an_image_inside_usable_memory(void **state)
{
	(void)state;
	mock_start(NULL);
	assert_null(memtest_map());
	/* Never handed out, handed out, free again: all of it was given as usable. */
	unsigned long never = 0;
	for_every_populated_zone(zone)
		never = zone->extent ? zone->extent : never;
	assert_int_not_equal(never, 0);
	assert_non_null(map_with_data_at(PFN_PHYS(never)));
	struct page *page = alloc_page(GFP_KERNEL);
	assert_non_null(map_with_data_at(page_to_phys(page)));
	__free_page(page);
	assert_non_null(map_with_data_at(page_to_phys(page)));
	/* Memory below the map is not ours. */
	assert_null(map_with_data_at(PAGE_SIZE));
	mock_stop();
}

/* A frame that is seen at a second place of the direct map. */
static void alias(const struct page *page, const struct page *other)
{
	void *at = page_address(page);

	assert_ptr_equal(mmap(at, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			      mock_memory, (off_t)page_to_phys(other)),
			 at);
}

static void a_direct_map_with_aliases(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .base = 16 * MOCK_MIB });
	/* The block that the check will get, too. */
	struct page *block = alloc_pages(GFP_KERNEL, pageblock_order);
	__free_pages(block, pageblock_order);
	alias(&block[5], &block[300]);
	check_fails_for("direct map", "changed another");
	alias(&block[5], &block[5]);
	check_passes("direct map");
	mock_stop();
}

/* ---- features ---- */

static const char *feature(const char *name)
{
	struct text *text = text_of(quarry_features);
	size_t length = strlen(name);
	const char *value = NULL;

	for (char *line; (line = text_line(text));) {
		assert_non_null(strstr(line, ": "));
		if (!strncmp(line, name, length) && !strncmp(line + length, ": ", 2))
			value = line + length + 2;
	}
	assert_non_null(value);
	return value;
}

static void features_tell_what_is_on(void **state)
{
	unsigned whole, cents;
	unsigned long kept, all;

	(void)state;
	mock_start(&(struct mock_config){ .cpus = 3, .bytes = 256 * MOCK_MIB });
	assert_string_equal(feature("profile"), "SMP, at most 16 CPUs");
	assert_string_equal(feature("CPUs online"), "3");
	assert_string_equal(feature("nodes"), "1, of at most 4");
	assert_string_equal(feature("page struct"), "32 bytes");
	assert_non_null(strstr(feature("zones"), "0/DMA 0/DMA32"));
	assert_int_equal(sscanf(feature("metadata"), "%u.%u %% of memory, %lu of %lu KiB", &whole,
				&cents, &kept, &all),
			 4);
	assert_int_equal(all, 256 * 1024);
	assert_int_equal(kept, (65536 - totalram_pages()) * 4);
	assert_int_equal(whole * 100 + cents, kept * 10000 / all);
	assert_true(whole * 100 + cents < 90);
	assert_int_equal(strncmp(feature("parking"), "on", 2), 0);
	assert_int_equal(strncmp(feature("vmalloc"), "on, 1024 MiB from 0x", 20), 0);
	assert_string_equal(feature("debug"), "level 2");
	assert_string_equal(feature("context lint"), "on");
	assert_string_equal(feature("sleeping"), "requests may sleep");
	assert_string_equal(feature("hook clock_ns"), "present");
	mock_stop();
}

static void features_tell_what_is_off_and_why(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){ .no_vmalloc = true,
					  .no_sleep = true,
					  .no_optional = true,
					  .extra = { .no_parking = true } });
	assert_non_null(strstr(feature("vmalloc"), "off (quarry_init was given no virtual range)"));
	assert_int_equal(strncmp(feature("parking"), "off (", 5), 0);
	assert_int_equal(strncmp(feature("sleeping"), "not before", 10), 0);
	assert_int_equal(strncmp(feature("hook clock_ns"), "absent (", 8), 0);
	assert_int_equal(strncmp(feature("hook random"), "absent (", 8), 0);
	assert_int_equal(strncmp(feature("hook defer"), "absent (", 8), 0);
	static const char *const reclaim[] = { "hook reclaim",	     "hook kswapd_wake",
					       "hook kswapd_wait",   "hook kcompactd_wake",
					       "hook kcompactd_wait", "hook oom",
					       "hook oom_victim" };
	for (unsigned i = 0; i < sizeof(reclaim) / sizeof(reclaim[0]); i++)
		assert_int_equal(strncmp(feature(reclaim[i]), "absent (", 8), 0);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_on_right_machines),
		cmocka_unit_test(every_check_is_made),
		cmocka_unit_test(passes_with_running_cpus),
		cmocka_unit_test(a_clock_that_goes_backwards),
		cmocka_unit_test(a_flush_that_does_nothing),
		cmocka_unit_test(a_context_word_that_lies),
		cmocka_unit_test(a_cpu_that_was_not_announced),
		cmocka_unit_test(an_image_inside_usable_memory),
		cmocka_unit_test(a_direct_map_with_aliases),
		cmocka_unit_test(features_tell_what_is_on),
		cmocka_unit_test(features_tell_what_is_off_and_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
