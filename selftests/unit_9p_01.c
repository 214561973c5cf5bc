// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of 9P messages (p9_core.h, p9_codec_core.h): layouts, names, sizes, integers and
 * strings at every place where the bytes may end.
 */
#include <errno.h>
#include <string.h>

#include "harness.h"
#include "9p/p9_codec_core.h"

TEST(integers_are_little_endian)
{
	const __u8 bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	struct ferry_p9_dec d = { bytes, sizeof(bytes), false };

	EXPECT_EQ(0x01U, ferry_p9_get(&d, 1));
	EXPECT_EQ(0x0302U, ferry_p9_get(&d, 2));
	EXPECT_EQ(0x07060504U, ferry_p9_get(&d, 4));
	EXPECT_EQ(0x0f0e0d0c0b0a0908ULL, ferry_p9_get(&d, 8));
	EXPECT_EQ(0U, d.left);
	EXPECT_FALSE(d.bad);
	EXPECT_EQ(0U, ferry_p9_get(&d, 1));
	EXPECT_TRUE(d.bad);
}

TEST(what_is_put_is_got)
{
	__u8 bytes[64];
	struct ferry_p9_enc e = { bytes, sizeof(bytes), 0, false };
	struct ferry_p9_dec d;
	struct ferry_p9_str s;

	ferry_p9_put(&e, 0x1122334455667788ULL, 8);
	ferry_p9_put_str(&e, "name", 4);
	ferry_p9_put_qid(&e, FERRY_P9_QTDIR, 7, 99);
	ASSERT_FALSE(e.bad);
	EXPECT_EQ(8U + 6 + 13, e.done);
	d = (struct ferry_p9_dec){ bytes, e.done, false };
	EXPECT_EQ(0x1122334455667788ULL, ferry_p9_get(&d, 8));
	s = ferry_p9_get_str(&d);
	EXPECT_EQ(4U, s.len);
	EXPECT_EQ(0, memcmp(s.s, "name", 4));
	EXPECT_EQ((__u64)FERRY_P9_QTDIR, ferry_p9_get(&d, 1));
	EXPECT_EQ(7U, ferry_p9_get(&d, 4));
	EXPECT_EQ(99U, ferry_p9_get(&d, 8));
}

TEST(an_encoder_never_writes_beyond_its_room)
{
	__u8 bytes[16];

	for (__u32 room = 0; room < 12; room++) {
		struct ferry_p9_enc e = { bytes, room, 0, false };

		memset(bytes, 0xee, sizeof(bytes));
		ferry_p9_put(&e, 0, 4);
		ferry_p9_put_str(&e, "abcdef", 6);
		EXPECT_TRUE(e.bad);
		for (__u32 i = room; i < sizeof(bytes); i++)
			EXPECT_EQ(0xee, bytes[i]);
	}
}

TEST(names)
{
	char longest[256];

	memset(longest, 'n', sizeof(longest));
	EXPECT_EQ(-ENOENT, ferry_p9_check_name("", 0));
	EXPECT_EQ(0, ferry_p9_check_name("a", 1));
	EXPECT_EQ(0, ferry_p9_check_name("..", 2));
	EXPECT_EQ(0, ferry_p9_check_name("a\xff\n", 3));
	EXPECT_EQ(-EINVAL, ferry_p9_check_name("/", 1));
	EXPECT_EQ(-EINVAL, ferry_p9_check_name("a/b", 3));
	EXPECT_EQ(-EINVAL, ferry_p9_check_name("a\0b", 3));
	EXPECT_EQ(-EINVAL, ferry_p9_check_name("a\0", 2));
	EXPECT_EQ(0, ferry_p9_check_name(longest, 255));
	EXPECT_EQ(-ENAMETOOLONG, ferry_p9_check_name(longest, 256));
	EXPECT_EQ(1, ferry_p9_dots(".", 1));
	EXPECT_EQ(2, ferry_p9_dots("..", 2));
	EXPECT_EQ(0, ferry_p9_dots("...", 3));
	EXPECT_EQ(0, ferry_p9_dots(".a", 2));
}

TEST(each_dialect_has_its_messages)
{
	EXPECT_STREQ("44", ferry_p9_layout(FERRY_P9_TLOPEN, FERRY_P9_2000L));
	EXPECT_EQ(NULL, ferry_p9_layout(FERRY_P9_TLOPEN, FERRY_P9_2000U));
	EXPECT_EQ(NULL, ferry_p9_layout(FERRY_P9_TOPEN, FERRY_P9_2000L));
	EXPECT_STREQ("44ss4", ferry_p9_layout(FERRY_P9_TATTACH, FERRY_P9_2000L));
	EXPECT_STREQ("44ss4", ferry_p9_layout(FERRY_P9_TATTACH, FERRY_P9_2000U));
	EXPECT_STREQ("44ss", ferry_p9_layout(FERRY_P9_TATTACH, FERRY_P9_2000));
	EXPECT_STREQ("4s", ferry_p9_layout(FERRY_P9_TVERSION, FERRY_P9_NONE));
	EXPECT_EQ(NULL, ferry_p9_layout(FERRY_P9_TATTACH, FERRY_P9_NONE));
	for (unsigned int type = 0; type < 256; type++) {
		EXPECT_TRUE(!(type % 2) || !ferry_p9_layout(type, FERRY_P9_ANY));
		if (type >= FERRY_P9_TYPES)
			EXPECT_EQ(NULL, ferry_p9_layout(type, FERRY_P9_ANY));
	}
}

/* The shortest body that a layout takes, of fields that are all 1s and a's. */
static __u32 body_of(const char *layout, __u8 *to)
{
	struct ferry_p9_enc e = { to, 256, 0, false };

	for (; *layout; layout++) {
		switch (*layout) {
		case 'n':
		case 's':
		case 'b':
			ferry_p9_put_str(&e, "a", 1);
			break;
		case 'w':
			ferry_p9_put(&e, 2, 2);
			ferry_p9_put_str(&e, "a", 1);
			ferry_p9_put_str(&e, "..", 2);
			break;
		case 'p':
			ferry_p9_put(&e, 5, 4);
			break;
		default:
			ferry_p9_put(&e, 1, *layout - '0');
		}
	}
	return e.done;
}

TEST(a_body_is_taken_whole_or_not_at_all)
{
	static const unsigned int dialects[] = { FERRY_P9_2000, FERRY_P9_2000U, FERRY_P9_2000L };
	unsigned int taken = 0;

	for (unsigned int i = 0; i < 3 * FERRY_P9_TYPES; i++) {
		const char *layout = ferry_p9_layout(i / 3, dialects[i % 3]);
		struct ferry_p9_msg m;
		__u8 body[260] = {};
		__u32 len;

		if (!layout)
			continue;
		len = body_of(layout, body);
		EXPECT_EQ(0, ferry_p9_decode(&m, layout, body, len, 5)) {
			TH_LOG("type %u", i / 3);
		}
		taken++;
		EXPECT_GT(0, ferry_p9_decode(&m, layout, body, len + 1, 5));
		for (__u32 cut = 0; cut < len; cut++) {
			__u8 *exact = malloc(cut ? cut : 1);

			/* Under the sanitizer a byte too many is a fault. */
			memcpy(exact, body, cut);
			EXPECT_GT(0, ferry_p9_decode(&m, layout, exact, cut, 5));
			free(exact);
		}
	}
	EXPECT_LT(40U, taken);
}

TEST(payload_is_as_long_as_it_says)
{
	__u8 body[16] = { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0 };
	struct ferry_p9_msg m;

	EXPECT_EQ(0, ferry_p9_decode(&m, "48p", body, 16, 5));
	EXPECT_EQ(5U, m.v[2]);
	EXPECT_GT(0, ferry_p9_decode(&m, "48p", body, 16, 4));
	EXPECT_GT(0, ferry_p9_decode(&m, "48p", body, 16, 0));
}

TEST(walks_have_sixteen_names)
{
	__u8 body[200];
	struct ferry_p9_msg m;

	for (__u32 n = 0; n < 20; n++) {
		struct ferry_p9_enc e = { body, sizeof(body), 0, false };

		ferry_p9_put(&e, n, 2);
		for (__u32 i = 0; i < n; i++)
			ferry_p9_put_str(&e, "x", 1);
		EXPECT_EQ(n > 16 ? -EINVAL : 0, ferry_p9_decode(&m, "w", body, e.done, 0));
		if (n <= 16)
			EXPECT_EQ(n, m.nr_s);
	}
}

TEST(sizes)
{
	struct ferry_p9_hdr h = { 7, FERRY_P9_TCLUNK, 1 };

	EXPECT_EQ(7U, ferry_p9_copied(&h, 7, 4096));
	EXPECT_EQ(0U, ferry_p9_copied(&h, 6, 4096));
	h.size = 6;
	EXPECT_EQ(0U, ferry_p9_copied(&h, 100, 4096));
	h.size = 4097;
	EXPECT_EQ(0U, ferry_p9_copied(&h, 0xffffffff, 4096));
	h.size = 0xffffffff;
	EXPECT_EQ(0U, ferry_p9_copied(&h, 0xffffffff, FERRY_P9_MSIZE_MAX));
	h = (struct ferry_p9_hdr){ 22, FERRY_P9_TWRITE, 1 };
	EXPECT_EQ(0U, ferry_p9_copied(&h, 100, 4096));
	h.size = 4000;
	EXPECT_EQ(23U, ferry_p9_copied(&h, 4000, 4096));
	EXPECT_EQ(0U, ferry_p9_msize(4095, 65536));
	EXPECT_EQ(4096U, ferry_p9_msize(4096, 65536));
	EXPECT_EQ(65536U, ferry_p9_msize(0xffffffff, 65536));
	EXPECT_EQ(100U, ferry_p9_io_count(100, 4096, 8192));
	EXPECT_EQ(4085U, ferry_p9_io_count(0xffffffff, 4096, 8192));
	EXPECT_EQ(0U, ferry_p9_io_count(0xffffffff, 4096, 11));
}

TEST(qids_of_several_devices_differ)
{
	EXPECT_EQ(77U, ferry_p9_qid_path(77, 5, 5));
	EXPECT_NE(77U, ferry_p9_qid_path(77, 6, 5));
	EXPECT_NE(ferry_p9_qid_path(77, 6, 5), ferry_p9_qid_path(77, 7, 5));
	EXPECT_NE(ferry_p9_qid_path(77, 6, 5), ferry_p9_qid_path(78, 6, 5));
	EXPECT_LT(0xffffffffULL, ferry_p9_qid_path(77, 6, 5));
}

TEST_HARNESS_MAIN
