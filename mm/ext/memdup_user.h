/* SPDX-License-Identifier: MIT */
/* memdup_user.h: copies of a user's memory; the face to mm/init.c. */
#ifndef QUARRY_MM_EXT_MEMDUP_USER_H
#define QUARRY_MM_EXT_MEMDUP_USER_H

#include <quarry/types.h>

/* There are no buckets yet. */
void memdup_user_init(void) QUARRY_INT(memdup_user_init);

#endif
