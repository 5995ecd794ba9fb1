/* SPDX-License-Identifier: MIT */
/*
 * alloc_tag.h: with QUARRY_ALLOCINFO, the calls below count what they allocate by their place in
 * the source, for quarry_report_allocinfo(); else this header does nothing.
 *
 * Opt-in for a file: it includes this header after the others, or quarry/quarry.h, which includes
 * it last. Calls become macros there: a member or a variable that is called like one of them must
 * be written in parentheses, (ops->kmalloc)(size).
 *
 * Counted are, until they are freed by any function:
 *   - objects of kmalloc and of caches, guarded ones and those of bulk requests too, and kmalloc's
 *     large blocks; those of a sheaf when they are taken from it;
 *   - blocks of pages and folios: by what they are of them, when they are split or moved;
 *   - areas of vmalloc, by pages: these have no row by address then;
 *   - objects for each CPU, by the bytes of all CPUs.
 * What is handed on to another place by a call below, krealloc() in place, counts there from then
 * on. Not counted: alloc_contig_pages, cma_alloc, page_frag, mappings. What a function of the
 * library allocates for itself has no place.
 *
 * A place has a static struct, and a pointer to it in a section "quarry_alloc_tags" (the symbol
 * prefix and "alloc_tags"): a linker script that throws away what it does not know must keep it. A
 * module's places must not go while its objects live.
 * Cost: two atomic additions to the CPU's own counters when an object comes and when it goes, and
 * the search for its page; a word an object and a word a page; 16 bytes a CPU and place.
 */
#ifndef QUARRY_ALLOC_TAG_H
#define QUARRY_ALLOC_TAG_H

#include <quarry/folio.h>
#include <quarry/percpu.h>
#include <quarry/slab.h>
#include <quarry/string.h>
#include <quarry/vmalloc.h>

#if QUARRY_ALLOCINFO

QUARRY_BEGIN_DECLS

/* One place. */
struct quarry_alloc_tag {
	const char *file, *func;
	unsigned line;
	struct quarry_alloc_count {
		long bytes, calls;
	} cpu[QUARRY_MAX_CPUS];
};
#define QUARRY_ALLOC_TAG_SECTION QUARRY_STR(QUARRY_SYMBOL_PREFIX) "alloc_tags"

/* An object, or any other pointer, is the place's from now on. Context: any. */
void quarry_alloc_tag_set(const void *p, struct quarry_alloc_tag *tag) QUARRY_API(alloc_tag_set);
/* The same of n objects. */
void quarry_alloc_tag_set_objects(void *const *p, size_t n, struct quarry_alloc_tag *tag)
	QUARRY_API(alloc_tag_set_objects);
/* The same of a block of pages (its struct page, or folio), of those in an array, and of all blocks
 * from an address on. NULL is nobody's. */
void quarry_alloc_tag_set_page(const void *page, struct quarry_alloc_tag *tag)
	QUARRY_API(alloc_tag_set_page);
void quarry_alloc_tag_set_bulk(struct page *const *page, unsigned long n,
			       struct quarry_alloc_tag *tag) QUARRY_API(alloc_tag_set_bulk);
void quarry_alloc_tag_set_pages(const void *address, size_t bytes, struct quarry_alloc_tag *tag)
	QUARRY_API(alloc_tag_set_pages);
/* The same of an area of vmalloc, or of an object where kvmalloc() found one; and of an object for
 * each CPU. Context: any but NMI. */
void quarry_alloc_tag_set_area(const void *p, struct quarry_alloc_tag *tag)
	QUARRY_API(alloc_tag_set_area);
void quarry_alloc_tag_set_percpu(const void *object, struct quarry_alloc_tag *tag)
	QUARRY_API(alloc_tag_set_percpu);

#ifndef QUARRY_ALLOC_TAG_TYPES
/* The value of `call`, a pointer to `type`, tagged with where this stands. `n` makes the names
 * differ from those of calls among the arguments. */
#define QUARRY_TAGGED(type, call) QUARRY_TAGGED_BY(quarry_alloc_tag_set, type, call)
#define QUARRY_TAGGED_BY(set, type, call) QUARRY_TAGGED_1(set, type, call, __COUNTER__)
#define QUARRY_TAGGED_1(set, type, call, n) QUARRY_TAGGED_2(set, type, call, n)
#define QUARRY_TAGGED_2(set, type, call, n)                                                        \
	__extension__({                                                                            \
		QUARRY_TAG_HERE(n);                                                                \
		type *object_##n = (type *)(call);                                                 \
		set(object_##n, entry_##n);                                                        \
		object_##n;                                                                        \
	})
#define QUARRY_TAG_HERE(n)                                                                         \
	static struct quarry_alloc_tag tag_##n = {__FILE__, __func__, __LINE__, {{0, 0}}};         \
	static struct quarry_alloc_tag *const entry_##n                                            \
		__attribute__((used, section(QUARRY_ALLOC_TAG_SECTION))) = &tag_##n
#define QUARRY_TAGGED_PAGE(type, call) QUARRY_TAGGED_BY(quarry_alloc_tag_set_page, type, call)
#define QUARRY_TAGGED_AREA(call) QUARRY_TAGGED_BY(quarry_alloc_tag_set_area, void, call)
/* The calls that fill an array, and the one whose size counts: their arguments, then what makes the
 * names differ. */
#define QUARRY_TAG_OBJECTS(cache, gfp, nr, p, n) QUARRY_TAG_OBJECTS_1(cache, gfp, nr, p, n)
#define QUARRY_TAG_OBJECTS_1(cache, gfp, nr, p, n)                                                 \
	__extension__({                                                                            \
		QUARRY_TAG_HERE(n);                                                                \
		void **where_##n = (p);                                                            \
		int got_##n = (kmem_cache_alloc_bulk)(cache, gfp, nr, where_##n);                  \
		quarry_alloc_tag_set_objects(where_##n, (size_t)got_##n, entry_##n);               \
		got_##n;                                                                           \
	})
#define QUARRY_TAG_PAGES(gfp, node, nr, p, n) QUARRY_TAG_PAGES_1(gfp, node, nr, p, n)
#define QUARRY_TAG_PAGES_1(gfp, node, nr, p, n)                                                    \
	__extension__({                                                                            \
		QUARRY_TAG_HERE(n);                                                                \
		struct page **where_##n = (p);                                                     \
		unsigned long got_##n = (alloc_pages_bulk_node)(gfp, node, nr, where_##n);         \
		quarry_alloc_tag_set_bulk(where_##n, got_##n, entry_##n);                          \
		got_##n;                                                                           \
	})
#define QUARRY_TAG_EXACT(node, size, gfp, n) QUARRY_TAG_EXACT_1(node, size, gfp, n)
#define QUARRY_TAG_EXACT_1(node, size, gfp, n)                                                     \
	__extension__({                                                                            \
		QUARRY_TAG_HERE(n);                                                                \
		size_t size_##n = (size);                                                          \
		void *pages_##n = (alloc_pages_exact_nid)(node, size_##n, gfp);                    \
		quarry_alloc_tag_set_pages(pages_##n, size_##n, entry_##n);                        \
		pages_##n;                                                                         \
	})

#define kmalloc(...) QUARRY_TAGGED(void, kmalloc(__VA_ARGS__))
#define quarry_kmalloc_for(...) QUARRY_TAGGED(void, quarry_kmalloc_for(__VA_ARGS__))
#define kzalloc(...) QUARRY_TAGGED(void, kzalloc(__VA_ARGS__))
#define kmalloc_node(...) QUARRY_TAGGED(void, kmalloc_node(__VA_ARGS__))
#define kmalloc_nolock(...) QUARRY_TAGGED(void, kmalloc_nolock(__VA_ARGS__))
#define kzalloc_node(...) QUARRY_TAGGED(void, kzalloc_node(__VA_ARGS__))
#define kmalloc_array(...) QUARRY_TAGGED(void, kmalloc_array(__VA_ARGS__))
#define kcalloc(...) QUARRY_TAGGED(void, kcalloc(__VA_ARGS__))
#define kmalloc_array_node(...) QUARRY_TAGGED(void, kmalloc_array_node(__VA_ARGS__))
#define kcalloc_node(...) QUARRY_TAGGED(void, kcalloc_node(__VA_ARGS__))
#define krealloc(...) QUARRY_TAGGED(void, krealloc(__VA_ARGS__))
#define krealloc_array(...) QUARRY_TAGGED(void, krealloc_array(__VA_ARGS__))
#define kmem_cache_alloc(...) QUARRY_TAGGED(void, kmem_cache_alloc(__VA_ARGS__))
#define kmem_cache_alloc_lru(...) QUARRY_TAGGED(void, kmem_cache_alloc_lru(__VA_ARGS__))
#define kmem_cache_zalloc(...) QUARRY_TAGGED(void, kmem_cache_zalloc(__VA_ARGS__))
#define kmem_cache_alloc_node(...) QUARRY_TAGGED(void, kmem_cache_alloc_node(__VA_ARGS__))
#define kvmalloc(...) QUARRY_TAGGED_AREA(kvmalloc(__VA_ARGS__))
#define kvzalloc(...) QUARRY_TAGGED_AREA(kvzalloc(__VA_ARGS__))
#define kvmalloc_node(...) QUARRY_TAGGED_AREA(kvmalloc_node(__VA_ARGS__))
#define kvzalloc_node(...) QUARRY_TAGGED_AREA(kvzalloc_node(__VA_ARGS__))
#define kvmalloc_array(...) QUARRY_TAGGED_AREA(kvmalloc_array(__VA_ARGS__))
#define kvcalloc(...) QUARRY_TAGGED_AREA(kvcalloc(__VA_ARGS__))
#define kvrealloc(...) QUARRY_TAGGED_AREA(kvrealloc(__VA_ARGS__))
#define kmem_buckets_valloc(...) QUARRY_TAGGED_AREA(kmem_buckets_valloc(__VA_ARGS__))
#define vmalloc(...) QUARRY_TAGGED_AREA(vmalloc(__VA_ARGS__))
#define vzalloc(...) QUARRY_TAGGED_AREA(vzalloc(__VA_ARGS__))
#define vmalloc_node(...) QUARRY_TAGGED_AREA(vmalloc_node(__VA_ARGS__))
#define vzalloc_node(...) QUARRY_TAGGED_AREA(vzalloc_node(__VA_ARGS__))
#define vmalloc_array(...) QUARRY_TAGGED_AREA(vmalloc_array(__VA_ARGS__))
#define vcalloc(...) QUARRY_TAGGED_AREA(vcalloc(__VA_ARGS__))
#define __vmalloc(...) QUARRY_TAGGED_AREA(__vmalloc(__VA_ARGS__))
#define __vmalloc_node(...) QUARRY_TAGGED_AREA(__vmalloc_node(__VA_ARGS__))
#define __vmalloc_node_range(...) QUARRY_TAGGED_AREA(__vmalloc_node_range(__VA_ARGS__))
#define __vmalloc_array(...) QUARRY_TAGGED_AREA(__vmalloc_array(__VA_ARGS__))
#define __vcalloc(...) QUARRY_TAGGED_AREA(__vcalloc(__VA_ARGS__))
#define vmalloc_huge(...) QUARRY_TAGGED_AREA(vmalloc_huge(__VA_ARGS__))
#define vmalloc_huge_node(...) QUARRY_TAGGED_AREA(vmalloc_huge_node(__VA_ARGS__))
#define vmalloc_32(...) QUARRY_TAGGED_AREA(vmalloc_32(__VA_ARGS__))
#define vmalloc_user(...) QUARRY_TAGGED_AREA(vmalloc_user(__VA_ARGS__))
#define vmalloc_32_user(...) QUARRY_TAGGED_AREA(vmalloc_32_user(__VA_ARGS__))
#define vrealloc(...) QUARRY_TAGGED_AREA(vrealloc(__VA_ARGS__))
#define kmemdup(...) QUARRY_TAGGED(void, kmemdup(__VA_ARGS__))
#define kstrdup(...) QUARRY_TAGGED(char, kstrdup(__VA_ARGS__))
#define kstrndup(...) QUARRY_TAGGED(char, kstrndup(__VA_ARGS__))
#define kmemdup_nul(...) QUARRY_TAGGED(char, kmemdup_nul(__VA_ARGS__))
#define kmem_cache_alloc_bulk(cache, gfp, nr, p)                                                   \
	QUARRY_TAG_OBJECTS(cache, gfp, nr, p, __COUNTER__)
#define kmem_cache_alloc_from_sheaf(...)                                                           \
	QUARRY_TAGGED(void, kmem_cache_alloc_from_sheaf(__VA_ARGS__))
#define kmem_buckets_alloc(...) QUARRY_TAGGED(void, kmem_buckets_alloc(__VA_ARGS__))

#define alloc_pages(...) QUARRY_TAGGED_PAGE(struct page, alloc_pages(__VA_ARGS__))
#define alloc_pages_node(...) QUARRY_TAGGED_PAGE(struct page, alloc_pages_node(__VA_ARGS__))
#define alloc_pages_nolock(...) QUARRY_TAGGED_PAGE(struct page, alloc_pages_nolock(__VA_ARGS__))
#define folio_alloc(...) QUARRY_TAGGED_PAGE(struct folio, folio_alloc(__VA_ARGS__))
#define folio_alloc_node(...) QUARRY_TAGGED_PAGE(struct folio, folio_alloc_node(__VA_ARGS__))
#define alloc_pages_bulk(gfp, nr, p) QUARRY_TAG_PAGES(gfp, NUMA_NO_NODE, nr, p, __COUNTER__)
#define alloc_pages_bulk_node(gfp, node, nr, p) QUARRY_TAG_PAGES(gfp, node, nr, p, __COUNTER__)
#define alloc_pages_exact(size, gfp) QUARRY_TAG_EXACT(NUMA_NO_NODE, size, gfp, __COUNTER__)
#define alloc_pages_exact_nid(node, size, gfp) QUARRY_TAG_EXACT(node, size, gfp, __COUNTER__)
#define __get_free_pages(gfp, order)                                                               \
	((unsigned long)QUARRY_TAGGED_BY(QUARRY_TAG_ADDRESS, void,                                 \
					 __get_free_pages((gfp), (order))))
#define get_zeroed_page(gfp)                                                                       \
	((unsigned long)QUARRY_TAGGED_BY(QUARRY_TAG_ADDRESS, void, get_zeroed_page(gfp)))
#define QUARRY_TAG_ADDRESS(address, tag) quarry_alloc_tag_set_pages((address), 1, (tag))

#define __alloc_percpu(...)                                                                        \
	QUARRY_TAGGED_BY(quarry_alloc_tag_set_percpu, void, __alloc_percpu(__VA_ARGS__))
#define __alloc_percpu_gfp(...)                                                                    \
	QUARRY_TAGGED_BY(quarry_alloc_tag_set_percpu, void, __alloc_percpu_gfp(__VA_ARGS__))
#endif

QUARRY_END_DECLS

#endif

#endif
