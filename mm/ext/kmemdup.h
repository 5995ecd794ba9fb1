/* SPDX-License-Identifier: MIT */
/* kmemdup.h: copies of memory and strings; the face to mm/init.c. */
#ifndef QUARRY_MM_EXT_KMEMDUP_H
#define QUARRY_MM_EXT_KMEMDUP_H

#include <quarry/types.h>

/* Where the kernel's constants are: [start, end). */
void kstrdup_const_init(uintptr_t start, uintptr_t end) QUARRY_INT(kstrdup_const_init);

#endif
