// SPDX-License-Identifier: GPL-2.0
/*
 * The firmware configuration device, read as firmware does and as a hostile guest does.
 */
#include <endian.h>

#include "dev/fw_cfg.h"
#include "harness.h"
#include "testvm.h"

struct entry {
	u32 size;
	u16 key, reserved;
	char name[FW_CFG_NAME];
};

FIXTURE(fw) {
	struct testvm t;
	struct fw_cfg f;
	struct error e;
};

FIXTURE_SETUP(fw)
{
	ASSERT_EQ(0, testvm_init(&self->t, MIB));
	memset(&self->f, 0, sizeof(self->f));
	ASSERT_EQ(0, fw_cfg_init(&self->f, &self->t.m, X86_PORT_FW_CFG, &self->e));
}

FIXTURE_TEARDOWN(fw)
{
	fw_cfg_destroy(&self->f);
	machine_destroy(&self->t.m);
}

static void select_item(struct testvm *t, u16 key)
{
	testvm_access(t, &t->m.pio, X86_PORT_FW_CFG, key, 2, true);
}

static void read_item(struct testvm *t, u16 key, void *buf, size_t len)
{
	u8 *p = buf;

	select_item(t, key);
	while (len--)
		*p++ = testvm_access(t, &t->m.pio, X86_PORT_FW_CFG + 1, 0, 1, false);
}

TEST_F(fw, it_is_found_by_its_signature_and_has_no_dma)
{
	char sig[5] = "";
	u32 id;

	ASSERT_EQ(0, fw_cfg_seal(&self->f, &self->e));
	read_item(&self->t, FW_CFG_SIGNATURE, sig, 4);
	EXPECT_STREQ("QEMU", sig);
	read_item(&self->t, FW_CFG_ID, &id, sizeof(id));
	EXPECT_EQ(1, le32toh(id));
}

TEST_F(fw, files_are_found_by_the_directory)
{
	struct {
		u32 count;
		struct entry entry[2];
	} dir;
	char text[8];

	ASSERT_EQ(0, fw_cfg_add(&self->f, FW_CFG_CPUS, "\2", 2, &self->e));
	ASSERT_EQ(0, fw_cfg_add_file(&self->f, "etc/one", "1111", 4, &self->e));
	ASSERT_EQ(0, fw_cfg_add_file(&self->f, "etc/two", "222", 3, &self->e));
	ASSERT_EQ(0, fw_cfg_seal(&self->f, &self->e));
	read_item(&self->t, FW_CFG_DIRECTORY, &dir, sizeof(dir));
	ASSERT_EQ(2, be32toh(dir.count));
	EXPECT_STREQ("etc/one", dir.entry[0].name);
	EXPECT_EQ(4, be32toh(dir.entry[0].size));
	EXPECT_STREQ("etc/two", dir.entry[1].name);
	EXPECT_EQ(3, be32toh(dir.entry[1].size));
	EXPECT_NE(dir.entry[0].key, dir.entry[1].key);
	memset(text, 'x', sizeof(text));
	read_item(&self->t, be16toh(dir.entry[1].key), text, sizeof(text));
	EXPECT_EQ(0, memcmp(text, "222\0\0\0\0\0", sizeof(text)));
	read_item(&self->t, be16toh(dir.entry[0].key), text, 4);
	EXPECT_EQ(0, memcmp(text, "1111", 4));
}

TEST_F(fw, what_is_not_there_reads_as_zeroes)
{
	unsigned int key;
	u8 buf[16];
	size_t i;

	ASSERT_EQ(0, fw_cfg_seal(&self->f, &self->e));
	for (key = FW_CFG_FILE_FIRST; key < 0x10000; key += 97) {
		memset(buf, 0xa5, sizeof(buf));
		read_item(&self->t, key, buf, sizeof(buf));
		for (i = 0; i < sizeof(buf); i++)
			ASSERT_EQ(0, buf[i]);
	}
}

TEST_F(fw, accesses_of_other_sizes_and_writes_of_data_change_nothing)
{
	struct testvm *t = &self->t;

	ASSERT_EQ(0, fw_cfg_seal(&self->f, &self->e));
	select_item(t, FW_CFG_SIGNATURE);
	testvm_access(t, &t->m.pio, X86_PORT_FW_CFG, FW_CFG_ID, 1, true);
	testvm_access(t, &t->m.pio, X86_PORT_FW_CFG + 1, 'Z', 1, true);
	EXPECT_EQ(0, testvm_access(t, &t->m.pio, X86_PORT_FW_CFG, 0, 2, false));
	EXPECT_EQ('Q', testvm_access(t, &t->m.pio, X86_PORT_FW_CFG + 1, 0, 1, false));
	EXPECT_EQ('E', testvm_access(t, &t->m.pio, X86_PORT_FW_CFG + 1, 0, 1, false));
	select_item(t, FW_CFG_SIGNATURE);
	EXPECT_EQ('Q', testvm_access(t, &t->m.pio, X86_PORT_FW_CFG + 1, 0, 1, false));
}

TEST_F(fw, it_is_filled_anew_and_has_bounds)
{
	unsigned int i;
	char text[4];

	ASSERT_EQ(0, fw_cfg_add_file(&self->f, "old", "old", 3, &self->e));
	fw_cfg_clear(&self->f);
	ASSERT_EQ(0, fw_cfg_add_file(&self->f, "new", "new", 3, &self->e));
	read_item(&self->t, FW_CFG_FILE_FIRST, text, 3);
	EXPECT_EQ(0, memcmp(text, "new", 3));
	for (i = 1; i < FW_CFG_ITEMS; i++)
		ASSERT_EQ(0, fw_cfg_add_file(&self->f, "more", "m", 1, &self->e));
	EXPECT_EQ(-ENOSPC, fw_cfg_add_file(&self->f, "much", "m", 1, &self->e));
}

TEST_HARNESS_MAIN
