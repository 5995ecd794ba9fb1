/* SPDX-License-Identifier: MIT */
/*
 * test_pages.c: random operations on pages against a plain array of frames.
 *
 * Short by default. For a long run:
 *   MODEL_STEPS=10000000 [MODEL_SEED=1] build/tests/model_pages
 * Each round starts a fresh machine with the next seed; one that fails is cut down to the shortest
 * script.
 *
 * frames.h is the model, floors.h its watermarks, script.h what is done, run.h how and what must
 * hold, shrink.h the cutting.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "shrink.h"

static unsigned two_nodes(unsigned cpu)
{
	return cpu & 1;
}
static unsigned four_nodes(unsigned cpu)
{
	return cpu & 3;
}

#define USABLE QUARRY_MEM_USABLE
#define LATER QUARRY_MEM_LATER

static const struct quarry_mem_range tiny_map[] = {{MOCK_MIB, 3 * MOCK_MIB, USABLE, 0}};
static const struct quarry_mem_range holes_map[] = {
	{MOCK_MIB, 3 * MOCK_MIB + 5 * PAGE_SIZE, USABLE, 0},
	{5 * MOCK_MIB - 3 * PAGE_SIZE, 2 * MOCK_MIB, USABLE, 0},
	{8 * MOCK_MIB, 3 * MOCK_MIB, LATER, 1},
	{13 * MOCK_MIB, 4 * MOCK_MIB, USABLE, 1},
};
static const struct quarry_mem_range zones_map[] = {
	{MOCK_MIB, 31 * MOCK_MIB, USABLE, 0},
	{40 * MOCK_MIB, 8 * MOCK_MIB, USABLE, 1},
	{4 * MOCK_GIB, 48 * MOCK_MIB, USABLE, 0},
	{4 * MOCK_GIB + 64 * MOCK_MIB, 48 * MOCK_MIB, USABLE, 1},
};
static const struct quarry_mem_range nodes_map[] = {
	{4 * MOCK_GIB, 20 * MOCK_MIB, USABLE, 0},
	{4 * MOCK_GIB + 20 * MOCK_MIB, 12 * MOCK_MIB, LATER, 0},
	{4 * MOCK_GIB + 32 * MOCK_MIB, 18 * MOCK_MIB, USABLE, 1},
	{4 * MOCK_GIB + 50 * MOCK_MIB, 30 * MOCK_MIB, USABLE, 2},
	{4 * MOCK_GIB + 100 * MOCK_MIB, 3 * MOCK_MIB, LATER, 3},
	{4 * MOCK_GIB + 104 * MOCK_MIB, 16 * MOCK_MIB, USABLE, 3},
};
#define MAP(ranges) .map = (ranges), .nr_map = sizeof(ranges) / sizeof((ranges)[0])

/* Small machines are checked through and through at every step. */
static const struct machine {
	const char *name;
	struct mock_config config;
	unsigned check_every;
	unsigned long steps; /* of a round in a long run */
} machines[] = {
	{"tiny", {MAP(tiny_map), .no_vmalloc = true}, 1, 10000},
	{"tiny, nothing parked",
	 {MAP(tiny_map), .no_vmalloc = true, .extra = {.no_parking = true}},
	 1,
	 10000},
	{"holes", {MAP(holes_map), .cpus = 2, .cpu_node = two_nodes, .no_vmalloc = true}, 1, 10000},
	{"zones",
	 {MAP(zones_map), .cpus = 4, .cpu_node = two_nodes, .no_vmalloc = true,
	  .extra = {.movable_bytes = 16 * MOCK_MIB}},
	 32,
	 60000},
	{"zones, tasks that move",
	 {MAP(zones_map), .cpus = 3, .cpu_node = two_nodes, .no_vmalloc = true, .migrate = true,
	  .extra = {.movable_bytes = 24 * MOCK_MIB, .parking_limit = 20}},
	 32,
	 60000},
	{"nodes",
	 {MAP(nodes_map), .cpus = 8, .cpu_node = four_nodes, .no_vmalloc = true},
	 32,
	 60000},
	{"nodes, nothing parked",
	 {MAP(nodes_map), .cpus = 2, .cpu_node = four_nodes, .no_vmalloc = true,
	  .extra = {.no_parking = true}},
	 32,
	 60000},
	{"zones, nothing parked",
	 {MAP(zones_map), .cpus = 2, .cpu_node = two_nodes, .no_vmalloc = true,
	  .extra = {.movable_bytes = 16 * MOCK_MIB, .no_parking = true}},
	 32,
	 60000},
};
#define NR_MACHINES (sizeof(machines) / sizeof(machines[0]))

static unsigned long number_of(const char *variable, unsigned long otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

static void random_operations_agree_with_the_model(void **state)
{
	unsigned long wanted = number_of("MODEL_STEPS", 0), steps = 0, calls = 0;
	uint64_t seed = number_of("MODEL_SEED", 1);

	(void)state;
	for (unsigned long round = 0; round < NR_MACHINES || steps < wanted; round++) {
		const struct machine *machine = &machines[round % NR_MACHINES];
		struct play play = {
			.config = &machine->config,
			.check_every = machine->check_every,
			.seed = seed + round,
			.nr = wanted			  ? machine->steps
			      : machine->check_every == 1 ? 1500
							  : 6000,
		};
		if (play_seed(&play, machine->name, false))
			fail_msg("%s: %s", machine->name, outcome->why);
		steps += play.nr;
		calls += outcome->calls;
	}
	if (wanted)
		fprintf(stderr, "# %lu steps, %lu of them reached the library\n", steps, calls);
}

/* Every mask finds its floor in every zone, whatever the tunables; other operations in between. */
static void floors_are_page_exact(void **state)
{
	static const uint8_t kinds[] = {OP_EXHAUST, OP_TUNE, OP_ALLOC, OP_FREE, OP_ALLOC};
	static struct op script[150];

	(void)state;
	for (unsigned m = 0; m < NR_MACHINES; m++) {
		struct play play = {.config = &machines[m].config,
				    .check_every = 50,
				    .script = script,
				    .nr = sizeof(script) / sizeof(script[0])};
		if (!play.config->extra.no_parking)
			continue;
		for (unsigned i = 0; i < play.nr; i++) {
			script[i] = op_make(m, i);
			script[i].kind = kinds[i % sizeof(kinds)];
		}
		if (play_fails(&play, false))
			fail_msg("%s: step %lu: %s", machines[m].name, outcome->step, outcome->why);
	}
}

/* The model, the accounting and the cutting work: a block of order 3 that is lost is found. */
static void a_planted_loss_is_found_and_cut_down(void **state)
{
	struct play play = {.config = &machines[0].config,
			    .check_every = 1,
			    .seed = 7,
			    .nr = 3000,
			    .plant = true};

	(void)state;
	unsigned long length = play_seed(&play, "tiny", true);
	assert_in_range(length, 2, 3);
}

/* Scripts that once failed, as they were printed. */
static const struct op removed_memory[] = {
	{OP_CLAIM, 6, 0, 0, 39, 0x8b32, 0x910e2c3e, 0x974876de, 0},
	{OP_FREE, 4, 0, 0, 34, 0xb3de, 0xca0eafa4, 0xdf782aee, 0},
	{OP_REMOVE, 0, 0, 0, 73, 0xb936, 0xc9fda5e1, 0xc134012, 0},
};

static const struct {
	const char *machine;
	const struct op *script;
	unsigned long nr;
} regressions[] = {
	{"zones", removed_memory, sizeof(removed_memory) / sizeof(removed_memory[0])},
};

static void scripts_that_once_failed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(regressions) / sizeof(regressions[0]); i++) {
		struct play play = {
			.check_every = 1, .script = regressions[i].script, .nr = regressions[i].nr};
		for (unsigned m = 0; m < NR_MACHINES; m++)
			if (!strcmp(machines[m].name, regressions[i].machine))
				play.config = &machines[m].config;
		if (play_fails(&play, false))
			fail_msg("script %u: %s", i, outcome->why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_planted_loss_is_found_and_cut_down),
		cmocka_unit_test(scripts_that_once_failed),
		cmocka_unit_test(floors_are_page_exact),
		cmocka_unit_test(random_operations_agree_with_the_model),
	};

	return cmocka_run_group_tests_name("model_pages", tests, NULL, NULL);
}
