/* SPDX-License-Identifier: MIT */
/*
 * explain.h: what a request may do, and why one failed.
 */
#ifndef QUARRY_EXPLAIN_H
#define QUARRY_EXPLAIN_H

#include <quarry/mmzone.h>
#include <quarry/types.h>

QUARRY_BEGIN_DECLS

/*
 * Why a request for pages failed: the first that is true, from the outside in. The sentence goes on
 * "The request failed because ...". (spec: "why did this fail?")
 */
#define QUARRY_FAIL_REASONS(X)                                                                     \
	X(NONE, "no request has failed yet")                                                       \
	X(INJECTED, "a failure was injected")                                                      \
	X(NO_ZONE, "no zone that the mask allows has memory")                                      \
	X(EARLY, "nothing may be reclaimed before quarry_sleeping_works()")                        \
	X(FRAGMENTED, "enough pages are free, but no block of that size")                          \
	X(NO_RECLAIM, "free memory is at the caller's floor and the mask forbids to reclaim")      \
	X(NOFAIL, "it must never fail but may not sleep, which cannot be promised")                \
	X(IN_RECLAIM, "it comes from a noreclaim scope or reclaim, and the reserves are empty")    \
	X(NORETRY, "one round of reclaim was not enough and the mask forbids another")             \
	X(COSTLY, "more than 8 pages in a row are worth one round of reclaim, not enough here")    \
	X(MAYFAIL, "reclaim went on while it made progress, and the mask forbids an OOM kill")     \
	X(THISNODE, "its node is exhausted and the mask allows no other")                          \
	X(LOW_ZONE, "the zones below NORMAL are exhausted and a kill would not help them")         \
	X(VICTIM, "its task was chosen to give up memory and may not wait")                        \
	X(NO_KILL, "nobody is killed without __GFP_FS, and no page came back while it waited")     \
	X(OOM, "memory is exhausted and nobody could be made to give some up")

enum quarry_fail_reason {
#define QUARRY_FAIL_ENUM(name, text) QUARRY_FAIL_##name,
	QUARRY_FAIL_REASONS(QUARRY_FAIL_ENUM)
#undef QUARRY_FAIL_ENUM
	QUARRY_NR_FAIL_REASONS
};

/* Text of a reason. Context: any. Return: a constant, a part of a sentence. */
const char *quarry_fail_text(enum quarry_fail_reason reason) QUARRY_API(fail_text);

/* Why a zone did not serve a request. */
enum quarry_zone_refusal {
	QUARRY_ZONE_SERVES_NOW, /* it would, meanwhile */
	QUARRY_ZONE_AT_FLOOR,   /* free - 2^order would fall below the floor */
	QUARRY_ZONE_NO_BLOCK,   /* no free block of that order */
	QUARRY_ZONE_OTHER_NODE, /* not on the node that the mask insists on */
};

#define QUARRY_FAILURE_ZONES 8 /* of a request's zones, the first so many are recorded */

/* The last request that failed. */
struct quarry_failure {
	unsigned long number; /* how many failed so far, __GFP_NOWARN or not; 0: none */
	enum quarry_fail_reason reason;
	gfp_t gfp; /* after scopes and stage */
	unsigned order, node;
	const char *call;
	uintptr_t caller;
	/* Rungs that it climbed. */
	bool woke;
	unsigned rounds;     /* of reclaim */
	unsigned long freed; /* pages that they brought */
	unsigned long left;  /* what owners say they could free still */
	unsigned ooms;
	unsigned nr_zones;
	struct quarry_failure_zone {
		unsigned node;
		enum zone_type type;
		enum quarry_zone_refusal refusal;
		int largest; /* order of the largest free block for it; -1: none */
		unsigned long free, min, boost;
		unsigned long reserve; /* kept from requests that could use higher zones */
		unsigned long kept;    /* of CMA areas or for atomic requests, so not for it */
		unsigned long floor;   /* what had to stay free, kept pages too */
		unsigned long parked;  /* in CPUs' stocks */
	} zone[QUARRY_FAILURE_ZONES];
};

/* Copy the last failure. Context: any. Return: false if none was recorded, or one is just now. */
bool quarry_last_failure(struct quarry_failure *failure) QUARRY_API(last_failure);
/* One sentence with the reason, a line for the rungs, a line for each zone. Context: any. */
void quarry_print_failure(const struct quarry_failure *failure, quarry_write_fn write, void *ctx)
	QUARRY_API(print_failure);

/*
 * Print what a request may do, without doing it: zones, mobility, floors, rungs, and what it would
 * be told if it failed. `context` is QUARRY_CTX_* bits of the place that would make it; unless that
 * is an interrupt, the calling task's scopes count.
 * Context: any.
 */
void gfp_explain(gfp_t gfp, unsigned order, unsigned context, quarry_write_fn write, void *ctx)
	QUARRY_API(gfp_explain);

QUARRY_END_DECLS

#endif
