/* SPDX-License-Identifier: MIT */
/*
 * boot_cost.c: quarry_init on a machine of as many GiB as the argument says.
 *
 * tests/bench/run.sh counts its instructions under callgrind, where each turn of a `rep` is one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/host_world.h"

int main(int argc, char **argv)
{
	bench_start((argc > 1 ? strtoull(argv[1], NULL, 0) : 1) << 30, 1);
	return 0;
}
