/* SPDX-License-Identifier: MIT */
/* memdup_user.h: copies of a user's memory; the face to mm/init.c. */
#ifndef QUARRY_MM_EXT_MEMDUP_USER_H
#define QUARRY_MM_EXT_MEMDUP_USER_H

#include <quarry/types.h>

/* Make the buckets, if the OS can copy from users. The object layer works; may allocate. */
void memdup_user_init(void) QUARRY_INT(memdup_user_init);

#endif
