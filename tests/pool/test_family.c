/* The family of processes: who outlives whom, and what each inherits. */
#include "tests/lib/process.h"
#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static duet_pool *pool;

/* ---- the parent is killed ---- */

/* It takes milliseconds; a loaded machine may not get to it at once. */
enum { PIDS = 16, GONE_MS = 10000 };

static int spin(void *ctx, size_t i)
{
	(void)ctx;
	return duet_pool_call(pool, i % 2 ? "spin" : "sleep", DUET_STR("1"), NULL);
}

static int be_busy(void *arg)
{
	(void)arg;
	return duet_map(100, 0, spin, NULL, NULL);
}

/* All children of pid, and theirs. */
static int descendants(pid_t pid, pid_t out[PIDS], int n)
{
	char path[64];
	int child;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *f = fopen(path, "re");
	while (f != NULL && n < PIDS && fscanf(f, "%d", &child) == 1) {
		out[n++] = child;
		n = descendants(child, out, n);
	}
	if (f != NULL)
		fclose(f);
	return n;
}

static bool is_of_the_pool(pid_t pid)
{
	char path[64], name[32] = "duet-";
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return true; /* it has ended */
	bool is = fgets(name, sizeof(name), f) == NULL || strncmp(name, "duet-", 5) == 0;
	fclose(f);
	return is;
}

/* How many are neither zygote nor worker, or not yet; *last is one of them, or 0. */
static int strangers(const pid_t pids[], int n, pid_t *last)
{
	int count = 0;
	*last = 0;
	for (int i = 0; i < n; i++)
		if (!is_of_the_pool(pids[i])) {
			*last = pids[i];
			count++;
		}
	return count;
}

static bool any_alive_but(pid_t one, const pid_t pids[], int n)
{
	for (int i = 0; i < n; i++)
		if (pids[i] != one && process_is_alive(pids[i]))
			return true;
	return false;
}

static void wait_for_all_but(pid_t one, const pid_t pids[], int n)
{
	for (int ms = 0; any_alive_but(one, pids, n); ms++) {
		CHECK_LE(ms, GONE_MS);
		poll(NULL, 0, 1);
	}
}

/* As their last parent. */
static void reap_all(void)
{
	int r;
	for (int ms = 0; (r = waitpid(-1, NULL, WNOHANG)) >= 0 && ms < GONE_MS; ms++)
		poll(NULL, 0, r == 0);
}

static int entries_of(const char *path)
{
	int n = 0;
	DIR *d = opendir(path);
	CHECK(d != NULL);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

static void wait_for_empty(const char *path)
{
	for (int ms = 0; entries_of(path) > 0; ms++) {
		CHECK_LE(ms, GONE_MS);
		poll(NULL, 0, 1);
	}
}

/* A child of the program's own, which keeps all of its descriptors open. */
static void have_a_child(void)
{
	if (fork() != 0)
		return;
	for (;;)
		pause();
}

static void kill_parent_after(duet_transport transport, int ms)
{
	pid_t pids[PIDS];
	pid_t parent = fork();
	if (parent == 0) {
		pool = jobs_pool(&(duet_pool_options){.workers = 3, .transport = transport});
		if (ms % 2)
			have_a_child();
		duet_run(be_busy, NULL);
		_exit(0);
	}
	int n = 0;
	int all = 5 + ms % 2; /* 2 zygotes, 3 workers, a child */
	pid_t child = 0;
	for (int i = 0; (n < all || strangers(pids, n, &child) > ms % 2) && i < 2000; i++) {
		poll(NULL, 0, 1);
		n = descendants(parent, pids, 0);
	}
	CHECK_GE(n, all);
	CHECK_EQ(strangers(pids, n, &child), ms % 2);
	poll(NULL, 0, ms);
	n = descendants(parent, pids, 0);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	wait_for_all_but(child, pids, n);
	if (child > 0)
		kill(child, SIGKILL);
	wait_for_all_but(0, pids, n);
	reap_all();
}

/* Whenever the parent is killed, its workers and zygotes are gone within a second. */
TEST_WITHIN(family_ends_with_the_parent, 60)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < 20; i++)
		kill_parent_after(DUET_TRANSPORT_LOCAL, i % 10);
}

/* Over nng, so are the sockets and their directory. */
TEST_WITHIN(family_ends_with_the_parent_and_its_directory, 60)
{
	char path[200];
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	snprintf(path, sizeof(path), "%s/t", test_scratch());
	mkdir(path, 0700);
	setenv("TMPDIR", path, 1);
	unsetenv("XDG_RUNTIME_DIR");
	for (int i = 0; i < 5; i++) {
		kill_parent_after(DUET_TRANSPORT_NNG, 3 * i);
		wait_for_empty(path);
	}
}

/* ---- the zygote is killed ---- */

static int spin_task(void *arg)
{
	(void)arg;
	return duet_pool_call(pool, "spin", DUET_STR(""), NULL);
}

static int echo_task(void *arg)
{
	(void)arg;
	return duet_pool_call(pool, "echo", DUET_STR("x"), NULL);
}

static void kill_zygote(void)
{
	duet_pool_stats_t s;
	CHECK_OK(duet_pool_stats(pool, &s));
	pid_t zygote = jobs_zygote_of(s.worker_pids[0]);
	CHECK_GE(zygote, 2);
	CHECK_EQ(kill(zygote, SIGKILL), 0);
}

static bool has_new_workers(void *before)
{
	duet_pool_stats_t s;
	CHECK_OK(duet_pool_stats(pool, &s));
	return s.workers == 2 && s.worker_pids[0] != *(pid_t *)before &&
	       s.worker_pids[1] != *(pid_t *)before;
}

static int lose_zygotes(void *arg)
{
	(void)arg;
	pid_t before = jobs_pid(pool);
	kill_zygote();
	CHECK_OK(duet_pool_call_with(pool, &(duet_call_options){.retries = 3}, "echo",
				     DUET_STR("x"), NULL));
	jobs_wait_until(has_new_workers, &before);
	CHECK_GE(jobs_pid(pool), 1);
	kill_zygote();
	duet_task *t[3] = {duet_spawn(spin_task, NULL), duet_spawn(spin_task, NULL),
			   duet_spawn(echo_task, NULL)};
	int results[3];
	CHECK_GE(duet_settle(t, 3, results), 2);
	for (int i = 0; i < 3; i++) /* the echo may have come through before its worker ended */
		CHECK(results[i] == DUET_EWORKER || results[i] == DUET_EPOOL ||
		      (i == 2 && results[i] == 0));
	CHECK_ERR(duet_pool_call(pool, "echo", DUET_STR("x"), NULL), DUET_EPOOL);
	CHECK_HAS(duet_errmsg(), "gone");
	return 0;
}

/* The first loss of a zygote is survived with the spare; the second ends every call, typed. */
TEST(family_survives_one_zygote)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 2});
	CHECK_OK(duet_run(lose_zygotes, NULL));
	CHECK_OK(duet_pool_close(pool));
}

static int hang_zygote(void *arg)
{
	(void)arg;
	pid_t before = jobs_pid(pool), zygote = jobs_zygote_of(before);
	CHECK_GE(zygote, 2);
	CHECK_EQ(kill(zygote, SIGSTOP), 0);
	CHECK_ERR(duet_pool_call(pool, "spin", DUET_STR(""), NULL), DUET_ETIMEDOUT);
	CHECK_OK(duet_pool_call(pool, "echo", DUET_STR("x"), NULL));
	CHECK_NE(jobs_zygote_of(jobs_pid(pool)), zygote);
	return 0;
}

/* A zygote that hangs is replaced too. */
TEST(family_survives_a_hanging_zygote)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 1, .job_timeout = DUET_MS(100)});
	CHECK_OK(duet_run(hang_zygote, NULL));
	CHECK_OK(duet_pool_close(pool));
}

/* Shared with zygotes and workers: the next worker stops as soon as it is forked. */
static atomic_bool *stop_next;

static void stop_at_birth(void)
{
	if (stop_next != NULL && atomic_exchange(stop_next, false))
		raise(SIGSTOP);
}

static pid_t child_of(pid_t parent)
{
	pid_t pids[PIDS];
	return descendants(parent, pids, 0) == 1 ? pids[0] : 0;
}

static bool has_another_child(void *pids)
{
	pid_t zygote = ((pid_t *)pids)[0], before = ((pid_t *)pids)[1], now = child_of(zygote);
	return now != 0 && now != before && process_is_stopped(now);
}

static int lose_zygote_of_a_newborn(void *arg)
{
	(void)arg;
	pid_t worker = jobs_pid(pool), zygote = jobs_zygote_of(worker);
	CHECK_GE(zygote, 2);
	atomic_store(stop_next, true);
	CHECK_EQ(kill(worker, SIGKILL), 0);
	jobs_wait_until(has_another_child, (pid_t[]){zygote, worker});
	pid_t newborn = child_of(zygote);
	CHECK_EQ(kill(zygote, SIGKILL), 0);
	CHECK_OK(duet_pool_call_with(pool, &(duet_call_options){.retries = 3}, "echo",
				     DUET_STR("x"), NULL));
	CHECK_EQ(kill(newborn, SIGKILL), 0);
	return 0;
}

/* A worker that is stopped as soon as it is forked keeps all that the zygote had open. */
TEST(family_notices_the_end_of_a_zygote_whose_descriptors_live_on)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (pidfd < 0)
		SKIP("only a pidfd can tell: Linux 5.3, and no valgrind");
	close(pidfd);
	stop_next = mmap(NULL, sizeof(*stop_next), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(stop_next != MAP_FAILED);
	pthread_atfork(NULL, NULL, stop_at_birth);
	pool = jobs_pool(&(duet_pool_options){.workers = 1});
	CHECK_OK(duet_run(lose_zygote_of_a_newborn, NULL));
	CHECK_OK(duet_pool_close(pool));
	munmap(stop_next, sizeof(*stop_next));
}

static bool has_a_place_free(void *unused)
{
	(void)unused;
	duet_pool_stats_t s;
	return duet_pool_stats(pool, &s) == 0 && s.workers == 0;
}

/* As Ctrl-Z and fg do it, but for the loop itself, which only does not listen meanwhile. */
static int pause_all(void *arg)
{
	(void)arg;
	pid_t worker = jobs_pid(pool), zygote = jobs_zygote_of(worker);
	CHECK_GE(zygote, 2);
	CHECK_EQ(kill(zygote, SIGSTOP), 0);
	CHECK_ERR(duet_pool_call(pool, "spin", DUET_STR(""), NULL), DUET_ETIMEDOUT);
	jobs_wait_until(has_a_place_free, NULL);
	poll(NULL, 0, 3500);
	CHECK_EQ(kill(zygote, SIGCONT), 0);
	CHECK_OK(duet_pool_call(pool, "echo", DUET_STR("x"), NULL));
	CHECK_EQ(jobs_zygote_of(jobs_pid(pool)), zygote);
	return 0;
}

/* One that was paused together with the program is not. */
TEST(family_keeps_a_zygote_after_a_pause)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 1, .job_timeout = DUET_MS(100)});
	CHECK_OK(duet_run(pause_all, NULL));
	CHECK_OK(duet_pool_close(pool));
}

/* ---- what is inherited ---- */

static int job_fds(duet_job *job)
{
	char text[64];
	int n = 0;
	DIR *d = opendir("/proc/self/fd");
	if (d == NULL)
		return -errno;
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d);
	closedir(d);
	snprintf(text, sizeof(text), "%d", n);
	return duet_job_reply(job, text, strlen(text));
}

static int job_environ(duet_job *job)
{
	char text[65536];
	int fd = open("/proc/self/environ", O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
	if (n < 0)
		return -errno;
	close(fd);
	return duet_job_reply(job, text, (size_t)n);
}

static int job_grandchild(duet_job *job)
{
	bool apart = duet_job_input(job).len > 0;
	pid_t pid = fork();
	if (pid == 0) {
		for (;;)
			pause();
	}
	if (apart) /* as shells with job control do */
		setpgid(pid, pid);
	duet_job_reply(job, &pid, sizeof(pid));
	return 0;
}

static int look_around(void *arg)
{
	duet_buf out = {0};
	(void)arg;
	CHECK_OK(duet_pool_call(pool, "fds", DUET_STR(""), &out));
	CHECK_STR(out.data, "6"); /* 0, 1, 2, the channel, the inputs, its own memory */
	duet_buf_free(&out);
	CHECK_ERR(duet_pool_call(pool, "env", DUET_STR("CANARY_API_KEY"), NULL), -ENOENT);
	CHECK_OK(duet_pool_call(pool, "env", DUET_STR("HARMLESS"), &out));
	CHECK_STR(out.data, "yes");
	duet_buf_free(&out);
	int r = duet_pool_call(pool, "environ", DUET_STR(""), &out);
	if (r == -EACCES) /* not root: nobody may even look, for the worker is not dumpable */
		return 0;
	CHECK_OK(r);
	CHECK(memmem(out.data, out.len, "sk-canary", 9) == NULL);
	duet_buf_free(&out);
	return 0;
}

/* The kernel shows the environment a program was started with: so start one. */
static void reexec_with_secret(void)
{
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	CHECK_GE(n, 1);
	self[n] = 0;
	setenv("CANARY_API_KEY", "sk-canary", 1);
	setenv("HARMLESS", "yes", 1);
	execl(self, self, "--here", "family_inherits_only", (char *)NULL);
	CHECK(!"exec");
}

/* Workers have the descriptors they need, and no secrets: not even where the kernel shows them. */
TEST(family_inherits_only_what_it_needs)
{
	if (getenv("CANARY_API_KEY") == NULL)
		reexec_with_secret();
	CHECK_OK(duet_job_register("fds", job_fds));
	CHECK_OK(duet_job_register("environ", job_environ));
	pool = jobs_pool(&(duet_pool_options){.workers = 1});
	CHECK_OK(duet_run(look_around, NULL));
	CHECK_OK(duet_pool_close(pool));
}

static int have_a_grandchild(void *arg)
{
	duet_buf out = {0};
	pid_t pid;
	CHECK_OK(duet_pool_call(pool, "grandchild", DUET_STR((char *)arg), &out));
	memcpy(&pid, out.data, sizeof(pid));
	duet_buf_free(&out);
	CHECK(process_is_alive(pid));
	CHECK_ERR(duet_pool_call(pool, "signal", DUET_STR("9"), NULL), DUET_EWORKER);
	for (int i = 0; process_is_alive(pid); i++) {
		CHECK_LE(i, 1000);
		duet_sleep(DUET_MS(1));
	}
	return 0;
}

/* What a job forked goes with its worker. */
TEST(family_takes_grandchildren_along)
{
	CHECK_OK(duet_job_register("grandchild", job_grandchild));
	pool = jobs_pool(&(duet_pool_options){.workers = 1});
	CHECK_OK(duet_run(have_a_grandchild, ""));
	CHECK_OK(duet_run(have_a_grandchild, "in a group of its own"));
	CHECK_OK(duet_pool_close(pool));
}

static int open_fds(void)
{
	return entries_of("/proc/self/fd");
}

static int die_often(void *arg)
{
	(void)arg;
	CHECK_GE(jobs_pid(pool), 1);
	int before = open_fds();
	for (int i = 0; i < 100; i++)
		CHECK_ERR(duet_pool_call(pool, "signal", DUET_STR("9"), NULL), DUET_EWORKER);
	CHECK_GE(jobs_pid(pool), 1);
	CHECK_EQ(open_fds(), before);
	return 0;
}

/* A hundred deaths leave as many descriptors as there were. */
TEST(family_deaths_leave_no_descriptors)
{
	pool = jobs_pool(&(duet_pool_options){.workers = 1});
	CHECK_OK(duet_run(die_often, NULL));
	CHECK_OK(duet_pool_close(pool));
}
