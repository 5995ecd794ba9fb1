/* SPDX-License-Identifier: MIT */
/* test_shrinker.c: how much shrinkers are asked for, with what mask, and how they come and go. */
#include "tests/unit/phys/page_test.h"

#include "mm/reclaim/shrinker.h"

/* A shrinker that plays a cache of `have` objects. */
struct fake {
	struct shrinker shrinker;
	unsigned long have, asked, scans, counts, largest;
	gfp_t gfp;
	int nid;
	bool needs_fs, refuses;
};

static unsigned long fake_count(struct shrinker *shrinker, struct shrink_control *control)
{
	struct fake *fake = (struct fake *)shrinker;

	/* several CPUs may ask at once */
	__atomic_fetch_add(&fake->counts, 1ul, __ATOMIC_RELAXED);
	__atomic_store_n(&fake->nid, control->nid, __ATOMIC_RELAXED);
	return fake->have ? fake->have : SHRINK_EMPTY;
}

static unsigned long fake_scan(struct shrinker *shrinker, struct shrink_control *control)
{
	struct fake *fake = (struct fake *)shrinker;
	unsigned long nr = control->nr_to_scan < fake->have ? control->nr_to_scan : fake->have;

	fake->scans++;
	fake->gfp = control->gfp_mask;
	if (fake->refuses || (fake->needs_fs && !gfp_has(control->gfp_mask, __GFP_FS)))
		return SHRINK_STOP;
	fake->asked += control->nr_to_scan;
	if (control->nr_to_scan > fake->largest)
		fake->largest = control->nr_to_scan;
	fake->have -= nr;
	return nr;
}

static void add_with(struct fake *fake, unsigned long have,
		     unsigned long (*scan)(struct shrinker *, struct shrink_control *))
{
	fake->have = have;
	fake->shrinker.count_objects = fake_count;
	fake->shrinker.scan_objects = scan;
	if (!fake->shrinker.seeks)
		fake->shrinker.seeks = DEFAULT_SEEKS;
	assert_int_equal(register_shrinker(&fake->shrinker, "fake"), 0);
}
static void add(struct fake *fake, unsigned long have)
{
	add_with(fake, have, fake_scan);
}

static void the_share_doubles_with_priority(void **state)
{
	(void)state;
	mock_start(NULL);
	for (int priority = 12; priority >= 0; priority--) {
		struct fake fake = {.have = 0};
		add(&fake, 1u << 20);
		unsigned long freed = shrink_slab(GFP_KERNEL, 0, priority);
		/* seeks 2: twice the share, at most all there is; less than a batch waits */
		unsigned long due = 2ul << (20 - priority);
		assert_int_equal(freed, priority ? due : 1ul << 20);
		assert_true(fake.largest <= SHRINK_BATCH);
		unregister_shrinker(&fake.shrinker);
	}
	mock_stop();
}

static void dear_objects_are_asked_for_less(void **state)
{
	static const struct {
		int seeks;
		unsigned long due;
	} rows[] = {{2, 2048}, {4, 1024}, {8, 512}, {1, 4096}, {-1, 1u << 19}};
	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < 5; i++) {
		struct fake fake = {.shrinker = {.seeks = rows[i].seeks}};
		add(&fake, 1u << 20);
		assert_int_equal(shrink_slab(GFP_KERNEL, 0, 10), rows[i].due);
		unregister_shrinker(&fake.shrinker);
	}
	mock_stop();
}

/* What is below a batch is added up until it is worth a call. */
static void small_shares_are_deferred(void **state)
{
	struct fake fake = {.have = 0};
	(void)state;
	mock_start(NULL);
	add(&fake, 1000);
	unsigned calls = 0;
	while (!fake.scans && ++calls < 1000)
		shrink_slab(GFP_KERNEL, 0, 4); /* 124 objects each: below the batch of 128 */
	assert_in_range(calls, 1, 4);
	assert_int_equal(fake.largest, SHRINK_BATCH);
	unregister_shrinker(&fake.shrinker);
	mock_stop();
}

/* G45: a shrinker that needs FS is not asked in vain: what it owes is done by who may. */
static void g045_what_a_mask_forbids_is_deferred(void **state)
{
	struct fake fs = {.needs_fs = true}, other = {.have = 0};
	(void)state;
	mock_start(NULL);
	add(&fs, 1u << 16);
	add(&other, 1u << 16);
	for (unsigned i = 0; i < 5; i++)
		shrink_slab(GFP_NOFS, 0, 8);
	assert_int_equal(fs.have, 1u << 16);
	assert_true(other.have < 1u << 16);
	unsigned long owed = fs.shrinker.nr_deferred[0];
	assert_int_equal(owed, 5 * (2u << 8));
	shrink_slab(GFP_KERNEL, 0, 0);
	assert_int_equal(fs.have, 0);
	unregister_shrinker(&fs.shrinker);
	unregister_shrinker(&other.shrinker);
	mock_stop();
}

/* Deferred work never exceeds twice the objects, whoever refuses how long. */
static void deferred_work_is_bounded(void **state)
{
	struct fake fake = {.refuses = true};
	(void)state;
	mock_start(NULL);
	add(&fake, 1000);
	for (unsigned i = 0; i < 100; i++)
		shrink_slab(GFP_KERNEL, 0, 0);
	assert_true(fake.shrinker.nr_deferred[0] <= 2000);
	unregister_shrinker(&fake.shrinker);
	mock_stop();
}

static void nodes_are_told_to_whom_they_matter(void **state)
{
	struct fake local = {.shrinker = {.flags = SHRINKER_NUMA_AWARE}}, global = {.have = 0};
	(void)state;
	mock_start(NULL);
	add(&local, 100);
	add(&global, 100);
	shrink_slab(GFP_KERNEL, 2, 0);
	assert_int_equal(local.nid, 2);
	assert_int_equal(global.nid, 0);
	unregister_shrinker(&local.shrinker);
	unregister_shrinker(&global.shrinker);
	mock_stop();
}

static void scopes_reach_shrinkers(void **state)
{
	struct fake fake = {.have = 0};
	(void)state;
	mock_start(NULL);
	add(&fake, 100);
	unsigned scope = memalloc_noio_save();
	shrink_slab(GFP_KERNEL, 0, 0);
	assert_int_equal(fake.gfp, GFP_NOIO);
	memalloc_noio_restore(scope);
	unregister_shrinker(&fake.shrinker);
	mock_stop();
}

static void batches_and_lies(void **state)
{
	struct fake fake = {.shrinker = {.batch = 7}};
	(void)state;
	mock_start(NULL);
	add(&fake, 100);
	assert_int_equal(shrink_slab(GFP_KERNEL, 0, 0), 100);
	assert_int_equal(fake.largest, 7);
	assert_int_equal(shrink_slab(GFP_KERNEL, 0, 0), 0); /* SHRINK_EMPTY */
	unregister_shrinker(&fake.shrinker);
	mock_stop();
}

static unsigned long scan_nothing(struct shrinker *shrinker, struct shrink_control *control)
{
	__atomic_fetch_add(&((struct fake *)shrinker)->scans, 1ul, __ATOMIC_RELAXED);
	control->nr_scanned = 0;
	return 0;
}

/* A scan that looks at nothing ends the asking: no endless loop. */
static void a_scan_of_nothing_ends(void **state)
{
	struct fake fake = {.have = 0};
	(void)state;
	mock_start(NULL);
	add(&fake, 1000000);
	fake.shrinker.scan_objects = scan_nothing;
	shrink_slab(GFP_KERNEL, 0, 0);
	assert_int_equal(fake.scans, 1);
	unregister_shrinker(&fake.shrinker);
	mock_stop();
}

static unsigned long count_fails(struct shrinker *shrinker, struct shrink_control *control)
{
	(void)shrinker;
	(void)control;
	return (unsigned long)-QUARRY_ENOMEM;
}

/* An error code is no count: nobody scans for the end of time. */
static void a_count_that_is_an_error(void **state)
{
	struct fake fake = {.have = 0};
	(void)state;
	mock_start(NULL);
	add(&fake, 1000);
	fake.shrinker.count_objects = count_fails;
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 1);
	assert_int_equal(shrink_slab(GFP_KERNEL, 0, 0), 0);
	assert_int_equal(fake.scans, 0);
	unregister_shrinker(&fake.shrinker);
	mock_stop();
}

/* Shrinkers may sleep: they are called in no interrupt. */
static void asked_in_the_wrong_place(void **state)
{
	struct fake fake = {.have = 0};
	(void)state;
	mock_start(NULL);
	add(&fake, 1000);
	mock_set_context(QUARRY_CTX_IRQ);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	assert_int_equal(shrink_slab(GFP_KERNEL, 0, 0), 0);
	mock_set_context(0);
	assert_int_equal(fake.counts, 0);
	unregister_shrinker(&fake.shrinker);
	mock_stop();
}

static void the_allocated_form(void **state)
{
	(void)state;
	mock_start(NULL);
	struct shrinker *shrinker = shrinker_alloc(0, "%s-%d", "cache", 7);
	assert_non_null(shrinker);
	assert_string_equal(shrinker->name, "cache-7");
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 2); /* no functions; registered twice */
	shrinker_register(shrinker);
	shrinker->count_objects = fake_count;
	shrinker->scan_objects = fake_scan;
	struct fake fake = {.have = 0};
	add(&fake, 5);
	assert_int_equal(register_shrinker(&fake.shrinker, "again"), -QUARRY_EINVAL);
	unregister_shrinker(&fake.shrinker);
	unregister_shrinker(&fake.shrinker);
	shrinker_free(shrinker);
	shrinker_free(NULL);
	mock_stop();
}

static unsigned long scan_and_leave(struct shrinker *shrinker, struct shrink_control *control)
{
	(void)control;
	unregister_shrinker(shrinker);
	return SHRINK_STOP;
}

/* A shrinker cannot end itself from inside: it would wait for itself. */
static void leaving_from_inside_is_refused(void **state)
{
	struct fake fake = {.have = 0};
	(void)state;
	mock_start(NULL);
	add(&fake, 1000);
	fake.shrinker.scan_objects = scan_and_leave;
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	shrink_slab(GFP_KERNEL, 0, 0);
	assert_true(fake.shrinker.registered);
	unregister_shrinker(&fake.shrinker);
	mock_stop();
}

static void drop_slab_takes_everything(void **state)
{
	struct fake fake[3] = {{.have = 0}};
	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < 3; i++)
		add(&fake[i], 1000 * i);
	assert_int_equal(drop_slab(), 3000);
	for (unsigned i = 0; i < 3; i++)
		unregister_shrinker(&fake[i].shrinker);
	mock_stop();
}

/* ---- coming and going while others walk ---- */

static void come_and_go(void *arg, unsigned cpu)
{
	unsigned long *calls = arg;

	for (unsigned i = 0; i < 300; i++) {
		if (cpu % 2) {
			*(volatile unsigned long *)&calls[cpu] += shrink_slab(GFP_KERNEL, 0, 0);
			continue;
		}
		struct shrinker *shrinker = shrinker_alloc(0, "s%u", cpu);
		assert_non_null(shrinker);
		shrinker->count_objects = fake_count;
		shrinker->scan_objects = scan_nothing;
		struct fake *fake = kzalloc(sizeof(*fake), GFP_KERNEL);
		fake->shrinker.seeks = 2;
		add_with(fake, 10, scan_nothing); /* several CPUs scan at once */
		unregister_shrinker(&fake->shrinker);
		kfree(fake);
		shrinker_free(shrinker);
	}
}

static void shrinkers_come_and_go_while_others_walk(void **state)
{
	unsigned long calls[4] = {0};
	(void)state;
	mock_start(&(struct mock_config){.cpus = 4});
	mock_run_cpus(4, come_and_go, calls);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_share_doubles_with_priority),
		cmocka_unit_test(dear_objects_are_asked_for_less),
		cmocka_unit_test(small_shares_are_deferred),
		cmocka_unit_test(g045_what_a_mask_forbids_is_deferred),
		cmocka_unit_test(deferred_work_is_bounded),
		cmocka_unit_test(nodes_are_told_to_whom_they_matter),
		cmocka_unit_test(scopes_reach_shrinkers),
		cmocka_unit_test(batches_and_lies),
		cmocka_unit_test(a_scan_of_nothing_ends),
		cmocka_unit_test(a_count_that_is_an_error),
		cmocka_unit_test(asked_in_the_wrong_place),
		cmocka_unit_test(the_allocated_form),
		cmocka_unit_test(leaving_from_inside_is_refused),
		cmocka_unit_test(drop_slab_takes_everything),
		cmocka_unit_test(shrinkers_come_and_go_while_others_walk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
