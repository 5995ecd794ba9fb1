/* SPDX-License-Identifier: MIT */
/*
 * log.c: reports of broken rules, and the formatter behind every line we print.
 *
 * A report is counted, logged and shown to the OS's report hook. Lines are limited, counts are not:
 * each rule may log LOG_BURST lines per second where the OS has a clock, LOG_BURST lines in all
 * where it has none.
 *
 * Locking  none: counters are atomic, lines are built on the stack (LINE bytes).
 * Start at mm_report_at, mm_vformat.
 */
#include "mm/base/log.h"

#include "mm/base/bits.h"
#include "mm/base/state.h"

#define LINE 256u
#define LOG_BURST 10u
#define NS_PER_S 1000000000ull

static const char *const rule_texts[QUARRY_NR_RULES] = {
#define RULE_TEXT(name, text) text,
	QUARRY_RULES(RULE_TEXT)};
static const char *const rule_names[QUARRY_NR_RULES] = {
#define RULE_NAME(name, text) #name,
	QUARRY_RULES(RULE_NAME)};

static QUARRY_STATE struct {
	unsigned long count[QUARRY_NR_RULES];
	unsigned lines[QUARRY_NR_RULES]; /* logged in the current second */
	uint64_t second[QUARRY_NR_RULES];
} reports;

QUARRY_STATE struct quarry_os_ops mm_ops;

/* ---- formatter ---- */

struct out {
	char *buf;
	unsigned size, len;
};

static void put(struct out *out, char c)
{
	if (out->len + 1 < out->size)
		out->buf[out->len++] = c;
}

static void put_padded(struct out *out, const char *text, unsigned len, unsigned width, bool left,
		       char pad)
{
	unsigned fill = len < width ? width - len : 0;

	for (unsigned i = 0; !left && i < fill; i++)
		put(out, pad);
	for (unsigned i = 0; i < len; i++)
		put(out, text[i]);
	for (unsigned i = 0; left && i < fill; i++)
		put(out, ' ');
}

static void put_number(struct out *out, uint64_t value, bool negative, unsigned base,
		       unsigned width, bool left, char pad)
{
	char digits[24];
	unsigned at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative)
		digits[--at] = '-';
	put_padded(out, digits + at, (unsigned)sizeof(digits) - at, width, left, pad);
}

static unsigned text_length(const char *text)
{
	unsigned len = 0;

	while (text[len])
		len++;
	return len;
}

unsigned mm_vformat(char *buf, unsigned size, const char *fmt, va_list args)
{
	struct out out = {buf, size, 0};

	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&out, *fmt);
			continue;
		}
		bool left = *++fmt == '-';
		fmt += left;
		char pad = *fmt == '0' ? '0' : ' ';
		unsigned width = 0;
		if (*fmt == '*') {
			width = (unsigned)va_arg(args, int);
			fmt++;
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + (unsigned)(*fmt - '0');
		unsigned longs = 0;
		for (; *fmt == 'l'; fmt++)
			longs++;
		switch (*fmt) {
		case 'd': {
			int64_t v = longs > 1 ? (int64_t)va_arg(args, long long)
				    : longs   ? (int64_t)va_arg(args, long)
					      : va_arg(args, int);
			put_number(&out, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0, 10, width,
				   left, pad);
			break;
		}
		case 'u':
		case 'x': {
			uint64_t v = longs > 1 ? va_arg(args, unsigned long long)
				     : longs   ? va_arg(args, unsigned long)
					       : va_arg(args, unsigned);
			put_number(&out, v, false, *fmt == 'x' ? 16 : 10, width, left, pad);
			break;
		}
		case 'p':
			put_number(&out, (uintptr_t)va_arg(args, void *), false, 16, 16, false,
				   '0');
			break;
		case 's': {
			const char *text = va_arg(args, const char *);
			text = text ? text : "(null)";
			put_padded(&out, text, text_length(text), width, left, ' ');
			break;
		}
		case 'c':
			put(&out, (char)va_arg(args, int));
			break;
		default:
			put(&out, *fmt);
			break;
		}
	}
	if (size)
		buf[out.len] = '\0';
	return out.len;
}

unsigned mm_format(char *buf, unsigned size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	unsigned len = mm_vformat(buf, size, fmt, args);
	va_end(args);
	return len;
}

void mm_print(quarry_write_fn write, void *ctx, const char *fmt, ...)
{
	char line[LINE];
	va_list args;

	va_start(args, fmt);
	mm_vformat(line, sizeof(line), fmt, args);
	va_end(args);
	write(ctx, line);
}

void mm_log(int level, const char *fmt, ...)
{
	char line[LINE];
	va_list args;

	va_start(args, fmt);
	mm_vformat(line, sizeof(line), fmt, args);
	va_end(args);
	quarry_os_log(level, line);
}

void mm_name_of(uintptr_t address, char *buf, unsigned size)
{
	if (!mm_ops.symbol || !mm_ops.symbol(address, buf, size))
		mm_format(buf, size, "0x%lx", (unsigned long)address);
}

/* ---- reports ---- */

/* May this rule log one more line now? Races only blur the limit. */
static bool line_allowed(enum quarry_rule rule)
{
	if (mm_ops.clock_ns) {
		uint64_t now = mm_ops.clock_ns() / NS_PER_S;
		if (__atomic_exchange_n(&reports.second[rule], now, __ATOMIC_RELAXED) != now)
			__atomic_store_n(&reports.lines[rule], 0u, __ATOMIC_RELAXED);
	}
	return __atomic_fetch_add(&reports.lines[rule], 1u, __ATOMIC_RELAXED) < LOG_BURST;
}

bool mm_report_at(enum quarry_rule rule, const char *call, const void *subject, unsigned long a,
		  unsigned long b, uintptr_t caller)
{
	struct quarry_report report = {rule, call, subject, a, b, caller};

	__atomic_fetch_add(&reports.count[rule], 1ul, __ATOMIC_RELAXED);
	bool logged = line_allowed(rule);
	if (logged)
		mm_log(QUARRY_LOG_ERR, "quarry: %s: %s [%s] (subject %p, %lx, %lx, caller %p)",
		       call, rule_texts[rule], rule_names[rule], subject, a, b, (void *)caller);
	if (mm_ops.report)
		mm_ops.report(&report);
	return logged;
}

void mm_report_deep(const struct quarry_report *report)
{
	__atomic_fetch_add(&reports.count[report->rule], 1ul, __ATOMIC_RELAXED);
	if (line_allowed(report->rule))
		quarry_os_log(QUARRY_LOG_ERR, rule_texts[report->rule]);
	if (mm_ops.report)
		mm_ops.report(report);
}

const char *quarry_rule_text(enum quarry_rule rule)
{
	return (unsigned)rule < QUARRY_NR_RULES ? rule_texts[rule] : "unknown rule";
}

unsigned long quarry_report_count(enum quarry_rule rule)
{
	return (unsigned)rule < QUARRY_NR_RULES
		       ? __atomic_load_n(&reports.count[rule], __ATOMIC_RELAXED)
		       : 0;
}

void log_init(const struct quarry_os_ops *ops)
{
	__builtin_memset(&reports, 0, sizeof(reports));
	__builtin_memset(&mm_ops, 0, sizeof(mm_ops));
	if (ops)
		__builtin_memcpy(&mm_ops, ops, (size_t)min_u64(ops->size, sizeof(mm_ops)));
}
