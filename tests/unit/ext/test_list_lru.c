/* SPDX-License-Identifier: MIT */
/* test_list_lru.c: objects that a shrinker may free, on a list for each node. */
#include "tests/unit/slab/slab_test.h"

#include <quarry/list_lru.h>

#include "mm/base/list.h"
#include "mm/phys/zone.h"

struct object {
	struct quarry_list link;
	int number;
	bool used; /* since it was looked at */
};

static struct list_lru lru;
static struct kmem_cache *cache;

static struct object *object_of(struct quarry_list *link)
{
	return list_entry((uintptr_t)link, struct object, link);
}

static struct object *new_object(int number, int nid)
{
	struct object *object = nid < 0 ? kmem_cache_alloc_lru(cache, &lru, GFP_KERNEL)
					: kmem_cache_alloc_node(cache, GFP_KERNEL, nid);

	assert_non_null(object);
	*object = (struct object){.number = number};
	list_lru_item_init(&object->link);
	return object;
}

static const struct quarry_mem_range two_nodes[] = {
	{MOCK_MIB, 31 * MOCK_MIB, QUARRY_MEM_USABLE, 0},
	{64 * MOCK_MIB, 32 * MOCK_MIB, QUARRY_MEM_USABLE, 1},
};

static void start(const struct mock_config *config)
{
	mock_start(config);
	cache = kmem_cache_create("t", sizeof(struct object), NULL, SLAB_RECLAIM_ACCOUNT);
	assert_int_equal(list_lru_init(&lru), 0);
}
static void stop(void)
{
	list_lru_destroy(&lru);
	assert_null(lru.node);
	kmem_cache_destroy(cache);
	mock_stop();
}

/* ---- coming and going ---- */

static void add_and_del(void **state)
{
	(void)state;
	start(NULL);
	struct object *a = new_object(1, -1), *b = new_object(2, -1);

	assert_true(list_lru_add(&lru, &a->link, 0, NULL));
	assert_false(list_lru_add(&lru, &a->link, 0, NULL));
	assert_true(list_lru_add_obj(&lru, &b->link));
	assert_false(list_lru_add_obj(&lru, &b->link));
	assert_int_equal(list_lru_count(&lru), 2);
	assert_int_equal(list_lru_count_one(&lru, 0, NULL), 2);
	assert_true(list_lru_del_obj(&lru, &a->link));
	assert_false(list_lru_del(&lru, &a->link, 0, NULL));
	assert_true(list_lru_add(&lru, &a->link, 0, NULL));
	mock_expect_report(QUARRY_RULE_CACHE_BUSY, 1);
	list_lru_destroy(&lru); /* nothing happens */
	assert_true(list_lru_del(&lru, &a->link, 0, NULL));
	assert_true(list_lru_del(&lru, &b->link, 0, NULL));
	assert_int_equal(list_lru_count(&lru), 0);
	kmem_cache_free(cache, a);
	kmem_cache_free(cache, b);
	stop();
}

static void wrong_nodes(void **state)
{
	(void)state;
	start(NULL);
	struct quarry_list link;

	list_lru_item_init(&link);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 5);
	assert_false(list_lru_add(&lru, &link, 1, NULL));
	assert_false(list_lru_del(&lru, &link, -1, NULL));
	assert_int_equal(list_lru_count_node(&lru, NUMA_NO_NODE), 0);
	unsigned long n = 1;
	assert_int_equal(list_lru_walk_node(&lru, 7, NULL, NULL, &n), 0);
	assert_int_equal(n, 1);
	assert_true(list_lru_add_obj(&lru, &link)); /* on the stack: node 0 */
	assert_int_equal(list_lru_count_node(&lru, 0), 1);
	assert_true(list_lru_del_obj(&lru, &link));

	struct list_lru none = {NULL};
	assert_false(list_lru_add(&none, &link, 0, NULL));
	list_lru_destroy(&none);
	stop();
}

/* ---- walks ---- */

/* What the callback makes of object i, and what it saw. */
static enum lru_status verdict[8];
static int seen[32], nr_seen;
static struct quarry_list moved;

static enum lru_status judge(struct quarry_list *item, struct list_lru_one *list, void *arg)
{
	int number = object_of(item)->number;

	assert_ptr_equal(arg, &lru);
	assert_true(nr_seen < 32);
	seen[nr_seen++] = number;
	enum lru_status status = verdict[number];

	if (status == LRU_REMOVED) {
		list_lru_isolate_move(list, item, &moved);
	} else if (status == LRU_REMOVED_RETRY) {
		list_lru_isolate(list, item);
		list_lru_unlock(list);
		kmem_cache_free(cache, object_of(item)); /* it may do what it likes now */
	} else if (status == LRU_RETRY) {
		list_lru_unlock(list);
		verdict[number] = LRU_SKIP;
	}
	return status;
}

static void assert_seen(const int *expected, int n)
{
	assert_int_equal(nr_seen, n);
	for (int i = 0; i < n; i++)
		assert_int_equal(seen[i], expected[i]);
	nr_seen = 0;
}
#define SEEN(...)                                                                                  \
	do {                                                                                       \
		const int expected_[] = {__VA_ARGS__};                                             \
		assert_seen(expected_, (int)(sizeof(expected_) / sizeof(expected_[0])));           \
	} while (0)

static struct object *list_of_six[6];
static void make_six(void)
{
	nr_seen = 0;
	list_init(&moved);
	for (int i = 0; i < 6; i++) {
		verdict[i] = LRU_SKIP;
		list_of_six[i] = new_object(i, -1);
		list_lru_add_obj(&lru, &list_of_six[i]->link);
	}
}
static void free_rest(void)
{
	for (int i = 0; i < 8; i++)
		verdict[i] = LRU_REMOVED;
	list_lru_walk(&lru, judge, &lru, 100);
	while (!list_empty(&moved)) {
		struct object *object = object_of(list_first(&moved));

		list_del(&object->link);
		kmem_cache_free(cache, object);
	}
	nr_seen = 0;
}

static void walk_statuses(void **state)
{
	unsigned long n = 100;

	(void)state;
	start(NULL);
	make_six();
	assert_int_equal(list_lru_walk_node(&lru, 0, judge, &lru, &n), 0);
	SEEN(0, 1, 2, 3, 4, 5);
	assert_int_equal(n, 94);
	n = 2;
	list_lru_walk_node(&lru, 0, judge, &lru, &n);
	SEEN(0, 1);
	assert_int_equal(n, 0);

	verdict[1] = LRU_REMOVED;
	verdict[2] = LRU_ROTATE;
	n = 4;
	assert_int_equal(list_lru_walk_one(&lru, 0, NULL, judge, &lru, &n), 1);
	SEEN(0, 1, 2, 3);
	assert_int_equal(list_lru_count(&lru), 5);
	verdict[4] = LRU_STOP;
	assert_int_equal(list_lru_walk(&lru, judge, &lru, 100), 0);
	SEEN(0, 3, 4);
	verdict[4] = LRU_SKIP;

	verdict[3] = LRU_RETRY; /* once */
	list_lru_walk(&lru, judge, &lru, 100);
	SEEN(0, 3, 0, 3, 4, 5, 2);
	verdict[2] = LRU_SKIP;
	verdict[0] = LRU_REMOVED_RETRY;
	verdict[5] = LRU_REMOVED_RETRY;
	assert_int_equal(list_lru_walk(&lru, judge, &lru, 100), 2);
	SEEN(0, 3, 4, 5, 3, 4, 2);
	assert_int_equal(list_lru_count(&lru), 3);
	free_rest();
	stop();
}

/* Objects are listed on the node that their memory lies on. */
static void nodes_have_their_own(void **state)
{
	(void)state;
	start(&(struct mock_config){.map = two_nodes, .nr_map = 2});
	list_init(&moved);
	for (int i = 0; i < 6; i++)
		list_lru_add_obj(&lru, &new_object(i, i % 3 == 0)->link);
	assert_int_equal(list_lru_count_node(&lru, 1), 2);
	assert_int_equal(list_lru_count_node(&lru, 0), 4);
	assert_int_equal(list_lru_count(&lru), 6);
	struct shrink_control sc = {.nid = 1, .nr_to_scan = 1};
	assert_int_equal(list_lru_shrink_count(&lru, &sc), 2);
	for (int i = 0; i < 8; i++)
		verdict[i] = LRU_REMOVED;
	nr_seen = 0;
	assert_int_equal(list_lru_shrink_walk(&lru, &sc, judge, &lru), 1);
	SEEN(0);
	assert_int_equal(sc.nr_to_scan, 0);
	assert_int_equal(list_lru_count_node(&lru, 1), 1);
	free_rest();
	stop();
}

/* ---- with a shrinker ---- */

static enum lru_status second_chance(struct quarry_list *item, struct list_lru_one *list, void *arg)
{
	if (object_of(item)->used) {
		object_of(item)->used = false;
		return LRU_ROTATE;
	}
	list_lru_isolate_move(list, item, arg);
	return LRU_REMOVED;
}
static unsigned long count_unused(struct shrinker *shrinker, struct shrink_control *sc)
{
	(void)shrinker;
	return list_lru_shrink_count(&lru, sc);
}
static unsigned long free_unused(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct quarry_list gone;

	(void)shrinker;
	list_init(&gone);
	unsigned long n = list_lru_shrink_walk(&lru, sc, second_chance, &gone);

	while (!list_empty(&gone)) {
		struct object *object = object_of(list_first(&gone));

		list_del(&object->link);
		kmem_cache_free(cache, object);
	}
	return n;
}

static void a_shrinker_walks_it(void **state)
{
	(void)state;
	start(&(struct mock_config){.map = two_nodes, .nr_map = 2});
	struct shrinker *shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE, "t");

	shrinker->count_objects = count_unused;
	shrinker->scan_objects = free_unused;
	shrinker_register(shrinker);
	for (int i = 0; i < 1000; i++) {
		struct object *object = new_object(i, i % 2);

		object->used = i % 10 == 0;
		list_lru_add_obj(&lru, &object->link);
	}
	for (int i = 0; i < 20 && list_lru_count_node(&lru, 1) > 100; i++)
		shrink_slab(GFP_KERNEL, 1, 0);
	assert_true(list_lru_count_node(&lru, 1) <= 100);
	assert_int_equal(list_lru_count_node(&lru, 0), 500);
	drop_slab();
	assert_int_equal(list_lru_count(&lru), 0);
	assert_int_equal(active_of("t"), 0);
	shrinker_free(shrinker);
	stop();
}

/* ---- several CPUs ---- */

static struct object shared[4][16];
static enum lru_status take_one(struct quarry_list *item, struct list_lru_one *list, void *arg)
{
	uint64_t *random = arg;

	switch (mock_random(random) % 4) {
	case 0:
		list_lru_isolate(list, item);
		return LRU_REMOVED;
	case 1:
		return LRU_ROTATE;
	case 2:
		list_lru_unlock(list);
		return LRU_RETRY;
	default:
		return LRU_SKIP;
	}
}
static void one_cpu(void *arg, unsigned cpu)
{
	uint64_t random = cpu + 1;

	(void)arg;
	for (unsigned i = 0; i < 1500; i++) {
		struct object *object = &shared[cpu][mock_random(&random) % 16];

		if (i % 2)
			list_lru_add(&lru, &object->link, 0, NULL);
		else
			list_lru_del(&lru, &object->link, 0, NULL);
		if (i % 16 == 0)
			list_lru_walk(&lru, take_one, &random, 5);
	}
}
static void several_cpus(void **state)
{
	(void)state;
	start(&(struct mock_config){.cpus = 4});
	for (unsigned i = 0; i < 64; i++)
		list_lru_item_init(&shared[i / 16][i % 16].link);
	mock_run_cpus(4, one_cpu, NULL);
	unsigned long linked = 0;

	for (unsigned i = 0; i < 64; i++)
		linked += list_lru_del(&lru, &shared[i / 16][i % 16].link, 0, NULL);
	assert_true(linked > 0);
	assert_int_equal(list_lru_count(&lru), 0);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_and_del),
		cmocka_unit_test(wrong_nodes),
		cmocka_unit_test(walk_statuses),
		cmocka_unit_test(nodes_have_their_own),
		cmocka_unit_test(a_shrinker_walks_it),
		cmocka_unit_test(several_cpus),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
