/* SPDX-License-Identifier: MIT */
/*
 * slab_debug.h: who is debugged, and what a slot of a debugged cache looks like.
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
 * All of it is memory that callers must not touch: a memory checker sees it as poisoned, and who
 * looks at a slot opens it and closes it again.
 *
 * Who hands an object out, frees it or looks at it has the slot alone (debug_cache.c): the object,
 * the zones on both sides of it and its tracks. The zone after the tracks is the next object's.
 *
 * Start at: slab_debug_flags; debug_slot.h has the steps on one slot.
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

/* In the word of a free object's slot (debug_cache.c). */
#define SLAB_STATE_FREE 0x5b3ea1c8u

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
/* Fill in what a cache whose sizes, flags and constructor are known says about guarding. */
void slab_debug_settle(struct kmem_cache *cache) QUARRY_INT(slab_debug_settle);

/* Zones, tracks and poison of a new slab's slots, and their words. */
void slab_debug_fill(const struct kmem_cache *cache, void *base, uint32_t *states, uint32_t slots)
	QUARRY_INT(slab_debug_fill);
/* Not all of n bytes at object + offset are `byte`, as they should be, ZONE_BYTE or POISON_FREE:
 * report the first, and put them right. The slot is open. Return: 1; or 0: a writer undid it. */
unsigned slab_debug_damage(const struct kmem_cache *cache, void *object, int64_t offset, size_t n,
			   unsigned char byte, const char *call, uintptr_t caller)
	QUARRY_INT(slab_debug_damage) QUARRY_COLD;
/* An object of `owner` is freed to another cache: report both, by name too. Return: logged? */
bool slab_debug_report_cache(const struct kmem_cache *owner, const struct kmem_cache *cache,
			     const void *object, const char *call, uintptr_t caller)
	QUARRY_INT(slab_debug_report_cache) QUARRY_COLD;
/* The tracks of an object. Return: false: the cache keeps none. */
bool slab_debug_tracks(const struct kmem_cache *cache, const void *object,
		       struct slab_track track[NR_TRACKS]) QUARRY_INT(slab_debug_tracks);
/* Log them. */
void slab_debug_log(const struct slab_track track[NR_TRACKS]) QUARRY_INT(slab_debug_log);

#endif
