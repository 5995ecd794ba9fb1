/* SPDX-License-Identifier: MIT */
/*
 * vmalloc.h: virtually contiguous memory from single pages, and mapping given pages (spec G3,
 * G123-G133, G150).
 *
 * Rules common to all functions here:
 *   - They work if quarry_init was given a virtual range (quarry/init.h); without one an
 *     allocation fails with VMAP_SPACE. `is_vmalloc_addr` tells an address of that range.
 *   - Sizes are rounded up to pages; one page that is not mapped follows each area.
 *   - An allocation whose mask has __GFP_DIRECT_RECLAIM may sleep: task context only; the mask
 *     also governs page-table pages. Functions without a mask use GFP_KERNEL. Failure is NULL,
 *   reported unless __GFP_NOWARN.
 *   - Whole 2 MiB are mapped by huge leaves where blocks of 2 MiB are free.
 *   - A freed area stays mapped for the next ordinary request of its size, if it was an ordinary
 *     one: no alignment beyond a page, and a mask that names no zone, node, reserve or accounting.
 *     Up to 8 MiB of areas of at most 64 pages are kept so, and up to 32 MiB or 15 longer ones; of
 *     each at most 1/64 of memory. An access to such an area
 *     after vfree does not fault; with quarry_params.vfree_unmaps nothing is kept, and it does.
 *     vmallocinfo does not show kept areas, vmalloc_nr_pages does not count them.
 *   - Other freed addresses and pages are reused only after every CPU has flushed its TLB; flushes
 *     are collected, so the memory of the last frees (up to 32 MiB, or a sixteenth of memory) comes
 *     back later.
 *   - Memory that is kept or comes back later is given back before a request that may sleep fails.
 */
#ifndef QUARRY_VMALLOC_H
#define QUARRY_VMALLOC_H

#include <quarry/arch.h>
#include <quarry/gfp.h>
#include <quarry/types.h>

QUARRY_BEGIN_DECLS

/* Size 0 and more than all memory are refused with a report. (G123) */
void *vmalloc(size_t size) QUARRY_API_CHECK(vmalloc) QUARRY_MALLOC QUARRY_ALLOC_SIZE(1);
void *vzalloc(size_t size) QUARRY_API_CHECK(vzalloc) QUARRY_MALLOC QUARRY_ALLOC_SIZE(1);
void *vmalloc_node(size_t size, int node) QUARRY_API_CHECK(vmalloc_node) QUARRY_MALLOC
	QUARRY_ALLOC_SIZE(1);
void *vzalloc_node(size_t size, int node) QUARRY_API_CHECK(vzalloc_node) QUARRY_MALLOC
	QUARRY_ALLOC_SIZE(1);
void *__vmalloc(size_t size, gfp_t gfp) QUARRY_API_CHECK(__vmalloc) QUARRY_MALLOC
	QUARRY_ALLOC_SIZE(1);
/* All of it: `align` in bytes, a power of two; `caller` is shown in vmallocinfo. */
void *__vmalloc_node(size_t size, size_t align, gfp_t gfp, int node, const void *caller)
	QUARRY_API_CHECK(__vmalloc_node) QUARRY_MALLOC QUARRY_ALLOC_SIZE(1);

/*
 * The same within [start, end) as well, and with a protection and flags below. What counts of the
 * range are its whole blocks of 2 MiB (addresses that are multiples of it), and at either end of
 * the window what is left of one; nothing outside the window is ever handed out.
 * A `prot` other than PAGE_KERNEL, as of set_memory_* (quarry/set_memory.h), is given to the area
 * when it is mapped: that needs a context that may wait, and writable and executable at once is
 * refused. `flags`: 0, VM_ALLOC, and those that ask for what is always done: VM_FLUSH_RESET_PERMS
 * (vfree makes the pages ordinary again), VM_ALLOW_HUGE_VMAP.
 */
void *__vmalloc_node_range(size_t size, size_t align, uintptr_t start, uintptr_t end, gfp_t gfp,
			   unsigned prot, unsigned long flags, int node, const void *caller)
	QUARRY_API_CHECK(__vmalloc_node_range) QUARRY_MALLOC QUARRY_ALLOC_SIZE(1);

static inline void *__vmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;
	return __builtin_mul_overflow(n, size, &bytes) ? NULL : __vmalloc(bytes, gfp);
}
static inline void *vmalloc_array(size_t n, size_t size)
{
	return __vmalloc_array(n, size, GFP_KERNEL);
}
static inline void *__vcalloc(size_t n, size_t size, gfp_t gfp)
{
	return __vmalloc_array(n, size, gfp | __GFP_ZERO);
}
static inline void *vcalloc(size_t n, size_t size)
{
	return __vmalloc_array(n, size, GFP_KERNEL | __GFP_ZERO);
}

/* Huge leaves are the rule here; these are vmalloc under the names that ask for them. */
static inline void *vmalloc_huge(size_t size, gfp_t gfp)
{
	return __vmalloc(size, gfp);
}
static inline void *vmalloc_huge_node(size_t size, gfp_t gfp, int node)
{
	return __vmalloc_node(size, 1, gfp, node, __builtin_return_address(0));
}

/* From pages below 4 GiB of physical addresses. */
void *vmalloc_32(size_t size) QUARRY_API_CHECK(vmalloc_32) QUARRY_MALLOC QUARRY_ALLOC_SIZE(1);
/* To be mapped for user space by the kernel: zeroed to the end of its last page. */
void *vmalloc_user(size_t size) QUARRY_API_CHECK(vmalloc_user) QUARRY_MALLOC QUARRY_ALLOC_SIZE(1);
void *vmalloc_32_user(size_t size) QUARRY_API_CHECK(vmalloc_32_user) QUARRY_MALLOC
	QUARRY_ALLOC_SIZE(1);

/*
 * Change the size of an area of vmalloc, keeping its contents; it may move. NULL: __vmalloc; size
 * 0: vfree. With __GFP_ZERO what grows is zero, if the sizes asked for before were asked for with
 * it too. Within the area's pages it stays and cannot fail.
 * Context: as gfp allows. Return: address, or NULL with the area as it was.
 */
void *vrealloc(const void *p, size_t size, gfp_t gfp) QUARRY_API_CHECK(vrealloc)
	QUARRY_ALLOC_SIZE(2);

/*
 * Free what one of the above returned. NULL is ignored; anything else is reported and ignored.
 * Context: any but NMI. In an interrupt the work, where there is any, is put off: to the defer
 * hook, else to the next call here that may sleep. (G146, G150)
 */
void vfree(const void *address) QUARRY_API(vfree);
static inline void vfree_atomic(const void *address)
{
	vfree(address);
}

/* What a mapping allows (QUARRY_PROT_* in quarry/arch.h). */
#ifndef PAGE_KERNEL
#define PAGE_KERNEL QUARRY_PROT_KERNEL
#define PAGE_KERNEL_RO QUARRY_PROT_READ
#define PAGE_KERNEL_ROX (QUARRY_PROT_READ | QUARRY_PROT_EXEC)
#define PAGE_KERNEL_EXEC (QUARRY_PROT_KERNEL | QUARRY_PROT_EXEC)
#define PAGE_KERNEL_NOCACHE (QUARRY_PROT_KERNEL | QUARRY_PROT_UNCACHED)
#endif
#ifndef pgprot_noncached
#define pgprot_noncached(prot) (((prot) & ~QUARRY_PROT_CACHING) | QUARRY_PROT_UNCACHED)
#define pgprot_writecombine(prot) (((prot) & ~QUARRY_PROT_CACHING) | QUARRY_PROT_WRITE_COMBINE)
#define pgprot_writethrough(prot) (((prot) & ~QUARRY_PROT_CACHING) | QUARRY_PROT_WRITE_THROUGH)
#endif
/* Kinds of area, and what some functions are asked for; the values are Linux's. */
#ifndef VM_MAP
#define VM_IOREMAP 1ul /* physical ranges */
#define VM_ALLOC 2ul   /* pages of vmalloc */
#define VM_MAP 4ul     /* pages that the caller gave */
#define VM_FLUSH_RESET_PERMS 0x100ul
/* What vmap maps becomes an area of vmalloc, to be freed by vfree. */
#define VM_MAP_PUT_PAGES 0x200ul
#define VM_ALLOW_HUGE_VMAP 0x400ul
#endif

/*
 * Map pages[0..count) one after another. The pages stay the caller's: they must not be freed
 * before vunmap and, because flushes are collected, not before vm_unmap_aliases either if other
 * CPUs used the mapping. `flags` is VM_MAP or 0. With VM_MAP_PUT_PAGES too pages and array, which
 * kmalloc or vmalloc gave, are the library's if the call succeeds: the array is freed at once, the
 * pages by vfree of the address. They must be single pages with one reference each, no page twice.
 * Context: task, may sleep. Return: address or NULL (reported).
 */
void *vmap(struct page **pages, unsigned count, unsigned long flags, unsigned prot)
	QUARRY_API_CHECK(vmap);
/* The same for frames that are not the library's memory: of devices, or reserved in the map. To be
 * undone by vunmap. */
void *vmap_pfn(const unsigned long *pfns, unsigned count, unsigned prot) QUARRY_API_CHECK(vmap_pfn);
/* Context: as vfree. */
void vunmap(const void *address) QUARRY_API(vunmap);

/*
 * vmap with PAGE_KERNEL for mappings that live shortly; `node` is where bookkeeping should lie and
 * is ignored. They are unmapped whole, by vm_unmap_ram with the same count: another is reported and
 * nothing is unmapped.
 * Context: as vmap, vunmap.
 */
void *vm_map_ram(struct page **pages, unsigned count, int node) QUARRY_API_CHECK(vm_map_ram);
void vm_unmap_ram(const void *address, unsigned count) QUARRY_API(vm_unmap_ram);

/* ---- areas as such ---- */

/* An area as it was when somebody asked. */
struct vm_struct {
	void *addr;
	unsigned long size;  /* bytes, with the page behind the area that is not mapped */
	unsigned long flags; /* VM_ALLOC, VM_MAP or VM_IOREMAP */
	unsigned long nr_pages; /* held by vmalloc; 0 for other kinds */
	phys_addr_t phys_addr;	/* VM_IOREMAP: of the first page; 0 if that is not mapped */
	const void *caller;	/* who asked for the area */
	const struct vm_struct *self; /* of get_vm_area: this struct; NULL in a description */
};
static inline unsigned long get_vm_area_size(const struct vm_struct *area)
{
	return area->size - PAGE_SIZE;
}

/*
 * Addresses for `size` bytes where nothing is mapped yet: ioremap_page_range (quarry/io.h) fills
 * them, in one call or several. `flags` is VM_IOREMAP. The area begins at a multiple of the largest
 * leaf that it has room for, if there is one free.
 * Context: task, may sleep. Return: NULL (reported), or a struct that is the caller's to write in;
 * it lives until free_vm_area, which needs its addr as it was.
 */
struct vm_struct *get_vm_area(unsigned long size, unsigned long flags)
	QUARRY_API_CHECK(get_vm_area);
/* Unmap all of it and free area and struct. NULL is ignored. Areas of other functions are freed by
 * these alone, and this one by no other: it is reported and ignored, and so is what find_vm_area
 * wrote. Context: as vfree. */
void free_vm_area(struct vm_struct *area) QUARRY_API(free_vm_area);
/*
 * The live area of any kind that holds an address, its last page included, the page behind it not.
 * It is described in *area, because most areas have no struct of their own. Constant time.
 * Context: any but NMI. Return: area; NULL if there is none.
 */
struct vm_struct *find_vm_area(const void *address, struct vm_struct *area)
	QUARRY_API_CHECK(find_vm_area);

/* Unmap kept areas and flush every CPU now: nothing that was freed or unmapped before is reachable
 * afterwards.
 * Context: task, irqs on; may wait. */
void vm_unmap_aliases(void) QUARRY_API(vm_unmap_aliases);

/* ---- looking up; context: any ---- */

bool is_vmalloc_addr(const void *address) QUARRY_API(is_vmalloc_addr);
/* The page mapped at an address of vmalloc or vmap; NULL if none of ours is. In an NMI also while a
 * CPU changes page tables. */
struct page *vmalloc_to_page(const void *address) QUARRY_API(vmalloc_to_page);
/* The same as a frame number; 0 where that is NULL. Also for memory that is not ours. */
unsigned long vmalloc_to_pfn(const void *address) QUARRY_API(vmalloc_to_pfn);
/* Pages held by vmalloc. */
unsigned long vmalloc_nr_pages(void) QUARRY_API(vmalloc_nr_pages);

/* Flushes of every CPU that freed and unmapped addresses have cost so far: at most one per 32 MiB
 * (or a sixteenth of memory) freed, and those that vm_unmap_aliases and want of memory asked
 * for. */
unsigned long quarry_vmap_flushes(void) QUARRY_API(vmap_flushes);

/*
 * For a kernel's page-fault handler on CPUs that remember absent entries (riscv64): if `va` is
 * mapped now and allows `access` (QUARRY_PROT_READ, _WRITE or _EXEC), make this CPU see it. Only
 * for faults taken in the kernel: user mode may not use these addresses and would fault for ever.
 * Context: the fault handler, any. Return: true: retry the access; false: a real fault.
 */
bool quarry_vmap_fault(uintptr_t va, unsigned access) QUARRY_API(vmap_fault);

QUARRY_END_DECLS

#endif
