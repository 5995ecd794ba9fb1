/* SPDX-License-Identifier: MIT */
/*
 * item.c: making, checking and freeing one piece of memory, by every way that the library offers.
 *
 * Pattern   word i of an item is (seed + i) * an odd constant. Up to FULL_BYTES every word is
 * written and checked; above, the first and last words of each page. Two items that overlap, a page
 * handed out twice or memory written after its free change a word that somebody checks.
 */
#include "tests/boot/common/item.h"

#define FULL_BYTES 16384u
#define SAMPLE_WORDS 8u
#define NR_CACHES 6u

static const struct {
	const char *name;
	unsigned size, align;
	slab_flags_t flags;
} cache_shapes[NR_CACHES] = {
	{"demo_inode", 24, 0, 0},
	{"demo_dentry", 64, 64, SLAB_HWCACHE_ALIGN},
	{"demo_file", 136, 0, SLAB_RECLAIM_ACCOUNT},
	{"demo_task", 520, 8, 0},
	{"demo_packet", 1500, 16, 0},
	{"demo_buffer", 4000, 0, 0},
};

static struct {
	struct kmem_cache *cache[NR_CACHES];
	const char *failure;
} state;

/* ---- failures ---- */

const char *item_failure(void)
{
	return __atomic_load_n(&state.failure, __ATOMIC_ACQUIRE);
}

void item_fail(const char *what, const void *address, size_t bytes)
{
	const char *none = NULL;
	if (__atomic_compare_exchange_n(&state.failure, &none, what, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		kprintf("CPU %lu: %s (%p, %lu bytes)\n", this_cpu_number(), what, address, bytes);
}

/* ---- contents ---- */

static uint64_t pattern_word(uint64_t seed, size_t index)
{
	return (seed + index) * 0x9e3779b97f4a7c15ull;
}

static void write_words(const struct item *item, size_t first, size_t end)
{
	uint64_t *word = item->address;
	for (size_t i = first; i < end; i++)
		word[i] = pattern_word(item->seed, i);
}

static bool check_words(const struct item *item, size_t first, size_t end)
{
	const uint64_t *word = item->address;
	uint64_t wrong = 0;
	for (size_t i = first; i < end; i++)
		wrong |= word[i] ^ pattern_word(item->seed, i);
	return wrong == 0;
}

/* Run over the sampled words; the bytes behind the last whole word hold the seed's low byte. */
static void fill(const struct item *item)
{
	size_t words = item->bytes / 8;

	if (item->bytes <= FULL_BYTES) {
		write_words(item, 0, words);
	} else {
		for (size_t at = 0; at + SAMPLE_WORDS <= words; at += PAGE_SIZE / 8)
			write_words(item, at, at + SAMPLE_WORDS);
		write_words(item, words - SAMPLE_WORDS, words);
	}
	for (size_t i = words * 8; i < item->bytes; i++)
		((uint8_t *)item->address)[i] = (uint8_t)item->seed;
}

static void check(const struct item *item)
{
	size_t words = item->bytes / 8;
	bool good = true;

	if (item->bytes <= FULL_BYTES) {
		good = check_words(item, 0, words);
	} else {
		for (size_t at = 0; at + SAMPLE_WORDS <= words; at += PAGE_SIZE / 8)
			good &= check_words(item, at, at + SAMPLE_WORDS);
		good &= check_words(item, words - SAMPLE_WORDS, words);
	}
	for (size_t i = words * 8; i < item->bytes; i++)
		good &= ((const uint8_t *)item->address)[i] == (uint8_t)item->seed;
	if (!good)
		item_fail("contents of an allocation changed", item->address, item->bytes);
}

static void check_zero(const struct item *item)
{
	const uint8_t *byte = item->address;
	uint64_t any = 0;
	size_t i = 0;

	for (; i + 8 <= item->bytes; i += 8)
		any |= *(const uint64_t *)(byte + i);
	for (; i < item->bytes; i++)
		any |= byte[i];
	if (any)
		item_fail("memory asked for as zeroed is not", item->address, item->bytes);
}

/* ---- asking ---- */

static bool is_set(gfp_t gfp, gfp_t bit)
{
	return (gfp & bit) == bit;
}

static gfp_t random_gfp(uint64_t *random, bool atomic)
{
	static const gfp_t masks[] = {
		GFP_KERNEL, GFP_KERNEL, GFP_KERNEL | __GFP_ZERO, GFP_KERNEL | __GFP_RECLAIMABLE,
		GFP_NOFS,   GFP_NOWAIT,
	};
	if (atomic)
		return GFP_ATOMIC | __GFP_NOWARN;
	return masks[random_below(random, sizeof(masks) / sizeof(masks[0]))] | __GFP_NOWARN;
}

static gfp_t random_page_gfp(uint64_t *random, unsigned order)
{
	switch (random_below(random, 8)) {
	case 0:
		return GFP_HIGHUSER_MOVABLE | __GFP_NOWARN;
	case 1:
		return GFP_KERNEL | __GFP_COMP | __GFP_NOWARN;
	case 2:
		return GFP_KERNEL | GFP_DMA32 | __GFP_NOWARN;
	case 3:
		return order < 2 ? GFP_KERNEL | GFP_DMA | __GFP_NOWARN : GFP_USER | __GFP_NOWARN;
	default:
		return random_gfp(random, false);
	}
}

/* Between 1 and 2^bits, small sizes as likely as large ones; one in four is a power of two. */
static size_t random_size(uint64_t *random, unsigned bits)
{
	size_t power = (size_t)1 << random_below(random, bits);
	return random_below(random, 4) ? power + (size_t)random_below(random, power) : power;
}

static void check_pages(const struct item *item, const struct page *page)
{
	phys_addr_t phys = page_to_phys(page);

	if (phys & ((PAGE_SIZE << item->which) - 1))
		item_fail("a block is not aligned to its size", item->address, item->bytes);
	if (page_ref_count(page) != 1)
		item_fail("a fresh page has a reference count other than 1", item->address,
			  item->bytes);
	if (is_set(item->gfp, __GFP_DMA32) && phys + item->bytes > QUARRY_ARCH_DMA32_LIMIT)
		item_fail("a GFP_DMA32 block lies above 4 GiB", item->address, item->bytes);
	if (QUARRY_ARCH_DMA_LIMIT != 0 && is_set(item->gfp, __GFP_DMA) &&
	    phys + item->bytes > QUARRY_ARCH_DMA_LIMIT)
		item_fail("a GFP_DMA block lies above the DMA zone", item->address, item->bytes);
}

static enum item_result new_pages(struct item *item, size_t limit, bool atomic, uint64_t *random)
{
	unsigned order = 0, top = atomic ? 1 : MAX_PAGE_ORDER;

	while (order < top && random_next(random) >> 63)
		order++;
	while (order && PAGE_SIZE << order > limit)
		order--;
	if (PAGE_SIZE > limit)
		return ITEM_SKIPPED;
	item->which = (unsigned char)order;
	item->bytes = PAGE_SIZE << order;
	item->gfp = atomic ? random_gfp(random, true) : random_page_gfp(random, order);

	struct page *page = alloc_pages(item->gfp, order);
	if (!page)
		return ITEM_FAILED;
	item->address = page_address(page);
	check_pages(item, page);
	return ITEM_MADE;
}

static void check_kmalloc(const struct item *item)
{
	uintptr_t at = (uintptr_t)item->address;
	size_t align = ARCH_KMALLOC_MINALIGN;

	if (!(item->bytes & (item->bytes - 1)) && item->bytes > align)
		align = item->bytes < PAGE_SIZE ? item->bytes : PAGE_SIZE;
	if (at & (align - 1))
		item_fail("a kmalloc object is not aligned", item->address, item->bytes);
	if (ksize(item->address) < item->bytes)
		item_fail("ksize is smaller than what was asked for", item->address, item->bytes);
}

/* Write through the vmalloc address, read through the direct map. */
static void check_vmalloc(const struct item *item)
{
	size_t at = item->bytes - 1;
	volatile uint8_t *byte = (uint8_t *)item->address + at;
	struct page *page = vmalloc_to_page((const void *)byte);

	if (!is_vmalloc_addr(item->address) || ((uintptr_t)item->address & ~PAGE_MASK) || !page) {
		item_fail("a vmalloc address is not one", item->address, item->bytes);
		return;
	}
	*byte = 0xa5;
	if (((volatile uint8_t *)page_address(page))[at & ~PAGE_MASK] != 0xa5)
		item_fail("a vmalloc page is not the page it maps", item->address, item->bytes);
	*byte = 0;
}

static void *ask(struct item *item)
{
	switch (item->kind) {
	case ITEM_EXACT:
		return alloc_pages_exact(item->bytes, item->gfp);
	case ITEM_KMALLOC:
		return kmalloc(item->bytes, item->gfp);
	case ITEM_CACHE:
		return kmem_cache_alloc(state.cache[item->which], item->gfp);
	case ITEM_VMALLOC:
		return is_set(item->gfp, __GFP_ZERO) ? vzalloc(item->bytes) : vmalloc(item->bytes);
	default:
		return kvmalloc(item->bytes, item->gfp);
	}
}

/* Size and mask of an item that is not a block of pages. */
static void choose(struct item *item, bool atomic, uint64_t *random)
{
	item->gfp = random_gfp(random, atomic);
	switch (item->kind) {
	case ITEM_EXACT:
		item->bytes = random_size(random, 17);
		break;
	case ITEM_KMALLOC:
		item->bytes = random_size(random, atomic ? 10 : random_below(random, 32) ? 13 : 18);
		break;
	case ITEM_CACHE:
		item->which = (unsigned char)random_below(random, NR_CACHES);
		item->bytes = cache_shapes[item->which].size;
		break;
	case ITEM_VMALLOC:
		item->gfp = random_below(random, 4) ? GFP_KERNEL : GFP_KERNEL | __GFP_ZERO;
		item->bytes = PAGE_SIZE * (size_t)random_below(random, 8) + random_size(random, 17);
		break;
	default:
		item->gfp = random_below(random, 4) ? GFP_KERNEL : GFP_KERNEL | __GFP_ZERO;
		item->bytes = random_size(random, 20);
	}
}

enum item_result item_new(struct item *item, enum item_kind kind, size_t limit, bool atomic,
			  uint64_t *random)
{
	enum item_result result;

	*item = (struct item){.kind = (unsigned char)kind, .seed = random_next(random)};
	if (kind == ITEM_PAGES) {
		result = new_pages(item, limit, atomic, random);
	} else {
		choose(item, atomic, random);
		if (item->bytes > limit) {
			result = ITEM_SKIPPED;
		} else {
			item->address = ask(item);
			result = item->address ? ITEM_MADE : ITEM_FAILED;
		}
	}
	if (result != ITEM_MADE) {
		item->kind = ITEM_NONE;
		return result;
	}
	if (is_set(item->gfp, __GFP_ZERO))
		check_zero(item);
	if (kind == ITEM_KMALLOC)
		check_kmalloc(item);
	if (kind == ITEM_VMALLOC)
		check_vmalloc(item);
	fill(item);
	return ITEM_MADE;
}

void item_resize(struct item *item, uint64_t *random)
{
	size_t bytes = random_size(random, 13), kept = item->bytes < bytes ? item->bytes : bytes;

	if (item->bytes > FULL_BYTES)
		return;
	check(item);
	void *address = krealloc(item->address, bytes, GFP_KERNEL | __GFP_NOWARN);
	if (!address)
		return;
	item->address = address;
	item->bytes = kept & ~(size_t)7;
	check(item);
	item->bytes = bytes;
	fill(item);
}

void item_delete(struct item *item)
{
	check(item);
	switch (item->kind) {
	case ITEM_PAGES:
		if (is_set(item->gfp, __GFP_COMP))
			put_page(virt_to_page(item->address));
		else if (item->seed & 1)
			__free_pages(virt_to_page(item->address), item->which);
		else
			free_pages((unsigned long)item->address, item->which);
		break;
	case ITEM_EXACT:
		free_pages_exact(item->address, item->bytes);
		break;
	case ITEM_KMALLOC:
		kfree(item->address);
		break;
	case ITEM_CACHE:
		kmem_cache_free(state.cache[item->which], item->address);
		break;
	case ITEM_VMALLOC:
		vfree(item->address);
		break;
	default:
		kvfree(item->address);
	}
	item->kind = ITEM_NONE;
}

void item_bulk(uint64_t *random)
{
	struct page *pages[32] = {NULL};
	struct item item[32];
	unsigned long want = 1 + (unsigned long)random_below(random, 32);
	unsigned long got = alloc_pages_bulk(GFP_KERNEL | __GFP_NOWARN, want, pages);

	for (unsigned long i = 0; i < got; i++) {
		item[i] = (struct item){.address = page_address(pages[i]), .bytes = PAGE_SIZE};
		item[i].seed = random_next(random);
		fill(&item[i]);
	}
	for (unsigned long i = 0; i < got; i++)
		check(&item[i]);
	free_pages_bulk(got, pages);
}

/* ---- caches ---- */

const char *item_kind_name(enum item_kind kind)
{
	static const char *const names[NR_ITEM_KINDS] = {
		"none", "pages", "exact", "kmalloc", "cache", "vmalloc", "kvmalloc",
	};
	return names[kind];
}

bool items_init(void)
{
	state.failure = NULL;
	for (unsigned i = 0; i < NR_CACHES; i++) {
		state.cache[i] =
			kmem_cache_create(cache_shapes[i].name, cache_shapes[i].size,
					  cache_shapes[i].align, cache_shapes[i].flags, NULL);
		if (!state.cache[i])
			return false;
	}
	return true;
}

void items_exit(void)
{
	for (unsigned i = 0; i < NR_CACHES; i++)
		kmem_cache_destroy(state.cache[i]);
}
