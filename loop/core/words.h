/* The words of errors, beside the codes.  Each task keeps those of its last failure; so does each
 * thread, for calls outside tasks. */
#ifndef DUET_CORE_WORDS_H
#define DUET_CORE_WORDS_H

#include <duet/task.h>

enum { DUET__WORDS_MOST = 512 };

struct duet__words {
	int code; /* the error they belong to */
	char text[DUET__WORDS_MOST];
};

/* Whoever runs now inherits t's last error, with its words. */
void duet__words_pass(duet_task *t);

#endif
