/* SPDX-License-Identifier: MIT */
/*
 * kernel.c: the demo kernel's life on CPU 0: memory map, quarry_init, other CPUs, self-test,
 * workload, verdict.
 *
 * Command line: `seed=N` random seed, `steps=N` steps of the workload on each CPU,
 * `parking=N` a CPU keeps at most N blocks of a kind, `vfree-unmaps` no freed area stays mapped,
 * `slab-debug` every cache is debugged.
 * Start at kernel_main().
 */
#include "tests/boot/common/kernel.h"

static void print_map(void)
{
	machine_print_map();
	kprintf("Kernel image: [mem 0x%016lx-0x%016lx]\n", machine.image_start,
		machine.image_end - 1);
}

static void start_library(void)
{
	struct quarry_params params = {
		.size = sizeof(params),
		.map = machine.map,
		.nr_map = machine.nr_map,
		.direct_map_offset = machine.direct_map_offset,
		.direct_map_limit = machine.direct_map_limit,
		.vmalloc_start = machine.vmalloc_start,
		.vmalloc_end = machine.vmalloc_end,
		.page_table_root = machine.page_table_root,
		.parking_limit = (unsigned)option_number("parking", 0),
		.vfree_unmaps = option_set("vfree-unmaps"),
		.slab_debug = option_set("slab-debug") ? "FZPU" : NULL,
		.nr_cpus = machine.nr_cpus,
		.ops = &kernel_ops,
	};
	if (quarry_init(&params))
		kernel_panic("quarry_init refused the memory map");
}

/* Bit c: the self-test failed on CPU c. Every CPU has hooks of its own to get wrong, so each runs
 * it, in turn. */
static struct {
	unsigned turn;
	uint64_t failed;
} self_tests;

static void self_test(unsigned cpu)
{
	while (__atomic_load_n(&self_tests.turn, __ATOMIC_ACQUIRE) != cpu)
		arch_relax();
	kprintf("selftest on CPU %u\n", cpu);
	if (!quarry_selftest(console_write, NULL))
		self_tests.failed |= 1ull << cpu;
	__atomic_store_n(&self_tests.turn, cpu + 1, __ATOMIC_RELEASE);
}

static _Noreturn void verdict(const char *failure)
{
	smp_check_stacks();
	if (failure)
		kprintf("\nVERDICT: FAIL %s\n", failure);
	else
		kprintf("\nVERDICT: PASS every page accounted for, validator clean, %u CPUs, %lu "
			"pages\n",
			smp_online(), totalram_pages());
	machine_exit(failure ? 1 : 0);
}

_Noreturn void kernel_main(void)
{
	this_cpu()->irqs_off = 1; /* as we are entered */
	kprintf("\n%s demo kernel, %s, %u CPUs\n", quarry_version(), machine.name, machine.nr_cpus);
	kprintf("Command line: %s\n", machine.command_line);
	print_map();
	start_library();
	smp_start();
	kprintf("smp: %u CPUs online\n", smp_online());
	quarry_sleeping_works();
	quarry_features(console_write, NULL);
	kprintf("\nzoneinfo\n");
	quarry_report_zoneinfo(console_write, NULL);
	kprintf("\n");
	smp_run(self_test);
	verdict(self_tests.failed ? "quarry_selftest found a wrong hook" : workload_run());
}
