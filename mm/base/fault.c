/* SPDX-License-Identifier: MIT */
/*
 * fault.c: which passes through a failure site fail.
 *
 * Locking  none: passes are counted atomically; a rule is set while nobody allocates, or the change
 *          of rule is felt a pass late.
 * Start at: fault_asked.
 */
#include "mm/base/fault.h"

#include "mm/base/log.h"
#include "mm/base/state.h"

static QUARRY_STATE struct {
	struct quarry_fault_rule rule;
	unsigned long passes, failures;
} faults;

static bool matches(const struct quarry_fault_rule *rule, enum fault_site site, gfp_t gfp,
		    unsigned order)
{
	return (!rule->sites || rule->sites >> site & 1) && (gfp & rule->all) == rule->all &&
	       (gfp & rule->none) == (QUARRY_FORCE gfp_t)0 && order >= rule->min_order &&
	       order <= rule->max_order;
}

/* Does the rule fail this pass? */
static bool rule_fails(enum fault_site site, gfp_t gfp, unsigned order)
{
	const struct quarry_fault_rule *rule = &faults.rule;

	if (!__atomic_load_n(&rule->times, __ATOMIC_RELAXED) || !matches(rule, site, gfp, order))
		return false;
	unsigned long pass = __atomic_fetch_add(&faults.passes, 1ul, __ATOMIC_RELAXED);
	if (pass < rule->after || pass - rule->after >= rule->times)
		return false;
	__atomic_fetch_add(&faults.failures, 1ul, __ATOMIC_RELAXED);
	return true;
}

bool fault_asked(enum fault_site site, gfp_t gfp, unsigned order)
{
	if ((gfp & __GFP_NOFAIL) != (QUARRY_FORCE gfp_t)0)
		return false;
	return (mm_ops.fault && mm_ops.fault(site)) || rule_fails(site, gfp, order);
}

int quarry_fault_set(const struct quarry_fault_rule *rule)
{
	fault_init();
	if (rule)
		faults.rule = *rule;
	return QUARRY_FAULT_INJECTION ? 0 : -QUARRY_ENOSYS;
}

unsigned long quarry_fault_passes(void)
{
	return __atomic_load_n(&faults.passes, __ATOMIC_RELAXED);
}

unsigned long quarry_fault_failures(void)
{
	return __atomic_load_n(&faults.failures, __ATOMIC_RELAXED);
}

void fault_init(void)
{
	__builtin_memset(&faults, 0, sizeof(faults));
}
