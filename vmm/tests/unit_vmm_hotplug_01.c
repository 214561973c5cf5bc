// SPDX-License-Identifier: GPL-2.0
/*
 * Hot plug by a monitor, with a guest that does what it should: devices come, are told of,
 * are asked to go, are ejected and gone, with what was behind them; and all that is refused.
 */
#include "hotplug_rig.h"
#include "harness.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "backend/image_lock.h"

FIXTURE(plug) {
	struct hotplug_rig r;
};

FIXTURE_SETUP(plug)
{
	char *argv[] = { "ferry", "-kernel", "k", "-device", "virtio-rng-pci,id=r0,addr=3",
			 "-device", "virtio-balloon-pci,id=b0", "-netdev", "user,id=n0",
			 "-fsdev", "local,id=f0,path=/tmp,security_model=none", "-drive",
			 "file=/dev/null,if=none,id=nothing" };

	ASSERT_EQ(0, hotplug_rig_init(&self->r, argv, ARRAY_SIZE(argv)))
		TH_LOG("%s", self->r.e.text);
}

FIXTURE_TEARDOWN(plug)
{
	hotplug_rig_destroy(&self->r);
}

#define ASK(fd, question)	hotplug_rig_ask(&self->r, self->r.fd, question "\n")

/* @answer is all of it. */
#define TYPE(line, answer)						\
	EXPECT_STREQ(answer "(qemu) ", ASK(hmp, line))			\
		TH_LOG("to '%s'", line)

#define DELETED(name)	"\"DEVICE_DELETED\", \"data\": { \"device\": \"" name "\", "	\
			"\"path\": \"/machine/peripheral/" name "\" }"

TEST_F(plug, a_card_comes_and_goes)
{
	struct hotplug_rig *r = &self->r;

	EXPECT_NE(NULL, strstr(ASK(qmp, "{\"execute\":\"device_add\",\"arguments\":{"
				   "\"driver\":\"virtio-net-pci\",\"id\":\"c\",\"netdev\":\"n0\","
				   "\"addr\":\"0x1f\",\"mq\":false,\"host_mtu\":1400}}"),
			       "\"return\": { }")) TH_LOG("%s", r->heard);
	EXPECT_TRUE(hotplug_rig_there(r, 31));
	EXPECT_EQ(X86_ACPI_EVENT_HOTPLUG, r->vm.pm.events);
	EXPECT_EQ(1U << 31, hotplug_rig_read(r, PCI_HOTPLUG_UP));
	EXPECT_EQ(0, hotplug_rig_read(r, PCI_HOTPLUG_UP));
	EXPECT_EQ(1400, vm_find_netdev(&r->vm, "n0") ? r->vm.device[2]->net.mtu : 0);

	/* Asked twice, it is told twice; until it answers the device stays. */
	TYPE("device_del c", "");
	EXPECT_EQ(1U << 31, hotplug_rig_read(r, PCI_HOTPLUG_DOWN));
	TYPE("device_del c", "");
	EXPECT_EQ(1U << 31, hotplug_rig_read(r, PCI_HOTPLUG_DOWN));
	EXPECT_EQ(0, hotplug_rig_read(r, PCI_HOTPLUG_DOWN));
	EXPECT_TRUE(hotplug_rig_there(r, 31));
	EXPECT_STREQ("", hotplug_rig_hear(r, r->qmp));

	hotplug_rig_eject(r, 1U << 31);
	EXPECT_FALSE(hotplug_rig_there(r, 31));
	EXPECT_NE(NULL, strstr(hotplug_rig_hear(r, r->qmp), DELETED("c"))) TH_LOG("%s", r->heard);
	EXPECT_EQ(2, r->vm.n_devices);
	EXPECT_EQ(2, r->cfg.n_devices);

	/* What was behind it is there, for another one or to go. */
	TYPE("device_add virtio-net-pci,netdev=n0,id=c", "");
	TYPE("netdev_del n0", "Error: 'n0' is in use by device 'c'\n");
	hotplug_rig_eject(r, 1U << 2);
	TYPE("netdev_del n0", "");
	TYPE("netdev_del n0", "Error: Device 'n0' not found\n");
	TYPE("netdev_add user,id=n0,hostfwd=tcp:127.0.0.1:0-:22", "Error: Invalid host forwarding "
	     "rule 'tcp:127.0.0.1:0-:22' (Bad host port)\n");
	EXPECT_EQ(0, r->cfg.n_netdevs);
}

TEST_F(plug, a_disk_goes_with_its_image)
{
	struct hotplug_rig *r = &self->r;
	char line[128];
	int i;

	for (i = 0; i < 2; i++) {
		snprintf(line, sizeof(line), "drive_add 0 if=none,file=%s,format=raw,id=d,"
			 "vhost=off\n", r->file);
		EXPECT_NE(NULL, strstr(hotplug_rig_ask(r, r->hmp, line), "OK\n"))
			TH_LOG("%s", r->heard);
		EXPECT_NE(NULL, strstr(hotplug_rig_ask(r, r->hmp, line), "Duplicate ID 'd'"))
			TH_LOG("%s", r->heard);
		TYPE("device_add virtio-blk-pci,drive=d,addr=3", "Error: PCI: slot 3 function 0 "
		     "not available for virtio-blk-pci, in use\n");
		TYPE("device_add virtio-blk-pci,drive=d,id=d", "");
		TYPE("device_add virtio-blk-pci,drive=d", "Error: Drive 'd' is already in use by "
		     "another device\n");
		TYPE("drive_del d", "Error: 'd' is in use by device 'd'\n");
		TYPE("device_del /machine/peripheral/d", "");
		hotplug_rig_eject(r, hotplug_rig_read(r, PCI_HOTPLUG_DOWN));
		EXPECT_NE(NULL, strstr(hotplug_rig_hear(r, r->qmp), DELETED("d")))
			TH_LOG("%s", r->heard);
		TYPE("drive_del d", "Error: Device 'd' not found\n");
		EXPECT_EQ(0, r->vm.n_drives);
		EXPECT_EQ(1, r->cfg.n_drives);
	}
	TYPE("drive_del nothing", "");
	EXPECT_EQ(0, r->cfg.n_drives);
}

/* What the guest may know of a disk's size, and what its file has. */
#define HAS_SECTORS(n)							\
do {									\
	struct virtio_dev *v = &r->vm.device[2]->blk.v;			\
	__le64 told;							\
									\
	v->ops->config_read(v, offsetof(struct virtio_blk_config, capacity), &told,	\
			    sizeof(told));				\
	EXPECT_EQ(n, le64toh(told));					\
	EXPECT_EQ(0, stat(r->file, &st));				\
	EXPECT_EQ((n) * 512, st.st_size);				\
} while (0)

TEST_F(plug, a_disk_gets_another_size)
{
	struct hotplug_rig *r = &self->r;
	struct stat st;
	char line[128];

	snprintf(line, sizeof(line), "drive_add 0 if=none,file=%s,format=raw,id=d,vhost=off\n",
		 r->file);
	hotplug_rig_ask(r, r->hmp, line);
	TYPE("device_add virtio-blk-pci,drive=d,id=disk", "");
	HAS_SECTORS(2048);
	TYPE("block_resize d 3", "");
	HAS_SECTORS(6144);
	TYPE("block_resize d 10K", "");
	HAS_SECTORS(20);
	EXPECT_NE(NULL, strstr(ASK(qmp, "{\"execute\":\"block_resize\",\"arguments\":{"
				   "\"device\":\"d\",\"size\":1048576}}"), "\"return\": { }"))
		TH_LOG("%s", r->heard);
	HAS_SECTORS(2048);

	TYPE("block_resize d 0", "Error: Parameter 'size' expects a >0 size\n");
	TYPE("block_resize d -1", "Error: Parameter 'size' expects a >0 size\n");
	TYPE("block_resize d 9000000T", "Error: number '9000000T' is out of range\n");
	TYPE("block_resize d 8000000T", "Error: Failed to resize file: File too large\n");
	TYPE("block_resize disk 1", "Error: Device 'disk' not found\n");
	TYPE("block_resize nothing 1", "Error: 'nothing' is not in use by a device\n");
	TYPE("block_resize d", "Error: Parameter 'size' is missing\n");
	HAS_SECTORS(2048);
}

/* Another descriptor of the image, with QEMU's locks; an error if it is not to be had. */
static int lock_too(struct hotplug_rig *r, bool share)
{
	const struct image_lock l = { .file = r->file, .write = true, .share = share };
	int fd = open(r->file, O_RDWR | O_CLOEXEC), ret = image_lock(fd, &l, &r->e);

	close(fd);
	return ret;
}

TEST_F(plug, a_disk_that_is_added_first_may_be_shared)
{
	struct hotplug_rig *r = &self->r;
	char line[128];

	snprintf(line, sizeof(line), "drive_add 0 if=none,file=%s,format=raw,id=d,vhost=off\n",
		 r->file);
	hotplug_rig_ask(r, r->hmp, line);
	EXPECT_NE(0, lock_too(r, true));
	TYPE("device_add virtio-blk-pci,drive=d,id=disk,share-rw=on", "");
	EXPECT_EQ(0, lock_too(r, true));
	EXPECT_NE(0, lock_too(r, false));
}

TEST_F(plug, a_disk_that_is_only_read_keeps_its_size)
{
	struct hotplug_rig *r = &self->r;
	struct stat st;
	char line[128];

	snprintf(line, sizeof(line), "drive_add 0 if=none,file=%s,format=raw,id=d,vhost=off,"
		 "readonly=on\n", r->file);
	hotplug_rig_ask(r, r->hmp, line);
	TYPE("device_add virtio-blk-pci,drive=d,id=disk", "");
	TYPE("block_resize d 3", "Error: Image is read-only\n");
	HAS_SECTORS(2048);
}

TEST_F(plug, names_that_are_free_again)
{
	struct hotplug_rig *r = &self->r;
	char line[128];

	snprintf(line, sizeof(line), "drive_add 0 if=none,file=%s,format=raw,readonly=on\n",
		 r->file);
	EXPECT_STREQ("OK\n(qemu) ", hotplug_rig_ask(r, r->hmp, line));
	EXPECT_STREQ("OK\n(qemu) ", hotplug_rig_ask(r, r->hmp, line));
	TYPE("drive_del none1", "");
	EXPECT_STREQ("OK\n(qemu) ", hotplug_rig_ask(r, r->hmp, line));
	TYPE("drive_del none2", "");
	TYPE("drive_del none3", "");
}

TEST_F(plug, a_directory_and_a_reset_that_ends_it)
{
	struct hotplug_rig *r = &self->r;

	TYPE("device_add virtio-9p-pci,fsdev=f0,mount_tag=t,vhost=off,id=p", "");
	TYPE("device_del p", "");
	TYPE("device_add virtio-rng-pci,id=new", "");
	pthread_mutex_lock(&r->vm.machine.lock);
	vm_hotplug_reset(&r->vm);
	pthread_mutex_unlock(&r->vm.machine.lock);
	EXPECT_NE(NULL, strstr(hotplug_rig_hear(r, r->qmp), DELETED("p"))) TH_LOG("%s", r->heard);
	EXPECT_EQ(0, hotplug_rig_read(r, PCI_HOTPLUG_UP));
	EXPECT_EQ(0, hotplug_rig_read(r, PCI_HOTPLUG_DOWN));
	EXPECT_EQ(3, r->vm.n_devices);
	TYPE("device_add virtio-9p-pci,fsdev=f0,mount_tag=t,vhost=off,id=p", "");
}

/* By either monitor, as often as wanted, with what the command line would take. */
TEST_F(plug, directories_that_come_later)
{
	struct hotplug_rig *r = &self->r;
	int i;

	for (i = 0; i < 3; i++) {
		TYPE("fsdev_add local,id=f1,path=/tmp,security_model=none,readonly=on", "");
		TYPE("fsdev_add local,id=f1,path=/,security_model=none",
		     "Error: Duplicate ID 'f1' for fsdev\n");
		ASK(qmp, "{\"execute\":\"fsdev_add\",\"arguments\":{\"fsdriver\":\"local\",\"id\":"
		    "\"f2\",\"path\":\"/var,nowhere\",\"security_model\":\"mapped\",\"fmode\":420,"
		    "\"readonly\":true}}");
		EXPECT_NE(NULL, strstr(r->heard, "\"return\": { }")) TH_LOG("%s", r->heard);
		ASSERT_EQ(3, r->cfg.n_fsdevs);
		EXPECT_STREQ("/var,nowhere", r->cfg.fsdev[2]->path);
		EXPECT_EQ(0644, r->cfg.fsdev[2]->fmode);
		/* The directory is looked for when the device comes; what fails leaves nothing. */
		TYPE("device_add virtio-9p-pci,fsdev=f2,mount_tag=u,vhost=off", "Error: cannot "
		     "initialize fsdev 'f2': failed to open '/var,nowhere': No such file or "
		     "directory\n");
		TYPE("device_add virtio-9p-pci,fsdev=f1,mount_tag=t,vhost=off,id=p", "");
		TYPE("device_add virtio-9p-pci,fsdev=f1,mount_tag=u,vhost=off",
		     "Error: fsdev 'f1' is already in use by another device\n");
		TYPE("fsdev_del f1", "Error: 'f1' is in use by device 'p'\n");
		/* Those before and behind it stay where they are. */
		TYPE("fsdev_del f2", "");
		TYPE("fsdev_del f2", "Error: Device 'f2' not found\n");
		TYPE("device_del p", "");
		hotplug_rig_eject(r, hotplug_rig_read(r, PCI_HOTPLUG_DOWN));
		EXPECT_NE(NULL, strstr(hotplug_rig_hear(r, r->qmp), DELETED("p")));
		TYPE("fsdev_del f1", "");
		EXPECT_EQ(1, r->cfg.n_fsdevs);
	}
	/* The first goes, another one's device goes on by its own. */
	TYPE("fsdev_add local,id=f1,path=/tmp,security_model=none", "");
	TYPE("device_add virtio-9p-pci,fsdev=f1,mount_tag=t,vhost=off,id=p", "");
	TYPE("fsdev_del f0", "");
	hotplug_rig_eject(r, 1U << 2);
	EXPECT_NE(NULL, strstr(hotplug_rig_hear(r, r->qmp), DELETED("p"))) TH_LOG("%s", r->heard);
	TYPE("device_add virtio-9p-pci,fsdev=f1,mount_tag=t,vhost=off,id=p", "");
}

TEST_F(plug, what_is_refused)
{
	static const struct {
		const char *line, *answer;
	} cases[] = {
		{ "device_add", "Parameter 'driver' is missing" },
		{ "device_add what", "'what' is not a valid device model name" },
		{ "device_add virtio-rng-pci,what=1", "Property 'virtio-rng-pci.what' not found" },
		{ "device_add virtio-rng-pci,id=r0", "Duplicate device ID 'r0'" },
		{ "device_add virtio-rng-pci,bus=pci.7", "Bus 'pci.7' not found" },
		{ "device_add virtio-rng-pci,addr=20", "doesn't take value '20'" },
		{ "device_add virtio-rng-pci,addr=0", "PCI: slot 0 function 0 not available" },
		{ "device_add virtio-rng-pci,=x", "Parameter '' is unexpected" },
		{ "device_add virtio-balloon-pci",
		  "Device 'virtio-balloon-pci' does not support hotplugging" },
		{ "device_add virtconsole,chardev=x",
		  "Device 'virtconsole' does not support hotplugging" },
		{ "device_add virtio-net-pci,netdev=n9",
		  "Property 'virtio-net-pci.netdev' can't find value 'n9'" },
		{ "device_add virtio-net-pci,netdev=n0,rx_queue_size=100",
		  "Invalid rx_queue_size (= 100)" },
		{ "device_add virtio-blk-pci,drive=d9", "can't find value 'd9'" },
		{ "device_add virtio-blk-pci,drive=nothing", "/dev/null" },
		{ "device_add virtio-9p-pci,fsdev=f9,mount_tag=t",
		  "9pfs device couldn't find fsdev with the id = f9" },
		{ "device_del b0", "Device 'virtio-balloon-pci' does not support hotplugging" },
		{ "device_del what", "Device 'what' not found" },
		{ "netdev_add user", "Parameter 'id' is missing" },
		{ "netdev_add user,id=n0", "Duplicate ID 'n0' for netdev" },
		{ "netdev_add what,id=n1", "Parameter 'type' expects a netdev backend type" },
		{ "netdev_add tap,id=n1,fd=0", "are for descriptors that are handed in at the " },
		{ "netdev_add tap,id=n1,vhostfd=0", "are for descriptors that are handed in" },
		{ "fsdev_add local,id=f0,path=/,security_model=none", "Duplicate ID 'f0' for" },
		{ "fsdev_add local,id=f1,path=/", "security_model property not set" },
		{ "fsdev_add proxy,id=f1", "fsdriver proxy is not supported: use local" },
		{ "fsdev_add local,path=/,security_model=none", "fsdev: No id specified" },
		{ "fsdev_add local,id=f1,path=/,security_model=none,what=1", "'what'" },
		{ "fsdev_add", "Parameter 'fsdriver' is missing" },
		{ "fsdev_del what", "Device 'what' not found" },
		{ "drive_add 0 file=/dev/null", "Can't hot-add drive to type virtio" },
		{ "drive_add 0 if=none,id=x", "Device needs media, but drive is empty" },
		{ "drive_add 0 if=none,id=x,file=/nowhere", "/nowhere" },
		{ "drive_del what", "Device 'what' not found" },
	};
	struct hotplug_rig *r = &self->r;
	char line[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(line, sizeof(line), "%s\n", cases[i].line);
		hotplug_rig_ask(r, r->hmp, line);
		EXPECT_TRUE(strstr(r->heard, "Error: ") && strstr(r->heard, cases[i].answer))
			TH_LOG("'%s' was answered '%s'", cases[i].line, r->heard);
	}
	EXPECT_EQ(2, r->vm.n_devices);
	EXPECT_EQ(2, r->cfg.n_devices);
	EXPECT_EQ(1, r->cfg.n_netdevs);
	EXPECT_EQ(1, r->cfg.n_fsdevs);
	EXPECT_EQ(1, r->cfg.n_drives);
	EXPECT_EQ(0, r->vm.n_drives);
	EXPECT_EQ(0, hotplug_rig_read(r, PCI_HOTPLUG_UP));
}

TEST_F(plug, what_is_refused_of_programs)
{
	static const struct {
		const char *args, *answer;
	} cases[] = {
		{ "\"id\":\"x\"", "Parameter 'driver' is missing" },
		{ "\"driver\":\"virtio-rng-pci\",\"addr\":5",
		  "Invalid parameter type for 'addr', expected: string" },
		{ "\"driver\":\"virtio-rng-pci\",\"id\":{}", "Invalid parameter type for 'id'" },
		{ "\"driver\":\"virtio-rng-pci\",\"id\":null", "Invalid parameter type for 'id'" },
		{ "\"driver\":\"virtio-rng-pci\",\"id\":[1]", "Invalid parameter type for 'id'" },
		{ "\"driver\":\"virtio-rng-pci\",\"id\":\"a\\u0000b\"",
		  "Invalid parameter type for 'id'" },
		{ "\"driver\":\"virtio-rng-pci\",\"id=x,addr\":\"5\"",
		  "Parameter 'id=x,addr' is unexpected" },
		{ "\"driver\":\"virtio-rng-pci\",\"packed\":7",
		  "Parameter 'packed' expects 'on' or 'off'" },
	};
	struct hotplug_rig *r = &self->r;
	char line[256];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(line, sizeof(line), "{\"execute\":\"device_add\",\"arguments\":{%s}}\n",
			 cases[i].args);
		hotplug_rig_ask(r, r->qmp, line);
		EXPECT_TRUE(strstr(r->heard, "GenericError") && strstr(r->heard, cases[i].answer))
			TH_LOG("'%s' was answered '%s'", cases[i].args, r->heard);
	}
	ASK(qmp, "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"what\"}}");
	EXPECT_NE(NULL, strstr(r->heard, "\"DeviceNotFound\"")) TH_LOG("%s", r->heard);
	ASK(qmp, "{\"execute\":\"netdev_add\",\"arguments\":{\"type\":\"user\",\"id\":\"n,1\","
	    "\"hostfwd\":[{\"str\":\"tcp::0-:22\"}]}}");
	EXPECT_NE(NULL, strstr(r->heard, "Bad host port")) TH_LOG("%s", r->heard);
	ASK(qmp, "{\"execute\":\"netdev_add\",\"arguments\":{\"type\":\"user\",\"id\":\"n,1\"}}");
	EXPECT_NE(NULL, vm_find_netdev(&r->vm, "n,1")) TH_LOG("%s", r->heard);
	TYPE("device_add virtio-net-pci,netdev=n,,1", "");
}

TEST_F(plug, nothing_comes_once_the_sandbox_is_closed)
{
	self->r.cfg.sandbox = true;
	TYPE("device_add virtio-rng-pci", "Error: device_add is not possible with -sandbox on\n");
	TYPE("netdev_add user,id=u",
	     "Error: netdev_add is not possible with -sandbox on\n");
	TYPE("fsdev_add local,id=f",
	     "Error: fsdev_add is not possible with -sandbox on\n");
	TYPE("drive_add 0 if=none,file=/x", "Error: drive_add is not possible with -sandbox on\n");
	TYPE("device_del r0", "");
	hotplug_rig_eject(&self->r, 1U << 3);
	EXPECT_NE(NULL, strstr(hotplug_rig_hear(&self->r, self->r.qmp), DELETED("r0")));
}

TEST_HARNESS_MAIN
