/* SPDX-License-Identifier: MIT */
/*
 * access.c: loads, stores, page faults of the host, and memory that is handed out, against the
 * software TLB.
 *
 * A plain access to a page of the window that is not shown faults on the host; a good one shows
 * the page. mock_load and mock_store check first, by the calling CPU's entry. Theory and words:
 * mmu.c.
 *
 * Start at mock_page_fault, mock_check_handed_out.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "mmu.h"

#define SWEEP_PAGES 65536u /* ranges above this are checked by walking the entries instead */

phys_addr_t mock_translate(uintptr_t va)
{
	struct mapping mapping;

	if (in_direct(va))
		return mock_backed(va - MOCK_DIRECT) ? va - MOCK_DIRECT : ~(phys_addr_t)0;
	if (!in_window(va))
		return ~(phys_addr_t)0;
	mapping = mock_mmu_walk(va);
	return mapping.present ? mapping.frame << PAGE_SHIFT | (va & ~PAGE_MASK) : ~(phys_addr_t)0;
}

bool mock_faults(uintptr_t va)
{
	return mock_translate(va) == ~(phys_addr_t)0;
}

/* The checks of one access by the calling CPU. Return: the entry, present on this CPU. */
static struct entry *check_access(uintptr_t va, bool write)
{
	unsigned cpu = mock_self.now.cpu;
	struct entry *entry = &mock_mmu.entries[page_of(va)];
	struct mapping mapping = mock_mmu_walk(va);
	bool cached = mock_cpus_has(&entry->cpus, cpu);

	if (!mapping.present && cached)
		mock_fail("stale translation: %#lx is no longer mapped, but CPU %u has not "
			  "flushed it",
			  (unsigned long)va, cpu);
	if (!mapping.present)
		mock_fail("access to %#lx, which is not mapped", (unsigned long)va);
	if (mock_mmu_is_unsynced(va))
		mock_fail("access to %#lx, mapped without arch_tlb_map_sync", (unsigned long)va);
	if (!cached)
		entry = mock_mmu_cache(page_of(va), mapping.frame, mapping.prot);
	if (write && !(mapping.prot & QUARRY_PROT_WRITE))
		mock_fail("write to %#lx, which is mapped read-only", (unsigned long)va);
	if (write && !(entry->prot & QUARRY_PROT_WRITE))
		mock_fail("stale translation: CPU %u still has %#lx read-only", cpu,
			  (unsigned long)va);
	return entry;
}

static void show(struct entry *entry, uint32_t page)
{
	if (entry->frame >= MOCK_PAGES(MOCK_DIRECT_SIZE))
		mock_fail("access to %#lx: frame %#lx is beyond the memory that the mock can back",
			  (unsigned long)va_of(page), (unsigned long)entry->frame);
	mock_mmu_host_map(va_of(page),
			  entry->prot & QUARRY_PROT_WRITE ? PROT_READ | PROT_WRITE : PROT_READ,
			  MAP_SHARED, mock_memory, entry->frame << PAGE_SHIFT);
	entry->shown = true;
}

bool mock_page_fault(uintptr_t va, bool write)
{
	struct entry *entry;

	if (in_direct(va))
		mock_fail("access to %#lx: physical %#lx is %s", (unsigned long)va,
			  (unsigned long)(va - MOCK_DIRECT),
			  mock_backed(va - MOCK_DIRECT) ? "free and unmapped"
							: "in no range of the map");
	if (va < MOCK_VMALLOC || va >= MOCK_VMALLOC + MOCK_VMALLOC_MAX)
		return false;
	if (!in_window(va))
		mock_fail("access to %#lx, beyond the vmalloc range", (unsigned long)va);
	mock_enter();
	entry = check_access(va, write);
	if (!entry->shown)
		show(entry, page_of(va));
	mock_leave();
	return true;
}

static void access_by_tlb(uintptr_t va, bool write)
{
	struct mock_thread *self = &mock_self;
	unsigned long generation = __atomic_load_n(&mock_mmu.generation, __ATOMIC_RELAXED);

	if (self->checked.page == (va & PAGE_MASK) && self->checked.generation == generation &&
	    self->checked.cpu == self->now.cpu && self->checked.write >= write)
		return;
	if (in_direct(va) && mock_backed(va - MOCK_DIRECT))
		return;
	if (!in_window(va))
		mock_fail("access to %#lx, which is not mapped", (unsigned long)va);
	mock_enter();
	check_access(va, write);
	mock_leave();
	self->checked.page = va & PAGE_MASK;
	self->checked.generation = generation;
	self->checked.cpu = self->now.cpu;
	self->checked.write = write;
}

uint8_t mock_load(uintptr_t va)
{
	access_by_tlb(va, false);
	return *(const volatile uint8_t *)va;
}

void mock_store(uintptr_t va, uint8_t value)
{
	access_by_tlb(va, true);
	*(volatile uint8_t *)va = value;
}

unsigned mock_tlb_prot(uintptr_t va)
{
	const struct entry *entry = &mock_mmu.entries[page_of(va)];

	return mock_cpus_empty(&entry->cpus) ? 0 : entry->prot;
}

/* ---- memory handed out
 * -------------------------------------------------------------------------------- */

/* One entry of a frame that is being handed out. A live mapping is right only for a part of a
 * page: the owner of the rest may have mapped it. */
static void check_entry(uint32_t page, bool whole)
{
	const struct entry *entry = &mock_mmu.entries[page];
	struct mapping mapping = mock_mmu_walk(va_of(page));
	bool mapped = mapping.present && mapping.frame == entry->frame;

	if (mapped && whole)
		mock_fail("frame %#lx is handed out while it is mapped at %#lx",
			  (unsigned long)entry->frame, (unsigned long)va_of(page));
	if (!mapped)
		mock_fail("frame %#lx is handed out before its flush: CPU %u still has it at %#lx",
			  (unsigned long)entry->frame, first_cpu(&entry->cpus),
			  (unsigned long)va_of(page));
}

static void check_frame(uint64_t number, bool whole)
{
	const struct frame *frame = &mock_mmu.frames[number];

	if (!__atomic_load_n(&frame->tlb, __ATOMIC_RELAXED) &&
	    !__atomic_load_n(&frame->stale, __ATOMIC_RELAXED))
		return;
	mock_enter();
	if (frame->stale)
		mock_fail("frame %#lx is handed out, but CPUs may still walk it as a page table: "
			  "no flush since it was unlinked",
			  (unsigned long)number);
	for (uint32_t i = frame->tlb; i; i = mock_mmu.entries[i - 1].next_of_frame)
		check_entry(i - 1, whole);
	mock_leave();
}

static void check_many(uint64_t first, uint64_t last)
{
	mock_enter();
	for (uint32_t i = mock_mmu.first; i; i = mock_mmu.entries[i - 1].next)
		if (mock_mmu.entries[i - 1].frame >= first && mock_mmu.entries[i - 1].frame <= last)
			check_entry(i - 1, true);
	mock_leave();
}

void mock_check_handed_out(uintptr_t start, size_t bytes)
{
	uint64_t first = MOCK_PAGES(start - MOCK_DIRECT);
	uint64_t last = MOCK_PAGES(start + bytes - 1 - MOCK_DIRECT);
	bool whole = start % PAGE_SIZE == 0 && bytes % PAGE_SIZE == 0;

	if (!__atomic_load_n(&mock_mmu.used, __ATOMIC_RELAXED))
		return;
	for (uint64_t number = first; mock_direct_restricted() && number <= last; number++)
		if (mock_direct_prot((void *)(MOCK_DIRECT + number * PAGE_SIZE)) !=
		    QUARRY_PROT_KERNEL)
			mock_fail("frame %#lx is handed out while the direct map restricts it",
				  (unsigned long)number);
	if (last - first < SWEEP_PAGES) {
		for (uint64_t number = first; number <= last; number++)
			check_frame(number, whole);
	} else {
		check_many(first, last);
	}
}
