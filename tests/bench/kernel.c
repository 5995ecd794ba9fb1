/* SPDX-License-Identifier: MIT */
/*
 * kernel.c: the benchmark as the workload of the demo kernel, on bare metal under `qemu -icount
 * shift=0`.
 *
 * There one tick of the cycle counter is a fixed share of an instruction, so a figure is exact and
 * repeats. The share is calibrated with a known number of instructions. Runs on CPU 0 while other
 * CPUs, if any, wait.
 *
 * After it was measured, each case runs again for some turns under a tracer (x86_64), which counts
 * locked instructions and writes of the interrupt flag. A fast path that has one of them fails.
 *
 * Command line: `parking=16` keeps at most 16 pages per CPU, for the shortpcp/ case alone;
 * `vfree-unmaps` parks no areas, for the anew cases alone; `slab-debug` debugs every cache, for the
 * debugged/ cases alone; `fast-paths` only traces, and only the
 * cases that are fast paths.
 * Output: "BENCH <case> <hundredths of an instruction per operation>" and "TRACE <case> <hundredths
 * of a locked instruction> <hundredths of a flag change>", read by tests/bench/table.py; "LINES
 * <call> <distinct cache lines touched> <of them written>"; for cases
 * that flush every CPU's TLB "FLUSH <case> <flushes> <MiB freed>", and "ADDRESSES <MiB live> <MiB
 * from the first to the last> <MiB, the longest hole between>" after a long mix of vmalloc sizes;
 * "WAKE ...", see tests/bench/wake.h.
 */
#include "tests/bench/cases.h"
#include "tests/bench/trace.h"
#include "tests/bench/wake.h"
#include "tests/boot/common/kernel.h"

#define CALIBRATION_TURNS 100000ul
#define CALIBRATION_NOPS 64ul
#define TRACED_SHARE 50ul /* of the turns: a traced instruction takes a microsecond */

void workload_interrupt(unsigned cpu)
{
	(void)cpu;
}

static uint64_t nops(unsigned long turns)
{
	uint64_t start = machine_cycles();

	for (; turns; turns--)
		__asm__ volatile(".rept 64\n\tnop\n\t.endr");
	return machine_cycles() - start;
}

/* Cycles per 1000 instructions: the nops alone, without the loop around them, by the difference of
 * two runs. */
static uint64_t calibrate(void)
{
	uint64_t cycles = nops(CALIBRATION_TURNS * 2) - nops(CALIBRATION_TURNS);

	/* Each turn also counts and branches: two or three instructions in 64 are not worth knowing
	 * exactly, so round. */
	uint64_t per_mille = cycles * 1000 / (CALIBRATION_TURNS * (CALIBRATION_NOPS + 2));
	return per_mille ? per_mille : 1;
}

static bool starts_with(const char *name, const char *start)
{
	while (*start && *name == *start) {
		name++;
		start++;
	}
	return !*start;
}

/* Each kind of start measures its own cases. */
static bool is_plain_start(void)
{
	return !option_number("parking", 0) && !option_set("vfree-unmaps") &&
	       !option_set("slab-debug");
}
static bool wanted(const char *name)
{
	if (starts_with(name, "shortpcp/"))
		return option_number("parking", 0) != 0;
	if (starts_with(name, "anew"))
		return option_set("vfree-unmaps");
	if (starts_with(name, "debugged/"))
		return option_set("slab-debug");
	return is_plain_start();
}

/* Taking and giving what the CPU keeps in stock: no lock, no locked instruction, no masking. */
static bool is_fast_path(const char *name)
{
	static const char *const fast[] = {
		"page_pair_",	   "kmalloc_pair_", "kmalloc_varsize_",
		"kmalloc_atomic_", "kzalloc_pair_", "krealloc_inplace_",
		"cache_pair_",	   "kvmalloc_pair_16k",
	};

	for (unsigned i = 0; i < sizeof(fast) / sizeof(fast[0]); i++)
		if (starts_with(name, fast[i]))
			return true;
	return false;
}

static void measure(const struct bench_case *bench, uint64_t per_mille)
{
	bench->run(bench, bench->n / 2 + 1); /* warm: stocks and tables are there */
	unsigned long flushes = quarry_vmap_flushes();
	uint64_t start = machine_cycles();
	bench->run(bench, bench->n);
	uint64_t cycles = machine_cycles() - start;
	flushes = quarry_vmap_flushes() - flushes;
	kprintf("BENCH %s %lu\n", bench->name,
		cycles * 100000 / per_mille / (bench->n * bench->per));
	if (flushes)
		kprintf("FLUSH %s %lu %lu\n", bench->name, flushes,
			bench->n * bench->per * bench->size >> 20);
}

/* Return: false if a fast path is none. */
static bool trace_case(const struct bench_case *bench)
{
	unsigned long turns = bench->n / TRACED_SHARE + 1;

	bench->run(bench, 1);
	if (!trace_begin())
		return true;
	bench->run(bench, turns);
	struct trace trace = trace_end();
	kprintf("TRACE %s %lu %lu\n", bench->name, trace.locked * 100 / (turns * bench->per),
		trace.masking * 100 / (turns * bench->per));
	return !is_fast_path(bench->name) || (!trace.locked && !trace.masking);
}

static void tell_lines(const char *what, struct trace trace)
{
	kprintf("LINES %s %u %u\n", what, trace.lines, trace.written);
}

/* Cache lines that a page and its free touch, the struct page's included. Return: are there no more
 * than decision 11 says? */
static bool trace_lines(void)
{
	struct page *page = alloc_pages(GFP_KERNEL, 0);

	__free_pages(page, 0);
	if (!trace_begin())
		return true;
	page = alloc_pages(GFP_KERNEL, 0);
	struct trace take = trace_end();
	trace_begin();
	__free_pages(page, 0);
	struct trace give = trace_end();
	trace_begin();
	__free_pages(alloc_pages(GFP_KERNEL, 0), 0);
	struct trace both = trace_end();
	tell_lines("alloc_pages", take);
	tell_lines("__free_pages", give);
	tell_lines("pair", both);
	return take.lines <= 3 && both.lines <= 5 && both.written <= 2;
}

const char *workload_run(void)
{
	bool only_fast = option_set("fast-paths"), all_fast = true;

	if (!bench_setup())
		return "no memory for the benchmark";
	uint64_t per_mille = calibrate();

	kprintf("BENCH-CALIBRATION %lu\n", per_mille);
	/* First, while nothing lies about that kswapd could collect. */
	const char *failure = is_plain_start() ? wake_measure(per_mille) : NULL;
	if (failure)
		return failure;
	for (unsigned i = 0; i < nr_bench_cases; i++) {
		const struct bench_case *bench = &bench_cases[i];
		if (!wanted(bench->name) || (only_fast && !is_fast_path(bench->name)))
			continue;
		if (!bench_prepare(bench))
			return "no memory to break up";
		if (!only_fast)
			measure(bench, per_mille);
		all_fast &= trace_case(bench);
		bench_restore(bench);
	}
	if (!only_fast && is_plain_start()) {
		struct bench_addresses addresses = bench_addresses();
		kprintf("ADDRESSES %lu %lu %lu\n", addresses.live >> 20, addresses.span >> 20,
			addresses.longest_hole >> 20);
	}
	if (!option_number("parking", 0) && !trace_lines())
		return "a pair of pages touches more cache lines than it should";
	if (!all_fast)
		return "a fast path has a locked instruction or masks interrupts";
	return mm_check() ? "the validator found a broken invariant" : NULL;
}
