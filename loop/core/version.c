#include <duet/version.h>

int duet_version(void)
{
	return DUET_VERSION_NUM;
}

const char *duet_version_string(void)
{
	return DUET_VERSION_STRING;
}
