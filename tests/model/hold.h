/* SPDX-License-Identifier: MIT */
/*
 * hold.h: who holds what, and what must hold of it.
 *
 * A slot holds a block or single pages; the last slots are the interrupts' own. What is handed
 * out is aligned, free in the model, of an allowed zone and node, with one reference; contents stay
 * as the holder left them.
 *
 * The model takes after the library has answered and frees before it is told to, so that an
 * interrupt in between may use the frames.
 */
#ifndef MODEL_HOLD_H
#define MODEL_HOLD_H

#include <quarry/tunables.h>

#include "mm/gfp/context.h"

#include "frames.h"
#include "script.h"

#define BULK_MAX 48u
#define ALL_SLOTS (NR_SLOTS + NR_IRQ_SLOTS)

/* ---- reports that a call may make ---- */

#define RULE(name) (1ull << QUARRY_RULE_##name)
#define ANY_BAD_FREE                                                                               \
	(RULE(FREE_UNKNOWN) | RULE(FREE_RESERVED) | RULE(FREE_TAIL) | RULE(FREE_ORDER) |           \
	 RULE(FREE_TWICE) | RULE(FREE_KIND) | RULE(REF_COUNT))

static struct {
	unsigned long before[QUARRY_NR_RULES];
} reports;

static void reports_begin(void)
{
	lint_forget(); /* wrong contexts are reported once a place */
	memcpy(reports.before, mock_world.reports, sizeof(reports.before));
}

/* Since reports_begin() there were `least` to `most` reports, all of rules in `rules`. */
static void reports_end(uint64_t rules, unsigned long least, unsigned long most)
{
	unsigned long made = 0;

	for (unsigned rule = 0; rule < QUARRY_NR_RULES; rule++) {
		unsigned long nr = mock_world.reports[rule] - reports.before[rule];
		if (nr && !(rules >> rule & 1))
			mock_fail("report: %s, by %s", quarry_rule_text((enum quarry_rule)rule),
				  mock_world.last_report.call);
		mock_world.unexpected[rule] -= nr;
		made += nr;
	}
	if (made < least || made > most)
		mock_fail("%lu reports came, %lu to %lu were due", made, least, most);
}

/* ---- slots ---- */

enum slot_kind { EMPTY, BLOCK, RUN, LIST };

struct slot {
	enum slot_kind kind;
	unsigned order; /* BLOCK */
	bool compound;
	unsigned long pfn, nr; /* BLOCK: head; RUN: frames [pfn, pfn + nr), owned or given back */
	uint32_t list[BULK_MAX];
};

static struct {
	struct slot slot[ALL_SLOTS + 1]; /* by owner; 0 is nobody */
	unsigned long total;		 /* free + parked + held pages */
	bool migrate;
	bool exact; /* nothing is parked: floors are page-exact */
	unsigned (*node_of_cpu)(unsigned cpu);
	unsigned interrupts;		 /* that came during this operation */
	unsigned next_interrupts;	 /* that may still be armed */
	uint32_t random;		 /* of the interrupts */
	unsigned long calls;		 /* operations that reached the library */
	bool plant;			 /* a planted fault: see test_pages.c */
	struct quarry_tunables tunables; /* of the start */
} run;

static struct slot *slot_of(unsigned owner)
{
	return &run.slot[owner];
}

/* ---- contents ---- */

static uint64_t *word_of(unsigned long pfn, bool last)
{
	return (uint64_t *)page_address(pfn_to_page(pfn)) + (last ? PAGE_SIZE / 8 - 1 : 0);
}
static uint64_t tag(unsigned long pfn, unsigned owner)
{
	return (pfn << 16 | owner) * 0x9e3779b97f4a7c15ull;
}

/* First and last page of [pfn, pfn + nr) and one between. */
static void contents_write(unsigned long pfn, unsigned long nr, unsigned owner)
{
	const unsigned long at[] = {pfn, pfn + nr - 1, pfn + nr / 2};

	for (unsigned i = 0; i < 3; i++) {
		*word_of(at[i], false) = tag(at[i], owner);
		*word_of(at[i], true) = ~tag(at[i], owner);
	}
}
static void contents_check(unsigned long pfn, unsigned long nr, unsigned owner)
{
	const unsigned long at[] = {pfn, pfn + nr - 1, pfn + nr / 2};

	for (unsigned i = 0; i < 3; i++)
		if (*word_of(at[i], false) != tag(at[i], owner) ||
		    *word_of(at[i], true) != ~tag(at[i], owner))
			mock_fail("frame %#lx of %u was written to", at[i], owner);
}
static void contents_are_zero(unsigned long pfn, unsigned long nr)
{
	const unsigned long at[] = {pfn, pfn + nr - 1, pfn + nr / 2};

	for (unsigned i = 0; i < 3; i++)
		for (unsigned w = 0; w < PAGE_SIZE / 8; w++)
			if (word_of(at[i], false)[w])
				mock_fail("frame %#lx is not zeroed", at[i]);
}

/* ---- what a request must have given ---- */

/* The library handed out [pfn, pfn + nr) as one block or singly; it becomes the owner's. */
static void took(unsigned long pfn, unsigned long nr, unsigned owner, bool singles)
{
	model_take(pfn, nr, owner, singles);
	for (unsigned long i = 0; i < nr; i += singles ? 1 : nr) {
		const struct page *page = pfn_to_page(pfn + i);
		if (page_ref_count(page) != 1)
			mock_fail("frame %#lx has %d references", pfn + i, page_ref_count(page));
		if (compound_order(page) != (singles ? 0u : (unsigned)__builtin_ctzl(nr)))
			mock_fail("frame %#lx has order %u", pfn + i, compound_order(page));
	}
	contents_write(pfn, nr, owner);
}

static void check_place(unsigned long pfn, unsigned long nr, gfp_t gfp, int node)
{
	const struct page *last = pfn_to_page(pfn + nr - 1);

	if (!model_one_zone(pfn, nr))
		mock_fail("frames %#lx + %lu are no usable frames of one zone", pfn, nr);
	if (model_zone(pfn) > model_highest(gfp))
		mock_fail("frame %#lx is of zone %d, mask %#x", pfn, (int)model_zone(pfn),
			  (unsigned)gfp);
	if ((gfp & __GFP_THISNODE) && node >= 0 && model_range(pfn)->node != (unsigned)node)
		mock_fail("frame %#lx is of node %u, not %d", pfn, model_range(pfn)->node, node);
	if (page_to_nid(last) != (int)model_range(pfn)->node ||
	    page_zonenum(last) != model_zone(pfn))
		mock_fail("frame %#lx says node %d zone %d", pfn + nr - 1, page_to_nid(last),
			  (int)page_zonenum(last));
}

static void hold_block(unsigned owner, struct page *page, unsigned order, gfp_t gfp, int node)
{
	unsigned long pfn = page_to_pfn(page), nr = 1ul << order;
	bool compound = (gfp & __GFP_COMP) && order;
	struct slot *slot = slot_of(owner);

	if (pfn & (nr - 1))
		mock_fail("frame %#lx is no place for order %u", pfn, order);
	if (!model_one_zone(pfn, nr))
		mock_fail("frames %#lx + %lu are no usable frames of one zone", pfn, nr);
	if (gfp & __GFP_ZERO)
		contents_are_zero(pfn, nr);
	took(pfn, nr, owner, false);
	check_place(pfn, nr, gfp, node);
	if (compound_head(page + nr - 1) != page || PageHead(page) != compound ||
	    (order && PageTail(page + nr - 1) != compound))
		mock_fail("block %#lx of order %u: head or tails are wrong", pfn, order);
	*slot = (struct slot){.kind = BLOCK, .order = order, .compound = compound, .pfn = pfn};
}

static void hold_run(unsigned owner, unsigned long pfn, unsigned long nr)
{
	took(pfn, nr, owner, true);
	*slot_of(owner) = (struct slot){.kind = RUN, .pfn = pfn, .nr = nr};
}

/* ---- interrupts ---- */

static void irq_handler(void *arg);

static void arm_interrupt(unsigned at)
{
	mock_interrupt_at(at, irq_handler, NULL);
}

/* Take a block into a slot of the interrupts' own, or give one back. */
static void irq_handler(void *arg)
{
	unsigned r = run.random = run.random * 1664525u + 1013904223u;
	unsigned owner = 1 + NR_SLOTS + (r >> 8) % NR_IRQ_SLOTS;
	struct slot *slot = slot_of(owner);

	(void)arg;
	run.interrupts++;
	if (slot->kind == EMPTY) {
		unsigned order = (unsigned)__builtin_ctz(r >> 12 | 8);
		bool nolock = r >> 30 == 0;
		gfp_t gfp = r >> 31 ? GFP_ATOMIC | __GFP_NOWARN : GFP_NOWAIT;
		struct page *page =
			nolock ? alloc_pages_nolock(NUMA_NO_NODE, order) : alloc_pages(gfp, order);
		if (page)
			hold_block(owner, page, order, nolock ? GFP_NOWAIT : gfp, -1);
	} else {
		unsigned long pfn = slot->pfn, nr = 1ul << slot->order;
		contents_check(pfn, nr, owner);
		model_drop(pfn, nr);
		slot->kind = EMPTY;
		if (r >> 30)
			__free_pages(pfn_to_page(pfn), slot->order);
		else
			free_pages_nolock(pfn_to_page(pfn), slot->order);
	}
	if (run.next_interrupts) {
		run.next_interrupts--;
		arm_interrupt(1 + r % 7);
	}
}

#endif
