/* SPDX-License-Identifier: MIT */
/* test_debug_cache.c: damage that debugged caches find, and who is debugged. */
#include <stdio.h>

#include "slab_test.h"

#include "mm/base/fault.h"
#include <quarry/string.h>

#include "mm/base/log.h"
#include "mm/slab/debug_cache.h"
#include "mm/slab/slab_sites.h"
#include "mm/slab/slab_wipe.h"

#define ALL QUARRY_SLAB_CHECK_FLAGS

/* Write where a caller must not, past the memory checker. */
__attribute__((no_sanitize_address, no_sanitize("undefined"), noinline)) static void
poke(void *p, long offset, unsigned char value)
{
	*((volatile unsigned char *)p + offset) = value;
}

static void start(const char *slab_debug)
{
	mock_start(&(struct mock_config){.cpus = 2, .extra.slab_debug = slab_debug});
}

static struct kmem_cache *new_cache(const char *name, unsigned size, slab_flags_t flags)
{
	struct kmem_cache *cache = kmem_cache_create(name, size, NULL, flags);

	assert_non_null(cache);
	return cache;
}

static void reported(enum quarry_rule rule, const void *subject, long a)
{
	assert_int_equal(mock_last_report()->rule, rule);
	assert_ptr_equal(mock_last_report()->subject, subject);
	assert_int_equal((long)mock_last_report()->a, a);
}

static const unsigned sizes[] = {1, 8, 13, 24, 64, 100, 512, 1000, 4096, 5000, 70000};
#define NR_SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* A byte written just past an object, or before it, is found when the object is freed, and named
 * by its place; afterwards all is well. */
static void api23_zone_past_and_before(void **state)
{
	(void)state;
	start(NULL);
	for (unsigned i = 0; i < NR_SIZES; i++) {
		struct kmem_cache *cache = new_cache("t", sizes[i], SLAB_RED_ZONE);
		long offsets[] = {sizes[i], sizes[i] + 3, -1, -8};

		for (unsigned j = 0; j < 4; j++) {
			char *p = kmem_cache_alloc(cache, GFP_KERNEL);

			memset(p, 0xcc, sizes[i]);
			poke(p, offsets[j], 0x11);
			mock_expect_report(QUARRY_RULE_OBJECT_ZONE, 1);
			kmem_cache_free(cache, p);
			reported(QUARRY_RULE_OBJECT_ZONE, p, offsets[j]);
			assert_int_equal(validate_slab_cache(cache), 0);
		}
		assert_int_equal(active_of("t"), 0);
		kmem_cache_destroy(cache);
	}
	mock_stop();
}

/* A write to a free object is found when it is taken again, or by the validator. */
static void api23_poison_after_free(void **state)
{
	(void)state;
	start(NULL);
	for (unsigned i = 0; i < NR_SIZES; i++) {
		struct kmem_cache *cache = new_cache("t", sizes[i], SLAB_POISON | SLAB_STORE_USER);
		char *p = kmem_cache_alloc(cache, GFP_KERNEL);
		long at = sizes[i] / 2;

		assert_true(all_bytes(p, POISON_NEW, sizes[i]));
		kmem_cache_free(cache, p);
		poke(p, at, 0x22);
		mock_expect_report(QUARRY_RULE_OBJECT_POISON, 1);
		assert_int_equal(validate_slab_cache(cache), 1);
		reported(QUARRY_RULE_OBJECT_POISON, p, at);
		assert_int_equal(validate_slab_cache(cache), 0);

		poke(p, 0, 0x22);
		mock_expect_report(QUARRY_RULE_OBJECT_POISON, 1);
		unsigned n = 0;
		void *all[200];

		/* Until it comes round again. */
		do {
			assert_true(n < 200);
			all[n] = kmem_cache_alloc(cache, GFP_KERNEL);
		} while (all[n++] != p);
		reported(QUARRY_RULE_OBJECT_POISON, p, 0);
		assert_true(all_bytes(p, POISON_NEW, sizes[i]));
		kmem_cache_free_bulk(cache, n, all);
		kmem_cache_destroy(cache);
	}
	mock_stop();
}

/* Twice, inside, another cache's, nobody's: each by its rule, at once. (G149, G147) */
static void g149_bad_frees_of_debugged_objects(void **state)
{
	char local[16];

	(void)state;
	start(NULL);
	struct kmem_cache *cache = new_cache("t", 40, ALL), *other = new_cache("o", 40, ALL);
	char *p = kmem_cache_alloc(cache, GFP_KERNEL), *q = kmem_cache_alloc(cache, GFP_KERNEL);
	char *base = page_address(slab_head(virt_to_page(p)));

	kmem_cache_free(cache, p);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 3);
	kmem_cache_free(cache, p);
	assert_int_equal(mock_last_report()->rule, QUARRY_RULE_OBJECT_TWICE);
	kfree(p);
	kmem_cache_free_bulk(cache, 1, (void **)&p);
	mock_expect_report(QUARRY_RULE_OBJECT_INTERIOR, 4);
	kfree(q + 1);
	kfree(q + 40);
	kmem_cache_free(cache, q - 8);
	kfree(base); /* the slot before the first object */
	mock_expect_report(QUARRY_RULE_OBJECT_CACHE, 1);
	kmem_cache_free(other, q);
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 1);
	kfree(local);
	kmem_cache_free(cache, q);
	assert_int_equal(active_of("t"), 0);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(other);
	mock_stop();
}

/* A second free is found at once wherever the object waits: on another CPU, under newer frees, in
 * the depot, in its slab. (G149) */
static void g149_second_frees_anywhere(void **state)
{
	enum { N = 400 };
	static void *p[N];

	(void)state;
	start(NULL);
	struct kmem_cache *cache = new_cache("t", 64, SLAB_POISON);

	cache->max_empty = UINT32_MAX; /* a page that is no slab any more is another rule's */
	for (unsigned i = 0; i < N; i++)
		p[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (unsigned i = 0; i < N; i++) {
		mock_set_cpu(i % 2);
		kmem_cache_free(cache, p[i]);
	}
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 2 * N);
	for (unsigned i = 0; i < N; i++) {
		kmem_cache_free(cache, p[i]);
		assert_ptr_equal(mock_last_report()->subject, p[i]);
	}
	mock_set_cpu(0);
	kfree_bulk(N, p);
	assert_int_equal(active_of("t"), 0);
	assert_int_equal(validate_slab_cache(cache), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

static uint32_t *word_of(struct kmem_cache *cache, void *object)
{
	struct page *head = slab_head(virt_to_page(object));
	const struct slab_shape *shape = slab_shape(cache, head);

	return slab_states(head, shape) + slab_index(cache, head, shape, object);
}

/* An object's word that an overrun of many objects reached is reported at the next look, whoever
 * looks, and put right. */
static void api23_words(void **state)
{
	(void)state;
	start(NULL);
	struct kmem_cache *cache = new_cache("t", 64, SLAB_CONSISTENCY_CHECKS);
	void *p = kmem_cache_alloc(cache, GFP_KERNEL), *q;
	uint32_t *word = word_of(cache, p), used = *word, free;
	long at = (char *)word - (char *)p;

	mock_expect_report(QUARRY_RULE_OBJECT_ZONE, 3);
	*word = 0x41414141;
	kmem_cache_free(cache, p);
	reported(QUARRY_RULE_OBJECT_ZONE, p, at);
	free = *word;
	assert_int_equal(free, SLAB_STATE_FREE);

	*word = 0x41414141;
	assert_int_equal(validate_slab_cache(cache), 1);
	*word = free;
	assert_int_equal(validate_slab_cache(cache), 0);

	*word = 0x41414141;
	q = kmem_cache_alloc(cache, GFP_KERNEL);
	assert_ptr_equal(p, q);
	reported(QUARRY_RULE_OBJECT_ZONE, p, at);
	assert_int_equal(*word, used);

	/* One that is free in its slab is not a caller's. */
	kmem_cache_free(cache, q);
	kmem_cache_shrink(cache);
	p = kmem_cache_alloc(cache, GFP_KERNEL);
	q = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_free(cache, q);
	word = word_of(cache, q);
	assert_int_equal(kmem_cache_shrink(cache), 1);
	*word = used;
	mock_expect_report(QUARRY_RULE_VALIDATE, 1);
	assert_int_equal(validate_slab_cache(cache), 1);
	*word = free;
	kmem_cache_free(cache, p);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Who took it, who freed it, when, on which CPU. */
static void api23_tracks(void **state)
{
	struct slab_track track[NR_TRACKS];

	(void)state;
	start(NULL);
	struct kmem_cache *cache = new_cache("t", 40, SLAB_STORE_USER),
			  *plain = new_cache("p", 40, 0);

	mock_advance_ns(1000);
	void *p = kmem_cache_alloc(cache, GFP_KERNEL);

	assert_true(slab_debug_tracks(cache, p, track));
	assert_int_equal(track[TRACK_ALLOC].set, 1);
	assert_int_equal(track[TRACK_ALLOC].cpu, 0);
	uint64_t then = track[TRACK_ALLOC].ns;

	assert_int_equal(track[TRACK_FREE].set, 0);
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&    \
	!defined(__clang__)
	assert_in_range(track[TRACK_ALLOC].caller, (uintptr_t)api23_tracks,
			(uintptr_t)api23_tracks + 4096);
#endif
	mock_advance_ns(500);
	mock_set_cpu(1);
	kmem_cache_free(cache, p);
	mock_set_cpu(0);
	assert_true(slab_debug_tracks(cache, p, track));
	assert_int_equal(track[TRACK_FREE].cpu, 1);
	assert_int_equal(track[TRACK_FREE].ns, then + 500);
	/* A second free tells who did the first. */
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kmem_cache_free(cache, p);
	assert_int_equal(mock_log_lines("allocated by"), 1);
	assert_int_equal(mock_log_lines("freed by"), 1);
	p = kmem_cache_alloc(plain, GFP_KERNEL);
	assert_false(slab_debug_tracks(plain, p, track));
	kmem_cache_free(plain, p);
	kmem_cache_destroy(plain);
	kmem_cache_destroy(cache);
	mock_stop();
}

static __attribute__((noinline)) void *helper_of_the_kernel(void)
{
	return kmalloc_track_caller(run_time(40), GFP_KERNEL);
}
/* By functions that allocate and free for their callers. */
static __attribute__((noinline)) unsigned take_by_helpers(struct kmem_cache *cache, void **p)
{
	unsigned n = 0;

	p[n++] = helper_of_the_kernel();
	p[n++] = kmemdup("abcdef", 7, GFP_KERNEL);
	p[n++] = kmemdup_array("abcdef", 3, 2, GFP_KERNEL);
	p[n++] = kmemdup_nul("abcdef", 4, GFP_KERNEL);
	p[n++] = kstrdup("abcdef", GFP_KERNEL);
	p[n++] = kstrndup("abcdef", 3, GFP_KERNEL);
	p[n++] = kasprintf(GFP_KERNEL, "%d", 5);
	p[n++] = kvmalloc(run_time(40), GFP_KERNEL);
	p[n++] = krealloc(NULL, 40, GFP_KERNEL);
	p[n++] = krealloc(kmalloc(8, GFP_KERNEL), 1000, GFP_KERNEL);
	p[n++] = kvrealloc(kmalloc(8, GFP_KERNEL), 1000, GFP_KERNEL);
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 2, p + n), 2);
	return n + 2;
}
static __attribute__((noinline)) void free_by_helpers(unsigned n, void **p)
{
	kfree_bulk(n - 3, p);
	kfree_sensitive(p[n - 3]);
	kfree_sized(p[n - 2], 8);
	kvfree(p[n - 1]);
	irq_order(); /* the last call is no jump */
}

/* The place is that of the function's caller. */
static void g141_places_of_helpers(void **state)
{
	struct slab_track track[NR_TRACKS];
	void *p[20];

	(void)state;
	start("U");
	struct kmem_cache *cache = new_cache("t", 40, 0);
	unsigned n = take_by_helpers(cache, p);

	free_by_helpers(n, p);
	for (unsigned i = 0; i < n; i++) {
		assert_true(slab_debug_tracks(slab_cache_of(virt_to_page(p[i])), p[i], track));
		assert_in_range(track[TRACK_ALLOC].caller, (uintptr_t)take_by_helpers,
				(uintptr_t)take_by_helpers + 4096);
		assert_in_range(track[TRACK_FREE].caller, (uintptr_t)free_by_helpers,
				(uintptr_t)free_by_helpers + 4096);
	}
	kmem_cache_destroy(cache);
	mock_stop();
}

static slab_flags_t flags_of(const char *name, slab_flags_t flags)
{
	struct kmem_cache *cache = new_cache(name, 100, flags);

	flags = cache->flags;
	/* Only those that are debugged leave the fast path. */
	assert_int_equal(cache_is_closed(cache), slab_debugged(cache));
	assert_int_equal(cache->size == 104, !slab_debugged(cache) ||
						     (flags & ALL) == SLAB_CONSISTENCY_CHECKS ||
						     (flags & ALL) == SLAB_POISON);
	kmem_cache_destroy(cache);
	return flags & ALL;
}

/* T: a line for each request and free, of marked caches alone. */
static void api23_traced_caches(void **state)
{
	(void)state;
	start("T,traced*");
	struct kmem_cache *cache = new_cache("traced", 100, 0), *other = new_cache("o", 100, 0);
	void *p[3], *q[2];

	for (unsigned i = 0; i < 3; i++)
		p[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_free(other, kmem_cache_alloc(other, GFP_KERNEL));
	assert_int_equal(mock_log_lines("quarry: alloc"), 3);
	assert_int_equal(mock_log_lines("quarry: alloc traced 0"), 3);
	for (unsigned i = 0; i < 3; i++) {
		char line[64];

		snprintf(line, sizeof(line), "alloc traced %016lx, %u of ", (unsigned long)p[i],
			 i + 1);
		assert_int_equal(mock_log_lines(line), 1);
	}
	kfree(p[1]);
	assert_int_equal(mock_log_lines("quarry: free traced"), 1);
	char line[64];

	snprintf(line, sizeof(line), "free traced %016lx, 2 of ", (unsigned long)p[1]);
	assert_int_equal(mock_log_lines(line), 1);
	mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 1);
	kfree(p[1]); /* is reported, and is no free */
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 2, q), 2);
	kmem_cache_free_bulk(cache, 2, q);
	kfree(p[0]);
	kmem_cache_free(cache, p[2]);
	assert_int_equal(mock_log_lines("quarry: alloc traced"), 5);
	assert_int_equal(mock_log_lines("quarry: free traced"), 5);
	assert_int_equal(mock_log_lines(", 0 of "), 1);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(other);
	mock_stop();
}

/* A: a rule fails requests of marked caches alone, by any call. */
static void api23_failing_caches(void **state)
{
	struct quarry_fault_rule rule = {
		.sites = 1u << QUARRY_FAULT_FAILSLAB, .none = __GFP_HIGH, .after = 1, .times = 4};
	void *p[2];

	(void)state;
	start("A,fail*");
	struct kmem_cache *cache = new_cache("failing", 64, 0), *other = new_cache("o", 64, 0);

	quarry_fault_set(&rule);
	kmem_cache_free(other, kmem_cache_alloc(other, GFP_KERNEL));
	kfree(kmalloc(64, GFP_KERNEL));
	assert_int_equal(quarry_fault_passes(), 0);
	void *first = kmem_cache_alloc(cache, GFP_KERNEL);

	assert_non_null(first);
	assert_null(kmem_cache_alloc(cache, GFP_KERNEL));
	assert_null(kmem_cache_zalloc(cache, GFP_KERNEL));
	assert_null(kmem_cache_alloc_node(cache, GFP_KERNEL, 0));
	kfree(kmem_cache_alloc(cache, GFP_ATOMIC)); /* the mask is not the rule's */
	kfree(kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOFAIL));
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 2, p), 0);
	assert_int_equal(quarry_fault_failures(), 4);
	kfree(first);
	kfree(kmem_cache_alloc(cache, GFP_KERNEL));
	quarry_fault_set(NULL);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(other);
	mock_stop();

	start("A,kmalloc-64");
	mock_fail_site(FAULT_FAILSLAB, 1, true);
	assert_null(kmalloc(64, GFP_ATOMIC));
	assert_null(kmalloc_node(64, GFP_ATOMIC, 0));
	void *larger = kmalloc_nolock(64, (gfp_t)0, 0);

	assert_int_equal(ksize(larger), 80);
	kfree(larger);
	mock_stop();
}

/* Chosen at boot by name. */
static void api23_chosen_by_name(void **state)
{
	(void)state;
	start("FZ,dentry,ext*_inode;U,kmalloc-*,*cache;-,good_cache");
	assert_int_equal(flags_of("dentry", 0), SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE);
	assert_int_equal(flags_of("dentry2", 0), 0);
	assert_int_equal(flags_of("dentr", 0), 0);
	assert_int_equal(flags_of("ext4_inode", 0), SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE);
	assert_int_equal(flags_of("ext_inode", SLAB_POISON),
			 SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON);
	assert_int_equal(flags_of("ext4_inode", SLAB_NO_USER_FLAGS), 0);
	assert_int_equal(flags_of("ext4_inodes", 0), 0);
	assert_int_equal(flags_of("bad_cache", 0), SLAB_STORE_USER);
	assert_int_equal(flags_of("good_cache", 0), 0);
	void *p = kmalloc(run_time(100), GFP_KERNEL);

	assert_int_equal(slab_cache_of(virt_to_page(p))->flags & ALL, SLAB_STORE_USER);
	kfree(p);
	mock_stop();

	start("P");
	assert_int_equal(flags_of("any", 0), SLAB_POISON);
	mock_stop();
	start("P;,mine");
	assert_int_equal(flags_of("any", 0), SLAB_POISON);
	assert_int_equal(flags_of("mine", 0), ALL);
	mock_stop();
	start("T;A,a,b;,c");
	assert_int_equal(new_cache("any", 8, 0)->flags & QUARRY_SLAB_DEBUG_FLAGS, SLAB_TRACE);
	assert_int_equal(new_cache("b", 8, 0)->flags & QUARRY_SLAB_DEBUG_FLAGS, SLAB_FAILSLAB);
	assert_int_equal(new_cache("c", 8, 0)->flags & QUARRY_SLAB_DEBUG_FLAGS, ALL);
	assert_int_equal(new_cache("d", 8, SLAB_NO_USER_FLAGS)->flags & QUARRY_SLAB_DEBUG_FLAGS, 0);
	mock_abandon();
	start("");
	assert_int_equal(flags_of("any", 0), 0);
	mock_stop();
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	start("Fq,any");
	assert_int_equal(flags_of("any", 0), SLAB_CONSISTENCY_CHECKS);
	mock_stop();
	char text[600];

	memset(text, 'F', sizeof(text));
	text[599] = '\0';
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	start(text);
	mock_stop();
}

/* kmalloc with everything on: alignment, zeroing, sizes and resizing are as ever. (G118, G119,
 * G9) */
static void g118_alignment_with_everything_on(void **state)
{
	(void)state;
	start("FZPU");
	for (size_t size = 1; size <= 9000; size += size < 300 ? 1 : 97) {
		unsigned char *p = kmalloc(run_time(size), GFP_KERNEL);
		unsigned char *z = kzalloc(run_time(size), GFP_KERNEL);

		assert_int_equal((uintptr_t)p % divisor(size), 0);
		assert_int_equal((uintptr_t)z % divisor(size), 0);
		assert_true(all_bytes(z, 0, ksize(z)));
		assert_true(ksize(p) >= size);
		memset(p, 1, ksize(p));
		p = krealloc(p, size * 2, GFP_KERNEL);
		assert_true(all_bytes(p, 1, size));
		kfree(p);
		kfree_sensitive(z);
	}
	for (size_t size = 8; size <= 8192; size *= 2) {
		void *p[10];

		for (unsigned i = 0; i < 10; i++) {
			p[i] = kmalloc(run_time(size), GFP_KERNEL);
			assert_int_equal((uintptr_t)p[i] % size, 0);
		}
		kfree_bulk(10, p);
	}
	mock_stop();
}

static void count_up(void *object)
{
	*(unsigned *)object = 77;
}

/* Constructed and type-stable objects keep their contents. (G138, G140) */
static void g138_contents_are_kept(void **state)
{
	(void)state;
	start(NULL);
	struct kmem_cache *ctor = kmem_cache_create("c", 40, 8, ALL, count_up),
			  *stable = new_cache("s", 40, ALL | SLAB_TYPESAFE_BY_RCU);

	for (unsigned i = 0; i < 300; i++) {
		unsigned *p = kmem_cache_alloc(ctor, GFP_KERNEL);
		unsigned *q = kmem_cache_alloc(stable, GFP_KERNEL);

		assert_int_equal(*p, 77);
		*q = i;
		kmem_cache_free(ctor, p);
		kmem_cache_free(stable, q);
		assert_int_equal(*q, i); /* a reader */
	}
	kmem_cache_destroy(ctor);
	kmem_cache_destroy(stable);
	mock_stop();
}

static void **kept; /* an object that somebody describes */

static void random_use(void *arg, unsigned cpu)
{
	struct kmem_cache *cache = arg;
	uint64_t random = cpu;
	unsigned char *object[40] = {0};

	for (unsigned i = 0; i < 600; i++) {
		unsigned slot = (unsigned)(mock_random(&random) % 40);

		if (object[slot]) {
			assert_true(all_bytes(object[slot], (unsigned char)slot, 50));
			kmem_cache_free(cache, object[slot]);
			object[slot] = NULL;
		} else {
			object[slot] = kmem_cache_alloc(cache, GFP_KERNEL);
			memset(object[slot], (int)slot, 50);
		}
	}
	for (unsigned slot = 0; slot < 40; slot++)
		if (object[slot])
			kmem_cache_free(cache, object[slot]);
}

/* One looks at all of them, again and again, while the others use them. */
static void use_or_look(void *arg, unsigned cpu)
{
	if (cpu < 2) {
		random_use(arg, cpu);
		return;
	}
	for (unsigned i = 0; i < 30; i++) {
		struct slab_site site = {0};
		struct slab_object object;
		unsigned long count = 0;

		assert_int_equal(validate_slab_cache(arg), 0);
		while (slab_site_next(&site))
			if (!strcmp(site.name, "t"))
				count += site.count;
		assert_true(count <= 80);
		if (*kept)
			slab_describe(*kept, &object);
	}
}

/* The validator and the reports beside users: no false alarm. */
static void api23_looking_beside_users(void **state)
{
	void *p;

	(void)state;
	mock_start(&(struct mock_config){.cpus = 3, .extra.slab_debug = "FZPU"});
	struct kmem_cache *cache = new_cache("t", 50, 0);

	kept = &p;
	p = kmem_cache_alloc(cache, GFP_KERNEL);
	kmem_cache_free(cache, p);
	mock_run_cpus(3, use_or_look, cache);
	assert_int_equal(active_of("t"), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Several CPUs at once, small slabs, batches, failures: no false alarm. */
static void api23_no_false_alarms(void **state)
{
	void *all[500];

	(void)state;
	start("FZPU");
	struct kmem_cache *cache = new_cache("t", 50, 0);

	assert_int_equal(cache->flags & ALL, ALL);
	mock_run_cpus(2, random_use, cache);
	assert_int_equal(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 500, all), 500);
	assert_int_equal(active_of("t"), 500);
	assert_int_equal(validate_slab_cache(cache), 0);
	kmem_cache_free_bulk(cache, 500, all);
	mock_fail_site(FAULT_SLAB_GROW, 1, true);
	while ((all[0] = kmem_cache_alloc(cache, GFP_NOWAIT)) != NULL)
		kmem_cache_free(cache, all[0]), kmem_cache_shrink(cache);
	mock_fail_site(-1, 0, false);
	assert_int_equal(active_of("t"), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(api23_zone_past_and_before),
		cmocka_unit_test(api23_poison_after_free),
		cmocka_unit_test(g149_bad_frees_of_debugged_objects),
		cmocka_unit_test(g149_second_frees_anywhere),
		cmocka_unit_test(api23_words),
		cmocka_unit_test(api23_tracks),
		cmocka_unit_test(api23_traced_caches),
		cmocka_unit_test(api23_failing_caches),
		cmocka_unit_test(g141_places_of_helpers),
		cmocka_unit_test(api23_chosen_by_name),
		cmocka_unit_test(g118_alignment_with_everything_on),
		cmocka_unit_test(g138_contents_are_kept),
		cmocka_unit_test(api23_no_false_alarms),
		cmocka_unit_test(api23_looking_beside_users),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
