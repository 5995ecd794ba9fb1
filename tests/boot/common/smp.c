/* SPDX-License-Identifier: MIT */
/*
 * smp.c: CPUs, the jobs they run together, cross-calls and deferred work: the OS hooks of several
 * CPUs.
 *
 * Each CPU but the first waits in `wait_for_jobs` with interrupts on. CPU 0 publishes a job (a
 * function and a new generation number), runs it too, and waits for the rest.
 *
 * Cross-call: the caller writes its function into its own block, sets its bit in every other CPU's
 * `calls` word and interrupts them; each runs it in interrupt context and counts `call_left` down.
 * The caller spins with interrupts on, so two callers serve each other.
 */
#include "tests/boot/common/kernel.h"

#define STACK_MARK 0x5354434b5354434bull
#define MAX_DEFERRED 64u

struct boot_cpu boot_cpus[BOOT_MAX_CPUS];
char boot_stacks[BOOT_MAX_CPUS][BOOT_STACK_SIZE] __attribute__((aligned(64)));

struct deferred {
	void (*fn)(void *arg);
	void *arg;
};

static struct {
	unsigned online;
	/* the job */
	void (*job)(unsigned cpu);
	unsigned generation, done;
	/* ring of deferred work: [head, tail) is pending */
	unsigned lock;
	unsigned head, tail;
	struct deferred ring[MAX_DEFERRED];
} state = {.online = 1};

/* ---- interrupts ---- */

static void run_calls(struct boot_cpu *self)
{
	uint64_t callers = __atomic_exchange_n(&self->calls, 0, __ATOMIC_ACQUIRE);

	for (unsigned cpu = 0; callers; cpu++, callers >>= 1) {
		if (!(callers & 1))
			continue;
		boot_cpus[cpu].call_fn(boot_cpus[cpu].call_arg);
		__atomic_fetch_sub(&boot_cpus[cpu].call_left, 1u, __ATOMIC_RELEASE);
	}
}

static void check_stack(unsigned cpu)
{
	uint64_t mark;
	__builtin_memcpy(&mark, boot_stacks[cpu], sizeof(mark));
	if (mark != STACK_MARK)
		kernel_panic("a stack overflowed");
}

void kernel_timer(void)
{
	struct boot_cpu *self = this_cpu();
	self->irq_depth++;
	self->ticks++;
	check_stack(self->number);
	workload_interrupt(self->number);
	self->irq_depth--;
}

void kernel_ipi(void)
{
	struct boot_cpu *self = this_cpu();
	self->irq_depth++;
	self->ipis++;
	run_calls(self);
	workload_interrupt(self->number);
	self->irq_depth--;
}

/* ---- hooks ---- */

void quarry_os_call_others(void (*fn)(void *arg), void *arg)
{
	struct boot_cpu *self = this_cpu();
	unsigned online = __atomic_load_n(&state.online, __ATOMIC_ACQUIRE);

	if (self->irq_depth || !this_cpu_irqs_on())
		kernel_panic("a cross-call from interrupt context or with interrupts masked");
	self->call_fn = fn;
	self->call_arg = arg;
	__atomic_store_n(&self->call_left, online - 1, __ATOMIC_RELEASE);
	for (unsigned cpu = 0; cpu < online; cpu++) {
		if (cpu == self->number)
			continue;
		__atomic_fetch_or(&boot_cpus[cpu].calls, 1ull << self->number, __ATOMIC_RELEASE);
		machine_send_ipi(cpu);
	}
	while (__atomic_load_n(&self->call_left, __ATOMIC_ACQUIRE))
		arch_relax();
}

static bool lock_ring(void)
{
	bool on = this_cpu_irqs_on();
	machine_irq_disable();
	while (__atomic_exchange_n(&state.lock, 1u, __ATOMIC_ACQUIRE))
		arch_relax();
	return on;
}

static void unlock_ring(bool on)
{
	__atomic_store_n(&state.lock, 0u, __ATOMIC_RELEASE);
	if (on)
		machine_irq_enable();
}

static void defer(void (*fn)(void *arg), void *arg)
{
	bool on = lock_ring(), full = false, queued = false;

	for (unsigned i = state.head; i != state.tail; i++) {
		struct deferred *item = &state.ring[i % MAX_DEFERRED];
		queued |= item->fn == fn && item->arg == arg;
	}
	full = state.tail - state.head == MAX_DEFERRED;
	if (!queued && !full)
		state.ring[state.tail++ % MAX_DEFERRED] = (struct deferred){fn, arg};
	unlock_ring(on);
	if (full && !queued)
		kernel_panic("too much deferred work");
}

/* ---- kswapd and kcompactd, in steps ---- */

static struct {
	unsigned kswapd_due, kcompactd_due;
	struct smp_kswapd kswapd;
} steps;

static void kswapd_wake(unsigned node)
{
	(void)node;
	__atomic_fetch_add(&steps.kswapd.wakes, 1ul, __ATOMIC_RELAXED);
	__atomic_store_n(&steps.kswapd_due, 1u, __ATOMIC_RELEASE);
}

static void kcompactd_wake(unsigned node)
{
	(void)node;
	__atomic_store_n(&steps.kcompactd_due, 1u, __ATOMIC_RELEASE);
}

static void run_steps(void)
{
	if (__atomic_load_n(&steps.kswapd_due, __ATOMIC_RELAXED) &&
	    __atomic_exchange_n(&steps.kswapd_due, 0u, __ATOMIC_ACQUIRE)) {
		unsigned long before = nr_free_pages();
		while (quarry_kswapd_step(0)) {
		}
		struct smp_kswapd *kswapd = &steps.kswapd;
		__atomic_fetch_add(&kswapd->runs, 1ul, __ATOMIC_RELAXED);
		kswapd->cpu = this_cpu()->number;
		kswapd->before = before;
		kswapd->after = nr_free_pages();
	}
	if (__atomic_load_n(&steps.kcompactd_due, __ATOMIC_RELAXED) &&
	    __atomic_exchange_n(&steps.kcompactd_due, 0u, __ATOMIC_ACQUIRE))
		while (quarry_kcompactd_step(0)) {
		}
}

struct smp_kswapd smp_kswapd(void)
{
	return steps.kswapd;
}

void smp_run_deferred(void)
{
	run_steps();
	for (;;) {
		struct deferred item = {NULL, NULL};
		bool on = lock_ring();
		if (state.head != state.tail)
			item = state.ring[state.head++ % MAX_DEFERRED];
		unlock_ring(on);
		if (!item.fn)
			return;
		item.fn(item.arg);
	}
}

static uint64_t random_word(void)
{
	static uint64_t seed;
	return __atomic_add_fetch(&seed, 0x9e3779b97f4a7c15ull, __ATOMIC_RELAXED) ^
	       machine_cycles();
}

const struct quarry_os_ops kernel_ops = {
	.size = sizeof(struct quarry_os_ops),
	.clock_ns = machine_clock_ns,
	.random = random_word,
	.defer = defer,
	.kswapd_wake = kswapd_wake,
	.kcompactd_wake = kcompactd_wake,
};

/* ---- CPUs and jobs ---- */

static void mark_stack(unsigned cpu)
{
	uint64_t mark = STACK_MARK;
	__builtin_memcpy(boot_stacks[cpu], &mark, sizeof(mark));
}

void smp_check_stacks(void)
{
	for (unsigned cpu = 0; cpu < state.online; cpu++)
		check_stack(cpu);
}

unsigned smp_online(void)
{
	return __atomic_load_n(&state.online, __ATOMIC_ACQUIRE);
}

static _Noreturn void wait_for_jobs(unsigned cpu)
{
	unsigned seen = 0;

	for (;;) {
		unsigned generation = __atomic_load_n(&state.generation, __ATOMIC_ACQUIRE);
		if (generation == seen) {
			machine_wait();
			continue;
		}
		seen = generation;
		state.job(cpu);
		__atomic_fetch_add(&state.done, 1u, __ATOMIC_RELEASE);
	}
}

_Noreturn void kernel_secondary(unsigned cpu)
{
	this_cpu()->irqs_off = 1; /* as we are entered */
	mark_stack(cpu);
	/* Cross-calls go to CPUs 0 .. online - 1: join in order, and before the library counts on
	 * this CPU. A call that comes now waits for machine_irq_enable. */
	while (__atomic_load_n(&state.online, __ATOMIC_ACQUIRE) != cpu)
		arch_relax();
	__atomic_store_n(&state.online, cpu + 1, __ATOMIC_RELEASE);
	if (quarry_cpu_online())
		kernel_panic("quarry_cpu_online failed");
	__atomic_store_n(&boot_cpus[cpu].online, 1u, __ATOMIC_RELEASE);
	machine_timer_start();
	machine_irq_enable();
	wait_for_jobs(cpu);
}

void smp_start(void)
{
	mark_stack(0);
	boot_cpus[0].online = 1;
	machine_timer_start();
	machine_irq_enable();
	unsigned expected = 1 + machine_start_cpus();
	uint64_t end = machine_clock_ns() + 10000000000ull;
	for (unsigned cpu = 0; cpu < expected; cpu++) {
		while (!__atomic_load_n(&boot_cpus[cpu].online, __ATOMIC_ACQUIRE)) {
			if (machine_clock_ns() > end)
				kernel_panic("a CPU did not come up");
			arch_relax();
		}
	}
}

void smp_run(void (*fn)(unsigned cpu))
{
	unsigned online = smp_online();

	state.job = fn;
	__atomic_store_n(&state.done, 0u, __ATOMIC_RELAXED);
	__atomic_fetch_add(&state.generation, 1u, __ATOMIC_RELEASE);
	for (unsigned cpu = 1; cpu < online; cpu++)
		machine_send_ipi(cpu);
	fn(0);
	while (__atomic_load_n(&state.done, __ATOMIC_ACQUIRE) != online - 1)
		arch_relax();
	smp_run_deferred();
}
