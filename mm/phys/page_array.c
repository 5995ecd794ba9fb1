/* SPDX-License-Identifier: MIT */
/*
 * page_array.c: the two words behind every conversion between address, frame number and struct
 * page.
 *
 * The array is biased: element 0 would be frame 0, whether that frame exists or not (quarry/mm.h).
 */
#include <quarry/mm.h>

#include "mm/base/state.h"

QUARRY_STATE struct page *quarry_page_array;
QUARRY_STATE uintptr_t quarry_direct_offset;
