/* SPDX-License-Identifier: MIT */
/*
 * memdup_user.c: copies of a user's memory in new objects.
 *
 * Size and contents are the user's choice, so they lie in buckets of their own
 * (kmem_buckets_create), apart from the kernel's objects. The first copy makes them.
 *
 * The user's memory may change at any time: a string is measured first and copied then, and what
 * was copied is ended here, whatever it is by then.
 *
 * Start at memdup_user.
 */
#include "mm/ext/memdup_user.h"

#include <quarry/slab.h>
#include <quarry/string.h>

#include "mm/base/log.h"
#include "mm/base/state.h"

/* Bytes looked at together in search of a string's end; they do not cross a page's. */
#define PIECE 64u

static struct {
	struct kmem_buckets *buckets;
} user QUARRY_STATE;

static void *error(int number)
{
	return (void *)(intptr_t)-number;
}

void memdup_user_init(void)
{
	user.buckets = NULL;
}

/* NULL, which stands for kmalloc's caches, without memory. */
static struct kmem_buckets *buckets(void)
{
	struct kmem_buckets *have = __atomic_load_n(&user.buckets, __ATOMIC_ACQUIRE);

	if (have)
		return have;
	struct kmem_buckets *made = kmem_buckets_create("memdup_user", 0, 0, UINT32_MAX, NULL);

	if (__atomic_compare_exchange_n(&user.buckets, &have, made, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return made;
	kmem_buckets_destroy(made);
	return have;
}

/* Fill a new object of at least `size` bytes; kvfree frees it. */
static void *filled(void *copy, const void *src, size_t size)
{
	if (!copy)
		return error(QUARRY_ENOMEM);
	if (!size || !mm_ops.copy_from_user(copy, src, size))
		return copy;
	kvfree(copy);
	return error(QUARRY_EFAULT);
}

void *memdup_user(const void *src, size_t size)
{
	if (!mm_ops.copy_from_user)
		return error(QUARRY_ENOSYS);
	return filled(kmem_buckets_alloc(buckets(), size, GFP_USER | __GFP_NOWARN), src, size);
}

void *vmemdup_user(const void *src, size_t size)
{
	if (!mm_ops.copy_from_user)
		return error(QUARRY_ENOSYS);
	return filled(kmem_buckets_valloc(buckets(), size, GFP_USER | __GFP_NOWARN), src, size);
}

void *memdup_user_nul(const void *src, size_t size)
{
	if (!mm_ops.copy_from_user)
		return error(QUARRY_ENOSYS);
	char *copy = filled(
		kmem_buckets_alloc(buckets(), size_add(size, 1), GFP_USER | __GFP_NOWARN), src,
		size);

	if (!quarry_is_error_ptr(copy))
		copy[size] = '\0';
	return copy;
}

/* Characters of a user's string, at most `most`; -EFAULT. */
static int64_t measure(const char *src, size_t most)
{
	char piece[PIECE];
	size_t length = 0;

	while (length < most) {
		size_t n = PIECE - ((uintptr_t)src + length) % PIECE;

		n = n < most - length ? n : most - length;
		if (mm_ops.copy_from_user(piece, src + length, n))
			return -QUARRY_EFAULT;
		for (size_t i = 0; i < n; i++)
			if (!piece[i])
				return (int64_t)(length + i);
		length += n;
	}
	return (int64_t)most;
}

char *strndup_user(const char *src, long n)
{
	if (!mm_ops.copy_from_user)
		return error(QUARRY_ENOSYS);
	if (n <= 0)
		return error(QUARRY_EINVAL);
	int64_t length = measure(src, (size_t)n);

	if (length < 0)
		return error(QUARRY_EFAULT);
	/* No room for its NUL: it is longer than the caller allows. */
	return length == n ? error(QUARRY_EINVAL) : memdup_user_nul(src, (size_t)length);
}
