/* SPDX-License-Identifier: MIT */
/*
 * compaction.h: making large free blocks by moving pages together.
 *
 * Two scanners go through a zone. One comes from its start and looks for runs of frames in which
 * all that is in use can be moved (quarry/migrate.h); the other comes from its end and collects
 * free blocks to move it to. So free memory gathers at the start, until the scanners meet.
 *
 * It happens without being asked for: a request for a large block that may sleep compacts before it
 * fails, and a node's compaction thread does when large blocks run out. A zone where it did not
 * help is left alone for a while, twice as long each time, up to 64 requests.
 */
#ifndef QUARRY_COMPACTION_H
#define QUARRY_COMPACTION_H

#include <quarry/types.h>

QUARRY_BEGIN_DECLS

/* What came of it; of several zones, the last in this order. */
enum compact_result {
	COMPACT_NOT_SUITABLE_ZONE, /* want of memory is what a request would fail of */
	COMPACT_SKIPPED,	   /* too little is free to move pages to */
	COMPACT_DEFERRED,	   /* it failed lately */
	COMPACT_NO_SUITABLE_PAGE,  /* free memory ran out while pages were moved */
	COMPACT_CONTINUE,	   /* worth trying */
	COMPACT_COMPLETE,	   /* the scanners met */
	COMPACT_PARTIAL_SKIPPED,   /* stopped half-way: the next run goes on there */
	COMPACT_CONTENDED,	   /* somebody else is at it */
	COMPACT_SUCCESS,	   /* there is a block of the wanted order */
};

/*
 * Compact all zones of a node from end to end, or of every node (NUMA_NO_NODE).
 * Context: task, may sleep; owners of pages are called. Time: by the pages in use.
 */
void quarry_compact_node(int node) QUARRY_API(compact_node);

/*
 * The compaction thread of a node: quarry_kcompactd() is its body, which sleeps in the hook
 * kcompactd_wait until the library calls kcompactd_wake. A kernel without threads calls
 * quarry_kcompactd_step() when it is idle, until it returns false.
 *
 * A thread that also runs now and then without being woken keeps large blocks at hand before they
 * are asked for (the tunable compaction_proactiveness).
 *
 * Context: task, may sleep; one thread for a node. Return of the step: is there more to do at once?
 */
bool quarry_kcompactd_step(int node) QUARRY_API(kcompactd_step);
void quarry_kcompactd(int node) QUARRY_API(kcompactd);

QUARRY_END_DECLS

#endif
