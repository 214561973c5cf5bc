// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the tables of every kind of -device, and their checks.
 * Threads: main.
 * Locks: none.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>

#include "../dev/net_bits.h"
#include "config.h"

#define DEV(field)	offsetof(struct device_config, field)
#define VIRTIO(field)	offsetof(struct device_config, virtio.field)

/* Rows that every virtio-pci device has; each type's table repeats them. */
#define DEVICE_ROWS							\
	COMMON_ROWS,							\
	{ "bootindex", OPT_IGNORED }

#define COMMON_ROWS							\
	{ "driver", OPT_STRING, DEV(driver), .def = "" },		\
	{ "id", OPT_STRING, DEV(id), .help = "name of the device" },	\
	{ "addr", OPT_STRING, DEV(addr),				\
	  .help = "PCI slot, in hexadecimal, and optionally .0" },	\
	{ "bus", OPT_STRING, DEV(bus), .help = "pci.0" },		\
	{ "packed", OPT_BOOL, VIRTIO(packed), .def = "off",		\
	  .help = "offer packed virtqueues" },				\
	{ "event_idx", OPT_BOOL, VIRTIO(event_idx), .def = "on",	\
	  .help = "offer notification by index" },			\
	{ "indirect_desc", OPT_BOOL, VIRTIO(indirect), .def = "on",	\
	  .help = "offer indirect descriptors" },			\
	{ "iommu_platform", OPT_TRI, VIRTIO(iommu_platform),		\
	  .help = "not offered yet: off" },				\
	{ "disable-modern", OPT_BOOL, VIRTIO(disable_modern), .def = "off", \
	  .help = "must be off: devices are modern only" },		\
	{ "disable-legacy", OPT_IGNORED },				\
	{ "romfile", OPT_IGNORED },					\
	{ "rombar", OPT_IGNORED },					\
	{ "multifunction", OPT_IGNORED },				\
	{ "ioeventfd", OPT_IGNORED }

#define NET(field)	offsetof(struct device_config, net.field)
#define NET_ON(key, field, text) \
	{ key, OPT_BOOL, NET(field), .def = "on", .help = text }

static const struct opt_row net_rows[] = {
	DEVICE_ROWS,
	{ "vectors", OPT_UINT, VIRTIO(vectors), .def = "4294967295",
	  .help = "MSI-X vectors; as many as the queues need" },
	{ "netdev", OPT_STRING, NET(netdev), .help = "id of the -netdev behind it" },
	{ "mac", OPT_MAC, NET(mac), .help = "Ethernet address; from 52:54:00:12:34:56 upward" },
	{ "mq", OPT_BOOL, NET(mq), .def = "off", .help = "offer several queue pairs" },
	{ "rx_queue_size", OPT_UINT, NET(rx_queue_size), 64, 1024, .def = "256",
	  .help = "descriptors, a power of two" },
	{ "tx_queue_size", OPT_UINT, NET(tx_queue_size), 64, 1024, .def = "256",
	  .help = "descriptors, a power of two" },
	{ "host_mtu", OPT_UINT, NET(mtu), 0, 65535, .def = "0", .help = "MTU told to the guest" },
	NET_ON("mrg_rxbuf", mrg_rxbuf, "offer mergeable receive buffers"),
	NET_ON("status", status, "offer the link status"),
	NET_ON("ctrl_vq", ctrl_vq, "offer the control queue"),
	NET_ON("ctrl_rx", ctrl_rx, "offer receive modes"),
	NET_ON("ctrl_mac_addr", ctrl_mac_addr, "offer setting the Ethernet address"),
	NET_ON("ctrl_guest_offloads", ctrl_guest_offloads, "offer switching offloads"),
	NET_ON("csum", csum, "offer checksums on transmit"),
	NET_ON("guest_csum", guest_csum, "offer checksums on receive"),
	NET_ON("gso", gso, "offer segmentation on transmit"),
	NET_ON("guest_tso4", guest_tso4, "offer TCPv4 segments on receive"),
	NET_ON("guest_tso6", guest_tso6, "offer TCPv6 segments on receive"),
	NET_ON("guest_ecn", guest_ecn, "offer segments with ECN on receive"),
	NET_ON("guest_ufo", guest_ufo, "offer UDP fragments on receive"),
	NET_ON("guest_uso4", guest_uso4, "offer UDPv4 segments on receive"),
	NET_ON("guest_uso6", guest_uso6, "offer UDPv6 segments on receive"),
	NET_ON("host_tso4", host_tso4, "offer TCPv4 segmentation on transmit"),
	NET_ON("host_tso6", host_tso6, "offer TCPv6 segmentation on transmit"),
	NET_ON("host_ecn", host_ecn, "offer segmentation with ECN on transmit"),
	NET_ON("host_ufo", host_ufo, "offer UDP fragmentation on transmit"),
	NET_ON("host_uso", host_uso, "offer UDP segmentation on transmit"),
};

u64 net_config_features(const struct net_config *n, bool several_pairs)
{
	const struct {
		bool on;
		unsigned int bit;
	} map[] = {
		{ true, VIRTIO_NET_F_MAC },
		{ n->csum, VIRTIO_NET_F_CSUM },
		{ n->guest_csum, VIRTIO_NET_F_GUEST_CSUM },
		{ n->ctrl_vq && n->ctrl_guest_offloads, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS },
		{ n->mtu, VIRTIO_NET_F_MTU },
		{ n->guest_csum && n->guest_tso4, VIRTIO_NET_F_GUEST_TSO4 },
		{ n->guest_csum && n->guest_tso6, VIRTIO_NET_F_GUEST_TSO6 },
		{ n->guest_csum && n->guest_ecn, VIRTIO_NET_F_GUEST_ECN },
		{ n->guest_csum && n->guest_ufo, VIRTIO_NET_F_GUEST_UFO },
		{ n->guest_csum && n->guest_uso4, VIRTIO_NET_F_GUEST_USO4 },
		{ n->guest_csum && n->guest_uso6, VIRTIO_NET_F_GUEST_USO6 },
		{ n->csum && n->gso && n->host_tso4, VIRTIO_NET_F_HOST_TSO4 },
		{ n->csum && n->gso && n->host_tso6, VIRTIO_NET_F_HOST_TSO6 },
		{ n->csum && n->gso && n->host_ecn, VIRTIO_NET_F_HOST_ECN },
		{ n->csum && n->gso && n->host_ufo, VIRTIO_NET_F_HOST_UFO },
		{ n->csum && n->gso && n->host_uso, VIRTIO_NET_F_HOST_USO },
		{ n->mrg_rxbuf, VIRTIO_NET_F_MRG_RXBUF },
		{ n->status, VIRTIO_NET_F_STATUS },
		{ n->ctrl_vq, VIRTIO_NET_F_CTRL_VQ },
		{ n->ctrl_vq && n->ctrl_rx, VIRTIO_NET_F_CTRL_RX },
		{ n->ctrl_vq && n->ctrl_rx, VIRTIO_NET_F_CTRL_RX_EXTRA },
		{ n->ctrl_vq && n->ctrl_mac_addr, VIRTIO_NET_F_CTRL_MAC_ADDR },
		{ n->ctrl_vq && n->mq && several_pairs, VIRTIO_NET_F_MQ },
	};
	u64 f = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(map); i++)
		if (map[i].on)
			f |= BIT_ULL(map[i].bit);
	return f;
}

#define BLK(field)	offsetof(struct device_config, blk.field)

static const struct opt_row blk_rows[] = {
	COMMON_ROWS,
	{ "vectors", OPT_UINT, VIRTIO(vectors), .def = "4294967295",
	  .help = "MSI-X vectors; as many as the queues need" },
	{ "drive", OPT_STRING, BLK(drive), .help = "id of the -drive behind it" },
	{ "serial", OPT_STRING, BLK(serial),
	  .help = "serial number, of which 20 characters are told" },
	{ "num-queues", OPT_UINT, BLK(num_queues), .def = "65535",
	  .help = "queues, at most 16; one a processor" },
	{ "queue-size", OPT_UINT, BLK(queue_size), .def = "256",
	  .help = "descriptors, a power of two" },
	{ "logical_block_size", OPT_SIZE, BLK(logical_block), .def = "0",
	  .help = "bytes, a power of two; 0: the disk's" },
	{ "physical_block_size", OPT_SIZE, BLK(physical_block), .def = "0",
	  .help = "bytes, a power of two; 0: the disk's" },
	{ "min_io_size", OPT_SIZE, BLK(min_io), .def = "0",
	  .help = "bytes that a transfer should have at least" },
	{ "opt_io_size", OPT_SIZE, BLK(opt_io), .def = "0",
	  .help = "bytes that are best to transfer" },
	{ "discard", OPT_BOOL, BLK(discard), .def = "on",
	  .help = "offer discards, where the drive has discard=unmap" },
	{ "write-zeroes", OPT_BOOL, BLK(write_zeroes), .def = "on",
	  .help = "offer writing zeroes" },
	{ "config-wce", OPT_BOOL, BLK(config_wce), .def = "on",
	  .help = "let the guest switch the write cache" },
	{ "write-cache", OPT_TRI, BLK(write_cache),
	  .help = "the guest may have to flush; auto: by the drive's cache=" },
	{ "share-rw", OPT_BOOL, BLK(share_rw), .def = "off",
	  .help = "let other programs write to the disk" },
	{ "werror", OPT_STRING, BLK(werror), .help = "report" },
	{ "rerror", OPT_STRING, BLK(rerror), .help = "report" },
	{ "bootindex", OPT_UINT, BLK(bootindex), .def = "4294967295",
	  .help = "place among the disks that firmware tries; behind those that have one" },
	{ "scsi", OPT_IGNORED },
};

#define P9(field)	offsetof(struct device_config, p9.field)

static const struct opt_row p9_rows[] = {
	DEVICE_ROWS,
	{ "vectors", OPT_UINT, VIRTIO(vectors), .def = "4294967295",
	  .help = "MSI-X vectors; as many as the queues need" },
	{ "fsdev", OPT_STRING, P9(fsdev), .help = "id of the -fsdev behind it" },
	{ "mount_tag", OPT_STRING, P9(mount_tag),
	  .help = "what the guest mounts, at most 31 bytes" },
	{ "vhost", OPT_TRI, P9(vhost), .help = "on: served in the kernel; left out: if it can" },
	{ "vhostdev", OPT_STRING, P9(vhostdev), .def = "/dev/ferry-9p", .help = "vhost device" },
};

static const struct opt_row rng_rows[] = {
	DEVICE_ROWS,
	{ "vectors", OPT_UINT, VIRTIO(vectors), .def = "4294967295",
	  .help = "MSI-X vectors; as many as the queues need" },
	{ "rng", OPT_IGNORED },
	{ "max-bytes", OPT_SIZE, offsetof(struct device_config, rng.max_bytes),
	  .def = "0x7fffffffffffffff", .help = "must be the default: there is no limit" },
	{ "period", OPT_IGNORED },
};

#define BALLOON(field)	offsetof(struct device_config, balloon.field)

static const struct opt_row balloon_rows[] = {
	DEVICE_ROWS,
	{ "vectors", OPT_UINT, VIRTIO(vectors), .def = "4294967295",
	  .help = "MSI-X vectors; as many as the queues need" },
	{ "deflate-on-oom", OPT_BOOL, BALLOON(deflate_on_oom), .def = "off",
	  .help = "let the guest take memory back before it kills for want of some" },
	{ "free-page-reporting", OPT_BOOL, BALLOON(free_page_reporting), .def = "off",
	  .help = "take memory that the guest has no use for, as long as it has none" },
	{ "page-poison", OPT_BOOL, BALLOON(page_poison), .def = "on",
	  .help = "keep what the guest wrote to free pages" },
	{ "free-page-hint", OPT_BOOL, BALLOON(free_page_hint), .def = "off",
	  .help = "must be off: it is for migration" },
	{ "guest-stats-polling-interval", OPT_UINT, BALLOON(interval), .def = "0",
	  .help = "seconds between statistics, 0 for none" },
};

#define VSOCK(field)	offsetof(struct device_config, vsock.field)

static const struct opt_row vsock_rows[] = {
	DEVICE_ROWS,
	{ "vectors", OPT_UINT, VIRTIO(vectors), .def = "4294967295",
	  .help = "MSI-X vectors; as many as the queues need" },
	{ "guest-cid", OPT_UINT, VSOCK(guest_cid), .def = "0",
	  .help = "the guest's address, from 3 on" },
	{ "vhostdev", OPT_STRING, VSOCK(vhostdev), .def = "/dev/vhost-vsock",
	  .help = "vhost device" },
};

static const struct opt_row console_rows[] = {
	DEVICE_ROWS,
	{ "vectors", OPT_UINT, VIRTIO(vectors), .def = "4294967295",
	  .help = "MSI-X vectors; as many as the queues need" },
	{ "max_ports", OPT_IGNORED },
};

static const struct device_type device_types[] = {
	{
		.kind = DEVICE_NET, .name = "virtio-net-pci", .alias = "virtio-net",
		.bus = "PCI", .desc = "Virtio network card", .hotplug = true,
		.table = { "driver", "virtio-net-pci", net_rows, ARRAY_SIZE(net_rows) },
	},
	{
		.kind = DEVICE_BLK, .name = "virtio-blk-pci", .alias = "virtio-blk",
		.bus = "PCI", .desc = "Virtio disk", .hotplug = true,
		.table = { "driver", "virtio-blk-pci", blk_rows, ARRAY_SIZE(blk_rows) },
	},
	{
		.kind = DEVICE_9P, .name = "virtio-9p-pci", .alias = "virtio-9p",
		.bus = "PCI", .desc = "Virtio directory (9P)", .hotplug = true,
		.table = { "driver", "virtio-9p-pci", p9_rows, ARRAY_SIZE(p9_rows) },
	},
	{
		.kind = DEVICE_RNG, .name = "virtio-rng-pci", .alias = "virtio-rng",
		.bus = "PCI", .desc = "Virtio entropy source", .hotplug = true,
		.table = { "driver", "virtio-rng-pci", rng_rows, ARRAY_SIZE(rng_rows) },
	},
	{
		.kind = DEVICE_BALLOON, .name = "virtio-balloon-pci", .alias = "virtio-balloon",
		.bus = "PCI", .desc = "Virtio memory balloon",
		.table = { "driver", "virtio-balloon-pci", balloon_rows,
			   ARRAY_SIZE(balloon_rows) },
	},
	{
		.kind = DEVICE_VSOCK, .name = "vhost-vsock-pci", .alias = "vhost-vsock",
		.bus = "PCI", .desc = "Sockets between host and guest",
		.table = { "driver", "vhost-vsock-pci", vsock_rows, ARRAY_SIZE(vsock_rows) },
	},
	{
		.kind = DEVICE_CONSOLE, .name = "virtio-serial-pci", .alias = "virtio-serial",
		.bus = "PCI", .desc = "Virtio console; its port is -device virtconsole,chardev=ID",
		.table = { "driver", "virtio-serial-pci", console_rows,
			   ARRAY_SIZE(console_rows) },
	},
};

const struct device_type *device_type_at(size_t i)
{
	return i < ARRAY_SIZE(device_types) ? &device_types[i] : NULL;
}

const struct device_type *device_type_find(const char *name)
{
	/* QEMU's spelling of a virtio device that has no legacy face. */
	static const char modern[] = "-non-transitional";
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(device_types); i++) {
		const struct device_type *t = &device_types[i];

		len = strlen(t->name);
		if (!strcmp(name, t->name) || (t->alias && !strcmp(name, t->alias)) ||
		    (!strncmp(name, t->name, len) && !strcmp(name + len, modern)))
			return t;
	}
	return NULL;
}

int config_where(char **where, const char *opt, const char *arg, struct error *e)
{
	if (asprintf(where, "-%s %s", opt, arg) < 0) {
		*where = NULL;
		return error_errno(e, ENOMEM, "options");
	}
	return 0;
}

static int device_check_net(struct net_config *n, struct error *e)
{
	if (n->rx_queue_size & (n->rx_queue_size - 1))
		return error_set(e, EINVAL, "Invalid rx_queue_size (= %u), must be a power of 2 "
				 "between 64 and 1024", n->rx_queue_size);
	if (n->tx_queue_size & (n->tx_queue_size - 1))
		return error_set(e, EINVAL, "Invalid tx_queue_size (= %u), must be a power of 2 "
				 "between 64 and 1024", n->tx_queue_size);
	if (!n->netdev)
		return error_set(e, EINVAL, "Parameter 'netdev' is missing");
	return 0;
}

/* Below are the hypervisor, this machine and the host; the last one is anybody. */
static int device_check_vsock(const struct vsock_config *s, struct error *e)
{
	if (s->guest_cid <= VMADDR_CID_HOST)
		return error_set(e, ERANGE, "guest-cid property must be greater than %u",
				 VMADDR_CID_HOST);
	if (s->guest_cid == VMADDR_CID_ANY)
		return error_set(e, ERANGE, "guest-cid property must be less than %u",
				 VMADDR_CID_ANY);
	return 0;
}

static int device_check_rng(const struct rng_config *r, struct error *e)
{
	if (r->max_bytes == RNG_UNLIMITED)
		return 0;
	return error_set(e, EINVAL, "max-bytes=%" PRIu64 " is not supported: what the guest takes "
			 "is not limited", r->max_bytes);
}

static int device_check(const struct config *c, struct device_config *d, struct error *e)
{
	unsigned int i;

	for (i = 0; d->id && i < c->n_devices; i++)
		if (c->device[i]->id && !strcmp(c->device[i]->id, d->id))
			return error_set(e, EEXIST, "Duplicate device ID '%s'", d->id);
	if (d->bus && strcmp(d->bus, "pci.0") && strcmp(d->bus, "pcie.0"))
		return error_set(e, EINVAL, "Bus '%s' not found", d->bus);
	if (d->virtio.disable_modern)
		return error_set(e, EINVAL, "device cannot work as neither modern nor legacy mode "
				 "is enabled");
	if (d->virtio.iommu_platform == TRI_ON)
		return error_set(e, EINVAL, "iommu_platform=on is not supported by this device");
	if (d->virtio.vectors != VIRTIO_VECTORS_AUTO && d->virtio.vectors > 2048)
		return error_set(e, ERANGE, "Property 'vectors' doesn't take a value above 2048");
	/* One for the queues, one for the configuration: there are no legacy interrupts. */
	if (d->virtio.vectors < 2)
		return error_set(e, ERANGE, "Property 'vectors' doesn't take a value below 2");
	switch (d->type->kind) {
	case DEVICE_NET:
		return device_check_net(&d->net, e);
	case DEVICE_BLK:
		return config_check_blk(&d->blk, e);
	case DEVICE_9P:
		return config_check_p9(&d->p9, e);
	case DEVICE_BALLOON:
		return config_check_balloon(c, &d->balloon, e);
	case DEVICE_VSOCK:
		return device_check_vsock(&d->vsock, e);
	case DEVICE_RNG:
		return device_check_rng(&d->rng, e);
	case DEVICE_CONSOLE:
		break;
	}
	return 0;
}

/* Hardware that others emulate, by how its names begin, and what does its work here. */
static void device_hint(const char *driver, struct error *e)
{
	static const struct {
		const char *begin, *instead;
	} emulated[] = {
		{ "e1000", "virtio-net-pci" }, { "rtl8139", "virtio-net-pci" },
		{ "ne2k", "virtio-net-pci" }, { "pcnet", "virtio-net-pci" },
		{ "vmxnet3", "virtio-net-pci" }, { "i8255", "virtio-net-pci" },
		{ "igb", "virtio-net-pci" }, { "tulip", "virtio-net-pci" },
		{ "ide-", "virtio-blk-pci" }, { "scsi-", "virtio-blk-pci" },
		{ "nvme", "virtio-blk-pci" }, { "ahci", "virtio-blk-pci" },
		{ "lsi", "virtio-blk-pci" }, { "megasas", "virtio-blk-pci" },
		{ "virtio-scsi", "virtio-blk-pci" }, { "usb-storage", "virtio-blk-pci" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(emulated); i++)
		if (!strncmp(driver, emulated[i].begin, strlen(emulated[i].begin)))
			error_hint(e, "Only virtio devices are there: use %s.",
				   emulated[i].instead);
}

int config_new_device(const struct config *c, const char *driver, struct device_config **d,
		      struct error *e)
{
	const struct device_type *type = device_type_find(driver);
	int ret;

	if (c->n_devices == CONFIG_DEVICES_MAX)
		return error_set(e, ENOSPC, "PCI: no slot/function available for %s, all in use "
				 "or reserved", driver);
	if (!type) {
		error_set(e, EINVAL, "'%s' is not a valid device model name", driver);
		device_hint(driver, e);
		return -EINVAL;
	}
	*d = calloc(1, sizeof(**d));
	if (!*d)
		return error_errno(e, ENOMEM, "options");
	(*d)->type = type;
	ret = opt_defaults(&type->table, *d, e);
	if (ret)
		config_free_device(*d);
	return ret;
}

void config_free_device(struct device_config *d)
{
	free(d->where);
	opt_free(&d->type->table, d);
	free(d);
}

void config_remove(void *list, unsigned int *n, const void *p)
{
	void **at = list;
	unsigned int i;

	for (i = 0; i < *n && at[i] != p; i++)
		;
	if (i == *n)
		return;
	memmove(at + i, at + i + 1, (*n - i - 1) * sizeof(*at));
	at[--*n] = NULL;
}

void config_remove_device(struct config *c, struct device_config *d)
{
	config_remove(c->device, &c->n_devices, d);
	config_free_device(d);
}

int config_add_device(struct config *c, const char *arg, struct error *e)
{
	struct device_config *d;
	char driver[64];
	int ret;

	if (!opt_peek(arg, "driver", "driver", driver, sizeof(driver)))
		return error_set(e, EINVAL, "Parameter 'driver' is missing");
	if (config_is_port(driver))
		return config_add_port(c, arg, e);
	ret = config_new_device(c, driver, &d, e);
	if (ret)
		return ret;
	ret = config_where(&d->where, "device", arg, e);
	if (!ret)
		ret = opt_parse(&d->type->table, arg, d, e);
	if (!ret)
		ret = device_check(c, d, e);
	if (!ret)
		c->device[c->n_devices++] = d;
	else
		config_free_device(d);
	return ret;
}

/* Whether what is behind the device is there, and not behind another one before it. */
static int device_check_other_side(struct config *c, struct device_config *d, struct error *e)
{
	switch (d->type->kind) {
	case DEVICE_NET:
		return config_check_netdev(c, d, e);
	case DEVICE_BLK:
		return config_check_drive(c, d, e);
	case DEVICE_9P:
		return config_check_fsdev(c, d, e);
	default:
		return 0;
	}
}

/* What can only be told once everything is known. */
int config_check_devices(struct config *c, struct error *e)
{
	int ret = config_add_drive_devices(c, e);
	unsigned int i;

	if (!ret)
		ret = config_add_net_devices(c, e);

	for (i = 0; i < c->n_devices && !ret; i++) {
		struct device_config *d = c->device[i];

		ret = device_check_other_side(c, d, e);
		if (ret)
			error_prefix(e, d->where);
	}
	return ret;
}

int config_plug_device(struct config *c, const char *arg, struct device_config **d,
		       struct error *e)
{
	const struct device_type *type = NULL;
	char driver[64];
	int ret;

	if (opt_peek(arg, "driver", "driver", driver, sizeof(driver))) {
		type = device_type_find(driver);
		if (config_is_port(driver) || (type && !type->hotplug))
			return error_set(e, EINVAL, "Device '%s' does not support hotplugging",
					 driver);
	}
	ret = config_add_device(c, arg, e);
	if (ret)
		return ret;
	*d = c->device[c->n_devices - 1];
	ret = device_check_other_side(c, *d, e);
	if (ret)
		config_remove_device(c, *d);
	return ret;
}
