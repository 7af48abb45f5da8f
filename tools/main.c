/* duet: batches of LLM calls that finish, in order, whatever happens.  This file finds the command;
 * each lives in cmd_NAME.c. */
#include "tools/args.h"
#include "tools/commands.h"

#include <dlfcn.h>
#include <duet/version.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"run", cmd_run, "answer every row of a JSONL file, in order, resumable"},
	{"mock", cmd_mock, "serve a test endpoint on 127.0.0.1, with limits and faults"},
	{"check", cmd_check, "look for mistakes in an input file, offline"},
	{"ps", cmd_ps, "show what a running process is waiting for"},
	{"demo", cmd_demo, "show what the program does, offline, in a few seconds"},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static int print_help(void)
{
	puts("Usage: duet COMMAND [OPTION...]\n\n"
	     "Batches of LLM calls that finish, in order, whatever happens.\n\n"
	     "Commands:");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-7s %s\n", commands[i].name, commands[i].help);
	puts("\nTry it without a server:\n"
	     "  duet demo\n"
	     "  echo '{\"prompt\":\"Hello\"}' | duet run --mock\n\n"
	     "duet COMMAND --help tells the options; man duet tells the rest.");
	return args_end_output(EXIT_DONE);
}

/* What is linked at run time.  The libraries below duet are none of this program's business, but
 * whoever reports a bug should be able to name them. */
static void print_library(const char *name, const char *function)
{
	const char *(*version)(void);

	*(void **)&version = dlsym(RTLD_DEFAULT, function);
	if (version != NULL)
		printf("%s %s\n", name, version());
}

static int print_version(void)
{
	printf("duet %s\nlibduet %s\n", DUET_VERSION_STRING, duet_version_string());
	print_library("libevent", "event_get_version");
	print_library("curl", "curl_version");
	print_library("nng", "nng_version");
	print_library("cJSON", "cJSON_Version");
	return args_end_output(EXIT_DONE);
}

static bool is(const char *word, const char *one, const char *other)
{
	return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* Where one of the standard files is closed, the next file opened would take its number, and then
 * what is meant for the terminal.  These fail on any use, as a closed one does. */
static void fill_standard_files(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			_exit(EXIT_INTERNAL);
}

int main(int argc, char **argv)
{
	const struct command *command;

	fill_standard_files();
	if (argc < 2) {
		fputs("duet: no command given; duet --help lists them\n", stderr);
		return EXIT_USAGE;
	}
	if (is(argv[1], "--help", "-h") || (strcmp(argv[1], "help") == 0 && argc == 2))
		return print_help();
	if (is(argv[1], "--version", "-V"))
		return print_version();
	if (strcmp(argv[1], "help") == 0 && (command = find_command(argv[2])) != NULL)
		return command->run(2, (char *[]){argv[2], "--help", NULL});
	command = find_command(argv[1]);
	if (command == NULL) {
		fprintf(stderr, "duet: unknown %s '%s'; duet --help lists the commands\n",
			argv[1][0] == '-' ? "option" : "command", argv[1]);
		return EXIT_USAGE;
	}
	return command->run(argc - 1, argv + 1);
}
