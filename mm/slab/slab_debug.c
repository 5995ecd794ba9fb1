/* SPDX-License-Identifier: MIT */
/*
 * slab_debug.c: guarding one object. Terms and picture: slab_debug.h.
 *
 * Which caches are debugged is settled when they are created, by their flags and by what boot wants
 * (quarry_params.slab_debug); their slots are larger, and every request comes by here
 * (debug_cache.c). Other caches do not know of any of this.
 *
 * What boot wants   blocks parted by ';': letters, then names parted by ','
 *                   the last block that names a cache counts, else the last one without names
 *
 * Cost  of debugged caches only: a pass over the object to fill and one to compare.
 * Start at slab_debug_take, slab_debug_give, slab_debug_flags.
 */
#include "mm/slab/slab_debug.h"

#include "mm/base/bits.h"
#include "mm/base/log.h"
#include "mm/slab/debug_slot.h"

/* Two slots and their words must fit in the largest slab: 2^20 bytes (kmem_cache.h: reciprocal). */
#define DEBUG_MAX_SLOT ((512ul << 10) - 16)
#define WANT_MAX 255u

static struct {
	char text[WANT_MAX + 1];
} want QUARRY_STATE;

/* ---- what boot wants ---- */

static slab_flags_t flag_of(char letter)
{
	switch (letter) {
	case 'F':
	case 'f':
		return SLAB_CONSISTENCY_CHECKS;
	case 'Z':
	case 'z':
		return SLAB_RED_ZONE;
	case 'P':
	case 'p':
		return SLAB_POISON;
	case 'U':
	case 'u':
		return SLAB_STORE_USER;
	case 'T':
	case 't':
		return SLAB_TRACE;
	case 'A':
	case 'a':
		return SLAB_FAILSLAB;
	default:
		return 0;
	}
}

static bool ends(char c)
{
	return c == '\0' || c == ',' || c == ';';
}

/* Does the pattern, which ends at ',' or ';', match the name? '*' stands for any characters. */
static bool matches(const char *pattern, const char *name)
{
	const char *star = NULL, *resume = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = pattern++;
			resume = name;
		} else if (!ends(*pattern) && *pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star + 1;
			name = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return ends(*pattern);
}

/* One block's letters; *text moves past them. No letters: all checks. */
static slab_flags_t block_flags(const char **text)
{
	slab_flags_t flags = 0;
	bool any = false;

	for (; !ends(**text); (*text)++) {
		flags |= flag_of(**text);
		any = true;
	}
	return any ? flags : QUARRY_SLAB_CHECK_FLAGS;
}

void slab_debug_init(const char *text)
{
	unsigned i = 0;

	__builtin_memset(&want, 0, sizeof(want));
	for (; text && text[i] && i < WANT_MAX; i++)
		want.text[i] = text[i];
	if (text && text[i])
		mm_report(BAD_ARGUMENT, "quarry_init: slab_debug", text, i, WANT_MAX);
	/* Letters that mean nothing. */
	for (const char *at = want.text; *at; at += *at == ';') {
		for (; !ends(*at); at++)
			if (*at != '-' && !flag_of(*at))
				mm_report(BAD_ARGUMENT, "quarry_init: slab_debug", at, *at, 0);
		while (*at && *at != ';')
			at++;
	}
}

/* Debug flags that boot wants for a name. */
static slab_flags_t wanted(const char *name)
{
	slab_flags_t general = 0, own = 0;
	bool named = false;

	for (const char *at = want.text; *at; at += *at == ';') {
		slab_flags_t flags = block_flags(&at);

		if (*at != ',') {
			general = flags;
			continue;
		}
		while (*at == ',') {
			if (matches(++at, name)) {
				own = flags;
				named = true;
			}
			while (!ends(*at))
				at++;
		}
	}
	return named ? own : general;
}

/* ---- what a cache is like ---- */

uint32_t slab_debug_size(uint32_t size, slab_flags_t flags)
{
	return slot_rest_at(size, flags) + (flags & SLAB_RED_ZONE ? ZONE_LEAST : 0);
}

void slab_debug_settle(struct kmem_cache *cache)
{
	if (cache->flags & SLAB_RED_ZONE)
		cache->zone = cache->size - slot_rest_at(cache->object_size, cache->flags);
	cache->poisoned = (cache->flags & SLAB_POISON) &&
			  !(cache->flags & SLAB_TYPESAFE_BY_RCU) && !cache->ctor;
}

slab_flags_t slab_debug_flags(const char *name, uint32_t size, uint32_t align, slab_flags_t flags)
{
	if (!(flags & SLAB_NO_USER_FLAGS))
		flags |= wanted(name);
	return align_up(slab_debug_size(size, flags), align) > DEBUG_MAX_SLOT
		       ? flags & ~QUARRY_SLAB_DEBUG_FLAGS
		       : flags;
}

/* ---- damage ---- */

/* First of n bytes that is not `byte`; n if all are. */
static size_t first_other(const unsigned char *p, size_t n, unsigned char byte)
{
	size_t i = 0;

	while (i < n && p[i] == byte)
		i++;
	return i;
}

static void log_track(const char *what, const struct slab_track *track)
{
	char name[64];

	mm_name_of(track->caller, name, sizeof(name));
	if (track->set)
		mm_log(QUARRY_LOG_ERR, "  %s by %s on CPU %u at %llu ns", what, name, track->cpu,
		       (unsigned long long)track->ns);
}

void slab_debug_log(const struct slab_track track[NR_TRACKS])
{
	log_track("allocated", &track[TRACK_ALLOC]);
	log_track("freed", &track[TRACK_FREE]);
}

unsigned slab_debug_damage(const struct kmem_cache *cache, void *object, int64_t offset, size_t n,
			   unsigned char byte, const char *call, uintptr_t caller)
{
	enum quarry_rule rule =
		byte == ZONE_BYTE ? QUARRY_RULE_OBJECT_ZONE : QUARRY_RULE_OBJECT_POISON;
	unsigned char *p = (unsigned char *)object + offset;
	size_t at = first_other(p, n, byte);

	if (at == n)
		return 0;
	if (mm_report_at(rule, call, object, (unsigned long)(offset + (int64_t)at),
			 (unsigned long)cache->name, caller)) {
		mm_log(QUARRY_LOG_ERR, "  object %p of cache %s, %u bytes: byte %ld is 0x%x",
		       object, cache->name, cache->object_size, (long)(offset + (int64_t)at),
		       p[at]);
		if (cache->flags & SLAB_STORE_USER)
			slab_debug_log(slot_tracks(cache, object));
	}
	__builtin_memset(p, byte, n);
	return 1;
}

bool slab_debug_report_cache(const struct kmem_cache *owner, const struct kmem_cache *cache,
			     const void *object, const char *call, uintptr_t caller)
{
	bool logged = mm_report_at(QUARRY_RULE_OBJECT_CACHE, call, object, (unsigned long)owner,
				   (unsigned long)cache, caller);
	if (logged)
		mm_log(QUARRY_LOG_ERR, "%s: object of cache %s freed to cache %s", call,
		       owner->name, cache ? cache->name : "(null)");
	return logged;
}

/* ---- an object's life ---- */

void slab_debug_fill(const struct kmem_cache *cache, void *base, uint32_t *states, uint32_t slots)
{
	uint32_t size = cache->object_size, rest = slot_rest_at(size, cache->flags);

	for (char *object = base; slots; slots--, object += cache->size) {
		*states++ = SLAB_STATE_FREE;
		if (cache->flags & SLAB_RED_ZONE) {
			__builtin_memset(object + size, ZONE_BYTE,
					 slot_tracks_at(size, cache->flags) - size);
			__builtin_memset(object + rest, ZONE_BYTE, cache->size - rest);
		}
		if (cache->flags & SLAB_STORE_USER)
			__builtin_memset(slot_tracks(cache, object), 0,
					 NR_TRACKS * sizeof(struct slab_track));
		if (cache->poisoned)
			__builtin_memset(object, POISON_FREE, size);
	}
}

bool slab_debug_tracks(const struct kmem_cache *cache, const void *object,
		       struct slab_track track[NR_TRACKS])
{
	if (!(cache->flags & SLAB_STORE_USER))
		return false;
	struct slab_track *at = slot_tracks(cache, object);

	arch_mem_unpoison(at, NR_TRACKS * sizeof(*at));
	__builtin_memcpy(track, at, NR_TRACKS * sizeof(*at));
	arch_mem_poison(at, NR_TRACKS * sizeof(*at));
	return true;
}
