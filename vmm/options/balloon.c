// SPDX-License-Identifier: GPL-2.0
/*
 * Role: -balloon, which is a -device in other words, and what a balloon is checked for.
 * Threads: main, before the VM is built.
 * Locks: none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

/* Other keys of the device than addr= may follow, too. */
static int balloon_add(struct config *c, const char *arg, struct error *e)
{
	struct device_config *d;
	char *device;
	int ret;

	if (asprintf(&device, "virtio-balloon-pci%s", arg + strlen("virtio")) < 0)
		return error_errno(e, ENOMEM, "options");
	ret = config_add_device(c, device, e);
	free(device);
	if (ret)
		return ret;
	d = c->device[c->n_devices - 1];
	free(d->where);
	if (asprintf(&d->where, "-balloon %s", arg) >= 0)
		return 0;
	d->where = NULL;
	return error_errno(e, ENOMEM, "options");
}

int config_add_balloon(struct config *c, const char *arg, struct error *e)
{
	if (!strcmp(arg, "none"))
		return 0;
	if (!strcmp(arg, "virtio") || !strncmp(arg, "virtio,", strlen("virtio,")))
		return balloon_add(c, arg, e);
	error_set(e, EINVAL, "invalid balloon '%s'", arg);
	error_hint(e, "There are virtio[,addr=ADDR] and none.");
	return -EINVAL;
}

int config_check_balloon(const struct config *c, const struct balloon_config *b,
			 struct error *e)
{
	unsigned int i;

	for (i = 0; i < c->n_devices; i++)
		if (c->device[i]->type->kind == DEVICE_BALLOON)
			return error_set(e, EEXIST, "Only one balloon device is supported");
	if (b->free_page_hint)
		return error_set(e, EINVAL, "free-page-hint=on is not supported: there is no "
				 "migration");
	return 0;
}
