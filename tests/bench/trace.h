/* SPDX-License-Identifier: MIT */
/*
 * trace.h: what kinds of instructions a piece of code executes, seen one by one.
 *
 * A count of instructions does not show which of them cost a hundred times the others: those that
 * lock the memory bus or the cache line, those that turn interrupts off or on, and those that wait
 * for a line of memory. Lines are distinct ones, of data: neither the stack's nor those that the OS
 * addresses by its CPU segment.
 */
#ifndef BENCH_TRACE_H
#define BENCH_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#define TRACE_LINES 32u

struct trace {
	uint64_t instructions; /* each turn of a `rep` is one */
	uint64_t locked;       /* atomic read-modify-writes of memory */
	uint64_t masking;      /* writes of the interrupt flag */
	unsigned lines;	       /* touched; at most TRACE_LINES are told apart */
	unsigned written;      /* of them */
};

/* Begin to count on this CPU, in this task; interrupt handlers are not counted. Return: false if
 * the CPU has no single step. */
bool trace_begin(void);
/* Stop. Return: what was executed in between, and some instructions of these two functions. */
struct trace trace_end(void);

#endif
