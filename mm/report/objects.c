/* SPDX-License-Identifier: MIT */
/*
 * objects.c: what is in use and who asked for it; what is known about an address.
 *
 *   leaks      count bytes from site       objects by cache and place, large blocks, areas
 *   allocinfo  bytes count site            the same for places that are known, in Linux's layout;
 *                                          of objects those in the source, if they are counted
 *   object     one address
 *
 * Start at quarry_report_leaks, quarry_report_object.
 */
#include <quarry/report.h>
#include <quarry/slab.h>

#include "mm/base/log.h"
#include "mm/report/frame.h"
#include "mm/slab/alloc_tag.h"
#include "mm/slab/slab_guard.h"
#include "mm/slab/slab_sites.h"
#include "mm/vmap/area_tag.h"
#include "mm/vmap/vmap.h"
#include "mm/vmap/vmap_dir.h"

#define NAME 64u

/* ---- leaks ---- */

struct total {
	unsigned long count, bytes;
};

static void add(struct total *total, unsigned long count, unsigned long bytes)
{
	total->count += count;
	total->bytes += bytes;
}

static void leak_row(quarry_write_fn write, void *ctx, unsigned long count, unsigned long bytes,
		     const char *from, const char *site)
{
	mm_print(write, ctx, "%8lu %12lu %-24s %s\n", count, bytes, from, site);
}

/* Frames from `pfn` to the next that can be the head of a block. */
static unsigned long step(unsigned long pfn, unsigned kind, unsigned order)
{
	if (!(pageblock_state(pfn) & BLOCK_READY))
		return pageblock_nr_pages - pfn % pageblock_nr_pages;
	return kind == QUARRY_PAGE_INNER || kind == QUARRY_PAGE_SLAB ? 1 : 1ul << order;
}

/* Large blocks of kmalloc. Read without a lock: what comes and goes meanwhile may be missed. */
static struct total large_blocks(void)
{
	struct total total = {0};

	for_every_populated_zone(zone) {
		for (unsigned long pfn = zone_start_pfn(zone); pfn < zone_end_pfn(zone);) {
			bool whole = pageblock_state(pfn) && pfn % pageblock_nr_pages == 0;
			bool ready = pageblock_state(pfn) & BLOCK_READY;
			uint32_t flags = whole || ready ? page_flags(pfn_to_page(pfn)) : 0;
			unsigned kind = flags_kind(flags), order = flags_order(flags);

			if (kind == QUARRY_PAGE_LARGE)
				add(&total, 1, PAGE_SIZE << order);
			pfn += step(pfn, kind, order);
		}
	}
	return total;
}

unsigned long quarry_report_leaks(quarry_write_fn write, void *ctx)
{
	struct slab_site site = {0};
	struct vmap_info area;
	struct total total = {0}, large = large_blocks();
	char name[NAME];

	mm_print(write, ctx, "# count        bytes from                     site\n");
	while (slab_site_next(&site)) {
		if (site.ours)
			continue;
		mm_name_of(site.caller, name, sizeof(name));
		leak_row(write, ctx, site.count, site.bytes, site.name, site.known ? name : "-");
		add(&total, site.count, site.bytes);
	}
	if (large.count) {
		leak_row(write, ctx, large.count, large.bytes, "kmalloc, pages", "-");
		add(&total, large.count, large.bytes);
	}
	for (uintptr_t cursor = 0; vmap_info_next(&cursor, &area);) {
		unsigned long bytes = area.pages << PAGE_SHIFT;

		mm_name_of(area.caller, name, sizeof(name));
		leak_row(write, ctx, 1, bytes, area.flags & VMAP_ALLOC ? "vmalloc" : "vmap", name);
		add(&total, 1, bytes);
	}
	mm_print(write, ctx, "%8lu %12lu in all\n", total.count, total.bytes);
	return total.count;
}

/* Places in the source, if objects are counted by them. */
static void tag_rows(quarry_write_fn write, void *ctx)
{
	struct alloc_site site;

	for (size_t cursor = 0; alloc_tag_next(&cursor, &site);)
		mm_print(write, ctx, "%12lu %8lu %s:%u func:%s\n", site.bytes, site.calls,
			 site.file, site.line, site.func);
}

void quarry_report_allocinfo(quarry_write_fn write, void *ctx)
{
	struct slab_site site = {0};
	struct vmap_info area;
	char name[NAME];

	mm_print(write, ctx, "allocinfo - version: 1.0\n#     <size>  <calls> <tag info>\n");
	tag_rows(write, ctx);
	while (!QUARRY_ALLOCINFO && slab_site_next(&site)) {
		if (!site.known || site.ours)
			continue;
		mm_name_of(site.caller, name, sizeof(name));
		mm_print(write, ctx, "%12lu %8lu %s [%s]\n", site.bytes, site.count, name,
			 site.name);
	}
	for (uintptr_t cursor = 0; vmap_info_next(&cursor, &area);) {
		if (area_is_tagged((void *)area.start)) /* it is in a row above */
			continue;
		mm_name_of(area.caller, name, sizeof(name));
		mm_print(write, ctx, "%12lu %8u %s [vmalloc]\n", area.pages << PAGE_SHIFT, 1u,
			 name);
	}
}

/* ---- one address ---- */

static void track_line(quarry_write_fn write, void *ctx, const char *what,
		       const struct slab_track *track)
{
	char name[NAME];

	if (!track->set)
		return;
	mm_name_of(track->caller, name, sizeof(name));
	mm_print(write, ctx, "  %s by %s on CPU %u at %llu ns\n", what, name, track->cpu,
		 (unsigned long long)track->ns);
}

static void describe_object(quarry_write_fn write, void *ctx, const void *p,
			    const struct slab_object *object)
{
	if (!object->start) {
		mm_print(write, ctx, "%p: between the objects of cache %s\n", p, object->name);
		return;
	}
	mm_print(write, ctx, "%p: %s object %p of cache %s, byte %ld of %u%s\n", p,
		 object->is_free ? "free" : "live", object->start, object->name,
		 (long)((uintptr_t)p - (uintptr_t)object->start), object->size,
		 !object->is_free && object->stocks ? " (or waiting in a CPU's stock)" : "");
	if (object->tracked) {
		track_line(write, ctx, "allocated", &object->track[TRACK_ALLOC]);
		track_line(write, ctx, "freed", &object->track[TRACK_FREE]);
	}
}

static void describe_guarded(quarry_write_fn write, void *ctx, const void *p,
			     const struct guard_view *view)
{
	if (!view->start) {
		mm_print(write, ctx, "%p: in the sampling guard's pool, at no object\n", p);
		return;
	}
	mm_print(write, ctx, "%p: %s guarded object %p of cache %s, byte %ld of %u\n", p,
		 view->live ? "live" : "free", (const void *)view->start, view->name,
		 (long)((uintptr_t)p - (uintptr_t)view->start), view->size);
	track_line(write, ctx, "allocated", &view->track[TRACK_ALLOC]);
	track_line(write, ctx, "freed", &view->track[TRACK_FREE]);
}

static void describe_area(quarry_write_fn write, void *ctx, const void *p)
{
	struct vmap_info area;
	char name[NAME];

	if (!vmap_info_at(p, &area)) {
		mm_print(write, ctx, "%p: in the vmalloc window, in no area\n", p);
		return;
	}
	mm_name_of(area.caller, name, sizeof(name));
	mm_print(write, ctx, "%p: byte %lu of a %s area of %lu bytes, by %s\n", p,
		 (unsigned long)((uintptr_t)p - area.start),
		 area.flags & VMAP_ALLOC ? "vmalloc" : "vmap", (unsigned long)area.size, name);
}

static void describe_page(quarry_write_fn write, void *ctx, const void *p)
{
	static const char *const kinds[] = {
		[QUARRY_PAGE_INNER] = "no block",
		[QUARRY_PAGE_FREE] = "a free block",
		[QUARRY_PAGE_PARKED] = "a free block on a CPU",
		[QUARRY_PAGE_USED] = "a block of pages in use",
		[QUARRY_PAGE_MOVABLE] = "a movable block in use",
		[QUARRY_PAGE_RESERVED] = "reserved memory",
		[QUARRY_PAGE_SLAB] = "a slab that goes",
		[QUARRY_PAGE_LARGE] = "a large kmalloc object",
		[QUARRY_PAGE_VMALLOC] = "a page of a vmalloc area",
		[QUARRY_PAGE_TABLE] = "a page table",
		[QUARRY_PAGE_ISOLATED] = "a free block kept for compaction",
		[QUARRY_PAGE_OFFLINE] = "removed memory",
	};
	const struct page *head = block_of_address(p);
	unsigned kind = head ? frame_kind(direct_frame((uintptr_t)p)) : FRAME_UNKNOWN;

	if (kind >= QUARRY_NR_PAGE_KINDS) {
		mm_print(write, ctx, "%p: not an object: %s\n", p,
			 kind == FRAME_TABLES ? "the library's tables" : "not our memory");
		return;
	}
	mm_print(write, ctx, "%p: byte %lu of %s, %lu bytes", p,
		 (unsigned long)((uintptr_t)p - (uintptr_t)page_address(head)), kinds[kind],
		 page_size(head));
	if (kind == QUARRY_PAGE_LARGE)
		mm_print(write, ctx, ", %lu asked for", head->private_);
	mm_print(write, ctx, "\n");
}

void quarry_report_object(quarry_write_fn write, void *ctx, const void *p)
{
	struct slab_object object;
	struct guard_view view;

	if (ZERO_OR_NULL_PTR(p))
		mm_print(write, ctx, "%p: %s\n", p, p ? "ZERO_SIZE_PTR" : "NULL");
	else if (vmap_dir_covers((uintptr_t)p))
		describe_area(write, ctx, p);
	else if (slab_guard_view(p, &view))
		describe_guarded(write, ctx, p, &view);
	else if (slab_describe(p, &object))
		describe_object(write, ctx, p, &object);
	else
		describe_page(write, ctx, p);
}

/* Pieces of a report, gathered into lines of the log. */
struct lines {
	char text[256];
	unsigned used;
};

static void log_piece(void *ctx, const char *text)
{
	struct lines *lines = ctx;

	for (; *text; text++) {
		if (*text != '\n' && lines->used < sizeof(lines->text) - 1) {
			lines->text[lines->used++] = *text;
		} else if (*text == '\n') {
			lines->text[lines->used] = '\0';
			lines->used = 0;
			mm_log(QUARRY_LOG_INFO, "%s", lines->text);
		}
	}
}

void kmem_dump_obj(const void *p)
{
	struct lines lines = {.used = 0};

	quarry_report_object(log_piece, &lines, p);
}

bool kmem_valid_obj(const void *p)
{
	struct slab_object object;
	struct guard_view view;

	if (ZERO_OR_NULL_PTR(p) || vmap_dir_covers((uintptr_t)p))
		return false;
	if (slab_guard_view(p, &view))
		return view.live && view.inside;
	if (slab_describe(p, &object))
		return object.start && !object.is_free;
	const struct page *head = block_of_address(p);

	return head && page_kind(head) == QUARRY_PAGE_LARGE;
}
