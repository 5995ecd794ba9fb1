/* SPDX-License-Identifier: MIT */
/*
 * alloc_tag.h: with QUARRY_ALLOCINFO, the calls below count what they allocate by their place in
 * the source, for quarry_report_allocinfo(); else this header does nothing.
 *
 * Opt-in for a file: it includes this header after the others, or quarry/quarry.h, which includes
 * it last. Calls become macros there: a member or a variable that is called like one of them must
 * be written in parentheses, (ops->kmalloc)(size).
 *
 * Counted are objects of kmalloc and of caches, and kmalloc's large blocks, until they are freed by
 * any function; an object that is handed on to another place by a call below, krealloc() in place,
 * counts there from then on. Not counted: blocks of alloc_pages, areas of vmalloc (they have rows
 * of their own, by address), bulk requests, guarded objects, and objects of a cache of the largest
 * size there is. What a function of the library allocates for itself has no place.
 *
 * A place has a static struct, and a pointer to it in a section "quarry_alloc_tags" (the symbol
 * prefix and "alloc_tags"): a linker script that throws away what it does not know must keep it. A
 * module's places must not go while its objects live.
 * Cost: two atomic additions to the CPU's own counters when an object comes and when it goes, and
 * the search for its page; a word an object; 16 bytes a CPU and place.
 */
#ifndef QUARRY_ALLOC_TAG_H
#define QUARRY_ALLOC_TAG_H

#include <quarry/slab.h>
#include <quarry/string.h>

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

#ifndef QUARRY_ALLOC_TAG_TYPES
/* The value of `call`, a pointer to `type`, tagged with where this stands. `n` makes the names
 * differ from those of calls among the arguments. */
#define QUARRY_TAGGED(type, call) QUARRY_TAGGED_1(type, call, __COUNTER__)
#define QUARRY_TAGGED_1(type, call, n) QUARRY_TAGGED_2(type, call, n)
#define QUARRY_TAGGED_2(type, call, n)                                                             \
	__extension__({                                                                            \
		static struct quarry_alloc_tag tag_##n = {__FILE__, __func__, __LINE__, {{0, 0}}}; \
		static struct quarry_alloc_tag *const entry_##n                                    \
			__attribute__((used, section(QUARRY_ALLOC_TAG_SECTION))) = &tag_##n;       \
		type *object_##n = (type *)(call);                                                 \
		quarry_alloc_tag_set(object_##n, entry_##n);                                       \
		object_##n;                                                                        \
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
#define kvmalloc(...) QUARRY_TAGGED(void, kvmalloc(__VA_ARGS__))
#define kvzalloc(...) QUARRY_TAGGED(void, kvzalloc(__VA_ARGS__))
#define kvmalloc_node(...) QUARRY_TAGGED(void, kvmalloc_node(__VA_ARGS__))
#define kvzalloc_node(...) QUARRY_TAGGED(void, kvzalloc_node(__VA_ARGS__))
#define kvmalloc_array(...) QUARRY_TAGGED(void, kvmalloc_array(__VA_ARGS__))
#define kvcalloc(...) QUARRY_TAGGED(void, kvcalloc(__VA_ARGS__))
#define kvrealloc(...) QUARRY_TAGGED(void, kvrealloc(__VA_ARGS__))
#define kmemdup(...) QUARRY_TAGGED(void, kmemdup(__VA_ARGS__))
#define kstrdup(...) QUARRY_TAGGED(char, kstrdup(__VA_ARGS__))
#define kstrndup(...) QUARRY_TAGGED(char, kstrndup(__VA_ARGS__))
#define kmemdup_nul(...) QUARRY_TAGGED(char, kmemdup_nul(__VA_ARGS__))
#endif

QUARRY_END_DECLS

#endif

#endif
