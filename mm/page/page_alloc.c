/* SPDX-License-Identifier: MIT */
/*
 * page_alloc.c: asking for a block of pages and giving it back.
 *
 * The fast path of a request is one pop from this CPU's stock: four questions (context, order,
 * legal bits, anything to do afterwards) and no lock, locked instruction or interrupt masking. The
 * fast path of a free is one comparison that proves a dozen things at once: the word of flags and
 * reference count says "head of a block handed out by us, of this order, with one reference"; then
 * one push.
 *
 * Every bad free is judged in report_free(), off the path; the block is left as it was.
 *
 * Cost     page pair of a parked order: about 85 instructions on x86_64 (tests/bench).
 * Start at take, drop.
 */
#include <quarry/gfp.h>

#include "mm/base/fault.h"
#include "mm/gfp/context.h"
#include "mm/page/failure.h"
#include "mm/page/page_alloc.h"
#include "mm/page/slowpath.h"
#include "mm/phys/nolock.h"
#include "mm/phys/pageblock.h"

#define CALLER() ((uintptr_t)__builtin_return_address(0))

/* ---- taking ---- */

static void zero_block(struct page *head, unsigned order)
{
	char *at = page_address(head);

	for (unsigned long i = 0; i < 1ul << order; i++)
		arch_clear_page(at + (i << PAGE_SHIFT));
}

/* What the mask asks to be done with a found block. */
static struct page *finish(struct page *head, gfp_t gfp, unsigned order)
{
	if (gfp_has(gfp, __GFP_ZERO))
		zero_block(head, order);
	if (gfp_has(gfp, __GFP_COMP) && order)
		page_set_flags(head, page_flags(head) | QUARRY_PG_COMPOUND);
	page_mark_user(head, gfp);
	return head;
}

static QUARRY_NOINLINE struct page *take_slow(int node, gfp_t gfp, unsigned order, const char *call,
					      uintptr_t caller)
{
	if (order > MAX_PAGE_ORDER) {
		mm_report_at(QUARRY_RULE_BAD_ORDER, call, NULL, order, gfp_bits(gfp), caller);
		return NULL;
	}
	if (unlikely(cpu_context() & QUARRY_CTX_NMI)) { /* it may have interrupted a zone's owner */
		mm_report_at(QUARRY_RULE_BAD_CONTEXT, call, NULL, order, gfp_bits(gfp), caller);
		return NULL;
	}
	if (!gfp_context_ok(gfp))
		gfp = gfp_context_report(gfp, call, caller);
	bool zones_ok = gfp_zones_legal(gfp);
	gfp = gfp_legal(gfp, call, caller);
	if (!zones_ok) /* told; which zone was meant is anybody's guess (G11) */
		return NULL;
	gfp = gfp_in_task(gfp, order, call, caller);

	struct page_request request = {
		.gfp = gfp,
		.order = order,
		.node = node_or_local(node),
		.highest = gfp_zone(gfp),
		.type = gfp_migratetype(gfp),
		.call = call,
		.caller = caller,
	};
	struct page *head = freepage_take_first(&request, slowpath_below_low);
	if (!head)
		head = slowpath_take(&request);
	if (!head)
		return NULL;
	arch_mem_unpoison(page_address(head), PAGE_SIZE << order);
	return finish(head, gfp, order);
}

/*
 * Is a parked block not what the mask means? The stock holds pages of the nearest node that has the
 * zone; a CPU of a node without it must not hand them to __GFP_THISNODE. And a task may be in a
 * scope where nothing movable will do (G43).
 */
static bool is_misfit(const struct page *head, gfp_t gfp)
{
	if (gfp_has(gfp, __GFP_THISNODE) && head_zone(head)->node != node_or_local(NUMA_NO_NODE))
		return true;
	return gfp_has(gfp, __GFP_MOVABLE) && scope_word() & PF_MEMALLOC_PIN;
}

/* Finish a parked block for a mask that was not looked at yet. */
static QUARRY_NOINLINE struct page *finish_checked(struct page *head, gfp_t gfp, unsigned order,
						   uintptr_t caller)
{
	if (is_misfit(head, gfp)) {
		freepage_give(head, page_flags(head));
		return take_slow(NUMA_NO_NODE, gfp, order, "alloc_pages", caller);
	}
	gfp = gfp_legal(gfp, "alloc_pages", caller);
	if (gfp_has(gfp, __GFP_NOFAIL)) /* misuse is told where memory is plentiful, too */
		gfp_in_task(gfp, order, "alloc_pages", caller);
	arch_mem_unpoison(page_address(head), PAGE_SIZE << order);
	return finish(head, gfp, order);
}

/* Silent, unlike a real failure, but recorded; requests that never fail are left alone (G104). */
static inline bool injected_failure(gfp_t gfp, unsigned order, const char *call, uintptr_t caller)
{
	if (likely(!fault_at(FAULT_PAGE, gfp, order)))
		return false;
	failure_injected(gfp, order, call, caller);
	return true;
}

/*
 * The fast path. `asked` is the mask as far as it is looked at here: a constant where the caller's
 * is one.
 */
static QUARRY_ALWAYS_INLINE struct page *take(gfp_t gfp, unsigned order, gfp_t asked)
{
	if (injected_failure(gfp, order, "alloc_pages", CALLER()))
		return NULL;
	if (unlikely(order > MAX_PAGE_ORDER || !gfp_context_ok(asked)) ||
	    (QUARRY_DEBUG >= 1 && gfp_reenters(gfp, scope_word())))
		return take_slow(NUMA_NO_NODE, gfp, order, "alloc_pages", CALLER());

	const struct page_cpu *pages = &page_cpus[cpu_pin()];
	struct page_stock *row = pages->take[gfp_bits(gfp) & TAKE_MASK];
	struct page *head = stock_pop(row + order);
	cpu_unpin();
	if (unlikely(!head))
		return take_slow(NUMA_NO_NODE, gfp, order, "alloc_pages", CALLER());
	page_hand_out(head);
	page_mark_user(head, gfp);
	if (unlikely(gfp_has(asked, QUARRY_PAGE_GFP_RARE & ~__GFP_ZERO)))
		return finish_checked(head, gfp, order, CALLER());
	arch_mem_unpoison(page_address(head), PAGE_SIZE << order);
	if (gfp_has(asked, __GFP_ZERO))
		zero_block(head, order);
	return head;
}

struct page *quarry_alloc_pages(gfp_t gfp, unsigned order)
{
	return take(gfp, order, gfp);
}
struct page *quarry_alloc_pages_sleeping(gfp_t gfp, unsigned order)
{
	return take(gfp, order, __GFP_DIRECT_RECLAIM);
}
struct page *quarry_alloc_pages_zeroed(gfp_t gfp, unsigned order)
{
	return take(gfp, order, __GFP_DIRECT_RECLAIM | __GFP_ZERO);
}
struct page *quarry_alloc_pages_atomic(gfp_t gfp, unsigned order)
{
	return take(gfp, order, (QUARRY_FORCE gfp_t)0);
}

struct page *quarry_alloc_pages_node(int node, gfp_t gfp, unsigned order)
{
	if (node < 0)
		return quarry_alloc_pages(gfp, order);
	if (unlikely(node >= QUARRY_MAX_NODES)) {
		mm_report(BAD_ARGUMENT, "alloc_pages_node", NULL, node, QUARRY_MAX_NODES);
		return NULL;
	}
	if (injected_failure(gfp, order, "alloc_pages_node", CALLER()))
		return NULL;
	return take_slow(node, gfp, order, "alloc_pages_node", CALLER());
}

/* ---- giving back ---- */

/* Why this is not a block that its owner may free. Nothing is changed. */
static void report_free(const char *call, const struct page *page, unsigned order, uintptr_t caller)
{
	uint32_t flags = page_flags(page);
	enum quarry_rule rule;

	switch (flags_kind(flags)) {
	case QUARRY_PAGE_FREE:
	case QUARRY_PAGE_PARKED:
	case QUARRY_PAGE_ISOLATED:
		rule = QUARRY_RULE_FREE_TWICE;
		break;
	case QUARRY_PAGE_INNER:
		rule = QUARRY_RULE_FREE_TAIL;
		break;
	case QUARRY_PAGE_RESERVED:
	case QUARRY_PAGE_OFFLINE:
		rule = QUARRY_RULE_FREE_RESERVED;
		break;
	case QUARRY_PAGE_USED:
	case QUARRY_PAGE_MOVABLE:
		rule = flags_order(flags) != order ? QUARRY_RULE_FREE_ORDER : QUARRY_RULE_REF_COUNT;
		break;
	default:
		rule = QUARRY_RULE_FREE_KIND;
		break;
	}
	mm_report_at(rule, call, page, order, flags, caller);
}

/* No stock had room. In an NMI nobody waits for a lock: it may have interrupted its owner. */
static QUARRY_NOINLINE void give_to_zone(struct page *head, uint32_t flags)
{
	unsigned context = cpu_context();

	if (likely(!(context & QUARRY_CTX_NMI))) {
		freepage_give(head, flags);
		return;
	}
	mm_report(BAD_CONTEXT, "__free_pages", head, context, 0);
	nolock_give(head, flags);
}

/* Free a block whose state word was found good. */
static QUARRY_ALWAYS_INLINE void give(struct page *head, uint32_t flags)
{
	arch_mem_poison(page_address(head), PAGE_SIZE << flags_order(flags));

	bool parked = freepage_park(&page_cpus[cpu_pin()], head, flags);
	cpu_unpin();
	if (unlikely(!parked))
		give_to_zone(head, flags);
}

void page_give(struct page *head)
{
	give(head, page_flags(head));
}

bool page_drop(const char *call, struct page *page, unsigned order, uintptr_t caller)
{
	unsigned long pfn = page_to_pfn(page);

	if (!page_is_known(page)) {
		bool inner = pageblock_state(pfn) & BLOCK_WHOLE && pfn_to_page(pfn) == page;
		mm_report_at(inner ? QUARRY_RULE_FREE_TAIL : QUARRY_RULE_FREE_UNKNOWN, call, page,
			     order, pfn, caller);
		return false;
	}
	uint32_t flags = page_flags(page);
	bool order_ok = flags_order(flags) == order || flags & QUARRY_PG_COMPOUND;
	if (!kind_is_used(flags_kind(flags)) || !order_ok || page_ref_count(page) <= 0) {
		report_free(call, page, order, caller);
		return false;
	}
	return put_page_testzero(page);
}

/*
 * Is this the word of a head of `order`, handed out, with one reference? An order above 15 would
 * reach into the mobility bits, so it is compared in full width.
 */
static inline bool free_is_plain(const struct page *page, uint32_t flags, unsigned order)
{
	return (flags & PAGE_TYPE_MASK) ==
		       ((unsigned long)order << QUARRY_PG_ORDER_SHIFT | QUARRY_PAGE_USED) &&
	       page_sole_reference(page);
}

/* Everything that is not "the only reference to a block of this order" in a split pageblock. */
static QUARRY_NOINLINE void free_slow(const char *call, struct page *page, unsigned order,
				      uintptr_t caller)
{
	bool plain = page_is_known(page) && free_is_plain(page, page_flags(page), order);

	if (plain || page_drop(call, page, order, caller))
		give(page, page_flags(page));
}

static QUARRY_ALWAYS_INLINE void drop(struct page *page, unsigned order)
{
	/* A frame that was never handed out has a struct page full of anything: where it could lie
	 * is checked first. NULL lies nowhere. */
	if (likely(page_is_ready(page))) {
		uint32_t flags = page_flags(page);
		if (likely(free_is_plain(page, flags, order))) {
			give(page, flags);
			return;
		}
	}
	if (page)
		free_slow("__free_pages", page, order, CALLER());
}

void quarry_free_pages(struct page *page, unsigned order)
{
	drop(page, order);
}
void quarry_free_page(struct page *page)
{
	drop(page, 0);
}

void free_pages(unsigned long address, unsigned order)
{
	if (!address)
		return;
	struct page *page = page_of_address((const void *)address);
	if (unlikely(!page || !PAGE_ALIGNED(address)))
		mm_report_at(QUARRY_RULE_FREE_UNKNOWN, "free_pages", (const void *)address, order,
			     0, CALLER());
	else if (likely(free_is_plain(page, page_flags(page), order)))
		give(page, page_flags(page));
	else
		free_slow("free_pages", page, order, CALLER());
}

void put_page(struct page *page)
{
	struct page *head = page_block(page);

	if (likely(head))
		free_slow("put_page", head, page_order(head), CALLER());
	else
		mm_report(FREE_UNKNOWN, "put_page", page, 0, 0);
}

/* ---- drains and totals ---- */

void drain_local_pages(void)
{
	if (cpu_context() & QUARRY_CTX_NMI) {
		mm_report(BAD_CONTEXT, "drain_local_pages", NULL, cpu_context(), 0);
		return;
	}
	cpu_pin();
	pcp_drain_local();
	cpu_unpin();
}

void drain_all_pages(void)
{
	if (cpu_may_call_all("drain_all_pages"))
		pcp_drain_all();
}

unsigned long totalram_pages(void)
{
	unsigned long pages = 0;

	for_every_populated_zone (zone)
		pages += zone_managed(zone);
	return pages;
}

unsigned long nr_free_pages(void)
{
	unsigned long pages = 0;

	for_every_populated_zone (zone)
		pages += zone_free(zone);
	return pages;
}

unsigned long nr_parked_pages(void)
{
	return pcp_parked(NULL);
}
