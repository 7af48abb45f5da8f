/* The opt-in sandbox of a worker: what a job may still ask of the kernel, once the start hook has
 * opened whatever it needs.  Two independent walls, as one may have a hole:
 *
 *   Landlock   files: reading below /usr and /lib only, writing nowhere; no TCP
 *   seccomp    no sockets, no new programs or processes, no tracing, no signals to others, no
 *              mounts, namespaces, keys, kernel modules, bpf, io_uring
 *
 * What was open before stays usable. */
#ifndef DUET_POOL_SANDBOX_H
#define DUET_POOL_SANDBOX_H

/* -> 0, or -ENOSYS: this kernel cannot do it.  In the parent, before anything is forked. */
int duet__sandbox_probe(void);

/* In the worker: there is no way back.  -> 0, -errno */
int duet__sandbox_enter(void);

#endif
