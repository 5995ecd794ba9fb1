/* SPDX-License-Identifier: MIT */
/*
 * init.c: bringing the memory subsystem up, layer by layer.
 *
 *   map -> plan -> page array and block map -> zones -> buddy -> marks -> this CPU -> objects ->
 *   virtual range
 *
 * The only file that knows all layers. No step looks at a frame: boot costs what the map's entries
 * cost, plus the edges of its ranges, plus a byte a pageblock (2 MiB) to clear.
 *
 * LATER memory (announced but not added yet, or removed) is kept as a chain of spans through the
 * struct pages of their first frames (lru.next, frames in private_, node in index), so it needs no
 * table of its own. A pageblock that a span covers whole is untouched.
 *
 * Start at: quarry_init_checked.
 */
#include <quarry/init.h>

#include "mm/base/bits.h"
#include "mm/base/fault.h"
#include "mm/base/log.h"
#include "mm/boot/memblock.h"
#include "mm/ext/cma.h"
#include "mm/ext/kfree_rcu.h"
#include "mm/ext/kmemdup.h"
#include "mm/ext/memdup_user.h"
#include "mm/ext/percpu.h"
#include "mm/gfp/context.h"
#include "mm/page/contig.h"
#include "mm/page/failure.h"
#include "mm/page/slowpath.h"
#include "mm/phys/buddy.h"
#include "mm/phys/page_tag.h"
#include "mm/phys/pcp.h"
#include "mm/phys/retire.h"
#include "mm/phys/watermark.h"
#include "mm/reclaim/compact.h"
#include "mm/reclaim/migrate.h"
#include "mm/reclaim/collect.h"
#include "mm/reclaim/kswapd.h"
#include "mm/reclaim/oom.h"
#include "mm/reclaim/pressure.h"
#include "mm/reclaim/reclaim.h"
#include "mm/slab/slab.h"
#include "mm/slab/slab_debug.h"
#include "mm/slab/slab_guard.h"
#include "mm/slab/slab_wipe.h"
#include "mm/vmap/vmap.h"

#define QUARRY_VERSION "0.1.0"

static QUARRY_STATE struct {
	unsigned nr_cpus;
	unsigned long movable_start[QUARRY_MAX_NODES]; /* first frame of ZONE_MOVABLE */
	uint32_t later;				       /* first frame of the chain, 0: none */
	struct page_holder holders[2];
} boot;

/* ---- zones of a span ---- */

/* One zone's part of a span that starts at `first`: its type, and where the part ends. */
static enum zone_type zone_of(unsigned long first, unsigned node, unsigned long *end)
{
	const unsigned long dma = (unsigned long)(QUARRY_ARCH_DMA_LIMIT >> PAGE_SHIFT);
	const unsigned long dma32 = (unsigned long)(QUARRY_ARCH_DMA32_LIMIT >> PAGE_SHIFT);
	unsigned long movable = boot.movable_start[node];
	unsigned long limit;
	enum zone_type type;

	if (first >= movable)
		return ZONE_MOVABLE;
	if (first < dma) {
		type = ZONE_DMA;
		limit = dma;
	} else if (first < dma32) {
		type = ZONE_DMA32;
		limit = dma32;
	} else {
		type = ZONE_NORMAL;
		limit = movable;
	}
	*end = (unsigned long)min_u64(*end, min_u64(limit, movable));
	return type;
}

static unsigned span_node(const struct mem_span *span)
{
	return span->node < QUARRY_MAX_NODES ? span->node : 0;
}

/* Call what(zone parts) of frames [first, end): count as present, or hand to the buddy. */
enum span_use { SPAN_PRESENT, SPAN_FREE };
static void use_span(unsigned node, unsigned long first, unsigned long end, enum span_use use)
{
	while (first < end) {
		unsigned long part = end;
		enum zone_type type = zone_of(first, node, &part);
		if (use == SPAN_PRESENT) {
			zone_grow(node, type, first, part);
		} else {
			struct zone *zone = &zones[node * MAX_NR_ZONES + (unsigned)type];
			arch_mem_poison(phys_to_virt(PFN_PHYS(first)), (part - first)
									       << PAGE_SHIFT);
			buddy_share_edges(zone, first, part);
			unsigned long irq = zone_lock(zone);
			buddy_feed(zone, first, part);
			zone_unlock(zone, irq);
		}
		first = part;
	}
}

/* Pages of a node of `pages` pages that ZONE_MOVABLE is to have. */
static uint64_t movable_pages(const struct quarry_params *params, unsigned node, uint64_t pages)
{
	uint64_t want = params->movable_bytes ? params->movable_bytes >> PAGE_SHIFT
					      : pages / 100 * min_u64(params->movable_percent, 100);

	if (params->movable_percent >= 100 || params->movable_nodes >> node & 1)
		want = pages;
	return min_u64(want, pages);
}

/* Is memory left below ZONE_MOVABLE for everybody else? What was reserved early or comes later is
 * no help to them now. */
static bool movable_leaves_some(void)
{
	uint64_t left[QUARRY_MAX_NODES] = {0};
	struct mem_span span;

	for (uint64_t cursor = 0; memblock_free_next(&cursor, &span);) {
		unsigned node = span_node(&span);
		uint64_t end = min_u64(span.end_pfn, boot.movable_start[node]);
		if (span.start_pfn < end)
			left[node] += end - span.start_pfn;
		if (left[node] >= MAX_ORDER_NR_PAGES)
			return true;
	}
	return false;
}

static void no_movable_zone(void)
{
	for (unsigned node = 0; node < QUARRY_MAX_NODES; node++)
		boot.movable_start[node] = ~0ul;
}

/* Frame from which each node's top `movable` pages reach, a multiple of the largest block. Apart:
 * its tables of nodes must not be on the stack for the rest of the boot. */
static QUARRY_NOINLINE void place_movable(const struct quarry_params *params)
{
	uint64_t pages[QUARRY_MAX_NODES] = {0};
	struct mem_span span;

	no_movable_zone();
	for (uint64_t cursor = 0; memblock_kept_next(&cursor, &span);)
		pages[span_node(&span)] += span.end_pfn - span.start_pfn;
	if (!params->movable_bytes && !params->movable_percent && !params->movable_nodes)
		return;
	for (unsigned node = 0; node < QUARRY_MAX_NODES; node++) {
		uint64_t want = movable_pages(params, node, pages[node]);
		/* From here on, pages[] counts what stays below ZONE_MOVABLE. */
		pages[node] = want ? pages[node] - want : UINT64_MAX;
	}
	for (uint64_t cursor = 0; memblock_kept_next(&cursor, &span);) {
		unsigned node = span_node(&span);
		uint64_t length = span.end_pfn - span.start_pfn;
		if (boot.movable_start[node] == ~0ul && pages[node] < length)
			boot.movable_start[node] = (unsigned long)align_up(
				span.start_pfn + pages[node], MAX_ORDER_NR_PAGES);
		pages[node] -= pages[node] == UINT64_MAX ? 0 : min_u64(length, pages[node]);
	}
	if (!movable_leaves_some()) {
		mm_report(BAD_ARGUMENT, "quarry_init: movable_*", NULL, params->movable_bytes,
			  params->movable_nodes);
		no_movable_zone();
	}
}

/* ---- LATER memory ---- */

/* Frames [first, end) become announced, or (negated) are not any more. */
static void count_later(unsigned long first, unsigned long end, unsigned node, bool announced)
{
	while (first < end) {
		unsigned long part = end;
		struct zone *zone =
			&zones[node * MAX_NR_ZONES + (unsigned)zone_of(first, node, &part)];
		zone->later += announced ? part - first : first - part;
		first = part;
	}
}

static void later_add(unsigned long first, unsigned long end, unsigned node)
{
	struct page *header = pfn_to_page(first);

	count_later(first, end, node, true);

	header->lru.next = boot.later;
	header->private_ = end - first;
	header->index = node;
	boot.later = (uint32_t)first;
}

/* The amount of memory changed: so do orders of zones, marks and limits. */
static void follow_memory(void)
{
	zones_build_order();
	watermarks_update();
	vmap_set_limits();
	drain_all_pages(); /* the CPUs choose their zones and size their stocks anew */
}

int quarry_add_memory(phys_addr_t base, uint64_t size)
{
	uint64_t first = align_up(base, PAGE_SIZE) >> PAGE_SHIFT;
	uint64_t end = (base + size < base ? UINT64_MAX : base + size) >> PAGE_SHIFT;
	uint32_t chain = boot.later;
	bool added = false;

	if (!cpu_may_call_all("quarry_add_memory"))
		return -QUARRY_EINVAL;
	/* Take the chain apart; what is not added goes back on it. */
	boot.later = 0;
	while (chain) {
		struct page *header = pfn_to_page(chain);
		unsigned long start = chain, stop = start + header->private_;
		unsigned node = (unsigned)header->index;
		chain = header->lru.next;
		count_later(start, stop, node, false);
		unsigned long from = (unsigned long)max_u64(start, first);
		unsigned long to = (unsigned long)min_u64(stop, end);
		if (from >= to) {
			later_add(start, stop, node);
			continue;
		}
		if (start < from)
			later_add(start, from, node);
		if (to < stop)
			later_add(to, stop, node);
		use_span(node, from, to, SPAN_PRESENT);
		use_span(node, from, to, SPAN_FREE);
		added = true;
	}
	if (!added) {
		mm_report(BAD_ARGUMENT, "quarry_add_memory", NULL, base, size);
		return -QUARRY_EINVAL;
	}
	follow_memory();
	return 0;
}

/* One zone's part of the removed frames from `first`, and where it ends. */
static struct zone *removed_part(unsigned long first, unsigned long *end)
{
	struct zone *zone = head_zone(pfn_to_page(first));
	unsigned long at = first;

	while (at < *end && head_zone(pfn_to_page(at)) == zone)
		at++;
	*end = at;
	return zone;
}

int quarry_remove_memory(phys_addr_t base, uint64_t size)
{
	unsigned long first = (unsigned long)(align_up(base, PAGE_SIZE) >> PAGE_SHIFT);
	unsigned long end = (unsigned long)((base + size) >> PAGE_SHIFT);
	int error = -QUARRY_EINVAL;

	if (cpu_context()) {
		mm_report(BAD_CONTEXT, "quarry_remove_memory", NULL, cpu_context(), 0);
		return error;
	}
	if (base + size > base && first < end)
		error = frames_take(first, end);
	if (error == -QUARRY_EINVAL)
		mm_report(BAD_ARGUMENT, "quarry_remove_memory", NULL, base, size);
	if (error)
		return error;
	while (first < end) {
		unsigned long part = end;
		struct zone *zone = removed_part(first, &part);
		frames_retire(zone, first, part);
		arch_mem_unpoison(phys_to_virt(PFN_PHYS(first)), (part - first) << PAGE_SHIFT);
		later_add(first, part, zone->node);
		first = part;
	}
	follow_memory();
	return 0;
}

/* ---- CPUs ---- */

/* A table of stocks for a CPU, straight from the zones; without it the CPU works, only slower. */
static void start_parking(unsigned cpu)
{
	size_t size = pcp_area_size();
	struct page_request request = {
		.gfp = __GFP_HIGH,
		.order = get_order(size),
		.node = node_or_local(NUMA_NO_NODE),
		.highest = ZONE_NORMAL,
		.type = MIGRATE_UNMOVABLE,
		.call = "quarry_cpu_online",
	};
	struct page *head = NULL;
	if (size && request.order <= MAX_PAGE_ORDER)
		head = freepage_take(&request, MARK_MIN, RESERVE_ALL);
	if (!head)
		return;
	arch_mem_unpoison(page_address(head), PAGE_SIZE << request.order);
	free_pages_partial(head, request.order, PFN_UP(size),
			   (1ul << request.order) - PFN_UP(size));
	pcp_cpu_start(cpu, page_address(head));
}

int quarry_cpu_online(void)
{
	unsigned cpu = cpu_number();

	if (cpu >= boot.nr_cpus) {
		mm_report(BAD_ARGUMENT, "quarry_cpu_online", NULL, cpu, boot.nr_cpus);
		return -QUARRY_EINVAL;
	}
	if (cpu_is_online(cpu))
		return 0;
	node_learn_cpu(cpu);
	start_parking(cpu);
	slab_cpu_online(cpu);
	cpu_set_online(cpu, true);
	vmap_cpu_online();
	return 0;
}

int quarry_cpu_offline(unsigned cpu)
{
	if (!cpu_is_online(cpu) || cpu == cpu_number()) {
		mm_report(BAD_ARGUMENT, "quarry_cpu_offline", NULL, cpu, cpu_number());
		return -QUARRY_EINVAL;
	}
	cpu_set_online(cpu, false);
	slab_cpu_offline(cpu);
	pcp_drain_dead(cpu);
	return 0;
}

void quarry_sleeping_works(void)
{
	gfp_allow_sleep();
}

/* ---- init ---- */

/* Nodes that the map names. */
static unsigned map_nodes(const struct quarry_params *params)
{
	unsigned nr = 1;

	for (size_t i = 0; i < params->nr_map; i++)
		if (params->map[i].node < QUARRY_MAX_NODES && params->map[i].node >= nr)
			nr = params->map[i].node + 1;
	return nr;
}

/* Zones that memory up to frame `end` can ever be in have numbers below this. */
static unsigned zone_limit(const struct quarry_params *params, uint64_t end)
{
	bool movable = params->movable_bytes || params->movable_percent || params->movable_nodes;
	unsigned nr = (map_nodes(params) - 1) * MAX_NR_ZONES;

	if (movable)
		return nr + MAX_NR_ZONES;
	if (nr || end > QUARRY_ARCH_DMA32_LIMIT >> PAGE_SHIFT)
		return nr + ZONE_NORMAL + 1;
	return end > QUARRY_ARCH_DMA_LIMIT >> PAGE_SHIFT ? ZONE_DMA32 + 1 : ZONE_DMA + 1;
}

/*
 * Plan the page array and what is placed beside it: the table of CPUs that are not started. The
 * others' come from the buddy, when each CPU comes online. Return: as memblock_plan.
 */
static int plan_tables(const struct quarry_params *params, struct memblock_plan *plan,
		       unsigned *nr_zones)
{
	int error = memblock_plan(params, 0, plan);

	if (error)
		return error;
	*nr_zones = zone_limit(params, plan->hi_pfn);
	return memblock_plan(params,
			     pcp_rows_size(*nr_zones) + page_tags_size(plan->hi_pfn - plan->lo_pfn),
			     plan);
}

/* The caller's parameters; what an older kernel does not know of is zero. */
static struct quarry_params copy_params(const struct quarry_params *params)
{
	struct quarry_params own = {0};

	__builtin_memcpy(&own, params, (size_t)min_u64(params->size, sizeof(own)));
	return own;
}

int quarry_footprint(const struct quarry_params *params, struct quarry_cost *result)
{
	struct quarry_params own = copy_params(params);
	struct memblock_plan plan;
	unsigned nr_zones;
	int error = plan_tables(&own, &plan, &nr_zones);

	*result = (struct quarry_cost){0};
	if (error)
		return error;
	result->usable_pages = plan.usable_pages;
	result->clipped_pages = plan.clipped_pages;
	result->page_array = plan.array_pages << PAGE_SHIFT;
	result->block_map = plan.block_map_bytes;
	result->nr_ranges = plan.nr_ranges;
	result->total = (plan.array_pages + (plan.end_pfn - plan.tail_pfn)) << PAGE_SHIFT;
	if (!own.no_parking)
		result->per_cpu = PAGE_ALIGN(pcp_rows_size(nr_zones));
	return 0;
}

static void place_tables(const struct quarry_params *params, const struct memblock_plan *plan)
{
	quarry_direct_offset = params->direct_map_offset;
	direct_map_exclude(0, 0);
	quarry_page_array =
		(struct page *)((uintptr_t)plan->page_array + params->direct_map_offset);
	pageblock_init(phys_to_virt(plan->block_map), pageblock_of((unsigned long)plan->lo_pfn),
		       (unsigned long)plan->block_map_bytes);
}

static void feed_zones(const struct quarry_params *params)
{
	struct mem_span span;

	zones_init(params->distance, params->nr_nodes);
	watermarks_init();
	place_movable(params);
	for (uint64_t cursor = 0; memblock_kept_next(&cursor, &span);)
		if (!span.later)
			use_span(span_node(&span), (unsigned long)span.start_pfn,
				 (unsigned long)span.end_pfn, SPAN_PRESENT);
	for (uint64_t cursor = 0; memblock_free_next(&cursor, &span);)
		use_span(span_node(&span), (unsigned long)span.start_pfn,
			 (unsigned long)span.end_pfn, SPAN_FREE);
	for (uint64_t cursor = 0; memblock_kept_next(&cursor, &span);)
		if (span.later)
			later_add((unsigned long)span.start_pfn, (unsigned long)span.end_pfn,
				  span_node(&span));
	zones_build_order();
	watermarks_update();
}

static void reclaim_layer_init(void)
{
	shrinkers_init();
	reclaim_init();
	pressure_init();
	oom_init();
	kswapd_init();
}

static void register_holders(void)
{
	boot.holders[0].give_back = vmap_drain;
	boot.holders[1].give_back = slab_drain;
	collect_init();
	for (unsigned i = 0; i < 2; i++)
		collect_register(&boot.holders[i]);
}

/* A pool for the sampling guard: single pages of one block. */
static void start_guard(unsigned every)
{
	struct page *pool = NULL;

	if (every && mm_ops.guard_page)
		pool = alloc_pages(GFP_KERNEL | __GFP_NOWARN, GUARD_ORDER);
	if (pool)
		split_page(pool, GUARD_ORDER);
	slab_guard_init(pool ? page_address(pool) : NULL, every);
}

/* The base layer: from here on reports reach the OS. */
static void start_base(const struct quarry_os_ops *ops)
{
	log_init(ops);
	cpu_init();
	fault_init();
}

static unsigned cpu_limit(const struct quarry_params *params)
{
	unsigned nr = params->nr_cpus ? params->nr_cpus : QUARRY_MAX_CPUS;

	return nr < QUARRY_MAX_CPUS ? nr : QUARRY_MAX_CPUS;
}

int quarry_init_checked(const struct quarry_params *params, size_t page_struct_size,
			unsigned long config_word)
{
	struct quarry_params own = copy_params(params);
	struct memblock_plan plan;

	/* What is refused leaves a running instance as it is, and is told by its hooks. */
	if (!boot.nr_cpus)
		start_base(own.ops);
	if (page_struct_size != sizeof(struct page) || config_word != QUARRY_CONFIG_WORD) {
		mm_report(CONFIG_MISMATCH, "quarry_init", NULL, config_word, QUARRY_CONFIG_WORD);
		return -QUARRY_EINVAL;
	}
	unsigned nr_zones;
	int error = plan_tables(&own, &plan, &nr_zones);
	if (error) {
		mm_report_at(error == -QUARRY_ENOMEM ? QUARRY_RULE_MAP_NO_ROOM
						     : QUARRY_RULE_MAP_EMPTY,
			     "quarry_init", own.map, own.nr_map, plan.usable_pages, 0);
		return error;
	}
	start_base(own.ops);
	__builtin_memset(&boot, 0, sizeof(boot));
	boot.nr_cpus = cpu_limit(&own);
	gfp_init();
	lint_forget();
	memblock_commit(&own, &plan);
	place_tables(&own, &plan);
	if (QUARRY_ALLOCINFO)
		page_tags_init((char *)phys_to_virt(plan.extra) + pcp_rows_size(nr_zones),
			       plan.lo_pfn, plan.hi_pfn);
	pcp_init(!own.no_parking, own.parking_limit, boot.nr_cpus, phys_to_virt(plan.extra),
		 nr_zones);
	feed_zones(&own);
	migrate_init();
	compact_init();

	reclaim_layer_init();
	register_holders();
	cma_init();
	slowpath_init();
	failure_init();
	slab_debug_init(own.slab_debug);
	slab_wipe_init(own.init_on_alloc, own.init_on_free);
	slab_init(boot.nr_cpus);
	slab_set_merging(own.merge_caches);
	kfree_rcu_init();
	percpu_init(boot.nr_cpus);
	error = quarry_cpu_online();
	if (error)
		return error;
	/* Without it the rest works: quarry_features tells why it is off. */
	vmap_park_init(!own.no_parking && !own.vfree_unmaps);
	vmap_init(own.vmalloc_start, own.vmalloc_end, own.page_table_root);
	start_guard(own.guard_every);
	kstrdup_const_init(own.rodata_start, own.rodata_end);
	memdup_user_init();
	memblock_close();
	return 0;
}

const char *quarry_version(void)
{
	return "Quarry " QUARRY_VERSION;
}
