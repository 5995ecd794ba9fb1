/* SPDX-License-Identifier: MIT */
/*
 * cases.c: what each benchmark case does.
 *
 * Pairs take and give at once; batches take many, then give all in the stated order. The loop
 * around the calls is part of the figure, as it is in the Linux column: 3 instructions a pair, 9 an
 * element of a batch; with the calls themselves and their arguments 6 and 13.
 */
#include "tests/bench/cases.h"

#define MAX_BATCH 4096u
#define MAX_OBJECTS 1000u

static void *slots[MAX_BATCH];
static uint16_t forward[MAX_BATCH], backward[MAX_BATCH];
static uint16_t shuffled_pages[MAX_BATCH], shuffled_512[512], shuffled_objects[MAX_OBJECTS],
	shuffled_areas[256];
static struct kmem_cache *cache64, *cache256;

/* A fixed random order of 0..n-1. */
static void shuffle(uint16_t *order, unsigned n)
{
	uint64_t state = 88172645463325252ull;

	for (unsigned i = 0; i < n; i++)
		order[i] = (uint16_t)i;
	for (unsigned i = n - 1; i; i--) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		unsigned j = (unsigned)(state % (i + 1));
		uint16_t other = order[i];
		order[i] = order[j];
		order[j] = other;
	}
}

/* Indices of slots in the order in which a case frees them. Looked up once a batch, so that all
 * orders cost the loop the same. */
static const uint16_t *order_of_free(const struct bench_case *self)
{
	unsigned n = self->count;

	if (self->order_of_free == BENCH_FIFO)
		return forward;
	if (self->order_of_free == BENCH_LIFO)
		return backward + MAX_BATCH - n;
	return n == MAX_BATCH ? shuffled_pages
	       : n == 512     ? shuffled_512
	       : n == 256     ? shuffled_areas
			      : shuffled_objects;
}

/* Each slot of a batch, in the order in which it is filled and freed. */
#define FOR_TAKE(self, slot)                                                                       \
	for (void **slot = slots, **end_ = slots + (self)->count; slot != end_; slot++)
#define FOR_FREE(self, slot)                                                                       \
	for (const uint16_t *at_ = order_of_free(self), *end_ = at_ + (self)->count; at_ != end_;  \
	     at_++)                                                                                \
		for (void **slot = &slots[*at_]; slot; slot = NULL)

/* ---- pages ---- */

static void page_pair(const struct bench_case *self, unsigned long n)
{
	for (unsigned order = (unsigned)self->size; n; n--) {
		struct page *page = alloc_pages(GFP_KERNEL, order);
		__free_pages(page, order);
	}
}

static void page_pair_atomic(const struct bench_case *self, unsigned long n)
{
	(void)self;
	for (; n; n--) {
		struct page *page = alloc_pages(GFP_ATOMIC, 0);
		__free_pages(page, 0);
	}
}

static void get_free_page_zero(const struct bench_case *self, unsigned long n)
{
	(void)self;
	for (; n; n--)
		free_page(__get_free_page(GFP_KERNEL | __GFP_ZERO));
}

static void page_batch(const struct bench_case *self, unsigned long n)
{
	unsigned order = (unsigned)self->size;

	for (; n; n--) {
		FOR_TAKE(self, slot)
		*slot = alloc_pages(GFP_KERNEL, order);
		FOR_FREE(self, slot)
		__free_pages(*slot, order);
	}
}

static void page_bulk(const struct bench_case *self, unsigned long n)
{
	for (; n; n--) {
		for (unsigned i = 0; i < self->count; i++)
			slots[i] = NULL;
		unsigned long got =
			alloc_pages_bulk(GFP_KERNEL, self->count, (struct page **)slots);
		while (got)
			__free_page((struct page *)slots[--got]);
	}
}

/* ---- objects ---- */

/* The size must be a constant where the case says so: one function for each. */
#define KMALLOC_PAIR(bytes)                                                                        \
	static void kmalloc_pair_##bytes(const struct bench_case *self, unsigned long n)           \
	{                                                                                          \
		(void)self;                                                                        \
		for (; n; n--)                                                                     \
			kfree(kmalloc(bytes, GFP_KERNEL));                                         \
	}
KMALLOC_PAIR(8)
KMALLOC_PAIR(64)
KMALLOC_PAIR(1024)
KMALLOC_PAIR(8192)
KMALLOC_PAIR(16384)
KMALLOC_PAIR(65536)

static void kmalloc_atomic_256(const struct bench_case *self, unsigned long n)
{
	(void)self;
	for (; n; n--)
		kfree(kmalloc(256, GFP_ATOMIC));
}
static void kzalloc_pair_64(const struct bench_case *self, unsigned long n)
{
	(void)self;
	for (; n; n--)
		kfree(kzalloc(64, GFP_KERNEL));
}
static void kzalloc_pair_4096(const struct bench_case *self, unsigned long n)
{
	(void)self;
	for (; n; n--)
		kfree(kzalloc(4096, GFP_KERNEL));
}
static void kmalloc_varsize(const struct bench_case *self, unsigned long n)
{
	for (; n; n--) {
		size_t size = *(const volatile size_t *)&self->size;
		kfree(kmalloc(size, GFP_KERNEL));
	}
}

static void krealloc_inplace(const struct bench_case *self, unsigned long n)
{
	void *p = kmalloc(self->size, GFP_KERNEL);

	for (; p && n; n--) {
		void *q = krealloc(p, self->size - (n & 7), GFP_KERNEL);
		p = q ? q : p;
	}
	kfree(p);
}
static void krealloc_chain(const struct bench_case *self, unsigned long n)
{
	for (; n; n--) {
		void *p = kmalloc(16, GFP_KERNEL);
		for (size_t size = 32; p && size <= self->size; size *= 2) {
			void *q = krealloc(p, size, GFP_KERNEL);
			if (!q)
				break;
			p = q;
		}
		kfree(p);
	}
}

static void kmalloc_batch(const struct bench_case *self, unsigned long n)
{
	for (; n; n--) {
		size_t size = *(const volatile size_t *)&self->size;
		FOR_TAKE(self, slot)
		*slot = kmalloc(size, GFP_KERNEL);
		FOR_FREE(self, slot)
		kfree(*slot);
	}
}

static void cache_pair(const struct bench_case *self, unsigned long n)
{
	(void)self;
	for (; n; n--)
		kmem_cache_free(cache64, kmem_cache_alloc(cache64, GFP_KERNEL));
}
static void cache_bulk(const struct bench_case *self, unsigned long n)
{
	struct kmem_cache *cache = self->size == 64 ? cache64 : cache256;

	for (; n; n--) {
		size_t got = (size_t)kmem_cache_alloc_bulk(cache, GFP_KERNEL, self->count, slots);
		kmem_cache_free_bulk(cache, got, slots);
	}
}
static void cache_batch(const struct bench_case *self, unsigned long n)
{
	for (; n; n--) {
		FOR_TAKE(self, slot)
		*slot = kmem_cache_alloc(cache64, GFP_KERNEL);
		FOR_FREE(self, slot)
		kmem_cache_free(cache64, *slot);
	}
}
static void cache_create_destroy(const struct bench_case *self, unsigned long n)
{
	for (; n; n--)
		kmem_cache_destroy(
			kmem_cache_create("bench_once", (unsigned)self->size, 0, 0, NULL));
}

/* ---- virtual memory ---- */

static void vmalloc_pair(const struct bench_case *self, unsigned long n)
{
	for (; n; n--)
		vfree(vmalloc(self->size));
}
static void vmalloc_batch(const struct bench_case *self, unsigned long n)
{
	for (; n; n--) {
		FOR_TAKE(self, slot)
		*slot = vmalloc(self->size);
		FOR_FREE(self, slot)
		vfree(*slot);
	}
}
static void kvmalloc_pair(const struct bench_case *self, unsigned long n)
{
	for (; n; n--)
		kvfree(kvmalloc(self->size, GFP_KERNEL));
}

/* ---- the table, in the order of the Linux figures ---- */

#define PAIR(name, run, turns, size)                                                               \
	{                                                                                          \
		name, run, turns, 1, size, 0, 0, 0                                                 \
	}
#define BROKEN(name, run, turns, size, order)                                                      \
	{                                                                                          \
		name, run, turns, 1, size, 0, 0, (order) + 1                                       \
	}
#define BATCH(name, run, turns, count, size, order)                                                \
	{                                                                                          \
		name, run, turns, count, size, count, order, 0                                     \
	}
const struct bench_case bench_cases[] = {
	PAIR("page_pair_o0", page_pair, 20000, 0),
	PAIR("page_pair_o1", page_pair, 20000, 1),
	PAIR("page_pair_o2", page_pair, 20000, 2),
	PAIR("page_pair_o3", page_pair, 20000, 3),
	PAIR("page_pair_o4", page_pair, 20000, 4),
	PAIR("page_pair_o9", page_pair, 20000, 9),
	PAIR("page_pair_o10", page_pair, 20000, 10),
	PAIR("page_pair_o0_atomic", page_pair_atomic, 20000, 0),
	PAIR("get_free_page_zero", get_free_page_zero, 2000, 0),
	BATCH("page_batch512_lifo.total", page_batch, 40, 512, 0, BENCH_LIFO),
	BATCH("page_batch512_rand.total", page_batch, 40, 512, 0, BENCH_RANDOM),
	BATCH("page_batch4096_fifo.total", page_batch, 10, 4096, 0, BENCH_FIFO),
	BATCH("page_batch4096_rand.total", page_batch, 10, 4096, 0, BENCH_RANDOM),
	BATCH("shortpcp/page_batch4096_rand.total", page_batch, 10, 4096, 0, BENCH_RANDOM),
	BATCH("page_o3_batch512_rand.total", page_batch, 20, 512, 3, BENCH_RANDOM),
	BATCH("page_bulk64.total", page_bulk, 300, 64, 0, BENCH_LIFO),
	PAIR("kmalloc_pair_8", kmalloc_pair_8, 20000, 8),
	PAIR("kmalloc_pair_64", kmalloc_pair_64, 20000, 64),
	PAIR("kmalloc_pair_1024", kmalloc_pair_1024, 20000, 1024),
	PAIR("kmalloc_pair_8192", kmalloc_pair_8192, 20000, 8192),
	PAIR("kmalloc_pair_16384", kmalloc_pair_16384, 20000, 16384),
	PAIR("kmalloc_pair_65536", kmalloc_pair_65536, 20000, 65536),
	PAIR("kmalloc_varsize_200", kmalloc_varsize, 20000, 200),
	PAIR("kmalloc_atomic_256", kmalloc_atomic_256, 20000, 256),
	PAIR("kzalloc_pair_64", kzalloc_pair_64, 20000, 64),
	PAIR("kzalloc_pair_4096", kzalloc_pair_4096, 5000, 4096),
	PAIR("krealloc_inplace_64", krealloc_inplace, 20000, 64),
	PAIR("krealloc_chain_16_64k", krealloc_chain, 100, 65536),
	BATCH("kmalloc_batch1000_8_fifo.total", kmalloc_batch, 20, 1000, 8, BENCH_FIFO),
	BATCH("kmalloc_batch1000_64_fifo.total", kmalloc_batch, 20, 1000, 64, BENCH_FIFO),
	BATCH("kmalloc_batch1000_64_rand.total", kmalloc_batch, 20, 1000, 64, BENCH_RANDOM),
	BATCH("kmalloc_batch1000_256_rand.total", kmalloc_batch, 20, 1000, 256, BENCH_RANDOM),
	BATCH("kmalloc_batch1000_1024_rand.total", kmalloc_batch, 20, 1000, 1024, BENCH_RANDOM),
	BATCH("kmalloc_batch1000_4096_rand.total", kmalloc_batch, 20, 1000, 4096, BENCH_RANDOM),
	PAIR("cache_pair_64", cache_pair, 20000, 64),
	BATCH("cache_bulk16_64", cache_bulk, 1000, 16, 64, BENCH_FIFO),
	BATCH("cache_bulk64_64", cache_bulk, 300, 64, 64, BENCH_FIFO),
	BATCH("cache_bulk64_256", cache_bulk, 300, 64, 256, BENCH_FIFO),
	BATCH("cache_batch1000_64_rand.total", cache_batch, 20, 1000, 64, BENCH_RANDOM),
	PAIR("debugged/kmalloc_pair_64", kmalloc_pair_64, 2000, 64),
	BATCH("debugged/kmalloc_batch1000_64_fifo.total", kmalloc_batch, 10, 1000, 64, BENCH_FIFO),
	BATCH("debugged/kmalloc_batch1000_64_rand.total", kmalloc_batch, 10, 1000, 64,
	      BENCH_RANDOM),
	PAIR("debugged/cache_pair_64", cache_pair, 2000, 64),
	BATCH("debugged/cache_batch1000_64_rand.total", cache_batch, 10, 1000, 64, BENCH_RANDOM),
	PAIR("cache_create_destroy", cache_create_destroy, 500, 200),
	PAIR("vmalloc_pair_4k", vmalloc_pair, 2000, 4096),
	PAIR("vmalloc_pair_16k", vmalloc_pair, 2000, 16384),
	PAIR("vmalloc_pair_64k", vmalloc_pair, 1000, 65536),
	PAIR("vmalloc_pair_256k", vmalloc_pair, 500, 262144),
	PAIR("vmalloc_pair_2m", vmalloc_pair, 60, 2ul << 20),
	PAIR("vmalloc_pair_8m", vmalloc_pair, 30, 8ul << 20),
	BATCH("vmalloc_batch256_16k_fifo.total", vmalloc_batch, 10, 256, 16384, BENCH_FIFO),
	BATCH("vmalloc_batch256_16k_rand.total", vmalloc_batch, 10, 256, 16384, BENCH_RANDOM),
	PAIR("kvmalloc_pair_16k", kvmalloc_pair, 20000, 16384),
	PAIR("kvmalloc_pair_64k", kvmalloc_pair, 20000, 65536),
	PAIR("kvmalloc_pair_1m", kvmalloc_pair, 5000, 1ul << 20),
	PAIR("kvmalloc_pair_8m", kvmalloc_pair, 30, 8ul << 20),
	BROKEN("broken_1m/vmalloc_pair_2m", vmalloc_pair, 60, 2ul << 20, 8),
	BROKEN("broken_1m/vmalloc_pair_8m", vmalloc_pair, 30, 8ul << 20, 8),
	BROKEN("broken_64k/vmalloc_pair_2m", vmalloc_pair, 60, 2ul << 20, 4),
	BROKEN("broken_64k/vmalloc_pair_8m", vmalloc_pair, 30, 8ul << 20, 4),
	BROKEN("broken_4k/vmalloc_pair_2m", vmalloc_pair, 60, 2ul << 20, 0),
	BROKEN("broken_4k/vmalloc_pair_8m", vmalloc_pair, 30, 8ul << 20, 0),
	PAIR("anew/vmalloc_pair_2m", vmalloc_pair, 170, 2ul << 20),
	PAIR("anew/vmalloc_pair_8m", vmalloc_pair, 50, 8ul << 20),
	BROKEN("anew_1m/vmalloc_pair_2m", vmalloc_pair, 170, 2ul << 20, 8),
	BROKEN("anew_1m/vmalloc_pair_8m", vmalloc_pair, 50, 8ul << 20, 8),
	BROKEN("anew_64k/vmalloc_pair_2m", vmalloc_pair, 170, 2ul << 20, 4),
	BROKEN("anew_64k/vmalloc_pair_8m", vmalloc_pair, 50, 8ul << 20, 4),
	BROKEN("anew_4k/vmalloc_pair_2m", vmalloc_pair, 170, 2ul << 20, 0),
	BROKEN("anew_4k/vmalloc_pair_8m", vmalloc_pair, 50, 8ul << 20, 0),
};
const unsigned nr_bench_cases = sizeof(bench_cases) / sizeof(bench_cases[0]);

/* ---- broken memory: of each two neighbouring blocks of an order one is taken, one free ---- */

static struct page *taken; /* chained through `mapping` */

static struct page *next_taken(const struct page *page)
{
	return (struct page *)page->mapping;
}

bool bench_prepare(const struct bench_case *bench)
{
	unsigned order = bench->broken_to - 1;
	struct page *all = NULL, *page;

	if (!bench->broken_to)
		return true;
	while ((page = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, order))) {
		page->mapping = all;
		all = page;
	}
	for (; all; all = page) {
		page = next_taken(all);
		if (page_to_pfn(all) >> order & 1) {
			all->mapping = taken;
			taken = all;
		} else {
			all->mapping = NULL;
			__free_pages(all, order);
		}
	}
	return taken != NULL;
}

void bench_restore(const struct bench_case *bench)
{
	while (taken) {
		struct page *page = taken;

		taken = next_taken(page);
		page->mapping = NULL;
		__free_pages(page, bench->broken_to - 1);
	}
}

/* ---- fragmentation of addresses ---- */

#define AREAS 512u
#define AREA_STEPS 20000u

/* Of 16 areas 12 have up to 16 pages, 3 up to 128, one up to 1024. */
static size_t area_size(uint64_t random)
{
	unsigned most = random % 16 < 12 ? 16 : random % 16 < 15 ? 128 : 1024;

	return (1 + (random >> 8) % most) * PAGE_SIZE;
}

struct bench_addresses bench_addresses(void)
{
	static size_t size[AREAS]; /* with the guard page */
	struct bench_addresses result = {0, 0, 0};
	uint64_t random = 88172645463325252ull;
	uintptr_t first = UINTPTR_MAX, at, next;

	for (unsigned step = 0; step < AREA_STEPS; step++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		unsigned i = (unsigned)(random >> 32) % AREAS;
		vfree(slots[i]);
		slots[i] = vmalloc(area_size(random));
		size[i] = area_size(random) + PAGE_SIZE;
	}
	for (unsigned i = 0; i < AREAS; i++) {
		if (slots[i] && (uintptr_t)slots[i] < first)
			first = (uintptr_t)slots[i];
		result.live += slots[i] ? size[i] : 0;
	}
	/* From area to area by rising address. */
	for (at = first; at; at = next) {
		uintptr_t end = at;

		next = 0;
		for (unsigned i = 0; i < AREAS; i++) {
			if ((uintptr_t)slots[i] == at)
				end = at + size[i];
			else if ((uintptr_t)slots[i] > at && (!next || (uintptr_t)slots[i] < next))
				next = (uintptr_t)slots[i];
		}
		if (next && next - end > result.longest_hole)
			result.longest_hole = next - end;
		result.span = end - first;
	}
	for (unsigned i = 0; i < AREAS; i++) {
		vfree(slots[i]);
		slots[i] = NULL;
	}
	return result;
}

bool bench_setup(void)
{
	for (unsigned i = 0; i < MAX_BATCH; i++) {
		forward[i] = (uint16_t)i;
		backward[i] = (uint16_t)(MAX_BATCH - 1 - i);
	}
	shuffle(shuffled_pages, MAX_BATCH);
	shuffle(shuffled_512, 512);
	shuffle(shuffled_areas, 256);
	shuffle(shuffled_objects, MAX_OBJECTS);
	cache64 = kmem_cache_create("bench_64", 64, 0, 0, NULL);
	cache256 = kmem_cache_create("bench_256", 256, 0, 0, NULL);
	return cache64 && cache256;
}
