/* SPDX-License-Identifier: MIT */
/*
 * memory.c: the machine's memory.
 *
 * Memory is one sparse memfd; its offset is the physical address. The direct map is one fixed
 * piece of address space in which the ranges of the map are mapped (reserved ones too: they
 * exist) and holes are PROT_NONE. A new world gets zeroed memory. Little data is zeroed in place,
 * which costs a tenth of giving pages back and faulting them in again; a lot of data is given
 * back.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "world.h"

#define ZERO_IN_PLACE (4 * MOCK_MIB) /* more data than this is given back instead */

int mock_memory = -1;

static struct {
	struct mock_range *ranges;
	size_t nr_ranges;
} memory;

static void *direct(phys_addr_t phys)
{
	return (void *)(uintptr_t)(MOCK_DIRECT + phys);
}

/* Past the sanitizers' interceptors: a mapping is no access of the thread that happens to make
 * it. */
static void map_fixed(uintptr_t at, uint64_t bytes, int prot, int flags, int fd, phys_addr_t offset)
{
	long got = syscall(SYS_mmap, at, bytes, (long)prot, (long)(flags | MAP_NORESERVE), (long)fd,
			   (long)offset);

	if (got != (long)at) {
		fprintf(stderr, "mock: cannot map %#lx bytes at %#lx\n", (unsigned long)bytes,
			(unsigned long)at);
		abort();
	}
}

static void give_back(phys_addr_t start, uint64_t bytes)
{
	fallocate(mock_memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)start,
		  (off_t)bytes);
}

bool mock_backed(phys_addr_t phys)
{
	for (size_t i = 0; i < memory.nr_ranges; i++)
		if (phys >= memory.ranges[i].start && phys < memory.ranges[i].end)
			return true;
	return phys >= MOCK_ROOT && phys < MOCK_FILE_SIZE;
}

static bool same_range(phys_addr_t start, phys_addr_t end)
{
	for (size_t i = 0; i < memory.nr_ranges; i++)
		if (start >= memory.ranges[i].start && end <= memory.ranges[i].end)
			return true;
	return start >= MOCK_ROOT;
}

void mock_zero_memory(void)
{
	uint64_t left = ZERO_IN_PLACE;
	off_t start = 0;

	while ((start = lseek(mock_memory, start, SEEK_DATA)) >= 0) {
		off_t end = lseek(mock_memory, start, SEEK_HOLE);
		uint64_t bytes = (uint64_t)(end - start);

		if (bytes > left) {
			give_back((phys_addr_t)start, MOCK_FILE_SIZE - (uint64_t)start);
			return;
		}
		left -= bytes;
		if (same_range((phys_addr_t)start, (phys_addr_t)end))
			memset(direct((phys_addr_t)start), 0, bytes);
		else
			give_back((phys_addr_t)start, bytes);
		start = end;
	}
}

/* The part of a range that the direct map can back, in whole pages, outwards. */
static struct mock_range backing(const struct quarry_mem_range *range)
{
	phys_addr_t end = range->base + range->size;
	struct mock_range result = {0, 0};

	if (end < range->base || end > MOCK_DIRECT_SIZE)
		end = MOCK_DIRECT_SIZE;
	if (!range->size || range->base >= end)
		return result;
	result.start = range->base & PAGE_MASK;
	result.end = (end + PAGE_SIZE - 1) & PAGE_MASK;
	return result;
}

void mock_lay_out_memory(const struct quarry_mem_range *map, size_t nr_map)
{
	struct mock_range *ranges = calloc(nr_map + 1, sizeof(*ranges));
	size_t nr = 0;
	bool whole = !mock_was_unmapped() && !mock_direct_restricted();

	if (!ranges)
		abort();
	for (size_t i = 0; i < nr_map; i++) {
		struct mock_range range = backing(&map[i]);

		if (range.end)
			ranges[nr++] = range;
	}
	mock_poison_reset();
	mock_protect_reset();
	if (whole && nr == memory.nr_ranges &&
	    memcmp(ranges, memory.ranges, nr * sizeof(*ranges)) == 0) {
		free(ranges);
		mock_zero_memory();
		return;
	}
	give_back(0, MOCK_FILE_SIZE);
	map_fixed(MOCK_DIRECT, MOCK_DIRECT_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		  -1, 0);
	for (size_t i = 0; i < nr; i++)
		map_fixed(MOCK_DIRECT + ranges[i].start, ranges[i].end - ranges[i].start,
			  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, mock_memory,
			  ranges[i].start);
	free(memory.ranges);
	memory.ranges = ranges;
	memory.nr_ranges = nr;
}

void mock_dirty_memory(void)
{
	uint64_t random = 1;

	for (size_t i = 0; i < memory.nr_ranges; i++)
		for (phys_addr_t at = memory.ranges[i].start; at < memory.ranges[i].end; at += 8)
			*(uint64_t *)direct(at) = mock_random(&random) | 1;
}

void mock_memory_init(void)
{
	mock_memory = memfd_create("quarry-mock", MFD_CLOEXEC);
	if (mock_memory < 0 || ftruncate(mock_memory, (off_t)MOCK_FILE_SIZE)) {
		perror("mock: memory");
		abort();
	}
	map_fixed(MOCK_DIRECT, MOCK_FILE_SIZE, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	map_fixed(MOCK_DIRECT + MOCK_ROOT, PAGE_SIZE, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_FIXED, mock_memory, MOCK_ROOT);
}
