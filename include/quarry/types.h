/* SPDX-License-Identifier: MIT */
/*
 * types.h: address types, attributes and the list link that public headers share.
 *
 * Names that merely support the API carry the prefix (`quarry_`, `QUARRY_`); nothing here defines
 * likely, container_of, BIT, MIN or another word that kernels define themselves.
 */
#ifndef QUARRY_TYPES_H
#define QUARRY_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <quarry/config.h>

#ifdef __cplusplus
#define QUARRY_BEGIN_DECLS extern "C" {
#define QUARRY_END_DECLS }
#define QUARRY_NORETURN [[noreturn]]
#define QUARRY_STATIC_ASSERT(cond, text) static_assert(cond, text)
#else
#define QUARRY_BEGIN_DECLS
#define QUARRY_END_DECLS
#define QUARRY_NORETURN _Noreturn
#define QUARRY_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif

#define QUARRY_STR_(x) #x
#define QUARRY_STR(x) QUARRY_STR_(x)

/*
 * Every function and object that the library defines is declared with one of these two: the C name
 * is the argument, the ELF symbol is the prefix and the argument (a function whose C name carries
 * the prefix already is named without it). QUARRY_INT symbols are internal:
 * hidden from a shared object or a relocatable link.
 */
#define QUARRY_API(name) __asm__(QUARRY_STR(QUARRY_SYMBOL_PREFIX) #name)
#define QUARRY_INT(name)                                                                           \
	__asm__(QUARRY_STR(QUARRY_SYMBOL_PREFIX) #name) __attribute__((visibility("hidden")))

#define QUARRY_MUST_CHECK __attribute__((warn_unused_result))
/* QUARRY_API for a function whose result must not be ignored. */
#define QUARRY_API_CHECK(name) QUARRY_API(name) QUARRY_MUST_CHECK
#define QUARRY_MALLOC __attribute__((malloc))
#define QUARRY_ALLOC_SIZE(...) __attribute__((alloc_size(__VA_ARGS__)))
#define QUARRY_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define QUARRY_ALWAYS_INLINE inline __attribute__((always_inline))
#define QUARRY_NOINLINE __attribute__((noinline))
#define QUARRY_COLD __attribute__((cold, noinline))

#ifdef __CHECKER__
#define QUARRY_BITWISE __attribute__((bitwise))
#define QUARRY_FORCE __attribute__((force))
#else
#define QUARRY_BITWISE
#define QUARRY_FORCE
#endif

/* A physical address. 64 bits on every CPU we support. */
typedef uint64_t phys_addr_t;

/* A request mask: what a request may do (quarry/gfp_types.h). Its own type under sparse. */
typedef unsigned int QUARRY_BITWISE gfp_t;

/* Link of an intrusive doubly linked list; the head is a link too. */
struct quarry_list {
	struct quarry_list *next, *prev;
};

/*
 * Error numbers that our functions return negated. The values are POSIX's on Linux, so a kernel
 * that has them already sees its own.
 */
enum quarry_errno {
	QUARRY_EPERM = 1,
	QUARRY_ENOENT = 2,
	QUARRY_EAGAIN = 11,
	QUARRY_ENOMEM = 12,
	QUARRY_EFAULT = 14,
	QUARRY_EBUSY = 16,
	QUARRY_EEXIST = 17,
	QUARRY_EINVAL = 22,
	QUARRY_ENOSPC = 28,
	QUARRY_ERANGE = 34,
	QUARRY_ENOSYS = 38,
};

/*
 * Where reports go: called once per piece of text, in order, never with a lock of ours held.
 * `text` is NUL-terminated; a piece may be part of a line.
 */
typedef void (*quarry_write_fn)(void *ctx, const char *text);

#endif
