// SPDX-License-Identifier: GPL-2.0
/*
 * Role: run a tap's scripts. The one for the end is left to a process of its own: then it
 *	is run also if the VMM is killed, and the VMM need not be able to run programs.
 * Threads: main.
 * Locks: none.
 */
#include "tap_script.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../daemon.h"
#include "../program.h"

int tap_run_script(const char *script, const char *ifname, struct error *e)
{
	const char *const argv[] = { script, ifname, NULL };
	int status = program_run(argv, -1, -1);

	if (status < 0)
		return error_errno(e, status, "could not launch network script %s", script);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return error_set(e, EIO, "network script %s failed with status %d", script,
				 status);
	return 0;
}

/* Leave the standard three and two more open: what else the VMM has is the VMM's alone. */
static void script_keep_files(int a, int b)
{
	unsigned int low = a < b ? a : b, high = a < b ? b : a, first = STDERR_FILENO + 1;

	if (low > first)
		close_range(first, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1 > first ? low + 1 : first, high - 1, 0);
	close_range(high + 1 > first ? high + 1 : first, ~0U, 0);
}

static void script_child(int word, const char *script, const char *ifname, int tap)
{
	sigset_t all;
	char none;

	/* Nothing but SIGKILL keeps the script from being run. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setpgid(0, 0);
	prctl(PR_SET_NAME, "ferry-down");
	daemon_leave();
	script_keep_files(word, tap);
	while (read(word, &none, 1) < 0 && errno == EINTR)
		;
	tap_run_script(script, ifname, NULL);
	_exit(0);
}

int tap_keep_script(struct tap_script *s, const char *script, const char *ifname, int tap,
		    struct error *e)
{
	int word[2];

	if (pipe2(word, O_CLOEXEC))
		return error_errno(e, errno, "network script %s", script);
	s->pid = fork();
	if (!s->pid) {
		close(word[1]);
		script_child(word[0], script, ifname, tap);
	}
	close(word[0]);
	s->fd = word[1];
	if (s->pid > 0)
		return 0;
	s->pid = 0;
	close(word[1]);
	return error_errno(e, errno, "network script %s: could not fork", script);
}

void tap_end_script(struct tap_script *s)
{
	if (!s->pid)
		return;
	close(s->fd);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	s->pid = 0;
}
