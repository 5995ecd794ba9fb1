/* SPDX-License-Identifier: MIT */
/*
 * reclaim.c: the OS's part in reclaim: pages of its own, kswapd's thread, the OOM choice.
 *
 * The library keeps a copy of the hooks, so they are changed there.
 */
#include "mm/base/log.h"
#include "world.h"

struct mock_reclaim *mock_reclaim(void)
{
	return &mock_world.reclaim;
}

static void check_task(const char *hook)
{
	const struct mock_state *now = &mock_self.now;

	if (now->masked || now->handler || now->context)
		mock_fail("%s: not in task context with interrupts on", hook);
}

void mock_reclaim_give(struct page *page)
{
	struct mock_reclaim *r = mock_reclaim();

	mock_enter();
	page->mapping = r->chain;
	r->chain = page;
	r->pages++;
	mock_leave();
}

static struct page *take_one(void)
{
	struct mock_reclaim *r = mock_reclaim();

	mock_enter();
	struct page *page = r->chain;
	if (page) {
		r->chain = page->mapping;
		r->pages--;
	}
	mock_leave();
	return page;
}

static unsigned long reclaim(const struct quarry_reclaim *want)
{
	struct mock_reclaim *r = mock_reclaim();
	unsigned long freed = 0;
	struct page *page;

	mock_point(MOCK_RECLAIM, "reclaim", want->nr, (uint64_t)want->node);
	check_task("reclaim");
	r->last_gfp = want->gfp;
	if (r->needs_io && !(want->gfp & __GFP_IO))
		return 0;
	while (freed < want->nr && (page = take_one())) {
		__free_page(page);
		freed++;
	}
	return freed;
}

static unsigned long reclaimable(unsigned node)
{
	struct mock_reclaim *r = mock_reclaim();

	mock_point(MOCK_NR_HOOKS, "reclaimable", node, 0);
	return __atomic_load_n(&r->pages, __ATOMIC_RELAXED) + r->claimed;
}

static void kswapd_wake(unsigned node)
{
	mock_point(MOCK_KSWAPD_WAKE, "kswapd_wake", node, 0);
	if (mock_self.now.context & QUARRY_CTX_NMI)
		mock_fail("kswapd_wake: called in NMI context");
	__atomic_store_n(&mock_reclaim()->woken[node], true, __ATOMIC_RELEASE);
}

static bool kswapd_wait(unsigned node)
{
	mock_point(MOCK_NR_HOOKS, "kswapd_wait", node, 0);
	check_task("kswapd_wait");
	return __atomic_exchange_n(&mock_reclaim()->woken[node], false, __ATOMIC_ACQ_REL);
}

unsigned mock_kswapd(void)
{
	unsigned runs = 0;

	for (unsigned node = 0; node < QUARRY_MAX_NODES; node++) {
		if (kswapd_wait(node)) {
			quarry_kswapd(node);
			runs++;
		}
	}
	return runs;
}

static enum quarry_oom_result oom(const struct quarry_oom *request)
{
	mock_point(MOCK_OOM, "oom", request->order, request->may_kill);
	check_task("oom");
	return mock_reclaim()->oom(request);
}

static bool oom_victim(void)
{
	return mock_reclaim()->victim;
}

void mock_reclaim_changed(void)
{
	struct mock_reclaim *r = mock_reclaim();

	mm_ops.reclaim = reclaim;
	mm_ops.reclaimable = reclaimable;
	mm_ops.kswapd_wake = r->kswapd ? kswapd_wake : NULL;
	mm_ops.kswapd_wait = kswapd_wait;
	mm_ops.oom = r->oom ? oom : NULL;
	mm_ops.oom_victim = oom_victim;
}
