#include "loop/http/request.h"
#include "loop/http/url.h"
#include "tests/lib/test.h"

#include <string.h>

/* A URL comes apart into scheme, host, port and path. */
TEST(url_whole_parts_are_found)
{
	duet__url u;

	CHECK(duet__url_parse("HTTPS://Example.org:8443/a?b=c#d", &u) == NULL);
	CHECK(u.tls && !u.is_ipv6);
	CHECK_EQ(u.host_len, 11);
	CHECK_EQ(u.port, 8443);
	CHECK_STR(u.path, "/a?b=c#d");
	CHECK(duet__url_parse("http://[::1]:80", &u) == NULL);
	CHECK(u.is_ipv6 && u.host_len == 3 && u.port == 80 && *u.path == '\0');
}

/* A scheme brings its own port. */
TEST(url_no_port_scheme_decides)
{
	duet__url u;

	CHECK(duet__url_parse("http://a", &u) == NULL && u.port == 80);
	CHECK(duet__url_parse("https://a?x", &u) == NULL && u.port == 443);
}

/* What two parsers could read differently, or could smuggle a line, is refused. */
TEST(url_doubtful_is_refused)
{
	static const char *const bad[] = {"",
					  "a",
					  "ftp://a/",
					  "file:///etc/passwd",
					  "//evil/",
					  "http:/a",
					  "http://",
					  "http:///a",
					  "http://:80/",
					  "http://a:0/",
					  "http://a:65536/",
					  "http://a:/",
					  "http://a:8x/",
					  "http://a:000080/",
					  "http://u@a/",
					  "http://u:p@a/",
					  "http://a\\@b/",
					  "http://a b/",
					  "http://a/ b",
					  "http://a/\r\nX: y",
					  "http://a\t/",
					  "http://a/\x7f",
					  "http://[::1/",
					  "http://[]/",
					  "http://[g::]/",
					  "http://[::1]x/",
					  "http://a%2fb/",
					  "http://\xc3\xa4/",
					  "http://a,b/",
					  "http://a;b/"};
	duet__url u;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (duet__url_parse(bad[i], &u) == NULL)
			test_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
}

/* Loopback is told by the name alone, and lookalikes are not it. */
TEST(url_loopback_only_by_name)
{
	static const struct {
		const char *url;
		bool is;
	} table[] = {{"http://localhost/", true},       {"http://LOCALHOST:1/", true},
		     {"http://127.0.0.1/", true},       {"http://127.255.255.254/", true},
		     {"http://[::1]/", true},           {"http://127.0.0.1.evil.org/", false},
		     {"http://127.1/", false},          {"http://127.0.0.256/", false},
		     {"http://localhost.evil/", false}, {"http://[::2]/", false},
		     {"http://1270.0.0.1/", false},     {"http://127.0.0./", false}};
	duet__url u;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		CHECK(duet__url_parse(table[i].url, &u) == NULL);
		if (duet__url_is_loopback(&u) != table[i].is)
			test_fail(__FILE__, __LINE__, "wrong about %s", table[i].url);
	}
}

/* H15: neither a header nor a method can end its line. */
TEST(h15_request_injection_is_refused)
{
	static const char *const bad[] = {"A: b\r\nC: d",
					  "A: b\nC",
					  "A: b\r",
					  "A : b",
					  ": b",
					  "A",
					  "",
					  "A\r\n: b",
					  "A: \x01",
					  "A: \x7f",
					  "A(: b",
					  "content-length: 4",
					  "Transfer-Encoding: chunked"};
	static const char *const good[] = {"A: b", "A:", "A:b", "X-Y_z.1: \xc3\xa4\tq"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (duet__request_check_header(bad[i]) == NULL)
			test_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		CHECK(duet__request_check_header(good[i]) == NULL);
	CHECK(duet__request_check_method("GET") == NULL);
	CHECK(duet__request_check_method("GET / HTTP/1.1\r\n") != NULL);
	CHECK(duet__request_check_method("") != NULL);
	CHECK(duet__request_check_method("CONNECT") != NULL);
}
