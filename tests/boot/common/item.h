/* SPDX-License-Identifier: MIT */
/*
 * item.h: one piece of memory of the workload: how it was asked for, what was written to it.
 */
#ifndef BOOT_ITEM_H
#define BOOT_ITEM_H

#include "tests/boot/common/kernel.h"

enum item_kind {
	ITEM_NONE, /* an empty slot */
	ITEM_PAGES,
	ITEM_EXACT,
	ITEM_KMALLOC,
	ITEM_CACHE,
	ITEM_VMALLOC,
	ITEM_KVMALLOC,
	NR_ITEM_KINDS
};

struct item {
	void *address;
	size_t bytes;
	uint64_t seed; /* of the pattern that fills it */
	gfp_t gfp;
	unsigned char kind;
	unsigned char which; /* order of the pages, number of the cache */
};

enum item_result { ITEM_MADE, ITEM_FAILED, ITEM_SKIPPED };

/* Create and destroy the named caches. Return: success. */
bool items_init(void);
void items_exit(void);

const char *item_kind_name(enum item_kind kind);

/*
 * Ask for memory of `kind`, at most `limit` bytes, check what the call promises, and fill it.
 * `atomic`: the caller is an interrupt. ITEM_SKIPPED: nothing of this kind fits the limit.
 */
enum item_result item_new(struct item *item, enum item_kind kind, size_t limit, bool atomic,
			  uint64_t *random);
/* Change a kmalloc item's size; its contents must survive. */
void item_resize(struct item *item, uint64_t *random);
/* Check the contents, free it, empty the slot. */
void item_delete(struct item *item);
/* A bulk of single pages: ask, fill, check, free. */
void item_bulk(uint64_t *random);

/* The first thing that went wrong on any CPU, or NULL. */
const char *item_failure(void);
/* Note a failure; only the first is kept. */
void item_fail(const char *what, const void *address, size_t bytes);

#endif
