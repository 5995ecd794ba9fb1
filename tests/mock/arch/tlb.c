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

/* The host's caches are coherent. */
void arch_cache_flush(const void *start, size_t bytes)
{
	(void)start;
	(void)bytes;
}

void arch_icache_sync(void)
{
	mock_icache_sync();
}
