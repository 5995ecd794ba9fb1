/* SPDX-License-Identifier: MIT */
/* percpu.h: objects for each CPU, their start and their reports. */
#ifndef QUARRY_MM_EXT_PERCPU_H
#define QUARRY_MM_EXT_PERCPU_H

#include <quarry/percpu.h>

/* No chunk yet; CPUs have numbers below `nr_cpus`. */
void percpu_init(unsigned nr_cpus) QUARRY_INT(percpu_init);

/* Pages in chunks. Context: any but NMI. */
unsigned long percpu_pages(void) QUARRY_INT(percpu_pages);

/* Check the invariants of all chunks. Return: broken ones. */
unsigned long percpu_check(void) QUARRY_INT(percpu_check);

#endif
