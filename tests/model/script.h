/* SPDX-License-Identifier: MIT */
/*
 * script.h: operations on pages, as data: made from a seed, printed, cut out of a script.
 *
 * An operation names slots, not pages, so it means something in every script; what it cannot do,
 * because its slot is empty or taken, it leaves undone.
 */
#ifndef MODEL_SCRIPT_H
#define MODEL_SCRIPT_H

#include <stdio.h>

#include "tests/mock/world.h"

enum op_kind {
	OP_ALLOC,
	OP_FREE,
	OP_GET,
	OP_SPLIT,
	OP_PARTIAL,
	OP_EXACT,
	OP_BULK,
	OP_CONTIG,
	OP_CONTIG_PAGES,
	OP_CLAIM,
	OP_NOLOCK,
	OP_BAD_FREE,
	OP_BAD_REQUEST,
	OP_DRAIN,
	OP_CPU,
	OP_OFFLINE,
	OP_ONLINE,
	OP_LATER,
	OP_REMOVE,
	OP_TUNE,
	OP_EXHAUST,
	NR_OPS
};
static const char *const op_names[NR_OPS] = {
	"ALLOC",  "FREE",	  "GET",    "SPLIT",  "PARTIAL",  "EXACT",	 "BULK",
	"CONTIG", "CONTIG_PAGES", "CLAIM",  "NOLOCK", "BAD_FREE", "BAD_REQUEST", "DRAIN",
	"CPU",	  "OFFLINE",	  "ONLINE", "LATER",  "REMOVE",	  "TUNE",	 "EXHAUST",
};

struct op {
	uint8_t kind;
	uint8_t order;
	uint8_t context;   /* 0 task, 1 atomic, 2 interrupt, 3 non-maskable */
	uint8_t interrupt; /* 0 none; else at this hook call */
	uint16_t slot;
	uint16_t mask;
	uint32_t x, y;
	uint8_t fault; /* 0 none; else the failure site passed so many steps from here fails */
};

#define NR_SLOTS 160u
#define NR_IRQ_SLOTS 12u

/* How often each kind comes when memory fills, stays, empties. */
static const uint16_t op_weight[NR_OPS][3] = {
	[OP_ALLOC] = {500, 350, 180},	 [OP_FREE] = {200, 400, 620}, [OP_GET] = {30, 30, 20},
	[OP_SPLIT] = {20, 20, 10},	 [OP_PARTIAL] = {10, 10, 10}, [OP_EXACT] = {20, 20, 10},
	[OP_BULK] = {30, 30, 10},	 [OP_CONTIG] = {10, 8, 20},   [OP_CONTIG_PAGES] = {3, 3, 4},
	[OP_CLAIM] = {8, 8, 16},	 [OP_NOLOCK] = {30, 30, 30},  [OP_BAD_FREE] = {40, 40, 30},
	[OP_BAD_REQUEST] = {10, 10, 10}, [OP_DRAIN] = {8, 8, 8},      [OP_CPU] = {60, 30, 20},
	[OP_OFFLINE] = {6, 6, 4},	 [OP_ONLINE] = {12, 12, 10},  [OP_LATER] = {12, 12, 6},
	[OP_REMOVE] = {6, 8, 20},	 [OP_TUNE] = {10, 5, 4},      [OP_EXHAUST] = {1, 1, 0},
};

static uint8_t op_pick(uint32_t random, unsigned phase)
{
	unsigned sum = 0, kind = 0;

	for (unsigned i = 0; i < NR_OPS; i++)
		sum += op_weight[i][phase];
	random %= sum;
	while (random >= op_weight[kind][phase])
		random -= op_weight[kind++][phase];
	return (uint8_t)kind;
}

/* Operation number `i` of the script with this seed. */
static struct op op_make(uint64_t seed, unsigned long i)
{
	static const uint8_t phase[] = {0, 0, 1, 2, 0, 1, 1, 2};
	uint64_t state = seed * 0x5851f42d4c957f2dull + i * 0x14057b7ef767814full;
	uint64_t a = mock_random(&state), b = mock_random(&state), c = mock_random(&state);
	struct op op = {
		.kind = op_pick((uint32_t)a, phase[i / 300 % sizeof(phase)]),
		.slot = (uint16_t)((a >> 32) % NR_SLOTS),
		.mask = (uint16_t)(a >> 48),
		.x = (uint32_t)b,
		.y = (uint32_t)(b >> 32),
	};

	/* Small orders are frequent, large ones not rare. */
	op.order = c % 16 ? (uint8_t)__builtin_ctz((uint32_t)(c >> 8) | 1u << 10)
			  : (uint8_t)((c >> 8) % 11);
	if ((c >> 40) % 8 == 0)
		op.context = (uint8_t)((c >> 44) % 4);
	if ((c >> 48) % 8 == 0)
		op.interrupt = (uint8_t)(1 + (c >> 52) % 24);
	if ((c >> 57) % 16 == 0)
		op.fault = (uint8_t)(1 + (c >> 61));
	return op;
}

static void op_print(const struct op *op, FILE *file)
{
	fprintf(file, "  {OP_%s, %u, %u, %u, %u, 0x%x, 0x%x, 0x%x, %u},\n",
		op_names[op->kind], op->order, op->context, op->interrupt, op->slot, op->mask,
		op->x, op->y, op->fault);
}

#endif
