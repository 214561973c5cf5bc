// SPDX-License-Identifier: GPL-2.0
/*
 * Role: make the devices of a VM and what is behind them, of what options/ concluded, and
 *	take them down: all of them, or one at a time by hot plug.
 * Threads: main.
 * Locks: the machine's lock is held by the caller once the guest runs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vm_internal.h"

int vm_open_netdev(struct vm *vm, const struct netdev_config *cfg, struct error *e)
{
	struct netdev *nd = calloc(1, sizeof(*nd));
	int ret;

	if (!nd)
		return error_errno(e, ENOMEM, "netdev");
	ret = netdev_init(nd, &vm->machine, cfg, vm->say, e);
	if (ret) {
		netdev_destroy(nd);
		free(nd);
		return ret;
	}
	vm->netdev[vm->n_netdevs++] = nd;
	return 0;
}

void vm_close_netdev(struct vm *vm, struct netdev *nd)
{
	config_remove(vm->netdev, &vm->n_netdevs, nd);
	netdev_destroy(nd);
	free(nd);
}

static int vm_create_netdevs(struct vm *vm, struct error *e)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < vm->cfg->n_netdevs && !ret; i++) {
		ret = vm_open_netdev(vm, vm->cfg->netdev[i], e);
		if (ret)
			error_prefix(e, vm->cfg->netdev[i]->where);
		else
			vm->uses |= netdev_uses(vm->netdev[i]);
	}
	return ret;
}

struct netdev *vm_find_netdev(const struct vm *vm, const char *id)
{
	unsigned int i;

	for (i = 0; i < vm->n_netdevs; i++)
		if (!strcmp(vm->netdev[i]->cfg->id, id))
			return vm->netdev[i];
	return NULL;
}

int vm_open_drive(struct vm *vm, const struct drive_config *cfg, struct error *e)
{
	struct drive *d = calloc(1, sizeof(*d));
	int ret;

	if (!d)
		return error_errno(e, ENOMEM, "drive");
	ret = drive_init(d, &vm->machine, cfg, vm->say, e);
	if (ret) {
		drive_destroy(d);
		free(d);
		return ret;
	}
	vm->drive[vm->n_drives++] = d;
	return 0;
}

void vm_close_drive(struct vm *vm, struct drive *d)
{
	config_remove(vm->drive, &vm->n_drives, d);
	drive_destroy(d);
	free(d);
}

struct drive *vm_find_drive(const struct vm *vm, const char *id)
{
	unsigned int i;

	for (i = 0; i < vm->n_drives; i++)
		if (!strcmp(vm->drive[i]->cfg->id, id))
			return vm->drive[i];
	return NULL;
}

/* A drive without a device is not opened. */
static bool vm_drive_used(const struct vm *vm, const struct drive_config *cfg)
{
	unsigned int i;

	for (i = 0; i < vm->cfg->n_devices; i++)
		if (vm->cfg->device[i]->type->kind == DEVICE_BLK &&
		    !strcmp(vm->cfg->device[i]->blk.drive, cfg->id))
			return true;
	return false;
}

static int vm_create_drives(struct vm *vm, struct error *e)
{
	unsigned int i;
	int ret;

	for (i = 0; i < vm->cfg->n_drives; i++) {
		const struct drive_config *cfg = vm->cfg->drive[i];

		if (!vm_drive_used(vm, cfg))
			continue;
		ret = vm_open_drive(vm, cfg, e);
		if (ret) {
			error_prefix(e, cfg->where);
			return ret;
		}
	}
	return 0;
}

static u64 vm_ring_features(const struct device_config *cfg)
{
	return virtio_ring_features(cfg->virtio.packed, cfg->virtio.event_idx,
				    cfg->virtio.indirect);
}

static int vm_init_net(struct vm *vm, struct vm_device *d, struct error *e)
{
	const struct net_config *cfg = &d->cfg->net;
	struct netdev *nd = vm_find_netdev(vm, cfg->netdev);
	struct net_dev_config dev = {
		.mtu = cfg->mtu,
		.rx_size = cfg->rx_queue_size,
		.tx_size = cfg->tx_queue_size,
		.pairs = nd->tap.n,
		.features = net_config_features(cfg, nd->tap.n > 1) |
			    vm_ring_features(d->cfg),
	};

	memcpy(dev.mac, cfg->mac, sizeof(dev.mac));
	d->v = &d->net.v;
	return net_init(&d->net, &vm->machine, &dev, &netdev_ops, nd, e);
}

static int vm_init_blk(struct vm *vm, struct vm_device *d, struct error *e)
{
	const struct blk_config *cfg = &d->cfg->blk;
	struct drive *drive = vm_find_drive(vm, cfg->drive);
	const struct blk_dev_config dev = {
		.features = blk_config_features(cfg) | vm_ring_features(d->cfg),
		.queues = cfg->num_queues,
		.queue_size = cfg->queue_size,
		.write_cache = cfg->write_cache == TRI_AUTO ? drive->cfg->cache.writeback :
			       cfg->write_cache == TRI_ON,
		.logical_block = cfg->logical_block,
		.physical_block = cfg->physical_block,
		.min_io = cfg->min_io,
		.opt_io = cfg->opt_io,
		.serial = cfg->serial ?: drive->cfg->serial,
	};
	int ret;

	d->v = &d->blk.v;
	ret = blk_init(&d->blk, &vm->machine, &dev, &drive_ops, drive, e);
	/* Only now it is known who serves it. */
	vm->uses |= drive_uses(drive);
	return ret;
}

static int vm_init_9p(struct vm *vm, struct vm_device *d, struct error *e)
{
	const struct p9_dev_config dev = {
		.features = vm_ring_features(d->cfg),
		.tag = d->cfg->p9.mount_tag,
	};
	int ret = fsdev_init(&d->fsdev, &vm->machine, d->cfg->p9.export, vm->say, e);

	vm->uses |= fsdev_uses(&d->fsdev);
	d->v = &d->p9.v;
	return ret ?: p9_init(&d->p9, &vm->machine, &dev, &fsdev_ops, &d->fsdev, e);
}

static int vm_init_rng(struct vm *vm, struct vm_device *d, struct error *e)
{
	d->v = &d->rng.v;
	return rng_init(&d->rng, &vm->machine, vm_ring_features(d->cfg), e);
}

static int vm_init_balloon(struct vm *vm, struct vm_device *d, struct error *e)
{
	const struct balloon_config *cfg = &d->cfg->balloon;
	const struct balloon_dev_config dev = {
		.features = vm_ring_features(d->cfg),
		.deflate_on_oom = cfg->deflate_on_oom,
		.reporting = cfg->free_page_reporting,
		.page_poison = cfg->page_poison,
		.interval = cfg->interval,
	};
	int ret = balloon_init(&d->balloon, &vm->machine, &dev, e);

	d->v = &d->balloon.v;
	vm_watch_balloon(vm, &d->balloon);
	return ret;
}

static int vm_init_vsock(struct vm *vm, struct vm_device *d, struct error *e)
{
	const struct vhost_vsock_config cfg = {
		.features = vm_ring_features(d->cfg),
		.cid = d->cfg->vsock.guest_cid,
		.vhostdev = d->cfg->vsock.vhostdev,
	};

	d->v = &d->vsock.v;
	return vhost_vsock_init(&d->vsock, &vm->machine, &cfg, e);
}

/* Nobody need be behind it. */
static int vm_attach_console(struct vm *vm, struct vm_device *d, struct error *e)
{
	const struct chardev_config *cfg = d->cfg->console.chardev;
	int ret;

	if (!cfg)
		return 0;
	if (cfg->wait)
		vm_say_waiting(vm, cfg->path);
	ret = chardev_init(&d->chardev, &vm->machine, cfg, vm->end_fd, e);
	if (ret)
		return ret;
	chardev_attach_console(&d->chardev, &d->console);
	if (d->chardev.notice[0])
		vm->say(d->chardev.notice);
	return cfg->mux && !vm->cfg->no_monitor ?
	       monitor_open_mux(&vm->monitor, &d->chardev, e) : 0;
}

static int vm_init_console(struct vm *vm, struct vm_device *d, struct error *e)
{
	int ret = console_init(&d->console, &vm->machine, vm_ring_features(d->cfg), e);

	d->v = &d->console.v;
	return ret ?: vm_attach_console(vm, d, e);
}

static int vm_init_device(struct vm *vm, struct vm_device *d, struct error *e)
{
	struct virtio_pci_config pci = {
		.name = d->cfg->type->name,
		.addr = d->cfg->addr,
		.vectors = d->cfg->virtio.vectors,
	};
	int ret = -EINVAL;

	switch (d->cfg->type->kind) {
	case DEVICE_NET:
		ret = vm_init_net(vm, d, e);
		break;
	case DEVICE_BLK:
		ret = vm_init_blk(vm, d, e);
		break;
	case DEVICE_9P:
		ret = vm_init_9p(vm, d, e);
		break;
	case DEVICE_RNG:
		ret = vm_init_rng(vm, d, e);
		break;
	case DEVICE_BALLOON:
		ret = vm_init_balloon(vm, d, e);
		break;
	case DEVICE_VSOCK:
		ret = vm_init_vsock(vm, d, e);
		break;
	case DEVICE_CONSOLE:
		ret = vm_init_console(vm, d, e);
		break;
	}
	if (ret)
		return ret;
	/* One a queue, and one for configuration changes. */
	if (pci.vectors == VIRTIO_VECTORS_AUTO)
		pci.vectors = d->v->n_queues + 1;
	return virtio_pci_init(&d->pci, d->v, &vm->pci, &pci, e);
}

int vm_make_device(struct vm *vm, struct device_config *cfg, struct error *e)
{
	struct vm_device *d = calloc(1, sizeof(*d));
	int ret;

	if (!d)
		return error_errno(e, ENOMEM, "devices");
	d->cfg = cfg;
	vm->device[vm->n_devices++] = d;
	ret = vm_init_device(vm, d, e);
	if (ret)
		vm_unmake_device(vm, d);
	return ret;
}

int vm_create_devices(struct vm *vm, struct error *e)
{
	unsigned int i;
	int ret = vm_create_netdevs(vm, e);

	if (!ret)
		ret = vm_create_drives(vm, e);
	for (i = 0; i < vm->cfg->n_devices && !ret; i++) {
		ret = vm_make_device(vm, vm->cfg->device[i], e);
		if (ret)
			error_prefix(e, vm->cfg->device[i]->where);
	}
	return ret;
}

static void vm_destroy_device(struct vm_device *d)
{
	if (!d->v)
		return;
	if (d->pci.v)
		virtio_pci_destroy(&d->pci);
	virtio_destroy(d->v);
	if (d->cfg->type->kind == DEVICE_9P)
		fsdev_destroy(&d->fsdev);
	if (d->cfg->type->kind == DEVICE_BALLOON)
		balloon_destroy(&d->balloon);
	if (d->cfg->type->kind == DEVICE_VSOCK)
		vhost_vsock_destroy(&d->vsock);
	if (d->cfg->type->kind == DEVICE_CONSOLE) {
		chardev_destroy(&d->chardev);
		console_destroy(&d->console);
	}
}

void vm_unmake_device(struct vm *vm, struct vm_device *d)
{
	config_remove(vm->device, &vm->n_devices, d);
	vm_destroy_device(d);
	free(d);
}

void vm_destroy_devices(struct vm *vm)
{
	while (vm->n_devices)
		vm_unmake_device(vm, vm->device[vm->n_devices - 1]);
	while (vm->n_netdevs)
		vm_close_netdev(vm, vm->netdev[vm->n_netdevs - 1]);
	while (vm->n_drives)
		vm_close_drive(vm, vm->drive[vm->n_drives - 1]);
}
