// SPDX-License-Identifier: GPL-2.0
/*
 * Role: give up what a running VM does not need. Identity, capabilities and the root
 *	directory belong to a thread, so they go while there is but one; filters are
 *	compiled then, and each thread puts its own on.
 * Threads: main prepares; each thread enters by itself.
 * Locks: none: what was prepared does not change.
 */
#include "sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox_rules.h"

/* Whoever has said what happened ends by this call, which kills where all others trap. */
#define SANDBOX_END	SYS_reboot

/* Bytes from which on memory is mapped by itself, the most that the C library would learn. */
#define SANDBOX_MALLOC	(32 << 20)

struct sandbox_user {
	uid_t uid;
	gid_t gid;
	bool known;		/* has groups of its own */
};

static int sandbox_find_user(const char *name, struct sandbox_user *u, struct error *e)
{
	const struct passwd *pw = getpwnam(name);
	unsigned int uid, gid;
	char rest;

	if (pw) {
		*u = (struct sandbox_user){ pw->pw_uid, pw->pw_gid, true };
		return 0;
	}
	if (sscanf(name, "%u:%u%c", &uid, &gid, &rest) != 2)
		return error_set(e, ENOENT, "-runas %s: User \"%s\" doesn't exist (and is not "
				 "<uid>:<gid>)", name, name);
	*u = (struct sandbox_user){ uid, gid, false };
	return 0;
}

int sandbox_check(const struct sandbox_config *cfg, struct error *e)
{
	struct sandbox_user u;
	struct stat st;

	if (cfg->dir && (stat(cfg->dir, &st) || !S_ISDIR(st.st_mode)))
		return error_set(e, ENOTDIR, "-chroot %s: not a directory", cfg->dir);
	if (cfg->user && (cfg->uses & SANDBOX_IMAGE))
		return error_set(e, EINVAL, "-runas %s: the program that reads an image could not "
				 "be told to end", cfg->user);
	return cfg->user ? sandbox_find_user(cfg->user, &u, e) : 0;
}

const char *sandbox_hindrance(void)
{
	if (prctl(PR_GET_SECCOMP) < 0)
		return "this kernel has no system call filters";
#ifdef __SANITIZE_ADDRESS__
	return "this build looks for its own errors";
#endif
	return NULL;
}

/* What serving files as other users takes; the rest of root's rights goes. */
static void sandbox_select_caps(u32 uses)
{
	static const int files[] = {
		CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID,
		CAP_SETUID, CAP_SETGID, CAP_MKNOD,
	};
	bool have[ARRAY_SIZE(files)];
	size_t i;

	capng_get_caps_process();
	for (i = 0; i < ARRAY_SIZE(files); i++)
		have[i] = capng_have_capability(CAPNG_EFFECTIVE, files[i]);
	capng_clear(CAPNG_SELECT_CAPS);
	if (!(uses & SANDBOX_9P_ANY))
		return;
	for (i = 0; i < ARRAY_SIZE(files); i++)
		if (have[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, files[i]);
}

static int sandbox_drop_rights(const struct sandbox_config *cfg, const struct sandbox_user *u,
			       struct error *e)
{
	int ret;

	sandbox_select_caps(cfg->uses);
	if (cfg->user) {
		if (u->known && initgroups(cfg->user, u->gid))
			return error_errno(e, errno, "-runas %s: initgroups", cfg->user);
		ret = capng_change_id(u->uid, u->gid, u->known ? CAPNG_NO_FLAG :
				      CAPNG_DROP_SUPP_GRP);
		if (ret)
			return error_set(e, EPERM, "-runas %s: could not become that user (%d)",
					 cfg->user, ret);
	} else if (cfg->filter && capng_apply(CAPNG_SELECT_CAPS)) {
		return error_set(e, EPERM, "could not drop capabilities");
	}
	return 0;
}

static char *sandbox_number(char *at, unsigned int n)
{
	if (n >= 10)
		at = sandbox_number(at, n / 10);
	*at++ = '0' + n % 10;
	return at;
}

/* A call that is not allowed: say so, and die of it, whatever may be wrong in here. */
static void sandbox_violated(int sig, siginfo_t *si, void *context)
{
	char text[96] = "ferry: the sandbox does not allow system call ", *at = text;

	(void)sig, (void)context;
	at = sandbox_number(at + strlen(text), si->si_syscall);
	*at++ = '\n';
	/* Nobody is left to whom a failure could be told. */
	if (write(STDERR_FILENO, text, at - text) < 0)
		syscall(SANDBOX_END);
	syscall(SANDBOX_END);
}

static int sandbox_add_rules(scmp_filter_ctx ctx, enum thread_kind kind, u32 uses)
{
	const struct sandbox_rule *r;
	bool any = kind == THREAD_MAKER;
	size_t i;
	int ret = 0;

	for (i = 0; !ret && (r = sandbox_rule_at(i)); i++) {
		/* Whoever makes threads may do what they do. */
		if (!any && !(r->kinds & (1U << kind)))
			continue;
		if (r->uses && !(r->uses & uses))
			continue;
		ret = seccomp_rule_add_array(ctx, r->err ? SCMP_ACT_ERRNO(r->err) : SCMP_ACT_ALLOW,
					     r->call, !!r->arg.op, &r->arg);
	}
	if (!ret)
		ret = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, SANDBOX_END, 0);
	/* The library then does with clone(), whose flags can be judged. */
	if (!ret && any)
		ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return ret;
}

static int sandbox_read_program(int fd, struct sock_fprog *p)
{
	off_t len = lseek(fd, 0, SEEK_END);
	void *code = len > 0 ? malloc(len) : NULL;

	if (!code || pread(fd, code, len, 0) != len) {
		free(code);
		return -EIO;
	}
	*p = (struct sock_fprog){ len / sizeof(struct sock_filter), code };
	return 0;
}

static int sandbox_compile(struct sock_fprog *p, enum thread_kind kind, u32 uses)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	int fd = memfd_create("sandbox", MFD_CLOEXEC), ret = -ENOMEM;

	if (ctx && fd >= 0) {
		ret = sandbox_add_rules(ctx, kind, uses);
		if (!ret)
			ret = seccomp_export_bpf(ctx, fd);
		if (!ret)
			ret = sandbox_read_program(fd, p);
	}
	seccomp_release(ctx);
	if (fd >= 0)
		close(fd);
	return ret;
}

static bool sandbox_kind_used(enum thread_kind kind, u32 uses)
{
	switch (kind) {
	case THREAD_USER_NET:
		return uses & SANDBOX_USER_NET;
	case THREAD_NET:
		return uses & (SANDBOX_NET | SANDBOX_USER_NET);
	case THREAD_BLK:
		return uses & SANDBOX_BLK;
	case THREAD_9P:
		return uses & SANDBOX_9P;
	default:
		return true;
	}
}

static int sandbox_compile_all(struct sandbox *s, u32 uses, struct error *e)
{
	struct sigaction sa = { .sa_sigaction = sandbox_violated, .sa_flags = SA_SIGINFO };
	unsigned int kind;
	int ret = 0;

	for (kind = 0; kind < THREAD_KINDS && !ret; kind++)
		if (sandbox_kind_used(kind, uses))
			ret = sandbox_compile(&s->program[kind], kind, uses);
	/*
	 * What compiling took is not needed again. Of what threads free from here on the C library
	 * gives nothing back by itself: it would first ask a file whether it may.
	 */
	malloc_trim(0);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	/* To say so ends what the library learns by itself: that buffers come again. */
	mallopt(M_MMAP_THRESHOLD, SANDBOX_MALLOC);
	if (ret)
		return error_errno(e, ret, "sandbox");
	sigaction(SIGSYS, &sa, NULL);
	return 0;
}

int sandbox_prepare(struct sandbox *s, const struct sandbox_config *cfg, struct error *e)
{
	struct sandbox_user user = { 0 };
	int ret = sandbox_check(cfg, e);

	if (!ret && cfg->user)
		ret = sandbox_find_user(cfg->user, &user, e);
	if (ret)
		return ret;
	if (cfg->dir && (chroot(cfg->dir) || chdir("/")))
		return error_errno(e, errno, "-chroot %s", cfg->dir);
	ret = sandbox_drop_rights(cfg, &user, e);
	if (ret || !cfg->filter)
		return ret;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL))
		return error_errno(e, errno, "sandbox");
	return sandbox_compile_all(s, cfg->uses, e);
}

void sandbox_free(struct sandbox *s)
{
	unsigned int kind;

	for (kind = 0; kind < THREAD_KINDS; kind++)
		free(s->program[kind].filter);
	*s = (struct sandbox){ 0 };
}

void sandbox_enter(const struct sandbox *s, enum thread_kind kind)
{
	/* Of a kind that was not reckoned with: none starts in a sandbox. */
	if (!s->program[kind].filter && !s->program[THREAD_MAIN].filter)
		return;
	if (!s->program[kind].filter ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &s->program[kind]))
		abort();
}
