/* SPDX-License-Identifier: MIT */
/* frame.h: what a page frame is used for, for any frame number. */
#ifndef QUARRY_MM_REPORT_FRAME_H
#define QUARRY_MM_REPORT_FRAME_H

#include "mm/phys/zone.h"

/* What a frame can be: the kind of its block, or one of these. */
enum {
	FRAME_TABLES = QUARRY_NR_PAGE_KINDS, /* the page array and what lies beside it */
	FRAME_UNKNOWN,                       /* not ours, or part of an extent */
	NR_FRAME_KINDS
};

/* Kind of the block that holds the frame. No lock is taken: may be a moment old. Context: any. */
unsigned frame_kind(unsigned long pfn) QUARRY_INT(frame_kind);

/* Frames of [first, end) that lie in extents: free, and never handed out. Context: any but NMI. */
unsigned long frames_in_extents(unsigned long first, unsigned long end)
	QUARRY_INT(frames_in_extents);

#endif
