/* SPDX-License-Identifier: MIT */
/*
 * vmap_protect.c: rights and caching attributes of pages in an area, and of their other address.
 *
 * Terms       alias   the same page in the direct map; its rights follow those of the area, without
 *                     EXEC, where the OS offers to change them (protect_direct_map)
 *
 * Order of a change, so that it is done whole or not at all:
 *   1  questions: area, rights, can the CPU port say it?
 *   2  page tables to split huge leaves at both ends        may fail: none is linked
 *   3  aliases, one call a physical run                     may fail: those done are put back
 *   4  entries, a flush of every CPU, caches                cannot fail
 *
 * Invariants  X1  no entry written here is writable and executable
 *             X2  an alias is not writable while a CPU may execute the page: step 3 comes before a
 *                 page becomes executable, and vmap_unguard flushes before it gives an alias back
 *             X3  the direct map differs from what is usual only for pages of an area with
 *                 VMAP_GUARDED; such an area is never parked and is freed where one may wait
 *
 * Locking     none held across a step; two calls for the same pages at once are the callers' error,
 *             for different pages of one leaf they are not (P7 of pgtable.c).
 * Cost        a walk a page for the questions and the aliases, a walk a table for the entries.
 * Start at    vmap_protect
 */
#include <quarry/set_memory.h>

#include <quarry/mm.h>

#include "mm/base/cpu.h"
#include "mm/base/log.h"
#include "mm/vmap/vmap_flush.h"
#include "mm/vmap/vmap_protect.h"

#define WX (QUARRY_PROT_WRITE | QUARRY_PROT_EXEC)
#define CALLER() ((uintptr_t)__builtin_return_address(0))

static unsigned changed(unsigned prot, struct pt_change change)
{
	return (prot & ~change.clear) | change.set;
}

/* Pages from va to the end of its leaf. */
static unsigned long leaf_rest(uintptr_t va, unsigned level)
{
	unsigned long pages = leaf_pages(level);

	return pages - (va >> PAGE_SHIFT & (pages - 1));
}

/* Would a page of [va, end) become writable and executable (X1)? */
static bool would_break_wx(uintptr_t va, uintptr_t end, struct pt_change change)
{
	struct pt_leaf leaf;

	if (!(change.set & WX))
		return false;
	while (va < end) {
		if (pgtable_query(va, true, &leaf))
			return true;
		if ((changed(leaf.prot, change) & WX) == WX)
			return true;
		va += leaf_rest(va, leaf.level) << PAGE_SHIFT;
	}
	return false;
}

/* Physically neighbouring pages whose aliases get the same rights. */
struct alias_run {
	phys_addr_t start, end;
	unsigned prot;
};

static int alias_flush(struct alias_run *run)
{
	int error = 0;

	if (run->start != run->end)
		error = mm_ops.protect_direct_map(phys_to_virt(run->start),
						  (size_t)(run->end - run->start), run->prot);
	run->start = run->end;
	return error;
}

/*
 * Give the aliases of [*va, end) the rights that go with change `to` of the entries as they are
 * now; those that have them with change `from` already are left alone. *va is where the first run
 * that failed begins.
 */
static int alias_change(uintptr_t *va, uintptr_t end, struct pt_change from, struct pt_change to)
{
	struct alias_run run = {0, 0, 0};
	uintptr_t at = *va;
	int error = 0;

	while (at < end && !error) {
		struct pt_leaf leaf = {0, 0, 0};
		unsigned long rest, pages = (end - at) >> PAGE_SHIFT;
		unsigned prot;
		bool same;

		if (pgtable_query(at, true, &leaf))
			break;
		rest = leaf_rest(at, leaf.level);
		pages = pages < rest ? pages : rest;
		prot = changed(leaf.prot, to) & ~QUARRY_PROT_EXEC;
		same = prot == (changed(leaf.prot, from) & ~QUARRY_PROT_EXEC);
		if (same || leaf.phys != run.end || prot != run.prot) {
			error = alias_flush(&run);
			if (error)
				break;
			*va = at;
			run = (struct alias_run){leaf.phys, leaf.phys, prot};
		}
		if (!same)
			run.end += (phys_addr_t)pages << PAGE_SHIFT;
		at += pages << PAGE_SHIFT;
	}
	return error ? error : alias_flush(&run);
}

/* Step 3. */
static int change_aliases(uintptr_t start, uintptr_t end, struct pt_change change)
{
	static const struct pt_change none = {0, 0};
	uintptr_t failed = start, undone = start;
	int error;

	if (!mm_ops.protect_direct_map)
		return 0;
	error = alias_change(&failed, end, none, change);
	if (error)
		alias_change(&undone, failed, change, none);
	return error;
}

static void sync_icache(void *unused)
{
	(void)unused;
	arch_icache_sync();
}

/* Every CPU drops what it has of [start, end), and of groups that reach into it: one entry of a
 * group may have brought translations of all its pages. */
static void flush(uintptr_t start, uintptr_t end)
{
	uintptr_t mask = (group_pages() << PAGE_SHIFT) - 1;

	vmap_flush_now(start & ~mask, (end + mask) & ~mask);
}

/* Step 4. */
static void change_entries(uintptr_t start, uintptr_t end, struct pt_change change)
{
	for (uintptr_t va = start; va != end;)
		va += pgtable_change(va, (end - va) >> PAGE_SHIFT, change) << PAGE_SHIFT;
	flush(start, end);
	if (change.clear & QUARRY_PROT_CACHING)
		arch_cache_flush((const void *)start, end - start);
	if (change.set & QUARRY_PROT_EXEC)
		cpu_call_all(sync_icache, NULL);
}

static int refuse(const struct protect_call *call, enum quarry_rule rule, uintptr_t va,
		  unsigned long pages, unsigned set)
{
	mm_report_at(rule, call->name, (void *)va, pages, set, call->caller);
	return -QUARRY_EINVAL;
}

/* The port drops what it cannot say. */
static bool port_can(unsigned set)
{
	unsigned caching = set & QUARRY_PROT_CACHING;

	return !caching ||
	       arch_pte_prot(arch_pte_leaf(0, QUARRY_PROT_READ | caching, 0), 0) &
		       QUARRY_PROT_CACHING;
}

/* Step 1. From here on the area is not parked. Return: its kind; 0: there is none. */
static unsigned open_area(uintptr_t va, unsigned long pages, const struct protect_call *call)
{
	struct vmap_info info = {0, 0, 0, 0, 0, 0};
	unsigned long irq = mm_lock(&vmap_lock);
	bool found = vmap_area_find_locked(va, &info) &&
		     pages <= info.pages - ((va - info.start) >> PAGE_SHIFT);
	bool ours = (info.flags & VMAP_ALLOC) != 0;

	if (call->exec)
		found = found && info.flags & VMAP_EXEC;
	else
		found = found && !(info.flags & (VMAP_EXEC | VMAP_IO | VMAP_RAM));
	if (found)
		vmap_area_mark_locked(info.start,
				      ours && mm_ops.protect_direct_map ? VMAP_GUARDED : 0);
	mm_unlock(&vmap_lock, irq);
	return found ? info.flags : 0;
}

int vmap_protect(uintptr_t va, unsigned long pages, struct pt_change change,
		 const struct protect_call *call)
{
	uintptr_t end = va + (pages << PAGE_SHIFT);
	const uintptr_t ends[] = {va, end};
	unsigned kind;
	int error;

	if (!vmap_may_wait())
		return refuse(call, QUARRY_RULE_BAD_CONTEXT, va, cpu_context(), 0);
	if (!PAGE_ALIGNED(va) || !pages || pages > ~(uintptr_t)0 >> PAGE_SHIFT)
		return refuse(call, QUARRY_RULE_BAD_ARGUMENT, va, pages, change.set);
	kind = open_area(va, pages, call);
	if (!kind)
		return refuse(call, QUARRY_RULE_VMAP_UNKNOWN, va, pages, change.set);
	if (would_break_wx(va, end, change))
		return refuse(call, QUARRY_RULE_BAD_ARGUMENT, va, pages, change.set);
	if (!port_can(change.set))
		return -QUARRY_ENOSYS;
	error = pgtable_split(ends, 2, GFP_KERNEL | __GFP_NOWARN);
	if (error > 0) {
		flush(va, end);
		error = 0;
	}
	if (!error && kind & VMAP_ALLOC)
		error = change_aliases(va, end, change);
	if (!error)
		change_entries(va, end, change);
	return error;
}

void vmap_unguard(const struct vmap_info *info)
{
	static const struct pt_change none = {0, 0}, no_exec = {QUARRY_PROT_EXEC, 0},
				      usual = {~0u, QUARRY_PROT_KERNEL};
	uintptr_t at = info->start, end = at + (info->pages << PAGE_SHIFT);

	/* X2 */
	change_entries(at, end, no_exec);
	if (alias_change(&at, end, none, usual))
		mm_report(VMAP_TABLE, "protect_direct_map", (void *)at, info->pages, 0);
}

/* ---- public ---- */

static int protect(unsigned long address, int numpages, struct pt_change change, const char *name,
		   uintptr_t caller)
{
	const struct protect_call call = {name, caller, false};
	unsigned long pages = numpages > 0 ? (unsigned long)numpages : 0;

	return vmap_protect(address, pages, change, &call);
}

static int set_caching(unsigned long address, int numpages, unsigned caching, const char *name,
		       uintptr_t caller)
{
	const struct pt_change change = {QUARRY_PROT_CACHING, caching};

	return protect(address, numpages, change, name, caller);
}

static const struct pt_change read_only = {QUARRY_PROT_WRITE, 0}, writable = {0, QUARRY_PROT_WRITE},
			      no_execute = {QUARRY_PROT_EXEC, 0}, execute = {0, QUARRY_PROT_EXEC};

int set_memory_ro(unsigned long address, int numpages)
{
	return protect(address, numpages, read_only, "set_memory_ro", CALLER());
}
int set_memory_rw(unsigned long address, int numpages)
{
	return protect(address, numpages, writable, "set_memory_rw", CALLER());
}
int set_memory_nx(unsigned long address, int numpages)
{
	return protect(address, numpages, no_execute, "set_memory_nx", CALLER());
}
int set_memory_x(unsigned long address, int numpages)
{
	return protect(address, numpages, execute, "set_memory_x", CALLER());
}
int set_memory_rox(unsigned long address, int numpages)
{
	int error = protect(address, numpages, read_only, "set_memory_rox", CALLER());

	return error ? error : protect(address, numpages, execute, "set_memory_rox", CALLER());
}
int set_memory_uc(unsigned long address, int numpages)
{
	return set_caching(address, numpages, QUARRY_PROT_UNCACHED, "set_memory_uc", CALLER());
}
int set_memory_wc(unsigned long address, int numpages)
{
	return set_caching(address, numpages, QUARRY_PROT_WRITE_COMBINE, "set_memory_wc", CALLER());
}
int set_memory_wt(unsigned long address, int numpages)
{
	return set_caching(address, numpages, QUARRY_PROT_WRITE_THROUGH, "set_memory_wt", CALLER());
}
int set_memory_wb(unsigned long address, int numpages)
{
	return set_caching(address, numpages, 0, "set_memory_wb", CALLER());
}
