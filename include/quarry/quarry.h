/* SPDX-License-Identifier: MIT */
/*
 * quarry.h: everything at once. A file that needs one family includes that header alone; each
 * stands by itself.
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
#include <quarry/explain.h>
#include <quarry/fault.h>

/* Pages. */
#include <quarry/gfp_types.h>
#include <quarry/gfp.h>
#include <quarry/sched/mm.h>
#include <quarry/mm_types.h>
#include <quarry/pfn.h>
#include <quarry/mm.h>
#include <quarry/folio.h>
#include <quarry/highmem.h>
#include <quarry/page_list.h>
#include <quarry/page_frag.h>
#include <quarry/mmzone.h>
#include <quarry/tunables.h>
#include <quarry/memblock.h>
#include <quarry/migrate.h>
#include <quarry/compaction.h>
#include <quarry/cma.h>
#include <quarry/oom.h>
#include <quarry/shrinker.h>
#include <quarry/list_lru.h>

/* Objects, virtual ranges, reports. */
#include <quarry/slab.h>
#include <quarry/overflow.h>
#include <quarry/percpu.h>
#include <quarry/rcu.h>
#include <quarry/vmalloc.h>
#include <quarry/set_memory.h>
#include <quarry/execmem.h>
#include <quarry/io.h>
#include <quarry/string.h>
#include <quarry/usercopy.h>
#include <quarry/report.h>

/* Last: where objects are counted by place, calls become macros. */
#include <quarry/alloc_tag.h>

#endif
