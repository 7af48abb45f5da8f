/* P14: the key is in the requests' header, in the memory of the process that sends them, and nowhere
 * else. */
#include "program.h"
#include "tests/lib/http_server.h"
#include "tests/lib/process.h"
#include "tests/lib/test.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY "sk-canary-5f3c9a"

static const char *const with_key[] = {"OPENAI_API_KEY=" KEY, NULL};

static bool has_key(const char *data, size_t len)
{
	return len > 0 && memmem(data, len, KEY, sizeof KEY - 1) != NULL;
}

/* --- files --- */

static void check_file(const char *name)
{
	size_t len;
	char *data = file_read(name, &len);

	test_note("the key in %s", name);
	CHECK(data != NULL);
	CHECK(!has_key(data, len));
	free(data);
}

static void check_words(const struct program *p)
{
	CHECK(strstr(p->err, "canary") == NULL && strstr(p->out, "canary") == NULL);
}

/* --- processes --- */

enum { FAMILY_MOST = 32, PART = 1 << 20 };

struct family {
	pid_t pids[FAMILY_MOST]; /* the first is the program itself */
	int n;
};

static bool is_of(const struct family *f, pid_t pid)
{
	for (int i = 0; i < f->n; i++)
		if (f->pids[i] == pid)
			return true;
	return false;
}

static void add_children(struct family *f)
{
	DIR *proc = opendir("/proc");

	CHECK(proc != NULL);
	for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
		pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

		if (pid > 0 && !is_of(f, pid) && is_of(f, process_parent(pid)) &&
		    f->n < FAMILY_MOST)
			f->pids[f->n++] = pid;
	}
	closedir(proc);
}

static void find_family(struct family *f, pid_t program)
{
	*f = (struct family){{program}, 1};
	for (int before = 0; before != f->n;) {
		before = f->n;
		add_children(f);
	}
}

static bool is_in_proc_file(pid_t pid, const char *name)
{
	char path[64], data[65536];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, data, sizeof data);
		close(fd);
	}
	test_note("the key in %s", path);
	return n > 0 && has_key(data, (size_t)n);
}

/* A process as it lies in memory: its map, its bytes, and which pages it has. */
struct anatomy {
	FILE *maps;
	int memory, pages;
	char room[PART];
};

static int open_of(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static struct anatomy *anatomy_open(pid_t pid)
{
	struct anatomy *a = malloc(sizeof *a);
	int maps = open_of(pid, "maps");

	CHECK(a != NULL);
	a->memory = open_of(pid, "mem");
	a->pages = open_of(pid, "pagemap");
	a->maps = maps >= 0 ? fdopen(maps, "r") : NULL;
	return a;
}

static void anatomy_close(struct anatomy *a)
{
	if (a->maps != NULL)
		fclose(a->maps);
	if (a->memory >= 0)
		close(a->memory);
	if (a->pages >= 0)
		close(a->pages);
	free(a);
}

/* Pages from there on that are there (or not); looking at those that are not would make them. */
static unsigned long run_of_pages(const struct anatomy *a, unsigned long page, unsigned long until,
				  bool *is_there)
{
	uint64_t entries[512];
	unsigned long n = 0;

	while (page + n < until) {
		size_t want = until - page - n < 512 ? until - page - n : 512;
		ssize_t got = pread(a->pages, entries, want * 8, (off_t)(page + n) * 8);

		if (got <= 0)
			return until - page;
		for (size_t i = 0; i < (size_t)got / 8; i++, n++) {
			bool now = entries[i] >> 62 != 0; /* in memory, or swapped out */

			if (n == 0)
				*is_there = now;
			else if (now != *is_there)
				return n;
		}
	}
	return n;
}

/* Parts overlap, so that nothing hides across a border. */
static bool is_in_bytes(struct anatomy *a, unsigned long from, unsigned long until)
{
	for (; from < until; from += PART - sizeof KEY) {
		size_t want = until - from < PART ? until - from : PART;
		ssize_t n = pread(a->memory, a->room, want, (off_t)from);

		if (n <= 0)
			return false;
		if (has_key(a->room, (size_t)n))
			return true;
	}
	return false;
}

static bool is_in_region(struct anatomy *a, unsigned long from, unsigned long until)
{
	unsigned long size = (unsigned long)sysconf(_SC_PAGESIZE);
	bool is_there = false;

	for (unsigned long at = from / size, n; at < until / size; at += n) {
		n = run_of_pages(a, at, until / size, &is_there);
		if (is_there && is_in_bytes(a, at * size, (at + n) * size))
			return true;
	}
	return false;
}

static bool was_refused; /* workers let nobody but root read them */

static bool is_in_memory(pid_t pid)
{
	struct anatomy *a = anatomy_open(pid);
	char line[512], may[8];
	unsigned long from, until;
	bool is_found = false;

	was_refused |= a->maps == NULL || a->memory < 0 || a->pages < 0;
	while (!was_refused && !is_found && fgets(line, sizeof line, a->maps) != NULL)
		if (sscanf(line, "%lx-%lx %7s", &from, &until, may) == 3 && may[0] == 'r')
			is_found = is_in_region(a, from, until);
	anatomy_close(a);
	return is_found;
}

static void check_processes(pid_t program, int least)
{
	struct family f;

	find_family(&f, program);
	test_note("%d processes", f.n);
	CHECK_GE(f.n, least);
	for (int i = 0; i < f.n; i++) {
		CHECK(!is_in_proc_file(f.pids[i], "environ"));
		CHECK(!is_in_proc_file(f.pids[i], "cmdline"));
	}
	if (test_is_slow())
		return; /* a sanitizer's shadow has terabytes to look through */
	test_note("no key where it must be: nothing was looked at");
	CHECK(is_in_memory(program) || was_refused);
	for (int i = 1; i < f.n; i++) {
		bool is_found = is_in_memory(f.pids[i]);

		test_note("the key in the memory of process %d of %d", i, f.n);
		CHECK(!is_found);
	}
}

/* --- the runs --- */

static void check_inspector(pid_t program)
{
	char command[64];
	struct program ps;

	snprintf(command, sizeof command, "ps %d", program);
	program_run(&ps, command);
	CHECK_EQ(ps.status, 0);
	CHECK_HAS(ps.out, "tasks alive");
	check_words(&ps);
}

static void run_and_look(const char *url, const char *more, const char *const *env, int least)
{
	static const char *const files[] = {"out",    "out.journal", "stats", "metrics",
					    "errors", "report",      "trace"};
	struct program_options o = {.env = env};
	char command[1024];
	struct program p;

	snprintf(command, sizeof command,
		 "run %%s/in -o %%s/out -m m -v --base-url %s --retries 1 --timings -j 4 -w 2 "
		 "--stats %%s/stats --metrics %%s/metrics --errors %%s/errors --report %%s/report "
		 "--trace %%s/trace %s",
		 url, more);
	program_start(&p, &o, command);
	while (file_size("out.journal") < 4000)
		usleep(1000);
	check_inspector(p.pid);
	CHECK_EQ(kill(p.pid, SIGSTOP), 0); /* or it might be over before all is looked at */
	check_processes(p.pid, least);
	check_file("out.journal"); /* whole, before the run tidies it */
	CHECK_EQ(kill(p.pid, SIGCONT), 0);
	program_finish(&p);
	CHECK_EQ(p.status, 1);
	CHECK_HAS(p.err, "server_error");
	check_words(&p);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		check_file(files[i]);
		file_remove(files[i]);
	}
}

/* Arguments, environment, files, log and the memory of every worker and what it runs, with rows that
 * succeed, are retried, and fail. */
TEST_WITHIN(p14_key_is_found_nowhere, 60)
{
	static const char each_line[] =
		"--post-exec 'while read -r l; do echo \"{\\\"n\\\":${#l}}\"; done'";
	struct mock mock;

	mock_start(&mock, "--latency 20ms --fail 500:0.2,400:0.1");
	rows_write("in", 120);
	run_and_look(mock.url, "--post tokens", with_key, 4);
	run_and_look(mock.url, "--log-json --post tokens", with_key, 4);
	run_and_look(mock.url, each_line, with_key, 6);
	file_put("key", KEY "\n");
	CHECK_EQ(chmod(path_of("key"), 0600), 0);
	run_and_look(mock.url, "--post tokens --key-file %s/key", NULL, 4);
	mock_stop(&mock);
	if (was_refused)
		SKIP("only root may look into the memory of workers: that was left out");
}

/* The probe before the first row is answered as it should be. */
static bool takes_row(int fd)
{
	struct server_request *r = malloc(sizeof *r);
	bool is_there = r != NULL && server_take(fd, r) > 0;

	if (is_there && strncmp(r->head, "GET", 3) == 0) {
		server_reply(fd, 200, NULL, "{}");
		is_there = server_take(fd, r) > 0;
	}
	free(r);
	return is_there;
}

static void send_away(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	while (takes_row(fd))
		server_reply(fd, 307, "Location: http://127.0.0.1:1/elsewhere\r\n", "");
}

static void break_off(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	if (!takes_row(fd))
		return;
	server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nnot yet");
	server_reset(fd);
}

static void talk_nonsense(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	if (takes_row(fd))
		server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n"
			       "Content-Length: 7\r\n\r\n");
}

/* What duet and curl say of a connection that goes wrong holds neither the key nor a password. */
TEST_WITHIN(p14_words_of_failures_hold_no_key, 60)
{
	static server_script *const scripts[] = {send_away, break_off, talk_nonsense};
	static const char *const more[] = {
		"--base-url http://192.0.2.1/v1",
		"--base-url http://127.0.0.1:1/v1",
		"--base-url https://127.0.0.1:1/v1",
		"--base-url http://canary:canary@127.0.0.1:1/v1",
		"--base-url https://no.such.invalid/v1",
		"--base-url https://api.invalid/v1 --proxy http://canary:canary@127.0.0.1:1",
		"--base-url https://api.invalid/v1 --proxy socks5://canary:canary@127.0.0.1:1",
	};
	struct program_options o = {.env = with_key};
	char command[512];
	struct program p;

	rows_write("in", 3);
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
		struct server *s = server_start(scripts[i], NULL);

		snprintf(command, sizeof command,
			 "run %%s/in -o %%s/out%zu -m m -v --retries 1 --base-url %s", i,
			 server_url(s, "/v1"));
		program_run_with(&p, &o, command);
		CHECK_EQ(p.status, 1);
		check_words(&p);
		CHECK_HAS(s->log->last_head, "canary");
		server_stop(s);
	}
	for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
		snprintf(command, sizeof command,
			 "run %%s/in -o %%s/more -m m -v --retries 1 --connect-timeout 1s %s",
			 more[i]);
		program_run_with(&p, &o, command);
		CHECK(p.status == 2 || p.status == 3);
		check_words(&p);
	}
}

/* A key file that others may read is refused. */
TEST(run_key_file_of_everybody_is_refused)
{
	struct program p;

	rows_write("in", 1);
	file_put("key", "sk-canary\n");
	chmod(path_of("key"), 0644);
	program_run(&p, "run %s/in -m m --base-url http://127.0.0.1:1/v1 --key-file %s/key");
	CHECK_EQ(p.status, 2);
	CHECK_HAS(p.err, "chmod 600");
}
