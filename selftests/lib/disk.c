// SPDX-License-Identifier: GPL-2.0
/*
 * Backing stores of block tests. Runs in the test's thread, and runs modprobe
 * and dmsetup; takes no locks. Names carry the pid, so that what a test that
 * crashed leaves behind is in nobody's way.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "check.h"
#include "disk.h"
#include "env.h"
#include "fsimage.h"

#define NULLB_DIR	"/sys/kernel/config/nullb"
#define DISK_PEEK_MAX	(1U << 20)

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	n = n < 0 ? -errno : 0;
	close(fd);
	return n;
}

static int disk_refuse(struct disk *d, int err, const char *what)
{
	snprintf(d->why, sizeof(d->why), "%s: %s", what, strerror(-err));
	return err;
}

int __disk_set_null(const struct disk *d, const char *attribute, const char *value)
{
	char path[160];

	snprintf(path, sizeof(path), NULLB_DIR "/%s/%s", d->null, attribute);
	return write_text(path, value);
}

/* Whether a file's first line has a word in brackets, as sysfs shows what is chosen. */
static bool file_chose(const char *path, const char *word)
{
	char line[128] = "", choice[40];
	FILE *f = fopen(path, "re");

	if (!f)
		return false;
	snprintf(choice, sizeof(choice), "[%s]", word);
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	return strstr(line, choice);
}

int __disk_schedule(const struct disk *d, const char *scheduler)
{
	char path[160];

	snprintf(path, sizeof(path), "/sys/block/%s/queue/scheduler", d->null);
	/* A change takes a tenth of a second, also one to what it is. */
	return file_chose(path, scheduler) ? 0 : write_text(path, scheduler);
}

static int null_number(const struct disk *d, const char *attribute, unsigned long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu", value);
	return __disk_set_null(d, attribute, text);
}

static int null_module(struct disk *d)
{
	if (access("/sys/module/null_blk", F_OK) &&
	    shell("modprobe configfs; modprobe null_blk nr_devices=0"))
		return disk_refuse(d, -ENODEV, "no null_blk");
	if (access("/sys/kernel/config", F_OK))
		return disk_refuse(d, -ENODEV, "no configfs");
	if (access(NULLB_DIR, F_OK) &&
	    mount("configfs", "/sys/kernel/config", "configfs", 0, NULL) && errno != EBUSY)
		return disk_refuse(d, -errno, "configfs");
	return access(NULLB_DIR, F_OK) ? disk_refuse(d, -ENODEV, "no null_blk in configfs") : 0;
}

/* Switch it on; how long a request takes can only be set while it is off. */
static int null_power_on(struct disk *d, unsigned long delay_ns)
{
	int err = 0;

	if (delay_ns) {
		err = null_number(d, "irqmode", 2);
		err = err ?: null_number(d, "completion_nsec", delay_ns);
	}
	err = err ?: null_number(d, "power", 1);
	if (err)
		return disk_refuse(d, err, "null_blk attributes");
	for (int i = 0; i < 100 && access(d->path, F_OK); i++)
		usleep(20000);
	if (access(d->path, F_OK))
		return disk_refuse(d, -errno, d->path);
	err = __disk_schedule(d, "none");
	return err ? disk_refuse(d, err, "no scheduler") : 0;
}

static int null_configure(struct disk *d, unsigned int mb)
{
	const struct disk_options *o = &d->o;
	int err = null_number(d, "size", mb);

	err = err ?: null_number(d, "memory_backed", 1);
	err = err ?: null_number(d, "blocksize", o->block_size ? o->block_size : 512);
	err = err ?: null_number(d, "submit_queues", o->queues ? o->queues : 1);
	if (o->poll_queues)
		err = err ?: null_number(d, "poll_queues", o->poll_queues);
	if (o->cache_mb)
		err = err ?: null_number(d, "cache_size", o->cache_mb);
	if (o->discard)
		err = err ?: null_number(d, "discard", 1);
	return err ? disk_refuse(d, err, "null_blk attributes") : 0;
}

/* A null_blk device of @mb MiB, of which each request takes @delay_ns; its node goes to d->path. */
static int null_make(struct disk *d, unsigned int mb, unsigned long delay_ns)
{
	static unsigned int serial;
	char path[96];
	int err = null_module(d);

	if (err)
		return err;
	snprintf(d->null, sizeof(d->null), "nb%d-%u", getpid(), serial++);
	snprintf(d->path, sizeof(d->path), "/dev/%s", d->null);
	snprintf(path, sizeof(path), NULLB_DIR "/%s", d->null);
	if (mkdir(path, 0700)) {
		d->null[0] = 0;
		return disk_refuse(d, -errno, "a null_blk device");
	}
	err = null_configure(d, mb);
	return err ? err : null_power_on(d, delay_ns);
}

static int file_make(struct disk *d, const char *dir)
{
	static unsigned int serial;
	int fd, err = 0;

	snprintf(d->path, sizeof(d->path), "%s/disk-%d-%u", dir, getpid(), serial++);
	fd = open(d->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return disk_refuse(d, -errno, d->path);
	if (ftruncate(fd, (off_t)d->o.mb << 20))
		err = -errno;
	else if (!d->o.sparse)
		err = -posix_fallocate(fd, 0, (off_t)d->o.mb << 20);
	close(fd);
	return err ? disk_refuse(d, err, "a file") : 0;
}

/* Mounts of our own, which end with the last process of the test. */
static int disk_mount(struct disk *d, const char *source, const char *type, const char *data)
{
	static unsigned int serial;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return disk_refuse(d, -errno, "a mount namespace");
	snprintf(d->dir, sizeof(d->dir), "/tmp/mnt-%d-%u", getpid(), serial++);
	if (mkdir(d->dir, 0700)) {
		d->dir[0] = 0;
		return disk_refuse(d, -errno, "a directory in /tmp");
	}
	return mount(source, d->dir, type, 0, data) ? disk_refuse(d, -errno, type) : 0;
}

static int tmpfs_make(struct disk *d)
{
	char data[32];
	int err;

	snprintf(data, sizeof(data), "size=%um", d->o.fs_mb ? d->o.fs_mb : d->o.mb + 4);
	err = disk_mount(d, "tmpfs", "tmpfs", data);
	return err ? err : file_make(d, d->dir);
}

static int fs_make(struct disk *d, const char *type, unsigned int mb)
{
	char node[sizeof(d->path)];
	/* A file system is made at full speed. */
	int err = null_make(d, mb, 0);

	if (err)
		return err;
	snprintf(node, sizeof(node), "%s", d->path);
	err = fs_format(type, mb, node);
	if (err)
		return disk_refuse(d, err, type);
	/* Off and on again loses what was not flushed, of which there is none. */
	if (d->o.delay_ns) {
		err = null_number(d, "power", 0);
		err = err ? disk_refuse(d, err, "null_blk off") : null_power_on(d, d->o.delay_ns);
		if (err)
			return err;
	}
	err = disk_mount(d, node, type, fs_mount_data(type));
	return err ? err : file_make(d, d->dir);
}

static int loop_make(struct disk *d)
{
	int err = tmpfs_make(d);
	char file[sizeof(d->path)];

	if (err)
		return err;
	snprintf(file, sizeof(file), "%s", d->path);
	d->loop = loop_attach(file, d->o.block_size, d->path, sizeof(d->path));
	return d->loop < 0 ? disk_refuse(d, d->loop, "a loop device") : 0;
}

/* scsi_debug makes one disk, whose name only sysfs tells. */
static int scsi_make(struct disk *d)
{
	char node[32] = "";
	FILE *names;

	if (!access("/sys/module/scsi_debug", F_OK))
		return disk_refuse(d, -EBUSY, "scsi_debug");
	if (shell("modprobe sd_mod && modprobe scsi_debug dev_size_mb=%u ndelay=%lu max_queue=64",
		  d->o.mb, d->o.delay_ns ? d->o.delay_ns : 100000))
		return disk_refuse(d, -ENODEV, "no scsi_debug");
	d->scsi = true;
	for (int i = 0; i < 500 && !node[0]; i++, usleep(20000)) {
		names = popen("ls /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/"
			      "*:*/block 2>/dev/null", "re");
		if (names && !fgets(node, sizeof(node), names))
			node[0] = 0;
		if (names)
			pclose(names);
	}
	node[strcspn(node, "\n")] = 0;
	snprintf(d->path, sizeof(d->path), "/dev/%s", node);
	for (int i = 0; i < 500 && access(d->path, R_OK | W_OK); i++)
		usleep(20000);
	return node[0] && !access(d->path, F_OK) ? 0 : disk_refuse(d, -ENODEV, "a SCSI disk");
}

int __disk_unplug(const struct disk *d)
{
	char path[128];

	if (!d->scsi)
		return __disk_set_null(d, "power", "0");
	snprintf(path, sizeof(path), "/sys/block/%s/device/delete", d->path + strlen("/dev/"));
	return write_text(path, "1");
}

static int disk_make_kind(struct disk *d)
{
	switch (d->o.kind) {
	case DISK_NULL:
	case DISK_BLOCK_CACHED:
		return null_make(d, d->o.mb, d->o.delay_ns);
	case DISK_LOOP:
		return loop_make(d);
	case DISK_TMPFS:
		return tmpfs_make(d);
	case DISK_SCSI:
		return scsi_make(d);
	case DISK_XFS_DIRECT:
		return fs_make(d, "xfs", d->o.fs_mb ? d->o.fs_mb : 320);
	case DISK_F2FS:
		return fs_make(d, "f2fs", d->o.fs_mb ? d->o.fs_mb : 128);
	default:
		return fs_make(d, "ext4", d->o.fs_mb ? d->o.fs_mb : d->o.mb + 16);
	}
}

static bool disk_is_direct(const struct disk *d)
{
	return disk_is_bdev(d) || d->o.kind == DISK_EXT4_DIRECT || d->o.kind == DISK_XFS_DIRECT;
}

/* FERRY_TEST_DISKS names the kinds to try, where making each would take too long. */
static bool disk_is_wanted(enum disk_kind kind)
{
	static const char *const name[] = {
		[DISK_NULL] = "null", [DISK_LOOP] = "loop", [DISK_BLOCK_CACHED] = "cached",
		[DISK_TMPFS] = "tmpfs", [DISK_EXT4] = "ext4", [DISK_EXT4_DIRECT] = "ext4-direct",
		[DISK_XFS_DIRECT] = "xfs-direct", [DISK_F2FS] = "f2fs",
		[DISK_SCSI] = "scsi",
	};

	return env_lists("FERRY_TEST_DISKS", name[kind]);
}

int __disk_make(struct disk *d, const struct disk_options *o)
{
	int err;

	memset(d, 0, sizeof(*d));
	d->o = *o;
	d->o.mb = o->mb ? o->mb : 16;
	d->fd = -1;
	d->loop = -1;
	d->sectors = (uint64_t)d->o.mb << 11;
	if (geteuid())
		return disk_refuse(d, -EPERM, "not root");
	if (!disk_is_wanted(o->kind))
		return disk_refuse(d, -ECANCELED, "not among FERRY_TEST_DISKS");
	err = disk_make_kind(d);
	if (err) {
		disk_free(d);
		return err;
	}
	d->fd = disk_open(d, O_RDWR | (disk_is_direct(d) ? O_DIRECT : 0));
	return 0;
}

void disk_adopt(struct disk *d, const char *path, int fd)
{
	uint64_t bytes = 0;

	memset(d, 0, sizeof(*d));
	d->o.kind = DISK_NULL;
	d->fd = fd;
	d->loop = -1;
	snprintf(d->path, sizeof(d->path), "%s", path);
	check(!ioctl(fd, BLKGETSIZE64, &bytes), "the size of %s", path);
	d->sectors = bytes >> 9;
}

void disk_free(struct disk *d)
{
	char path[96];

	if (d->fd >= 0)
		close(d->fd);
	if (d->loop >= 0)
		close(d->loop);
	if (d->dir[0]) {
		umount2(d->dir, MNT_DETACH);
		rmdir(d->dir);
	}
	if (d->null[0]) {
		snprintf(path, sizeof(path), NULLB_DIR "/%s", d->null);
		__disk_set_null(d, "power", "0");
		rmdir(path);
	}
	/* Nothing holds it any more: it has to go. */
	if (d->scsi)
		check(!shell("modprobe -r scsi_debug"), "scsi_debug is still in use");
	d->scsi = false;
	d->fd = -1;
	d->loop = -1;
	d->dir[0] = 0;
	d->null[0] = 0;
}

bool disk_is_bdev(const struct disk *d)
{
	return d->o.kind == DISK_NULL || d->o.kind == DISK_LOOP || d->o.kind == DISK_SCSI;
}

int disk_open(const struct disk *d, int flags)
{
	int fd = open(d->path, flags | O_CLOEXEC);

	check(fd >= 0, "open %s: %s", d->path, strerror(errno));
	return fd;
}

void disk_peek(const struct disk *d, void *buf, uint32_t len, uint64_t offset)
{
	int fd = disk_open(d, O_RDONLY | (disk_is_direct(d) ? O_DIRECT : 0));
	uint64_t from = offset & ~4095ULL;
	size_t span = (offset + len - from + 4095) & ~4095ULL;
	void *page;
	ssize_t n;

	check(span <= DISK_PEEK_MAX, "a peek at %u bytes", len);
	check(!posix_memalign(&page, 4096, span), "memory for a peek");
	n = pread(fd, page, span, from);
	check(n >= (ssize_t)(offset + len - from), "read %s: %s", d->path, strerror(errno));
	memcpy(buf, (char *)page + (offset - from), len);
	free(page);
	close(fd);
}

/* --- device mapper ------------------------------------------------------------------------ */

/* Nobody runs udev in a lab: dmsetup makes the nodes itself. */
#define DMSETUP	"DM_DISABLE_UDEV=1 dmsetup --noudevsync"

bool dm_target(const char *module)
{
	if (shell("command -v dmsetup"))
		return false;
	if (access("/dev/mapper/control", F_OK) && shell("modprobe dm-mod"))
		return false;
	return !strcmp(module, "dm-mod") || !shell("modprobe %s", module);
}

static int dm_load(const char *verb, const char *name, const char *table)
{
	char command[160];
	FILE *p;

	snprintf(command, sizeof(command), DMSETUP " %s %s >/dev/null", verb, name);
	p = popen(command, "we");
	if (!p)
		return -errno;
	fputs(table, p);
	return pclose(p) ? -EIO : 0;
}

int __dm_create(struct dm *m, const char *table)
{
	static unsigned int serial;
	int err;

	snprintf(m->name, sizeof(m->name), "ferry%d-%u", getpid(), serial++);
	snprintf(m->path, sizeof(m->path), "/dev/mapper/%s", m->name);
	err = dm_load("create", m->name, table);
	if (err)
		m->name[0] = 0;
	return err;
}

void dm_reload(const struct dm *m, const char *table)
{
	check_ok(dm_load("reload", m->name, table), "dmsetup reload");
	dm_suspend(m);
	dm_resume(m);
}

void dm_suspend(const struct dm *m)
{
	check(!shell(DMSETUP " suspend --nolockfs %s", m->name), "dmsetup suspend");
}

void dm_resume(const struct dm *m)
{
	check(!shell(DMSETUP " resume %s", m->name), "dmsetup resume");
}

void dm_remove(const struct dm *m)
{
	if (m->name[0])
		check(!shell(DMSETUP " remove --retry %s", m->name), "dmsetup remove %s", m->name);
}

void dm_message(const struct dm *m, const char *text)
{
	check(!shell(DMSETUP " message %s 0 %s", m->name, text), "dmsetup message %s", text);
}
