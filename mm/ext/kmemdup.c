/* SPDX-License-Identifier: MIT */
/*
 * kmemdup.c: copies of memory and strings in new objects.
 *
 * Sizes that would wrap saturate, and kmalloc refuses them. Strings among the kernel's constants,
 * which boot named, need no copy.
 */
#include "mm/ext/kmemdup.h"

#include <quarry/slab.h>
#include <quarry/string.h>

#include "mm/base/state.h"

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

void *kmemdup(const void *src, size_t size, gfp_t gfp)
{
	void *copy = kmalloc(size, gfp);

	if (!ZERO_OR_NULL_PTR(copy))
		__builtin_memcpy(copy, src, size);
	return copy;
}

void *kmemdup_array(const void *src, size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL : kmemdup(src, bytes, gfp);
}

char *kmemdup_nul(const char *src, size_t size, gfp_t gfp)
{
	char *copy = src ? kmalloc(size_add(size, 1), gfp) : NULL;

	if (copy) {
		__builtin_memcpy(copy, src, size);
		copy[size] = '\0';
	}
	return copy;
}

char *kstrndup(const char *src, size_t max, gfp_t gfp)
{
	size_t length = 0;

	while (src && length < max && src[length])
		length++;
	return kmemdup_nul(src, length, gfp);
}

char *kstrdup(const char *src, gfp_t gfp)
{
	return kstrndup(src, SIZE_MAX, gfp);
}

const char *kstrdup_const(const char *src, gfp_t gfp)
{
	return is_constant(src) ? src : kstrdup(src, gfp);
}

void kfree_const(const void *p)
{
	if (!is_constant(p))
		kfree(p);
}
