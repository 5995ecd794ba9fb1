/* SPDX-License-Identifier: MIT */
/*
 * test_gfp_explain.c: what gfp_explain() says is what happens.
 *
 * Masks, orders, places, scopes and amounts of free memory of chance: first the request is
 * explained, then it is made, and each sentence is compared with what was seen.
 */
#include "tests/unit/reclaim/pressure_test.h"

#include <quarry/explain.h>
#include <stdio.h>

#define WORLDS 3u
#define REQUESTS 100u /* in each */

static const struct quarry_mem_range two_nodes[] = {
	{MOCK_MIB, 23 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	{4 * MOCK_GIB, 80 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	{4 * MOCK_GIB + 80 * MOCK_MIB, 32 * MOCK_MIB, QUARRY_MEM_USABLE, 1},
};

/* A request, and the machine it is made on. */
static struct {
	gfp_t gfp;
	unsigned order, context, scopes;
	bool victim, handler, thread;
	unsigned long claimed;
} now;

/* What was said of it. */
static struct {
	char text[4096];
	bool at_once, from_reserve; /* single pages: is there one? */
} said;

/* What it did. */
static struct {
	struct page *page;
	unsigned long wakes, rounds, reports;
	bool asked, might_kill; /* the OOM hook */
} did;

static enum quarry_oom_result cannot(const struct quarry_oom *request)
{
	did.asked = true;
	did.might_kill = request->may_kill;
	return QUARRY_OOM_CANNOT;
}

static void free_all(uint64_t ns)
{
	(void)ns;
	free_some(~0ul);
}

static bool says(const char *words)
{
	return strstr(said.text, words) != NULL;
}

#define CHECK(truth)                                                                               \
	do {                                                                                       \
		if (!(truth))                                                                      \
			mock_fail("not true: %s\nmask 0x%x order %u context %u scopes %u "         \
				  "victim %d handler %d thread %d claimed %lu\n%s",                \
				  #truth, gfp_bits(now.gfp), now.order, now.context, now.scopes,   \
				  now.victim, now.handler, now.thread, now.claimed, said.text);    \
	} while (0)

/* ---- chance ---- */

static void choose(uint64_t *random)
{
	static const unsigned places[] = {0, 0, QUARRY_CTX_ATOMIC,
					  QUARRY_CTX_ATOMIC | QUARRY_CTX_IRQ};
	uint64_t r = mock_random(random);

	now.gfp = (QUARRY_FORCE gfp_t)(unsigned)r & __GFP_BITS_MASK;
	if (r >> 32 & 1)
		now.gfp &= ~(__GFP_DMA | __GFP_DMA32);
	now.order = r >> 33 & 3 ? 0 : (unsigned)(r >> 35) % (MAX_PAGE_ORDER + 2);
	now.context = places[r >> 40 & 3];
	/* An interrupt would be in the scopes of the task that it interrupts. */
	now.scopes = r >> 42 & 3 || now.context & QUARRY_CTX_IRQ ? 0 : (unsigned)(r >> 44) & 15;
	now.victim = !(r >> 48 & 7);
	now.handler = r >> 51 & 3;
	now.thread = r >> 53 & 3;
	now.claimed = r >> 55 & 1 ? 100000 : 0;
}

static void give_some_back(uint64_t *random)
{
	uint64_t r = mock_random(random);
	unsigned long nr = r % 3 ? r >> 8 & 31 : (r >> 8) % 3000;

	if (!(r >> 40 & 15))
		hold_all(ATOMIC_ALL | __GFP_HIGHMEM | __GFP_MOVABLE, 0);
	for (; nr && hold.nr; nr--) {
		struct held *block = &hold.block[(r >> 20) % hold.nr];
		__free_pages(block->page, block->order);
		*block = hold.block[--hold.nr];
	}
}

static void set_machine(void)
{
	mock_reclaim()->victim = now.victim;
	mock_reclaim()->oom = now.handler ? cannot : NULL;
	mock_reclaim()->claimed = now.claimed;
	mock_reclaim()->kswapd = now.thread;
	mock_reclaim_changed();
	mm_ops.sleep_ns = gfp_has(now.gfp, __GFP_NOFAIL) ? free_all : NULL;
	kswapd_init(); /* nothing is due */
}

/* ---- saying and doing ---- */

static void collect_text(void *ctx, const char *piece)
{
	(void)ctx;
	assert_true(strlen(said.text) + strlen(piece) < sizeof(said.text));
	strcat(said.text, piece);
}

static void say(void)
{
	unsigned long free, at_once, then;

	memset(&said, 0, sizeof(said));
	gfp_explain(now.gfp, now.order, now.context, collect_text, NULL);
	for (const char *at = said.text; (at = strstr(at, " pages free;")); at++) {
		const char *number = at;
		while (number[-1] != ' ')
			number--;
		assert_int_equal(sscanf(number, "%lu pages free; at once above %lu, then above %lu",
					&free, &at_once, &then),
				 3);
		said.at_once |= free > at_once;
		said.from_reserve |= free > then;
	}
}

static void make_request(void)
{
	unsigned long rounds = reclaim_counted(RECLAIM_DIRECT).rounds;
	unsigned long reports = mock_reports(QUARRY_RULE_NO_MEMORY);

	memset(&did, 0, sizeof(did));
	mock_hook_reset();
	did.page = alloc_pages(now.gfp, now.order);
	did.wakes = mock_hook_count(MOCK_KSWAPD_WAKE);
	did.rounds = reclaim_counted(RECLAIM_DIRECT).rounds - rounds;
	did.reports = mock_reports(QUARRY_RULE_NO_MEMORY) - reports;
	if (did.page)
		hold_block(did.page, now.order);
}

/* ---- comparing ---- */

static void compare_rungs(void)
{
	bool reclaims = says("rung: reclaim,"), asks = says("rung: OOM,");

	CHECK(!did.rounds || reclaims);
	CHECK(!did.asked || asks);
	CHECK(!did.asked || did.might_kill == says("somebody may be killed"));
	CHECK(did.page || !asks || did.asked != says("nobody to ask"));
	if (now.order || !says("zone: "))
		return;
	CHECK(!said.at_once || (did.page && !did.wakes && !did.rounds && !did.asked));
	if (said.at_once)
		return;
	CHECK(!!did.wakes == says("rung: wake kswapd"));
	if (said.from_reserve)
		CHECK(did.page && !did.rounds && !did.asked);
	else
		CHECK(!did.rounds == !reclaims);
}

static void compare_page(void)
{
	static const char *const mobility[] = {"mobility: unmovable", "mobility: movable",
					       "mobility: reclaimable"};
	struct zone *zone = head_zone(did.page);
	char line[40];

	snprintf(line, sizeof(line), "zone: node %u %s,", zone->node, zone_name(zone->type));
	CHECK(says(line));
	CHECK(page_mobility(did.page) >= MIGRATE_PCPTYPES ||
	      says(mobility[page_mobility(did.page)]));
}

static void compare_failure(void)
{
	struct quarry_failure failure;

	CHECK(!says("start anew"));
	CHECK(did.reports == says("NULL and a report"));
	assert_true(quarry_last_failure(&failure));
	CHECK(failure.reason == QUARRY_FAIL_FRAGMENTED || says(quarry_fail_text(failure.reason)));
}

static void explain_and_ask(void)
{
	unsigned scopes = memalloc_flags_save(now.scopes);

	set_machine();
	mock_set_context(now.context);
	say();
	make_request();
	mock_set_context(0);
	memalloc_flags_restore(scopes);
	if (says("refused:")) {
		CHECK(!did.page);
		return;
	}
	compare_rungs();
	if (did.page)
		compare_page();
	else
		compare_failure();
}

static void what_is_said_is_done(void **state)
{
	static const enum quarry_rule lint[] = {
		QUARRY_RULE_BAD_CONTEXT, QUARRY_RULE_BAD_GFP, QUARRY_RULE_BAD_ORDER,
		QUARRY_RULE_NOFAIL, QUARRY_RULE_NO_MEMORY};
	uint64_t random = 1;
	(void)state;
	for (unsigned world = 0; world < MOCK_STEPS(WORLDS); world++) {
		mock_start(&(struct mock_config){
			.map = two_nodes,
			.nr_map = 3,
			.no_vmalloc = true,
			.extra = {.movable_bytes = 8 * MOCK_MIB, .no_parking = true}});
		for (unsigned i = 0; i < sizeof(lint) / sizeof(lint[0]); i++)
			mock_expect_report(lint[i], 2 * REQUESTS);
		hold_all(ATOMIC_ALL | __GFP_HIGHMEM | __GFP_MOVABLE, 0);
		for (unsigned i = 0; i < REQUESTS; i++) {
			give_some_back(&random);
			choose(&random);
			explain_and_ask();
		}
		for (unsigned i = 0; i < sizeof(lint) / sizeof(lint[0]); i++)
			mock_world.expected[lint[i]] = 0;
		free_held();
		mock_stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(what_is_said_is_done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
