/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the only process of a measuring machine does before and after: pseudo
 * file systems, modules, a channel for results, the end of the machine.
 */
#ifndef FERRY_BENCH_BOOT_H
#define FERRY_BENCH_BOOT_H

#include <stdbool.h>
#include <stddef.h>

/* Mount /proc, /sys and /dev, and load /modules/ as its "order" lists them. */
void boot_begin(void);

/* Write an attribute of the kernel. */
void boot_put(const char *path, const char *text);

/*
 * Write one line of results: to a debug port of the emulated machine, so that
 * console noise can neither hide nor fake it.
 */
void boot_result(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The value of "bench.@name=" on the kernel's command line; false if absent. */
bool boot_parameter(const char *name, char *value, size_t size);

/* Write text symbols and module sections as results. */
void boot_symbols(void);

/* Say that the results are complete, and end the machine. */
void boot_end(void) __attribute__((noreturn));

#endif /* FERRY_BENCH_BOOT_H */
