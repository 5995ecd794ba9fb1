/* SPDX-License-Identifier: MIT */
/*
 * owner.h: an owner of movable pages, for tests: a table of blocks, each full of words that its
 * slot and version determine. Every move checks all of them, and that the mover keeps to the
 * contract.
 */
#ifndef RECLAIM_OWNER_H
#define RECLAIM_OWNER_H

#include <pthread.h>

#include "mm/reclaim/migrate.h"
#include "tests/unit/phys/page_test.h"

#define OWNER_SLOTS 32768u

struct owner_slot {
	struct page *page; /* NULL: empty */
	unsigned order;
	uint32_t version;
	bool isolated;
	bool pinned; /* the test holds a second reference */
	unsigned long moves;
};

static struct {
	pthread_mutex_t lock;
	struct owner_slot slot[OWNER_SLOTS];
	/* What it answers: refuse every n-th isolation, say "again" or fail every n-th time; 0:
	 * never */
	unsigned refuse, again, fail;
	unsigned long isolated, migrated, put_back, refused, asked; /* calls so far */
	/* Called in migrate_page before it copies. */
	void (*during)(unsigned slot);
} owner = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool every(unsigned n, unsigned long count)
{
	return n && count % n == 0;
}

/* With `private` the page knows its slot; 0 would be a page that nobody set up. */
static struct owner_slot *owner_of(const struct page *page)
{
	unsigned long number = page_private(page);

	return number && number <= OWNER_SLOTS && owner.slot[number - 1].page == page
		       ? &owner.slot[number - 1]
		       : NULL;
}

static uint64_t owner_word(const struct owner_slot *slot, size_t i)
{
	return ((uint64_t)(slot - owner.slot) << 32 | slot->version) * 0x9e3779b97f4a7c15ull + i;
}
/* A word in each cache line, and the last. */
static void owner_fill(struct owner_slot *slot)
{
	uint64_t *at = page_address(slot->page);
	size_t words = (PAGE_SIZE << slot->order) / sizeof(*at);

	slot->version++;
	for (size_t i = 0; i < words; i += 8)
		at[i] = owner_word(slot, i);
	at[words - 1] = owner_word(slot, words - 1);
}
static void owner_check(const struct owner_slot *slot)
{
	const uint64_t *at = page_address(slot->page);
	size_t words = (PAGE_SIZE << slot->order) / sizeof(*at);

	for (size_t i = 0; i < words; i += 8)
		if (at[i] != owner_word(slot, i))
			mock_fail("slot %zu: word %zu changed", (size_t)(slot - owner.slot), i);
	if (at[words - 1] != owner_word(slot, words - 1))
		mock_fail("slot %zu: the last word changed", (size_t)(slot - owner.slot));
}

static bool owner_isolate(struct page *page, isolate_mode_t mode)
{
	(void)mode;
	for_every_populated_zone (zone)
		if (zone->lock.held && !MOCK_OWNER_THREADS)
			mock_fail("an owner is called with a zone's lock held");
	pthread_mutex_lock(&owner.lock);
	struct owner_slot *slot = owner_of(page);
	bool yes = slot && !slot->isolated && !every(owner.refuse, ++owner.isolated);
	if (yes)
		slot->isolated = true;
	else
		owner.refused++;
	pthread_mutex_unlock(&owner.lock);
	return yes;
}

static int owner_migrate(struct page *dst, struct page *src, enum migrate_mode mode)
{
	int error = 0;

	(void)mode;
	pthread_mutex_lock(&owner.lock);
	struct owner_slot *slot = owner_of(src);
	owner.asked++;
	if (!slot || !slot->isolated)
		error = -QUARRY_ENOENT;
	else if (every(owner.again, owner.asked))
		error = -QUARRY_EAGAIN;
	else if (every(owner.fail, owner.asked))
		error = -QUARRY_EBUSY;
	if (!error && owner.during)
		owner.during((unsigned)(slot - owner.slot));
	if (!error && page_ref_count(src) != 2)
		error = -QUARRY_EAGAIN;
	if (error) {
		pthread_mutex_unlock(&owner.lock);
		return error;
	}
	if (slot->pinned)
		mock_fail("a pinned page is moved");
	if (page_ref_count(dst) != 1 || compound_order(dst) != slot->order ||
	    PageHead(dst) != PageHead(src))
		mock_fail("a new page is not as the old one");
	owner_check(slot);
	memcpy(page_address(dst), page_address(src), PAGE_SIZE << slot->order);
	set_page_private(dst, page_private(src));
	set_page_private(src, 0);
	__atomic_store_n(&slot->page, dst, __ATOMIC_RELAXED);
	slot->isolated = false;
	slot->moves++;
	owner.migrated++;
	get_page(dst);
	__SetPageMovable(dst, page_movable_ops(src));
	pthread_mutex_unlock(&owner.lock);
	put_page(src);
	return 0;
}

static void owner_put_back(struct page *page)
{
	pthread_mutex_lock(&owner.lock);
	struct owner_slot *slot = owner_of(page);
	if (slot && !slot->isolated)
		mock_fail("a page is put back that was not isolated");
	if (slot)
		slot->isolated = false;
	owner.put_back++;
	pthread_mutex_unlock(&owner.lock);
}

static const struct movable_operations owner_ops = {
	.isolate_page = owner_isolate,
	.migrate_page = owner_migrate,
	.putback_page = owner_put_back,
};

/* Give slot `i` a block. Return: false if there is none. */
UNUSED static bool owner_take(unsigned i, unsigned order, gfp_t gfp)
{
	struct owner_slot *slot = &owner.slot[i];
	struct page *page = alloc_pages(gfp, order);

	if (!page)
		return false;
	pthread_mutex_lock(&owner.lock);
	assert_null(slot->page);
	slot->page = page;
	slot->order = order;
	slot->isolated = slot->pinned = false;
	owner_fill(slot);
	set_page_private(page, i + 1ul);
	__SetPageMovable(page, &owner_ops);
	pthread_mutex_unlock(&owner.lock);
	return true;
}

/* Free what slot `i` has, if anything. */
UNUSED static void owner_free(unsigned i)
{
	struct owner_slot *slot = &owner.slot[i];

	pthread_mutex_lock(&owner.lock);
	struct page *page = slot->page;
	if (page) {
		owner_check(slot);
		slot->page = NULL;
		slot->isolated = false;
		set_page_private(page, 0);
		if (slot->pinned)
			put_page(page);
	}
	pthread_mutex_unlock(&owner.lock);
	if (page)
		__free_pages(page, slot->order);
}

UNUSED static void owner_pin(unsigned i, bool pin)
{
	struct owner_slot *slot = &owner.slot[i];

	pthread_mutex_lock(&owner.lock);
	if (slot->page && slot->pinned != pin) {
		slot->pinned = pin;
		if (pin)
			get_page(slot->page);
		else
			put_page(slot->page);
	}
	pthread_mutex_unlock(&owner.lock);
}

UNUSED static void owner_check_all(void)
{
	for (unsigned i = 0; i < OWNER_SLOTS; i++) {
		if (!owner.slot[i].page)
			continue;
		owner_check(&owner.slot[i]);
		assert_false(owner.slot[i].isolated);
	}
}

UNUSED static void owner_free_all(void)
{
	for (unsigned i = 0; i < OWNER_SLOTS; i++)
		owner_free(i);
}

/* Empty table, friendly owner. */
UNUSED static void owner_reset(void)
{
	memset(owner.slot, 0, sizeof(owner.slot));
	owner.refuse = owner.again = owner.fail = 0;
	owner.isolated = owner.migrated = owner.put_back = owner.refused = owner.asked = 0;
	owner.during = NULL;
}

#endif
