/* SPDX-License-Identifier: MIT */
/*
 * debug_cache.c: who has an object of a debugged cache, and looking at all of them.
 *
 * Such a cache has stocks and a depot as others do, but the stocks are closed (cpu_cache.h): every
 * request and every free comes by the slow path, and from there by here, above the stocks: after
 * an object was taken from one and before it is put on one. So damage is looked for when an object
 * is handed out, when it is freed, and by the validator, which sees all of them.
 *
 * Each slot of a slab has a word, at the slab's end, out of the reach of most overruns:
 *
 *   FREE        in its slab, in a stock or in a depot
 *   USED        a caller has it
 *   CHANGING    being handed out or freed: that CPU alone looks at the slot
 *   LOOKED_AT   was FREE or USED, and will be again: the validator or a report looks at it
 *
 *   FREE -> CHANGING -> USED -> CHANGING -> FREE       each first step a compare and exchange
 *
 * A free that finds no USED is the second one, on whatever CPU the first was: nothing is locked for
 * that. Who finds LOOKED_AT waits: the other has interrupts off and a few lines to go. Who looks
 * never waits: a slot that is CHANGING is left out, so an interrupt may look, too.
 *
 * Any other value is damage. Memory holds these by chance once in 2^30 words.
 *
 * Locking  the slab's node, for those who look: it keeps the slab. The validator holds it while it
 *          looks at all objects of the node: long, but only here.
 * Start at debug_cache_take, debug_cache_free.
 */
#include "mm/slab/debug_cache.h"

#include "mm/base/log.h"
#include "mm/phys/zone.h"
#include "mm/slab/cpu_cache.h"
#include "mm/slab/debug_slot.h"
#include "mm/slab/idle.h"
#include "mm/slab/slab_page.h"

#define FREE SLAB_STATE_FREE
#define USED 0x9c1d40e7u
#define CHANGING 0x36fb8a52u
#define LOOKED_AT 0xe2507b9du

/* ---- one word ---- */

/* Make it CHANGING if it is `from`. Return: what it was. */
static QUARRY_ALWAYS_INLINE uint32_t try_begin(uint32_t *state, uint32_t from)
{
	__atomic_compare_exchange_n(state, &from, CHANGING, false, __ATOMIC_ACQUIRE,
				    __ATOMIC_RELAXED);
	return from;
}
/* The same when nobody looks at it any more. */
static QUARRY_NOINLINE QUARRY_COLD uint32_t begin_later(uint32_t *state, uint32_t from)
{
	uint32_t was;

	while ((was = try_begin(state, from)) == LOOKED_AT)
		arch_relax();
	return was;
}
static QUARRY_ALWAYS_INLINE uint32_t begin(uint32_t *state, uint32_t from)
{
	uint32_t was = try_begin(state, from);

	return likely(was == from) ? was : begin_later(state, from);
}
static void end(uint32_t *state, uint32_t to)
{
	__atomic_store_n(state, to, __ATOMIC_RELEASE);
}

/* Make it LOOKED_AT; interrupts are off. Return: what it was, FREE or USED, for end(); or 0: nobody
 * may look now. */
static uint32_t look(uint32_t *state)
{
	uint32_t was = __atomic_load_n(state, __ATOMIC_RELAXED);

	while (was == FREE || was == USED)
		if (__atomic_compare_exchange_n(state, &was, LOOKED_AT, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return was;
	return 0;
}

/* A word that says none of these. */
static void report_word(const struct kmem_cache *cache, const void *object, const uint32_t *state,
			const char *call, uintptr_t caller)
{
	mm_report_at(QUARRY_RULE_OBJECT_ZONE, call, object,
		     (uintptr_t)state - (uintptr_t)object, (unsigned long)cache->name, caller);
}

/* ---- tracing ---- */

/* An object of `page` was handed out, or is about to be given back: its slab stays. */
static QUARRY_NOINLINE QUARRY_COLD void log_step(const struct kmem_cache *cache,
						 struct page *page, const void *object,
						 const char *step, uintptr_t caller)
{
	struct page *head = slab_head(page);
	const struct slab_shape *shape = slab_shape(cache, head);
	const uint32_t *state = slab_states(head, shape);
	unsigned in_use = 0;
	char site[64];

	for (uint32_t i = shape->slots - shape->objects; i < shape->slots; i++)
		in_use += __atomic_load_n(&state[i], __ATOMIC_RELAXED) == USED;
	mm_name_of(caller, site, sizeof(site));
	mm_log(QUARRY_LOG_INFO, "quarry: %s %s %p, %u of %u in use, by %s", step, cache->name,
	       object, in_use, shape->objects, site);
}
static QUARRY_ALWAYS_INLINE void trace(const struct kmem_cache *cache, const void *object,
				       const char *step, uintptr_t caller)
{
	if (unlikely(cache->flags & SLAB_TRACE))
		log_step(cache, virt_to_page(object), object, step, caller);
}

/* ---- handing out and freeing ---- */

/* The word of the slot that starts at `object`, which is in a slab of the cache; or NULL. */
static QUARRY_NOINLINE QUARRY_COLD uint32_t *
state_in_small(const struct kmem_cache *cache, struct page *page, const void *object)
{
	struct page *head = slab_head(page);
	const struct slab_shape *shape = slab_shape(cache, head);
	uint32_t index = slab_index(cache, head, shape, object);

	/* The slots before the first object are nobody's. */
	return index == NO_OBJECT || index < shape->slots - shape->objects
		       ? NULL
		       : slab_states(head, shape) + index;
}
static QUARRY_ALWAYS_INLINE uint32_t *state_of(const struct kmem_cache *cache, struct page *page,
					       const void *object)
{
	uint64_t address = (uint64_t)virt_to_phys(object), offset = address & cache->slab_mask;
	uint64_t index = offset * cache->reciprocal >> 40;

	if (unlikely(page->flags & SLAB_PAGE_SMALL))
		return state_in_small(cache, page, object);
	if (unlikely(index * cache->size != offset) || unlikely(!offset && cache->zone) ||
	    unlikely(index >= cache->shape[0].slots))
		return NULL;
	/* As slab_states() of this shape. */
	return (uint32_t *)((uintptr_t)object - offset + cache->slab_mask + 1 -
			    cache->shape[0].words * 8u) -
	       cache->shape[0].slots * (1 + SLAB_TAG_BYTES / sizeof(uint32_t)) + index;
}

void *debug_cache_take(struct kmem_cache *cache, void *object, uintptr_t caller)
{
	uint32_t *state = state_of(cache, virt_to_page(object), object);

	if (!state)
		__builtin_unreachable();
	if (unlikely(begin(state, FREE) != FREE))
		report_word(cache, object, state, "kmem_cache_alloc", caller);
	slot_take(cache, object, caller);
	end(state, USED);
	trace(cache, object, "alloc", caller);
	return object;
}

static QUARRY_NOINLINE QUARRY_COLD void freed_twice(struct kmem_cache *cache, void *object,
						    uint32_t *state, const char *call,
						    uintptr_t caller)
{
	struct slab_track track[NR_TRACKS];
	bool tracked = false;

	if (!mm_report_at(QUARRY_RULE_OBJECT_TWICE, call, object, (unsigned long)cache->name, 0,
			  caller))
		return;
	unsigned long irq = arch_irq_save();
	uint32_t was = look(state);

	if (was) {
		tracked = slab_debug_tracks(cache, object, track);
		end(state, was);
	}
	arch_irq_restore(irq);
	if (tracked)
		slab_debug_log(track);
}

/* Put a free object on the marked stock, which has room, in the place of any other: what was freed
 * last is not the next to be handed out, so that a write to it hits poison for some time. */
static QUARRY_ALWAYS_INLINE void put_anywhere(struct object_stock *stock, size_t n, void *object)
{
	size_t place = (uint64_t)((uint32_t)(uintptr_t)object * 0x9e3779b1u) * n >> 32;

	stock->object[n] = stock->object[place];
	stock->object[place] = object;
	stock_end_records(stock, n + 1);
}

/* Let the cache have a free object again. */
static QUARRY_ALWAYS_INLINE void put(struct kmem_cache *cache, void *object)
{
	unsigned cpu = (unsigned)cpu_pin();
	struct object_stock *stock = stock_of(cache, cpu);

	if (likely(stock_begin(stock))) {
		size_t n = stock_count(stock);

		if (likely(n < stock->cap)) {
			put_anywhere(stock, n, object);
			stock_end_with(stock, n + 1);
			cpu_unpin();
			return;
		}
		stock_end(stock);
	}
	cpu_cache_put(cache, cpu, object);
	cpu_unpin();
	idle_step(cache);
}

static QUARRY_NOINLINE QUARRY_COLD enum debug_freed not_an_object(struct kmem_cache *cache,
								  void *object, const char *call,
								  uintptr_t caller)
{
	mm_report_at(QUARRY_RULE_OBJECT_INTERIOR, call, object, (unsigned long)cache->name,
		     cache->size, caller);
	return DEBUG_REPORTED;
}

/* The object's word was `was`, and is CHANGING if that is USED. Make it free. */
static QUARRY_ALWAYS_INLINE enum debug_freed free_slot(struct kmem_cache *cache, void *object,
						       uint32_t *state, uint32_t was,
						       const char *call, uintptr_t caller)
{
	if (unlikely(was != USED)) {
		if (was == LOOKED_AT)
			return DEBUG_NOT_NOW;
		if (was == FREE || was == CHANGING) {
			freed_twice(cache, object, state, call, caller);
			return DEBUG_REPORTED;
		}
		report_word(cache, object, state, call, caller);
	}
	slot_give(cache, object, call, caller);
	end(state, FREE);
	trace(cache, object, "free", caller);
	return DEBUG_FREED;
}

void debug_cache_free(struct kmem_cache *cache, struct page *page, void *object, const char *call,
		      uintptr_t caller)
{
	uint32_t *state = state_of(cache, page, object);

	if (unlikely(!state))
		not_an_object(cache, object, call, caller);
	else if (likely(free_slot(cache, object, state, begin(state, USED), call, caller) ==
			DEBUG_FREED))
		put(cache, object);
}

/* ---- without waiting for who looks ---- */

bool debug_cache_try_take(struct kmem_cache *cache, void *object, uintptr_t caller)
{
	uint32_t *state = state_of(cache, virt_to_page(object), object);
	uint32_t was = try_begin(state, FREE);

	if (was == LOOKED_AT)
		return false;
	if (was != FREE)
		report_word(cache, object, state, "kmalloc_nolock", caller);
	slot_take(cache, object, caller);
	end(state, USED);
	trace(cache, object, "alloc", caller);
	return true;
}

enum debug_freed debug_cache_try_free(struct kmem_cache *cache, struct page *page, void *object,
				      const char *call, uintptr_t caller)
{
	uint32_t *state = state_of(cache, page, object);

	return state ? free_slot(cache, object, state, try_begin(state, USED), call, caller)
		     : not_an_object(cache, object, call, caller);
}

/* ---- looking at all ---- */

/* A slab's objects, one after the other. */
struct slot {
	uint32_t index, end;
	uint32_t *state;
	char *object;
};

static struct slot first_slot(const struct kmem_cache *cache, const struct page *head)
{
	const struct slab_shape *shape = slab_shape(cache, head);
	uint32_t index = shape->slots - shape->objects;

	return (struct slot){index, shape->slots, slab_states(head, shape) + index,
			     (char *)page_address(head) + (size_t)index * cache->size};
}
static void slot_next(const struct kmem_cache *cache, struct slot *slot)
{
	slot->index++;
	slot->state++;
	slot->object += cache->size;
}

/* Return: damages. */
static unsigned check_slot(const struct kmem_cache *cache, struct page *head,
			   const struct slot *slot)
{
	bool is_free = slab_is_free(cache, head, slab_shape(cache, head), slot->index);
	uint32_t was = look(slot->state);
	unsigned damages = 0;

	if (!was) {
		uint32_t now = __atomic_load_n(slot->state, __ATOMIC_RELAXED);

		if (now == FREE || now == USED || now == CHANGING || now == LOOKED_AT)
			return 0;
		report_word(cache, slot->object, slot->state, "validate_slab_cache", 0);
		end(slot->state, is_free ? FREE : USED);
		return 1;
	}
	if ((cache->flags & SLAB_CONSISTENCY_CHECKS) && is_free && was == USED) {
		mm_report(VALIDATE, "slab: a free object", slot->object, was, FREE);
		damages++;
	}
	slot_open(cache, slot->object);
	if (was == FREE && cache->poisoned)
		damages += slot_check_poison(cache, slot->object, 0, "validate_slab_cache", 0);
	damages += slot_check_zones(cache, slot->object, "validate_slab_cache", 0);
	slot_close(cache, slot->object, was == FREE);
	end(slot->state, was);
	return damages;
}

unsigned long debug_cache_check_slab(const struct kmem_cache *cache, struct page *head)
{
	uint32_t objects = slab_shape(cache, head)->objects;
	unsigned long damages = 0;

	if ((cache->flags & SLAB_CONSISTENCY_CHECKS) &&
	    slab_taken(head) + slab_count_free(cache, head) != objects) {
		mm_report(VALIDATE, "slab: taken + free", head, slab_taken(head), objects);
		damages++;
	}
	for (struct slot slot = first_slot(cache, head); slot.index < slot.end;
	     slot_next(cache, &slot))
		damages += check_slot(cache, head, &slot);
	return damages;
}

bool debug_cache_in_use(const struct kmem_cache *cache, struct page *head, uint32_t index,
			struct slab_track track[NR_TRACKS], bool *tracked)
{
	const struct slab_shape *shape = slab_shape(cache, head);
	uint32_t *state = slab_states(head, shape) + index;
	uint32_t was = look(state);

	*tracked = false;
	if (was) {
		*tracked = slab_debug_tracks(
			cache, (char *)page_address(head) + (size_t)index * cache->size, track);
		end(state, was);
	}
	return was == USED;
}

/* What a walk over slabs does with each. */
struct walk {
	struct kmem_cache *cache;
	void (*what)(void *object, void *arg); /* NULL: look for damage */
	void *arg;
	unsigned long damages;
};

static void walk_slab(struct walk *walk, struct page *head)
{
	if (!walk->what) {
		walk->damages += debug_cache_check_slab(walk->cache, head);
		return;
	}
	for (struct slot slot = first_slot(walk->cache, head); slot.index < slot.end;
	     slot_next(walk->cache, &slot)) {
		uint32_t was = look(slot.state);

		if (was == USED)
			walk->what(slot.object, walk->arg);
		if (was)
			end(slot.state, was);
	}
}

static void walk_slabs(struct walk *walk)
{
	for (unsigned nid = 0; nid < QUARRY_MAX_NODES; nid++) {
		struct slab_node *node = &walk->cache->node[nid];
		const struct slab_list *lists[] = {&node->empty, &node->partial, &node->full};
		unsigned long irq = mm_lock(&node->lock);

		for (unsigned i = 0; i < 3; i++)
			for (uint32_t frame = lists[i]->first; frame;
			     frame = pfn_to_page(frame)->lru.next)
				walk_slab(walk, pfn_to_page(frame));
		mm_unlock(&node->lock, irq);
	}
}

void debug_cache_each(struct kmem_cache *cache, void (*what)(void *object, void *arg), void *arg)
{
	struct walk walk = {.cache = cache, .what = what, .arg = arg};

	walk_slabs(&walk);
}

unsigned long validate_slab_cache(struct kmem_cache *cache)
{
	struct walk walk = {.cache = cache};

	if (slab_debugged(cache))
		walk_slabs(&walk);
	return walk.damages;
}
