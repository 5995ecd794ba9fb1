/* SPDX-License-Identifier: MIT */
/*
 * execmem.c: memory that is written, then executed, never both at once.
 *
 * Pages go   RW --write off, flush--> R --exec on--> RX   and back the same way: what an older
 * translation on some CPU and the newer one allow together is never W and X. The steps, and the
 * direct map, are vmap_protect's (X1, X2 there).
 *
 * Start at: execmem_alloc, execmem_restore_rox.
 */
#include <quarry/execmem.h>

#include "mm/base/log.h"
#include "mm/gfp/gfp.h"
#include "mm/vmap/vmap.h"
#include "mm/vmap/vmap_protect.h"

#define CALLER() ((uintptr_t)__builtin_return_address(0))

static int change(const void *p, unsigned long pages, unsigned clear, unsigned set,
		  const char *name, uintptr_t caller)
{
	const struct protect_call call = {name, caller, true};

	return vmap_protect((uintptr_t)p, pages, (struct pt_change){clear, set}, &call);
}

static int seal(const void *p, unsigned long pages, const char *name, uintptr_t caller)
{
	int error = change(p, pages, QUARRY_PROT_WRITE, 0, name, caller);

	return error ? error : change(p, pages, 0, QUARRY_PROT_EXEC, name, caller);
}

void *execmem_alloc(enum execmem_type type, size_t size)
{
	struct vmap_info info = {0, size, PFN_UP(size), VMAP_ALLOC | VMAP_EXEC, CALLER(), 0};
	gfp_t gfp = GFP_KERNEL | __GFP_ZERO;

	if (vmap_refuse_nmi("execmem_alloc", NULL, info.caller))
		return NULL;
	if ((unsigned)type >= EXECMEM_TYPE_MAX || !size ||
	    (size - 1) >> PAGE_SHIFT >= totalram_pages()) {
		mm_report_at(QUARRY_RULE_BAD_ARGUMENT, "execmem_alloc", NULL, type, size,
			     info.caller);
		return NULL;
	}
	if (!gfp_context_ok(gfp))
		gfp = gfp_context_report(gfp, "execmem_alloc", info.caller);
	return vmap_make(&info, &vmap_anywhere, gfp, NUMA_NO_NODE);
}

int execmem_seal(void *p)
{
	struct vmap_info info = {0, 0, 0, 0, 0, 0};

	/* Refused and reported below. */
	if (!vmap_may_wait() || !vmap_info_at(p, &info) || info.start != (uintptr_t)p)
		info.pages = 0;
	return seal(p, info.pages, "execmem_seal", CALLER());
}

int execmem_make_temp_rw(void *p, size_t size)
{
	unsigned long pages = PFN_UP(size);
	int error = change(p, pages, QUARRY_PROT_EXEC, 0, "execmem_make_temp_rw", CALLER());

	if (!error)
		error = change(p, pages, 0, QUARRY_PROT_WRITE, "execmem_make_temp_rw", CALLER());
	return error;
}

int execmem_restore_rox(void *p, size_t size)
{
	return seal(p, PFN_UP(size), "execmem_restore_rox", CALLER());
}

void execmem_free(void *p)
{
	if (p)
		vmap_free(p, VMAP_ALLOC | VMAP_EXEC, "execmem_free", CALLER());
}
