/* All of duet.  Each header below also compiles alone and is the manual of its subject. */
#ifndef DUET_DUET_H
#define DUET_DUET_H

#include <duet/barrier.h>
#include <duet/bytes.h>
#include <duet/channel.h>
#include <duet/collect.h>
#include <duet/completed.h>
#include <duet/cond.h>
#include <duet/error.h>
#include <duet/event.h>
#include <duet/fd.h>
#include <duet/file.h>
#include <duet/group.h>
#include <duet/http.h>
#include <duet/inspect.h>
#include <duet/job.h>
#include <duet/json.h>
#include <duet/llm.h>
#include <duet/local.h>
#include <duet/mutex.h>
#include <duet/pipeline.h>
#include <duet/pool.h>
#include <duet/process.h>
#include <duet/promise.h>
#include <duet/queue.h>
#include <duet/ratelimit.h>
#include <duet/run.h>
#include <duet/scope.h>
#include <duet/sem.h>
#include <duet/serve.h>
#include <duet/signal.h>
#include <duet/sse.h>
#include <duet/stream.h>
#include <duet/task.h>
#include <duet/thread.h>
#include <duet/time.h>
#include <duet/trace.h>
#include <duet/version.h>

#endif
