/* SPDX-License-Identifier: MIT */
/*
 * shrinker.c: the registry of shrinkers, and how much each is asked for.
 *
 * Terms
 *   priority   12 .. 0: the share asked for is count >> priority, so need grows by doubling
 *   due        the share, times 4 / seeks: what is dear to make again is asked for less
 *   late       what was due earlier and not scanned: a scan below one batch is not worth a call,
 *   and
 *              a shrinker may refuse because of the mask; whoever comes next with more rights, or
 *              more need, does it then
 *
 *     todo = late >> priority + due, at most twice the count
 *     scans of one batch each, while todo >= batch or todo >= count
 *     late' = late + due - scanned, at most twice the count
 *
 * Invariants
 *   I1  a shrinker with uses > 0 is on the chain: a walk goes on from it
 *   I2  dying => no walk stops at it any more
 *
 * Locking  `lock` protects chain, uses and dying; it is not held during a call. It is a leaf.
 * Cost     a walk takes the lock once a shrinker.
 * Start at: shrink_all.
 */
#include "mm/reclaim/shrinker.h"

#include "mm/base/bits.h"
#include "mm/base/lock.h"
#include "mm/base/log.h"

static QUARRY_STATE struct {
	struct mm_lock lock;
	struct shrinker *first;
	unsigned long scanned;
} registry;

/* ---- one shrinker ---- */

static unsigned long due_of(const struct shrinker *shrinker, unsigned long count,
			    unsigned priority)
{
	if (shrinker->seeks <= 0)
		return count / 2;
	return (unsigned long)((uint64_t)(count >> priority) * 4 / (unsigned)shrinker->seeks);
}

/* Scan `todo` objects in batches. Return: how many were scanned; *freed grows. */
static unsigned long scan(struct shrinker *shrinker, struct shrink_control *control,
			  unsigned long todo, unsigned long count, unsigned long *freed)
{
	unsigned long batch = shrinker->batch > 0 ? (unsigned long)shrinker->batch : SHRINK_BATCH;
	unsigned long scanned = 0;

	while (todo && (todo >= batch || todo >= count)) {
		control->nr_to_scan = (unsigned long)min_u64(todo, batch);
		control->nr_scanned = control->nr_to_scan;
		unsigned long result = shrinker->scan_objects(shrinker, control);
		if (result == SHRINK_STOP)
			break;
		*freed += result;
		scanned += control->nr_scanned;
		todo -= (unsigned long)min_u64(todo, control->nr_scanned);
		if (!control->nr_scanned) /* says that it did nothing: once is enough */
			break;
	}
	return scanned;
}

static struct shrink_result shrink_one(struct shrinker *shrinker, gfp_t gfp, unsigned node,
				       unsigned priority)
{
	struct shrink_result result = {0, 0};

	if (!(shrinker->flags & SHRINKER_NUMA_AWARE))
		node = 0;
	struct shrink_control control = {.gfp_mask = gfp, .nid = (int)node};
	unsigned long count = shrinker->count_objects(shrinker, &control);
	if (!count || count >= SHRINK_EMPTY)
		return result;
	if (count > ~0ul / 2) { /* an error code: asking for that many would take for ever */
		mm_report(BAD_ARGUMENT, "count_objects", shrinker, count, node);
		return result;
	}

	unsigned long late =
		__atomic_exchange_n(&shrinker->nr_deferred[node], 0ul, __ATOMIC_RELAXED);
	unsigned long due = due_of(shrinker, count, priority);
	unsigned long most = 2 * count;
	unsigned long todo = (unsigned long)min_u64((late >> priority) + due, most);
	unsigned long scanned = scan(shrinker, &control, todo, count, &result.freed);
	unsigned long later = late + due > scanned ? late + due - scanned : 0;

	later = (unsigned long)min_u64(later, most);
	__atomic_fetch_add(&shrinker->nr_deferred[node], later, __ATOMIC_RELAXED);
	__atomic_fetch_add(&registry.scanned, scanned, __ATOMIC_RELAXED);
	result.left = count - (unsigned long)min_u64(count, result.freed);
	return result;
}

/* ---- the chain ---- */

/* The next shrinker after `at` (NULL: the first), in use by the caller; `at` is let go. */
static struct shrinker *step(struct shrinker *at)
{
	unsigned long irq = mm_lock(&registry.lock);
	struct shrinker *next = at ? at->next : registry.first;

	while (next && next->dying)
		next = next->next;
	if (next)
		next->uses++;
	if (at)
		at->uses--;
	mm_unlock(&registry.lock, irq);
	return next;
}

/* Take it off the chain unless a walk stands on it. */
static bool unlink_unused(struct shrinker *shrinker)
{
	unsigned long irq = mm_lock(&registry.lock);
	struct shrinker **link = &registry.first;
	bool unused = !shrinker->uses;

	while (unused && *link && *link != shrinker)
		link = &(*link)->next;
	if (unused && *link)
		*link = shrinker->next;
	mm_unlock(&registry.lock, irq);
	return unused;
}

struct shrink_result shrink_all(gfp_t gfp, unsigned node, unsigned priority)
{
	struct shrink_result sum = {0, 0};

	for (struct shrinker *at = step(NULL); at; at = step(at)) {
		struct shrink_result one = shrink_one(at, gfp, node, priority);
		sum.freed += one.freed;
		sum.left += one.left;
	}
	return sum;
}

unsigned long shrinkers_scanned(void)
{
	return __atomic_load_n(&registry.scanned, __ATOMIC_RELAXED);
}

void shrinkers_init(void)
{
	__builtin_memset(&registry, 0, sizeof(registry));
}

/* ---- public ---- */

static int add(struct shrinker *shrinker, const char *call)
{
	if (!shrinker || !shrinker->count_objects || !shrinker->scan_objects ||
	    shrinker->registered) {
		mm_report_at(QUARRY_RULE_BAD_ARGUMENT, call, shrinker, 0, 0,
			     (uintptr_t)__builtin_return_address(0));
		return -QUARRY_EINVAL;
	}
	shrinker->registered = true;
	shrinker->dying = false;
	unsigned long irq = mm_lock(&registry.lock);
	shrinker->uses = 0;
	shrinker->next = registry.first;
	registry.first = shrinker;
	mm_unlock(&registry.lock, irq);
	return 0;
}

void shrinker_register(struct shrinker *shrinker)
{
	add(shrinker, "shrinker_register");
}

int register_shrinker(struct shrinker *shrinker, const char *name)
{
	if (shrinker && name)
		mm_format(shrinker->name, sizeof(shrinker->name), "%s", name);
	return add(shrinker, "register_shrinker");
}

void unregister_shrinker(struct shrinker *shrinker)
{
	if (!shrinker || !shrinker->registered)
		return;
	if (cpu_context() || scope_in_reclaim()) {
		mm_report(BAD_CONTEXT, "unregister_shrinker", shrinker, cpu_context(), 0);
		return;
	}
	unsigned long irq = mm_lock(&registry.lock);
	shrinker->dying = true;
	mm_unlock(&registry.lock, irq);
	while (!unlink_unused(shrinker))
		cpu_wait();
	shrinker->registered = false;
}

unsigned long shrink_slab(gfp_t gfp, int nid, int priority)
{
	if (nid < 0 || nid >= QUARRY_MAX_NODES || priority < 0 || priority > RECLAIM_PRIORITY) {
		mm_report(BAD_ARGUMENT, "shrink_slab", NULL, nid, priority);
		return 0;
	}
	if (cpu_context()) {
		mm_report(BAD_CONTEXT, "shrink_slab", NULL, cpu_context(), priority);
		return 0;
	}
	if (scope_in_reclaim())
		return 0;
	unsigned scope = scope_enter_reclaim();
	unsigned long freed =
		shrink_all(current_gfp_context(gfp), (unsigned)nid, (unsigned)priority).freed;
	scope_leave_reclaim(scope);
	return freed;
}
