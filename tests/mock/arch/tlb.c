/* SPDX-License-Identifier: MIT */
/* tlb.c (mock): the calling CPU's part of the software TLB. The rules are in tests/mock/mmu.c. */
#define _GNU_SOURCE
#include "world.h"

void arch_tlb_flush_range(uintptr_t start, uintptr_t end)
{
	mock_tlb_flush(start, end);
}

void arch_tlb_map_sync(uintptr_t start, uintptr_t end)
{
	mock_tlb_map_sync(start, end);
}
