/* SPDX-License-Identifier: MIT */
/*
 * slab_debug.h: guarding one object of a debugged cache: pure functions on its slot.
 *
 * Picture: one slot of cache->size bytes
 *
 *   | object | zone | tracks | zone                  | next object ...
 *            past            before the next object
 *
 * The object starts its slot, so it is aligned as ever. What lies before it is the end of the slot
 * before; so that there is one, a slab's first slot is never handed out (kmem_cache.h: slots).
 * Zones hold ZONE_BYTE. A free object holds POISON_FREE, a new one POISON_NEW.
 *
 * All of it is memory that callers must not touch: a memory checker sees it as poisoned, and each
 * function here opens what it looks at and closes it again.
 *
 * Start at: slab_debug_take, slab_debug_give.
 */
#ifndef QUARRY_MM_SLAB_SLAB_DEBUG_H
#define QUARRY_MM_SLAB_SLAB_DEBUG_H

#include "mm/slab/kmem_cache.h"

#define POISON_FREE 0x6b
#define POISON_NEW 0x5a
#define ZONE_BYTE 0xcc

/* Who took or freed an object last, and when. */
struct slab_track {
	uintptr_t caller;
	uint64_t ns; /* of the OS's clock */
	uint32_t cpu;
	uint32_t set; /* 0: there is no track */
};
enum { TRACK_ALLOC, TRACK_FREE, NR_TRACKS };

static inline bool slab_debugged(const struct kmem_cache *cache)
{
	return (cache->flags & QUARRY_SLAB_DEBUG_FLAGS) != 0;
}

/* Remember what boot wants (quarry_params.slab_debug; NULL: nothing). */
void slab_debug_init(const char *want) QUARRY_INT(slab_debug_init);
/* Flags of a new cache whose creator wants `flags`: debug flags that boot wants for the name are
 * added, and none are left if its objects are too large. */
slab_flags_t slab_debug_flags(const char *name, uint32_t size, uint32_t align, slab_flags_t flags)
	QUARRY_INT(slab_debug_flags);
/* Bytes that a slot of objects of `size` bytes needs. */
uint32_t slab_debug_size(uint32_t size, slab_flags_t flags) QUARRY_INT(slab_debug_size);

/* Zones, tracks and poison of a new slab's slots. */
void slab_debug_fill(const struct kmem_cache *cache, void *base, uint32_t slots)
	QUARRY_INT(slab_debug_fill);
/* Prepare a free object for a caller. What was damaged is reported and put right. */
void slab_debug_take(const struct kmem_cache *cache, void *object, uintptr_t caller)
	QUARRY_INT(slab_debug_take);
/* The same for an object that becomes free. */
void slab_debug_give(const struct kmem_cache *cache, void *object, uintptr_t caller)
	QUARRY_INT(slab_debug_give);
/* Look at an object for damage, as either; reported and put right. Return: damages. */
unsigned slab_debug_check(const struct kmem_cache *cache, void *object, bool is_free,
			  const char *call, uintptr_t caller) QUARRY_INT(slab_debug_check);
/* The tracks of an object. Return: false: the cache keeps none. */
bool slab_debug_tracks(const struct kmem_cache *cache, const void *object,
		       struct slab_track track[NR_TRACKS]) QUARRY_INT(slab_debug_tracks);
/* Log them. */
void slab_debug_log(const struct kmem_cache *cache, const void *object) QUARRY_INT(slab_debug_log);

#endif
