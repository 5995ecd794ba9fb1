/* SPDX-License-Identifier: MIT */
/*
 * request.h: operations that ask for pages, by every way there is.
 *
 * A request that may wait and may take the reserves fails only if the model has no block either;
 * given frames are refused only if the model has one of them in use.
 */
#ifndef MODEL_REQUEST_H
#define MODEL_REQUEST_H

#include "floors.h"

/* ---- context ---- */

static const unsigned contexts[] = {0, QUARRY_CTX_ATOMIC, QUARRY_CTX_IRQ, QUARRY_CTX_NMI};

/* ---- requests ---- */

static const gfp_t masks[] = {
	GFP_KERNEL,
	GFP_KERNEL | __GFP_HIGH,
	GFP_HIGHUSER_MOVABLE,
	GFP_HIGHUSER_MOVABLE,
	GFP_KERNEL | __GFP_RECLAIMABLE,
	GFP_USER,
	GFP_ATOMIC,
	GFP_NOWAIT,
	GFP_KERNEL | __GFP_DMA,
	GFP_KERNEL | __GFP_DMA32,
	GFP_KERNEL | __GFP_MEMALLOC,
	GFP_HIGHUSER_MOVABLE | __GFP_MEMALLOC,
	__GFP_HIGH | __GFP_MEMALLOC,
	GFP_KERNEL | __GFP_MOVABLE,
	GFP_TRANSHUGE_LIGHT,
	GFP_KERNEL | __GFP_NOMEMALLOC | __GFP_MEMALLOC,
};

static gfp_t mask_of(const struct op *op)
{
	gfp_t gfp = masks[op->mask % (sizeof(masks) / sizeof(masks[0]))];

	if (op->mask >> 4 & 1)
		gfp |= __GFP_NOWARN;
	if (!(op->mask >> 5 & 3))
		gfp |= __GFP_COMP;
	if (!(op->mask >> 7 & 15))
		gfp |= __GFP_ZERO;
	if (!(op->mask >> 11 & 7))
		gfp |= __GFP_THISNODE;
	return gfp;
}

static int node_of(const struct op *op)
{
	return op->mask >> 14 ? NUMA_NO_NODE : (int)(op->y % QUARRY_MAX_NODES);
}

/* The request came back empty: may it? */
static void check_failure(const struct op *op, gfp_t gfp, unsigned order, int node)
{
	bool all = (gfp & __GFP_MEMALLOC) && !(gfp & __GFP_NOMEMALLOC);
	bool waits = (gfp & __GFP_DIRECT_RECLAIM) && !op->context;

	if (op->fault || ((gfp & __GFP_THISNODE) && node < 0))
		return; /* injected; or this CPU's node, which may have changed since */
	if (all && waits && !run.interrupts &&
	    model_has_block(order, model_highest(gfp), (gfp & __GFP_THISNODE) ? node : -1))
		mock_fail("order %u mask %#x failed, the model has a block", order, (unsigned)gfp);
}

static void do_alloc(const struct op *op, unsigned owner)
{
	gfp_t gfp = mask_of(op);
	int node = node_of(op);
	bool wrong = op->context && (gfp & __GFP_DIRECT_RECLAIM);
	uint64_t rules = wrong ? RULE(BAD_CONTEXT) : 0;
	struct page *page;

	if (slot_of(owner)->kind != EMPTY || op->context == 3)
		return;
	if (!(gfp & __GFP_NOWARN))
		rules |= RULE(NO_MEMORY);
	struct floors floors = floors_foretell(node, gfp, op->order,
					       (gfp & __GFP_DIRECT_RECLAIM) && !op->context);
	reports_begin();
	mock_set_context(contexts[op->context]);
	if (node < 0 && op->x % 8 == 0 && !(gfp & __GFP_HIGHMEM)) {
		unsigned long address = __get_free_pages(gfp, op->order);
		page = address ? virt_to_page((void *)address) : NULL;
	} else {
		page = alloc_pages_node(node, gfp, op->order);
	}
	mock_set_context(0);
	reports_end(rules, wrong && !op->fault,
		    wrong + (page ? 0ul : rules >> QUARRY_RULE_NO_MEMORY & 1));
	if (page)
		hold_block(owner, page, op->order, gfp, node);
	else
		check_failure(op, gfp, op->order, node);
	if (!run.interrupts && !op->fault)
		floors_check(&floors, page, op->order, gfp);
	run.calls++;
}

/*
 * Single pages until there are none, with some masks in turn: each finds its floor to the page.
 * Then all go back.
 */
static void do_exhaust(const struct op *op, unsigned owner)
{
	static uint32_t taken[1u << 16];
	unsigned nr = 0, masks_left = 4;
	int node = node_of(op);
	struct op single = *op;

	if (slot_of(owner)->kind != EMPTY || op->context || op->fault)
		return;
	while (masks_left && nr < sizeof(taken) / sizeof(taken[0])) {
		gfp_t gfp = (mask_of(&single) & ~(__GFP_ZERO | __GFP_COMP)) | __GFP_NOWARN;
		bool waits = gfpflags_allow_blocking(gfp);
		struct floors floors = floors_foretell(node, gfp, 0, waits);
		struct page *page = alloc_pages_node(node, gfp, 0);
		if (!run.interrupts)
			floors_check(&floors, page, 0, gfp);
		if (page) {
			took(page_to_pfn(page), 1, owner, true);
			check_place(page_to_pfn(page), 1, gfp, node);
			taken[nr++] = (uint32_t)page_to_pfn(page);
		} else {
			check_failure(op, gfp, 0, node);
			masks_left--;
			single.mask += op->x % 16;
		}
	}
	while (nr) {
		unsigned long pfn = taken[--nr];
		contents_check(pfn, 1, owner);
		model_drop(pfn, 1);
		__free_page(pfn_to_page(pfn));
	}
	run.calls++;
}

static void do_nolock(const struct op *op, unsigned owner)
{
	struct page *page;

	if (slot_of(owner)->kind != EMPTY)
		return;
	mock_set_context(contexts[op->context]);
	page = alloc_pages_nolock(node_of(op), op->order);
	mock_set_context(0);
	if (page)
		hold_block(owner, page, op->order, GFP_NOWAIT | __GFP_ZERO, -1);
	run.calls++;
}

static void do_exact(const struct op *op, unsigned owner)
{
	gfp_t gfp = (mask_of(op) | __GFP_NOWARN) & ~(__GFP_COMP | __GFP_HIGHMEM);
	size_t size = 1 + op->x % ((PAGE_SIZE << op->order) * 3 / 2);
	void *address;

	if (slot_of(owner)->kind != EMPTY || op->context || size > PAGE_SIZE << MAX_PAGE_ORDER)
		return;
	address = alloc_pages_exact_nid(node_of(op), size, gfp);
	if (address) {
		unsigned long nr = (size + PAGE_SIZE - 1) / PAGE_SIZE;
		hold_run(owner, page_to_pfn(virt_to_page(address)), nr);
		check_place(slot_of(owner)->pfn, nr, gfp, node_of(op));
	}
	run.calls++;
}

static void do_bulk(const struct op *op, unsigned owner)
{
	gfp_t gfp = (mask_of(op) | __GFP_NOWARN) & ~(__GFP_COMP | __GFP_ZERO);
	struct slot *slot = slot_of(owner);
	struct page *pages[BULK_MAX] = {NULL};
	unsigned long want = 1 + op->x % BULK_MAX, got;

	if (slot->kind != EMPTY || op->context)
		return;
	got = alloc_pages_bulk_node(gfp, node_of(op), want, pages);
	if (got > want)
		mock_fail("bulk: %lu pages of %lu", got, want);
	for (unsigned long i = 0; i < want; i++) {
		if (!pages[i] != (i >= got))
			mock_fail("bulk: %lu pages, but slot %lu holds %p", got, i,
				  (void *)pages[i]);
		if (!pages[i])
			continue;
		took(page_to_pfn(pages[i]), 1, owner, true);
		check_place(page_to_pfn(pages[i]), 1, gfp, node_of(op));
		slot->list[i] = (uint32_t)page_to_pfn(pages[i]);
	}
	if (got) {
		slot->kind = LIST;
		slot->nr = got;
	}
	run.calls++;
}

/* Frames that an operation is about: some start in some range of the map. */
static unsigned long some_frames(const struct op *op, unsigned long *nr)
{
	const struct model_range *range = &model.range[op->y % model.nr_ranges];
	unsigned long length = range->end - range->first;
	unsigned long at = range->first + (op->y >> 4) % length;

	*nr = 1 + op->x % (op->mask & 1 ? 64 : 1400);
	if (op->mask & 2)
		at &= ~511ul;
	return at;
}

static void do_contig(const struct op *op, unsigned owner)
{
	unsigned long nr, pfn = some_frames(op, &nr);
	bool claim = op->kind == OP_CLAIM, one_zone = model_one_zone(pfn, nr), ours = true;
	int error;

	if (slot_of(owner)->kind != EMPTY || op->context)
		return;
	for (unsigned long i = 0; i < nr && ours; i++)
		ours = model_frame(pfn + i);
	reports_begin();
	error = claim ? quarry_claim(pfn * PAGE_SIZE, nr * PAGE_SIZE)
		      : alloc_contig_range(pfn, pfn + nr, MIGRATE_MOVABLE, GFP_KERNEL);
	reports_end(RULE(BAD_ARGUMENT), 0, error == -QUARRY_EINVAL);
	if (!error)
		hold_run(owner, pfn, nr);
	else if (error != -QUARRY_EBUSY && error != -QUARRY_EINVAL)
		mock_fail("contiguous range: error %d", error);
	else if ((claim ? ours : one_zone) && model_all_free(pfn, nr) && !run.interrupts)
		mock_fail("frames %#lx + %lu are free, error %d", pfn, nr, error);
	run.calls++;
}

static void do_contig_pages(const struct op *op, unsigned owner)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN | (op->mask & 1 ? __GFP_THISNODE : (gfp_t)0);
	unsigned long nr = 1 + op->x % 1100;
	struct page *page;

	if (slot_of(owner)->kind != EMPTY || op->context || nr > totalram_pages())
		return;
	page = alloc_contig_pages(nr, gfp, node_of(op));
	if (page) {
		hold_run(owner, page_to_pfn(page), nr);
		check_place(slot_of(owner)->pfn, nr, gfp, node_of(op));
	}
	run.calls++;
}

#endif
