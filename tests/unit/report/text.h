/* SPDX-License-Identifier: MIT */
/* text.h: a report as text and as lines, for the tests of reports. */
#ifndef REPORT_TEXT_H
#define REPORT_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mock.h"

struct text {
	size_t length;
	char *line; /* of text_line */
	char buf[262144];
};

__attribute__((unused)) static void text_write(void *ctx, const char *piece)
{
	struct text *text = ctx;
	size_t length = strlen(piece);

	assert_true(length < 256);
	assert_true(text->length + length < sizeof(text->buf));
	memcpy(text->buf + text->length, piece, length + 1);
	text->length += length;
}

/* The next line, cut at its end, or NULL. Destroys the text. */
__attribute__((unused)) static char *text_line(struct text *text)
{
	char *line = text->line ? text->line : text->buf;
	char *end = strchr(line, '\n');

	if (!*line)
		return NULL;
	assert_non_null(end); /* every line is ended */
	*end = '\0';
	text->line = end + 1;
	return line;
}

/* The text that `report` writes. */
__attribute__((unused)) static struct text *text_of(void (*report)(quarry_write_fn, void *))
{
	static struct text text;

	text.length = 0;
	text.line = NULL;
	text.buf[0] = '\0';
	report(text_write, &text);
	return &text;
}

/* Whole words of a string. */
__attribute__((unused)) static unsigned count_words(const char *at)
{
	unsigned words = 0;

	for (bool inside = false; *at; at++) {
		words += *at != ' ' && !inside;
		inside = *at != ' ';
	}
	return words;
}

#endif
