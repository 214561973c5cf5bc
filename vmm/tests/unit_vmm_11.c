// SPDX-License-Identifier: GPL-2.0
/*
 * The client's side of an NBD handshake, with servers that keep to it and that do not.
 */
#include <endian.h>
#include <errno.h>
#include <linux/nbd.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/nbd.h"
#include "harness.h"

#define INIT	"NBDMAGIC"
#define OPTION	"IHAVEOPT"
#define REPLY	"\x00\x03\xe8\x89\x04\x55\x65\xa9"
#define GO	"\0\0\0\7"
#define HELLO	INIT OPTION "\0\3"
#define ACK	REPLY GO "\0\0\0\1" "\0\0\0\0"
#define INFO(len)	REPLY GO "\0\0\0\3" "\0\0\0" len
#define EXPORT(size, flags)	INFO("\x0c") "\0\0" size flags
#define MIB64	"\0\0\0\0\4\0\0\0"
#define BLOCKS(least)	INFO("\x0e") "\0\3" least "\0\0\x10\0" "\2\0\0\0"
#define ERROR(n)	REPLY GO "\x80\0\0" n "\0\0\0\0"

FIXTURE(nbd) {
	int client, server;
	struct nbd_export x;
	struct error e;
};

FIXTURE_SETUP(nbd)
{
	int pair[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	self->client = pair[0];
	self->server = pair[1];
}

FIXTURE_TEARDOWN(nbd)
{
	close(self->client);
	close(self->server);
}

/* What the server says is there from the beginning: the client asks in the order that is due. */
#define SERVE(self, bytes) do {								\
	ASSERT_EQ((ssize_t)sizeof(bytes) - 1,						\
		  write((self)->server, bytes, sizeof(bytes) - 1));			\
	shutdown((self)->server, SHUT_WR);						\
} while (0)

#define GETS(self, ret, message) do {							\
	EXPECT_EQ(ret, nbd_negotiate((self)->client, "", &(self)->x, &(self)->e));	\
	EXPECT_STREQ(message, (self)->e.text);						\
} while (0)

TEST_F(nbd, plain)
{
	char asked[64];
	ssize_t n;

	SERVE(self, HELLO EXPORT(MIB64, "\1\x6d") ACK);
	ASSERT_EQ(0, nbd_negotiate(self->client, "disk", &self->x, &self->e));
	EXPECT_EQ(64 * MIB, self->x.size);
	EXPECT_EQ(0x16d, self->x.flags);
	EXPECT_TRUE(self->x.flags & NBD_FLAG_CAN_MULTI_CONN);
	EXPECT_EQ(512, self->x.block_min);
	n = recv(self->server, asked, sizeof(asked), MSG_DONTWAIT);
	EXPECT_EQ(4 + 16 + 4 + 4 + 4, n);
	EXPECT_EQ(0, memcmp(asked, "\0\0\0\3" OPTION GO "\0\0\0\x0c" "\0\0\0\4" "disk"
			    "\0\1" "\0\3", n));
}

TEST_F(nbd, blocks)
{
	SERVE(self, HELLO EXPORT(MIB64, "\0\1") BLOCKS("\0\0\x10\0") ACK);
	ASSERT_EQ(0, nbd_negotiate(self->client, "", &self->x, &self->e));
	EXPECT_EQ(4096, self->x.block_min);
}

TEST_F(nbd, single_bytes)
{
	SERVE(self, HELLO BLOCKS("\0\0\0\1") EXPORT(MIB64, "\0\1") ACK);
	ASSERT_EQ(0, nbd_negotiate(self->client, "", &self->x, &self->e));
	EXPECT_EQ(512, self->x.block_min);
}

/* An info that nobody asked for is skipped, as the protocol wants. */
TEST_F(nbd, unknown_info)
{
	SERVE(self, HELLO INFO("\5") "\0\1abc" EXPORT(MIB64, "\0\1") ACK);
	EXPECT_EQ(0, nbd_negotiate(self->client, "", &self->x, &self->e));
}

TEST_F(nbd, hangs_up)
{
	SERVE(self, HELLO EXPORT(MIB64, "\0\1"));
	GETS(self, -EPIPE, "the NBD server hung up");
}

TEST_F(nbd, says_nothing)
{
	SERVE(self, "");
	GETS(self, -EPIPE, "the NBD server hung up");
}

TEST_F(nbd, resets)
{
	close(self->server);
	GETS(self, -EPIPE, "the NBD server hung up");
}

TEST_F(nbd, other_protocol)
{
	SERVE(self, "SSH-2.0-OpenSSH_9.2p1 Debian\r\n");
	GETS(self, -EPROTO, "the server does not speak NBD's fixed newstyle");
}

TEST_F(nbd, old_style)
{
	SERVE(self, INIT "\x00\x00\x42\x02\x81\x86\x12\x53" MIB64);
	GETS(self, -EPROTO, "the server does not speak NBD's fixed newstyle");
}

TEST_F(nbd, newstyle_not_fixed)
{
	SERVE(self, INIT OPTION "\0\2");
	GETS(self, -EPROTO, "the server does not speak NBD's fixed newstyle");
}

TEST_F(nbd, wrong_reply_magic)
{
	SERVE(self, HELLO "\x00\x03\xe8\x89\x04\x55\x65\xa8" GO "\0\0\0\1" "\0\0\0\0");
	GETS(self, -EPROTO, "the NBD server broke the handshake");
}

TEST_F(nbd, reply_to_something_else)
{
	SERVE(self, HELLO REPLY "\0\0\0\6" "\0\0\0\1" "\0\0\0\0");
	GETS(self, -EPROTO, "the NBD server broke the handshake");
}

TEST_F(nbd, reply_too_long)
{
	SERVE(self, HELLO REPLY GO "\0\0\0\3" "\xff\xff\xff\xff" "x");
	GETS(self, -EPROTO, "the NBD server broke the handshake");
}

TEST_F(nbd, no_export)
{
	SERVE(self, HELLO ACK);
	EXPECT_EQ(-EPROTO, nbd_negotiate(self->client, "", &self->x, &self->e));
}

/* Infos of a wrong length say nothing. */
TEST_F(nbd, short_info)
{
	SERVE(self, HELLO INFO("\3") "\0\0\1" INFO("\1") "\0" INFO("\0") ACK);
	EXPECT_EQ(-EPROTO, nbd_negotiate(self->client, "", &self->x, &self->e));
}

TEST_F(nbd, odd_block_size)
{
	SERVE(self, HELLO EXPORT(MIB64, "\0\1") BLOCKS("\0\0\x10\1") ACK);
	GETS(self, -EPROTO, "the NBD server's export makes no block device: 67108864 bytes in "
	     "blocks of 4097");
}

TEST_F(nbd, block_larger_than_export)
{
	SERVE(self, HELLO EXPORT("\0\0\0\0\0\0\2\0", "\0\1") BLOCKS("\0\0\x10\0") ACK);
	EXPECT_EQ(-EPROTO, nbd_negotiate(self->client, "", &self->x, &self->e));
}

TEST_F(nbd, size_without_end)
{
	SERVE(self, HELLO EXPORT("\xff\xff\xff\xff\xff\xff\xff\xff", "\0\1") ACK);
	EXPECT_EQ(-EPROTO, nbd_negotiate(self->client, "", &self->x, &self->e));
}

TEST_F(nbd, no_flags)
{
	SERVE(self, HELLO EXPORT(MIB64, "\0\0") ACK);
	EXPECT_EQ(-EPROTO, nbd_negotiate(self->client, "", &self->x, &self->e));
}

TEST_F(nbd, refusals)
{
	SERVE(self, HELLO ERROR("\6"));
	GETS(self, -ENOENT, "the NBD server has no export ''");
}

TEST_F(nbd, wants_tls)
{
	SERVE(self, HELLO REPLY GO "\x80\0\0\5" "\0\0\0\6" "secret");
	GETS(self, -EACCES, "the NBD server wants TLS");
}

TEST_F(nbd, too_old)
{
	SERVE(self, HELLO ERROR("\1"));
	GETS(self, -EPROTO, "the NBD server is too old: it has no NBD_OPT_GO");
}

TEST_F(nbd, shuts_down)
{
	SERVE(self, HELLO ERROR("\7"));
	GETS(self, -EPIPE, "the NBD server shuts down");
}

TEST_F(nbd, other_error)
{
	SERVE(self, HELLO ERROR("\x63"));
	GETS(self, -EPROTO, "the NBD server refused the export: 0x80000063");
}

TEST_F(nbd, long_name)
{
	char name[300];

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	SERVE(self, HELLO ACK);
	EXPECT_EQ(-EINVAL, nbd_negotiate(self->client, name, &self->x, &self->e));
}

/* One byte at a time. */
static void *trickle(void *arg)
{
	static const char bytes[] = HELLO EXPORT(MIB64, "\0\1") BLOCKS("\0\0\2\0") ACK;
	size_t i;

	for (i = 0; i < sizeof(bytes) - 1; i++) {
		if (write(*(int *)arg, bytes + i, 1) != 1)
			break;
		usleep(100);
	}
	return NULL;
}

TEST_F(nbd, in_pieces)
{
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, trickle, &self->server));
	EXPECT_EQ(0, nbd_negotiate(self->client, "", &self->x, &self->e));
	pthread_join(thread, NULL);
	EXPECT_EQ(64 * MIB, self->x.size);
}

TEST_HARNESS_MAIN
