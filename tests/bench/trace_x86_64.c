/* SPDX-License-Identifier: MIT */
/*
 * trace_x86_64.c: the trap flag interrupts after every instruction; the handler looks at the next
 * one's bytes.
 *
 * Locked is a LOCK prefix, or XCHG (0x86, 0x87) with an operand in memory; the interrupt flag is
 * written by CLI, STI and POPF. For lines the operand in memory is decoded: prefixes, opcode,
 * ModRM, SIB and displacement (Intel's manual, volume 2, chapter 2). Of opcodes only what compilers
 * make of C without floating point; string operations are not looked at.
 *
 * Start at: count.
 */
#include "tests/bench/trace.h"
#include "tests/boot/x86_64/port.h"

#define FLAG_TRAP 0x100
#define LINE 64u
#define STACK_REACH 16384u /* of addresses above the stack pointer: the stack */

static struct {
	struct trace counts;
	uint64_t line[TRACE_LINES];
	bool written[TRACE_LINES];
} seen;

/* An instruction, as far as it is decoded. */
struct insn {
	const uint8_t *at; /* what comes next */
	bool locked, os, short_operand;
	uint8_t rex, opcode, modrm;
	bool two_bytes;
};

/* ---- decoding ---- */

static struct insn decode(const uint8_t *code)
{
	struct insn insn = {.at = code};

	/* Operand size, address size, segments, LOCK, REPNE and REP; then REX, the last prefix. */
	for (;; insn.at++) {
		uint8_t byte = *insn.at;
		insn.locked |= byte == 0xf0;
		insn.os |= byte == 0x64 || byte == 0x65;
		insn.short_operand |= byte == 0x66;
		if (byte != 0x66 && byte != 0x67 && (byte & 0xe7) != 0x26 &&
		    (byte < 0x64 || byte > 0x65) && (byte < 0xf0 || byte > 0xf3 || byte == 0xf1))
			break;
	}
	if ((*insn.at & 0xf0) == 0x40)
		insn.rex = *insn.at++;
	insn.two_bytes = *insn.at == 0x0f;
	insn.at += insn.two_bytes;
	insn.opcode = *insn.at++;
	insn.modrm = *insn.at;
	return insn;
}

static bool has_modrm(const struct insn *i)
{
	uint8_t op = i->opcode;

	if (i->two_bytes)
		return (op & 0xf0) != 0x80 && (op & 0xf0) != 0x30 && op > 0x0b &&
		       (op & 0xf8) != 0xc8 && op != 0xa2 && op != 0xa0 && op != 0xa1;
	if (op < 0x40)
		return (op & 7) < 4;
	return op == 0x63 || op == 0x69 || op == 0x6b || (op >= 0x80 && op <= 0x8f) ||
	       (op & 0xfe) == 0xc0 || (op & 0xfe) == 0xc6 || (op & 0xfc) == 0xd0 ||
	       (op & 0xfe) == 0xf6 || (op & 0xfe) == 0xfe;
}

/* Does its operand name memory that it reads or writes? LEA and the long NOP only name it. */
static bool touches(const struct insn *i)
{
	bool only_named = i->two_bytes ? (i->opcode & 0xf8) == 0x18 : i->opcode == 0x8d;

	return has_modrm(i) && i->modrm < 0xc0 && !only_named;
}

/* Is it written? */
static bool writes(const struct insn *i)
{
	uint8_t op = i->opcode, extension = i->modrm >> 3 & 7;

	if (i->two_bytes)
		return (op & 0xf0) == 0x90 || op == 0xab || op == 0xb3 || op == 0xbb ||
		       (op == 0xba && extension > 4) || (op & 0xee) == 0xa4 ||
		       (op & 0xfe) == 0xb0 || (op & 0xfe) == 0xc0 || op == 0xc7;
	if (op < 0x40)
		return (op & 7) < 2 && op < 0x38;
	if (op >= 0x80 && op <= 0x83)
		return extension != 7;
	if ((op & 0xfe) == 0xf6)
		return extension == 2 || extension == 3;
	if ((op & 0xfe) == 0xfe)
		return extension < 2;
	return (op >= 0x86 && op <= 0x89) || op == 0x8f || (op & 0xfe) == 0xc0 ||
	       (op & 0xfe) == 0xc6 || (op & 0xfc) == 0xd0;
}

/* Bytes of the constant behind the operand. */
static unsigned constant_size(const struct insn *i)
{
	uint8_t op = i->opcode;
	unsigned full = i->short_operand ? 2 : 4;
	bool test = (i->modrm >> 3 & 6) == 0; /* of 0xf6 and 0xf7 only TEST has one */

	if (i->two_bytes)
		return op == 0xba || op == 0xa4 || op == 0xac;
	if (op == 0x80 || op == 0x83 || op == 0x6b || op == 0xc6 || (op & 0xfe) == 0xc0)
		return 1;
	if (op == 0x81 || op == 0x69 || op == 0xc7)
		return full;
	return op == 0xf6 ? test : op == 0xf7 && test ? full : 0;
}

static uint64_t reg(const struct trap_frame *f, unsigned number)
{
	const uint64_t value[16] = {f->rax, f->rcx, f->rdx, f->rbx, f->rsp, f->rbp, f->rsi, f->rdi,
				    f->r8,  f->r9,  f->r10, f->r11, f->r12, f->r13, f->r14, f->r15};

	return value[number];
}

static int32_t word_at(const uint8_t *at)
{
	return (int32_t)(at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
			 (uint32_t)at[3] << 24);
}

/* Address of the operand in memory. */
static uint64_t operand(const struct insn *i, const struct trap_frame *f)
{
	const uint8_t *at = i->at + 1;
	unsigned mode = i->modrm >> 6, base = i->modrm & 7u;
	bool no_base = mode == 0 && base == 5; /* relative to the next instruction */
	uint64_t address = 0;

	if (no_base)
		return (uint64_t)(uintptr_t)at + 4 + constant_size(i) + (uint64_t)word_at(at);
	if (base == 4) { /* SIB */
		uint8_t sib = *at++;
		unsigned index = (sib >> 3 & 7u) | (i->rex & 2u) << 2;
		if (index != 4)
			address += reg(f, index) << (sib >> 6);
		base = sib & 7u;
		no_base = mode == 0 && base == 5;
	}
	if (!no_base)
		address += reg(f, base | (i->rex & 1u) << 3);
	if (mode == 1)
		address += (uint64_t)(int8_t)*at;
	else if (mode == 2 || no_base)
		address += (uint64_t)word_at(at);
	return address;
}

/* ---- counting ---- */

static void count_line(uint64_t address, bool written)
{
	uint64_t line = address / LINE;
	unsigned i = 0;

	while (i < seen.counts.lines && seen.line[i] != line)
		i++;
	if (i == TRACE_LINES)
		return;
	if (i == seen.counts.lines) {
		seen.line[seen.counts.lines++] = line;
		seen.written[i] = false;
	}
	seen.counts.written += written && !seen.written[i];
	seen.written[i] |= written;
}

static void count(const struct trap_frame *frame)
{
	const struct insn insn = decode((const uint8_t *)(uintptr_t)frame->rip);
	uint8_t opcode = insn.two_bytes ? 0 : insn.opcode;

	seen.counts.instructions++;
	seen.counts.locked += insn.locked || ((opcode & 0xfe) == 0x86 && insn.modrm < 0xc0);
	seen.counts.masking += opcode == 0xfa || opcode == 0xfb || opcode == 0x9d;
	if (!touches(&insn) || insn.os)
		return;
	uint64_t address = operand(&insn, frame);
	if (address - frame->rsp >= STACK_REACH && address != (uint64_t)(uintptr_t)&x86_step)
		count_line(address, writes(&insn));
}

bool trace_begin(void)
{
	seen.counts = (struct trace){0};
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
	return seen.counts;
}
