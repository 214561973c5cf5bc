// SPDX-License-Identifier: GPL-2.0
/*
 * Role: unpack the kernel of a bzImage by the program for what it is packed with. Follows
 *	Documentation/arch/x86/boot.rst of Linux on payload_offset and payload_length.
 * Threads: main, before the guest runs.
 * Locks: none.
 */
#include "unpack.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../program.h"
#include "boot.h"

/* More than any kernel has. */
#define UNPACK_MAX	(1024 * MIB)

struct unpack_format {
	u8 magic[6];
	u8 magic_len;
	bool sized;		/* its own last four bytes are the unpacked size */
	const char *argv[4];
};

/* What Linux can be packed with. But for gzip, the size follows what is packed. */
static const struct unpack_format unpack_formats[] = {
	{ { 0x28, 0xb5, 0x2f, 0xfd }, 4, false, { "/usr/bin/zstd", "-dcq", "--sparse" } },
	{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, false, { "/usr/bin/xz", "-dcq" } },
	{ { 0x1f, 0x8b, 0x08 }, 3, true, { "/bin/gzip", "-dcq" } },
	{ { 0x02, 0x21, 0x4c, 0x18 }, 4, false, { "/usr/bin/lz4", "-dcq" } },
	{ { 'B', 'Z', 'h' }, 3, false, { "/bin/bzip2", "-dcq" } },
	{ { 0x89, 'L', 'Z', 'O' }, 4, false, { "/usr/bin/lzop", "-dcq" } },
	{ { 0x5d, 0, 0 }, 3, false, { "/usr/bin/xz", "-dcq", "--format=lzma" } },
};

u64 x86_setup_size(const struct setup_header *h)
{
	return ((h->setup_sects ? h->setup_sects : 4) + 1) * 512ULL;
}

static const struct unpack_format *unpack_find(const u8 *head, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(unpack_formats); i++) {
		const struct unpack_format *f = &unpack_formats[i];

		if (len >= f->magic_len && !memcmp(head, f->magic, f->magic_len))
			return f;
	}
	return NULL;
}

/* The packed bytes by themselves, as a file to be read from its beginning; or -errno. */
static int unpack_slice(int kernel, off_t at, size_t len)
{
	int fd = memfd_create("packed", MFD_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	while (len && !err) {
		ssize_t n = sendfile(fd, kernel, &at, len);

		if (n <= 0)
			err = n ? -errno : -ENODATA;
		else
			len -= n;
	}
	if (!err && lseek(fd, 0, SEEK_SET) < 0)
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Run the program, which may write so much and no more. */
static int unpack_run(const struct unpack_format *f, int in, int out, u64 size)
{
	struct rlimit before, limit;
	struct stat st;
	int status;

	if (getrlimit(RLIMIT_FSIZE, &before))
		return -errno;
	limit = before;
	if (limit.rlim_cur > size)
		limit.rlim_cur = size;
	if (setrlimit(RLIMIT_FSIZE, &limit))
		return -errno;
	status = program_run(f->argv, in, out);
	setrlimit(RLIMIT_FSIZE, &before);
	if (status < 0)
		return status;
	/* It may leave a hole at the end, and complain of what it does not know. */
	if (fstat(out, &st))
		return -errno;
	return !status && (u64)st.st_size == size ? 0 : -EINVAL;
}

int x86_unpack(int kernel, u64 size, const struct setup_header *h, int out)
{
	u64 at = x86_setup_size(h) + h->payload_offset, len = h->payload_length;
	const struct unpack_format *f;
	u32 unpacked;
	u8 head[6];
	int in, ret;

	if (len < sizeof(head) + sizeof(unpacked) || at > size || len > size - at)
		return -ENOTSUP;
	if (x86_pread(kernel, head, sizeof(head), at) ||
	    x86_pread(kernel, &unpacked, sizeof(unpacked), at + len - sizeof(unpacked)))
		return -EIO;
	f = unpack_find(head, sizeof(head));
	if (!f || unpacked > UNPACK_MAX)
		return -ENOTSUP;
	in = unpack_slice(kernel, at, f->sized ? len : len - sizeof(unpacked));
	if (in < 0)
		return in;
	ret = unpack_run(f, in, out, unpacked);
	close(in);
	return ret;
}
