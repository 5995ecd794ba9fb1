/* SPDX-License-Identifier: MIT */
/* kfree_rcu.h: the start of frees that wait for readers. */
#ifndef QUARRY_MM_EXT_KFREE_RCU_H
#define QUARRY_MM_EXT_KFREE_RCU_H

#include <quarry/types.h>

/* Nothing waits. */
void kfree_rcu_init(void) QUARRY_INT(kfree_rcu_init);

#endif
