/* SPDX-License-Identifier: MIT */
/*
 * console.c: formatted output, the library's log, panic, and the command line.
 *
 * One lock keeps lines of different CPUs apart; it is taken with interrupts masked. A panic waits
 * for it only so long: its holder may be the CPU that died.
 */
#include "tests/boot/common/kernel.h"

static struct {
	unsigned lock;
	unsigned panicking;
} state;

static bool lock_console(void)
{
	bool on = this_cpu_irqs_on();
	machine_irq_disable();
	for (unsigned tries = 0; __atomic_exchange_n(&state.lock, 1u, __ATOMIC_ACQUIRE); tries++) {
		if (tries > 10000000 && __atomic_load_n(&state.panicking, __ATOMIC_RELAXED))
			break;
		arch_relax();
	}
	return on;
}

static void unlock_console(bool on)
{
	__atomic_store_n(&state.lock, 0u, __ATOMIC_RELEASE);
	if (on)
		machine_irq_enable();
}

static void put_text(const char *text)
{
	while (*text)
		machine_putc(*text++);
}

static void put_padding(int n, char c)
{
	while (n-- > 0)
		machine_putc(c);
}

static int length(const char *text)
{
	int n = 0;
	while (text[n])
		n++;
	return n;
}

/* Digits of `value`, last first, into the end of `buf` (24 bytes). Return: the first one. */
static const char *digits(char *buf, unsigned long long value, unsigned base)
{
	char *p = buf + 23;
	*p = 0;
	do {
		*--p = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	return p;
}

static void put_field(const char *sign, const char *text, int width, bool left, bool zero)
{
	int padding = width - length(sign) - length(text);

	if (!left && !zero)
		put_padding(padding, ' ');
	put_text(sign);
	if (!left && zero)
		put_padding(padding, '0');
	put_text(text);
	if (left)
		put_padding(padding, ' ');
}

static void format(const char *fmt, va_list args)
{
	char buf[24];

	for (; *fmt; fmt++) {
		bool left = false, zero = false;
		int width = 0, longs = 0;

		if (*fmt != '%') {
			machine_putc(*fmt);
			continue;
		}
		for (fmt++; *fmt == '-' || *fmt == '0'; fmt++) {
			left |= *fmt == '-';
			zero |= *fmt == '0';
		}
		if (*fmt == '*') {
			width = va_arg(args, int);
			fmt++;
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + (*fmt - '0');
		for (; *fmt == 'l'; fmt++)
			longs++;

		switch (*fmt) {
		case 's':
			put_field("", va_arg(args, const char *), width, left, false);
			break;
		case 'c':
			buf[0] = (char)va_arg(args, int);
			buf[1] = 0;
			put_field("", buf, width, left, false);
			break;
		case 'd': {
			long value = longs ? va_arg(args, long) : va_arg(args, int);
			unsigned long size =
				value < 0 ? 0ul - (unsigned long)value : (unsigned long)value;
			put_field(value < 0 ? "-" : "", digits(buf, size, 10), width, left, zero);
			break;
		}
		case 'u':
		case 'x': {
			unsigned long value =
				longs ? va_arg(args, unsigned long) : va_arg(args, unsigned);
			put_field("", digits(buf, value, *fmt == 'u' ? 10 : 16), width, left, zero);
			break;
		}
		case 'p':
			put_field("0x", digits(buf, (uintptr_t)va_arg(args, void *), 16), width,
				  left, zero);
			break;
		case 0:
			return;
		default:
			machine_putc(*fmt);
		}
	}
}

void kvprintf(const char *fmt, va_list args)
{
	bool on = lock_console();
	format(fmt, args);
	unlock_console(on);
}

void kprintf(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	kvprintf(fmt, args);
	va_end(args);
}

void console_write(void *ctx, const char *text)
{
	(void)ctx;
	kprintf("%s", text);
}

void quarry_os_log(int level, const char *line)
{
	kprintf("quarry%s: %s\n", level <= QUARRY_LOG_WARN ? " warning" : "", line);
}

_Noreturn void quarry_os_panic(const char *why)
{
	kernel_panic(why);
}

_Noreturn void kernel_panic(const char *why)
{
	machine_irq_disable();
	if (__atomic_exchange_n(&state.panicking, 1u, __ATOMIC_ACQ_REL))
		machine_halt(); /* the first one reports and ends the machine */
	kprintf("\nVERDICT: FAIL panic on CPU %lu: %s\n", this_cpu_number(), why);
	machine_exit(1);
}

/* ---- command line: words separated by spaces ---- */

/* What follows `name` in the word that starts with it, or NULL. */
static const char *find_option(const char *name)
{
	for (const char *at = machine.command_line; *at;) {
		const char *rest = at;
		for (const char *p = name; *p && *p == *rest; p++)
			rest++;
		if (rest - at == length(name))
			return rest;
		while (*at && *at != ' ')
			at++;
		while (*at == ' ')
			at++;
	}
	return NULL;
}

unsigned long option_number(const char *name, unsigned long otherwise)
{
	const char *at = find_option(name);
	unsigned long value = 0;

	if (!at || *at != '=')
		return otherwise;
	for (at++; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (unsigned long)(*at - '0');
	return value;
}

bool option_set(const char *word)
{
	const char *at = find_option(word);
	return at && (*at == 0 || *at == ' ');
}
