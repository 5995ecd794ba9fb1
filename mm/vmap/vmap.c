/* SPDX-License-Identifier: MIT */
/*
 * vmap.c: map pages into an area, and take areas down again.
 *
 *   vmap_get_area -> vmap_map_pages -> (in use) -> vmap_free: claim, clear entries, retire
 *
 * Invariants, checked by vmap_check:
 *   M1  pages [start, start + pages) of a live area are mapped, its guard page is not; of a
 *       VMAP_BARE area none, some or all
 *   M2  a VMAP_ALLOC area consists of blocks of 1 to 512 pages, each mapped whole and in order, of
 *       kind VMALLOC; the head's index is its virtual page number
 *   M3  nothing else is mapped in the window, but areas that are parked or whose free was put
 *       off
 *   M4  from the list of either to waiting for a flush an area counts as leaving: who must know
 *       that it is unmapped waits. A guarded area counts apart: what takes it down may sleep,
 *       and allocate, so only vm_unmap_aliases waits for it
 *
 * An area that is freed in an interrupt, or a guarded one where nobody may wait, is claimed there,
 * so a second free is seen at once, and put on a list through the word that a claimed area keeps.
 * The defer hook, or the next call that may sleep, unmaps it. Most areas are not unmapped but
 * parked (vmap_park.h), wherever they are freed.
 *
 * Locking     vmap_lock for the list; entries of an area belong to who allocated or claimed it.
 * Start at    vmap_free
 */
#include "mm/vmap/vmap.h"

#include "mm/base/bits.h"
#include "mm/base/cpu.h"
#include "mm/base/log.h"
#include "mm/gfp/gfp.h"
#include "mm/vmap/pgtable.h"
#include "mm/vmap/vmap_dir.h"
#include "mm/vmap/vmap_park.h"
#include "mm/vmap/vmap_protect.h"

static QUARRY_STATE struct {
	uintptr_t deferred; /* claimed areas to free, linked by their kept word; 0 ends */
	unsigned leaving;
	unsigned guarded_leaving;
} vmap_state;

/* Could the window hold such an area there if it were empty? */
static bool window_fits(const struct vmap_info *info, const struct vmap_where *where)
{
	uintptr_t start = (uintptr_t)max_u64(where->start, vmap_area_start());
	uintptr_t end = (uintptr_t)min_u64(where->end, vmap_area_end());
	uintptr_t skip = -start & (where->align * PAGE_SIZE - 1);

	return where->align << PAGE_SHIFT && start < end && skip < end - start &&
	       info->pages < (end - start - skip) >> PAGE_SHIFT;
}

/* Take down a claimed area of which the first `mapped` pages are mapped. Context: any but an
 * interrupt; a guarded area: may wait. */
static void take_down(const struct vmap_info *info, unsigned long mapped)
{
	struct page_chain pages = {0, 0, 0};

	if (unlikely(info->flags & VMAP_GUARDED))
		vmap_unguard(info);
	if (unlikely(info->flags == VMAP_BARE))
		vmap_clear_pages(info->start, info->pages);
	else
		vmap_unmap_pages(info->start, mapped, info->flags & VMAP_ALLOC ? &pages : NULL);
	vmap_retire(info, &pages);
}

/* M4. leave_locked with the hold of the lock that takes the area off its list; but for guarded ones
 * pinned from there to left, so that who waits for it waits for a running CPU. */
static void leave_locked(unsigned *leaving)
{
	__atomic_fetch_add(leaving, 1u, __ATOMIC_RELAXED);
}
static void left(unsigned *leaving)
{
	__atomic_fetch_sub(leaving, 1u, __ATOMIC_RELEASE);
}
/* Return: was there any to wait for? */
static bool wait_for_leaving(void)
{
	bool any = false;

	for (; __atomic_load_n(&vmap_state.leaving, __ATOMIC_ACQUIRE); any = true)
		arch_relax();
	return any;
}

/* Take parked areas down while more than `most` pages are parked (~0ul: than may be). Return: was
 * there any? */
static bool shrink_parked(unsigned long most)
{
	struct vmap_info info;
	bool any = false, more;

	do {
		cpu_pin();
		unsigned long irq = mm_lock(&vmap_lock);
		more = vmap_park_leave_locked(most, &info);
		if (more)
			leave_locked(&vmap_state.leaving);
		mm_unlock(&vmap_lock, irq);
		if (more) {
			take_down(&info, info.pages);
			left(&vmap_state.leaving);
		}
		cpu_unpin();
		/* Who is pinned may not wait. */
		if (more)
			vmap_purge_if_full();
		any |= more;
	} while (more);
	return any;
}

/* ---- putting off ---- */

/* Return: true if the list was empty. */
static bool defer_locked(uintptr_t start)
{
	bool first = !vmap_state.deferred;

	vmap_area_keep_locked(start, vmap_state.deferred);
	__atomic_store_n(&vmap_state.deferred, start, __ATOMIC_RELAXED);
	return first;
}

/* Free the first area whose free was put off. Return: was there any? */
static bool free_one_deferred(void)
{
	struct vmap_info info;
	bool any, guarded = false;

	cpu_pin();
	unsigned long irq = mm_lock(&vmap_lock);
	any = vmap_state.deferred != 0;
	if (any) {
		vmap_area_claimed_locked(vmap_state.deferred, &info);
		__atomic_store_n(&vmap_state.deferred, info.caller, __ATOMIC_RELAXED);
		guarded = info.flags & VMAP_GUARDED;
		leave_locked(guarded ? &vmap_state.guarded_leaving : &vmap_state.leaving);
	}
	mm_unlock(&vmap_lock, irq);
	if (any && !guarded) {
		take_down(&info, info.pages);
		left(&vmap_state.leaving);
	}
	cpu_unpin();
	if (guarded) {
		take_down(&info, info.pages);
		left(&vmap_state.guarded_leaving);
	}
	return any;
}

/* Context: task, may wait. Return: was there any? */
static bool free_deferred_now(void)
{
	bool any = false;

	while (__atomic_load_n(&vmap_state.deferred, __ATOMIC_RELAXED) && free_one_deferred()) {
		any = true;
		vmap_purge_if_full();
	}
	return any;
}

/* The same, as the defer hook calls it. */
static void free_deferred(void *unused)
{
	(void)unused;
	free_deferred_now();
}

/* Nothing that was freed before the call is mapped when it returns, whoever took it down; what is
 * guarded may be. Context: may wait. Return: was there anything? */
static bool unmap_freed(void)
{
	bool any = free_deferred_now();

	any |= shrink_parked(0);
	return wait_for_leaving() || any;
}

/* ---- new areas ---- */

/* Free the addresses that are put off, parked, or wait for a flush. Return: were there any? */
static bool free_addresses(void)
{
	bool any = unmap_freed();

	return vmap_purge() || any;
}

bool vmap_refuse_nmi(const char *call, const void *p, uintptr_t caller)
{
	unsigned context = cpu_context();

	if (likely(!(context & QUARRY_CTX_NMI)))
		return false;
	mm_report_at(QUARRY_RULE_BAD_CONTEXT, call, p, context, 0, caller);
	return true;
}

int vmap_get_area(struct vmap_info *info, const struct vmap_where *where, gfp_t gfp)
{
	gfp_t own = vmap_own_gfp(gfp) | __GFP_NOWARN;
	bool wait = gfpflags_allow_blocking(gfp) && vmap_may_wait();
	bool nofail = gfp_has(gfp, __GFP_NOFAIL);
	unsigned long done;
	int error;

	if (!window_fits(info, where))
		return -QUARRY_ENOSPC;
	/* Our own blocks begin at multiples of their size: so that groups map them. */
	if (group_pages() > 1 && info->flags & VMAP_ALLOC && info->pages >= group_pages() &&
	    where->align < group_pages()) {
		const struct vmap_where grouped = {group_pages(), where->start, where->end};

		error = vmap_area_alloc(info, &grouped, own);
		if (error != -QUARRY_ENOSPC)
			return error;
	}
	/* Addresses may be put off, be parked, or wait for a flush, here or on a CPU that purges
	 * already. A request that must not fail waits for a free. */
	do {
		done = vmap_purges_done();
		error = vmap_area_alloc(info, where, own);
	} while (error == -QUARRY_ENOSPC && wait &&
		 (free_addresses() || vmap_purges_done() != done || nofail));
	return error;
}

int vmap_get_io_area(struct vmap_info *info, phys_addr_t phys, gfp_t gfp)
{
	struct vmap_where where = vmap_anywhere;
	unsigned long pages = info->pages;
	int error;

	do {
		where.align = pgtable_leaf_pages(phys & PAGE_MASK, pages);
		error = vmap_get_area(info, &where, gfp);
		pages = where.align - 1;
	} while (error == -QUARRY_ENOSPC && pages);
	return error;
}

void vmap_abort(struct vmap_info *info, unsigned long mapped)
{
	unsigned long irq = mm_lock(&vmap_lock);

	vmap_area_claim_locked(info->start, info->flags, info);
	mm_unlock(&vmap_lock, irq);
	take_down(info, mapped);
	if (vmap_may_wait())
		vmap_purge();
	else
		vmap_purge_if_full();
}

/* ---- freeing ---- */

bool vmap_free(const void *address, unsigned kind, const char *call, uintptr_t caller)
{
	uintptr_t start = (uintptr_t)address;
	unsigned context = cpu_context();
	enum park_result parked = PARK_NO;
	bool first = false, later = false;
	struct vmap_info info;

	if (unlikely(context & QUARRY_CTX_NMI)) {
		vmap_refuse_nmi(call, address, caller);
		return false;
	}
	unsigned long irq = mm_lock(&vmap_lock);
	int error = vmap_area_claim_locked(start, kind, &info);
	if (likely(!error))
		parked = vmap_park_locked(&info, context & QUARRY_CTX_IRQ);
	if (likely(parked == PARK_DONE)) {
		mm_unlock(&vmap_lock, irq);
		return true;
	}
	if (!error && parked == PARK_NO) {
		later = context & QUARRY_CTX_IRQ || (info.flags & VMAP_GUARDED && context);
		first = later && defer_locked(start);
	}
	mm_unlock(&vmap_lock, irq);

	if (parked == PARK_OVER) {
		shrink_parked(~0ul);
	} else if (error == -QUARRY_EINVAL) {
		mm_report_at(QUARRY_RULE_FREE_KIND, call, address, kind, info.flags, caller);
	} else if (error) {
		mm_report_at(QUARRY_RULE_VMAP_UNKNOWN, call, address, 0, 0, caller);
	} else if (later) {
		if (first && mm_ops.defer)
			mm_ops.defer(free_deferred, NULL);
	} else {
		take_down(&info, info.pages);
		vmap_purge_if_full();
		if (!context)
			free_deferred_now();
	}
	return !error;
}

/* ---- for others of the layer ---- */

bool vmap_info_at(const void *address, struct vmap_info *info)
{
	unsigned long irq = mm_lock(&vmap_lock);
	bool found = vmap_area_find_locked((uintptr_t)address, info);

	mm_unlock(&vmap_lock, irq);
	return found;
}

bool vmap_prot_ok(unsigned prot)
{
	unsigned caching = prot & QUARRY_PROT_CACHING;

	return prot & QUARRY_PROT_READ && !(caching & (caching - 1)) &&
	       !(prot & ~(QUARRY_PROT_KERNEL | QUARRY_PROT_EXEC | QUARRY_PROT_CACHING));
}

void vm_unmap_aliases(void)
{
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);

	if (!vmap_may_wait()) {
		mm_report_at(QUARRY_RULE_BAD_CONTEXT, "vm_unmap_aliases", NULL, cpu_context(), 0,
			     caller);
		return;
	}
	unmap_freed();
	while (__atomic_load_n(&vmap_state.guarded_leaving, __ATOMIC_ACQUIRE))
		cpu_wait();
	vmap_purge();
}

/* ---- looking up ---- */

bool vmap_resize(const void *p, size_t size, size_t *old)
{
	struct vmap_info info;
	unsigned long irq = mm_lock(&vmap_lock);
	bool fits = false;

	*old = 0;
	if (vmap_area_find_locked((uintptr_t)p, &info) && info.start == (uintptr_t)p &&
	    (info.flags & ~VMAP_GUARDED) == VMAP_ALLOC) {
		*old = info.size;
		fits = size <= info.pages << PAGE_SHIFT;
		if (fits)
			vmap_area_resize_locked(info.start, size);
	}
	mm_unlock(&vmap_lock, irq);
	return fits;
}

bool is_vmalloc_addr(const void *address)
{
	return vmap_dir_covers((uintptr_t)address);
}

unsigned long vmalloc_to_pfn(const void *address)
{
	struct pt_leaf leaf;

	/* An NMI may have interrupted who holds the lock. */
	bool wait = !(cpu_context() & QUARRY_CTX_NMI);

	if (!is_vmalloc_addr(address) || pgtable_query((uintptr_t)address, wait, &leaf))
		return 0;
	return (unsigned long)(leaf.phys >> PAGE_SHIFT);
}

struct page *vmalloc_to_page(const void *address)
{
	unsigned long pfn = vmalloc_to_pfn(address);
	return pfn && pfn_valid(pfn) ? pfn_to_page(pfn) : NULL;
}

bool quarry_vmap_fault(uintptr_t va, unsigned access)
{
	struct pt_leaf leaf;
	int error;

	if (!is_vmalloc_addr((void *)va))
		return false;
	/* Never wait here: who holds the lock may be the code that faulted. A retry comes back. */
	error = pgtable_query(va, false, &leaf);
	if (error)
		return error == -QUARRY_EAGAIN;
	if (access & ~leaf.prot)
		return false;
	arch_tlb_map_sync(0, PT_EVERYTHING);
	return true;
}

bool vmap_info_next(uintptr_t *cursor, struct vmap_info *info)
{
	bool more = true;

	info->pages = 0;
	while (more && !info->pages) {
		unsigned long irq = mm_lock(&vmap_lock);

		more = vmap_area_next_locked(cursor, info);
		mm_unlock(&vmap_lock, irq);
	}
	return info->pages != 0;
}

/* ---- check ---- */

static unsigned long broken(unsigned rule, uintptr_t va)
{
	mm_report(VALIDATE, "vmap", (void *)va, rule, 0);
	return 1;
}

/* M1, M2 of one area. */
static unsigned long check_area(const struct vmap_info *info)
{
	struct pt_leaf leaf;
	unsigned long bad = 0;

	for (unsigned long i = 0; i < info->pages; i++) {
		uintptr_t va = info->start + (i << PAGE_SHIFT);

		if (pgtable_query(va, true, &leaf)) {
			bad += info->flags == VMAP_BARE ? 0 : broken(1, va);
		} else if (info->flags & VMAP_ALLOC) {
			const struct page *page = phys_to_page(leaf.phys);
			const struct page *head = compound_head(page);

			if (page_kind(head) != QUARRY_PAGE_VMALLOC ||
			    head->index + (unsigned long)(page - head) != va >> PAGE_SHIFT)
				bad += broken(2, va);
		}
	}
	if (!pgtable_query(info->start + (info->pages << PAGE_SHIFT), true, &leaf))
		bad += broken(1, info->start);
	return bad;
}

/* Pages of an area that are mapped, if M1 holds. */
static unsigned long mapped_pages(const struct vmap_info *info)
{
	return info->flags != VMAP_BARE ? info->pages
					: pgtable_count(info->start, info->start +
							(info->pages << PAGE_SHIFT));
}

unsigned long vmap_check(void)
{
	unsigned long irq = mm_lock(&vmap_lock);
	unsigned long pages = 0, bad;
	struct vmap_info info;

	for (uintptr_t va = vmap_state.deferred; va; va = info.caller) {
		vmap_area_claimed_locked(va, &info);
		pages += mapped_pages(&info);
	}
	mm_unlock(&vmap_lock, irq);
	pages += vmap_parked_pages();
	bad = vmap_area_check() + vmap_park_check();
	for (uintptr_t cursor = 0; vmap_info_next(&cursor, &info);) {
		bad += check_area(&info);
		pages += mapped_pages(&info);
	}
	if (vmap_area_start() != vmap_area_end() &&
	    pgtable_count(vmap_area_start(), vmap_area_end()) != pages)
		bad += broken(3, vmap_area_start());
	return bad;
}

/* ---- start and end ---- */

void vmap_drain(void)
{
	if (vmap_area_start() == vmap_area_end() || !vmap_may_wait())
		return;
	unmap_freed();
	vmap_purge_tables();
}

void vmap_set_limits(void)
{
	vmap_flush_set_limit();
	vmap_park_set_limit();
}

void vmap_free_init(void)
{
	vmap_state.deferred = 0;
	vmap_state.leaving = 0;
	vmap_state.guarded_leaving = 0;
}
