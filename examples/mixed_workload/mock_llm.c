#include "mock_llm.h"
#include "mock_http.h"
#include "mock_reply.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct server {
	duet_listener *listener;
	duet_time latency;
	int life, port_to;
};

static int serve_client(void *context, duet_stream *client)
{
	const struct server *s = context;

	mock_http_serve(client, s->latency);
	return 0;
}

static int serve_clients(void *arg)
{
	struct server *s = arg;

	return duet_serve(s->listener, serve_client, s, 0);
}

static int serve(void *arg)
{
	struct server *s = arg;
	duet_task *serving;
	int port;

	s->listener = duet_listen("tcp://127.0.0.1:0");
	if (s->listener == NULL)
		return -EADDRNOTAVAIL;
	port = duet_listener_port(s->listener);
	if (write(s->port_to, &port, sizeof port) != sizeof port)
		return -EPIPE;
	close(s->port_to);
	serving = duet_spawn(serve_clients, s);
	duet_wait_fd(s->life, DUET_READ);
	duet_cancel_await(serving);
	duet_listener_close(s->listener);
	return 0;
}

/* The process of the server.  It leaves the terminal's Ctrl-C to its parent, whose requests in
 * flight still want an answer, and gives back the standard files that a reader may wait on. */
static _Noreturn void be_server(pid_t parent, struct server *s)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || null < 0)
		_exit(1);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	mock_reply_init();
	_exit(duet_run(serve, s) < 0);
}

static int start_process(struct mock_llm *m, duet_time latency, int life[2], int port[2])
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		close(life[1]);
		close(port[0]);
		be_server(parent, &(struct server){
					  .latency = latency, .life = life[0], .port_to = port[1]});
	}
	m->pid = pid;
	return 0;
}

static int read_port(struct mock_llm *m, int from)
{
	int port;

	if (read(from, &port, sizeof port) != sizeof port)
		return -ECHILD;
	snprintf(m->url, sizeof m->url, "http://127.0.0.1:%d/v1/chat/completions", port);
	return 0;
}

int mock_llm_start(struct mock_llm *m, duet_time latency)
{
	int life[2], port[2], r;

	*m = (struct mock_llm){0};
	if (pipe2(life, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(port, O_CLOEXEC) < 0) {
		r = -errno;
		close(life[0]);
		close(life[1]);
		return r;
	}
	r = start_process(m, latency, life, port);
	close(life[0]);
	close(port[1]);
	if (r == 0)
		r = read_port(m, port[0]);
	close(port[0]);
	m->life = life[1];
	if (r < 0)
		mock_llm_stop(m);
	return r;
}

void mock_llm_stop(struct mock_llm *m)
{
	if (m->life > 0)
		close(m->life);
	if (m->pid > 0) {
		kill(m->pid, SIGTERM);
		waitpid(m->pid, NULL, 0);
	}
	*m = (struct mock_llm){0};
}
