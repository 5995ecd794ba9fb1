/* SPDX-License-Identifier: MIT */
/*
 * page_array.c: the two words behind every conversion between address, frame number and struct
 * page.
 *
 * The array is biased: element 0 would be frame 0, whether that frame exists or not (quarry/mm.h).
 *
 * Locking: none. All of it is written at boot.
 */
#include "mm/base/log.h"
#include "mm/phys/page.h"

QUARRY_STATE struct page *quarry_page_array;
QUARRY_STATE uintptr_t quarry_direct_offset;

static QUARRY_STATE struct {
	uintptr_t start, end; /* of the virtual range; empty: none */
} window;

void direct_map_exclude(uintptr_t start, uintptr_t end)
{
	window.start = start;
	window.end = end;
}

void quarry_check_direct(const volatile void *address)
{
	uintptr_t at = (uintptr_t)address;

	if (unlikely(at - window.start < window.end - window.start))
		mm_report(VMAP_DIRECT, "virt_to_phys", (const void *)at, window.start, window.end);
}
