/* SPDX-License-Identifier: MIT */
/*
 * migrate.c: moving one block to another place through its owner.
 *
 * Terms
 *   movable   a block in use whose head has the kind MOVABLE; three bits of its flags number the
 *             operations in a table
 *   caught    the mover has taken a reference of its own: nobody can free the frames any more
 *
 * Catching. A mover meets a block without holding anything; it may be freed and handed to somebody
 * else between two of its instructions. Flags and reference count are one word, so one compare
 * and exchange says: it is movable still, by the same operations, with one reference, and now
 * there are two. For that to hold, the word of a movable block is never written by a plain store
 * that relies on being alone: a free of one does not take the short way of ordinary blocks (its
 * kind is another), it drops the reference by an atomic subtraction and goes on only if that was
 * the last; and declaring a block ordinary again is an atomic exchange, after which the owner
 * sees whether it was caught.
 *
 *   owner     USED,1 --set--> MOVABLE,1 ... migrate_page: put --> MOVABLE,1
 *   mover                     MOVABLE,1 --catch--> MOVABLE,2      MOVABLE,1 --put--> free
 *
 * Nothing is locked while an owner is called.
 *
 * Cost      two calls of the owner, a block taken and one given; a catch that fails: a load.
 * Start at  migrate_block.
 */
#include "mm/reclaim/migrate.h"

#include "mm/base/log.h"
#include "mm/phys/freepage.h"
#include "mm/phys/pageblock.h"

#define TRIES                                                                                      \
	3u /* calls of migrate_page() for one block: an owner's short-lived lock is free by then */

#define OPS_MASK ((QUARRY_MOVABLE_OWNERS - 1u) << QUARRY_PG_OPS_SHIFT)
QUARRY_STATIC_ASSERT(OPS_MASK >> QUARRY_PG_OWNER_SHIFT == 0,
		     "the number fits below the owner's bits");

static QUARRY_STATE struct {
	const struct movable_operations *ops[QUARRY_MOVABLE_OWNERS]; /* filled from the start */
	struct migrate_stat stat;
} migrate;

/* ---- operations ---- */

/* The number of these operations, entered if they are new; QUARRY_MOVABLE_OWNERS: the table is
 * full. */
static unsigned number_of(const struct movable_operations *ops)
{
	unsigned i = 0;

	for (; i < QUARRY_MOVABLE_OWNERS; i++) {
		const struct movable_operations *found = NULL;
		if (__atomic_load_n(&migrate.ops[i], __ATOMIC_RELAXED) == ops ||
		    __atomic_compare_exchange_n(&migrate.ops[i], &found, ops, false,
						__ATOMIC_RELEASE, __ATOMIC_RELAXED) ||
		    found == ops)
			break;
	}
	return i;
}

static const struct movable_operations *ops_of_flags(uint32_t flags)
{
	return __atomic_load_n(&migrate.ops[(flags & OPS_MASK) >> QUARRY_PG_OPS_SHIFT],
			       __ATOMIC_ACQUIRE);
}

/* ---- declaring ---- */

void __SetPageMovable(struct page *page, const struct movable_operations *ops)
{
	unsigned number = QUARRY_MOVABLE_OWNERS;

	if (ops && ops->isolate_page && ops->migrate_page && ops->putback_page &&
	    page_is_known(page) && kind_is_used(page_kind(page)))
		number = number_of(ops);
	if (number == QUARRY_MOVABLE_OWNERS) {
		mm_report(BAD_ARGUMENT, "__SetPageMovable", page, ops, number);
		return;
	}
	uint32_t flags = page_flags(page) & ~(QUARRY_PG_KIND_MASK | OPS_MASK);
	flags |= (uint32_t)QUARRY_PAGE_MOVABLE | number << QUARRY_PG_OPS_SHIFT;
	__atomic_store_n(&page->flags, flags, __ATOMIC_RELEASE);
}

void __ClearPageMovable(struct page *page)
{
	if (!page_is_known(page) || !kind_is_used(page_kind(page))) {
		mm_report(BAD_ARGUMENT, "__ClearPageMovable", page, 0, 0);
		return;
	}
	uint32_t flags = page_flags(page) & ~(QUARRY_PG_KIND_MASK | OPS_MASK);
	/* Not a store: the owner's next look at the reference count must come after it. */
	__atomic_exchange_n(&page->flags, flags | (uint32_t)QUARRY_PAGE_USED, __ATOMIC_SEQ_CST);
}

const struct movable_operations *page_movable_ops(const struct page *page)
{
	uint32_t flags = page_flags(compound_head(page));

	return flags_kind(flags) == QUARRY_PAGE_MOVABLE ? ops_of_flags(flags) : NULL;
}

bool PageMovable(const struct page *page)
{
	return page_kind(compound_head(page)) == QUARRY_PAGE_MOVABLE;
}

/* ---- moving ---- */

/* Take a reference if the block is movable and only its owner has one. Return: its flags, or 0. */
static uint32_t catch (struct page *head)
{
	uint64_t word = page_word(head);

	if (!word_is_movable(word) ||
	    !__atomic_compare_exchange_n((page_word_t *)(void *)head, &word, word + (1ull << 32),
					 false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return 0;
	return (uint32_t)word;
}

/* Drop the mover's reference; the last one frees, past the stocks. Return: was it the last? */
static bool let_go(struct page *head)
{
	if (!put_page_testzero(head))
		return false;
	arch_mem_poison(page_address(head), PAGE_SIZE << page_order(head));
	freepage_give_home(head);
	return true;
}

static bool only_mover_has(const struct page *head)
{
	return page_ref_count(head) == 1;
}
static bool only_owner_and_mover_have(const struct page *head)
{
	return page_ref_count(head) == 2;
}

/* Ask the owner, a few times. Return: did it move the block? */
static bool ask(const struct movable_operations *ops, struct page *dst, struct page *src,
		enum migrate_mode mode)
{
	int error = -QUARRY_EAGAIN;

	for (unsigned i = 0; i < TRIES && error == -QUARRY_EAGAIN; i++)
		if (only_owner_and_mover_have(src))
			error = ops->migrate_page(dst, src, mode);
	return !error;
}

static void count(unsigned long *counter, unsigned order)
{
	__atomic_fetch_add(counter, 1ul << order, __ATOMIC_RELAXED);
}

/* Move a caught and isolated block to `dst`, if its owner does not free it meanwhile. */
static void move(const struct movable_operations *ops, struct page *dst, struct page *src,
		 enum migrate_mode mode)
{
	if (!ask(ops, dst, src, mode) && !only_mover_has(src))
		ops->putback_page(src);
}

enum migrate_result migrate_block(struct page *src, struct migrate_target *target,
				  enum migrate_mode mode)
{
	uint32_t flags = catch (src);

	if (!flags)
		return MIGRATE_PINNED;
	const struct movable_operations *ops = ops_of_flags(flags);
	unsigned order = flags_order(flags);
	struct page *dst = target->take(target, src, order);
	enum migrate_result result = dst ? MIGRATE_REFUSED : MIGRATE_NO_ROOM;

	if (dst) {
		page_set_flags(dst, page_flags(dst) | (flags & QUARRY_PG_COMPOUND));
		if (ops->isolate_page(src, mode == MIGRATE_ASYNC ? ISOLATE_ASYNC_MIGRATE : 0))
			move(ops, dst, src, mode);
		if (put_page_testzero(dst)) /* the owner did not take it */
			target->give(target, dst);
		else
			page_tag_move(dst, src);
	}
	if (let_go(src))
		result = MIGRATE_MOVED;
	count(result == MIGRATE_MOVED ? &migrate.stat.success : &migrate.stat.fail, order);
	return result;
}

struct migrate_stat migrate_stat(void)
{
	return (struct migrate_stat){
		__atomic_load_n(&migrate.stat.success, __ATOMIC_RELAXED),
		__atomic_load_n(&migrate.stat.fail, __ATOMIC_RELAXED),
	};
}

void migrate_init(void)
{
	__builtin_memset(&migrate, 0, sizeof(migrate));
}
