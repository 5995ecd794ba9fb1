/* SPDX-License-Identifier: MIT */
/*
 * init.h: the boot calls in order, and what works after each.
 *
 *   1 quarry_footprint()   optional: what the metadata will cost, before anything is placed
 *   2 quarry_init()        on CPU 0. After it: pages, kmalloc, caches, vmalloc (if a virtual range
 *     was
 *                          given), reports. Until step 4 reclaim bits are masked off: nothing
 *                          sleeps.
 *   3 quarry_cpu_online()  on each further CPU, before its first call
 *   4 quarry_sleeping_works()  the scheduler runs: requests may sleep from now on
 *   5 quarry_add_memory()  any time later: a range that the map announced as LATER; and
 *     quarry_remove_memory() for the way back
 */
#ifndef QUARRY_INIT_H
#define QUARRY_INIT_H

#include <quarry/mm_types.h>
#include <quarry/os.h>
#include <quarry/types.h>

QUARRY_BEGIN_DECLS

enum quarry_mem_type {
	QUARRY_MEM_USABLE = 1, /* ours from the start */
	/* firmware, devices, the kernel image, the boot information: wins over USABLE */
	QUARRY_MEM_RESERVED,
	/* usable after quarry_add_memory(); its page array is laid out at init */
	QUARRY_MEM_LATER,
};

/* One entry of the memory map: any order, overlap, alignment or size (G: hostile input). */
struct quarry_mem_range {
	phys_addr_t base;
	uint64_t size;
	enum quarry_mem_type type;
	unsigned node;
};

struct quarry_params {
	/* sizeof(struct quarry_params): newer libraries see the missing tail as zero */
	size_t size;

	const struct quarry_mem_range *map; /* read during quarry_init only */
	size_t nr_map;

	/* The direct map: virtual = physical + direct_map_offset, for every usable byte of the map
	 * below direct_map_limit (a physical address; 0: no limit). Identity map: offset 0. */
	uintptr_t direct_map_offset;
	phys_addr_t direct_map_limit;

	/* Virtual range for vmalloc, page-aligned; both 0: the vmalloc family returns NULL. A range
	 * that cannot be used is reported and turns vmalloc off (quarry_features says why); the
	 * rest works. The range is the library's alone: nobody else maps anything there, and it
	 * must not overlap the direct map. The kernel's top-level table entries of this range must
	 * be shared by all address spaces; we fill them all at init, so they never change until
	 * quarry_init is called again. Tables that the kernel put there in memory that the map does
	 * not give to us are kept; entries that lead to memory of the map are leftovers of an
	 * earlier quarry_init and are replaced. */
	uintptr_t vmalloc_start, vmalloc_end;
	/* Root table that holds it, physical; 0: the one that the CPU uses during quarry_init. */
	phys_addr_t page_table_root;

	/* ZONE_MOVABLE: this many bytes at the top of each node, or this percentage of it; 0 none.
	 * Only requests for movable pages are served from it, so that whole ranges can be taken out
	 * of use (quarry_remove_memory) or made huge blocks as long as their owners move them.
	 * If nothing is left for the others, all three settings are reported and ignored. */
	uint64_t movable_bytes;
	unsigned movable_percent;
	/* Bit n: all of node n is ZONE_MOVABLE, from the first multiple of the largest block on. */
	uint64_t movable_nodes;

	/* Distances between nodes, row by row, nr_nodes * nr_nodes, as ACPI's SLIT has them: 10
	 * from a node to itself, more to any other. NULL: 10 local, 20 otherwise; so too, and
	 * reported once, if the table is none such (firmware's can be flat or zeros). */
	const uint8_t *distance;
	unsigned nr_nodes;

	/* Keep no pages in per-CPU arrays: every request reaches the zones and the floors hold to
	 * the page. For tests and for machines of a few pages; costs speed. */
	bool no_parking;
	/* Blocks that one such array may hold at most; 0: by the size of the zone. */
	unsigned parking_limit;

	unsigned nr_cpus; /* CPUs that may come online; 0: QUARRY_MAX_CPUS */

	const struct quarry_os_ops *ops; /* optional duties; must stay valid */

	/* vfree unmaps at once: an access to freed vmalloc memory faults. Otherwise areas
	 * stay mapped for the next request of their size (quarry/vmalloc.h). For kernels that look
	 * for such accesses; costs speed. */
	bool vfree_unmaps;

	/* Caches to debug, or NULL: blocks parted by ';', each letters and then names parted by
	 * ',' in which '*' stands for any characters. F: consistency checks; Z: red zones; P:
	 * poison; U: tracks of users; T: a line of the log for each request and free; A: takes
	 * part in failure injection (quarry/slab.h: SLAB_CONSISTENCY_CHECKS and so on); no
	 * letters: FZPU; '-': none. A block without names is for every cache that none names; of
	 * several the last counts. "FZPU,dentry,ext2_*;U,kmalloc-*". At most 255 characters; read
	 * during quarry_init only. Objects above
	 * half a MiB with what guards them are not debugged. */
	const char *slab_debug;

	/* Caches that look alike share one (quarry/slab.h: SLAB_NO_MERGE). Saves memory where many
	 * caches have few objects; an object freed to a cache that shares is then not reported. */
	bool merge_caches;

	/* Objects of kmalloc and caches are zero when they are handed out, whatever the mask says;
	 * are zeroed when they are freed. kmalloc's blocks of pages too; not constructed objects,
	 * type-stable ones and poisoned ones (quarry/slab.h), nor pages and vmalloc. Either makes
	 * requests and frees of objects take a slower way; kernels without pay nothing. */
	bool init_on_alloc, init_on_free;

	/* The kernel's constants, [rodata_start, rodata_end): kstrdup_const does not copy strings
	 * that lie there. Both 0: it copies all. */
	uintptr_t rodata_start, rodata_end;

	/* Guard about each nth object (docs/debugging.md): it lies alone between pages that nobody
	 * can access. Takes 512 KiB, the hook guard_page, and a line in the page-fault handler
	 * (quarry_guard_fault); 1000 costs next to nothing. 0: none. */
	unsigned guard_every;
};

/* What quarry_init would take, and what it would find. Bytes; pages where it says so. */
struct quarry_cost {
	uint64_t usable_pages;   /* after normalising */
	uint64_t clipped_pages;  /* usable but out of reach (reported at init) */
	uint64_t page_array;     /* struct page array */
	uint64_t block_map;      /* pageblock states */
	uint64_t total;          /* kept back at boot, those two and small change */
	uint64_t per_cpu;        /* at most this for each CPU that comes online, from free memory */
	unsigned nr_ranges;      /* normalised usable ranges */
};

/*
 * Compute the metadata cost of a map without placing anything.
 * Context: any, before or after quarry_init. Return: 0, -EINVAL (no usable page).
 */
int quarry_footprint(const struct quarry_params *params, struct quarry_cost *result)
	QUARRY_API(footprint);

/*
 * Take over the memory of the map (spec 3.1 H1, H2). Bad maps are clipped and reported, not
 * refused; only a map with no usable page or a configuration mismatch fails. May be called again:
 * the whole state starts anew (tests do).
 * Context: CPU 0, one thread. Return: 0, -EINVAL, -ENOMEM (the map cannot hold its own page array).
 */
int quarry_init_checked(const struct quarry_params *params, size_t page_struct_size,
			unsigned long config_word) QUARRY_API(init_checked);
#define quarry_init(params)                                                                        \
	quarry_init_checked((params), sizeof(struct page), QUARRY_CONFIG_WORD)

/* The calling CPU will use the library. Context: that CPU, irqs may be off. Return: 0, -EINVAL
 * (number too large). */
int quarry_cpu_online(void) QUARRY_API(cpu_online);

/* `cpu`, not running any more, gives back its parked pages and objects. Context: task on another
 * CPU. */
int quarry_cpu_offline(unsigned cpu) QUARRY_API(cpu_offline);

/* Requests may sleep from now on (spec H35). Before, a request that finds nothing does not ask back
 * what other CPUs have parked either. Context: task. */
void quarry_sleeping_works(void) QUARRY_API(sleeping_works);

/*
 * Add memory that the map announced as QUARRY_MEM_LATER: whole pages inside [base, base + size),
 * all at once or in parts.
 * Context: task, any CPU, one caller at a time. Return: 0, -EINVAL (nothing announced is left in
 * that range).
 */
int quarry_add_memory(phys_addr_t base, uint64_t size) QUARRY_API(add_memory);

/*
 * Take memory out of use: all whole pages inside [base, base + size). It is then as if the map had
 * announced it as QUARRY_MEM_LATER: its contents are the caller's, and quarry_add_memory() brings
 * it back. Works for every range of which nothing is in use but movable pages, which are moved
 * (quarry/migrate.h); ZONE_MOVABLE is where that is so. A pageblock (2 MiB) that zones share counts
 * as in use.
 * Context: as quarry_add_memory(), may wait. Return: 0; -EBUSY: a page is in use, -ENOMEM: no room
 * to move pages to, nothing was removed; -EINVAL: not our memory, or no whole page (reported).
 */
int quarry_remove_memory(phys_addr_t base, uint64_t size) QUARRY_API_CHECK(remove_memory);

/* What this build and this boot can do, and why not. One line each: "vmalloc: off (no virtual range
 * given)". */
void quarry_features(quarry_write_fn write, void *ctx) QUARRY_API(features);

/* Name, version, page struct size. Return: constant. */
const char *quarry_version(void) QUARRY_API(version);

QUARRY_END_DECLS

#endif
