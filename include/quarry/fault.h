/* SPDX-License-Identifier: MIT */
/*
 * fault.h: making requests fail on purpose, to see that their callers can bear it.
 *
 * Works in builds with QUARRY_FAULT_INJECTION; elsewhere the sites leave no code. A request with
 * __GFP_NOFAIL is never failed (G104). docs/testing.md shows how to try every failure of a piece of
 * code in turn.
 */
#ifndef QUARRY_FAULT_H
#define QUARRY_FAULT_H

#include <quarry/gfp_types.h>

QUARRY_BEGIN_DECLS

/* Places where an allocation of ours can fail; a site is passed before the step that it names. */
enum quarry_fault_site {
	QUARRY_FAULT_PAGE,	 /* alloc_pages and its family */
	QUARRY_FAULT_PAGE_BULK,	 /* one page of a bulk request */
	QUARRY_FAULT_SLAB_GROW,	 /* a new slab page */
	QUARRY_FAULT_OBJECT,	 /* kmalloc, kmem_cache_alloc */
	QUARRY_FAULT_FAILSLAB,	 /* an object of a cache with SLAB_FAILSLAB; after FAULT_OBJECT */
	QUARRY_FAULT_CACHE,	 /* kmem_cache_create; has no mask */
	QUARRY_FAULT_VMAP_AREA,	 /* a virtual range; has no mask */
	QUARRY_FAULT_PAGE_TABLE, /* a page-table page */
	QUARRY_NR_FAULT_SITES
};

/* Which passes fail. All conditions must hold; a zeroed rule with `times` set fails all passes of
 * single pages and objects. */
struct quarry_fault_rule {
	unsigned sites;		/* set of 1u << site; 0: all */
	gfp_t all;		/* bits that the mask must have */
	gfp_t none;		/* bits that it must not have */
	unsigned min_order, max_order; /* of page requests; objects count as 0 */
	unsigned long after;	/* passes that match and still succeed, before the first failure */
	unsigned long times;	/* failures; ~0: every pass from then on; 0: off */
};

/* Put the rule in force and count from 0. NULL: none. Context: any. Return: 0, -ENOSYS (the build
 * has no failure sites). */
int quarry_fault_set(const struct quarry_fault_rule *rule) QUARRY_API(fault_set);
/* Passes that matched the rule, and how many of them failed. Context: any. */
unsigned long quarry_fault_passes(void) QUARRY_API(fault_passes);
unsigned long quarry_fault_failures(void) QUARRY_API(fault_failures);

QUARRY_END_DECLS

#endif
