/* SPDX-License-Identifier: MIT */
/*
 * wake.c: what a request pays for short memory when a page is there and kswapd need only be told.
 *
 * A quarter of memory is held. The default marks are far below what is left: a request gets its
 * page above the low mark. Raised to their most, 50 % of memory for the minimum mark and 80 % for
 * the low one, they put the same free pages between the two: no zone is above its low mark, kswapd
 * is woken, and the page is there at the minimum mark. So nothing but the marks differs between
 * what is compared. Stocks are emptied before each request, for it must look at the zones.
 *
 * Between two turns the marks are low again when kswapd runs: it finds nothing to do, and the next
 * wake is a first one again.
 *
 * Start at: wake_measure.
 */
#include "tests/bench/wake.h"

#include "tests/boot/common/kernel.h"

#define TURNS 16u
#define CEILING 150ul /* instructions that waking kswapd may add to a request */
#define HELD_MAX 1024u
#define SCALE_MAX 3000u /* the largest watermark_scale_factor */

/* The pairs of a turn, in this order. */
enum {
	ABOVE, /* the low mark */
	SHORT, /* below it, without __GFP_KSWAPD_RECLAIM */
	FIRST, /* wakes kswapd */
	AWAKE, /* finds it woken */
	NR_PAIRS
};

static struct page *held[HELD_MAX];
static unsigned nr_held;

static void hold(void)
{
	unsigned long left = totalram_pages() / 4 * 3;
	struct page *head;

	while (nr_free_pages() > left && nr_held < HELD_MAX &&
	       (head = alloc_pages(GFP_NOWAIT, MAX_PAGE_ORDER)))
		held[nr_held++] = head;
}

static void release(void)
{
	while (nr_held)
		__free_pages(held[--nr_held], MAX_PAGE_ORDER);
	drain_all_pages();
}

/* Cycles of a page taken from its zone and given back; at least 2^63 if there is none. */
static uint64_t pair(gfp_t gfp)
{
	drain_all_pages();
	uint64_t start = machine_cycles();
	struct page *page = alloc_page(gfp);
	if (!page)
		return UINT64_MAX / 2;
	__free_page(page);
	return machine_cycles() - start;
}

/* One pair, and does it wake kswapd so many times? */
static bool pair_wakes(gfp_t gfp, unsigned long wakes, uint64_t *cycles)
{
	unsigned long before = smp_kswapd().wakes;

	*cycles += pair(gfp);
	return smp_kswapd().wakes == before + wakes;
}

/* Return: was kswapd woken where it should be, and only there? */
static bool turn(gfp_t gfp, const struct quarry_tunables *low, const struct quarry_tunables *raised,
		 uint64_t cycles[NR_PAIRS])
{
	bool ok = pair_wakes(gfp, 0, &cycles[ABOVE]);

	quarry_set_tunables(raised);
	ok &= pair_wakes(gfp & ~__GFP_KSWAPD_RECLAIM, 0, &cycles[SHORT]);
	ok &= pair_wakes(gfp, 1, &cycles[FIRST]);
	ok &= pair_wakes(gfp, 0, &cycles[AWAKE]);
	quarry_set_tunables(low);
	smp_run_deferred();
	return ok;
}

static const char *measure(const char *name, gfp_t gfp, unsigned long per_mille)
{
	struct quarry_tunables low, raised;
	uint64_t cycles[NR_PAIRS] = {0};
	bool ok = true;

	quarry_get_tunables(&low);
	raised = low;
	raised.min_free_kbytes = ~0ul;
	raised.watermark_scale_factor = SCALE_MAX;
	turn(gfp, &low, &raised, cycles); /* warm */
	for (unsigned i = 0; i < NR_PAIRS; i++)
		cycles[i] = 0;
	for (unsigned i = 0; i < TURNS; i++)
		ok &= turn(gfp, &low, &raised, cycles);
	if (!ok)
		return "a request did not wake kswapd, or one did that should not";
	for (unsigned i = 0; i < NR_PAIRS; i++)
		cycles[i] = cycles[i] * 1000 / per_mille / TURNS;
	kprintf("WAKE %s %lu %lu %lu %lu\n", name, cycles[ABOVE], cycles[SHORT], cycles[AWAKE],
		cycles[FIRST]);
	return cycles[FIRST] > cycles[SHORT] + CEILING ? "a wake of kswapd costs too much" : NULL;
}

const char *wake_measure(unsigned long per_mille)
{
	drain_all_pages();
	smp_run_deferred(); /* nothing is due */
	unsigned long before = nr_free_pages();

	hold();
	const char *failure = measure("GFP_KERNEL", GFP_KERNEL, per_mille);
	const char *other = measure("GFP_ATOMIC", GFP_ATOMIC, per_mille);
	release();
	if (!failure)
		failure = other;
	if (!failure && nr_free_pages() + nr_parked_pages() != before)
		failure = "pages are missing after kswapd was woken";
	return failure;
}
