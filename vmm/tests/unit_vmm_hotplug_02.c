// SPDX-License-Identifier: GPL-2.0
/*
 * Hot plug with a guest that writes and reads what it likes where it likes, while devices
 * come and go up to a full bus: what it ejects is gone, nothing else is, and no place on the
 * bus or in its window is lost.
 */
#include "hotplug_rig.h"
#include "harness.h"

#define ROUNDS	20000

FIXTURE(guest) {
	struct hotplug_rig r;
	u64 random;
};

FIXTURE_SETUP(guest)
{
	char *argv[] = { "ferry", "-kernel", "k", "-device", "virtio-balloon-pci,id=b0",
			 "-netdev", "user,id=n0" };

	self->random = 1;
	ASSERT_EQ(0, hotplug_rig_init(&self->r, argv, ARRAY_SIZE(argv)))
		TH_LOG("%s", self->r.e.text);
}

FIXTURE_TEARDOWN(guest)
{
	hotplug_rig_destroy(&self->r);
}

static const char *type(struct hotplug_rig *r, const char *line)
{
	return hotplug_rig_ask(r, r->hmp, line);
}

/* No two devices answer at the same address once they are reset. */
static bool bars_are_apart(const struct pci_bus *b)
{
	unsigned int i, k;

	for (i = 1; i < PCI_SLOTS; i++)
		for (k = i + 1; k < PCI_SLOTS; k++)
			if (b->slot[i] && b->slot[k] &&
			    (b->slot[i]->bar_initial == b->slot[k]->bar_initial ||
			     b->slot[i]->ports_initial == b->slot[k]->ports_initial))
				return false;
	return true;
}

TEST_F(guest, ejects_what_is_not_there)
{
	struct hotplug_rig *r = &self->r;

	/* The host bridge, the balloon, which stays, and empty slots. */
	hotplug_rig_eject(r, ~0U);
	EXPECT_STREQ("", hotplug_rig_hear(r, r->qmp));
	EXPECT_TRUE(hotplug_rig_there(r, 0));
	EXPECT_TRUE(hotplug_rig_there(r, 1));
	EXPECT_EQ(1, r->vm.n_devices);
}

TEST_F(guest, ejects_unasked_and_twice)
{
	struct hotplug_rig *r = &self->r;

	type(r, "device_add virtio-rng-pci,id=x\n");
	hotplug_rig_eject(r, 1U << 2);
	hotplug_rig_eject(r, 1U << 2);
	/* The slot is free before the device is down. */
	type(r, "device_add virtio-rng-pci,id=x,addr=2\n");
	EXPECT_EQ(NULL, strstr(r->heard, "Error")) TH_LOG("%s", r->heard);
	EXPECT_NE(NULL, strstr(hotplug_rig_hear(r, r->qmp), "DEVICE_DELETED"));
	EXPECT_TRUE(hotplug_rig_there(r, 2));
	EXPECT_EQ(2, r->vm.n_devices);
}

TEST_F(guest, fills_the_bus_again_and_again)
{
	struct hotplug_rig *r = &self->r;
	unsigned int round, i;

	for (round = 0; round < 3; round++) {
		for (i = 1; i < CONFIG_DEVICES_MAX; i++) {
			type(r, "device_add virtio-rng-pci\n");
			ASSERT_EQ(NULL, strstr(r->heard, "Error")) TH_LOG("%s", r->heard);
		}
		type(r, "device_add virtio-rng-pci\n");
		EXPECT_NE(NULL, strstr(r->heard, "PCI: no slot/function available"));
		EXPECT_TRUE(bars_are_apart(&r->vm.pci));
		EXPECT_EQ(~3U, hotplug_rig_read(r, PCI_HOTPLUG_UP));
		hotplug_rig_eject(r, ~0U);
		hotplug_rig_hear(r, r->qmp);
		EXPECT_EQ(1, r->vm.n_devices);
	}
}

/* A port, or the registers of whatever device is there. */
static void touch(struct hotplug_rig *r, u64 *random)
{
	u64 n = test_random(random);
	u64 val = test_random(random);
	u8 data[8];

	memcpy(data, &val, sizeof(data));
	pthread_mutex_lock(&r->vm.machine.lock);
	if (n & 1)
		bus_access(&r->vm.machine.pio, X86_PORT_HOTPLUG - 4 + (n >> 8) % 24, data,
			   1U << (n >> 4 & 3), n & 2);
	else
		bus_access(&r->vm.machine.mmio, cfg_addr(n >> 8 & 31, (n >> 16 & 15) * 4), data, 4,
			   n & 2);
	pthread_mutex_unlock(&r->vm.machine.lock);
}

TEST_F(guest, does_what_it_likes)
{
	static const char *const lines[] = {
		"device_add virtio-rng-pci\n", "device_add virtio-rng-pci,id=a\n",
		"device_add virtio-net-pci,netdev=n0,id=c\n", "device_del a\n", "device_del c\n",
	};
	struct hotplug_rig *r = &self->r;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		touch(r, &self->random);
		if (i % 16)
			continue;
		type(r, lines[test_random(&self->random) % ARRAY_SIZE(lines)]);
		hotplug_rig_hear(r, r->qmp);
		ASSERT_EQ(r->vm.n_devices, r->cfg.n_devices);
		ASSERT_TRUE(bars_are_apart(&r->vm.pci));
	}
	EXPECT_TRUE(hotplug_rig_there(r, 0));
	EXPECT_TRUE(hotplug_rig_there(r, 1));
	hotplug_rig_eject(r, ~0U);
	hotplug_rig_hear(r, r->qmp);
	EXPECT_EQ(1, r->vm.n_devices);
}

TEST_HARNESS_MAIN
