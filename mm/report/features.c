/* SPDX-License-Identifier: MIT */
/*
 * features.c: what this build and this boot can do, one "name: value" line each, and why not.
 *
 * Build switches come first, then what boot found, then the OS's optional hooks: an absent one
 * names the behaviour that changes.
 */
#include <quarry/init.h>

#include "mm/base/log.h"
#include "mm/phys/pcp.h"
#include "mm/slab/slab_guard.h"
#include "mm/vmap/vmap.h"

struct hook {
	const char *name;
	bool present;
	const char *without;
};

static const char *on_off(bool on)
{
	return on ? "on" : "off";
}

static void print_build(quarry_write_fn write, void *ctx)
{
	if (QUARRY_MAX_CPUS > 1)
		mm_print(write, ctx, "profile: SMP, at most %u CPUs\n", (unsigned)QUARRY_MAX_CPUS);
	else
		mm_print(write, ctx, "profile: tiny, one CPU without CPU and context hooks\n");
	mm_print(write, ctx, "largest block: order %u, %lu KiB\n", (unsigned)MAX_PAGE_ORDER,
		 PAGE_SIZE << MAX_PAGE_ORDER >> 10);
	mm_print(write, ctx, "page struct: %u bytes\n", (unsigned)sizeof(struct page));
	mm_print(write, ctx, "debug: level %u\n", (unsigned)QUARRY_DEBUG);
	mm_print(write, ctx, "hardening: level %u\n", (unsigned)QUARRY_HARDENING);
	mm_print(write, ctx, "context lint: %s\n",
		 on_off(QUARRY_CONTEXT_LINT && QUARRY_MAX_CPUS > 1));
	mm_print(write, ctx, "objects counted by place: %s\n", on_off(QUARRY_ALLOCINFO));
	mm_print(write, ctx, "failure injection: %s\n", on_off(QUARRY_FAULT_INJECTION));
}

static void print_objects(quarry_write_fn write, void *ctx)
{
	mm_print(write, ctx, "largest object: %lu KiB, of a cache of kmalloc %lu KiB\n",
		 (unsigned long)KMALLOC_MAX_SIZE >> 10,
		 (unsigned long)KMALLOC_MAX_CACHE_SIZE >> 10);
	mm_print(write, ctx, "smallest object: %lu bytes, aligned to %lu\n",
		 (unsigned long)KMALLOC_MIN_SIZE, (unsigned long)ARCH_KMALLOC_MINALIGN);
	mm_print(write, ctx, "objects zeroed: when allocated %s, when freed %s\n",
		 on_off(gfp_bits(wipe_choice.on_alloc)), on_off(wipe_choice.on_free));
	if (guard.every)
		mm_print(write, ctx, "sampling guard: about one in %u objects, %u at a time\n",
			 (unsigned)guard.every, GUARD_SLOTS);
	else
		mm_print(write, ctx, "sampling guard: off (%s)\n",
			 mm_ops.guard_page ? "by quarry_init, or no memory for it"
					   : "there is no hook guard_page");
}

static void print_zones(quarry_write_fn write, void *ctx)
{
	unsigned long present = 0, managed = 0;

	mm_print(write, ctx, "nodes: %u, of at most %u\n", nodes.count, (unsigned)QUARRY_MAX_NODES);
	mm_print(write, ctx, "zones:");
	for_every_populated_zone(zone) {
		present += zone_present(zone);
		managed += zone_managed(zone);
		mm_print(write, ctx, " %u/%s", zone->node, zone_name((enum zone_type)zone->type));
	}
	mm_print(write, ctx, QUARRY_ARCH_DMA_LIMIT != 0 ? "\n" : " (GFP_DMA has no limit here)\n");

	unsigned long share = present ? (present - managed) * 10000 / present : 0;
	mm_print(write, ctx, "metadata: %lu.%02lu %% of memory, %lu of %lu KiB kept back at boot\n",
		 share / 100, share % 100, (present - managed) << (PAGE_SHIFT - 10),
		 present << (PAGE_SHIFT - 10));
}

/* Pages that a CPU parks at most. */
static unsigned long parking_capacity(unsigned cpu)
{
	unsigned long pages = 0;

	for_every_populated_zone(zone) {
		for (unsigned i = 0; i < MIGRATE_PCPTYPES * NR_PAGE_ORDERS; i++) {
			unsigned order = i % NR_PAGE_ORDERS;
			if (pcp_cpu_pages(cpu))
				pages += (unsigned long)__atomic_load_n(&zone->park_max[order],
								__ATOMIC_RELAXED)
					 << order;
		}
	}
	return pages;
}

static void print_boot(quarry_write_fn write, void *ctx)
{
	unsigned long most = 0;
	unsigned online = 0;

	for_each_online_cpu(cpu) {
		unsigned long capacity = parking_capacity(cpu);
		most = capacity > most ? capacity : most;
		online++;
	}
	mm_print(write, ctx, "CPUs online: %u\n", online);
	if (most)
		mm_print(write, ctx, "parking: on, a CPU keeps up to %lu free pages\n", most);
	else
		mm_print(write, ctx, "parking: off (by quarry_init, or the zones are too small)\n");

	const char *off = vmap_why_off();
	if (off)
		mm_print(write, ctx, "vmalloc: off (%s)\n", off);
	else
		mm_print(write, ctx, "vmalloc: on, %lu MiB from 0x%lx\n",
			 (vmap_area_end() - vmap_area_start()) >> 20,
			 (unsigned long)vmap_area_start());
	if (gfp_has(gfp_allowed_mask, __GFP_DIRECT_RECLAIM))
		mm_print(write, ctx, "sleeping: requests may sleep\n");
	else
		mm_print(write, ctx, "sleeping: not before quarry_sleeping_works\n");
}

static void print_hooks(quarry_write_fn write, void *ctx)
{
	const struct hook hooks[] = {
		{ "clock_ns", mm_ops.clock_ns, "reports are limited in all, not by the second" },
		{ "random", mm_ops.random, "random numbers are a fixed sequence" },
		{ "defer", mm_ops.defer, "work put off is done by the next call that may sleep" },
		{ "flush_tlb_others", mm_ops.flush_tlb_others, "remote flushes are cross-calls" },
		{ "report", mm_ops.report, "reports go to the log alone" },
		{ "symbol", mm_ops.symbol, "code addresses are printed as numbers" },
		{ "cpu_node", mm_ops.cpu_node, "every CPU belongs to node 0" },
		{ "protect_direct_map", mm_ops.protect_direct_map,
		  "what vmalloc addresses forbid, the direct map allows" },
		{ "fault", mm_ops.fault, "no failure is injected" },
		{ "call_rcu", mm_ops.call_rcu, "kfree_rcu cannot free" },
		{ "usercopy_abort", mm_ops.usercopy_abort, "a bad user copy stops the machine" },
		{ "copy_from_user", mm_ops.copy_from_user, "memdup_user and its family fail" },
		{ "sleep_ns", mm_ops.sleep_ns, "requests that wait for memory spin" },
		{ "reclaim", mm_ops.reclaim && mm_ops.reclaimable,
		  "only shrinkers give memory back" },
		{ "kswapd_wake", mm_ops.kswapd_wake, "requests do the background reclaim" },
		{ "kswapd_wait", mm_ops.kswapd_wait, "quarry_kswapd returns when all is done" },
		{ "kcompactd_wake", mm_ops.kcompactd_wake, "only requests compact" },
		{ "kcompactd_wait", mm_ops.kcompactd_wait,
		  "quarry_kcompactd returns when all is done" },
		{ "oom", mm_ops.oom, "requests fail when memory is exhausted" },
		{ "oom_victim", mm_ops.oom_victim, "no task has a victim's rights" },
	};

	for (unsigned i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		if (hooks[i].present)
			mm_print(write, ctx, "hook %s: present\n", hooks[i].name);
		else
			mm_print(write, ctx, "hook %s: absent (%s)\n", hooks[i].name,
				 hooks[i].without);
	}
}

void quarry_features(quarry_write_fn write, void *ctx)
{
	print_build(write, ctx);
	print_zones(write, ctx);
	print_boot(write, ctx);
	print_objects(write, ctx);
	print_hooks(write, ctx);
}
