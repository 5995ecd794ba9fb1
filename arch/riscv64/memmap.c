/* SPDX-License-Identifier: MIT */
/*
 * memmap.c (riscv64): the memory map in a flattened device tree.
 *
 * A tree is a header, a block of reserved ranges, a stream of tokens (the nodes with their
 * properties), and a block of property names. All numbers are big-endian. One pass over the tokens,
 * with a depth instead of recursion, looks at
 *
 *   /                    #address-cells, #size-cells: words in an address and a size (1 or 2)
 *   /memory*             reg is usable memory (device_type "memory"); numa-node-id
 *   /reserved-memory/ *  reg is reserved; the parent's own cell counts apply
 *   /chosen              linux,initrd-start, linux,initrd-end
 *
 * Properties come before child nodes, so a node is known completely at its end or at its first
 * child, whichever comes first; it is judged there. Nodes with a status other than "okay" do not
 * count.
 *
 * The tree is not trusted: every access goes through `fdt_bytes`, which answers NULL outside the
 * tree, and the first inconsistency ends the conversion with -EINVAL.
 *
 * Start at    quarry_memmap_fdt
 */
#include <quarry/memmap.h>

#define FDT_MAGIC 0xd00dfeedu
#define FDT_OLDEST_VERSION 16u /* earlier trees have another token format */

/* Offsets of header words. */
enum {
	FDT_TOTAL_SIZE = 4,
	FDT_STRUCT = 8,
	FDT_NAMES = 12,
	FDT_RESERVED = 16,
	FDT_VERSION = 20,
	FDT_COMPATIBLE = 24,
	FDT_NAMES_SIZE = 32,
	FDT_HEADER_BYTES = 40,
};
enum fdt_token { FDT_BEGIN_NODE = 1, FDT_END_NODE, FDT_PROPERTY, FDT_NOP, FDT_END = 9 };

/* What the pass is inside of. */
enum fdt_place {
	FDT_ELSEWHERE,
	FDT_ROOT,
	FDT_MEMORY,
	FDT_CHOSEN,
	FDT_RESERVED_MEMORY,
	FDT_RESERVED_CHILD
};

struct fdt_cells {
	uint32_t address, size;
};

struct fdt_value {
	const unsigned char *bytes;
	uint32_t size;
};

/* The node whose properties are being read. */
struct fdt_node {
	enum fdt_place place;
	bool memory, disabled;
	uint32_t numa_node;
	struct fdt_value reg, initrd_start, initrd_end;
};

struct fdt {
	const unsigned char *blob;
	uint32_t total, at;	    /* bytes; offset of the next token */
	const unsigned char *names; /* property names; the last byte is NUL */
	uint32_t names_size;
	unsigned depth;	    /* nodes open */
	enum fdt_place top; /* what the open node of depth 2, a child of the root, is */
	struct fdt_cells root, reserved,
		other; /* of the root, of /reserved-memory, of nodes that do not matter */
	struct fdt_node node;
	struct quarry_memmap *map;
};

/* `size` bytes at `offset` of the tree, or NULL. */
static const unsigned char *fdt_bytes(const struct fdt *fdt, uint64_t offset, uint64_t size)
{
	if (offset > fdt->total || size > fdt->total - offset)
		return NULL;
	return fdt->blob + offset;
}

static uint32_t be32(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}
static uint64_t be_cells(const unsigned char *bytes, uint32_t cells)
{
	return cells == 2 ? (uint64_t)be32(bytes) << 32 | be32(bytes + 4) : be32(bytes);
}

/* Length of the string at `offset` without its NUL, or -1 if it does not end inside the tree. */
static int64_t fdt_string_length(const struct fdt *fdt, uint64_t offset)
{
	for (uint64_t end = offset; end < fdt->total; end++)
		if (!fdt->blob[end])
			return (int64_t)(end - offset);
	return -1;
}

/* Do the bytes begin with this string, its NUL included? */
static bool holds(const unsigned char *bytes, uint64_t size, const char *word)
{
	for (uint64_t i = 0; i < size && bytes[i] == (unsigned char)word[i]; i++)
		if (!word[i])
			return true;
	return false;
}

/* Append every (address, size) pair of `reg`. */
static int add_reg(struct fdt *fdt, const struct fdt_value *reg, struct fdt_cells cells,
		   enum quarry_mem_type type, unsigned numa_node)
{
	uint32_t pair = 4 * (cells.address + cells.size);
	int error = 0;

	if (!reg->size)
		return 0;
	if (cells.address - 1 > 1 || cells.size - 1 > 1 || reg->size % pair)
		return -QUARRY_EINVAL;
	for (uint32_t i = 0; i < reg->size && !error; i += pair)
		error = quarry_memmap_add(fdt->map, be_cells(reg->bytes + i, cells.address),
					  be_cells(reg->bytes + i + 4 * cells.address, cells.size),
					  type, numa_node);
	return error;
}

static int add_initrd(struct fdt *fdt, const struct fdt_value *first, const struct fdt_value *last)
{
	uint64_t start, end;

	if (!first->size || !last->size)
		return 0;
	if ((first->size != 4 && first->size != 8) || (last->size != 4 && last->size != 8))
		return -QUARRY_EINVAL;
	start = be_cells(first->bytes, first->size / 4);
	end = be_cells(last->bytes, last->size / 4);
	return end > start ? quarry_memmap_add(fdt->map, start, end - start, QUARRY_MEM_RESERVED, 0)
			   : 0;
}

/* All properties of the node have been seen: take what it says, once. */
static int judge_node(struct fdt *fdt)
{
	struct fdt_node node = fdt->node;

	fdt->node = (struct fdt_node){.place = FDT_ELSEWHERE};
	if (node.disabled)
		return 0;
	switch (node.place) {
	case FDT_MEMORY:
		return node.memory ? add_reg(fdt, &node.reg, fdt->root, QUARRY_MEM_USABLE,
					     node.numa_node)
				   : 0;
	case FDT_RESERVED_CHILD:
		return add_reg(fdt, &node.reg, fdt->reserved, QUARRY_MEM_RESERVED, 0);
	case FDT_CHOSEN:
		return add_initrd(fdt, &node.initrd_start, &node.initrd_end);
	default:
		return 0;
	}
}

static int begin_node(struct fdt *fdt)
{
	int64_t length = fdt_string_length(fdt, fdt->at);
	const unsigned char *name;
	int error = judge_node(fdt);

	if (length < 0 || error)
		return error ? error : -QUARRY_EINVAL;
	name = fdt->blob + fdt->at;
	fdt->at += ((uint32_t)length + 4) & ~3u;
	switch (++fdt->depth) {
	case 1:
		fdt->node.place = FDT_ROOT;
		break;
	case 2:
		fdt->top = FDT_MEMORY;
		if (holds(name, (uint64_t)length + 1, "chosen"))
			fdt->top = FDT_CHOSEN;
		else if (holds(name, (uint64_t)length + 1, "reserved-memory"))
			fdt->top = FDT_RESERVED_MEMORY;
		fdt->node.place = fdt->top;
		break;
	case 3:
		if (fdt->top == FDT_RESERVED_MEMORY)
			fdt->node.place = FDT_RESERVED_CHILD;
		break;
	default:
		break;
	}
	return 0;
}

static int end_node(struct fdt *fdt)
{
	if (!fdt->depth)
		return -QUARRY_EINVAL;
	fdt->depth--;
	return judge_node(fdt);
}

/* The cell counts that the node being read sets for its children. */
static struct fdt_cells *cells_for_children(struct fdt *fdt)
{
	if (fdt->node.place == FDT_ROOT)
		return &fdt->root;
	return fdt->node.place == FDT_RESERVED_MEMORY ? &fdt->reserved : &fdt->other;
}

static int read_property(struct fdt *fdt)
{
	const unsigned char *header = fdt_bytes(fdt, fdt->at, 8), *name;
	struct fdt_node *node = &fdt->node;
	struct fdt_value value;
	uint32_t name_at;

	if (!header)
		return -QUARRY_EINVAL;
	value.size = be32(header);
	value.bytes = fdt_bytes(fdt, (uint64_t)fdt->at + 8, value.size);
	name_at = be32(header + 4);
	if (!value.bytes || name_at >= fdt->names_size)
		return -QUARRY_EINVAL;
	fdt->at += 8 + ((value.size + 3) & ~3u);
	name = fdt->names + name_at;

#define PROPERTY(word) holds(name, fdt->names_size - name_at, word)
	if (PROPERTY("reg"))
		node->reg = value;
	else if (PROPERTY("device_type"))
		node->memory = holds(value.bytes, value.size, "memory");
	else if (PROPERTY("status"))
		node->disabled = !holds(value.bytes, value.size, "okay") &&
				 !holds(value.bytes, value.size, "ok");
	else if (PROPERTY("numa-node-id") && value.size == 4)
		node->numa_node = be32(value.bytes);
	else if (PROPERTY("linux,initrd-start"))
		node->initrd_start = value;
	else if (PROPERTY("linux,initrd-end"))
		node->initrd_end = value;
	else if (value.size == 4 && PROPERTY("#address-cells"))
		cells_for_children(fdt)->address = be32(value.bytes);
	else if (value.size == 4 && PROPERTY("#size-cells"))
		cells_for_children(fdt)->size = be32(value.bytes);
#undef PROPERTY
	return 0;
}

static int read_tokens(struct fdt *fdt)
{
	for (;;) {
		const unsigned char *token = fdt_bytes(fdt, fdt->at, 4);
		int error = 0;

		if (!token)
			return -QUARRY_EINVAL;
		fdt->at += 4;
		switch (be32(token)) {
		case FDT_BEGIN_NODE:
			error = begin_node(fdt);
			break;
		case FDT_END_NODE:
			error = end_node(fdt);
			break;
		case FDT_PROPERTY:
			error = read_property(fdt);
			break;
		case FDT_NOP:
			break;
		case FDT_END:
			return fdt->depth ? -QUARRY_EINVAL : 0;
		default:
			error = -QUARRY_EINVAL;
		}
		if (error)
			return error;
	}
}

/* The memory reservation block: pairs of 64-bit address and size, ended by a pair of zeros. */
static int add_reservations(struct fdt *fdt, uint64_t at)
{
	for (;; at += 16) {
		const unsigned char *pair = fdt_bytes(fdt, at, 16);
		int error;

		if (!pair)
			return -QUARRY_EINVAL;
		if (!be_cells(pair, 2) && !be_cells(pair + 8, 2))
			return 0;
		error = quarry_memmap_add(fdt->map, be_cells(pair, 2), be_cells(pair + 8, 2),
					  QUARRY_MEM_RESERVED, 0);
		if (error)
			return error;
	}
}

int quarry_memmap_fdt(struct quarry_memmap *map, const void *blob, size_t max_bytes,
		      uintptr_t offset)
{
	const unsigned char *header = blob;
	struct fdt fdt = {.blob = blob, .map = map, .root = {2, 1}, .reserved = {2, 1}};
	size_t nr_before = map->nr;
	int error;

	if (max_bytes < FDT_HEADER_BYTES || be32(header) != FDT_MAGIC)
		return -QUARRY_EINVAL;
	fdt.total = be32(header + FDT_TOTAL_SIZE);
	fdt.at = be32(header + FDT_STRUCT);
	fdt.names_size = be32(header + FDT_NAMES_SIZE);
	/* Offsets stay below 2^31, so that adding two of them cannot wrap. */
	if (fdt.total < FDT_HEADER_BYTES || fdt.total > max_bytes || fdt.total >> 31 ||
	    be32(header + FDT_VERSION) < FDT_OLDEST_VERSION || be32(header + FDT_COMPATIBLE) > 17)
		return -QUARRY_EINVAL;
	fdt.names = fdt_bytes(&fdt, be32(header + FDT_NAMES), fdt.names_size);
	if (!fdt.names || (fdt.names_size && fdt.names[fdt.names_size - 1]))
		return -QUARRY_EINVAL;

	error = quarry_memmap_add(map, (uintptr_t)blob - offset, fdt.total, QUARRY_MEM_RESERVED, 0);
	if (!error)
		error = add_reservations(&fdt, be32(header + FDT_RESERVED));
	if (!error)
		error = read_tokens(&fdt);
	if (error)
		map->nr = nr_before;
	return error;
}
