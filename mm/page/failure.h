/* SPDX-License-Identifier: MIT */
/* failure.h: recording and printing why a request failed. */
#ifndef QUARRY_MM_PAGE_FAILURE_H
#define QUARRY_MM_PAGE_FAILURE_H

#include <quarry/explain.h>

#include "mm/gfp/ladder.h"
#include "mm/phys/freepage.h"

/* The reason to fail at the end of a ladder, if no nearer one is true. */
enum quarry_fail_reason failure_at_end(const struct ladder *ladder) QUARRY_INT(failure_at_end);
/* What the climb did; the zones are looked at now. `failure` has the rungs. Context: any. */
void failure_record(const struct page_request *request, const struct ladder *ladder,
		    struct quarry_failure *failure) QUARRY_INT(failure_record);
/* A failure was injected: nothing was tried. */
void failure_injected(gfp_t gfp, unsigned order, const char *call, uintptr_t caller)
	QUARRY_INT(failure_injected);
/* Print it to the log, at most one in ten seconds (or ten in all where there is no clock). */
void failure_log(const struct quarry_failure *failure) QUARRY_INT(failure_log);
void failure_init(void) QUARRY_INT(failure_init);

#endif
