/* SPDX-License-Identifier: MIT */
/*
 * gfp.c: decoding request masks.
 *
 * Before the OS announces that sleeping works, reclaim, IO and FS bits are masked off silently: an
 * early kernel uses GFP_KERNEL like everybody else and gets what a request without reclaim gets
 * (spec H35).
 */
#include "mm/gfp/gfp.h"

#include "mm/base/log.h"
#include "mm/base/state.h"

QUARRY_STATE gfp_t gfp_allowed_mask;

static QUARRY_STATE struct {
	gfp_t normal; /* the allowed mask outside of pm_restrict_gfp_mask() */
	unsigned restricted;
} stage;

static const struct {
	gfp_t bits;
	const char *name;
} names[] = {
	/* combinations first, largest first: gfp_name takes them off the mask as it goes */
	{GFP_HIGHUSER_MOVABLE, "GFP_HIGHUSER_MOVABLE"},
	{GFP_HIGHUSER, "GFP_HIGHUSER"},
	{GFP_USER, "GFP_USER"},
	{GFP_KERNEL, "GFP_KERNEL"},
	{GFP_NOFS, "GFP_NOFS"},
	{GFP_NOIO, "GFP_NOIO"},
	{GFP_ATOMIC, "GFP_ATOMIC"},
	{GFP_NOWAIT, "GFP_NOWAIT"},
	{__GFP_DMA, "GFP_DMA"},
	{__GFP_HIGHMEM, "__GFP_HIGHMEM"},
	{__GFP_DMA32, "GFP_DMA32"},
	{__GFP_MOVABLE, "__GFP_MOVABLE"},
	{__GFP_RECLAIMABLE, "__GFP_RECLAIMABLE"},
	{__GFP_HIGH, "__GFP_HIGH"},
	{__GFP_IO, "__GFP_IO"},
	{__GFP_FS, "__GFP_FS"},
	{__GFP_DIRECT_RECLAIM, "__GFP_DIRECT_RECLAIM"},
	{__GFP_KSWAPD_RECLAIM, "__GFP_KSWAPD_RECLAIM"},
	{__GFP_RETRY_MAYFAIL, "__GFP_RETRY_MAYFAIL"},
	{__GFP_NOFAIL, "__GFP_NOFAIL"},
	{__GFP_NORETRY, "__GFP_NORETRY"},
	{__GFP_MEMALLOC, "__GFP_MEMALLOC"},
	{__GFP_NOMEMALLOC, "__GFP_NOMEMALLOC"},
	{__GFP_NOWARN, "__GFP_NOWARN"},
	{__GFP_ZERO, "__GFP_ZERO"},
	{__GFP_COMP, "__GFP_COMP"},
	{__GFP_ACCOUNT, "__GFP_ACCOUNT"},
	{__GFP_THISNODE, "__GFP_THISNODE"},
	{__GFP_HARDWALL, "__GFP_HARDWALL"},
	{__GFP_WRITE, "__GFP_WRITE"},
	{__GFP_NOLOCKDEP, "__GFP_NOLOCKDEP"},
	{__GFP_NO_OBJ_EXT, "__GFP_NO_OBJ_EXT"},
};

gfp_t gfp_known(gfp_t gfp)
{
	const gfp_t both_mobilities = __GFP_MOVABLE | __GFP_RECLAIMABLE;
	gfp_t legal = gfp & __GFP_BITS_MASK;

	if (!gfp_zones_legal(legal))
		legal &= ~GFP_ZONEMASK;
	if ((legal & both_mobilities) == both_mobilities)
		legal &= ~__GFP_RECLAIMABLE;
	return legal;
}

gfp_t gfp_legal(gfp_t gfp, const char *call, uintptr_t caller)
{
	gfp_t legal = gfp_known(gfp);

	if (legal != gfp)
		mm_report_at(QUARRY_RULE_BAD_GFP, call, NULL, gfp_bits(gfp), gfp_bits(legal),
			     caller);
	return legal & gfp_allowed_mask;
}

void gfp_name(gfp_t gfp, char *buf, unsigned size)
{
	unsigned len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && gfp_bits(gfp); i++) {
		if ((gfp & names[i].bits) != names[i].bits)
			continue;
		gfp &= ~names[i].bits;
		len += mm_format(buf + len, size - len, len ? "|%s" : "%s", names[i].name);
	}
	if (gfp_bits(gfp) || !len)
		mm_format(buf + len, size - len, len ? "|%x" : "%x", gfp_bits(gfp));
}

/* What the stage allows, less what a suspended machine cannot do. */
static void set_allowed(void)
{
	gfp_t off = stage.restricted ? __GFP_IO | __GFP_FS : (QUARRY_FORCE gfp_t)0;

	__atomic_store_n(&gfp_allowed_mask, stage.normal & ~off, __ATOMIC_RELAXED);
}

void pm_restrict_gfp_mask(void)
{
	stage.restricted++;
	set_allowed();
}

void pm_restore_gfp_mask(void)
{
	if (stage.restricted)
		stage.restricted--;
	else
		mm_report(SCOPE, "pm_restore_gfp_mask", NULL, 0, 0);
	set_allowed();
}

void gfp_init(void)
{
	__builtin_memset(&stage, 0, sizeof(stage));
	stage.normal = __GFP_BITS_MASK & ~(__GFP_RECLAIM | __GFP_IO | __GFP_FS);
	set_allowed();
}

void gfp_allow_sleep(void)
{
	stage.normal = __GFP_BITS_MASK;
	set_allowed();
}
