#include "tools/run/codes.h"

#include <duet/error.h>

static const char *const names[ROW_CODES] = {
	[ROW_OK] = "ok",
	[ROW_RATE_LIMITED] = "rate_limited",
	[ROW_QUOTA] = "quota",
	[ROW_AUTH] = "auth",
	[ROW_BAD_REQUEST] = "bad_request",
	[ROW_SERVER_ERROR] = "server_error",
	[ROW_TIMEOUT] = "timeout",
	[ROW_NETWORK] = "network",
	[ROW_INVALID_JSON] = "invalid_json",
	[ROW_EXPECT_FAILED] = "expect_failed",
	[ROW_POST_FAILED] = "post_failed",
	[ROW_WORKER_CRASHED] = "worker_crashed",
	[ROW_CANCELLED] = "cancelled",
	[ROW_INPUT_INVALID] = "input_invalid",
};

const char *row_code_name(enum row_code code)
{
	return names[code];
}

enum row_code row_code_of(int result, int status)
{
	switch (result) {
	case 0:
		return ROW_OK;
	case DUET_ERATE:
		return ROW_RATE_LIMITED;
	case DUET_EQUOTA:
		return ROW_QUOTA;
	case DUET_EAUTH:
		return ROW_AUTH;
	case DUET_EREQUEST:
	case DUET_EINVAL:
		return ROW_BAD_REQUEST;
	case DUET_ESERVER:
		return ROW_SERVER_ERROR;
	case DUET_ETIMEDOUT:
		return ROW_TIMEOUT;
	case DUET_EPROTO:
		return status >= 200 && status < 300 ? ROW_INVALID_JSON : ROW_NETWORK;
	case DUET_ECANCELED:
	case DUET_ECLOSED:
		return ROW_CANCELLED;
	default:
		return ROW_NETWORK;
	}
}
