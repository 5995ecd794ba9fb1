/* SPDX-License-Identifier: MIT */
/*
 * scope.c: opening and ending the allocation scopes of a task.
 *
 * The word changes by plain loads and stores: only its task writes it, and an interrupt that works
 * on the interrupted task's word leaves it as it was.
 *
 * The fast path of a request does not look at scopes. NOFS and NOIO only matter once memory must be
 * reclaimed, noreclaim once it is short; all that is past the fast path. Only the pin scope changes
 * which page is right: movable requests look at the word after their pop.
 *
 * Start at: memalloc_flags_save.
 */
#include "mm/gfp/scope.h"

#include "mm/base/log.h"
#include "mm/gfp/context.h"

#define CALLER() ((uintptr_t)__builtin_return_address(0))

/* Replace the low bits; the first that sets one leaves its address. */
static void set_low(unsigned long low, uintptr_t caller)
{
	unsigned long *word = cpu_task_word();
	unsigned long site = *word >> SCOPE_SITE_SHIFT;

	if (!low)
		site = 0;
	else if (!(*word & ((1ul << SCOPE_SITE_SHIFT) - 1)))
		site = caller;
	*word = low | site << SCOPE_SITE_SHIFT;
}

static unsigned long get_low(void)
{
	return scope_word() & ((1ul << SCOPE_SITE_SHIFT) - 1);
}

/* The address that a word remembers: 48 bits, extended by their highest as addresses are. */
static uintptr_t site_of(unsigned long word)
{
	return (uintptr_t)((int64_t)word >> SCOPE_SITE_SHIFT);
}

static unsigned save(unsigned flags, uintptr_t caller)
{
	unsigned long low = get_low();

	flags &= (unsigned)SCOPE_BITS;
	set_low(low | flags, caller);
	return flags & ~(unsigned)low;
}

unsigned memalloc_flags_save(unsigned flags)
{
	return save(flags, CALLER());
}

unsigned memalloc_nofs_save(void)
{
	return save(PF_MEMALLOC_NOFS, CALLER());
}

unsigned memalloc_noio_save(void)
{
	return save(PF_MEMALLOC_NOIO, CALLER());
}

unsigned memalloc_noreclaim_save(void)
{
	return save(PF_MEMALLOC, CALLER());
}

unsigned memalloc_pin_save(void)
{
	return save(PF_MEMALLOC_PIN, CALLER());
}

void memalloc_flags_restore(unsigned flags)
{
	unsigned long low = get_low();

	if ((low & flags) != flags)
		mm_report(SCOPE, "memalloc_flags_restore", NULL, flags, low);
	set_low(low & ~((unsigned long)flags & SCOPE_BITS), CALLER());
}

gfp_t current_gfp_context(gfp_t gfp)
{
	return scope_apply(gfp, scope_word());
}

void quarry_task_exit(void)
{
	unsigned long word = scope_word();

	if (!word)
		return;
	mm_report_at(QUARRY_RULE_SCOPE_LEAK, "quarry_task_exit", (void *)site_of(word), get_low(),
		     0, site_of(word));
	*cpu_task_word() = 0;
}

unsigned scope_enter_reclaim(void)
{
	unsigned added = save(PF_MEMALLOC, CALLER());

	*cpu_task_word() |= SCOPE_IN_RECLAIM;
	return added;
}

void scope_leave_reclaim(unsigned saved)
{
	set_low(get_low() & ~(SCOPE_IN_RECLAIM | saved), CALLER());
}

/* ---- locks that reclaim takes ---- */

static unsigned held_shift(gfp_t gfp)
{
	return gfp_has(gfp, __GFP_FS) ? SCOPE_FS_SHIFT : SCOPE_IO_SHIFT;
}

void fs_reclaim_acquire(gfp_t gfp)
{
	unsigned shift = held_shift(gfp);
	unsigned long low = get_low();

	if (gfp_has(gfp, __GFP_IO | __GFP_FS) && (low >> shift & SCOPE_HELD_MAX) < SCOPE_HELD_MAX)
		set_low(low + (1ul << shift), CALLER());
}

void fs_reclaim_release(gfp_t gfp)
{
	unsigned shift = held_shift(gfp);
	unsigned long low = get_low();

	if (!gfp_has(gfp, __GFP_IO | __GFP_FS))
		return;
	if (!(low >> shift & SCOPE_HELD_MAX))
		mm_report(SCOPE, "fs_reclaim_release", NULL, gfp_bits(gfp), low);
	else
		set_low(low - (1ul << shift), CALLER());
}
