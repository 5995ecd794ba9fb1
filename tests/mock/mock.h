/* SPDX-License-Identifier: MIT */
/*
 * mock.h: the pretend machine, for unit tests of Quarry and of kernels that use it.
 *
 * A world is memory with real backing, some CPUs, page tables that the library's own walk builds, and a log of
 * every hook call. mock_start() makes a fresh one and calls quarry_init; mock_stop() ends it with the checks
 * that every test must pass: validator clean, free pages as at the start, no unexpected report, no stale TLB entry.
 *
 * The direct map is a memfd mapped at MOCK_DIRECT (physical address 0). The vmalloc window is address
 * space whose pages appear by "page fault": the mock walks the page tables that the library built
 * and maps the same memfd page there, so one physical page is visible at both addresses.
 */
#ifndef QUARRY_MOCK_H
#define QUARRY_MOCK_H

#include <quarry/quarry.h>

#define MOCK_DIRECT 0x10000000000ul /* 1 TiB; change only if a sanitizer needs another place */
#define MOCK_KIB 1024ul
#define MOCK_MIB (1024ul * MOCK_KIB)
#define MOCK_GIB (1024ul * MOCK_MIB)

struct mock_config {
	const struct quarry_mem_range *map; /* NULL: one usable range [base, base + bytes) on node 0 */
	size_t nr_map;
	phys_addr_t base;      /* default 1 MiB */
	uint64_t bytes;        /* default 64 MiB */
	unsigned cpus;         /* default 1; all are brought online */
	bool no_vmalloc;       /* do not offer a vmalloc window */
	uint64_t vmalloc_size; /* default 1 GiB */
	unsigned format;       /* page-table format of the mock arch (MOCK_PT_*), default the mock's own 4-level */
	bool no_sleep;         /* stay before quarry_sleeping_works() */
	struct quarry_params extra; /* fields that are not map, direct map, vmalloc, cpus, ops are taken over */
};

/* Fresh world; a cmocka assertion fails if quarry_init fails. NULL: all defaults. */
void mock_start(const struct mock_config *config);
/* The same without the assertion. Return: quarry_init's result. */
int mock_try_start(const struct mock_config *config);
/* End of test: every check named at the top. */
void mock_stop(void);

/* The calling host thread is CPU `cpu` from now on (single-threaded tests switch at will). */
void mock_set_cpu(unsigned cpu);
/* Run fn(arg, cpu) on CPUs 0..n-1 at once, a host thread each, and wait for all. Cross-calls interrupt them (signals). */
void mock_run_cpus(unsigned n, void (*fn)(void *arg, unsigned cpu), void *arg);
/* What the caller is: QUARRY_CTX_* bits. */
void mock_set_context(unsigned ctx);
/* Run fn(arg) as an interrupt handler on this CPU now (if interrupts are masked: at the unmask). */
void mock_interrupt(void (*fn)(void *arg), void *arg);
/* Interrupt this CPU's code: fn(arg) is run at the n-th hook call from now (interrupt points). */
void mock_interrupt_at(unsigned n, void (*fn)(void *arg), void *arg);

/* The hook-call log: one entry a call. */
enum mock_hook {
	MOCK_LOG, MOCK_PIN, MOCK_IRQ_SAVE, MOCK_CALL_OTHERS, MOCK_FLUSH, MOCK_DEFER, MOCK_CLOCK, MOCK_RANDOM,
	MOCK_PTE_WRITE, MOCK_NR_HOOKS
};
unsigned long mock_hook_count(enum mock_hook hook);
void mock_hook_reset(void);

/* Reports: unexpected ones fail mock_stop(). Expect `count` more reports of `rule`; checked by mock_stop. */
void mock_expect_report(enum quarry_rule rule, unsigned count);
unsigned long mock_reports(enum quarry_rule rule); /* seen so far */

/* Fail the n-th pass (1 = next) through `site` (enum fault_site), or through any site if site < 0; 0 turns it off. */
void mock_fail_site(int site, unsigned long n, bool and_later);
unsigned long mock_fault_passes(int site); /* passes so far */

/* Run queued deferred work now, in task context. Return: number of items. */
unsigned mock_run_deferred(void);
/* Advance the mock clock. */
void mock_advance_ns(uint64_t ns);

/* Access through this CPU's software TLB: a test failure if the translation is stale or absent. */
uint8_t mock_load(uintptr_t va);
void mock_store(uintptr_t va, uint8_t value);
/* Physical address that the page tables give for va now; ~0 if not mapped. Independent of the library's walk. */
phys_addr_t mock_translate(uintptr_t va);
/* Touch va: true if the access would fault (no mapping). */
bool mock_faults(uintptr_t va);

/* Free pages counted without the library's counters: drains everything, then asks nr_free_pages(). */
unsigned long mock_free_pages(void);

/* The whole state (library's section and memory) as one 64-bit hash, saved and put back. */
uint64_t mock_state_hash(void);
void mock_snapshot(void);
void mock_restore(void);

/* A repeatable random stream for tests. */
uint64_t mock_random(uint64_t *state);

#endif
