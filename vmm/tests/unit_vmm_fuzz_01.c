// SPDX-License-Identifier: GPL-2.0
/*
 * The guest that does at random whatever a guest can do (selftests/bare/fuzz.c), without a
 * processor: its accesses are the very calls that vCPUs make. Every device is served by
 * the VMM's own threads, under sanitizers. What KVM and the modules make of such a guest is
 * selftests/guest/test_fuzz_01's to find out.
 *
 * unit_vmm_fuzz_01 runs four seeds; FERRY_FUZZ_SEED and FERRY_FUZZ_OPERATIONS choose one, and
 * how long.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "bare/fuzz.h"
#include "hotplug_rig.h"
#include "harness.h"

#define OPERATIONS	40000U
#define LOOP		64U	/* operations between two looks at what the main loop has to do */
#define TURN		16U	/* between two turns of the devices' threads */
#define TURN_US		100
#define RESET		5000U	/* between two resets of the machine */

struct board {
	struct hotplug_rig r;
	struct legacy legacy;
	struct serial serial;
	char dir[32], disk[48], console[48], export[96], drive[112], chardev[96];
};

/* The functions of bare.h know of no machine: there is one at a time. */
static struct board *board;

static u64 access_bus(struct bus *b, u64 addr, u64 val, u32 size, bool write)
{
	struct machine *m = &board->r.vm.machine;
	u8 data[8];

	memcpy(data, &val, sizeof(data));
	pthread_mutex_lock(&m->lock);
	bus_access(b, addr, data, size, write);
	pthread_mutex_unlock(&m->lock);
	val = 0;
	memcpy(&val, data, size);
	return val;
}

u64 io_read(u16 port, u32 size)
{
	return access_bus(&board->r.vm.machine.pio, port, 0, size, false);
}

void io_write(u16 port, u64 val, u32 size)
{
	access_bus(&board->r.vm.machine.pio, port, val, size, true);
}

void io_string(u16 port, u64 at, u64 n, bool write)
{
	for (; n--; at++) {
		if (write)
			io_write(port, mem_read(at, 1), 1);
		else
			mem_write(at, io_read(port, 1), 1);
	}
}

/* The threads of devices read it meanwhile. */
u64 mem_read(u64 addr, u32 size)
{
	struct machine *m = &board->r.vm.machine;
	u8 *p = ram_ptr(&m->ram, addr, size);
	u64 val = 0;

	if (!p)
		return access_bus(&m->mmio, addr, 0, size, false);
	memcpy(&val, p, size);
	return val;
}

void mem_write(u64 addr, u64 val, u32 size)
{
	struct machine *m = &board->r.vm.machine;
	u8 *p = ram_ptr(&m->ram, addr, size);

	if (p)
		memcpy(p, &val, size);
	else
		access_bus(&m->mmio, addr, val, size, true);
}

static int board_legacy(struct board *b)
{
	static const struct legacy_ports ports = {
		.speaker = X86_PORT_SPEAKER, .kbd = X86_PORT_KBD, .rtc = X86_PORT_RTC,
	};
	struct machine *m = &b->r.vm.machine;

	return legacy_init(&b->legacy, m, &ports, &b->r.e) ||
	       serial_init(&b->serial, m, X86_PORT_COM1, X86_IRQ_COM1, &b->r.e);
}

static int board_init(struct board *b)
{
	char *argv[] = {
		"ferry", "-kernel", "k", "-device", "virtio-balloon-pci,id=b0",
		"-netdev", "user,id=n0,restrict=on", "-device", "virtio-net-pci,netdev=n0",
		"-device", "virtio-rng-pci", "-drive", b->drive, "-virtfs", b->export,
		"-chardev", b->chardev, "-device", "virtio-serial-pci",
		"-device", "virtconsole,chardev=c0",
	};
	int fd;

	memset(b, 0, sizeof(*b));
	board = b;
	strcpy(b->dir, "/tmp/fuzzXXXXXX");
	if (!mkdtemp(b->dir))
		return -1;
	snprintf(b->disk, sizeof(b->disk), "%s/disk", b->dir);
	snprintf(b->console, sizeof(b->console), "%s/console", b->dir);
	snprintf(b->drive, sizeof(b->drive),
		 "file=%s,if=virtio,format=raw,vhost=off,discard=unmap", b->disk);
	snprintf(b->export, sizeof(b->export),
		 "local,path=%s,mount_tag=t,security_model=none,vhost=off", b->dir);
	snprintf(b->chardev, sizeof(b->chardev), "file,id=c0,path=%s", b->console);
	fd = open(b->disk, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 4 * MIB) || close(fd))
		return -1;
	return hotplug_rig_init(&b->r, argv, ARRAY_SIZE(argv)) || board_legacy(b);
}

static void board_destroy(struct board *b)
{
	char command[64];

	serial_destroy(&b->serial);
	hotplug_rig_destroy(&b->r);
	snprintf(command, sizeof(command), "rm -rf %s", b->dir);
	if (system(command))
		fprintf(stderr, "%s is left behind\n", b->dir);
}

/* As the main thread does it. */
static void board_reset(struct board *b)
{
	struct vm *vm = &b->r.vm;
	unsigned int i;

	pthread_mutex_lock(&vm->machine.lock);
	vm_hotplug_reset(vm);
	for (i = 0; i < vm->n_devices; i++)
		virtio_pci_reset(&vm->device[i]->pci);
	pci_bus_reset(&vm->pci);
	serial_reset(&b->serial);
	acpi_pm_reset(&vm->pm);
	pthread_mutex_unlock(&vm->machine.lock);
	machine_answered(&vm->machine);
}

static unsigned int disk_used(const struct board *b)
{
	struct stat st;

	return stat(b->disk, &st) ? 0 : st.st_blocks;
}

static u64 number(const char *name, int base, u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, base) : otherwise;
}

/* Until what it is worth, or until it has ejected nearly everything. */
static void hammer(struct board *b, u64 seed, u64 operations)
{
	struct fuzz f = { .ends = true, .vectors = true };
	u64 i;

	fuzz_begin(&f, seed);
	for (i = 1; i <= operations && f.n_devices; i++) {
		fuzz_once(&f);
		if (i % TURN == 0)
			usleep(TURN_US);
		if (i % LOOP == 0) {
			hotplug_rig_hear(&b->r, b->r.qmp);
			hotplug_rig_ask(&b->r, b->r.hmp, i % (8 * LOOP) ? "info pci\n" :
					"info vhost\n");
		}
		if (i % RESET == 0) {
			board_reset(b);
			fuzz_begin(&f, seed + i);
		}
	}
}

TEST(guest_does_what_it_likes)
{
	u64 seed = number("FERRY_FUZZ_SEED", 16, 0), i;
	unsigned int used = 0;

	for (i = 1; i <= (seed ? 1 : 4); i++) {
		struct board *b = calloc(1, sizeof(*b));

		ASSERT_NE(NULL, b);
		ASSERT_EQ(0, board_init(b)) TH_LOG("%s", b->r.e.text);
		hammer(b, seed ?: i, number("FERRY_FUZZ_OPERATIONS", 10, OPERATIONS));
		/* It is alive, and answers. */
		EXPECT_NE(NULL, strstr(hotplug_rig_ask(&b->r, b->r.hmp, "info pci\n"),
				       "Bus  0, device   0"));
		used += disk_used(b);
		board_destroy(b);
		free(b);
	}
	/* Requests came through. */
	EXPECT_NE(0, used);
}

TEST_HARNESS_MAIN
