/* SPDX-License-Identifier: MIT */
/*
 * state.h: where the library's mutable state lives.
 *
 * Every mutable object of static storage duration is marked QUARRY_STATE. On a kernel that is plain
 * BSS. The mock machine compiles the library with QUARRY_STATE_SECTION, which collects all of it in
 * one section between two linker symbols: a world can then be saved, hashed, restored and reset as
 * one piece of memory, while the code still uses direct addresses (no pointer to a state object to
 * load). A lint checks that no library object has another writable section.
 *
 * State is zero until its layer's init function runs; init functions set every field that must not
 * start as zero, so that quarry_init can be called again.
 */
#ifndef QUARRY_MM_STATE_H
#define QUARRY_MM_STATE_H

#ifdef QUARRY_STATE_SECTION
#define QUARRY_STATE __attribute__((section("quarry_state")))
#else
#define QUARRY_STATE
#endif

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#endif
