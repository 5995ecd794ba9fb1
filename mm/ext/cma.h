/* SPDX-License-Identifier: MIT */
/* cma.h: the start of the areas' table. */
#ifndef QUARRY_MM_EXT_CMA_H
#define QUARRY_MM_EXT_CMA_H

#include <quarry/cma.h>

/*
 * Make ordinary memory of every area of which nothing is claimed. Nobody uses any of them
 * meanwhile, or later. Return: are all gone? Context: task, may sleep.
 */
bool cma_end_all(void) QUARRY_INT(cma_end_all);

/* Forget all areas. */
void cma_init(void) QUARRY_INT(cma_init);

#endif
