// SPDX-License-Identifier: GPL-2.0
/*
 * vhost ABI: features. Every bit not offered is refused, every bit offered is
 * accepted, at any time and by anybody; backend features; the 7.3 array form.
 */
#include "test.h"

FIXTURE(features) {
	struct dev d;
	uint64_t offered;
};

NODE_VARIANTS(features);

FIXTURE_SETUP(features)
{
	NODE_OPEN(&self->d, &variant->node);
	self->offered = dev_features(&self->d);
}

FIXTURE_TEARDOWN(features)
{
	if (self->d.nvq)
		dev_close(&self->d);
}

TEST_F(features, the_ring_features_are_offered)
{
	uint64_t want = F_INDIRECT | F_EVENT_IDX | F_VERSION_1;

	if (!variant->node.intree)
		want |= F_PACKED;
	EXPECT_EQ(want, self->offered & want);
}

TEST_F(features, a_net_device_offers_its_headers)
{
	if (variant->node.kind != DEV_NET)
		SKIP(return, "not a net device");
	EXPECT_EQ(F_MRG_RXBUF | F_NET_HDR, self->offered & (F_MRG_RXBUF | F_NET_HDR));
}

TEST_F(features, what_is_not_built_yet_is_not_offered)
{
	if (variant->node.intree)
		SKIP(return, "in-tree has both");
	EXPECT_EQ(0, self->offered & (F_LOG_ALL | F_ACCESS_PLATFORM));
	EXPECT_EQ(-EOPNOTSUPP, __dev_set_features(&self->d, F_LOG_ALL));
	EXPECT_EQ(-EOPNOTSUPP, __dev_set_features(&self->d, F_ACCESS_PLATFORM));
}

TEST_F(features, each_bit_is_accepted_if_offered_and_refused_if_not)
{
	ASSERT_EQ(0, __dev_ioctl(&self->d, VHOST_SET_OWNER, NULL));
	for (int bit = 0; bit < 64; bit++) {
		bool offered = self->offered & BIT_ULL(bit);

		/* These need a log or an IOTLB first. */
		if (BIT_ULL(bit) & (F_LOG_ALL | F_ACCESS_PLATFORM))
			continue;
		EXPECT_EQ(offered ? 0 : -EOPNOTSUPP, __dev_set_features(&self->d, BIT_ULL(bit))) {
			TH_LOG("bit %d", bit);
		}
	}
}

TEST_F(features, one_unknown_bit_spoils_the_set)
{
	uint64_t ok = self->offered & ~(F_LOG_ALL | F_ACCESS_PLATFORM);

	EXPECT_EQ(0, __dev_set_features(&self->d, ok));
	for (int bit = 0; bit < 64; bit++)
		if (!(self->offered & BIT_ULL(bit)))
			EXPECT_EQ(-EOPNOTSUPP, __dev_set_features(&self->d, ok | BIT_ULL(bit)));
}

TEST_F(features, bad_pointers)
{
	EXPECT_EQ(-EFAULT, __dev_ioctl(&self->d, VHOST_GET_FEATURES, NULL));
	EXPECT_EQ(-EFAULT, __dev_ioctl(&self->d, VHOST_SET_FEATURES, NULL));
	EXPECT_EQ(-EFAULT, __dev_ioctl(&self->d, VHOST_GET_BACKEND_FEATURES, (void *)-4096L));
	EXPECT_EQ(-EFAULT, __dev_ioctl(&self->d, VHOST_SET_BACKEND_FEATURES, (void *)8));
}

TEST_F(features, backend_features_offered_are_accepted_others_not)
{
	uint64_t f = ~0ULL;

	ASSERT_EQ(0, __dev_ioctl(&self->d, VHOST_GET_BACKEND_FEATURES, &f));
	EXPECT_EQ(0, __dev_ioctl(&self->d, VHOST_SET_BACKEND_FEATURES, &f));
	for (int bit = 0; bit < 64; bit++) {
		uint64_t one = BIT_ULL(bit);

		if (!(f & one))
			EXPECT_EQ(-EOPNOTSUPP,
				  __dev_ioctl(&self->d, VHOST_SET_BACKEND_FEATURES, &one));
	}
}

/* Room for 4 words after the count. */
struct array4 {
	uint64_t count, word[4];
};

TEST_F(features, array_form)
{
	struct array4 a = { 4, { 1, 1, 1, 1 } };
	int err = __dev_ioctl(&self->d, ABI_GET_FEATURES_ARRAY, &a);

	if (err == -ENOTTY || (err && variant->node.intree))
		SKIP(return, "this kernel does not know feature arrays");
	ASSERT_EQ(0, err);
	EXPECT_EQ(self->offered, a.word[0]);
	EXPECT_EQ(0, a.word[2] | a.word[3]);
	a.word[0] = F_VERSION_1;
	a.word[1] = 0;
	EXPECT_EQ(0, __dev_ioctl(&self->d, ABI_SET_FEATURES_ARRAY, &a));
	a.word[3] = 1;
	EXPECT_EQ(-EOPNOTSUPP, __dev_ioctl(&self->d, ABI_SET_FEATURES_ARRAY, &a));
	EXPECT_EQ(-EFAULT, __dev_ioctl(&self->d, ABI_GET_FEATURES_ARRAY, (void *)8));
	EXPECT_EQ(-EFAULT, __dev_ioctl(&self->d, ABI_SET_FEATURES_ARRAY, (void *)8));
}

/* A running device. */
FIXTURE(running) {
	struct rig g;
};

NODE_VARIANTS(running);

FIXTURE_SETUP(running)
{
	NODE_RIG_INIT(&self->g, &variant->node);
	rig_start(&self->g);
}

FIXTURE_TEARDOWN(running)
{
	rig_destroy(&self->g);
}

TEST_F(running, features_are_not_busy)
{
	unsigned int tx = self->g.queues - 1;

	EXPECT_EQ(0, __dev_set_features(&self->g.dev, F_VERSION_1));
	EXPECT_EQ(-EOPNOTSUPP, __dev_set_features(&self->g.dev, ~0ULL));
	rig_ping(&self->g, tx);
}

TEST_HARNESS_MAIN
