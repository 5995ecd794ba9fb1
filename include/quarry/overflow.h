/* SPDX-License-Identifier: MIT */
/*
 * overflow.h: sizes that cannot wrap (spec G109-G113).
 *
 * Two ways: the check_* macros say whether a result fitted; the size_* functions saturate at
 * SIZE_MAX, which every allocator here refuses, so one check of the returned pointer is enough.
 *
 *   p = kmalloc(struct_size(p, items, n), GFP_KERNEL);
 */
#ifndef QUARRY_OVERFLOW_H
#define QUARRY_OVERFLOW_H

#include <quarry/types.h>

/* *d = a op b. Return: true if the exact result does not fit in *d, which then holds it wrapped. */
#define check_add_overflow(a, b, d) __builtin_add_overflow((a), (b), (d))
#define check_sub_overflow(a, b, d) __builtin_sub_overflow((a), (b), (d))
#define check_mul_overflow(a, b, d) __builtin_mul_overflow((a), (b), (d))

/* x < 0, without a warning where x cannot be. */
#define QUARRY_NEGATIVE(x) (!((x) > 0 || (x) == 0))

/* a << s. Return: true if s is outside 0 .. width - 1, or the result does not fit or changed its
 * sign. */
#define check_shl_overflow(a, s, d)                                                                \
	__extension__({                                                                            \
		__typeof__(a) quarry_a = (a);                                                      \
		__typeof__(d) quarry_d = (d);                                                      \
		unsigned long long quarry_s = (unsigned long long)(s);                             \
		bool quarry_in = quarry_s < sizeof(*quarry_d) * 8;                                 \
		unsigned long long quarry_r =                                                      \
			quarry_in ? (unsigned long long)quarry_a << quarry_s : 0;                  \
		*quarry_d = (__typeof__(*quarry_d))quarry_r;                                       \
		!quarry_in || QUARRY_NEGATIVE(*quarry_d) || QUARRY_NEGATIVE(quarry_a) ||           \
			(unsigned long long)*quarry_d >> quarry_s != (unsigned long long)quarry_a; \
	})

static inline size_t size_add(size_t a, size_t b)
{
	size_t sum;
	return __builtin_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}
static inline size_t size_mul(size_t a, size_t b)
{
	size_t product;
	return __builtin_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}
/* Saturated operands stay saturated: SIZE_MAX - x is not a size. */
static inline size_t size_sub(size_t a, size_t b)
{
	return a == SIZE_MAX || b == SIZE_MAX || b > a ? SIZE_MAX : a - b;
}
static inline size_t array_size(size_t n, size_t size)
{
	return size_mul(n, size);
}
static inline size_t array3_size(size_t a, size_t b, size_t c)
{
	return size_mul(size_mul(a, b), c);
}

/* The saturating product and sum as constant expressions, for constant operands (others count as
 * 0). */
#define QUARRY_CONST(n) (__builtin_constant_p(n) ? (size_t)(n) : 0)
#define QUARRY_CONST_MUL(n, size)                                                                  \
	(QUARRY_CONST(n) > SIZE_MAX / (size) ? SIZE_MAX : QUARRY_CONST(n) * (size))
#define QUARRY_CONST_ADD(a, b) ((a) + (b) < (a) ? SIZE_MAX : (a) + (b))

#ifdef __cplusplus
#define QUARRY_CHOOSE(constant, then, otherwise) ((constant) ? (then) : (otherwise))
#else
#define QUARRY_CHOOSE(constant, then, otherwise) __builtin_choose_expr(constant, then, otherwise)
#endif

/* Bytes of `count` elements of the flexible array `member`. A constant expression for a constant
 * count. */
#define flex_array_size(p, member, count)                                                          \
	QUARRY_CHOOSE(__builtin_constant_p(count), QUARRY_CONST_MUL(count, sizeof(*(p)->member)),  \
		      size_mul((size_t)(count), sizeof(*(p)->member)))
/* Bytes of *p with `count` elements in its flexible array. */
#define struct_size(p, member, count)                                                              \
	QUARRY_CHOOSE(                                                                             \
		__builtin_constant_p(count),                                                       \
		QUARRY_CONST_ADD(sizeof(*(p)), QUARRY_CONST_MUL(count, sizeof(*(p)->member))),     \
		size_add(sizeof(*(p)), size_mul((size_t)(count), sizeof(*(p)->member))))
#define struct_size_t(type, member, count) struct_size((type *)NULL, member, count)

/* On the stack: `name` points to a zeroed `type` with room for `count` (constant) elements of
 * `member`. */
#define DEFINE_RAW_FLEX(type, name, member, count)                                                 \
	union {                                                                                    \
		unsigned char bytes[struct_size_t(type, member, count)];                           \
		type object;                                                                       \
	} name##_storage = {{0}};                                                                  \
	type *name = (type *)&name##_storage
/* The same, and sets the member `counter` to `count`. */
#define DEFINE_FLEX(type, name, member, counter, count)                                            \
	DEFINE_RAW_FLEX(type, name, member, count);                                                \
	name->counter = (count)

#endif
