/* SPDX-License-Identifier: MIT */
/*
 * replay.c: replays a trace of kernel memory requests on the mock machine and prints, over time,
 * the bytes that were requested beside the memory that objects take.
 *
 *   replay [-c CPUS] [-i EVENTS] [-m MIB] [-p PERCENT] [-e PERCENT] [-v] [TRACE]
 *
 *   -c  CPUs; those of the trace are taken modulo that (2)
 *   -i  events from one row to the next (1/200 of the trace)
 *   -m  memory of the machine (1024)
 *   -p  fail if objects' memory at the peak is more than this share of what was requested
 *   -e  the same after the trace's end, when nothing was drained
 *   -v  at the peak and the end, what is wasted by which cache and where, largest first
 *
 * Without a file a small history of fixed seed is played: start, bursts of files, their end.
 *
 * A trace has one event a line. Ids are the trace's own, used once at a time:
 *   K cpu id size mask         kmalloc             k cpu id    kfree
 *   C cpu id size mask         kmem_cache_alloc    c cpu id    kmem_cache_free
 *   P cpu id order mask any    alloc_pages         p cpu id    __free_pages
 * A trace does not name caches: there is one for each size.
 *
 * What is counted
 *   requested   bytes of the K and C that live
 *   memory      pages of all slabs, those of CPUs' stocks included, large blocks of kmalloc, and
 *               the depots' arrays. Not P, which is replayed only to be in the way.
 *   peak        the event after which most bytes are requested
 *   single      pages of slabs in which one object lives though there is room for more
 *   slack ...   where the rest of the memory is: exactly, or the replay fails
 *
 * Start at play.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mm/slab/depot.h"
#include "mm/slab/slab.h"
#include "mm/slab/slab_cache.h"
#include "tests/mock/mock.h"
#include "tests/tools/gfp_words.h"

#define MACHINE_BASE MOCK_MIB /* so that there is a DMA zone */
#define MAX_IDS (1u << 26)
#define MAX_SIZE (QUARRY_CACHE_MAX_SIZE + 1)
#define MAX_MASKS 512u
/* A cache has few objects in use up to this many. */
#define FEW 8u

struct event {
	char kind;
	unsigned char cpu;
	unsigned short mask; /* into masks[] */
	unsigned id;
	unsigned size; /* K, C: bytes; P: order */
};

/* What an id stands for. */
struct holding {
	void *memory; /* P: the struct page; NULL: nothing, the request failed or the id is free */
	unsigned size;
	char kind;
};

/*
 * Where the memory is, in bytes:  memory == requested + the sum of where[]
 */
enum {
	SLACK,	/* between what was asked for and the next object: classes, alignment */
	LARGE,	/* rounding of blocks above kmalloc's largest class */
	TAILS,	/* ends of slabs that hold no object */
	SLABS,	/* free objects in slabs */
	STOCKS, /* ... in the CPUs' stocks */
	DEPOTS, /* ... in the nodes' depots */
	OWN,	/* caches, stocks and depots themselves */
	WHERE
};
static const char *const where_name[WHERE] = {"slack", "large",	 "tails", "slabs",
					      "stocks", "depots", "own"};

struct state {
	unsigned long requested, memory, single;
	unsigned long where[WHERE];
	unsigned long of_few[WHERE]; /* the part of it that is of caches with at most FEW in use */
};

static struct event *events;
static size_t nr_events, room;
static struct holding *ids;
static unsigned nr_ids;
static struct {
	char text[120];
	gfp_t gfp;
} masks[MAX_MASKS];
static unsigned nr_masks;
static struct kmem_cache **cache_of_size;
static unsigned short *live; /* by frame of a slab's head */
static unsigned long nr_frames;
static unsigned long requested, slot_bytes, large_bytes, large_asked, failed;

static void fail(const char *what, size_t line)
{
	fprintf(stderr, "replay: line %zu: %s\n", line, what);
	exit(2);
}

/* ---- reading ---- */

static unsigned short mask_number(const char *text, size_t line)
{
	char copy[sizeof(masks[0].text)];

	for (unsigned i = 0; i < nr_masks; i++)
		if (!strcmp(masks[i].text, text))
			return (unsigned short)i;
	if (nr_masks == MAX_MASKS || strlen(text) >= sizeof(copy))
		fail("too many masks, or too long a one", line);
	strcpy(masks[nr_masks].text, text);
	strcpy(copy, text);
	if (gfp_parse(copy, &masks[nr_masks].gfp))
		fail("a mask that is none", line);
	return (unsigned short)nr_masks++;
}

static void add_event(struct event event)
{
	if (nr_events == room) {
		room = room ? room * 2 : 4096;
		events = realloc(events, room * sizeof(*events));
		if (!events)
			fail("out of memory", nr_events);
	}
	events[nr_events++] = event;
	nr_ids = event.id >= nr_ids ? event.id + 1 : nr_ids;
}

static void read_trace(FILE *file)
{
	char text[256], mask[256], kind;
	unsigned cpu, id, size;

	for (size_t line = 1; fgets(text, sizeof(text), file); line++) {
		int n = sscanf(text, "%c %u %u %u %255s", &kind, &cpu, &id, &size, mask);
		bool request = n == 5 && strchr("KCP", kind);

		if (n < 1 || kind == '#' || kind == '\n')
			continue;
		if (!request && !(n == 3 && strchr("kcp", kind)))
			fail("not an event", line);
		if (id >= MAX_IDS || (request && (kind == 'P' ? size > QUARRY_MAX_ORDER : !size)))
			fail("an id, size or order out of range", line);
		if (kind == 'C' && size >= MAX_SIZE)
			fail("no cache has objects of this size", line);
		add_event((struct event){.kind = kind,
					 .cpu = (unsigned char)cpu,
					 .mask = request ? mask_number(mask, line) : 0,
					 .id = id,
					 .size = request ? size : 0});
	}
}

/* ---- a history of its own ---- */

/* What the start of a kernel leaves for good, then files that are opened on one CPU and closed,
 * in another order, on the other. */
static void make_trace(void)
{
	static const unsigned sizes[] = {16, 24, 55, 64, 88, 136, 192, 256, 624, 752, 1160, 4096};
	const unsigned nr_sizes = sizeof(sizes) / sizeof(sizes[0]), files = 1500, parts = 3;
	unsigned short kernel = mask_number("GFP_KERNEL", 0);
	unsigned short zero = mask_number("GFP_KERNEL|__GFP_ZERO", 0);
	unsigned short now = mask_number("GFP_ATOMIC|__GFP_NOWARN", 0);
	uint64_t seed = 6;
	unsigned id = 0;

	for (; id < 9000; id++) {
		uint64_t r = mock_random(&seed);
		unsigned size = sizes[r % 7 + (r % 64 == 0 ? 5 : 0)];

		add_event((struct event){r % 3 ? 'C' : 'K', 0, r % 5 ? zero : now, id, size});
	}
	for (unsigned burst = 0; burst < 3; burst++) {
		unsigned order[1500 * 3], first = id;

		for (unsigned i = 0; i < files * parts; i++, id++) {
			uint64_t r = mock_random(&seed);
			unsigned size = sizes[(burst + i % parts * 3 + r % 4) % nr_sizes];
			unsigned j = (unsigned)(r >> 32) % (i + 1);

			add_event((struct event){r % 8 ? 'C' : 'K', i / 64 % 2, kernel, id, size});
			order[i] = order[j];
			order[j] = first + i;
		}
		for (unsigned i = 0; i < files * parts; i++)
			if (burst < 2 || i % 16)
				add_event((struct event){'k', i / 100 % 2, 0, order[i], 0});
	}
}

/* ---- state ---- */

static unsigned short *live_of(void *object)
{
	struct page *page = virt_to_page(object);

	if (page_kind(page) != QUARRY_PAGE_SLAB)
		return NULL;
	return &live[page_to_pfn(slab_head(page)) - MACHINE_BASE / PAGE_SIZE];
}

static unsigned long single_pages(void)
{
	unsigned long pages = 0;

	for (unsigned long i = 0; i < nr_frames; i++) {
		if (live[i] != 1)
			continue;
		struct page *head = pfn_to_page(i + MACHINE_BASE / PAGE_SIZE);

		if (slab_shape(head->mapping, head)->objects > 1)
			pages += 1ul << page_order(head);
	}
	return pages;
}

/* The caches' own memory: not asked for by the trace. */
static bool is_service(const struct kmem_cache *cache)
{
	return !strncmp(cache->name, "stock-", 6) || cache == &cache_cache || cache == &alias_cache;
}

/* What one cache has, and where. */
struct cache_sum {
	unsigned long pages, live, where[WHERE];
};

static struct cache_sum sum_of(struct kmem_cache *cache)
{
	unsigned long objects = 0, taken = 0, stocks = cpu_cache_count(cache);
	unsigned long depots = depot_count(cache);
	struct cache_sum sum = {0};

	for (unsigned n = 0; n < QUARRY_MAX_NODES; n++) {
		struct slab_node *node = &cache->node[n];

		sum.pages += node->pages;
		objects += node->objects;
		taken += node->taken;
		if (node->depot)
			sum.where[OWN] += page_size(virt_to_page(node->depot));
	}
	sum.live = taken - stocks - depots;
	sum.where[TAILS] = sum.pages * PAGE_SIZE - objects * cache->size;
	sum.where[SLABS] = (objects - taken) * cache->size;
	sum.where[STOCKS] = stocks * cache->size;
	sum.where[DEPOTS] = depots * cache->size;
	return sum;
}

static struct state state_now(void)
{
	struct state now = {.requested = requested, .single = single_pages()};

	now.where[LARGE] = large_bytes - large_asked;
	now.where[SLACK] = slot_bytes - (requested - large_asked);
	now.memory = large_bytes;
	for (struct kmem_cache *cache = cache_after(0); cache; cache = cache_after(cache->id)) {
		struct cache_sum sum = sum_of(cache);

		now.memory += sum.pages * PAGE_SIZE + sum.where[OWN];
		if (is_service(cache)) {
			now.where[OWN] += sum.pages * PAGE_SIZE;
			continue;
		}
		for (unsigned i = 0; i < WHERE; i++) {
			now.where[i] += sum.where[i];
			now.of_few[i] += sum.live <= FEW ? sum.where[i] : 0;
		}
	}
	return now;
}

static void print_row(size_t event, const struct state *now)
{
	printf("%10zu %12lu %12lu %8.3f %8lu", event, now->requested, now->memory,
	       now->requested ? (double)now->memory / (double)now->requested : 0, now->single);
	for (unsigned i = 0; i < WHERE; i++)
		printf(" %9lu", now->where[i]);
	printf("\n");
}

/* What the ratio is made of. */
static void print_where(const char *when, const struct state *now)
{
	unsigned long sum = now->requested;

	printf("# %s: beyond the bytes requested, as a share of them; in brackets the part of"
	       " caches with at most %u objects in use\n#  ", when, FEW);
	for (unsigned i = 0; i < WHERE; i++) {
		sum += now->where[i];
		printf(" %s %.4f", where_name[i],
		       (double)now->where[i] / (double)now->requested);
		if (now->of_few[i])
			printf(" (%.4f)", (double)now->of_few[i] / (double)now->requested);
	}
	printf("\n");
	if (sum != now->memory) {
		fprintf(stderr, "replay: %s: %lu bytes found\n", when, sum);
		exit(2);
	}
}

struct waste {
	struct kmem_cache *cache;
	struct cache_sum sum;
	unsigned long bytes;
};
static int by_waste(const void *a, const void *b)
{
	const struct waste *x = a, *y = b;

	return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}
static void print_caches(void)
{
	static struct waste row[1024];
	size_t n = 0;

	for (struct kmem_cache *cache = cache_after(0); cache && n < 1024;
	     cache = cache_after(cache->id)) {
		row[n] = (struct waste){.cache = cache, .sum = sum_of(cache)};
		row[n].bytes = row[n].sum.pages * PAGE_SIZE - row[n].sum.live * cache->size;
		n++;
	}
	qsort(row, n, sizeof(row[0]), by_waste);
	printf("# cache                     waste    tails    slabs   stocks   depots     live"
	       "    pages\n");
	for (size_t i = 0; i < n && i < 40; i++)
		printf("# %-22s %8lu %8lu %8lu %8lu %8lu %8lu %8lu\n", row[i].cache->name,
		       row[i].bytes, row[i].sum.where[TAILS], row[i].sum.where[SLABS],
		       row[i].sum.where[STOCKS], row[i].sum.where[DEPOTS], row[i].sum.live,
		       row[i].sum.pages);
}

/* ---- playing ---- */

static struct kmem_cache *cache_for_size(unsigned size)
{
	char name[32];

	if (!cache_of_size[size]) {
		snprintf(name, sizeof(name), "trace-%u", size);
		cache_of_size[size] =
			kmem_cache_create(name, size, 0, SLAB_NO_MERGE | SLAB_PANIC, NULL);
	}
	return cache_of_size[size];
}

static void account(const struct holding *held, int sign)
{
	if (held->kind == 'P')
		return;
	unsigned short *count = live_of(held->memory);
	unsigned long size = (unsigned long)sign * held->size;
	unsigned long have = (unsigned long)sign * ksize(held->memory);

	requested += size;
	if (count) {
		*count = (unsigned short)(*count + sign);
		/* From one object to the next. */
		if (held->kind == 'C')
			have = (unsigned long)sign * ((held->size + 7ul) & ~7ul);
		slot_bytes += have;
	} else {
		large_bytes += have;
		large_asked += size;
	}
}

static void request(const struct event *event)
{
	struct holding held = {.size = event->size, .kind = event->kind};
	gfp_t gfp = masks[event->mask].gfp;

	if (event->kind == 'P')
		held.memory = alloc_pages(gfp, event->size);
	else if (event->kind == 'C')
		held.memory = kmem_cache_alloc(cache_for_size(event->size), gfp);
	else
		held.memory = kmalloc(event->size, gfp);
	if (held.memory) {
		account(&held, 1);
	} else {
		printf("# failed: %c of %u, %s\n", event->kind, event->size,
		       masks[event->mask].text);
		failed++;
	}
	ids[event->id] = held;
}

static void release(unsigned id, char kind)
{
	struct holding held = ids[id];

	ids[id].memory = NULL;
	if (!held.memory)
		return;
	account(&held, -1);
	if (held.kind == 'P')
		__free_pages(held.memory, held.size);
	else if (held.kind == 'C' && kind == 'c')
		kmem_cache_free(cache_of_size[held.size], held.memory);
	else
		kfree(held.memory);
}

/* The event after which most bytes are requested. */
static size_t find_peak(void)
{
	unsigned long now = 0, most = 0;
	size_t peak = 0;

	for (size_t i = 0; i < nr_events; i++) {
		struct holding *held = &ids[events[i].id];

		if (strchr("KC", events[i].kind)) {
			held->size = events[i].size;
			now += held->size;
		} else if (strchr("kc", events[i].kind)) {
			now -= held->size;
			held->size = 0;
		}
		if (now > most) {
			most = now;
			peak = i;
		}
	}
	memset(ids, 0, nr_ids * sizeof(*ids));
	return peak;
}

/* Play all events. *peak is the state at the peak, *end that at the end. Return: highest memory of
 * any row. */
static unsigned long play(unsigned cpus, size_t interval, bool verbose, struct state *peak,
			  struct state *end)
{
	size_t peak_at = find_peak();
	unsigned long highest = 0;

	for (size_t i = 0; i < nr_events; i++) {
		const struct event *event = &events[i];

		mock_set_cpu(event->cpu % cpus);
		if (strchr("KCP", event->kind))
			request(event);
		else
			release(event->id, event->kind);
		if (i != peak_at && i + 1 != nr_events && (i + 1) % interval)
			continue;
		struct state now = state_now();

		print_row(i + 1, &now);
		highest = now.memory > highest ? now.memory : highest;
		if (i == peak_at)
			*peak = now;
		if (verbose && (i == peak_at || i + 1 == nr_events))
			print_caches();
		*end = now;
	}
	return highest;
}

/* Return: is it within the limit, in percent (0: none)? */
static bool verdict(const char *when, const struct state *now, unsigned long limit)
{
	unsigned long percent = (now->memory * 100 + now->requested - 1) / now->requested;

	printf("# %s: %lu bytes requested, %lu of memory, ratio %.3f; %lu pages hold one object\n",
	       when, now->requested, now->memory, (double)now->memory / (double)now->requested,
	       now->single);
	print_where(when, now);
	if (!limit || percent <= limit)
		return true;
	printf("# %s: above %lu %%\n", when, limit);
	return false;
}

int main(int argc, char **argv)
{
	unsigned long cpus = 2, interval = 0, mib = 1024, limit_peak = 0, limit_end = 0;
	bool verbose = false, ok;
	struct state peak = {0}, end = {0};

	for (int option; (option = getopt(argc, argv, "c:i:m:p:e:v")) != -1;) {
		unsigned long value = option == 'v' ? 1 : strtoul(optarg ? optarg : "0", NULL, 0);

		*(option == 'c'   ? &cpus
		  : option == 'i' ? &interval
		  : option == 'm' ? &mib
		  : option == 'p' ? &limit_peak
				  : &limit_end) = option == 'v' ? limit_end : value;
		verbose |= option == 'v';
		if (option == '?')
			return 2;
	}
	FILE *file = optind < argc ? fopen(argv[optind], "r") : NULL;

	if (file)
		read_trace(file);
	else if (optind < argc)
		perror(argv[optind]);
	else
		make_trace();
	if (!nr_events || !cpus || cpus > QUARRY_MAX_CPUS || mib < 16)
		return 2;
	nr_frames = mib * MOCK_MIB / PAGE_SIZE;
	ids = calloc(nr_ids, sizeof(*ids));
	live = calloc(nr_frames, sizeof(*live));
	cache_of_size = calloc(MAX_SIZE, sizeof(struct kmem_cache *));
	if (!ids || !live || !cache_of_size)
		return 2;
	mock_start(&(struct mock_config){
		.base = MACHINE_BASE, .bytes = mib * MOCK_MIB, .cpus = (unsigned)cpus});
	printf("# event       requested       memory    ratio   single");
	for (unsigned i = 0; i < WHERE; i++)
		printf(" %9s", where_name[i]);
	printf("\n");
	if (!interval)
		interval = nr_events / 200 + 1;
	unsigned long highest = play((unsigned)cpus, interval, verbose, &peak, &end);

	ok = verdict("peak", &peak, limit_peak);
	ok &= verdict("end", &end, limit_end);
	printf("# most memory at any row: %lu; requests that failed: %lu\n", highest, failed);
	for (unsigned id = 0; id < nr_ids; id++)
		release(id, 'k');
	for (unsigned size = 0; size < MAX_SIZE; size++)
		kmem_cache_destroy(cache_of_size[size]);
	mock_stop();
	free(cache_of_size);
	free(live);
	free(ids);
	free(events);
	return !ok;
}
