// SPDX-License-Identifier: GPL-2.0
/*
 * The balloon in the monitors: QMP and HMP commands, the event, and its statistics as
 * properties, by the paths that QEMU's users know.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "vm_internal.h"

#define HEARD	65536

FIXTURE(monitors) {
	struct vm vm;
	struct vm_device device[3];
	struct device_config cfg[3];
	int qmp, hmp;
	struct error e;
	char heard[HEARD];
};

typedef FIXTURE_DATA(monitors) rig;

static void run_loop(rig *r)
{
	struct epoll_event ev;

	while (epoll_wait(r->vm.machine.loop.epfd, &ev, 1, 0) == 1) {
		struct loop_source *src = ev.data.ptr;

		pthread_mutex_lock(&r->vm.machine.lock);
		if (src->added)
			src->ready(src->opaque, ev.events);
		pthread_mutex_unlock(&r->vm.machine.lock);
	}
}

/* What @fd says to @text. */
static const char *ask(rig *r, int fd, const char *text)
{
	size_t len = 0;
	ssize_t n;

	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return "cannot be asked";
	do {
		run_loop(r);
		n = recv(fd, r->heard + len, HEARD - 1 - len, MSG_DONTWAIT);
		len += n > 0 ? n : 0;
	} while (n > 0);
	r->heard[len] = '\0';
	return r->heard;
}

static int client(rig *r, bool qmp)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) ||
	    monitor_adopt(&r->vm.monitor, qmp, fds[1], &r->e))
		return -1;
	ask(r, fds[0], qmp ? "{\"execute\":\"qmp_capabilities\"}\n" : "\n");
	return fds[0];
}

static void add_device(rig *r, unsigned int i, const char *type, char *id)
{
	r->cfg[i].type = device_type_find(type);
	r->cfg[i].id = id;
	r->device[i].cfg = &r->cfg[i];
	r->vm.device[i] = &r->device[i];
}

FIXTURE_SETUP(monitors)
{
	const struct balloon_dev_config cfg = {
		.features = virtio_ring_features(false, true, true),
	};

	ASSERT_EQ(0, machine_init(&self->vm.machine, &self->e));
	ASSERT_EQ(0, ram_init(&self->vm.machine.ram, 512 * MIB, GIB, 4 * GIB, &self->e));
	monitor_init(&self->vm.monitor, &self->vm.machine, &vm_commands, &self->vm);
	add_device(self, 0, "virtio-rng-pci", NULL);
	add_device(self, 1, "virtio-balloon-pci", NULL);
	add_device(self, 2, "virtio-rng-pci", "r0");
	ASSERT_EQ(0, balloon_init(&self->device[1].balloon, &self->vm.machine, &cfg, &self->e));
	vm_watch_balloon(&self->vm, &self->device[1].balloon);
	self->vm.n_devices = 3;
	self->qmp = client(self, true);
	self->hmp = client(self, false);
	ASSERT_LE(0, self->qmp);
	ASSERT_LE(0, self->hmp);
}

FIXTURE_TEARDOWN(monitors)
{
	monitor_destroy(&self->vm.monitor);
	balloon_destroy(&self->device[1].balloon);
	machine_destroy(&self->vm.machine);
	close(self->qmp);
	close(self->hmp);
}

/* Whether @text came among what was asked. */
#define EXPECT_ANSWER(fd, question, text)				\
	EXPECT_NE(NULL, strstr(ask(self, fd, question), text))		\
		TH_LOG("'%s' was answered '%s'", question, self->heard)

static u32 target(rig *r)
{
	return r->device[1].balloon.config.num_pages;
}

static void set_actual(rig *r, u32 pages)
{
	struct virtio_dev *v = &r->device[1].balloon.v;

	v->ops->config_write(v, offsetof(struct virtio_balloon_config, actual), &pages, 4);
}

TEST_F(monitors, a_target_is_set_in_bytes_or_mebibytes)
{
	EXPECT_ANSWER(self->qmp, "{\"execute\":\"balloon\",\"arguments\":{\"value\":268435456}}",
		      "{ \"return\": { } }");
	EXPECT_EQ(65536, target(self));
	EXPECT_ANSWER(self->hmp, "balloon 384\n", "(qemu)");
	EXPECT_EQ(32768, target(self));
	EXPECT_ANSWER(self->hmp, "balloon 1G\n", "(qemu)");
	EXPECT_EQ(0, target(self));
}

TEST_F(monitors, targets_that_are_none_are_refused)
{
	EXPECT_ANSWER(self->qmp, "{\"execute\":\"balloon\",\"arguments\":{\"value\":0}}",
		      "Parameter 'target' expects a size");
	EXPECT_ANSWER(self->qmp, "{\"execute\":\"balloon\",\"arguments\":{\"value\":-4096}}",
		      "Parameter 'target' expects a size");
	EXPECT_ANSWER(self->qmp, "{\"execute\":\"balloon\",\"arguments\":{\"value\":\"1\"}}",
		      "expected: integer");
	EXPECT_ANSWER(self->qmp, "{\"execute\":\"balloon\"}", "Parameter 'value' is missing");
	EXPECT_ANSWER(self->hmp, "balloon none\n", "invalid number 'none'");
	EXPECT_EQ(0, target(self));
}

TEST_F(monitors, the_actual_size_is_told_and_its_changes)
{
	EXPECT_ANSWER(self->hmp, "info balloon\n", "balloon: actual=512\n");
	set_actual(self, 65536);
	EXPECT_ANSWER(self->qmp, "{\"execute\":\"query-balloon\"}", "{ \"actual\": 268435456 }");
	/* The event had its time by now, or comes with the next answer. */
	if (!strstr(self->heard, "BALLOON_CHANGE"))
		ask(self, self->qmp, "{\"execute\":\"query-status\"}");
	EXPECT_NE(NULL, strstr(self->heard, "\"event\": \"BALLOON_CHANGE\", \"data\": "
			       "{ \"actual\": 268435456 }")) TH_LOG("%s", self->heard);
	EXPECT_ANSWER(self->hmp, "info balloon\n", "balloon: actual=256\n");
}

TEST_F(monitors, without_a_balloon_there_is_an_error)
{
	self->vm.n_devices = 1;
	EXPECT_ANSWER(self->qmp, "{\"execute\":\"query-balloon\"}", "DeviceNotActive");
	EXPECT_ANSWER(self->qmp, "{\"execute\":\"balloon\",\"arguments\":{\"value\":4096}}",
		      "No balloon device has been activated");
	EXPECT_ANSWER(self->hmp, "info balloon\n", "Error: No balloon device has been activated");
}

#define BALLOON	"/machine/peripheral-anon/device[1]"

TEST_F(monitors, devices_are_found_by_their_paths)
{
	EXPECT_ANSWER(self->hmp, "qom-list /\n", "machine (child<container>)");
	EXPECT_ANSWER(self->hmp, "qom-list /machine\n", "peripheral-anon (child<container>)");
	EXPECT_ANSWER(self->hmp, "qom-list /machine/peripheral\n", "r0 (child<virtio-rng-pci>)");
	EXPECT_EQ(NULL, strstr(self->heard, "device["));
	EXPECT_ANSWER(self->hmp, "qom-list /machine/peripheral-anon\n",
		      "device[1] (child<virtio-balloon-pci>)");
	EXPECT_ANSWER(self->hmp, "qom-list " BALLOON "\n", "guest-stats (guest statistics)");
	EXPECT_ANSWER(self->hmp, "qom-list /machine/peripheral/r0\n", "type (string)");
	EXPECT_EQ(NULL, strstr(self->heard, "guest-stats"));
	EXPECT_ANSWER(self->hmp, "qom-get /machine/peripheral/r0 type\n", "\"virtio-rng-pci\"");
	EXPECT_ANSWER(self->qmp, "{\"execute\":\"qom-list\",\"arguments\":{\"path\":\"/x\"}}",
		      "\"DeviceNotFound\", \"desc\": \"Device '/x' not found\"");
}

TEST_F(monitors, statistics_are_properties)
{
	struct balloon_dev *b = &self->device[1].balloon;

	b->stats.value[VIRTIO_BALLOON_S_MEMFREE] = 12345;
	b->stats.updated = 77;
	EXPECT_ANSWER(self->qmp, "{\"execute\":\"qom-get\",\"arguments\":{\"path\":\"" BALLOON "\","
		      "\"property\":\"guest-stats\"}}", "\"stat-free-memory\": 12345");
	EXPECT_NE(NULL, strstr(self->heard, "\"stat-swap-in\": 18446744073709551615"));
	EXPECT_NE(NULL, strstr(self->heard, "\"last-update\": 77"));
	EXPECT_ANSWER(self->qmp, "{\"execute\":\"qom-set\",\"arguments\":{\"path\":\"" BALLOON "\","
		      "\"property\":\"guest-stats-polling-interval\",\"value\":2}}",
		      "{ \"return\": { } }");
	EXPECT_EQ(2, b->interval);
	EXPECT_ANSWER(self->hmp, "qom-get " BALLOON " guest-stats-polling-interval\n", "2\n");
	EXPECT_ANSWER(self->hmp, "qom-set " BALLOON " guest-stats-polling-interval 0\n", "(qemu)");
	EXPECT_EQ(0, b->interval);
}

TEST_F(monitors, properties_that_cannot_be_set)
{
	static const struct {
		const char *property, *value, *error;
	} cases[] = {
		{ "guest-stats-polling-interval", "-1", "timer value must be greater than zero" },
		{ "guest-stats-polling-interval", "4294967296", "timer value is too big" },
		{ "guest-stats-polling-interval", "\"2\"", "expected: integer" },
		{ "guest-stats-polling-interval", "null", "expected: integer" },
		{ "guest-stats-polling-interval", "{}", "expected: integer" },
		{ "guest-stats", "1", "Property 'virtio-balloon-pci.guest-stats' is not writable" },
		{ "bogus", "1", "Property 'virtio-balloon-pci.bogus' not found" },
	};
	char line[256];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(line, sizeof(line), "{\"execute\":\"qom-set\",\"arguments\":{\"path\":\""
			 BALLOON "\",\"property\":\"%s\",\"value\":%s}}", cases[i].property,
			 cases[i].value);
		EXPECT_ANSWER(self->qmp, line, cases[i].error);
	}
	EXPECT_EQ(0, self->device[1].balloon.interval);
}

TEST_HARNESS_MAIN
