/* SPDX-License-Identifier: MIT */
/*
 * debug_slot.h: guarding one object of a debugged cache, for who has its slot alone: steps that are
 * inlined into handing out, freeing and looking (debug_cache.c). Picture: slab_debug.h.
 *
 * What is right is seen by words; where something is not, slab_debug_damage() says which byte.
 *
 * Start at: slot_take, slot_give.
 */
#ifndef QUARRY_MM_SLAB_DEBUG_SLOT_H
#define QUARRY_MM_SLAB_DEBUG_SLOT_H

#include "mm/base/cpu.h"
#include "mm/slab/slab_debug.h"
#include "mm/slab/slab_wipe.h"

/* ---- places ---- */

#define ZONE_LEAST 8u

static inline uint32_t slot_tracks_at(uint32_t size, slab_flags_t flags)
{
	return ((size + 7) & ~7u) + (flags & SLAB_RED_ZONE ? ZONE_LEAST : 0);
}
/* Where the zone before the next object starts. */
static inline uint32_t slot_rest_at(uint32_t size, slab_flags_t flags)
{
	return slot_tracks_at(size, flags) +
	       (flags & SLAB_STORE_USER ? NR_TRACKS * (uint32_t)sizeof(struct slab_track) : 0);
}

static inline struct slab_track *slot_tracks(const struct kmem_cache *cache, const void *object)
{
	return (struct slab_track *)((uintptr_t)object +
				     slot_tracks_at(cache->object_size, cache->flags));
}

/* Let us at the object, its tracks and the zones on both sides; with the zone after the tracks it
 * would be as long as a slot. */
static inline void slot_open(const struct kmem_cache *cache, const void *object)
{
	arch_mem_unpoison((char *)(uintptr_t)object - cache->zone, cache->size);
}
/* End that. An object in use stays open all the time: its user may be at it while we look. */
static inline void slot_close(const struct kmem_cache *cache, const void *object, bool is_free)
{
	char *start = (char *)(uintptr_t)object, *past = start + cache->object_size;

	if (is_free && !(cache->flags & SLAB_TYPESAFE_BY_RCU))
		past = start;
	arch_mem_poison(start - cache->zone, cache->zone);
	arch_mem_poison(past, (size_t)(start - cache->zone + cache->size - past));
}

/* ---- comparing ---- */

typedef uint64_t __attribute__((may_alias)) slot_word;
#define WORD_OF(byte) (0x0101010101010101ull * (byte))

static QUARRY_ALWAYS_INLINE bool four_are(const slot_word *word, unsigned char byte)
{
	return word[0] == WORD_OF(byte) && word[1] == WORD_OF(byte) && word[2] == WORD_OF(byte) &&
	       word[3] == WORD_OF(byte);
}

/* Are n bytes at an aligned address all poison? */
static inline bool poison_is_right(const void *p, size_t n)
{
	const slot_word *word = p;

	for (; n >= 4 * sizeof(*word); word += 4, n -= 4 * sizeof(*word))
		if (!four_are(word, POISON_FREE))
			return false;
	for (; n >= sizeof(*word); word++, n -= sizeof(*word))
		if (*word != WORD_OF(POISON_FREE))
			return false;
	while (n)
		if (((const unsigned char *)word)[--n] != POISON_FREE)
			return false;
	return true;
}

/* Make a new object's contents of what should be poison, as far as it is, four words at a time.
 * Return: how many bytes. */
static QUARRY_ALWAYS_INLINE size_t renew(void *object, size_t n)
{
	slot_word *word = object;

	for (; n >= 4 * sizeof(*word) && likely(four_are(word, POISON_FREE));
	     word += 4, n -= 4 * sizeof(*word))
		word[0] = word[1] = word[2] = word[3] = WORD_OF(POISON_NEW);
	return (size_t)((char *)word - (char *)object);
}

/* Is the zone of n bytes before an object, some words, as it should be? */
static QUARRY_ALWAYS_INLINE bool before_is_right(const void *object, size_t n)
{
	const slot_word *word = object;

	do {
		if (*--word != WORD_OF(ZONE_BYTE))
			return false;
	} while (unlikely(n -= sizeof(*word)));
	return true;
}
/* And that after it: some bytes up to the next word, and that. */
static QUARRY_ALWAYS_INLINE bool past_is_right(const unsigned char *p)
{
	for (; unlikely((uintptr_t)p % sizeof(slot_word)); p++)
		if (*p != ZONE_BYTE)
			return false;
	return *(const slot_word *)(const void *)p == WORD_OF(ZONE_BYTE);
}

/* Of an open slot, report what is damaged and put it right. Return: damages. */
static QUARRY_ALWAYS_INLINE unsigned slot_check_zones(const struct kmem_cache *cache, void *object,
						      const char *call, uintptr_t caller)
{
	uint32_t size = cache->object_size, past = slot_tracks_at(size, SLAB_RED_ZONE) - size;
	unsigned damages = 0;

	if (!cache->zone)
		return 0;
	if (unlikely(!before_is_right(object, cache->zone)))
		damages += slab_debug_damage(cache, object, -(int64_t)cache->zone, cache->zone,
					     ZONE_BYTE, call, caller);
	if (unlikely(!past_is_right((const unsigned char *)object + size)))
		damages += slab_debug_damage(cache, object, size, past, ZONE_BYTE, call, caller);
	return damages;
}
/* The same of a free object's contents, from a multiple of a word on. */
static inline unsigned slot_check_poison(const struct kmem_cache *cache, void *object, size_t from,
					 const char *call, uintptr_t caller)
{
	size_t n = cache->object_size - from;

	return poison_is_right((char *)object + from, n)
		       ? 0
		       : slab_debug_damage(cache, object, (int64_t)from, n, POISON_FREE, call,
					   caller);
}

/* ---- an object's life ---- */

static QUARRY_ALWAYS_INLINE void slot_track(const struct kmem_cache *cache, const void *object,
					    unsigned which, uintptr_t caller)
{
	if (!(cache->flags & SLAB_STORE_USER))
		return;
	struct slab_track *track = &slot_tracks(cache, object)[which];

	track->caller = caller;
	track->cpu = cpu_number();
	track->set = 1;
	track->ns = mm_ops.clock_ns ? mm_ops.clock_ns() : 0;
}

/* Prepare a free object for a caller. What was damaged is reported and put right. */
static QUARRY_ALWAYS_INLINE void slot_take(const struct kmem_cache *cache, void *object,
					   uintptr_t caller)
{
	slot_open(cache, object);
	slot_check_zones(cache, object, "kmem_cache_alloc", caller);
	if (cache->poisoned) {
		size_t size = cache->object_size, done = renew(object, size);

		if (unlikely(done != size)) {
			slot_check_poison(cache, object, done, "kmem_cache_alloc", caller);
			__builtin_memset((char *)object + done, POISON_NEW, size - done);
		}
	}
	slot_track(cache, object, TRACK_ALLOC, caller);
	slab_wipe_new(cache, object);
	slot_close(cache, object, false);
}

/* The same for an object that becomes free. */
static QUARRY_ALWAYS_INLINE void slot_give(const struct kmem_cache *cache, void *object,
					   const char *call, uintptr_t caller)
{
	slot_open(cache, object);
	slot_check_zones(cache, object, call, caller);
	slot_track(cache, object, TRACK_FREE, caller);
	if (cache->poisoned)
		__builtin_memset(object, POISON_FREE, cache->object_size);
	if (cache->flags & SLAB_WIPE_FREED)
		__builtin_memset(object, 0, cache->object_size);
	slot_close(cache, object, true);
}

#endif
