/* SPDX-License-Identifier: MIT */
/*
 * mmu.h: the state of the mock's memory management unit, shared by mmu.c (what tables and flushes
 * do to it) and access.c (what an access or an allocation finds). Theory: mmu.c.
 */
#ifndef QUARRY_MOCK_MMU_H
#define QUARRY_MOCK_MMU_H

#include <quarry/arch/pgtable.h>

#include "world.h"

#define MAX_UNSYNCED 512
#define MAX_STALE 512
#define MAX_CLEARED 1024 /* more entries or tables than this: cleared with their arrays */
#define NR_FRAMES MOCK_PAGES(MOCK_FILE_SIZE)
#define NR_WINDOW_PAGES MOCK_PAGES(MOCK_VMALLOC_MAX)

struct entry {
	uint64_t frame;
	struct mock_cpus cpus;
	uint32_t next_of_frame, prev_of_frame; /* page number in the window plus 1; 0 ends */
	uint32_t next, prev;		       /* of all entries */
	uint32_t prot;
	bool shown;
};

struct frame {
	uint64_t table; /* linked table page: first address it maps, plus its level plus 1 */
	uint32_t tlb;
	uint32_t stale; /* 1: a table page that CPUs may still walk */
};

struct stale_table {
	uint64_t frame;
	uintptr_t start, end;
	struct mock_cpus cpus;
};

struct range {
	uintptr_t start, end;
};

struct mmu {
	struct entry *entries; /* by page of the window */
	struct frame *frames;  /* by frame number */
	uint32_t first;	       /* of all entries */
	unsigned long nr_entries;
	struct range unsynced[MAX_UNSYNCED];
	unsigned nr_unsynced;
	struct stale_table stale[MAX_STALE];
	unsigned nr_stale;
	uint64_t tables[MAX_CLEARED]; /* frames linked since the last reset, for the next one */
	unsigned long nr_tables;
	unsigned long generation; /* counts changes of tables and TLBs; never 0 in a world */
	bool used;		  /* since the last reset */
};
extern struct mmu mock_mmu;

static inline bool in_window(uintptr_t va)
{
	return va >= MOCK_VMALLOC && va < mock_world.window_end;
}

static inline bool in_direct(uintptr_t va)
{
	return va >= MOCK_DIRECT && va < MOCK_DIRECT + MOCK_FILE_SIZE;
}

static inline uint32_t page_of(uintptr_t va)
{
	return (uint32_t)((va - MOCK_VMALLOC) >> PAGE_SHIFT);
}

static inline uintptr_t va_of(uint32_t page)
{
	return MOCK_VMALLOC + ((uintptr_t)page << PAGE_SHIFT);
}

static inline unsigned first_cpu(const struct mock_cpus *set)
{
	unsigned cpu = 0;

	while (cpu + 1 < QUARRY_MAX_CPUS && !mock_cpus_has(set, cpu))
		cpu++;
	return cpu;
}

/* What the tables say about one page. */
struct mapping {
	bool present;
	uint64_t frame;
	unsigned prot;
};

/* Walk the tables for `va`, an address of the window. */
struct mapping mock_mmu_walk(uintptr_t va);
/* Every running CPU caches the translation of this page of the window now. */
struct entry *mock_mmu_cache(uint32_t page, uint64_t frame, unsigned prot);
/* Was `va` mapped since the last arch_tlb_map_sync of it? */
bool mock_mmu_is_unsynced(uintptr_t va);
void mock_mmu_host_map(uintptr_t va, int prot, int flags, int fd, uint64_t offset);

#endif
