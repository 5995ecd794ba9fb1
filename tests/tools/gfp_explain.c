/* SPDX-License-Identifier: MIT */
/*
 * gfp_explain.c: a command line for gfp_explain(): what may a request with this mask do?
 *
 *   gfp-explain 'GFP_KERNEL|__GFP_NORETRY' [ORDER] [task|atomic|irq|nmi]
 *   gfp-explain 0x10c0 3 irq
 *
 * The machine is the mock's: 1 GiB from 16 MiB on. Names are those of quarry/gfp_types.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/gfp/gfp.h"
#include "tests/mock/mock.h"

static void print(void *ctx, const char *text)
{
	(void)ctx;
	fputs(text, stdout);
}

/* Combinations; single bits are asked from the library. */
static const struct {
	const char *name;
	gfp_t gfp;
} combinations[] = {
	{"GFP_KERNEL", GFP_KERNEL},
	{"GFP_KERNEL_ACCOUNT", GFP_KERNEL_ACCOUNT},
	{"GFP_ATOMIC", GFP_ATOMIC},
	{"GFP_NOWAIT", GFP_NOWAIT},
	{"GFP_NOIO", GFP_NOIO},
	{"GFP_NOFS", GFP_NOFS},
	{"GFP_USER", GFP_USER},
	{"GFP_HIGHUSER", GFP_HIGHUSER},
	{"GFP_HIGHUSER_MOVABLE", GFP_HIGHUSER_MOVABLE},
	{"GFP_TRANSHUGE", GFP_TRANSHUGE},
	{"GFP_TRANSHUGE_LIGHT", GFP_TRANSHUGE_LIGHT},
	{"__GFP_DMA", __GFP_DMA},
	{"__GFP_DMA32", __GFP_DMA32},
	{"__GFP_RECLAIM", __GFP_RECLAIM},
};

static bool parse_word(const char *word, gfp_t *gfp)
{
	char name[64], *end;

	for (size_t i = 0; i < sizeof(combinations) / sizeof(combinations[0]); i++) {
		if (!strcmp(word, combinations[i].name)) {
			*gfp |= combinations[i].gfp;
			return true;
		}
	}
	for (unsigned bit = 0; bit < QUARRY_GFP_BITS; bit++) {
		gfp_name(QUARRY_GFP(bit), name, sizeof(name));
		if (!strcmp(word, name)) {
			*gfp |= QUARRY_GFP(bit);
			return true;
		}
	}
	unsigned long value = strtoul(word, &end, 0);
	if (end == word || *end)
		return false;
	*gfp |= (QUARRY_FORCE gfp_t)value;
	return true;
}

int main(int argc, char **argv)
{
	static const char *const contexts[] = {"task", "atomic", "irq", "nmi"};
	unsigned order = 0, context = 0;
	gfp_t gfp = (QUARRY_FORCE gfp_t)0;

	if (argc < 2 || argc > 4) {
		fprintf(stderr, "usage: %s 'MASK|MASK' [ORDER] [task|atomic|irq|nmi]\n", argv[0]);
		return 2;
	}
	for (char *word = strtok(argv[1], "| "); word; word = strtok(NULL, "| ")) {
		if (!parse_word(word, &gfp)) {
			fprintf(stderr, "%s: no such mask\n", word);
			return 2;
		}
	}
	if (argc > 2)
		order = (unsigned)strtoul(argv[2], NULL, 0);
	for (unsigned i = 1; argc > 3 && i < 4; i++)
		if (!strcmp(argv[3], contexts[i]))
			context = (QUARRY_CTX_ATOMIC << i) - 1;
	mock_start(&(struct mock_config){.base = 16 * MOCK_MIB, .bytes = MOCK_GIB});
	gfp_explain(gfp, order, context, print, NULL);
	mock_stop();
	return 0;
}
