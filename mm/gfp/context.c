/* SPDX-License-Identifier: MIT */
/*
 * context.c: the context lint.
 *
 *   BAD_CONTEXT   a request that may sleep, where the OS says that the caller may not
 *   REENTRY       a request whose reclaim could take a lock that the task holds
 *   NOFAIL        a request that never fails, where that cannot be: it may not sleep, or it is made
 *                 from inside reclaim; or it asks for more than two pages in a row
 *
 * A table remembers places, as hashes of return address, rule and mask. An entry is never removed;
 * where the neighbourhood of an entry is full, the finding is reported each time.
 *
 * Locking  none: an entry is claimed by compare and swap.
 * Start at lint_report.
 */
#include "mm/gfp/context.h"

#define SITES 256u /* wrong places of a kernel; it should have none */
#define PROBES 8u

static QUARRY_STATE struct {
	uint64_t site[SITES];
} lint;

/* Is it the first time? */
static bool remember(uint64_t key)
{
	for (unsigned i = 0; i < PROBES; i++) {
		uint64_t *slot = &lint.site[((key >> 40) + i) % SITES];
		uint64_t seen = 0;
		if (__atomic_compare_exchange_n(slot, &seen, key, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			return true;
		if (seen == key)
			return false;
	}
	return true;
}

void lint_report(enum quarry_rule rule, const char *call, gfp_t gfp, unsigned long detail,
		 uintptr_t caller)
{
	uint64_t key = ((uint64_t)caller ^ (uint64_t)gfp_bits(gfp) << 32 ^ (uint64_t)rule << 56) *
		       0x9e3779b97f4a7c15ull;

	if (QUARRY_CONTEXT_LINT && !gfp_has(gfp, __GFP_NOLOCKDEP) && remember(key | 1))
		mm_report_at(rule, call, NULL, gfp_bits(gfp), detail, caller);
}

void lint_forget(void)
{
	__builtin_memset(&lint, 0, sizeof(lint));
}

gfp_t gfp_context_report(gfp_t gfp, const char *call, uintptr_t caller)
{
	/* Before sleeping works nobody reclaims: the mask is as good as one without the bit. */
	if (gfp_has(gfp_allowed_mask, __GFP_DIRECT_RECLAIM))
		lint_report(QUARRY_RULE_BAD_CONTEXT, call, gfp, cpu_context(), caller);
	return gfp & ~__GFP_DIRECT_RECLAIM;
}

gfp_t gfp_in_task(gfp_t gfp, unsigned order, const char *call, uintptr_t caller)
{
	unsigned long word = scope_word();

	gfp = scope_apply(gfp, word);
	if (unlikely(gfp_reenters(gfp, word)))
		lint_report(QUARRY_RULE_REENTRY, call, gfp, word & 0xffff, caller);
	if (gfp_nofail_misused(gfp, order, word))
		lint_report(QUARRY_RULE_NOFAIL, call, gfp, order, caller);
	return gfp;
}

void might_alloc(gfp_t gfp)
{
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);

	gfp &= gfp_allowed_mask;
	if (!gfp_context_ok(gfp))
		gfp = gfp_context_report(gfp, "might_alloc", caller);
	gfp_in_task(gfp, 0, "might_alloc", caller);
}

void memalloc_retry_wait(gfp_t gfp)
{
	if (gfpflags_allow_blocking(gfp & gfp_allowed_mask) && !cpu_context())
		cpu_wait();
}
