#include "disk.h"

#include "tests/lib/test.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What an argument of a call says about the file. */
enum says { BY_FD, BY_PATH, BY_PATH_AT };

static const struct call {
	long number;
	enum says says;
	int flags_at; /* which argument has O_CREAT for it to count; -1 = it always does */
	const char *name;
} calls[] = {
	{SYS_write, BY_FD, -1, "write"},
	{SYS_writev, BY_FD, -1, "writev"},
	{SYS_pwrite64, BY_FD, -1, "pwrite"},
	{SYS_pwritev, BY_FD, -1, "pwritev"},
	{SYS_fsync, BY_FD, -1, "fsync"},
	{SYS_fdatasync, BY_FD, -1, "fdatasync"},
	{SYS_ftruncate, BY_FD, -1, "ftruncate"},
#ifdef SYS_open
	{SYS_open, BY_PATH, 1, "open"},
	{SYS_rename, BY_PATH, -1, "rename"},
#endif
	{SYS_openat, BY_PATH_AT, 2, "openat"},
	{SYS_renameat, BY_PATH_AT, -1, "renameat"},
	{SYS_renameat2, BY_PATH_AT, -1, "renameat2"},
};

enum { CALLS = sizeof calls / sizeof *calls, FILTER_MOST = 4 + 5 * CALLS };

static const struct call *find_call(long number)
{
	for (size_t i = 0; i < CALLS; i++)
		if (calls[i].number == number)
			return &calls[i];
	return NULL;
}

/* --- in the child --- */

static unsigned short make_filter(struct sock_filter *f)
{
	const unsigned allow = SECCOMP_RET_ALLOW, ask = SECCOMP_RET_USER_NOTIF;
	unsigned short n = 0;

	for (size_t i = 0; i < CALLS; i++) {
		const struct call *c = &calls[i];
		unsigned at =
			offsetof(struct seccomp_data, args[c->flags_at > 0 ? c->flags_at : 0]);

		f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						      offsetof(struct seccomp_data, nr));
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						      (unsigned)c->number, 0, 3);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K,
						      c->flags_at > 0 ? O_CREAT : 0, 0,
						      c->flags_at > 0 ? 1 : 0);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, ask);
	}
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, allow);
	return n;
}

static void send_fd(int end, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec one = {"", 1};
	struct msghdr m = {.msg_iov = &one,
			   .msg_iovlen = 1,
			   .msg_control = fd >= 0 ? control.room : NULL,
			   .msg_controllen = fd >= 0 ? sizeof control.room : 0};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	if (sendmsg(end, &m, MSG_NOSIGNAL) < 0)
		_exit(126);
}

void disk_enter(int end)
{
	struct sock_filter filter[FILTER_MOST];
	struct sock_fprog program = {make_filter(filter), filter};
	long fd;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		     &program);
	send_fd(end, (int)fd);
	close((int)fd); /* or the listener would never see the last of its subjects go */
	close(end);
}

/* --- in the parent --- */

static int receive_fd(int end)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte;
	struct iovec one = {&byte, 1};
	struct msghdr m = {.msg_iov = &one,
			   .msg_iovlen = 1,
			   .msg_control = control.room,
			   .msg_controllen = sizeof control.room};
	int fd = -1;

	CHECK_EQ(recvmsg(end, &m, MSG_CMSG_CLOEXEC), 1);
	if (m.msg_controllen >= CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(&control.head), sizeof fd);
	return fd;
}

static int open_memory(const struct seccomp_notif *n)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%u/mem", n->pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* The path of the file that the call is about; empty when it cannot be told. */
static void find_path(const struct seccomp_notif *n, const struct call *c, char path[512])
{
	char link[64];
	ssize_t len;

	if (c->says == BY_FD) {
		snprintf(link, sizeof link, "/proc/%u/fd/%d", n->pid, (int)n->data.args[0]);
		len = readlink(link, path, 511);
	} else {
		int memory = open_memory(n);

		len = pread(memory, path, 511, (off_t)n->data.args[c->says == BY_PATH_AT]);
		if (memory >= 0)
			close(memory);
	}
	path[len > 0 ? len : 0] = '\0';
}

/* Half of what is to be written, with the program's own descriptor.  -> bytes, 0 = none */
static long write_half(const struct disk *d, const struct seccomp_notif *n, const struct call *c)
{
	size_t half = (size_t)n->data.args[2] / 2;
	int process = -1, fd = -1, memory = -1;
	char *room = NULL;
	ssize_t done = 0;

	if (half == 0 || (c->number != SYS_write && c->number != SYS_pwrite64))
		return 0;
	CHECK((process = (int)syscall(SYS_pidfd_open, d->pid, 0)) >= 0);
	CHECK((fd = (int)syscall(SYS_pidfd_getfd, process, (int)n->data.args[0], 0)) >= 0);
	CHECK((memory = open_memory(n)) >= 0);
	CHECK((room = malloc(half)) != NULL);
	CHECK_EQ(pread(memory, room, half, (off_t)n->data.args[1]), (ssize_t)half);
	done = c->number == SYS_write ? write(fd, room, half)
				      : pwrite(fd, room, half, (off_t)n->data.args[3]);
	CHECK_EQ(done, (ssize_t)half);
	free(room);
	close(memory);
	close(fd);
	close(process);
	return done;
}

static void strike(struct disk *d, const char *path, const struct call *c)
{
	if (d->struck++ > 0)
		return;
	snprintf(d->file, sizeof d->file, "%s", path + strlen(d->under) + 1);
	d->call = c->name;
}

static void judge(struct disk *d, const struct seccomp_notif *n, struct seccomp_notif_resp *answer)
{
	const struct call *c = find_call(n->data.nr);
	size_t len = strlen(d->under);
	char path[512];

	answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	find_path(n, c, path);
	if (strncmp(path, d->under, len) != 0 || path[len] != '/')
		return;
	d->calls++;
	if (d->calls < d->nth || (d->calls > d->nth && !d->is_lasting && !d->is_torn))
		return;
	strike(d, path, c);
	answer->flags = 0;
	if (d->calls == d->nth && d->is_torn)
		answer->val = write_half(d, n, c);
	if (answer->val == 0)
		answer->error = -d->error;
}

static void *listen_to(void *arg)
{
	struct disk *d = arg;
	struct pollfd ready = {d->listener, POLLIN, 0};

	for (;;) {
		struct seccomp_notif n = {0};
		struct seccomp_notif_resp answer = {0};

		if (poll(&ready, 1, -1) < 0)
			continue;
		if ((ready.revents & POLLIN) == 0)
			return NULL; /* nobody is left who could ask */
		if (ioctl(d->listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0)
			continue; /* killed meanwhile */
		answer.id = n.id;
		judge(d, &n, &answer);
		ioctl(d->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

void disk_watch(struct disk *d, int end, pid_t pid)
{
	d->calls = d->struck = 0;
	d->pid = pid;
	d->listener = receive_fd(end);
	close(end);
	if (d->listener < 0)
		SKIP("this kernel lets no process watch another's system calls");
	CHECK_EQ(pthread_create(&d->thread, NULL, listen_to, d), 0);
}

void disk_leave(struct disk *d)
{
	CHECK_EQ(pthread_join(d->thread, NULL), 0);
	close(d->listener);
}
