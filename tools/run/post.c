#include "tools/run/post.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { REPLY_MOST = 64 * 1024 * 1024 };

/* Of one worker: which it is known when the worker starts. */
static struct worker {
	const struct post *post;
	duet_job_fn *function;
	pid_t pid;
	FILE *to, *from;
	char why[300]; /* it cannot work */
} worker;

/* --- choosing --- */

const char *post_choose(struct post *p, const char *post, const char *exec)
{
	const char *colon = post != NULL ? strrchr(post, ':') : NULL;

	*p = (struct post){0};
	if (post != NULL && exec != NULL)
		return "--post and --post-exec exclude each other";
	if (exec != NULL) {
		p->kind = POST_COMMAND;
		p->command = exec;
		return *exec != '\0' ? NULL : "--post-exec wants a command";
	}
	if (post == NULL)
		return NULL;
	p->kind = POST_BUILTIN;
	if (builtin_find(post, &p->builtin))
		return NULL;
	if (colon == NULL || colon == post || colon[1] == '\0')
		return "--post wants json, code-extract, tokens, simhash, busy=MS or "
		       "./lib.so:function";
	p->kind = POST_LIBRARY;
	p->path = strndup(post, (size_t)(colon - post));
	p->function = strdup(colon + 1);
	if (p->path == NULL || p->function == NULL)
		return "no memory";
	return access(p->path, R_OK) == 0 ? NULL : "--post: there is no such library";
}

void post_fini(struct post *p)
{
	free(p->path);
	free(p->function);
	*p = (struct post){0};
}

/* --- in the worker --- */

static void start_library(const struct post *p)
{
	char path[4096];
	void *library;

	/* Without a slash dlopen would look elsewhere. */
	snprintf(path, sizeof path, "%s%s", strchr(p->path, '/') != NULL ? "" : "./", p->path);
	library = dlopen(path, RTLD_NOW);
	if (library != NULL)
		*(void **)&worker.function = dlsym(library, p->function);
	if (worker.function == NULL)
		snprintf(worker.why, sizeof worker.why, "%s", dlerror());
}

static void stop_command(void)
{
	if (worker.to != NULL)
		fclose(worker.to);
	if (worker.from != NULL)
		fclose(worker.from);
	worker.to = worker.from = NULL;
}

static int spawn_command(const char *command, int in, int out)
{
	char *argv[] = {"sh", "-c", (char *)command, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all;
	int r;

	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	r = posix_spawn(&worker.pid, "/bin/sh", &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int start_command(const struct post *p)
{
	int in[2], out[2], r;

	if (pipe2(in, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC) < 0) {
		r = -errno;
		close(in[0]);
		close(in[1]);
		return r;
	}
	r = spawn_command(p->command, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	worker.to = fdopen(in[1], "w");
	worker.from = fdopen(out[0], "r");
	if (worker.to == NULL || worker.from == NULL)
		r = -ENOMEM;
	if (r < 0)
		stop_command();
	return r;
}

static int start_worker(void *arg)
{
	worker = (struct worker){.post = arg};
	signal(SIGPIPE, SIG_IGN);
	if (worker.post->kind == POST_LIBRARY)
		start_library(worker.post);
	return 0; /* that it cannot work is for the rows to say */
}

static int stop_worker(void *arg)
{
	(void)arg;
	stop_command();
	return 0;
}

static int run_builtin(duet_job *job)
{
	struct text out = {0};
	const char *why = builtin_run(&worker.post->builtin, duet_job_input(job), &out);
	int r = -ENOMEM;

	if (why != NULL)
		r = duet_job_fail(job, -EBADMSG, "%s", why);
	else if (!out.is_short)
		r = duet_job_reply(job, out.data, out.len);
	text_free(&out);
	return r;
}

static int fail_command(duet_job *job)
{
	int status = 0;

	stop_command();
	if (waitpid(worker.pid, &status, 0) != worker.pid)
		return duet_job_fail(job, -EPIPE, "the command has gone");
	if (WIFSIGNALED(status))
		return duet_job_fail(job, -EPIPE, "the command was killed by signal %d",
				     WTERMSIG(status));
	return duet_job_fail(job, -EPIPE, "the command ended with status %d before it answered",
			     WEXITSTATUS(status));
}

static int run_command(duet_job *job)
{
	duet_bytes in = duet_job_input(job);
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int r;

	if (worker.to == NULL && (r = start_command(worker.post)) < 0)
		return duet_job_fail(job, r, "the command cannot be started: %s", strerror(-r));
	if (fwrite(in.data, 1, in.len, worker.to) < in.len || fflush(worker.to) != 0)
		return fail_command(job);
	n = getline(&line, &size, worker.from);
	if (n <= 0)
		r = fail_command(job);
	else if (n > REPLY_MOST)
		r = duet_job_fail(job, -E2BIG, "the command's answer is over 64 MiB");
	else
		r = duet_job_reply(job, line, (size_t)n - (line[n - 1] == '\n'));
	free(line);
	return r;
}

static int run_job(duet_job *job)
{
	switch (worker.post->kind) {
	case POST_BUILTIN:
		return run_builtin(job);
	case POST_COMMAND:
		return run_command(job);
	default:
		if (worker.function == NULL)
			return duet_job_fail(job, -ENOENT, "%s", worker.why);
		return worker.function(job);
	}
}

/* --- in the parent --- */

int post_register(struct post *p, duet_pool_options *o)
{
	o->on_worker_start = start_worker;
	o->on_worker_stop = stop_worker;
	o->worker_context = p;
	return duet_job_register("post", run_job);
}

static void make_line(const char *id, size_t id_len, duet_bytes words, duet_bytes body,
		      struct text *out)
{
	text_puts(out, "{\"custom_id\":");
	text_quote(out, id, id_len);
	text_puts(out, ",\"text\":");
	text_quote(out, words.data, words.len);
	text_puts(out, ",\"body\":");
	text_json(out, body);
	text_puts(out, "}\n");
}

static void take_reply(const duet_buf *reply, struct text *out)
{
	duet_bytes bytes = DUET_BYTES(reply->data, reply->len), value;

	if (reply->len == 0)
		text_puts(out, "null");
	else if (duet_json_check(bytes) == 0 && duet_json_find(bytes, "", &value) == 0)
		text_json(out, value);
	else
		text_quote(out, reply->data, reply->len);
}

int post_call(const struct post *p, duet_pool *pool, const char *id, size_t id_len,
	      duet_bytes words, duet_bytes body, struct text *out)
{
	struct text line = {0};
	duet_buf reply = {0};
	int r;

	if (p->kind == POST_COMMAND) {
		make_line(id, id_len, words, body, &line);
		if (line.is_short)
			return -ENOMEM;
		words = DUET_BYTES(line.data, line.len);
	}
	r = duet_pool_call(pool, "post", words, &reply);
	text_free(&line);
	if (r >= 0)
		take_reply(&reply, out);
	else
		text_puts(out, r == DUET_ETIMEDOUT ? "it took longer than --post-timeout"
						   : duet_errmsg());
	duet_buf_free(&reply);
	return r < 0 ? r : 0;
}
