/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The assertion for our own mistakes, never for a peer's or the machine's. It is on in every build
 * and prints nothing (the library never prints): it traps, so that the debugger or the core file
 * shows the line.
 */
#ifndef SHOAL_BASE_ASSERT_H
#define SHOAL_BASE_ASSERT_H

#define SHOAL_ASSERT(cond) (__builtin_expect(!(cond), 0) ? __builtin_trap() : (void)0)

#endif
