/* SPDX-License-Identifier: MIT */
/*
 * vmap_park.c: lists of parked areas. What it is for, and its invariants: vmap_park.h.
 *
 * Which areas. Those whose pages would do for any ordinary request: masks that ask for a zone, a
 * certain node, accounting or a reserve are neither parked nor served from here. The mask says that
 * of both sides, so an area carries the answer (vmap_info.home) from its birth to its free.
 *
 * Where. An area of up to 64 pages lies on the list of its node and size, a longer one in any of a
 * few slots, which say what is in them. A slot is a list of one area to everything but the search.
 *
 * Which leave. When too much lies on the lists, the next one in turn gives up its newest area: what
 * is asked for again and again refills its list at once, what is not disappears. Slots do the same
 * when too much is in them or all are full; so there is an empty one whenever nobody is about to
 * take an area down. Each side has its own bound: areas on the lists may stay for ever and keep 2
 * MiB of addresses each from others, so they must be few.
 *
 * Start at: vmap_park_locked, vmap_unpark.
 */
#include "mm/vmap/vmap_park.h"

#include "mm/base/assert.h"
#include "mm/base/bitmap.h"
#include "mm/base/log.h"
#include "mm/gfp/scope.h"
#include "mm/phys/zone.h"

#define LIST_BYTES (8ul << 20)
#define SLOT_BYTES (32ul << 20)
#define LIMIT_SHARE 64ul /* of memory, for each */
#define NR_LISTED ((unsigned long)QUARRY_MAX_NODES * PARK_PAGES_LISTED)
#define NR_LISTS (NR_LISTED + PARK_SLOTS)

QUARRY_STATIC_ASSERT(PARK_PAGES_LISTED == 64 && PARK_SLOTS <= 64, "words of filled");

struct side {
	unsigned long limit, pages;
	unsigned long turn; /* the list that gives up an area next */
};
enum { LISTS, SLOTS, NR_SIDES };

static QUARRY_STATE struct {
	bool on;
	unsigned long area_max; /* pages of an area; 0: nothing is parked */
	struct side side[NR_SIDES];
	uint64_t filled[QUARRY_MAX_NODES + 1];
	unsigned long key[PARK_SLOTS]; /* what is in a slot; 0: nothing */
	uintptr_t list[NR_LISTS];      /* 0: empty */
} park;

/* Written with the lock held, read by reports without. */
static void set_pages(struct side *side, unsigned long pages)
{
	__atomic_store_n(&side->pages, pages, __ATOMIC_RELAXED);
}
unsigned long vmap_parked_pages(void)
{
	return __atomic_load_n(&park.side[LISTS].pages, __ATOMIC_RELAXED) +
	       __atomic_load_n(&park.side[SLOTS].pages, __ATOMIC_RELAXED);
}

static bool is_listed(const struct vmap_info *info)
{
	return likely(info->pages <= PARK_PAGES_LISTED);
}
static unsigned long list_of(const struct vmap_info *info)
{
	return (unsigned long)(info->home - 1) * PARK_PAGES_LISTED + (info->pages - 1);
}

static unsigned long key_of(const struct vmap_info *info)
{
	return info->pages * (QUARRY_MAX_NODES + 1ul) + info->home;
}
/* The first slot from list i on that has such a key; NR_LISTS: there is none. */
static unsigned long slot_with_locked(unsigned long i, unsigned long key)
{
	while (i < NR_LISTS && park.key[i - NR_LISTED] != key)
		i++;
	return i;
}
static bool slots_are_full_locked(void)
{
	return slot_with_locked(NR_LISTED, 0) == NR_LISTS;
}

static QUARRY_ALWAYS_INLINE void push(struct side *side, unsigned long i,
				      const struct vmap_info *info)
{
	vmap_area_keep_locked(info->start, park.list[i]);
	__atomic_store_n(&park.list[i], info->start, __ATOMIC_RELAXED);
	bitmap_set_bit(park.filled, i);
	set_pages(side, side->pages + info->pages);
}
/* The newest area left a list; `next` is first now. */
static QUARRY_ALWAYS_INLINE void pop(struct side *side, unsigned long i, unsigned long pages,
				     uintptr_t next)
{
	__atomic_store_n(&park.list[i], next, __ATOMIC_RELAXED);
	if (!next)
		bitmap_clear_bit(park.filled, i);
	set_pages(side, side->pages - pages);
}

unsigned vmap_park_home(unsigned long pages, gfp_t gfp, int node)
{
	/* What a mask may say about trying, and nothing about which pages. */
	const gfp_t plain = __GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_NORETRY |
			    __GFP_RETRY_MAYFAIL | __GFP_NOFAIL | __GFP_NOLOCKDEP | __GFP_NOWARN |
			    __GFP_ZERO;

	if (pages > __atomic_load_n(&park.area_max, __ATOMIC_RELAXED) ||
	    gfp_bits(gfp & ~plain) || scope_word() & PF_MEMALLOC)
		return 0;
	return node_or_local(node) + 1;
}

static QUARRY_NOINLINE bool unpark_slot(struct vmap_info *info)
{
	unsigned long irq = mm_lock(&vmap_lock);
	unsigned long i = slot_with_locked(NR_LISTED, key_of(info));
	bool found = i < NR_LISTS;

	if (found) {
		info->start = park.list[i];
		park.key[i - NR_LISTED] = 0;
		pop(&park.side[SLOTS], i, info->pages, vmap_area_revive_locked(info));
	}
	mm_unlock(&vmap_lock, irq);
	return found;
}

bool vmap_unpark(struct vmap_info *info)
{
	unsigned long i, irq;
	bool found;

	if (!is_listed(info))
		return unpark_slot(info);
	i = list_of(info);
	if (!__atomic_load_n(&park.list[i], __ATOMIC_RELAXED))
		return false;
	irq = mm_lock(&vmap_lock);
	info->start = park.list[i];
	found = info->start != 0;
	if (found)
		pop(&park.side[LISTS], i, info->pages, vmap_area_revive_locked(info));
	mm_unlock(&vmap_lock, irq);
	return found;
}

static bool is_over(const struct side *side, unsigned long more)
{
	return side->pages + more > __atomic_load_n(&side->limit, __ATOMIC_RELAXED);
}

static QUARRY_NOINLINE enum park_result park_in_slot(const struct vmap_info *info, bool in_irq)
{
	unsigned long i = slot_with_locked(NR_LISTED, 0);
	bool over = is_over(&park.side[SLOTS], info->pages) ||
		    slot_with_locked(i + 1, 0) >= NR_LISTS;

	if (i == NR_LISTS || (over && in_irq))
		return PARK_NO;
	park.key[i - NR_LISTED] = key_of(info);
	push(&park.side[SLOTS], i, info);
	return over ? PARK_OVER : PARK_DONE;
}

enum park_result vmap_park_locked(const struct vmap_info *info, bool in_irq)
{
	bool over;

	if (!info->home)
		return PARK_NO;
	MM_ASSERT(info->flags == VMAP_ALLOC);
	if (!is_listed(info))
		return park_in_slot(info, in_irq);
	over = is_over(&park.side[LISTS], info->pages);
	if (over && in_irq)
		return PARK_NO;
	push(&park.side[LISTS], list_of(info), info);
	return over ? PARK_OVER : PARK_DONE;
}

/* The list of [first, end) whose turn it is to give up an area. One of them has some. */
static unsigned long next_in_turn(struct side *side, unsigned long first, unsigned long end)
{
	unsigned long from = side->turn > first ? side->turn : first;
	unsigned long i = bitmap_next_set(park.filled, from, end);

	if (i == end)
		i = bitmap_next_set(park.filled, first, end);
	side->turn = i + 1;
	return i;
}

bool vmap_park_leave_locked(unsigned long most, struct vmap_info *info)
{
	struct side *lists = &park.side[LISTS], *slots = &park.side[SLOTS], *side = lists;
	unsigned long i;

	if (lists->pages > most || (most == ~0ul && is_over(lists, 0))) {
		i = next_in_turn(lists, 0, NR_LISTED);
	} else if (slots->pages > most || is_over(slots, 0) || slots_are_full_locked()) {
		i = next_in_turn(slots, NR_LISTED, NR_LISTS);
		park.key[i - NR_LISTED] = 0;
		side = slots;
	} else {
		return false;
	}
	vmap_area_claimed_locked(park.list[i], info);
	pop(side, i, info->pages, info->caller);
	return true;
}

static bool is_at(const struct vmap_info *info, unsigned long i)
{
	return is_listed(info) ? i == list_of(info)
			       : i >= NR_LISTED && park.key[i - NR_LISTED] == key_of(info);
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
		if (info.flags != VMAP_ALLOC || !info.home || !is_at(&info, i))
			return ~0ul;
		pages += info.pages;
	}
	return i < NR_LISTED || !pages == !park.key[i - NR_LISTED] ? pages : ~0ul;
}

unsigned long vmap_park_check(void)
{
	unsigned long irq = mm_lock(&vmap_lock);
	unsigned long pages[NR_SIDES] = {0, 0}, broken = 0;

	for (unsigned long i = 0; i < NR_LISTS; i++) {
		unsigned long of_list = check_list_locked(i);

		broken += of_list == ~0ul || !of_list == bitmap_test(park.filled, i);
		pages[i >= NR_LISTED] += of_list;
	}
	for (unsigned s = 0; s < NR_SIDES; s++)
		broken += pages[s] != park.side[s].pages;
	mm_unlock(&vmap_lock, irq);
	if (broken)
		mm_report(VALIDATE, "vmap_park", NULL, broken, 0);
	return broken;
}

static unsigned long set_limit(struct side *side, unsigned long bytes)
{
	unsigned long share = totalram_pages() / LIMIT_SHARE;
	unsigned long limit = (unsigned long)min_u64(bytes >> PAGE_SHIFT, share);

	__atomic_store_n(&side->limit, limit, __ATOMIC_RELAXED);
	return limit;
}

void vmap_park_set_limit(void)
{
	unsigned long most;

	set_limit(&park.side[LISTS], LIST_BYTES);
	most = set_limit(&park.side[SLOTS], SLOT_BYTES);
	__atomic_store_n(&park.area_max, park.on ? most : 0, __ATOMIC_RELAXED);
}

void vmap_park_init(bool on)
{
	__builtin_memset(&park, 0, sizeof(park));
	park.on = on;
	vmap_park_set_limit();
}
