// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the table of -drive, what its words stand for, and which -device has which
 *	drive.
 * Threads: main.
 * Locks: none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define DRIVE(field)	offsetof(struct drive_config, field)

static const struct opt_row drive_rows[] = {
	{ "file", OPT_STRING, DRIVE(file), .help = "image: a file or a block device" },
	{ "if", OPT_STRING, DRIVE(interface), .def = "virtio",
	  .help = "virtio, or none for one that a -device refers to" },
	{ "format", OPT_STRING, DRIVE(format), .help = "raw or qcow2; by a look at the file" },
	{ "id", OPT_STRING, DRIVE(id), .help = "name that a -device refers to" },
	{ "cache", OPT_STRING, DRIVE(cache_mode), .def = "writeback",
	  .help = "none, writeback, writethrough, directsync or unsafe" },
	{ "cache.direct", OPT_TRI, DRIVE(cache_direct), .help = "past the host's page cache" },
	{ "cache.writeback", OPT_TRI, DRIVE(cache_writeback), .help = "the guest must flush" },
	{ "cache.no-flush", OPT_TRI, DRIVE(cache_no_flush), .help = "flushes do nothing" },
	{ "aio", OPT_STRING, DRIVE(aio), .def = "threads",
	  .help = "threads, native or io_uring; of a qcow2 image, others have their own" },
	{ "readonly", OPT_BOOL, DRIVE(readonly), .def = "off", .help = "refuse writes" },
	{ "read-only", OPT_BOOL, DRIVE(readonly) },
	{ "serial", OPT_STRING, DRIVE(serial), .help = "serial number" },
	{ "discard", OPT_STRING, DRIVE(discard_mode), .def = "ignore",
	  .help = "unmap or on: what the guest discards is freed; ignore or off" },
	{ "detect-zeroes", OPT_STRING, DRIVE(detect_zeroes), .def = "off", .help = "off" },
	{ "media", OPT_STRING, DRIVE(media), .def = "disk", .help = "disk" },
	{ "werror", OPT_STRING, DRIVE(werror), .help = "report" },
	{ "rerror", OPT_STRING, DRIVE(rerror), .help = "report" },
	{ "snapshot", OPT_BOOL, DRIVE(snapshot), .def = "off", .help = "off" },
	{ "index", OPT_UINT, DRIVE(index), .def = "4294967295",
	  .help = "place among the disks; the first that is free" },
	{ "bus", OPT_UINT, DRIVE(bus), .def = "4294967295" },
	{ "unit", OPT_UINT, DRIVE(unit), .def = "4294967295" },
	{ "vhost", OPT_TRI, DRIVE(vhost),
	  .help = "serve the disk in the kernel; auto: where the device answers" },
	{ "vhostforce", OPT_BOOL, DRIVE(vhostforce), .def = "off",
	  .help = "fail rather than serve it in user space" },
	{ "vhostdev", OPT_STRING, DRIVE(vhostdev), .def = "/dev/ferry-blk",
	  .help = "vhost device" },
	{ "poll-us", OPT_UINT, DRIVE(poll_us), 0, 1000000, .def = "0",
	  .help = "microseconds that the kernel spins before a queue sleeps" },
};

const struct opt_table drive_table = {
	.rows = drive_rows,
	.n = ARRAY_SIZE(drive_rows),
};

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(word, *list))
			return true;
	return false;
}

static int drive_check_interface(struct drive_config *d, struct error *e)
{
	static const char *const others[] = {
		"ide", "scsi", "floppy", "pflash", "mtd", "sd", "xen", NULL,
	};

	d->virtio = !strcmp(d->interface, "virtio");
	if (d->virtio || !strcmp(d->interface, "none"))
		return 0;
	if (is_one_of(d->interface, others))
		return error_set(e, EINVAL, "if=%s is not supported: use if=virtio",
				 d->interface);
	return error_set(e, EINVAL, "unsupported bus type '%s'", d->interface);
}

static bool tri_or(enum tri t, bool otherwise)
{
	return t == TRI_AUTO ? otherwise : t == TRI_ON;
}

static int drive_check_cache(struct drive_config *d, struct error *e)
{
	static const struct {
		const char *name;
		struct drive_cache cache;
	} modes[] = {
		{ "none", { .direct = true, .writeback = true } },
		{ "off", { .direct = true, .writeback = true } },
		{ "writeback", { .writeback = true } },
		{ "writethrough", { false } },
		{ "directsync", { .direct = true } },
		{ "unsafe", { .writeback = true, .no_flush = true } },
	};
	static const char *const aio[] = { "threads", "native", "io_uring", NULL };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modes) && strcmp(d->cache_mode, modes[i].name); i++)
		;
	if (i == ARRAY_SIZE(modes))
		return error_set(e, EINVAL, "invalid cache option");
	d->cache.direct = tri_or(d->cache_direct, modes[i].cache.direct);
	d->cache.writeback = tri_or(d->cache_writeback, modes[i].cache.writeback);
	d->cache.no_flush = tri_or(d->cache_no_flush, modes[i].cache.no_flush);
	if (!is_one_of(d->aio, aio))
		return error_set(e, EINVAL, "invalid aio option");
	if (!strcmp(d->aio, "native") && !d->cache.direct)
		return error_set(e, EINVAL, "aio=native was specified, but it requires "
				 "cache.direct=on, which was not specified.");
	return 0;
}

static int check_error_action(const char *kind, const char *key, const char *action,
			      struct error *e)
{
	static const char *const others[] = { "ignore", "enospc", "stop", "auto", NULL };

	if (!action || !strcmp(action, "report"))
		return 0;
	if (is_one_of(action, others))
		return error_set(e, EINVAL, "%s=%s is not supported: the guest is told of errors "
				 "(report)", key, action);
	return error_set(e, EINVAL, "'%s' invalid %s error action", action, kind);
}

static int drive_check_words(struct drive_config *d, struct error *e)
{
	static const char *const discard[] = { "unmap", "on", NULL };
	static const char *const keep[] = { "ignore", "off", NULL };
	static const char *const zeroes[] = { "on", "unmap", NULL };

	d->discard = is_one_of(d->discard_mode, discard);
	if (!d->discard && !is_one_of(d->discard_mode, keep))
		return error_set(e, EINVAL, "Invalid discard option");
	if (is_one_of(d->detect_zeroes, zeroes))
		return error_set(e, EINVAL, "detect-zeroes=%s is not supported",
				 d->detect_zeroes);
	if (strcmp(d->detect_zeroes, "off"))
		return error_set(e, EINVAL, "invalid parameter value: %s", d->detect_zeroes);
	if (!strcmp(d->media, "cdrom"))
		return error_set(e, EINVAL, "media=cdrom is not supported: there are only disks; "
				 "readonly=on protects one");
	if (strcmp(d->media, "disk"))
		return error_set(e, EINVAL, "'%s' invalid media", d->media);
	if (d->snapshot)
		return error_set(e, EINVAL, "snapshot=on is not supported: make an overlay with "
				 "'qemu-img create -f qcow2 -b'");
	if (d->format && strcmp(d->format, "raw") && strcmp(d->format, "qcow2"))
		return error_set(e, EINVAL, "Unknown driver '%s'", d->format);
	if (d->vhost == TRI_OFF && d->vhostforce)
		return error_set(e, EINVAL, "vhostforce= is not valid with vhost=off");
	return 0;
}

static bool index_taken(const struct config *c, u32 index)
{
	unsigned int i;

	for (i = 0; i < c->n_drives; i++)
		if (c->drive[i]->virtio && c->drive[i]->index == index)
			return true;
	return false;
}

/* Where it is among the disks: given, or the first place that is free. */
static int drive_place(const struct config *c, struct drive_config *d, struct error *e)
{
	if (d->index != DRIVE_UNSET && (d->bus != DRIVE_UNSET || d->unit != DRIVE_UNSET))
		return error_set(e, EINVAL, "index cannot be used with bus and unit");
	if (d->bus != DRIVE_UNSET && d->bus)
		return error_set(e, EINVAL, "unsupported bus %u: disks are on bus 0", d->bus);
	if (d->index == DRIVE_UNSET)
		d->index = d->unit;
	if (!d->virtio)
		return 0;
	if (d->index != DRIVE_UNSET && index_taken(c, d->index))
		return error_set(e, EEXIST, "drive with bus=0, unit=%u (index=%u) exists",
				 d->index, d->index);
	if (d->index == DRIVE_UNSET)
		for (d->index = 0; index_taken(c, d->index); d->index++)
			;
	return 0;
}

struct drive_config *config_find_drive(const struct config *c, const char *id)
{
	unsigned int i;

	for (i = 0; i < c->n_drives; i++)
		if (!strcmp(c->drive[i]->id, id))
			return c->drive[i];
	return NULL;
}

static int drive_name(struct config *c, struct drive_config *d, struct error *e)
{
	unsigned int n = d->virtio ? d->index : c->n_drives;
	bool named = d->id;

	/* Of those that were there before, some may have gone. */
	while (!d->id || (!named && !d->virtio && config_find_drive(c, d->id))) {
		free(d->id);
		if (asprintf(&d->id, "%s%u", d->interface, n++) < 0) {
			d->id = NULL;
			return error_errno(e, ENOMEM, "options");
		}
	}
	if (config_find_drive(c, d->id))
		return error_set(e, EEXIST, "Duplicate ID '%s' for drive", d->id);
	return 0;
}

static int drive_check(struct config *c, struct drive_config *d, struct error *e)
{
	int ret = drive_check_interface(d, e);

	if (!ret)
		ret = drive_check_cache(d, e);
	if (!ret)
		ret = drive_check_words(d, e);
	if (!ret)
		ret = check_error_action("write", "werror", d->werror, e);
	if (!ret)
		ret = check_error_action("read", "rerror", d->rerror, e);
	if (!ret)
		ret = drive_place(c, d, e);
	return ret ?: drive_name(c, d, e);
}

/* The place for one more drive, with every default. */
static int drive_new(struct config *c, const char *opt, const char *arg, struct drive_config **d,
		     struct error *e)
{
	if (c->n_drives == CONFIG_DEVICES_MAX)
		return error_set(e, ENOSPC, "too many drives");
	*d = calloc(1, sizeof(**d));
	if (!*d)
		return error_errno(e, ENOMEM, "options");
	if (asprintf(&(*d)->where, "%s%s", opt, arg) < 0) {
		(*d)->where = NULL;
		return error_errno(e, ENOMEM, "options");
	}
	return opt_defaults(&drive_table, *d, e);
}

void config_free_drive(struct drive_config *d)
{
	free(d->where);
	opt_free(&drive_table, d);
	free(d);
}

void config_remove_drive(struct config *c, struct drive_config *d)
{
	config_remove(c->drive, &c->n_drives, d);
	config_free_drive(d);
}

static int drive_done(struct config *c, struct drive_config *d, int ret)
{
	if (!ret)
		c->drive[c->n_drives++] = d;
	else if (d)
		config_free_drive(d);
	return ret;
}

int config_add_drive(struct config *c, const char *arg, struct error *e)
{
	struct opt_table t = drive_table;
	char format[32] = "raw", unknown[96];
	struct drive_config *d = NULL;
	int ret;

	opt_peek(arg, NULL, "format", format, sizeof(format));
	snprintf(unknown, sizeof(unknown), "Block format '%s' does not support the option",
		 format);
	t.unknown = unknown;
	ret = drive_new(c, "-drive ", arg, &d, e);
	if (!ret)
		ret = opt_parse(&t, arg, d, e);
	if (!ret)
		ret = drive_check(c, d, e);
	return drive_done(c, d, ret);
}

int config_add_disk(struct config *c, const char *file, u32 index, const char *where,
		    struct error *e)
{
	struct drive_config *d = NULL;
	int ret = drive_new(c, where, file, &d, e);

	if (!ret) {
		d->file = strdup(file);
		d->index = index;
		ret = d->file ? drive_check(c, d, e) : error_errno(e, ENOMEM, "options");
	}
	return drive_done(c, d, ret);
}

static int check_block_size(const char *key, u64 size, struct error *e)
{
	if (!size)
		return 0;
	if (size < 512 || size > 2 * MIB)
		return error_set(e, ERANGE, "Property 'virtio-blk-pci.%s' doesn't take value %llu "
				 "(minimum: 512, maximum: 2097152)", key,
				 (unsigned long long)size);
	if (size & (size - 1))
		return error_set(e, EINVAL, "Property 'virtio-blk-pci.%s' doesn't take value "
				 "'%llu', it's not a power of 2", key, (unsigned long long)size);
	return 0;
}

static int check_block_sizes(const struct blk_config *b, struct error *e)
{
	u64 block = b->logical_block ?: 512;
	int ret;

	ret = check_block_size("logical_block_size", b->logical_block, e);
	if (!ret)
		ret = check_block_size("physical_block_size", b->physical_block, e);
	if (ret)
		return ret;
	if (b->physical_block && block > b->physical_block)
		return error_set(e, EINVAL, "logical_block_size > physical_block_size not "
				 "supported");
	if (b->min_io % block)
		return error_set(e, EINVAL, "min_io_size must be a multiple of "
				 "logical_block_size");
	if (b->opt_io % block)
		return error_set(e, EINVAL, "opt_io_size must be a multiple of "
				 "logical_block_size");
	if (b->min_io / block > UINT16_MAX)
		return error_set(e, ERANGE, "min_io_size must not exceed %u logical blocks",
				 UINT16_MAX);
	if (b->opt_io > UINT32_MAX)
		return error_set(e, ERANGE, "opt_io_size must be below 4 GiB");
	return 0;
}

int config_check_blk(const struct blk_config *b, struct error *e)
{
	int ret;

	if (!b->drive)
		return error_set(e, EINVAL, "drive property not set");
	if (!b->num_queues)
		return error_set(e, ERANGE, "num-queues property must be larger than 0");
	if (b->num_queues != BLK_QUEUES_AUTO && b->num_queues > FERRY_BLK_QUEUES)
		return error_set(e, ERANGE, "num-queues property must not be larger than %u",
				 FERRY_BLK_QUEUES);
	if (b->queue_size <= 2)
		return error_set(e, ERANGE, "invalid queue-size property (%u), must be > 2",
				 b->queue_size);
	if (b->queue_size & (b->queue_size - 1) || b->queue_size > 1024)
		return error_set(e, ERANGE, "invalid queue-size property (%u), must be a power of "
				 "2 (max 1024)", b->queue_size);
	ret = check_block_sizes(b, e);
	if (!ret)
		ret = check_error_action("write", "werror", b->werror, e);
	return ret ?: check_error_action("read", "rerror", b->rerror, e);
}

u64 blk_config_features(const struct blk_config *b)
{
	const struct {
		bool on;
		unsigned int bit;
	} map[] = {
		{ true, VIRTIO_BLK_F_SIZE_MAX },
		{ true, VIRTIO_BLK_F_SEG_MAX },
		{ true, VIRTIO_BLK_F_BLK_SIZE },
		{ true, VIRTIO_BLK_F_TOPOLOGY },
		{ true, VIRTIO_BLK_F_FLUSH },
		{ true, VIRTIO_BLK_F_LIFETIME },
		{ b->config_wce, VIRTIO_BLK_F_CONFIG_WCE },
		{ b->num_queues > 1, VIRTIO_BLK_F_MQ },
		{ b->discard, VIRTIO_BLK_F_DISCARD },
		{ b->discard, VIRTIO_BLK_F_SECURE_ERASE },
		{ b->write_zeroes, VIRTIO_BLK_F_WRITE_ZEROES },
	};
	u64 f = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(map); i++)
		if (map[i].on)
			f |= BIT_ULL(map[i].bit);
	return f;
}

static int add_drive_device(struct config *c, const struct drive_config *drive, struct error *e)
{
	struct device_config *d;
	int ret = config_new_device(c, "virtio-blk-pci", &d, e);

	if (ret) {
		error_prefix(e, drive->where);
		return ret;
	}
	c->device[c->n_devices++] = d;
	d->where = strdup(drive->where);
	d->blk.drive = strdup(drive->id);
	return d->where && d->blk.drive ? 0 : error_errno(e, ENOMEM, "options");
}

/* What comes by itself goes behind what was asked for, in the order of its places. */
int config_add_drive_devices(struct config *c, struct error *e)
{
	unsigned int i, asked = c->n_devices;
	int ret = 0;
	u64 at;

	for (i = 0; i < asked; i++) {
		const struct device_config *d = c->device[i];
		const struct drive_config *drive = d->type->kind != DEVICE_BLK ? NULL :
						   config_find_drive(c, d->blk.drive);

		if (drive && drive->virtio) {
			ret = error_set(e, EBUSY, "Drive '%s' is already in use because it has "
					"been automatically connected to another device (did you "
					"need 'if=none' in the drive options?)", drive->id);
			error_prefix(e, d->where);
			return ret;
		}
	}
	for (at = 0; at < DRIVE_UNSET && !ret; at++) {
		u64 next = DRIVE_UNSET;

		for (i = 0; i < c->n_drives; i++)
			if (c->drive[i]->virtio && c->drive[i]->index >= at &&
			    c->drive[i]->index < next)
				next = c->drive[i]->index;
		for (i = 0; i < c->n_drives && !ret; i++)
			if (c->drive[i]->virtio && c->drive[i]->index == next)
				ret = add_drive_device(c, c->drive[i], e);
		at = next;
	}
	return ret;
}

int config_check_drive(struct config *c, struct device_config *d, struct error *e)
{
	struct drive_config *drive = config_find_drive(c, d->blk.drive);
	unsigned int i;

	if (!drive)
		return error_set(e, ENOENT, "Property 'virtio-blk-device.drive' can't find value "
				 "'%s'", d->blk.drive);
	if (!drive->file || !*drive->file)
		return error_set(e, EINVAL, "Device needs media, but drive is empty");
	for (i = 0; c->device[i] != d; i++)
		if (c->device[i]->type->kind == DEVICE_BLK &&
		    !strcmp(c->device[i]->blk.drive, drive->id))
			return error_set(e, EBUSY, "Drive '%s' is already in use by another "
					 "device", drive->id);
	drive->share = d->blk.share_rw;
	if (d->blk.num_queues == BLK_QUEUES_AUTO)
		d->blk.num_queues = c->cpus < FERRY_BLK_QUEUES ? c->cpus : FERRY_BLK_QUEUES;
	return 0;
}
