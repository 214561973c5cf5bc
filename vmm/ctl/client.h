/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A client of a guest's QMP socket: one command after the other, each with a time in which
 * its answer must come. What is at the other end is not trusted: a guest may have taken
 * its VMM over.
 */
#ifndef FERRY_VMM_CTL_CLIENT_H
#define FERRY_VMM_CTL_CLIENT_H

#include <json-c/json.h>

#include "../error.h"
#include "../types.h"

/* Milliseconds for an answer; stopping a busy guest takes a while. */
#define CLIENT_PATIENCE	30000

/* Bytes of one message. */
#define CLIENT_MESSAGE_MAX	(4U * 1024 * 1024)

struct client {
	int fd;
	int patience;
	struct json_tokener *tok;
	char buf[4096];
	size_t off, len;
};

/* Connect and negotiate. -ETIMEDOUT: there is no answer. */
int client_open(struct client *c, const char *path, int patience, struct error *e);
void client_close(struct client *c);

/**
 * client_command - do a command and wait for what it returns
 * @c: the client
 * @name: the command
 * @args: an object, which is taken over, or NULL
 * @ret: where to put what it returned, to be put by the caller; NULL: nowhere
 * @e: why not
 *
 * Return: 0, -EREMOTEIO if the guest refuses with the message in @e, -ETIMEDOUT,
 * -ECONNRESET if the connection ended, or another negative errno.
 */
int client_command(struct client *c, const char *name, struct json_object *args,
		   struct json_object **ret, struct error *e);

#endif /* FERRY_VMM_CTL_CLIENT_H */
