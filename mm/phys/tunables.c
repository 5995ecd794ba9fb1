/* SPDX-License-Identifier: MIT */
/*
 * tunables.c: the values of quarry/tunables.h, handed to the parts that use them.
 *
 * All values are judged before one is taken over.
 */
#include <quarry/tunables.h>

#include "mm/base/cpu.h"
#include "mm/base/log.h"
#include "mm/phys/pcp.h"
#include "mm/phys/watermark.h"

#define HIGH_FRACTION_MIN 8u /* at most an eighth of a zone may be parked (Linux's bound) */

void quarry_get_tunables(struct quarry_tunables *tunables)
{
	*tunables = *watermarks_tunables();
}

int quarry_set_tunables(const struct quarry_tunables *tunables)
{
	unsigned fraction = tunables->percpu_pagelist_high_fraction;

	if (!cpu_may_call_all("quarry_set_tunables"))
		return -QUARRY_EINVAL;
	if ((fraction && fraction < HIGH_FRACTION_MIN) || !watermarks_tune(tunables)) {
		mm_report(BAD_ARGUMENT, "quarry_set_tunables", tunables, fraction,
			  tunables->watermark_scale_factor);
		return -QUARRY_EINVAL;
	}
	pcp_tune(fraction);
	return 0;
}
