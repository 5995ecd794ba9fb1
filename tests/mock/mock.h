/* SPDX-License-Identifier: MIT */
/*
 * mock.h: the pretend machine, for unit tests of Quarry and of kernels that use it.
 *
 * A world is memory with real backing, some CPUs, page tables that the library's own walk builds,
 * and a log of every hook call. mock_start() makes a fresh one and calls quarry_init; mock_stop()
 * ends it with the checks that every test must pass: validator clean, free pages as at the start,
 * no unexpected report, no stale TLB entry.
 *
 * The direct map is a memfd mapped at MOCK_DIRECT (physical address 0). The vmalloc window is
 * address space whose pages appear by "page fault": the mock walks the page tables that the
 * library built and maps the same memfd page there, so one physical page is visible at both
 * addresses.
 */
#ifndef QUARRY_MOCK_H
#define QUARRY_MOCK_H

#include <quarry/quarry.h>

/* Places that the sanitizers leave free; ThreadSanitizer leaves little. Physical address 0 is at
 * MOCK_DIRECT. */
#if defined(__SANITIZE_THREAD__)
#define MOCK_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MOCK_TSAN 1
#endif
#endif
/* Steps of a one-threaded test: ThreadSanitizer makes each many times dearer, and sees nothing in
 * them, so it runs a few. */
#ifdef MOCK_TSAN
#define MOCK_STEPS(n) ((n) / 20)
#else
#define MOCK_STEPS(n) (n)
#endif
#ifdef MOCK_TSAN
#define MOCK_DIRECT 0x7e9000000000ul
#define MOCK_DIRECT_SIZE (256ul << 30) /* the end of memory: ranges above it are out of reach */
#define MOCK_VMALLOC 0x7e8000000000ul
#define MOCK_VMALLOC_MAX (16ul << 30)
#else
#define MOCK_DIRECT 0x200000000000ul
#define MOCK_DIRECT_SIZE (16ul << 40)
#define MOCK_VMALLOC 0x400000000000ul
#define MOCK_VMALLOC_MAX (1ul << 40)
#endif
#define MOCK_KIB 1024ul
#define MOCK_MIB (1024ul * MOCK_KIB)
#define MOCK_GIB (1024ul * MOCK_MIB)

/* Page-table formats: entries look the same, the number of levels differs. */
enum { MOCK_PT_LEVELS_4, MOCK_PT_LEVELS_3, MOCK_PT_LEVELS_5 };

struct mock_config {
	/* NULL: one usable range [base, base + bytes) on node 0. All ranges are backed by memory,
	 * reserved ones too; everything else faults. */
	const struct quarry_mem_range *map;
	size_t nr_map;
	phys_addr_t base;      /* default 1 MiB */
	uint64_t bytes;        /* default 64 MiB */
	unsigned cpus;         /* default 1; all are brought online */
	bool no_vmalloc;       /* do not offer a vmalloc window */
	bool bare_window;      /* window and root table exist, the library is not told */
	uint64_t vmalloc_size; /* default 1 GiB */
	unsigned format;       /* page-table format (MOCK_PT_*) */
	bool small_leaves;     /* the CPU has no huge leaves */
	bool groups;	       /* 8 pages can be one leaf: arch_pt_group_order */
	bool park_areas;       /* freed vmalloc areas may stay mapped; else vfree unmaps at once */
	bool no_sleep;         /* stay before quarry_sleeping_works() */
	bool no_optional;      /* of the optional hooks offer only report and fault */
	bool flush_hook;       /* offer flush_tlb_others; else the library uses call_others */
	bool protect_direct;   /* offer protect_direct_map */
	bool migrate;          /* one host thread: each pin that is not nested may move the task */
	bool dirty_memory;     /* memory starts as garbage, not zeros (small machines only) */
	bool unmap_free;       /* free frames are not mapped: any access fails (small machines) */
	bool guard_pages; /* offer guard_page; its faults are told to the library */
	const void *user_start; /* offer copy_from_user, which can read this, and no more: */
	size_t user_bytes;
	unsigned (*cpu_node)(unsigned cpu);
	/* Fields that are not map, direct map, vmalloc, cpus, ops are taken over; so is a
	 * direct_map_limit below MOCK_DIRECT_SIZE. */
	struct quarry_params extra;
};

/* Fresh world; a cmocka assertion fails if quarry_init fails. NULL: all defaults. */
void mock_start(const struct mock_config *config);
/* The same without the assertion. Return: quarry_init's result. */
int mock_try_start(const struct mock_config *config);
/* End of test: every check named at the top. Also for a world whose quarry_init failed. */
void mock_stop(void);

/* Fail the test with the last log lines and hook calls; works from CPU threads and interrupt
 * handlers. */
void mock_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Run fn(arg) and catch a failure of the mock in it (the library's panics are such failures).
 * Return: its text, valid until the next call, or NULL. The world is then in an unknown state:
 * end it by mock_abandon(). */
const char *mock_failure_of(void (*fn)(void *arg), void *arg);
/* End the world without any check. */
void mock_abandon(void);

/* The calling host thread is CPU `cpu` from now on (single-threaded tests switch at will). */
void mock_set_cpu(unsigned cpu);
/* Run fn(arg, cpu) on CPUs 0..n-1 at once, a host thread each, and wait for all. Cross-calls
 * interrupt them (signals). */
void mock_run_cpus(unsigned n, void (*fn)(void *arg, unsigned cpu), void *arg);
/* Take `cpu`, which the library saw go offline, out of cross-calls and empty its TLB; put it
 * back. */
void mock_cpu_stop(unsigned cpu);
void mock_cpu_start(unsigned cpu);
/* What the caller is: QUARRY_CTX_* bits; the weaker ones are implied. */
void mock_set_context(unsigned ctx);
/* The calling host thread runs task `task` (0 .. MOCK_TASKS - 1) from now on: each has its own
 * allocation scopes. */
#define MOCK_TASKS 4
void mock_set_task(unsigned task);
/* Run fn(arg) as an interrupt handler on this CPU now (if interrupts are masked: at the unmask). */
void mock_interrupt(void (*fn)(void *arg), void *arg);
/* Interrupt this CPU's code: fn(arg) is run at the n-th hook call from now (interrupt points). */
void mock_interrupt_at(unsigned n, void (*fn)(void *arg), void *arg);

/* The hook-call log: one entry a call. MOCK_FLUSH is an arch_tlb_flush_range by the CPU that
 * started the flush (not by those it interrupted), so it counts shoot-downs; MOCK_PIN counts
 * pins, not unpins. */
enum mock_hook {
	MOCK_LOG,
	MOCK_PIN,
	MOCK_IRQ_SAVE,
	MOCK_CALL_OTHERS,
	MOCK_FLUSH,
	MOCK_DEFER,
	MOCK_CLOCK,
	MOCK_RANDOM,
	MOCK_SLEEP,
	MOCK_KSWAPD_WAKE,
	MOCK_RECLAIM,
	MOCK_OOM,
	MOCK_PTE_WRITE,
	MOCK_PROTECT_DIRECT,
	MOCK_ICACHE,
	MOCK_NR_HOOKS
};
unsigned long mock_hook_count(enum mock_hook hook);
void mock_hook_reset(void);

/* Reports: unexpected ones fail mock_stop(). Expect `count` more reports of `rule`; checked by
 * mock_stop. Before mock_start it is about the world to come (reports of quarry_init). */
void mock_expect_report(enum quarry_rule rule, unsigned count);
unsigned long mock_reports(enum quarry_rule rule); /* seen so far in this world */
const struct quarry_report *mock_last_report(void); /* rule QUARRY_RULE_NONE if none was seen */

/* Fail the n-th pass (1 = next) through `site` (enum fault_site), or through any site if
 * site < 0; n 0 turns it off. With and_later all passes after it fail too. */
void mock_fail_site(int site, unsigned long n, bool and_later);
/* Passes so far in this world; site < 0: of all sites together. */
unsigned long mock_fault_passes(int site);

/*
 * Reclaim. Without these the library has no thread to wake, only its shrinkers to ask, and nobody
 * to choose a victim. Set after mock_start; they last until mock_stop.
 */
struct mock_reclaim {
	/* Pages that the OS holds for itself and could free: a chain through page->mapping, freed
	 * by the mock's reclaim hook. Give it pages with mock_reclaim_give. */
	struct page *chain;
	unsigned long pages;
	unsigned long claimed; /* more that the OS says it could free; it never does */
	bool needs_io;	       /* frees nothing for a mask without __GFP_IO */
	gfp_t last_gfp;
	/* What the OOM hook does; NULL: there is no such hook. */
	enum quarry_oom_result (*oom)(const struct quarry_oom *request);
	bool victim; /* is the caller one? */
	bool kswapd; /* there is a thread: wakes are counted, mock_kswapd() is its time to run */
	bool woken[QUARRY_MAX_NODES];
};
struct mock_reclaim *mock_reclaim(void);
/* Wire the hooks as the struct says now. */
void mock_reclaim_changed(void);
/* The OS takes over a single page in use. */
void mock_reclaim_give(struct page *page);
/* Let every woken kswapd run until it waits. Return: runs. */
unsigned mock_kswapd(void);

/* Lines of this world's log that contain `text` (of the last 32 KiB or so). */
unsigned mock_log_lines(const char *text);

/*
 * Run body(arg) failing its 1st, 2nd, 3rd ... allocation until a run is not failed any more; then
 * again failing also all that follow. Every run must leave as many free pages as there were and a
 * state that the validator finds clean, or the test fails; the last one must return 0. Nothing
 * else may allocate meanwhile. Return: failures tried.
 */
unsigned long mock_sweep(int (*body)(void *arg), void *arg);

/* A grace period ends: answer all that waits for readers, and what those answers ask for. Return:
 * number of answers. */
unsigned mock_grace(void);
/* Copies to users that check_object_size refused. */
unsigned mock_usercopy_aborts(void);

/* Run queued deferred work now, in task context. Return: number of items. */
unsigned mock_run_deferred(void);
/* Advance the mock clock. */
void mock_advance_ns(uint64_t ns);

/*
 * Translations. The mock assumes the worst that hardware may do: every running CPU caches an
 * entry as soon as it is written and keeps it until that CPU flushes it; an absent entry is
 * remembered until arch_tlb_map_sync. Failures: a frame handed out while some CPU's TLB still
 * translates to it; a page-table page handed out before the flush after it was unlinked; a new
 * mapping where some CPU's TLB still has another frame; an access before the sync, to an address
 * whose mapping is gone, or against its protection; a change of the root table after quarry_init.
 */
/* Access through this CPU's software TLB: a test failure if the translation is stale or absent. */
uint8_t mock_load(uintptr_t va);
void mock_store(uintptr_t va, uint8_t value);
/* Physical address that the page tables give for va now; ~0 if not mapped. Independent of the
 * library's walk. */
phys_addr_t mock_translate(uintptr_t va);
/* True if the tables do not map va (or, in the direct map, if no range of the map has it). */
bool mock_faults(uintptr_t va);

/* The most that an entry of any CPU's TLB allows for va (QUARRY_PROT_*); 0: there is none. */
unsigned mock_tlb_prot(uintptr_t va);

/* What protect_direct_map made of a page of the direct map; a store that it forbids fails the
 * test. */
unsigned mock_direct_prot(const void *address);
/* Let the n-th restriction from now on fail. */
void mock_fail_protect(unsigned long n);

/* Free pages counted without the library's counters: drains everything, then asks
 * nr_free_pages(). */
unsigned long mock_free_pages(void);

/* The whole state (library's section and memory) as one 64-bit hash, saved and put back. One
 * snapshot at a time; not while CPUs run as threads. The hash holds addresses: compare it within
 * one process only. */
uint64_t mock_state_hash(void);
void mock_snapshot(void);
void mock_restore(void);

/* A repeatable random stream for tests. */
uint64_t mock_random(uint64_t *state);

#endif
