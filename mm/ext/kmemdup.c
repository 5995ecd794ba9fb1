/* SPDX-License-Identifier: MIT */
/*
 * kmemdup.c: copies of memory and strings in new objects.
 *
 * Sizes that would wrap saturate, and kmalloc refuses them.
 */
#include <quarry/slab.h>
#include <quarry/string.h>

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
