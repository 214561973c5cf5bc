// SPDX-License-Identifier: GPL-2.0
/*
 * A reset puts the registers that XSAVE knows back to power-on, which no guest leaves as they
 * were: the upper halves of vectors, masks and protection keys.
 */
#include <cpuid.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "harness.h"
#include "x86/cpu.h"
#include "x86/map.h"

#define HEADER		512U
#define PARTS_MAX	20U

FIXTURE(reset) {
	struct machine m;
	struct x86_power_on *power_on;
	struct kvm_xsave *before, *guest, *after;
	int size;
	struct error e;
};

FIXTURE_SETUP(reset)
{
	ASSERT_EQ(0, machine_init(&self->m, &self->e));
	if (kvm_init(&self->m.kvm, &self->e))
		SKIP(return, "%s", self->e.text);
	ASSERT_EQ(0, ram_init(&self->m.ram, 16 * MIB, X86_RAM_END, X86_RAM_ABOVE_4G, &self->e));
	ASSERT_EQ(0, vcpus_init(&self->m, 1, &self->e));
	ASSERT_EQ(0, x86_cpus_init(&self->m, &self->e));
	self->size = ioctl(self->m.kvm.vmfd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
	ASSERT_LE(sizeof(struct kvm_xsave), self->size);
	self->before = calloc(3, self->size);
	ASSERT_NE(NULL, self->before);
	self->guest = (void *)((u8 *)self->before + self->size);
	self->after = (void *)((u8 *)self->guest + self->size);
}

FIXTURE_TEARDOWN(reset)
{
	x86_power_on_free(self->power_on);
	vcpus_destroy(&self->m.vcpus);
	machine_destroy(&self->m);
	free(self->before);
}

/* Where a part lies, and how long it is; false if this processor has it not. */
static bool part(unsigned int i, u32 *at, u32 *len)
{
	u32 ecx, edx;

	return __get_cpuid_count(0xd, i, len, at, &ecx, &edx) && *len;
}

/* A guest leaves a part behind that is not as it was; false if this one may not be set. */
static bool leave(FIXTURE_DATA(reset) *self, unsigned int i, u32 at, u32 len)
{
	u64 *parts = (u64 *)((u8 *)self->guest + HEADER);

	memset(self->guest, 0, self->size);
	memcpy(self->guest, self->before, HEADER);
	*parts = 3 | 1ULL << i;
	memset((u8 *)self->guest + at, 1, len);
	return !ioctl(self->m.vcpus.v[0].fd, KVM_SET_XSAVE, self->guest);
}

TEST_F(reset, nothing_of_the_vectors_survives)
{
	const struct x86_entry entry = { .mode = X86_ENTRY_RESET };
	unsigned int i, n = 0;
	u32 at, len;
	int fd;

	fd = self->m.vcpus.v[0].fd;
	ASSERT_EQ(0, x86_power_on_save(&self->m, &self->power_on, &self->e));
	ASSERT_EQ(0, ioctl(fd, KVM_GET_XSAVE2, self->before));
	for (i = 2; i < PARTS_MAX; i++) {
		if (!part(i, &at, &len) || at + len > (u32)self->size ||
		    !leave(self, i, at, len))
			continue;
		n++;
		ASSERT_EQ(0, ioctl(fd, KVM_GET_XSAVE2, self->after));
		EXPECT_NE(0, memcmp((u8 *)self->before + at, (u8 *)self->after + at, len));
		ASSERT_EQ(0, x86_cpus_reset(&self->m, self->power_on, &entry, &self->e));
		ASSERT_EQ(0, ioctl(fd, KVM_GET_XSAVE2, self->after));
		EXPECT_EQ(0, memcmp((u8 *)self->before + at, (u8 *)self->after + at, len))
			TH_LOG("part %u of %u bytes", i, len);
	}
	if (!n)
		SKIP(return, "this processor has but an FPU");
}

TEST_HARNESS_MAIN
