/* SPDX-License-Identifier: GPL-2.0 */
/* What a VM is made of, for the files of this directory: they know all the parts. */
#ifndef FERRY_VMM_VM_INTERNAL_H
#define FERRY_VMM_VM_INTERNAL_H

#include "backend/drive.h"
#include "backend/fsdev.h"
#include "backend/netdev.h"
#include "backend/vhost_vsock.h"
#include "dev/acpi_pm.h"
#include "dev/balloon.h"
#include "dev/blk.h"
#include "dev/console.h"
#include "dev/fw_cfg.h"
#include "dev/legacy.h"
#include "dev/net.h"
#include "dev/p9.h"
#include "dev/rng.h"
#include "dev/serial.h"
#include "machine/machine.h"
#include "monitor/monitor.h"
#include "pci/hotplug.h"
#include "pci/pci.h"
#include "virtio/pci.h"
#include "vm.h"
#include "x86/boot.h"
#include "x86/cpu.h"
#include "x86/firmware.h"

/* Whether the guest runs; QEMU's words for it are in vm_query.c. */
enum vm_state {
	VM_PRELAUNCH,		/* it never ran, or not since a reset that found it stopped */
	VM_RUNNING,
	VM_PAUSED,
};

/* One -device, with its transport. */
struct vm_device {
	struct device_config *cfg;
	struct virtio_dev *v;		/* in the union below; NULL until set up */
	bool ejected;			/* by the guest: off the bus, and about to go */
	struct virtio_pci pci;
	union {
		struct net_dev net;
		struct blk_dev blk;
		struct rng_dev rng;
		struct balloon_dev balloon;
		struct vhost_vsock vsock;
		struct {
			struct console_dev console;
			struct chardev chardev;
		};
		struct {
			struct p9_dev p9;
			struct fsdev fsdev;
		};
	};
};

struct vm {
	struct config *cfg;
	vm_say say;
	struct machine machine;
	struct x86_boot boot;		/* of a kernel; otherwise the next two */
	struct x86_firmware firmware;
	struct fw_cfg fw_cfg;
	struct x86_power_on *power_on;
	struct legacy legacy;
	struct acpi_pm pm;
	struct serial serial;
	struct chardev chardev;
	struct pci_bus pci;
	struct pci_hotplug hotplug;
	int ejected_fd;			/* the guest ejected a device */
	struct loop_source ejected;
	unsigned int n_netdevs;
	struct netdev *netdev[CONFIG_DEVICES_MAX];
	unsigned int n_drives;
	struct drive *drive[CONFIG_DEVICES_MAX];
	unsigned int n_devices;
	struct vm_device *device[CONFIG_DEVICES_MAX];
	int end_fd;			/* signals that end the VM */
	int user_fd;			/* and those that ask it for something */
	struct loop_source ends, users, requests;
	int pid_fd;		/* of -pidfile, locked; -1: none */
	enum vm_state state;
	struct monitor monitor;
	u32 uses;		/* what the sandbox has to leave, SANDBOX_* bits */
};

/* vm.c: put the guest at the entry of its kernel or firmware. Every vCPU is parked. */
int vm_load(struct vm *vm, struct error *e);
void vm_say_waiting(struct vm *vm, const char *path);

/* vm_firmware.c: what boots the guest where there is no kernel, and what it is told. */
#define VM_FIRMWARE	"bios-256k.bin"

int vm_create_firmware(struct vm *vm, struct error *e);
int vm_load_firmware(struct vm *vm, struct x86_entry *entry, struct error *e);

/*
 * vm_devices.c: devices, and what is behind them: one, which is found among the others of
 * its kind then or leaves nothing behind, or all that were asked for.
 */
int vm_open_netdev(struct vm *vm, const struct netdev_config *cfg, struct error *e);
void vm_close_netdev(struct vm *vm, struct netdev *nd);
struct netdev *vm_find_netdev(const struct vm *vm, const char *id);
int vm_open_drive(struct vm *vm, const struct drive_config *cfg, struct error *e);
void vm_close_drive(struct vm *vm, struct drive *d);
struct drive *vm_find_drive(const struct vm *vm, const char *id);
int vm_make_device(struct vm *vm, struct device_config *cfg, struct error *e);
void vm_unmake_device(struct vm *vm, struct vm_device *d);
int vm_create_devices(struct vm *vm, struct error *e);
void vm_destroy_devices(struct vm *vm);

/*
 * vm_hotplug.c: devices that come and go while the guest runs. A reset ends what the guest
 * was asked to let go of: every vCPU is parked.
 */
int vm_hotplug_init(struct vm *vm, struct error *e);
void vm_hotplug_destroy(struct vm *vm);
void vm_hotplug_reset(struct vm *vm);
int vm_device_add(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_device_del(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_netdev_add(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_netdev_del(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_fsdev_add(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_fsdev_del(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_drive_add(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_drive_del(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
/* That nothing has that id: -ENODEV, for monitors the class DeviceNotFound. */
int vm_not_found(const char *id, struct error *e);

/*
 * vm_resize.c: look at how large the disk of a drive, or with NULL each, is now, and tell
 * the guest. 0, or why one needs a reset, which its guest is told.
 */
int vm_refresh_disks(struct vm *vm, const char *drive);
int vm_block_resize(void *vm, struct json_object *args, struct json_object **ret, struct error *e);

/* vm_run.c: signals, which end the VM or press its power button. */
/* What would end the program instead of failing a call; before anything is written. */
void vm_ignore_signals(void);
int vm_create_signals(struct vm *vm, struct error *e);

/*
 * vm_run.c: stop the guest and its devices, and let them go on. Main thread, under the
 * machine's lock, which vm_stop() lets go of while vCPUs park.
 */
void vm_stop(struct vm *vm);
int vm_cont(struct vm *vm, struct error *e);
void vm_power_button(struct vm *vm);

/* vm_commands.c: what the monitor can do. */
extern const struct monitor_table vm_commands;

/* vm_query.c: what it can tell, as JSON; rows of the table. */
int vm_query_status(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_query_name(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_query_uuid(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_query_kvm(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_query_cpus(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_query_memory(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_query_chardev(void *vm, struct json_object *args, struct json_object **ret, struct error *e);

/* vm_query_devices.c: likewise. */
int vm_query_network(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_query_blockstats(void *vm, struct json_object *args, struct json_object **ret,
			struct error *e);
int vm_query_block(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_query_pci(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_query_vhost(void *vm, struct json_object *args, struct json_object **ret, struct error *e);

/* vm_balloon.c: likewise, and its event. */
void vm_watch_balloon(struct vm *vm, struct balloon_dev *b);
int vm_do_balloon(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_query_balloon(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
void vm_print_balloon(FILE *out, struct json_object *ret);

/*
 * vm_option_text.c: "key=value,..." of an object's members, as on the command line; to be
 * freed.
 */
int vm_option_text(struct json_object *args, char **text, struct error *e);

/* vm_qom.c: likewise, and devices by their paths. */
#define VM_QOM_PATH	256

void vm_qom_path(const struct vm *vm, const struct vm_device *d, char path[VM_QOM_PATH]);
struct vm_device *vm_qom_find(const struct vm *vm, const char *path);
int vm_qom_list(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_qom_get(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
int vm_qom_set(void *vm, struct json_object *args, struct json_object **ret, struct error *e);
void vm_print_qom_list(FILE *out, struct json_object *ret);
void vm_print_qom_value(FILE *out, struct json_object *ret);

/* vm_print.c: the same for people. */
void vm_print_network(FILE *out, struct json_object *ret);
void vm_print_block(FILE *out, struct json_object *ret);
void vm_print_blockstats(FILE *out, struct json_object *ret);
void vm_print_pci(FILE *out, struct json_object *ret);
void vm_print_vhost(FILE *out, struct json_object *ret);
void vm_print_status(FILE *out, struct json_object *ret);
void vm_print_name(FILE *out, struct json_object *ret);
void vm_print_uuid(FILE *out, struct json_object *ret);
void vm_print_kvm(FILE *out, struct json_object *ret);
void vm_print_cpus(FILE *out, struct json_object *ret);
void vm_print_memory(FILE *out, struct json_object *ret);
void vm_print_chardev(FILE *out, struct json_object *ret);

#endif /* FERRY_VMM_VM_INTERNAL_H */
