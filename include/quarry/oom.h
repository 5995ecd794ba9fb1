/* SPDX-License-Identifier: MIT */
/*
 * oom.h: what happens when memory runs out, and a word of warning before (spec 2.5, H21, H33).
 *
 * When nothing can be reclaimed, the notifiers are asked first; if they freed nothing, the OS's
 * `oom` hook chooses (quarry/os.h). One task at a time is in here. Requests for more than 8 pages
 * in a row, for zones below NORMAL, with __GFP_NORETRY, __GFP_RETRY_MAYFAIL or __GFP_THISNODE never
 * come here: they fail.
 */
#ifndef QUARRY_OOM_H
#define QUARRY_OOM_H

#include <quarry/types.h>

QUARRY_BEGIN_DECLS

#define NOTIFY_DONE 0
#define NOTIFY_OK 1

/* A last chance to free: `data` points to an unsigned long to which the call adds the pages that it
 * freed. Task context, no lock of ours held, noreclaim scope; `action` is 0. */
struct notifier_block {
	int (*notifier_call)(struct notifier_block *block, unsigned long action, void *data);
	struct notifier_block *next; /* the library's */
	int priority;                /* higher ones are called first */
};
/* Context: task, may sleep; not from inside reclaim. Return: 0, -EINVAL (a wrong place, no
 * function, registered already; reported). */
int register_oom_notifier(struct notifier_block *block) QUARRY_API(register_oom_notifier);
/* Waits until no call is under way. Context: as above. Return: 0, -ENOENT (not registered),
 * -EINVAL (a wrong place; reported). */
int unregister_oom_notifier(struct notifier_block *block) QUARRY_API(unregister_oom_notifier);

/*
 * How short memory is, over all zones. The level rises as soon as free memory falls below a mark
 * and sinks only when it is above the next one, so that it does not flutter:
 *     NORMAL -> SHORT     free < low      SHORT -> NORMAL     free >= high
 *     SHORT -> CRITICAL   free < min      CRITICAL -> SHORT   free >= low
 */
enum quarry_pressure { QUARRY_PRESSURE_NORMAL, QUARRY_PRESSURE_SHORT, QUARRY_PRESSURE_CRITICAL };

/* The level changed. Called by kswapd and by requests that reclaim: task context, no lock of ours
 * held, noreclaim scope. One call at a time; a level that comes and goes meanwhile is skipped. */
struct quarry_pressure_watch {
	void (*changed)(struct quarry_pressure_watch *watch, enum quarry_pressure level);
	struct quarry_pressure_watch *next; /* the library's */
};
/* Context: task, may sleep; not from inside reclaim. A wrong place, no function and a second watch
 * of the same are reported, and nothing is done. The unwatch waits until no call is under way. */
void quarry_watch_pressure(struct quarry_pressure_watch *watch) QUARRY_API(watch_pressure);
void quarry_unwatch_pressure(struct quarry_pressure_watch *watch) QUARRY_API(unwatch_pressure);
/* The level as it was last found. Context: any. */
enum quarry_pressure quarry_pressure_level(void) QUARRY_API(pressure_level);

/*
 * Background reclaim of a node (spec H13). A kernel with threads runs quarry_kswapd(node) in one
 * for
 * each node; it returns when the OS's `kswapd_wait` hook says so. A kernel without threads calls
 * quarry_kswapd_step(node) from its idle loop. With neither, requests that may sleep do the work.
 * It frees until one zone of the node is above its high mark and, if a request for a larger block
 * woke it, has such a block. After 16 runs in a row that freed nothing it is not woken any more,
 * until a request's own reclaim frees something (G74).
 * Context: task, may sleep; one caller a node.
 */
void quarry_kswapd(unsigned node) QUARRY_API(kswapd);
/* One run, if one is due. Return: true if another is due already. */
bool quarry_kswapd_step(unsigned node) QUARRY_API(kswapd_step);

QUARRY_END_DECLS

#endif
