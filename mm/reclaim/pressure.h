/* SPDX-License-Identifier: MIT */
/* pressure.h: telling how short memory is. */
#ifndef QUARRY_MM_RECLAIM_PRESSURE_H
#define QUARRY_MM_RECLAIM_PRESSURE_H

#include <quarry/oom.h>

/*
 * Look at the marks, and tell the watchers if the level changed. `exhausted`: a request is about to
 * ask for an OOM kill, whatever the marks say.
 * Context: task, in a noreclaim scope, no lock.
 */
void pressure_update(bool exhausted) QUARRY_INT(pressure_update);
void pressure_init(void) QUARRY_INT(pressure_init);

#endif
