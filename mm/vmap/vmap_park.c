/* SPDX-License-Identifier: MIT */
/*
 * vmap_park.c: lists of parked areas. What it is for, and its invariants: vmap_park.h.
 *
 * Which areas. Those whose pages would do for any ordinary request: masks that ask for a zone, a
 * certain node, accounting or a reserve are neither parked nor served from here. The mask says that
 * of both sides, so an area carries the answer (vmap_info.home) from its birth to its free.
 *
 * Which leave. When too much is parked, the next list in turn gives up its newest area: what is
 * asked for again and again refills its list at once, what is not disappears.
 *
 * Start at: vmap_park_locked, vmap_unpark.
 */
#include "mm/vmap/vmap_park.h"

#include "mm/base/assert.h"
#include "mm/base/bitmap.h"
#include "mm/base/log.h"
#include "mm/gfp/scope.h"
#include "mm/phys/zone.h"

#define LIMIT_BYTES (8ul << 20)
#define LIMIT_SHARE 64ul
#define NR_LISTS ((unsigned long)QUARRY_MAX_NODES * PARK_PAGES_MAX)

QUARRY_STATIC_ASSERT(PARK_PAGES_MAX == 64, "a word of bits a node");

static QUARRY_STATE struct {
	bool on;
	unsigned leaving;
	unsigned long limit, pages;
	unsigned long turn; /* the list that gives up an area next */
	uint64_t filled[QUARRY_MAX_NODES];
	uintptr_t list[NR_LISTS]; /* 0: empty */
} park;

/* Written with the lock held, read by reports without. */
static void set_pages(unsigned long pages)
{
	__atomic_store_n(&park.pages, pages, __ATOMIC_RELAXED);
}
unsigned long vmap_parked_pages(void)
{
	return __atomic_load_n(&park.pages, __ATOMIC_RELAXED);
}

static unsigned long list_of(const struct vmap_info *info)
{
	return (unsigned long)(info->home - 1) * PARK_PAGES_MAX + (info->pages - 1);
}

/* The newest area left a list; `next` is first now. */
static void pop(unsigned long i, unsigned long pages, uintptr_t next)
{
	__atomic_store_n(&park.list[i], next, __ATOMIC_RELAXED);
	if (!next)
		bitmap_clear_bit(park.filled, i);
	set_pages(park.pages - pages);
}

unsigned vmap_park_home(unsigned long pages, unsigned long align, gfp_t gfp, int node)
{
	/* What a mask may say about trying, and nothing about which pages. */
	const gfp_t plain = __GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_NORETRY |
			    __GFP_RETRY_MAYFAIL | __GFP_NOFAIL | __GFP_NOLOCKDEP | __GFP_NOWARN |
			    __GFP_ZERO;

	if (!park.on || pages > PARK_PAGES_MAX || align > 1 || gfp_bits(gfp & ~plain) ||
	    scope_word() & PF_MEMALLOC)
		return 0;
	return node_or_local(node) + 1;
}

bool vmap_unpark(struct vmap_info *info)
{
	unsigned long i = list_of(info), irq;
	bool found;

	if (!__atomic_load_n(&park.list[i], __ATOMIC_RELAXED))
		return false;
	irq = mm_lock(&vmap_lock);
	info->start = park.list[i];
	found = info->start != 0;
	if (found)
		pop(i, info->pages, vmap_area_revive_locked(info));
	mm_unlock(&vmap_lock, irq);
	return found;
}

enum park_result vmap_park_locked(const struct vmap_info *info, bool in_irq)
{
	unsigned long pages = park.pages + info->pages;
	bool over = pages > __atomic_load_n(&park.limit, __ATOMIC_RELAXED);
	unsigned long i;

	if (!info->home || (over && in_irq))
		return PARK_NO;
	MM_ASSERT(info->flags == VMAP_ALLOC && info->pages <= PARK_PAGES_MAX);
	i = list_of(info);
	vmap_area_keep_locked(info->start, park.list[i]);
	__atomic_store_n(&park.list[i], info->start, __ATOMIC_RELAXED);
	bitmap_set_bit(park.filled, i);
	set_pages(pages);
	return over ? PARK_OVER : PARK_DONE;
}

bool vmap_park_leave_locked(unsigned long most, struct vmap_info *info)
{
	if (most == ~0ul)
		most = __atomic_load_n(&park.limit, __ATOMIC_RELAXED);
	if (park.pages <= most)
		return false;
	unsigned long i = bitmap_next_set(park.filled, park.turn, NR_LISTS);

	if (i == NR_LISTS)
		i = bitmap_next_set(park.filled, 0, NR_LISTS);
	park.turn = i + 1;
	vmap_area_claimed_locked(park.list[i], info);
	pop(i, info->pages, info->caller);
	__atomic_store_n(&park.leaving, park.leaving + 1, __ATOMIC_RELAXED);
	return true;
}

void vmap_park_left(void)
{
	unsigned long irq = mm_lock(&vmap_lock);

	__atomic_store_n(&park.leaving, park.leaving - 1, __ATOMIC_RELAXED);
	mm_unlock(&vmap_lock, irq);
}

unsigned vmap_park_leaving(void)
{
	return __atomic_load_n(&park.leaving, __ATOMIC_RELAXED);
}

/* K1 of list i. Return: its pages; ~0ul if it is broken. */
static unsigned long check_list_locked(unsigned long i)
{
	unsigned long pages = 0;
	struct vmap_info info;

	for (uintptr_t at = park.list[i]; at; at = info.caller) {
		if (vmap_area_find_locked(at, &info))
			return ~0ul;
		vmap_area_claimed_locked(at, &info);
		if (info.flags != VMAP_ALLOC || !info.home || list_of(&info) != i)
			return ~0ul;
		pages += info.pages;
	}
	return pages;
}

unsigned long vmap_park_check(void)
{
	unsigned long irq = mm_lock(&vmap_lock);
	unsigned long pages = 0, broken = 0;

	for (unsigned long i = 0; i < NR_LISTS; i++) {
		unsigned long of_list = check_list_locked(i);

		broken += of_list == ~0ul || !of_list == bitmap_test(park.filled, i);
		pages += of_list;
	}
	broken += pages != park.pages;
	mm_unlock(&vmap_lock, irq);
	if (broken)
		mm_report(VALIDATE, "vmap_park", NULL, broken, 0);
	return broken;
}

void vmap_park_set_limit(void)
{
	unsigned long share = totalram_pages() / LIMIT_SHARE;
	unsigned long most = LIMIT_BYTES >> PAGE_SHIFT;

	__atomic_store_n(&park.limit, share < most ? share : most, __ATOMIC_RELAXED);
}

void vmap_park_init(bool on)
{
	__builtin_memset(&park, 0, sizeof(park));
	park.on = on;
	vmap_park_set_limit();
}
