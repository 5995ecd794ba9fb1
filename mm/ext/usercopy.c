/* SPDX-License-Identifier: MIT */
/*
 * usercopy.c: may these bytes be copied to or from a user?
 *
 *   address        bounds                                          from
 *   running stack  the stack                                       the `stack` hook
 *   vmalloc        the area, without its guard page                vmap_info_at
 *   slab object    the window of its cache                         struct kmem_cache
 *   guarded one    the same                                        slab_guard_view
 *   other pages    the block whose head is found by its number     struct page
 *   elsewhere      not ours: not judged
 *
 * Whoever copies owns what he copies, so nothing here changes under the question: no lock but that
 * of a look-up in vmalloc's window.
 *
 * Start at quarry_usercopy_ok.
 */
#include <quarry/usercopy.h>

#include "mm/base/log.h"
#include "mm/phys/page.h"
#include "mm/slab/slab.h"
#include "mm/slab/slab_guard.h"
#include "mm/vmap/vmap.h"
#include "mm/vmap/vmap_dir.h"

/* What a copy must stay inside: `size` bytes from `start`, of which only [window, window + bytes)
 * may be copied. */
struct bounds {
	uintptr_t start;
	size_t window, bytes;
	bool known;
};

static bool inside(const struct bounds *bounds, uintptr_t p, size_t n)
{
	size_t at = p - bounds->start - bounds->window;

	return at <= bounds->bytes && n <= bounds->bytes - at;
}

static struct bounds whole(uintptr_t start, size_t bytes)
{
	return (struct bounds){.start = start, .bytes = bytes, .known = true};
}

static struct bounds bounds_of_object(struct page *page, uintptr_t p)
{
	const struct kmem_cache *cache = page->mapping;
	const void *object = slab_object_at(cache, slab_head(page), (const void *)p);

	/* Between the objects nothing may be copied. */
	if (!object)
		return whole(p, 0);
	return (struct bounds){.start = (uintptr_t)object,
			       .window = cache->useroffset,
			       .bytes = cache->usersize,
			       .known = true};
}

static struct bounds bounds_of_guarded(uintptr_t p)
{
	struct guard_view view;

	slab_guard_view((const void *)p, &view);
	if (!view.live || !view.inside)
		return whole(p, 0);
	return (struct bounds){.start = (uintptr_t)view.start,
			       .window = view.cache->useroffset,
			       .bytes = view.cache->usersize,
			       .known = true};
}

static struct bounds bounds_of_pages(const struct page *head)
{
	/* Where no page was ever handed out there is no state: the kernel's image, or a hole. */
	if (!head)
		return (struct bounds){0};
	uintptr_t start = (uintptr_t)page_address(head);

	switch (page_kind(head)) {
	case QUARRY_PAGE_USED:
	case QUARRY_PAGE_MOVABLE:
	case QUARRY_PAGE_LARGE:
	case QUARRY_PAGE_VMALLOC:
		return whole(start, page_size(head));
	case QUARRY_PAGE_RESERVED:
		return (struct bounds){0};
	default: /* free, a page table, a page that we keep */
		return whole(start, 0);
	}
}

static struct bounds bounds_of(uintptr_t p)
{
	struct page *page = page_of_address((const void *)p);
	struct vmap_info info;

	if (slab_guard_covers((const void *)p))
		return bounds_of_guarded(p);
	if (vmap_dir_covers(p))
		return vmap_info_at((const void *)p, &info)
			       ? whole(info.start, info.pages << PAGE_SHIFT)
			       : whole(p, 0);
	return page && page_kind(page) == QUARRY_PAGE_SLAB
		       ? bounds_of_object(page, p)
		       : bounds_of_pages(block_of_address((const void *)p));
}

/* Does it lie on the stack in part only? */
static bool half_on_stack(uintptr_t p, size_t n)
{
	uintptr_t low, high;

	if (!mm_ops.stack || !mm_ops.stack(&low, &high) || p >= high || p + n <= low)
		return false;
	return p < low || p + n > high;
}

static bool judge(const void *address, size_t n, bool to_user, uintptr_t caller)
{
	uintptr_t p = (uintptr_t)address, room = ~(uintptr_t)0 - p;
	struct bounds bounds = {0};

	if (!n)
		return true;
	bool ok = !ZERO_OR_NULL_PTR(address) && n - 1 <= room && !half_on_stack(p, n);

	if (ok) {
		bounds = bounds_of(p);
		ok = !bounds.known || inside(&bounds, p, n);
	}
	if (!ok)
		mm_report_at(QUARRY_RULE_USERCOPY, to_user ? "copy to user" : "copy from user",
			     address, n, bounds.known ? p - bounds.start : 0, caller);
	return ok;
}

bool quarry_usercopy_ok(const void *p, size_t n, bool to_user)
{
	return judge(p, n, to_user, (uintptr_t)__builtin_return_address(0));
}

void check_object_size(const void *p, unsigned long n, bool to_user)
{
	if (judge(p, n, to_user, (uintptr_t)__builtin_return_address(0)))
		return;
	if (mm_ops.usercopy_abort)
		mm_ops.usercopy_abort(p, n, to_user);
	else
		quarry_os_panic("a copy to or from a user leaves its object");
}
