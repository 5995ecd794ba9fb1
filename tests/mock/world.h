/* SPDX-License-Identifier: MIT */
/*
 * world.h: what the files of the mock share.
 *
 * A host thread is a CPU: its changing properties (number, context, masked interrupts) are in
 * thread-local `mock_self`. The rest is one `struct mock_world`, plain data, reset by mock_start
 * and copied by mock_snapshot.
 *
 * Locking: one mutex. mock_enter() takes it and holds interrupts of the calling thread off until
 * mock_leave(), so a handler never waits for a mutex that its own thread holds. Hooks on fast
 * paths take no lock and share nothing between threads: a lock there would order the CPUs and
 * hide races of the library from ThreadSanitizer.
 */
#ifndef QUARRY_MOCK_WORLD_H
#define QUARRY_MOCK_WORLD_H

#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mock.h"

#if defined(__SANITIZE_ADDRESS__)
#define MOCK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOCK_ASAN 1
#endif
#endif

#define MOCK_PAGES(bytes) ((bytes) >> PAGE_SHIFT)
/* The root table is no part of the machine's memory: it lies just above what a map can back. */
#define MOCK_ROOT MOCK_DIRECT_SIZE
#define MOCK_FILE_SIZE (MOCK_DIRECT_SIZE + PAGE_SIZE)
#define MOCK_SITES 64
#define MOCK_DEFERRED 256
#define MOCK_INTERRUPTS 32
#define MOCK_RING 64
#define MOCK_CPU_WORDS ((QUARRY_MAX_CPUS + 63) / 64)

typedef void (*mock_fn)(void *arg);

struct mock_cpus {
	uint64_t word[MOCK_CPU_WORDS];
};
static inline bool mock_cpus_has(const struct mock_cpus *set, unsigned cpu)
{
	return set->word[cpu / 64] >> cpu % 64 & 1;
}
static inline void mock_cpus_add(struct mock_cpus *set, unsigned cpu)
{
	set->word[cpu / 64] |= (uint64_t)1 << cpu % 64;
}
static inline void mock_cpus_remove(struct mock_cpus *set, unsigned cpu)
{
	set->word[cpu / 64] &= ~((uint64_t)1 << cpu % 64);
}
static inline bool mock_cpus_empty(const struct mock_cpus *set)
{
	for (unsigned i = 0; i < MOCK_CPU_WORDS; i++)
		if (set->word[i])
			return false;
	return true;
}

struct mock_work {
	mock_fn fn;
	void *arg;
};

/* ---- one host thread ---- */

/* What makes up "the caller": saved and put back around interrupts and caught failures. */
struct mock_state {
	unsigned cpu;
	unsigned context; /* given by the test */
	unsigned masked;  /* interrupts held off by the library */
	unsigned handler; /* depth of interrupt handlers */
	unsigned pins;
};

struct mock_catch {
	sigjmp_buf env;
	struct mock_state state;
	struct mock_catch *outer;
	char *why;
	size_t why_size;
};

struct mock_ring_entry {
	const char *what;
	struct mock_state state;
	uint64_t a, b;
};

struct mock_thread {
	struct mock_state now;
	unsigned in_mock; /* depth of mock_enter */
	bool is_cpu;      /* made by mock_run_cpus */
	unsigned long task_word[MOCK_TASKS];
	unsigned task;
	unsigned long spins; /* mock_relax calls since the last other hook */
	unsigned long countdown;
	struct mock_work at_countdown;
	struct mock_work pending[MOCK_INTERRUPTS];
	unsigned nr_pending;
	struct mock_catch *catch;
	unsigned long count[MOCK_NR_HOOKS];
	struct mock_ring_entry ring[MOCK_RING];
	unsigned long ring_next;
	struct {
		uintptr_t page;
		unsigned long generation; /* of the translations, when it was checked */
		unsigned cpu;
		bool write;
	} checked; /* the last access that was found good */
};
/* Tests are executables, so its address is a constant offset. That must be said: for the model
 * that gcc would choose, the linker's relaxation drops the flags of an addition that gcc's null
 * checks (UBSan) rely on. */
extern __thread struct mock_thread mock_self __attribute__((tls_model("local-exec")));

/* ---- the world ---- */

struct mock_range {
	phys_addr_t start, end; /* page-aligned, inside the direct map */
};

struct mock_world {
	bool live;      /* between mock_start and mock_stop */
	bool inited;    /* quarry_init succeeded */
	bool booted;    /* quarry_init has returned: the root table must not change */
	bool migrate;
	bool unmap_free;
	unsigned cpus;
	unsigned levels, max_leaf_level;
	bool groups;
	struct mock_cpus running;
	uintptr_t window_end; /* MOCK_VMALLOC .. window_end; equal: no window */
	struct quarry_os_ops ops;
	unsigned long baseline; /* free pages right after the start */

	unsigned long reports[QUARRY_NR_RULES];
	unsigned long expected[QUARRY_NR_RULES], unexpected[QUARRY_NR_RULES];
	struct quarry_report last_report;

	unsigned long passes[MOCK_SITES];
	int fail_site;
	unsigned long fail_in; /* passes until the failure; 0: off */
	bool fail_later;

	struct mock_work deferred[MOCK_DEFERRED];
	unsigned nr_deferred;
	struct quarry_rcu_head *graces; /* linked by os[0] */
	unsigned usercopy_aborts;
	uintptr_t user_start;
	size_t user_bytes;
	uint64_t clock, random;
	unsigned long count[MOCK_NR_HOOKS]; /* of CPU threads that ended */
	struct mock_reclaim reclaim;
};
extern struct mock_world mock_world;

/* ---- memory.c ---- */
extern int mock_memory; /* the memfd: offset is the physical address */
void mock_memory_init(void);
/* The machine has exactly these ranges, and zeroed memory. */
void mock_lay_out_memory(const struct quarry_mem_range *map, size_t nr_map);
/* Zero all memory, or give it back. */
void mock_zero_memory(void);
/* Fill all memory with garbage. */
void mock_dirty_memory(void);
/* Is the frame in a range of the map? */
bool mock_backed(phys_addr_t phys);

/* ---- mock.c ---- */
void mock_enter(void);
void mock_leave(void);
void mock_log_text(const char *text);
/* The library's state section; NULL and 0 if the library has none. */
void *mock_state(void);
size_t mock_state_size(void);

/* ---- hooks.c ---- */
/* Every hook passes here: counts, notes, and lets interrupts in. `hook` MOCK_NR_HOOKS: not
 * counted. */
void mock_point(enum mock_hook hook, const char *what, uint64_t a, uint64_t b);
void mock_hooks_fill(const struct mock_config *config);
void mock_ring_print(const struct mock_thread *thread);

/* ---- cpus.c ---- */
/* Run waiting interrupts if they may come in now. */
void mock_deliver(void);
void mock_cpus_reset(void);
/* Have CPUs their own threads now? */
bool mock_threads_running(void);
/* A CPU thread failed: the others stop at their next hook. */
bool mock_threads_dead(void);

/* ---- mmu.c ---- */
void mock_mmu_init(void);
void mock_mmu_reset(void);
void mock_tlb_flush(uintptr_t start, uintptr_t end);
void mock_tlb_map_sync(uintptr_t start, uintptr_t end);
void mock_icache_sync(void);
/* Forget what `cpu` cached. */
void mock_tlb_empty(unsigned cpu);
/* After mock_restore: tables and memory are other ones. */
void mock_mmu_rebuild(void);
/* A page fault of the host. Return: false if the address is not the mock's. */
bool mock_page_fault(uintptr_t va, bool write);
/* Memory of the direct map is handed out: fail the test if some CPU can still reach it by an old
 * translation. */
void mock_check_handed_out(uintptr_t start, size_t bytes);

/* ---- protect.c ---- */
int mock_protect_direct(void *start, size_t bytes, unsigned prot);
void mock_guard_page(void *page, bool accessible);
/* Pages of the direct map that are not as usual. */
unsigned long mock_direct_restricted(void);
void mock_protect_reset(void);

/* ---- poison.c: shadow marks of the direct map (AddressSanitizer) ---- */
/* Nothing is poisoned any more. */
void mock_poison_reset(void);
/* Was memory unmapped since the last question? */
bool mock_was_unmapped(void);
void mock_poison_save(void);
void mock_poison_restore(void);

#endif
