/* SPDX-License-Identifier: MIT */
/* board.c (riscv64): what the port needs to know from the device tree besides memory. */
#include "tests/boot/riscv64/fdt.h"
#include "tests/boot/riscv64/port.h"

struct board board;

static void add_hart(const struct fdt_cursor *node, unsigned boot_hart)
{
	uint64_t hart, none;
	uint32_t size;

	if (!fdt_has_string(node, "device_type", "cpu") || !fdt_reg(node, 0, &hart, &none) ||
	    hart == boot_hart)
		return;
	if (fdt_property(node, "status", &size) && !fdt_has_string(node, "status", "okay"))
		return;
	if (board.nr_harts < BOOT_MAX_CPUS)
		board.hart[board.nr_harts++] = (unsigned)hart;
}

/* Virtual address of a device that the device window holds, else 0. */
static uintptr_t device_address(const struct fdt_cursor *node)
{
	uint64_t base, size;

	return fdt_reg(node, 0, &base, &size) && base < DEVICE_LIMIT ? DEVICE_BASE + base : 0;
}

static void take_command_line(const struct fdt_cursor *node)
{
	uint32_t size;
	const char *text = fdt_property(node, "bootargs", &size);

	for (uint32_t i = 0; text && i < size && i < sizeof board.command_line - 1; i++)
		board.command_line[i] = text[i];
}

bool board_discover(const void *tree, unsigned boot_hart)
{
	struct fdt_cursor node;

	board.tree = tree;
	board.timebase = 10000000;
	board.hart[0] = boot_hart;
	board.nr_harts = 1;
	if (!fdt_open(&node, tree))
		return false;
	while (fdt_next(&node)) {
		if (node.depth == 1 && fdt_named(&node, 1, "chosen"))
			take_command_line(&node);
		if (node.depth == 1 && fdt_named(&node, 1, "cpus"))
			board.timebase = fdt_cell(&node, "timebase-frequency", board.timebase);
		if (node.depth == 2 && fdt_named(&node, 1, "cpus"))
			add_hart(&node, boot_hart);
		if (!board.uart && fdt_has_string(&node, "compatible", "ns16550a"))
			board.uart = device_address(&node);
		if (!board.finisher && fdt_has_string(&node, "compatible", "sifive,test0"))
			board.finisher = device_address(&node);
	}
	return true;
}

bool board_option(const char *word)
{
	const char *at = board.command_line;

	while (*at) {
		const char *w = word;
		while (*w && *at == *w) {
			at++;
			w++;
		}
		if (!*w && (!*at || *at == ' '))
			return true;
		while (*at && *at != ' ')
			at++;
		while (*at == ' ')
			at++;
	}
	return false;
}
