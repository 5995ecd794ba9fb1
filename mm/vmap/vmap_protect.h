/* SPDX-License-Identifier: MIT */
/*
 * vmap_protect.h: changing what pages of a live area allow.
 */
#ifndef QUARRY_MM_VMAP_PROTECT_H
#define QUARRY_MM_VMAP_PROTECT_H

#include "mm/vmap/pgtable.h"
#include "mm/vmap/vmap_area.h"

/* Who asks: the public call and its caller, for reports, and which kinds of area it may change. */
struct protect_call {
	const char *name;
	uintptr_t caller;
	bool exec; /* areas of execmem, and no others; else those of vmalloc and vmap */
};

/*
 * Change pages [va, va + pages), all or none, and flush every CPU.
 * Context: task, may wait. Return: 0, -EINVAL (reported), -ENOMEM, -ENOSYS, an error of the OS.
 */
int vmap_protect(uintptr_t va, unsigned long pages, struct pt_change change,
		 const struct protect_call *call) QUARRY_INT(vmap_protect);

/* A claimed area with VMAP_GUARDED: nothing of it is executable any more, and its pages are as
 * usual in the direct map. Context: task, may wait. */
void vmap_unguard(const struct vmap_info *info) QUARRY_INT(vmap_unguard);

#endif
