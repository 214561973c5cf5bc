// SPDX-License-Identifier: GPL-2.0
/*
 * Role: the QMP client of the verbs.
 * Threads: main.
 * Locks: none.
 */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../backend/sock.h"
#include "plain.h"

static s64 now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int client_wait(struct client *c, short events, s64 deadline)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	s64 left = deadline - now_ms();
	int n = poll(&p, 1, left > 0 ? left : 0);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n ? 0 : -ETIMEDOUT;
}

static int client_send(struct client *c, const char *text, s64 deadline)
{
	size_t len = strlen(text);
	int ret = 0;
	ssize_t n;

	while (len && !ret) {
		n = send(c->fd, text, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			ret = client_wait(c, POLLOUT, deadline);
		else if (n < 0)
			ret = errno == EPIPE ? -ECONNRESET : -errno;
		text += n > 0 ? n : 0;
		len -= n > 0 ? n : 0;
	}
	return ret;
}

static int client_fill(struct client *c, s64 deadline)
{
	ssize_t n;
	int ret;

	for (;;) {
		/* One that talks without end does not answer either. */
		if (now_ms() > deadline)
			return -ETIMEDOUT;
		n = recv(c->fd, c->buf, sizeof(c->buf), 0);
		if (n > 0) {
			c->off = 0;
			c->len = n;
			return 0;
		}
		if (!n)
			return -ECONNRESET;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		ret = client_wait(c, POLLIN, deadline);
		if (ret)
			return ret;
	}
}

/* The next whole message, which is an object. */
static int client_read(struct client *c, s64 deadline, struct json_object **msg)
{
	size_t used = 0;
	int ret;

	json_tokener_reset(c->tok);
	for (;;) {
		if (c->off == c->len) {
			ret = client_fill(c, deadline);
			if (ret)
				return ret;
		}
		*msg = json_tokener_parse_ex(c->tok, c->buf + c->off, c->len - c->off);
		c->off += json_tokener_get_parse_end(c->tok);
		used += json_tokener_get_parse_end(c->tok);
		if (*msg || json_tokener_get_error(c->tok) != json_tokener_continue)
			break;
		if (used > CLIENT_MESSAGE_MAX)
			return -EMSGSIZE;
	}
	if (json_object_is_type(*msg, json_type_object))
		return 0;
	json_object_put(*msg);
	return -EPROTO;
}

static int client_refused(struct json_object *error, struct error *e)
{
	struct json_object *desc = NULL;

	json_object_object_get_ex(error, "desc", &desc);
	error_set(e, EREMOTEIO, "%s", desc ? json_object_get_string(desc) : "it was refused");
	if (e)
		plain_text(e->text, strlen(e->text), false);
	return -EREMOTEIO;
}

/* Whatever is neither of the two is an event. */
static int client_answer(struct client *c, s64 deadline, struct json_object **ret,
			 struct error *e)
{
	struct json_object *msg, *val;
	int err;

	for (;;) {
		err = client_read(c, deadline, &msg);
		if (err)
			return err;
		if (json_object_object_get_ex(msg, "return", &val)) {
			if (ret)
				*ret = json_object_get(val);
			break;
		}
		if (json_object_object_get_ex(msg, "error", &val)) {
			err = client_refused(val, e);
			break;
		}
		json_object_put(msg);
	}
	json_object_put(msg);
	return err;
}

static int client_failed(int ret, struct error *e)
{
	if (!ret || ret == -EREMOTEIO)
		return ret;
	if (ret == -ETIMEDOUT)
		return error_set(e, ETIMEDOUT, "the guest's monitor does not answer");
	if (ret == -ECONNRESET)
		return error_set(e, ECONNRESET, "the guest's monitor hung up");
	return error_errno(e, ret, "the guest's monitor");
}

int client_command(struct client *c, const char *name, struct json_object *args,
		   struct json_object **ret, struct error *e)
{
	struct json_object *msg = json_object_new_object();
	s64 deadline = now_ms() + c->patience;
	int err;

	json_object_object_add(msg, "execute", json_object_new_string(name));
	if (args)
		json_object_object_add(msg, "arguments", args);
	/*
	 * An object ends by itself. Who ends before it has read what followed it would reset the
	 * connection, and its answer with it.
	 */
	err = client_send(c, json_object_to_json_string_ext(msg, JSON_C_TO_STRING_PLAIN),
			  deadline);
	json_object_put(msg);
	if (!err)
		err = client_answer(c, deadline, ret, e);
	return client_failed(err, e);
}

int client_open(struct client *c, const char *path, int patience, struct error *e)
{
	struct json_object *greeting;
	int ret;

	*c = (struct client){ .fd = -1, .patience = patience };
	c->tok = json_tokener_new();
	if (!c->tok)
		return error_errno(e, ENOMEM, "monitor");
	c->fd = sock_connect(path, e);
	ret = c->fd < 0 ? c->fd : client_read(c, now_ms() + patience, &greeting);
	if (!ret) {
		json_object_put(greeting);
		ret = client_command(c, "qmp_capabilities", NULL, NULL, e);
	} else if (c->fd >= 0) {
		client_failed(ret, e);
	}
	if (ret)
		client_close(c);
	return ret;
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	if (c->tok)
		json_tokener_free(c->tok);
	c->fd = -1;
	c->tok = NULL;
}
