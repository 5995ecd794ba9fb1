/* SPDX-License-Identifier: MIT */
/*
 * test_gfp_table.c: the table of docs/gfp.md is true (spec G12).
 *
 * The page's table is the expectation: for each mask, and for each amount of reclaimable memory, a
 * line of cells, one for each number of free pages in the reference zone. The test makes each
 * request and writes the line that it saw; it must be the page's.
 */
#include "tests/unit/reclaim/pressure_test.h"

#include <stdio.h>

static const struct {
	const char *name;
	gfp_t gfp;
} masks[] = {
	{"GFP_KERNEL & ~__GFP_RECLAIM", GFP_KERNEL & ~__GFP_RECLAIM},
	{"GFP_NOWAIT", GFP_NOWAIT},
	{"GFP_ATOMIC", GFP_ATOMIC},
	{"GFP_KERNEL", GFP_KERNEL},
	{"GFP_KERNEL \\| __GFP_NORETRY", GFP_KERNEL | __GFP_NORETRY},
	{"GFP_KERNEL \\| __GFP_RETRY_MAYFAIL", GFP_KERNEL | __GFP_RETRY_MAYFAIL},
	{"GFP_KERNEL \\| __GFP_NOFAIL", GFP_KERNEL | __GFP_NOFAIL},
	{"GFP_KERNEL \\| __GFP_MEMALLOC", GFP_KERNEL | __GFP_MEMALLOC},
};
static const unsigned long levels[] = {900, 640, 512, 192, 0};

#define LOTS 2000ul

/* A kill frees enough for everybody. */
static enum quarry_oom_result kill_one(const struct quarry_oom *request)
{
	(void)request;
	free_some(1000);
	return QUARRY_OOM_KILLED;
}

static void cell(gfp_t gfp, unsigned long free, unsigned long reclaimable, char *text)
{
	start_at(free, reclaimable);
	mock_reclaim()->oom = kill_one;
	mock_reclaim_changed();
	struct seen seen = ask(gfp);
	text += sprintf(text, " %s", seen.page ? "yes" : "NULL");
	if (seen.wakes)
		text += sprintf(text, " wake");
	assert_true(seen.wakes <= 1);
	if (seen.reclaims)
		text += sprintf(text, " reclaim %lu", seen.reclaims);
	if (seen.ooms)
		text += sprintf(text, " oom %lu", seen.ooms);
	sprintf(text, " |");
	stop_pressure();
}

static char *read_page(void)
{
	FILE *file = fopen(QUARRY_SOURCE_ROOT "/docs/gfp.md", "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(file);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return text;
}

static void g012_the_table_of_the_page(void **state)
{
	char *page = read_page();
	bool wrong = false;
	(void)state;
	for (unsigned m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
		for (unsigned lots = 0; lots < 2; lots++) {
			char line[512], *end = line;
			end += sprintf(end, "| `%s` | %s |", masks[m].name, lots ? "lots" : "none");
			for (unsigned i = 0; i < 5; i++) {
				cell(masks[m].gfp, levels[i], lots ? LOTS : 0, end);
				end += strlen(end);
			}
			strcpy(end, "\n");
			if (strstr(page, line))
				continue;
			print_error("docs/gfp.md lacks: %s", line);
			wrong = true;
		}
	}
	free(page);
	assert_false(wrong);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(g012_the_table_of_the_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
