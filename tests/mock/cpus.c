/* SPDX-License-Identifier: MIT */
/*
 * cpus.c: CPUs, interrupts and cross-calls.
 *
 * One host thread plays all CPUs in turn (mock_set_cpu), or mock_run_cpus makes a thread for each
 * running CPU. In the first case a cross-call simply runs as an interrupt of the other CPU. In
 * the second it is posted to the CPU's inbox and its thread gets a signal; the handler takes the
 * inbox if interrupts may come in, else the thread takes it when it unmasks. All hooks look at
 * the inbox too, because ThreadSanitizer delays signals to threads that make no calls it knows.
 *
 * The caller of a cross-call takes calls from its own inbox while it waits, so two CPUs that call
 * each other at once both finish. A CPU whose function has returned idles in its thread and takes
 * calls until all have returned; running CPUs that got no function idle from the start.
 *
 * When a CPU thread fails (mock_fail), the world is dead: the other CPU threads leave at their
 * next hook, and the test's thread reports the failure.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "world.h"

#define CALL_SIGNAL SIGUSR2
#define SPINS_ALONE 20000ul /* of one host thread in a loop that nobody else can end */
#define RUN_SECONDS 120	    /* of mock_run_cpus, unless MOCK_TIMEOUT says otherwise */

/* One cross-call to one CPU. */
struct call {
	struct call *next;
	mock_fn fn;
	void *arg;
	unsigned done;
};

struct cpu {
	struct call *inbox;
	pthread_t thread;
	struct call out[QUARRY_MAX_CPUS];
};

static struct {
	struct cpu cpu[QUARRY_MAX_CPUS];
	bool running; /* CPU threads exist */
	unsigned go;
	unsigned dead;
	unsigned nr;	   /* CPUs with a function */
	unsigned returned; /* of those */
	unsigned exited;   /* threads */
	unsigned nr_threads;
	void (*fn)(void *arg, unsigned cpu);
	void *arg;
	char why[540];
} cpus;

bool mock_threads_running(void)
{
	return cpus.running;
}

bool mock_threads_dead(void)
{
	return __atomic_load_n(&cpus.dead, __ATOMIC_RELAXED) != 0;
}

/* ---- interrupts
 * ---------------------------------------------------------------------------------- */

static void run_handler(mock_fn fn, void *arg)
{
	struct mock_state *now = &mock_self.now;
	struct mock_state before = *now;

	now->handler++;
	now->masked = 1;
	now->context = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	fn(arg);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (now->pins != before.pins || now->cpu != before.cpu ||
	    now->handler != before.handler + 1 || !now->masked)
		mock_fail("an interrupt handler left pins, CPU or the interrupt mask changed");
	*now = before;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Calls were pushed in front; run them in the order of arrival. */
static void take_inbox(struct cpu *cpu)
{
	struct call *list = __atomic_exchange_n(&cpu->inbox, NULL, __ATOMIC_ACQUIRE);
	struct call *ordered = NULL;

	while (list) {
		struct call *next = list->next;

		list->next = ordered;
		ordered = list;
		list = next;
	}
	while (ordered) {
		struct call *next = ordered->next;

		run_handler(ordered->fn, ordered->arg);
		__atomic_store_n(&ordered->done, 1, __ATOMIC_RELEASE);
		ordered = next;
	}
}

/* Run the oldest of the interrupts that wait. */
static void take_pending(struct mock_thread *self)
{
	struct mock_work work = self->pending[0];

	self->nr_pending--;
	memmove(&self->pending[0], &self->pending[1], self->nr_pending * sizeof(work));
	run_handler(work.fn, work.arg);
}

static bool interrupts_open(const struct mock_thread *self)
{
	return !self->in_mock && !self->now.masked && !self->now.handler &&
	       !(self->now.context & (QUARRY_CTX_IRQ | QUARRY_CTX_NMI));
}

static bool something_waits(const struct mock_thread *self, const struct cpu *cpu)
{
	return self->nr_pending ||
	       (self->is_cpu && __atomic_load_n(&cpu->inbox, __ATOMIC_RELAXED));
}

void mock_deliver(void)
{
	struct mock_thread *self = &mock_self;
	struct cpu *cpu = &cpus.cpu[self->now.cpu];

	if (self->in_mock)
		return;
	if (self->is_cpu && mock_threads_dead() && self->catch)
		siglongjmp(self->catch->env, 2);
	while (interrupts_open(self) && something_waits(self, cpu)) {
		/* The signal may come while the lists are changed: it stays out until that is
		 * done, and is noticed then. */
		self->now.masked = 1;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		if (self->nr_pending)
			take_pending(self);
		else if (self->is_cpu)
			take_inbox(cpu);
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		self->now.masked = 0;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	}
}

static void on_call_signal(int signal)
{
	int error = errno;

	(void)signal;
	mock_deliver();
	errno = error;
}

void mock_interrupt(mock_fn fn, void *arg)
{
	struct mock_thread *self = &mock_self;
	unsigned masked = self->now.masked;

	self->now.masked = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (self->nr_pending == MOCK_INTERRUPTS)
		mock_fail("mock_interrupt: more than %u interrupts are waiting", MOCK_INTERRUPTS);
	self->pending[self->nr_pending++] = (struct mock_work){fn, arg};
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	self->now.masked = masked;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	mock_deliver();
}

void mock_interrupt_at(unsigned n, mock_fn fn, void *arg)
{
	mock_self.at_countdown = (struct mock_work){fn, arg};
	mock_self.countdown = n;
}

void mock_relax(void)
{
	struct mock_thread *self = &mock_self;

	mock_deliver();
	if (!self->is_cpu && ++self->spins > SPINS_ALONE)
		mock_fail("deadlock: CPU %u waits in a loop that no other thread can end",
			  self->now.cpu);
	sched_yield();
}

/* ---- which CPU
 * ------------------------------------------------------------------------------------- */

void mock_set_cpu(unsigned cpu)
{
	struct mock_thread *self = &mock_self;

	if (cpu >= QUARRY_MAX_CPUS)
		mock_fail("mock_set_cpu: there is no CPU %u", cpu);
	if (self->is_cpu || self->now.pins || self->now.masked || self->now.handler)
		mock_fail("mock_set_cpu: the caller cannot move (thread, pin, mask or handler)");
	self->now.cpu = cpu;
}

void mock_cpu_stop(unsigned cpu)
{
	if (cpu == mock_self.now.cpu || cpus.running)
		mock_fail("mock_cpu_stop: CPU %u is the caller's, or CPUs run as threads", cpu);
	mock_tlb_empty(cpu);
	mock_cpus_remove(&mock_world.running, cpu);
}

void mock_cpu_start(unsigned cpu)
{
	if (cpu >= mock_world.cpus || cpus.running)
		mock_fail("mock_cpu_start: no CPU %u in this world, or CPUs run as threads", cpu);
	mock_cpus_add(&mock_world.running, cpu);
}

/* ---- cross-calls
 * ----------------------------------------------------------------------------------- */

#if QUARRY_MAX_CPUS > 1

static void call_in_turn(mock_fn fn, void *arg)
{
	struct mock_state *now = &mock_self.now;
	struct mock_state before = *now;

	for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++) {
		if (cpu == before.cpu || !mock_cpus_has(&mock_world.running, cpu))
			continue;
		*now = (struct mock_state){.cpu = cpu};
		run_handler(fn, arg);
	}
	*now = before;
}

static void post(struct cpu *cpu, struct call *call)
{
	struct call *head = __atomic_load_n(&cpu->inbox, __ATOMIC_RELAXED);

	do
		call->next = head;
	while (!__atomic_compare_exchange_n(&cpu->inbox, &head, call, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED));
	pthread_kill(cpu->thread, CALL_SIGNAL);
}

static void call_threads(mock_fn fn, void *arg)
{
	unsigned self = mock_self.now.cpu;

	for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++) {
		struct call *call = &cpus.cpu[self].out[cpu];

		if (cpu == self || !mock_cpus_has(&mock_world.running, cpu))
			continue;
		call->fn = fn;
		call->arg = arg;
		__atomic_store_n(&call->done, 0, __ATOMIC_RELAXED);
		post(&cpus.cpu[cpu], call);
	}
	for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++) {
		if (cpu == self || !mock_cpus_has(&mock_world.running, cpu))
			continue;
		while (!__atomic_load_n(&cpus.cpu[self].out[cpu].done, __ATOMIC_ACQUIRE))
			mock_relax();
	}
}

void quarry_os_call_others(mock_fn fn, void *arg)
{
	const struct mock_state *now = &mock_self.now;

	mock_point(MOCK_CALL_OTHERS, "call_others", (uint64_t)(uintptr_t)fn,
		   (uint64_t)(uintptr_t)arg);
	if (now->masked || now->handler || now->context)
		mock_fail("call_others: not in task context with interrupts on and no lock held");
	if (cpus.running)
		call_threads(fn, arg);
	else
		call_in_turn(fn, arg);
}

#endif

/* ---- CPUs as threads
 * -------------------------------------------------------------------------------- */

static void nap(void)
{
	const struct timespec time = {0, 50000};

	nanosleep(&time, NULL);
}

/* The first CPU that fails says why; its last hook calls are printed at once. */
static void die(unsigned cpu, const char *why)
{
	mock_enter();
	if (!cpus.dead) {
		snprintf(cpus.why, sizeof(cpus.why), "CPU %u: %s", cpu, why);
		mock_ring_print(&mock_self);
		__atomic_store_n(&cpus.dead, 1, __ATOMIC_RELEASE);
	}
	mock_leave();
}

static void end_cpu(void)
{
	const struct mock_state *now = &mock_self.now;

	mock_deliver();
	if (now->masked || now->handler || now->pins)
		mock_fail("the CPU's function returned with interrupts masked or a pin held");
	__atomic_fetch_add(&cpus.returned, 1, __ATOMIC_ACQ_REL);
}

static void add_counts(void)
{
	mock_enter();
	for (unsigned i = 0; i < MOCK_NR_HOOKS; i++)
		mock_world.count[i] += mock_self.count[i];
	mock_leave();
}

static void *cpu_thread(void *arg)
{
	struct mock_thread *self = &mock_self;
	struct mock_catch catch = {.outer = NULL};
	char why[512] = "";
	unsigned cpu = (unsigned)(uintptr_t)arg;
	int jumped;

	while (!__atomic_load_n(&cpus.go, __ATOMIC_ACQUIRE))
		nap();
	self->now.cpu = cpu;
	catch.why = why;
	catch.why_size = sizeof(why);
	jumped = sigsetjmp(catch.env, 1);
	if (!jumped) {
		self->catch = &catch;
		self->is_cpu = true;
		if (cpu < cpus.nr) {
			cpus.fn(cpus.arg, cpu);
			end_cpu();
		}
		while (__atomic_load_n(&cpus.returned, __ATOMIC_ACQUIRE) < cpus.nr) {
			mock_deliver();
			nap();
		}
		mock_deliver();
	}
	self->catch = NULL;
	self->is_cpu = false;
	self->now.masked = 1; /* late signals */
	if (jumped == 1)
		die(cpu, why);
	add_counts();
	__atomic_fetch_add(&cpus.exited, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void wait_for_threads(void)
{
	const char *limit = getenv("MOCK_TIMEOUT");
	time_t seconds = limit ? (time_t)atol(limit) : RUN_SECONDS, end = time(NULL) + seconds;

	while (__atomic_load_n(&cpus.exited, __ATOMIC_ACQUIRE) < cpus.nr_threads) {
		if (time(NULL) > end) {
			fprintf(stderr,
				"mock_run_cpus: %u of %u CPUs have returned after %ld s; "
				"giving up\n",
				cpus.returned, cpus.nr, (long)seconds);
			_Exit(99);
		}
		nap();
	}
}

static void install_call_handler(void)
{
	struct sigaction action = {.sa_handler = on_call_signal,
				   .sa_flags = SA_RESTART | SA_NODEFER};

	sigaction(CALL_SIGNAL, &action, NULL);
}

void mock_run_cpus(unsigned n, void (*fn)(void *arg, unsigned cpu), void *arg)
{
	if (n > mock_world.cpus || cpus.running || mock_self.is_cpu)
		mock_fail("mock_run_cpus: %u CPUs asked, the world has %u (or they run already)", n,
			  mock_world.cpus);
	for (unsigned cpu = 0; cpu < n; cpu++)
		if (!mock_cpus_has(&mock_world.running, cpu))
			mock_fail("mock_run_cpus: CPU %u is stopped", cpu);
	install_call_handler();
	mock_cpus_reset();
	cpus.nr = n;
	cpus.fn = fn;
	cpus.arg = arg;
	cpus.running = true;
	for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++) {
		if (!mock_cpus_has(&mock_world.running, cpu))
			continue;
		if (pthread_create(&cpus.cpu[cpu].thread, NULL, cpu_thread, (void *)(uintptr_t)cpu))
			abort();
		cpus.nr_threads++;
	}
	__atomic_store_n(&cpus.go, 1, __ATOMIC_RELEASE);
	wait_for_threads();
	for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++)
		if (mock_cpus_has(&mock_world.running, cpu))
			pthread_join(cpus.cpu[cpu].thread, NULL);
	cpus.running = false;
	if (cpus.dead) {
		cpus.dead = 0;
		mock_fail("%s", cpus.why);
	}
}

void mock_cpus_reset(void)
{
	for (unsigned cpu = 0; cpu < QUARRY_MAX_CPUS; cpu++)
		cpus.cpu[cpu].inbox = NULL;
	cpus.running = false;
	cpus.go = cpus.dead = cpus.nr = cpus.returned = cpus.exited = cpus.nr_threads = 0;
}
