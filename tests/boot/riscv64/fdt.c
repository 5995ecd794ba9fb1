/* SPDX-License-Identifier: MIT */
/*
 * fdt.c: read a flattened device tree (Devicetree Specification 0.4, chapter 5).
 *
 * The structure block is a sequence of big-endian 32-bit tokens: BEGIN_NODE name, PROP size
 * name-offset value, END_NODE, NOP, END; names and values are padded to 4 bytes. Every step checks
 * that it stays inside the block. Cost: a walk reads each token once, a property look-up the
 * properties of one node.
 */
#include "tests/boot/riscv64/fdt.h"

enum { FDT_BEGIN_NODE = 1, FDT_END_NODE = 2, FDT_PROP = 3, FDT_NOP = 4 };
#define FDT_MAGIC 0xd00dfeedu
#define FDT_HEADER_SIZE 40u
/* Offsets of header fields. */
enum {
	FDT_TOTAL = 4,
	FDT_OFF_STRUCT = 8,
	FDT_OFF_STRINGS = 12,
	FDT_SIZE_STRINGS = 32,
	FDT_SIZE_STRUCT = 36
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Bytes of a string with its NUL, or 0 if there is no NUL before `end`. */
static uint32_t string_bytes(const uint8_t *at, const uint8_t *end)
{
	for (const uint8_t *p = at; p < end; p++)
		if (!*p)
			return (uint32_t)(p - at) + 1;
	return 0;
}

static const uint8_t *padded(const uint8_t *at, uint32_t bytes)
{
	return at + ((bytes + 3u) & ~3u);
}

static bool has_bytes(const struct fdt_cursor *cursor, const uint8_t *at, uint32_t bytes)
{
	return (size_t)(cursor->end - at) >= bytes;
}

/* Step over a property. Return: false if `*at` is not at one, or it leaves the block. */
static bool skip_property(const struct fdt_cursor *cursor, const uint8_t **at)
{
	if (!has_bytes(cursor, *at, 12) || be32(*at) != FDT_PROP)
		return false;
	uint32_t size = be32(*at + 4);
	if (size > 0x7fffffffu || !has_bytes(cursor, *at + 12, (size + 3u) & ~3u))
		return false;
	*at = padded(*at + 12, size);
	return true;
}

size_t fdt_total_size(const void *blob)
{
	return be32((const uint8_t *)blob + FDT_TOTAL);
}

bool fdt_open(struct fdt_cursor *cursor, const void *blob)
{
	const uint8_t *header = blob;
	uint32_t total;

	if (be32(header) != FDT_MAGIC)
		return false;
	total = be32(header + FDT_TOTAL);
	uint32_t off = be32(header + FDT_OFF_STRUCT), size = be32(header + FDT_SIZE_STRUCT);
	uint32_t off_strings = be32(header + FDT_OFF_STRINGS),
		 size_strings = be32(header + FDT_SIZE_STRINGS);
	if (total < FDT_HEADER_SIZE || off > total || size > total - off || off_strings > total ||
	    size_strings > total - off_strings || off % 4)
		return false;
	cursor->tokens = header + off;
	cursor->end = header + off + size;
	cursor->strings = (const char *)header + off_strings;
	cursor->strings_size = size_strings;
	cursor->props = NULL;
	cursor->depth = -1;
	cursor->address_cells[0] = 2;
	cursor->size_cells[0] = 1;
	return true;
}

bool fdt_next(struct fdt_cursor *cursor)
{
	const uint8_t *at = cursor->props ? cursor->props : cursor->tokens;

	while (has_bytes(cursor, at, 4)) {
		uint32_t token = be32(at), bytes;
		if (token == FDT_PROP) {
			if (!skip_property(cursor, &at))
				return false;
			continue;
		}
		at += 4;
		if (token == FDT_NOP)
			continue;
		if (token == FDT_END_NODE) {
			cursor->depth--;
			continue;
		}
		bytes = string_bytes(at, cursor->end);
		if (token != FDT_BEGIN_NODE || !bytes || cursor->depth < -1 ||
		    cursor->depth + 1 >= FDT_MAX_DEPTH)
			return false;
		int depth = ++cursor->depth;
		cursor->name[depth] = (const char *)at;
		cursor->props = padded(at, bytes);
		if (cursor->props > cursor->end)
			return false;
		cursor->address_cells[depth + 1] = fdt_cell(cursor, "#address-cells", 2);
		cursor->size_cells[depth + 1] = fdt_cell(cursor, "#size-cells", 1);
		return true;
	}
	return false;
}

const void *fdt_property(const struct fdt_cursor *cursor, const char *name, uint32_t *size)
{
	const uint8_t *at = cursor->props;

	while (has_bytes(cursor, at, 4)) {
		const uint8_t *here = at;
		if (be32(at) == FDT_NOP) {
			at += 4;
			continue;
		}
		if (!skip_property(cursor, &at))
			return NULL;
		uint32_t offset = be32(here + 8);
		if (offset < cursor->strings_size && same(cursor->strings + offset, name)) {
			*size = be32(here + 4);
			return here + 12;
		}
	}
	return NULL;
}

bool fdt_reg(const struct fdt_cursor *cursor, unsigned index, uint64_t *base, uint64_t *size)
{
	uint32_t bytes, ac = cursor->address_cells[cursor->depth],
			sc = cursor->size_cells[cursor->depth];
	const uint8_t *reg = fdt_property(cursor, "reg", &bytes);

	if (!reg || ac < 1 || ac > 2 || sc > 2 || (index + 1) * (ac + sc) * 4 > bytes)
		return false;
	reg += (size_t)index * (ac + sc) * 4;
	*base = *size = 0;
	for (uint32_t i = 0; i < ac; i++, reg += 4)
		*base = *base << 32 | be32(reg);
	for (uint32_t i = 0; i < sc; i++, reg += 4)
		*size = *size << 32 | be32(reg);
	return true;
}

bool fdt_has_string(const struct fdt_cursor *cursor, const char *property, const char *text)
{
	uint32_t size;
	const uint8_t *at = fdt_property(cursor, property, &size);

	for (const uint8_t *end = at ? at + size : at; at < end;) {
		uint32_t bytes = string_bytes(at, end);
		if (!bytes)
			return false;
		if (same((const char *)at, text))
			return true;
		at += bytes;
	}
	return false;
}

uint32_t fdt_cell(const struct fdt_cursor *cursor, const char *name, uint32_t otherwise)
{
	uint32_t size;
	const uint8_t *value = fdt_property(cursor, name, &size);

	return value && size == 4 ? be32(value) : otherwise;
}

bool fdt_named(const struct fdt_cursor *cursor, int depth, const char *base)
{
	const char *name = depth <= cursor->depth ? cursor->name[depth] : "";

	while (*base && *name == *base) {
		name++;
		base++;
	}
	return !*base && (!*name || *name == '@');
}
