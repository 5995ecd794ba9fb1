/* SPDX-License-Identifier: MIT */
/* fdt.h: read a flattened device tree, node by node in document order. No allocation; a damaged
 * tree ends the walk early. */
#ifndef BOOT_RISCV64_FDT_H
#define BOOT_RISCV64_FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDT_MAX_DEPTH 8

struct fdt_cursor {
	const uint8_t *tokens, *end; /* the structure block */
	const char *strings;
	uint32_t strings_size;
	const uint8_t *props; /* first token after the name of the current node */
	int depth;	      /* of the current node; the root is 0 */
	const char *name[FDT_MAX_DEPTH];
	/* Cells of an address and of a size in `reg` of a node at this depth. */
	uint32_t address_cells[FDT_MAX_DEPTH + 1], size_cells[FDT_MAX_DEPTH + 1];
};

/* Return: false if the blob is not a device tree. */
bool fdt_open(struct fdt_cursor *cursor, const void *blob);
size_t fdt_total_size(const void *blob);
/* Go to the next node, first to the root. Return: false at the end. */
bool fdt_next(struct fdt_cursor *cursor);
/* Value of a property of the current node. Return: NULL if it has none; `*size` bytes. */
const void *fdt_property(const struct fdt_cursor *cursor, const char *name, uint32_t *size);
/* Entry `index` of the current node's reg. Return: false if there is none. */
bool fdt_reg(const struct fdt_cursor *cursor, unsigned index, uint64_t *base, uint64_t *size);
/* Is `text` one of the strings of the property? */
bool fdt_has_string(const struct fdt_cursor *cursor, const char *property, const char *text);
/* A property of one cell, or `otherwise`. */
uint32_t fdt_cell(const struct fdt_cursor *cursor, const char *name, uint32_t otherwise);
/* Is the current node's name `base` or `base`@something? */
bool fdt_named(const struct fdt_cursor *cursor, int depth, const char *base);

#endif
