/* SPDX-License-Identifier: MIT */
/*
 * test_every_failure.c: every public function that allocates, with each of its steps failing in
 * turn: it fails or succeeds, and either way nothing is lost and nothing is damaged.
 *
 * The table names the functions; another test reads the public headers and finds those whose result
 * must not be ignored (QUARRY_API_CHECK) in no row. A row's function returns 0, or what it got
 * wrong for want of memory, and leaves nothing behind.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <quarry/quarry.h>
#include <quarry/execmem.h>
#include <quarry/io.h>
#include <quarry/page_frag.h>
#include <quarry/percpu.h>
#include <quarry/rcu.h>
#include <quarry/set_memory.h>
#include <quarry/string.h>

#include "mock.h"

#define DEVICE (MOCK_DIRECT_SIZE - 64 * MOCK_MIB)
#define N 70

static char user[9000];

static int got(const void *p)
{
	return !p || quarry_is_error_ptr(p) ? -QUARRY_ENOMEM : 0;
}

/* ---- pages ---- */

static int pages(void *arg)
{
	static volatile gfp_t kernel = GFP_KERNEL, zero = GFP_KERNEL | __GFP_ZERO;
	struct page *p[6] = {alloc_pages(kernel, 3),
			     alloc_pages(GFP_KERNEL, 1),
			     alloc_pages(GFP_ATOMIC, 2),
			     alloc_pages(GFP_KERNEL | __GFP_ZERO, 0),
			     alloc_pages_node(0, GFP_KERNEL, 1),
			     alloc_pages(zero, 4)};
	static const unsigned orders[6] = {3, 1, 2, 0, 1, 4};
	int error = 0;

	(void)arg;
	for (unsigned i = 0; i < 6; i++) {
		error = error ? error : got(p[i]);
		__free_pages(p[i], orders[i]);
	}
	return error;
}

static int exact_pages(void *arg)
{
	void *p = alloc_pages_exact(5 * PAGE_SIZE, GFP_KERNEL);
	void *q = alloc_pages_exact_nid(0, 3 * PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);
	struct page *now = alloc_pages_nolock(0, 0);
	int error = got(p) | got(q);

	(void)arg;
	if (p)
		free_pages_exact(p, 5 * PAGE_SIZE);
	if (q)
		free_pages_exact(q, 3 * PAGE_SIZE);
	if (now)
		free_pages_nolock(now, 0);
	return error;
}

static int bulk_pages(void *arg)
{
	struct page *p[N] = {0};
	unsigned long n = alloc_pages_bulk(GFP_KERNEL, N / 2, p);

	(void)arg;
	if (n == N / 2)
		n = alloc_pages_bulk_node(GFP_KERNEL, 0, N, p);
	free_pages_bulk(N, p);
	return n == N ? 0 : -QUARRY_ENOMEM;
}

static int contiguous_pages(void *arg)
{
	struct page *p = alloc_contig_pages(600, GFP_KERNEL, 0);
	int error = got(p);

	(void)arg;
	if (p) {
		unsigned long pfn = page_to_pfn(p);

		free_contig_range(pfn, 600);
		error = alloc_contig_range(pfn, pfn + 600, MIGRATE_MOVABLE, GFP_KERNEL);
		if (!error)
			free_contig_range(pfn, 600);
		if (!quarry_claim(PFN_PHYS(pfn), 50 * PAGE_SIZE))
			quarry_release(PFN_PHYS(pfn), 50 * PAGE_SIZE);
	}
	return error;
}

static int fragments(void *arg)
{
	struct page_frag_cache cache;
	void *p[N];
	int error = 0;

	(void)arg;
	page_frag_cache_init(&cache);
	for (unsigned i = 0; i < N; i++) {
		p[i] = page_frag_alloc_align(&cache, 1000, GFP_KERNEL, 64);
		error = error ? error : got(p[i]);
	}
	page_frag_cache_drain(&cache);
	for (unsigned i = 0; i < N; i++)
		if (p[i])
			page_frag_free(p[i]);
	return error;
}

/* ---- objects ---- */

static int objects_of_cpus(void *arg)
{
	void *p[4];
	int error = 0;

	(void)arg;
	for (unsigned i = 0; i < 4; i++) {
		p[i] = __alloc_percpu_gfp(PAGE_SIZE / 2, 8, GFP_KERNEL);
		error = error ? error : got(p[i]);
	}
	for (unsigned i = 0; i < 4; i++)
		free_percpu(p[i]);
	return error;
}

static int objects_by_size(void *arg)
{
	static volatile gfp_t kernel = GFP_KERNEL;
	static volatile size_t size = 100;
	void *now[3] = {kmalloc_nolock(100, (gfp_t)0, NUMA_NO_NODE), /* may fail at any time */
			kmalloc_nolock(100, __GFP_ZERO, 0), kmalloc_nolock(20000, (gfp_t)0, 0)};
	void *p[9] = {kmalloc(100, GFP_KERNEL),
		      kmalloc(100, GFP_ATOMIC),
		      kmalloc(100, GFP_NOFS),
		      kmalloc(100, kernel),
		      kmalloc(size, GFP_KERNEL),
		      kmalloc_node(size, GFP_KERNEL, 0),
		      kmalloc(size * 300, GFP_KERNEL),
		      kcalloc(size, 8, GFP_KERNEL),
		      kmalloc_track_caller(size, GFP_KERNEL)};
	int error = 0;

	(void)arg;
	for (unsigned i = 0; i < 9; i++) {
		void *moved = p[i] ? krealloc(p[i], 9000, GFP_KERNEL) : NULL;

		error = error ? error : got(moved);
		kfree(moved ? moved : p[i]);
	}
	for (unsigned i = 0; i < 3; i++)
		kfree_nolock(now[i]);
	return error;
}

static int objects_of_a_cache(void *arg)
{
	static volatile gfp_t kernel = GFP_KERNEL;
	struct kmem_cache_args args = {.align = 64};
	struct kmem_cache *cache = kmem_cache_create_args("t", 200, &args, 0);
	void *p[N];
	int error = 0;

	(void)arg;
	if (!cache)
		return -QUARRY_ENOMEM;
	for (unsigned i = 0; i < N; i++) {
		p[i] = i % 5 == 0   ? kmem_cache_alloc(cache, GFP_KERNEL)
		       : i % 5 == 1 ? kmem_cache_alloc(cache, GFP_ATOMIC)
		       : i % 5 == 2 ? kmem_cache_alloc(cache, GFP_NOFS)
		       : i % 5 == 3 ? kmem_cache_alloc(cache, kernel)
				    : kmem_cache_alloc_node(cache, GFP_KERNEL, 0);
		error = error ? error : got(p[i]);
	}
	for (unsigned i = 0; i < N; i++)
		kmem_cache_free(cache, p[i]);
	if (kmem_cache_alloc_bulk(cache, GFP_KERNEL, N, p) == N)
		kmem_cache_free_bulk(cache, N, p);
	else
		error = -QUARRY_ENOMEM;
	kmem_cache_destroy(cache);
	return error;
}

static int objects_of_a_marked_cache(void *arg)
{
	struct kmem_cache *cache = kmem_cache_create("t", 200, NULL, SLAB_FAILSLAB);
	void *p = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;

	(void)arg;
	kfree(p);
	kmem_cache_destroy(cache);
	return got(p);
}

static int sheaves(void *arg)
{
	struct kmem_cache *cache = kmem_cache_create("t", 48, NULL, 0);
	struct slab_sheaf *sheaf =
		cache ? kmem_cache_prefill_sheaf(cache, GFP_KERNEL, 20) : NULL;
	int error = got(sheaf);

	(void)arg;
	if (sheaf) {
		kmem_cache_free(cache, kmem_cache_alloc_from_sheaf(cache, GFP_KERNEL, sheaf));
		error = kmem_cache_refill_sheaf(cache, GFP_KERNEL, &sheaf, 40);
		kmem_cache_return_sheaf(cache, GFP_KERNEL, sheaf);
	}
	kmem_cache_destroy(cache);
	return error;
}

static int buckets(void *arg)
{
	struct kmem_buckets *set = kmem_buckets_create("b", 0, 0, UINT32_MAX, NULL);
	void *p = set ? kmem_buckets_alloc(set, 100, GFP_KERNEL) : NULL;
	void *q = set ? kmem_buckets_valloc(set, 30000, GFP_KERNEL) : NULL;
	int error = got(p) | got(q);

	(void)arg;
	kfree(p);
	kvfree(q);
	kmem_buckets_destroy(set);
	return error;
}

static int copies(void *arg)
{
	char *p[12] = {kmemdup(user, 100, GFP_KERNEL),
		       kmemdup_array(user, 10, 10, GFP_KERNEL),
		       kmemdup_nul(user, 100, GFP_KERNEL),
		       kstrdup("text", GFP_KERNEL),
		       kstrndup("text", 2, GFP_KERNEL),
		       (char *)(uintptr_t)kstrdup_const("text", GFP_KERNEL),
		       kasprintf(GFP_KERNEL, "%d", 1),
		       memdup_user(user, 100),
		       memdup_user_nul(user, 100),
		       strndup_user(user, 5000),
		       vmemdup_user(user, 9000)};
	int error = 0;

	(void)arg;
	for (unsigned i = 0; i < 11; i++) {
		error = error ? error : got(p[i]);
		if (!quarry_is_error_ptr(p[i]))
			kvfree(p[i]);
	}
	return error;
}

static int freed_later(void *arg)
{
	void *p = kmalloc(64, GFP_KERNEL);

	(void)arg;
	if (p)
		kfree_rcu_mightsleep(p);
	mock_grace();
	return got(p);
}

/* ---- addresses ---- */

static int areas(void *arg)
{
	void *p[8] = {vmalloc(3 * PAGE_SIZE),
		      vzalloc(PAGE_SIZE),
		      vmalloc_node(5 * PAGE_SIZE, 0),
		      vzalloc_node(5 * PAGE_SIZE, 0),
		      vmalloc_user(PAGE_SIZE),
		      __vmalloc(PAGE_SIZE, GFP_KERNEL),
		      __vmalloc_node(PAGE_SIZE, 4 * PAGE_SIZE, GFP_KERNEL, 0, NULL),
		      __vmalloc_node_range(PAGE_SIZE, 1, 0, UINTPTR_MAX, GFP_KERNEL,
					   PAGE_KERNEL_NOCACHE, 0, 0, NULL)};
	int error = 0;

	(void)arg;
	for (unsigned i = 0; i < 8; i++) {
		void *moved = p[i] ? vrealloc(p[i], 20 * PAGE_SIZE, GFP_KERNEL) : NULL;

		error = error ? error : got(moved);
		vfree(moved ? moved : p[i]);
	}
	p[0] = vmalloc_32(PAGE_SIZE);
	p[1] = vmalloc_32_user(PAGE_SIZE);
	error |= got(p[0]) | got(p[1]);
	vfree(p[0]);
	vfree(p[1]);
	p[0] = kvmalloc(40000, GFP_KERNEL);
	p[1] = p[0] ? kvrealloc(p[0], 90000, GFP_KERNEL) : NULL;
	kvfree(p[1] ? p[1] : p[0]);
	return error | got(p[1]);
}

static int mappings(void *arg)
{
	struct page *p[4] = {0};
	int error = alloc_pages_bulk(GFP_KERNEL, 4, p) == 4 ? 0 : -QUARRY_ENOMEM;
	void *a = error ? NULL : vmap(p, 4, VM_MAP, PAGE_KERNEL);
	void *b = error ? NULL : vm_map_ram(p, 4, 0);
	const unsigned long frame = DEVICE >> PAGE_SHIFT;
	void *c = vmap_pfn(&frame, 1, PAGE_KERNEL);

	(void)arg;
	vunmap(a);
	vunmap(c);
	if (b)
		vm_unmap_ram(b, 4);
	vm_unmap_aliases();
	free_pages_bulk(4, p);
	return error | got(a) | got(b) | got(c);
}

static int devices(void *arg)
{
	void *p[7] = {ioremap(DEVICE, 100),		ioremap_uc(DEVICE, PAGE_SIZE),
		      ioremap_wc(DEVICE, 9000),		ioremap_wt(DEVICE, 9000),
		      ioremap_cache(DEVICE, 9000),	ioremap_prot(DEVICE, 100, PAGE_KERNEL),
		      memremap(DEVICE, 100, MEMREMAP_WB)};
	int error = 0;

	(void)arg;
	for (unsigned i = 0; i < 7; i++) {
		error = error ? error : got(p[i]);
		if (i < 6)
			iounmap(p[i]);
		else
			memunmap(p[i]);
	}

	struct vm_struct *range = get_vm_area(2 * PAGE_SIZE, VM_IOREMAP);

	error = error ? error : got(range);
	if (range) {
		unsigned long at = (unsigned long)range->addr;
		int filled = ioremap_page_range(at, at + PAGE_SIZE, DEVICE, PAGE_KERNEL);

		error = error ? error : filled;
	}
	free_vm_area(range);
	return error;
}

static int rights(void *arg)
{
	static int (*const set[])(unsigned long, int) = {
		set_memory_ro, set_memory_rw, set_memory_nx, set_memory_wc, set_memory_wt,
		set_memory_uc, set_memory_wb, set_memory_rox};
	char *p = vmalloc(4 * MOCK_MIB);
	int error = got(p);

	(void)arg;
	for (unsigned i = 0; i < 8 && !error; i++)
		error = set[i]((unsigned long)p + (4 * i + 1) * PAGE_SIZE, 3);
	if (!error)
		error = set_memory_x((unsigned long)p + PAGE_SIZE, 3); /* read only by now */
	vfree(p);
	p = execmem_alloc(EXECMEM_DEFAULT, 2 * PAGE_SIZE);
	error = error ? error : got(p);
	if (p) {
		int sealed = execmem_seal(p);

		if (!sealed)
			sealed = execmem_make_temp_rw(p, PAGE_SIZE);
		if (!sealed)
			sealed = execmem_restore_rox(p, PAGE_SIZE);
		error = error ? error : sealed;
	}
	execmem_free(p);
	return error;
}

/* ---- the rest ---- */

static unsigned long none(struct shrinker *shrinker, struct shrink_control *control)
{
	(void)shrinker, (void)control;
	return 0;
}

static int shrinkers(void *arg)
{
	struct shrinker *shrinker = shrinker_alloc(0, "t");

	(void)arg;
	if (shrinker) {
		shrinker->count_objects = none;
		shrinker->scan_objects = none;
		shrinker_register(shrinker);
		shrinker_free(shrinker);
	}
	return got(shrinker);
}

static int lists(void *arg)
{
	struct list_lru lru;
	int error = list_lru_init(&lru);

	(void)arg;
	list_lru_destroy(&lru);
	return error;
}

static struct cma *area;

static int lent_pages(void *arg)
{
	int error = area ? 0
			 : cma_declare_contiguous_nid(0, 4 * MOCK_MIB, 0, 0, 0, false, "t", &area,
						      NUMA_NO_NODE);
	struct page *p = error ? NULL : cma_alloc(area, 100, 0, true);

	(void)arg;
	if (p)
		cma_release(area, p, 100);
	return got(p);
}

static const struct {
	const char *names;
	int (*body)(void *arg);
	unsigned least; /* failures, at least: the row passes so many steps */
} rows[] = {
	{"alloc_pages alloc_pages_sleeping alloc_pages_atomic alloc_pages_zeroed alloc_pages_node",
	 pages, 6},
	{"alloc_pages_exact alloc_pages_exact_nid alloc_pages_nolock", exact_pages, 2},
	{"alloc_pages_bulk alloc_pages_bulk_node", bulk_pages, 2},
	{"alloc_contig_pages alloc_contig_range claim", contiguous_pages, 0},
	{"page_frag_alloc_align", fragments, 2},
	{"__alloc_percpu_gfp", objects_of_cpus, 4},
	{"__kmalloc __kmalloc_node kmalloc_from kmalloc_kernel kmalloc_sleeping kmalloc_atomic "
	 "kmalloc_for kmalloc_nolock krealloc",
	 objects_by_size, 18},
	{"kmem_cache_create_args kmem_cache_alloc kmem_cache_alloc_kernel "
	 "kmem_cache_alloc_sleeping kmem_cache_alloc_atomic "
	 "kmem_cache_alloc_node kmem_cache_alloc_bulk",
	 objects_of_a_cache, N},
	{"", objects_of_a_marked_cache, 4},
	{"kmem_cache_prefill_sheaf kmem_cache_alloc_from_sheaf kmem_cache_refill_sheaf", sheaves,
	 4},
	{"kmem_buckets_create kmem_buckets_alloc kmem_buckets_valloc", buckets, 30},
	{"kmemdup kmemdup_array kmemdup_nul kstrdup kstrndup kstrdup_const kasprintf kvasprintf "
	 "memdup_user memdup_user_nul strndup_user vmemdup_user",
	 copies, 11},
	{"kfree_rcu_mightsleep", freed_later, 1},
	{"vmalloc vzalloc vmalloc_node vzalloc_node vmalloc_32 vmalloc_user vmalloc_32_user "
	 "__vmalloc __vmalloc_node __vmalloc_node_range vrealloc kvmalloc_node kvrealloc",
	 areas, 18},
	{"vmap vmap_pfn vm_map_ram", mappings, 5},
	{"ioremap ioremap_uc ioremap_wc ioremap_wt ioremap_cache ioremap_prot memremap "
	 "get_vm_area ioremap_page_range",
	 devices, 9},
	{"set_memory_ro set_memory_rw set_memory_nx set_memory_x set_memory_rox set_memory_uc "
	 "set_memory_wc set_memory_wt set_memory_wb execmem_alloc execmem_seal "
	 "execmem_make_temp_rw execmem_restore_rox",
	 rights, 5},
	{"shrinker_alloc", shrinkers, 1},
	{"list_lru_init", lists, 1},
	{"cma_declare_contiguous_nid cma_alloc cma_init_reserved_mem", lent_pages, 0},
	/* Need no memory, or not ours any more. */
	{"find_vm_area usercopy_ok current_gfp_context memalloc_flags_save memalloc_nofs_save "
	 "memalloc_noio_save memalloc_noreclaim_save memalloc_pin_save",
	 NULL, 0},
	{"memblock_alloc memblock_phys_alloc_range", NULL, 0}, /* over when quarry_init returns */
	{"remove_memory", NULL, 0}, /* moves pages: tests/unit/page/test_remove.c */
};
#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

static void every_step_fails_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NR_ROWS; i++) {
		if (!rows[i].body)
			continue;
		area = NULL;
		mock_start(&(struct mock_config){
			.user_start = user, .user_bytes = sizeof(user), .protect_direct = true});
		memset(user, 'a', sizeof(user));
		user[4000] = '\0';
		mock_expect_report(QUARRY_RULE_NO_MEMORY, 100000);
		/* What is made at the first use stays. */
		if (rows[i].body(NULL))
			fail_msg("%s: fails without a failure", rows[i].names);
		unsigned long failures = mock_sweep(rows[i].body, NULL);

		if (failures < rows[i].least)
			fail_msg("%s: only %lu failures", rows[i].names, failures);
		for (unsigned rule = 0; rule < QUARRY_NR_RULES; rule++)
			if (rule != QUARRY_RULE_NO_MEMORY &&
			    mock_reports((enum quarry_rule)rule))
				fail_msg("%s: reports %s", rows[i].names,
					 quarry_rule_text((enum quarry_rule)rule));
		mock_abandon(); /* the reports were fewer */
	}
}

/* ---- nobody is missing ---- */

static bool in_table(const char *name, size_t length)
{
	for (unsigned i = 0; i < NR_ROWS; i++) {
		for (const char *at = rows[i].names; *at;) {
			size_t n = strcspn(at, " ");

			if (n == length && !strncmp(at, name, n))
				return true;
			at += n + strspn(at + n, " ");
		}
	}
	return false;
}

/* Names in one header's QUARRY_API_CHECK(...). Return: how many. */
static unsigned check_header(const char *header, unsigned *missing)
{
	static char text[65536];
	char path[512];
	unsigned found = 0;

	snprintf(path, sizeof(path), "%s/include/quarry/%s", QUARRY_SOURCE_ROOT, header);
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	size_t n = fread(text, 1, sizeof(text) - 1, file);

	fclose(file);
	assert_true(n < sizeof(text) - 1);
	text[n] = '\0';
	for (const char *at = text; (at = strstr(at, "QUARRY_API_CHECK(")) != NULL; found++) {
		at += strlen("QUARRY_API_CHECK(");
		size_t length = strcspn(at, ")");

		if (!in_table(at, length) && strncmp(at, "name)", 5)) {
			print_error("%s: %.*s is in no row\n", header, (int)length, at);
			++*missing;
		}
	}
	return found;
}

static void every_function_is_in_the_table(void **state)
{
	char command[512], header[256];
	unsigned found = 0, missing = 0;

	(void)state;
	snprintf(command, sizeof(command), "cd %s/include/quarry && ls *.h */*.h",
		 QUARRY_SOURCE_ROOT);
	FILE *list = popen(command, "r");

	assert_non_null(list);
	while (fgets(header, sizeof(header), list)) {
		header[strcspn(header, "\n")] = '\0';
		found += check_header(header, &missing);
	}
	assert_int_equal(pclose(list), 0);
	assert_int_equal(missing, 0);
	assert_true(found > 90);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_step_fails_once),
		cmocka_unit_test(every_function_is_in_the_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
