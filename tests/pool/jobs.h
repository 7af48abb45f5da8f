/* Jobs and helpers that the tests of the pool share. */
#ifndef DUET_TESTS_POOL_JOBS_H
#define DUET_TESTS_POOL_JOBS_H

#include <duet/duet.h>

/* Registers these:
 *   echo         replies with its input               upper    the same in capitals, in place
 *   pid          replies with the worker's pid (pid_t)
 *   fail         duet_job_fail(-EBADMSG, "no good: %s", input)
 *   signal       kills itself with the signal in the input ("11")
 *   exit         exit(n) with n in the input
 *   spin         runs until it is killed
 *   polite       runs until duet_job_cancelled, then writes to the file named in the input
 *   sleep        sleeps the milliseconds in the input, and replies with it
 *   sum          replies with the sum of all bytes (uint64_t)
 *   grow         replies with as many bytes as the input says, each 'x'
 *   count        replies with how many jobs this worker has counted so far (int)
 *   hog          allocates and touches the bytes the input says; -ENOMEM if it may not
 *   progress     reports 0.25, 0.5, 0.75, 20 ms apart
 *   print        prints its input as a line
 *   env          replies with the environment variable named in the input */
void jobs_register(void);

/* duet_pool_open that must work, on a process that has the jobs registered. */
duet_pool *jobs_pool(const duet_pool_options *o);

/* Closes it, and waits for what nng takes down in the background. */
void jobs_close(duet_pool *p);

/* In a run: the pid from the job "pid". */
pid_t jobs_pid(duet_pool *p);

/* Waits, in a run, until what() is true; fails the test after 10 s. */
void jobs_wait_until(bool (*what)(void *), void *arg);

/* The zygote that forked the worker; 0: it is gone (an orphan's parent is the test runner). */
pid_t jobs_zygote_of(pid_t worker);

#endif
