/* SPDX-License-Identifier: MIT */
/*
 * migrate.h: pages that their owner can move.
 *
 * Free memory that is scattered among pages in use serves no large request. If the owners of those
 * pages can move them, it does: then memory is compacted, given ranges are cleared
 * (alloc_contig_range, cma_alloc), memory is taken out of use, while its users go on.
 *
 * An owner writes three functions and declares each page movable once it is set up:
 *
 *     page = alloc_page(GFP_HIGHUSER_MOVABLE);
 *     ... page tables, lists and locks of the owner ...
 *     __SetPageMovable(page, &my_operations);
 *
 * What then may happen, at any time, from a task of the library's choice:
 *
 *   isolate_page(page)        "may I have it?"      no: that is all
 *   migrate_page(dst, src)    "dst instead of src"  0: done, src is nobody's
 *   putback_page(page)        "it stays"            after a migrate_page() that failed
 *
 * References. Only a page with a single reference, its owner's, is asked for; so get_page() pins a
 * page where it is, until put_page(). The library holds one reference to `page` from isolate_page()
 * to the end, and one to `dst`. A successful migrate_page() takes a reference to dst (get_page),
 * which becomes the owner's, and drops the owner's to src (put_page); the library drops its own
 * two. As in Linux, dst is an ordinary page until the owner declares it movable too.
 *
 * Freeing. A movable page is freed as any other. If that happens while the library has it, it goes
 * away with the library's reference and its owner is asked nothing more, except where a call is
 * under way. So isolate_page() and migrate_page() look, under the lock with which the owner
 * frees, whether the page is still theirs, and answer false or an error if it is not.
 *
 * Locks. The three are called in tasks that ask for memory, hold no lock of this library, and may
 * be the owner's own: an owner does not hold a lock that they take while it makes a request that
 * may sleep.
 *
 * Unlike Linux's, this declaration takes none of the owner's words: mapping, index, private and lru
 * stay the owner's, and there is no page lock. Blocks of any order can be movable; `page` is the
 * head.
 */
#ifndef QUARRY_MIGRATE_H
#define QUARRY_MIGRATE_H

#include <quarry/mm_types.h>

QUARRY_BEGIN_DECLS

/* How long migrate_page() may take. */
enum migrate_mode {
	MIGRATE_ASYNC,	    /* do not wait for anything */
	MIGRATE_SYNC_LIGHT, /* may wait, but not for a device */
	MIGRATE_SYNC,	    /* may wait */
};

/* What isolate_page() is told. */
typedef unsigned isolate_mode_t;
#define ISOLATE_ASYNC_MIGRATE 4u /* do not wait; a move in MIGRATE_ASYNC follows */

#define MIGRATEPAGE_SUCCESS 0

/* Context of all three: task, no lock of ours held; may call this library. */
struct movable_operations {
	/* May the page be moved now? After true the owner leaves its contents and place alone
	 * until one of the others is called. Must not sleep. */
	bool (*isolate_page)(struct page *page, isolate_mode_t mode);
	/* Copy src to dst, of the same order, and let everything that leads to src lead to dst.
	 * dst's contents are undefined before. Return: 0; -QUARRY_EAGAIN: not yet, it may be
	 * asked again at once; another error: not now. */
	int (*migrate_page)(struct page *dst, struct page *src, enum migrate_mode mode);
	/* The page stays where it is. */
	void (*putback_page)(struct page *page);
};

/*
 * Declare a block in use movable, by these operations. They must stay valid for good; there may be
 * QUARRY_MOVABLE_OWNERS different ones. A wrong page or one set of operations too many is
 * reported: the page is not movable then.
 * Context: any, by the holder of the page. Cost: a few loads.
 */
void __SetPageMovable(struct page *page, const struct movable_operations *ops)
	QUARRY_API(__SetPageMovable);
/* Take that back: the page is an ordinary one. Not needed before it is freed. isolate_page() may
 * still be called for it, once. Context: as above. */
void __ClearPageMovable(struct page *page) QUARRY_API(__ClearPageMovable);

#define QUARRY_MOVABLE_OWNERS 8

/* Is the page declared movable? Context: any, by the holder of a reference. */
bool PageMovable(const struct page *page) QUARRY_API(PageMovable);
/* Its operations, or NULL. */
const struct movable_operations *page_movable_ops(const struct page *page)
	QUARRY_API(page_movable_ops);

QUARRY_END_DECLS

#endif
