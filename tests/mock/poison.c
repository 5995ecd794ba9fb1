/* SPDX-License-Identifier: MIT */
/*
 * poison.c: memory that is free in the library's eyes is poisoned for AddressSanitizer.
 *
 * A new world starts without marks, and there may be few marks in terabytes: the chunks that hold
 * some are remembered, and the shadow of exactly those is cleared or copied. Pieces above
 * POISON_MAX are left alone, because their shadow would be real memory of an eighth of their
 * size.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>

#include "world.h"

#ifdef MOCK_ASAN

#include <sanitizer/asan_interface.h>

#define POISON_MAX (64 * MOCK_MIB)
#define CHUNK (64 * MOCK_KIB)
#define MAX_CHUNKS 65536u
#define NO_ASAN __attribute__((no_sanitize_address, noinline))

void __asan_get_shadow_mapping(size_t *scale, size_t *offset);

/* The chunks of the direct map that hold poisoned memory, by number and as a set. */
struct marks {
	unsigned nr;
	uint32_t chunk[MAX_CHUNKS];
};

static struct marks now, saved;
static unsigned char marked[MOCK_DIRECT_SIZE / CHUNK / 8];
static uint64_t *saved_shadow;

static size_t shadow_scale, shadow_offset;

static size_t chunk_words(void)
{
	if (!shadow_offset)
		__asan_get_shadow_mapping(&shadow_scale, &shadow_offset);
	return (CHUNK >> shadow_scale) / sizeof(uint64_t);
}

static volatile uint64_t *chunk_shadow(uint32_t chunk)
{
	uintptr_t address = MOCK_DIRECT + chunk * CHUNK;

	return (volatile uint64_t *)((address >> shadow_scale) + shadow_offset);
}

/* Remember that memory of [start, end) gets poisoned. Return: false if there is no room to
 * remember it. */
static bool mark(uintptr_t start, uintptr_t end)
{
	uint32_t first = (uint32_t)((start - MOCK_DIRECT) / CHUNK);
	uint32_t last = (uint32_t)((end - 1 - MOCK_DIRECT) / CHUNK);
	bool room = true;

	mock_enter();
	for (uint32_t i = first; i <= last && room; i++) {
		if (marked[i / 8] >> i % 8 & 1)
			continue;
		room = now.nr < MAX_CHUNKS;
		if (room) {
			marked[i / 8] |= (unsigned char)(1u << i % 8);
			now.chunk[now.nr++] = i;
		}
	}
	mock_leave();
	return room;
}

NO_ASAN void mock_poison_reset(void)
{
	size_t words = chunk_words();

	for (unsigned i = 0; i < now.nr; i++) {
		volatile uint64_t *shadow = chunk_shadow(now.chunk[i]);

		marked[now.chunk[i] / 8] = 0;
		for (size_t word = 0; word < words; word++)
			shadow[word] = 0;
	}
	now.nr = 0;
}

NO_ASAN void mock_poison_save(void)
{
	size_t words = chunk_words();

	saved = now;
	free(saved_shadow);
	saved_shadow = malloc((size_t)now.nr * words * sizeof(uint64_t) + 1);
	if (!saved_shadow)
		abort();
	for (unsigned i = 0; i < now.nr; i++)
		for (size_t word = 0; word < words; word++)
			saved_shadow[i * words + word] = chunk_shadow(now.chunk[i])[word];
}

NO_ASAN void mock_poison_restore(void)
{
	size_t words = chunk_words();

	mock_poison_reset();
	now = saved;
	for (unsigned i = 0; i < now.nr; i++) {
		uint32_t chunk = now.chunk[i];

		marked[chunk / 8] |= (unsigned char)(1u << chunk % 8);
		for (size_t word = 0; word < words; word++)
			chunk_shadow(chunk)[word] = saved_shadow[i * words + word];
	}
}

static void set(void *start, size_t bytes, bool free_memory)
{
	if (!free_memory) {
		ASAN_UNPOISON_MEMORY_REGION(start, bytes);
	} else if (bytes <= POISON_MAX && mark((uintptr_t)start, (uintptr_t)start + bytes)) {
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

/* ---- free frames that are not mapped ---- */

static bool unmapped;

bool mock_was_unmapped(void)
{
	bool was = unmapped;

	unmapped = false;
	return was;
}

/* Unmap the pages that lie in a free piece whole, map all that one in use touches. */
static void protect(uintptr_t start, size_t bytes, int access)
{
	uintptr_t grow = access == PROT_NONE ? PAGE_SIZE - 1 : 0;
	uintptr_t first = (start + grow) & PAGE_MASK;
	uintptr_t end = (start + bytes + (PAGE_SIZE - 1 - grow)) & PAGE_MASK;

	if (!mock_world.unmap_free || first >= end)
		return;
	unmapped = true;
	if (mprotect((void *)first, end - first, access))
		mock_fail("mprotect: cannot change the access to %#lx", (unsigned long)first);
}

static void check_range(const char *call, void *start, size_t bytes)
{
	uintptr_t at = (uintptr_t)start - MOCK_DIRECT;

	if (at >= MOCK_DIRECT_SIZE || bytes > MOCK_DIRECT_SIZE - at)
		mock_fail("%s: [%p, +%#zx) is not in the direct map", call, start, bytes);
}

void mock_mem_poison(void *start, size_t bytes)
{
	check_range("arch_mem_poison", start, bytes);
	if (!bytes)
		return;
	set(start, bytes, true);
	protect((uintptr_t)start, bytes, PROT_NONE);
}

void mock_mem_unpoison(void *start, size_t bytes)
{
	check_range("arch_mem_unpoison", start, bytes);
	if (!bytes)
		return;
	protect((uintptr_t)start, bytes, PROT_READ | PROT_WRITE);
	set(start, bytes, false);
	mock_check_handed_out((uintptr_t)start, bytes);
}
