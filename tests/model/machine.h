/* SPDX-License-Identifier: MIT */
/*
 * machine.h: operations on the machine: drains, CPUs, memory, tunables.
 */
#ifndef MODEL_MACHINE_H
#define MODEL_MACHINE_H

#include "request.h"

/* ---- the machine ---- */

static unsigned long unheld(void)
{
	return nr_free_pages() + nr_parked_pages();
}

static void do_drain(const struct op *op)
{
	if (op->x & 1) {
		drain_local_pages();
	} else {
		drain_all_pages();
		if (nr_parked_pages() && !run.interrupts)
			mock_fail("%lu pages are parked after a drain", nr_parked_pages());
	}
	run.calls++;
}

/* The n-th CPU from `from` that runs, or does not. Return: QUARRY_MAX_CPUS if there is none. */
static unsigned cpu_that(unsigned from, bool runs)
{
	for (unsigned i = 0; i < mock_world.cpus; i++) {
		unsigned cpu = (from + i) % mock_world.cpus;
		if (mock_cpus_has(&mock_world.running, cpu) == runs)
			return cpu;
	}
	return QUARRY_MAX_CPUS;
}

static void cpu_online(unsigned cpu)
{
	unsigned self = mock_self.now.cpu;
	unsigned long before = mock_free_pages();

	mock_cpu_start(cpu);
	mock_world.migrate = false;
	mock_set_cpu(cpu);
	if (quarry_cpu_online())
		mock_fail("CPU %u cannot come online", cpu);
	mock_set_cpu(self);
	mock_world.migrate = run.migrate;
	unsigned long after = mock_free_pages();
	if (after > before)
		mock_fail("CPU %u online: %lu free pages became %lu", cpu, before, after);
	run.total = after + model.held;
	model_forget_free();
}

static void cpu_offline(unsigned cpu)
{
	unsigned long before = mock_free_pages();

	mock_world.migrate = false;
	if (cpu == mock_self.now.cpu)
		mock_set_cpu(cpu_that(cpu + 1, true));
	if (quarry_cpu_offline(cpu))
		mock_fail("CPU %u cannot go offline", cpu);
	mock_cpu_stop(cpu);
	mock_world.migrate = run.migrate;
	unsigned long after = mock_free_pages();
	if (after < before)
		mock_fail("CPU %u offline: %lu free pages became %lu", cpu, before, after);
	run.total = after + model.held;
}

static unsigned running_cpus(void)
{
	unsigned nr = 0;

	for (unsigned cpu = 0; cpu < mock_world.cpus; cpu++)
		nr += mock_cpus_has(&mock_world.running, cpu);
	return nr;
}

static void do_cpu(const struct op *op)
{
	unsigned cpu = cpu_that(op->x % mock_world.cpus, op->kind != OP_ONLINE);

	if (cpu == QUARRY_MAX_CPUS || (op->kind == OP_OFFLINE && running_cpus() < 2))
		return;
	mock_interrupt_at(0, NULL, NULL); /* its effect on the count of free pages would be lost */
	if (op->kind == OP_OFFLINE)
		cpu_offline(cpu);
	else if (op->kind == OP_ONLINE)
		cpu_online(cpu);
	else
		mock_set_cpu(cpu);
	run.calls++;
}

/* Pages that the machine has now, and what must be free of them at the end. */
static void total_changed(unsigned long before, long pages)
{
	if (totalram_pages() != before + (unsigned long)pages)
		mock_fail("%ld pages came, %lu became %lu", pages, before, totalram_pages());
	run.total += (unsigned long)pages;
	mock_world.baseline += (unsigned long)pages;
	run.calls++;
}

/* Bring in the first frames that are out, all of a run or half. Return: were there any? */
static bool bring_in(bool all)
{
	for (unsigned i = 0; i < model.nr_ranges; i++) {
		const struct model_range *range = &model.range[i];
		unsigned long length = range->end - range->first, n = 0, nr = 0;
		while (n < length && !range->frame[n].out)
			n++;
		while (n + nr < length && range->frame[n + nr].out)
			nr++;
		if (!nr)
			continue;
		unsigned long pfn = range->first + n, before = totalram_pages();
		nr = all ? nr : (nr + 1) / 2;
		/* Interrupts may use them at once. */
		model_set_out(pfn, nr, false);
		if (quarry_add_memory(pfn * PAGE_SIZE, nr * PAGE_SIZE))
			mock_fail("memory at frame %#lx was refused", pfn);
		total_changed(before, (long)nr);
		return true;
	}
	return false;
}

static void do_remove(const struct op *op)
{
	unsigned long nr, pfn = some_frames(op, &nr), before = totalram_pages();
	bool ours = model_range(pfn) && pfn + nr <= model_range(pfn)->end;
	int error;

	if (op->context || !ours)
		return;
	for (unsigned long i = 0; i < nr; i++)
		ours &= model_frame(pfn + i) != NULL;
	reports_begin();
	error = quarry_remove_memory(pfn * PAGE_SIZE, nr * PAGE_SIZE);
	reports_end(RULE(BAD_ARGUMENT), 0, error == -QUARRY_EINVAL);
	if (!error) {
		for (unsigned long i = 0; i < nr; i++)
			if (!model_frame(pfn + i) || model_frame(pfn + i)->owner)
				mock_fail("frame %#lx was removed", pfn + i);
		model_set_out(pfn, nr, true);
		total_changed(before, -(long)nr);
	} else if (ours && model_all_free(pfn, nr) && !run.interrupts) {
		mock_fail("frames %#lx + %lu are free, error %d", pfn, nr, error);
	}
}

static void do_tune(const struct op *op)
{
	struct quarry_tunables tunables;

	quarry_get_tunables(&tunables);
	tunables.min_free_kbytes = op->x % 4 ? op->y % 2048 : 0;
	tunables.watermark_scale_factor = 1 + op->x % 300;
	tunables.lowmem_reserve_ratio[op->y % 3] = op->y % 512;
	tunables.percpu_pagelist_high_fraction = op->y & 1 ? 0 : 8 + op->x % 100;
	if (quarry_set_tunables(&tunables))
		mock_fail("tunables were refused");
	run.calls++;
}

#endif
