/* SPDX-License-Identifier: MIT */
/*
 * memmap.c (x86_64): the memory maps of BIOS loaders: E820, PVH, Multiboot 1 and 2.
 *
 * All four carry the same kind of entry: base and length (64 bits each) and a type (32 bits); they
 * differ in where the table is and how far apart its entries are. Loaders put their boot
 * information and modules into memory that the map calls available, so those are added as reserved.
 *
 * Start at    memmap_entries
 */
#include <quarry/memmap.h>

enum e820_type { E820_USABLE = 1, E820_ACPI_RECLAIMABLE = 3 };
struct e820_entry {
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

/* Interrupt vectors, data of the BIOS, and a page to start other CPUs at: withheld. */
#define LOW_MEMORY (1ull << 20)
/* Bytes of a command line that are looked at for its end. */
#define COMMAND_LINE_MAX 4096u

struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modules, command_line, rsdp, memory_map;
	uint32_t nr_memory_map, reserved;
};
struct pvh_module {
	uint64_t base, size, command_line, reserved;
};
#define PVH_MAGIC 0x336ec578u
#define PVH_ENTRY_BYTES 24u

struct multiboot1_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, command_line, nr_modules, modules,
		symbols[4];
	uint32_t memory_map_bytes, memory_map;
};
struct multiboot1_module {
	uint32_t start, end, command_line, reserved;
};
#define MULTIBOOT1_MEMORY (1u << 0)
#define MULTIBOOT1_COMMAND_LINE (1u << 2)
#define MULTIBOOT1_MODULES (1u << 3)
#define MULTIBOOT1_MEMORY_MAP (1u << 6)

struct multiboot2_tag {
	uint32_t type, size;
};
enum { MULTIBOOT2_END = 0, MULTIBOOT2_MODULE = 3, MULTIBOOT2_MEMORY_MAP = 6 };

/* A conversion in progress: the first failure sticks, and everything after it does nothing. */
struct conversion {
	struct quarry_memmap *map;
	size_t nr_before;
	uintptr_t offset;
	int error;
};

static struct conversion begin(struct quarry_memmap *map, uintptr_t offset)
{
	return (struct conversion){.map = map, .nr_before = map->nr, .offset = offset};
}
static void add(struct conversion *c, uint64_t base, uint64_t size, enum quarry_mem_type type)
{
	if (!c->error)
		c->error = quarry_memmap_add(c->map, base, size, type, 0);
}
/* Withhold low memory, and take everything back if a step failed. */
static int finish(struct conversion *c)
{
	add(c, 0, LOW_MEMORY, QUARRY_MEM_RESERVED);
	if (c->error)
		c->map->nr = c->nr_before;
	return c->error;
}
static void reserve(struct conversion *c, uint64_t base, uint64_t size)
{
	if (base && size)
		add(c, base, size, QUARRY_MEM_RESERVED);
}
static const unsigned char *at_phys(const struct conversion *c, uint64_t phys)
{
	return (const unsigned char *)((uintptr_t)phys + c->offset);
}
static uint64_t phys_of(const struct conversion *c, const void *pointer)
{
	return (uintptr_t)pointer - c->offset;
}

static void reserve_command_line(struct conversion *c, uint64_t phys)
{
	uint64_t length = 0;

	if (!phys)
		return;
	while (length < COMMAND_LINE_MAX && at_phys(c, phys)[length])
		length++;
	reserve(c, phys, length + 1);
}

static void add_entry(struct conversion *c, const unsigned char *at)
{
	struct e820_entry entry;
	enum quarry_mem_type type = QUARRY_MEM_RESERVED;

	__builtin_memcpy(&entry, at, sizeof(entry));
	if (entry.type == E820_USABLE)
		type = QUARRY_MEM_USABLE;
	else if (entry.type == E820_ACPI_RECLAIMABLE)
		type = QUARRY_MEM_LATER;
	add(c, entry.base, entry.length, type);
}

/* Append a table of entries `stride` bytes apart. */
static void memmap_entries(struct conversion *c, const unsigned char *table, uint64_t count,
			   uint64_t stride)
{
	if (stride < sizeof(struct e820_entry) || stride > 4096)
		c->error = -QUARRY_EINVAL;
	for (uint64_t i = 0; i < count && !c->error; i++)
		add_entry(c, table + i * stride);
}

int quarry_memmap_e820(struct quarry_memmap *map, const void *table, size_t count, size_t stride)
{
	struct conversion c = begin(map, 0);

	memmap_entries(&c, table, count, stride);
	return finish(&c);
}

int quarry_memmap_pvh(struct quarry_memmap *map, const void *start_info, uintptr_t offset)
{
	struct conversion c = begin(map, offset);
	struct pvh_start_info info;

	__builtin_memcpy(&info, start_info, sizeof(info));
	if (info.magic != PVH_MAGIC || info.version < 1)
		return -QUARRY_EINVAL;
	memmap_entries(&c, at_phys(&c, info.memory_map), info.nr_memory_map, PVH_ENTRY_BYTES);
	reserve(&c, phys_of(&c, start_info), sizeof(info));
	reserve(&c, info.memory_map, (uint64_t)info.nr_memory_map * PVH_ENTRY_BYTES);
	reserve_command_line(&c, info.command_line);
	reserve(&c, info.modules, (uint64_t)info.nr_modules * sizeof(struct pvh_module));
	for (uint64_t i = 0; i < info.nr_modules && !c.error; i++) {
		struct pvh_module module;

		__builtin_memcpy(&module, at_phys(&c, info.modules + i * sizeof(module)),
				 sizeof(module));
		reserve(&c, module.base, module.size);
		reserve_command_line(&c, module.command_line);
	}
	return finish(&c);
}

/* Entries of Multiboot 1 each begin with their own size, which does not count itself. */
static void multiboot1_entries(struct conversion *c, const struct multiboot1_info *info)
{
	const unsigned char *table = at_phys(c, info->memory_map);
	uint64_t at = 0, end = info->memory_map_bytes;

	while (end - at >= sizeof(uint32_t) + sizeof(struct e820_entry) && !c->error) {
		uint32_t size;

		__builtin_memcpy(&size, table + at, sizeof(size));
		if (size < sizeof(struct e820_entry) || size > end - at - sizeof(size)) {
			c->error = -QUARRY_EINVAL;
			return;
		}
		add_entry(c, table + at + sizeof(size));
		at += sizeof(size) + size;
	}
	reserve(c, info->memory_map, end);
}

int quarry_memmap_multiboot1(struct quarry_memmap *map, const void *info_at, uintptr_t offset)
{
	struct conversion c = begin(map, offset);
	struct multiboot1_info info;

	__builtin_memcpy(&info, info_at, sizeof(info));
	if (info.flags & MULTIBOOT1_MEMORY_MAP)
		multiboot1_entries(&c, &info);
	else if (info.flags & MULTIBOOT1_MEMORY)
		add(&c, LOW_MEMORY, (uint64_t)info.mem_upper << 10, QUARRY_MEM_USABLE);
	else
		return -QUARRY_EINVAL;
	reserve(&c, phys_of(&c, info_at), sizeof(info));
	if (info.flags & MULTIBOOT1_COMMAND_LINE)
		reserve_command_line(&c, info.command_line);
	for (uint64_t i = 0; info.flags & MULTIBOOT1_MODULES && i < info.nr_modules && !c.error;
	     i++) {
		struct multiboot1_module module;
		uint64_t at = info.modules + i * sizeof(module);

		__builtin_memcpy(&module, at_phys(&c, at), sizeof(module));
		reserve(&c, at, sizeof(module));
		if (module.end > module.start)
			reserve(&c, module.start, (uint64_t)module.end - module.start);
		reserve_command_line(&c, module.command_line);
	}
	return finish(&c);
}

/* Memory map tag: entry size and version (32 bits each), then the entries. */
static void multiboot2_entries(struct conversion *c, const unsigned char *body, uint64_t bytes)
{
	uint32_t stride;

	if (bytes < 8) {
		c->error = -QUARRY_EINVAL;
		return;
	}
	__builtin_memcpy(&stride, body, sizeof(stride));
	if (stride)
		memmap_entries(c, body + 8, (bytes - 8) / stride, stride);
	else
		c->error = -QUARRY_EINVAL;
}

/* Module tag: start, end (32 bits each), then its command line. */
static void multiboot2_module(struct conversion *c, const unsigned char *body, uint64_t bytes)
{
	uint32_t range[2];

	if (bytes < sizeof(range)) {
		c->error = -QUARRY_EINVAL;
		return;
	}
	__builtin_memcpy(range, body, sizeof(range));
	if (range[1] > range[0])
		reserve(c, range[0], (uint64_t)range[1] - range[0]);
}

int quarry_memmap_multiboot2(struct quarry_memmap *map, const void *info, uintptr_t offset)
{
	struct conversion c = begin(map, offset);
	const unsigned char *at = info;
	uint32_t total;
	bool found = false;

	/*
	 * Total size and a reserved word, then tags at multiples of 8; each size counts the tag's
	 * header.
	 */
	__builtin_memcpy(&total, at, sizeof(total));
	for (uint64_t next = 8; !c.error;) {
		struct multiboot2_tag tag;
		uint64_t body = next + sizeof(tag);

		if (body > total)
			break;
		__builtin_memcpy(&tag, at + next, sizeof(tag));
		if (tag.type == MULTIBOOT2_END)
			break;
		if (tag.size < sizeof(tag) || tag.size > total - next) {
			c.error = -QUARRY_EINVAL;
			break;
		}
		if (tag.type == MULTIBOOT2_MEMORY_MAP) {
			multiboot2_entries(&c, at + body, tag.size - sizeof(tag));
			found = true;
		} else if (tag.type == MULTIBOOT2_MODULE) {
			multiboot2_module(&c, at + body, tag.size - sizeof(tag));
		}
		next += ((uint64_t)tag.size + 7) & ~7ull;
	}
	if (!found && !c.error)
		c.error = -QUARRY_EINVAL;
	reserve(&c, phys_of(&c, info), total);
	return finish(&c);
}
