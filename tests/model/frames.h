/* SPDX-License-Identifier: MIT */
/*
 * frames.h: what must be true of every page frame, told by a plain array. Shares nothing with the
 * library but the public names of zones and nodes.
 *
 *   owner   0: free; else the number of the slot that holds it
 *   order   of the block that starts here, NO_HEAD for every other frame
 *   refs    references of that block
 *   seen    was handed out once, so it can be again: other frames may be the library's own
 *   out     announced but not added, or removed: not usable now
 *
 * Invariants
 *   I1  a frame has at most one owner; all frames of a block have the same
 *   I2  held == number of frames with an owner
 */
#ifndef MODEL_FRAMES_H
#define MODEL_FRAMES_H

#include <stdlib.h>
#include <string.h>

#include "tests/mock/world.h"

#define NO_HEAD 255u
#define MODEL_RANGES 8u

struct frame {
	uint16_t owner;
	uint8_t order;
	bool seen, out;
	int refs;
};

struct model_range {
	unsigned long first, end; /* frames */
	unsigned node;
	struct frame *frame;
};

static struct {
	struct model_range range[MODEL_RANGES];
	unsigned nr_ranges;
	unsigned long movable[QUARRY_MAX_NODES]; /* first frame of the movable zone */
	unsigned long held;
} model;

/* The range of the map that holds the frame, or NULL. */
static struct model_range *model_range(unsigned long pfn)
{
	for (unsigned i = 0; i < model.nr_ranges; i++)
		if (pfn >= model.range[i].first && pfn < model.range[i].end)
			return &model.range[i];
	return NULL;
}

/* The frame, if it exists and is usable now. */
static struct frame *model_frame(unsigned long pfn)
{
	struct model_range *range = model_range(pfn);

	struct frame *frame = range ? &range->frame[pfn - range->first] : NULL;

	return frame && !frame->out ? frame : NULL;
}

static enum zone_type model_zone(unsigned long pfn)
{
	if (pfn >= model.movable[model_range(pfn)->node])
		return ZONE_MOVABLE;
	if (pfn < 16 * MOCK_MIB / PAGE_SIZE)
		return ZONE_DMA;
	return pfn < 4 * MOCK_GIB / PAGE_SIZE ? ZONE_DMA32 : ZONE_NORMAL;
}

/* Highest zone that a legal mask allows. */
static enum zone_type model_highest(gfp_t gfp)
{
	if (gfp & __GFP_DMA)
		return ZONE_DMA;
	if (gfp & __GFP_DMA32)
		return ZONE_DMA32;
	return (gfp & __GFP_MOVABLE) && (gfp & __GFP_HIGHMEM) ? ZONE_MOVABLE : ZONE_NORMAL;
}

/* Are [pfn, pfn + nr) usable frames of one zone? */
static bool model_one_zone(unsigned long pfn, unsigned long nr)
{
	for (unsigned long i = 0; i < nr; i++)
		if (!model_frame(pfn + i) || model_zone(pfn + i) != model_zone(pfn) ||
		    model_range(pfn + i)->node != model_range(pfn)->node)
			return false;
	return true;
}

/* Are they all free, and known to be none of the library's own? */
static bool model_all_free(unsigned long pfn, unsigned long nr)
{
	for (unsigned long i = 0; i < nr; i++) {
		const struct frame *frame = model_frame(pfn + i);
		if (!frame || frame->owner || !frame->seen)
			return false;
	}
	return true;
}

/* Is there a free block that a request for `order` up to `highest` may have? Node < 0: any. */
static bool model_has_block(unsigned order, enum zone_type highest, int node)
{
	unsigned long nr = 1ul << order;

	for (unsigned i = 0; i < model.nr_ranges; i++) {
		const struct model_range *range = &model.range[i];
		unsigned long pfn = (range->first + nr - 1) & ~(nr - 1);
		if (node >= 0 && range->node != (unsigned)node)
			continue;
		for (; pfn + nr <= range->end; pfn += nr)
			if (!range->frame[pfn - range->first].owner && model_zone(pfn) <= highest &&
			    model_all_free(pfn, nr) && model_one_zone(pfn, nr))
				return true;
	}
	return false;
}

/* Frames [pfn, pfn + nr) go to `owner`; each is a head of its own or all are one block. */
static void model_take(unsigned long pfn, unsigned long nr, unsigned owner, bool singles)
{
	for (unsigned long i = 0; i < nr; i++) {
		struct frame *frame = model_frame(pfn + i);
		if (!frame)
			mock_fail("frame %#lx was handed out, it is not usable", pfn + i);
		if (frame->owner)
			mock_fail("frame %#lx was handed out to %u, %u has it", pfn + i, owner,
				  frame->owner);
		*frame = (struct frame){
			.owner = (uint16_t)owner,
			.order = singles ? 0 : NO_HEAD,
			.seen = true,
			.refs = 1,
		};
	}
	if (!singles)
		model_frame(pfn)->order = (uint8_t)__builtin_ctzl(nr);
	model.held += nr;
}

static void model_drop(unsigned long pfn, unsigned long nr)
{
	for (unsigned long i = 0; i < nr; i++)
		*model_frame(pfn + i) = (struct frame){.order = NO_HEAD, .seen = true};
	model.held -= nr;
}

/* A block becomes single pages with the references it has. */
static void model_split(unsigned long pfn, unsigned order)
{
	int refs = model_frame(pfn)->refs;

	for (unsigned long i = 0; i < 1ul << order; i++) {
		model_frame(pfn + i)->order = 0;
		model_frame(pfn + i)->refs = refs;
	}
}

/* Usable frames [pfn, pfn + nr) go out, or come in: free then, and none of the library's own. */
static void model_set_out(unsigned long pfn, unsigned long nr, bool out)
{
	struct model_range *range = model_range(pfn);

	for (unsigned long i = 0; i < nr; i++)
		range->frame[pfn - range->first + i] =
			(struct frame){.order = NO_HEAD, .seen = true, .out = out};
}

/* A CPU may have taken free frames for itself: nothing is known of them any more. */
static void model_forget_free(void)
{
	for (unsigned i = 0; i < model.nr_ranges; i++) {
		struct model_range *range = &model.range[i];
		for (unsigned long n = 0; n < range->end - range->first; n++)
			if (!range->frame[n].owner)
				range->frame[n].seen = false;
	}
}

/* The movable zone is the top of a node, up to the next largest block. */
static unsigned long model_movable(unsigned node, unsigned long pages)
{
	unsigned long best = ~0ul;

	for (unsigned i = model.nr_ranges; i-- > 0 && pages;) {
		const struct model_range *range = &model.range[i];
		unsigned long size = range->end - range->first;
		if (range->node != node)
			continue;
		size = size < pages ? size : pages;
		best = range->end - size;
		pages -= size;
	}
	return best == ~0ul ? best : (best + 1023) & ~1023ul;
}

/* The map's usable and later ranges, page-aligned, in order of address. */
static void model_start(const struct mock_config *config)
{
	unsigned long movable = config->extra.movable_bytes / PAGE_SIZE;

	for (unsigned i = 0; i < model.nr_ranges; i++)
		free(model.range[i].frame);
	memset(&model, 0, sizeof(model));
	for (size_t i = 0; i < config->nr_map; i++) {
		const struct quarry_mem_range *entry = &config->map[i];
		struct model_range *range = &model.range[model.nr_ranges++];
		range->first = entry->base / PAGE_SIZE;
		range->end = (entry->base + entry->size) / PAGE_SIZE;
		range->node = entry->node;
		range->frame = calloc(range->end - range->first, sizeof(struct frame));
		if (!range->frame)
			abort();
		for (unsigned long n = 0; n < range->end - range->first; n++)
			range->frame[n].out = entry->type == QUARRY_MEM_LATER;
	}
	for (unsigned node = 0; node < QUARRY_MAX_NODES; node++)
		model.movable[node] = model_movable(node, movable);
}

#endif
