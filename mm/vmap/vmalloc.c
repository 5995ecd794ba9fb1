/* SPDX-License-Identifier: MIT */
/*
 * vmalloc.c: pages plus addresses plus mapping.
 *
 * An area is put together from the largest blocks that are easy to get, up to 2 MiB each: a block
 * costs one request, whatever its size. When a size is not to be had, this area asks for smaller
 * ones only; single pages come in batches, an array on the stack. Blocks are compound, so a
 * reference to any page of one keeps the block. No list of an area's blocks is kept, because the
 * page tables are one. A failure on the way takes down what is there.
 *
 * Cost        per block a stock pop and two words of struct page, per page an entry.
 * Start at    __vmalloc_node
 */
#include <quarry/vmalloc.h>

#include "mm/base/bits.h"
#include "mm/base/fault.h"
#include "mm/base/log.h"
#include "mm/gfp/gfp.h"
#include "mm/vmap/vmap.h"

#define BATCH 32u
#define LARGEST_BLOCK 9u /* order: what one leaf table maps; more saves nothing */

#define ALWAYS_TRIED (64 * PAGE_SIZE) /* up to here memory is not counted first: that costs more */

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

/* Back the rest of an area from page `done` on with single pages. Return: pages mapped. */
static unsigned long populate_singles(const struct vmap_info *info, unsigned long done, gfp_t gfp,
				      int node)
{
	struct page *batch[BATCH];
	unsigned long first = done;

	while (done < info->pages) {
		uintptr_t va = info->start + (done << PAGE_SHIFT);
		unsigned long got, mapped;

		got = get_batch(batch, (unsigned long)min_u64(info->pages - done, BATCH), gfp,
				node);
		for (unsigned long i = 0; i < got; i++) {
			page_set_kind(batch[i], QUARRY_PAGE_VMALLOC);
			batch[i]->index = (va >> PAGE_SHIFT) + i;
		}
		mapped = vmap_map_pages(va, batch, got, QUARRY_PROT_KERNEL, gfp);
		done += mapped;
		if (mapped < got)
			put_batch(batch + mapped, got - mapped);
		if (!mapped || mapped < got)
			break;
	}
	return done - first;
}

/* A block of at most *order; *order becomes what it has, or 0 if there is none but single pages. */
static struct page *get_block(unsigned *order, gfp_t gfp, int node)
{
	struct page *head = NULL;

	/* Nobody waits, reclaims or uses a reserve for a block: single pages do as well. */
	gfp &= ~(__GFP_DIRECT_RECLAIM | __GFP_HIGH | __GFP_MEMALLOC | __GFP_NOFAIL |
		 __GFP_RETRY_MAYFAIL);
	gfp |= __GFP_COMP | __GFP_NORETRY | __GFP_NOWARN;
	for (; *order; --*order) {
		head = alloc_pages_node(node, gfp, *order);
		if (head)
			break;
	}
	return head;
}

/* Give an area its pages. Return: how many are mapped; fewer than info->pages on failure. */
static unsigned long populate(const struct vmap_info *info, gfp_t gfp, int node)
{
	unsigned most = LARGEST_BLOCK;
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

QUARRY_NOINLINE void *vmap_make(struct vmap_info *info, unsigned long align, gfp_t gfp, int node)
{
	unsigned long got;
	int error = vmap_get_area(info, align, gfp);

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
static QUARRY_ALWAYS_INLINE void *allocate(size_t size, size_t align, gfp_t gfp, int node,
					   const void *caller)
{
	uintptr_t from = (uintptr_t)caller;
	struct vmap_info info = {0, size, PFN_UP(size), VMAP_ALLOC, from, 0};
	unsigned long align_pages = align >> PAGE_SHIFT ? align >> PAGE_SHIFT : 1;

	if (!size || !is_power_of_2(align)) {
		mm_report_at(QUARRY_RULE_BAD_ARGUMENT, "vmalloc", NULL, size, align, from);
		return NULL;
	}
	if (size > ALWAYS_TRIED && (size - 1) >> PAGE_SHIFT >= totalram_pages())
		return refuse(QUARRY_RULE_SIZE_LIMIT, size, gfp, from);
	if (!gfp_context_ok(gfp))
		gfp = gfp_context_report(gfp, "vmalloc", from);
	info.home = vmap_park_home(info.pages, align_pages, gfp, node);
	if (info.home && !fault_here(FAULT_VMAP_AREA) && vmap_unpark(&info))
		return finish_parked(&info, gfp);
	return vmap_make(&info, align_pages, gfp, node);
}

void *__vmalloc_node(size_t size, size_t align, gfp_t gfp, int node, const void *caller)
{
	return allocate(size, align, gfp, node, caller);
}

void *vmalloc(size_t size)
{
	return allocate(size, 1, GFP_KERNEL, NUMA_NO_NODE, CALLER());
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
	return __vmalloc_node(size, 1, GFP_KERNEL | __GFP_ZERO, NUMA_NO_NODE, CALLER());
}
void *vmalloc_32_user(size_t size)
{
	return __vmalloc_node(size, 1, GFP_KERNEL | GFP_DMA32 | __GFP_ZERO, NUMA_NO_NODE, CALLER());
}

void *vrealloc(const void *p, size_t size, gfp_t gfp)
{
	char *old = (char *)(uintptr_t)p, *q;
	size_t old_size;

	if (!p)
		return __vmalloc_node(size, 1, gfp, NUMA_NO_NODE, CALLER());
	if (!size) {
		vmap_free(p, VMAP_ALLOC, "vrealloc", (uintptr_t)CALLER());
		return NULL;
	}
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
		vmap_free(p, VMAP_ALLOC, "vrealloc", (uintptr_t)CALLER());
	}
	return q;
}

void vfree(const void *address)
{
	if (address)
		vmap_free(address, VMAP_ALLOC, "vfree", (uintptr_t)CALLER());
}

unsigned long vmalloc_nr_pages(void)
{
	return vmap_area_alloc_pages();
}
