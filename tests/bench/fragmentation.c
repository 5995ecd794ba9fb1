/* SPDX-License-Identifier: MIT */
/*
 * fragmentation.c: how much of the free memory is there in blocks of order 9 or more, after five
 * histories of a machine of 4 GiB. Page contents are never touched, so it needs little memory.
 *
 *   half      orders 1-9, the same number of pages of each; a random half is freed: chance alone
 *             decides
 *   lifetime  95 % of memory in blocks of orders 0-3, one in 100 long-lived; the others are freed
 *   told      the same, long-lived ones unmovable, the others movable
 *   aged      75 % in use, orders 0-9 with the same number of pages of each, replaced at random
 *             until every page was taken 20 times
 *   process   groups of 1 to 63 MiB, taken and freed as one, until every page was taken once; then
 *             a random half exits
 *
 * That is "placed". Then Quarry compacts, and counts again: "moved". The movable requests of
 * `process` are user pages, which their owner declares movable; nothing of the other four can move.
 *
 * Each history is played to Quarry and, as a yardstick, to a plain buddy allocator: one set of free
 * lists, newest block first, smallest fit. Blocks are counted after all parked pages have gone
 * back.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/phys/buddy.h"
#include "tests/bench/host_world.h"

#define MACHINE (4ull << 30)
#define FRAMES (MACHINE >> PAGE_SHIFT)
#define NONE UINT32_MAX
#define TURNS 20
#define RUNS 3

static uint64_t seed;
static unsigned long failed;

static unsigned long random_below(unsigned long n)
{
	return (unsigned long)(bench_random(&seed) % n);
}

/* ---- allocators: frames are counted from the first of the machine ---- */

struct allocator {
	void (*start)(void);
	uint32_t (*take)(gfp_t gfp, unsigned order);
	void (*give)(uint32_t frame, unsigned order);
	double (*share)(void);		 /* in per cent */
	void (*declare)(uint32_t frame); /* its owner can move it */
	void (*compact)(void);
};

static unsigned long first_frame;

static void quarry_start(void)
{
	bench_start(MACHINE, 1);
	first_frame = zones[ZONE_NORMAL].first;
}
static uint32_t quarry_take(gfp_t gfp, unsigned order)
{
	struct page *page = alloc_pages(gfp | __GFP_NOWARN, order);

	return page ? (uint32_t)(page_to_pfn(page) - first_frame) : NONE;
}
static void quarry_give(uint32_t frame, unsigned order)
{
	__free_pages(pfn_to_page(first_frame + frame), order);
}
static double quarry_share(void)
{
	unsigned long large = 0;

	drain_all_pages();
	for_every_populated_zone (zone)
		for (unsigned order = 9; order <= MAX_PAGE_ORDER; order++)
			large += buddy_count(zone, order) << order;
	if (mm_check())
		exit(1);
	return 100.0 * (double)large / (double)nr_free_pages();
}

static const struct movable_operations user_pages;
static void quarry_declare(uint32_t frame)
{
	__SetPageMovable(pfn_to_page(first_frame + frame), &user_pages);
}
static void quarry_compact(void)
{
	quarry_compact_node(0);
}

/* The plain buddy: heads of free blocks in doubly linked lists. */
static struct {
	uint32_t next, prev;
	uint8_t free; /* order + 1 */
} node[FRAMES];
static uint32_t list[NR_PAGE_ORDERS];
static unsigned long plain_free;

static void plain_push(uint32_t frame, unsigned order)
{
	node[frame].free = (uint8_t)(order + 1);
	node[frame].prev = NONE;
	node[frame].next = list[order];
	if (list[order] != NONE)
		node[list[order]].prev = frame;
	list[order] = frame;
	plain_free += 1ul << order;
}
static void plain_unlink(uint32_t frame, unsigned order)
{
	if (node[frame].prev != NONE)
		node[node[frame].prev].next = node[frame].next;
	else
		list[order] = node[frame].next;
	if (node[frame].next != NONE)
		node[node[frame].next].prev = node[frame].prev;
	node[frame].free = 0;
	plain_free -= 1ul << order;
}
static void plain_start(void)
{
	memset(node, 0, sizeof(node));
	memset(list, 0xff, sizeof(list));
	plain_free = 0;
	for (uint32_t frame = FRAMES; frame; frame -= MAX_ORDER_NR_PAGES)
		plain_push(frame - (uint32_t)MAX_ORDER_NR_PAGES, MAX_PAGE_ORDER);
}
static uint32_t plain_take(gfp_t gfp, unsigned order)
{
	unsigned have = order;

	(void)gfp;
	while (have <= MAX_PAGE_ORDER && list[have] == NONE)
		have++;
	if (have > MAX_PAGE_ORDER)
		return NONE;
	uint32_t frame = list[have];
	plain_unlink(frame, have);
	while (have-- > order)
		plain_push(frame + (1u << have), have);
	return frame;
}
static void plain_give(uint32_t frame, unsigned order)
{
	for (; order < MAX_PAGE_ORDER && node[frame ^ 1u << order].free == order + 1; order++) {
		plain_unlink(frame ^ 1u << order, order);
		frame &= ~(1u << order);
	}
	plain_push(frame, order);
}
static double plain_share(void)
{
	unsigned long large = 0;

	for (unsigned order = 9; order <= MAX_PAGE_ORDER; order++)
		for (uint32_t frame = list[order]; frame != NONE; frame = node[frame].next)
			large += 1ul << order;
	return 100.0 * (double)large / (double)plain_free;
}

static void plain_stays(uint32_t frame)
{
	(void)frame;
}
static void plain_rests(void)
{
}

static const struct allocator quarry = {quarry_start, quarry_take,    quarry_give,
					quarry_share, quarry_declare, quarry_compact};
static const struct allocator plain = {plain_start, plain_take,	 plain_give,
				       plain_share, plain_stays, plain_rests};

/* ---- what is held ---- */

static struct block {
	uint32_t frame;
	uint8_t order;
	bool keep;
} held[FRAMES];
static unsigned long nr_held, in_use;

static struct block *take(const struct allocator *a, gfp_t gfp, unsigned order)
{
	uint32_t frame = a->take(gfp, order);

	if (frame == NONE) {
		failed++;
		return NULL;
	}
	in_use += 1ul << order;
	held[nr_held] = (struct block){frame, (uint8_t)order, false};
	return &held[nr_held++];
}
static void give(const struct allocator *a, unsigned long i)
{
	a->give(held[i].frame, held[i].order);
	in_use -= 1ul << held[i].order;
	held[i] = held[--nr_held];
}

/* An order from low to high, such that each gets the same number of pages: twice as often as the
 * next one. */
static unsigned equal_volume(unsigned low, unsigned high)
{
	unsigned order = low;
	unsigned long pick = random_below((2ul << (high - low)) - 1);

	for (unsigned long n = 1ul << (high - low); pick >= n; n /= 2, order++)
		pick -= n;
	return order;
}

/* ---- scenes ---- */

static void scene_half(const struct allocator *a)
{
	while (take(a, GFP_KERNEL, equal_volume(1, 9)))
		;
	failed = 0;
	for (unsigned long i = nr_held; i-- > 0;)
		if (random_below(2))
			give(a, i);
}

static void lifetime(const struct allocator *a, bool told)
{
	while (in_use < FRAMES / 100 * 95) {
		bool keep = !random_below(100);
		struct block *block = take(a, keep || !told ? GFP_KERNEL : GFP_HIGHUSER_MOVABLE,
					   equal_volume(0, 3));
		if (!block)
			break;
		block->keep = keep;
	}
	for (unsigned long i = nr_held; i-- > 0;)
		if (!held[i].keep)
			give(a, i);
}
static void scene_lifetime(const struct allocator *a)
{
	lifetime(a, false);
}
static void scene_told(const struct allocator *a)
{
	lifetime(a, true);
}

static void scene_aged(const struct allocator *a)
{
	for (unsigned long taken = 0; taken < TURNS * FRAMES;) {
		unsigned order = equal_volume(0, 9);
		take(a, GFP_KERNEL, order);
		taken += 1ul << order;
		while (in_use > FRAMES / 4 * 3)
			give(a, random_below(nr_held));
	}
}

/* A process is a list of blocks, known by their first frames; the first one's `prev` is the
 * process, counted from FRAMES. */
#define PROCESSES 1024u
static uint32_t process[PROCESSES], next[FRAMES], prev[FRAMES];
static uint8_t size[FRAMES];

static void link_before(uint32_t frame, uint32_t after, uint32_t before)
{
	next[frame] = after;
	prev[frame] = before;
	if (after != NONE)
		prev[after] = frame;
	if (before < FRAMES)
		next[before] = frame;
	else
		process[before - FRAMES] = frame;
}
static void end_process(const struct allocator *a, unsigned p)
{
	for (uint32_t frame = process[p]; frame != NONE; frame = next[frame]) {
		in_use -= 1ul << size[frame];
		a->give(frame, size[frame]);
	}
	process[p] = NONE;
}
static void grow_process(const struct allocator *a, unsigned p, unsigned long pages)
{
	while (pages) {
		/* Single pages for the user; between them the kernel's tables, stacks, buffers. */
		unsigned order = random_below(16) || pages < 8 ? 0 : (unsigned)random_below(4);
		bool user = random_below(16);
		uint32_t frame = a->take(user ? GFP_HIGHUSER_MOVABLE : GFP_KERNEL, order);
		if (frame == NONE) {
			failed++;
			return;
		}
		if (user)
			a->declare(frame);
		size[frame] = (uint8_t)order;
		link_before(frame, process[p], (uint32_t)FRAMES + p);
		in_use += 1ul << order;
		pages -= 1ul << order;
	}
}

/* The pages' owner: as much of one as moving takes. Nothing goes on beside it. */
static bool user_isolate(struct page *page, isolate_mode_t mode)
{
	(void)page, (void)mode;
	return true;
}
static int user_migrate(struct page *dst, struct page *src, enum migrate_mode mode)
{
	uint32_t from = (uint32_t)(page_to_pfn(src) - first_frame);
	uint32_t to = (uint32_t)(page_to_pfn(dst) - first_frame);

	(void)mode;
	size[to] = size[from];
	link_before(to, next[from], prev[from]);
	get_page(dst);
	__SetPageMovable(dst, &user_pages);
	put_page(src);
	return MIGRATEPAGE_SUCCESS;
}
static void user_putback(struct page *page)
{
	(void)page;
}
static const struct movable_operations user_pages = {user_isolate, user_migrate, user_putback};

static void scene_process(const struct allocator *a)
{
	memset(process, 0xff, sizeof(process));
	for (unsigned long taken = 0; taken < FRAMES;) {
		unsigned long pages = 256ul << random_below(6);
		pages += random_below(pages);
		while (in_use + pages > FRAMES / 4 * 3)
			end_process(a, (unsigned)random_below(PROCESSES));
		unsigned p = (unsigned)random_below(PROCESSES);
		grow_process(a, p, pages);
		taken += pages;
	}
	for (unsigned p = 0; p < PROCESSES; p++)
		if (random_below(2))
			end_process(a, p);
}

static const struct scene {
	const char *name;
	void (*run)(const struct allocator *a);
	double goal; /* 0: none */
} scenes[] = {
	{"half", scene_half, 0},  {"lifetime", scene_lifetime, 0}, {"told", scene_told, 99.95},
	{"aged", scene_aged, 88}, {"process", scene_process, 95},
};

struct result {
	double placed, moved;
};

static double lower(double a, double b)
{
	return a < b ? a : b;
}

/* Worst of the runs. */
static struct result play(const struct scene *scene, const struct allocator *a)
{
	struct result worst = {100, 100};

	failed = 0;
	for (uint64_t run = 1; run <= RUNS; run++) {
		seed = run;
		nr_held = in_use = 0;
		a->start();
		scene->run(a);
		worst.placed = lower(worst.placed, a->share());
		a->compact();
		worst.moved = lower(worst.moved, a->share());
	}
	return worst;
}

int main(int argc, char **argv)
{
	bool good = true;

	printf("fragmentation: free memory in blocks of order 9 or more, %%, worst of %d\n",
	       RUNS);
	printf("%-12s%10s%10s%10s%10s%8s\n", "", "placed", "moved", "failed", "goal", "plain");
	for (unsigned i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		if (argc > 1 && strcmp(argv[1], scenes[i].name) != 0)
			continue;
		struct result share = play(&scenes[i], &quarry);
		bool met = share.moved >= scenes[i].goal && !failed;
		printf("%-12s%10.1f%10.1f%10lu%10g", scenes[i].name, share.placed, share.moved,
		       failed, scenes[i].goal);
		printf("%8.1f%s\n", play(&scenes[i], &plain).placed, met ? "" : "   MISSED");
		good &= met;
	}
	return good ? 0 : 1;
}
