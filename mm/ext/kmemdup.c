/* SPDX-License-Identifier: MIT */
/*
 * kmemdup.c: copies of memory and strings in new objects.
 *
 * Sizes that would wrap saturate, and kmalloc refuses them. Strings among the kernel's constants,
 * which boot named, need no copy. A copy is tracked as its caller's.
 */
#include "mm/ext/kmemdup.h"

#include <quarry/slab.h>
#include <quarry/string.h>

#include "mm/base/state.h"

#define CALLER ((uintptr_t)__builtin_return_address(0))

static struct {
	uintptr_t start, bytes;
} constants QUARRY_STATE;

void kstrdup_const_init(uintptr_t start, uintptr_t end)
{
	constants.start = start;
	constants.bytes = end > start ? end - start : 0;
}

static bool is_constant(const void *p)
{
	return (uintptr_t)p - constants.start < constants.bytes;
}

static void *copy_bytes(const void *src, size_t size, gfp_t gfp, uintptr_t caller)
{
	void *copy = quarry_kmalloc_for(size, gfp, NUMA_NO_NODE, caller);

	if (!ZERO_OR_NULL_PTR(copy))
		__builtin_memcpy(copy, src, size);
	return copy;
}

/* And a NUL after them. */
static char *copy_chars(const char *src, size_t size, gfp_t gfp, uintptr_t caller)
{
	char *copy = src ? quarry_kmalloc_for(size_add(size, 1), gfp, NUMA_NO_NODE, caller) : NULL;

	if (copy) {
		__builtin_memcpy(copy, src, size);
		copy[size] = '\0';
	}
	return copy;
}

static char *copy_string(const char *src, size_t max, gfp_t gfp, uintptr_t caller)
{
	size_t length = 0;

	while (src && length < max && src[length])
		length++;
	return copy_chars(src, length, gfp, caller);
}

void *kmemdup(const void *src, size_t size, gfp_t gfp)
{
	return copy_bytes(src, size, gfp, CALLER);
}

void *kmemdup_array(const void *src, size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL
						       : copy_bytes(src, bytes, gfp, CALLER);
}

char *kmemdup_nul(const char *src, size_t size, gfp_t gfp)
{
	return copy_chars(src, size, gfp, CALLER);
}

char *kstrndup(const char *src, size_t max, gfp_t gfp)
{
	return copy_string(src, max, gfp, CALLER);
}

char *kstrdup(const char *src, gfp_t gfp)
{
	return copy_string(src, SIZE_MAX, gfp, CALLER);
}

const char *kstrdup_const(const char *src, gfp_t gfp)
{
	return is_constant(src) ? src : copy_string(src, SIZE_MAX, gfp, CALLER);
}

void kfree_const(const void *p)
{
	if (!is_constant(p))
		kfree(p);
}
