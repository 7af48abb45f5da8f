#include "loop/io/address.h"

#include "loop/core/fail.h"
#include "loop/core/loop.h"
#include "loop/core/park.h"
#include <arpa/inet.h>
#include <duet/task.h>
#include <duet/thread.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_MOST = 256, PORT_MOST = 6 };

/* A look-up may outlive a caller that was cancelled: it has two owners. */
struct look_up {
	atomic_int owners;
	char host[HOST_MOST];
	char port[PORT_MOST];
	struct addrinfo hints;
	struct addrinfo *found;
	int code;   /* of getaddrinfo                      */
	int system; /* errno of the thread that looked up  */
};

static void release(struct look_up *l)
{
	if (atomic_fetch_sub(&l->owners, 1) != 1)
		return;
	if (l->found != NULL)
		freeaddrinfo(l->found);
	free(l);
}

static void look_up(void *arg)
{
	struct look_up *l = arg;

	l->code = getaddrinfo(l->host[0] != '\0' ? l->host : NULL, l->port, &l->hints, &l->found);
	l->system = errno;
}

static int look_up_in_thread(void *arg)
{
	look_up(arg);
	release(arg);
	return 0;
}

static int malformed(const char *url)
{
	return duet__failf(DUET_EINVAL,
			   "\"%s\" is no stream URL: tcp://host:port, tcp://[::1]:port or "
			   "unix:///path",
			   url);
}

static int open_unix(duet__address *a, const char *path)
{
	size_t length = strlen(path);

	if (length >= sizeof(a->unix_path.sun_path))
		return duet__failf(-ENAMETOOLONG, "%s: a Unix socket's path has at most %zu bytes",
				   path, sizeof(a->unix_path.sun_path) - 1);
	a->unix_path.sun_family = AF_UNIX;
	memcpy(a->unix_path.sun_path, path, length + 1);
	a->unix_info = (struct addrinfo){
		.ai_family = AF_UNIX,
		.ai_socktype = SOCK_STREAM,
		.ai_addr = (struct sockaddr *)(void *)&a->unix_path,
		.ai_addrlen = sizeof(a->unix_path),
	};
	return 0;
}

/* Splits "host:port" or "[host]:port". */
static bool split(struct look_up *l, const char *text)
{
	const char *colon = strrchr(text, ':'), *host = text;
	size_t length;

	if (colon == NULL || strlen(colon + 1) >= PORT_MOST || colon[1] == '\0' ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1) || atoi(colon + 1) > 65535)
		return false;
	length = (size_t)(colon - text);
	if (length >= 2 && host[0] == '[' && host[length - 1] == ']')
		host++, length -= 2;
	else if (memchr(host, ':', length) != NULL)
		return false;
	if (length >= HOST_MOST)
		return false;
	memcpy(l->host, host, length);
	l->host[length] = '\0';
	strcpy(l->port, colon + 1);
	return true;
}

static int tell_dns(const struct look_up *l)
{
	if (l->code == EAI_MEMORY)
		return duet__fail(DUET_ENOMEM);
	return duet__failf(DUET_EDNS, "look up %s: %s", l->host,
			   l->code == EAI_SYSTEM ? duet_strerror(-l->system)
						 : gai_strerror(l->code));
}

/* Numbers at once, names where nobody waits for them. */
static int resolve(struct look_up *l)
{
	int r = 0;

	l->hints.ai_flags |= AI_NUMERICHOST;
	duet__on_loop_stack(look_up, l);
	if (l->code != EAI_NONAME)
		return l->code == 0 ? 0 : tell_dns(l);
	l->hints.ai_flags &= ~AI_NUMERICHOST;
	if (duet_self() != NULL && (r = duet__enter()) < 0)
		return r;
	atomic_fetch_add(&l->owners, 1);
	if (duet_self() == NULL) {
		look_up_in_thread(l);
	} else if ((r = duet_to_thread(look_up_in_thread, l)) < 0) {
		if (r != DUET_ECANCELED) /* it never started */
			release(l);
		return r;
	}
	return l->code == 0 ? 0 : tell_dns(l);
}

static int open_tcp(duet__address *a, const char *url, const char *text, bool passive)
{
	struct look_up *l = calloc(1, sizeof(*l));
	int r;

	if (l == NULL)
		return duet__fail(DUET_ENOMEM);
	atomic_init(&l->owners, 1);
	l->hints.ai_socktype = SOCK_STREAM;
	l->hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
	if (!split(l, text) || (!passive && l->host[0] == '\0')) {
		release(l);
		return malformed(url);
	}
	if (passive && strcmp(l->host, "*") == 0)
		l->host[0] = '\0';
	r = resolve(l);
	if (r == 0) {
		a->resolved = l->found;
		l->found = NULL;
	}
	release(l);
	return r;
}

int duet__address_open(duet__address *a, const char *url, bool passive)
{
	memset(a, 0, sizeof(*a));
	if (url == NULL)
		return duet__failf(DUET_EINVAL, "no URL");
	if (strncmp(url, "unix://", 7) == 0 && url[7] == '/')
		return open_unix(a, url + 7);
	if (strncmp(url, "tcp://", 6) == 0)
		return open_tcp(a, url, url + 6, passive);
	return malformed(url);
}

void duet__address_close(duet__address *a)
{
	if (a->resolved != NULL)
		freeaddrinfo(a->resolved);
	a->resolved = NULL;
}

const struct addrinfo *duet__address_first(const duet__address *a)
{
	return a->resolved != NULL ? a->resolved : &a->unix_info;
}

bool duet__address_is_unix(const duet__address *a)
{
	return a->resolved == NULL;
}

void duet__address_describe(const struct addrinfo *info, char *text, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "?";
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)info->ai_addr;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)info->ai_addr;

	switch (info->ai_family) {
	case AF_INET:
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(text, size, "%s:%d", host, ntohs(v4->sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(text, size, "[%s]:%d", host, ntohs(v6->sin6_port));
		break;
	default:
		snprintf(text, size, "%s",
			 ((const struct sockaddr_un *)(const void *)info->ai_addr)->sun_path);
	}
}
