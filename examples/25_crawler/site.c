/* The server's side in its simplest form: a task for each connection, a line at a time. */
#include "site.h"

#include <stdio.h>
#include <stdlib.h>

enum { PAGES = 31 };

struct site {
	duet_listener *listener;
	duet_group *visitors;
};

static int send_page(duet_stream *s, int page)
{
	char body[128], head[128];
	int len = snprintf(
		body, sizeof body,
		"<a href=\"/%d\">left</a> <a href=\"/%d\">right</a> <a href=\"/0\">top</a>",
		2 * page + 1, 2 * page + 2);
	int head_len = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n",
				page < PAGES ? "200 OK" : "404 Not Found", len);

	int r = duet_stream_write(s, head, (size_t)head_len);
	return r < 0 ? r : duet_stream_write(s, body, (size_t)len);
}

/* Requests without a body; the head ends with an empty line. */
static int serve_visitor(void *arg)
{
	duet_stream *s = arg;
	char line[1024];
	int page = PAGES, r = 0;

	while (r >= 0 && duet_stream_readline(s, line, sizeof line) > 0) {
		if (sscanf(line, "GET /%d ", &page) != 1 && line[0] == '\r')
			r = send_page(s, page);
	}
	duet_stream_close(s);
	return 0;
}

static int serve_site(void *arg)
{
	struct site *site = arg;
	duet_stream *s;

	while ((s = duet_accept(site->listener)) != NULL)
		if (duet_group_spawn(site->visitors, serve_visitor, s) < 0)
			duet_stream_close(s);
	duet_group_cancel(site->visitors);
	int r = duet_group_close(site->visitors);
	duet_listener_close(site->listener);
	free(site);
	return r;
}

duet_task *site_start(int *ret_port)
{
	struct site *site = malloc(sizeof *site);

	if (site == NULL)
		return NULL;
	site->listener = duet_listen("tcp://127.0.0.1:0");
	site->visitors = duet_group_open();
	*ret_port = duet_listener_port(site->listener);
	return duet_spawn(serve_site, site);
}
