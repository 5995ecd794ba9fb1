/* SPDX-License-Identifier: MIT */
/*
 * run.h: one operation, done by the library and by the model, and the sum that must hold after it:
 * free + parked + held pages are constant.
 */
#ifndef MODEL_RUN_H
#define MODEL_RUN_H

#include "machine.h"
#include "release.h"

/* ---- a step ---- */

static void run_op(const struct op *op)
{
	unsigned owner = 1u + op->slot;

	run.interrupts = 0;
	run.next_interrupts = op->y % 3;
	run.random = op->x ^ op->y;
	if (op->interrupt && op->kind != OP_BAD_FREE)
		arm_interrupt(op->interrupt);
	/* Stocks of objects lie closer together if some came later: a page less at the end. */
	mock_fail_site(-1, op->kind == OP_ONLINE ? 0 : op->fault, false);
	switch (op->kind) {
	case OP_ALLOC:
		do_alloc(op, owner);
		break;
	case OP_FREE:
		do_free(op, owner);
		break;
	case OP_GET:
		do_get(op, owner);
		break;
	case OP_SPLIT:
	case OP_PARTIAL:
		do_split(op, owner);
		break;
	case OP_EXACT:
		do_exact(op, owner);
		break;
	case OP_BULK:
		do_bulk(op, owner);
		break;
	case OP_CONTIG:
	case OP_CLAIM:
		do_contig(op, owner);
		break;
	case OP_CONTIG_PAGES:
		do_contig_pages(op, owner);
		break;
	case OP_NOLOCK:
		do_nolock(op, owner);
		break;
	case OP_BAD_FREE:
		do_bad_free(op, owner);
		break;
	case OP_BAD_REQUEST:
		do_bad_request(op, owner);
		break;
	case OP_DRAIN:
		do_drain(op);
		break;
	case OP_LATER:
		bring_in(op->x & 1);
		break;
	case OP_REMOVE:
		do_remove(op);
		break;
	case OP_EXHAUST:
		do_exhaust(op, owner);
		break;
	case OP_TUNE:
		do_tune(op);
		break;
	default:
		do_cpu(op);
		break;
	}
	mock_fail_site(-1, 0, false);
	mock_interrupt_at(0, NULL, NULL);
	if (unheld() + model.held != run.total)
		mock_fail("%lu pages free + %lu parked + %lu held, together %lu at the start",
			  nr_free_pages(), nr_parked_pages(), model.held, run.total);
}

/* Everything that is held is as the model has it; the library finds itself sound. */
static void run_check(void)
{
	for (unsigned i = 0; i < model.nr_ranges; i++) {
		const struct model_range *range = &model.range[i];
		for (unsigned long n = 0; n < range->end - range->first; n++) {
			const struct frame *frame = &range->frame[n];
			const struct page *page = pfn_to_page(range->first + n);
			if (!frame->owner || frame->order == NO_HEAD)
				continue;
			if (page_ref_count(page) != frame->refs ||
			    compound_order(page) != frame->order)
				mock_fail(
					"frame %#lx: order %u, %d references; the model has %u, %d",
					range->first + n, compound_order(page),
					page_ref_count(page), frame->order, frame->refs);
		}
	}
	if (mm_check())
		mock_fail("mm_check: %s", mock_world.last_report.call);
}

static void run_start(const struct mock_config *config)
{
	memset(&run, 0, sizeof(run));
	model_start(config);
	mock_start(config);
	run.total = unheld();
	run.migrate = config->migrate;
	run.node_of_cpu = config->cpu_node;
	run.exact = config->extra.no_parking;
	quarry_get_tunables(&run.tunables);
}

/* Give everything back and end the world. */
static void run_stop(void)
{
	struct op op = {.kind = OP_FREE};

	for (unsigned owner = 1; owner <= ALL_SLOTS; owner++) {
		while (slot_of(owner)->kind == BLOCK)
			free_block(&op, owner);
		while (slot_of(owner)->kind == RUN) {
			op.y = (uint32_t)slot_of(owner)->nr - 1;
			op.mask = 1;
			free_run(&op, owner);
		}
		if (slot_of(owner)->kind == LIST)
			free_list(&op, owner);
	}
	if (model.held)
		mock_fail("%lu frames are held by nobody", model.held);
	for (unsigned cpu = 0; cpu < mock_world.cpus; cpu++)
		if (!mock_cpus_has(&mock_world.running, cpu))
			cpu_online(cpu);
	/* CPUs that came online in hard times have no arrays; now they get those of the start. */
	if (quarry_set_tunables(&run.tunables))
		mock_fail("tunables cannot be set back");
	for (unsigned cpu = 0; cpu < mock_world.cpus; cpu++) {
		if (mock_world.cpus == 1)
			break;
		cpu_offline(cpu);
		cpu_online(cpu);
	}
	while (bring_in(true))
		;
	mock_world.migrate = false;
	mock_set_cpu(0);
	mock_stop();
}

#endif
