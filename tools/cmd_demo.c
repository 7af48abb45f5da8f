/* duet demo [NAME]: shows what the program does, against its own mock server, in a few seconds.
 * Each demonstration is a command line that is printed and then run as it stands. */
#include "tools/args.h"
#include "tools/commands.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { WORDS_MOST = 16, ROWS = 400 };

static const struct demo {
	const char *name, *help;
	const char *words[WORDS_MOST]; /* behind "duet run INPUT" */
} demos[] = {
	{"order",
	 "answers come back in any order, and stand in the order of the input",
	 {"--mock=latency=60ms\xc2\xb1"
	  "50",
	  "--limit", "8", "--format", "jsonl"}},
	{"speed",
	 "400 answers of 100 ms each, many at once: the limit is found out",
	 {"--mock=latency=100ms", "-o", "OUT"}},
	{"faults",
	 "a server that throttles, fails and drops connections: no row is lost",
	 {"--mock=latency=20ms,fail=429:0.05+500:0.02+reset:0.02", "-j", "64", "-o", "OUT"}},
	{"limits",
	 "a server that takes 6000 requests a minute: its headers are heeded",
	 {"--mock=latency=20ms,rpm=6000", "-o", "OUT", "--limit", "200"}},
	{"cores",
	 "each reply is worked on for 2 ms, on the other cores, while requests go on",
	 {"--mock=latency=50ms", "--post", "busy=2", "-o", "OUT"}},
	{"post",
	 "the JSON in each reply, taken out in a worker",
	 {"--mock", "--prompt", "Answer in JSON: {prompt}", "--post", "json", "--limit", "4",
	  "--format", "jsonl"}},
};

enum { DEMOS = sizeof demos / sizeof *demos };

static const struct arg_set set = {
	.command = "duet demo",
	.usage = "[NAME...]",
	.summary =
		"Shows what duet run does, offline: order, speed, faults, limits, cores, post.  "
		"Without a\nname, all of them.  Each is one command line, which is printed first.",
	.max_words = ARG_WORDS_MAX,
};

struct place {
	char directory[64], input[80], output[80];
};

static int make_place(struct place *p)
{
	FILE *to;

	*p = (struct place){0};
	snprintf(p->directory, sizeof p->directory, "/tmp/duet-demo-XXXXXX");
	if (mkdtemp(p->directory) == NULL)
		return -errno;
	snprintf(p->input, sizeof p->input, "%s/in.jsonl", p->directory);
	snprintf(p->output, sizeof p->output, "%s/out.jsonl", p->directory);
	to = fopen(p->input, "we");
	if (to == NULL)
		return -errno;
	for (int i = 1; i <= ROWS; i++)
		fprintf(to, "{\"prompt\":\"question %d\"}\n", i);
	return fclose(to) == 0 ? 0 : -errno;
}

static void remove_output(struct place *p)
{
	char journal[96];

	snprintf(journal, sizeof journal, "%s.journal", p->output);
	unlink(p->output);
	unlink(journal);
}

static void remove_place(struct place *p)
{
	remove_output(p);
	unlink(p->input);
	rmdir(p->directory);
}

static void print_word(const char *word)
{
	bool is_plain = strpbrk(word, " {}*\"'") == NULL;

	if (is_plain)
		printf(" %s", word);
	else
		printf(" '%s'", word);
}

/* A process of its own: workers are forked before anything else, so once in a process. */
static int run_apart(char *argv[])
{
	int status;
	pid_t pid;
	int r = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ);

	if (r != 0) {
		fprintf(stderr, "duet demo: %s\n", strerror(r));
		return EXIT_INTERNAL;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_INTERNAL;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNAL + WTERMSIG(status);
}

static int run_demo(const struct demo *demo, struct place *p)
{
	char *argv[WORDS_MOST + 4] = {"duet", "run", p->input};
	int argc = 3;

	for (int i = 0; demo->words[i] != NULL; i++)
		argv[argc++] =
			strcmp(demo->words[i], "OUT") == 0 ? p->output : (char *)demo->words[i];
	printf("\n# %s: %s\n$", demo->name, demo->help);
	for (int i = 0; i < argc; i++)
		print_word(argv[i]);
	puts("");
	fflush(stdout);
	remove_output(p);
	return run_apart(argv);
}

static const struct demo *find_demo(const char *name)
{
	for (size_t i = 0; i < DEMOS; i++)
		if (strcmp(demos[i].name, name) == 0)
			return &demos[i];
	return NULL;
}

static int check_names(const struct arg_result *words)
{
	for (size_t i = 0; i < words->n; i++)
		if (find_demo(words->words[i]) == NULL) {
			fprintf(stderr, "duet demo: there is no '%s' (see duet demo --help)\n",
				words->words[i]);
			return EXIT_USAGE;
		}
	return EXIT_DONE;
}

/* A Ctrl-C is for the run that shows something; it ends, and this program goes home. */
static int run_demos(const struct arg_result *words, struct place *p)
{
	size_t n = words->n > 0 ? words->n : DEMOS;
	int r = EXIT_DONE;

	signal(SIGINT, SIG_IGN);
	for (size_t i = 0; i < n && r == EXIT_DONE; i++)
		r = run_demo(words->n > 0 ? find_demo(words->words[i]) : &demos[i], p);
	return r;
}

int cmd_demo(int argc, char **argv)
{
	struct arg_result words;
	struct place place;
	int none, r = args_begin(&set, argc, argv, &none, &words);

	if (r >= 0 || (r = check_names(&words)) != EXIT_DONE)
		return r;
	r = make_place(&place);
	if (r < 0) {
		fprintf(stderr, "duet demo: %s: %s\n", place.directory, strerror(-r));
		return EXIT_OUTPUT;
	}
	r = run_demos(&words, &place);
	remove_place(&place);
	return r;
}
