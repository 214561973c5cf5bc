// SPDX-License-Identifier: GPL-2.0
/*
 * Role: what a monitor can tell of devices and of what is behind them.
 * Threads: main.
 * Locks: the machine's lock is held.
 */
#include <stdio.h>
#include <string.h>

#include "vm_internal.h"

#define DEVICE_NAME	64

/* The name that the user gave it, or one by its slot. */
static void device_name(const struct vm_device *d, char *name)
{
	if (d->cfg->id)
		snprintf(name, DEVICE_NAME, "%s", d->cfg->id);
	else
		snprintf(name, DEVICE_NAME, "%s.%u", d->cfg->type->name, d->pci.pci.slot);
}

static void add_mac(struct json_object *o, const u8 mac[6])
{
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	monitor_add_string(o, "macaddr", text);
}

int vm_query_network(void *opaque, struct json_object *args, struct json_object **ret,
		     struct error *e)
{
	const struct vm *vm = opaque;
	const struct netdev *nd;
	struct json_object *o;
	char name[DEVICE_NAME];
	unsigned int i;

	(void)args, (void)e;
	*ret = json_object_new_array();
	for (i = 0; i < vm->n_devices; i++) {
		const struct vm_device *d = vm->device[i];

		if (d->cfg->type->kind != DEVICE_NET)
			continue;
		nd = d->net.backend;
		device_name(d, name);
		o = json_object_new_object();
		monitor_add_string(o, "name", name);
		monitor_add_string(o, "model", d->cfg->type->name);
		add_mac(o, d->net.mac);
		monitor_add_string(o, "netdev", nd->cfg->id);
		monitor_add_string(o, "type", nd->cfg->type);
		monitor_add_string(o, "ifname", nd->tap.name);
		monitor_add_int(o, "queues", nd->tap.n);
		monitor_add_int(o, "queues-in-use", nd->pairs);
		monitor_add_bool(o, "vhost", nd->use_vhost);
		json_object_array_add(*ret, o);
	}
	return 0;
}

static struct json_object *block_inserted(const struct vm_device *d, const struct drive *drive)
{
	struct json_object *o = json_object_new_object(), *cache = json_object_new_object();
	struct json_object *image = json_object_new_object();
	const char *format = drive->image.fd >= 0 ? drive->cfg->format ?: "qcow2" : "raw";

	monitor_add_string(o, "file", drive->cfg->file);
	monitor_add_string(o, "drv", format);
	monitor_add_bool(o, "ro", drive->cfg->readonly);
	monitor_add_bool(o, "encrypted", false);
	monitor_add_bool(cache, "writeback", d->blk.write_cache);
	monitor_add_bool(cache, "direct", drive->cfg->cache.direct);
	monitor_add_bool(cache, "no-flush", drive->cfg->cache.no_flush);
	json_object_object_add(o, "cache", cache);
	monitor_add_string(image, "filename", drive->cfg->file);
	monitor_add_string(image, "format", format);
	monitor_add_int(image, "virtual-size", d->blk.disk.capacity << FERRY_BLK_SECTOR_SHIFT);
	json_object_object_add(o, "image", image);
	return o;
}

int vm_query_block(void *opaque, struct json_object *args, struct json_object **ret,
		   struct error *e)
{
	const struct vm *vm = opaque;
	const struct drive *drive;
	struct json_object *o;
	char name[DEVICE_NAME];
	unsigned int i;

	(void)args, (void)e;
	*ret = json_object_new_array();
	for (i = 0; i < vm->n_devices; i++) {
		const struct vm_device *d = vm->device[i];

		if (d->cfg->type->kind != DEVICE_BLK)
			continue;
		drive = d->blk.backend;
		device_name(d, name);
		o = json_object_new_object();
		monitor_add_string(o, "device", drive->cfg->id);
		monitor_add_string(o, "qdev", name);
		monitor_add_string(o, "type", "unknown");
		monitor_add_bool(o, "removable", false);
		monitor_add_bool(o, "locked", false);
		json_object_object_add(o, "inserted", block_inserted(d, drive));
		json_object_array_add(*ret, o);
	}
	return 0;
}

static struct json_object *block_stats(const struct drive *drive)
{
	static const struct {
		enum ferry_blk_stat stat;
		const char *bytes, *operations, *failed;
	} keys[] = {
		{ FERRY_BLK_STAT_READ, "rd_bytes", "rd_operations", "failed_rd_operations" },
		{ FERRY_BLK_STAT_WRITE, "wr_bytes", "wr_operations", "failed_wr_operations" },
		{ FERRY_BLK_STAT_FLUSH, NULL, "flush_operations", "failed_flush_operations" },
		{ FERRY_BLK_STAT_UNMAP, "unmap_bytes", "unmap_operations",
		  "failed_unmap_operations" },
	};
	struct json_object *o = json_object_new_object();
	struct ferry_blk_stats s;
	unsigned int i;

	drive_stats(drive, &s);
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].bytes)
			monitor_add_int(o, keys[i].bytes, s.op[keys[i].stat].bytes);
		monitor_add_int(o, keys[i].operations, s.op[keys[i].stat].done);
		monitor_add_int(o, keys[i].failed, s.op[keys[i].stat].failed);
	}
	return o;
}

int vm_query_blockstats(void *opaque, struct json_object *args, struct json_object **ret,
			struct error *e)
{
	const struct vm *vm = opaque;
	const struct drive *drive;
	struct json_object *o;
	char name[DEVICE_NAME];
	unsigned int i;

	(void)args, (void)e;
	*ret = json_object_new_array();
	for (i = 0; i < vm->n_devices; i++) {
		const struct vm_device *d = vm->device[i];

		if (d->cfg->type->kind != DEVICE_BLK)
			continue;
		drive = d->blk.backend;
		device_name(d, name);
		o = json_object_new_object();
		monitor_add_string(o, "device", drive->cfg->id);
		monitor_add_string(o, "qdev", name);
		json_object_object_add(o, "stats", block_stats(drive));
		json_object_array_add(*ret, o);
	}
	return 0;
}

static struct json_object *pci_region(struct json_object *list, int bar, const char *type,
				      u32 address, u32 size)
{
	struct json_object *r = json_object_new_object();

	monitor_add_int(r, "bar", bar);
	monitor_add_string(r, "type", type);
	monitor_add_int(r, "address", address);
	monitor_add_int(r, "size", size);
	json_object_array_add(list, r);
	return r;
}

static struct json_object *pci_regions(const struct pci_dev *d)
{
	struct json_object *list = json_object_new_array(), *r;

	if (d->bar_size) {
		r = pci_region(list, 0, "memory", pci_get32(d, PCI_BASE_ADDRESS_0) &
			       (u32)PCI_BASE_ADDRESS_MEM_MASK, d->bar_size);
		monitor_add_bool(r, "prefetch", false);
		monitor_add_bool(r, "mem_type_64", false);
	}
	if (d->ports_size)
		pci_region(list, 1, "io", pci_get32(d, PCI_BASE_ADDRESS_1) &
			   (u32)PCI_BASE_ADDRESS_IO_MASK, d->ports_size);
	return list;
}

static struct json_object *pci_device(const struct vm *vm, unsigned int slot)
{
	const struct pci_dev *d = vm->pci.slot[slot];
	struct json_object *o = json_object_new_object(), *class = json_object_new_object();
	struct json_object *id = json_object_new_object();
	char name[DEVICE_NAME] = "";
	unsigned int i;

	for (i = 0; i < vm->n_devices; i++)
		if (&vm->device[i]->pci.pci == d)
			device_name(vm->device[i], name);
	monitor_add_int(o, "bus", 0);
	monitor_add_int(o, "slot", slot);
	monitor_add_int(o, "function", 0);
	monitor_add_int(class, "class", pci_get16(d, PCI_CLASS_DEVICE));
	json_object_object_add(o, "class_info", class);
	monitor_add_int(id, "device", pci_get16(d, PCI_DEVICE_ID));
	monitor_add_int(id, "vendor", pci_get16(d, PCI_VENDOR_ID));
	monitor_add_int(id, "subsystem", pci_get16(d, PCI_SUBSYSTEM_ID));
	monitor_add_int(id, "subsystem-vendor", pci_get16(d, PCI_SUBSYSTEM_VENDOR_ID));
	json_object_object_add(o, "id", id);
	monitor_add_string(o, "qdev_id", name);
	json_object_object_add(o, "regions", pci_regions(d));
	return o;
}

int vm_query_pci(void *opaque, struct json_object *args, struct json_object **ret,
		 struct error *e)
{
	struct json_object *bus = json_object_new_object(), *list = json_object_new_array();
	const struct vm *vm = opaque;
	unsigned int i;

	(void)args, (void)e;
	for (i = 0; i < PCI_SLOTS; i++)
		if (vm->pci.slot[i])
			json_object_array_add(list, pci_device(vm, i));
	monitor_add_int(bus, "bus", 0);
	json_object_object_add(bus, "devices", list);
	*ret = json_object_new_array();
	json_object_array_add(*ret, bus);
	return 0;
}

/* The vhost device that serves it, or NULL: threads of our own do. */
static const char *device_vhost(const struct vm_device *d)
{
	const struct netdev *nd = d->net.backend;
	const struct drive *drive = d->blk.backend;

	switch (d->cfg->type->kind) {
	case DEVICE_NET:
		if (!nd->use_vhost)
			return NULL;
		return nd->cfg->vhostfd || nd->cfg->vhostfds ? "fd" : nd->cfg->vhostdev;
	case DEVICE_BLK:
		return drive->use_vhost ? drive->cfg->vhostdev : NULL;
	case DEVICE_9P:
		return d->fsdev.use_vhost ? d->fsdev.cfg->vhostdev : NULL;
	case DEVICE_VSOCK:
		return d->cfg->vsock.vhostdev;
	default:
		return NULL;
	}
}

static struct json_object *vhost_queues(const struct virtio_dev *v)
{
	struct json_object *list = json_object_new_array(), *o;
	unsigned int i;

	for (i = 0; i < v->n_queues; i++) {
		if (!v->queue[i].enabled)
			continue;
		o = json_object_new_object();
		monitor_add_int(o, "queue", i);
		monitor_add_int(o, "size", v->queue[i].size);
		json_object_array_add(list, o);
	}
	return list;
}

int vm_query_vhost(void *opaque, struct json_object *args, struct json_object **ret,
		   struct error *e)
{
	const struct vm *vm = opaque;
	struct json_object *o;
	char name[DEVICE_NAME];
	unsigned int i;

	(void)args, (void)e;
	*ret = json_object_new_array();
	for (i = 0; i < vm->n_devices; i++) {
		const struct vm_device *d = vm->device[i];
		const char *vhost = device_vhost(d);

		device_name(d, name);
		o = json_object_new_object();
		monitor_add_string(o, "device", name);
		monitor_add_string(o, "driver", d->cfg->type->name);
		monitor_add_bool(o, "vhost", vhost);
		if (vhost)
			monitor_add_string(o, "vhostdev", vhost);
		monitor_add_string(o, "state", d->v->paused ? "paused" :
				   d->v->status & VIRTIO_CONFIG_S_NEEDS_RESET ? "broken" :
				   d->v->running ? "running" : "stopped");
		monitor_add_string(o, "ring", virtio_has(d->v, VIRTIO_F_RING_PACKED) ?
				   "packed" : "split");
		monitor_add_int(o, "features", d->v->acked);
		json_object_object_add(o, "queues", vhost_queues(d->v));
		json_object_array_add(*ret, o);
	}
	return 0;
}
