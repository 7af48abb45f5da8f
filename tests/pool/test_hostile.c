/* Workers that lie: the worst they can do is spoil their own jobs. */
#include "ipc/board.h"
#include "ipc/frame.h"
#include "tests/lib/test.h"
#include "tests/pool/jobs.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static duet_pool *pool;

/* ---- jobs that attack; each gets a seed ---- */

static void *find_mapping(const char *name, char *mode)
{
	char line[512], word[16];
	unsigned long from;
	FILE *f = fopen("/proc/self/maps", "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strstr(line, name) != NULL && sscanf(line, "%lx-%*x %15s", &from, word) == 2) {
			fclose(f);
			memcpy(mode, word, 5);
			return (void *)from;
		}
	return NULL;
}

static int find_fd(const char *name)
{
	char path[64], target[128];
	for (int fd = 3; fd < 2048; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		if (n > 0 && (target[n] = 0, strstr(target, name) != NULL))
			return fd;
	}
	return -1;
}

static unsigned seed_of(duet_job *job)
{
	return (unsigned)strtoul(duet_job_input(job).data, NULL, 10);
}

static duet__board *own_board(void)
{
	char mode[5];
	duet__board *b = find_mapping("duet-worker", mode);
	if (b == NULL)
		_exit(99);
	return b;
}

/* Random bytes over all that it shares with the parent; half of the time it then goes on. */
static int job_scribble(duet_job *job)
{
	unsigned seed = seed_of(job);
	unsigned char *b = (void *)own_board();
	for (int i = 0; i < 20000; i++)
		b[(unsigned)rand_r(&seed) % sizeof(duet__board)] = (unsigned char)rand_r(&seed);
	if (seed & 1)
		raise(SIGKILL);
	usleep(5000); /* let the parent look at it */
	return 0;
}

/* Frames with random changes, straight into the channel. */
static int job_babble(duet_job *job)
{
	static unsigned char message[4096] __attribute__((aligned(16)));
	unsigned seed = seed_of(job);
	int fd = find_fd("socket:");
	for (int i = 0; i < 200; i++) {
		duet__frame f = {
			.type = (duet__frame_type)((unsigned)rand_r(&seed) % DUET__FRAME_TYPES),
			.ticket = (uint16_t)((unsigned)rand_r(&seed) % 600),
			.job = (unsigned)rand_r(&seed) % 1000,
			.epoch = (unsigned)rand_r(&seed) % 20,
			.code = rand_r(&seed) % 3 - 1,
			.offset = ((uint64_t)rand_r(&seed) << 32) + (unsigned)rand_r(&seed),
			.length = ((uint64_t)rand_r(&seed) << 8),
			.slot = (unsigned)rand_r(&seed) % 2000,
			.flags = (unsigned)rand_r(&seed) % 2,
			.data = "words",
			.size = 5};
		size_t n = duet__frame_put(message, sizeof(message), &f);
		if (rand_r(&seed) % 4 == 0)
			message[(unsigned)rand_r(&seed) % n] ^= (unsigned char)rand_r(&seed);
		send(fd, message, n, MSG_DONTWAIT);
	}
	return 0;
}

/* Gives itself every job back and answers for all tickets. */
static int job_confuse(duet_job *job)
{
	duet__board *b = own_board();
	unsigned seed = seed_of(job);
	for (int i = 0; i < DUET__TICKETS; i++)
		atomic_store(&b->claim[i], (unsigned)rand_r(&seed) % 16);
	atomic_store(&b->current, 12345);
	atomic_store(&b->outbox[0].committed, UINT32_MAX);
	atomic_store(&b->outbox[1].committed, DUET__MESSAGE_MAX);
	usleep(4000);
	return 0;
}

/* Overwrites all claims with the byte in the input. */
static int job_spoil(duet_job *job)
{
	int byte = (int)seed_of(job);
	memset((void *)own_board(), byte, sizeof(((duet__board *)0)->claim));
	return 0;
}

static int job_close(duet_job *job)
{
	(void)job;
	close(find_fd("socket:"));
	for (;;)
		pause();
	return 0;
}

/* Says what it may not do: 0 for each that was refused. */
static int job_overreach(duet_job *job)
{
	char mode[5], text[64];
	void *inputs = find_mapping("duet-inputs", mode);
	int own = find_fd("duet-worker"), in = find_fd("duet-inputs");
	int n = snprintf(text, sizeof(text), "%d%d%d%d%d", ftruncate(own, 0) == 0,
			 ftruncate(in, 0) == 0, mode[1] == 'w',
			 mprotect(inputs, 4096, PROT_READ | PROT_WRITE) == 0,
			 mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, in, 0) != MAP_FAILED);
	return duet_job_reply(job, text, (size_t)n);
}

static duet_pool *open_pool(void)
{
	CHECK_OK(duet_job_register("scribble", job_scribble));
	CHECK_OK(duet_job_register("babble", job_babble));
	CHECK_OK(duet_job_register("confuse", job_confuse));
	CHECK_OK(duet_job_register("close", job_close));
	CHECK_OK(duet_job_register("spoil", job_spoil));
	CHECK_OK(duet_job_register("overreach", job_overreach));
	return jobs_pool(&(duet_pool_options){.workers = 3, .job_timeout = DUET_S(1)});
}

/* ---- good jobs among them ---- */

static int bad_or_good(void *ctx, size_t i)
{
	static const char *const bad[] = {"scribble", "babble", "confuse"};
	uint64_t *seed = ctx;
	char text[300000];
	duet_buf out = {0};
	if (i % 4 == 0) {
		snprintf(text, sizeof(text), "%u", (unsigned)(*seed + i));
		duet_pool_call(pool, bad[i / 4 % 3], DUET_STR(text), NULL);
		return 0;
	}
	size_t n = i % 4 == 1 ? 290000 : 100;
	memset(text, 'a' + (int)(i % 26), n);
	duet_call_options o = {.retries = 100};
	int r = duet_pool_call_with(pool, &o, "echo", DUET_BYTES(text, n), &out);
	if (r == 0 && out.len == n) /* it may have run on a worker that lies; then it is spoilt */
		CHECK(out.data != NULL);
	duet_buf_free(&out);
	return 0;
}

static int attack(void *arg)
{
	CHECK_OK(duet_map(test_is_slow() ? 200 : 1000, 12, bad_or_good, arg, NULL));
	for (int i = 0; i < 10; i++)
		CHECK_GE(duet_pool_call(pool, "echo", DUET_STR("still there"), NULL), DUET_EWORKER);
	duet_pool_stats_t s;
	CHECK_OK(duet_pool_stats(pool, &s));
	CHECK_EQ(s.queued + s.running, 0);
	return 0;
}

static int attack_on_large_stacks(uint64_t seed)
{
	return duet_run_with(&(duet_run_options){.stack_size = 1 << 20}, attack, &seed);
}

/* Scribbled boards, invented frames and confused claims: the parent lives, and every call ends. */
TEST_WITHIN(hostile_workers_harm_themselves, 60)
{
	pool = open_pool();
	CHECK_OK(attack_on_large_stacks(test_seed()));
	CHECK_OK(duet_pool_close(pool));
}

static int echo_task(void *arg)
{
	(void)arg;
	return duet_pool_call(pool, "echo", DUET_STR("x"), NULL);
}

static int spoil_claims(void *arg)
{
	static const char *const bytes[] = {"0", "71", "255", "1"};
	duet_task *behind[20];
	(void)arg;
	for (int i = 0; i < 200; i++)
		CHECK_OK(echo_task(NULL)); /* now they are known to be quick, and many are held */
	for (int n = 0; n < 4; n++) {
		for (int i = 0; i < 10; i++)
			behind[i] = duet_spawn(echo_task, NULL);
		duet_yield();
		duet_pool_call(pool, "spoil", DUET_STR(bytes[n]), NULL);
		for (int i = 10; i < 20; i++)
			behind[i] = duet_spawn(echo_task, NULL);
		CHECK_OK(duet_gather(behind, 20, NULL));
	}
	return 0;
}

/* Jobs that a worker held, and had not begun, survive that another spoilt their claims. */
TEST(hostile_claims_cost_nobody_else)
{
	pool = open_pool();
	CHECK_OK(duet_run(spoil_claims, NULL));
	CHECK_OK(duet_pool_close(pool));
}

static int close_channel(void *arg)
{
	(void)arg;
	CHECK_ERR(duet_pool_call(pool, "close", DUET_STR(""), NULL), DUET_EWORKER);
	CHECK_HAS(duet_errmsg(), "closed its channel");
	CHECK_GE(jobs_pid(pool), 1);
	return 0;
}

/* A worker that closes its channel is as good as dead. */
TEST(hostile_worker_closes_its_channel)
{
	pool = open_pool();
	CHECK_OK(duet_run(close_channel, NULL));
	CHECK_OK(duet_pool_close(pool));
}

static int overreach(void *arg)
{
	(void)arg;
	duet_buf out = {0};
	CHECK_OK(duet_pool_call(pool, "overreach", DUET_STR(""), &out));
	CHECK_STR(out.data, "00000");
	duet_buf_free(&out);
	return 0;
}

/* Shared files cannot be cut short, and inputs not be written, whatever a worker tries. */
TEST(hostile_worker_cannot_overreach)
{
	pool = open_pool();
	CHECK_OK(duet_run(overreach, NULL));
	CHECK_OK(duet_pool_close(pool));
}
