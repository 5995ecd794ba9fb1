/* SPDX-License-Identifier: MIT */
/*
 * stock.h: which stock a CPU has of a cache, and when its fast path may not go on with it.
 *
 * A CPU without a stock has STOCK_NONE, which is marked for ever, so the fast path needs no test
 * for NULL.
 *
 * Where the fast path may not go on as it is, the cache's pointer to the stock is set apart: it has
 * STOCK_APART added, so that what is read as the mark is a byte that always says busy. The slow
 * path takes it off (stock_of).
 *   - For ever where every request has to come by there: cache_is_closed().
 *   - When a slab is given up, for all CPUs, by who does it before its pages are anybody else's:
 *     the records (kmem_cache.h) name memory that may be another cache's next. Each CPU joins again
 *     when it comes by its slow path, and ends its records. Who frees a new object of that memory
 *     got it after the pages were released, so he finds his pointer set apart, or has joined since.
 *
 * Start at stocks_set_apart.
 */
#ifndef QUARRY_MM_SLAB_STOCK_H
#define QUARRY_MM_SLAB_STOCK_H

#include "mm/slab/kmem_cache.h"

#define STOCK_APART 8u
QUARRY_STATIC_ASSERT(offsetof(struct object_stock, apart) ==
			     offsetof(struct object_stock, mark) + STOCK_APART,
		     "it is read as the mark");

/* Nobody writes it. It is not set apart, nor are stocks, which are aligned as much. */
extern const struct object_stock stock_none QUARRY_INT(stock_none)
	__attribute__((aligned(2 * STOCK_APART)));
#define STOCK_NONE ((struct object_stock *)(uintptr_t)&stock_none)

/* The pointer is published once with everything behind it; only the CPU itself follows it. Return:
 * for the fast path: maybe set apart. */
static QUARRY_ALWAYS_INLINE struct object_stock *stock_fast(const struct kmem_cache *cache,
							    unsigned long cpu)
{
	return __atomic_load_n(&cache->stock[cpu], __ATOMIC_ACQUIRE);
}
static inline struct object_stock *stock_set_apart(struct object_stock *stock)
{
	return (struct object_stock *)((uintptr_t)stock + STOCK_APART);
}
static inline bool stock_is_apart(const struct object_stock *stock)
{
	return (uintptr_t)stock & STOCK_APART;
}
static inline struct object_stock *stock_of(const struct kmem_cache *cache, unsigned long cpu)
{
	return (struct object_stock *)((uintptr_t)stock_fast(cache, cpu) &
				       ~(uintptr_t)STOCK_APART);
}

/* A slab of the cache was given up: no stock's records are good. */
void stocks_set_apart(struct kmem_cache *cache) QUARRY_INT(stocks_set_apart);

#endif
