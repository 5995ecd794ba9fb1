/* SPDX-License-Identifier: MIT */
/*
 * execmem.h: memory for code that the kernel makes or loads: written, then sealed.
 *
 *   execmem_alloc        readable and writable, not executable, zeroed
 *   execmem_seal         readable and executable, not writable
 *   execmem_make_temp_rw, execmem_restore_rox     pages of it writable again, and sealed again
 *   execmem_free
 *
 * Rules common to all functions here:
 *   - No page is ever writable and executable at once, on any CPU: between the two states every CPU
 *     flushes its TLB. With quarry_os_ops.protect_direct_map that also holds for the pages' other
 *     address in the direct map; without it the direct map stays writable.
 *   - After sealing every CPU fetches what was written.
 *   - The addresses lie in the range given to quarry_init. A kernel whose code model calls within 2
 *     GiB gives a range that near to its own code.
 *   - Context: task, irqs on; may sleep and wait for other CPUs. execmem_free: as vfree; where
 *     nobody may wait it is done later.
 */
#ifndef QUARRY_EXECMEM_H
#define QUARRY_EXECMEM_H

#include <quarry/types.h>

QUARRY_BEGIN_DECLS

/* What for: all kinds are served alike. */
enum execmem_type {
	EXECMEM_DEFAULT,
	EXECMEM_MODULE_TEXT = EXECMEM_DEFAULT,
	EXECMEM_KPROBES,
	EXECMEM_FTRACE,
	EXECMEM_BPF,
	EXECMEM_MODULE_DATA,
	EXECMEM_TYPE_MAX
};

/* Return: address of `size` bytes, or NULL (reported). */
void *execmem_alloc(enum execmem_type type, size_t size) QUARRY_API_CHECK(execmem_alloc)
	QUARRY_MALLOC QUARRY_ALLOC_SIZE(2);
/* All of it. Sealing twice is no error. Return: 0; -EINVAL (no such memory: reported); an error of
 * protect_direct_map, then it is as it was. */
int execmem_seal(void *p) QUARRY_API_CHECK(execmem_seal);
/*
 * The pages from p, a page's address inside such memory, for `size` bytes, rounded up. No CPU may
 * run code in them between the two calls. Return: as execmem_seal; -ENOMEM.
 */
int execmem_make_temp_rw(void *p, size_t size) QUARRY_API_CHECK(execmem_make_temp_rw);
int execmem_restore_rox(void *p, size_t size) QUARRY_API_CHECK(execmem_restore_rox);
/* NULL is ignored; anything else is reported and ignored. */
void execmem_free(void *p) QUARRY_API(execmem_free);

QUARRY_END_DECLS

#endif
