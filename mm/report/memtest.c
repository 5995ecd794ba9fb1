/* SPDX-License-Identifier: MIT */
/*
 * memtest.c: is memory what the kernel said it is? The part of the self-test that touches memory.
 *
 * Everything is asked for from the allocators like any kernel would, written through one address
 * and read through another. A check that cannot get memory says so: at boot there is some.
 *
 * Start at memtest_frames.
 */
#include "mm/report/memtest.h"

#include "mm/base/cpu.h"
#include "mm/report/frame.h"
#include "mm/vmap/vmap.h"

#include <quarry/debug.h>

#define NO_MEMORY "no memory for the test"
#define TEST_GFP (GFP_KERNEL | __GFP_NOWARN)

/* ---- functions of the kernel ---- */

#define BYTES 48u
#define MARGIN 8u

struct buffer {
	volatile unsigned char byte[BYTES];
};

static void fill(struct buffer *buffer, unsigned char first)
{
	for (unsigned i = 0; i < BYTES; i++)
		buffer->byte[i] = (unsigned char)(first + i);
}

/* Is byte i `first` + i, but for [from, to), where it is `value` + (i - from) * step? */
static bool holds(const struct buffer *buffer, unsigned first, unsigned from, unsigned to,
		  unsigned value, unsigned step)
{
	for (unsigned i = 0; i < BYTES; i++) {
		unsigned expected = i >= from && i < to ? value + (i - from) * step : first + i;
		if (buffer->byte[i] != (unsigned char)expected)
			return false;
	}
	return true;
}

static const char *check_length(size_t n)
{
	struct buffer a, b;
	unsigned char *to = (unsigned char *)(uintptr_t)&a.byte[MARGIN];
	const unsigned char *from = (const unsigned char *)(uintptr_t)&b.byte[MARGIN];
	unsigned end = MARGIN + (unsigned)n;

	fill(&a, 1);
	if (__builtin_memset(to, 0x1a5, n) != to || !holds(&a, 1, MARGIN, end, 0xa5, 0))
		return "memset";
	fill(&a, 1);
	fill(&b, 100);
	if (__builtin_memcpy(to, from, n) != to || !holds(&a, 1, MARGIN, end, 100 + MARGIN, 1))
		return "memcpy";
	if (__builtin_memcmp(to, from, n))
		return "memcmp of equal memory";
	if (n) {
		a.byte[end - 1] = 0x80;
		b.byte[end - 1] = 0x7f;
		if (__builtin_memcmp(to, from, n) <= 0 || __builtin_memcmp(from, to, n) >= 0)
			return "memcmp of different memory";
	}
	fill(&a, 1);
	__builtin_memmove(to, to + 3, n);
	if (!holds(&a, 1, MARGIN, end, 1 + MARGIN + 3, 1))
		return "memmove downward";
	fill(&a, 1);
	__builtin_memmove(to + 3, to, n);
	if (!holds(&a, 1, MARGIN + 3, end + 3, 1 + MARGIN, 1))
		return "memmove upward";
	return NULL;
}

const char *memtest_functions(void)
{
	const char *why = NULL;

	for (volatile size_t n = 0; n < BYTES - 2 * MARGIN && !why; n++)
		why = check_length(n);
	return why;
}

/* ---- frames ---- */

/* The number that belongs to a frame: never the same for two. */
static unsigned long mark_of(const struct page *page)
{
	return ~(page_to_pfn(page) * 0x10001ul);
}

static void mark_block(struct page *block, unsigned order)
{
	for (struct page *page = block; page < block + (1ul << order); page++) {
		volatile unsigned long *words = page_address(page);
		words[0] = words[PAGE_SIZE / sizeof(long) - 1] = mark_of(page);
	}
}

static bool marks_are_there(const struct page *block, unsigned order)
{
	for (const struct page *page = block; page < block + (1ul << order); page++) {
		const volatile unsigned long *words = phys_to_virt(page_to_phys(page));
		if (words[0] != mark_of(page) ||
		    words[PAGE_SIZE / sizeof(long) - 1] != mark_of(page))
			return false;
	}
	return true;
}

/* The largest block that is there, up to 2 MiB. */
static struct page *large_block(unsigned *order)
{
	for (*order = pageblock_order;; --*order) {
		struct page *block = alloc_pages(TEST_GFP | __GFP_NORETRY, *order);
		if (block || !*order)
			return block;
	}
}

const char *memtest_frames(void)
{
	/* A single page of each zone that has one, and a block. */
	static const gfp_t masks[] = { TEST_GFP | __GFP_DMA, TEST_GFP | __GFP_DMA32, TEST_GFP,
				       (TEST_GFP | GFP_HIGHUSER_MOVABLE) };
	struct page *single[sizeof(masks) / sizeof(masks[0])];
	const unsigned nr = sizeof(masks) / sizeof(masks[0]);
	const char *why = NULL;
	unsigned order;
	struct page *block = large_block(&order);

	if (!block)
		return NO_MEMORY;
	mark_block(block, order);
	for (unsigned i = 0; i < nr; i++) {
		single[i] = alloc_pages(masks[i], 0);
		if (single[i])
			mark_block(single[i], 0);
	}
	if (!marks_are_there(block, order))
		why = "writing to one frame changed another";
	if (virt_to_page(page_address(block)) != block || !pfn_valid(page_to_pfn(block)))
		why = "an address does not lead back to its page";
	for (unsigned i = 0; i < nr; i++) {
		if (single[i] && !marks_are_there(single[i], 0))
			why = "writing to one frame changed another";
		__free_pages(single[i], 0);
	}
	__free_pages(block, order);
	return why;
}

const char *memtest_clearing(void)
{
	struct page *block = alloc_pages(TEST_GFP, 2);
	const unsigned long words = PAGE_SIZE / sizeof(long);
	const char *why = NULL;

	if (!block)
		return NO_MEMORY;
	volatile unsigned long *word = page_address(block);
	for (unsigned long i = 0; i < 3 * words; i++)
		word[i] = ~0ul;
	clear_page(page_address(block + 1));
	for (unsigned long i = 0; i < 3 * words && !why; i++)
		if (word[i] != (i / words == 1 ? 0 : ~0ul))
			why = i / words == 1 ? "a byte was not cleared" : "a neighbour was cleared";
	__free_pages(block, 2);
	return why;
}

/* ---- the memory map ---- */

/* Is the frame behind an address free for the page allocator, or (with `used`) handed out? */
static bool frame_is_ours(uintptr_t address, bool used)
{
	unsigned long pfn = direct_frame(address); /* a stack may be vmalloc's: no frame of ours */
	unsigned kind = frame_kind(pfn);

	if (kind == FRAME_UNKNOWN || kind == FRAME_TABLES)
		return frames_in_extents(pfn, pfn + 1) != 0;
	return kind == QUARRY_PAGE_FREE || kind == QUARRY_PAGE_PARKED ||
	       (used && kind != QUARRY_PAGE_RESERVED);
}

const char *memtest_map(void)
{
	unsigned long on_stack = 0;

	if (frame_is_ours((uintptr_t)zones, true))
		return "the library's data lies in memory that was given as usable";
	if (frame_is_ours((uintptr_t)memtest_map, true))
		return "the library's code lies in memory that was given as usable";
	/* A stack may be a page of ours, but not a free one. */
	if (frame_is_ours((uintptr_t)&on_stack, false))
		return "the stack lies in free memory";
	return NULL;
}

/* ---- the vmalloc range ---- */

bool memtest_window_applies(void)
{
	/* Where the context word is wrong nothing can be flushed, so no page could be freed. */
	return vmap_area_start() != vmap_area_end() && !cpu_context();
}

const char *memtest_window(void)
{
	struct page *pages[2] = { alloc_page(TEST_GFP), alloc_page(TEST_GFP) };
	const char *why = NO_MEMORY;
	volatile unsigned long *mapped = NULL;

	if (pages[0] && pages[1])
		mapped = vmap(pages, 2, VM_MAP, PAGE_KERNEL);
	if (mapped) {
		volatile unsigned long *second = mapped + PAGE_SIZE / sizeof(long);
		volatile unsigned long *direct = page_address(pages[1]);
		mark_block(pages[0], 0);
		*second = mark_of(pages[1]);
		why = NULL;
		if (*mapped != mark_of(pages[0]) || *direct != mark_of(pages[1]))
			why = "mapping and direct map show different memory";
		if (vmalloc_to_page((void *)(uintptr_t)second) != pages[1])
			why = "the page table does not lead to the page";
		vunmap((void *)(uintptr_t)mapped);
		vm_unmap_aliases();
	}
	for (unsigned i = 0; i < 2; i++)
		__free_pages(pages[i], 0);
	return why;
}

struct reading {
	const volatile unsigned long *address;
	unsigned long expected;
	unsigned wrong; /* CPUs that read something else */
};

static void read_mapping(void *arg)
{
	struct reading *reading = arg;

	if (*reading->address != reading->expected)
		__atomic_fetch_add(&reading->wrong, 1u, __ATOMIC_RELAXED);
}

/* Map `page` and let every CPU read its mark through the mapping. Return: the address. */
static const volatile unsigned long *map_and_read(struct page *page, const char **why)
{
	struct reading reading = { vmap(&page, 1, VM_MAP, PAGE_KERNEL), mark_of(page), 0 };

	if (!reading.address) {
		*why = NO_MEMORY;
		return NULL;
	}
	cpu_call_all(read_mapping, &reading);
	if (__atomic_load_n(&reading.wrong, __ATOMIC_RELAXED))
		*why = "a CPU reads through the mapping that was there before";
	vunmap((void *)(uintptr_t)reading.address);
	vm_unmap_aliases();
	return reading.address;
}

const char *memtest_flush(void)
{
	struct page *pages[2] = { alloc_page(TEST_GFP), alloc_page(TEST_GFP) };
	const volatile unsigned long *before = NULL, *now = NULL;
	const char *why = pages[0] && pages[1] ? NULL : NO_MEMORY;

	for (unsigned i = 0; i < 2 && !why; i++)
		mark_block(pages[i], 0);
	/* Until two mappings in a row had the same address; the first ones nearly always do. */
	for (unsigned round = 0; round < 16 && !why && (!before || before != now); round++) {
		before = now;
		now = map_and_read(pages[round % 2], &why);
	}
	for (unsigned i = 0; i < 2; i++)
		__free_pages(pages[i], 0);
	return why;
}
