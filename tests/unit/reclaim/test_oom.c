/* SPDX-License-Identifier: MIT */
/* test_oom.c: the chains of OOM notifiers and pressure watches: wrong calls are told, nothing
 * hangs. */
#include "tests/unit/reclaim/pressure_test.h"

static unsigned calls;

static int frees(struct notifier_block *block, unsigned long action, void *data)
{
	(void)block;
	(void)action;
	calls++;
	free_some(1000);
	*(unsigned long *)data += 1000;
	return NOTIFY_OK;
}

static struct notifier_block other = {.notifier_call = frees};

/* From inside it would wait for itself. */
static int registers_another(struct notifier_block *block, unsigned long action, void *data)
{
	assert_int_equal(register_oom_notifier(&other), -QUARRY_EINVAL);
	assert_int_equal(unregister_oom_notifier(block), -QUARRY_EINVAL);
	return frees(block, action, data);
}

static void wrong_notifiers(void **state)
{
	struct notifier_block block = {.notifier_call = frees}, empty = {.priority = 1};
	(void)state;
	calls = 0;
	start_at(300, 0);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 4);
	assert_int_equal(register_oom_notifier(NULL), -QUARRY_EINVAL);
	assert_int_equal(unregister_oom_notifier(NULL), -QUARRY_EINVAL);
	assert_int_equal(register_oom_notifier(&empty), -QUARRY_EINVAL);
	assert_int_equal(register_oom_notifier(&block), 0);
	assert_int_equal(register_oom_notifier(&block), -QUARRY_EINVAL);
	assert_true(ask(GFP_KERNEL).page);
	assert_int_equal(calls, 1);
	mock_set_context(QUARRY_CTX_ATOMIC);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	assert_int_equal(unregister_oom_notifier(&block), -QUARRY_EINVAL);
	mock_set_context(0);
	assert_int_equal(unregister_oom_notifier(&block), 0);
	stop_pressure();
}

static void notifiers_that_change_the_chain(void **state)
{
	struct notifier_block block = {.notifier_call = registers_another};
	(void)state;
	start_at(300, 0);
	assert_int_equal(register_oom_notifier(&block), 0);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 2);
	assert_true(ask(GFP_KERNEL).page);
	assert_int_equal(unregister_oom_notifier(&block), 0);
	stop_pressure();
}

static enum quarry_oom_result lies(const struct quarry_oom *request)
{
	(void)request;
	return QUARRY_OOM_FREED;
}

static unsigned slept;
static void others_free_at_last(uint64_t ns)
{
	(void)ns;
	if (++slept == 50)
		free_some(1000);
}

/* H24: a hook that says it freed and did not keeps nobody else from running. */
static void h024_a_hook_that_lies(void **state)
{
	(void)state;
	slept = 0;
	start_at(300, 0);
	mock_reclaim()->oom = lies;
	mock_reclaim_changed();
	mm_ops.sleep_ns = others_free_at_last;
	assert_true(ask(GFP_KERNEL).page);
	assert_int_equal(slept, 50);
	stop_pressure();
}

static void leaves_inside(struct quarry_pressure_watch *watch, enum quarry_pressure level)
{
	(void)level;
	calls++;
	quarry_unwatch_pressure(watch);
}

static void wrong_watches(void **state)
{
	struct quarry_pressure_watch watch = {.changed = leaves_inside}, empty = {.changed = NULL};
	(void)state;
	calls = 0;
	start_at(600, 0);
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 4);
	quarry_watch_pressure(NULL);
	quarry_unwatch_pressure(NULL);
	quarry_watch_pressure(&empty);
	quarry_watch_pressure(&watch);
	quarry_watch_pressure(&watch);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	ask(GFP_NOWAIT);
	mock_kswapd();
	assert_int_equal(calls, 1);
	assert_int_equal(quarry_pressure_level(), QUARRY_PRESSURE_SHORT);
	quarry_unwatch_pressure(&watch);
	stop_pressure();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		page_test(wrong_notifiers),
		page_test(notifiers_that_change_the_chain),
		page_test(h024_a_hook_that_lies),
		page_test(wrong_watches),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
