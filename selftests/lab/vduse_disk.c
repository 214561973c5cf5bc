// SPDX-License-Identifier: GPL-2.0
/*
 * Serve a virtio disk that can SECURE_ERASE:
 *
 *	vduse_disk MIB
 *
 * Prints its node, and serves it until the standard input ends. Exits 4 where there can be none.
 */
#include "check.h"
#include "vduse.h"

int main(int argc, char **argv)
{
	struct vduse v;
	char c;

	check(argc == 2 && atoi(argv[1]) > 0, "usage: vduse_disk MIB");
	if (__vduse_init(&v, atoi(argv[1]), 4096)) {
		fprintf(stderr, "%s\n", v.why);
		return 4;
	}
	printf("%s\n", v.path);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	vduse_destroy(&v);
	return 0;
}
