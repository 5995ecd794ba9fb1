/* SPDX-License-Identifier: MIT */
/*
 * gfp_words.h: masks as people write them: 'GFP_KERNEL|__GFP_NORETRY', '0x10c0', 'none'.
 */
#ifndef TOOLS_GFP_WORDS_H
#define TOOLS_GFP_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <quarry/quarry.h>

/* Combinations; single bits are asked from the library. */
static const struct gfp_word {
	const char *name;
	gfp_t gfp;
} gfp_words[] = {
	{"GFP_KERNEL", GFP_KERNEL},
	{"GFP_KERNEL_ACCOUNT", GFP_KERNEL_ACCOUNT},
	{"GFP_ATOMIC", GFP_ATOMIC},
	{"GFP_NOWAIT", GFP_NOWAIT},
	{"GFP_NOIO", GFP_NOIO},
	{"GFP_NOFS", GFP_NOFS},
	{"GFP_USER", GFP_USER},
	{"GFP_HIGHUSER", GFP_HIGHUSER},
	{"GFP_HIGHUSER_MOVABLE", GFP_HIGHUSER_MOVABLE},
	{"GFP_TRANSHUGE", GFP_TRANSHUGE},
	{"GFP_TRANSHUGE_LIGHT", GFP_TRANSHUGE_LIGHT},
	{"__GFP_DMA", __GFP_DMA},
	{"__GFP_DMA32", __GFP_DMA32},
	{"__GFP_RECLAIM", __GFP_RECLAIM},
	{"none", (QUARRY_FORCE gfp_t)0},
};

static inline bool gfp_parse_word(const char *word, gfp_t *gfp)
{
	char name[64], *end;

	for (size_t i = 0; i < sizeof(gfp_words) / sizeof(gfp_words[0]); i++) {
		if (!strcmp(word, gfp_words[i].name)) {
			*gfp |= gfp_words[i].gfp;
			return true;
		}
	}
	for (unsigned bit = 0; bit < QUARRY_GFP_BITS; bit++) {
		gfp_name(QUARRY_GFP(bit), name, sizeof(name));
		if (!strcmp(word, name)) {
			*gfp |= QUARRY_GFP(bit);
			return true;
		}
	}
	unsigned long value = strtoul(word, &end, 0);

	if (end == word || *end)
		return false;
	*gfp |= (QUARRY_FORCE gfp_t)value;
	return true;
}

/* Words with '|' or spaces between them. Changes `text`. Return: NULL, or the word that is no mask.
 */
static inline const char *gfp_parse(char *text, gfp_t *gfp)
{
	*gfp = (QUARRY_FORCE gfp_t)0;
	for (char *word = strtok(text, "| "); word; word = strtok(NULL, "| "))
		if (!gfp_parse_word(word, gfp))
			return word;
	return NULL;
}

#endif
