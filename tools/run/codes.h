/* How a row may end: the closed list of duet.code. */
#ifndef TOOLS_RUN_CODES_H
#define TOOLS_RUN_CODES_H

enum row_code {
	ROW_OK,
	ROW_RATE_LIMITED,
	ROW_QUOTA,
	ROW_AUTH,
	ROW_BAD_REQUEST,
	ROW_SERVER_ERROR,
	ROW_TIMEOUT,
	ROW_NETWORK,
	ROW_INVALID_JSON,
	ROW_EXPECT_FAILED,
	ROW_POST_FAILED,
	ROW_WORKER_CRASHED,
	ROW_CANCELLED,
	ROW_INPUT_INVALID,
	ROW_CODES,
};

const char *row_code_name(enum row_code code);

/* What the result of a duet_llm call means for a row; status is that of its answer, 0 = none. */
enum row_code row_code_of(int result, int status);

#endif
