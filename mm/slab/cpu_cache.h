/* SPDX-License-Identifier: MIT */
/*
 * cpu_cache.h: each CPU's stock of free objects: the fast path of every object request.
 *
 * Exclusion. Only its own CPU touches a stock, kept there by a pin, so no other CPU interferes.
 * An interrupt on that CPU may come at any instruction. The owner finds no mark, sets it, then
 * reads `n`, works, and stores `n` and no mark in one. An interrupt before the mark runs to its end
 * before the owner reads anything, and leaves no mark; one after it sees the mark and uses the
 * node's slabs under their lock. No lock, no locked instruction, no interrupt masking. Other CPUs'
 * stocks are emptied by calling the CPU (cpu_call_all), never from outside.
 *
 * The mark is stored, not counted: a count would make each call wait for the stores of the last
 * one, some 8 cycles each, and that is most of what a pair costs.
 *
 * Start at: object_pop, object_push.
 */
#ifndef QUARRY_MM_SLAB_CPU_CACHE_H
#define QUARRY_MM_SLAB_CPU_CACHE_H

#include "mm/base/cpu.h"
#include "mm/slab/kmem_cache.h"
#include "mm/slab/slab_page.h"
#include "mm/slab/stock.h"

static QUARRY_ALWAYS_INLINE size_t stock_count(const struct object_stock *stock)
{
	return __atomic_load_n(&stock->n, __ATOMIC_RELAXED);
}
static QUARRY_ALWAYS_INLINE void stock_set_count(struct object_stock *stock, size_t n)
{
	__atomic_store_n(&stock->n, (uint32_t)n, __ATOMIC_RELAXED);
}

/* Mark the stock. Return: false if an owner that we interrupted has it, or there is none. */
static QUARRY_ALWAYS_INLINE bool stock_begin(struct object_stock *stock)
{
	if (unlikely(stock->mark & STOCK_BUSY)) /* a bit: one instruction less than the byte */
		return false;
	stock->mark = STOCK_BUSY;
	irq_order();
	return true;
}
/* End the mark: the stock has `n` objects. */
static QUARRY_ALWAYS_INLINE void stock_end_with(struct object_stock *stock, size_t n)
{
	irq_order();
	__atomic_store_n(&stock->n_unmarked, n, __ATOMIC_RELAXED);
}
static QUARRY_ALWAYS_INLINE void stock_end(struct object_stock *stock)
{
	irq_order();
	stock->mark = 0;
}

/* Nothing above the `n` objects of the marked stock is a record. */
static QUARRY_ALWAYS_INLINE void stock_end_records(struct object_stock *stock, size_t n)
{
	stock->object[n] = STOCK_END(stock);
}
/* The marked stock has `n` objects and no records. */
static inline void stock_close(struct object_stock *stock, size_t n)
{
	stock_end_records(stock, n);
	stock_set_count(stock, n);
}

/* Take the newest object. Pinned. Return: NULL if the stock is empty or busy. */
static QUARRY_ALWAYS_INLINE void *object_pop(struct object_stock *stock)
{
	size_t left;

	if (!stock_begin(stock))
		return NULL;
	if (unlikely(__builtin_sub_overflow(stock_count(stock), (size_t)1, &left))) {
		stock_end(stock);
		return NULL;
	}
	void *object = stock->object[left];

	if (!object) /* I2; spares the caller a second test */
		__builtin_unreachable();
	stock_end_with(stock, left);
	return object;
}

/*
 * Is a free object in the first `n` of the stock? Slot n does not record it: the caller looked.
 * Never says yes wrongly. At hardening 1 it finds each one that a free put there and whose place in
 * the table no later free took: one in between takes it with probability 1/64. At hardening 0 only
 * the newest is compared.
 */
#if QUARRY_HARDENING >= 1
static QUARRY_ALWAYS_INLINE uint8_t *stock_place(struct object_stock *stock, const void *object)
{
	return &stock->place[(uint32_t)(uintptr_t)object * 0x9e3779b1u >> (32 - STOCK_PLACE_BITS)];
}
static QUARRY_ALWAYS_INLINE void stock_set_place(struct object_stock *stock, size_t n,
						 const void *object)
{
	*stock_place(stock, object) = (uint8_t)n;
}
static QUARRY_ALWAYS_INLINE bool stock_holds(struct object_stock *stock, size_t n,
					     const void *object)
{
	size_t place = *stock_place(stock, object);

	/* Not two branches: whether the place is of a free object goes either way, and a wrong
	 * guess costs more than all of this. The record of slot n is not the object. */
	place = place < n ? place : n;
	return stock->object[place] == object;
}
#else
static QUARRY_ALWAYS_INLINE void stock_set_place(struct object_stock *stock, size_t n,
						 const void *object)
{
	(void)stock, (void)n, (void)object;
}
static QUARRY_ALWAYS_INLINE bool stock_holds(struct object_stock *stock, size_t n,
					     const void *object)
{
	return n && stock->object[n - 1] == object;
}
#endif
/* Write an object into slot `n` of the stock. */
static QUARRY_ALWAYS_INLINE void stock_put(struct object_stock *stock, size_t n, void *object)
{
	stock_set_place(stock, n, object);
	stock->object[n] = object;
}

/*
 * Free `object`, any pointer, to `cache`, which may be the wrong one: onto the CPU's stock. Pinned.
 * `hint`: where the name of a slab stands that may have it (class_hint.h); NULL: nowhere.
 * Return: false, and nothing is done, if the stock is full or busy or seen to have this object
 * already, or if it is no object of a slab of the cache's preferred shape.
 */
static QUARRY_ALWAYS_INLINE bool object_push(struct kmem_cache *cache, struct object_stock *stock,
					     const uintptr_t *hint, void *object)
{
	if (!stock_begin(stock))
		return false;
	size_t n = stock_count(stock);

	/* Popped last of those that are not back: an object, and not in the stock. */
	if (likely(stock->object[n] == object)) {
		object_poison(cache, object);
		stock_set_place(stock, n, object);
		stock_end_with(stock, n + 1);
		return true;
	}
	if (likely(slab_named_has(cache, hint, object)) || likely(slab_has(cache, object))) {
		n = stock_count(stock); /* kept from above it would cost a move there */
		if (likely((uint8_t)n < stock->cap) && likely(!stock_holds(stock, n, object))) {
			object_poison(cache, object);
			stock_put(stock, n, object);
			stock_end_records(stock, n + 1);
			stock_end_with(stock, n + 1);
			return true;
		}
	}
	stock_end(stock);
	return false;
}

/* Refill the calling CPU's stock from `node` and take one. Pinned. Return: NULL if the node has
 * no free object. */
void *cpu_cache_refill(struct kmem_cache *cache, unsigned cpu, unsigned node)
	QUARRY_INT(cpu_cache_refill);
/* Put an object of the cache on the stock when object_push() refused: give the older objects to
 * their slabs first, or report a second free. Pinned. */
void cpu_cache_put(struct kmem_cache *cache, unsigned cpu, void *object) QUARRY_INT(cpu_cache_put);
/* If the stock was not refilled nor made room in since the last such call, give all of it
 * back. Pinned. */
void cpu_cache_age(struct kmem_cache *cache, unsigned cpu) QUARRY_INT(cpu_cache_age);
/* Take up to `n` objects at once / put `n` objects. Pinned. */
unsigned cpu_cache_pop_many(struct kmem_cache *cache, unsigned cpu, void **out, unsigned n)
	QUARRY_INT(cpu_cache_pop_many);
/* Put those of the `n` back that undo the last pops of this CPU, in cpu_cache_pop_many()'s order;
 * any pointers. Pinned. Return: how many were put. */
unsigned cpu_cache_push_back(struct kmem_cache *cache, unsigned cpu, void *const *object,
			     unsigned n) QUARRY_INT(cpu_cache_push_back);
void cpu_cache_push_many(struct kmem_cache *cache, unsigned cpu, void *const *object, unsigned n)
	QUARRY_INT(cpu_cache_push_many);

/* Give every object of the calling CPU's stock back. Pinned. Return: false if the stock is busy. */
bool cpu_cache_drain(struct kmem_cache *cache, unsigned cpu) QUARRY_INT(cpu_cache_drain);

/* No CPU has a stock of the cache. */
void cpu_cache_none(struct kmem_cache *cache) QUARRY_INT(cpu_cache_none);
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
#define STOCK_SIZES 5u
extern struct kmem_cache stock_caches[STOCK_SIZES] QUARRY_INT(stock_caches);
/* Bytes of the objects of stock_caches[i]. */
static inline uint32_t stock_bytes(unsigned i)
{
	static const uint16_t bytes[STOCK_SIZES] = {64, 128, 256, 576, 960};

	return (QUARRY_HARDENING ? STOCK_PLACES : 0u) + bytes[i];
}

#endif
