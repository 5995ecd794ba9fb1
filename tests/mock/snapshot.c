/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c: the whole state of a world as a hash, saved and put back.
 *
 * State is the library's state section, the data of the memory file, the mock's world, the
 * caller's thread and the shadow marks. Pages that hold only zeros count as untouched, so reading
 * a page changes no hash. The software TLB is a cache: after a restore it is as if all CPUs had
 * just cached every mapping of the tables.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "world.h"

struct saved_page {
	phys_addr_t phys;
	unsigned char data[PAGE_SIZE];
};

static struct {
	bool valid;
	void *state;
	struct saved_page *pages;
	size_t nr_pages, room;
	struct mock_world world;
	struct mock_thread thread;
} saved;

/* Read the next page that is not zero, at *phys or above. Return: false at the end. */
static bool next_page(phys_addr_t *phys, unsigned char *data)
{
	static const unsigned char zeros[PAGE_SIZE];

	for (;;) {
		off_t at = lseek(mock_memory, (off_t)*phys, SEEK_DATA);

		if (at < 0)
			return false;
		if (pread(mock_memory, data, PAGE_SIZE, at) != (ssize_t)PAGE_SIZE)
			abort();
		*phys = (phys_addr_t)at;
		if (memcmp(data, zeros, PAGE_SIZE))
			return true;
		*phys += PAGE_SIZE;
	}
}

static uint64_t mix(uint64_t hash, const void *data, size_t bytes)
{
	const unsigned char *at = data;

	for (; bytes; at += bytes < 8 ? bytes : 8, bytes -= bytes < 8 ? bytes : 8) {
		uint64_t word = 0;

		memcpy(&word, at, bytes < 8 ? bytes : 8);
		hash = (hash ^ word) * 0x6a09e667f3bcc909ull;
		hash ^= hash >> 29;
	}
	return hash;
}

uint64_t mock_state_hash(void)
{
	uint64_t hash = mix(1, mock_state(), mock_state_size());
	unsigned char data[PAGE_SIZE];

	for (phys_addr_t phys = 0; next_page(&phys, data); phys += PAGE_SIZE) {
		hash = mix(hash, &phys, sizeof(phys));
		hash = mix(hash, data, sizeof(data));
	}
	return hash;
}

static struct saved_page *new_page(void)
{
	if (saved.nr_pages == saved.room) {
		saved.room = saved.room ? 2 * saved.room : 64;
		saved.pages = realloc(saved.pages, saved.room * sizeof(*saved.pages));
		if (!saved.pages)
			abort();
	}
	return &saved.pages[saved.nr_pages++];
}

void mock_snapshot(void)
{
	unsigned char data[PAGE_SIZE];

	if (mock_threads_running())
		mock_fail("mock_snapshot: CPU threads are running");
	saved.nr_pages = 0;
	for (phys_addr_t phys = 0; next_page(&phys, data); phys += PAGE_SIZE) {
		struct saved_page *page = new_page();

		page->phys = phys;
		memcpy(page->data, data, sizeof(data));
	}
	if (!saved.state)
		saved.state = malloc(mock_state_size() + 1);
	if (!saved.state)
		abort();
	if (mock_state_size())
		memcpy(saved.state, mock_state(), mock_state_size());
	saved.world = mock_world;
	saved.thread = mock_self;
	mock_poison_save();
	saved.valid = true;
}

void mock_restore(void)
{
	struct mock_catch *catch = mock_self.catch;

	if (!saved.valid || mock_threads_running())
		mock_fail("mock_restore: no snapshot, or CPU threads are running");
	mock_poison_reset();
	mock_zero_memory();
	for (size_t i = 0; i < saved.nr_pages; i++)
		if (pwrite(mock_memory, saved.pages[i].data, PAGE_SIZE,
			   (off_t)saved.pages[i].phys) != (ssize_t)PAGE_SIZE)
			abort();
	if (mock_state_size())
		memcpy(mock_state(), saved.state, mock_state_size());
	mock_world = saved.world;
	mock_self = saved.thread;
	mock_self.catch = catch;
	mock_mmu_rebuild();
	mock_poison_restore();
}
