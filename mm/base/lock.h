/* SPDX-License-Identifier: MIT */
/*
 * lock.h: the spin lock that protects every shared structure of ours.
 *
 * A lock lives in its owner's storage, is unlocked when zero, and is always taken with interrupts
 * masked, because every shared structure may be touched from an interrupt. Test-and-test-and-set:
 * locks here are held for tens of instructions and are off every fast path. NMI context only ever
 * tries.
 *
 * Lock order, outer first (docs/locking.md):
 *   1 cache list   2 vmap space   3 page table   4 slab node   5 zone   6 report
 */
#ifndef QUARRY_MM_LOCK_H
#define QUARRY_MM_LOCK_H

#include <quarry/arch.h>

struct mm_lock {
	unsigned held;
};

static inline bool mm_trylock(struct mm_lock *lock)
{
	return __atomic_load_n(&lock->held, __ATOMIC_RELAXED) == 0 &&
	       __atomic_exchange_n(&lock->held, 1u, __ATOMIC_ACQUIRE) == 0;
}

/* For assertions: does somebody hold it? */
static inline bool mm_lock_is_held(const struct mm_lock *lock)
{
	return __atomic_load_n(&lock->held, __ATOMIC_RELAXED) != 0;
}

/* Interrupts are masked already. */
static inline void mm_lock_raw(struct mm_lock *lock)
{
	while (!mm_trylock(lock))
		arch_relax();
}
static inline void mm_unlock_raw(struct mm_lock *lock)
{
	__atomic_store_n(&lock->held, 0u, __ATOMIC_RELEASE);
}

/* Return: the interrupt state for mm_unlock. */
static inline unsigned long mm_lock(struct mm_lock *lock)
{
	unsigned long irq = arch_irq_save();
	mm_lock_raw(lock);
	return irq;
}
/* For callers that must not wait. Return: false: somebody holds it; nothing changed. */
static inline bool mm_lock_if_free(struct mm_lock *lock, unsigned long *irq)
{
	*irq = arch_irq_save();
	if (mm_trylock(lock))
		return true;
	arch_irq_restore(*irq);
	return false;
}
static inline void mm_unlock(struct mm_lock *lock, unsigned long irq)
{
	mm_unlock_raw(lock);
	arch_irq_restore(irq);
}

/* Keep the compiler from moving memory accesses across this point: ordering against an interrupt on
 * this CPU. */
static inline void irq_order(void)
{
	/* Not __atomic_signal_fence: clang 14 makes a real fence of it on riscv64. */
	__asm__ volatile("" : : : "memory");
}

#endif
