/* For those who must know whether this process can still be forked. */
#ifndef DUET_HTTP_UP_H
#define DUET_HTTP_UP_H

#include <stdbool.h>

bool duet__http_is_up(void); /* curl has been started in this process */

#endif
