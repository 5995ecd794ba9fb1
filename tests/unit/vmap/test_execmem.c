/* SPDX-License-Identifier: MIT */
/* test_execmem.c: memory for code is writable or executable, never both, at either address. */
#include "vmap_test.h"

#include "mm/vmap/pgtable.h"

#include <quarry/execmem.h>
#include <quarry/set_memory.h>

#define RW QUARRY_PROT_KERNEL
#define RX (QUARRY_PROT_READ | QUARRY_PROT_EXEC)

static unsigned prot_at(const char *p)
{
	struct pt_leaf leaf;

	assert_int_equal(pgtable_query(va_of(p), true, &leaf), 0);
	return leaf.prot;
}

/* Both addresses of each page: what tables, every CPU's TLB and the direct map allow, together. */
static void never_both(const char *p, unsigned long pages, bool hook)
{
	for (unsigned long i = 0; i < pages; i++, p += PAGE_SIZE) {
		unsigned all = prot_at(p) | mock_tlb_prot(va_of(p));

		if (hook)
			all |= mock_direct_prot(page_address(vmalloc_to_page(p)));
		assert_int_not_equal(all & (QUARRY_PROT_WRITE | QUARRY_PROT_EXEC),
				     QUARRY_PROT_WRITE | QUARRY_PROT_EXEC);
	}
}

/* Writable, sealed, in part writable again, sealed again, freed. */
static void life_of_code(void **state)
{
	static const size_t sizes[] = {100, 3 * PAGE_SIZE, 2 * MOCK_MIB + 1};

	(void)state;
	for (unsigned hook = 0; hook < 2; hook++) {
		struct mock_config config = {
			.cpus = 4, .protect_direct = hook, .dirty_memory = true};

		for (unsigned i = 0; i < COUNT(sizes); i++) {
			mock_start(&config);
			char *p = execmem_alloc(EXECMEM_MODULE_TEXT, sizes[i]);
			unsigned long pages = PFN_UP(sizes[i]);

			assert_non_null(p);
			for (unsigned k = 0; k < 100; k++)
				assert_int_equal(mock_load(va_of(p) + k), 0);
			touch_pages(p, pages < 8 ? pages : 8);
			assert_int_equal(prot_at(p), RW);
			never_both(p, pages, hook);
			assert_int_equal(execmem_seal(p), 0);
			assert_int_equal(prot_at(p), RX);
			assert_int_equal(prot_at(p + (pages - 1) * PAGE_SIZE), RX);
			assert_int_equal(mock_hook_count(MOCK_ICACHE), 1);
			never_both(p, pages, hook);
			assert_int_equal(execmem_seal(p), 0);
			char *last = p + (pages - 1) * PAGE_SIZE;
			assert_int_equal(execmem_make_temp_rw(last, 5), 0);
			assert_int_equal(prot_at(last), RW);
			assert_int_equal(prot_at(p), pages > 1 ? RX : RW);
			never_both(p, pages, hook);
			mock_store(va_of(last), 9);
			assert_int_equal(execmem_restore_rox(last, 5), 0);
			never_both(p, pages, hook);
			assert_int_equal(mock_load(va_of(last)), 9);
			assert_int_equal(prot_at(last), RX);
			execmem_free(p);
			assert_true(mock_faults(va_of(p)));
			mock_stop();
		}
	}
}

/* After a free the direct map is as usual, and no TLB executes at the old address. */
static void freed_code_is_not_executable(void **state)
{
	struct mock_config config = {.cpus = 2, .protect_direct = true};

	(void)state;
	mock_start(&config);
	char *p = execmem_alloc(EXECMEM_BPF, PAGE_SIZE);
	assert_int_equal(execmem_seal(p), 0);
	void *alias = page_address(vmalloc_to_page(p));
	assert_int_equal(mock_direct_prot(alias), QUARRY_PROT_READ);
	execmem_free(p);
	assert_int_equal(mock_direct_prot(alias), QUARRY_PROT_KERNEL);
	assert_false(mock_tlb_prot(va_of(p)) & QUARRY_PROT_EXEC);
	mock_stop();
}

static void freed_in_interrupts(void **state)
{
	struct mock_config config = {.protect_direct = true};

	(void)state;
	mock_start(&config);
	char *p = execmem_alloc(EXECMEM_KPROBES, 1);

	assert_int_equal(execmem_seal(p), 0);
	mock_set_context(QUARRY_CTX_IRQ);
	execmem_free(p);
	mock_set_context(0);
	assert_int_equal(mock_run_deferred(), 1);
	assert_true(mock_faults(va_of(p)));
	p = execmem_alloc(EXECMEM_DEFAULT, 1);
	mock_set_context(QUARRY_CTX_NMI);
	mock_expect_report(QUARRY_RULE_BAD_CONTEXT, 1);
	execmem_free(p);
	mock_set_context(0);
	execmem_free(p);
	mock_stop();
}

static void wrong_calls_are_refused(void **state)
{
	(void)state;
	mock_start(NULL);
	char none_of_ours;
	char *p = execmem_alloc(EXECMEM_DEFAULT, 3 * PAGE_SIZE), *area = vmalloc(PAGE_SIZE);

	volatile size_t none = 0, all = SIZE_MAX;

	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 3);
	assert_null(execmem_alloc(EXECMEM_DEFAULT, none));
	assert_null(execmem_alloc(EXECMEM_DEFAULT, all));
	assert_null(execmem_alloc(EXECMEM_TYPE_MAX, 1));
	/* Not the start; other memory; the public way around. */
	mock_expect_report(QUARRY_RULE_BAD_ARGUMENT, 2);
	assert_int_equal(execmem_seal(p + PAGE_SIZE), -QUARRY_EINVAL);
	assert_int_equal(execmem_seal(&none_of_ours), -QUARRY_EINVAL);
	mock_expect_report(QUARRY_RULE_VMAP_UNKNOWN, 4);
	assert_int_equal(execmem_seal(area), -QUARRY_EINVAL);
	assert_int_equal(execmem_restore_rox(p, 4 * PAGE_SIZE), -QUARRY_EINVAL);
	assert_int_equal(set_memory_ro(va_of(p), 1), -QUARRY_EINVAL);
	assert_int_equal(execmem_make_temp_rw(area + PAGE_SIZE, 1), -QUARRY_EINVAL);
	mock_expect_report(QUARRY_RULE_FREE_KIND, 2);
	vfree(p);
	execmem_free(area);
	execmem_free(NULL);
	assert_int_equal(prot_at(p), RW);
	execmem_free(p);
	vfree(area);
	mock_stop();
}

static int make_and_seal(void *arg)
{
	char *p = execmem_alloc(EXECMEM_DEFAULT, 2 * MOCK_MIB);
	int error = p ? execmem_seal(p) : -QUARRY_ENOMEM;

	(void)arg;
	if (!error)
		error = execmem_make_temp_rw(p + MOCK_MIB, 3 * PAGE_SIZE);
	if (!error)
		error = execmem_restore_rox(p + MOCK_MIB, 3 * PAGE_SIZE);
	execmem_free(p);
	return error;
}

static void failure_at_every_step(void **state)
{
	struct mock_config config = {.protect_direct = true};

	(void)state;
	mock_start(&config);
	mock_expect_report(QUARRY_RULE_NO_MEMORY, 1000);
	assert_true(mock_sweep(make_and_seal, NULL) > 5);
	mock_abandon();
}

/* The OS cannot restrict the direct map: not sealed, still writable. */
static void failing_hook(void **state)
{
	struct mock_config config = {.protect_direct = true};

	(void)state;
	mock_start(&config);
	char *p = execmem_alloc(EXECMEM_DEFAULT, 2 * PAGE_SIZE);
	mock_fail_protect(1);
	assert_int_equal(execmem_seal(p), -QUARRY_ENOMEM);
	assert_int_equal(prot_at(p), RW);
	touch_pages(p, 2);
	assert_int_equal(execmem_seal(p), 0);
	execmem_free(p);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(life_of_code),
		cmocka_unit_test(freed_code_is_not_executable),
		cmocka_unit_test(freed_in_interrupts),
		cmocka_unit_test(wrong_calls_are_refused),
		cmocka_unit_test(failure_at_every_step),
		cmocka_unit_test(failing_hook),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
