/* SPDX-License-Identifier: MIT */
/*
 * release.h: operations that give pages back, share or split them, and wrong calls, which must be
 * reported once and change nothing.
 */
#ifndef MODEL_RELEASE_H
#define MODEL_RELEASE_H

#include "request.h"

/* ---- giving back ---- */

/* From `owner` on, the first slot that holds something, among those of the script. */
static unsigned occupied(unsigned owner)
{
	for (unsigned i = 0; i < NR_SLOTS; i++) {
		unsigned at = 1 + (owner - 1 + i) % NR_SLOTS;
		if (slot_of(at)->kind != EMPTY)
			return at;
	}
	return 0;
}

/* One reference of a single page or block goes; the model first. Return: was it the last? */
static bool model_put(unsigned long pfn, unsigned long nr, unsigned owner)
{
	struct frame *frame = model_frame(pfn);

	if (frame->refs > 1) {
		frame->refs--;
		return false;
	}
	contents_check(pfn, nr, owner);
	model_drop(pfn, nr);
	return true;
}

static void free_block(const struct op *op, unsigned owner)
{
	struct slot *slot = slot_of(owner);
	unsigned long pfn = slot->pfn;
	struct page *page = pfn_to_page(pfn);
	unsigned order = slot->order;

	if (model_put(pfn, 1ul << order, owner))
		slot->kind = EMPTY;
	if (run.plant && order == 3)
		return; /* the planted fault: a block is lost */
	mock_set_context(contexts[op->context]);
	if (op->context == 3 || op->x % 8 == 0)
		free_pages_nolock(page, order);
	else if (op->x % 8 == 1)
		put_page(page + (slot->compound ? op->y & ((1u << order) - 1) : 0));
	else if (op->x % 8 == 2)
		free_pages((unsigned long)page_address(page), order);
	else
		__free_pages(page, order);
	mock_set_context(0);
}

static void free_frame(unsigned long pfn, unsigned owner)
{
	contents_write(pfn, 1, owner); /* only the ends of a run were written to */
	model_put(pfn, 1, owner);
	__free_page(pfn_to_page(pfn));
}

static bool owns(unsigned owner, unsigned long pfn)
{
	const struct frame *frame = model_frame(pfn);

	return frame && frame->owner == owner;
}

/* Give back `count` frames of a run from the x-th on, those that are held. */
static void free_run(const struct op *op, unsigned owner)
{
	struct slot *slot = slot_of(owner);
	unsigned long start = op->x % slot->nr, count = 1 + op->y % slot->nr, left = 0;
	bool whole = true;

	for (unsigned long i = 0; i < slot->nr; i++)
		whole &= owns(owner, slot->pfn + i) && model_frame(slot->pfn + i)->refs == 1;
	if (whole && op->mask % 4 == 0) {
		contents_check(slot->pfn, slot->nr, owner);
		model_drop(slot->pfn, slot->nr);
		slot->kind = EMPTY;
		if (op->mask & 4)
			quarry_release(slot->pfn * PAGE_SIZE, slot->nr * PAGE_SIZE);
		else if (op->mask & 8)
			free_contig_range(slot->pfn, slot->nr);
		else
			free_pages_exact(page_address(pfn_to_page(slot->pfn)),
					 slot->nr <= MAX_ORDER_NR_PAGES
						 ? slot->nr * PAGE_SIZE
						 : PAGE_SIZE << MAX_PAGE_ORDER);
		for (unsigned long i = MAX_ORDER_NR_PAGES; i < slot->nr && !(op->mask & 12); i++)
			__free_page(pfn_to_page(slot->pfn + i));
		return;
	}
	for (unsigned long i = 0; i < slot->nr; i++) {
		unsigned long pfn = slot->pfn + (start + i) % slot->nr;
		if (!owns(owner, pfn))
			continue;
		if (count) {
			count--;
			free_frame(pfn, owner);
		}
		left += owns(owner, pfn);
	}
	if (!left)
		slot->kind = EMPTY;
}

static void free_list(const struct op *op, unsigned owner)
{
	struct slot *slot = slot_of(owner);
	struct page *pages[BULK_MAX];
	unsigned long nr = slot->nr;

	for (unsigned long i = 0; i < nr; i++) {
		contents_check(slot->list[i], 1, owner);
		pages[i] = pfn_to_page(slot->list[i]);
	}
	slot->kind = EMPTY;
	if (op->x & 1) {
		for (unsigned long i = 0; i < nr; i++)
			model_drop(slot->list[i], 1);
		free_pages_bulk(nr, pages);
	} else {
		for (unsigned long i = 0; i < nr; i++) {
			model_drop(slot->list[i], 1);
			__free_page(pages[i]);
		}
	}
}

static void do_free(const struct op *op, unsigned owner)
{
	owner = occupied(owner);
	if (!owner)
		return;
	if (slot_of(owner)->kind == BLOCK)
		free_block(op, owner);
	else if (op->context)
		return;
	else if (slot_of(owner)->kind == RUN)
		free_run(op, owner);
	else
		free_list(op, owner);
	run.calls++;
}

/* ---- references and splitting ---- */

static void do_get(const struct op *op, unsigned owner)
{
	owner = occupied(owner);
	if (!owner || slot_of(owner)->kind != BLOCK)
		return;
	struct slot *slot = slot_of(owner);
	struct page *page = pfn_to_page(slot->pfn);
	struct frame *frame = model_frame(slot->pfn);
	if (frame->refs > 3)
		return;
	frame->refs++;
	get_page(page + (op->y & ((1u << slot->order) - 1)));
	if (page_count(page) != frame->refs)
		mock_fail("%d references of frame %#lx, the model has %d", page_count(page),
			  slot->pfn, frame->refs);
	run.calls++;
}

static void do_split(const struct op *op, unsigned owner)
{
	owner = occupied(owner);
	if (!owner || slot_of(owner)->kind != BLOCK)
		return;
	struct slot *slot = slot_of(owner);
	struct page *page = pfn_to_page(slot->pfn);
	unsigned long nr = 1ul << slot->order, first = op->x & (nr - 1);
	unsigned long count = op->y % (nr - first + 1);
	bool partial = op->kind == OP_PARTIAL, plain = !slot->compound;

	if (partial)
		plain &= model_frame(slot->pfn)->refs == 1;
	reports_begin();
	if (plain) {
		contents_check(slot->pfn, nr, owner);
		model_split(slot->pfn, slot->order);
		if (partial)
			model_drop(slot->pfn + first, count);
	}
	if (partial)
		free_pages_partial(page, slot->order, first, count);
	else
		split_page(page, slot->order);
	reports_end(ANY_BAD_FREE, !plain, !plain);
	if (plain) {
		slot->kind = count == nr && partial ? EMPTY : RUN;
		slot->nr = nr;
		for (unsigned long i = 0; i < nr; i++)
			if (owns(owner, slot->pfn + i))
				contents_write(slot->pfn + i, 1, owner);
	}
	run.calls++;
}

/* ---- wrong calls ---- */

/* A frame that is free in the model and was handed out once; 0: none found. */
static unsigned long some_free_frame(const struct op *op)
{
	for (unsigned i = 0; i < 32; i++) {
		const struct model_range *range = &model.range[(op->y + i) % model.nr_ranges];
		unsigned long n = (op->x + i * 977ul) % (range->end - range->first);
		if (!range->frame[n].out && range->frame[n].seen && !range->frame[n].owner)
			return range->first + n;
	}
	return 0;
}

static void do_bad_free(const struct op *op, unsigned owner)
{
	unsigned long pfn = some_free_frame(op);
	const struct slot *slot = slot_of(owner = occupied(owner));
	bool block = owner && slot->kind == BLOCK;
	struct page *head = block ? pfn_to_page(slot->pfn) : NULL;

	reports_begin();
	switch (op->mask % 8) {
	case 0: /* once more */
		if (!pfn)
			return;
		__free_pages(pfn_to_page(pfn), op->y % 20);
		break;
	case 1:
		if (!pfn)
			return;
		put_page(pfn_to_page(pfn));
		break;
	case 2:
		if (!pfn)
			return;
		free_pages_nolock(pfn_to_page(pfn), op->y % 20);
		break;
	case 3: /* another order; a compound block knows its own */
		if (!block || slot->compound || op->order == slot->order)
			return;
		__free_pages(head, op->y & 1 ? op->order : slot->order + 16);
		break;
	case 4: /* an inner page */
		if (!block || !slot->order)
			return;
		__free_pages(head + 1 + op->x % ((1u << slot->order) - 1), op->order);
		break;
	case 5: /* no page at all */
		free_pages((unsigned long)phys_to_virt((phys_addr_t)(op->y | 1) << 30) +
				   op->x % 4096,
			   op->order);
		break;
	case 6: /* an address inside a page */
		if (!block)
			return;
		free_pages((unsigned long)page_address(head) + 1 + op->x % 4095, slot->order);
		break;
	default: /* a pointer into the middle of a struct page */
		if (!block)
			return;
		__free_pages((struct page *)(void *)((char *)head + 8), slot->order);
		break;
	}
	reports_end(ANY_BAD_FREE, 1, 1);
	run.calls++;
}

static void do_bad_request(const struct op *op, unsigned owner)
{
	if (slot_of(owner)->kind != EMPTY)
		return;
	reports_begin();
	if (op->x & 1) {
		if (alloc_pages(mask_of(op), MAX_PAGE_ORDER + 1 + (op->y & 0xffffff)))
			mock_fail("an order that does not exist was served");
		reports_end(RULE(BAD_ORDER), !op->fault, 1);
	} else {
		gfp_t gfp = GFP_NOWAIT | __GFP_DMA | (op->y & 1 ? __GFP_DMA32 : __GFP_HIGHMEM);
		struct page *page = alloc_pages(gfp, op->order);
		reports_end(RULE(BAD_GFP), !op->fault, 1);
		if (page)
			hold_block(owner, page, op->order, GFP_NOWAIT, -1);
	}
	run.calls++;
}

#endif
