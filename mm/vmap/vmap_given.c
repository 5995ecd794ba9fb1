/* SPDX-License-Identifier: MIT */
/*
 * vmap_given.c: areas of pages and frames that the caller has.
 *
 * The pages stay the caller's, but for VM_MAP_PUT_PAGES: those become pages of vmalloc, which finds
 * them through the page tables, so that the array is not needed any more and vfree frees all.
 *
 * Cost        an area and an entry a page; frames that are not ours a walk each.
 * Start at    map_given
 */
#include <quarry/slab.h>

#include "mm/base/cpu.h"
#include "mm/base/log.h"
#include "mm/gfp/gfp.h"
#include "mm/phys/pageblock.h"
#include "mm/vmap/vmap.h"

#define CALLER() ((uintptr_t)__builtin_return_address(0))

/* What is to be mapped: pages, or else frames. */
struct given {
	struct page *const *pages;
	const unsigned long *pfns;
	unsigned count;
};

/* Who asks, for reports. */
struct given_call {
	const char *name;
	uintptr_t caller;
};

/* Are these pages that somebody has allocated? */
static bool pages_are_used(struct page *const *pages, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		bool aligned = ((uintptr_t)pages[i] - (uintptr_t)quarry_page_array) %
				       sizeof(struct page) == 0;

		if (!aligned || !pfn_valid(page_to_pfn(pages[i])))
			return false;
		switch (page_kind(compound_head(pages[i]))) {
		case QUARRY_PAGE_USED:
		case QUARRY_PAGE_MOVABLE: /* pinned by the caller */
		case QUARRY_PAGE_SLAB:
		case QUARRY_PAGE_LARGE:
		case QUARRY_PAGE_VMALLOC:
			break;
		default:
			return false;
		}
	}
	return true;
}

/* Are these frames that exist for the CPU and are none of ours? */
static bool frames_are_foreign(const unsigned long *pfns, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (pfns[i] >> (QUARRY_ARCH_PHYS_BITS - PAGE_SHIFT) || pfn_valid(pfns[i]))
			return false;
	return true;
}

static unsigned long map_all(const struct vmap_info *info, const struct given *given, unsigned prot,
			     gfp_t gfp)
{
	unsigned long done = 0;

	if (given->pages)
		return vmap_map_pages(info->start, given->pages, given->count, prot, gfp);
	while (done < given->count &&
	       vmap_map_block(info->start + (done << PAGE_SHIFT), PFN_PHYS(given->pfns[done]), 1,
			      prot, gfp))
		done++;
	return done;
}

static void *refuse(const struct given_call *call, enum quarry_rule rule, const struct given *given,
		    unsigned prot)
{
	mm_report_at(rule, call->name, given->pages, given->count, prot, call->caller);
	return NULL;
}

/* Map what is given as an area of `kind`. */
static void *map_given(const struct given *given, unsigned kind, unsigned prot,
		       const struct given_call *call)
{
	size_t size = (size_t)given->count << PAGE_SHIFT;
	struct vmap_info info = {0, size, given->count, kind, call->caller, 0};
	gfp_t gfp = GFP_KERNEL;
	unsigned long mapped;

	if (vmap_refuse_nmi(call->name, NULL, call->caller))
		return NULL;
	if (!given->count || !vmap_prot_ok(prot) ||
	    (given->pages ? given->count > totalram_pages() ||
				    !pages_are_used(given->pages, given->count)
			  : !given->pfns || !frames_are_foreign(given->pfns, given->count)))
		return refuse(call, QUARRY_RULE_BAD_ARGUMENT, given, prot);
	if (!gfp_context_ok(gfp))
		gfp = gfp_context_report(gfp, call->name, call->caller);
	int error = vmap_get_area(&info, &vmap_anywhere, gfp);
	if (error)
		return refuse(call,
			      error == -QUARRY_ENOSPC ? QUARRY_RULE_VMAP_SPACE
						      : QUARRY_RULE_NO_MEMORY,
			      given, prot);
	mapped = map_all(&info, given, prot, gfp);
	if (mapped < given->count) {
		/* Whatever the kind: the pages stay the caller's. */
		vmap_unmap_pages(info.start, mapped, NULL);
		vmap_abort(&info, 0);
		return refuse(call, QUARRY_RULE_NO_MEMORY, given, prot);
	}
	return (void *)info.start;
}

/* ---- handing pages over ---- */

static void disown(struct page *const *pages, unsigned count)
{
	while (count--)
		page_set_kind(pages[count], QUARRY_PAGE_USED);
}

/* Make single pages, of which the caller has the only references, vmalloc's. All or none. */
static bool own(struct page *const *pages, unsigned count)
{
	const uint32_t single = page_state(QUARRY_PAGE_USED, 0, 0, 0);

	if (!pages || !pages_are_used(pages, count))
		return false;
	for (unsigned i = 0; i < count; i++) {
		if ((page_flags(pages[i]) & PAGE_TYPE_MASK) != single ||
		    page_ref_count(pages[i]) != 1) {
			disown(pages, i);
			return false;
		}
		page_set_kind(pages[i], QUARRY_PAGE_VMALLOC);
	}
	return true;
}

static void *map_and_keep(const struct given *given, unsigned prot, const struct given_call *call)
{
	void *area;

	if (given->count > totalram_pages() || !own(given->pages, given->count))
		return refuse(call, QUARRY_RULE_BAD_ARGUMENT, given, prot);
	area = map_given(given, VMAP_ALLOC, prot, call);
	if (!area) {
		disown(given->pages, given->count);
		return NULL;
	}
	for (unsigned i = 0; i < given->count; i++)
		given->pages[i]->index = ((uintptr_t)area >> PAGE_SHIFT) + i;
	kvfree(given->pages);
	return area;
}

/* ---- public ---- */

void *vmap(struct page **pages, unsigned count, unsigned long flags, unsigned prot)
{
	const struct given given = {pages, NULL, count};
	const struct given_call call = {"vmap", CALLER()};

	if (flags & ~(VM_MAP | VM_MAP_PUT_PAGES))
		return refuse(&call, QUARRY_RULE_BAD_ARGUMENT, &given, prot);
	if (flags & VM_MAP_PUT_PAGES)
		return map_and_keep(&given, prot, &call);
	return map_given(&given, VMAP_MAP, prot, &call);
}

void *vmap_pfn(const unsigned long *pfns, unsigned count, unsigned prot)
{
	const struct given given = {NULL, pfns, count};
	const struct given_call call = {"vmap_pfn", CALLER()};

	return map_given(&given, VMAP_MAP, prot, &call);
}

void vunmap(const void *address)
{
	if (address)
		vmap_free(address, VMAP_MAP, "vunmap", CALLER());
}

void *vm_map_ram(struct page **pages, unsigned count, int node)
{
	const struct given given = {pages, NULL, count};
	const struct given_call call = {"vm_map_ram", CALLER()};

	(void)node;
	return map_given(&given, VMAP_RAM, QUARRY_PROT_KERNEL, &call);
}

void vm_unmap_ram(const void *address, unsigned count)
{
	uintptr_t caller = CALLER();
	struct vmap_info info;

	/* In an NMI nothing is looked up; it is reported below. */
	if (!(cpu_context() & QUARRY_CTX_NMI) && vmap_info_at(address, &info) &&
	    info.flags == VMAP_RAM && info.pages != count)
		mm_report_at(QUARRY_RULE_BAD_ARGUMENT, "vm_unmap_ram", address, count, info.pages,
			     caller);
	else
		vmap_free(address, VMAP_RAM, "vm_unmap_ram", caller);
}
