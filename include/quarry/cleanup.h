/* SPDX-License-Identifier: MIT */
/*
 * cleanup.h: free at the end of the scope. Opt-in: nothing else here includes it.
 *
 *   struct foo *p __free(kfree) = kzalloc(sizeof(*p), GFP_KERNEL);
 *   if (!p) return -QUARRY_ENOMEM;
 *   if (bad) return -QUARRY_EINVAL;     p is freed here
 *   return_ptr(p);                      but not here: the caller owns it now
 *
 * Always declare and initialise together, in the order in which the frees shall run backwards.
 */
#ifndef QUARRY_CLEANUP_H
#define QUARRY_CLEANUP_H

#include <quarry/slab.h>

/* Define what __free(name) does with a variable: `statement`, in which _T is the variable's
 * value. */
#define DEFINE_FREE(name, type, statement)                                                         \
	static inline void quarry_free_##name(void *quarry_p)                                      \
	{                                                                                          \
		type _T = *(type *)quarry_p;                                                       \
		statement;                                                                         \
	}
#define __free(name) __attribute__((cleanup(quarry_free_##name)))

/* Take the value out: the variable is NULL afterwards, so nothing is freed. */
#define no_free_ptr(p)                                                                             \
	__extension__({                                                                            \
		__typeof__(p) quarry_v = (p);                                                      \
		(p) = NULL;                                                                        \
		quarry_v;                                                                          \
	})
#define return_ptr(p) return no_free_ptr(p)

/* Error numbers in pointers are not freed: the last page of addresses. */
#define QUARRY_IS_ERROR_PTR(p) ((uintptr_t)(p) > (uintptr_t)-PAGE_SIZE)

DEFINE_FREE(kfree, void *, if (!QUARRY_IS_ERROR_PTR(_T)) kfree(_T))
DEFINE_FREE(kvfree, void *, if (!QUARRY_IS_ERROR_PTR(_T)) kvfree(_T))
DEFINE_FREE(kfree_sensitive, void *, if (!QUARRY_IS_ERROR_PTR(_T)) kfree_sensitive(_T))

#endif
