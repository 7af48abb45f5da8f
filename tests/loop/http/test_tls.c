/* H2: certificates that must not be trusted, and one that must.  The server's certificates are made
 * here, by a small authority of the test's own.
 * ctest-libs: ssl crypto */
#include "tests/loop/http/client.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- certificates --- */

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
};

static void add_extension(X509 *c, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	CHECK(e != NULL && X509_add_ext(c, e, -1) == 1);
	X509_EXTENSION_free(e);
}

/* Valid from begin to end, in seconds from now; signed by issuer, or by itself. */
static struct identity make(const char *name, const char *host, long begin, long end,
			    const struct identity *issuer)
{
	static long serial;
	struct identity i = {EVP_EC_gen("P-256"), X509_new()};
	X509_NAME *subject = X509_get_subject_name(i.certificate);

	X509_set_version(i.certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(i.certificate), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(i.certificate), begin);
	X509_gmtime_adj(X509_getm_notAfter(i.certificate), end);
	X509_set_pubkey(i.certificate, i.key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
				   0);
	X509_set_issuer_name(i.certificate,
			     issuer != NULL ? X509_get_subject_name(issuer->certificate) : subject);
	if (host != NULL)
		add_extension(i.certificate, NID_subject_alt_name, host);
	else
		add_extension(i.certificate, NID_basic_constraints, "critical,CA:TRUE");
	CHECK(X509_sign(i.certificate, issuer != NULL ? issuer->key : i.key, EVP_sha256()) > 0);
	return i;
}

static void forget(struct identity *i)
{
	EVP_PKEY_free(i->key);
	X509_free(i->certificate);
}

static struct identity authority, stranger;
static char ca_file[512];

static void make_authorities(void)
{
	FILE *f;

	authority = make("duet test authority", NULL, -86400, 86400, NULL);
	stranger = make("somebody else", NULL, -86400, 86400, NULL);
	snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", test_scratch());
	f = fopen(ca_file, "w");
	CHECK(f != NULL && PEM_write_X509(f, authority.certificate) == 1);
	fclose(f);
}

/* --- the server --- */

struct plan {
	struct identity identity;
	long newest; /* protocol version offered; 0 = any */
};

static void serve_tls(int fd, int nth, void *arg)
{
	struct plan *plan = arg;
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	SSL *ssl;
	char head[4096];
	int n = 0, got;

	(void)nth;
	SSL_CTX_set_cipher_list(context, "DEFAULT@SECLEVEL=0");
	SSL_CTX_use_certificate(context, plan->identity.certificate);
	SSL_CTX_use_PrivateKey(context, plan->identity.key);
	if (plan->newest != 0) {
		SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
		SSL_CTX_set_max_proto_version(context, (int)plan->newest);
	}
	ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		while (n < (int)sizeof(head) - 1 &&
		       (got = SSL_read(ssl, head + n, (int)sizeof(head) - 1 - n)) > 0) {
			head[n += got] = '\0';
			if (strstr(head, "\r\n\r\n") == NULL)
				continue;
			server_log->requests++;
			SSL_write(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 40);
			n = 0;
		}
	}
	SSL_free(ssl);
	SSL_CTX_free(context);
}

static struct server *server;
static const char *host;

static int get_tls(duet_http *http, duet_http_response *out)
{
	char url[200];

	snprintf(url, sizeof(url), "https://%s:%d/", host, server->port);
	return get(http, url, out);
}

static void is_trusted(duet_http *http)
{
	duet_http_response out = {0};

	CHECK_OK(get_tls(http, &out));
	CHECK_STR(out.body.data, "ok");
	duet_http_response_free(&out);
	CHECK_OK(get_tls(http, &out));
	duet_http_response_free(&out);
	CHECK_EQ(server->log->connections, 1);
}

static void is_refused(duet_http *http)
{
	duet_http_response out = {0};

	CHECK_ERR(get_tls(http, &out), DUET_ETLS);
	CHECK_HAS(duet_errmsg(), host);
	CHECK_EQ(server->log->requests, 0);
	CHECK_EQ(server->log->connections, 1); /* not tried again with less */
}

static void against(struct plan plan, const duet_http_options *o, void (*body)(duet_http *http))
{
	server = server_start(serve_tls, &plan);
	with_client(o, body);
	server_stop(server);
	forget(&plan.identity);
}

static void finish(void)
{
	forget(&authority);
	forget(&stranger);
	unlink(ca_file);
}

/* A certificate of the trusted authority, for that very host, is accepted. */
TEST(tls_trusted_certificate_is_accepted)
{
	make_authorities();
	host = "127.0.0.1";
	against((struct plan){.identity = make("s", "IP:127.0.0.1", -60, 86400, &authority)},
		&(duet_http_options){.ca_file = ca_file}, is_trusted);
	finish();
}

/* H2: expired, not yet valid, of another host, of another authority, signed by itself: not one
 * byte of the request is sent. */
TEST(h2_untrusted_certificates_are_refused)
{
	make_authorities();
	const duet_http_options trusting = {.ca_file = ca_file};
	const struct plan plans[] = {
		{.identity = make("s", "IP:127.0.0.1", -7200, -3600, &authority)},
		{.identity = make("s", "IP:127.0.0.1", 3600, 86400, &authority)},
		{.identity = make("s", "IP:127.0.0.2,DNS:127.0.0.1.evil", -60, 86400, &authority)},
		{.identity = make("s", "IP:127.0.0.1", -60, 86400, &stranger)},
		{.identity = make("s", "IP:127.0.0.1", -60, 86400, NULL)},
	};

	host = "127.0.0.1";
	for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++)
		against(plans[i], &trusting, is_refused);
	finish();
}

/* The system's own lower bound would otherwise hide ours. */
static void lower_the_bound_of_the_system(void)
{
	const char *path = test_scratch();
	char name[512];
	FILE *f;

	snprintf(name, sizeof(name), "%s/openssl.cnf", path);
	f = fopen(name, "w");
	CHECK(f != NULL);
	fputs("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
	      "MinProtocol = TLSv1\nCipherString = DEFAULT@SECLEVEL=0\n",
	      f);
	fclose(f);
	setenv("OPENSSL_CONF", name, 1);
}

/* H2: a server that speaks only TLS 1.1 is refused, whatever the system allows. */
TEST(h2_old_protocol_is_refused)
{
	lower_the_bound_of_the_system();
	make_authorities();
	host = "127.0.0.1";
	against((struct plan){.identity = make("s", "IP:127.0.0.1", -60, 86400, &authority),
			      .newest = TLS1_1_VERSION},
		&(duet_http_options){.ca_file = ca_file}, is_refused);
	finish();
}

/* Without the authority nothing of it is trusted; .insecure trusts all. */
TEST(tls_insecure_must_be_said)
{
	make_authorities();
	host = "localhost";
	against((struct plan){.identity = make("s", "DNS:localhost", -60, 86400, &authority)}, NULL,
		is_refused);
	host = "127.0.0.1";
	against((struct plan){.identity = make("s", "DNS:x", -7200, -3600, &stranger)},
		&(duet_http_options){.insecure = true}, is_trusted);
	finish();
}

static void plain_server(int fd, int nth, void *arg)
{
	(void)nth, (void)arg;
	server_reply(fd, 400, NULL, "no TLS here");
	server_hang(fd);
}

/* A server that speaks no TLS at all is no TLS server. */
TEST(tls_to_a_plain_server_is_typed)
{
	host = "127.0.0.1";
	server = server_start(plain_server, NULL);
	with_client(NULL, is_refused);
	server_stop(server);
}

static void no_ca_file(duet_http *http)
{
	(void)http;
	CHECK(duet_http_open(&(duet_http_options){.ca_file = "/no/such/file"}) == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK_HAS(duet_errmsg(), "/no/such/file");
}

/* A file of authorities that cannot be read is an error at once. */
TEST(tls_missing_ca_file_is_refused)
{
	with_client(NULL, no_ca_file);
}
