/* SPDX-License-Identifier: MIT */
/*
 * percpu.c: chunks of memory with a part for each CPU.
 *
 *   chunk    | unit of CPU 0 | unit of CPU 1 | ... | unit of CPU nr_cpus - 1 |
 *                 ^object          ^the same offset, a unit further on
 *
 * Terms
 *   unit      QUARRY_PERCPU_UNIT bytes, a CPU's part of a chunk
 *   granule   8 bytes of a unit; an object is a run of granules, the same ones in each unit
 *   chunk     the units of all CPUs: pages, or an area of vmalloc where none lie together; no
 *             object of kmalloc, which a wrong kfree() would take. Freed with its last object
 *
 * Invariants  P1  begin is a subset of used: an object is a run of used granules from one that
 *                 begins it to before the next that begins, or that is not used
 *             P2  live == used granules; a chunk of the list has live > 0
 *
 * The first run that fits, in the newest chunk that has one: a search of 8 words for each chunk.
 *
 * Locking  one lock for list and bitmaps, a leaf; memory is taken, cleared and freed without it.
 * Start at __alloc_percpu_gfp, free_percpu.
 */
#include "mm/ext/percpu.h"

#include <quarry/slab.h>
#include <quarry/vmalloc.h>

#include "mm/base/bitmap.h"
#include "mm/base/list.h"
#include "mm/base/lock.h"
#include "mm/base/log.h"
#include "mm/base/state.h"
#include "mm/base/tag_count.h"
#include "mm/gfp/gfp.h"

#define GRANULE 8u
#define GRANULES (unsigned)(QUARRY_PERCPU_UNIT / GRANULE)

struct chunk {
	struct quarry_list link;
	char *base;	    /* the unit of CPU 0 */
	unsigned long live; /* granules in use */
	uint64_t used[GRANULES / 64], begin[GRANULES / 64];
#if QUARRY_ALLOCINFO
	void *tag[GRANULES]; /* whose the object is that begins there (quarry/alloc_tag.h) */
#endif
};

static QUARRY_STATE struct {
	struct mm_lock lock;
	struct quarry_list chunks; /* newest first */
	unsigned nr_cpus;
	unsigned long nr_chunks;
} percpu;

/* ---- chunks ---- */

static size_t chunk_bytes(void)
{
	return percpu.nr_cpus * QUARRY_PERCPU_UNIT;
}

/* The same bytes of every unit are free from now on. Free vmalloc memory stays as it is: the port
 * is told about memory of the direct map. */
static void poison(char *object, size_t bytes)
{
	for (unsigned cpu = 0; cpu < percpu.nr_cpus && !is_vmalloc_addr(object); cpu++)
		arch_mem_poison(per_cpu_ptr(object, cpu), bytes);
}

/* The same bytes of every unit become an object: usable and zero. */
static void hand_out(char *object, size_t bytes)
{
	for (unsigned cpu = 0; cpu < percpu.nr_cpus; cpu++) {
		char *own = per_cpu_ptr(object, cpu);
		if (!is_vmalloc_addr(object))
			arch_mem_unpoison(own, bytes);
		__builtin_memset(own, 0, bytes);
	}
}

static char *new_units(gfp_t gfp)
{
	bool else_area = gfpflags_allow_blocking(gfp) && !gfp_has(gfp, __GFP_NOFAIL);
	char *base = alloc_pages_exact(chunk_bytes(),
				       else_area ? gfp | __GFP_NOWARN | __GFP_NORETRY : gfp);

	return base || !else_area ? base : __vmalloc(chunk_bytes(), gfp);
}

static void free_units(char *base)
{
	if (is_vmalloc_addr(base))
		vfree(base);
	else
		free_pages_exact(base, chunk_bytes());
}

static struct chunk *new_chunk(gfp_t gfp)
{
	struct chunk *chunk = kzalloc(sizeof(*chunk), gfp);

	if (!chunk)
		return NULL;
	chunk->base = new_units(gfp);
	if (!chunk->base) {
		kfree(chunk);
		return NULL;
	}
	poison(chunk->base, QUARRY_PERCPU_UNIT);
	return chunk;
}

static void end_chunk(struct chunk *chunk)
{
	if (!chunk)
		return;
	if (!is_vmalloc_addr(chunk->base))
		arch_mem_unpoison(chunk->base, chunk_bytes());
	free_units(chunk->base);
	kfree(chunk);
}

/* ---- objects: the lock is held ---- */

static char *take(struct chunk *chunk, unsigned long granules, unsigned long align)
{
	unsigned long at = bitmap_find_run(chunk->used, 0, GRANULES, granules, align, 0);

	if (at == GRANULES)
		return NULL;
	bitmap_set(chunk->used, at, granules);
	bitmap_set_bit(chunk->begin, at);
	chunk->live += granules;
	return chunk->base + at * GRANULE;
}

static char *take_any(unsigned long granules, unsigned long align)
{
	char *object = NULL;

	list_for_each (link, &percpu.chunks) {
		object = take(list_entry(link, struct chunk, link), granules, align);
		if (object)
			break;
	}
	return object;
}

static struct chunk *chunk_of(const char *object)
{
	list_for_each (link, &percpu.chunks) {
		struct chunk *chunk = list_entry(link, struct chunk, link);
		if ((uintptr_t)object - (uintptr_t)chunk->base < QUARRY_PERCPU_UNIT)
			return chunk;
	}
	return NULL;
}

/* Granules of the object that begins at `at`. */
static unsigned long length(const struct chunk *chunk, unsigned long at)
{
	unsigned long free = bitmap_next_clear(chunk->used, at, GRANULES);

	return bitmap_next_set(chunk->begin, at + 1, free) - at;
}

/* An object is `tag`'s, or nobody's. */
#if QUARRY_ALLOCINFO
static void tag_object(struct chunk *chunk, unsigned long at, struct quarry_alloc_tag *tag)
{
	tag_change(&chunk->tag[at], length(chunk, at) * GRANULE * percpu.nr_cpus, tag);
}

void quarry_alloc_tag_set_percpu(const void *object, struct quarry_alloc_tag *tag)
{
	unsigned long irq = mm_lock(&percpu.lock);
	struct chunk *chunk = object ? chunk_of(object) : NULL;

	if (chunk)
		tag_object(chunk, (unsigned long)((const char *)object - chunk->base) / GRANULE,
			   tag);
	mm_unlock(&percpu.lock, irq);
}
#else
static void tag_object(const struct chunk *chunk, unsigned long at, const void *tag)
{
	(void)chunk, (void)at, (void)tag;
}
#endif

/* ---- public ---- */

void *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp)
{
	const unsigned long granules = (size + GRANULE - 1) / GRANULE;
	const unsigned long alignment = align > GRANULE ? align / GRANULE : 1;

	if (size - 1 >= QUARRY_PERCPU_UNIT) {
		mm_report(SIZE_LIMIT, "alloc_percpu", NULL, size, QUARRY_PERCPU_UNIT);
		return NULL;
	}
	if (!align || align > PAGE_SIZE || (align & (align - 1))) {
		mm_report(BAD_ARGUMENT, "alloc_percpu", NULL, align, PAGE_SIZE);
		return NULL;
	}
	unsigned long irq = mm_lock(&percpu.lock);
	char *object = take_any(granules, alignment);
	mm_unlock(&percpu.lock, irq);
	if (!object) {
		struct chunk *chunk = new_chunk(gfp & ~__GFP_ZERO);
		if (!chunk)
			return NULL;
		object = take(chunk, granules, alignment);
		irq = mm_lock(&percpu.lock);
		list_add(&chunk->link, &percpu.chunks);
		percpu.nr_chunks++;
		mm_unlock(&percpu.lock, irq);
	}
	hand_out(object, granules * GRANULE);
	return object;
}

void free_percpu(void *object)
{
	struct chunk *chunk, *gone = NULL;

	if (!object)
		return;
	unsigned long irq = mm_lock(&percpu.lock);
	chunk = chunk_of(object);
	unsigned long offset = chunk ? (unsigned long)((char *)object - chunk->base) : 0;
	unsigned long at = offset / GRANULE;
	bool used = chunk && bitmap_test(chunk->used, at);
	bool begins = used && !(offset % GRANULE) && bitmap_test(chunk->begin, at);
	if (begins) {
		unsigned long granules = length(chunk, at);

		tag_object(chunk, at, NULL);
		poison(object, granules * GRANULE);
		bitmap_clear(chunk->used, at, granules);
		bitmap_clear_bit(chunk->begin, at);
		chunk->live -= granules;
		if (!chunk->live) {
			list_del(&chunk->link);
			percpu.nr_chunks--;
			gone = chunk;
		}
	}
	mm_unlock(&percpu.lock, irq);
	if (!chunk)
		mm_report(FREE_UNKNOWN, "free_percpu", object, 0, 0);
	else if (!used)
		mm_report(OBJECT_TWICE, "free_percpu", object, 0, 0);
	else if (!begins)
		mm_report(OBJECT_INTERIOR, "free_percpu", object, offset % GRANULE, 0);
	end_chunk(gone);
}

unsigned long percpu_pages(void)
{
	return __atomic_load_n(&percpu.nr_chunks, __ATOMIC_RELAXED) * PFN_UP(chunk_bytes());
}

/* Report it if a number is not what an invariant makes it. Return: broken ones. */
static unsigned long check(const char *invariant, const void *subject, unsigned long found,
			   unsigned long expected)
{
	if (found == expected)
		return 0;
	mm_report(VALIDATE, invariant, subject, found, expected);
	return 1;
}

unsigned long percpu_check(void)
{
	unsigned long broken = 0, chunks = 0;
	unsigned long irq = mm_lock(&percpu.lock);

	list_for_each (link, &percpu.chunks) {
		const struct chunk *chunk = list_entry(link, struct chunk, link);
		unsigned long used = 0, stray = 0;
		for (unsigned i = 0; i < GRANULES / 64; i++) {
			used += count_bits(chunk->used[i]);
			stray += count_bits(chunk->begin[i] & ~chunk->used[i]);
		}
		broken += check("percpu_check P1", chunk->base, stray, 0);
		broken += check("percpu_check P2", chunk->base, chunk->live, used);
		broken += check("percpu_check P2", chunk->base, !chunk->live, 0);
		chunks++;
	}
	broken += check("percpu_check chunks", NULL, percpu.nr_chunks, chunks);
	mm_unlock(&percpu.lock, irq);
	return broken;
}

void percpu_init(unsigned nr_cpus)
{
	__builtin_memset(&percpu, 0, sizeof(percpu));
	list_init(&percpu.chunks);
	percpu.nr_cpus = nr_cpus;
}
