/* SPDX-License-Identifier: MIT */
/*
 * slab_guard.c: the sampling guard. Theory and picture: slab_guard.h.
 *
 * A slot leaves the queue, or the used ones, under the lock; its page is then filled or compared
 * without it, by the only one who has it.
 *
 * Cost  a sample: two calls of the hook and a page filled, a page compared at the free.
 * Start at slab_guard_alloc, slab_guard_free, quarry_guard_fault.
 */
#include "mm/slab/slab_guard.h"

#include <quarry/debug.h>

#include "mm/base/assert.h"
#include "mm/base/cpu.h"
#include "mm/base/log.h"

struct guard_state guard QUARRY_STATE;

/* Below so many free slots, a place in the kernel may have only one guarded object. */
#define GUARD_FEW (GUARD_SLOTS / 4)
#define NO_SLOT 0xffu

static struct guard_slot *slots(void)
{
	return (struct guard_slot *)guard.start;
}
static char *slot_page(unsigned i)
{
	return (char *)guard.start + ((size_t)(GUARD_HEAD_PAGES + 1 + 2 * i) << PAGE_SHIFT);
}
/* The guard page before slot i's page; i == GUARD_SLOTS: behind the last. */
static char *guard_page_at(unsigned i)
{
	return slot_page(i) - PAGE_SIZE;
}

/* The slot whose page holds an address of the pool; NULL: a guard page, or the slots themselves. */
static struct guard_slot *slot_of(uintptr_t address)
{
	size_t page = ((address - guard.start) >> PAGE_SHIFT) - GUARD_HEAD_PAGES;

	return page < 2 * GUARD_SLOTS && page % 2 ? &slots()[page / 2] : NULL;
}

/* Number of the guard page that an address lies in, if it is none of a slot's page. */
static unsigned guard_index(uintptr_t address)
{
	return (unsigned)(((address - guard.start) >> PAGE_SHIFT) - GUARD_HEAD_PAGES) / 2;
}

static bool is_free(const struct guard_slot *slot)
{
	return slot->state == GUARD_FREE || slot->state == GUARD_LATE;
}

/* ---- the queue; locked ---- */

static void push(unsigned i)
{
	slots()[i].next = NO_SLOT;
	if (guard.nr_free++)
		slots()[guard.last].next = (uint8_t)i;
	else
		guard.first = (uint8_t)i;
	guard.last = (uint8_t)i;
}

static struct guard_slot *pop(void)
{
	struct guard_slot *slot = &slots()[guard.first];

	guard.first = slot->next;
	guard.nr_free--;
	return slot;
}

/* Is there a slot for an object that `caller` asks for? */
static bool may_have_one(uintptr_t caller)
{
	if (guard.nr_free >= GUARD_FEW)
		return true;
	for (unsigned i = 0; guard.nr_free && i < GUARD_SLOTS; i++)
		if (!is_free(&slots()[i]) && slots()[i].track[TRACK_ALLOC].caller == caller)
			return false;
	return guard.nr_free != 0;
}

/* Both guard pages of a slot deny access again. */
static void close_guards(unsigned i)
{
	for (unsigned g = i; g <= i + 1; g++) {
		if (guard.open >> g & 1)
			mm_ops.guard_page(guard_page_at(g), false);
		guard.open &= ~(1ull << g);
	}
}

static void set_track(struct guard_slot *slot, unsigned which, uintptr_t caller)
{
	slot->track[which] = (struct slab_track){
		caller, mm_ops.clock_ns ? mm_ops.clock_ns() : 0, cpu_number(), 1};
}

/* ---- allocating ---- */

static bool suits(const struct kmem_cache *cache)
{
	return cache->stock_cap && cache->size <= PAGE_SIZE && !slab_debugged(cache) &&
	       !(cache->flags & (SLAB_TYPESAFE_BY_RCU | SLAB_CACHE_DMA | SLAB_CACHE_DMA32));
}

/* Take a free slot for an object of the cache; there is one. Locked. */
static struct guard_slot *take(struct kmem_cache *cache, uintptr_t caller)
{
	struct guard_slot *slot = pop();
	unsigned i = (unsigned)(slot - slots());

	MM_ASSERT(is_free(slot));
	mm_ops.guard_page(slot_page(i), true);
	close_guards(i);
	slot->state = GUARD_BUSY;
	/* Slots of a slab start at multiples of the size, so this is as aligned as they are. */
	slot->object = slot_page(i) + (guard.at_start ? 0 : PAGE_SIZE - cache->size);
	slot->cache = cache;
	slot->size = cache->object_size;
	__builtin_memcpy(slot->name, cache->name, sizeof(slot->name));
	set_track(slot, TRACK_ALLOC, caller);
	slot->track[TRACK_FREE].set = 0;
	guard.at_start = !guard.at_start;
	guard.samples++;
	return slot;
}

static void set_state(struct guard_slot *slot, enum guard_slot_state state)
{
	unsigned long irq = mm_lock(&guard.lock);

	slot->state = (uint8_t)state;
	mm_unlock(&guard.lock, irq);
}

void *slab_guard_alloc(struct kmem_cache *cache, uintptr_t caller)
{
	if (!suits(cache))
		return NULL;
	unsigned long irq = mm_lock(&guard.lock);
	struct guard_slot *slot = may_have_one(caller) ? take(cache, caller) : NULL;

	mm_unlock(&guard.lock, irq);
	if (!slot)
		return NULL;
	__builtin_memset(slot_page((unsigned)(slot - slots())), ZONE_BYTE, PAGE_SIZE);
	if (cache->ctor)
		cache->ctor(slot->object);
	set_state(slot, GUARD_USED);
	return slot->object;
}

/* ---- freeing ---- */

static void log_track(const char *what, const struct slab_track *track)
{
	char name[64];

	if (!track->set)
		return;
	mm_name_of(track->caller, name, sizeof(name));
	mm_log(QUARRY_LOG_ERR, "  %s by %s on CPU %u at %llu ns", what, name, track->cpu,
	       (unsigned long long)track->ns);
}

static void log_slot(const struct guard_slot *slot, long offset, const char *what)
{
	mm_log(QUARRY_LOG_ERR, "  object %p of cache %s, %u bytes: %s at byte %ld",
	       (void *)slot->object, slot->name, slot->size, what, offset);
	log_track("allocated", &slot->track[TRACK_ALLOC]);
	log_track("freed", &slot->track[TRACK_FREE]);
}

/* Compare the rest of the page of a slot that nobody else has. */
static void check_page(const struct guard_slot *slot, const char *call, uintptr_t caller)
{
	const char *page = slot_page((unsigned)(slot - slots()));
	const char *end = slot->object + slot->size;

	for (const char *at = page; at < page + PAGE_SIZE; at++) {
		if (at == slot->object)
			at = end;
		if (at == page + PAGE_SIZE || (unsigned char)*at == ZONE_BYTE)
			continue;
		if (mm_report_at(QUARRY_RULE_OBJECT_ZONE, call, slot->object,
				 (unsigned long)(at - slot->object), (unsigned long)slot->name,
				 caller))
			log_slot(slot, (long)(at - slot->object), "a write");
		return;
	}
}

/* What is wrong with freeing p to the cache? NONE: nothing. The lock is held. */
static enum quarry_rule judge(const struct guard_slot *slot, const struct kmem_cache *cache,
			      const void *p)
{
	if (!slot || !slot->object || slot->object != p)
		return QUARRY_RULE_OBJECT_INTERIOR;
	if (slot->state != GUARD_USED)
		return QUARRY_RULE_OBJECT_TWICE;
	return cache && cache != slot->cache ? QUARRY_RULE_OBJECT_CACHE : QUARRY_RULE_NONE;
}

/* `name`: for the report's hook, where it stays longer than the copy of the slot. */
static void report_free(enum quarry_rule rule, const struct guard_slot *slot, const char *name,
			const struct kmem_cache *cache, const void *p, const char *call,
			uintptr_t caller)
{
	bool logged;

	if (rule == QUARRY_RULE_OBJECT_CACHE)
		logged = slab_debug_report_cache(slot->cache, cache, p, call, caller);
	else
		logged = mm_report_at(rule, call, p, (unsigned long)name, (unsigned long)cache,
				      caller);
	if (logged && slot->object)
		log_slot(slot, (long)((uintptr_t)p - (uintptr_t)slot->object), "a free");
}

bool slab_guard_free(struct kmem_cache *cache, const void *p, const char *call, uintptr_t caller)
{
	if (!slab_guard_covers(p))
		return false;
	unsigned long irq = mm_lock(&guard.lock);
	struct guard_slot *slot = slot_of((uintptr_t)p), copy = {0};
	enum quarry_rule rule = judge(slot, cache, p);

	if (rule == QUARRY_RULE_NONE) {
		slot->state = GUARD_BUSY;
		set_track(slot, TRACK_FREE, caller);
	} else if (slot) {
		copy = *slot;
	}
	mm_unlock(&guard.lock, irq);
	if (rule != QUARRY_RULE_NONE) {
		report_free(rule, &copy, slot ? slot->name : "", cache, p, call, caller);
		return true;
	}
	check_page(slot, call, caller);
	irq = mm_lock(&guard.lock);
	mm_ops.guard_page(slot_page((unsigned)(slot - slots())), false);
	slot->state = GUARD_FREE;
	push((unsigned)(slot - slots()));
	mm_unlock(&guard.lock, irq);
	return true;
}

/* ---- a page fault ---- */

/* Bytes from the object to the address; far away if the slot does not count. */
static size_t distance(const struct guard_slot *slot, uintptr_t va)
{
	if (!slot->object || slot->state == GUARD_BUSY)
		return SIZE_MAX;
	uintptr_t start = (uintptr_t)slot->object;

	/* One in use is likelier than one that was freed. */
	return (va < start ? start - va : va - start - slot->size) +
	       (is_free(slot) ? 4 * PAGE_SIZE : 0);
}

/* The object that an access to guard page g probably meant; NULL: none is near. */
static struct guard_slot *nearest(unsigned g, uintptr_t va)
{
	struct guard_slot *before = g ? &slots()[g - 1] : NULL;
	struct guard_slot *behind = g < GUARD_SLOTS ? &slots()[g] : NULL;
	size_t from_before = before ? distance(before, va) : SIZE_MAX;
	size_t to_behind = behind ? distance(behind, va) : SIZE_MAX;

	if (from_before == SIZE_MAX && to_behind == SIZE_MAX)
		return NULL;
	return from_before <= to_behind ? before : behind;
}

/* Let the access through. Return: false: it may pass already. The lock is held. */
static bool open_page(uintptr_t va, struct guard_slot *slot)
{
	unsigned g = guard_index(va);

	if (slot ? slot->state != GUARD_FREE : guard.open >> g & 1)
		return false;
	if (slot)
		slot->state = GUARD_LATE;
	else
		guard.open |= 1ull << g;
	mm_ops.guard_page((void *)(va & PAGE_MASK), true);
	return true;
}

bool quarry_guard_fault(uintptr_t va, bool write, uintptr_t pc)
{
	if (va - guard.start >= guard.bytes ||
	    va - guard.start < GUARD_HEAD_PAGES << PAGE_SHIFT)
		return false;
	unsigned long irq = mm_lock(&guard.lock);
	struct guard_slot *slot = slot_of(va), copy = {0};
	bool opened = open_page(va, slot);

	if (!slot)
		slot = nearest(guard_index(va), va);
	if (slot)
		copy = *slot;
	mm_unlock(&guard.lock, irq);
	if (!opened)
		return true;
	long offset = copy.object ? (long)(va - (uintptr_t)copy.object) : 0;
	bool freed = copy.object && is_free(&copy);
	const void *subject = copy.object ? (const void *)copy.object : (const void *)va;

	if (mm_report_at(freed ? QUARRY_RULE_OBJECT_FREED : QUARRY_RULE_OBJECT_BOUNDS,
			 write ? "a write" : "a read", subject, (unsigned long)offset,
			 (unsigned long)(slot ? slot->name : ""), pc) &&
	    copy.object)
		log_slot(&copy, offset, write ? "a write" : "a read");
	return true;
}

/* ---- questions ---- */

bool slab_guard_view(const void *p, struct guard_view *view)
{
	*view = (struct guard_view){0};
	if (!slab_guard_covers(p))
		return false;
	unsigned long irq = mm_lock(&guard.lock);
	const struct guard_slot *slot = slot_of((uintptr_t)p);

	if (slot && slot->object && slot->state != GUARD_BUSY) {
		view->start = slot->object;
		view->size = slot->size;
		view->live = slot->state == GUARD_USED;
		view->inside = (uintptr_t)p - (uintptr_t)slot->object < slot->size;
		view->cache = view->live ? slot->cache : NULL;
		__builtin_memcpy(view->track, slot->track, sizeof(view->track));
		__builtin_memcpy(view->name, slot->name, sizeof(view->name));
	}
	mm_unlock(&guard.lock, irq);
	return true;
}

size_t slab_guard_size(const void *p)
{
	struct guard_view view;

	return slab_guard_view(p, &view) && view.live && view.start == p ? view.size : 0;
}

#if QUARRY_ALLOCINFO
void **slab_guard_tag(const void *p, size_t *bytes)
{
	struct guard_slot *slot = slot_of((uintptr_t)p);

	if (!slot || slot->object != p || slot->state != GUARD_USED)
		return NULL;
	*bytes = slot->size;
	return &slot->tag;
}
#endif

unsigned long slab_guard_count(const struct kmem_cache *cache)
{
	unsigned long n = 0;

	if (!guard.bytes)
		return 0;
	unsigned long irq = mm_lock(&guard.lock);

	for (unsigned i = 0; i < GUARD_SLOTS; i++)
		n += !is_free(&slots()[i]) && slots()[i].cache == cache;
	mm_unlock(&guard.lock, irq);
	return n;
}

void slab_guard_init(void *block, unsigned every)
{
	__builtin_memset(&guard, 0, sizeof(guard));
	if (!block || !every)
		return;
	guard.start = (uintptr_t)block;
	guard.bytes = (size_t)GUARD_PAGES << PAGE_SHIFT;
	__builtin_memset(block, 0, GUARD_HEAD_PAGES << PAGE_SHIFT);
	for (unsigned i = 0; i < GUARD_SLOTS; i++) {
		mm_ops.guard_page(guard_page_at(i), false);
		mm_ops.guard_page(slot_page(i), false);
		push(i);
	}
	mm_ops.guard_page(guard_page_at(GUARD_SLOTS), false);
	guard.left = guard.every = every < INT32_MAX ? (long)every : INT32_MAX;
}
