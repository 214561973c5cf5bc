// SPDX-License-Identifier: GPL-2.0
/*
 * The command line: what is taken, what it becomes, and the words in which what is
 * wrong is refused.
 */
#include <stdlib.h>
#include <unistd.h>

#include "harness.h"
#include "options/config.h"

#define WORDS_MAX	24

struct cmdline {
	struct config c;
	struct error e;
	int ret;
};

/* Split at spaces and parse; a word may not hold one. */
static void parse(struct cmdline *p, const char *line)
{
	char buf[8192], *word, *save = NULL, *argv[WORDS_MAX + 2] = { "ferry" };
	int argc = 1;

	snprintf(buf, sizeof(buf), "%s", line);
	for (word = strtok_r(buf, " ", &save); word && argc <= WORDS_MAX;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	memset(&p->e, 0, sizeof(p->e));
	p->ret = config_parse(&p->c, argc, argv, &p->e);
}

FIXTURE(cmdline) {
	struct cmdline p;
};

FIXTURE_SETUP(cmdline)
{
}

FIXTURE_TEARDOWN(cmdline)
{
	config_free(&self->p.c);
}

#define NET	"-kernel k -netdev tap,id=n0 "

TEST_F(cmdline, defaults_are_those_of_qemu)
{
	parse(&self->p, "-kernel k");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	EXPECT_EQ(128 * MIB, self->p.c.ram_size);
	EXPECT_EQ(1, self->p.c.cpus);
	EXPECT_EQ(CHARDEV_STDIO, self->p.c.serial.kind);
	EXPECT_TRUE(self->p.c.serial.mux);
}

TEST_F(cmdline, emulated_hardware_has_its_substitute_named)
{
	static const struct {
		const char *line, *hint;
	} cases[] = {
		{ "-kernel k -device e1000,netdev=a", "Only virtio devices are there: use "
		  "virtio-net-pci." },
		{ "-kernel k -device ide-hd,drive=a", "Only virtio devices are there: use "
		  "virtio-blk-pci." },
		{ "-kernel k -device bogus", "" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		parse(&self->p, cases[i].line);
		EXPECT_EQ(-EINVAL, self->p.ret);
		EXPECT_STREQ(cases[i].hint, self->p.e.hint);
		config_free(&self->p.c);
	}
	memset(&self->p.c, 0, sizeof(self->p.c));
}

/* Parse a file of options. */
static void read_config(struct cmdline *p, const char *text)
{
	char path[] = "/tmp/configXXXXXX", line[64];
	int fd = mkstemp(path);

	if (write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
	snprintf(line, sizeof(line), "-smp 3 -readconfig %s", path);
	parse(p, line);
	unlink(path);
}

TEST_F(cmdline, an_option_file)
{
	read_config(&self->p, "# a guest\n[machine]\n  type = \"q35\"\n  kernel = \"a,b\"\n"
		    "  append = \"x=1 y\"\n\n[memory]\nsize = \"512\"\n\n"
		    "[drive \"d0\"]\n\tfile = \"c,d\"\n\tif = \"none\"\n"
		    "[device \"blk0\"]\ndriver=\"virtio-blk-pci\"\ndrive=\"d0\"\naddr=\"5\"\n"
		    "[netdev \"n0\"]\n type = \"tap\"\n[device]\n driver = \"virtio-net\"\n"
		    " netdev = \"n0\"\n[sandbox]\nenable = \"on\"\n[machine]\nchroot = \"/c\"");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	EXPECT_STREQ("a,b", self->p.c.kernel);
	EXPECT_STREQ("x=1 y", self->p.c.append);
	EXPECT_STREQ("/c", self->p.c.chroot);
	EXPECT_TRUE(self->p.c.sandbox);
	EXPECT_EQ(512 * MIB, self->p.c.ram_size);
	EXPECT_EQ(3, self->p.c.cpus);
	ASSERT_EQ(1, self->p.c.n_drives);
	EXPECT_STREQ("c,d", self->p.c.drive[0]->file);
	ASSERT_EQ(2, self->p.c.n_devices);
	EXPECT_STREQ("blk0", self->p.c.device[0]->id);
	EXPECT_STREQ("5", self->p.c.device[0]->addr);
	EXPECT_STREQ("n0", self->p.c.device[1]->net.netdev);
}

TEST_F(cmdline, what_is_wrong_in_an_option_file)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "[machine]\n[bogus]\n", ":2: There is no option group 'bogus'" },
		{ "\nsize = \"1\"\n", ":2: no group defined" },
		{ "[memory]\nsize = 1\n", ":2: parse error: a value stands in double quotes" },
		{ "[memory]\nsize\n", ":2: parse error" },
		{ "[memory\n", ":1: parse error" },
		{ "[memory \"a]\n", ":1: parse error" },
		{ "[memory]\nkernel = \"k\"\n", ":1: Invalid parameter 'kernel'" },
		{ "[memory]\nsize = \"0\"\n", ":1: ram size too small: the least is 8 MiB" },
		{ "[device \"a\"]\ndriver = \"x\"\n\n[memory]\n",
		  ":1: 'x' is not a valid device model name" },
	};
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		read_config(&self->p, cases[i].text);
		EXPECT_GT(0, self->p.ret);
		len = strlen(self->p.e.text);
		ASSERT_LE(strlen(cases[i].message), len);
		EXPECT_STREQ(cases[i].message, self->p.e.text + len - strlen(cases[i].message));
		config_free(&self->p.c);
	}
	memset(&self->p.c, 0, sizeof(self->p.c));
}

TEST_F(cmdline, monitors)
{
	parse(&self->p, "-kernel k -nographic -S -daemonize -serial unix:/s,server,nowait "
	      "-qmp unix:/q,server=on,wait=off -monitor unix:/m,server=on -qmp unix:/c,wait=on "
	      "-uuid 8D5F21C4-4a1b-4f3e-9d0a-0123456789ab");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	EXPECT_TRUE(self->p.c.stopped);
	EXPECT_TRUE(self->p.c.daemonize);
	EXPECT_EQ(CHARDEV_SOCKET, self->p.c.serial.kind);
	EXPECT_TRUE(self->p.c.serial.server);
	EXPECT_FALSE(self->p.c.serial.wait);
	ASSERT_EQ(3, self->p.c.n_monitors);
	EXPECT_TRUE(self->p.c.monitor[0].qmp);
	EXPECT_FALSE(self->p.c.monitor[0].chardev.wait);
	EXPECT_FALSE(self->p.c.monitor[1].qmp);
	EXPECT_STREQ("/m", self->p.c.monitor[1].chardev.path);
	/* Who listens waits, unless told otherwise; who calls does not. */
	EXPECT_TRUE(self->p.c.monitor[1].chardev.wait);
	EXPECT_FALSE(self->p.c.monitor[2].chardev.server);
	EXPECT_FALSE(self->p.c.monitor[2].chardev.wait);
	EXPECT_STREQ("8d5f21c4-4a1b-4f3e-9d0a-0123456789ab", self->p.c.uuid);
}

TEST_F(cmdline, who_has_the_terminal)
{
	static const struct {
		const char *line;
		enum chardev_kind serial;
		bool mux, no_monitor;
	} cases[] = {
		{ "-kernel k", CHARDEV_STDIO, true, false },
		{ "-kernel k -nographic -monitor none", CHARDEV_STDIO, true, true },
		{ "-kernel k -serial mon:stdio -monitor unix:/m", CHARDEV_STDIO, true, false },
		{ "-kernel k -monitor stdio", CHARDEV_NULL, false, true },
		{ "-kernel k -qmp stdio", CHARDEV_NULL, false, false },
		{ "-kernel k -daemonize", CHARDEV_NULL, false, false },
		{ "-kernel k -nodefaults", CHARDEV_NONE, false, false },
		{ "-kernel k -nodefaults -nographic", CHARDEV_NONE, false, false },
		{ "-kernel k -nodefaults -monitor stdio", CHARDEV_NONE, false, true },
		{ "-kernel k -serial mon:stdio -nodefaults", CHARDEV_STDIO, true, false },
		{ "-kernel k -daemonize -serial mon:pty", CHARDEV_PTY, true, false },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		parse(&self->p, cases[i].line);
		ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s: %s", cases[i].line,
							  self->p.e.text);
		EXPECT_EQ(cases[i].serial, self->p.c.serial.kind) TH_LOG("%s", cases[i].line);
		EXPECT_EQ(cases[i].mux, self->p.c.serial.mux);
		EXPECT_EQ(cases[i].no_monitor, self->p.c.no_monitor) TH_LOG("%s", cases[i].line);
		config_free(&self->p.c);
	}
	memset(&self->p.c, 0, sizeof(self->p.c));
}

TEST_F(cmdline, memory_takes_the_suffixes)
{
	static const struct {
		const char *line;
		u64 bytes;
	} cases[] = {
		{ "-kernel k -m 384", 384 * MIB },
		{ "-kernel k -m 384M", 384 * MIB },
		{ "-kernel k -m 2G", 2 * GIB },
		{ "-kernel k -m 2g", 2 * GIB },
		{ "-kernel k -m size=1G", GIB },
		{ "-kernel k -m 65536k", 64 * MIB },
		{ "-kernel k -m 33554432B", 32 * MIB },
		{ "-kernel k -m 0x40", 64 * MIB },
		{ "-kernel k -m 8", 8 * MIB },
		{ "-kernel k -m 1T", 1024 * GIB },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		parse(&self->p, cases[i].line);
		ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s: %s", cases[i].line,
							  self->p.e.text);
		EXPECT_EQ(cases[i].bytes, self->p.c.ram_size);
		config_free(&self->p.c);
	}
	memset(&self->p.c, 0, sizeof(self->p.c));
}

TEST_F(cmdline, processors)
{
	static const struct {
		const char *line;
		u32 cpus;
	} cases[] = {
		{ "-kernel k -smp cpus=3,maxcpus=4", 3 },
		{ "-kernel k -smp sockets=2,cores=2,threads=1", 4 },
		{ "-kernel k -smp sockets=2", 2 },
		/* What is left out is what fits. */
		{ "-kernel k -smp 4,sockets=2", 4 },
		{ "-kernel k -smp 4,sockets=1,dies=1,cores=2,threads=2", 4 },
		{ "-kernel k -smp 4,sockets=2,cores=1", 4 },
		{ "-kernel k -smp 6,cores=3", 6 },
		{ "-kernel k -smp 8,cores=2,threads=2", 8 },
		{ "-kernel k -smp sockets=2,maxcpus=8", 8 },
		{ "-kernel k -smp 2,sockets=2,cores=4,maxcpus=8", 2 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		parse(&self->p, cases[i].line);
		ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
		EXPECT_EQ(cases[i].cpus, self->p.c.cpus) TH_LOG("%s", cases[i].line);
		config_free(&self->p.c);
	}
	memset(&self->p.c, 0, sizeof(self->p.c));
}

TEST_F(cmdline, a_network_card_with_everything)
{
	parse(&self->p, "-m 1G -smp 2 -kernel k -initrd i -append console=ttyS0 -nographic "
	      "-netdev tap,id=n0,ifname=tap01,script=no,downscript=no,vhost=on,queues=2 "
	      "-device virtio-net-pci,netdev=n0,mac=52:54:00:aa:bb:cc,mq=on,packed=on,addr=5,"
	      "vectors=6,rx_queue_size=1024,tx_queue_size=512,host_tso4=off");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	ASSERT_EQ(1, self->p.c.n_devices);
	EXPECT_EQ(TRI_ON, self->p.c.netdev[0]->vhost);
	EXPECT_EQ(2, self->p.c.netdev[0]->queues);
	EXPECT_STREQ("no", self->p.c.netdev[0]->script);
	EXPECT_STREQ("/dev/ferry-net", self->p.c.netdev[0]->vhostdev);
	EXPECT_EQ(0xcc, self->p.c.device[0]->net.mac[5]);
	EXPECT_TRUE(self->p.c.device[0]->net.mq);
	EXPECT_TRUE(self->p.c.device[0]->virtio.packed);
	EXPECT_EQ(6, self->p.c.device[0]->virtio.vectors);
	EXPECT_EQ(1024, self->p.c.device[0]->net.rx_queue_size);
	EXPECT_FALSE(net_config_features(&self->p.c.device[0]->net, true) &
		     BIT_ULL(VIRTIO_NET_F_HOST_TSO4));
	EXPECT_TRUE(net_config_features(&self->p.c.device[0]->net, true) &
		    BIT_ULL(VIRTIO_NET_F_HOST_TSO6));
}

TEST_F(cmdline, addresses_count_up_and_avoid_those_given)
{
	parse(&self->p, "-kernel k -netdev tap,id=a -netdev tap,id=b -netdev tap,id=c "
	      "-device virtio-net-pci,netdev=a -device virtio-net-pci,netdev=b,"
	      "mac=52:54:00:12:34:57 -device virtio-net-pci,netdev=c");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	EXPECT_EQ(0x56, self->p.c.device[0]->net.mac[5]);
	EXPECT_EQ(0x57, self->p.c.device[1]->net.mac[5]);
	EXPECT_EQ(0x58, self->p.c.device[2]->net.mac[5]);
}

TEST_F(cmdline, a_helper_has_a_bridge)
{
	parse(&self->p, "-kernel k -netdev tap,id=a -netdev tap,id=b,helper=/h "
	      "-netdev tap,id=c,helper=/h,br=br1,vhost=on");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	EXPECT_EQ(NULL, self->p.c.netdev[0]->br);
	EXPECT_STREQ("br0", self->p.c.netdev[1]->br);
	EXPECT_STREQ("br1", self->p.c.netdev[2]->br);
}

TEST_F(cmdline, two_commas_are_one_in_a_value)
{
	parse(&self->p, "-kernel k -netdev tap,id=n0,ifname=a,,b");
	ASSERT_EQ(CONFIG_RUN, self->p.ret);
	EXPECT_STREQ("a,b", self->p.c.netdev[0]->ifname);
}

TEST_F(cmdline, harmless_words_of_qemu_are_taken)
{
	parse(&self->p, "-name guest=x,debug-threads=on -enable-kvm -cpu host -M q35,accel=kvm "
	      "-nodefaults -display none -no-reboot -monitor none -kernel k "
	      "-device virtio-rng-pci,rng=r,max-bytes=9223372036854775807,period=1000");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	EXPECT_STREQ("x", self->p.c.name);
	EXPECT_TRUE(self->p.c.no_reboot);
	config_free(&self->p.c);
	parse(&self->p, "-kernel k -machine type=q35,accel=kvm:tcg,usb=off,vmport=off,smm=off,"
	      "dump-guest-core=off,mem-merge=off,graphics=off,hpet=off,acpi=on,"
	      "kernel_irqchip=on -accel kvm,kernel-irqchip=on -cpu max,migratable=no "
	      "-M pc-q35-8.2,vmport=auto -rtc base=utc,clock=host,driftfix=slew "
	      "-m size=1G,slots=2,maxmem=1G -net nic,model=virtio,vectors=5 -net user");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	EXPECT_EQ(GIB, self->p.c.ram_size);
	EXPECT_EQ(5, self->p.c.device[0]->virtio.vectors);
}

TEST_F(cmdline, a_disk_boots_by_firmware)
{
	parse(&self->p, "disk.img");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	EXPECT_EQ(NULL, self->p.c.bios);
	EXPECT_FALSE(self->p.c.boot.menu);
	EXPECT_EQ(UINT32_MAX, self->p.c.boot.reboot_timeout);
	config_free(&self->p.c);
	parse(&self->p, "-bios b -boot order=cdn,menu=on,reboot-timeout=500,strict=on");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	EXPECT_STREQ("b", self->p.c.bios);
	EXPECT_TRUE(self->p.c.boot.menu);
	EXPECT_EQ(500, self->p.c.boot.reboot_timeout);
	config_free(&self->p.c);
	parse(&self->p, "-boot c -drive file=f,if=none,id=d -device "
	      "virtio-blk-pci,drive=d,bootindex=3 -device virtio-rng-pci,bootindex=3");
	ASSERT_EQ(CONFIG_RUN, self->p.ret) TH_LOG("%s", self->p.e.text);
	EXPECT_EQ(3, self->p.c.device[0]->blk.bootindex);
}

TEST_F(cmdline, serial_ports)
{
	parse(&self->p, "-kernel k -serial file:/tmp/out");
	ASSERT_EQ(CONFIG_RUN, self->p.ret);
	EXPECT_EQ(CHARDEV_FILE, self->p.c.serial.kind);
	EXPECT_STREQ("/tmp/out", self->p.c.serial.path);
	config_free(&self->p.c);
	parse(&self->p, "-kernel k -nographic -serial none");
	ASSERT_EQ(CONFIG_RUN, self->p.ret);
	EXPECT_EQ(CHARDEV_NONE, self->p.c.serial.kind);
}

static const struct {
	const char *line, *message;
} wrong[] = {
	{ "", "no kernel and no disk to boot" },
	{ "-device virtio-rng-pci", "no kernel and no disk to boot" },
	{ "-drive file=f,if=none,id=d", "no kernel and no disk to boot" },
	{ "-append quiet disk.img", "-append only allowed with -kernel option" },
	{ "-initrd i disk.img", "-initrd only allowed with -kernel option" },
	{ "-bios b -kernel k", "-bios b: -kernel boots without firmware" },
	{ "-boot n disk.img", "-boot n: there is no boot device 'n'" },
	{ "-boot order=dn disk.img", "-boot order=dn: there is no boot device 'dn'" },
	{ "-boot once=d disk.img", "-boot once=d: there is no boot device 'd'" },
	{ "-boot cc disk.img", "-boot cc: Boot device 'c' was given twice" },
	{ "-boot c0 disk.img", "-boot c0: Invalid boot device '0'" },
	{ "-boot menu=perhaps disk.img", "-boot menu=perhaps: Parameter 'menu' expects 'on' or "
	  "'off'" },
	{ "-boot bogus=1 disk.img", "-boot bogus=1: Invalid parameter 'bogus'" },
	{ "-drive file=f,if=none,id=a -drive file=g,if=none,id=b -device "
	  "virtio-blk-pci,drive=a,bootindex=1 -device virtio-blk-pci,drive=b,bootindex=1",
	  "The bootindex 1 has already been used" },
	{ "-kernel", "-kernel: requires an argument" },
	{ "-bogus", "-bogus: invalid option" },
	{ "--bogus", "--bogus: invalid option" },
	{ "-smp 0", "-smp 0: Invalid CPU topology: CPU topology parameters must be "
	  "greater than zero" },
	{ "-smp 1000", "-smp 1000: Invalid SMP CPUs 1000. The max CPUs supported by this "
	  "machine is 254" },
	{ "-smp cpus=4,maxcpus=2", "-smp cpus=4,maxcpus=2: Invalid CPU topology: maxcpus "
	  "must be equal to or greater than smp" },
	{ "-smp two", "-smp two: Parameter 'cpus' expects a number" },
	{ "-smp -1", "-smp -1: Parameter 'cpus' expects a number" },
	{ "-m 0", "-m 0: ram size too small: the least is 8 MiB" },
	{ "-m -5", "-m -5: Parameter 'size' expects a non-negative number below 2^64" },
	{ "-m 99999999T", "-m 99999999T: Value '99999999T' is out of range for parameter "
	  "'size'" },
	{ "-m 40T", "-m 40T: ram size too large: the most is 32768 GiB" },
	{ "-m 1Q", "-m 1Q: Parameter 'size' expects a size" },
	{ "-m size=1G,bogus=2", "-m size=1G,bogus=2: Invalid parameter 'bogus'" },
	{ "-device foo", "-device foo: 'foo' is not a valid device model name" },
	{ "-device ,", "-device ,: '' is not a valid device model name" },
	{ NET "-device virtio-net-pci,netdev=n0,bogus=1",
	  "-device virtio-net-pci,netdev=n0,bogus=1: Property 'virtio-net-pci.bogus' not "
	  "found" },
	{ NET "-device virtio-net-pci,netdev=n1",
	  "-device virtio-net-pci,netdev=n1: Property 'virtio-net-pci.netdev' can't find "
	  "value 'n1'" },
	{ NET "-device virtio-net-pci,netdev=n0 -device virtio-net-pci,netdev=n0",
	  "-device virtio-net-pci,netdev=n0: Property 'virtio-net-pci.netdev' can't take "
	  "value 'n0', it's in use" },
	{ NET "-device virtio-net-pci,netdev=n0,mac=nonsense",
	  "-device virtio-net-pci,netdev=n0,mac=nonsense: Parameter 'mac' expects an "
	  "Ethernet address" },
	{ NET "-device virtio-net-pci,netdev=n0,mac=01:00:00:00:00:00",
	  "-device virtio-net-pci,netdev=n0,mac=01:00:00:00:00:00: Parameter 'mac': "
	  "'01:00:00:00:00:00' is a multicast address" },
	{ NET "-device virtio-net-pci,netdev=n0,rx_queue_size=100",
	  "-device virtio-net-pci,netdev=n0,rx_queue_size=100: Invalid rx_queue_size "
	  "(= 100), must be a power of 2 between 64 and 1024" },
	{ NET "-device virtio-net-pci,netdev=n0,rx_queue_size=4096",
	  "-device virtio-net-pci,netdev=n0,rx_queue_size=4096: Value '4096' is out of "
	  "range for parameter 'rx_queue_size' (64 to 1024)" },
	{ NET "-device virtio-net-pci,netdev=n0,vectors=0",
	  "-device virtio-net-pci,netdev=n0,vectors=0: Property 'vectors' doesn't take a value "
	  "below 2" },
	{ NET "-device virtio-net-pci,netdev=n0,packed=maybe",
	  "-device virtio-net-pci,netdev=n0,packed=maybe: Parameter 'packed' expects 'on' "
	  "or 'off'" },
	{ "-device virtio-rng-pci,id=r -device virtio-rng-pci,id=r",
	  "-device virtio-rng-pci,id=r: Duplicate device ID 'r'" },
	{ "-device virtio-rng-pci,max-bytes=1024,period=1000",
	  "-device virtio-rng-pci,max-bytes=1024,period=1000: max-bytes=1024 is not supported: "
	  "what the guest takes is not limited" },
	{ "-device virtio-rng-pci,max-bytes=0", "-device virtio-rng-pci,max-bytes=0: "
	  "max-bytes=0 is not supported: what the guest takes is not limited" },
	{ "-netdev tap", "-netdev tap: Parameter 'id' is missing" },
	{ "-netdev id=x", "-netdev id=x: Parameter 'type' is missing" },
	{ "-netdev sock,id=x", "-netdev sock,id=x: Parameter 'type' expects a netdev backend "
	  "type" },
	{ NET "-netdev tap,id=n0", "-netdev tap,id=n0: Duplicate ID 'n0' for netdev" },
	{ "-netdev tap,id=a,queues=0", "-netdev tap,id=a,queues=0: Value '0' is out of range "
	  "for parameter 'queues' (1 to 128)" },
	{ "-netdev tap,id=a,vhost=maybe",
	  "-netdev tap,id=a,vhost=maybe: Parameter 'vhost' expects 'on' or 'off'" },
	{ "-netdev tap,id=a,vhost=off,vhostforce=on",
	  "-netdev tap,id=a,vhost=off,vhostforce=on: vhostforce=, vhostfd= and vhostfds= "
	  "are not valid with vhost=off" },
	{ "-netdev tap,id=a,fd=3,ifname=x",
	  "-netdev tap,id=a,fd=3,ifname=x: ifname=, script=, downscript=, vnet_hdr=, "
	  "helper= and br= are invalid with fd= or fds=" },
	{ "-netdev tap,id=a,fd=3,helper=/h",
	  "-netdev tap,id=a,fd=3,helper=/h: ifname=, script=, downscript=, vnet_hdr=, "
	  "helper= and br= are invalid with fd= or fds=" },
	{ "-netdev tap,id=a,helper=/h,ifname=x",
	  "-netdev tap,id=a,helper=/h,ifname=x: ifname=, script=, downscript=, vnet_hdr=, "
	  "queues= and vhostfds= are invalid with helper=" },
	{ "-serial tcp:x", "-serial tcp:x: could not connect serial device to character "
	  "backend 'tcp:x'" },
	{ "-serial stdio -serial null",
	  "-serial null: too many serial ports: this machine has one" },
	{ "-M bogus", "-M bogus: unsupported machine type" },
	{ "-machine q35,accel=tcg",
	  "-machine q35,accel=tcg: invalid accelerator tcg: there is only kvm" },
	{ "-accel tcg", "-accel tcg: invalid accelerator tcg: there is only kvm" },
	{ "-machine q35,bogus=1", "-machine q35,bogus=1: Property 'ferry-machine.bogus' not "
	  "found" },
	{ "-M q35,usb=on", "-M q35,usb=on: usb=on is not supported" },
	{ "-M q35,kernel-irqchip=off", "-M q35,kernel-irqchip=off: kernel-irqchip=off is not "
	  "supported" },
	{ "-M accel=kvmbogus", "-M accel=kvmbogus: invalid accelerator kvmbogus: there is only "
	  "kvm" },
	{ "-accel kvm,bogus", "-accel kvm,bogus: Property 'kvm-accel.bogus' not found" },
	{ "-cpu host,bogus", "-cpu host,bogus: the processor is the host's as it is, and cannot be "
	  "changed by 'bogus'" },
	{ "-cpu host,-vmx", "-cpu host,-vmx: the processor is the host's as it is, and cannot be "
	  "changed by '-vmx'" },
	{ "-cpu host,kvm=off", "-cpu host,kvm=off: the processor is the host's as it is, and "
	  "cannot be changed by 'kvm'" },
	{ "-smp 4,sockets=2,cores=1,threads=1", "-smp 4,sockets=2,cores=1,threads=1: Invalid CPU "
	  "topology: product of the hierarchy must match maxcpus: sockets (2) * dies (1) * cores "
	  "(1) * threads (1) != maxcpus (4)" },
	{ "-smp 3,sockets=2", "-smp 3,sockets=2: Invalid CPU topology: product of the hierarchy "
	  "must match maxcpus: sockets (2) * dies (1) * cores (1) * threads (1) != maxcpus (3)" },
	{ "-smp 2,maxcpus=0", "-smp 2,maxcpus=0: Invalid CPU topology: CPU topology parameters "
	  "must be greater than zero" },
	{ "-smp sockets=65536,dies=65536,cores=65536,threads=65536",
	  "-smp sockets=65536,dies=65536,cores=65536,threads=65536: Invalid SMP CPUs 4294967294. "
	  "The max CPUs supported by this machine is 254" },
	{ "-m 1G,maxmem=512M", "-m 1G,maxmem=512M: invalid value of maxmem: maximum memory size "
	  "(0x20000000) must be at least the initial memory size (0x40000000)" },
	{ "-rtc base=localtime", "-rtc base=localtime: base=localtime is not supported: the clock "
	  "tells the host's time in UTC" },
	{ "-rtc base=utc,clock=vm", "-rtc base=utc,clock=vm: clock=vm is not supported: there is "
	  "only host" },
	{ "-rtc utc", "-rtc utc: Invalid parameter 'utc'" },
	{ "-name guest=a,bogus=1", "-name guest=a,bogus=1: Invalid parameter 'bogus'" },
	{ "-net nic,bogus=1", "-net nic,bogus=1: Invalid parameter 'bogus'" },
	{ "-net nic,vectors=1 -net user", "-net nic,vectors=1: Property 'vectors' doesn't take a "
	  "value below 2" },
	{ "-cpu qemu64", "-cpu qemu64: unable to find CPU model 'qemu64': there is only "
	  "host" },
};

TEST_F(cmdline, what_is_wrong_is_named)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		parse(&self->p, wrong[i].line);
		EXPECT_GT(0, self->p.ret) TH_LOG("'%s' was taken", wrong[i].line);
		EXPECT_STREQ(wrong[i].message, self->p.e.text);
		config_free(&self->p.c);
	}
	memset(&self->p.c, 0, sizeof(self->p.c));
}

TEST_F(cmdline, more_devices_than_slots_are_refused)
{
	char *argv[WORDS_MAX * 4] = { "ferry", "-kernel", "k" };
	int argc = 3, i;

	for (i = 0; i <= CONFIG_DEVICES_MAX; i++) {
		argv[argc++] = "-device";
		argv[argc++] = "virtio-rng-pci";
	}
	self->p.ret = config_parse(&self->p.c, argc, argv, &self->p.e);
	EXPECT_EQ(-ENOSPC, self->p.ret);
	EXPECT_STREQ("-device virtio-rng-pci: PCI: no slot/function available for "
		     "virtio-rng-pci, all in use or reserved", self->p.e.text);
}

TEST_F(cmdline, an_endless_word_is_refused)
{
	char *word = malloc(100000);
	char *argv[] = { "ferry", "-device", word, NULL };

	ASSERT_NE(NULL, word);
	memset(word, 'x', 99999);
	word[99999] = '\0';
	self->p.ret = config_parse(&self->p.c, 3, argv, &self->p.e);
	EXPECT_GT(0, self->p.ret);
	EXPECT_LT(0, strlen(self->p.e.text));
	free(word);
}

TEST_HARNESS_MAIN
