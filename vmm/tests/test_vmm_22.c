// SPDX-License-Identifier: GPL-2.0
/*
 * The sandbox: what each kind of thread has left, and that a call beyond it is the end of
 * the program. Each case runs in a child, which cannot come back from it.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/vhost.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "blk_rig.h"
#include "harness.h"
#include "dev/legacy.h"
#include "machine/threads.h"
#include "x86/map.h"

#define ALL_USES (SANDBOX_USER_NET | SANDBOX_BLK | SANDBOX_9P | SANDBOX_9P_ANY | SANDBOX_NET)

/* What a guest may touch, of which acts have no argument. */
static struct {
	struct machine m;
	struct legacy legacy;
} pc;

/* What a child does in its sandbox; its exit status. */
struct scene {
	struct threads ts;
	struct sandbox_config cfg;
	enum thread_kind kind;
	void (*act)(void);
};

static void *scene_thread(void *arg)
{
	struct scene *s = arg;

	s->act();
	return NULL;
}

/* Run s->act() in a thread of s->kind; the child's status as wait() has it. */
static int scene_run(struct scene *s, int err)
{
	struct error e;
	pthread_t t;
	int status;
	pid_t pid = fork();

	if (!pid) {
		dup2(err, STDERR_FILENO);
		threads_init(&s->ts);
		if (threads_confine(&s->ts, &s->cfg, &e)) {
			fprintf(stderr, "%s\n", e.text);
			_exit(100);
		}
		if (s->kind == THREAD_MAIN)
			s->act();
		else if (threads_start(&s->ts, s->kind, scene_thread, s, &t))
			_exit(101);
		else
			pthread_join(t, NULL);
		threads_destroy(&s->ts);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

FIXTURE(sandbox) {
	int err;		/* what the child says */
	char said[512];
};

FIXTURE_SETUP(sandbox)
{
	if (sandbox_hindrance())
		SKIP(return, "%s", sandbox_hindrance());
	self->err = memfd_create("err", MFD_CLOEXEC);
	ASSERT_LE(0, self->err);
}

FIXTURE_TEARDOWN(sandbox)
{
	close(self->err);
}

static const char *said(struct _test_data_sandbox *self)
{
	ssize_t n = pread(self->err, self->said, sizeof(self->said) - 1, 0);

	self->said[n > 0 ? n : 0] = '\0';
	return self->said;
}

static int run(struct _test_data_sandbox *self, enum thread_kind kind, void (*act)(void))
{
	struct scene s = { .cfg = { .uses = ALL_USES, .filter = true }, .kind = kind, .act = act };

	return scene_run(&s, self->err);
}

static bool killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static void act_nothing(void)
{
}

static void act_exec(void)
{
	char *argv[] = { "/bin/true", NULL };

	execve("/bin/true", argv, NULL);
}

static void act_fork(void)
{
	syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void act_open(void)
{
	syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY);
}

static void act_open_write(void)
{
	syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);
}

static void act_socket(void)
{
	syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static void act_packet_socket(void)
{
	syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0);
}

static void act_code(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void act_ioctl(void)
{
	syscall(SYS_ioctl, 0, SIOCGIFINDEX, 0);
}

/* Whoever started the program would find it on his command line. */
static void act_type(void)
{
	syscall(SYS_ioctl, 0, TIOCSTI, "x");
}

/* Of descriptors that are none. */
static void act_device(void)
{
	syscall(SYS_ioctl, -1, KVM_RUN, 0);
	syscall(SYS_ioctl, -1, KVM_GET_SREGS, 0);
	syscall(SYS_ioctl, -1, VHOST_SET_OWNER, 0);
	syscall(SYS_ioctl, -1, FERRY_BLK_GET_STATS, 0);
	syscall(SYS_ioctl, -1, BLKGETSIZE64, 0);
	syscall(SYS_ioctl, -1, TUNSETIFF, 0);
	syscall(SYS_ioctl, -1, TUNGETIFF, 0);
	isatty(-1);
	tcsetattr(-1, TCSAFLUSH, &(struct termios){ 0 });
}

static void act_ioctl_change(void)
{
	syscall(SYS_ioctl, 0, SIOCSIFFLAGS, 0);
}

/* As libslirp does with a name server that has one. */
static void act_interface(void)
{
	if (!if_nametoindex("lo"))
		_exit(103);
}

static void act_unix_socket(void)
{
	if (syscall(SYS_socket, AF_UNIX, SOCK_DGRAM, 0) >= 0)
		_exit(104);
}

static void act_seccomp(void)
{
	syscall(SYS_seccomp, 2, 0, NULL);
}

static void act_setuid(void)
{
	syscall(SYS_setuid, 0);
}

static void act_user_namespace(void)
{
	syscall(SYS_unshare, CLONE_NEWUSER);
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* As many as the C library asks for memory for. */
static void act_sort(void)
{
	static int v[4096];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(v); i++)
		v[i] = i ^ 0x555;
	qsort(v, ARRAY_SIZE(v), sizeof(v[0]), compare);
}

/* What a driver that comes and goes makes a thread have, and give up again. */
static void act_memory(void)
{
	void *block[16];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(block); i++)
		block[i] = malloc(64 << 10);
	while (i--)
		free(block[i]);
}

/* A guest asks its clock for the hour. */
static void act_clock(void)
{
	u8 data = 4;

	bus_access(&pc.m.pio, X86_PORT_RTC, &data, 1, true);
	bus_access(&pc.m.pio, X86_PORT_RTC + 1, &data, 1, false);
	if (data > 0x23)
		_exit(102);
}

static void act_usual(void)
{
	struct stat st;
	char *p = malloc(1 << 20);
	int pair[2] = { 0, 1 };

	memset(p, 1, 1 << 20);
	free(p);
	fstat(pair[0], &st);
	pthread_setname_np(pthread_self(), "usual");
	sched_yield();
}

TEST_F(sandbox, every_kind_lives)
{
	unsigned int kind;

	for (kind = 0; kind < THREAD_KINDS; kind++) {
		EXPECT_EQ(0, run(self, kind, act_nothing)) TH_LOG("%u: %s", kind, said(self));
		EXPECT_EQ(0, run(self, kind, act_usual)) TH_LOG("%u: %s", kind, said(self));
		EXPECT_EQ(0, run(self, kind, act_memory)) TH_LOG("%u: %s", kind, said(self));
	}
}

TEST_F(sandbox, nobody_runs_a_program)
{
	unsigned int kind;

	for (kind = 0; kind < THREAD_KINDS; kind++) {
		EXPECT_TRUE(killed(run(self, kind, act_exec))) TH_LOG("%u", kind);
		EXPECT_TRUE(killed(run(self, kind, act_fork))) TH_LOG("%u", kind);
		EXPECT_TRUE(killed(run(self, kind, act_code))) TH_LOG("%u", kind);
		EXPECT_TRUE(killed(run(self, kind, act_setuid))) TH_LOG("%u", kind);
		EXPECT_TRUE(killed(run(self, kind, act_packet_socket))) TH_LOG("%u", kind);
		EXPECT_TRUE(killed(run(self, kind, act_user_namespace))) TH_LOG("%u", kind);
	}
}

TEST_F(sandbox, a_thread_does_what_its_kind_does)
{
	const struct {
		enum thread_kind kind;
		void (*act)(void);
		bool may;
	} cases[] = {
		{ THREAD_VCPU, act_open, false }, { THREAD_NET, act_open, false },
		{ THREAD_BLK, act_open, false }, { THREAD_9P, act_open, true },
		{ THREAD_USER_NET, act_open, true }, { THREAD_MAIN, act_open, true },
		{ THREAD_USER_NET, act_open_write, false }, { THREAD_MAIN, act_open_write, false },
		{ THREAD_9P, act_open_write, true },
		{ THREAD_USER_NET, act_socket, true }, { THREAD_NET, act_socket, false },
		{ THREAD_VCPU, act_socket, false }, { THREAD_9P, act_socket, false },
		{ THREAD_MAIN, act_socket, false },
		{ THREAD_VCPU, act_device, true }, { THREAD_MAIN, act_device, true },
		{ THREAD_NET, act_device, false }, { THREAD_9P, act_device, false },
		{ THREAD_VCPU, act_type, false }, { THREAD_MAIN, act_type, false },
		{ THREAD_VCPU, act_ioctl, false }, { THREAD_NET, act_ioctl, false },
		{ THREAD_BLK, act_ioctl, false }, { THREAD_9P, act_ioctl, false },
		{ THREAD_USER_NET, act_ioctl_change, false },
		{ THREAD_USER_NET, act_interface, true },
		{ THREAD_USER_NET, act_unix_socket, true },
		{ THREAD_VCPU, act_unix_socket, false }, { THREAD_BLK, act_unix_socket, false },
		{ THREAD_MAIN, act_sort, true }, { THREAD_VCPU, act_sort, true },
		{ THREAD_VCPU, act_clock, true },
		{ THREAD_VCPU, act_seccomp, false }, { THREAD_9P, act_seccomp, false },
	};
	const struct legacy_ports ports = { X86_PORT_SPEAKER, X86_PORT_KBD, X86_PORT_RTC };
	unsigned int i;
	struct error e;

	ASSERT_EQ(0, legacy_init(&pc.legacy, &pc.m, &ports, &e));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		int status = run(self, cases[i].kind, cases[i].act);

		EXPECT_TRUE(cases[i].may ? !status : killed(status))
			TH_LOG("case %u: status 0x%x", i, status);
	}
}

TEST_F(sandbox, a_violation_is_told)
{
	char want[96];

	EXPECT_TRUE(killed(run(self, THREAD_NET, act_socket)));
	snprintf(want, sizeof(want), "ferry: the sandbox does not allow system call %d\n",
		 SYS_socket);
	EXPECT_STREQ(want, said(self));
}

/* "KEY:\tVALUE" of the calling thread. */
static void status_line(const char *key, char *buf, size_t len)
{
	FILE *f = fopen("/proc/thread-self/status", "re");
	size_t n = strlen(key);

	while (fgets(buf, len, f) && (strncmp(buf, key, n) || buf[n] != ':'))
		;
	fclose(f);
	memmove(buf, buf + n + 2, strlen(buf + n + 1));
	buf[strcspn(buf, "\n")] = '\0';
}

static void act_status(void)
{
	char seccomp[64], caps[64], bound[64];

	status_line("Seccomp", seccomp, sizeof(seccomp));
	status_line("CapEff", caps, sizeof(caps));
	status_line("NoNewPrivs", bound, sizeof(bound));
	fprintf(stderr, "seccomp %s, capabilities %s, no new privileges %s", seccomp, caps, bound);
	fflush(stderr);
}

TEST_F(sandbox, no_rights_are_left)
{
	struct scene s = { .cfg = { .uses = SANDBOX_NET, .filter = true }, .act = act_status };

	EXPECT_EQ(0, scene_run(&s, self->err));
	EXPECT_STREQ("seccomp 2, capabilities 0000000000000000, no new privileges 1", said(self));
}

TEST_F(sandbox, a_directory_keeps_what_serving_files_takes)
{
	struct scene s = { .cfg = { .uses = ALL_USES, .filter = true }, .kind = THREAD_9P,
			   .act = act_status };

	if (geteuid())
		SKIP(return, "takes root");
	EXPECT_EQ(0, scene_run(&s, self->err));
	/* CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, SETGID, SETUID, MKNOD */
	EXPECT_STREQ("seccomp 2, capabilities 00000000080000df, no new privileges 1", said(self));
}

/* As a file system has it that does not tell what direct I/O wants. */
int statx(int dir, const char *path, int flags, unsigned int mask, struct statx *stx)
{
	return syscall(SYS_statx, dir, path, flags, mask & ~STATX_DIOALIGN, stx);
}

#define NO_DIRECT	77

static struct blk_rig disk;

/* What a guest's driver does; NULL if all went well. */
static void *disk_driver(void *arg)
{
	bool ok = blk_rig_up(&disk, false, 0) && !blk_do(&disk, VIRTIO_BLK_T_OUT, 0, 4096) &&
		  !blk_do(&disk, VIRTIO_BLK_T_FLUSH, 0, 0);

	(void)arg;
	return ok ? NULL : &disk;
}

static int disk_child(const struct blk_rig_options *o)
{
	struct sandbox_config cfg = { .filter = true };
	void *failed = &disk;
	pthread_t t;
	int ret = blk_rig_init(&disk, o);

	if (ret)
		return strstr(disk.e.text, "O_DIRECT") ? NO_DIRECT : 1;
	/* Its threads end: the door closes on one alone. */
	virtio_reset(&disk.b.v);
	cfg.uses = drive_uses(&disk.drive);
	if (threads_confine(&disk.t.m.threads, &cfg, &disk.e))
		return 2;
	if (threads_start(&disk.t.m.threads, THREAD_VCPU, disk_driver, NULL, &t))
		return 3;
	pthread_join(t, &failed);
	blk_rig_destroy(&disk);
	return failed ? 4 : 0;
}

/* A driver comes up, works, and its disk goes, in a child; that one's status. */
static int disk_run(const struct blk_rig_options *o, int err)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		dup2(err, STDERR_FILENO);
		_exit(disk_child(o));
	}
	waitpid(pid, &status, 0);
	return status;
}

TEST_F(sandbox, a_driver_starts_a_disk)
{
	const struct blk_rig_options cached = { .bytes = 4 * MIB },
		direct = { .bytes = 4 * MIB, .drive = ",cache=none" };
	int status = disk_run(&cached, self->err);

	EXPECT_EQ(0, status) TH_LOG("%s", said(self));
	status = disk_run(&direct, self->err);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_DIRECT)
		SKIP(return, "no direct I/O here");
	EXPECT_EQ(0, status) TH_LOG("%s", said(self));
}

static void act_identity(void)
{
	fprintf(stderr, "%d:%d %s", (int)getuid(), (int)getegid(),
		access("inside", F_OK) || !access("/proc", F_OK) ? "outside" : "inside");
	fflush(stderr);
}

TEST_F(sandbox, runas_and_chroot)
{
	char dir[] = "/tmp/ferry-root-XXXXXX", file[64];
	struct scene s = { .cfg = { .user = "65534:65533", .dir = dir }, .act = act_identity };

	if (geteuid())
		SKIP(return, "takes root");
	ASSERT_NE(NULL, mkdtemp(dir));
	chmod(dir, 0755);
	snprintf(file, sizeof(file), "%s/inside", dir);
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	EXPECT_EQ(0, scene_run(&s, self->err));
	EXPECT_STREQ("65534:65533 inside", said(self));
	unlink(file);
	rmdir(dir);
}

TEST_F(sandbox, users_that_are_none)
{
	static const char *const bad[] = { "no such user", "1:", "1", "-1:2:3", "" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct sandbox_config cfg = { .user = bad[i] };
		struct error e;

		EXPECT_GT(0, sandbox_check(&cfg, &e)) TH_LOG("'%s'", bad[i]);
	}
}

TEST_HARNESS_MAIN
