/* SPDX-License-Identifier: MIT */
/* host_world.h: what the host benchmarks share. */
#ifndef BENCH_HOST_WORLD_H
#define BENCH_HOST_WORLD_H

#include <quarry/quarry.h>

#define BENCH_ALIGN (4ul << 20) /* of the machine's memory: the largest block */

/* Start the library anew on a machine of `bytes`, all in one zone, with `cpus` CPUs online; the
 * caller is CPU 0. */
void bench_start(uint64_t bytes, unsigned cpus);

double bench_now_ns(void);
/* A repeatable random stream. */
uint64_t bench_random(uint64_t *state);

#endif
