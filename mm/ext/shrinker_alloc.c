/* SPDX-License-Identifier: MIT */
/*
 * shrinker_alloc.c: shrinkers in memory of ours. Their registry is below the objects
 * (mm/reclaim/shrinker.c), so what needs an allocation is here.
 */
#include <stdarg.h>

#include <quarry/shrinker.h>
#include <quarry/slab.h>

#include "mm/base/log.h"
#include "mm/reclaim/collect.h"
#include "mm/reclaim/shrinker.h"

#define DROP_ROUNDS 10 /* objects hold on to others: what frees a few of ten may free more */

struct shrinker *shrinker_alloc(unsigned flags, const char *name, ...)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);
	va_list args;

	if (!shrinker)
		return NULL;
	shrinker->flags = flags;
	shrinker->seeks = DEFAULT_SEEKS;
	va_start(args, name);
	mm_vformat(shrinker->name, sizeof(shrinker->name), name, args);
	va_end(args);
	return shrinker;
}

void shrinker_free(struct shrinker *shrinker)
{
	if (!shrinker)
		return;
	unregister_shrinker(shrinker);
	if (!shrinker->registered)
		kfree(shrinker);
}

unsigned long drop_slab(void)
{
	unsigned long sum = 0, freed = 1;

	if (cpu_context()) {
		mm_report(BAD_CONTEXT, "drop_slab", NULL, cpu_context(), 0);
		return 0;
	}
	for (unsigned round = 0; round < DROP_ROUNDS && freed; round++) {
		freed = 0;
		for (unsigned node = 0; node < nodes.count; node++)
			freed += shrink_slab(GFP_KERNEL, (int)node, 0);
		sum += freed;
	}
	collect_all();
	return sum;
}
