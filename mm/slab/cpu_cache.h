/* SPDX-License-Identifier: MIT */
/*
 * cpu_cache.h: each CPU's stock of free objects: the fast path of every object request.
 *
 * Exclusion. Only its own CPU touches a stock, kept there by a pin, so no other CPU interferes.
 * An interrupt on that CPU may come at any instruction. The owner first sets `busy`, then reads
 * `n`, works, stores `n` and clears `busy`. An interrupt before the mark runs to its end before
 * the owner reads anything; one after it sees the mark and uses the node's slabs under their
 * lock. No lock, no locked instruction, no interrupt masking. Other CPUs' stocks are emptied by
 * calling the CPU (cpu_call_all), never from outside.
 *
 * A CPU without a stock has stock_none: busy for ever, so the fast path needs no test for NULL.
 *
 * Start at: object_pop, object_push.
 */
#ifndef QUARRY_MM_SLAB_CPU_CACHE_H
#define QUARRY_MM_SLAB_CPU_CACHE_H

#include "mm/base/cpu.h"
#include "mm/slab/kmem_cache.h"

extern const struct object_stock stock_none QUARRY_INT(stock_none);
/* As the value of a stock pointer; being busy, it is never written. */
#define STOCK_NONE ((struct object_stock *)(uintptr_t)&stock_none)

/* The pointer is published once with everything behind it; only the CPU itself follows it. */
static QUARRY_ALWAYS_INLINE struct object_stock *stock_of(const struct kmem_cache *cache,
							  unsigned long cpu)
{
	return __atomic_load_n(&cache->stock[cpu], __ATOMIC_ACQUIRE);
}
static QUARRY_ALWAYS_INLINE size_t stock_count(const struct object_stock *stock)
{
	return __atomic_load_n(&stock->n, __ATOMIC_RELAXED);
}
static QUARRY_ALWAYS_INLINE void stock_set_count(struct object_stock *stock, size_t n)
{
	__atomic_store_n(&stock->n, n, __ATOMIC_RELAXED);
}

/* Mark the stock. Return: false if an owner that we interrupted has it, or there is none. */
static QUARRY_ALWAYS_INLINE bool stock_begin(struct object_stock *stock)
{
	if (unlikely(stock->busy))
		return false;
	stock->busy = true;
	irq_order();
	return true;
}
static QUARRY_ALWAYS_INLINE void stock_end(struct object_stock *stock)
{
	irq_order();
	stock->busy = false;
}

/* Take the newest object. Pinned. Return: NULL if the stock is empty or busy. */
static QUARRY_ALWAYS_INLINE void *object_pop(struct object_stock *stock)
{
	if (!stock_begin(stock))
		return NULL;
	size_t n = stock->n;
	void *object = stock->object[n];

	if (likely(object)) /* object[0] is NULL */
		stock_set_count(stock, n - 1);
	stock_end(stock);
	return object;
}

/*
 * Is a free object in the first `n` of the stock? Never says yes wrongly. At hardening 1 it finds
 * each one whose place in the table no later free took: a free in between takes it with
 * probability 1/64. At hardening 0 only the newest is compared.
 */
#if QUARRY_HARDENING >= 1
static QUARRY_ALWAYS_INLINE uint8_t *stock_place(struct object_stock *stock, const void *object)
{
	return &stock->place[(uint32_t)(uintptr_t)object * 0x9e3779b1u >> (32 - STOCK_PLACE_BITS)];
}
static QUARRY_ALWAYS_INLINE bool stock_holds(struct object_stock *stock, size_t n,
					     const void *object)
{
	size_t place = *stock_place(stock, object);

	return place <= n && stock->object[place] == object;
}
#else
static QUARRY_ALWAYS_INLINE bool stock_holds(struct object_stock *stock, size_t n,
					     const void *object)
{
	return stock->object[n] == object;
}
#endif
/* Write an object into slot `n` of the stock. */
static QUARRY_ALWAYS_INLINE void stock_put(struct object_stock *stock, size_t n, void *object)
{
#if QUARRY_HARDENING >= 1
	*stock_place(stock, object) = (uint8_t)n;
#endif
	stock->object[n] = object;
}

/* Put an object on top. Pinned. Return: false if the stock is full or busy, or seen to have this
 * object already. */
static QUARRY_ALWAYS_INLINE bool object_push(struct object_stock *stock, void *object)
{
	if (!stock_begin(stock))
		return false;
	size_t n = stock->n;
	bool room = likely((uint32_t)n < stock->cap) && likely(!stock_holds(stock, n, object));

	if (likely(room)) {
		stock_put(stock, n + 1, object);
		stock_set_count(stock, n + 1);
	}
	stock_end(stock);
	return room;
}

/* Refill the calling CPU's stock from `node` and take one. Pinned. Return: NULL if the node has
 * no free object. */
void *cpu_cache_refill(struct kmem_cache *cache, unsigned cpu, unsigned node)
	QUARRY_INT(cpu_cache_refill);
/* Free when object_push() refused: give the older objects to their slabs first, or report a
 * second free. */
void cpu_cache_free_slow(struct kmem_cache *cache, void *object) QUARRY_INT(cpu_cache_free_slow);
/* Take up to `n` objects at once / put `n` objects. Pinned. */
unsigned cpu_cache_pop_many(struct kmem_cache *cache, unsigned cpu, void **out, unsigned n)
	QUARRY_INT(cpu_cache_pop_many);
void cpu_cache_push_many(struct kmem_cache *cache, unsigned cpu, void *const *object, unsigned n)
	QUARRY_INT(cpu_cache_push_many);

/* Give every object of the calling CPU's stock back. Pinned. Return: false if the stock is busy. */
bool cpu_cache_drain(struct kmem_cache *cache, unsigned cpu) QUARRY_INT(cpu_cache_drain);

/* Give all online CPUs a stock, as far as memory allows; does not sleep. */
void cpu_cache_start(struct kmem_cache *cache) QUARRY_INT(cpu_cache_start);
/* New, empty stock for `cap` objects, or NULL; does not sleep. */
struct object_stock *stock_new(uint32_t cap) QUARRY_INT(stock_new);
/* Give an empty stock back that nobody uses. */
void stock_free(struct object_stock *stock) QUARRY_INT(stock_free);
/* Make it the stock of `cpu`, unless the CPU has one: then free it. */
void stock_install(struct kmem_cache *cache, unsigned cpu, struct object_stock *stock)
	QUARRY_INT(stock_install);
/* Give the stock of a CPU that does not use the cache now, and its objects, back. */
void cpu_cache_stop(struct kmem_cache *cache, unsigned cpu) QUARRY_INT(cpu_cache_stop);

/* Objects in the stocks of all CPUs. Exact while nothing is allocated or freed. */
unsigned long cpu_cache_count(const struct kmem_cache *cache) QUARRY_INT(cpu_cache_count);

/* Capacity of a stock for objects of `size` bytes, and the caches that stocks come from. */
uint32_t stock_cap_for(uint32_t size) QUARRY_INT(stock_cap_for);
#define STOCK_SIZES 4u
extern struct kmem_cache stock_caches[STOCK_SIZES] QUARRY_INT(stock_caches);
/* Bytes of the objects of stock_caches[i]. */
static inline uint32_t stock_bytes(unsigned i)
{
	return (QUARRY_HARDENING ? STOCK_PLACES : 0u) + (64u << i);
}

#endif
