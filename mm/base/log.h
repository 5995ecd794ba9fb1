/* SPDX-License-Identifier: MIT */
/*
 * log.h: reports of broken rules, and a small formatter.
 *
 * Nothing here allocates or takes a lock, so a report may be made from anywhere.
 */
#ifndef QUARRY_MM_LOG_H
#define QUARRY_MM_LOG_H

#include <stdarg.h>

#include <quarry/debug.h>
#include <quarry/os.h>

/*
 * Formats: %s %c %d %u %x %lu %ld %lx %llu %llx %p %%, flags '-' and '0', a width, and '*' as
 * width.
 * Return: characters written without the NUL; the text is cut to size - 1.
 */
unsigned mm_vformat(char *buf, unsigned size, const char *fmt, va_list args) QUARRY_INT(mm_vformat);
unsigned mm_format(char *buf, unsigned size, const char *fmt, ...) QUARRY_INT(mm_format)
	QUARRY_PRINTF(3, 4);
/* Format a piece of a report to a writer; a piece is at most 255 characters. */
void mm_print(quarry_write_fn write, void *ctx, const char *fmt, ...) QUARRY_INT(mm_print)
	QUARRY_PRINTF(3, 4);
/* One line to the OS's log. */
void mm_log(int level, const char *fmt, ...) QUARRY_INT(mm_log) QUARRY_PRINTF(2, 3);

/* The name of a code address, or the address itself. */
void mm_name_of(uintptr_t address, char *buf, unsigned size) QUARRY_INT(mm_name_of);

/* Report a broken rule; each is counted, logged (at most 10 lines a second and rule, where there is
 * a clock; else the first 10) and shown to quarry_os_ops.report. Use the macro: it adds the caller.
 * */
/* Return: was a line logged? Then the caller may add lines of detail. */
bool mm_report_at(enum quarry_rule rule, const char *call, const void *subject, unsigned long a,
		  unsigned long b, uintptr_t caller) QUARRY_INT(mm_report_at) QUARRY_COLD;
#define mm_report(rule, call, subject, a, b)                                                       \
	mm_report_at(QUARRY_RULE_##rule, (call), (subject), (unsigned long)(a),                    \
		     (unsigned long)(b), (uintptr_t)__builtin_return_address(0))

/* The same from below the deepest calls: what is logged is the rule's text, which needs no room on
 * the stack for a line. */
void mm_report_deep(const struct quarry_report *report) QUARRY_INT(mm_report_deep) QUARRY_COLD;

/* The OS's optional hooks: never NULL itself; missing entries are NULL. */
extern struct quarry_os_ops mm_ops QUARRY_INT(mm_ops);
void log_init(const struct quarry_os_ops *ops) QUARRY_INT(log_init);

#endif
