/* Pure: what may go into a request.  Nothing a caller passes can end its line and begin another. */
#ifndef DUET_HTTP_REQUEST_H
#define DUET_HTTP_REQUEST_H

#include <duet/http.h>

/* GET, or POST with a body, unless it says otherwise. */
const char *duet__request_method(const duet_http_request *request);

/* -> NULL, or what is wrong with it (static words) */
const char *duet__request_check_method(const char *method);
const char *duet__request_check_header(const char *line);

#endif
