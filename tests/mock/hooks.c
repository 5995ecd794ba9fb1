/* SPDX-License-Identifier: MIT */
/*
 * hooks.c: every hook of quarry/os.h, with a note of each call and checks of how it is called.
 *
 * Hot hooks touch only the calling thread's state. Counters are per thread and are added up when
 * a CPU thread ends. Each hook call is a point at which a waiting interrupt comes in
 * (mock_point).
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

enum { STATE_OPEN = 0x0de1, STATE_MASKED = 0x0de2 };

/* ---- points
 * ------------------------------------------------------------------------------------ */

void mock_point(enum mock_hook hook, const char *what, uint64_t a, uint64_t b)
{
	struct mock_thread *self = &mock_self;
	struct mock_ring_entry *entry = &self->ring[self->ring_next++ % MOCK_RING];

	if (hook < MOCK_NR_HOOKS)
		self->count[hook]++;
	entry->what = what;
	entry->state = self->now;
	entry->a = a;
	entry->b = b;
	self->spins = 0;
	if (self->countdown && --self->countdown == 0)
		mock_interrupt(self->at_countdown.fn, self->at_countdown.arg);
	else
		mock_deliver();
}

void mock_ring_print(const struct mock_thread *thread)
{
	unsigned long first = thread->ring_next > 16 ? thread->ring_next - 16 : 0;

	fprintf(stderr, "--- last hook calls ---\n");
	for (unsigned long i = first; i < thread->ring_next; i++) {
		const struct mock_ring_entry *e = &thread->ring[i % MOCK_RING];

		fprintf(stderr, "cpu %u%s%s pins %u: %s(%#lx, %#lx)\n", e->state.cpu,
			e->state.handler ? " irq" : "", e->state.masked ? " masked" : "",
			e->state.pins, e->what, (unsigned long)e->a, (unsigned long)e->b);
	}
}

unsigned long mock_hook_count(enum mock_hook hook)
{
	return mock_world.count[hook] + mock_self.count[hook];
}

void mock_hook_reset(void)
{
	memset(mock_world.count, 0, sizeof(mock_world.count));
	memset(mock_self.count, 0, sizeof(mock_self.count));
}

/* ---- every profile
 * ----------------------------------------------------------------------------- */

void quarry_os_log(int level, const char *line)
{
	mock_point(MOCK_LOG, "log", (uint64_t)level, 0);
	mock_log_text(line);
}

void quarry_os_panic(const char *why)
{
	mock_fail("panic: %s", why);
}

unsigned long mock_irq_save(void)
{
	struct mock_state *now = &mock_self.now;
	unsigned long state;

	mock_point(MOCK_IRQ_SAVE, "irq_save", 0, 0);
	state = now->masked ? STATE_MASKED : STATE_OPEN;
	now->masked = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return state;
}

void mock_irq_restore(unsigned long state)
{
	struct mock_state *now = &mock_self.now;

	mock_point(MOCK_NR_HOOKS, "irq_restore", state, 0);
	if (state != STATE_OPEN && state != STATE_MASKED)
		mock_fail("irq_restore: %#lx is not a state that irq_save returned", state);
	if (!now->masked)
		mock_fail("irq_restore: interrupts are not masked");
	if (state == STATE_MASKED)
		return;
	if (now->handler)
		mock_fail("irq_restore: would unmask interrupts in an interrupt handler");
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	now->masked = 0;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	mock_deliver();
}

/* ---- SMP profile
 * -------------------------------------------------------------------------------- */

#if QUARRY_MAX_CPUS > 1

unsigned quarry_os_cpu(void)
{
	mock_point(MOCK_NR_HOOKS, "cpu", 0, 0);
	return mock_self.now.cpu;
}

/* Move the calling task: the worst that a scheduler may do to a task that is not pinned. */
static void migrate(struct mock_state *now)
{
	unsigned cpu = now->cpu;

	do
		cpu = (cpu + 1) % mock_world.cpus;
	while (!mock_cpus_has(&mock_world.running, cpu));
	now->cpu = cpu;
}

void quarry_os_pin(void)
{
	struct mock_state *now = &mock_self.now;

	mock_point(MOCK_PIN, "pin", 0, 0);
	if (mock_world.migrate && !now->pins && !now->masked && !now->handler && !now->context &&
	    !mock_self.is_cpu)
		migrate(now);
	now->pins++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void quarry_os_unpin(void)
{
	struct mock_state *now = &mock_self.now;

	mock_point(MOCK_NR_HOOKS, "unpin", 0, 0);
	if (!now->pins)
		mock_fail("unpin without a pin");
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	now->pins--;
}

unsigned quarry_os_context(void)
{
	const struct mock_state *now = &mock_self.now;

	mock_point(MOCK_NR_HOOKS, "context", 0, 0);
	if (now->handler)
		return now->context | QUARRY_CTX_IRQ | QUARRY_CTX_ATOMIC;
	return now->context | (now->masked ? QUARRY_CTX_ATOMIC : 0);
}

unsigned long *quarry_os_task_word(void)
{
	mock_point(MOCK_NR_HOOKS, "task_word", 0, 0);
	return &mock_self.task_word[mock_self.task];
}

#endif

void mock_set_task(unsigned task)
{
	if (task >= MOCK_TASKS)
		mock_fail("mock_set_task: there is no task %u", task);
	mock_self.task = task;
}

void mock_set_context(unsigned ctx)
{
	if (ctx & QUARRY_CTX_NMI)
		ctx |= QUARRY_CTX_IRQ;
	if (ctx & QUARRY_CTX_IRQ)
		ctx |= QUARRY_CTX_ATOMIC;
	mock_self.now.context = ctx;
	mock_deliver();
}

/* ---- optional hooks
 * ------------------------------------------------------------------------------ */

static uint64_t clock_ns(void)
{
	mock_point(MOCK_CLOCK, "clock_ns", 0, 0);
	return __atomic_load_n(&mock_world.clock, __ATOMIC_RELAXED);
}

void mock_advance_ns(uint64_t ns)
{
	__atomic_fetch_add(&mock_world.clock, ns, __ATOMIC_RELAXED);
}

/* Time passes, deferred work and interrupts come in: what a sleep is for. */
static void sleep_ns(uint64_t ns)
{
	const struct mock_state *now = &mock_self.now;

	mock_point(MOCK_SLEEP, "sleep_ns", ns, 0);
	if (now->masked || now->handler || now->context || now->pins)
		mock_fail("sleep_ns: not in task context with interrupts on and no pin");
	mock_advance_ns(ns);
	if (mock_self.is_cpu)
		sched_yield();
	else
		mock_run_deferred();
}

static uint64_t random_word(void)
{
	uint64_t seed;

	mock_point(MOCK_RANDOM, "random", 0, 0);
	seed = __atomic_fetch_add(&mock_world.random, 1, __ATOMIC_RELAXED) << 20;
	return mock_random(&seed);
}

static void defer(mock_fn fn, void *arg)
{
	struct mock_world *world = &mock_world;
	bool full = false, found = false;

	mock_point(MOCK_DEFER, "defer", (uint64_t)(uintptr_t)fn, (uint64_t)(uintptr_t)arg);
	if (mock_self.now.context & QUARRY_CTX_NMI)
		mock_fail("defer: called in NMI context");
	mock_enter();
	for (unsigned i = 0; i < world->nr_deferred; i++)
		found |= world->deferred[i].fn == fn && world->deferred[i].arg == arg;
	full = world->nr_deferred == MOCK_DEFERRED;
	if (!found && !full)
		world->deferred[world->nr_deferred++] = (struct mock_work){fn, arg};
	mock_leave();
	if (!found && full)
		mock_fail("defer: more than %u pieces of work are pending", MOCK_DEFERRED);
}

unsigned mock_run_deferred(void)
{
	struct mock_world *world = &mock_world;
	struct mock_state *now = &mock_self.now;
	unsigned nr = 0, context = now->context;

	if (now->masked || now->handler)
		mock_fail("mock_run_deferred: not in task context with interrupts on");
	now->context = 0;
	for (;;) {
		struct mock_work work = {NULL, NULL};

		mock_enter();
		if (world->nr_deferred) {
			work = world->deferred[0];
			world->nr_deferred--;
			memmove(&world->deferred[0], &world->deferred[1],
				world->nr_deferred * sizeof(work));
		}
		mock_leave();
		if (!work.fn)
			break;
		work.fn(work.arg);
		nr++;
	}
	now->context = context;
	return nr;
}

static void call_rcu(struct quarry_rcu_head *head)
{
	struct mock_world *world = &mock_world;

	mock_point(MOCK_NR_HOOKS, "call_rcu", (uint64_t)(uintptr_t)head, 0);
	if (mock_self.now.context & QUARRY_CTX_NMI)
		mock_fail("call_rcu: called in NMI context");
	mock_enter();
	for (const struct quarry_rcu_head *h = world->graces; h; h = h->os[0])
		if (h == head)
			mock_fail("call_rcu: the same head waits already");
	head->os[0] = world->graces;
	world->graces = head;
	mock_leave();
}

unsigned mock_grace(void)
{
	struct mock_world *world = &mock_world;
	unsigned nr = 0;

	for (;;) {
		mock_enter();
		struct quarry_rcu_head *head = world->graces;

		if (head)
			world->graces = head->os[0];
		mock_leave();
		if (!head)
			return nr;
		head->fn(head);
		nr++;
	}
}

static void synchronize_rcu(void)
{
	const struct mock_state *now = &mock_self.now;

	mock_point(MOCK_NR_HOOKS, "synchronize_rcu", 0, 0);
	if (now->masked || now->handler || now->context || now->pins)
		mock_fail("synchronize_rcu: not in task context with interrupts on and no pin");
	mock_grace();
}

static void usercopy_abort(const void *p, size_t n, bool to_user)
{
	mock_point(MOCK_NR_HOOKS, "usercopy_abort", (uint64_t)(uintptr_t)p, n + to_user);
	mock_world.usercopy_aborts++;
}

static unsigned long copy_from_user(void *to, const void *from, unsigned long n)
{
	const struct mock_state *now = &mock_self.now;
	size_t at = (uintptr_t)from - mock_world.user_start;
	size_t room = at < mock_world.user_bytes ? mock_world.user_bytes - at : 0;

	mock_point(MOCK_NR_HOOKS, "copy_from_user", (uint64_t)(uintptr_t)from, n);
	if (now->masked || now->handler || now->context || now->pins)
		mock_fail("copy_from_user: not in task context with interrupts on and no pin");
	if (room)
		memcpy(to, from, n < room ? n : room);
	return n < room ? 0 : n - room;
}

unsigned mock_usercopy_aborts(void)
{
	return mock_world.usercopy_aborts;
}

#if QUARRY_MAX_CPUS > 1

struct flush {
	uintptr_t start, end;
};

static void flush_here(void *arg)
{
	const struct flush *flush = arg;

	mock_tlb_flush(flush->start, flush->end);
}

static void flush_others(uintptr_t start, uintptr_t end)
{
	struct flush flush = {start, end};

	quarry_os_call_others(flush_here, &flush);
}

#endif

static unsigned cpu_node_0(unsigned cpu)
{
	(void)cpu;
	return 0;
}

/* ---- reports
 * ------------------------------------------------------------------------------------- */

static void on_report(const struct quarry_report *report)
{
	struct mock_world *world = &mock_world;

	mock_point(MOCK_NR_HOOKS, "report", (uint64_t)report->rule,
		   (uint64_t)(uintptr_t)report->subject);
	if (report->rule >= QUARRY_NR_RULES)
		mock_fail("report: rule %d does not exist", (int)report->rule);
	mock_enter();
	world->reports[report->rule]++;
	if (world->expected[report->rule])
		world->expected[report->rule]--;
	else
		world->unexpected[report->rule]++;
	world->last_report = *report;
	mock_leave();
}

void mock_expect_report(enum quarry_rule rule, unsigned count)
{
	mock_world.expected[rule] += count;
}

unsigned long mock_reports(enum quarry_rule rule)
{
	return mock_world.reports[rule];
}

const struct quarry_report *mock_last_report(void)
{
	return &mock_world.last_report;
}

/* ---- failure injection
 * ----------------------------------------------------------------------------- */

static bool fault(unsigned site)
{
	struct mock_world *world = &mock_world;
	bool fail = false;

	mock_point(MOCK_NR_HOOKS, "fault", site, 0);
	if (site >= MOCK_SITES)
		mock_fail("fault: site %u is beyond what the mock counts", site);
	__atomic_fetch_add(&world->passes[site], 1, __ATOMIC_RELAXED);
	if (!__atomic_load_n(&world->fail_in, __ATOMIC_RELAXED) ||
	    (world->fail_site >= 0 && (unsigned)world->fail_site != site))
		return false;
	mock_enter();
	if (world->fail_in) {
		fail = world->fail_in == 1;
		if (!fail || !world->fail_later)
			__atomic_store_n(&world->fail_in, world->fail_in - 1, __ATOMIC_RELAXED);
	}
	mock_leave();
	return fail;
}

void mock_fail_site(int site, unsigned long n, bool and_later)
{
	mock_world.fail_site = site;
	mock_world.fail_later = and_later;
	__atomic_store_n(&mock_world.fail_in, n, __ATOMIC_RELAXED);
}

unsigned long mock_fault_passes(int site)
{
	unsigned long sum = 0;

	if (site >= 0)
		return mock_world.passes[site];
	for (unsigned i = 0; i < MOCK_SITES; i++)
		sum += mock_world.passes[i];
	return sum;
}

void mock_hooks_fill(const struct mock_config *config)
{
	struct quarry_os_ops *ops = &mock_world.ops;

	memset(ops, 0, sizeof(*ops));
	ops->size = sizeof(*ops);
	ops->report = on_report;
	ops->fault = fault;
	if (!config->no_optional) {
		ops->clock_ns = clock_ns;
		ops->random = random_word;
		ops->defer = defer;
		ops->sleep_ns = sleep_ns;
		ops->call_rcu = call_rcu;
		ops->synchronize_rcu = synchronize_rcu;
		ops->usercopy_abort = usercopy_abort;
		ops->cpu_node = config->cpu_node ? config->cpu_node : cpu_node_0;
	}
	mock_world.user_start = (uintptr_t)config->user_start;
	mock_world.user_bytes = config->user_bytes;
	if (config->user_bytes)
		ops->copy_from_user = copy_from_user;
	if (config->guard_pages)
		ops->guard_page = mock_guard_page;
	if (config->protect_direct)
		ops->protect_direct_map = mock_protect_direct;
#if QUARRY_MAX_CPUS > 1
	if (config->flush_hook)
		ops->flush_tlb_others = flush_others;
#endif
}
