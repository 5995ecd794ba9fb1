/* SPDX-License-Identifier: MIT */
/*
 * vmalloc.c: pages plus addresses plus mapping.
 *
 * An area is put together from the largest blocks that are easy to get, up to 2 MiB each: a block
 * costs one request, whatever its size. When a size is not to be had, this area asks for smaller
 * ones only; single pages come in batches, an array on the stack. Blocks are compound, so any
 * page of one leads to its head. No list of an area's blocks is kept, because the page tables are
 * one. A failure on the way takes down what is there.
 *
 * Cost        per block a stock pop and two words of struct page, per page an entry.
 * Start at    __vmalloc_node
 */
#include <quarry/vmalloc.h>

#include "mm/base/bits.h"
#include "mm/base/fault.h"
#include "mm/base/log.h"
#include "mm/gfp/gfp.h"
#include "mm/gfp/scope.h"
#include "mm/phys/freepage.h"
#include "mm/vmap/area_tag.h"
#include "mm/vmap/vmap.h"
#include "mm/vmap/vmap_protect.h"

#define BATCH 32u
#define LARGEST_BLOCK 9u /* order: what one leaf table maps; more saves nothing */

#define SMALL_PAGES 8ul /* up to here a block is nearly always there: nobody asks first */
#define ALWAYS_TRIED (64 * PAGE_SIZE) /* up to here memory is not counted first: that costs more */

#define WX (QUARRY_PROT_WRITE | QUARRY_PROT_EXEC)
#define RANGE_FLAGS (VM_ALLOC | VM_FLUSH_RESET_PERMS | VM_ALLOW_HUGE_VMAP)

#define CALLER() __builtin_return_address(0)

/* At least one page, or none if there is no memory. A bulk request may stop early; the single one
 * that follows obeys the whole mask. */
static unsigned long get_batch(struct page **pages, unsigned long n, gfp_t gfp, int node)
{
	unsigned long got;

	for (unsigned long i = 0; i < n; i++)
		pages[i] = NULL;
	got = alloc_pages_bulk_node(gfp, node, n, pages);
	if (!got) {
		pages[0] = alloc_pages_node(node, gfp, 0);
		got = pages[0] != NULL;
	}
	return got;
}

static void put_batch(struct page **pages, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		page_set_kind(pages[i], QUARRY_PAGE_USED);
	free_pages_bulk(n, pages);
}

/* They are ours from now on, as pages of the virtual page numbers from `index` on. */
static void own_batch(struct page **pages, unsigned long n, unsigned long index)
{
	for (struct page **end = pages + n; pages < end; pages++) {
		struct page *page = *pages;

		page_set_kind(page, QUARRY_PAGE_VMALLOC);
		page->index = index++;
	}
}

/* Back the addresses of a run of a leaf table, from va on. Return: pages mapped. */
static unsigned long populate_run(struct pt_run run, uintptr_t va, gfp_t gfp, int node)
{
	struct page *batch[BATCH];
	unsigned long done = 0, end = run.pages, got, mapped;

	do {
		got = get_batch(batch, (unsigned long)min_u64(end - done, BATCH), gfp, node);
		own_batch(batch, got, va >> PAGE_SHIFT);
		run.pages = got;
		mapped = vmap_map_run(&run, va, batch, QUARRY_PROT_KERNEL);
		if (mapped < got)
			put_batch(batch + mapped, got - mapped);
		done += mapped;
		run.pte += mapped;
		va += mapped << PAGE_SHIFT;
	} while (got && mapped == got && done < end);
	return done;
}

/* Back the rest of an area from page `done` on with single pages. Return: pages mapped. */
static unsigned long populate_singles(const struct vmap_info *info, unsigned long done, gfp_t gfp,
				      int node)
{
	uintptr_t start = info->start + (done << PAGE_SHIFT), va = start;
	unsigned long left = info->pages - done, mapped;
	struct pt_run run;

	do {
		run = pgtable_create(va, left, vmap_own_gfp(gfp) | __GFP_NOWARN);
		mapped = run.pte ? populate_run(run, va, gfp, node) : 0;
		va += mapped << PAGE_SHIFT;
		left -= mapped;
	} while (left && run.pte && mapped == run.pages);
	arch_tlb_map_sync(start, va);
	return (va - start) >> PAGE_SHIFT;
}

/* Make a block that was just taken what alloc_pages would. */
static void finish_block(struct page *head, gfp_t gfp, unsigned order)
{
	char *at = page_address(head);

	arch_mem_unpoison(at, PAGE_SIZE << order);
	if (gfp_has(gfp, __GFP_ZERO))
		for (unsigned long i = 0; i < 1ul << order; i++)
			arch_clear_page(at + (i << PAGE_SHIFT));
	page_set_flags(head, page_flags(head) | QUARRY_PG_COMPOUND);
	page_mark_user(head, gfp);
}

/* A block of at most *order that is easy to get; *order becomes what it has, or 0 if there is none
 * but single pages. Nobody waits, climbs or uses a reserve for a block: single pages do as well,
 * and say what is wrong with a mask or node. */
static struct page *get_block(unsigned *order, gfp_t gfp, int node)
{
	gfp_t mask = scope_apply(gfp, scope_word());
	struct page_request request = {
		.gfp = mask,
		.node = node_or_local(node),
		.highest = gfp_zone(mask),
		.type = gfp_migratetype(mask),
		.call = "vmalloc",
	};
	bool legal = gfp_zones_legal(mask) && request.type < MIGRATE_PCPTYPES &&
		     !gfp_has(mask, ~__GFP_BITS_MASK) && node < QUARRY_MAX_NODES;
	struct page *head = NULL;

	for (; *order; --*order) {
		request.order = *order;
		if (legal && !fault_at(FAULT_PAGE, gfp, *order))
			head = freepage_take(&request, MARK_LOW, RESERVE_NONE);
		if (head) {
			finish_block(head, gfp, *order);
			break;
		}
	}
	return head;
}

/* The order to begin with. */
static unsigned largest_block(unsigned long pages, gfp_t gfp, int node)
{
	unsigned order = LARGEST_BLOCK;

	if (pages > SMALL_PAGES)
		order = (unsigned)min_u64(order, freepage_largest(node_or_local(node), gfp));
	return order;
}

/* Give an area its pages. Return: how many are mapped; fewer than info->pages on failure. Not
 * inlined: finding addresses, before, has the deeper stack. */
static QUARRY_NOINLINE unsigned long populate(const struct vmap_info *info, gfp_t gfp, int node)
{
	unsigned most = largest_block(info->pages, gfp, node);
	unsigned long done = 0;

	while (done < info->pages) {
		uintptr_t va = info->start + (done << PAGE_SHIFT);
		unsigned order = highest_bit(info->pages - done);
		unsigned long mapped;
		struct page *head;

		if (order > most)
			order = most;
		if (order)
			head = get_block(&order, gfp, node);
		else
			head = info->pages - done == 1 ? alloc_pages_node(node, gfp, 0) : NULL;
		if (!head)
			return done + populate_singles(info, done, gfp, node);
		if (order < most && info->pages - done >= 2ul << order)
			most = order; /* a larger one was refused */
		page_set_kind(head, QUARRY_PAGE_VMALLOC);
		head->index = va >> PAGE_SHIFT;
		mapped = vmap_map_block(va, page_to_phys(head), 1ul << order, QUARRY_PROT_KERNEL,
					gfp);
		done += mapped;
		if (!mapped) {
			page_set_kind(head, QUARRY_PAGE_USED);
			__free_pages(head, order);
		}
		/* The rest of a block that is mapped in part is freed with its head. */
		if (mapped < 1ul << order)
			break;
	}
	return done;
}

static void *refuse_argument(size_t size, unsigned long what, uintptr_t caller)
{
	mm_report_at(QUARRY_RULE_BAD_ARGUMENT, "vmalloc", NULL, size, what, caller);
	return NULL;
}

static void *refuse(enum quarry_rule rule, size_t size, gfp_t gfp, uintptr_t caller)
{
	if (!gfp_has(gfp, __GFP_NOWARN))
		mm_report_at(rule, "vmalloc", NULL, size, gfp_bits(gfp), caller);
	return NULL;
}

/* What the mask asks to be done with a parked area that was taken over. */
static void *finish_parked(const struct vmap_info *info, gfp_t gfp)
{
	char *p = (char *)info->start;

	/* Another CPU mapped it: this one may remember that it was absent. */
	arch_tlb_map_sync(info->start, info->start + (info->pages << PAGE_SHIFT));
	if (gfp_has(gfp, __GFP_ZERO))
		for (unsigned long i = 0; i < info->pages; i++)
			arch_clear_page(p + (i << PAGE_SHIFT));
	return p;
}

QUARRY_NOINLINE void *vmap_make(struct vmap_info *info, const struct vmap_where *where, gfp_t gfp,
				int node)
{
	unsigned long got;
	int error = vmap_get_area(info, where, gfp);

	if (error)
		return refuse(error == -QUARRY_ENOSPC ? QUARRY_RULE_VMAP_SPACE
						      : QUARRY_RULE_NO_MEMORY,
			      info->size, gfp, info->caller);
	/* One report for the whole, below. */
	got = populate(info, gfp | __GFP_NOWARN, node);
	if (got < info->pages) {
		vmap_abort(info, got);
		return refuse(QUARRY_RULE_NO_MEMORY, info->size, gfp, info->caller);
	}
	return (void *)info->start;
}

/* Inlined where size and mask are given as constants. */
static QUARRY_ALWAYS_INLINE void *allocate(size_t size, const struct vmap_where *where, gfp_t gfp,
					   int node, const void *caller)
{
	uintptr_t from = (uintptr_t)caller;
	struct vmap_info info = {0, size, PFN_UP(size), VMAP_ALLOC, from, 0};

	if (!size)
		return refuse_argument(size, 0, from);
	if (size > ALWAYS_TRIED && (size - 1) >> PAGE_SHIFT >= totalram_pages())
		return refuse(QUARRY_RULE_SIZE_LIMIT, size, gfp, from);
	if (!gfp_has(gfp, __GFP_DIRECT_RECLAIM) || !gfp_context_ok(gfp)) {
		if (vmap_refuse_nmi("vmalloc", NULL, from))
			return NULL;
		if (!gfp_context_ok(gfp))
			gfp = gfp_context_report(gfp, "vmalloc", from);
	}
	if (where == &vmap_anywhere)
		info.home = vmap_park_home(info.pages, gfp, node);
	if (info.home && !fault_here(FAULT_VMAP_AREA) && vmap_unpark(&info))
		return finish_parked(&info, gfp);
	return vmap_make(&info, where, gfp, node);
}

void *__vmalloc_node_range(size_t size, size_t align, uintptr_t start, uintptr_t end, gfp_t gfp,
			   unsigned prot, unsigned long flags, int node, const void *caller)
{
	const struct protect_call call = {"vmalloc", (uintptr_t)caller, false};
	const struct vmap_where where = {
		.align = align > PAGE_SIZE ? align >> PAGE_SHIFT : 1,
		.start =
			start > vmap_area_start() ? max_u64(align_up(start, CHUNK_SIZE), start) : 0,
		.end = end < vmap_area_end() ? align_down(end, CHUNK_SIZE) : UINTPTR_MAX,
	};
	void *p;

	if (!is_power_of_2(align) || !vmap_prot_ok(prot) || (prot & WX) == WX ||
	    flags & ~RANGE_FLAGS)
		return refuse_argument(size, align | flags, (uintptr_t)caller);
	p = allocate(size, &where, gfp, node, caller);
	if (!p || prot == QUARRY_PROT_KERNEL)
		return p;
	int error =
		vmap_protect((uintptr_t)p, PFN_UP(size), (struct pt_change){~prot, prot}, &call);
	if (!error)
		return p;
	vmap_free(p, VMAP_ALLOC, "vmalloc", (uintptr_t)caller);
	/* What the caller asked for wrongly is reported; this is what the CPU or the OS cannot. */
	return error == -QUARRY_EINVAL ? NULL : refuse_argument(size, prot, (uintptr_t)caller);
}
void *__vmalloc_node(size_t size, size_t align, gfp_t gfp, int node, const void *caller)
{
	const struct vmap_where aligned = {align >> PAGE_SHIFT, 0, UINTPTR_MAX};

	if (!is_power_of_2(align))
		return refuse_argument(size, align, (uintptr_t)caller);
	return allocate(size, align > PAGE_SIZE ? &aligned : &vmap_anywhere, gfp, node, caller);
}

void *vmalloc(size_t size)
{
	return allocate(size, &vmap_anywhere, GFP_KERNEL, NUMA_NO_NODE, CALLER());
}
void *vzalloc(size_t size)
{
	return __vmalloc_node(size, 1, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE, CALLER());
}
void *vmalloc_node(size_t size, int node)
{
	return __vmalloc_node(size, 1, GFP_KERNEL, node, CALLER());
}
void *vzalloc_node(size_t size, int node)
{
	return __vmalloc_node(size, 1, GFP_KERNEL | __GFP_ZERO, node, CALLER());
}
void *__vmalloc(size_t size, gfp_t gfp)
{
	return __vmalloc_node(size, 1, gfp, NUMA_NO_NODE, CALLER());
}

void *vmalloc_32(size_t size)
{
	return __vmalloc_node(size, 1, GFP_KERNEL | GFP_DMA32, NUMA_NO_NODE, CALLER());
}
void *vmalloc_user(size_t size)
{
	return __vmalloc_node(size, 1, GFP_USER | __GFP_ZERO, NUMA_NO_NODE, CALLER());
}
void *vmalloc_32_user(size_t size)
{
	return __vmalloc_node(size, 1, GFP_USER | GFP_DMA32 | __GFP_ZERO, NUMA_NO_NODE, CALLER());
}

void *vrealloc(const void *p, size_t size, gfp_t gfp)
{
	char *old = (char *)(uintptr_t)p, *q;
	size_t old_size;

	if (!p)
		return __vmalloc_node(size, 1, gfp, NUMA_NO_NODE, CALLER());
	if (!size) {
		area_tag_drop(p);
		vmap_free(p, VMAP_ALLOC, "vrealloc", (uintptr_t)CALLER());
		return NULL;
	}
	if (vmap_refuse_nmi("vrealloc", p, (uintptr_t)CALLER()))
		return NULL;
	if (vmap_resize(p, size, &old_size)) {
		if (size > old_size && gfp_has(gfp, __GFP_ZERO))
			__builtin_memset(old + old_size, 0, size - old_size);
		return old;
	}
	if (!old_size) {
		mm_report_at(QUARRY_RULE_VMAP_UNKNOWN, "vrealloc", p, size, 0, (uintptr_t)CALLER());
		return NULL;
	}
	q = __vmalloc_node(size, 1, gfp, NUMA_NO_NODE, CALLER());
	if (q) {
		__builtin_memcpy(q, old, old_size);
		area_tag_drop(p);
		vmap_free(p, VMAP_ALLOC, "vrealloc", (uintptr_t)CALLER());
	}
	return q;
}

void vfree(const void *address)
{
	area_tag_drop(address);
	if (address)
		vmap_free(address, VMAP_ALLOC, "vfree", (uintptr_t)CALLER());
}

unsigned long vmalloc_nr_pages(void)
{
	return vmap_area_alloc_pages();
}
