/* SPDX-License-Identifier: MIT */
/*
 * string.h: copies of memory and strings, and formatted text, in new kmalloc objects.
 *
 * Context: by mask. Return: the copy, to be freed with kfree(), or NULL.
 */
#ifndef QUARRY_STRING_H
#define QUARRY_STRING_H

#include <stdarg.h>

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

/* A string that nobody changes: one of the kernel's constants (quarry_params.rodata_start) itself,
 * else a copy. */
const char *kstrdup_const(const char *src, gfp_t gfp) QUARRY_API_CHECK(kstrdup_const);
/* Free what kstrdup_const returned. NULL is ignored. Context: as kfree. */
void kfree_const(const void *p) QUARRY_API(kfree_const);

/* Text as C's printf makes it, without floating point and %n: %d %i %u %x %X %o %c %s %p %%, with
 * flags, width, precision and lengths hh h l ll z t j. An unknown conversion ends the text. */
char *kasprintf(gfp_t gfp, const char *fmt, ...)
	QUARRY_API_CHECK(kasprintf) QUARRY_PRINTF(2, 3);
char *kvasprintf(gfp_t gfp, const char *fmt, va_list args)
	QUARRY_API_CHECK(kvasprintf) QUARRY_PRINTF(2, 0);

/*
 * ---- copies of a user's memory, through the hook copy_from_user ----
 * They lie apart from the kernel's objects (quarry/slab.h, buckets). Context: task, may sleep.
 * Return: the copy, or an error in the pointer (quarry_is_error_ptr; (intptr_t)p is the negative
 * number): -EFAULT not all can be read, -ENOMEM, -ENOSYS there is no hook.
 */
static inline bool quarry_is_error_ptr(const void *p)
{
	return (uintptr_t)p > (uintptr_t)-4096;
}
/* `size` bytes; to be freed with kfree(). */
void *memdup_user(const void *src, size_t size) QUARRY_API_CHECK(memdup_user);
/* The same and a NUL. */
void *memdup_user_nul(const void *src, size_t size) QUARRY_API_CHECK(memdup_user_nul);
/* `size` bytes, any number; to be freed with kvfree(). */
void *vmemdup_user(const void *src, size_t size) QUARRY_API_CHECK(vmemdup_user);
/* A string that with its NUL has at most n bytes; a longer one: -EINVAL. */
char *strndup_user(const char *src, long n) QUARRY_API_CHECK(strndup_user);

QUARRY_END_DECLS

#endif
