/* Where a redirect leads, and what may go there (RFC 9110, 15.4; the method as browsers do it: a POST
 * becomes a GET after 301, 302 and 303).  What is secret stays with the origin it was meant for: to
 * another scheme, host or port go no Authorization, no Cookie, and no Host. */
#ifndef DUET_HTTP_REDIRECT_H
#define DUET_HTTP_REDIRECT_H

#include <duet/http.h>

typedef struct duet__redirect {
	duet_http_request request; /* the next one                                              */
	char *url;                 /* of it, owned                                              */
	const char **headers;      /* of it; the array is owned, the lines are the first one's  */
	duet_time used;            /* by the exchanges before it                                */
	int left;                  /* how many may still be followed                            */
} duet__redirect;

/* An exchange of `request`, or of r->request, took that long and was answered so.
 * -> 1: r->request is to be made; 0: the answer stands; DUET_EHTTP, DUET_ETIMEDOUT, -ENOMEM */
int duet__redirect_follow(duet__redirect *r, const duet_http_request *request, int status,
			  const char *location, duet_time took, duet_time limit);

/* What it owns.  Zeroed, it may be given up, too. */
void duet__redirect_fini(duet__redirect *r);

#endif
