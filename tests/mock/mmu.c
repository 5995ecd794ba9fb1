/* SPDX-License-Identifier: MIT */
/*
 * mmu.c: page tables as hardware sees them, and a software TLB that assumes the worst.
 *
 * Terms       entry   what some CPUs' TLBs hold for one page of the window: frame, protection, CPUs
 *             shown   the host maps the frame at that page, so plain loads and stores work
 *             linked  a table page that can be reached from the root: we know what it maps
 * Picture     mock_pte_write     learn() what became mapped: an entry on every running CPU, a range
 *                                not yet synced; forget() what was unmapped: entries stay, an
 *                                unlinked table page is stale
 *             mock_tlb_flush     the calling CPU leaves entries and stale tables; the last one to
 *                                leave removes them
 *             mock_page_fault    walk the tables; show the frame, or fail the test
 *             mock_mem_unpoison  fail if the memory has an entry or is a stale table
 * Invariants  M1  a page has at most one entry: two frames at one page is the failure "address
 *                 reused before flush"
 *             M2  an entry without CPUs does not exist and is not shown
 *             M3  frame->tlb is the head of the chain of entries of that frame, so handing a page
 *                 out costs one load when no TLB has it
 * Locking     all under mock_enter(), except that the check of a page handed out first looks
 *             without it.
 * Start at    mock_pte_write, mock_page_fault.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mmu.h"

struct mmu mock_mmu;

/* ---- small helpers
 * ------------------------------------------------------------------------------ */

static uintptr_t table_span(unsigned level)
{
	return PAGE_SIZE << 9 * (level + 1);
}

static const quarry_pte_t *table_at(phys_addr_t phys)
{
	return (const quarry_pte_t *)(MOCK_DIRECT + phys);
}

void mock_mmu_host_map(uintptr_t va, int prot, int flags, int fd, uint64_t offset)
{
	long got = syscall(SYS_mmap, va, PAGE_SIZE, (long)prot, (long)(flags | MAP_FIXED), (long)fd,
			   (long)offset);

	if (got != (long)va)
		mock_fail("the host cannot map a page (limit on mappings?) at %#lx",
			  (unsigned long)va);
}

/* What was checked before must be checked again. */
static void new_generation(void)
{
	__atomic_fetch_add(&mock_mmu.generation, 1, __ATOMIC_RELAXED);
}

/* ---- walking the tables
 * ------------------------------------------------------------------------- */

/* First frame of what a leaf maps at `va`, the start of an entry. */
static uint64_t frame_of(quarry_pte_t pte, uintptr_t va)
{
	uint64_t frame = pte >> MOCK_PTE_FRAME_SHIFT & MOCK_PTE_FRAME_MASK;
	uint64_t in_group = MOCK_PTE_GROUP_FRAMES - 1;

	if (!(pte & MOCK_PTE_GROUP))
		return frame;
	if ((frame & in_group) != 6 || mock_pte_level(pte) || !mock_pt_group_order())
		mock_fail("the entry %#lx is of no group (address %#lx)", (unsigned long)pte,
			  (unsigned long)va);
	return (frame & ~in_group) | (va >> PAGE_SHIFT & in_group);
}

struct mapping mock_mmu_walk(uintptr_t va)
{
	phys_addr_t table = MOCK_ROOT;
	struct mapping result = {false, 0, 0};

	for (unsigned level = mock_world.levels; level-- > 0;) {
		unsigned shift = PAGE_SHIFT + 9 * level;
		quarry_pte_t pte;

		if (!mock_backed(table))
			mock_fail("page table of level %u at physical %#lx, which is no memory",
				  level, (unsigned long)table);
		pte = __atomic_load_n(table_at(table) + (va >> shift & 511), __ATOMIC_ACQUIRE);
		if ((pte & MOCK_PTE_KIND) == 0)
			return result;
		table = (pte >> MOCK_PTE_FRAME_SHIFT & MOCK_PTE_FRAME_MASK) << PAGE_SHIFT;
		if ((pte & MOCK_PTE_KIND) == MOCK_PTE_LEAF) {
			result.present = true;
			result.frame = frame_of(pte, va) |
				       (va & (((uintptr_t)1 << shift) - 1)) >> PAGE_SHIFT;
			result.prot = (unsigned)(pte >> MOCK_PTE_PROT_SHIFT & 63);
			return result;
		}
	}
	mock_fail("the page table entry for %#lx at level 0 is not a leaf", (unsigned long)va);
}

unsigned mock_pt_levels(void)
{
	return mock_world.levels ? mock_world.levels : 4;
}

unsigned mock_pt_max_leaf_level(void)
{
	return mock_world.levels ? mock_world.max_leaf_level : 2;
}

unsigned mock_pt_group_order(void)
{
	return mock_world.groups ? 3 : 0;
}

phys_addr_t mock_pt_root(void)
{
	return MOCK_ROOT;
}

void mock_pt_misuse(const char *what, quarry_pte_t value, unsigned level)
{
	mock_fail("page table %s (%#lx, level %u)", what, (unsigned long)value, level);
}

/* ---- entries of the software TLB
 * ------------------------------------------------------------------ */

static struct frame *frame_at(uint64_t frame)
{
	return frame < NR_FRAMES ? &mock_mmu.frames[frame] : NULL;
}

static void link_entry(struct entry *entry, uint32_t page)
{
	struct frame *frame = frame_at(entry->frame);

	entry->prev = 0;
	entry->next = mock_mmu.first;
	if (mock_mmu.first)
		mock_mmu.entries[mock_mmu.first - 1].prev = page + 1;
	mock_mmu.first = page + 1;
	entry->prev_of_frame = 0;
	entry->next_of_frame = 0;
	if (frame) {
		entry->next_of_frame = frame->tlb;
		if (frame->tlb)
			mock_mmu.entries[frame->tlb - 1].prev_of_frame = page + 1;
		__atomic_store_n(&frame->tlb, page + 1, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&mock_mmu.nr_entries, mock_mmu.nr_entries + 1, __ATOMIC_RELAXED);
}

static void unlink_entry(struct entry *entry)
{
	struct frame *frame = frame_at(entry->frame);

	if (entry->prev)
		mock_mmu.entries[entry->prev - 1].next = entry->next;
	else
		mock_mmu.first = entry->next;
	if (entry->next)
		mock_mmu.entries[entry->next - 1].prev = entry->prev;
	if (entry->prev_of_frame)
		mock_mmu.entries[entry->prev_of_frame - 1].next_of_frame = entry->next_of_frame;
	else if (frame)
		__atomic_store_n(&frame->tlb, entry->next_of_frame, __ATOMIC_RELAXED);
	if (entry->next_of_frame)
		mock_mmu.entries[entry->next_of_frame - 1].prev_of_frame = entry->prev_of_frame;
	__atomic_store_n(&mock_mmu.nr_entries, mock_mmu.nr_entries - 1, __ATOMIC_RELAXED);
}

/* M2 */
static void drop_entry(struct entry *entry, uint32_t page)
{
	unlink_entry(entry);
	if (entry->shown)
		mock_mmu_host_map(va_of(page), PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	memset(entry, 0, sizeof(*entry));
}

/* Every running CPU caches the translation of this page now. */
struct entry *mock_mmu_cache(uint32_t page, uint64_t frame, unsigned prot)
{
	struct entry *entry = &mock_mmu.entries[page];

	if (mock_cpus_empty(&entry->cpus)) {
		entry->frame = frame;
		entry->prot = prot;
		link_entry(entry, page);
	} else if (entry->frame != frame) { /* M1 */
		mock_fail("address %#lx reused before flush: CPU %u still translates it to "
			  "frame %#lx, the table now says %#lx",
			  (unsigned long)va_of(page), first_cpu(&entry->cpus),
			  (unsigned long)entry->frame, (unsigned long)frame);
	}
	for (unsigned i = 0; i < MOCK_CPU_WORDS; i++)
		entry->cpus.word[i] |= mock_world.running.word[i];
	__atomic_store_n(&mock_mmu.used, true, __ATOMIC_RELAXED);
	return entry;
}

/* The calling CPU's TLB loses this page. Hardware would load a mapping that is still there at
 * once. */
static void leave_entry(uint32_t page, unsigned cpu)
{
	struct entry *entry = &mock_mmu.entries[page];
	struct mapping mapping;

	if (!mock_cpus_has(&entry->cpus, cpu))
		return;
	mock_cpus_remove(&entry->cpus, cpu);
	if (!mock_cpus_empty(&entry->cpus))
		return;
	drop_entry(entry, page);
	mapping = mock_mmu_walk(va_of(page));
	if (mapping.present)
		mock_mmu_cache(page, mapping.frame, mapping.prot);
}

/* ---- ranges that were mapped and not yet synced
 * -------------------------------------------------- */

/* CPUs that map at the same time each continue a range of their own. */
static void add_unsynced(uintptr_t start, uintptr_t end)
{
	for (unsigned i = mock_mmu.nr_unsynced; i-- > 0;) {
		if (mock_mmu.unsynced[i].end == start) {
			mock_mmu.unsynced[i].end = end;
			return;
		}
	}
	if (mock_mmu.nr_unsynced == MAX_UNSYNCED)
		mock_fail("more than %d ranges were mapped without arch_tlb_map_sync",
			  MAX_UNSYNCED);
	mock_mmu.unsynced[mock_mmu.nr_unsynced++] = (struct range){start, end};
}

static void remove_unsynced(uintptr_t start, uintptr_t end)
{
	unsigned nr = mock_mmu.nr_unsynced;

	for (unsigned i = 0; i < nr; i++) {
		struct range range = mock_mmu.unsynced[i];

		if (range.start >= end || range.end <= start)
			continue;
		mock_mmu.unsynced[i].end = mock_mmu.unsynced[i].start;
		if (range.start < start)
			mock_mmu.unsynced[i].end = start;
		if (range.end > end)
			add_unsynced(end, range.end);
	}
	nr = 0;
	for (unsigned i = 0; i < mock_mmu.nr_unsynced; i++)
		if (mock_mmu.unsynced[i].start < mock_mmu.unsynced[i].end)
			mock_mmu.unsynced[nr++] = mock_mmu.unsynced[i];
	mock_mmu.nr_unsynced = nr;
}

bool mock_mmu_is_unsynced(uintptr_t va)
{
	for (unsigned i = 0; i < mock_mmu.nr_unsynced; i++)
		if (va >= mock_mmu.unsynced[i].start && va < mock_mmu.unsynced[i].end)
			return true;
	return false;
}

/* ---- what a store into a linked table means
 * ------------------------------------------------------- */

static void learn_leaf(quarry_pte_t value, uintptr_t va, unsigned level, bool sync)
{
	uint64_t pages = (uint64_t)1 << 9 * level;
	uint64_t frame = frame_of(value, va);
	unsigned prot = (unsigned)(value >> MOCK_PTE_PROT_SHIFT & 63);

	if (mock_pte_level(value) != level)
		mock_fail("a leaf made for level %u was stored in a table of level %u "
			  "(address %#lx)",
			  mock_pte_level(value), level, (unsigned long)va);
	if (!in_window(va) || !in_window(va + pages * PAGE_SIZE - 1))
		mock_fail("a leaf was stored for %#lx, outside the vmalloc range",
			  (unsigned long)va);
	for (uint64_t i = 0; i < pages; i++)
		mock_mmu_cache(page_of(va) + (uint32_t)i, frame + i, prot);
	if (sync)
		add_unsynced(va, va + pages * PAGE_SIZE);
}

static void learn(quarry_pte_t value, uintptr_t va, unsigned level, bool sync);

static void learn_table(uint64_t number, uintptr_t va, unsigned level, bool sync)
{
	struct frame *frame = frame_at(number);

	if (!frame || !mock_backed(number << PAGE_SHIFT))
		mock_fail("a page table at physical %#lx, which is no memory",
			  (unsigned long)(number << PAGE_SHIFT));
	if (frame->table)
		mock_fail("the page table in frame %#lx is linked twice", (unsigned long)number);
	if (frame->stale)
		mock_fail("the page table in frame %#lx was linked again before a flush",
			  (unsigned long)number);
	frame->table = va | (level + 1);
	if (mock_mmu.nr_tables < MAX_CLEARED)
		mock_mmu.tables[mock_mmu.nr_tables] = number;
	mock_mmu.nr_tables++;
	__atomic_store_n(&mock_mmu.used, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 512; i++)
		learn(__atomic_load_n(table_at(number << PAGE_SHIFT) + i, __ATOMIC_ACQUIRE),
		      va + i * (PAGE_SIZE << 9 * level), level, sync);
}

/* `value` stands for the addresses from `va` in a linked table of this level. */
static void learn(quarry_pte_t value, uintptr_t va, unsigned level, bool sync)
{
	uint64_t number = value >> MOCK_PTE_FRAME_SHIFT & MOCK_PTE_FRAME_MASK;
	uint64_t kind = value & MOCK_PTE_KIND;

	if (value == 0)
		return;
	if (kind == MOCK_PTE_LEAF)
		learn_leaf(value, va, level, sync);
	else if (kind == MOCK_PTE_TABLE && level > 0)
		learn_table(number, va, level - 1, sync);
	else
		mock_fail("the value %#lx is no page table entry of level %u", (unsigned long)value,
			  level);
}

static void add_stale(uint64_t number, uintptr_t va, unsigned level)
{
	if (mock_mmu.nr_stale == MAX_STALE)
		mock_fail("more than %d page tables were unlinked without a flush", MAX_STALE);
	mock_mmu.stale[mock_mmu.nr_stale++] =
		(struct stale_table){number, va, va + table_span(level), mock_world.running};
	__atomic_store_n(&mock_mmu.frames[number].stale, 1, __ATOMIC_RELAXED);
}

static void forget(quarry_pte_t value, uintptr_t va, unsigned level)
{
	uint64_t number = value >> MOCK_PTE_FRAME_SHIFT & MOCK_PTE_FRAME_MASK;

	if ((value & MOCK_PTE_KIND) == MOCK_PTE_LEAF)
		remove_unsynced(va, va + (PAGE_SIZE << 9 * level));
	/* A table of an earlier boot is unknown: its memory holds anything by now. */
	if ((value & MOCK_PTE_KIND) != MOCK_PTE_TABLE || !mock_mmu.frames[number].table)
		return;
	mock_mmu.frames[number].table = 0;
	add_stale(number, va, level - 1);
	for (unsigned i = 0; i < 512; i++)
		forget(__atomic_load_n(table_at(number << PAGE_SHIFT) + i, __ATOMIC_ACQUIRE),
		       va + i * (PAGE_SIZE << 9 * (level - 1)), level - 1);
}

void mock_pte_write(quarry_pte_t *entry, quarry_pte_t value)
{
	uintptr_t at = (uintptr_t)entry;
	quarry_pte_t old;
	uint64_t table;

	mock_point(MOCK_PTE_WRITE, "pte_write", at, value);
	if (!in_direct(at) || !mock_backed(at - MOCK_DIRECT) || at % sizeof(value))
		mock_fail("pte_write: %#lx is no address of a table in the direct map",
			  (unsigned long)at);
	if (value && value >> 60 != MOCK_PTE_SIGNATURE >> 60)
		mock_fail("pte_write: %#lx was not made by arch_pte_leaf or arch_pte_table",
			  (unsigned long)value);
	mock_enter();
	old = __atomic_load_n(entry, __ATOMIC_RELAXED);
	table = mock_mmu.frames[MOCK_PAGES(at - MOCK_DIRECT)].table;
	new_generation();
	if (table && old != value) {
		unsigned level = (unsigned)(table & 7) - 1;
		uintptr_t va = (table & ~(uint64_t)7) +
			       (at % PAGE_SIZE / sizeof(value)) * (PAGE_SIZE << 9 * level);

		if (level == mock_world.levels - 1 && mock_world.booted)
			mock_fail("an entry of the root table was changed after quarry_init");
		if (level == mock_world.levels - 1 && value &&
		    (va >= mock_world.window_end || va + table_span(level - 1) <= MOCK_VMALLOC))
			mock_fail("an entry of the root table outside the vmalloc range "
				  "was written");
		forget(old, va, level);
		__atomic_store_n(entry, value, __ATOMIC_RELEASE);
		/* What was a leaf is not remembered as absent: no sync needed. */
		learn(value, va, level, (old & MOCK_PTE_KIND) != MOCK_PTE_LEAF);
	} else {
		__atomic_store_n(entry, value, __ATOMIC_RELEASE);
	}
	mock_leave();
}

/* ---- flushes
 * --------------------------------------------------------------------------------------- */

static void leave_tables(uintptr_t start, uintptr_t end, unsigned cpu)
{
	unsigned nr = 0;

	for (unsigned i = 0; i < mock_mmu.nr_stale; i++) {
		struct stale_table *table = &mock_mmu.stale[i];

		if (table->start < end && start < table->end)
			mock_cpus_remove(&table->cpus, cpu);
		if (mock_cpus_empty(&table->cpus))
			__atomic_store_n(&mock_mmu.frames[table->frame].stale, 0, __ATOMIC_RELAXED);
		else
			mock_mmu.stale[nr++] = *table;
	}
	mock_mmu.nr_stale = nr;
}

static void leave_range(uintptr_t start, uintptr_t end, unsigned cpu)
{
	uintptr_t from = start < MOCK_VMALLOC ? MOCK_VMALLOC : start & PAGE_MASK;
	uintptr_t to = end > mock_world.window_end ? mock_world.window_end : end;

	if (from < to && MOCK_PAGES(to - from) <= mock_mmu.nr_entries) {
		for (uintptr_t va = from; va < to; va += PAGE_SIZE)
			leave_entry(page_of(va), cpu);
	} else {
		for (uint32_t i = mock_mmu.first, next; i; i = next) {
			next = mock_mmu.entries[i - 1].next;
			if (va_of(i - 1) >= from && va_of(i - 1) < to)
				leave_entry(i - 1, cpu);
		}
	}
	leave_tables(start, end, cpu);
}

void mock_tlb_flush(uintptr_t start, uintptr_t end)
{
	bool counted = !mock_self.now.handler;

	mock_point(counted ? MOCK_FLUSH : MOCK_NR_HOOKS, "flush", start, end);
	mock_enter();
	new_generation();
	leave_range(start, end, mock_self.now.cpu);
	if (mock_world.cpus == 1)
		remove_unsynced(start, end);
	mock_leave();
}

void mock_tlb_map_sync(uintptr_t start, uintptr_t end)
{
	mock_point(MOCK_NR_HOOKS, "map_sync", start, end);
	mock_enter();
	new_generation();
	remove_unsynced(start, end);
	mock_leave();
}

void mock_icache_sync(void)
{
	mock_point(mock_self.now.handler ? MOCK_NR_HOOKS : MOCK_ICACHE, "icache_sync", 0, 0);
}

void mock_tlb_empty(unsigned cpu)
{
	mock_enter();
	mock_cpus_remove(&mock_world.running, cpu);
	new_generation();
	leave_range(0, UINTPTR_MAX, cpu);
	mock_leave();
}

/* ---- start and reset
 * ------------------------------------------------------------------------------------ */

static void *sparse(size_t bytes)
{
	long got = syscall(SYS_mmap, 0L, bytes, (long)(PROT_READ | PROT_WRITE),
			   (long)(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE), -1L, 0L);

	if (got < 0 && got > -4096) {
		perror("mock: address space");
		abort();
	}
	return (void *)got;
}

static void hide_window(int extra)
{
	long got = syscall(SYS_mmap, MOCK_VMALLOC, MOCK_VMALLOC_MAX, (long)PROT_NONE,
			   (long)(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | extra), -1L, 0L);

	if (got != (long)MOCK_VMALLOC) {
		perror("mock: vmalloc window");
		abort();
	}
}

void mock_mmu_init(void)
{
	hide_window(MAP_FIXED_NOREPLACE);
	mock_mmu.entries = sparse(NR_WINDOW_PAGES * sizeof(struct entry));
	mock_mmu.frames = sparse(NR_FRAMES * sizeof(struct frame));
}

/* A world that mapped little is cleared piece by piece: that spares the page faults of fresh
 * arrays. */
static void clear(void)
{
	new_generation();
	if (mock_mmu.nr_entries <= MAX_CLEARED && mock_mmu.nr_tables <= MAX_CLEARED) {
		while (mock_mmu.first)
			drop_entry(&mock_mmu.entries[mock_mmu.first - 1], mock_mmu.first - 1);
		for (unsigned i = 0; i < mock_mmu.nr_stale; i++)
			mock_mmu.frames[mock_mmu.stale[i].frame].stale = 0;
		for (unsigned i = 0; i < mock_mmu.nr_tables; i++)
			mock_mmu.frames[mock_mmu.tables[i]].table = 0;
	} else {
		hide_window(MAP_FIXED);
		syscall(SYS_madvise, mock_mmu.entries, NR_WINDOW_PAGES * sizeof(struct entry),
			(long)MADV_DONTNEED);
		syscall(SYS_madvise, mock_mmu.frames, NR_FRAMES * sizeof(struct frame),
			(long)MADV_DONTNEED);
	}
	mock_mmu.first = 0;
	mock_mmu.nr_entries = 0;
	mock_mmu.nr_unsynced = 0;
	mock_mmu.nr_stale = 0;
	mock_mmu.nr_tables = 0;
	mock_mmu.used = false;
}

void mock_mmu_reset(void)
{
	clear();
	mock_mmu.frames[MOCK_PAGES(MOCK_ROOT)].table =
		(MOCK_VMALLOC & ~(table_span(mock_world.levels - 1) - 1)) | mock_world.levels;
}

void mock_mmu_rebuild(void)
{
	mock_enter();
	clear();
	mock_mmu.frames[MOCK_PAGES(MOCK_ROOT)].table = 0;
	learn_table(MOCK_PAGES(MOCK_ROOT), MOCK_VMALLOC & ~(table_span(mock_world.levels - 1) - 1),
		    mock_world.levels - 1, false);
	mock_leave();
}
