/* SPDX-License-Identifier: MIT */
/*
 * string.h: copies of memory and strings in new kmalloc objects.
 *
 * Context: by mask. Return: the copy, to be freed with kfree(), or NULL.
 */
#ifndef QUARRY_STRING_H
#define QUARRY_STRING_H

#include <quarry/gfp.h>
#include <quarry/types.h>

QUARRY_BEGIN_DECLS

/* `size` bytes from src. */
void *kmemdup(const void *src, size_t size, gfp_t gfp) QUARRY_API_CHECK(kmemdup)
	QUARRY_ALLOC_SIZE(2);
/* n elements of `size` bytes; NULL if the product overflows. */
void *kmemdup_array(const void *src, size_t n, size_t size, gfp_t gfp)
	QUARRY_API_CHECK(kmemdup_array);
/* `size` bytes and a NUL after them. */
char *kmemdup_nul(const char *src, size_t size, gfp_t gfp) QUARRY_API_CHECK(kmemdup_nul);
/* A string; NULL gives NULL. */
char *kstrdup(const char *src, gfp_t gfp) QUARRY_API_CHECK(kstrdup);
/* At most `max` characters of a string, and a NUL. Reads no byte beyond them. */
char *kstrndup(const char *src, size_t max, gfp_t gfp) QUARRY_API_CHECK(kstrndup);

QUARRY_END_DECLS

#endif
