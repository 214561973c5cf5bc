// SPDX-License-Identifier: GPL-2.0
/*
 * Role: what the guest boots from: -boot, and how it goes with -kernel, -bios and disks.
 * Threads: main, before the VM is built.
 * Locks: none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define BOOT(field)	offsetof(struct boot_config, field)

static const struct opt_row boot_rows[] = {
	{ "order", OPT_STRING, BOOT(order), .help = "c, which are the disks" },
	{ "once", OPT_STRING, BOOT(once), .help = "likewise" },
	{ "menu", OPT_BOOL, BOOT(menu), .def = "off",
	  .help = "let Escape on the serial port choose among the disks" },
	{ "reboot-timeout", OPT_UINT, BOOT(reboot_timeout), .def = "4294967295",
	  .help = "milliseconds until the next try if no disk boots; never" },
	{ "strict", OPT_IGNORED },
	{ "splash", OPT_IGNORED },
	{ "splash-time", OPT_IGNORED },
};

const struct opt_table boot_table = {
	.implied = "order",
	.rows = boot_rows,
	.n = ARRAY_SIZE(boot_rows),
};

/* Letters of drives, as QEMU has them. Those that are not there are passed over. */
static int boot_check_order(const char *order, struct error *e)
{
	const char *p;

	for (p = order ?: "c"; *p; p++) {
		if (*p < 'a' || *p > 'p')
			return error_set(e, EINVAL, "Invalid boot device '%c'", *p);
		if (strchr(p + 1, *p))
			return error_set(e, EINVAL, "Boot device '%c' was given twice", *p);
	}
	if (order && !strchr(order, 'c')) {
		error_set(e, EINVAL, "there is no boot device '%s'", order);
		error_hint(e, "Guests boot from disks (c) or by -kernel, not from a network, "
			   "CD-ROM or floppy disk.");
		return -EINVAL;
	}
	return 0;
}

int config_set_boot(struct config *c, const char *arg, struct error *e)
{
	int ret = opt_parse(&boot_table, arg, &c->boot, e);

	if (!ret)
		ret = boot_check_order(c->boot.order, e);
	return ret ?: boot_check_order(c->boot.once, e);
}

/* No two disks may be tried at the same time. */
static int boot_check_indices(const struct config *c, struct error *e)
{
	unsigned int i, j;

	for (i = 0; i < c->n_devices; i++) {
		const struct device_config *d = c->device[i];

		if (d->type->kind != DEVICE_BLK || d->blk.bootindex == BLK_BOOTINDEX_NONE)
			continue;
		for (j = 0; j < i; j++)
			if (c->device[j]->type->kind == DEVICE_BLK &&
			    c->device[j]->blk.bootindex == d->blk.bootindex)
				return error_set(e, EEXIST, "The bootindex %u has already been "
						 "used", d->blk.bootindex);
	}
	return 0;
}

static bool boot_has_disk(const struct config *c)
{
	unsigned int i;

	for (i = 0; i < c->n_devices; i++)
		if (c->device[i]->type->kind == DEVICE_BLK)
			return true;
	return false;
}

int config_check_boot(const struct config *c, struct error *e)
{
	if (c->kernel) {
		if (c->bios)
			return error_set(e, EINVAL, "-bios %s: -kernel boots without firmware",
					 c->bios);
		return boot_check_indices(c, e);
	}
	if (c->initrd)
		return error_set(e, EINVAL, "-initrd only allowed with -kernel option");
	if (c->append)
		return error_set(e, EINVAL, "-append only allowed with -kernel option");
	if (!c->bios && !boot_has_disk(c)) {
		error_set(e, EINVAL, "no kernel and no disk to boot");
		error_hint(e, "Use -drive file=FILE or -kernel FILE; 'ferry -help' lists the "
			   "options.");
		return -EINVAL;
	}
	return boot_check_indices(c, e);
}
