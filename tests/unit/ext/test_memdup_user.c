/* SPDX-License-Identifier: MIT */
/* test_memdup_user.c: copies of a user's memory, which may be unreadable anywhere. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mm/base/fault.h"
#include "mm/slab/slab.h"
#include "mock.h"

#include <quarry/string.h>

static char user[3 * 4096];

static void start(void)
{
	mock_start(&(struct mock_config){.user_start = user, .user_bytes = sizeof(user)});
	for (unsigned i = 0; i < sizeof(user); i++)
		user[i] = (char)(i % 251 + 1);
}

static void is_error(const void *p, int number)
{
	assert_true(quarry_is_error_ptr(p));
	assert_int_equal((intptr_t)p, -number);
}

static void api23_copies(void **state)
{
	(void)state;
	start();
	static const size_t sizes[] = {1, 7, 100, 4096, 9000, sizeof(user)};

	for (unsigned i = 0; i < 6; i++) {
		char *a = memdup_user(user, sizes[i]), *b = vmemdup_user(user, sizes[i]);

		assert_false(quarry_is_error_ptr(a) || quarry_is_error_ptr(b));
		assert_memory_equal(a, user, sizes[i]);
		assert_memory_equal(b, user, sizes[i]);
		if (sizes[i] < 4096) {
			const char *name = slab_cache_of(virt_to_page(a))->name;

			assert_non_null(strstr(name, "memdup_user-"));
		}
		kfree(a);
		kvfree(b);
		a = memdup_user_nul(user, sizes[i] - 1);
		assert_memory_equal(a, user, sizes[i] - 1);
		assert_int_equal(a[sizes[i] - 1], 0);
		kfree(a);
	}
	kfree(memdup_user(user, 0));
	mock_stop();
}

/* Whatever cannot be read is refused, and nothing is left behind. */
static void api23_unreadable(void **state)
{
	(void)state;
	start();
	for (unsigned n = 1; n < 200; n += 9) {
		char *end = user + sizeof(user) - n;

		is_error(memdup_user(end, n + 1), QUARRY_EFAULT);
		is_error(vmemdup_user(end, n + 1), QUARRY_EFAULT);
		is_error(memdup_user_nul(end, n + 1), QUARRY_EFAULT);
		is_error(strndup_user(end, 10000), QUARRY_EFAULT);
	}
	is_error(memdup_user(NULL, 1), QUARRY_EFAULT);
	is_error(strndup_user((const char *)~(uintptr_t)0, 10), QUARRY_EFAULT);
	is_error(memdup_user(user, SIZE_MAX), QUARRY_ENOMEM);
	is_error(memdup_user_nul(user, SIZE_MAX), QUARRY_ENOMEM);
	mock_fail_site(FAULT_OBJECT, 1, true);
	user[50] = '\0';
	is_error(memdup_user(user, 10), QUARRY_ENOMEM);
	is_error(strndup_user(user, 10000), QUARRY_ENOMEM);
	mock_fail_site(-1, 0, false);
	mock_stop();
}

/* A string ends right before what cannot be read, or is too long. */
static void api23_strings(void **state)
{
	(void)state;
	start();
	for (unsigned length = 0; length < 300; length++) {
		char *text = user + sizeof(user) - 1 - length;

		memset(text, 'a', length);
		text[length] = '\0';
		char *copy = strndup_user(text, length + 1);

		assert_false(quarry_is_error_ptr(copy));
		assert_string_equal(copy, text);
		kfree(copy);
		is_error(strndup_user(text, length), QUARRY_EINVAL);
	}
	is_error(strndup_user(user, 0), QUARRY_EINVAL);
	is_error(strndup_user(user, -5), QUARRY_EINVAL);
	mock_stop();
}

static void api23_without_the_hook(void **state)
{
	(void)state;
	mock_start(NULL);
	is_error(memdup_user(user, 1), QUARRY_ENOSYS);
	is_error(memdup_user_nul(user, 1), QUARRY_ENOSYS);
	is_error(vmemdup_user(user, 1), QUARRY_ENOSYS);
	is_error(strndup_user(user, 1), QUARRY_ENOSYS);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(api23_copies),
		cmocka_unit_test(api23_unreadable),
		cmocka_unit_test(api23_strings),
		cmocka_unit_test(api23_without_the_hook),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
