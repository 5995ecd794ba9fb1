/* SPDX-License-Identifier: MIT */
/*
 * kasprintf.c: formatted text in a new object.
 *
 * The formatter knows what C's printf does with whole numbers, characters, strings and pointers;
 * no floating point, no %n. It runs twice: once to count, once to write.
 *
 * Conversions  d i u x X o c s p %    flags  - 0 + # space    width, precision: a number or '*'
 *              length  hh h l ll z t j
 *
 * Start at kvasprintf.
 */
#include <quarry/slab.h>
#include <quarry/string.h>

#define CALLER ((uintptr_t)__builtin_return_address(0))

struct out {
	char *text; /* NULL: only count */
	size_t room, used;
};

struct spec {
	bool left, zero, plus, blank, alternate, upper;
	int width, precision; /* precision -1: none given */
	unsigned char bytes;  /* of an integer argument */
};

static void put(struct out *out, char c)
{
	if (out->text && out->used < out->room)
		out->text[out->used] = c;
	out->used++;
}

static void put_times(struct out *out, char c, int n)
{
	for (; n > 0; n--)
		put(out, c);
}

/* `prefix`, zeros up to the precision, then n characters: as wide as the width says. */
static void put_field(struct out *out, const struct spec *spec, const char *prefix, int zeros,
		      const char *text, int n)
{
	int prefixed = 0;

	while (prefix[prefixed])
		prefixed++;
	int fill = spec->width - prefixed - zeros - n;

	if (spec->zero && !spec->left && fill > 0) {
		zeros += fill;
		fill = 0;
	}
	if (!spec->left)
		put_times(out, ' ', fill);
	for (int i = 0; i < prefixed; i++)
		put(out, prefix[i]);
	put_times(out, '0', zeros);
	for (int i = 0; i < n; i++)
		put(out, text[i]);
	if (spec->left)
		put_times(out, ' ', fill);
}

static void put_number(struct out *out, struct spec *spec, uint64_t value, unsigned base,
		       const char *prefix)
{
	const char *digits = spec->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24]; /* 22 octal digits */
	unsigned at = sizeof(text);

	for (uint64_t left = value; left; left /= base)
		text[--at] = digits[left % base];
	if (!value && spec->precision)
		text[--at] = '0';
	int n = (int)(sizeof(text) - at);

	if (spec->precision >= 0)
		spec->zero = false;
	if (spec->alternate && base == 8 && spec->precision <= n && (!n || text[at] != '0'))
		spec->precision = n + 1;
	put_field(out, spec, prefix, spec->precision > n ? spec->precision - n : 0, text + at, n);
}

static void put_string(struct out *out, struct spec *spec, const char *text)
{
	int n = 0;

	text = text ? text : "(null)";
	while (n != spec->precision && n < INT32_MAX && text[n])
		n++;
	spec->zero = false;
	put_field(out, spec, "", 0, text, n);
}

static int number(const char **at)
{
	int n = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++)
		n = n < 1000000 ? n * 10 + (**at - '0') : n;
	return n;
}

/* Flags, up to the first character that is none. */
static struct spec flags(const char **at)
{
	struct spec spec = {.precision = -1, .bytes = sizeof(int)};

	for (;; (*at)++) {
		if (**at == '-')
			spec.left = true;
		else if (**at == '0')
			spec.zero = true;
		else if (**at == '+')
			spec.plus = true;
		else if (**at == ' ')
			spec.blank = true;
		else if (**at == '#')
			spec.alternate = true;
		else
			return spec;
	}
}

static unsigned char length(const char **at)
{
	char c = **at;

	if (c != 'h' && c != 'l' && c != 'z' && c != 't' && c != 'j')
		return sizeof(int);
	bool twice = (*at)[1] == c;

	*at += 1 + ((c == 'h' || c == 'l') && twice);
	if (c == 'h')
		return twice ? 1 : 2;
	return c == 'l' && !twice ? sizeof(long) : sizeof(long long);
}

/* Bring a value that was read as wide as it comes to the width of its type. */
static uint64_t narrow(uint64_t value, unsigned bytes, bool is_signed)
{
	unsigned drop = 64 - 8 * bytes;

	return is_signed ? (uint64_t)((int64_t)(value << drop) >> drop) : value << drop >> drop;
}

/* An integer conversion's argument was read: print it. */
static void put_integer(struct out *out, struct spec *spec, char conversion, uint64_t value)
{
	bool is_signed = conversion == 'd' || conversion == 'i';

	value = narrow(value, spec->bytes, is_signed);
	spec->upper = conversion == 'X';
	if (is_signed) {
		bool negative = (int64_t)value < 0;
		const char *sign = negative ? "-" : spec->plus ? "+" : spec->blank ? " " : "";

		put_number(out, spec, negative ? 0 - value : value, 10, sign);
	} else if (conversion == 'u') {
		put_number(out, spec, value, 10, "");
	} else if (conversion == 'o') {
		put_number(out, spec, value, 8, "");
	} else {
		const char *prefix = spec->upper ? "0X" : "0x";

		put_number(out, spec, value, 16, spec->alternate && value ? prefix : "");
	}
}

/* Format; text beyond the room is counted only. An unknown conversion ends the text: the types of
 * the arguments after it are not known. */
static void format(struct out *out, const char *fmt, va_list args)
{
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(out, *fmt);
			continue;
		}
		fmt++;
		struct spec spec = flags(&fmt);

		spec.width = *fmt == '*' ? (fmt++, va_arg(args, int)) : number(&fmt);
		if (spec.width < 0) {
			spec.left = true;
			spec.width = spec.width == INT32_MIN ? 0 : -spec.width;
		}
		if (*fmt == '.') {
			fmt++;
			spec.precision = *fmt == '*' ? (fmt++, va_arg(args, int)) : number(&fmt);
			spec.precision = spec.precision < 0 ? -1 : spec.precision;
		}
		spec.bytes = length(&fmt);
		switch (*fmt) {
		case 'd':
		case 'i':
		case 'u':
		case 'x':
		case 'X':
		case 'o':
			put_integer(out, &spec, *fmt,
				    spec.bytes > sizeof(int) ? va_arg(args, unsigned long long)
							     : va_arg(args, unsigned));
			break;
		case 'c': {
			char c = (char)va_arg(args, int);

			spec.zero = false;
			put_field(out, &spec, "", 0, &c, 1);
			break;
		}
		case 's':
			put_string(out, &spec, va_arg(args, const char *));
			break;
		case 'p':
			put_number(out, &spec, (uintptr_t)va_arg(args, void *), 16, "0x");
			break;
		case '%':
			put(out, '%');
			break;
		default:
			return;
		}
	}
}

static char *print(gfp_t gfp, const char *fmt, va_list args, uintptr_t caller)
{
	struct out out = {0};
	va_list again;

	va_copy(again, args);
	format(&out, fmt, again);
	va_end(again);

	size_t length = out.used;
	char *text = quarry_kmalloc_for(length + 1, gfp, NUMA_NO_NODE, caller);

	if (text) {
		out = (struct out){.text = text, .room = length};
		format(&out, fmt, args);
		/* A string among the arguments may have become shorter. */
		text[out.used < length ? out.used : length] = '\0';
	}
	return text;
}

char *kvasprintf(gfp_t gfp, const char *fmt, va_list args)
{
	return print(gfp, fmt, args, CALLER);
}

char *kasprintf(gfp_t gfp, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	char *text = print(gfp, fmt, args, CALLER);

	va_end(args);
	return text;
}
