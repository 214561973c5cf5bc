/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the command line asks for. Filled and checked by options/, then handed on as it
 * is: what builds the VM changes none of it. Hot plug adds to it and takes away from it, by
 * calls of options/; what is in it stays where it is.
 */
#ifndef FERRY_VMM_OPTIONS_CONFIG_H
#define FERRY_VMM_OPTIONS_CONFIG_H

#include "../backend/chardev.h"
#include "../backend/drive.h"
#include "../backend/fsdev.h"
#include "../backend/netdev.h"
#include "table.h"

/* -device virtio-net-pci,... */
struct net_config {
	char *netdev;
	u8 mac[6];
	bool mq;
	u32 rx_queue_size, tx_queue_size;
	u32 mtu;
	bool mrg_rxbuf, status, ctrl_vq, ctrl_rx, ctrl_mac_addr, ctrl_guest_offloads;
	bool csum, guest_csum, gso;
	bool guest_tso4, guest_tso6, guest_ecn, guest_ufo, guest_uso4, guest_uso6;
	bool host_tso4, host_tso6, host_ecn, host_ufo, host_uso;
};

/* -device virtio-blk-pci,... */
struct blk_config {
	char *drive;
	char *serial;		/* NULL: the drive's */
	u32 num_queues;		/* BLK_QUEUES_AUTO: one a processor */
	u32 queue_size;
	u64 logical_block, physical_block, min_io, opt_io;	/* bytes; 0: the disk's */
	bool discard, write_zeroes, config_wce, share_rw;
	enum tri write_cache;	/* auto: as the drive's cache= says */
	char *werror, *rerror;
	u32 bootindex;
};

#define BLK_QUEUES_AUTO		0xffffU
#define BLK_BOOTINDEX_NONE	0xffffffffU

/* -device virtio-9p-pci,... */
struct p9_config {
	char *fsdev;
	char *mount_tag;
	enum tri vhost;
	char *vhostdev;

	/* Concluded by options/. */
	const struct fsdev_config *export;
};

/* -device virtio-rng-pci,... */
struct rng_config {
	u64 max_bytes;		/* must be RNG_UNLIMITED */
};

#define RNG_UNLIMITED	INT64_MAX

/* -device virtio-balloon-pci,... */
struct balloon_config {
	bool deflate_on_oom, free_page_reporting, page_poison;
	bool free_page_hint;		/* must be off */
	u32 interval;			/* seconds between statistics */
};

/* -device vhost-vsock-pci,... */
struct vsock_config {
	u32 guest_cid;
	char *vhostdev;
};

/* -device virtio-serial-pci,... with -device virtconsole,... on it */
struct console_config {
	/* Concluded by options/. */
	const struct chardev_config *chardev;	/* NULL: there is no virtconsole */
};

/* What every virtio-pci device takes. */
struct virtio_config {
	u32 vectors;		/* VIRTIO_VECTORS_AUTO: as many as it has queues, and some */
	bool packed, event_idx, indirect;
	enum tri iommu_platform;
	bool disable_modern;
};

#define VIRTIO_VECTORS_AUTO	0xffffffffU

struct device_config {
	const struct device_type *type;
	char *driver;
	char *id;
	char *addr;
	char *bus;
	struct virtio_config virtio;
	union {
		struct net_config net;
		struct blk_config blk;
		struct p9_config p9;
		struct rng_config rng;
		struct balloon_config balloon;
		struct vsock_config vsock;
		struct console_config console;
	};

	char *where;
};

enum device_kind {
	DEVICE_NET,
	DEVICE_BLK,
	DEVICE_9P,
	DEVICE_RNG,
	DEVICE_BALLOON,
	DEVICE_VSOCK,
	DEVICE_CONSOLE,
};

/* One kind of -device. */
struct device_type {
	enum device_kind kind;
	const char *name;
	const char *alias;	/* another name of it, or NULL */
	const char *bus;
	const char *desc;
	bool hotplug;		/* may come and go while the guest runs */
	struct opt_table table;
};

const struct device_type *device_type_find(const char *name);
const struct device_type *device_type_at(size_t i);

/* The virtio-net features that a device is to offer where its backend can. */
u64 net_config_features(const struct net_config *n, bool several_pairs);

/* Likewise virtio-blk. */
u64 blk_config_features(const struct blk_config *b);

extern const struct opt_table netdev_table, user_net_table, drive_table, fsdev_table,
	virtfs_table, boot_table;

/* -monitor, -qmp */
struct monitor_config {
	bool qmp;
	struct chardev_config chardev;
	char *where;		/* "-qmp unix:...", for messages */
};

#define CONFIG_MONITORS_MAX	8

/* -chardev */
struct chardev_option {
	char *backend;
	char *id;
	char *path;
	bool server, wait, mux;

	/* Concluded by options/. */
	struct chardev_config cfg;
	bool used;
};

/* -device virtconsole */
struct port_config {
	char *driver;
	char *id;
	char *chardev;
	char *bus;
	char *where;
};

#define CONFIG_CHARDEVS_MAX	8

/* -boot */
struct boot_config {
	char *order, *once;
	bool menu;
	u32 reboot_timeout;	/* milliseconds, all ones: never */
};

#define CONFIG_DEVICES_MAX	31	/* slots of bus 0 beside the host bridge */

struct config {
	char *name;
	u64 ram_size;
	u32 cpus;
	char *kernel, *initrd, *append;
	char *bios;		/* NULL: the usual one, unless there is a kernel */
	struct boot_config boot;
	char *pidfile;
	char *uuid;		/* NULL: none */
	bool no_reboot, nographic, nodefaults, daemonize;
	bool stopped;		/* -S */
	bool sandbox;
	char *runas, *chroot;
	struct chardev_config serial;
	bool serial_given;
	bool no_monitor;	/* -monitor none: none behind C-a c either */
	unsigned int n_monitors;
	struct monitor_config monitor[CONFIG_MONITORS_MAX];

	unsigned int n_chardevs;
	struct chardev_option chardev[CONFIG_CHARDEVS_MAX];
	unsigned int n_ports;
	struct port_config port[CONFIG_CHARDEVS_MAX];

	unsigned int n_netdevs;
	struct netdev_config *netdev[CONFIG_DEVICES_MAX];
	unsigned int n_net_cards, n_net_others;		/* -net nic, and the rest of -net */
	unsigned int n_drives;
	struct drive_config *drive[CONFIG_DEVICES_MAX];
	unsigned int n_fsdevs;
	struct fsdev_config *fsdev[CONFIG_DEVICES_MAX];
	unsigned int n_devices;
	struct device_config *device[CONFIG_DEVICES_MAX];
};

enum config_result {
	CONFIG_RUN,		/* build and run the VM */
	CONFIG_DONE,		/* help or version was printed */
	CONFIG_HELP,		/* -help: the caller knows what else there is */
};

/* Parse and check a whole command line; CONFIG_* or a negative errno. */
int config_parse(struct config *c, int argc, char **argv, struct error *e);
void config_free(struct config *c);

/* The two halves of it, for what is added between them. The first sets defaults. */
int config_take(struct config *c, int argc, char **argv, struct error *e);
int config_check(struct config *c, struct error *e);

/* Listen for monitors at @qmp and, unless the serial port is elsewhere, for it at @console. */
int config_serve(struct config *c, const char *qmp, const char *console, struct error *e);

/* A line or two an option, on stdout. */
void config_print_options(void);

/* An option by its name, and its argument. */
typedef int (*config_take_fn)(struct config *c, const char *option, const char *arg,
			      struct error *e);

/* -readconfig: options in a file, each handed to @take. */
int config_read_file(struct config *c, const char *path, config_take_fn take, struct error *e);

/* The pieces, by option. */
int config_add_netdev(struct config *c, const char *arg, struct error *e);
int config_add_net(struct config *c, const char *arg, struct error *e);
int config_add_nic(struct config *c, const char *arg, struct error *e);
int config_add_device(struct config *c, const char *arg, struct error *e);
int config_add_drive(struct config *c, const char *arg, struct error *e);
int config_add_fsdev(struct config *c, const char *arg, struct error *e);
int config_add_virtfs(struct config *c, const char *arg, struct error *e);
int config_add_balloon(struct config *c, const char *arg, struct error *e);
int config_set_memory(struct config *c, const char *arg, struct error *e);
int config_set_smp(struct config *c, const char *arg, struct error *e);
int config_set_serial(struct config *c, const char *arg, struct error *e);
int config_add_monitor(struct config *c, const char *arg, struct error *e);
int config_add_qmp(struct config *c, const char *arg, struct error *e);
int config_set_uuid(struct config *c, const char *arg, struct error *e);
int config_check_chardevs(struct config *c, struct error *e);
void config_free_chardevs(struct config *c);

/* Words that may only say what the machine is anyway. */
int config_check_machine(const char *arg, struct error *e);
int config_check_accel(const char *arg, struct error *e);
int config_check_cpu(const char *arg, struct error *e);
int config_check_rtc(const char *arg, struct error *e);

int config_check_devices(struct config *c, struct error *e);

/* A device of that kind with its defaults, not yet among the others. */
int config_new_device(const struct config *c, const char *driver, struct device_config **d,
		      struct error *e);
void config_free_device(struct device_config *d);

/* One more while the VM runs, checked in all, and likewise any that goes. */
int config_plug_device(struct config *c, const char *arg, struct device_config **d,
		       struct error *e);
void config_remove_device(struct config *c, struct device_config *d);

/* A disk without options: the file, its place among the disks, and what asked for it. */
int config_add_disk(struct config *c, const char *file, u32 index, const char *where,
		    struct error *e);

/* Take the pointer @p out of @n of them, whose order stays. */
void config_remove(void *list, unsigned int *n, const void *p);

/* "-OPT ARG", for messages. */
int config_where(char **where, const char *opt, const char *arg, struct error *e);

/* The networks' part of checking -device. */
int config_check_user_net(struct user_net_config *u, struct error *e);
int config_add_net_devices(struct config *c, struct error *e);
int config_check_netdev(struct config *c, struct device_config *d, struct error *e);
struct netdev_config *config_find_netdev(const struct config *c, const char *id);
void config_remove_netdev(struct config *c, struct netdev_config *n);
void config_free_netdev(struct netdev_config *n);

/* The drives' part of checking -device: of one by itself, then of all together. */
int config_check_blk(const struct blk_config *b, struct error *e);
int config_add_drive_devices(struct config *c, struct error *e);
int config_check_drive(struct config *c, struct device_config *d, struct error *e);
struct drive_config *config_find_drive(const struct config *c, const char *id);
void config_remove_drive(struct config *c, struct drive_config *d);
void config_free_drive(struct drive_config *d);

/* Character devices with names, and the ports of consoles that they are behind. */
extern const struct opt_table chardev_table, port_table;
int config_add_chardev(struct config *c, const char *arg, struct error *e);
bool config_is_port(const char *driver);
int config_add_port(struct config *c, const char *arg, struct error *e);
int config_check_ports(struct config *c, struct error *e);
void config_free_consoles(struct config *c);

/* What boots the guest. */
int config_set_boot(struct config *c, const char *arg, struct error *e);
int config_check_boot(const struct config *c, struct error *e);

/* There may be one balloon. */
int config_check_balloon(const struct config *c, const struct balloon_config *b,
			 struct error *e);

/* Likewise the exported directories'. */
int config_check_p9(const struct p9_config *p, struct error *e);
int config_check_fsdev(struct config *c, struct device_config *d, struct error *e);
struct fsdev_config *config_find_fsdev(const struct config *c, const char *id);
void config_remove_fsdev(struct config *c, struct fsdev_config *f);
void config_free_fsdev(struct fsdev_config *f);

#endif /* FERRY_VMM_OPTIONS_CONFIG_H */
