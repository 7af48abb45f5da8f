/* Where a stream URL points: one or more socket addresses to try in turn. */
#ifndef DUET_IO_ADDRESS_H
#define DUET_IO_ADDRESS_H

#include <duet/api.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Room for what duet__address_describe says. */
enum { DUET__ADDRESS_WORDS = 128 };

typedef struct duet__address {
	struct addrinfo *resolved; /* from getaddrinfo; NULL for a Unix socket      */
	struct addrinfo unix_info; /* points to unix_path                           */
	struct sockaddr_un unix_path;
} duet__address;

/* Parses url and looks its host up: suspends if that is a name and the caller a task.  passive: to
 * listen on, where "" and "*" mean every interface.
 * -> 0, -EINVAL, DUET_EDNS, -ENAMETOOLONG, DUET_ECANCELED, -ENOMEM */
int duet__address_open(duet__address *a, const char *url, bool passive);
void duet__address_close(duet__address *a);

/* The first of its addresses; the next is ->ai_next. */
const struct addrinfo *duet__address_first(const duet__address *a);

bool duet__address_is_unix(const duet__address *a);

/* "127.0.0.1:80" or "/run/x.sock", for words. */
void duet__address_describe(const struct addrinfo *info, char *text, size_t size);

#endif
