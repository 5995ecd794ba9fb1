/* SPDX-License-Identifier: MIT */
/*
 * quarry.h: everything at once. A file that needs one family includes that header alone; each stands
 * by itself.
 */
#ifndef QUARRY_QUARRY_H
#define QUARRY_QUARRY_H

/* Building blocks: switches, types, the two contracts, the boot calls, reports of broken rules. */
#include <quarry/config.h>
#include <quarry/types.h>
#include <quarry/os.h>
#include <quarry/arch.h>
#include <quarry/init.h>
#include <quarry/memmap.h>
#include <quarry/debug.h>

/* Pages. */
#include <quarry/gfp_types.h>
#include <quarry/gfp.h>
#include <quarry/mm_types.h>
#include <quarry/mm.h>
#include <quarry/mmzone.h>
#include <quarry/tunables.h>
#if __has_include(<quarry/memblock.h>)
#include <quarry/memblock.h>
#endif

/* Objects, virtual ranges, scopes, reports. */
#if __has_include(<quarry/slab.h>)
#include <quarry/slab.h>
#endif
#if __has_include(<quarry/overflow.h>)
#include <quarry/overflow.h>
#endif
#if __has_include(<quarry/vmalloc.h>)
#include <quarry/vmalloc.h>
#endif
#if __has_include(<quarry/io.h>)
#include <quarry/io.h>
#endif
#if __has_include(<quarry/string.h>)
#include <quarry/string.h>
#endif
#if __has_include(<quarry/sched/mm.h>)
#include <quarry/sched/mm.h>
#endif
#if __has_include(<quarry/report.h>)
#include <quarry/report.h>
#endif

#endif
