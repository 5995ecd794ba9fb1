/* SPDX-License-Identifier: MIT */
/*
 * usercopy.h: may these bytes of the kernel go to, or come from, a user (spec G137)?
 *
 * For the kernel's own copy functions: ask before each copy whose length is not a constant. A copy
 * may not
 *   - reach outside the object it starts in, nor outside the window of the object's cache
 *     (kmem_cache_create_usercopy; a cache without one allows nothing, kmalloc's allow the whole
 *     object)
 *   - reach outside the block of pages or the area of vmalloc it starts in, or into its guard page
 *   - touch free pages, page tables, or the library's own tables
 *   - lie half on the running stack, where the `stack` hook is offered
 * Memory that is not ours (the kernel's image, devices) is not judged.
 */
#ifndef QUARRY_USERCOPY_H
#define QUARRY_USERCOPY_H

#include <quarry/types.h>

QUARRY_BEGIN_DECLS

/*
 * Judge [p, p + n); a broken rule is reported as QUARRY_RULE_USERCOPY with the object, cache or
 * block as subject's neighbour: a is n, b the first byte's place in its object, block or area.
 * Context: any but NMI. Return: may it be copied? n 0 may.
 */
bool quarry_usercopy_ok(const void *p, size_t n, bool to_user) QUARRY_API_CHECK(usercopy_ok);

/*
 * The same for a copy that cannot be refused: a broken rule ends in the `usercopy_abort` hook, or
 * without one in a panic.
 */
void check_object_size(const void *p, unsigned long n, bool to_user) QUARRY_API(check_object_size);

QUARRY_END_DECLS

#endif
