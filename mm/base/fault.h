/* SPDX-License-Identifier: MIT */
/*
 * fault.h: named places where an allocation of ours can fail, for failure sweeps.
 *
 * A site is asked before the step it names. In builds without QUARRY_FAULT_INJECTION the question
 * is the constant false and leaves no code.
 */
#ifndef QUARRY_MM_FAULT_H
#define QUARRY_MM_FAULT_H

#include <quarry/fault.h>

#include "mm/base/log.h"

enum fault_site {
	FAULT_PAGE = QUARRY_FAULT_PAGE,
	FAULT_PAGE_BULK = QUARRY_FAULT_PAGE_BULK,
	FAULT_SLAB_GROW = QUARRY_FAULT_SLAB_GROW,
	FAULT_OBJECT = QUARRY_FAULT_OBJECT,
	FAULT_FAILSLAB = QUARRY_FAULT_FAILSLAB,
	FAULT_CACHE = QUARRY_FAULT_CACHE,
	FAULT_VMAP_AREA = QUARRY_FAULT_VMAP_AREA,
	FAULT_PAGE_TABLE = QUARRY_FAULT_PAGE_TABLE,
	NR_FAULT_SITES = QUARRY_NR_FAULT_SITES
};

/* Does the OS's hook or the rule in force want this pass to fail? Not if it must never. */
bool fault_asked(enum fault_site site, gfp_t gfp, unsigned order) QUARRY_INT(fault_asked);
void fault_init(void) QUARRY_INT(fault_init);

static inline bool fault_at(enum fault_site site, gfp_t gfp, unsigned order)
{
	return QUARRY_FAULT_INJECTION && fault_asked(site, gfp, order);
}

/* A site without a mask. */
static inline bool fault_here(enum fault_site site)
{
	return fault_at(site, (QUARRY_FORCE gfp_t)0, 0);
}

#endif
