/* SPDX-License-Identifier: MIT */
/*
 * poison.c: memory that is free in the library's eyes is poisoned for AddressSanitizer.
 *
 * The shadow of the poisoned span is written and copied directly, because the sanitizer's own
 * functions give shadow pages back to the host, and faulting them in again is the larger part of a world's start.
 * Pieces above POISON_MAX are left alone: their shadow alone would be real memory of an eighth of the size.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>

#include "world.h"

#ifdef MOCK_ASAN

#include <sanitizer/asan_interface.h>

#define POISON_MAX (256 * MOCK_MIB)
#define NO_ASAN __attribute__((no_sanitize_address, noinline))

void __asan_get_shadow_mapping(size_t *scale, size_t *offset);

struct span {
	uintptr_t start, end; /* poisoned memory lies inside; equal: none */
};

static struct {
	struct span now, saved;
	uint64_t *saved_shadow;
} poison;

static volatile uint64_t *shadow(uintptr_t address)
{
	static size_t scale, offset;

	if (!offset)
		__asan_get_shadow_mapping(&scale, &offset);
	return (volatile uint64_t *)(((address >> scale) + offset) & ~(uintptr_t)7);
}

static size_t shadow_words(struct span span)
{
	return span.start < span.end ? (size_t)(shadow(span.end - 1) - shadow(span.start)) + 1 : 0;
}

static void widen(uintptr_t start, uintptr_t end)
{
	struct span *now = &poison.now;

	mock_enter();
	if (now->start == now->end)
		*now = (struct span){ start, end };
	if (start < now->start)
		now->start = start;
	if (end > now->end)
		now->end = end;
	mock_leave();
}

NO_ASAN void mock_poison_reset(void)
{
	struct span span = poison.now;

	if (span.end - span.start <= 16 * POISON_MAX) {
		size_t words = shadow_words(span);

		for (size_t i = 0; i < words; i++)
			if (shadow(span.start)[i])
				shadow(span.start)[i] = 0;
	} else {
		/* Mostly never written: giving the shadow back costs what was written, and reads as zeros. */
		uintptr_t first = (uintptr_t)shadow(span.start) & PAGE_MASK;
		uintptr_t last = (uintptr_t)shadow(span.end - 1) | (PAGE_SIZE - 1);

		if (madvise((void *)first, last + 1 - first, MADV_DONTNEED))
			abort();
	}
	poison.now = (struct span){ 0, 0 };
}

NO_ASAN void mock_poison_save(void)
{
	size_t words = shadow_words(poison.now);

	poison.saved = poison.now;
	free(poison.saved_shadow);
	poison.saved_shadow = malloc(words * 8 + 8);
	if (!poison.saved_shadow)
		abort();
	for (size_t i = 0; i < words; i++)
		poison.saved_shadow[i] = shadow(poison.now.start)[i];
}

NO_ASAN void mock_poison_restore(void)
{
	size_t words = shadow_words(poison.saved);

	mock_poison_reset();
	poison.now = poison.saved;
	for (size_t i = 0; i < words; i++)
		shadow(poison.now.start)[i] = poison.saved_shadow[i];
}

static void set(void *start, size_t bytes, bool free_memory)
{
	if (!free_memory) {
		ASAN_UNPOISON_MEMORY_REGION(start, bytes);
	} else if (bytes <= POISON_MAX) {
		widen((uintptr_t)start, (uintptr_t)start + bytes);
		ASAN_POISON_MEMORY_REGION(start, bytes);
	}
}

#else

void mock_poison_reset(void)
{
}

void mock_poison_save(void)
{
}

void mock_poison_restore(void)
{
}

static void set(void *start, size_t bytes, bool free_memory)
{
	(void)start;
	(void)bytes;
	(void)free_memory;
}

#endif

static void check_range(const char *call, void *start, size_t bytes)
{
	uintptr_t at = (uintptr_t)start - MOCK_DIRECT;

	if (at >= MOCK_DIRECT_SIZE || bytes > MOCK_DIRECT_SIZE - at)
		mock_fail("%s: [%p, +%#zx) is not in the direct map", call, start, bytes);
}

void mock_mem_poison(void *start, size_t bytes)
{
	check_range("arch_mem_poison", start, bytes);
	if (bytes)
		set(start, bytes, true);
}

void mock_mem_unpoison(void *start, size_t bytes)
{
	check_range("arch_mem_unpoison", start, bytes);
	if (!bytes)
		return;
	set(start, bytes, false);
	mock_check_handed_out((uintptr_t)start, bytes);
}
