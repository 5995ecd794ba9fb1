/* SPDX-License-Identifier: MIT */
/*
 * os.h: the contract with the operating system.
 *
 * Two binding styles. HOT hooks are plain functions, found by the linker: a missing one is a link
 * error that names it. A kernel that wants one inlined writes it in a header of its own, names the
 * header in -DQUARRY_OS_HEADER='"my_os.h"', and defines QUARRY_OS_HAVE_<NAME> there. COLD hooks are
 * pointers in `struct quarry_os_ops`, given at `quarry_init`; a NULL pointer has the documented
 * default.
 *
 * Profiles   tiny  QUARRY_MAX_CPUS == 1: log and panic are the only functions to write (the memory
 *                  map and the direct-map offset are arguments of quarry_init; interrupt masking
 *                  comes with the CPU port and can be overridden).
 *            SMP   + cpu, pin/unpin, call_others, context, task_word.
 *            full  + the pointers of quarry_os_ops that the kernel wants.
 *
 * Each hook states five facts:
 *   Context  where we may call it (task, irq, nmi; with irqs masked; with a lock of ours held)
 *   Sleep    may it block?        Allocate  may it call back into this library?
 *   Lock     may it take locks of the OS?      From  the first stage in which we call it
 */
#ifndef QUARRY_OS_H
#define QUARRY_OS_H

#include <quarry/types.h>

/* Context bits (SMP profile; the tiny profile answers 0). */
#define QUARRY_CTX_ATOMIC 1u /* may not sleep: irqs masked, spin lock held or preemption off */
#define QUARRY_CTX_IRQ 2u    /* in an interrupt handler (then also ATOMIC) */
#define QUARRY_CTX_NMI 4u    /* in a non-maskable interrupt (then also IRQ and ATOMIC) */

#ifdef QUARRY_OS_HEADER
#include QUARRY_OS_HEADER
#endif

QUARRY_BEGIN_DECLS

/* Levels of quarry_os_log; the numbers are syslog's. */
enum { QUARRY_LOG_ERR = 3, QUARRY_LOG_WARN = 4, QUARRY_LOG_INFO = 6 };

/* ---- every profile ------------------------------------------------------------------------- */

/*
 * Print one line; `line` has no newline and lives only during the call. May drop it.
 * Context: any, irqs masked, a lock of ours may be held. Sleep: no. Allocate: no. Lock: only such
 * as are never held around a call of ours. From: the first call of quarry_init.
 */
#ifndef QUARRY_OS_HAVE_LOG
void quarry_os_log(int level, const char *line);
#endif

/*
 * Stop the machine, saying why. Called only when going on would corrupt memory.
 * Context: any. Sleep, Allocate: no. Does not return. From: the first call of quarry_init.
 */
#ifndef QUARRY_OS_HAVE_PANIC
QUARRY_NORETURN void quarry_os_panic(const char *why);
#endif

#if QUARRY_MAX_CPUS > 1

/*
 * Number of the calling CPU, 0 .. QUARRY_MAX_CPUS - 1, dense. Constant while pinned, in an
 * interrupt, or with irqs masked. An inline one may return unsigned long, which spares the fast
 * paths an extension.
 * Context: any. Sleep, Allocate, Lock: no. From: the first call of quarry_init (must answer 0
 * there).
 */
#ifndef QUARRY_OS_HAVE_CPU
unsigned quarry_os_cpu(void);
#endif

/*
 * Keep the calling task on this CPU and no other task from running on it, until the matching unpin;
 * nests. Interrupts stay on. A kernel without kernel preemption defines both as nothing; one that
 * cannot hold off preemption masks interrupts.
 * Context: any. Sleep, Allocate, Lock: no. From: the first call of quarry_init.
 */
#ifndef QUARRY_OS_HAVE_PIN
void quarry_os_pin(void);
void quarry_os_unpin(void);
#endif

/*
 * Run fn(arg) on every other running CPU, in interrupt context there, and return when all have
 * finished. Used for remote TLB flushes and to drain the other CPUs' arrays.
 * Context: task, pinned, irqs on, no lock of ours held. Sleep: no, spins. Allocate: no. From: after
 * quarry_cpu_online() of a second CPU.
 */
#ifndef QUARRY_OS_HAVE_CALL_OTHERS
void quarry_os_call_others(void (*fn)(void *arg), void *arg);
#endif

/*
 * What the caller may do: an OR of QUARRY_CTX_*; 0 means "may sleep". Cheap: the context lint asks
 * on every request that may sleep.
 * Context: any. Sleep, Allocate, Lock: no. From: the first call of quarry_init.
 */
#ifndef QUARRY_OS_HAVE_CONTEXT
unsigned quarry_os_context(void);
#endif

/*
 * A word of the running task (0 when the task is created) for the allocation scopes of
 * quarry/sched/mm.h. In an interrupt, the word of the interrupted task or one of the CPU's own.
 * Context: any. Sleep, Allocate, Lock: no. From: the first call of quarry_init.
 */
#ifndef QUARRY_OS_HAVE_TASK_WORD
unsigned long *quarry_os_task_word(void);
#endif

#endif /* SMP profile */

/* ---- optional duties ------------------------------------------------------------------------ */

struct quarry_report;

/* A call after a grace period (`call_rcu` below). Ours until it was made; `os` is the OS's to queue
 * it with. */
struct quarry_rcu_head {
	void (*fn)(struct quarry_rcu_head *head);
	void *os[2];
};

/* What a round of reclaim wants of the OS's own pages (`reclaim` below). */
struct quarry_reclaim {
	unsigned node;
	gfp_t gfp;        /* may it start IO, may it enter file systems */
	unsigned order;   /* of the request behind it */
	unsigned highest; /* highest zone that helps (enum zone_type) */
	unsigned long nr; /* pages wanted */
};

/* A request that found no memory anywhere (`oom` below). */
struct quarry_oom {
	gfp_t gfp;
	unsigned order, node;
	bool may_kill; /* false: the request may not enter file systems: kill nobody */
	const char *call;
	uintptr_t caller;
};
enum quarry_oom_result {
	QUARRY_OOM_CANNOT, /* nothing can be done: the request fails */
	QUARRY_OOM_FREED,  /* memory was freed: ask again */
	QUARRY_OOM_KILLED, /* somebody will free memory soon: wait, ask again */
};

/*
 * Cold hooks. Zero the struct, set `size` to sizeof(struct quarry_os_ops) and fill what you have: a
 * library newer than the kernel sees the missing tail as NULL.
 */
struct quarry_os_ops {
	size_t size;

	/* Nanoseconds since some start, never backwards. Any context; no sleep, allocation or lock.
	 * Default: report rate limits count reports instead of time. */
	uint64_t (*clock_ns)(void);

	/* 64 random bits. Any context; no sleep, allocation or lock. Default: a fixed sequence. */
	uint64_t (*random)(void);

	/* Run fn(arg) soon in task context with irqs on. Called from any context but NMI, irqs
	 * possibly masked; must not sleep or allocate; the same pending (fn, arg) may be coalesced.
	 * Default: done at the next call of ours that may sleep. */
	void (*defer)(void (*fn)(void *arg), void *arg);

	/* Flush [start, end) from every *other* CPU's TLB and wait. Task context, irqs on, no lock
	 * of ours held; no allocation. Default: quarry_os_call_others with the CPU port's local
	 * flush. */
	void (*flush_tlb_others)(uintptr_t start, uintptr_t end);

	/* Sees each report after it was logged (quarry/debug.h). Any context, a lock of ours may be
	 * held; must not sleep, lock or allocate. Default: none. */
	void (*report)(const struct quarry_report *report);

	/* Name of a code address into buf, for reports and vmallocinfo; false if unknown. Any
	 * context; no sleep or allocation. Default: raw addresses. */
	bool (*symbol)(uintptr_t address, char *buf, size_t size);

	/* Node of a CPU. At quarry_init and quarry_cpu_online; no sleep or allocation. Default:
	 * node 0. */
	unsigned (*cpu_node)(unsigned cpu);

	/* Wake the thread that runs quarry_kcompactd(node), or make the idle loop call
	 * quarry_kcompactd_step(node). Any context but NMI, no lock of ours held; must not sleep or
	 * allocate. Not called again until that was seen to. Default: requests compact for
	 * themselves. */
	void (*kcompactd_wake)(unsigned node);
	/* Sleep until kcompactd_wake(node) was called since the last return, or for as long as the
	 * thread shall rest before it looks ahead. Task context, no lock of ours held. Return:
	 * false to end the thread. Default: quarry_kcompactd returns. */
	bool (*kcompactd_wait)(unsigned node);

	/* Should this failure site fail now? (QUARRY_FAULT_INJECTION builds.) Any context; no
	 * sleep, allocation or lock. Default: never. */
	bool (*fault)(unsigned site);

	/* Let others run for about `ns` nanoseconds. Task context, irqs on, no lock of ours held;
	 * sleeps, must not allocate. Called between the tries of a request that waits for memory.
	 * Default: spins a moment. */
	void (*sleep_ns)(uint64_t ns);

	/* Pages of the OS's own that it could give up: free about `nr` of them (dirty ones only if
	 * the mask allows IO). Task context, no lock of ours held, noreclaim scope: what it
	 * allocates comes from the reserves; may sleep. Return: pages freed. Default: only
	 * shrinkers free. */
	unsigned long (*reclaim)(const struct quarry_reclaim *want);
	/* How many pages `reclaim` could free of that node. Any context; no sleep, allocation or
	 * lock. Default: none. */
	unsigned long (*reclaimable)(unsigned node);

	/* Wake the thread that runs quarry_kswapd(node), or make the idle loop call
	 * quarry_kswapd_step(node). Any context but NMI, irqs possibly masked, no lock of ours
	 * held;
	 * must not sleep or allocate. Not called again until a run began. Default: the next request
	 * with all of GFP_KERNEL's rights does the work itself. */
	void (*kswapd_wake)(unsigned node);
	/* Sleep until kswapd_wake(node) was called since the last return. Task context, no lock of
	 * ours held. Return: false to end the thread. Default: quarry_kswapd returns. */
	bool (*kswapd_wait)(unsigned node);

	/* Memory is exhausted: make somebody give some up. Task context, no lock of ours held, one
	 * call at a time, noreclaim scope; may sleep. A request for which nobody may be killed
	 * comes again after a tick, whatever the answer, until memory appears or no page at all
	 * came back to its zones for 1000 ticks: then it fails. Default: the request fails. */
	enum quarry_oom_result (*oom)(const struct quarry_oom *request);
	/* Was the calling task chosen by `oom`? It may then use part of the reserve, and fails
	 * rather than wait. Task context; no sleep, allocation or lock. Default: no. */
	bool (*oom_victim)(void);

	/* What the direct map allows for [start, start + bytes), whole pages, from now on: `prot`
	 * of QUARRY_PROT_*, never EXEC. When it returns no CPU has a translation that allows more,
	 * or of another caching attribute. Called when set_memory_* or execmem changed what the
	 * vmalloc address of these pages allows (quarry/set_memory.h), and with
	 * QUARRY_PROT_KERNEL before they are freed; that must not fail. Task context, irqs on, no
	 * lock of ours held; may sleep and allocate pages, not call vm_unmap_aliases, which may
	 * wait for it. Return: 0, or a negative error with nothing changed. Default: the direct
	 * map stays as it is. */
	int (*protect_direct_map)(void *start, size_t bytes, unsigned prot);

	/* Call head->fn(head) once every reader that runs now has left its read-side section (RCU's
	 * grace period), in any context but NMI, with no lock of the OS held that a free of memory
	 * could want. Any context but NMI, irqs possibly masked, no lock of ours held; must not
	 * sleep or allocate. Default: kfree_rcu keeps the memory for ever (reported), and pages of
	 * type-stable caches stay until the cache is destroyed. */
	void (*call_rcu)(struct quarry_rcu_head *head);
	/* Wait until every reader that runs now has left its read-side section. Task context, no
	 * lock of ours held; sleeps, must not allocate. Default: who has to wait asks for memory
	 * until there is some. */
	void (*synchronize_rcu)(void);

	/* Bounds of the running stack; false: not known. Any context but NMI; no sleep, allocation
	 * or lock. Default: copies to users are not compared with it. */
	bool (*stack)(uintptr_t *low, uintptr_t *high);
	/* A copy to or from a user leaves its object (quarry/usercopy.h): end the task, or the
	 * machine. Context of the copy. If it returns, so does check_object_size. Default:
	 * panic. */
	void (*usercopy_abort)(const void *p, size_t n, bool to_user);

	/* Copy n bytes from a user's address, which may be any. Task context, no lock of ours held;
	 * may sleep and allocate. Return: bytes that were not copied. Default: memdup_user and its
	 * family (quarry/string.h) fail. */
	unsigned long (*copy_from_user)(void *to, const void *from, unsigned long n);

	/* Allow or deny every access to one page of the direct map, on this CPU at once; other CPUs
	 * may have its translation for a while: nobody waits for them. Any context but NMI, irqs
	 * masked, a lock of ours held; must not sleep, allocate, or call us. quarry_init calls it
	 * for each page of the sampling guard's pool (2^19 bytes, aligned so), where a huge leaf
	 * may have to be split. Default: quarry_params.guard_every has no effect. */
	void (*guard_page)(void *page, bool accessible);
};

QUARRY_END_DECLS

#endif
