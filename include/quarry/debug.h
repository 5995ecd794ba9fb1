/* SPDX-License-Identifier: MIT */
/*
 * debug.h: reports of broken rules, and the validator.
 *
 * A report names one rule of the list below, the call that found it broken and what is known. After
 * a report the library goes on: what a wrong call wanted is not done, and damage that a debugged
 * cache finds is put right. Tests compare rules, never text.
 */
#ifndef QUARRY_DEBUG_H
#define QUARRY_DEBUG_H

#include <quarry/types.h>

QUARRY_BEGIN_DECLS

/* rule, sentence. The order is ABI only within one build. */
#define QUARRY_RULES(X)                                                                            \
	X(NONE, "no rule")                                                                         \
	/* boot */                                                                                 \
	X(MAP_EMPTY, "the memory map holds no usable page")                                        \
	X(MAP_NO_ROOM, "no range of the memory map can hold the page array")                       \
	X(MAP_CLIPPED, "a range was clipped to what the CPU or the page array can address")        \
	X(MAP_FULL, "the memory map has more ranges than the boot allocator can hold")             \
	X(CONFIG_MISMATCH, "kernel and library were compiled with different configurations")       \
	X(BAD_ARGUMENT, "an argument is outside its documented range")                             \
	/* requests */                                                                             \
	X(BAD_ORDER, "the order exceeds QUARRY_MAX_ORDER")                                         \
	X(BAD_GFP, "the request mask holds an illegal combination or unknown bits")                \
	X(BAD_CONTEXT, "a call that may sleep came from a context that may not")                   \
	X(REENTRY, "reclaim for this request could take a lock that the caller holds")             \
	X(NOFAIL, "a request that never fails cannot be kept here")                                \
	X(SCOPE, "a scope or lock note is ended that is not open")                                 \
	X(SCOPE_LEAK, "a task ended inside an allocation scope")                                   \
	X(NO_MEMORY, "the request failed")                                                         \
	X(SIZE_LIMIT, "the size exceeds what this call can serve")                                 \
	/* pages */                                                                                \
	X(FREE_UNKNOWN, "the address or page was never ours")                                      \
	X(FREE_RESERVED, "the page is reserved, not allocated")                                    \
	X(FREE_TAIL, "the page is not the head of its block")                                      \
	X(FREE_ORDER, "freed with another order than allocated")                                   \
	X(FREE_TWICE, "freed while already free")                                                  \
	X(FREE_KIND, "the page belongs to another allocator")                                      \
	X(REF_COUNT, "the reference count is wrong")                                               \
	X(PAGE_LIST, "the links of a list of pages disagree")                                      \
	/* objects */                                                                              \
	X(OBJECT_CACHE, "the object belongs to another cache")                                     \
	X(OBJECT_INTERIOR, "the pointer is not the start of an object")                            \
	X(OBJECT_TWICE, "the object is already free")                                              \
	X(OBJECT_LEFT, "too many frees that could not wait: the object stays allocated")           \
	X(OBJECT_POISON, "a freed object was written to")                                          \
	X(OBJECT_ZONE, "memory before or after an object was written to")                          \
	X(OBJECT_BOUNDS, "an access beyond an object")                                             \
	X(OBJECT_FREED, "an access to a freed object")                                             \
	X(CACHE_ARGUMENT, "the cache's name, size, alignment or flags are illegal")                \
	X(CACHE_BUSY, "the cache is destroyed while objects live")                                 \
	X(OBJECT_CTOR_ZERO, "zeroing asked from a cache with a constructor")                       \
	X(USERCOPY, "a copy to or from a user leaves its object")                                  \
	X(NO_GRACE, "without a grace-period hook nobody knows when this may be freed")             \
	X(USER_MAPPING, "the page is not one that user space may reach")                           \
	/* virtual */                                                                              \
	X(VMAP_UNKNOWN, "the address is not the start of a mapped area")                           \
	X(VMAP_SPACE, "the virtual range is exhausted or was not given")                           \
	X(VMAP_DIRECT, "an address of the virtual range has no place in the direct map")           \
	X(VMAP_TABLE, "the page table holds an entry that was not expected")                       \
	/* consistency */                                                                          \
	X(VALIDATE, "the validator found a broken invariant")

enum quarry_rule {
#define QUARRY_RULE_ENUM(name, text) QUARRY_RULE_##name,
	QUARRY_RULES(QUARRY_RULE_ENUM)
#undef QUARRY_RULE_ENUM
	QUARRY_NR_RULES
};

struct quarry_report {
	enum quarry_rule rule;
	const char *call;    /* public function or check that found it */
	const void *subject; /* pointer, struct page or cache in question; may be NULL */
	unsigned long a, b;  /* what the rule compares: order given / order found, and so on */
	uintptr_t caller;    /* return address into the kernel, 0 if unknown */
};

/* Text of a rule. Context: any. Return: a constant sentence without full stop. */
const char *quarry_rule_text(enum quarry_rule rule) QUARRY_API(rule_text);

/* Reports of `rule` since quarry_init. Context: any. */
unsigned long quarry_report_count(enum quarry_rule rule) QUARRY_API(report_count);

/*
 * Walk every structure of the library and check the invariants that stand beside each struct; each
 * broken one is reported as QUARRY_RULE_VALIDATE.
 * Context: task; takes each lock in turn. For exact results nothing else runs meanwhile.
 * Return: the number of broken invariants (0: consistent).
 */
unsigned long mm_check(void) QUARRY_API(mm_check);

/*
 * For the kernel's page-fault handler: is a fault at `va` one of the sampling guard's
 * (quarry_params.guard_every)? Then it was reported: OBJECT_BOUNDS or OBJECT_FREED, with the object
 * as subject, a: the byte counted from its start, b: the cache's name, caller: `pc`, where the
 * access was; lines of the log tell who took and freed the object. The page allows access from now
 * on, until it is used again: drop this CPU's translation of `va` and retry.
 * Context: the fault handler, any but NMI. Return: false: a real fault.
 */
bool quarry_guard_fault(uintptr_t va, bool write, uintptr_t pc) QUARRY_API(guard_fault);

/*
 * Find wrong hooks at boot: one line per check through `write`, "name: pass" or "name: FAIL (why)".
 * Checks that irq state comes back after a lock, the CPU number is stable while pinned, the direct
 * map is linear, a remote call is waited for, the clock is monotonic, the context word answers, and
 * the map given to quarry_init is sane.
 * Context: task, irqs on, after quarry_init; with all CPUs online for the remote checks.
 * Return: true if all passed.
 */
bool quarry_selftest(quarry_write_fn write, void *ctx) QUARRY_API(selftest);

QUARRY_END_DECLS

#endif
