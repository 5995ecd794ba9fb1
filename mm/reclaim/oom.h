/* SPDX-License-Identifier: MIT */
/*
 * oom.h: one task at a time asks that somebody give up memory.
 */
#ifndef QUARRY_MM_RECLAIM_OOM_H
#define QUARRY_MM_RECLAIM_OOM_H

#include <quarry/oom.h>

#include "mm/base/log.h"
#include "mm/phys/freepage.h"

/* Become the one (G90). Return: false if another task is. */
bool oom_begin(void) QUARRY_INT(oom_begin);
void oom_end(void) QUARRY_INT(oom_end);

/* Is there anybody to ask? */
bool oom_has_handler(void) QUARRY_INT(oom_has_handler);
/*
 * Ask the notifiers, then the OS. Between oom_begin and oom_end.
 * Context: task, may sleep, no lock.
 */
enum quarry_oom_result oom_ask(const struct page_request *request) QUARRY_INT(oom_ask);

static inline bool oom_is_victim(void)
{
	return mm_ops.oom_victim && !cpu_context() && mm_ops.oom_victim();
}
/* Calls of the OS's hook since the start, and those that had somebody killed. */
unsigned long oom_kills(void) QUARRY_INT(oom_kills);
unsigned long oom_calls(void) QUARRY_INT(oom_calls);
void oom_init(void) QUARRY_INT(oom_init);

#endif
