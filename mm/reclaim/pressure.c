/* SPDX-License-Identifier: MIT */
/*
 * pressure.c: levels of pressure with hysteresis, told to watchers (spec H33).
 *
 *              free < low            free < min
 *     NORMAL ------------> SHORT ------------> CRITICAL
 *            <------------       <------------
 *              free >= high          free >= low
 *
 * free and marks are sums over the zones; what CMA areas lent is no help to most, so it counts as
 * used. One CPU tells at a time; another that finds a change meanwhile leaves a note, and the first
 * looks again.
 *
 * Locking  `busy` is a flag, not a lock: nobody waits for it but the unwatch.
 * Start at: pressure_update.
 */
#include "mm/reclaim/pressure.h"

#include "mm/base/log.h"
#include "mm/gfp/scope.h"
#include "mm/phys/watermark.h"

static QUARRY_STATE struct {
	struct quarry_pressure_watch *first;
	enum quarry_pressure level;
	unsigned busy, again;
} pressure;

static enum quarry_pressure level_now(enum quarry_pressure old, bool exhausted)
{
	unsigned long free = 0, mark[NR_ZONE_MARKS] = {0};

	for_every_populated_zone (zone) {
		free += zone_free(zone);
		for (unsigned m = 0; m < NR_ZONE_MARKS; m++)
			mark[m] += __atomic_load_n(&zone->mark[m], __ATOMIC_RELAXED) +
				   zone_kept(zone, false, true);
	}
	if (exhausted || free < mark[MARK_MIN])
		return QUARRY_PRESSURE_CRITICAL;
	if (free < mark[MARK_LOW])
		return old == QUARRY_PRESSURE_CRITICAL ? old : QUARRY_PRESSURE_SHORT;
	if (free < mark[MARK_HIGH])
		return old == QUARRY_PRESSURE_NORMAL ? old : QUARRY_PRESSURE_SHORT;
	return QUARRY_PRESSURE_NORMAL;
}

static void tell(enum quarry_pressure level)
{
	struct quarry_pressure_watch *watch = pressure.first;

	for (; watch; watch = watch->next)
		watch->changed(watch, level);
}

void pressure_update(bool exhausted)
{
	if (__atomic_exchange_n(&pressure.busy, 1u, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&pressure.again, 1u, __ATOMIC_RELAXED);
		return;
	}
	do {
		__atomic_store_n(&pressure.again, 0u, __ATOMIC_RELAXED);
		enum quarry_pressure level = level_now(pressure.level, exhausted);
		if (level != pressure.level) {
			__atomic_store_n(&pressure.level, level, __ATOMIC_RELAXED);
			tell(level);
		}
	} while (__atomic_load_n(&pressure.again, __ATOMIC_RELAXED));
	__atomic_store_n(&pressure.busy, 0u, __ATOMIC_RELEASE);
}

/* The chain changes while nobody tells. A caller that is told would wait for itself. */
static bool claim(const struct quarry_pressure_watch *watch, const char *call)
{
	if (!watch || cpu_context() || scope_in_reclaim()) {
		mm_report_at(watch ? QUARRY_RULE_BAD_CONTEXT : QUARRY_RULE_BAD_ARGUMENT, call,
			     watch, cpu_context(), 0, (uintptr_t)__builtin_return_address(0));
		return false;
	}
	while (__atomic_exchange_n(&pressure.busy, 1u, __ATOMIC_ACQUIRE))
		cpu_wait();
	return true;
}

/* Where the chain leads to the watch; its end if it does not. */
static struct quarry_pressure_watch **link_to(const struct quarry_pressure_watch *watch)
{
	struct quarry_pressure_watch **link = &pressure.first;

	while (*link && *link != watch)
		link = &(*link)->next;
	return link;
}

void quarry_watch_pressure(struct quarry_pressure_watch *watch)
{
	static const char call[] = "quarry_watch_pressure";

	if (!claim(watch, call))
		return;
	bool there = *link_to(watch), callable = watch->changed;
	if (!there && callable) {
		watch->next = pressure.first;
		pressure.first = watch;
	}
	__atomic_store_n(&pressure.busy, 0u, __ATOMIC_RELEASE);
	if (there || !callable)
		mm_report(BAD_ARGUMENT, call, watch, there, callable);
}

void quarry_unwatch_pressure(struct quarry_pressure_watch *watch)
{
	if (!claim(watch, "quarry_unwatch_pressure"))
		return;
	struct quarry_pressure_watch **link = link_to(watch);
	if (*link)
		*link = watch->next;
	__atomic_store_n(&pressure.busy, 0u, __ATOMIC_RELEASE);
}

enum quarry_pressure quarry_pressure_level(void)
{
	return __atomic_load_n(&pressure.level, __ATOMIC_RELAXED);
}

void pressure_init(void)
{
	__builtin_memset(&pressure, 0, sizeof(pressure));
}
