// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the guest's end of a test of sockets: vsock_echo PORT sends back all that comes to
 *	PORT, one connection after the other, and says so to the host's PORT first.
 * Threads: one.
 * Locks: none.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

static const char READY[] = "guest is ready";

static int make_socket(void)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0)
		err(1, "socket");
	return fd;
}

static void send_all(int fd, const char *buf, ssize_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, buf, len);

		if (n < 0)
			err(1, "write");
		buf += n;
		len -= n;
	}
}

static void tell_host(unsigned int port)
{
	const struct sockaddr_vm host = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port,
	};
	int fd = make_socket();

	if (connect(fd, (const struct sockaddr *)&host, sizeof(host)))
		err(1, "connect");
	send_all(fd, READY, sizeof(READY) - 1);
	close(fd);
}

static void echo(int fd)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		send_all(fd, buf, n);
	if (n < 0)
		err(1, "read");
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_vm own = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY };
	int fd, peer;

	if (argc != 2)
		errx(1, "usage: vsock_echo PORT");
	own.svm_port = atoi(argv[1]);
	fd = make_socket();
	if (bind(fd, (const struct sockaddr *)&own, sizeof(own)) || listen(fd, 4))
		err(1, "listen");
	tell_host(own.svm_port);
	while ((peer = accept(fd, NULL, NULL)) >= 0)
		echo(peer);
	err(1, "accept");
}
