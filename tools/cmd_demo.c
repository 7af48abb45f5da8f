#include "tools/commands.h"
int cmd_demo(int c, char **v)
{
	(void)c;
	(void)v;
	return 70;
}
