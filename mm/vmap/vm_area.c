/* SPDX-License-Identifier: MIT */
/*
 * vm_area.c: areas as such: addresses without contents, and what is known of an area.
 *
 * An area of get_vm_area has a struct of its own, which only its owner knows: what is found by an
 * address is described anew each time, so nothing outlives the area.
 *
 * Start at: get_vm_area.
 */
#include <quarry/slab.h>

#include "mm/base/log.h"
#include "mm/gfp/gfp.h"
#include "mm/vmap/vmap.h"

#define CALLER() ((uintptr_t)__builtin_return_address(0))

static void describe(const struct vmap_info *info, struct vm_struct *area)
{
	phys_addr_t phys = 0;

	if (info->flags & VMAP_IO)
		phys = (phys_addr_t)vmalloc_to_pfn((void *)info->start) << PAGE_SHIFT;
	*area = (struct vm_struct){
		.addr = (void *)info->start,
		.size = (info->pages + 1) << PAGE_SHIFT,
		.flags = info->flags & VMAP_ALLOC ? VM_ALLOC
			 : info->flags & VMAP_IO  ? VM_IOREMAP
						  : VM_MAP,
		.nr_pages = info->flags & VMAP_ALLOC ? info->pages : 0,
		.phys_addr = phys,
		.caller = (void *)info->caller,
	};
}

static struct vm_struct *refuse(enum quarry_rule rule, const struct vmap_info *info,
				unsigned long flags)
{
	mm_report_at(rule, "get_vm_area", NULL, info->size, flags, info->caller);
	return NULL;
}

struct vm_struct *get_vm_area(unsigned long size, unsigned long flags)
{
	struct vmap_info info = {0, size, PFN_UP(size), VMAP_BARE, CALLER(), 0};
	gfp_t gfp = GFP_KERNEL;
	struct vm_struct *area;

	if (vmap_refuse_nmi("get_vm_area", NULL, info.caller))
		return NULL;
	if (!size || size > ~0ul - PAGE_SIZE || flags != VM_IOREMAP)
		return refuse(QUARRY_RULE_BAD_ARGUMENT, &info, flags);
	if (!gfp_context_ok(gfp))
		gfp = gfp_context_report(gfp, "get_vm_area", info.caller);
	area = kmalloc(sizeof(*area), gfp | __GFP_NOWARN);
	int error = area ? vmap_get_io_area(&info, 0, gfp) : -QUARRY_ENOMEM;
	if (error) {
		kfree(area);
		return refuse(error == -QUARRY_ENOSPC ? QUARRY_RULE_VMAP_SPACE
						      : QUARRY_RULE_NO_MEMORY,
			      &info, flags);
	}
	describe(&info, area);
	area->self = area;
	return area;
}

void free_vm_area(struct vm_struct *area)
{
	uintptr_t caller = CALLER();

	if (!area)
		return;
	if (area->self != area)
		mm_report_at(QUARRY_RULE_FREE_KIND, "free_vm_area", area, 0, 0, caller);
	else if (vmap_free(area->addr, VMAP_BARE, "free_vm_area", caller))
		kfree(area);
}

struct vm_struct *find_vm_area(const void *address, struct vm_struct *area)
{
	struct vmap_info info;

	if (vmap_refuse_nmi("find_vm_area", address, CALLER()) || !vmap_info_at(address, &info))
		return NULL;
	describe(&info, area);
	return area;
}
