/* SPDX-License-Identifier: MIT */
/*
 * free_later.c: the table of frees that could not be done at once. Terms: free_later.h.
 *
 * Cost  one load on a slow path while nothing is noted; else a pass over the table.
 * Start at free_later_note.
 */
#include "mm/slab/free_later.h"

#include "mm/base/cpu.h"
#include "mm/base/log.h"
#include "mm/slab/cpu_cache.h"
#include "mm/slab/debug_cache.h"
#include "mm/slab/slab_guard.h"

struct late_frees late_frees QUARRY_STATE;

#define JUDGED 1ul

bool free_later_has(const void *object)
{
	for (unsigned i = 0; free_later_any() && i < FREE_LATER_ROOM; i++)
		if ((__atomic_load_n(&late_frees.place[i], __ATOMIC_RELAXED) & ~JUDGED) ==
		    (uintptr_t)object)
			return true;
	return false;
}

void free_later_note(void *object, bool judged, uintptr_t caller)
{
	uintptr_t note = (uintptr_t)object | (judged ? JUDGED : 0);

	__atomic_fetch_add(&late_frees.notes, 1u, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < FREE_LATER_ROOM; i++) {
		uintptr_t none = 0;

		/* Who empties the place sees the object as we leave it. */
		if (__atomic_compare_exchange_n(&late_frees.place[i], &none, note, false,
						__ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return;
	}
	__atomic_fetch_sub(&late_frees.notes, 1u, __ATOMIC_RELAXED);
	mm_report_at(QUARRY_RULE_OBJECT_LEFT, "kfree_nolock", object, FREE_LATER_ROOM, 0, caller);
}

/* Pinned. */
static void do_note(uintptr_t note)
{
	void *object = (void *)(note & ~JUDGED);
	struct page *page = page_of_address(object);

	if (slab_guard_free(NULL, object, "kfree_nolock", 0))
		return;
	struct kmem_cache *cache = page->mapping; /* its object is taken: the slab stays */

	if (note & JUDGED)
		cpu_cache_put(cache, cpu_number(), object);
	else
		debug_cache_free(cache, page, object, "kfree_nolock", 0);
}

void free_later_do(void)
{
	cpu_pin(); /* so that nobody waits for a task that does not run */
	for (unsigned i = 0; free_later_any() && i < FREE_LATER_ROOM; i++) {
		if (!__atomic_load_n(&late_frees.place[i], __ATOMIC_RELAXED))
			continue;
		uintptr_t note = __atomic_exchange_n(&late_frees.place[i], 0ul, __ATOMIC_ACQUIRE);

		if (!note)
			continue;
		do_note(note);
		__atomic_fetch_sub(&late_frees.notes, 1u, __ATOMIC_RELEASE);
	}
	cpu_unpin();
}

void free_later_finish(void)
{
	while (__atomic_load_n(&late_frees.notes, __ATOMIC_ACQUIRE)) {
		free_later_do();
		arch_relax();
	}
}

void free_later_init(void)
{
	__builtin_memset(&late_frees, 0, sizeof(late_frees));
}
