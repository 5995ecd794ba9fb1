/* SPDX-License-Identifier: MIT */
/*
 * workload.c: all CPUs and their interrupts use the library at once; then every page is accounted
 * for.
 *
 * Exhaust   All CPUs take blocks, largest first, until nothing is left: each must get NULL, not a
 *           panic or a hang, and everything must come back. Under that pressure the library returns
 *           what its caches keep, so the free pages can be counted: before the work and after it.
 * Mixed     Each CPU has slots. A step picks one: empty, it asks for memory of a random kind; full,
 *           it checks and frees, resizes, or mails the item to another CPU, which frees it. Steps
 *           also interrupt other CPUs. Each interrupt asks with GFP_ATOMIC into the CPU's ring,
 *           frees what earlier interrupts left there, and opens mail.
 * Vmalloc   Each CPU takes and frees areas of 1 to 512 pages, writing each page; the interrupts
 *           that flushes cost the CPUs are counted: at most one flush per 32 MiB freed (or a
 *           sixteenth of memory), each asking all others.
 * Pressure  pressure.c.
 * Account   Everything freed, caches destroyed: as many free pages as before, validator clean, no
 *           complaint of the library.
 *
 * Start at workload_run().
 */
#include "tests/boot/common/item.h"

#define SLOTS 256u
#define MAIL 32u
#define RING 32u

struct worker {
	uint64_t random; /* the task's */
	uint64_t irq_random;
	struct item slot[SLOTS];
	size_t live, budget; /* bytes in slots */
	uint64_t steps, failed, mailed;

	/* Filled by other CPUs, emptied by this one, from task or interrupt. */
	unsigned mail_lock, nr_mail;
	struct item mail[MAIL];

	/* Touched by this CPU with interrupts masked. */
	bool active;
	struct item ring[RING];
	uint64_t irq_made, irq_failed, irq_freed;
};

static struct {
	struct worker worker[BOOT_MAX_CPUS];
	uint64_t steps; /* for each CPU */
	uint64_t made[NR_ITEM_KINDS];
} state;

/* ---- mail ---- */

static bool lock_mail(struct worker *worker)
{
	bool on = this_cpu_irqs_on();
	machine_irq_disable();
	while (__atomic_exchange_n(&worker->mail_lock, 1u, __ATOMIC_ACQUIRE))
		arch_relax();
	return on;
}

static void unlock_mail(struct worker *worker, bool on)
{
	__atomic_store_n(&worker->mail_lock, 0u, __ATOMIC_RELEASE);
	if (on)
		machine_irq_enable();
}

static bool send_mail(struct worker *to, struct item *item)
{
	bool on = lock_mail(to), sent = to->nr_mail < MAIL;
	if (sent)
		to->mail[to->nr_mail++] = *item;
	unlock_mail(to, on);
	if (sent)
		item->kind = ITEM_NONE;
	return sent;
}

/* Free the newest item of the mailbox. */
static void open_mail(struct worker *worker)
{
	struct item item = {.kind = ITEM_NONE};
	bool on = lock_mail(worker);
	if (worker->nr_mail)
		item = worker->mail[--worker->nr_mail];
	unlock_mail(worker, on);
	if (item.kind)
		item_delete(&item);
}

/* ---- interrupts ---- */

void workload_interrupt(unsigned cpu)
{
	static const enum item_kind kinds[] = {ITEM_KMALLOC, ITEM_KMALLOC, ITEM_CACHE, ITEM_PAGES};
	struct worker *worker = &state.worker[cpu];

	pressure_interrupt(cpu);
	if (!worker->active)
		return;
	for (unsigned i = 0; i < 4; i++) {
		struct item *item = &worker->ring[random_below(&worker->irq_random, RING)];
		if (item->kind) {
			item_delete(item);
			worker->irq_freed++;
			continue;
		}
		enum item_kind kind = kinds[random_below(&worker->irq_random, 4)];
		if (item_new(item, kind, PAGE_SIZE * 2, true, &worker->irq_random) == ITEM_MADE)
			worker->irq_made++;
		else
			worker->irq_failed++;
	}
	open_mail(worker);
}

/* A task frees what an interrupt left. */
static void free_from_ring(struct worker *worker)
{
	struct item item;

	machine_irq_disable();
	struct item *slot = &worker->ring[random_below(&worker->irq_random, RING)];
	item = *slot;
	slot->kind = ITEM_NONE;
	machine_irq_enable();
	if (item.kind)
		item_delete(&item);
}

/* ---- mixed ---- */

static void fill_slot(struct worker *worker, struct item *item)
{
	static const enum item_kind kinds[16] = {
		ITEM_PAGES,   ITEM_PAGES,   ITEM_PAGES,	  ITEM_PAGES,	 ITEM_KMALLOC, ITEM_KMALLOC,
		ITEM_KMALLOC, ITEM_KMALLOC, ITEM_CACHE,	  ITEM_CACHE,	 ITEM_CACHE,   ITEM_CACHE,
		ITEM_EXACT,   ITEM_VMALLOC, ITEM_VMALLOC, ITEM_KVMALLOC,
	};
	enum item_kind kind = kinds[random_below(&worker->random, 16)];
	size_t limit = worker->budget > worker->live ? worker->budget - worker->live : 0;

	switch (item_new(item, kind, limit, false, &worker->random)) {
	case ITEM_MADE:
		worker->live += item->bytes;
		__atomic_fetch_add(&state.made[kind], 1, __ATOMIC_RELAXED);
		break;
	case ITEM_FAILED:
		worker->failed++;
		if (kind == ITEM_CACHE && nr_free_pages() > totalram_pages() / 4)
			item_fail("no memory for a small object though much is free", NULL, 0);
		if (kind == ITEM_PAGES && item->which == 0 &&
		    nr_free_pages() > totalram_pages() / 4 &&
		    !(QUARRY_ARCH_DMA_LIMIT != 0 && (item->gfp & __GFP_DMA)))
			item_fail("no memory for a page though much is free", NULL, 0);
		break;
	case ITEM_SKIPPED:
		break;
	}
}

static void empty_slot(struct worker *worker, struct item *item)
{
	worker->live -= item->bytes;
	if (random_below(&worker->random, 4) == 0) {
		unsigned to = (unsigned)random_below(&worker->random, smp_online());
		if (send_mail(&state.worker[to], item)) {
			worker->mailed++;
			return;
		}
	}
	if (item->kind == ITEM_KMALLOC && random_below(&worker->random, 4) == 0) {
		item_resize(item, &worker->random);
		worker->live += item->bytes;
		return;
	}
	item_delete(item);
}

static void progress(const char *phase, uint64_t percent)
{
	uint64_t us = machine_clock_ns() / 1000, interrupts = 0, made = 0;

	for (unsigned cpu = 0; cpu < smp_online(); cpu++) {
		interrupts += boot_cpus[cpu].ticks + boot_cpus[cpu].ipis;
		made += state.worker[cpu].irq_made;
	}
	kprintf("[%5lu.%06lu] %s: %3lu %%, %lu of %lu pages free, %lu interrupts asked for memory "
		"%lu times\n",
		us / 1000000, us % 1000000, phase, percent, nr_free_pages() + nr_parked_pages(),
		totalram_pages(), interrupts, made);
}

/* `break=N`: break a promise in the middle of the work; a test looks at the verdict. */
enum { BREAK_NOTHING, BREAK_LEAK, BREAK_CONTENTS, BREAK_HANG, BREAK_FAULT };

static void break_promise(struct worker *worker)
{
	volatile uintptr_t nowhere = 16;
	struct page *page;

	switch (option_number("break", BREAK_NOTHING)) {
	case BREAK_LEAK:
		page = alloc_page(GFP_KERNEL);
		if (!page)
			item_fail("no page to lose", NULL, 0);
		break;
	case BREAK_CONTENTS:
		for (unsigned i = 0; i < SLOTS; i++) {
			if (worker->slot[i].kind)
				*(uint8_t *)worker->slot[i].address ^= 1;
		}
		break;
	case BREAK_HANG:
		machine_irq_disable();
		for (;;)
			arch_relax();
	case BREAK_FAULT:
		*(volatile int *)nowhere = 1;
		break;
	}
}

static void run_mixed(unsigned cpu)
{
	struct worker *worker = &state.worker[cpu];
	uint64_t tenth = state.steps / 10 ? state.steps / 10 : 1;

	worker->active = true;
	for (worker->steps = 0; worker->steps < state.steps && !item_failure(); worker->steps++) {
		struct item *item = &worker->slot[random_below(&worker->random, SLOTS)];
		uint64_t chance = random_below(&worker->random, 64);

		if (item->kind)
			empty_slot(worker, item);
		else
			fill_slot(worker, item);
		open_mail(worker);
		if (chance < 4)
			machine_send_ipi((unsigned)random_below(&worker->random, smp_online()));
		else if (chance == 4)
			item_bulk(&worker->random);
		else if (chance < 8)
			free_from_ring(worker);
		smp_run_deferred();
		if (cpu == 0 && worker->steps == state.steps / 2)
			break_promise(worker);
		if (cpu == 0 && worker->steps % tenth == 0)
			progress("mixed", worker->steps * 100 / state.steps);
	}
	machine_irq_disable();
	worker->active = false;
	machine_irq_enable();
}

/* Each CPU empties the slots, mail and ring of its neighbour. */
static void free_neighbour(unsigned cpu)
{
	struct worker *worker = &state.worker[(cpu + 1) % smp_online()];

	for (unsigned i = 0; i < SLOTS; i++) {
		if (worker->slot[i].kind)
			item_delete(&worker->slot[i]);
	}
	for (unsigned i = 0; i < RING; i++) {
		if (worker->ring[i].kind)
			item_delete(&worker->ring[i]);
	}
	while (worker->nr_mail)
		open_mail(worker);
	worker->live = 0;
}

/* ---- exhaust ---- */

struct block {
	struct block *next;
	uint64_t order;
};

static void run_exhaust(unsigned cpu)
{
	struct block *blocks = NULL;

	for (unsigned order = MAX_PAGE_ORDER + 1; order-- > 0;) {
		unsigned long address;
		while ((address = __get_free_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN,
						   order))) {
			struct block *block = (struct block *)address;
			*block = (struct block){blocks, order};
			blocks = block;
		}
	}
	if (cpu == 0)
		progress("exhaust", 100);
	while (blocks) {
		struct block *next = blocks->next;
		if (blocks->order > MAX_PAGE_ORDER) {
			item_fail("a block taken by one CPU was given to another", blocks, 0);
			return;
		}
		free_pages((unsigned long)blocks, (unsigned)blocks->order);
		blocks = next;
	}
}

/* ---- vmalloc ---- */

#define VMALLOC_STEPS 400u

static uint64_t vmalloc_freed[BOOT_MAX_CPUS]; /* bytes */

static void run_vmalloc(unsigned cpu)
{
	struct worker *worker = &state.worker[cpu];

	vmalloc_freed[cpu] = 0;
	for (unsigned step = 0; step < VMALLOC_STEPS && !item_failure(); step++) {
		unsigned most = random_below(&worker->random, 4) ? 64 : 512;
		unsigned long pages = 1 + random_below(&worker->random, most);
		uint64_t *area = vmalloc(pages * PAGE_SIZE);

		if (!area) {
			item_fail("no memory for vmalloc", NULL, pages * PAGE_SIZE);
			return;
		}
		for (unsigned long i = 0; i < pages; i++)
			area[i * (PAGE_SIZE / 8)] = cpu + i;
		for (unsigned long i = 0; i < pages; i++)
			if (area[i * (PAGE_SIZE / 8)] != cpu + i)
				item_fail("a vmalloc page changed", area, i);
		vfree(area);
		vmalloc_freed[cpu] += pages * PAGE_SIZE;
	}
}

static const char *vmalloc_phase(void)
{
	unsigned long flushes, limit, allowed;
	uint64_t ipis = 0, bytes = 0;

	vm_unmap_aliases();
	flushes = quarry_vmap_flushes();
	for (unsigned cpu = 0; cpu < smp_online(); cpu++)
		ipis -= boot_cpus[cpu].ipis;
	smp_run(run_vmalloc);
	for (unsigned cpu = 0; cpu < smp_online(); cpu++) {
		ipis += boot_cpus[cpu].ipis;
		bytes += vmalloc_freed[cpu];
	}
	flushes = quarry_vmap_flushes() - flushes;
	limit = totalram_pages() / 16 * PAGE_SIZE;
	limit = limit < 32ul << 20 ? limit : 32ul << 20;
	allowed = bytes / limit + 1;
	kprintf("vmalloc: %u CPUs, %lu MiB taken and freed, %lu flushes of every CPU (at most "
		"%lu), %lu IPIs\n",
		smp_online(), bytes >> 20, flushes, allowed, ipis);
	if (flushes > allowed)
		return "vmalloc flushed too often";
	return item_failure();
}

/* ---- reports ---- */

static void print_reports(void)
{
	static const struct {
		const char *name;
		void (*report)(quarry_write_fn write, void *ctx);
	} reports[] = {
		{"buddyinfo", quarry_report_buddyinfo},
		{"pagetypeinfo", quarry_report_pagetypeinfo},
		{"unusable_index", quarry_report_unusable_index},
		{"extfrag_index", quarry_report_extfrag_index},
		{"vmstat", quarry_report_vmstat},
		{"show_mem", quarry_report_show_mem},
		{"meminfo", quarry_report_meminfo},
		{"slabinfo", quarry_report_slabinfo},
		{"vmallocinfo", quarry_report_vmallocinfo},
	};

	for (unsigned i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
		kprintf("\n%s\n", reports[i].name);
		reports[i].report(console_write, NULL);
	}
	kprintf("\n");
	quarry_report_pagemap(console_write, NULL, 64, 16);
	kprintf("\n");
}

/* ---- account ---- */

/* Free pages once nobody holds any and, under the pressure of exhaustion, the library has returned
 * what it keeps. */
static unsigned long settled_free_pages(void)
{
	smp_run_deferred();
	smp_run(run_exhaust);
	drain_all_pages();
	smp_run_deferred();
	return nr_free_pages() + nr_parked_pages();
}

static void print_counts(void)
{
	uint64_t failed = 0, mailed = 0, irq_made = 0, irq_failed = 0, irq_freed = 0;

	for (unsigned cpu = 0; cpu < smp_online(); cpu++) {
		const struct worker *worker = &state.worker[cpu];
		failed += worker->failed;
		mailed += worker->mailed;
		irq_made += worker->irq_made;
		irq_failed += worker->irq_failed;
		irq_freed += worker->irq_freed;
	}
	kprintf("workload:");
	for (unsigned kind = ITEM_PAGES; kind < NR_ITEM_KINDS; kind++)
		kprintf(" %s %lu", item_kind_name((enum item_kind)kind), state.made[kind]);
	kprintf("; failed %lu; freed on another CPU %lu\n", failed, mailed);
	kprintf("interrupts: allocated %lu, failed %lu, freed %lu\n", irq_made, irq_failed,
		irq_freed);
}

static const char *mixed_phase(void)
{
	if (!items_init())
		return "kmem_cache_create failed";
	smp_run(run_mixed);
	progress("mixed", 100);
	if (!item_failure())
		print_reports();
	smp_run(free_neighbour);
	items_exit();
	print_counts();
	return item_failure();
}

/* The library must not have complained, except that a request found no memory. Return: the rule's
 * text, or NULL. */
static const char *reported_rule(void)
{
	for (unsigned rule = QUARRY_RULE_BAD_ARGUMENT; rule < QUARRY_NR_RULES; rule++) {
		if (rule != QUARRY_RULE_NO_MEMORY && quarry_report_count((enum quarry_rule)rule))
			return quarry_rule_text((enum quarry_rule)rule);
	}
	return NULL;
}

static const char *account(unsigned long before)
{
	unsigned long after = settled_free_pages();
	unsigned long broken = mm_check();

	kprintf("account: %lu pages free before, %lu after; validator: %lu broken invariants\n",
		before, after, broken);
	if (broken)
		return "the validator found broken invariants";
	if (reported_rule())
		return reported_rule();
	if (after != before)
		return after < before ? "pages are missing"
				      : "there are more free pages than before";
	return NULL;
}

const char *workload_run(void)
{
	uint64_t seed = option_number("seed", 1);
	unsigned online = smp_online();

	state.steps = option_number("steps", 40000);
	unsigned long before = settled_free_pages();
	for (unsigned cpu = 0; cpu < online; cpu++) {
		struct worker *worker = &state.worker[cpu];
		worker->random = (seed + 1) * 0x9e3779b97f4a7c15ull + cpu;
		worker->irq_random = ~worker->random;
		worker->budget = before / 2 / online * PAGE_SIZE;
	}
	const char *failure = mixed_phase();
	if (!failure)
		failure = vmalloc_phase();
	if (!failure)
		failure = pressure_phase();
	if (failure)
		return failure;
	failure = account(before);
	return item_failure() ? item_failure() : failure;
}
