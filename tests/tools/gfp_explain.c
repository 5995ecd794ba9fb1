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
#include "tests/tools/gfp_words.h"

static void print(void *ctx, const char *text)
{
	(void)ctx;
	fputs(text, stdout);
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
	const char *bad = gfp_parse(argv[1], &gfp);

	if (bad) {
		fprintf(stderr, "%s: no such mask\n", bad);
		return 2;
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
