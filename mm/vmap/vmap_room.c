/* SPDX-License-Identifier: MIT */
/*
 * vmap_room.c: shared chunks in bins by their longest clear run.
 *
 * A search begins in the bin of its size, where runs may be too short: a few chunks are tried
 * there. In every higher bin the first chunk will do, but for alignment.
 *
 * Cost      a few words; bins are a word of bits.
 * Start at  room_search
 */
#include "mm/vmap/vmap_room.h"

#include "mm/base/bits.h"
#include "mm/base/list.h"

#define NR_BINS 10u /* longest runs of 1, 2-3, 4-7 .. 512 pages */
#define NO_BIN NR_BINS
#define MIN_TOTAL 2u /* a page and its guard */
/* Of each other bin: an aligned run, or a window of addresses, may not be in the first ones. */
#define HIGHER_BIN_TRIES 64u
#define LOWEST_BIN_TRIES 4u /* chunks of the lowest bin, whose runs may be too short, tried first */

static QUARRY_STATE struct {
	unsigned bins; /* those that are not empty */
	struct quarry_list bin[NR_BINS];
} room;

static unsigned bin_for(unsigned max_run)
{
	return max_run < MIN_TOTAL ? NO_BIN : highest_bit(max_run);
}
static void bin_remove(struct vmap_chunk *chunk)
{
	if (chunk->bin_number == NO_BIN)
		return;
	list_del(&chunk->bin);
	if (list_empty(&room.bin[chunk->bin_number]))
		room.bins &= ~(1u << chunk->bin_number);
	chunk->bin_number = NO_BIN;
}
static void bin_insert(struct vmap_chunk *chunk)
{
	unsigned bin = bin_for(chunk->max_run);

	chunk->bin_number = (uint8_t)bin;
	if (bin == NO_BIN)
		return;
	list_add(&chunk->bin, &room.bin[bin]);
	room.bins |= 1u << bin;
}
/* max_run changed. */
static void bin_update(struct vmap_chunk *chunk)
{
	if (chunk->bin_number != bin_for(chunk->max_run)) {
		bin_remove(chunk);
		bin_insert(chunk);
	}
}
static bool is_edge(const struct vmap_chunk *chunk)
{
	return chunk->outside != 0;
}

/* Look at most at `tries` chunks of a bin; those found too full move to lower bins. */
static struct vmap_chunk *search_bin(unsigned bin, unsigned total, const struct vmap_where *where,
				     unsigned tries, unsigned *bit)
{
	list_for_each_safe (link, next, &room.bin[bin]) {
		struct vmap_chunk *chunk = list_entry(link, struct vmap_chunk, bin);

		if (tries-- == 0)
			break;
		if (!dir_chunk_is_in(chunk, where))
			continue;
		*bit = chunk_search(chunk, total, where->align);
		if (*bit < CHUNK_PAGES)
			return chunk;
		bin_update(chunk);
	}
	return NULL;
}

struct vmap_chunk *room_search(unsigned total, const struct vmap_where *where, bool all,
			       unsigned *bit)
{
	unsigned lowest = bin_for(total);
	struct vmap_chunk *chunk = NULL;

	for (unsigned bins = room.bins >> lowest << lowest; bins && !chunk; bins &= bins - 1) {
		unsigned b = lowest_bit(bins);
		unsigned tries = all	      ? UINT32_MAX
				 : b > lowest ? HIGHER_BIN_TRIES
					      : LOWEST_BIN_TRIES;

		chunk = search_bin(b, total, where, tries, bit);
	}
	return chunk;
}

struct vmap_chunk *room_add(unsigned long index, unsigned first, unsigned last,
			    struct page_chain *supply)
{
	struct vmap_chunk *chunk = page_address(chain_pop(supply));

	chunk_init(chunk, dir_address(index), first, last);
	dir_set(index, (uintptr_t)chunk, supply);
	bin_insert(chunk);
	return chunk;
}

void room_remove(struct vmap_chunk *chunk, struct page_chain *left)
{
	bin_remove(chunk);
	dir_clear(dir_index(chunk->base), left);
	chain_push(left, virt_to_page(chunk));
}

void room_settle(struct vmap_chunk *chunk, struct page_chain *left)
{
	if (chunk->nr_used || is_edge(chunk))
		bin_update(chunk);
	else
		room_remove(chunk, left);
}

bool room_check(const struct vmap_chunk *chunk)
{
	return chunk->bin_number == bin_for(chunk->max_run) && (chunk->nr_used || is_edge(chunk));
}

void room_init(void)
{
	room.bins = 0;
	for (unsigned i = 0; i < NR_BINS; i++)
		list_init(&room.bin[i]);
}
