/* SPDX-License-Identifier: MIT */
/*
 * mock.c: the world: start, stop, failures, the text log.
 *
 * A world that did not reach mock_stop (its test failed by an assertion) is noticed at the next
 * start, which prints its log; one that fails by mock_fail prints it at once.
 *
 * Start at mock_try_start().
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <quarry/string.h>

#include "world.h"

#define LOG_SIZE 65536u
#define LOG_SHOWN 6000u

/* The library's state (mm/base/state.h); absent if the library was built without
 * QUARRY_STATE_SECTION. */
extern char __start_quarry_state[] __attribute__((weak));
extern char __stop_quarry_state[] __attribute__((weak));

/* What the layers keep for later; called when linked. */
void slab_drain(void) QUARRY_API(slab_drain) __attribute__((weak));
void vmap_drain(void) QUARRY_API(vmap_drain) __attribute__((weak));

struct mock_world mock_world;
__thread struct mock_thread mock_self;

static struct {
	pthread_mutex_t mutex;
	char *state_image;
	struct sigaction old_segv, old_bus;
	char log[LOG_SIZE];
	size_t log_used;
	bool verbose;
} host = {.mutex = PTHREAD_MUTEX_INITIALIZER};

void mock_enter(void)
{
	mock_self.in_mock++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (mock_self.in_mock == 1)
		pthread_mutex_lock(&host.mutex);
}

void mock_leave(void)
{
	if (mock_self.in_mock == 1)
		pthread_mutex_unlock(&host.mutex);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	mock_self.in_mock--;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	mock_deliver();
}

/* ---- log and failures ---- */

void mock_log_text(const char *text)
{
	size_t length = strlen(text);

	if (host.verbose)
		fprintf(stderr, "| %s\n", text);
	mock_enter();
	if (length > LOG_SIZE / 4)
		length = LOG_SIZE / 4;
	if (host.log_used + length + 1 > LOG_SIZE) {
		memmove(host.log, host.log + LOG_SIZE / 2, host.log_used - LOG_SIZE / 2);
		host.log_used -= LOG_SIZE / 2;
	}
	memcpy(host.log + host.log_used, text, length);
	host.log[host.log_used + length] = '\n';
	host.log_used += length + 1;
	mock_leave();
}

unsigned mock_log_lines(const char *text)
{
	unsigned lines = 0;
	size_t length = strlen(text);

	for (size_t i = 0; i + length <= host.log_used; i++)
		lines += !memcmp(host.log + i, text, length);
	return lines;
}

static void print_log(void)
{
	size_t from = host.log_used > LOG_SHOWN ? host.log_used - LOG_SHOWN : 0;

	if (host.log_used && !host.verbose)
		fprintf(stderr, "--- log of this world%s ---\n%.*s---\n", from ? " (its end)" : "",
			(int)(host.log_used - from), host.log + from);
}

static void unblock_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_UNBLOCK, &all, NULL);
}

void mock_fail(const char *format, ...)
{
	struct mock_thread *self = &mock_self;
	char why[512];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (self->in_mock) {
		pthread_mutex_unlock(&host.mutex);
		self->in_mock = 0;
	}
	if (self->catch) {
		struct mock_catch *catch = self->catch;

		snprintf(catch->why, catch->why_size, "%s", why);
		siglongjmp(catch->env, 1);
	}
	print_log();
	mock_ring_print(self);
	unblock_signals();
	mock_abandon();
	fail_msg("%s", why);
	abort();
}

const char *mock_failure_of(mock_fn fn, void *arg)
{
	static __thread char why[512];
	struct mock_thread *self = &mock_self;
	struct mock_catch catch = {.state = self->now, .outer = self->catch};

	catch.why = why;
	catch.why_size = sizeof(why);
	if (sigsetjmp(catch.env, 1)) {
		mock_self.catch = catch.outer;
		mock_self.now = catch.state;
		return why;
	}
	self->catch = &catch;
	fn(arg);
	self->catch = catch.outer;
	return NULL;
}

/* ---- page faults of the host ---- */

static void on_fault(int signal, siginfo_t *info, void *context)
{
	bool write = false;
	uintptr_t pc = 0;

#ifdef __x86_64__
	write = ((const ucontext_t *)context)->uc_mcontext.gregs[REG_ERR] & 2;
	pc = (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#else
	(void)context;
#endif
	if (mock_world.ops.guard_page && quarry_guard_fault((uintptr_t)info->si_addr, write, pc))
		return;
	/* Not ours: let the previous handler see the same fault. */
	if (!mock_page_fault((uintptr_t)info->si_addr, write))
		sigaction(signal, signal == SIGSEGV ? &host.old_segv : &host.old_bus, NULL);
}

/* At each start, because cmocka installs its own handlers at each test. */
static void install_fault_handler(void)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	struct sigaction old;

	sigaction(SIGSEGV, &action, &old);
	if (old.sa_sigaction != on_fault)
		host.old_segv = old;
	sigaction(SIGBUS, &action, &old);
	if (old.sa_sigaction != on_fault)
		host.old_bus = old;
}

/* ---- once a program
 * ---------------------------------------------------------------------------- */

void *mock_state(void)
{
	return __start_quarry_state;
}

size_t mock_state_size(void)
{
	return __start_quarry_state ? (size_t)(__stop_quarry_state - __start_quarry_state) : 0;
}

static void at_exit(void)
{
	if (mock_world.live)
		print_log();
}

__attribute__((constructor)) static void save_state_image(void)
{
	host.state_image = malloc(mock_state_size() + 1);
	if (!host.state_image)
		abort();
	if (mock_state_size())
		memcpy(host.state_image, __start_quarry_state, mock_state_size());
}

static void init_once(void)
{
	const char *verbose = getenv("MOCK_VERBOSE");

	if (mock_memory >= 0)
		return;
	host.verbose = verbose && *verbose;
	mock_memory_init();
	mock_mmu_init();
	atexit(at_exit);
}

/* ---- start
 * ------------------------------------------------------------------------------------- */

static void reset_thread(void)
{
	struct mock_catch *catch = mock_self.catch;

	memset(&mock_self, 0, sizeof(mock_self));
	mock_self.catch = catch;
}

static void fresh_world(const struct mock_config *config)
{
	static const struct {
		unsigned levels, max_leaf_level;
	} formats[] = {
		[MOCK_PT_LEVELS_4] = {4, 2},
		[MOCK_PT_LEVELS_3] = {3, 1},
		[MOCK_PT_LEVELS_5] = {5, 2},
	};
	struct mock_world *world = &mock_world;
	unsigned long expected[QUARRY_NR_RULES] = {0};

	init_once();
	if (world->live) {
		fprintf(stderr, "mock: the previous world did not reach mock_stop\n");
		print_log();
	} else {
		memcpy(expected, world->expected, sizeof(expected));
	}
	reset_thread();
	mock_cpus_reset();
	memset(world, 0, sizeof(*world));
	memcpy(world->expected, expected, sizeof(expected));
	if (mock_state_size())
		memcpy(__start_quarry_state, host.state_image, mock_state_size());
	host.log_used = 0;
	world->live = true;
	world->cpus = config->cpus ? config->cpus : 1;
	world->levels = formats[config->format].levels;
	world->groups = config->groups;
	world->max_leaf_level =
		config->small_leaves ? 0 : formats[config->format].max_leaf_level;
	world->random = 0x51a7e;
	world->unmap_free = config->unmap_free;
	mock_hooks_fill(config);
	install_fault_handler();
}

static void lay_out_window(const struct mock_config *config)
{
	uint64_t size = config->vmalloc_size ? config->vmalloc_size : MOCK_GIB;

	if (size > MOCK_VMALLOC_MAX || size & (PAGE_SIZE - 1))
		mock_fail("mock_config.vmalloc_size: %#lx is not a page multiple up to %#lx",
			  (unsigned long)size, MOCK_VMALLOC_MAX);
	mock_world.window_end = MOCK_VMALLOC + (config->no_vmalloc ? 0 : size);
	mock_mmu_reset();
}

static void bring_up_cpus(void)
{
	mock_cpus_add(&mock_world.running, 0);
	for (unsigned cpu = 1; cpu < mock_world.cpus; cpu++) {
		mock_cpu_start(cpu);
		mock_set_cpu(cpu);
		if (quarry_cpu_online())
			mock_fail("quarry_cpu_online: CPU %u refused", cpu);
	}
	mock_set_cpu(0);
}

/* The caches for users' copies live as long as the world, and so do their stocks, which are made
 * when they are first used. */
static void warm_buckets(const struct mock_config *config)
{
	for (size_t size = 8; size <= 8192 && size <= config->user_bytes; size += 8)
		kfree(memdup_user(config->user_start, size));
}

int mock_try_start(const struct mock_config *config)
{
	static const struct mock_config defaults;
	const struct mock_config *c = config ? config : &defaults;
	struct quarry_mem_range whole = {
		.base = c->base ? c->base : MOCK_MIB,
		.size = c->bytes ? c->bytes : 64 * MOCK_MIB,
		.type = QUARRY_MEM_USABLE,
	};
	struct quarry_params params = c->extra;
	int error;

	fresh_world(c);
	params.size = sizeof(params);
	params.map = c->map ? c->map : &whole;
	params.nr_map = c->map ? c->nr_map : 1;
	params.direct_map_offset = MOCK_DIRECT;
	if (!params.direct_map_limit || params.direct_map_limit > MOCK_DIRECT_SIZE)
		params.direct_map_limit = MOCK_DIRECT_SIZE;
	params.vfree_unmaps = !c->park_areas;
	params.nr_cpus = mock_world.cpus;
	params.ops = &mock_world.ops;
	mock_lay_out_memory(params.map, params.nr_map);
	if (c->dirty_memory)
		mock_dirty_memory();
	lay_out_window(c);
	if (!c->no_vmalloc && !c->bare_window) {
		params.vmalloc_start = MOCK_VMALLOC;
		params.vmalloc_end = mock_world.window_end;
		params.page_table_root = MOCK_ROOT;
	} else {
		params.vmalloc_start = params.vmalloc_end = 0;
		params.page_table_root = 0;
	}
	error = quarry_init(&params);
	if (error)
		return error;
	mock_world.inited = true;
	mock_world.booted = !c->bare_window;
	bring_up_cpus();
	if (!c->no_sleep)
		quarry_sleeping_works();
	warm_buckets(c);
	mock_world.baseline = mock_free_pages();
	mock_world.migrate = c->migrate;
	return 0;
}

void mock_start(const struct mock_config *config)
{
	int error = mock_try_start(config);

	if (error)
		mock_fail("quarry_init failed: %d", error);
}

/* ---- stop
 * -------------------------------------------------------------------------------------- */

void mock_abandon(void)
{
	reset_thread();
	mock_world.live = false;
	mock_world.inited = false;
	memset(mock_world.expected, 0, sizeof(mock_world.expected));
}

unsigned long mock_free_pages(void)
{
	mock_run_deferred();
	mock_grace();
	if (vmap_drain)
		vmap_drain();
	if (slab_drain)
		slab_drain();
	mock_grace();
	drain_all_pages();
	return nr_free_pages();
}

static void check_caller(void)
{
	const struct mock_state *now = &mock_self.now;

	if (mock_threads_running())
		mock_fail("mock_stop: CPU threads are still running");
	if (now->masked || now->handler)
		mock_fail("mock_stop: interrupts are still masked");
	if (now->pins)
		mock_fail("mock_stop: %u pins without an unpin", now->pins);
	for (unsigned task = 0; task < MOCK_TASKS; task++)
		if (mock_self.task_word[task])
			mock_fail("mock_stop: the word of task %u is %#lx: an allocation scope was "
				  "left open",
				  task, mock_self.task_word[task]);
	mock_self.now.context = 0;
}

static void check_reports(void)
{
	for (unsigned rule = 0; rule < QUARRY_NR_RULES; rule++) {
		const struct mock_world *world = &mock_world;

		if (world->unexpected[rule])
			mock_fail("mock_stop: %lu unexpected reports: %s (the last report of all "
				  "was made by %s)",
				  world->unexpected[rule], quarry_rule_text((enum quarry_rule)rule),
				  world->last_report.call ? world->last_report.call : "?");
		if (world->expected[rule])
			mock_fail("mock_stop: %lu expected reports did not come: %s",
				  world->expected[rule], quarry_rule_text((enum quarry_rule)rule));
	}
}

void mock_stop(void)
{
	struct mock_world *world = &mock_world;

	if (!world->live)
		mock_fail("mock_stop: no world");
	check_caller();
	world->fail_in = 0;
	if (world->inited) {
		unsigned long broken, free_pages;

		free_pages = mock_free_pages();
		broken = mm_check();
		check_reports();
		if (broken)
			mock_fail("mock_stop: mm_check found %lu broken invariants", broken);
		if (free_pages != world->baseline)
			mock_fail("mock_stop: %lu pages are free, %lu were at the start (%+ld)",
				  free_pages, world->baseline,
				  (long)free_pages - (long)world->baseline);
		if (mock_direct_restricted())
			mock_fail("mock_stop: %lu pages of the direct map are restricted",
				  mock_direct_restricted());
		if (world->nr_deferred)
			mock_fail("mock_stop: %u pieces of deferred work are pending",
				  world->nr_deferred);
	}
	check_reports();
	mock_abandon();
}

/* ---- failure sweeps
 * --------------------------------------------------------------------------------- */

/* One run with the n-th allocation failing. Return: did a failure come about? */
static bool sweep_run(int (*body)(void *arg), void *arg, unsigned long n, bool and_later)
{
	unsigned long free_pages = mock_free_pages();
	unsigned long before = mock_fault_passes(-1);

	mock_fail_site(-1, n, and_later);
	int error = body(arg);
	mock_fail_site(-1, 0, false);
	bool failed = mock_fault_passes(-1) - before >= n;
	if (!failed && error)
		mock_fail("mock_sweep: nothing failed, and the body returned %d", error);
	unsigned long left = mock_free_pages();
	if (left != free_pages)
		mock_fail("mock_sweep: failing allocation %lu, the body leaks (%+ld pages)",
			  n, (long)free_pages - (long)left);
	if (mm_check())
		mock_fail("mock_sweep: failing allocation %lu, mm_check finds damage", n);
	return failed;
}

unsigned long mock_sweep(int (*body)(void *arg), void *arg)
{
	unsigned long failures = 0;

	for (unsigned later = 0; later < 2; later++)
		for (unsigned long n = 1; sweep_run(body, arg, n, later); n++)
			failures++;
	return failures;
}

/* ---- small things
 * ------------------------------------------------------------------------------ */

uint64_t mock_random(uint64_t *state)
{
	/* A counter with an odd step, mixed by two rounds of shift and multiply; digits of pi, e
	 * and sqrt 2. */
	uint64_t x = *state += 0x243f6a8885a308d3ull;

	x = (x ^ x >> 32) * 0xb7e151628aed2a6bull;
	x = (x ^ x >> 29) * 0x6a09e667f3bcc909ull;
	return x ^ x >> 32;
}
