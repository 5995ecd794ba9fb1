/* SPDX-License-Identifier: MIT */
/*
 * config.h: every build-time switch, its default, and a check that refuses nonsense.
 *
 * Set a switch with -DQUARRY_X=..., with the Meson option of the same name in lower case, or in a
 * header of your own named by -DQUARRY_CONFIG_HEADER='"my_config.h"'. Kernel and library must be
 * compiled with the same values: `quarry_init` compares them (QUARRY_CONFIG_WORD) and refuses with
 * a sentence on the log when they differ.
 */
#ifndef QUARRY_CONFIG_H
#define QUARRY_CONFIG_H

#ifdef QUARRY_CONFIG_HEADER
#include QUARRY_CONFIG_HEADER
#endif

/*
 * Prefix of every ELF symbol that the library defines. C names stay Linux's (`kmalloc`), the linker
 * sees `quarry_kmalloc`, so a kernel that has a `kmalloc` of its own still links.
 */
#ifndef QUARRY_SYMBOL_PREFIX
#define QUARRY_SYMBOL_PREFIX quarry_
#endif

/*
 * Largest number of CPUs. 1 selects the tiny profile: CPU number, pin, cross-call and task hooks
 * are compiled away (quarry/os.h). BSS grows by some pointers a CPU; the
 * arrays of a CPU come out of free memory when it comes online (quarry_footprint).
 */
#ifndef QUARRY_MAX_CPUS
#define QUARRY_MAX_CPUS 16
#endif
#if QUARRY_MAX_CPUS < 1 || QUARRY_MAX_CPUS > 1024
#error "QUARRY_MAX_CPUS must be 1..1024"
#endif

/* Largest number of NUMA nodes. The zone number (node * 4 + zone) must fit in 8 bits of struct
 * page. */
#ifndef QUARRY_MAX_NODES
#define QUARRY_MAX_NODES 4
#endif
#if QUARRY_MAX_NODES < 1 || QUARRY_MAX_NODES > 64
#error "QUARRY_MAX_NODES must be 1..64"
#endif

/*
 * Largest block of the page allocator is 2^QUARRY_MAX_ORDER pages; 10 (4 MiB of 4 KiB pages) is
 * Linux's value. At least 9, so that a block can back a 2 MiB huge leaf; at most 14, because the
 * order field in struct page has 4 bits and 15 marks a member page (QUARRY_PG_MEMBER).
 */
#ifndef QUARRY_MAX_ORDER
#define QUARRY_MAX_ORDER 10
#endif
#if QUARRY_MAX_ORDER < 9 || QUARRY_MAX_ORDER > 14
#error "QUARRY_MAX_ORDER must be 9..14"
#endif

/*
 * Debug level. 0: the always-on checks only (page state on free, object checks, caps).
 * 1: internal assertions too, and virt_to_phys reports an address of vmalloc. 2: also the full
 * structure walk after each slow step (tests).
 */
#ifndef QUARRY_DEBUG
#define QUARRY_DEBUG 0
#endif
#if QUARRY_DEBUG < 0 || QUARRY_DEBUG > 2
#error "QUARRY_DEBUG must be 0, 1 or 2"
#endif

/*
 * Hardening level. 0: the always-on set: foreign pointers, wrong caches and orders at the free;
 * pointers into objects, and second frees that are not immediate, when a CPU's stock is emptied.
 * 1 (default): also, at the free itself, pointers into objects, and second frees of what the
 * CPU's stock holds; and each cache hands out new slabs in an order chosen by the `random` hook.
 * Costs 3 to 12 instructions a free and 64 bytes a stock (docs/decisions/0005-hardened-frees.md).
 */
#ifndef QUARRY_HARDENING
#define QUARRY_HARDENING 1
#endif
#if QUARRY_HARDENING < 0 || QUARRY_HARDENING > 1
#error "QUARRY_HARDENING must be 0 or 1"
#endif

/* Context lint: report a request that may sleep from a context that may not. 0 removes the test. */
#ifndef QUARRY_CONTEXT_LINT
#define QUARRY_CONTEXT_LINT 1
#endif

/* Failure sites ask the OS (`quarry_os_ops.fault`) whether to fail. Never in a release build. */
#ifndef QUARRY_FAULT_INJECTION
#define QUARRY_FAULT_INJECTION 0
#endif

/* Smallest kmalloc object, bytes: 8 as on Linux x86_64, 16 for kernels that link freed objects
 * lazily. */
#ifndef QUARRY_KMALLOC_MIN_SIZE
#define QUARRY_KMALLOC_MIN_SIZE 8
#endif
#if QUARRY_KMALLOC_MIN_SIZE != 8 && QUARRY_KMALLOC_MIN_SIZE != 16
#error "QUARRY_KMALLOC_MIN_SIZE must be 8 or 16"
#endif

/*
 * Is DMA coherent on machines where the CPU family does not promise it (riscv64)? 0: two kmalloc
 * objects never share a cache line, so the smallest has 64 bytes. 1: they are as small as
 * elsewhere.
 */
#ifndef QUARRY_COHERENT_DMA
#define QUARRY_COHERENT_DMA 0
#endif
#if QUARRY_COHERENT_DMA < 0 || QUARRY_COHERENT_DMA > 1
#error "QUARRY_COHERENT_DMA must be 0 or 1"
#endif

/*
 * Count bytes and calls by the place that asked: each call of kmalloc and its like in a file that
 * includes quarry/alloc_tag.h has two counters a CPU, each object a word beside it in its slab, and
 * each page a word, that says whose it is, and quarry_report_allocinfo() shows the places. 0:
 * nothing of that is there.
 */
#ifndef QUARRY_ALLOCINFO
#define QUARRY_ALLOCINFO 0
#endif
#if QUARRY_ALLOCINFO < 0 || QUARRY_ALLOCINFO > 1
#error "QUARRY_ALLOCINFO must be 0 or 1"
#endif

/* What `quarry_init` compares between the kernel's view and the library's. */
#define QUARRY_CONFIG_WORD                                                                         \
	((unsigned long)QUARRY_MAX_CPUS | (unsigned long)QUARRY_MAX_NODES << 12 |                  \
	 (unsigned long)QUARRY_MAX_ORDER << 20 | (unsigned long)QUARRY_DEBUG << 24 |               \
	 (unsigned long)QUARRY_HARDENING << 26 |                                                   \
	 (unsigned long)(QUARRY_KMALLOC_MIN_SIZE == 16) << 27 |                                    \
	 (unsigned long)QUARRY_COHERENT_DMA << 28 |                                                \
	 (unsigned long)QUARRY_ALLOCINFO << 29)

#endif
