/* SPDX-License-Identifier: MIT */
/* test_kasprintf.c: formatted text, compared with the host's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mock.h"

#include <quarry/string.h>

/* The same arguments to both. */
static void same(const char *fmt, ...)
{
	char expected[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(expected, sizeof(expected), fmt, args);
	va_end(args);
	va_start(args, fmt);
	char *text = kvasprintf(GFP_KERNEL, fmt, args);

	va_end(args);
	assert_non_null(text);
	if (strcmp(text, expected))
		fail_msg("format \"%s\": \"%s\", expected \"%s\"", fmt, text, expected);
	kfree(text);
}

static void api23_formats(void **state)
{
	static const char *const widths[] = {"", "1", "7", "25", ".0", ".1", ".9", "12.4", "3.30"};
	static const char *const flags[] = {"",  "-",  "0",  "+",  " ",	 "#",  "-0",
					    "+0", "-+", "#0", "-#", "+ ", "#0-+ "};
	static const long long values[] = {0,	    1,	       -1,	  9,	    10,
					   255,	    -128,      65536,	  INT32_MAX, INT32_MIN,
					   INT64_MAX, INT64_MIN, 123456789, -42};
	static const char *const conversions[] = {"d",	"i",  "u",  "x",  "X",	"o",  "hhd", "hu",
						  "hhx", "hd"};
	static const char *const wide[] = {"ld", "lu", "lx", "lld", "llo", "llX", "zu", "zd", "jd",
					   "td"};
	char fmt[64];

	(void)state;
	mock_start(NULL);
	for (unsigned f = 0; f < sizeof(flags) / sizeof(flags[0]); f++) {
		for (unsigned w = 0; w < sizeof(widths) / sizeof(widths[0]); w++) {
			for (unsigned v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
				for (unsigned c = 0; c < 10; c++) {
					snprintf(fmt, sizeof(fmt), "<%%%s%s%s>", flags[f],
						 widths[w], conversions[c]);
					same(fmt, (int)values[v]);
					snprintf(fmt, sizeof(fmt), "<%%%s%s%s>", flags[f],
						 widths[w], wide[c]);
					same(fmt, values[v]);
				}
			}
			snprintf(fmt, sizeof(fmt), "<%%%s%ss>", f % 2 ? "-" : "", widths[w]);
			same(fmt, "");
			same(fmt, "quarry");
			same(fmt, "a longer line of text, beyond the width");
		}
	}
	same("%%|%c|%5c|%-5c|", 'a', 'b', 'c');
	same("%*d|%*d|%-*d|%.*s|%.*d", 6, 1, -6, 2, 6, 3, 2, "xyz", -1, 5);
	same("%p", (void *)same);
	same("no conversion");
	same("%s %s %d", "two", "strings", 7);
	mock_stop();
}

static void api23_text_of_any_length(void **state)
{
	(void)state;
	mock_start(NULL);
	char *text = kasprintf(GFP_KERNEL, "%*s", 5000, "end");

	assert_int_equal(strlen(text), 5000);
	assert_string_equal(text + 4997, "end");
	kfree(text);
	text = kasprintf(GFP_NOWAIT, "%s", "");
	assert_string_equal(text, "");
	kfree(text);
	mock_fail_site(-1, 1, true);
	assert_null(kasprintf(GFP_KERNEL, "%d", 1));
	mock_fail_site(-1, 0, false);
	mock_stop();
}

/* Hostile: an unknown conversion, an end after '%', widths that overflow, no string. */
static void api23_bad_formats(void **state)
{
	static const char *const bad[] = {"a%", "a%5", "a%-", "a%y%s", "a%l", "a%5.", "a%n"};

	(void)state;
	mock_start(NULL);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *volatile hidden = bad[i];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
		char *text = kasprintf(GFP_KERNEL, hidden);
#pragma GCC diagnostic pop
		assert_string_equal(text, "a");
		kfree(text);
	}
	const char *volatile none = NULL;
	char *text = kasprintf(GFP_KERNEL, "%s", none);

	assert_string_equal(text, "(null)");
	kfree(text);
	char exact[2] = {'x', 'y'};

	text = kasprintf(GFP_KERNEL, "%.2s", exact); /* reads no byte beyond */
	assert_string_equal(text, "xy");
	kfree(text);
	mock_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(api23_formats),
		cmocka_unit_test(api23_text_of_any_length),
		cmocka_unit_test(api23_bad_formats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
