/* SPDX-License-Identifier: MIT */
/*
 * oom.c: notifiers, then the OS's choice.
 *
 * Whether a request may come here at all is decided by the ladder (mm/gfp/ladder.c).
 *
 * Locking  `running` is a flag that one task holds while hooks may sleep; others do not wait for it
 *          but go back and look for memory.
 * Start at: oom_ask.
 */
#include "mm/reclaim/oom.h"

#include "mm/base/log.h"
#include "mm/gfp/scope.h"
#include "mm/reclaim/pressure.h"

static QUARRY_STATE struct {
	struct notifier_block *first; /* by falling priority */
	unsigned running;
	unsigned long calls, kills;
} oom;

bool oom_begin(void)
{
	return !__atomic_exchange_n(&oom.running, 1u, __ATOMIC_ACQUIRE);
}

void oom_end(void)
{
	__atomic_store_n(&oom.running, 0u, __ATOMIC_RELEASE);
}

bool oom_has_handler(void)
{
	return mm_ops.oom || __atomic_load_n(&oom.first, __ATOMIC_RELAXED);
}

static unsigned long ask_notifiers(void)
{
	unsigned long freed = 0;

	for (struct notifier_block *block = oom.first; block; block = block->next)
		block->notifier_call(block, 0, &freed);
	return freed;
}

static enum quarry_oom_result ask_os(const struct page_request *request)
{
	struct quarry_oom info = {
		.gfp = request->gfp,
		.order = request->order,
		.node = request->node,
		.may_kill = gfp_has(request->gfp, __GFP_FS),
		.call = request->call,
		.caller = request->caller,
	};

	if (!mm_ops.oom)
		return QUARRY_OOM_CANNOT;
	__atomic_fetch_add(&oom.calls, 1ul, __ATOMIC_RELAXED);
	enum quarry_oom_result result = mm_ops.oom(&info);
	if (result == QUARRY_OOM_KILLED)
		__atomic_fetch_add(&oom.kills, 1ul, __ATOMIC_RELAXED);
	/* The request holds locks of file systems: whoever would die may need them. Others will
	 * come that can kill; this one waits and asks again (G89). */
	return info.may_kill || result == QUARRY_OOM_FREED ? result : QUARRY_OOM_KILLED;
}

enum quarry_oom_result oom_ask(const struct page_request *request)
{
	unsigned scope = scope_enter_reclaim();

	pressure_update(true);
	enum quarry_oom_result result = ask_notifiers() ? QUARRY_OOM_FREED : ask_os(request);
	scope_leave_reclaim(scope);
	return result;
}

unsigned long oom_calls(void)
{
	return __atomic_load_n(&oom.calls, __ATOMIC_RELAXED);
}

unsigned long oom_kills(void)
{
	return __atomic_load_n(&oom.kills, __ATOMIC_RELAXED);
}

/* The chain changes while no task asks. A caller that is asked would wait for itself. */
static bool claim(const struct notifier_block *block, const char *call)
{
	if (!block || cpu_context() || scope_in_reclaim()) {
		mm_report_at(block ? QUARRY_RULE_BAD_CONTEXT : QUARRY_RULE_BAD_ARGUMENT, call,
			     block, cpu_context(), 0, (uintptr_t)__builtin_return_address(0));
		return false;
	}
	while (!oom_begin())
		cpu_wait();
	return true;
}

/* Where the chain leads to the block; its end if it does not. */
static struct notifier_block **link_to(const struct notifier_block *block)
{
	struct notifier_block **link = &oom.first;

	while (*link && *link != block)
		link = &(*link)->next;
	return link;
}

int register_oom_notifier(struct notifier_block *block)
{
	static const char call[] = "register_oom_notifier";

	if (!claim(block, call))
		return -QUARRY_EINVAL;
	bool there = *link_to(block), callable = block->notifier_call;
	if (!there && callable) {
		struct notifier_block **link = &oom.first;
		while (*link && (*link)->priority >= block->priority)
			link = &(*link)->next;
		block->next = *link;
		*link = block;
	}
	oom_end();
	if (!there && callable)
		return 0;
	mm_report(BAD_ARGUMENT, call, block, there, callable);
	return -QUARRY_EINVAL;
}

int unregister_oom_notifier(struct notifier_block *block)
{
	if (!claim(block, "unregister_oom_notifier"))
		return -QUARRY_EINVAL;
	struct notifier_block **link = link_to(block);
	bool found = *link;
	if (found)
		*link = block->next;
	oom_end();
	return found ? 0 : -QUARRY_ENOENT;
}

void oom_init(void)
{
	__builtin_memset(&oom, 0, sizeof(oom));
}
