/* SPDX-License-Identifier: MIT */
/*
 * kmem_cache.h: what a cache consists of. Data only.
 *
 * Terms
 *   object   what a caller gets: `object_size` bytes, `size` bytes from the next one
 *   slab     a block of 2^order pages cut into objects; every page of it has kind SLAB and the
 *            cache as its mapping
 *   taken    of a slab: objects that are not in it: with callers or in stocks
 *   stock    an array of pointers to free objects that one CPU keeps
 *   shape    how a slab of some order is cut. A cache has two: the preferred one, and the smallest
 *            that holds an object, for when memory is short
 *
 * Picture: one slab of order 1, more than 64 objects
 *
 *   head                                inner page
 *   lru       list of its node          -
 *   mapping   cache                     cache
 *   private_  which words of the        -
 *             bitmap have a set bit
 *   refcount  taken                     -
 *   flags     kind SLAB, owner bits 0   kind SLAB, owner bits: pages to the head
 *   memory    | object | object | ...              ... | unused | bitmap: a set bit is free |
 *
 * A debugged cache's slabs have a word for each slot below the bitmap (debug_cache.c).
 *
 * With at most 64 objects private_ itself is the bitmap. A slab of the smaller shape, where the
 * two differ, has SLAB_PAGE_SMALL in the flags of all its pages. Nothing of ours is ever written
 * into an object.
 */
#ifndef QUARRY_MM_SLAB_KMEM_CACHE_H
#define QUARRY_MM_SLAB_KMEM_CACHE_H

#include <quarry/slab.h>

#include "mm/base/list.h"
#include "mm/base/lock.h"
#include "mm/phys/pageblock.h"

/* Entries of a stock's table of places; a stock's capacity is below 255. */
#define STOCK_PLACES 64u
#define STOCK_PLACE_BITS 6u

/*
 * Objects that one CPU keeps of one cache. Only that CPU touches it, pinned; against its own
 * interrupts it is marked first and read afterwards. The mark is not a value of `n`: an interrupt
 * between reading n and marking it would take the same object. But it stands beside it, so that one
 * store of both is the last step of a request or a free.
 *
 * An object that is popped stays written in its slot: a record that it was handed out here. A free
 * that finds its object recorded right above the newest one undoes the last pop: nothing about the
 * pointer is left to prove. STOCK_END stands above the last record. Records end too when a slab of
 * the cache is given up: the memory may be another's next (stock.h).
 *
 *   I1  n <= cap;  the slots n .. cap have a STOCK_END
 *   I2  object[0 .. n) are free objects of the cache, taken from their slabs
 *   I3  object[0 .. first STOCK_END at or above n) are different
 *   I4  mark == 0, but for the one who marks it and who interrupts him;  apart == STOCK_BUSY
 *   I5  the cellar's first `stored` batches are as I2
 */
struct object_stock {
	union {
		struct {
			uint32_t n;
			uint8_t zero[3];
			uint8_t mark; /* 0; its owner works: STOCK_BUSY */
		};
		uint64_t n_unmarked; /* both, for storing: n, and not marked */
	};
	uint32_t cellar; /* frame of its cellar (cellar.h); 0: none */
	uint8_t cap;
	uint8_t pace;	/* objects that its last refill might have of slabs; 0: none, nor was room
			 * made, since idle.c looked at it */
	uint8_t stored; /* batches in the cellar */
	uint8_t apart;
#if QUARRY_HARDENING >= 1
	/* By a hash of an object's address: where in object[] one of that hash was put last. Only
	 * a hint: nothing is cleared when an object leaves. */
	uint8_t place[STOCK_PLACES];
#endif
	void *object[]; /* cap + 1; the newest last */
};
#define STOCK_BUSY 1u
/* Odd, so no object's address; and in the stock itself, so that no caller has it: freed, it would
 * be taken for a record. */
#define STOCK_END(stock) ((void *)((uintptr_t)(stock) + 1))

/* A list of slabs: frames of their heads, linked by page->lru; 0 is the end. */
struct slab_list {
	uint32_t first, last;
};

/*
 * A cache's slabs on one node. Invariants (validator: slab_check), all under `lock`:
 *   I3  each slab is in one list:  full: taken == objects;  empty: taken == 0;  partial: between
 *   I4  slabs == length of the three lists;  empties == length of `empty`
 *   I5  pages, objects, taken == sums over the slabs
 *   I6  taken(slab) + free bits(slab) == objects(shape)
 */
struct slab_node {
	struct mm_lock lock;
	uint32_t empties;
	struct slab_list partial, full, empty;
	unsigned long slabs, pages, objects, taken;
	void **depot; /* depot.h */
	uint16_t batches, room, limit;
	uint8_t spilled, low; /* at most 255 */
};

struct slab_shape {
	uint32_t objects;
	/* Places for objects: as many, or one more: the first of a debugged cache's slab is not
	 * handed out, so that something of ours lies before each object (slab_debug.h). */
	uint16_t slots;
	uint8_t order;
	uint8_t words; /* of the bitmap in the slab's memory; 0: private_ is the bitmap */
};

struct kmem_cache {
	/* Never NULL; STOCK_NONE where there is none; maybe set apart (stock.h). */
	struct object_stock *stock[QUARRY_MAX_CPUS];

	uint32_t size, object_size, align;
	uint32_t stock_cap; /* of new stocks; 0: this cache has none */
	/* ceil(2^40 / size): index = offset * reciprocal >> 40 for offsets below 2^20. */
	uint64_t reciprocal;
	/* Of the preferred shape, for slab_starts_object(): bytes of a slab - 1,
	 * floor(2^64 / size) + 1, and the last object's offset times that, modulo 2^64. */
	uint64_t slab_mask, inverse, last_product;
	uint64_t object_room; /* object_size: compared with any size in one instruction */
	uint32_t moved; /* objects, to and from slabs, since it made idle.c look */
	uint64_t token;	/* one of kmalloc's with stocks: class_hint.h; else 0 */
	gfp_t page_gfp; /* zone and mobility of the pages */
	slab_flags_t flags;
	struct slab_shape shape[2]; /* preferred, smallest */
	void (*ctor)(void *object);
	uint32_t useroffset, usersize;
	struct quarry_list link; /* of all caches, ascending by id */
	uint32_t id;
	uint32_t max_empty; /* empty slabs kept on a node */
	uint32_t users;	    /* creators that share it; under registry.lock */
	bool builtin;	    /* not created by a caller: cannot be destroyed */
	bool stocked;	    /* its CPUs were given stocks */
	/* Object i of a slab is bit i * stride + shift (mod 64) of its word: the order in which a
	 * new slab is handed out. stride_inverse * stride == 1 (mod 64). */
	uint8_t stride, stride_inverse, shift;
	char name[QUARRY_CACHE_NAME_MAX + 1];
	/* slab_debug.h: nobody but us counts on what free objects hold; bytes of the zone before an
	 * object, 0: there is none. */
	bool poisoned;
	uint32_t zone;

	struct slab_node node[QUARRY_MAX_NODES];

	/* Requests that the CPU's stock had nothing for, and objects that were fetched then. Every
	 * other object of these was a hit: nothing is counted where there was one. Both are halved
	 * before they wrap. Cellars have some of their own, added now and then: CPUs seldom meet
	 * here. */
	uint32_t misses, fetched;
};
QUARRY_STATIC_ASSERT(sizeof(struct kmem_cache) <= QUARRY_KMEM_CACHE_SIZE,
		     "QUARRY_KMEM_CACHE_SIZE in quarry/slab.h must hold struct kmem_cache");

#endif
