/* Post steps from a shared object, for --post ./libsteps.so:NAME. */
#include <duet/duet.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int shout(duet_job *job);
int crash(duet_job *job);
int fail(duet_job *job);

int shout(duet_job *job)
{
	duet_bytes in = duet_job_input(job);
	char *out = duet_job_reserve(job, in.len);

	for (size_t i = 0; out != NULL && i < in.len; i++)
		out[i] = (char)toupper(((const unsigned char *)in.data)[i]);
	return out != NULL ? 0 : -ENOMEM;
}

/* On replies with a comma in them: here, those that are JSON. */
int crash(duet_job *job)
{
	duet_bytes in = duet_job_input(job);

	if (memchr(in.data, ',', in.len) != NULL)
		abort();
	return duet_job_reply(job, "[1, 2]", 6);
}

int fail(duet_job *job)
{
	return duet_job_fail(job, -EBADMSG, "not to its taste");
}
