// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the first and only process of a guest whose VMM is measured: tells the host's
 *	kernel that user space is there, by a write to a port that no device has, and
 *	sleeps.
 * Threads: one.
 * Locks: none.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MARKER_PORT	0x80
#define PORT_NODE	"/port"

/*
 * To port 0x80 firmware and kernel write as well, but not this. By the kernel's own hand: the
 * emulator of the lab's processor faults a program's OUT under VMMs that have read and written
 * back the task register, as QEMU does for its firmware.
 */
static const unsigned char marker[] = { 0xef, 0xbe, 0x44, 0xfe };

int main(void)
{
	int fd;

	mknod(PORT_NODE, S_IFCHR | 0600, makedev(1, 4));
	fd = open(PORT_NODE, O_WRONLY);
	for (unsigned int i = 0; i < sizeof(marker); i++) {
		if (pwrite(fd, &marker[i], 1, MARKER_PORT) != 1) {
			perror(PORT_NODE);
			return 1;
		}
	}
	for (;;)
		pause();
}
