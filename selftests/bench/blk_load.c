// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to a disk as fast as they go, a fixed number of them always under way.
 *
 *	blk_load DISK MODE BYTES DEPTH JOBS MS	measure once
 *	blk_load				one such line of words after the other
 *						from the standard input
 *
 * MODE: randread, randwrite, read, write. Each job is a thread with an io_uring of
 * its own, bound to a CPU of its own, with DEPTH requests under way past the page
 * cache; sequential jobs begin in different places. Prints "result REQUESTS NS".
 *
 * Threads share nothing but the plan, which they only read, and the moment at
 * which all of them start.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOAD_DEPTH_MAX	256
#define LOAD_JOBS_MAX	64
#define LOAD_BYTES_MAX	(1U << 20)

struct load_plan {
	char disk[128];
	bool write, random;
	unsigned int bytes, depth, jobs, ms;
	pthread_barrier_t start;
};

struct load_job {
	struct load_plan *plan;
	unsigned int index;
	int fd;
	struct io_uring ring;
	uint8_t *data;
	uint64_t blocks;	/* of the plan's size that the disk has */
	uint64_t next;		/* sequential: block; random: state of the generator */
	uint64_t done, ns;
};

static void load_die(const char *what, int err)
{
	fprintf(stderr, "blk_load: %s: %s\n", what, strerror(err));
	exit(1);
}

static uint64_t load_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static uint64_t load_size(int fd)
{
	struct stat st;
	uint64_t size;

	if (fstat(fd, &st))
		load_die("fstat", errno);
	if (S_ISREG(st.st_mode))
		return st.st_size;
	if (ioctl(fd, BLKGETSIZE64, &size))
		load_die("size of the disk", errno);
	return size;
}

static void load_ring(struct load_job *j)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	};
	struct iovec iov = { j->data, (size_t)j->plan->depth * j->plan->bytes };
	int err = io_uring_queue_init_params(LOAD_DEPTH_MAX, &j->ring, &p);

	if (err == -EINVAL) {
		p = (struct io_uring_params){ 0 };
		err = io_uring_queue_init_params(LOAD_DEPTH_MAX, &j->ring, &p);
	}
	err = err ?: io_uring_register_buffers(&j->ring, &iov, 1);
	err = err ?: io_uring_register_files(&j->ring, &j->fd, 1);
	if (err)
		load_die("io_uring", -err);
}

static void load_open(struct load_job *j)
{
	const struct load_plan *p = j->plan;
	size_t size = (size_t)p->depth * p->bytes;

	j->fd = open(p->disk, (p->write ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	if (j->fd < 0)
		load_die(p->disk, errno);
	j->blocks = load_size(j->fd) / p->bytes;
	if (j->blocks < p->jobs * p->depth)
		load_die("size of the disk", ENOSPC);
	j->next = p->random ? 0x9e3779b97f4a7c15ULL * (j->index + 1) :
			      j->blocks / p->jobs * j->index;
	j->data = aligned_alloc(4096, size);
	if (!j->data)
		load_die("memory", ENOMEM);
	memset(j->data, 0x5a, size);
	load_ring(j);
}

static uint64_t load_block(struct load_job *j)
{
	if (!j->plan->random)
		return j->next++ % j->blocks;
	j->next ^= j->next << 13;
	j->next ^= j->next >> 7;
	j->next ^= j->next << 17;
	return j->next % j->blocks;
}

static void load_add(struct load_job *j, unsigned int slot)
{
	const struct load_plan *p = j->plan;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&j->ring);
	uint64_t at = load_block(j) * p->bytes;
	void *data = j->data + (size_t)slot * p->bytes;

	if (p->write)
		io_uring_prep_write_fixed(sqe, 0, data, p->bytes, at, 0);
	else
		io_uring_prep_read_fixed(sqe, 0, data, p->bytes, at, 0);
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->user_data = slot;
}

/* Take what is done; each gets a successor if @more. */
static unsigned int load_reap(struct load_job *j, bool more)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	io_uring_for_each_cqe(&j->ring, head, cqe) {
		if (cqe->res != (int)j->plan->bytes)
			load_die("a request", cqe->res < 0 ? -cqe->res : EIO);
		if (more)
			load_add(j, cqe->user_data);
		n++;
	}
	io_uring_cq_advance(&j->ring, n);
	return n;
}

static void load_submit(struct load_job *j)
{
	int err = io_uring_submit_and_wait(&j->ring, 1);

	if (err < 0 && err != -EINTR)
		load_die("submit", -err);
}

static void *load_run(void *arg)
{
	struct load_job *j = arg;
	struct load_plan *p = j->plan;
	unsigned int flying = p->depth, n;
	uint64_t start, end;
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(j->index % sysconf(_SC_NPROCESSORS_ONLN), &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu);
	load_open(j);
	pthread_barrier_wait(&p->start);
	start = load_now();
	end = start + p->ms * 1000000ULL;
	for (unsigned int i = 0; i < p->depth; i++)
		load_add(j, i);
	while (flying) {
		bool more = load_now() < end;

		load_submit(j);
		n = load_reap(j, more);
		j->done += n;
		if (!more)
			flying -= n;
	}
	j->ns = load_now() - start;
	io_uring_queue_exit(&j->ring);
	close(j->fd);
	free(j->data);
	return NULL;
}

static void load_measure(struct load_plan *p)
{
	static struct load_job jobs[LOAD_JOBS_MAX];
	pthread_t threads[LOAD_JOBS_MAX];
	uint64_t done = 0, ns = 0;

	pthread_barrier_init(&p->start, NULL, p->jobs);
	for (unsigned int i = 0; i < p->jobs; i++) {
		jobs[i] = (struct load_job){ .plan = p, .index = i };
		if (pthread_create(&threads[i], NULL, load_run, &jobs[i]))
			load_die("a thread", EAGAIN);
	}
	for (unsigned int i = 0; i < p->jobs; i++) {
		pthread_join(threads[i], NULL);
		done += jobs[i].done;
		ns = jobs[i].ns > ns ? jobs[i].ns : ns;
	}
	pthread_barrier_destroy(&p->start);
	printf("result %llu %llu\n", (unsigned long long)done, (unsigned long long)ns);
	fflush(stdout);
}

static bool load_parse(const char *line, struct load_plan *p)
{
	char mode[16];

	if (sscanf(line, "%127s %15s %u %u %u %u", p->disk, mode, &p->bytes, &p->depth, &p->jobs,
		   &p->ms) != 6)
		return false;
	p->random = !strncmp(mode, "rand", 4);
	p->write = !strcmp(mode + (p->random ? 4 : 0), "write");
	if (!p->write && strcmp(mode + (p->random ? 4 : 0), "read"))
		return false;
	return p->bytes && !(p->bytes % 512) && p->bytes <= LOAD_BYTES_MAX && p->depth &&
	       p->depth <= LOAD_DEPTH_MAX && p->jobs && p->jobs <= LOAD_JOBS_MAX && p->ms;
}

int main(int argc, char **argv)
{
	struct load_plan p;
	char line[256] = "";

	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s ", argv[i]);
		if (!load_parse(line, &p)) {
			fprintf(stderr, "usage: blk_load DISK MODE BYTES DEPTH JOBS MS\n");
			return 2;
		}
		load_measure(&p);
		return 0;
	}
	while (fgets(line, sizeof(line), stdin)) {
		if (load_parse(line, &p))
			load_measure(&p);
		else
			printf("unknown: %s", line);
		fflush(stdout);
	}
	return 0;
}
