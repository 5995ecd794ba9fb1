/* SPDX-License-Identifier: MIT */
/*
 * kswapd.h: background reclaim, as requests see it.
 */
#ifndef QUARRY_MM_RECLAIM_KSWAPD_H
#define QUARRY_MM_RECLAIM_KSWAPD_H

#include <quarry/oom.h>

#include "mm/phys/freepage.h"

/*
 * Every zone of the request is below its low mark: wake the threads of its nodes (G70). Coalesces:
 * a node whose run is due already is not woken again.
 * Context: any but NMI, irqs may be masked, no lock.
 */
void kswapd_wake(const struct page_request *request) QUARRY_INT(kswapd_wake);
/* Without a thread to wake: do what is due, now. Context: task, may sleep, no lock. */
void kswapd_do_due(const struct page_request *request) QUARRY_INT(kswapd_do_due);
/* A request's own reclaim freed something: nodes of the request are worth a try again (G74). */
void kswapd_encourage(const struct page_request *request) QUARRY_INT(kswapd_encourage);
/* Did background reclaim of the node give up? */
bool kswapd_is_hopeless(unsigned node) QUARRY_INT(kswapd_is_hopeless);
/* Wakes that made a run due, and runs, since the start and over all nodes. */
unsigned long kswapd_wakes(void) QUARRY_INT(kswapd_wakes);
unsigned long kswapd_runs(void) QUARRY_INT(kswapd_runs);
/*
 * Runs that did not last, over all nodes: what they had made free was gone again quickly. `low`:
 * woken again within the tenth of a second after the high mark was reached; `high`: below the high
 * mark again before the run ended.
 */
struct kswapd_quick {
	unsigned long low, high;
};
struct kswapd_quick kswapd_quick(void) QUARRY_INT(kswapd_quick);
void kswapd_init(void) QUARRY_INT(kswapd_init);

#endif
