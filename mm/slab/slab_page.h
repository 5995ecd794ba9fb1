/* SPDX-License-Identifier: MIT */
/*
 * slab_page.h: one slab: where its objects are, which are free, taking and giving them.
 *
 * Everything here is a step on one slab; the caller holds the lock of its node, or is the only
 * one who knows the slab. Picture and terms: kmem_cache.h.
 */
#ifndef QUARRY_MM_SLAB_SLAB_PAGE_H
#define QUARRY_MM_SLAB_SLAB_PAGE_H

#include "mm/base/assert.h"
#include "mm/base/bits.h"
#include "mm/base/count.h"
#include "mm/gfp/gfp.h"
#include "mm/slab/kmem_cache.h"

/* The flags of a slab's pages change under its node's lock only, before and after its objects
 * live: plain reads. */

/* Head of the slab of `page`, whose kind is SLAB: the owner bits count the pages back to it. */
static inline struct page *slab_head(struct page *page)
{
	return page - (page->flags >> QUARRY_PG_OWNER_SHIFT);
}
static inline const struct slab_shape *slab_shape(const struct kmem_cache *cache,
						  const struct page *head)
{
	return &cache->shape[(head->flags >> QUARRY_PG_ORDER_SHIFT & 0xfu) !=
			     cache->shape[0].order];
}
static inline struct slab_node *slab_node_of(struct kmem_cache *cache, const struct page *page)
{
	return &cache->node[page_zone_number(page) / MAX_NR_ZONES];
}
/* Objects that are not in the slab. */
static inline uint32_t slab_taken(const struct page *head)
{
	return (uint32_t)head->refcount;
}

/* Under the node's lock; scanners of frames read the word without it. */
static inline void slab_count_taken(struct page *head, int32_t n)
{
	__atomic_store_n(&head->refcount, head->refcount + n, __ATOMIC_RELAXED);
}

#define NO_OBJECT UINT32_MAX

/* In the flags of a slab's pages: it is not of its cache's preferred shape. */
#define SLAB_PAGE_SMALL (1u << 22)

/*
 * Does an object start at `address`, which is in a slab of the preferred shape?
 *
 * With r = floor(2^64 / size) + 1 and offset = k * size + d, 0 <= d < size, the product offset * r
 * modulo 2^64 is k * (size * r - 2^64) + d * r. The first term is at most the offset, so below
 * 2^20; r is above 2^43. So the product is at most the last object's if d is 0 and k not above the
 * last index, and in no other case.
 */
static QUARRY_ALWAYS_INLINE bool slab_starts_at(const struct kmem_cache *cache, uint64_t offset)
{
	return (offset & cache->slab_mask) * cache->inverse <= cache->last_product;
}
static QUARRY_ALWAYS_INLINE bool slab_starts_object(const struct kmem_cache *cache,
						    const void *address)
{
	return slab_starts_at(cache, (uint64_t)virt_to_phys(address));
}

/* Index of the object of a slab that starts at `address`, which is in the slab's block;
 * NO_OBJECT if none does. */
static inline uint32_t slab_index(const struct kmem_cache *cache, const struct page *head,
				  const struct slab_shape *shape, const void *address)
{
	uint64_t offset = (uintptr_t)address - (uintptr_t)page_address(head);
	uint64_t index = offset * cache->reciprocal >> 40;

	return index * cache->size == offset && index < shape->slots ? (uint32_t)index
								       : NO_OBJECT;
}

/* Start of the object that holds `address`, which is in the slab's block; NULL if none does. */
static inline void *slab_object_at(const struct kmem_cache *cache, const struct page *head,
				   const void *address)
{
	uintptr_t base = (uintptr_t)page_address(head);
	uint64_t index = ((uintptr_t)address - base) * cache->reciprocal >> 40;
	void *object = (void *)(base + (uintptr_t)index * cache->size);

	return slab_index(cache, head, slab_shape(cache, head), object) == NO_OBJECT ? NULL
										     : object;
}

/* Bitmap of a slab with more than 64 objects: the last words of its memory. */
static inline unsigned long *slab_bitmap(const struct page *head, const struct slab_shape *shape)
{
	return (unsigned long *)page_address(head) +
	       ((PAGE_SIZE << shape->order) / 8 - shape->words);
}
/* Whose an object is, one word each, below the bitmap (alloc_tag.h); only if objects are counted,
 * and with the largest object there is no room for it. */
#define SLAB_TAG_BYTES (QUARRY_ALLOCINFO ? (uint32_t)sizeof(void *) : 0)
static inline bool slab_has_tags(uint32_t size)
{
	return QUARRY_ALLOCINFO && size <= QUARRY_CACHE_MAX_SIZE - SLAB_TAG_BYTES;
}
static inline void **slab_tags(const struct page *head, const struct slab_shape *shape)
{
	return (void **)slab_bitmap(head, shape) - shape->slots;
}
/* Words of a debugged cache's slots, one each, below that (debug_cache.c). */
static inline uint32_t *slab_states(const struct page *head, const struct slab_shape *shape)
{
	return (uint32_t *)slab_bitmap(head, shape) -
	       shape->slots * (1 + SLAB_TAG_BYTES / sizeof(uint32_t));
}
/* Bit of an object in its word of the bitmap, and back. */
static inline unsigned slab_bit(const struct kmem_cache *cache, uint32_t index)
{
	return QUARRY_HARDENING ? (index * cache->stride + cache->shift) % 64 : index % 64;
}
static inline uint32_t slab_index_of_bit(const struct kmem_cache *cache, unsigned bit)
{
	return QUARRY_HARDENING ? (bit - cache->shift) * cache->stride_inverse % 64 : bit;
}
/* The word that holds the free bit of object `index`. */
static inline unsigned long *slab_word(struct page *head, const struct slab_shape *shape,
				       uint32_t index)
{
	return shape->words ? slab_bitmap(head, shape) + index / 64 : &head->private_;
}
static inline bool slab_is_free(const struct kmem_cache *cache, struct page *head,
				const struct slab_shape *shape, uint32_t index)
{
	return *slab_word(head, shape, index) >> slab_bit(cache, index) & 1;
}

/* Was the pageblock split at some time that holds `frame`, counted from the map's first? So it was
 * if there is a slab in it. As map_state(), but the test is one instruction. */
static QUARRY_ALWAYS_INLINE bool frame_may_be_slab(unsigned long frame)
{
#ifdef RACES_ARE_CHECKED
	return map_state(frame) & BLOCK_READY;
#else
	unsigned long block = pageblock_of(frame);

	return likely(block < pageblocks.count) && likely(pageblocks.state[block] & BLOCK_READY);
#endif
}
QUARRY_STATIC_ASSERT(QUARRY_CACHE_MAX_SIZE < PAGE_SIZE << pageblock_order,
		     "a slab is a part of a pageblock");

/*
 * The page at `offset` from the map's first address, if it may be one of a slab; else NULL. A
 * pageblock is larger than a slab, so such an offset and that from the slab's start are the same
 * modulo the slab.
 */
static QUARRY_ALWAYS_INLINE const struct page *page_at_offset(uintptr_t offset)
{
	unsigned long frame = offset >> PAGE_SHIFT;

	if (unlikely(!frame_may_be_slab(frame)))
		return NULL;
	const struct page *page =
		(const struct page *)(pageblocks.first_page + frame * sizeof(struct page));

	if (!page) /* spares the caller a second test */
		__builtin_unreachable();
	return page;
}

/*
 * Is `object` an object of `cache`, in a slab of the preferred shape? Any pointer. At hardening 0 a
 * pointer into one, or of a slab of the smaller shape, will do.
 */
static QUARRY_ALWAYS_INLINE bool slab_has(const struct kmem_cache *cache, const void *object)
{
	uintptr_t offset = (uintptr_t)object - pageblocks.first_address;
	const struct page *page = page_at_offset(offset);

	if (unlikely(!page) || unlikely(page->mapping != cache))
		return false;
	if (!QUARRY_HARDENING)
		return true;
	return likely(!(page->flags & SLAB_PAGE_SMALL)) && likely(slab_starts_at(cache, offset));
}

/* Is `object` an object of `cache` in the slab that is named at `hint` (class_hint.h)? Any pointer.
 * At hardening 0 a pointer into one will do. */
static QUARRY_ALWAYS_INLINE bool slab_named_has(const struct kmem_cache *cache,
						const uintptr_t *hint, const void *object)
{
	if (!hint)
		return false;
	uint64_t offset =
		__atomic_load_n(hint, __ATOMIC_RELAXED) + (uintptr_t)object + cache->token;

	if (!QUARRY_HARDENING)
		return likely(offset <= cache->slab_mask);
	/* As slab_starts_at(): what is beyond the slab does not fit the product either. */
	return likely(offset < 1u << 20) && likely(offset * cache->inverse <= cache->last_product);
}

/* Cache of the object that starts at `object`, if its slab is of the preferred shape; else NULL.
 * Any pointer. */
static QUARRY_ALWAYS_INLINE const struct kmem_cache *slab_cache_at(const void *object)
{
	uintptr_t offset = (uintptr_t)object - pageblocks.first_address;
	const struct page *page = page_at_offset(offset);

	if (unlikely(!page) || unlikely((page_flags(page) & (QUARRY_PG_KIND_MASK |
							     SLAB_PAGE_SMALL)) != QUARRY_PAGE_SLAB))
		return NULL;
	const struct kmem_cache *cache = page->mapping;

	return likely(slab_starts_at(cache, offset)) ? cache : NULL;
}

/*
 * Tell a memory checker that an object became free / is handed out. Freeing covers the gap to
 * the next object too, so that a use of the gap is seen. Nothing on real machines: all of it
 * folds away.
 */
static inline void object_poison(const struct kmem_cache *cache, void *object)
{
	/* Readers may look at free objects; debugged ones are marked under their lock. */
	if (cache->flags & (SLAB_TYPESAFE_BY_RCU | QUARRY_SLAB_DEBUG_FLAGS))
		return;
	struct page *head = QUARRY_HARDENING ? NULL : slab_head(virt_to_page(object));

	if (!head || slab_index(cache, head, slab_shape(cache, head), object) != NO_OBJECT)
		arch_mem_poison(object, cache->size);
}
static inline void object_unpoison(const struct kmem_cache *cache, void *object)
{
	arch_mem_unpoison(object, cache->object_size);
}

/* Are all in slabs of the cache? For assertions. */
static inline bool slab_has_all(const struct kmem_cache *cache, void *const *object, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct page *page = page_of_address(object[i]);

		if (!page || page_kind(page) != QUARRY_PAGE_SLAB || page->mapping != cache)
			return false;
	}
	return true;
}

/* How a block of 2^order pages is cut into objects of `size` bytes; objects == 0: not one fits. */
struct slab_shape slab_shape_of(uint32_t size, unsigned order) QUARRY_INT(slab_shape_of);
/* The same of a debugged cache: with slab_states(), and `before` slots that are not handed out. At
 * least one object fits: the block is larger if it must be. */
struct slab_shape slab_shape_debugged(uint32_t size, unsigned order, unsigned before)
	QUARRY_INT(slab_shape_debugged);
/* The preferred order for objects of `size` bytes, aligned to what the size is divisible by. */
unsigned slab_preferred_order(uint32_t size) QUARRY_INT(slab_preferred_order);

/*
 * Get pages for a slab, all objects free and constructed. Nobody else knows it yet: its pages
 * are marked by slab_mark().
 * Return: the head, or NULL.
 */
struct page *slab_new(struct kmem_cache *cache, gfp_t gfp, int node) QUARRY_INT(slab_new);
/* The same without waiting for anything. Context: any. */
struct page *slab_new_nolock(struct kmem_cache *cache, int node) QUARRY_INT(slab_new_nolock);
/* Give the pages of an unmarked slab back. No lock held. */
void slab_release(struct page *head) QUARRY_INT(slab_release);
/* The same without waiting for anything. Context: any. */
void slab_release_nolock(struct page *head) QUARRY_INT(slab_release_nolock);

/* Let addresses in the slab lead to its cache, and end that. Under the node's lock. */
void slab_mark(struct kmem_cache *cache, struct page *head) QUARRY_INT(slab_mark);
void slab_unmark(struct page *head) QUARRY_INT(slab_unmark);

/*
 * Take at most `most` objects; out[0 .. result) is filled from high addresses to low, because
 * the last one is handed out first. Return: how many.
 */
unsigned slab_take(const struct kmem_cache *cache, struct page *head, void **out, unsigned most)
	QUARRY_INT(slab_take);
/* Give back object[0], which is in the slab's block, and those up to `n` that follow it and are
 * too; one that is not an object of the slab, or free already, is reported. Return: how many. */
unsigned slab_give(const struct kmem_cache *cache, struct page *head, void *const *object,
		   unsigned n)
	QUARRY_INT(slab_give);
/* Free bits of the slab. For the validator. */
uint32_t slab_count_free(const struct kmem_cache *cache, struct page *head)
	QUARRY_INT(slab_count_free);

#endif
