/* SPDX-License-Identifier: MIT */
/*
 * ioremap.c: physical ranges that are not ours, at virtual addresses.
 *
 *   phys          |......[==range==]....|      pages that the range touches
 *   area          |......^              |guard  the result points into its first page
 *
 * An area begins at a multiple of the largest leaf that can map the start of the range, so that the
 * leaves follow; where no such address is left, of smaller ones.
 *
 * Cost        an area, and an entry a leaf; the question for memory of ours looks once at each
 *             pageblock.
 * Start at    map_range; ioremap_page_range
 */
#include <quarry/io.h>

#include "mm/base/cpu.h"
#include "mm/base/log.h"
#include "mm/gfp/gfp.h"
#include "mm/phys/pageblock.h"
#include "mm/vmap/pgtable.h"
#include "mm/vmap/vmap.h"
#include "mm/vmap/vmap_dir.h"

#define CALLER() ((uintptr_t)__builtin_return_address(0))
#define DEVICE (QUARRY_PROT_KERNEL | QUARRY_PROT_UNCACHED)

/* Who asks. */
struct io_call {
	const char *name;
	uintptr_t caller;
};

static void *refuse(const struct io_call *call, enum quarry_rule rule, phys_addr_t phys,
		    size_t size)
{
	mm_report_at(rule, call->name, NULL, (unsigned long)phys, size, call->caller);
	return NULL;
}

static bool range_ok(phys_addr_t phys, size_t size)
{
	return size && size - 1 <= ~(size_t)0 - PAGE_SIZE && phys + (size - 1) >= phys &&
	       (phys + (size - 1)) >> QUARRY_ARCH_PHYS_BITS == 0;
}

static bool prot_ok(unsigned prot)
{
	return vmap_prot_ok(prot) && !(prot & QUARRY_PROT_EXEC);
}

/* Which pages of a range are managed by us? */
enum ours { OURS_NONE, OURS_ALL, OURS_SOME };

static enum ours whose(phys_addr_t phys, size_t size)
{
	unsigned long pfn = (unsigned long)(phys >> PAGE_SHIFT);
	unsigned long end = (unsigned long)((phys + (size - 1)) >> PAGE_SHIFT) + 1;
	unsigned long known = (pageblocks.first + pageblocks.count) << pageblock_order;
	bool any = false, all = true;

	/* Nothing of ours lies beyond the map; a range may be as long as addresses can say. */
	if (end > known) {
		all = false;
		end = known;
	}
	while (pfn < end && (all || !any)) {
		if (!pageblock_state(pfn)) {
			all = false;
			pfn = (pfn | (pageblock_nr_pages - 1)) + 1;
			continue;
		}
		if (pfn_valid(pfn))
			any = true;
		else
			all = false;
		pfn++;
	}
	if (!any)
		return OURS_NONE;
	return all ? OURS_ALL : OURS_SOME;
}

static void *map_range(phys_addr_t phys, size_t size, unsigned prot, const struct io_call *call)
{
	size_t offset = phys & ~PAGE_MASK, bytes = size + offset;
	struct vmap_info info = {0, bytes, PFN_UP(bytes), VMAP_IO, call->caller, 0};
	gfp_t gfp = GFP_KERNEL;
	unsigned long mapped;

	if (vmap_refuse_nmi(call->name, NULL, call->caller))
		return NULL;
	if (!gfp_context_ok(gfp))
		gfp = gfp_context_report(gfp, call->name, call->caller);
	int error = vmap_get_io_area(&info, phys, gfp);
	if (error)
		return refuse(call,
			      error == -QUARRY_ENOSPC ? QUARRY_RULE_VMAP_SPACE
						      : QUARRY_RULE_NO_MEMORY,
			      phys, size);
	mapped = vmap_map_block(info.start, phys - offset, info.pages, prot, gfp);
	if (mapped < info.pages) {
		vmap_abort(&info, mapped);
		return refuse(call, QUARRY_RULE_NO_MEMORY, phys, size);
	}
	return (char *)info.start + offset;
}

static void *map_device(phys_addr_t phys, size_t size, unsigned prot, const char *name,
			uintptr_t caller)
{
	const struct io_call call = {name, caller};

	if (!range_ok(phys, size) || !prot_ok(prot) || whose(phys, size) != OURS_NONE)
		return refuse(&call, QUARRY_RULE_BAD_ARGUMENT, phys, size);
	return map_range(phys, size, prot, &call);
}

void *ioremap(phys_addr_t phys, size_t size)
{
	return map_device(phys, size, DEVICE, "ioremap", CALLER());
}
void *ioremap_uc(phys_addr_t phys, size_t size)
{
	return map_device(phys, size, DEVICE, "ioremap_uc", CALLER());
}
void *ioremap_wc(phys_addr_t phys, size_t size)
{
	return map_device(phys, size, QUARRY_PROT_KERNEL | QUARRY_PROT_WRITE_COMBINE, "ioremap_wc",
			  CALLER());
}
void *ioremap_wt(phys_addr_t phys, size_t size)
{
	return map_device(phys, size, QUARRY_PROT_KERNEL | QUARRY_PROT_WRITE_THROUGH, "ioremap_wt",
			  CALLER());
}
void *ioremap_cache(phys_addr_t phys, size_t size)
{
	return map_device(phys, size, QUARRY_PROT_KERNEL, "ioremap_cache", CALLER());
}
void *ioremap_prot(phys_addr_t phys, size_t size, unsigned prot)
{
	return map_device(phys, size, prot, "ioremap_prot", CALLER());
}

void iounmap(const volatile void *address)
{
	uintptr_t start = (uintptr_t)address & PAGE_MASK;

	if (address)
		vmap_free((const void *)start, VMAP_IO, "iounmap", CALLER());
}

void *memremap(phys_addr_t phys, size_t size, unsigned long flags)
{
	const struct io_call call = {"memremap", CALLER()};
	unsigned prot = QUARRY_PROT_KERNEL;
	enum ours ours;

	if (!range_ok(phys, size) || !flags || flags & ~(MEMREMAP_WB | MEMREMAP_WT | MEMREMAP_WC))
		return refuse(&call, QUARRY_RULE_BAD_ARGUMENT, phys, size);
	ours = whose(phys, size);
	if (ours == OURS_ALL && flags & MEMREMAP_WB)
		return phys_to_virt(phys);
	if (ours != OURS_NONE)
		return refuse(&call, QUARRY_RULE_BAD_ARGUMENT, phys, size);
	if (!(flags & MEMREMAP_WB))
		prot |= flags & MEMREMAP_WT ? QUARRY_PROT_WRITE_THROUGH : QUARRY_PROT_WRITE_COMBINE;
	return map_range(phys, size, prot, &call);
}

void memunmap(const void *address)
{
	if (vmap_dir_covers((uintptr_t)address))
		vmap_free((const void *)((uintptr_t)address & PAGE_MASK), VMAP_IO, "memunmap",
			  CALLER());
}

/* ---- into an area of get_vm_area ---- */

/* Is [start, end) addresses of one such area? */
static bool range_is_bare(uintptr_t start, uintptr_t end)
{
	struct vmap_info info;

	return PAGE_ALIGNED(start | end) && start < end &&
	       vmap_info_at((const void *)start, &info) && info.flags == VMAP_BARE &&
	       end - info.start <= info.pages << PAGE_SHIFT;
}

static int refuse_range(uintptr_t start, enum quarry_rule rule, unsigned long a, unsigned long b,
			uintptr_t caller)
{
	mm_report_at(rule, "ioremap_page_range", (void *)start, a, b, caller);
	return -QUARRY_EINVAL;
}

int ioremap_page_range(unsigned long start, unsigned long end, phys_addr_t phys, unsigned prot)
{
	unsigned long pages = (end - start) >> PAGE_SHIFT, mapped;
	uintptr_t caller = CALLER();

	if (!vmap_may_wait())
		return refuse_range(start, QUARRY_RULE_BAD_CONTEXT, cpu_context(), 0, caller);
	if (!range_is_bare(start, end))
		return refuse_range(start, QUARRY_RULE_VMAP_UNKNOWN, end, 0, caller);
	if (!PAGE_ALIGNED(phys) || !range_ok(phys, end - start) || !prot_ok(prot) ||
	    whose(phys, end - start) != OURS_NONE)
		return refuse_range(start, QUARRY_RULE_BAD_ARGUMENT, (unsigned long)phys, prot,
				    caller);
	if (pgtable_count(start, end))
		return refuse_range(start, QUARRY_RULE_VMAP_TABLE, end, 0, caller);
	mapped = vmap_map_block(start, phys, pages, prot, GFP_KERNEL);
	if (mapped == pages)
		return 0;
	/* The addresses may be used at once. */
	vmap_clear_pages(start, mapped);
	vmap_flush_now(start, end);
	return -QUARRY_ENOMEM;
}
