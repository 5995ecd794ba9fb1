/* SPDX-License-Identifier: MIT */
/* slab_sites.h: what is in use, by the places in the kernel that asked for it; and one object. */
#ifndef QUARRY_MM_SLAB_SLAB_SITES_H
#define QUARRY_MM_SLAB_SLAB_SITES_H

#include "mm/slab/slab_debug.h"

/* Objects of a cache in use that one place asked for. */
struct slab_site {
	uint32_t id;	  /* of the cache; 0 before the first */
	bool known;	  /* the cache keeps tracks: caller is right */
	bool ours;	  /* memory that the library itself uses */
	uintptr_t caller; /* rising within a cache */
	unsigned long count, bytes;
	char name[QUARRY_CACHE_NAME_MAX + 1];
};
/* Go on to the next place, by cache and then by address; one without tracks has one row. Cost: a
 * walk over the cache's objects each. Context: any but NMI. Return: false after the last. */
bool slab_site_next(struct slab_site *site) QUARRY_INT(slab_site_next);

/* What an address in a slab is part of. */
struct slab_object {
	char name[QUARRY_CACHE_NAME_MAX + 1];
	const void *start; /* NULL: between objects */
	uint32_t size;
	bool is_free; /* in its slab; one in a CPU's stock counts as in use */
	bool stocks;  /* the cache has some */
	bool tracked;
	struct slab_track track[NR_TRACKS];
};
/* Return: false: the address is not in a slab. Context: any but NMI. */
bool slab_describe(const void *address, struct slab_object *object) QUARRY_INT(slab_describe);

#endif
