/* SPDX-License-Identifier: MIT */
/*
 * protect.c: the hook that restricts pages of the direct map, done by the host's page protection.
 *
 * A store to a page that may not be written through the direct map faults, and the test fails. A
 * page that is handed out while it is restricted fails the test too, and so does the end of a world
 * in which one is left.
 *
 * Start at: mock_protect_direct.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "world.h"

#define NR_FRAMES MOCK_PAGES(MOCK_DIRECT_SIZE)

static struct {
	uint8_t *prot; /* by frame; 0: as usual */
	unsigned long restricted;
	unsigned long fail_in;
	uintptr_t guarded_start, guarded_end; /* end 0: none */
} direct;

int mock_protect_direct(void *start, size_t bytes, unsigned prot)
{
	const struct mock_state *now = &mock_self.now;
	uint64_t first = MOCK_PAGES((uintptr_t)start - MOCK_DIRECT);
	uint8_t value = prot == QUARRY_PROT_KERNEL ? 0 : (uint8_t)prot;
	long protection = prot & QUARRY_PROT_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
	bool fail;

	mock_point(MOCK_PROTECT_DIRECT, "protect_direct", (uintptr_t)start, prot);
	if (now->masked || now->handler || now->context || now->pins)
		mock_fail("protect_direct_map: not in task context with interrupts on and no pin");
	if (!bytes || ((uintptr_t)start | bytes) & ~PAGE_MASK || !(prot & QUARRY_PROT_READ) ||
	    prot & QUARRY_PROT_EXEC)
		mock_fail("protect_direct_map: start %p, %zu bytes, protection %u", start, bytes,
			  prot);
	mock_enter();
	fail = direct.fail_in && prot != QUARRY_PROT_KERNEL && --direct.fail_in == 0;
	if (!fail && !direct.prot)
		direct.prot = mmap(NULL, NR_FRAMES, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (uint64_t i = 0; i < MOCK_PAGES(bytes) && !fail; i++) {
		direct.restricted += !direct.prot[first + i] && value;
		direct.restricted -= direct.prot[first + i] && !value;
		direct.prot[first + i] = value;
	}
	if (!fail)
		syscall(SYS_mprotect, start, bytes, protection);
	mock_leave();
	return fail ? -QUARRY_ENOMEM : 0;
}

/* The host's own protection stands for the page table entry; a page once denied is put back when
 * the world ends. */
void mock_guard_page(void *page, bool accessible)
{
	uintptr_t at = (uintptr_t)page;

	if (at % PAGE_SIZE || !mock_backed(at - MOCK_DIRECT))
		mock_fail("guard_page: %p is no page of the direct map", page);
	if (!direct.guarded_end)
		direct.guarded_start = at;
	direct.guarded_start = at < direct.guarded_start ? at : direct.guarded_start;
	direct.guarded_end = at + PAGE_SIZE > direct.guarded_end ? at + PAGE_SIZE
								 : direct.guarded_end;
	syscall(SYS_mprotect, page, PAGE_SIZE, (long)(accessible ? PROT_READ | PROT_WRITE : 0));
}

void mock_fail_protect(unsigned long n)
{
	direct.fail_in = n;
}

unsigned mock_direct_prot(const void *address)
{
	uint64_t frame = MOCK_PAGES((uintptr_t)address - MOCK_DIRECT);

	return direct.restricted && direct.prot[frame] ? direct.prot[frame] : QUARRY_PROT_KERNEL;
}

unsigned long mock_direct_restricted(void)
{
	return __atomic_load_n(&direct.restricted, __ATOMIC_RELAXED);
}

void mock_protect_reset(void)
{
	if (direct.prot)
		syscall(SYS_madvise, direct.prot, NR_FRAMES, (long)MADV_DONTNEED);
	direct.restricted = 0;
	direct.fail_in = 0;
	if (direct.guarded_end)
		syscall(SYS_mprotect, direct.guarded_start,
			direct.guarded_end - direct.guarded_start, (long)(PROT_READ | PROT_WRITE));
	direct.guarded_end = 0;
}
