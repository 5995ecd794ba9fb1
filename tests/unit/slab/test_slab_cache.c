/* SPDX-License-Identifier: MIT */
/* test_slab_cache.c: creating and destroying caches, and what their flags promise. */
#include "slab_test.h"

static struct kmem_cache *new_cache(const char *name, unsigned size, slab_flags_t flags)
{
	struct kmem_cache *cache = kmem_cache_create(name, size, NULL, flags);

	assert_non_null(cache);
	return cache;
}

/* A thousand objects, all distinct, all counted, all in slabs of the cache. (G2) */
static void g002_thousand_objects(void **state)
{
	static void *object[1000];
	struct slab_info info;

	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = new_cache("t", 48, 0);

	for (unsigned i = 0; i < 1000; i++) {
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		assert_non_null(object[i]);
		memset(object[i], (int)i, 48);
		assert_ptr_equal(slab_cache_of(virt_to_page(object[i])), cache);
	}
	assert_true(find_info("t", &info));
	assert_int_equal(info.active, 1000);
	assert_int_equal(info.object_size, 48);
	assert_int_equal(info.total, info.slabs * info.objects_per_slab);
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(all_bytes(object[i], (unsigned char)i, 48));
		kmem_cache_free(cache, object[i]);
	}
	assert_int_equal(active_of("t"), 0);
	kmem_cache_destroy(cache);
	assert_false(find_info("t", &info));
	mock_stop();
}

/* At most an eighth of a slab is lost. (G134) */
static void g134_overhead(void **state)
{
	(void)state;
	for (uint32_t size = 32; size <= 1024; size += 8) {
		struct slab_shape shape = slab_shape_of(size, slab_preferred_order(size));
		size_t bytes = PAGE_SIZE << shape.order;

		assert_true((bytes - (size_t)shape.objects * size) * 8 <= bytes);
		assert_in_range(shape.order, 0, 3);
	}
}

static void g135_bad_arguments(void **state)
{
	static const unsigned bad_align[] = {3, 48, ~0u, 1u << 21};
	struct kmem_cache_args args = {0};
	unsigned reports = 0;

	(void)state;
	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_CACHE_ARGUMENT, 10);
	assert_null(kmem_cache_create(NULL, 8, NULL, 0));
	assert_null(kmem_cache_create("", 8, NULL, 0));
	assert_null(kmem_cache_create("t", 0, NULL, 0));
	assert_null(kmem_cache_create("t", (1u << 20) + 1, NULL, 0));
	assert_null(kmem_cache_create("t", 8, NULL, 1u << 31));
	assert_null(kmem_cache_create("t", 8, NULL, SLAB_CACHE_DMA | SLAB_CACHE_DMA32));
	for (unsigned i = 0; i < 4; i++) {
		args.align = bad_align[i];
		assert_null(kmem_cache_create("t", 8, &args, 0));
	}
	reports = (unsigned)mock_reports(QUARRY_RULE_CACHE_ARGUMENT);
	assert_int_equal(reports, 10);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 3);
	assert_null(kmem_cache_alloc(NULL, GFP_KERNEL));
	assert_int_equal(kmem_cache_shrink(NULL), 0);
	assert_int_equal(kmem_cache_size(NULL), 0);
	mock_stop();
}

static void create_with_panic(void *arg)
{
	(void)arg;
	(void)!kmem_cache_create("t", 0, NULL, SLAB_PANIC);
}

static void g135_slab_panic(void **state)
{
	(void)state;
	mock_start(NULL);
	mock_expect_report(QUARRY_RULE_CACHE_ARGUMENT, 1);
	assert_non_null(mock_failure_of(create_with_panic, NULL));
	mock_abandon();
}

/* Every size and alignment: objects are aligned and do not overlap. (H52) */
static void h052_sizes_and_alignments(void **state)
{
	static const unsigned aligns[] = {0, 1, 2, 8, 16, 64, 512, 4096, 8192, 65536};
	static const unsigned sizes[] = {1,   7,    8,	  9,	24,   63,    64,    65,	    100,
					 500, 1000, 4095, 4096, 4097, 10000, 40000, 1 << 20};

	(void)state;
	mock_start(NULL);
	for (unsigned a = 0; a < sizeof(aligns) / sizeof(aligns[0]); a++) {
		for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			struct kmem_cache *cache =
				kmem_cache_create("t", sizes[s], aligns[a], 0, NULL);
			unsigned char *object[12];

			assert_non_null(cache);
			assert_int_equal(kmem_cache_size(cache), sizes[s]);
			for (unsigned i = 0; i < 12; i++) {
				object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
				assert_non_null(object[i]);
				assert_int_equal(
					(uintptr_t)object[i] % (aligns[a] > 8 ? aligns[a] : 8), 0);
				memset(object[i], (int)i, sizes[s]);
			}
			for (unsigned i = 0; i < 12; i++) {
				assert_true(all_bytes(object[i], (unsigned char)i, sizes[s]));
				kmem_cache_free(cache, object[i]);
			}
			kmem_cache_destroy(cache);
		}
	}
	mock_stop();
}

/* The copy window must lie in the object; else there is none. (G136) */
static void g136_usercopy_window(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *good = kmem_cache_create_usercopy("good", 100, 8, 0, 20, 80, NULL);

	assert_int_equal(good->useroffset, 20);
	assert_int_equal(good->usersize, 80);
	mock_expect_report(QUARRY_RULE_CACHE_ARGUMENT, 2);
	struct kmem_cache *late = kmem_cache_create_usercopy("late", 100, 8, 0, 21, 80, NULL);
	struct kmem_cache *wraps = kmem_cache_create_usercopy("wraps", 100, 8, 0, 20, ~0u, NULL);

	assert_int_equal(late->usersize, 0);
	assert_int_equal(wraps->usersize, 0);
	kmem_cache_destroy(good);
	kmem_cache_destroy(late);
	kmem_cache_destroy(wraps);
	mock_stop();
}

static unsigned constructed;
static void construct(void *object)
{
	constructed++;
	memset(object, 0x77, 40);
}

/* The constructor runs once for each object of a slab, and a returned object keeps its state.
 * (G138, H50) */
static void g138_constructor(void **state)
{
	struct slab_info info;

	(void)state;
	constructed = 0;
	mock_start(NULL);
	struct kmem_cache *cache = kmem_cache_create("t", 40, 8, 0, construct);
	unsigned char *p = kmem_cache_alloc(cache, GFP_KERNEL);

	assert_true(all_bytes(p, 0x77, 40));
	assert_true(find_info("t", &info));
	assert_int_equal(constructed, info.total);
	for (unsigned i = 0; i < 1000; i++) {
		kmem_cache_free(cache, p);
		p = kmem_cache_alloc(cache, GFP_KERNEL);
		assert_true(all_bytes(p, 0x77, 40));
	}
	assert_int_equal(constructed, info.total);
	kmem_cache_free(cache, p);

	mock_expect_report(QUARRY_RULE_OBJECT_CTOR_ZERO, 1);
	p = kmem_cache_zalloc(cache, GFP_KERNEL);
	assert_true(all_bytes(p, 0x77, 40));
	kmem_cache_free(cache, p);
	kmem_cache_destroy(cache);
	mock_stop();
}

static void g139_zalloc(void **state)
{
	struct mock_config config = {.bytes = 8 * MOCK_MIB, .dirty_memory = true};

	(void)state;
	mock_start(&config);
	struct kmem_cache *cache = new_cache("t", 77, 0);

	for (unsigned i = 0; i < 3; i++) {
		unsigned char *p = kmem_cache_zalloc(cache, GFP_KERNEL);

		assert_true(all_bytes(p, 0, 77));
		memset(p, 0xff, 77);
		kmem_cache_free(cache, p);
	}
	kmem_cache_destroy(cache);
	mock_stop();
}

static unsigned second_cpu_on_node_1(unsigned cpu)
{
	return cpu == 1;
}

/* A node that is asked for is used, and with __GFP_THISNODE only that. (G139) */
static void g139_node(void **state)
{
	static const struct quarry_mem_range map[] = {
		{16 * MOCK_MIB, 16 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
		{32 * MOCK_MIB, 16 * MOCK_MIB, QUARRY_MEM_USABLE, 1},
	};
	struct mock_config config = {
		.map = map, .nr_map = 2, .cpus = 2, .cpu_node = second_cpu_on_node_1};
	void *object[200];

	(void)state;
	mock_start(&config);
	struct kmem_cache *cache = new_cache("t", 200, 0);

	for (int i = 0; i < 200; i++) {
		object[i] = kmem_cache_alloc_node(cache, GFP_KERNEL | __GFP_THISNODE, i % 2);
		assert_non_null(object[i]);
		assert_int_equal(page_to_nid(virt_to_page(object[i])), i % 2);
	}
	for (int i = 0; i < 200; i++)
		kmem_cache_free(cache, object[i]);
	/* The CPU's own node is the default. */
	mock_set_cpu(1);
	slab_drain();
	void *p = kmem_cache_alloc(cache, GFP_KERNEL);

	assert_int_equal(page_to_nid(virt_to_page(p)), 1);
	kmem_cache_free(cache, p);
	p = kmalloc_node(100, GFP_KERNEL, 0);
	assert_int_equal(page_to_nid(virt_to_page(p)), 0);
	kfree(p);
	mock_set_cpu(0);
	kmem_cache_destroy(cache);
	mock_stop();
}

static const struct quarry_mem_range two_nodes[] = {
	{16 * MOCK_MIB, 8 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	{24 * MOCK_MIB, 8 * MOCK_MIB, QUARRY_MEM_USABLE, 1},
};

/* A node that cannot be is reported, whatever the size; one that has no memory is not used. */
static void g139_no_such_node(void **state)
{
	static const int far[] = {QUARRY_MAX_NODES, QUARRY_MAX_NODES + 60, INT32_MAX};

	(void)state;
	for (unsigned machine = 1; machine <= 2; machine++) {
		mock_start(&(struct mock_config){.map = two_nodes, .nr_map = machine});
		struct kmem_cache *cache = new_cache("t", 200, 0);

		for (unsigned i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
			mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 4);
			assert_null(kmalloc_node(64, GFP_KERNEL, far[i]));
			assert_null(kmalloc_node(64, GFP_KERNEL | __GFP_THISNODE, far[i]));
			assert_null(kmalloc_node(20000, GFP_KERNEL, far[i]));
			assert_null(kmem_cache_alloc_node(cache, GFP_KERNEL, far[i]));
		}
		void *p = kmem_cache_alloc_node(cache, GFP_KERNEL, 3);

		assert_non_null(p);
		kmem_cache_free(cache, p);
		kmem_cache_destroy(cache);
		mock_stop();
	}
}

/* What lies in the stocks of a node without a free page is had with __GFP_THISNODE, too. */
static void g139_node_without_pages(void **state)
{
	static struct page *page[4096];
	void *object[60];
	unsigned n = 0;

	(void)state;
	mock_start(&(struct mock_config){
		.map = two_nodes, .nr_map = 2, .cpus = 2, .cpu_node = second_cpu_on_node_1});
	struct kmem_cache *cache = new_cache("t", 200, 0);

	mock_set_cpu(1);
	for (unsigned i = 0; i < 60; i++)
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	while ((page[n] = alloc_pages_node(1, GFP_NOWAIT | __GFP_MEMALLOC | __GFP_THISNODE, 0)))
		n++;
	assert_null(kmem_cache_alloc_node(cache, GFP_NOWAIT | __GFP_THISNODE, 1));
	for (unsigned i = 0; i < 60; i += 7)
		kmem_cache_free(cache, object[i]);
	void *p = kmem_cache_alloc_node(
		cache, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 1);

	assert_non_null(p);
	assert_int_equal(page_to_nid(virt_to_page(p)), 1);
	kmem_cache_free(cache, p);
	for (unsigned i = 0; i < 60; i++)
		if (i % 7)
			kmem_cache_free(cache, object[i]);
	while (n)
		__free_page(page[--n]);
	mock_set_cpu(0);
	kmem_cache_destroy(cache);
	mock_stop();
}

static void g140_flags(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *line = new_cache("line", 72, SLAB_HWCACHE_ALIGN);
	struct kmem_cache *dma = new_cache("dma", 100, SLAB_CACHE_DMA | SLAB_NO_MERGE);
	struct kmem_cache *account = new_cache("account", 100, SLAB_ACCOUNT);
	void *a = kmem_cache_alloc(line, GFP_KERNEL), *b = kmem_cache_alloc(line, GFP_KERNEL);
	void *c = kmem_cache_alloc(dma, GFP_KERNEL | GFP_DMA),
	     *d = kmem_cache_alloc(account, GFP_KERNEL);

	assert_int_equal(((uintptr_t)a | (uintptr_t)b) % 64, 0);
	if (QUARRY_ARCH_DMA_LIMIT != 0)
		assert_true(virt_to_phys(c) + 100 <= QUARRY_ARCH_DMA_LIMIT);
	kmem_cache_free(line, a);
	kmem_cache_free(line, b);
	kmem_cache_free(dma, c);
	kmem_cache_free(account, d);
	kmem_cache_destroy(line);
	kmem_cache_destroy(dma);
	kmem_cache_destroy(account);
	mock_stop();
}

/* A cache for memory below 4 GiB has no other, whether the mask says so again or not. (G140) */
static void g140_below_4_gib(void **state)
{
	static const struct quarry_mem_range map[] = {
		{4 * MOCK_GIB - 16 * MOCK_MIB, 48 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	};

	(void)state;
	mock_start(&(struct mock_config){.map = map, .nr_map = 1});
	struct kmem_cache *low = new_cache("low", 500, SLAB_CACHE_DMA32),
			  *any = new_cache("any", 500, 0);
	void *p = kmem_cache_alloc(any, GFP_KERNEL), *q[40];

	assert_true(virt_to_phys(p) >= 4 * MOCK_GIB);
	for (unsigned i = 0; i < 40; i++) {
		q[i] = kmem_cache_alloc(low, i % 2 ? GFP_KERNEL : GFP_KERNEL | GFP_DMA32);
		assert_non_null(q[i]);
		assert_true(virt_to_phys(q[i]) + 500 <= 4 * MOCK_GIB);
	}
	kmem_cache_free_bulk(low, 40, q);
	kmem_cache_free(any, p);
	kmem_cache_destroy(low);
	kmem_cache_destroy(any);
	mock_stop();
}

/* Reclaimable caches are counted apart and use RECLAIMABLE pageblocks. (G20) */
static void g020_reclaimable(void **state)
{
	(void)state;
	mock_start(NULL);
	unsigned long before = slab_pages(true), others = slab_pages(false);
	struct kmem_cache *cache = new_cache("inodes", 500, SLAB_RECLAIM_ACCOUNT);
	unsigned long with_cache = slab_pages(false);
	void *p = kmem_cache_alloc(cache, GFP_KERNEL);

	assert_true(with_cache >= others);
	assert_true(slab_pages(true) > before);
	assert_int_equal(page_mobility(slab_head(virt_to_page(p))), MIGRATE_RECLAIMABLE);
	kmem_cache_free(cache, p);
	kmem_cache_shrink(cache);
	assert_int_equal(slab_pages(true), before);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Type-stable, and nobody knows of readers: a freed object's page stays with the cache until the
 * cache ends. (G140, H49) */
static void g140_typesafe(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.no_optional = true});
	struct kmem_cache *cache = new_cache("stable", 100, SLAB_TYPESAFE_BY_RCU);
	unsigned char *p = kmem_cache_alloc(cache, GFP_KERNEL);

	memset(p, 9, 100);
	kmem_cache_free(cache, p);
	kmem_cache_shrink(cache);
	slab_drain();
	assert_ptr_equal(slab_cache_of(virt_to_page(p)), cache);
	assert_true(all_bytes(p, 9, 100)); /* readers may look */
	kmem_cache_destroy(cache);
	assert_ptr_not_equal(slab_cache_of(virt_to_page(p)), cache);
	mock_stop();
}

/* With a grace-period hook, pages of a type-stable cache go back when readers are done, and not
 * before: by a shrink, under pressure, and when the cache ends. (G140, H22) */
static void g140_typesafe_pages_wait_for_readers(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = new_cache("stable", 100, SLAB_TYPESAFE_BY_RCU);

	for (unsigned round = 0; round < 3; round++) {
		unsigned char *p = kmem_cache_alloc(cache, GFP_KERNEL);

		memset(p, 9, 100);
		kmem_cache_free(cache, p);
		unsigned long free_pages = nr_free_pages();

		if (round == 0)
			assert_int_equal(kmem_cache_shrink(cache), 0);
		else if (round == 1)
			slab_drain();
		else
			kmem_cache_destroy(cache);
		assert_null(slab_cache_of(virt_to_page(p)));
		assert_int_equal(page_kind(virt_to_page(p)), QUARRY_PAGE_USED);
		assert_true(all_bytes(p, 9, 100)); /* readers may look */
		assert_int_equal(mock_grace(), 1);
		drain_all_pages();
		assert_true(nr_free_pages() > free_pages);
		assert_int_not_equal(page_kind(virt_to_page(p)), QUARRY_PAGE_USED);
	}
	mock_stop();
}

/* Until then they are counted as what they were: nobody can have them. (G20) */
static void g140_waiting_pages_are_counted(void **state)
{
	static const slab_flags_t flags[] = {0, SLAB_RECLAIM_ACCOUNT};

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < 2; i++) {
		struct kmem_cache *cache =
			new_cache("stable", 5000, flags[i] | SLAB_TYPESAFE_BY_RCU);
		unsigned long before;
		void *p[60];

		for (unsigned j = 0; j < 60; j++)
			p[j] = kmem_cache_alloc(cache, GFP_KERNEL);
		before = slab_pages(i);
		for (unsigned j = 0; j < 60; j++) {
			kmem_cache_free(cache, p[j]);
			if (j % 20 == 19) /* some fly, the others wait */
				kmem_cache_shrink(cache);
		}
		assert_int_equal(slab_pages(i), before);
		mock_grace();
		assert_in_range(slab_pages(i), 0, before - 60);
		kmem_cache_destroy(cache);
		assert_int_equal(slab_pages(true), 0);
	}
	mock_stop();
}

/* Look-alikes share a cache where that is wanted; who must not or does not want to is alone. (G140,
 * API 2.3) */
static void g140_look_alikes_share(void **state)
{
	char alias[QUARRY_CACHE_NAME_MAX + 1], of[QUARRY_CACHE_NAME_MAX + 1];
	struct slab_info info;

	(void)state;
	mock_start(&(struct mock_config){.extra = {.merge_caches = true, .slab_debug = "Z,dbg"}});
	struct kmem_cache *first = new_cache("first", 72, 0);
	struct kmem_cache *same = new_cache("same", 72, 0);
	struct kmem_cache *less = new_cache("less", 66, SLAB_PANIC);

	assert_ptr_equal(first, same);
	assert_ptr_equal(first, less);
	struct kmem_cache *alone[] = {
		new_cache("no", 72, SLAB_NO_MERGE),
		new_cache("other size", 80, 0),
		new_cache("stable", 72, SLAB_TYPESAFE_BY_RCU),
		new_cache("inodes", 72, SLAB_RECLAIM_ACCOUNT),
		new_cache("counted", 72, SLAB_ACCOUNT),
		new_cache("dma", 72, SLAB_CACHE_DMA),
		new_cache("dbg", 72, 0),
		kmem_cache_create("ctor", 72, 8, 0, construct),
		kmem_cache_create_usercopy("user", 72, 8, 0, 0, 8, NULL),
	};
	enum { N = sizeof(alone) / sizeof(alone[0]) };

	for (unsigned i = 0; i < N; i++) {
		assert_ptr_not_equal(alone[i], first);
		for (unsigned j = 0; j < i; j++)
			assert_ptr_not_equal(alone[i], alone[j]);
	}
	assert_true(slab_alias(0, alias, of));
	assert_string_equal(alias, "same");
	assert_string_equal(of, "first");
	assert_true(slab_alias(1, alias, of));
	assert_string_equal(alias, "less");
	assert_false(slab_alias(2, alias, of));
	assert_false(find_info("same", &info));
	/* It goes with the last of them. */
	void *p = kmem_cache_alloc(less, GFP_KERNEL);

	kmem_cache_destroy(first);
	kmem_cache_destroy(less);
	assert_false(slab_alias(0, alias, of));
	assert_int_equal(active_of("first"), 1);
	mock_expect_report(QUARRY_RULE_CACHE_BUSY, 1);
	kmem_cache_destroy(same);
	kmem_cache_free(same, p);
	kmem_cache_destroy(same);
	assert_false(find_info("first", &info));
	mock_expect_report(QUARRY_RULE_CACHE_ARGUMENT, 1);
	kmem_cache_destroy(same);
	for (unsigned i = 0; i < N; i++)
		kmem_cache_destroy(alone[i]);
	/* Without memory for the name it is alone. */
	first = new_cache("first", 72, 0);
	mock_fail_site(FAULT_OBJECT, 1, false);
	same = new_cache("same", 72, 0);
	assert_ptr_not_equal(first, same);
	kmem_cache_destroy(first);
	kmem_cache_destroy(same);
	mock_stop();
}

static struct kmem_cache *met;
static void create_alike(void *arg)
{
	(void)arg;
	met = new_cache("alike", 72, 0);
}

/* A cache that has a window, or will have one, is found by nobody, at whatever point of its
 * creation another CPU looks for one. */
static void g136_window_is_not_shared(void **state)
{
	bool during = true;

	(void)state;
	for (unsigned n = 1; during; n++) {
		/* Who creates in an interrupt here stands for another CPU. */
		mock_start(&(struct mock_config){.no_sleep = true,
						 .extra = {.merge_caches = true}});
		met = NULL;
		mock_interrupt_at(n, create_alike, NULL);
		struct kmem_cache *window = kmem_cache_create_usercopy("w", 72, 8, 0, 0, 8, NULL);

		during = met;
		if (!during) {
			mock_interrupt_at(0, NULL, NULL);
			create_alike(NULL);
		}
		assert_ptr_not_equal(met, window);
		assert_int_equal(met->usersize, 0);
		kmem_cache_destroy(window);
		kmem_cache_destroy(met);
		mock_stop();
	}
}

/* A wrong cache is reported at once, and the object stays where it was. (G147, H40) */
static void g147_wrong_cache(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *a = new_cache("a", 64, 0), *b = new_cache("b", 64, 0);
	unsigned char *p = kmem_cache_alloc(a, GFP_KERNEL);

	memset(p, 3, 64);
	mock_expect_report(QUARRY_RULE_OBJECT_CACHE, 2);
	kmem_cache_free(b, p);
	assert_ptr_equal(mock_last_report()->subject, p);
	kmem_cache_free_bulk(b, 1, (void **)&p);
	mock_expect_report(QUARRY_RULE_FREE_UNKNOWN, 1);
	kmem_cache_free(a, &a);
	assert_true(all_bytes(p, 3, 64));
	assert_int_equal(active_of("a"), 1);
	assert_int_equal(active_of("b"), 0);
	kmem_cache_free(a, p);
	kmem_cache_free(a, NULL);
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
	mock_stop();
}

/* kfree takes cache objects too. (G148, D4) */
static void g148_kfree_of_cache_object(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = new_cache("t", 300, 0);
	void *p = kmem_cache_alloc(cache, GFP_KERNEL);

	assert_int_equal(active_of("t"), 1);
	assert_int_equal(ksize(p), 300);
	kfree(p);
	assert_int_equal(active_of("t"), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* What we made for ourselves is not the caller's to free: a cache, above all. */
static void g149_cache_is_no_object(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = new_cache("t", 300, 0);
	void *p = kmem_cache_alloc(cache, GFP_KERNEL);

	mock_expect_report(QUARRY_RULE_FREE_KIND, 3);
	kfree(cache);
	kvfree(cache);
	kfree(cache->stock[0]);
	struct kmem_cache *other = new_cache("other", 300, 0);

	assert_ptr_not_equal(cache, other);
	kmem_cache_free(cache, p);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(other);
	mock_stop();
}

/* Destroying gives all pages back and frees the name. (G151) */
static void g151_destroy(void **state)
{
	(void)state;
	mock_start(NULL);
	unsigned long free_pages = mock_free_pages();

	for (unsigned round = 0; round < 3; round++) {
		struct kmem_cache *cache = new_cache("again", 700, 0);
		void *p[50];

		for (unsigned i = 0; i < 50; i++)
			p[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		for (unsigned i = 0; i < 50; i++)
			kmem_cache_free(cache, p[i]);
		kmem_cache_destroy(cache);
		assert_int_equal(mock_free_pages(), free_pages);
	}
	mock_stop();
}

/* With live objects: reported, objects stay readable, the cache goes on working. (G152, H46) */
static void g152_destroy_with_live_objects(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = new_cache("busy", 64, 0);
	unsigned char *p = kmem_cache_alloc(cache, GFP_KERNEL),
		      *q = kmem_cache_alloc(cache, GFP_KERNEL);

	memset(p, 1, 64);
	kmem_cache_free(cache, q);
	mock_expect_report(QUARRY_RULE_CACHE_BUSY, 1);
	kmem_cache_destroy(cache);
	assert_int_equal(mock_last_report()->a, 1);
	assert_true(all_bytes(p, 1, 64));
	assert_int_equal(active_of("busy"), 1);
	kmem_cache_free(cache, p);
	kmem_cache_destroy(cache);
	mock_stop();
}

static void g153_destroy_null_and_twice(void **state)
{
	(void)state;
	mock_start(NULL);
	kmem_cache_destroy(NULL);
	struct kmem_cache *cache = new_cache("once", 64, 0);

	kmem_cache_destroy(cache);
	mock_expect_report(QUARRY_RULE_CACHE_ARGUMENT, 2);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(
		quarry_kmalloc_cache(QUARRY_KMALLOC_NORMAL, 3)); /* ours, not the caller's */
	kfree(kmalloc(32, GFP_KERNEL));
	mock_stop();
}

/* Names are copied, and cut to 31 characters. (H47) */
static void h047_names(void **state)
{
	char name[64];
	struct slab_info info;

	(void)state;
	mock_start(NULL);
	for (unsigned length = 1; length < 40; length++) {
		memset(name, 'x', sizeof(name));
		name[length] = '\0';
		struct kmem_cache *cache = new_cache(name, 16, 0);

		memset(name, 'y', sizeof(name));
		memset(name, 'x', length < 31 ? length : 31);
		name[length < 31 ? length : 31] = '\0';
		assert_true(find_info(name, &info));
		kmem_cache_destroy(cache);
	}
	/* A row of slabinfo stays one. */
	struct kmem_cache *odd = new_cache("my cache\n1 2", 16, 0);

	assert_true(find_info("my_cache_1_2", &info));
	kmem_cache_destroy(odd);
	mock_stop();
}

/* Working at the edge of a slab does not fetch and return a page each time. (H51) */
static void h051_no_ping_pong(void **state)
{
	void *object[200];

	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = new_cache("t", 512, 0);
	unsigned n = 0;

	/* Fill slabs to the brim of the last one, with the stock empty. */
	do {
		object[n++] = kmem_cache_alloc(cache, GFP_KERNEL);
	} while (n < 8 * cache->shape[0].objects);
	kmem_cache_shrink(cache);
	unsigned long passes = mock_fault_passes(FAULT_SLAB_GROW);

	for (unsigned i = 0; i < 1000; i++) {
		void *p = kmem_cache_alloc(cache, GFP_KERNEL);

		kmem_cache_free(cache, p);
	}
	assert_true(mock_fault_passes(FAULT_SLAB_GROW) - passes <= 1);
	while (n)
		kmem_cache_free(cache, object[--n]);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Empty slabs go back at once, but for a few. (H51) */
static void h051_empty_slabs_go_back(void **state)
{
	static void *object[2000];
	struct slab_info info;

	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = new_cache("t", 128, 0);

	for (unsigned i = 0; i < 2000; i++)
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL);
	for (unsigned i = 0; i < 2000; i++)
		kmem_cache_free(cache, object[i]);
	assert_true(find_info("t", &info));
	assert_in_range(info.empty_slabs, 0, cache->max_empty);
	assert_true(info.slabs < 2000 / info.objects_per_slab / 4);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* What is left over at the end of a slab is no object, though it starts where the next would.
 * (H41) */
static void h041_rest_of_a_slab(void **state)
{
	static const unsigned sizes[] = {8, 24, 80, 96, 448, 640};

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct kmem_cache *cache = new_cache("t", sizes[i], 0);
		char *p = kmem_cache_alloc(cache, GFP_KERNEL);
		char *base = page_address(slab_head(virt_to_page(p)));

		mock_expect_report(QUARRY_RULE_OBJECT_INTERIOR, 1);
		kfree(base + (size_t)cache->shape[0].objects * sizes[i]);
		kmem_cache_shrink(cache);
		assert_int_equal(active_of("t"), 1);
		kmem_cache_free(cache, p);
		kmem_cache_destroy(cache);
	}
	mock_stop();
}

/* Every internal step of creating and filling a cache fails once. */
static void failure_sweep(void **state)
{
	(void)state;
	for (unsigned long n = 1; n < 100; n++) {
		mock_start(NULL);
		unsigned long before = mock_fault_passes(-1);

		mock_fail_site(-1, n, false);
		struct kmem_cache *cache = kmem_cache_create("t", 3000, NULL, 0);

		if (cache) {
			void *p[30];

			for (unsigned i = 0; i < 30; i++)
				p[i] = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOWARN);
			for (unsigned i = 0; i < 30; i++)
				kmem_cache_free(cache, p[i]);
			kmem_cache_destroy(cache);
		}
		bool done = mock_fault_passes(-1) - before < n;

		mock_fail_site(-1, 0, false);
		mock_stop();
		if (done)
			return;
	}
	fail_msg("the sweep did not end");
}

/* Without large blocks, slabs of the smallest order serve; both kinds live together. (G105) */
static void g105_small_slabs_when_memory_is_fragmented(void **state)
{
	static struct page *page[4096];
	struct mock_config config = {.bytes = 4 * MOCK_MIB};
	unsigned n = 0;

	(void)state;
	mock_start(&config);
	struct kmem_cache *cache = new_cache("t", 1800, 0);
	void *big = kmem_cache_alloc(cache, GFP_KERNEL);

	assert_true(page_order(slab_head(virt_to_page(big))) > 0);
	while (n < 4096 && (page[n] = alloc_page(GFP_NOWAIT | __GFP_MEMALLOC)) != NULL)
		n++;
	for (unsigned i = 0; i < n; i++) { /* every other frame free */
		if (page_to_pfn(page[i]) % 2)
			continue;
		__free_page(page[i]);
		page[i] = NULL;
	}
	void *object[40];
	bool small = false;

	for (unsigned i = 0; i < 40; i++) {
		/* A NOFAIL that reached the request for a large slab would be reported, or wait. */
		object[i] = kmem_cache_alloc(cache, GFP_KERNEL | (i % 2 ? __GFP_NOFAIL : 0));
		assert_non_null(object[i]);
		memset(object[i], 1, 1800);
		small |= page_order(slab_head(virt_to_page(object[i]))) == 0;
	}
	assert_true(small);
	assert_int_equal(slab_check(), 0);
	for (unsigned i = 0; i < 40; i++)
		kmem_cache_free(cache, object[i]);
	kmem_cache_free(cache, big);
	for (unsigned i = 0; i < n; i++)
		if (page[i])
			__free_page(page[i]);
	kmem_cache_destroy(cache);
	mock_stop();
}

struct thing {
	long a;
	char text[20];
};

static void macros(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *plain = KMEM_CACHE(thing, 0),
			  *window = KMEM_CACHE_USERCOPY(thing, 0, text);
	struct slab_info info;

	assert_true(find_info("thing", &info));
	assert_int_equal(info.object_size, sizeof(struct thing));
	assert_int_equal(window->useroffset, offsetof(struct thing, text));
	assert_int_equal(window->usersize, 20);
	kmem_cache_destroy(plain);
	kmem_cache_destroy(window);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(g002_thousand_objects),
		cmocka_unit_test(g134_overhead),
		cmocka_unit_test(g135_bad_arguments),
		cmocka_unit_test(g135_slab_panic),
		cmocka_unit_test(h052_sizes_and_alignments),
		cmocka_unit_test(g136_usercopy_window),
		cmocka_unit_test(g138_constructor),
		cmocka_unit_test(g139_zalloc),
		cmocka_unit_test(g139_node),
		cmocka_unit_test(g139_no_such_node),
		cmocka_unit_test(g139_node_without_pages),
		cmocka_unit_test(g140_flags),
		cmocka_unit_test(g140_below_4_gib),
		cmocka_unit_test(g020_reclaimable),
		cmocka_unit_test(g140_typesafe),
		cmocka_unit_test(g140_look_alikes_share),
		cmocka_unit_test(g140_typesafe_pages_wait_for_readers),
		cmocka_unit_test(g140_waiting_pages_are_counted),
		cmocka_unit_test(g136_window_is_not_shared),
		cmocka_unit_test(g147_wrong_cache),
		cmocka_unit_test(g149_cache_is_no_object),
		cmocka_unit_test(g148_kfree_of_cache_object),
		cmocka_unit_test(g151_destroy),
		cmocka_unit_test(g152_destroy_with_live_objects),
		cmocka_unit_test(g153_destroy_null_and_twice),
		cmocka_unit_test(h047_names),
		cmocka_unit_test(h051_no_ping_pong),
		cmocka_unit_test(h051_empty_slabs_go_back),
		cmocka_unit_test(h041_rest_of_a_slab),
		cmocka_unit_test(failure_sweep),
		cmocka_unit_test(g105_small_slabs_when_memory_is_fragmented),
		cmocka_unit_test(macros),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
