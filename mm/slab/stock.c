/* SPDX-License-Identifier: MIT */
/*
 * stock.c: setting the CPUs' stocks apart. Theory: stock.h.
 */
#include "mm/slab/stock.h"

#include "mm/base/cpu.h"

const struct object_stock stock_none = {.mark = STOCK_BUSY, .apart = STOCK_BUSY};

void stocks_set_apart(struct kmem_cache *cache)
{
	for_each_online_cpu (cpu) {
		struct object_stock *stock = stock_fast(cache, cpu);

		/* One that is installed just now has no records. */
		if (stock != STOCK_NONE && !stock_is_apart(stock))
			__atomic_compare_exchange_n(&cache->stock[cpu], &stock,
						    stock_set_apart(stock), false, __ATOMIC_RELAXED,
						    __ATOMIC_RELAXED);
	}
}
