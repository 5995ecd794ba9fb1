/* SPDX-License-Identifier: MIT */
/*
 * machine.c (x86_64): console, exit, and the boot of CPU 0: from the loader's start information to
 * kernel_main().
 *
 * Start at x86_start().
 */
#include <quarry/memmap.h>

#include "tests/boot/x86_64/port.h"

#define COM1 0x3f8
#define MAX_E820 128
#define MAX_RANGES (MAX_E820 + 32)

struct machine machine = {.name = "x86_64", .command_line = ""};

static struct {
	struct e820_entry e820[MAX_E820];
	unsigned nr_e820;
	struct quarry_mem_range map[MAX_RANGES];
	char command_line[256];
} state;

void machine_putc(char c)
{
	while (!(inb(COM1 + 5) & 0x20))
		;
	outb(COM1, (uint8_t)c);
}

/* The emulator exits with 2 * value + 1: success is 33, everything else is failure. */
_Noreturn void machine_exit(int code)
{
	__asm__ volatile("outl %0, %1" : : "a"(code ? 0x11 : 0x10), "Nd"((uint16_t)0xf4));
	machine_halt();
}

_Noreturn void machine_halt(void)
{
	for (;;)
		__asm__ volatile("cli\n\thlt");
}

void machine_irq_enable(void)
{
	this_cpu()->irqs_off--;
	__asm__ volatile("sti" : : : "memory");
}
void machine_irq_disable(void)
{
	if (!this_cpu_irqs_on())
		return;
	__asm__ volatile("cli" : : : "memory");
	this_cpu()->irqs_off++;
}
void machine_wait(void)
{
	__asm__ volatile("sti\n\thlt" : : : "memory");
}

static const char *e820_name(uint32_t type)
{
	static const char *const names[] = {
		"type 0",   "usable",	"reserved", "ACPI data",
		"ACPI NVS", "unusable", "type 6",   "persistent",
	};
	return type < sizeof(names) / sizeof(names[0]) ? names[type] : "unknown";
}

void machine_print_map(void)
{
	kprintf("BIOS-provided physical RAM map:\n");
	for (unsigned i = 0; i < state.nr_e820; i++) {
		const struct e820_entry *e = &state.e820[i];
		if (!e->size)
			continue;
		kprintf("BIOS-e820: [mem 0x%016lx-0x%016lx] %s\n", e->base, e->base + e->size - 1,
			e820_name(e->type));
	}
}

/* Copy what the loader left in memory that will soon be handed out. */
static void take_start_info(const struct pvh_start_info *info)
{
	const struct e820_entry *e820 = (const void *)(uintptr_t)info->memory_map;
	const char *line = (const char *)(uintptr_t)info->command_line;

	if (info->magic != PVH_MAGIC || info->version < 1 || !info->nr_memory_map)
		kernel_panic("the loader gave no memory map (PVH version 1)");
	for (unsigned i = 0; i < info->nr_memory_map && i < MAX_E820; i++)
		state.e820[state.nr_e820++] = e820[i];
	for (unsigned i = 0; line && line[i] && i < sizeof(state.command_line) - 1; i++)
		state.command_line[i] = line[i];
	machine.command_line = state.command_line;
}

/* The library's converter reads the hand-over itself; the kernel adds what only it knows. */
static void make_map(const struct pvh_start_info *info)
{
	struct quarry_memmap map = {.ranges = state.map, .max = MAX_RANGES};

	if (quarry_memmap_pvh(&map, info, 0))
		kernel_panic("the loader's memory map has too many entries");
	/* From here on the hand-over is not read any more: the tables may overwrite it. */
	machine.image_start = image_phys(image_start);
	machine.image_end = paging_direct_map(state.e820, state.nr_e820);
	if (quarry_memmap_add(&map, machine.image_start, machine.image_end - machine.image_start,
			      QUARRY_MEM_RESERVED, 0))
		kernel_panic("the memory map has too many entries");
	machine.map = state.map;
	machine.nr_map = map.nr;
}

_Noreturn void x86_start(phys_addr_t start_info)
{
	const struct pvh_start_info *info = (const void *)(uintptr_t)start_info;

	traps_init();
	take_start_info(info);
	apic_init();
	apic_find_cpus(info->rsdp);
	make_map(info);
	machine.direct_map_offset = DIRECT_BASE;
	machine.vmalloc_start = VMALLOC_BASE;
	machine.vmalloc_end = VMALLOC_BASE + (64ull << 30);
	machine.page_table_root = paging_root();
	kernel_main();
}

_Noreturn void x86_start_secondary(unsigned cpu)
{
	traps_init();
	apic_enable();
	kernel_secondary(cpu);
}
