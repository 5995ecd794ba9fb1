/* SPDX-License-Identifier: MIT */
/*
 * machine.c (riscv64): the machine of the demo kernel: start, console, CPUs, timer, interrupts,
 * end.
 *
 * Firmware is any SBI 0.3 or later (TIME, IPI, HSM, SRST) that passes a device tree; QEMU's virt
 * board and OpenSBI are what it is tested on. The boot hart, whatever its number, is CPU 0; the
 * others follow in the order of the tree. Start at `riscv_boot`.
 */
#include <quarry/memmap.h>

#include "tests/boot/riscv64/fdt.h"
#include "tests/boot/riscv64/port.h"
#include "tests/boot/riscv64/sbi.h"

#define MAX_RANGES 128u
#define NSEC_PER_SEC 1000000000ull

struct machine machine;

static struct {
	struct quarry_mem_range map[MAX_RANGES];
	uint64_t start_time; /* of `time` when the kernel was entered */
	uint64_t tick;	     /* `time` between timer interrupts */
} port;

/* ---- console and end ---- */

/* Registers of a 16550: transmit holding, line status. */
enum { UART_THR = 0, UART_LSR = 5, UART_LSR_EMPTY = 0x20 };

void machine_putc(char c)
{
	volatile uint8_t *uart = (volatile uint8_t *)board.uart;

	if (c == '\n')
		machine_putc('\r');
	if (!uart) {
		sbi_call(SBI_LEGACY_PUTCHAR, 0, (unsigned char)c, 0, 0);
		return;
	}
	while (!(uart[UART_LSR] & UART_LSR_EMPTY))
		;
	uart[UART_THR] = (uint8_t)c;
}

_Noreturn void machine_halt(void)
{
	csr_write(sie, 0ul);
	for (;;)
		__asm__ volatile("wfi");
}

_Noreturn void machine_exit(int code)
{
	unsigned failure = (unsigned)code & 0xff;

	/* The test finisher takes an exit code; SBI knows only "well" and "failed". */
	if (board.finisher)
		*(volatile uint32_t *)board.finisher =
			code ? (failure ? failure : 1) << 16 | 0x3333 : 0x5555;
	sbi_call(SBI_SRST, 0, 0, code ? 1 : 0, 0);
	machine_halt();
}

/* ---- interrupts ---- */

void machine_irq_enable(void)
{
	this_cpu()->irqs_off--;
	csr_set(sstatus, (unsigned long)SSTATUS_SIE);
}

void machine_irq_disable(void)
{
	if (!this_cpu_irqs_on())
		return;
	csr_clear(sstatus, (unsigned long)SSTATUS_SIE);
	this_cpu()->irqs_off++;
}

void machine_wait(void)
{
	__asm__ volatile("wfi" : : : "memory");
}

void machine_send_ipi(unsigned cpu)
{
	/* What the other CPU is to see is in memory before the interrupt is. */
	__asm__ volatile("fence rw, rw" : : : "memory");
	sbi_call(SBI_IPI, 0, 1, boot_cpus[cpu].hwid, 0);
}

void ipi_interrupt(void)
{
	csr_clear(sip, 1ul << IRQ_SOFTWARE);
	kernel_ipi();
}

/* ---- time ---- */

static uint64_t next_tick(void)
{
	return csr_read(time) + port.tick;
}

void machine_timer_start(void)
{
	sbi_call(SBI_TIME, 0, next_tick(), 0, 0);
	csr_set(sie, 1ul << IRQ_TIMER);
}

void machine_timer_stop(void)
{
	csr_clear(sie, 1ul << IRQ_TIMER);
	sbi_call(SBI_TIME, 0, ~0ul, 0, 0);
}

void timer_interrupt(void)
{
	sbi_call(SBI_TIME, 0, next_tick(), 0, 0);
	kernel_timer();
}

uint64_t machine_clock_ns(void)
{
	uint64_t ticks = csr_read(time) - port.start_time, frequency = board.timebase;

	return ticks / frequency * NSEC_PER_SEC + ticks % frequency * NSEC_PER_SEC / frequency;
}

uint64_t machine_cycles(void)
{
	return csr_read(instret);
}

/* ---- CPUs ---- */

static void cpu_prepare(unsigned cpu)
{
	struct boot_cpu *block = &boot_cpus[cpu];

	block->self = block;
	block->number = cpu;
	block->hwid = board.hart[cpu];
	block->port[0] = (unsigned long)boot_stacks[cpu];
}

unsigned machine_start_cpus(void)
{
	unsigned started = 0;

	for (unsigned cpu = 1; cpu < machine.nr_cpus; cpu++) {
		cpu_prepare(cpu);
		struct sbi_result result = sbi_call(SBI_HSM, 0, board.hart[cpu],
						    image_phys((const void *)secondary_entry),
						    (unsigned long)&boot_cpus[cpu]);
		if (!result.error)
			started++;
		else
			kprintf("CPU %u (hart %u): SBI cannot start it, error %ld\n", cpu,
				board.hart[cpu], result.error);
	}
	return started;
}

static void cpu_enable_interrupts(void)
{
	csr_clear(sip, 1ul << IRQ_SOFTWARE);
	csr_set(sie, 1ul << IRQ_SOFTWARE);
}

_Noreturn void riscv_secondary(void)
{
	paging_join();
	cpu_enable_interrupts();
	kernel_secondary(this_cpu()->number);
}

/* ---- memory map ---- */

static bool is_memory(const struct fdt_cursor *node)
{
	return node->depth == 1 && fdt_has_string(node, "device_type", "memory");
}

static bool is_reserved(const struct fdt_cursor *node)
{
	return node->depth == 2 && fdt_named(node, 1, "reserved-memory");
}

/* The map for quarry_init. The tree is read through the one-to-one mapping of head.S. */
static void read_map(void)
{
	struct quarry_memmap map = {port.map, MAX_RANGES, 0};

	if (quarry_memmap_fdt(&map, board.tree, fdt_total_size(board.tree), 0) ||
	    quarry_memmap_add(&map, machine.image_start, machine.image_end - machine.image_start,
			      QUARRY_MEM_RESERVED, 0))
		kernel_panic("the device tree's memory map is damaged or too long");
	machine.map = port.map;
	machine.nr_map = map.nr;
}

void machine_print_map(void)
{
	struct fdt_cursor node;
	uint64_t base, size;

	fdt_open(&node, board.tree);
	while (fdt_next(&node)) {
		for (unsigned i = 0; is_memory(&node) && fdt_reg(&node, i, &base, &size); i++)
			kprintf("fdt: memory   [mem 0x%016llx-0x%016llx] %s\n",
				(unsigned long long)base, (unsigned long long)(base + size - 1),
				node.name[1]);
		for (unsigned i = 0; is_reserved(&node) && fdt_reg(&node, i, &base, &size); i++)
			kprintf("fdt: reserved [mem 0x%016llx-0x%016llx] %s\n",
				(unsigned long long)base, (unsigned long long)(base + size - 1),
				node.name[2]);
	}
}

/* ---- start ---- */

_Noreturn void riscv_boot(unsigned long hart, phys_addr_t tree)
{
	port.start_time = csr_read(time);
	board.hart[0] = (unsigned)hart;
	cpu_prepare(0);
	/* head.S left the low 256 GiB mapped one to one. */
	if (!board_discover((const void *)tree, (unsigned)hart))
		kernel_panic("firmware passed no device tree");

	machine.name = "riscv64";
	machine.command_line = board.command_line;
	machine.nr_cpus = board.nr_harts;
	machine.image_start = image_phys(__image_start);
	machine.image_end = image_phys(__image_end);
	port.tick = board.timebase / BOOT_HZ;
	read_map();
	paging_init(board_option("paging=sv39"));
	board.tree = (const void *)(tree + machine.direct_map_offset);

	cpu_enable_interrupts();
	kernel_main();
}
