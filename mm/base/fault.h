/* SPDX-License-Identifier: MIT */
/*
 * fault.h: named places where an allocation of ours can fail, for failure sweeps.
 *
 * A site is asked before the step it names. In builds without QUARRY_FAULT_INJECTION the question
 * is the constant false and leaves no code.
 */
#ifndef QUARRY_MM_FAULT_H
#define QUARRY_MM_FAULT_H

#include "mm/base/log.h"

enum fault_site {
	FAULT_PAGE,       /* alloc_pages and its family */
	FAULT_PAGE_BULK,  /* one page of a bulk request */
	FAULT_SLAB_GROW,  /* a new slab page */
	FAULT_OBJECT,     /* kmalloc, kmem_cache_alloc */
	FAULT_CACHE,      /* kmem_cache_create */
	FAULT_VMAP_AREA,  /* a virtual range */
	FAULT_PAGE_TABLE, /* a page-table page */
	NR_FAULT_SITES
};

#if QUARRY_FAULT_INJECTION
static inline bool fault_here(enum fault_site site)
{
	return mm_ops.fault && mm_ops.fault(site);
}
#else
static inline bool fault_here(enum fault_site site)
{
	(void)site;
	return false;
}
#endif

#endif
