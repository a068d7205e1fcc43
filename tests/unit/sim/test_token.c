/* Sign-in: refusals by number, client assertions, lifetimes. */
#include "unit/sim/drive.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define APP   "00000000-0000-4000-8000-0000000000aa"
#define SCOPE "&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"
#define GRANT "&grant_type=client_credentials"
#define FORM  "client_id=" APP GRANT SCOPE

static struct drive d;

static int
start(void **state)
{
	(void)state;
	drive_start(&d);
	drive_control(&d, "POST", "apps", "{\"client_id\":\"" APP "\",\"client_secret\":\"s+1 &\"}");
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	drive_stop(&d);
	return 0;
}

static int64_t
sign_in(const char *tenant, const char *body)
{
	char path[128];

	snprintf(path, sizeof(path), "/%s/oauth2/v2.0/token", tenant);
	drive_send(&d, "POST", path, body);
	return d.status == 200 ? 0 : json_integer_value(json_array_get(jx_get_array(d.json, "error_codes"), 0));
}

static const struct {
	const char *why, *tenant, *body;
	int64_t number;
} cases[] = {
	{ "all right", TENANT, FORM "&client_secret=s%2B1+%26", 0 },
	{ "by domain", "acme.example", FORM "&client_secret=s%2B1+%26", 0 },
	{ "wrong secret", TENANT, FORM "&client_secret=s", 7000215 },
	{ "no secret", TENANT, FORM, 7000218 },
	{ "unknown app", TENANT, "client_id=00000000-0000-4000-8000-0000000000bb&client_secret=s" GRANT SCOPE, 700016 },
	{ "no app", TENANT, "client_secret=s" GRANT SCOPE, 900144 },
	{ "unknown tenant", "nowhere.example", FORM "&client_secret=s%2B1+%26", 90002 },
	{ "one scope", TENANT, "client_id=" APP GRANT "&scope=User.Read&client_secret=s%2B1+%26", 70011 },
	{ "another grant", TENANT, "client_id=" APP "&grant_type=password" SCOPE, 70003 },
	{ "no JWT", TENANT,
	    FORM "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=a.b.c",
	    50027 },
};

static void
answers_by_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t number = sign_in(cases[i].tenant, cases[i].body);

		if (number != cases[i].number)
			fail_msg("%s: %lld %s", cases[i].why, (long long)number, d.text);
	}
	drive_control(&d, "POST", "consent", "{\"tenant\":\"" TENANT "\",\"consent\":\"withdrawn\"}");
	assert_int_equal(sign_in(TENANT, cases[0].body), 65001);
	drive_control(&d, "POST", "consent", "{\"tenant\":\"" TENANT "\",\"consent\":\"absent\"}");
	assert_int_equal(sign_in(TENANT, cases[0].body), 700016);
	drive_control(&d, "POST", "consent", "{\"tenant\":\"" TENANT "\",\"consent\":\"granted\"}");
	assert_int_equal(sign_in(TENANT, cases[0].body), 0);
}

static void
tokens_end(void **state)
{
	(void)state;
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA, NULL), 200);
	drive_wait(&d, 3599 * 1000 - 1);
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA, NULL), 200);
	drive_wait(&d, 1);
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA, NULL), 401);
	assert_non_null(strstr(d.headers, "WWW-Authenticate: Bearer"));
	free(d.token);
	d.token = NULL;
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA, NULL), 401);
	assert_int_equal(drive_noted(&d, "no_token"), 1);
}

static void
tokens_see_their_tenant_only(void **state)
{
	(void)state;
	drive_stop(&d);
	drive_start(&d);
	drive_sign_in(&d, OTHER);
	assert_int_equal(drive_graph(&d, "GET", "/users/" ADA, NULL), 404);
	assert_int_equal(drive_graph(&d, "GET", "/teams/" TEAM, NULL), 404);
	assert_int_equal(drive_graph(&d, "GET", "/groups/" TEAM, NULL), 404);
	assert_int_equal(drive_graph(&d, "GET", "/users/fay@other.example", NULL), 200);
}

/* ---- assertions ---- */

struct signer {
	EVP_PKEY *key;
	char pem[4096];
};

static void
signer_make(struct signer *s)
{
	X509 *x = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	int len;

	s->key = EVP_RSA_gen(2048);
	assert_non_null(s->key);
	X509_set_pubkey(x, s->key);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	assert_true(X509_sign(x, s->key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(bio, x), 1);
	len = BIO_read(bio, s->pem, sizeof(s->pem) - 1);
	assert_true(len > 0);
	s->pem[len] = '\0';
	BIO_free(bio);
	X509_free(x);
}

static void
add_part(struct text *t, const char *plain)
{
	char encoded[1024];

	base64url_encode(plain, strlen(plain), encoded);
	text_addf(t, "%s%s", t->len == 0 ? "" : ".", encoded);
}

static void
sign(struct text *t, const struct signer *s)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pk;
	uint8_t signature[512];
	char encoded[1024];
	size_t len = sizeof(signature);

	assert_int_equal(EVP_DigestSignInit(ctx, &pk, EVP_sha256(), NULL, s->key), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pk, RSA_PKCS1_PSS_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pk, RSA_PSS_SALTLEN_DIGEST), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)t->data, t->len), 1);
	base64url_encode(signature, len, encoded);
	text_addf(t, ".%s", encoded);
	EVP_MD_CTX_free(ctx);
}

static int64_t
assert_as(const struct signer *s, const char *tenant, const char *client, int64_t until_s)
{
	struct text t, form;
	char claims[700];
	int64_t number;

	text_init(&t, 8192);
	text_init(&form, 16384);
	add_part(&t, "{\"alg\":\"PS256\",\"typ\":\"JWT\",\"x5t#S256\":\"abc\"}");
	snprintf(claims, sizeof(claims),
	    "{\"aud\":\"https://login.example/%s/oauth2/v2.0/"
	    "token\",\"iss\":\"%s\",\"sub\":\"%s\",\"jti\":\"j\",\"nbf\":%lld,\"exp\":%lld}",
	    tenant, client, client, (long long)(START_MS / 1000), (long long)(START_MS / 1000 + until_s));
	add_part(&t, claims);
	sign(&t, s);
	text_adds(&form,
	    FORM "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=");
	text_adds(&form, t.data);
	number = sign_in(TENANT, form.data);
	text_done(&t);
	text_done(&form);
	return number;
}

static void
takes_client_assertions(void **state)
{
	struct signer good, other;
	json_t *app;
	char *text;

	(void)state;
	signer_make(&good);
	signer_make(&other);
	app = json_pack("{s:s,s:s}", "client_id", APP, "certificate", good.pem);
	text = json_dumps(app, 0);
	drive_control(&d, "POST", "apps", text);
	assert_int_equal(assert_as(&good, TENANT, APP, 600), 0);
	assert_int_equal(assert_as(&other, TENANT, APP, 600), 700027);
	assert_int_equal(assert_as(&good, OTHER, APP, 600), 50027);
	assert_int_equal(assert_as(&good, TENANT, OTHER, 600), 50027);
	assert_int_equal(assert_as(&good, TENANT, APP, 0), 700024);
	free(text);
	json_decref(app);
	EVP_PKEY_free(good.key);
	EVP_PKEY_free(other.key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_by_number, start, stop),
		cmocka_unit_test_setup_teardown(tokens_end, start, stop),
		cmocka_unit_test_setup_teardown(tokens_see_their_tenant_only, start, stop),
		cmocka_unit_test_setup_teardown(takes_client_assertions, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
