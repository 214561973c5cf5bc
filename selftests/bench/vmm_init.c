// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the first and only process of a guest whose VMM is measured: tells the host's
 *	kernel that user space is there, by a write to a port that no device has, and
 *	sleeps.
 * Threads: one.
 * Locks: none.
 */
#include <stdio.h>
#include <sys/io.h>
#include <unistd.h>

/* Four bytes to port 0x80, where firmware and kernel write single ones. */
#define MARKER_PORT	0x80
#define MARKER		0xfe44beefU

int main(void)
{
	if (ioperm(MARKER_PORT, 4, 1)) {
		perror("ioperm");
		return 1;
	}
	outl(MARKER, MARKER_PORT);
	for (;;)
		pause();
}
