/* SPDX-License-Identifier: MIT */
/*
 * slab_page.c: one slab. Terms, picture and invariants: kmem_cache.h.
 *
 * Free objects are bits outside the objects: freed memory is not written, holds nothing that an
 * attacker could forge, and a second free is always seen. With more than 64 objects the words
 * lie at the slab's end and private_ says which of them have a set bit, so that taking needs no
 * search.
 *
 * Which bit of its word an object has is a secret of the cache at hardening 1 (kmem_cache.h:
 * stride): lowest bit first hands a slab out in an order that a caller cannot foresee.
 *
 * Cost  new: a page request and two stores a page. take: about 9 instructions an object.
 *       give: one multiplication, a bit test, a store.
 * Start at slab_take, slab_give.
 */
#include "mm/slab/slab_page.h"

#include "mm/base/fault.h"
#include "mm/slab/class_hint.h"
#include "mm/slab/slab_debug.h"

/* What of a caller's mask concerns the pages of a slab. Zone and mobility are the cache's,
 * zeroing is done per object. */
#define SLAB_GFP_PASS                                                                              \
	(__GFP_RECLAIM | __GFP_HIGH | __GFP_IO | __GFP_FS | __GFP_RETRY_MAYFAIL | __GFP_NOFAIL |   \
	 __GFP_NORETRY | __GFP_MEMALLOC | __GFP_NOMEMALLOC | __GFP_NOWARN | __GFP_THISNODE |       \
	 __GFP_HARDWALL | __GFP_NOLOCKDEP)

/* A slab is as small as it can be with at most a twelfth of it left over, and no large block: 8
 * pages. For its last object holds it: replaying Linux, slabs of 8 objects and more took 2 % more
 * memory. */
#define SLAB_MAX_ORDER 3u
#define SLAB_WASTE 12u

/* `each`: bytes that an object takes, beside the bitmap. */
static struct slab_shape cut(size_t each, unsigned order)
{
	size_t bytes = PAGE_SIZE << order;
	struct slab_shape shape = {.objects = (uint32_t)(bytes / each), .order = (uint8_t)order};

	/* Room for the bitmap may cost objects, and then the bitmap may be shorter by a word
	 * than it was. */
	if (shape.objects > 64) {
		shape.words = (uint8_t)((shape.objects + 63) / 64);
		shape.objects = (uint32_t)((bytes - shape.words * 8u) / each);
	}
	shape.slots = (uint16_t)shape.objects;
	return shape;
}

/* At least `least` of them, in a larger block if need be. */
static struct slab_shape cut_at_least(unsigned least, size_t each, unsigned order)
{
	unsigned room = get_order(each * least);

	return cut(each, order > room ? order : room);
}

struct slab_shape slab_shape_of(uint32_t size, unsigned order)
{
	return slab_has_tags(size) ? cut_at_least(1, size + SLAB_TAG_BYTES, order)
				   : cut(size, order);
}

struct slab_shape slab_shape_debugged(uint32_t size, unsigned order, unsigned before)
{
	struct slab_shape shape =
		cut_at_least(before + 1, size + SLAB_TAG_BYTES + sizeof(uint32_t), order);

	shape.objects -= before;
	return shape;
}

/* Bytes that such a slab leaves over, in proportion to the largest one's. */
static size_t left_over(uint32_t size, unsigned order)
{
	size_t used = (size_t)slab_shape_of(size, order).objects * size;

	return ((PAGE_SIZE << order) - used) << (SLAB_MAX_ORDER - order);
}

unsigned slab_preferred_order(uint32_t size)
{
	unsigned order = get_order(size), best = order;
	size_t least = PAGE_SIZE << SLAB_MAX_ORDER;

	while (order <= SLAB_MAX_ORDER && least * SLAB_WASTE > PAGE_SIZE << SLAB_MAX_ORDER) {
		size_t left = left_over(size, order);

		if (left < least) {
			best = order;
			least = left;
		}
		order++;
	}
	return best;
}

/* Bits of the first `n` objects of a word. */
static unsigned long bits_of_first(const struct kmem_cache *cache, unsigned n)
{
	unsigned long bits = 0;

	if (!QUARRY_HARDENING || n == 64)
		return ~0ul >> (64 - n);
	for (unsigned i = 0; i < n; i++)
		bits |= 1ul << slab_bit(cache, i);
	return bits;
}

/* Slots without an object are not free. */
static void skip_first(const struct kmem_cache *cache, struct page *head,
		       const struct slab_shape *shape)
{
	if (shape->slots > shape->objects)
		*slab_word(head, shape, 0) &= ~(1ul << slab_bit(cache, 0));
}

/* All objects free. */
static void fill_bitmap(const struct kmem_cache *cache, struct page *head,
			const struct slab_shape *shape)
{
	unsigned long tail = bits_of_first(cache, (shape->slots - 1u) % 64 + 1);

	if (!shape->words) {
		head->private_ = tail;
		skip_first(cache, head, shape);
		return;
	}
	unsigned long *word = slab_bitmap(head, shape);
	unsigned used = (shape->slots + 63u) / 64;

	for (unsigned i = 0; i < shape->words; i++)
		word[i] = i + 1 < used ? ~0ul : i + 1 == used ? tail : 0;
	head->private_ = ~0ul >> (64 - used);
	skip_first(cache, head, shape);
}

/* Make the pages a slab of that shape, all of its objects free and constructed. */
static struct page *cut_up(const struct kmem_cache *cache, struct page *head,
			   const struct slab_shape *shape)
{
	char *base = page_address(head);

	MM_ASSERT(shape->objects >= 1 && slab_shape(cache, head) == shape);
	fill_bitmap(cache, head, shape);
	MM_ASSERT_SLOW(slab_count_free(cache, head) == shape->objects);
	if (cache->ctor)
		for (uint32_t i = shape->slots - shape->objects; i < shape->slots; i++)
			cache->ctor(base + (size_t)i * cache->size);
	if (slab_has_tags(cache->size))
		__builtin_memset(slab_tags(head, shape), 0, shape->slots * SLAB_TAG_BYTES);
	if (slab_debugged(cache))
		slab_debug_fill(cache, base, slab_states(head, shape), shape->slots);
	if (!(cache->flags & SLAB_TYPESAFE_BY_RCU))
		arch_mem_poison(base, (size_t)shape->slots * cache->size);
	return head;
}

struct page *slab_new(struct kmem_cache *cache, gfp_t gfp, int node)
{
	const struct slab_shape *shape = &cache->shape[0];
	struct page *head = NULL;

	if (fault_at(FAULT_SLAB_GROW, gfp, shape->order))
		return NULL;
	gfp = (gfp & SLAB_GFP_PASS) | cache->page_gfp;
	/* The preferred order is only tried: no reclaim, no reserves, no report, and NOFAIL is
	 * not for it (G105). */
	if (shape->order > cache->shape[1].order) {
		head = alloc_pages_node(node,
					(gfp | __GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC) &
						~(__GFP_NOFAIL | __GFP_DIRECT_RECLAIM |
						  __GFP_RETRY_MAYFAIL | __GFP_MEMALLOC |
						  __GFP_HIGH),
					shape->order);
		if (!head)
			shape = &cache->shape[1];
	}
	if (!head)
		head = alloc_pages_node(node, gfp, shape->order);
	return head ? cut_up(cache, head, shape) : NULL;
}

struct page *slab_new_nolock(struct kmem_cache *cache, int node)
{
	const struct slab_shape *shape = &cache->shape[0];

	if (fault_here(FAULT_SLAB_GROW))
		return NULL;
	struct page *head = alloc_pages_nolock(node, shape->order);

	if (!head && shape->order > cache->shape[1].order) {
		shape = &cache->shape[1];
		head = alloc_pages_nolock(node, shape->order);
	}
	return head ? cut_up(cache, head, shape) : NULL;
}

void slab_release(struct page *head)
{
	unsigned order = page_order(head);

	MM_ASSERT(page_kind(head) == QUARRY_PAGE_USED);
	MM_ASSERT(head->refcount == 1 && !head->mapping);
	arch_mem_unpoison(page_address(head), PAGE_SIZE << order);
	__free_pages(head, order);
}

void slab_release_nolock(struct page *head)
{
	unsigned order = page_order(head);

	arch_mem_unpoison(page_address(head), PAGE_SIZE << order);
	free_pages_nolock(head, order);
}

void slab_mark(struct kmem_cache *cache, struct page *head)
{
	uint32_t pages = 1u << page_order(head);

	head->mapping = cache;
	uint32_t small = slab_shape(cache, head) == &cache->shape[0] ? 0 : SLAB_PAGE_SMALL;

	page_set_word(head, (page_flags(head) & ~QUARRY_PG_KIND_MASK) | QUARRY_PAGE_SLAB | small,
		      0);
	for (uint32_t i = 1; i < pages; i++) {
		head[i].mapping = cache;
		page_set_member(&head[i], head, QUARRY_PAGE_SLAB);
		page_set_flags(&head[i], page_flags(&head[i]) | i << QUARRY_PG_OWNER_SHIFT);
	}
	class_hint_slab(cache, head);
}

void slab_unmark(struct page *head)
{
	uint32_t pages = 1u << page_order(head);

	class_hint_end(head->mapping, head);
	for (uint32_t i = 1; i < pages; i++) {
		head[i].mapping = NULL;
		page_set_flags(&head[i], QUARRY_PAGE_INNER);
	}
	MM_ASSERT(page_kind(head) == QUARRY_PAGE_SLAB && slab_taken(head) == 0);
	head->mapping = NULL;
	head->private_ = 0;
	page_set_word(head,
		      (page_flags(head) & ~(QUARRY_PG_KIND_MASK | SLAB_PAGE_SMALL)) |
			      QUARRY_PAGE_USED,
		      1);
}

/* `first` is the object with index 0 in the bit's word. */
static void *object_of_bit(const struct kmem_cache *cache, char *first, unsigned bit)
{
	return first + (size_t)slab_index_of_bit(cache, bit) * cache->size;
}

unsigned slab_take(const struct kmem_cache *cache, struct page *head, void **out, unsigned most)
{
	const struct slab_shape *shape = slab_shape(cache, head);
	char *base = page_address(head);
	uint32_t left = shape->objects - slab_taken(head);
	unsigned n = left < most ? left : most;
	unsigned slot = n;

	MM_ASSERT(n >= 1 && head->private_);
	slab_count_taken(head, (int32_t)n);
	if (!shape->words) {
		unsigned long map = head->private_;

		for (; slot; map &= map - 1)
			out[--slot] = object_of_bit(cache, base, lowest_bit(map));
		head->private_ = map;
		MM_ASSERT_SLOW(slab_count_free(cache, head) + slab_taken(head) == shape->objects);
		return n;
	}
	unsigned long *word = slab_bitmap(head, shape);

	while (slot) {
		unsigned w = lowest_bit(head->private_);
		unsigned long map = word[w];

		char *first = base + (size_t)w * 64 * cache->size;

		for (; slot && map; map &= map - 1)
			out[--slot] = object_of_bit(cache, first, lowest_bit(map));
		word[w] = map;
		if (!map)
			head->private_ &= ~(1ul << w);
	}
	MM_ASSERT_SLOW(slab_count_free(cache, head) + slab_taken(head) == shape->objects);
	return n;
}

/* Set the free bit of an object. Return: false, reported, if there is no such taken object. */
static bool set_free(const struct kmem_cache *cache, struct page *head,
		     const struct slab_shape *shape, void *object)
{
	uint32_t index = slab_index(cache, head, shape, object);

	if (unlikely(index == NO_OBJECT)) {
		mm_report(OBJECT_INTERIOR, "kfree", object, cache->name, cache->size);
		return false;
	}
	unsigned long *word = slab_word(head, shape, index);
	unsigned long bit = 1ul << slab_bit(cache, index);

	if (unlikely(*word & bit)) {
		mm_report(OBJECT_TWICE, "kfree", object, cache->name, 0);
		return false;
	}
	*word |= bit;
	if (shape->words)
		head->private_ |= 1ul << index / 64;
	return true;
}

unsigned slab_give(const struct kmem_cache *cache, struct page *head, void *const *object,
		   unsigned n)
{
	const struct slab_shape *shape = slab_shape(cache, head);
	uintptr_t base = (uintptr_t)page_address(head), bytes = PAGE_SIZE << shape->order;
	unsigned done = 0;
	int32_t given = 0;

	MM_ASSERT(n >= 1 && (uintptr_t)object[0] - base < bytes);
	do {
		given += set_free(cache, head, shape, object[done]);
	} while (++done < n && (uintptr_t)object[done] - base < bytes);
	MM_ASSERT(given <= head->refcount);
	slab_count_taken(head, -(int32_t)given);
	MM_ASSERT_SLOW(slab_count_free(cache, head) + slab_taken(head) == shape->objects);
	return done;
}

uint32_t slab_count_free(const struct kmem_cache *cache, struct page *head)
{
	const struct slab_shape *shape = slab_shape(cache, head);
	uint32_t n = 0;

	if (!shape->words)
		return count_bits(head->private_);
	for (unsigned w = 0; w < shape->words; w++)
		n += count_bits(slab_bitmap(head, shape)[w]);
	return n;
}
