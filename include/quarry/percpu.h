/* SPDX-License-Identifier: MIT */
/*
 * percpu.h: an object for each CPU, found from one pointer and the CPU's number.
 *
 *	unsigned long *hits = alloc_percpu(unsigned long);
 *	...                                     on a CPU that does not change meanwhile:
 *	++*this_cpu_ptr(hits);
 *	...
 *	for (unsigned cpu = 0; cpu < nr; cpu++)
 *		sum += *per_cpu_ptr(hits, cpu);
 *	free_percpu(hits);
 *
 * There is an object for each number below quarry_params.nr_cpus, online or not, so a CPU may come
 * and go. The pointer is CPU 0's object; the others lie at a constant distance, so finding one
 * costs a shift and an addition. Objects of one CPU lie together: none shares a cache line with
 * another CPU's.
 */
#ifndef QUARRY_PERCPU_H
#define QUARRY_PERCPU_H

#include <quarry/gfp.h>
#include <quarry/os.h>

QUARRY_BEGIN_DECLS

/* The distance of CPUs' objects, and the largest object. A page: such objects are counters, list
 * heads and small buffers, and each page of them costs one for every CPU. */
#define QUARRY_PERCPU_UNIT PAGE_SIZE

/*
 * An object of `size` bytes, 1 .. QUARRY_PERCPU_UNIT, for each CPU, all zero; `align` is a power of
 * two up to PAGE_SIZE. Objects are multiples of eight bytes.
 * Context: as kvmalloc(gfp); memory that is there already is handed out in any but NMI.
 * Return: CPU 0's; NULL if there is no memory, or if an argument is out of range (SIZE_LIMIT,
 * BAD_ARGUMENT). Time: by the CPUs. API 2.3.
 */
void *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp)
	QUARRY_API_CHECK(__alloc_percpu_gfp) QUARRY_MALLOC;
static inline void *__alloc_percpu(size_t size, size_t align)
{
	return __alloc_percpu_gfp(size, align, GFP_KERNEL);
}
/* The same by type. */
#define alloc_percpu_gfp(type, gfp)                                                                \
	((type *)__alloc_percpu_gfp(sizeof(type), __alignof__(type), (gfp)))
#define alloc_percpu(type) alloc_percpu_gfp(type, GFP_KERNEL)

/*
 * Free the objects of all CPUs; NULL is ignored. A pointer that __alloc_percpu_gfp() did not return
 * is reported (FREE_UNKNOWN), one that is free already too (OBJECT_TWICE), or that points into an
 * object (OBJECT_INTERIOR).
 * Context: any but NMI.
 */
void free_percpu(void *object) QUARRY_API(free_percpu);

/* CPU `cpu`'s object. */
#define per_cpu_ptr(object, cpu)                                                                   \
	((__typeof__(object))((uintptr_t)(object) + (uintptr_t)(cpu)*QUARRY_PERCPU_UNIT))
/* This CPU's. Valid as long as the caller stays on it. */
#if QUARRY_MAX_CPUS > 1
#define this_cpu_ptr(object) per_cpu_ptr(object, quarry_os_cpu())
#else
#define this_cpu_ptr(object) per_cpu_ptr(object, 0)
#endif

QUARRY_END_DECLS

#endif
