// SPDX-License-Identifier: GPL-2.0
/*
 * FERRY_BLK_SET_BACKEND: which files and parameters /dev/ferry-blk takes, which
 * it refuses and with what, that a refusal leaves it as it was, and who may ask.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include "test_blk.h"

FIXTURE(set) {
	struct disk disk;
	struct blk b;
};

FIXTURE_VARIANT(set) {
	struct disk_options disk;
};

FIXTURE_VARIANT_ADD(set, null) { .disk = { .kind = DISK_NULL, .discard = true } };
FIXTURE_VARIANT_ADD(set, tmpfs) { .disk = { .kind = DISK_TMPFS } };
FIXTURE_VARIANT_ADD(set, ext4_direct) { .disk = { .kind = DISK_EXT4_DIRECT } };

FIXTURE_SETUP(set)
{
	struct blk_options o = { .layout = { .num = 64 } };

	DISK_MAKE(&self->disk, &variant->disk);
	BLK_INIT(&self->b, &self->disk, &o);
}

FIXTURE_TEARDOWN(set)
{
	blk_destroy(&self->b);
	disk_free(&self->disk);
}

typedef FIXTURE_DATA(set) set_t;

static int with_fd(set_t *self, int fd, uint32_t flags)
{
	struct ferry_blk_backend be = self->b.be;

	be.fd = fd;
	be.flags = flags;
	return __dev_blk_backend(&self->b.g.dev, &be);
}

static void expect_works(struct __test_metadata *_metadata, set_t *self)
{
	blk_fill(blk_mem(&self->b, BLK_AT(1)), 512, 0, 1);
	EXPECT_EQ(S_OK, blk_write(&self->b, 0, BLK_AT(1), 512));
	EXPECT_EQ(S_OK, blk_read(&self->b, 0, BLK_AT(1), 512));
}

TEST_F(set, a_disk_is_taken_and_described)
{
	struct ferry_blk_backend *be = &self->b.be;

	blk_start(&self->b);
	EXPECT_EQ(self->disk.sectors, be->capacity);
	EXPECT_EQ(512, be->block_size);
	EXPECT_LE(1, be->seg_max);
	EXPECT_LE(be->block_size, be->size_max);
	EXPECT_LE(65536, be->max_bytes);
	EXPECT_LE(be->block_size, be->phys_block_size);
	EXPECT_TRUE(be->features & BLK_F(FLUSH));
	EXPECT_EQ(0, be->features & BLK_F(RO));
	EXPECT_EQ(!!(be->features & BLK_F(DISCARD)), be->discard.max_sectors > 0);
	EXPECT_EQ(!!(be->features & BLK_F(WRITE_ZEROES)), be->write_zeroes.max_sectors > 0);
	EXPECT_EQ(!!(be->features & BLK_F(SECURE_ERASE)), be->secure_erase.max_sectors > 0);
	expect_works(_metadata, self);
}

TEST_F(set, a_probe_changes_nothing)
{
	struct ferry_blk_backend can;
	int fd = disk_open(&self->disk, O_RDONLY);

	ASSERT_EQ(0, __blk_probe(&self->b, self->disk.fd, &can));
	EXPECT_EQ(self->disk.sectors, can.capacity);
	/* It does not run: a request stays where it is. */
	EXPECT_FALSE(rig_alive(&self->b.g, 0, 50));
	rig_reset_ring(&self->b.g, 0);
	blk_start(&self->b);
	expect_works(_metadata, self);
	self->b.be.flags = FERRY_BLK_F_READ_ONLY;
	self->b.be.capacity = 8;
	ASSERT_EQ(0, __blk_probe(&self->b, fd, &can));
	self->b.be.flags = 0;
	EXPECT_EQ(8, can.capacity);
	expect_works(_metadata, self);
	EXPECT_EQ(S_OK, blk_write(&self->b, 100, BLK_AT(1), 512));
	close(fd);
}

TEST_F(set, a_probe_needs_no_ring)
{
	struct ferry_blk_backend can = { .fd = self->disk.fd, .flags = FERRY_BLK_F_PROBE };
	struct dev d;

	dev_open(&d, DEV_BLK, NULL);
	dev_ioctl(&d, VHOST_SET_OWNER, NULL);
	EXPECT_EQ(0, __dev_blk_backend(&d, &can));
	EXPECT_EQ(self->disk.sectors, can.capacity);
	dev_close(&d);
}

/* Open files that are no disks. */
static unsigned int make_others(set_t *self, int *fd)
{
	unsigned int n = 0;
	int pipes[2];

	check(!pipe(pipes), "a pipe");
	fd[n++] = pipes[0];
	fd[n++] = pipes[1];
	fd[n++] = open("/tmp", O_RDONLY | O_DIRECTORY);
	fd[n++] = open("/dev/null", O_RDWR);
	fd[n++] = open("/dev/zero", O_RDWR);
	fd[n++] = eventfd(0, 0);
	fd[n++] = socket(AF_UNIX, SOCK_STREAM, 0);
	fd[n++] = self->b.g.dev.fd;
	fd[n++] = open("/dev/net/tun", O_RDWR);
	fd[n++] = open(self->disk.path, O_PATH);
	fd[n++] = open("/proc/self/mem", O_RDWR);
	fd[n++] = 9999;
	fd[n++] = -2;
	fd[n++] = (int)0x80000000;
	return n;
}

TEST_F(set, every_other_kind_of_file_is_refused)
{
	int fd[16];
	unsigned int n = make_others(self, fd);

	for (int running = 0; running < 2; running++) {
		for (unsigned int i = 0; i < n; i++) {
			int err = with_fd(self, fd[i], 0);

			EXPECT_GT(0, err) {
				TH_LOG("file %u was taken", i);
			}
			EXPECT_NE(-EFAULT, err);
			EXPECT_GT(0, with_fd(self, fd[i], FERRY_BLK_F_READ_ONLY));
			EXPECT_GT(0, with_fd(self, fd[i], FERRY_BLK_F_PROBE));
		}
		if (!running)
			blk_start(&self->b);
		expect_works(_metadata, self);
	}
}

TEST_F(set, a_closed_descriptor)
{
	int fd = disk_open(&self->disk, O_RDWR);

	close(fd);
	EXPECT_EQ(-EBADF, with_fd(self, fd, 0));
	EXPECT_EQ(-EBADF, with_fd(self, 12345, FERRY_BLK_F_PROBE));
	EXPECT_EQ(-EBADF, with_fd(self, -5, 0));
}

TEST_F(set, how_the_file_was_opened)
{
	int ro = disk_open(&self->disk, O_RDONLY), wo = disk_open(&self->disk, O_WRONLY);
	int path = disk_open(&self->disk, O_PATH);

	EXPECT_GT(0, with_fd(self, ro, 0));
	EXPECT_EQ(0, with_fd(self, ro, FERRY_BLK_F_READ_ONLY));
	EXPECT_GT(0, with_fd(self, wo, 0));
	EXPECT_GT(0, with_fd(self, wo, FERRY_BLK_F_READ_ONLY));
	EXPECT_EQ(-EBADF, with_fd(self, path, 0));
	EXPECT_EQ(-EBADF, with_fd(self, path, FERRY_BLK_F_READ_ONLY));
	EXPECT_EQ(0, with_fd(self, self->disk.fd, 0));
	expect_works(_metadata, self);
}

TEST_F(set, a_file_opened_for_appending)
{
	struct stat st;
	int fd;

	ASSERT_EQ(0, stat(self->disk.path, &st));
	TEST_REQUIRE(S_ISREG(st.st_mode), "not a file");
	fd = disk_open(&self->disk, O_RDWR | O_APPEND);
	/* Either it is refused, or writes go where the guest says. */
	self->b.be.fd = fd;
	if (!__blk_start(&self->b))
		expect_works(_metadata, self);
	ASSERT_EQ(0, stat(self->disk.path, &st));
	EXPECT_EQ(self->disk.sectors << 9, st.st_size);
	self->b.be.fd = self->disk.fd;
}

TEST_F(set, the_file_outlives_its_descriptor)
{
	int fd = disk_open(&self->disk, O_RDWR | (disk_is_bdev(&self->disk) ? O_DIRECT : 0));

	self->b.be.fd = fd;
	blk_start(&self->b);
	close(fd);
	expect_works(_metadata, self);
	EXPECT_TRUE(disk_filled(&self->disk, 0, 512, 1));
}

TEST_F(set, unknown_flags_and_reserved_words)
{
	struct ferry_blk_backend be;

	for (int bit = 6; bit < 32; bit++)
		EXPECT_EQ(-EINVAL, with_fd(self, self->disk.fd, 1U << bit));
	EXPECT_EQ(-EINVAL, with_fd(self, self->disk.fd, 0xffffffff));
	be = self->b.be;
	be.lifetime.reserved = 1;
	EXPECT_EQ(-EINVAL, __dev_blk_backend(&self->b.g.dev, &be));
	for (int i = 0; i < 3; i++) {
		be = self->b.be;
		be.reserved[i] = 1ULL << 63 | i;
		EXPECT_EQ(-EINVAL, __dev_blk_backend(&self->b.g.dev, &be));
	}
	blk_start(&self->b);
	expect_works(_metadata, self);
}

TEST_F(set, a_capacity_that_the_disk_does_not_have)
{
	const uint64_t bad[] = { self->disk.sectors + 1, 1ULL << 32, 1ULL << 54, 1ULL << 55,
				 1ULL << 63, ~0ULL };
	struct ferry_blk_backend be;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		be = self->b.be;
		be.capacity = bad[i];
		EXPECT_EQ(-EINVAL, __dev_blk_backend(&self->b.g.dev, &be)) {
			TH_LOG("%#llx sectors", (unsigned long long)bad[i]);
		}
	}
	be = self->b.be;
	be.capacity = self->disk.sectors;
	EXPECT_EQ(0, __dev_blk_backend(&self->b.g.dev, &be));
	be.capacity = 1;
	EXPECT_EQ(0, __dev_blk_backend(&self->b.g.dev, &be));
	EXPECT_EQ(1, be.capacity);
}

TEST_F(set, block_sizes)
{
	const uint32_t bad[] = { 1, 256, 511, 513, 1000, 1536, 4095, 0x80000001, 0xffffffff };
	struct ferry_blk_backend be;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		be = self->b.be;
		be.block_size = bad[i];
		EXPECT_EQ(-EINVAL, __dev_blk_backend(&self->b.g.dev, &be)) {
			TH_LOG("blocks of %u bytes", bad[i]);
		}
	}
	be = self->b.be;
	be.block_size = 4096;
	ASSERT_EQ(0, __dev_blk_backend(&self->b.g.dev, &be));
	EXPECT_EQ(4096, be.block_size);
	EXPECT_EQ(S_IOERR, blk_read(&self->b, 1, BLK_AT(1), 512));
	EXPECT_EQ(S_OK, blk_read(&self->b, 8, BLK_AT(1), 4096));
}

TEST_F(set, bad_pointers)
{
	struct dev *d = &self->b.g.dev;
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ferry_blk_backend none = { .fd = -1 };

	EXPECT_EQ(-EFAULT, __dev_ioctl(d, FERRY_BLK_SET_BACKEND, NULL));
	EXPECT_EQ(-EFAULT, __dev_ioctl(d, FERRY_BLK_SET_BACKEND, (void *)-8L));
	blk_start(&self->b);
	EXPECT_GT(0, __dev_ioctl(d, FERRY_BLK_SET_BACKEND, page));
	expect_works(_metadata, self);
	EXPECT_EQ(0, __dev_blk_backend(d, &none));
	EXPECT_EQ(0, __dev_blk_backend(d, &none));
}

TEST_F(set, before_there_is_an_owner)
{
	struct ferry_blk_backend be = { .fd = self->disk.fd };
	struct dev d;

	dev_open(&d, DEV_BLK, NULL);
	EXPECT_EQ(-EPERM, __dev_blk_backend(&d, &be));
	be.fd = -1;
	EXPECT_EQ(-EPERM, __dev_blk_backend(&d, &be));
	dev_close(&d);
}

TEST_F(set, before_there_is_memory)
{
	struct ferry_blk_backend be = { .fd = self->disk.fd };
	struct dev d;
	int err;

	dev_open(&d, DEV_BLK, NULL);
	dev_ioctl(&d, VHOST_SET_OWNER, NULL);
	err = __dev_blk_backend(&d, &be);
	/* No queue is set up: none starts, or it is said so. */
	EXPECT_TRUE(!err || err == -EFAULT || err == -EINVAL);
	be.fd = -1;
	EXPECT_EQ(0, __dev_blk_backend(&d, &be));
	dev_close(&d);
}

TEST_F(set, from_another_process)
{
	int status;
	pid_t pid;

	blk_start(&self->b);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct ferry_blk_backend none = { .fd = -1 }, be = self->b.be;

		if (__dev_blk_backend(&self->b.g.dev, &none) != -EPERM)
			_exit(1);
		_exit(__dev_blk_backend(&self->b.g.dev, &be) == -EPERM ? 0 : 2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	expect_works(_metadata, self);
}

TEST_F(set, null_and_net_ioctls_are_not_for_a_disk)
{
	struct vhost_vring_state s = { .index = 0, .num = 1 };

	EXPECT_EQ(-ENOTTY, __dev_ioctl(&self->b.g.dev, FERRY_NULL_SET_BACKEND, &s));
	EXPECT_EQ(-ENOTTY, __dev_ioctl(&self->b.g.dev, VHOST_NET_SET_BACKEND, &s));
}

TEST_F(set, features_of_a_disk)
{
	uint64_t f = dev_features(&self->b.g.dev);
	const uint64_t must = BLK_F(SEG_MAX) | BLK_F(SIZE_MAX) | BLK_F(FLUSH) | BLK_F(RO) |
			      BLK_F(BLK_SIZE) | BLK_F(MQ) | BLK_F(DISCARD) |
			      BLK_F(WRITE_ZEROES) | BLK_F(CONFIG_WCE) | BLK_F(TOPOLOGY);

	EXPECT_EQ(must, f & must);
	/* Requests end out of order. */
	EXPECT_EQ(0, f & BIT_ULL(VIRTIO_F_IN_ORDER));
	EXPECT_EQ(-EOPNOTSUPP, __dev_set_features(&self->b.g.dev, f | BIT_ULL(35)));
	/* SCSI pass-through and barriers are of the past. */
	EXPECT_EQ(0, f & (BIT_ULL(0) | BIT_ULL(7)));
}

TEST_F(set, start_and_stop_again_and_again)
{
	for (unsigned long i = 0; i < test_scale(200); i++) {
		blk_start(&self->b);
		expect_works(_metadata, self);
		blk_stop(&self->b);
	}
}

TEST_F(set, two_devices_on_one_disk)
{
	struct blk_options o = { .layout = { .num = 64 } };
	struct blk other;

	blk_start(&self->b);
	ASSERT_EQ(0, __blk_init(&other, &self->disk, &o));
	/* Claims are for the VMM to make; what both wrote is there. */
	ASSERT_EQ(0, __blk_start(&other));
	blk_fill(blk_mem(&other, BLK_AT(1)), 512, 4096, 2);
	EXPECT_EQ(S_OK, blk_write(&other, 8, BLK_AT(1), 512));
	expect_works(_metadata, self);
	EXPECT_EQ(S_OK, blk_read(&self->b, 8, BLK_AT(2), 512));
	EXPECT_TRUE(blk_filled(blk_mem(&self->b, BLK_AT(2)), 512, 4096, 2));
	blk_destroy(&other);
	expect_works(_metadata, self);
}

TEST_HARNESS_MAIN
