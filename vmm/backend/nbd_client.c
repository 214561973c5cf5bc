// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the client's side of an NBD handshake, up to where the kernel takes the socket.
 * Threads: main.
 * Locks: none.
 */
#include <endian.h>
#include <errno.h>
#include <linux/nbd.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "nbd.h"

/* The protocol's numbers, as the NBD project publishes them; Linux has no header of them. */
#define NBD_MAGIC_INIT		0x4e42444d41474943ULL	/* "NBDMAGIC" */
#define NBD_MAGIC_OPTION	0x49484156454f5054ULL	/* "IHAVEOPT" */
#define NBD_MAGIC_REPLY		0x0003e889045565a9ULL
#define NBD_FIXED_NEWSTYLE	(1U << 0)
#define NBD_NO_ZEROES		(1U << 1)
#define NBD_OPT_GO		7
#define NBD_REP_ACK		1U
#define NBD_REP_INFO		3U
#define NBD_REP_ERR_UNSUP	0x80000001U
#define NBD_REP_ERR_POLICY	0x80000002U
#define NBD_REP_ERR_TLS		0x80000005U
#define NBD_REP_ERR_UNKNOWN	0x80000006U
#define NBD_REP_ERR_SHUTDOWN	0x80000007U
#define NBD_INFO_EXPORT		0
#define NBD_INFO_BLOCK_SIZE	3

#define NBD_NAME_MAX		256
#define NBD_REPLY_DATA_MAX	4096
/* Far more than a server needs that is alive. */
#define NBD_ANSWER_MS		60000

struct nbd_greeting {
	u64 init, option;
	u16 flags;
} __attribute__((packed));

struct nbd_option {
	u64 magic;
	u32 option, length;
} __attribute__((packed));

struct nbd_option_reply {
	u64 magic;
	u32 option, type, length;
} __attribute__((packed));

/* What an NBD_REP_INFO carries, by its type. */
union nbd_info {
	u16 type;
	struct {
		u16 type;
		u64 size;
		u16 flags;
	} __attribute__((packed)) export;
	struct {
		u16 type;
		u32 least, preferred, most;
	} __attribute__((packed)) block;
	char bytes[NBD_REPLY_DATA_MAX];
};

static int nbd_read(int sock, void *buf, size_t len, struct error *e)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	char *p = buf;
	ssize_t n;

	while (len) {
		n = poll(&pfd, 1, NBD_ANSWER_MS);
		if (!n)
			return error_set(e, ETIMEDOUT, "the NBD server does not answer");
		if (n > 0)
			n = recv(sock, p, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (!n || (n < 0 && errno == ECONNRESET))
			return error_set(e, EPIPE, "the NBD server hung up");
		if (n < 0)
			return error_errno(e, errno, "could not read from the NBD server");
		p += n;
		len -= n;
	}
	return 0;
}

static int nbd_write(int sock, const void *buf, size_t len, struct error *e)
{
	const char *p = buf;
	ssize_t n;

	while (len) {
		n = send(sock, p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return error_set(e, EPIPE, "the NBD server hung up");
		if (n < 0)
			return error_errno(e, errno, "could not write to the NBD server");
		p += n;
		len -= n;
	}
	return 0;
}

static int nbd_greet(int sock, struct error *e)
{
	struct nbd_greeting hello;
	u32 flags;
	int ret;

	ret = nbd_read(sock, &hello, sizeof(hello), e);
	if (ret)
		return ret;
	if (be64toh(hello.init) != NBD_MAGIC_INIT || be64toh(hello.option) != NBD_MAGIC_OPTION ||
	    !(be16toh(hello.flags) & NBD_FIXED_NEWSTYLE))
		return error_set(e, EPROTO, "the server does not speak NBD's fixed newstyle");
	flags = NBD_FIXED_NEWSTYLE | (be16toh(hello.flags) & NBD_NO_ZEROES);
	flags = htobe32(flags);
	return nbd_write(sock, &flags, sizeof(flags), e);
}

/* Ask for an export, and for its block sizes; the server goes on to serve it if it can. */
static int nbd_send_go(int sock, const char *name, struct error *e)
{
	u32 name_len = strlen(name), be_len = htobe32(name_len);
	u16 info[2] = { htobe16(1), htobe16(NBD_INFO_BLOCK_SIZE) };
	struct nbd_option go = {
		.magic = htobe64(NBD_MAGIC_OPTION),
		.option = htobe32(NBD_OPT_GO),
		.length = htobe32(sizeof(be_len) + name_len + sizeof(info)),
	};
	char buf[sizeof(go) + sizeof(be_len) + NBD_NAME_MAX + sizeof(info)], *p = buf;

	if (name_len > NBD_NAME_MAX)
		return error_set(e, EINVAL, "the NBD export's name is too long");
	p = mempcpy(p, &go, sizeof(go));
	p = mempcpy(p, &be_len, sizeof(be_len));
	p = mempcpy(p, name, name_len);
	p = mempcpy(p, info, sizeof(info));
	return nbd_write(sock, buf, p - buf, e);
}

static int nbd_refused(u32 type, const char *name, struct error *e)
{
	switch (type) {
	case NBD_REP_ERR_UNSUP:
		return error_set(e, EPROTO, "the NBD server is too old: it has no NBD_OPT_GO");
	case NBD_REP_ERR_POLICY:
		return error_set(e, EACCES, "the NBD server's policy forbids '%s'", name);
	case NBD_REP_ERR_TLS:
		return error_set(e, EACCES, "the NBD server wants TLS");
	case NBD_REP_ERR_UNKNOWN:
		return error_set(e, ENOENT, "the NBD server has no export '%s'", name);
	case NBD_REP_ERR_SHUTDOWN:
		return error_set(e, EPIPE, "the NBD server shuts down");
	default:
		return error_set(e, EPROTO, "the NBD server refused the export: 0x%x", type);
	}
}

static void nbd_take_info(struct nbd_export *x, const union nbd_info *info, u32 len)
{
	if (len == sizeof(info->export) && be16toh(info->type) == NBD_INFO_EXPORT) {
		x->size = be64toh(info->export.size);
		x->flags = be16toh(info->export.flags);
	}
	if (len == sizeof(info->block) && be16toh(info->type) == NBD_INFO_BLOCK_SIZE)
		x->block_min = be32toh(info->block.least);
}

/* Replies until the last one: infos, then an acknowledgement or an error. */
static int nbd_await_go(int sock, const char *name, struct nbd_export *x, struct error *e)
{
	struct nbd_option_reply head;
	union nbd_info info;
	u32 type, len;
	int ret;

	for (;;) {
		ret = nbd_read(sock, &head, sizeof(head), e);
		if (ret)
			return ret;
		type = be32toh(head.type);
		len = be32toh(head.length);
		if (be64toh(head.magic) != NBD_MAGIC_REPLY || be32toh(head.option) != NBD_OPT_GO ||
		    len > sizeof(info.bytes))
			return error_set(e, EPROTO, "the NBD server broke the handshake");
		ret = nbd_read(sock, info.bytes, len, e);
		if (ret)
			return ret;
		if (type == NBD_REP_ACK)
			return 0;
		if (type != NBD_REP_INFO)
			return nbd_refused(type, name, e);
		nbd_take_info(x, &info, len);
	}
}

int nbd_negotiate(int sock, const char *name, struct nbd_export *x, struct error *e)
{
	int ret;

	*x = (struct nbd_export){ 0 };
	ret = nbd_greet(sock, e);
	if (!ret)
		ret = nbd_send_go(sock, name, e);
	if (!ret)
		ret = nbd_await_go(sock, name, x, e);
	if (ret)
		return ret;
	/* A server without block sizes promises single bytes; Linux works in sectors. */
	if (x->block_min < 512)
		x->block_min = 512;
	if (!(x->flags & NBD_FLAG_HAS_FLAGS) || x->size < x->block_min || x->size > INT64_MAX ||
	    (x->block_min & (x->block_min - 1)))
		return error_set(e, EPROTO, "the NBD server's export makes no block device: "
				 "%llu bytes in blocks of %u", (unsigned long long)x->size,
				 x->block_min);
	return 0;
}
