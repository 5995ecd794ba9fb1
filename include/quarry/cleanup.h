/* SPDX-License-Identifier: MIT */
/*
 * cleanup.h: free, unlock, restore at the end of the block. Opt-in: nothing else here includes it.
 *
 *   struct foo *p __free(kfree) = kzalloc(sizeof(*p), GFP_KERNEL);
 *   if (!p) return -QUARRY_ENOMEM;
 *   if (bad) return -QUARRY_EINVAL;     p is freed here
 *   return_ptr(p);                      but not here: the caller owns it now
 *
 * Always declare and initialise together, in the order in which the frees shall run backwards.
 *
 *   guard(memalloc_nofs)();             until the end of the block
 *   scoped_guard (memalloc_noio)        for one statement
 *           p = kmalloc(size, GFP_KERNEL);
 *
 * Guards of the kernel's own locks are made by DEFINE_GUARD:
 *
 *   DEFINE_GUARD(mutex, struct mutex *, mutex_lock(_T), mutex_unlock(_T))
 *   ...
 *   guard(mutex)(&inode->lock);
 */
#ifndef QUARRY_CLEANUP_H
#define QUARRY_CLEANUP_H

#include <quarry/sched/mm.h>
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

/*
 * Define guard(name)(value): `lock` runs there, `unlock` at the end of the block, whichever way it
 * is left; in both _T is the value, of `type`.
 */
#define DEFINE_GUARD(name, type, lock, unlock)                                                     \
	typedef type quarry_guard_##name;                                                          \
	static inline quarry_guard_##name quarry_guard_begin_##name(quarry_guard_##name _T)        \
	{                                                                                          \
		lock;                                                                              \
		return _T;                                                                         \
	}                                                                                          \
	static inline void quarry_guard_end_##name(quarry_guard_##name *quarry_g)                  \
	{                                                                                          \
		quarry_guard_##name _T = *quarry_g;                                                \
		unlock;                                                                            \
	}

#define QUARRY_JOIN_AGAIN(a, b) a##b
#define QUARRY_JOIN(a, b) QUARRY_JOIN_AGAIN(a, b)
#define QUARRY_GUARDED(name, variable)                                                             \
	quarry_guard_##name variable                                                               \
		__attribute__((cleanup(quarry_guard_end_##name), unused)) =                        \
			quarry_guard_begin_##name
#define guard(name) QUARRY_GUARDED(name, QUARRY_JOIN(quarry_guard_, __LINE__))

/* scoped_guard (name, value) statement: for that statement alone; `break` leaves it. */
#define QUARRY_SCOPED(name, scope, once, ...)                                                      \
	for (QUARRY_GUARDED(name, scope)(__VA_ARGS__), *once = &scope; once; once = NULL)
#define scoped_guard(name, ...)                                                                    \
	QUARRY_SCOPED(name, QUARRY_JOIN(quarry_scope_, __LINE__),                                  \
		      QUARRY_JOIN(quarry_once_, __LINE__), __VA_ARGS__)

/* The scopes of quarry/sched/mm.h, as guards without a value. */
#define QUARRY_SCOPE_GUARD(name)                                                                   \
	typedef unsigned quarry_guard_##name;                                                      \
	static inline unsigned quarry_guard_begin_##name(void)                                     \
	{                                                                                          \
		return name##_save();                                                              \
	}                                                                                          \
	static inline void quarry_guard_end_##name(unsigned *quarry_g)                             \
	{                                                                                          \
		name##_restore(*quarry_g);                                                         \
	}
QUARRY_SCOPE_GUARD(memalloc_nofs)
QUARRY_SCOPE_GUARD(memalloc_noio)
QUARRY_SCOPE_GUARD(memalloc_noreclaim)
QUARRY_SCOPE_GUARD(memalloc_pin)

#endif
