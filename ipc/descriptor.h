/* Descriptors with numbers of their choice.  A program may have been started without standard
 * streams, or close them: what is opened next takes their numbers, and is written to by whoever
 * prints. */
#ifndef DUET_IPC_DESCRIPTOR_H
#define DUET_IPC_DESCRIPTOR_H

/* Moves fd to a number that is not below first, if it is; close-on-exec.  Where there is none, it
 * stays.  -> the descriptor; negative ones are passed through with errno */
int duet__fd_above(int fd, int first);

/* Above the standard streams. */
int duet__fd_raise(int fd);

/* A pair of Unix sockets for messages, above the standard streams -> 0, -errno */
int duet__fd_pair(int fds[2]);

#endif
