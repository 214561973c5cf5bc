// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of the virtio-net header (net_core.h): its size by features, which
 * lengths may be sent, and the checksum fields.
 */
#include "harness.h"
#include "net/net_core.h"

TEST(header_is_10_bytes_without_num_buffers)
{
	EXPECT_EQ(10, ferry_net_hdr_len(0));
	EXPECT_EQ(10, ferry_net_hdr_len(1ULL << VIRTIO_NET_F_CSUM | 1ULL << VIRTIO_NET_F_GSO));
}

TEST(header_is_12_bytes_when_mergeable_or_modern)
{
	EXPECT_EQ(12, ferry_net_hdr_len(1ULL << VIRTIO_NET_F_MRG_RXBUF));
	EXPECT_EQ(12, ferry_net_hdr_len(1ULL << VIRTIO_F_VERSION_1));
	EXPECT_EQ(12, ferry_net_hdr_len(1ULL << VIRTIO_F_VERSION_1 |
					1ULL << VIRTIO_NET_F_MRG_RXBUF));
}

TEST(tx_length_is_what_follows_the_header)
{
	EXPECT_EQ(60, ferry_net_tx_len(72, 0, 12));
	EXPECT_EQ(1514, ferry_net_tx_len(1524, 0, 10));
}

TEST(tx_refuses_writable_bytes)
{
	EXPECT_EQ(-1, ferry_net_tx_len(72, 1, 12));
	EXPECT_EQ(-1, ferry_net_tx_len(0, 72, 12));
}

TEST(tx_refuses_a_header_cut_short)
{
	EXPECT_EQ(-1, ferry_net_tx_len(0, 0, 12));
	EXPECT_EQ(-1, ferry_net_tx_len(11, 0, 12));
	EXPECT_EQ(-1, ferry_net_tx_len(9, 0, 10));
}

TEST(tx_drops_frames_without_a_whole_ethernet_header)
{
	EXPECT_EQ(0, ferry_net_tx_len(12, 0, 12));
	EXPECT_EQ(0, ferry_net_tx_len(12 + FERRY_NET_FRAME_MIN - 1, 0, 12));
	EXPECT_EQ(14, ferry_net_tx_len(12 + FERRY_NET_FRAME_MIN, 0, 12));
}

TEST(tx_drops_frames_no_tap_can_take)
{
	EXPECT_EQ((int)FERRY_NET_FRAME_MAX, ferry_net_tx_len(10 + FERRY_NET_FRAME_MAX, 0, 10));
	EXPECT_EQ(0, ferry_net_tx_len(10 + FERRY_NET_FRAME_MAX + 1, 0, 10));
	EXPECT_EQ(0, ferry_net_tx_len(0xffffffff, 0, 10));
}

TEST(checksum_raises_the_header_length)
{
	__u16 hdr_len = 0;

	EXPECT_TRUE(ferry_net_tx_csum(VIRTIO_NET_HDR_F_NEEDS_CSUM, 34, 16, &hdr_len, 100));
	EXPECT_EQ(52, hdr_len);
}

TEST(checksum_leaves_a_sufficient_header_length)
{
	__u16 hdr_len = 54;

	EXPECT_TRUE(ferry_net_tx_csum(VIRTIO_NET_HDR_F_NEEDS_CSUM, 34, 16, &hdr_len, 54));
	EXPECT_EQ(54, hdr_len);
}

TEST(checksum_fields_mean_nothing_without_the_flag)
{
	__u16 hdr_len = 0;

	EXPECT_TRUE(ferry_net_tx_csum(0, 0xffff, 0xffff, &hdr_len, 14));
	EXPECT_EQ(0, hdr_len);
}

TEST(checksum_beyond_the_frame_is_refused)
{
	__u16 hdr_len = 0;

	EXPECT_FALSE(ferry_net_tx_csum(VIRTIO_NET_HDR_F_NEEDS_CSUM, 60, 16, &hdr_len, 77));
	hdr_len = 0;
	EXPECT_TRUE(ferry_net_tx_csum(VIRTIO_NET_HDR_F_NEEDS_CSUM, 60, 16, &hdr_len, 78));
}

TEST(header_length_beyond_the_frame_is_refused)
{
	__u16 hdr_len = 61;

	EXPECT_FALSE(ferry_net_tx_csum(0, 0, 0, &hdr_len, 60));
	hdr_len = 60;
	EXPECT_TRUE(ferry_net_tx_csum(0, 0, 0, &hdr_len, 60));
}

TEST(checksum_position_does_not_wrap)
{
	__u16 hdr_len = 0;

	EXPECT_FALSE(ferry_net_tx_csum(VIRTIO_NET_HDR_F_NEEDS_CSUM, 0xffff, 0xffff, &hdr_len,
				       FERRY_NET_FRAME_MAX));
	EXPECT_EQ(0, hdr_len);
	EXPECT_FALSE(ferry_net_tx_csum(VIRTIO_NET_HDR_F_NEEDS_CSUM, 0xfffe, 0, &hdr_len,
				       FERRY_NET_FRAME_MAX));
	EXPECT_TRUE(ferry_net_tx_csum(VIRTIO_NET_HDR_F_NEEDS_CSUM, 0xfffd, 0, &hdr_len,
				      FERRY_NET_FRAME_MAX));
}

TEST_HARNESS_MAIN
