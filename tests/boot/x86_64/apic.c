/* SPDX-License-Identifier: MIT */
/*
 * apic.c (x86_64): the CPUs of the ACPI tables and how to start them, timer and cross-CPU
 * interrupts of the local APIC, and the clock.
 *
 * Clock: the high-precision event timer, one counter for all CPUs. A board without one (microvm)
 * falls back to the time-stamp counter, which an emulator may take from a host whose CPUs' counters
 * differ. That and the APIC timer are calibrated against the interval timer (1.193182 MHz).
 */
#include "tests/boot/x86_64/port.h"

#define APIC_PHYS 0xfee00000u
enum {
	APIC_TASK_PRIORITY = 0x80,
	APIC_EOI = 0xb0,
	APIC_SPURIOUS = 0xf0,
	APIC_COMMAND_LOW = 0x300,
	APIC_COMMAND_HIGH = 0x310,
	APIC_TIMER = 0x320,
	APIC_TIMER_INITIAL = 0x380,
	APIC_TIMER_CURRENT = 0x390,
	APIC_TIMER_DIVIDE = 0x3e0,
};
#define APIC_MASKED 0x10000u
#define APIC_PERIODIC 0x20000u
#define APIC_PENDING 0x1000u
#define COMMAND_INIT 0x4500u
#define COMMAND_STARTUP 0x4600u

enum { HPET_CAPABILITIES = 0x00, HPET_CONFIGURATION = 0x10, HPET_COUNTER = 0xf0 };

#define PIT_HZ 1193182u
#define CALIBRATE_MS 10u
#define CALIBRATE_ROUNDS 5u

static struct {
	uintptr_t hpet;	      /* registers; 0: there is none */
	uint64_t hpet_period; /* of its counter, in picoseconds */
	uint64_t tsc_start;
	uint64_t ns_per_tick; /* of the time-stamp counter, 32.32 fixed point */
	uint32_t timer_count; /* APIC timer ticks of one period */
} state;

/* Device registers of the mapped window. */
static uintptr_t device(uint64_t phys)
{
	return (uintptr_t)(phys - DEVICE_PHYS) + DEVICE_BASE;
}

static uint32_t apic_read(unsigned reg)
{
	return *(volatile uint32_t *)(device(APIC_PHYS) + reg);
}
static void apic_write(unsigned reg, uint32_t value)
{
	*(volatile uint32_t *)(device(APIC_PHYS) + reg) = value;
}

void apic_end_of_interrupt(void)
{
	apic_write(APIC_EOI, 0);
}

void apic_enable(void)
{
	apic_write(APIC_TASK_PRIORITY, 0);
	apic_write(APIC_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
	apic_write(APIC_TIMER_DIVIDE, 0xb); /* by 1 */
	apic_write(APIC_TIMER, APIC_MASKED);
}

/* Time CALIBRATE_MS with channel 0 of the interval timer: mode 0 counts down once and raises OUT,
 * which the read-back command shows.
 * Return: ticks of the time-stamp counter; *timer: ticks of the APIC timer. */
static uint64_t measure(uint32_t *timer)
{
	const unsigned count = PIT_HZ * CALIBRATE_MS / 1000;

	outb(0x43, 0x30);
	outb(0x40, (uint8_t)count);
	outb(0x40, (uint8_t)(count >> 8));
	apic_write(APIC_TIMER_INITIAL, ~0u);
	uint64_t start = rdtsc();
	do
		outb(0x43, 0xe2);
	while (!(inb(0x40) & 0x80));
	uint64_t ticks = rdtsc() - start;
	*timer = ~0u - apic_read(APIC_TIMER_CURRENT);
	return ticks;
}

/* The shortest of several windows: an emulator that is held up sees the end of a window late, never
 * early. */
static void calibrate(void)
{
	uint64_t ticks = ~0ull;
	uint32_t timer = ~0u;

	for (unsigned i = 0; i < CALIBRATE_ROUNDS; i++) {
		uint32_t this_timer;
		uint64_t this_ticks = measure(&this_timer);
		if (this_ticks < ticks)
			ticks = this_ticks;
		if (this_timer < timer)
			timer = this_timer;
	}
	if (!ticks || !timer)
		kernel_panic("the interval timer, the APIC timer or the time-stamp counter stands "
			     "still");
	state.tsc_start = rdtsc();
	state.ns_per_tick = ((uint64_t)CALIBRATE_MS * 1000000 << 32) / ticks;
	state.timer_count = (uint32_t)((uint64_t)timer * 1000 / (CALIBRATE_MS * BOOT_HZ));
}

void apic_init(void)
{
	/* The old interrupt controllers stay masked. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	apic_enable();
	calibrate();
}

static uint64_t hpet_read(unsigned reg)
{
	return *(volatile uint64_t *)(state.hpet + reg);
}

uint64_t machine_clock_ns(void)
{
	if (state.hpet)
		return hpet_read(HPET_COUNTER) * state.hpet_period / 1000;
	uint64_t ticks = rdtsc() - state.tsc_start;
	return (ticks >> 32) * state.ns_per_tick + ((ticks & 0xffffffff) * state.ns_per_tick >> 32);
}

uint64_t machine_cycles(void)
{
	return rdtsc();
}

void machine_timer_start(void)
{
	apic_write(APIC_TIMER, APIC_PERIODIC | VECTOR_TIMER);
	apic_write(APIC_TIMER_INITIAL, state.timer_count);
}

void machine_timer_stop(void)
{
	apic_write(APIC_TIMER, APIC_MASKED);
	apic_write(APIC_TIMER_INITIAL, 0);
}

/* Two register writes: an interrupt between them could send a command of its own, so they are
 * masked. */
static void apic_command(unsigned hwid, uint32_t command)
{
	bool on = this_cpu_irqs_on();
	machine_irq_disable();
	while (apic_read(APIC_COMMAND_LOW) & APIC_PENDING)
		;
	apic_write(APIC_COMMAND_HIGH, hwid << 24);
	apic_write(APIC_COMMAND_LOW, command);
	if (on)
		machine_irq_enable();
}

void machine_send_ipi(unsigned cpu)
{
	apic_command(boot_cpus[cpu].hwid, 0x4000 | VECTOR_IPI);
}

/* ---- CPUs ---- */

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[18];
	uint32_t creator[2];
} __attribute__((packed));

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length; /* from here on: revision 2 */
	uint64_t xsdt;
} __attribute__((packed));

/* ACPI tables lie below 4 GiB, which is mapped one to one until the CPUs have started. */
static const void *acpi_at(uint64_t phys)
{
	return (const void *)(uintptr_t)phys;
}

static bool same(const char *a, const char *b, unsigned n)
{
	while (n && *a == *b)
		n--, a++, b++;
	return n == 0;
}

static const struct acpi_rsdp *find_rsdp(phys_addr_t given)
{
	if (given)
		return acpi_at(given);
	for (uint64_t at = 0xe0000; at < 0x100000; at += 16) {
		const struct acpi_rsdp *rsdp = acpi_at(at);
		if (same(rsdp->signature, "RSD PTR ", 8))
			return rsdp;
	}
	return NULL;
}

/* The root table lists addresses of 4 bytes (RSDT) or, from revision 2 on, of 8 bytes (XSDT). */
static const struct acpi_header *find_table(const struct acpi_rsdp *rsdp, const char *signature)
{
	bool wide = rsdp->revision >= 2 && rsdp->xsdt;
	const struct acpi_header *root = acpi_at(wide ? rsdp->xsdt : rsdp->rsdt);
	unsigned step = wide ? 8 : 4;
	const char *end = (const char *)root + root->length;

	for (const char *entry = (const char *)(root + 1); entry + step <= end; entry += step) {
		uint64_t phys = 0;
		__builtin_memcpy(&phys, entry, step);
		const struct acpi_header *table = acpi_at(phys);
		if (same(table->signature, signature, 4))
			return table;
	}
	return NULL;
}

static void find_hpet(const struct acpi_rsdp *rsdp)
{
	const struct acpi_header *table = rsdp ? find_table(rsdp, "HPET") : NULL;
	uint64_t phys;

	if (!table)
		return;
	__builtin_memcpy(&phys, (const char *)(table + 1) + 8, sizeof(phys));
	if (phys < DEVICE_PHYS || phys >= DEVICE_PHYS + DEVICE_SIZE)
		return;
	state.hpet = device(phys);
	state.hpet_period = (hpet_read(HPET_CAPABILITIES) >> 32) / 1000;
	*(volatile uint64_t *)(state.hpet + HPET_CONFIGURATION) = 1;
}

/* CPU 0 is the one that booted, whatever its APIC id; the others follow in the table's order. */
void apic_find_cpus(phys_addr_t given_rsdp)
{
	const struct acpi_rsdp *rsdp = find_rsdp(given_rsdp);
	const struct acpi_header *madt = rsdp ? find_table(rsdp, "APIC") : NULL;
	uint32_t eax = 1, ebx, ecx, edx;

	find_hpet(rsdp);
	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	boot_cpus[0].hwid = ebx >> 24;
	machine.nr_cpus = 1;
	if (!madt)
		return;

	const uint8_t *end = (const uint8_t *)madt + madt->length;
	for (const uint8_t *entry = (const uint8_t *)(madt + 1) + 8; entry + 8 <= end && entry[1];
	     entry += entry[1]) {
		bool local_apic = entry[0] == 0, enabled = entry[4] & 1;
		if (!local_apic || !enabled || entry[3] == boot_cpus[0].hwid)
			continue;
		if (machine.nr_cpus < BOOT_MAX_CPUS)
			boot_cpus[machine.nr_cpus++].hwid = entry[3];
	}
}

static void wait_us(unsigned us)
{
	uint64_t end = machine_clock_ns() + (uint64_t)us * 1000;
	while (machine_clock_ns() < end)
		__builtin_ia32_pause();
}

static bool wait_online(unsigned cpu, unsigned us)
{
	uint64_t end = machine_clock_ns() + (uint64_t)us * 1000;
	while (!__atomic_load_n(&boot_cpus[cpu].online, __ATOMIC_ACQUIRE)) {
		if (machine_clock_ns() > end)
			return false;
		__builtin_ia32_pause();
	}
	return true;
}

/* One CPU after the other, because they share the trampoline page and its parameter. */
unsigned machine_start_cpus(void)
{
	char *page = (char *)TRAMPOLINE;
	size_t size = (size_t)(trampoline_end - trampoline_start);

	__builtin_memcpy(page, trampoline_start, size);
	for (unsigned cpu = 1; cpu < machine.nr_cpus; cpu++) {
		unsigned hwid = boot_cpus[cpu].hwid;
		__builtin_memcpy(page + (trampoline_params - trampoline_start), &cpu, sizeof(cpu));
		apic_command(hwid, COMMAND_INIT);
		wait_us(10000);
		apic_command(hwid, COMMAND_STARTUP | TRAMPOLINE >> 12);
		if (wait_online(cpu, 1000))
			continue;
		apic_command(hwid, COMMAND_STARTUP | TRAMPOLINE >> 12);
		if (!wait_online(cpu, 5000000))
			kernel_panic("a CPU did not start");
	}
	paging_drop_identity();
	return machine.nr_cpus - 1;
}
