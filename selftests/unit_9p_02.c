// SPDX-License-Identifier: GPL-2.0
/*
 * Rules that both 9P servers share: the table of messages, errors, the older dialects'
 * permissions, devices and stats, and what a session may be begun with.
 */
#include <errno.h>
#include <string.h>

#include "harness.h"
#include "9p/p9_error_core.h"
#include "9p/p9_legacy_core.h"
#include "9p/p9_session_core.h"

#define STR(text) ((struct ferry_p9_str){ text, sizeof(text) - 1 })

TEST(what_makes_something_changes_it)
{
	for (unsigned int type = 0; type < FERRY_P9_TYPES; type++) {
		const struct ferry_p9_message *m = &ferry_p9_messages[type];

		if (!m->body)
			continue;
		if (m->gid) {
			EXPECT_TRUE(m->op & FERRY_P9_OP_CHANGES)
				TH_LOG("type %u", type);
			ASSERT_LT(m->gid - 1, FERRY_P9_INTS);
			/* The fid before it, and no payload. */
			EXPECT_EQ('4', m->body[0]);
		}
		if (m->op & (FERRY_P9_OP_CHANGES | FERRY_P9_OP_PLACED)) {
			EXPECT_TRUE(m->op & FERRY_P9_OP_FID)
				TH_LOG("type %u", type);
		}
	}
}

TEST(errors_are_what_clients_know)
{
	EXPECT_EQ((__u32)ENOENT, ferry_p9_errno(-ENOENT));
	EXPECT_EQ((__u32)EINTR, ferry_p9_errno(-512));
	EXPECT_EQ((__u32)ESTALE, ferry_p9_errno(-518));
	EXPECT_EQ((__u32)EIO, ferry_p9_errno(-524));
	EXPECT_EQ((__u32)EIO, ferry_p9_errno(5));
	EXPECT_EQ((__u32)EIO, ferry_p9_errno(0));
	EXPECT_STREQ("File exists", ferry_p9_strerror(EEXIST));
	EXPECT_STREQ("Input/output error", ferry_p9_strerror(ENOTTY));
}

TEST(an_error_fits_where_the_smallest_does)
{
	const unsigned int dialects[] = { FERRY_P9_NONE, FERRY_P9_2000, FERRY_P9_2000U,
					  FERRY_P9_2000L };
	__u8 bytes[64];

	for (int i = 0; i < 4; i++) {
		unsigned int dialect = dialects[i];
		__u32 least = ferry_p9_error_bytes(dialect);

		for (__u32 room = least; room < sizeof(bytes); room++) {
			struct ferry_p9_enc e = { bytes, room - FERRY_P9_HEADER, 0, false };
			bool old = dialect & (FERRY_P9_2000 | FERRY_P9_2000U);

			EXPECT_EQ(old ? FERRY_P9_RERROR : FERRY_P9_RLERROR,
				  ferry_p9_put_error(&e, -EEXIST, dialect, room));
			EXPECT_FALSE(e.bad);
		}
	}
}

TEST(permissions_go_both_ways)
{
	const __u32 modes[] = { S_IFDIR | 0755, S_IFREG | 0644, S_IFLNK | 0777, S_IFIFO | 0600,
				S_IFSOCK | 0666, S_IFREG | S_ISUID | S_ISGID | 0711,
				S_IFDIR | S_ISVTX | 0777 };
	__u32 mode;

	for (unsigned int i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		__u32 dm = ferry_p9_mode_to_dm(modes[i], FERRY_P9_2000U);

		ASSERT_EQ(0, ferry_p9_new_mode(dm, FERRY_P9_2000U, &mode));
		EXPECT_EQ(modes[i], mode);
		EXPECT_EQ(modes[i] & 07777, ferry_p9_dm_to_bits(dm, FERRY_P9_2000U));
	}
	EXPECT_EQ(0711U, ferry_p9_mode_to_dm(modes[5], FERRY_P9_2000));
	EXPECT_EQ(-EINVAL, ferry_p9_new_mode(FERRY_P9_DMSYMLINK, FERRY_P9_2000, &mode));
	EXPECT_EQ(0, ferry_p9_new_mode(FERRY_P9_DMLINK, FERRY_P9_2000U, &mode));
	EXPECT_EQ(0U, mode);
	EXPECT_EQ(-EINVAL, ferry_p9_new_mode(FERRY_P9_DMLINK, FERRY_P9_2000, &mode));
	EXPECT_EQ(0777U, ferry_p9_dm_to_bits(FERRY_P9_DMSETUID | 0777, FERRY_P9_2000));
}

TEST(open_modes)
{
	EXPECT_EQ(FERRY_P9_O_RDONLY, ferry_p9_open_flags(FERRY_P9_OEXEC));
	EXPECT_EQ(FERRY_P9_O_RDWR | FERRY_P9_O_TRUNC,
		  ferry_p9_open_flags(FERRY_P9_ORDWR | FERRY_P9_OTRUNC));
	EXPECT_EQ(FERRY_P9_O_WRONLY | FERRY_P9_O_APPEND,
		  ferry_p9_open_flags(FERRY_P9_OWRITE | FERRY_P9_OAPPEND | FERRY_P9_ORCLOSE));
}

TEST(devices_as_text)
{
	const struct ferry_p9_str bad[] = {
		STR(""), STR("b"), STR("b 8"), STR("b 8 "), STR("x 8 0"), STR("c 4096 0"),
		STR("c 1 1048576"), STR("c 99999999999 0"), STR("c -1 0"), STR("b 8 0 0"),
		STR("b 8x0"), STR("b 8 0x"), STR(" b 8 0"),
	};
	__u32 type, major, minor;

	ASSERT_EQ(0, ferry_p9_parse_device(&STR("b 8 17"), &type, &major, &minor));
	EXPECT_EQ((__u32)S_IFBLK, type);
	EXPECT_EQ(8U, major);
	EXPECT_EQ(17U, minor);
	ASSERT_EQ(0, ferry_p9_parse_device(&STR("c 4095 1048575"), &type, &major, &minor));
	EXPECT_EQ((__u32)S_IFCHR, type);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-EINVAL, ferry_p9_parse_device(&bad[i], &type, &major, &minor))
			TH_LOG("%s", bad[i].s);
	}
}

TEST(fids_as_text)
{
	const struct ferry_p9_str bad[] = {
		STR(""), STR("\n"), STR("-1"), STR("x"), STR("1x"), STR("1\n\n"), STR("1\n "),
		STR("4294967295"), STR("4294967296"), STR("9999999999"),
		STR("18446744073709551617"),
	};
	__u32 fid;

	ASSERT_EQ(0, ferry_p9_parse_fid(&STR("17\n"), &fid));
	EXPECT_EQ(17U, fid);
	ASSERT_EQ(0, ferry_p9_parse_fid(&STR("4294967294"), &fid));
	EXPECT_EQ(4294967294U, fid);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-EINVAL, ferry_p9_parse_fid(&bad[i], &fid))
			TH_LOG("%s", bad[i].s);
	}
}

static struct ferry_p9_stat a_device(void)
{
	return (struct ferry_p9_stat){ .mode = S_IFBLK | 0640, .uid = 4294967295U, .gid = 7,
				       .major = 4095, .minor = 1048575, .size = 1ULL << 40,
				       .name = STR("disk"), .target = STR("never") };
}

TEST(a_stat_fits_or_is_not_put)
{
	__u8 bytes[FERRY_P9_STAT_MAX];
	struct ferry_p9_stat st = a_device();
	struct ferry_p9_enc e = { bytes, sizeof(bytes), 0, false };
	__u32 size;

	ASSERT_EQ(0, ferry_p9_put_stat(&e, &st, FERRY_P9_2000U));
	size = e.done;
	EXPECT_EQ(size - 2, bytes[0] | (__u32)bytes[1] << 8);
	EXPECT_TRUE(memmem(bytes, size, "b 4095 1048575", 14) != NULL);
	EXPECT_TRUE(memmem(bytes, size, "\x0a\0" "4294967295", 12) != NULL);
	for (__u32 room = 0; room < size; room++) {
		e = (struct ferry_p9_enc){ bytes, room, 0, false };
		EXPECT_EQ(-EMSGSIZE, ferry_p9_put_stat(&e, &st, FERRY_P9_2000U));
		EXPECT_EQ(0U, e.done);
		EXPECT_FALSE(e.bad);
	}
	e = (struct ferry_p9_enc){ bytes, sizeof(bytes), 0, false };
	ASSERT_EQ(0, ferry_p9_put_stat(&e, &st, FERRY_P9_2000));
	EXPECT_LT(e.done, size);
	EXPECT_TRUE(memmem(bytes, e.done, "b 4095", 6) == NULL);
}

TEST(the_longest_stat_fits)
{
	static char name[FERRY_P9_NAME_MAX], target[FERRY_P9_TARGET_MAX];
	__u8 bytes[FERRY_P9_STAT_MAX];
	struct ferry_p9_enc e = { bytes, sizeof(bytes), 0, false };
	struct ferry_p9_stat st = { .mode = S_IFLNK | 0777, .uid = 4294967295U,
				    .gid = 4294967295U, .name = { name, sizeof(name) },
				    .target = { target, sizeof(target) } };

	EXPECT_EQ(0, ferry_p9_put_stat(&e, &st, FERRY_P9_2000U));
	EXPECT_EQ(sizeof(bytes), e.done);
}

TEST(a_stat_comes_back)
{
	__u8 bytes[FERRY_P9_STAT_MAX];
	struct ferry_p9_enc e = { bytes, sizeof(bytes), 0, false };
	struct ferry_p9_stat st = a_device();
	struct ferry_p9_wstat w;
	struct ferry_p9_str s;

	ASSERT_EQ(0, ferry_p9_put_stat(&e, &st, FERRY_P9_2000U));
	s = (struct ferry_p9_str){ (char *)bytes, e.done };
	ASSERT_EQ(0, ferry_p9_parse_wstat(&s, FERRY_P9_2000U, &w));
	EXPECT_EQ(st.size, w.length);
	EXPECT_EQ(st.uid, w.uid);
	EXPECT_EQ(st.gid, w.gid);
	EXPECT_EQ(4U, w.name.len);
	/* Cut anywhere, or of the other dialect, it is none. */
	EXPECT_EQ(-EINVAL, ferry_p9_parse_wstat(&s, FERRY_P9_2000, &w));
	for (s.len = 0; s.len < e.done; s.len++)
		EXPECT_EQ(-EINVAL, ferry_p9_parse_wstat(&s, FERRY_P9_2000U, &w));
}

TEST(an_export_has_limits)
{
	const struct ferry_9p_backend good = { .model = FERRY_9P_MODEL_PASSTHROUGH };
	struct ferry_9p_backend b = good;

	EXPECT_EQ(-EINVAL, ferry_p9_export_check(&b));
	ferry_p9_export_defaults(&b);
	EXPECT_EQ(0, ferry_p9_export_check(&b));
	EXPECT_EQ(FERRY_P9_MSIZE_DEFAULT, b.msize);
#define BAD(member, value) do {							\
		b = good;							\
		ferry_p9_export_defaults(&b);					\
		b.member = (value);						\
		EXPECT_EQ(-EINVAL, ferry_p9_export_check(&b)) TH_LOG(#member);	\
	} while (0)
	BAD(model, 0);
	BAD(model, FERRY_9P_MODEL_NONE + 1);
	BAD(flags, FERRY_9P_F_ALL + 1);
	BAD(msize, FERRY_P9_MSIZE_MIN - 1);
	BAD(msize, FERRY_P9_MSIZE_MAX + 1);
	BAD(fids, FERRY_P9_FIDS_MAX + 1);
	BAD(xattr_bytes, FERRY_P9_XATTR_BYTES + 1);
	BAD(fmode, 01600);
	BAD(fmode, 0400);
	BAD(dmode, 0600);
	BAD(reserved[3], 1);
	b = (struct ferry_9p_backend){ .model = FERRY_9P_MODEL_MAPPED,
				       .flags = FERRY_9P_F_ALL_SQUASH };
	ferry_p9_export_defaults(&b);
	EXPECT_EQ(-EINVAL, ferry_p9_export_check(&b));
}

TEST(a_session_is_agreed_on)
{
	__u8 bytes[64];
	struct ferry_p9_enc e = { bytes, sizeof(bytes), 0, false };
	struct ferry_p9_msg m = { .v = { 8192 }, .s = { STR("9P2000.u") }, .nr_v = 1, .nr_s = 1 };
	unsigned int dialect;

	EXPECT_EQ(8192U, ferry_p9_agree(&m, 65536, &e, &dialect));
	EXPECT_EQ((unsigned int)FERRY_P9_2000U, dialect);
	EXPECT_EQ(4U + 2 + 8, e.done);
	m.s[0] = STR("9P2000.x");
	e = (struct ferry_p9_enc){ bytes, sizeof(bytes), 0, false };
	EXPECT_EQ(8192U, ferry_p9_agree(&m, 65536, &e, &dialect));
	EXPECT_EQ((unsigned int)FERRY_P9_NONE, dialect);
	EXPECT_TRUE(memmem(bytes, e.done, "unknown", 7) != NULL);
	m.v[0] = FERRY_P9_MSIZE_MIN - 1;
	e = (struct ferry_p9_enc){ bytes, sizeof(bytes), 0, false };
	EXPECT_EQ(0U, ferry_p9_agree(&m, 65536, &e, &dialect));
	EXPECT_EQ(0U, e.done);
}

TEST_HARNESS_MAIN
