/* --report: one page that shows a run: what came of it, how fast, and where the time went.
 * It is one file, loads nothing, and runs no script. */
#ifndef TOOLS_RUN_REPORT_H
#define TOOLS_RUN_REPORT_H

#include "tools/run/record.h"
#include "tools/run/summary.h"

/* -> 0, -errno */
int report_write(const struct record *record, const struct summary *summary, const char *path);

#endif
