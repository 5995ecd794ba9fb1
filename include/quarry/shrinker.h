/* SPDX-License-Identifier: MIT */
/*
 * shrinker.h: owners of objects that can be freed when memory is short (spec 2.5).
 *
 * A cache that keeps what it could make again registers two functions: how many objects could go,
 * and let some go. Reclaim asks every shrinker for a share that grows with need.
 *
 * Both functions are called in task context with no lock of ours held, in a noreclaim scope: they
 * may sleep, and what they allocate comes from the reserves. They must look at `gfp_mask` before
 * they enter a file system or start IO: the request that reclaims may hold the lock they would
 * take. Several CPUs may call them at once.
 */
#ifndef QUARRY_SHRINKER_H
#define QUARRY_SHRINKER_H

#include <quarry/mmzone.h>
#include <quarry/types.h>

QUARRY_BEGIN_DECLS

#define SHRINK_STOP (~0ul)      /* of scan_objects: no more, or not with this mask */
#define SHRINK_EMPTY (~0ul - 1) /* of count_objects: nothing at all; 0: nothing now */
#define DEFAULT_SEEKS 2         /* two units of work to make a freed object again (Linux's) */
#define SHRINK_BATCH 128ul      /* objects in one scan, unless the shrinker says otherwise */

#define SHRINKER_NUMA_AWARE 1u /* asked for each node; else always for node 0 */

struct shrink_control {
	gfp_t gfp_mask;           /* of the request that reclaims */
	int nid;                  /* node that needs memory */
	unsigned long nr_to_scan; /* look at so many objects */
	unsigned long nr_scanned; /* set to nr_to_scan; the scan may correct it */
};

struct shrinker {
	/* How many objects could be freed: cheap, better without a lock. An error code is reported
	 * and counts as 0. */
	unsigned long (*count_objects)(struct shrinker *shrinker, struct shrink_control *control);
	/* Look at nr_to_scan objects and free what can go. Return: objects freed, or SHRINK_STOP.
	 * */
	unsigned long (*scan_objects)(struct shrinker *shrinker, struct shrink_control *control);
	long batch;         /* objects in one scan; 0: SHRINK_BATCH */
	int seeks;          /* what a freed object costs; 0: nothing, half are asked for at once */
	unsigned flags;     /* SHRINKER_* */
	void *private_data; /* the owner's */

	/* The library's. */
	char name[24];
	struct shrinker *next;
	unsigned uses;                              /* walks that stand on it */
	bool registered, dying;
	unsigned long nr_deferred[QUARRY_MAX_NODES]; /* asked for, not scanned yet */
};

/*
 * A shrinker, not registered yet: the caller sets the functions, then registers it.
 * Context: task, may sleep. Return: NULL if there is no memory.
 */
struct shrinker *shrinker_alloc(unsigned flags, const char *name, ...)
	QUARRY_API_CHECK(shrinker_alloc) QUARRY_PRINTF(2, 3);
/* Reclaim calls it from now on. Context: task. */
void shrinker_register(struct shrinker *shrinker) QUARRY_API(shrinker_register);
/* End it, wait until no call is under way, free it. NULL is ignored. Context: task, may sleep; not
 * from inside reclaim (reported, nothing is done). */
void shrinker_free(struct shrinker *shrinker) QUARRY_API(shrinker_free);

/* The same for a shrinker in the caller's own memory, zeroed but for the owner's fields. Return: 0,
 * -EINVAL (a function is missing, or registered already; reported). */
int register_shrinker(struct shrinker *shrinker, const char *name) QUARRY_API(register_shrinker);
void unregister_shrinker(struct shrinker *shrinker) QUARRY_API(unregister_shrinker);

/*
 * Ask every shrinker once for node `nid`, for its share at `priority`: 12 a 4096th, 0 everything.
 * Context: task, may sleep. Return: objects freed.
 */
unsigned long shrink_slab(gfp_t gfp, int nid, int priority) QUARRY_API(shrink_slab);
/* Free everything that shrinkers can free, on all nodes; then the empty slabs. Return: objects. */
unsigned long drop_slab(void) QUARRY_API(drop_slab);

QUARRY_END_DECLS

#endif
