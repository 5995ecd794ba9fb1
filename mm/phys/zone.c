/* SPDX-License-Identifier: MIT */
/*
 * zone.c: the table of zones and the order in which requests look at them.
 *
 * Fallback goes node by node, nearest first, and inside a node downward from the highest zone that
 * the request allows (G15): a far page is slower, a low page is rarer, and a page of the own node
 * that is rarer is still the better answer.
 *
 * Start at: zones_build_order.
 */
#include "mm/phys/zone.h"

#include "mm/base/bits.h"
#include "mm/base/log.h"

#define LOCAL_DISTANCE 10  /* ACPI SLIT: a node to itself */
#define REMOTE_DISTANCE 20 /* ACPI SLIT: the customary default between nodes */

QUARRY_STATE struct zone zones[NR_ZONES];
QUARRY_STATE struct mm_nodes nodes;

const char *zone_name(enum zone_type type)
{
	static const char *const names[MAX_NR_ZONES] = {"DMA", "DMA32", "Normal", "Movable"};
	return names[type];
}

/* Is this a table as ACPI's SLIT has it: local on its diagonal, farther everywhere else? Then a
 * node is the nearest to itself, always. */
static bool distance_makes_sense(const uint8_t *distance, unsigned nr_nodes)
{
	for (unsigned a = 0; a < nr_nodes; a++) {
		for (unsigned b = 0; b < nr_nodes; b++) {
			uint8_t told = distance[a * nr_nodes + b];
			if (a == b ? told != LOCAL_DISTANCE : told <= LOCAL_DISTANCE) {
				mm_report(BAD_ARGUMENT, "quarry_init: distance", distance,
					  a * nr_nodes + b, told);
				return false;
			}
		}
	}
	return true;
}

void zones_init(const uint8_t *distance, unsigned nr_nodes)
{
	bool usable = distance && distance_makes_sense(distance, nr_nodes);

	__builtin_memset(zones, 0, sizeof(zones));
	__builtin_memset(&nodes, 0, sizeof(nodes));
	for (unsigned i = 0; i < NR_ZONES; i++) {
		zones[i].number = (uint8_t)i;
		zones[i].node = (uint8_t)(i / MAX_NR_ZONES);
		zones[i].type = (uint8_t)(i % MAX_NR_ZONES);
	}
	for (unsigned a = 0; a < QUARRY_MAX_NODES; a++) {
		for (unsigned b = 0; b < QUARRY_MAX_NODES; b++) {
			bool told = usable && a < nr_nodes && b < nr_nodes;
			nodes.distance[a][b] = told	? distance[a * nr_nodes + b]
					       : a == b ? LOCAL_DISTANCE
							: REMOTE_DISTANCE;
		}
	}
}

uint32_t zone_free_orders(struct zone *zone, bool lent)
{
	unsigned long irq = zone_lock(zone);
	uint32_t orders = lent ? zone->orders[MIGRATE_CMA] : 0;

	for (unsigned type = 0; type < MIGRATE_PCPTYPES; type++)
		orders |= zone->orders[type];
	if (zone->extent_blocks)
		orders |= 1u << MAX_PAGE_ORDER;
	zone_unlock(zone, irq);
	return orders;
}

void zone_grow(unsigned node, enum zone_type type, unsigned long first, unsigned long end)
{
	struct zone *zone = &zones[node * MAX_NR_ZONES + (unsigned)type];
	unsigned long irq = zone_lock(zone);

	if (zone->first != zone->end) {
		unsigned long from = (unsigned long)min_u64(zone->first, first);
		__atomic_store_n(&zone->first, from, __ATOMIC_RELAXED);
	} else {
		__atomic_store_n(&zone->first, first, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&zone->end, (unsigned long)max_u64(zone->end, end), __ATOMIC_RELAXED);
	zone_tally(&zone->present, end - first);
	nodes.count = (unsigned)max_u64(nodes.count, node + 1);
	zone_unlock(zone, irq);
}

static bool node_has_zones(unsigned node)
{
	for (unsigned t = 0; t < MAX_NR_ZONES; t++)
		if (zone_populated(&zones[node * MAX_NR_ZONES + t]))
			return true;
	return false;
}

/* The node nearest to `from` that is not in the set `seen`; QUARRY_MAX_NODES if none is left. */
static unsigned next_nearest(unsigned from, uint64_t seen)
{
	unsigned best = QUARRY_MAX_NODES;

	for (unsigned node = 0; node < nodes.count; node++) {
		if (seen >> node & 1 || !node_has_zones(node))
			continue;
		if (best == QUARRY_MAX_NODES ||
		    nodes.distance[from][node] < nodes.distance[from][best])
			best = node;
	}
	return best;
}

/*
 * Write the new list over the old one while others walk it: a longer one from its end, a shorter
 * one from its start. A reader may meet a zone twice, pass by a new one or meet one that is empty
 * by now, but never an end that is none.
 */
static void publish(struct zone **list, struct zone *const *new, unsigned length)
{
	bool shorter = false;

	for (unsigned i = 0; !shorter && list[i]; i++)
		shorter = i == length;
	for (unsigned n = 0; n <= length; n++) {
		unsigned i = shorter ? n : length - n;
		__atomic_store_n(&list[i], i < length ? new[i] : NULL, __ATOMIC_RELEASE);
	}
}

void zones_build_order(void)
{
	for (unsigned from = 0; from < QUARRY_MAX_NODES; from++) {
		for (unsigned highest = 0; highest < MAX_NR_ZONES; highest++) {
			struct zone *list[NR_ZONES];
			unsigned length = 0, node;
			uint64_t seen = 0;
			while ((node = next_nearest(from, seen)) < QUARRY_MAX_NODES) {
				seen |= 1ull << node;
				for (unsigned t = highest + 1; t-- > 0;) {
					struct zone *zone = &zones[node * MAX_NR_ZONES + t];
					if (zone_populated(zone))
						list[length++] = zone;
				}
			}
			publish(nodes.order[from][highest], list, length);
			uint64_t with = 0;
			while (length)
				with |= 1ull << list[--length]->node;
			__atomic_store_n(&nodes.with[highest], with, __ATOMIC_RELAXED);
		}
	}
}

void node_learn_cpu(unsigned cpu)
{
	unsigned node = mm_ops.cpu_node ? mm_ops.cpu_node(cpu) : 0;

	nodes.of_cpu[cpu] = (uint8_t)(node < QUARRY_MAX_NODES ? node : 0);
}

unsigned node_or_local(int node)
{
	if (node >= 0 && node < QUARRY_MAX_NODES)
		return (unsigned)node;
	return nodes.of_cpu[cpu_number()];
}
