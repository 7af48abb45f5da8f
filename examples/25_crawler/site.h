#ifndef EXAMPLES_25_CRAWLER_SITE_H
#define EXAMPLES_25_CRAWLER_SITE_H

#include <duet/duet.h>

/* A web site of 31 pages on a free port of 127.0.0.1, which end in links to others.
 * -> the task that serves it until it is cancelled, or NULL */
duet_task *site_start(int *ret_port);

#endif
