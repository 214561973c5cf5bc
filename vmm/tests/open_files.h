/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a test leaves open.
 */
#ifndef FERRY_VMM_TESTS_OPEN_FILES_H
#define FERRY_VMM_TESTS_OPEN_FILES_H

#include <dirent.h>

/* How many descriptors this process has open, with the one to look with, "." and "..". */
static inline unsigned int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

#endif /* FERRY_VMM_TESTS_OPEN_FILES_H */
