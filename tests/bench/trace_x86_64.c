/* SPDX-License-Identifier: MIT */
/*
 * trace_x86_64.c: the trap flag interrupts after every instruction; the handler looks at the next
 * one's bytes.
 *
 * Only prefixes and the first byte of the opcode need decoding: locked is a LOCK prefix, or XCHG
 * (0x86, 0x87) with an operand in memory; the interrupt flag is written by CLI, STI and POPF.
 */
#include "tests/bench/trace.h"
#include "tests/boot/x86_64/port.h"

#define FLAG_TRAP 0x100

static struct trace counts;

/* Operand size, address size, segments, REPNE and REP. */
static bool is_prefix(uint8_t byte)
{
	return byte == 0x66 || byte == 0x67 || (byte & 0xe7) == 0x26 || byte == 0x64 ||
	       byte == 0x65 || byte == 0xf2 || byte == 0xf3;
}

static void count(uint64_t rip)
{
	const uint8_t *code = (const uint8_t *)(uintptr_t)rip;
	bool locked = false;

	while (is_prefix(*code) || *code == 0xf0)
		locked |= *code++ == 0xf0;
	if ((*code & 0xf0) == 0x40) /* REX, the last prefix */
		code++;
	locked |= (*code & 0xfe) == 0x86 && code[1] < 0xc0;
	counts.instructions++;
	counts.locked += locked;
	counts.masking += *code == 0xfa || *code == 0xfb || *code == 0x9d;
}

bool trace_begin(void)
{
	counts = (struct trace){0};
	x86_step = count;
	__asm__ volatile("pushfq\n\torq %0, (%%rsp)\n\tpopfq" : : "i"(FLAG_TRAP) : "memory", "cc");
	return true;
}

struct trace trace_end(void)
{
	x86_step = NULL; /* what follows is not counted */
	__asm__ volatile("pushfq\n\tandq %0, (%%rsp)\n\tpopfq"
			 :
			 : "i"(~FLAG_TRAP)
			 : "memory", "cc");
	return counts;
}
