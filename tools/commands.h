/* The commands of the program, one file each, and how they end. */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

enum exit_status {
	EXIT_DONE = 0,
	EXIT_ROWS = 1,        /* finished, some rows failed                              */
	EXIT_USAGE = 2,       /* wrong usage or input                                    */
	EXIT_UNREACHABLE = 3, /* the endpoint cannot be reached                          */
	EXIT_REFUSED = 4,     /* key or quota: stopped early                             */
	EXIT_LIMIT = 5,       /* budget or deadline reached                              */
	EXIT_INTERNAL = 70,
	EXIT_OUTPUT = 74, /* output, journal or a file beside them cannot be written   */
	EXIT_SIGNAL = 128,
	EXIT_CLOSED_PIPE = 141, /* nobody reads the output any more                        */
};

/* argv[0] is the command's name.  -> exit status */
int cmd_run(int argc, char **argv);
int cmd_mock(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_ps(int argc, char **argv);

#endif
