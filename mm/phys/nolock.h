/* SPDX-License-Identifier: MIT */
/*
 * nolock.h: blocks for callers that may not wait for a lock, up to non-maskable interrupts.
 *
 * Such a caller may have interrupted anybody at any instruction. It uses its CPU's stock unless
 * that is marked busy, or a zone's lock if that is free at this moment. A block that can go neither
 * way is left on a list of its zone that is pushed to without a lock; whoever next holds the lock
 * to take, give or drain brings it home.
 */
#ifndef QUARRY_MM_PHYS_NOLOCK_H
#define QUARRY_MM_PHYS_NOLOCK_H

#include "mm/phys/freepage.h"

/*
 * One pass over the zones of the request, above their minimum marks.
 * Context: any. Return: a USED head with one reference, or NULL: none, or not now.
 */
struct page *nolock_take(const struct page_request *request) QUARRY_INT(nolock_take);

/* As freepage_give(). Context: any. */
void nolock_give(struct page *head, uint32_t flags) QUARRY_INT(nolock_give);

#endif
