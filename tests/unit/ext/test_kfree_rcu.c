/* SPDX-License-Identifier: MIT */
/* test_kfree_rcu.c: frees that wait for readers. */
#include "../slab/slab_test.h"

struct node {
	long key;
	struct quarry_rcu_field rcu;
	char text[40];
};

static struct node *new_node(struct kmem_cache *cache, long key)
{
	struct node *node = kmem_cache_alloc(cache, GFP_KERNEL);

	assert_non_null(node);
	node->key = key;
	memset(node->text, (int)key, sizeof(node->text));
	return node;
}

/* A freed object stays as it was for readers until a grace period is over. (H22) */
static void h022_readers_see_it_whole(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = KMEM_CACHE(node, 0);
	struct node *node = new_node(cache, 7);
	struct node *nothing = NULL;

	kfree_rcu(node, rcu);
	kfree_rcu(nothing, rcu);
	kfree_rcu_mightsleep(NULL);
	assert_int_equal(active_of("node"), 1);
	assert_int_equal(node->key, 7);
	assert_true(all_bytes(node->text, 7, sizeof(node->text)));
	assert_int_equal(mock_grace(), 1);
	assert_int_equal(active_of("node"), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* However many are freed, a grace period is asked for once a batch; what comes while one runs
 * waits for the next. */
static void h022_batches(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = KMEM_CACHE(node, 0);
	struct node *node[100];

	for (unsigned i = 0; i < 100; i++)
		node[i] = new_node(cache, (long)i);
	for (unsigned i = 0; i < 100; i++)
		kfree_rcu(node[i], rcu);
	assert_int_equal(active_of("node"), 100);
	/* The first alone, then the 99 that came meanwhile. */
	assert_int_equal(mock_grace(), 2);
	assert_int_equal(active_of("node"), 0);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* Every kind of memory, from an interrupt, with and without words of its own. */
static void h022_any_memory(void **state)
{
	(void)state;
	mock_start(NULL);
	struct node *small = kmalloc(sizeof(*small), GFP_KERNEL);
	struct node *large = kmalloc(20000, GFP_KERNEL);
	struct node *area = vmalloc(3 * PAGE_SIZE);

	mock_set_context(QUARRY_CTX_IRQ);
	kfree_rcu(small, rcu);
	kfree_rcu(large, rcu);
	kvfree_rcu(area, rcu);
	mock_set_context(0);
	kfree_rcu_mightsleep(kmalloc(8, GFP_KERNEL));
	kvfree_rcu_mightsleep(vmalloc(PAGE_SIZE));
	assert_int_equal(vmalloc_nr_pages(), 4);
	kvfree_rcu_barrier();
	assert_int_equal(vmalloc_nr_pages(), 0);
	kvfree_rcu_barrier();
	/* Without memory for an entry, it waits itself. */
	void *p = kmalloc(8, GFP_KERNEL);

	mock_fail_site(FAULT_OBJECT, 1, false);
	kfree_rcu_mightsleep(p);
	assert_int_equal(mock_grace(), 0);
	mock_stop();
}

/* Nobody can say when readers are done: kept for ever, and said so. */
static void h022_without_the_hook(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.no_optional = true});
	struct kmem_cache *cache = KMEM_CACHE(node, 0);
	struct node *node = new_node(cache, 1);

	mock_expect_report(QUARRY_RULE_NO_GRACE, 2);
	kfree_rcu(node, rcu);
	kfree_rcu_mightsleep(node);
	kvfree_rcu_barrier();
	assert_int_equal(active_of("node"), 1);
	kmem_cache_free(cache, node);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* A pointer into an object is not taken for its even neighbour. (G149) */
static void g149_interior_pointer(void **state)
{
	struct quarry_rcu_field field = {0};

	(void)state;
	mock_start(NULL);
	char *p = kmalloc(64, GFP_KERNEL);

	mock_expect_report(QUARRY_RULE_OBJECT_INTERIOR, 4);
	kfree_rcu_mightsleep(p + 1);
	quarry_free_later(p + 1, &field);
	kfree_rcu_mightsleep(p + 8);
	quarry_free_later(p + 8, &field);
	mock_grace();
	assert_int_equal(active_of("kmalloc-64"), 1);
	kfree(p);
	mock_stop();
}

static struct node *pair[2];
static unsigned asked;
static struct node *next_node(void)
{
	return pair[asked++];
}

/* The argument is evaluated once; a second call for what waits is reported, and what waits beside
 * it comes to no harm. */
static void h022_twice(void **state)
{
	(void)state;
	mock_start(NULL);
	struct kmem_cache *cache = KMEM_CACHE(node, 0);

	for (unsigned round = 0; round < 3; round++) {
		struct node *first = new_node(cache, 1), *last = new_node(cache, 4);

		asked = 0;
		pair[0] = new_node(cache, 2);
		pair[1] = new_node(cache, 3);
		kfree_rcu(first, rcu);
		kfree_rcu(next_node(), rcu);
		assert_int_equal(asked, 1);
		kfree_rcu(next_node(), rcu);
		/* One that flies, one in the middle of those that wait, and the newest. */
		mock_expect_report(QUARRY_RULE_OBJECT_TWICE, 3);
		kfree_rcu(first, rcu);
		kfree_rcu(pair[0], rcu);
		kfree_rcu(pair[1], rcu);
		kfree_rcu(last, rcu);
		assert_int_equal(mock_reports(QUARRY_RULE_OBJECT_TWICE), 3 * (round + 1));
		assert_int_equal(active_of("node"), 4);
		kvfree_rcu_barrier();
		assert_int_equal(active_of("node"), 0);
	}
	kmem_cache_destroy(cache);
	mock_stop();
}

static struct kmem_cache *shared;

static void free_many(void *arg, unsigned cpu)
{
	(void)arg;
	for (unsigned i = 0; i < 300; i++) {
		struct node *node = kmem_cache_alloc(shared, GFP_KERNEL);

		if (node)
			kfree_rcu(node, rcu);
		if (i % 50 == cpu)
			mock_grace();
	}
}

/* CPUs at once, grace periods ending on any of them. */
static void h022_on_three_cpus(void **state)
{
	(void)state;
	mock_start(&(struct mock_config){.cpus = 3});
	shared = KMEM_CACHE(node, 0);
	mock_run_cpus(3, free_many, NULL);
	kvfree_rcu_barrier();
	assert_int_equal(active_of("node"), 0);
	kmem_cache_destroy(shared);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(h022_readers_see_it_whole),
		cmocka_unit_test(h022_batches),
		cmocka_unit_test(h022_any_memory),
		cmocka_unit_test(h022_without_the_hook),
		cmocka_unit_test(g149_interior_pointer),
		cmocka_unit_test(h022_twice),
		cmocka_unit_test(h022_on_three_cpus),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
