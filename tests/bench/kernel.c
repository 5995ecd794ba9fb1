/* SPDX-License-Identifier: MIT */
/*
 * kernel.c: the benchmark as the workload of the demo kernel, on bare metal under `qemu -icount
 * shift=0`.
 *
 * There one tick of the cycle counter is a fixed share of an instruction, so a figure is exact and
 * repeats. The share is calibrated with a known number of instructions. Runs on CPU 0 while other
 * CPUs, if any, wait.
 *
 * Command line: `parking=16` keeps at most 16 pages per CPU, for the shortpcp/ case alone.
 * Output: "BENCH <case> <hundredths of an instruction per operation>", read by
 * tests/bench/table.py.
 */
#include "tests/bench/cases.h"
#include "tests/boot/common/kernel.h"

#define CALIBRATION_TURNS 100000ul
#define CALIBRATION_NOPS 64ul

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

/* Is this case's name one for the run with or without parked pages? */
static bool wanted(const char *name)
{
	bool short_case = name[0] == 's' && name[5] == 'p' && name[8] == '/';

	return short_case == (option_number("parking", 0) != 0);
}

const char *workload_run(void)
{
	if (!bench_setup())
		return "no memory for the benchmark";
	uint64_t per_mille = calibrate();

	kprintf("BENCH-CALIBRATION %lu\n", per_mille);
	for (unsigned i = 0; i < nr_bench_cases; i++) {
		const struct bench_case *bench = &bench_cases[i];
		if (!wanted(bench->name))
			continue;
		bench->run(bench, bench->n / 2 + 1); /* warm: stocks and tables are there */
		uint64_t start = machine_cycles();
		bench->run(bench, bench->n);
		uint64_t cycles = machine_cycles() - start;
		kprintf("BENCH %s %lu\n", bench->name,
			cycles * 100000 / per_mille / (bench->n * bench->per));
	}
	return mm_check() ? "the validator found a broken invariant" : NULL;
}
