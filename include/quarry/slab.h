/* SPDX-License-Identifier: MIT */
/*
 * slab.h: memory for objects: kmalloc and caches (spec G1, G2, G9, G107-G122, G134-G154).
 *
 * Rules common to all functions here:
 *   - Allocating with __GFP_DIRECT_RECLAIM may sleep: task context only. Every other mask, and
 *     every free, is allowed in interrupts too, but not in NMI: for that, kmalloc_nolock().
 *   - Failure is NULL. A size of 0 gives ZERO_SIZE_PTR, which may be freed but not touched.
 *   - Alignment: an object of n bytes is aligned to the largest power of two that divides n, and
 *     at least to ARCH_KMALLOC_MINALIGN. So powers of two are aligned to themselves, 96 to 32.
 *   - NULL and ZERO_SIZE_PTR may be passed to every free.
 *   - A free of something that is not an object is reported and ignored: see the rules OBJECT_*
 *     and FREE_* in quarry/debug.h. What is not seen at the free itself is reported when the CPU's
 *     stock is emptied: a second free of an object that has left the stock of the CPU since the
 *     first, be it that it came back, or went to another CPU's; with QUARRY_HARDENING 0 also a
 *     pointer into an object, and a second free that is not immediate.
 *   - Zone bits: __GFP_DMA selects DMA caches; __GFP_DMA32 and __GFP_HIGHMEM are reported and
 *     ignored.
 */
#ifndef QUARRY_SLAB_H
#define QUARRY_SLAB_H

#include <quarry/arch.h>
#include <quarry/gfp.h>
#include <quarry/overflow.h>
#include <quarry/types.h>

QUARRY_BEGIN_DECLS

/* ---- sizes ---------------------------------------------------------------------------------- */

#define ZERO_SIZE_PTR ((void *)16)
#define ZERO_OR_NULL_PTR(p) ((uintptr_t)(p) <= (uintptr_t)ZERO_SIZE_PTR)

#define ARCH_SLAB_MINALIGN 8ul
/* Memory for devices is aligned to this: kmalloc's is. */
#ifndef ARCH_DMA_MINALIGN
#define ARCH_DMA_MINALIGN ARCH_KMALLOC_MINALIGN
#endif
#define KMALLOC_MIN_SIZE                                                                           \
	(ARCH_KMALLOC_MINALIGN > QUARRY_KMALLOC_MIN_SIZE ? ARCH_KMALLOC_MINALIGN                   \
							 : (size_t)QUARRY_KMALLOC_MIN_SIZE)
/* Larger requests are blocks of pages, rounded up to a power of two of them. */
#define KMALLOC_MAX_CACHE_SIZE ((size_t)8192)
#define KMALLOC_MAX_SIZE ((size_t)PAGE_SIZE << QUARRY_MAX_ORDER)

struct kmem_cache;

/* What memory the objects of a size class come from. */
enum quarry_kmalloc_type {
	QUARRY_KMALLOC_NORMAL,
	QUARRY_KMALLOC_RECLAIM, /* __GFP_RECLAIMABLE: kept apart, a shrinker can free them */
	QUARRY_KMALLOC_DMA,	/* __GFP_DMA */
	QUARRY_NR_KMALLOC_TYPES
};
#define QUARRY_KMALLOC_TYPE_BITS (__GFP_DMA | __GFP_RECLAIMABLE)

/*
 * Size classes: multiples of 8 up to 64, then four in each power of two: 80 96 112 128, 160 192
 * 224 256 ... 8192. Every size that is not a class itself is divisible by less than the spacing
 * of the classes around it, and every class by at least that spacing: so rounding up keeps the
 * promise of alignment.
 */
#define QUARRY_KMALLOC_CLASSES 36u

/* Class of a size of 1 .. KMALLOC_MAX_CACHE_SIZE; folds to a constant for a constant size. */
static QUARRY_ALWAYS_INLINE unsigned quarry_kmalloc_class(size_t size)
{
	size_t n = size <= KMALLOC_MIN_SIZE
			   ? KMALLOC_MIN_SIZE
			   : (size + ARCH_KMALLOC_MINALIGN - 1) & ~(ARCH_KMALLOC_MINALIGN - 1);
	size_t last = n - 1;
	unsigned e = 6u + (last >= 128) + (last >= 256) + (last >= 512) + (last >= 1024) +
		     (last >= 2048) + (last >= 4096);

	if (last < 64)
		return (unsigned)(last / 8);
	return 8 + (e - 6) * 4 + (unsigned)((last - ((size_t)1 << e)) >> (e - 2));
}
/* Object size of a class. */
static QUARRY_ALWAYS_INLINE size_t quarry_kmalloc_class_size(unsigned cls)
{
	unsigned e = 6 + (cls - 8) / 4, quarter = (cls - 8) % 4 + 1;
	return cls < 8 ? (cls + 1) * (size_t)8 : ((size_t)1 << e) + ((size_t)quarter << (e - 2));
}

/* The caches of kmalloc, one after another by type and class. Opaque: only their addresses are
 * public. */
#define QUARRY_KMEM_CACHE_SIZE (192 + 8 * (size_t)QUARRY_MAX_CPUS + 80 * (size_t)QUARRY_MAX_NODES)
extern unsigned char quarry_kmalloc_caches[] QUARRY_API(kmalloc_caches);
static QUARRY_ALWAYS_INLINE struct kmem_cache *quarry_kmalloc_cache(enum quarry_kmalloc_type type,
								    unsigned cls)
{
	size_t index = (size_t)type * QUARRY_KMALLOC_CLASSES + cls;
	return (struct kmem_cache *)(void *)(quarry_kmalloc_caches +
					     index * QUARRY_KMEM_CACHE_SIZE);
}

/* ---- kmalloc -------------------------------------------------------------------------------- */

/* A size known only at run time. */
void *__kmalloc(size_t size, gfp_t gfp) QUARRY_API_CHECK(__kmalloc) QUARRY_MALLOC
	QUARRY_ALLOC_SIZE(1);
/* The same, preferably on `node`; with __GFP_THISNODE only there. */
void *__kmalloc_node(size_t size, gfp_t gfp, int node)
	QUARRY_API_CHECK(__kmalloc_node) QUARRY_MALLOC QUARRY_ALLOC_SIZE(1);
/* An object of a kmalloc cache that was chosen at compile time; any mask. */
void *quarry_kmalloc_from(struct kmem_cache *cache, gfp_t gfp)
	QUARRY_API_CHECK(kmalloc_from) QUARRY_MALLOC;
/* The same for a mask that was looked at at compile time: GFP_KERNEL, or no rare bits, and it may /
 * may not sleep. */
void *quarry_kmalloc_kernel(struct kmem_cache *cache)
	QUARRY_API_CHECK(kmalloc_kernel) QUARRY_MALLOC;
void *quarry_kmalloc_sleeping(struct kmem_cache *cache, gfp_t gfp)
	QUARRY_API_CHECK(kmalloc_sleeping) QUARRY_MALLOC;
void *quarry_kmalloc_atomic(struct kmem_cache *cache, gfp_t gfp)
	QUARRY_API_CHECK(kmalloc_atomic) QUARRY_MALLOC;
/* Bits that need more than an object of the CPU's stock. */
#define QUARRY_SLAB_GFP_RARE                                                                       \
	(__GFP_ZERO | __GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM | ~__GFP_BITS_MASK)

/*
 * Allocate `size` bytes. A constant size is resolved at compile time.
 * Context: by mask. Return: the object, ZERO_SIZE_PTR for size 0, NULL on failure or above
 * KMALLOC_MAX_SIZE.
 */
static QUARRY_ALWAYS_INLINE QUARRY_ALLOC_SIZE(1) void *kmalloc(size_t size, gfp_t gfp)
{
	if (__builtin_constant_p(size) && size && size <= KMALLOC_MAX_CACHE_SIZE &&
	    (gfp & QUARRY_KMALLOC_TYPE_BITS) == (QUARRY_FORCE gfp_t)0) {
		struct kmem_cache *cache =
			quarry_kmalloc_cache(QUARRY_KMALLOC_NORMAL, quarry_kmalloc_class(size));

		if (!__builtin_constant_p(gfp) ||
		    (gfp & QUARRY_SLAB_GFP_RARE) != (QUARRY_FORCE gfp_t)0)
			return quarry_kmalloc_from(cache, gfp);
		if (gfp == GFP_KERNEL)
			return quarry_kmalloc_kernel(cache);
		return gfpflags_allow_blocking(gfp) ? quarry_kmalloc_sleeping(cache, gfp)
						    : quarry_kmalloc_atomic(cache, gfp);
	}
	return __kmalloc(size, gfp);
}

/* Zeroed, slack included: all of ksize(). The default advice: kzalloc(size, GFP_KERNEL). (G9) */
static QUARRY_ALWAYS_INLINE QUARRY_ALLOC_SIZE(1) void *kzalloc(size_t size, gfp_t gfp)
{
	if (__builtin_constant_p(size) && size && size <= 256) {
		void *object = kmalloc(size, gfp);
		if (object)
			__builtin_memset(object, 0,
					 quarry_kmalloc_class_size(quarry_kmalloc_class(size)));
		return object;
	}
	return kmalloc(size, gfp | __GFP_ZERO);
}

static inline void *kmalloc_node(size_t size, gfp_t gfp, int node)
{
	return __kmalloc_node(size, gfp, node);
}
static inline void *kzalloc_node(size_t size, gfp_t gfp, int node)
{
	return __kmalloc_node(size, gfp | __GFP_ZERO, node);
}

/* n elements of `size` bytes; NULL if the product overflows. (G109, G110) */
static inline void *kmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;
	return __builtin_mul_overflow(n, size, &bytes) ? NULL : kmalloc(bytes, gfp);
}
static inline void *kcalloc(size_t n, size_t size, gfp_t gfp)
{
	return kmalloc_array(n, size, gfp | __GFP_ZERO);
}
static inline void *kmalloc_array_node(size_t n, size_t size, gfp_t gfp, int node)
{
	size_t bytes;
	return __builtin_mul_overflow(n, size, &bytes) ? NULL : __kmalloc_node(bytes, gfp, node);
}
static inline void *kcalloc_node(size_t n, size_t size, gfp_t gfp, int node)
{
	return kmalloc_array_node(n, size, gfp | __GFP_ZERO, node);
}

/*
 * Typed: kmalloc_obj(struct foo), kmalloc_obj(*p, GFP_ATOMIC), kmalloc_objs(*p, n),
 * kmalloc_flex(*p, items, n). The result has the object's pointer type; the mask is GFP_KERNEL
 * unless given. A count that was forgotten does not compile.
 */
#define QUARRY_FIRST_(a, ...) a
#define QUARRY_OBJ_GFP_(obj, gfp, ...) gfp
#define QUARRY_OBJS_GFP_(n, gfp, ...) gfp
#define QUARRY_OBJ_TYPE_(...) __typeof__(QUARRY_FIRST_(__VA_ARGS__, 0))
#define kmalloc_obj(...)                                                                           \
	((QUARRY_OBJ_TYPE_(__VA_ARGS__) *)kmalloc(sizeof(QUARRY_OBJ_TYPE_(__VA_ARGS__)),           \
						  QUARRY_OBJ_GFP_(__VA_ARGS__, GFP_KERNEL, 0)))
#define kzalloc_obj(...)                                                                           \
	((QUARRY_OBJ_TYPE_(__VA_ARGS__) *)kzalloc(sizeof(QUARRY_OBJ_TYPE_(__VA_ARGS__)),           \
						  QUARRY_OBJ_GFP_(__VA_ARGS__, GFP_KERNEL, 0)))
#define kmalloc_objs(obj, ...)                                                                     \
	((__typeof__(obj) *)kmalloc_array((size_t)(QUARRY_FIRST_(__VA_ARGS__, 0)),                 \
					  sizeof(__typeof__(obj)),                                 \
					  QUARRY_OBJS_GFP_(__VA_ARGS__, GFP_KERNEL, 0)))
#define kzalloc_objs(obj, ...)                                                                     \
	((__typeof__(obj) *)kcalloc((size_t)(QUARRY_FIRST_(__VA_ARGS__, 0)),                       \
				    sizeof(__typeof__(obj)),                                       \
				    QUARRY_OBJS_GFP_(__VA_ARGS__, GFP_KERNEL, 0)))
#define kmalloc_flex(obj, member, ...)                                                             \
	((__typeof__(obj) *)kmalloc(struct_size((__typeof__(obj) *)NULL, member,                   \
						QUARRY_FIRST_(__VA_ARGS__, 0)),                    \
				    QUARRY_OBJS_GFP_(__VA_ARGS__, GFP_KERNEL, 0)))
#define kzalloc_flex(obj, member, ...)                                                             \
	((__typeof__(obj) *)kzalloc(struct_size((__typeof__(obj) *)NULL, member,                   \
						QUARRY_FIRST_(__VA_ARGS__, 0)),                    \
				    QUARRY_OBJS_GFP_(__VA_ARGS__, GFP_KERNEL, 0)))

/*
 * Resize, keeping the contents up to the smaller size; in place where the new size fits. (G121)
 * krealloc(NULL, n) allocates; krealloc(p, 0) frees and gives ZERO_SIZE_PTR. With __GFP_ZERO,
 * given at every call of the object's life, all bytes beyond the old size are zero.
 * Return: the object, or NULL: then the old one is intact and still yours.
 */
void *krealloc(const void *p, size_t size, gfp_t gfp) QUARRY_API_CHECK(krealloc)
	QUARRY_ALLOC_SIZE(2);
static inline void *krealloc_array(void *p, size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;
	return __builtin_mul_overflow(n, size, &bytes) ? NULL : krealloc(p, bytes, gfp);
}

/*
 * For any context, non-maskable interrupts and holders of any lock included: never waits. Takes
 * what this CPU has at hand, or what a lock that is free just now gives, above the minimum mark;
 * an object may be of the next larger class. Only __GFP_ZERO, and __GFP_ACCOUNT (no effect yet),
 * are legal; other bits are reported and ignored. (Linux 6.18; sizes above KMALLOC_MAX_CACHE_SIZE,
 * which fail there, are blocks of pages here.)
 * Return: the object; NULL: not now, never reported; or above KMALLOC_MAX_SIZE, reported.
 */
void *kmalloc_nolock(size_t size, gfp_t gfp, int node)
	QUARRY_API_CHECK(kmalloc_nolock) QUARRY_MALLOC QUARRY_ALLOC_SIZE(1);
/*
 * As kfree(), in any context, whoever allocated the object; and kfree() frees those of
 * kmalloc_nolock(). What can neither go to this CPU's stock nor to its slab at this moment is noted
 * and goes there later; of more than 512 such notes at once the others are reported (OBJECT_LEFT)
 * and stay allocated.
 */
void kfree_nolock(const void *p) QUARRY_API(kfree_nolock);

/* Free any object: of kmalloc or of a cache (D4). */
void kfree(const void *p) QUARRY_API(kfree);
/* Free, having wiped all ksize() bytes. (G154) */
void kfree_sensitive(const void *p) QUARRY_API(kfree_sensitive);
/* Free, telling the size that was asked for; a size that cannot be right is reported. */
void kfree_sized(const void *p, size_t size) QUARRY_API(kfree_sized);
/* Free n objects of any caches. NULL entries are skipped. */
void kfree_bulk(size_t n, void **p) QUARRY_API(kfree_bulk);

/* Bytes that the object really has; not a licence to use more than was asked for. 0 for NULL and
 * ZERO_SIZE_PTR. */
size_t ksize(const void *p) QUARRY_API(ksize);
/* What ksize() would be after kmalloc(size): ask for this if you can use the slack. (G116) */
size_t kmalloc_size_roundup(size_t size) QUARRY_API(kmalloc_size_roundup);

/* As kmalloc_node(), for a function that allocates on behalf of its own caller: reports and tracks
 * name `caller`. */
void *quarry_kmalloc_for(size_t size, gfp_t gfp, int node, uintptr_t caller)
	QUARRY_API_CHECK(kmalloc_for) QUARRY_MALLOC QUARRY_ALLOC_SIZE(1);
#define kmalloc_track_caller(size, gfp) kmalloc_node_track_caller((size), (gfp), NUMA_NO_NODE)
#define kmalloc_node_track_caller(size, gfp, node)                                                 \
	quarry_kmalloc_for((size), (gfp), (node), (uintptr_t)__builtin_return_address(0))

/* ---- caches: many objects of one size -------------------------------------------------------- */

typedef unsigned int slab_flags_t;

/* Objects do not straddle cache lines; large ones start on one. */
#define SLAB_HWCACHE_ALIGN (1u << 0)
/* Memory from the DMA zone / below 4 GiB. */
#define SLAB_CACHE_DMA (1u << 1)
#define SLAB_CACHE_DMA32 (1u << 2)
/* Panic if the cache cannot be created. */
#define SLAB_PANIC (1u << 3)
/* A shrinker can free the objects: kept with reclaimable pages. (G20) */
#define SLAB_RECLAIM_ACCOUNT (1u << 4)
#define SLAB_TEMPORARY SLAB_RECLAIM_ACCOUNT
/* To be charged to the current group (G30). Accounting is not there yet: no effect so far. */
#define SLAB_ACCOUNT (1u << 5)
/* A freed object's memory stays an object of this cache, for readers without a lock, until a grace
 * period after the cache gave it up (quarry/rcu.h); without the call_rcu hook, until the cache is
 * destroyed. */
#define SLAB_TYPESAFE_BY_RCU (1u << 6)
/*
 * With quarry_params.merge_caches, a new cache is one that exists already if it has the same slots
 * and at least the size and alignment, and agrees in zone, mobility and accounting. Never shared:
 * caches with this flag, a constructor, a window for users, type-stable or debugged ones, and
 * kmalloc's. Names of sharers are in slabinfo ("# alias"). The cache goes with its last sharer.
 */
#define SLAB_NO_MERGE (1u << 7)
/*
 * Debugging, for caches created with these or named at boot (quarry_params.slab_debug): such a
 * cache has no per-CPU stocks, its objects are checked when they are taken and freed, and alignment
 * is as ever. Damage is reported and put right.
 */
/* A free of what is free already is seen at once, and counts are compared. */
#define SLAB_CONSISTENCY_CHECKS (1u << 8)
/* Guarded bytes before and after each object: OBJECT_ZONE. */
#define SLAB_RED_ZONE (1u << 9)
/* Free objects are filled, and must still be so when they are taken: OBJECT_POISON. */
#define SLAB_POISON (1u << 10)
/* Who took and who freed each object last, when, on which CPU. */
#define SLAB_STORE_USER (1u << 11)
/* Each request and each free is logged: "quarry: alloc dentry ffff888001234560, 3 of 21 in use, by
 * d_alloc+0x1c". In use are objects of the same slab, after the step. */
#define SLAB_TRACE (1u << 13)
/* In builds with QUARRY_FAULT_INJECTION: requests pass QUARRY_FAULT_FAILSLAB (quarry/fault.h), so
 * that a rule can fail those of marked caches alone. */
#define SLAB_FAILSLAB (1u << 14)
/* The first four are what boot wants where it names no letters. */
#define QUARRY_SLAB_CHECK_FLAGS                                                                    \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)
#define QUARRY_SLAB_DEBUG_FLAGS (QUARRY_SLAB_CHECK_FLAGS | SLAB_TRACE | SLAB_FAILSLAB)
/* What boot wants for names is not for this cache; its creator's debug flags are. */
#define SLAB_NO_USER_FLAGS (1u << 12)
#define QUARRY_SLAB_FLAGS ((1u << 15) - 1)

/* Longer names are cut. slabinfo shows blanks in them as '_'. */
#define QUARRY_CACHE_NAME_MAX 31
/* Largest object of a cache: 2^8 pages. */
#define QUARRY_CACHE_MAX_SIZE ((size_t)PAGE_SIZE << 8)

/* Optional properties of a new cache; zero is the default of each. */
struct kmem_cache_args {
	/* Power of two; 0: ARCH_SLAB_MINALIGN. */
	unsigned align;
	/* The only part of an object that may be copied to or from user space. */
	unsigned useroffset, usersize;
	/* Accepted and unused: no free pointer is kept in objects. */
	unsigned freeptr_offset;
	bool use_freeptr_offset;
	/* Runs once for each object of a new slab; a free object stays constructed. */
	void (*ctor)(void *object);
	/* Accepted; the library sizes its own per-CPU stocks. */
	unsigned sheaf_capacity;
};

/*
 * Create a cache of objects of `size` bytes. The name is copied. Two forms:
 *   kmem_cache_create(name, size, &args or NULL, flags)
 *   kmem_cache_create(name, size, align, flags, ctor)
 * Context: task. Return: the cache; NULL (reported) if an argument is illegal, or without memory.
 */
struct kmem_cache *kmem_cache_create_args(const char *name, unsigned size,
					  const struct kmem_cache_args *args, slab_flags_t flags)
	QUARRY_API_CHECK(kmem_cache_create_args);
static inline struct kmem_cache *quarry_cache_create_null(const char *name, unsigned size,
							  const void *args, slab_flags_t flags)
{
	return kmem_cache_create_args(name, size, (const struct kmem_cache_args *)args, flags);
}
static inline struct kmem_cache *quarry_cache_create_5(const char *name, unsigned size,
						       unsigned align, slab_flags_t flags,
						       void (*ctor)(void *))
{
	struct kmem_cache_args args = {align, 0, 0, 0, false, ctor, 0};
	return kmem_cache_create_args(name, size, &args, flags);
}
/* With a window that may be copied to and from user space. (G136) */
static inline struct kmem_cache *kmem_cache_create_usercopy(const char *name, unsigned size,
							    unsigned align, slab_flags_t flags,
							    unsigned useroffset, unsigned usersize,
							    void (*ctor)(void *))
{
	struct kmem_cache_args args = {align, useroffset, usersize, 0, false, ctor, 0};
	return kmem_cache_create_args(name, size, &args, flags);
}

QUARRY_END_DECLS

#ifdef __cplusplus
static inline struct kmem_cache *kmem_cache_create(const char *name, unsigned size,
						   const kmem_cache_args *args, slab_flags_t flags)
{
	return kmem_cache_create_args(name, size, args, flags);
}
static inline struct kmem_cache *kmem_cache_create(const char *name, unsigned size, unsigned align,
						   slab_flags_t flags, void (*ctor)(void *))
{
	return quarry_cache_create_5(name, size, align, flags, ctor);
}
#else
#define kmem_cache_create(name, size, args, ...)                                                   \
	_Generic((args),                                                                           \
		struct kmem_cache_args *: kmem_cache_create_args,                                  \
		const struct kmem_cache_args *: kmem_cache_create_args,                            \
		void *: quarry_cache_create_null,                                                  \
		default: quarry_cache_create_5)((name), (unsigned)(size), (args), __VA_ARGS__)
#endif

/* A cache for `struct type`, named after it. */
#define KMEM_CACHE(type, flags)                                                                    \
	quarry_cache_create_5(#type, sizeof(struct type), __alignof__(struct type), (flags), NULL)
/* The same; `field` may be copied to and from user space. */
#define KMEM_CACHE_USERCOPY(type, flags, field)                                                    \
	kmem_cache_create_usercopy(#type, sizeof(struct type), __alignof__(struct type), (flags),  \
				   offsetof(struct type, field),                                   \
				   sizeof(((struct type *)0)->field), NULL)

QUARRY_BEGIN_DECLS

/*
 * Give everything back and remove the cache. Live objects: reported (CACHE_BUSY) and nothing is
 * removed: objects stay readable and can still be freed. What was given to kfree_rcu() lives until
 * readers are done: kvfree_rcu_barrier() first. NULL is ignored. (G151-G153)
 * Context: task, irqs on.
 */
void kmem_cache_destroy(struct kmem_cache *cache) QUARRY_API(kmem_cache_destroy);
/* Give free slabs and the CPUs' stocks back. Context: task, irqs on. Return: 0 if no slab is
 * left, else 1. */
int kmem_cache_shrink(struct kmem_cache *cache) QUARRY_API(kmem_cache_shrink);
unsigned kmem_cache_size(const struct kmem_cache *cache) QUARRY_API(kmem_cache_size);
/* Look at every object of a debugged cache for damage. Context: any but NMI; locks out other users
 * of the cache's shared side. Return: damages, each reported; 0 for other caches. */
unsigned long validate_slab_cache(struct kmem_cache *cache) QUARRY_API(validate_slab_cache);

/* kmem_cache_alloc() for a mask that is known at run time only; for GFP_KERNEL; and for one that
 * was looked at at compile time: no rare bits, and it may / may not sleep. */
void *quarry_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
	QUARRY_API_CHECK(kmem_cache_alloc) QUARRY_MALLOC;
void *quarry_cache_alloc_kernel(struct kmem_cache *cache)
	QUARRY_API_CHECK(kmem_cache_alloc_kernel) QUARRY_MALLOC;
void *quarry_cache_alloc_sleeping(struct kmem_cache *cache, gfp_t gfp)
	QUARRY_API_CHECK(kmem_cache_alloc_sleeping) QUARRY_MALLOC;
void *quarry_cache_alloc_atomic(struct kmem_cache *cache, gfp_t gfp)
	QUARRY_API_CHECK(kmem_cache_alloc_atomic) QUARRY_MALLOC;

/* An object of the cache. Context: by mask. Return: NULL on failure. */
static QUARRY_ALWAYS_INLINE void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	if (!__builtin_constant_p(gfp) || (gfp & QUARRY_SLAB_GFP_RARE) != (QUARRY_FORCE gfp_t)0)
		return quarry_cache_alloc(cache, gfp);
	if (gfp == GFP_KERNEL)
		return quarry_cache_alloc_kernel(cache);
	return gfpflags_allow_blocking(gfp) ? quarry_cache_alloc_sleeping(cache, gfp)
					    : quarry_cache_alloc_atomic(cache, gfp);
}
void *kmem_cache_alloc_node(struct kmem_cache *cache, gfp_t gfp, int node)
	QUARRY_API_CHECK(kmem_cache_alloc_node) QUARRY_MALLOC;
/* For an object that will be on this list (quarry/list_lru.h). Linux gets the list of the object's
 * memory group ready; there are no groups, so `lru` is not looked at. */
struct list_lru;
static QUARRY_ALWAYS_INLINE void *kmem_cache_alloc_lru(struct kmem_cache *cache,
						       struct list_lru *lru, gfp_t gfp)
{
	(void)lru;
	return kmem_cache_alloc(cache, gfp);
}
static inline void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t gfp)
{
	return kmem_cache_alloc(cache, gfp | __GFP_ZERO);
}
/* Free to the cache that it came from; another one is reported with both names, and the object
 * is kept out of use. */
void kmem_cache_free(struct kmem_cache *cache, void *object) QUARRY_API(kmem_cache_free);

/* Fill p[0..n). All or nothing. Return: n or 0. */
int kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t n, void **p)
	QUARRY_API(kmem_cache_alloc_bulk);
/* Free n objects, none NULL; cache NULL: of any caches. */
void kmem_cache_free_bulk(struct kmem_cache *cache, size_t n, void **p)
	QUARRY_API(kmem_cache_free_bulk);

/*
 * ---- buckets: size classes of their own ----
 * For objects whose sizes, and how many of them, strangers choose: they lie apart from the kernel's
 * other objects, so that neither an overrun nor a reuse of theirs reaches those.
 */
struct kmem_buckets;
/* A cache "name-size" for each class of kmalloc; [useroffset, useroffset + usersize) of an object,
 * as far as it has that, may be copied to users (0, UINT_MAX: all of it). Context: task. Return:
 * NULL on failure; with SLAB_PANIC, never. */
struct kmem_buckets *kmem_buckets_create(const char *name, slab_flags_t flags, unsigned useroffset,
					 unsigned usersize, void (*ctor)(void *object))
	QUARRY_API_CHECK(kmem_buckets_create);
/* As kmalloc / kvmalloc from the buckets; NULL buckets: from kmalloc itself. Free with kfree /
 * kvfree. */
void *kmem_buckets_alloc(struct kmem_buckets *buckets, size_t size, gfp_t gfp)
	QUARRY_API_CHECK(kmem_buckets_alloc) QUARRY_MALLOC QUARRY_ALLOC_SIZE(2);
void *kmem_buckets_valloc(struct kmem_buckets *buckets, size_t size, gfp_t gfp)
	QUARRY_API_CHECK(kmem_buckets_valloc) QUARRY_MALLOC QUARRY_ALLOC_SIZE(2);
/* As kmem_cache_destroy for each of them. NULL is ignored. */
void kmem_buckets_destroy(struct kmem_buckets *buckets) QUARRY_API(kmem_buckets_destroy);

/*
 * ---- sheaves: objects taken beforehand ----
 * For a stretch of code that must not fail nor sleep: fill a sheaf before, allocate from it
 * inside, give the rest back afterwards. A sheaf belongs to one holder: its calls are not made at
 * the same time. All calls name the cache that it was filled from; another one is reported.
 */
struct slab_sheaf;
/* A sheaf of `size` objects. Context: by mask. Return: NULL on failure. */
struct slab_sheaf *kmem_cache_prefill_sheaf(struct kmem_cache *cache, gfp_t gfp, unsigned size)
	QUARRY_API_CHECK(kmem_cache_prefill_sheaf);
/* Take one; `gfp` says only whether to zero it, which for constructed objects is reported and not
 * done. Context: any. Return: never NULL while the sheaf has objects; else NULL, reported. */
void *kmem_cache_alloc_from_sheaf(struct kmem_cache *cache, gfp_t gfp, struct slab_sheaf *sheaf)
	QUARRY_API_CHECK(kmem_cache_alloc_from_sheaf);
/* Fill it up to `size` objects; *sheaf may move. Context: by mask. Return: 0, -ENOMEM (it has what
 * it had), -EINVAL (not of this cache, reported). */
int kmem_cache_refill_sheaf(struct kmem_cache *cache, gfp_t gfp, struct slab_sheaf **sheaf,
			    unsigned size) QUARRY_API_CHECK(kmem_cache_refill_sheaf);
/* Objects left. */
unsigned kmem_cache_sheaf_size(const struct slab_sheaf *sheaf) QUARRY_API(kmem_cache_sheaf_size);
/* Free what is left, and the sheaf. NULL is ignored. Context: any but NMI; `gfp` is not used. */
void kmem_cache_return_sheaf(struct kmem_cache *cache, gfp_t gfp, struct slab_sheaf *sheaf)
	QUARRY_API(kmem_cache_return_sheaf);

/*
 * ---- kvmalloc: contiguous pages if they are easy to get, else virtually contiguous ----
 * Masks that cannot sleep, and sizes up to a page, get contiguous memory or NULL.
 * What comes is contiguous in virtual addresses only: where is_vmalloc_addr is true, virt_to_phys
 * and virt_to_page mean nothing (with QUARRY_DEBUG they report it; virt_addr_valid is false);
 * vmalloc_to_page answers page by page. (G132)
 * __GFP_RETRY_MAYFAIL tries hard for contiguous memory; __GFP_NORETRY is not supported: it changes
 * nothing, and the context lint reports it. (G126-G130)
 */

void *kvmalloc_node(size_t size, gfp_t gfp, int node) QUARRY_API_CHECK(kvmalloc_node) QUARRY_MALLOC
	QUARRY_ALLOC_SIZE(1);
void *kvrealloc(const void *p, size_t size, gfp_t gfp) QUARRY_API_CHECK(kvrealloc)
	QUARRY_ALLOC_SIZE(2);
/* Free memory of kmalloc, vmalloc or kvmalloc. Context: any but NMI. */
void kvfree(const void *p) QUARRY_API(kvfree);
/* The same, `size` bytes of it wiped before; more than it has are reported and left alone. */
void kvfree_sensitive(const void *p, size_t size) QUARRY_API(kvfree_sensitive);
/* kvfree() may be called in interrupts anyway. */
static inline void kvfree_atomic(const void *p)
{
	kvfree(p);
}

static inline void *kvmalloc(size_t size, gfp_t gfp)
{
	return kvmalloc_node(size, gfp, NUMA_NO_NODE);
}
static inline void *kvzalloc(size_t size, gfp_t gfp)
{
	return kvmalloc_node(size, gfp | __GFP_ZERO, NUMA_NO_NODE);
}
static inline void *kvzalloc_node(size_t size, gfp_t gfp, int node)
{
	return kvmalloc_node(size, gfp | __GFP_ZERO, node);
}
static inline void *kvmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;
	return __builtin_mul_overflow(n, size, &bytes) ? NULL
						       : kvmalloc_node(bytes, gfp, NUMA_NO_NODE);
}
static inline void *kvcalloc(size_t n, size_t size, gfp_t gfp)
{
	return kvmalloc_array(n, size, gfp | __GFP_ZERO);
}

QUARRY_END_DECLS

#endif
