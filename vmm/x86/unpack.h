/* SPDX-License-Identifier: GPL-2.0 */
/* Kernels of bzImages, unpacked once and kept for the next guest. */
#ifndef FERRY_VMM_X86_UNPACK_H
#define FERRY_VMM_X86_UNPACK_H

#include <asm/bootparam.h>

#include "../types.h"

/* The setup of a bzImage in bytes: what is packed lies behind it. */
u64 x86_setup_size(const struct setup_header *h);

/**
 * x86_unpack - what is packed in a bzImage
 * @kernel: the open file
 * @size: its bytes
 * @h: its header
 * @out: the kernel is appended to this file
 *
 * The file's own program for what it is packed with does it (xz, zstd, gzip and others, as
 * far as they are installed). Return: 0, -ENOTSUP, or -errno; then @out holds anything.
 */
int x86_unpack(int kernel, u64 size, const struct setup_header *h, int out);

/**
 * x86_unpack_kept - the same, out of the cache of unpacked kernels
 * @kernel: likewise
 * @size: likewise
 * @h: likewise
 *
 * The cache is a directory, $FERRY_CACHEDIR or else one of the system's for root and one of
 * the user's for others, that nobody else may write to. A kernel that is not there is put
 * there, and the oldest of several give way. A kernel's file is told by its device, inode,
 * size and times. Return: an open file, or -1 if there is no such cache, or no such program.
 */
int x86_unpack_kept(int kernel, u64 size, const struct setup_header *h);

#endif /* FERRY_VMM_X86_UNPACK_H */
