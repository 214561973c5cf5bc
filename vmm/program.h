/* SPDX-License-Identifier: GPL-2.0 */
/* Run another program to its end. */
#ifndef FERRY_VMM_PROGRAM_H
#define FERRY_VMM_PROGRAM_H

/**
 * program_run - run a program and wait for it
 * @argv: its arguments, ending with NULL; the first is its path, which is not searched for
 * @in: its standard input, or -1 for our own
 * @out: its standard output, or -1 for our own
 *
 * It finds the signals as a program expects them, not as we have them, and the three standard
 * descriptors only. Return: its status as of wait(2), or -errno if it could not be run.
 */
int program_run(const char *const argv[], int in, int out);

#endif /* FERRY_VMM_PROGRAM_H */
