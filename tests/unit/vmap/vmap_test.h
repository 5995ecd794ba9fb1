/* SPDX-License-Identifier: MIT */
/*
 * vmap_test.h: what the tests of the virtual layer share.
 */
#ifndef VMAP_TEST_H
#define VMAP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mm/base/fault.h"
#include "mm/vmap/vmap.h"
#include "mock.h"

#include <quarry/debug.h>
#include <quarry/slab.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline uintptr_t va_of(const void *p)
{
	return (uintptr_t)p;
}

/* Write a different byte into each page through the address, and read it back at the page's
 * other address. */
static inline void touch_pages(const void *p, unsigned long pages)
{
	for (unsigned long i = 0; i < pages; i++)
		mock_store(va_of(p) + i * PAGE_SIZE, (uint8_t)(i * 7 + 1));
	for (unsigned long i = 0; i < pages; i++) {
		uintptr_t va = va_of(p) + i * PAGE_SIZE;
		phys_addr_t phys = mock_translate(va);

		assert_int_equal(mock_load(va), (uint8_t)(i * 7 + 1));
		assert_int_equal(*(volatile uint8_t *)phys_to_virt(phys), (uint8_t)(i * 7 + 1));
		assert_ptr_equal(vmalloc_to_page((const void *)va), phys_to_page(phys));
	}
}

/* Is the page at an address, which is mapped, part of a group of leaves? */
static inline bool is_grouped(uintptr_t va)
{
	struct pt_run run = pgtable_find(va, 1);

	return arch_pte_is_grouped(arch_pte_read(run.pte));
}

/* Take all memory as single pages, then free every second one: no block of two pages is left.
 * Return: pages held. */
static inline unsigned long fragment_memory(struct page **held, unsigned long max)
{
	unsigned long n = 0, kept = 0;

	while (n < max && (held[n] = alloc_pages(GFP_NOWAIT | __GFP_MEMALLOC, 0)))
		n++;
	assert_true(n < max);
	for (unsigned long i = 0; i < n; i++) {
		if (page_to_pfn(held[i]) & 1)
			held[kept++] = held[i];
		else
			__free_pages(held[i], 0);
	}
	return kept;
}
static inline void release_memory(struct page **held, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		__free_pages(held[i], 0);
}

#endif
