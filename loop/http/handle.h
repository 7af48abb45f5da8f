/* A curl easy handle, configured once and used again and again: configuring costs more than a
 * request does. */
#ifndef DUET_HTTP_HANDLE_H
#define DUET_HTTP_HANDLE_H

#include "loop/http/transfer.h"

typedef struct duet__handle {
	struct duet__handle *next; /* idle                                                  */
	CURL *easy;
	duet_http *http;
	duet__transfer *transfer; /* NULL while idle                                       */
	char *method;             /* CUSTOMREQUEST as set last, or NULL                    */
	char *url;                /* as set last, or NULL                                  */
	char kind;                /* 'G'et, 'H'ead, 'B'ody, or 0 = none set yet            */
	char tls;                 /* the proxy set last: 'y', 'n', or 0                    */
	struct curl_slist *lines; /* an array, linked                                      */
	size_t line_room;
	char error[CURL_ERROR_SIZE];
} duet__handle;

/* A handle loaded with x's request.  -> NULL: no memory, or curl refuses (x->words say so) */
duet__handle *duet__handle_take(duet__transfer *x);

/* Back to the idle ones.  It must not be in a multi. */
void duet__handle_give(duet__handle *handle);
void duet__handle_free(duet__handle *handle);

/* callbacks.c: sets what does not depend on the request.  -> CURLE_OK or why not */
CURLcode duet__callbacks_set(duet__handle *handle);

/* socket.c */
curl_socket_t duet__socket_open(void *handle, curlsocktype purpose, struct curl_sockaddr *address);
int duet__socket_close(void *http, curl_socket_t fd);

#endif
