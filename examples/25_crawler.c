/* Lesson 25: a crawler, as simple as with threads.
 *
 * Every page is visited by a task of a group, which spawns visits of the pages it finds.  The code
 * reads like blocking code and needs no lock.  (The site is 25_crawler/site.c, on this machine.) */
#include "25_crawler/site.h"
#include "lesson.h"

enum { PAGES_MAX = 64 };

static duet_http *http;
static duet_group *visits;
static int port, fetched;
static bool seen[PAGES_MAX];

static int visit(void *arg);

/* Links look like href="/7". */
static void visit_links(const char *html)
{
	while ((html = strstr(html, "href=\"/")) != NULL) {
		int page = atoi(html += 7);
		if (page >= 0 && page < PAGES_MAX && !seen[page]) {
			seen[page] = true;
			duet_group_spawn(visits, visit, &seen[page]);
		}
	}
}

static int visit(void *arg)
{
	char url[64];
	duet_http_response answer = {0};

	snprintf(url, sizeof url, "http://127.0.0.1:%d/%td", port, (bool *)arg - seen);
	int r = duet_http_fetch(http, &(duet_http_request){.url = url}, &answer);
	fetched += answer.status == 200;
	if (answer.status == 200)
		visit_links(answer.body.data);
	duet_http_response_free(&answer);
	return r;
}

static int lesson(void *arg)
{
	duet_task *site = site_start(&port);
	http = duet_http_open(arg);
	visits = duet_group_open();
	visit_links("<a href=\"/0\">");
	int r = duet_group_close(visits);
	printf("%d pages\n", fetched);
	duet_http_close(http);
	duet_cancel_await(site);
	return r;
}

int main(void)
{
	return lesson_run(lesson);
}
