/* Client assertions at the simulator: what is taken, what is refused by which number. */
#include "unit/sim/drive.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define APP       "00000000-0000-4000-8000-0000000000aa"
#define OTHER_APP "00000000-0000-4000-8000-0000000000bb"
#define FORM      "client_id=" APP "&grant_type=client_credentials&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"
#define PROOF     "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion="
#define NOW_S     (START_MS / 1000)
#define DAY_S     86400

struct signer {
	EVP_PKEY *key;
	char pem[4096], sha1[64], sha256[64];
};

static struct signer good, next, stranger, ended;

static void
signer_make(struct signer *s, int64_t until_s)
{
	X509 *x = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned hash_len;
	int len;

	s->key = EVP_RSA_gen(2048);
	assert_non_null(s->key);
	X509_set_pubkey(x, s->key);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(NOW_S - DAY_S)));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x), (time_t)until_s));
	assert_true(X509_sign(x, s->key, EVP_sha256()) > 0);
	assert_int_equal(X509_digest(x, EVP_sha1(), hash, &hash_len), 1);
	base64url_encode(hash, hash_len, s->sha1);
	assert_int_equal(X509_digest(x, EVP_sha256(), hash, &hash_len), 1);
	base64url_encode(hash, hash_len, s->sha256);
	assert_int_equal(PEM_write_bio_X509(bio, x), 1);
	len = BIO_read(bio, s->pem, sizeof(s->pem) - 1);
	assert_true(len > 0);
	s->pem[len] = '\0';
	BIO_free(bio);
	X509_free(x);
}

static int
make_signers(void **state)
{
	(void)state;
	signer_make(&good, NOW_S + DAY_S);
	signer_make(&next, NOW_S + DAY_S);
	signer_make(&stranger, NOW_S + DAY_S);
	signer_make(&ended, NOW_S - 1);
	return 0;
}

static int
free_signers(void **state)
{
	(void)state;
	EVP_PKEY_free(good.key);
	EVP_PKEY_free(next.key);
	EVP_PKEY_free(stranger.key);
	EVP_PKEY_free(ended.key);
	return 0;
}

/* The app has two certificates, as in a rotation, and one that has ended. */
static int
start(void **state)
{
	char pems[3 * sizeof(good.pem)], *text;
	json_t *app;

	(void)state;
	drive_start(&d);
	snprintf(pems, sizeof(pems), "%s%s%s", good.pem, next.pem, ended.pem);
	app = json_pack("{s:s,s:s}", "client_id", APP, "certificate", pems);
	text = json_dumps(app, 0);
	drive_control(&d, "POST", "apps", text);
	free(text);
	json_decref(app);
	return 0;
}

enum how { PSS, PKCS1, PSS_LONG_SALT, HMAC_OF_CERTIFICATE, NO_SIGNATURE, ONE_BIT_OFF };

static void
add_part(struct text *t, const char *plain)
{
	char encoded[2048];

	base64url_encode(plain, strlen(plain), encoded);
	text_addf(t, "%s%s", t->len == 0 ? "" : ".", encoded);
}

static void
sign(struct text *t, const struct signer *s, enum how how)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pk;
	uint8_t signature[512];
	char encoded[1024];
	size_t len = sizeof(signature);
	unsigned hmac_len;

	if (how == HMAC_OF_CERTIFICATE) {
		HMAC(EVP_sha256(), s->pem, (int)strlen(s->pem), (const uint8_t *)t->data, t->len, signature, &hmac_len);
		len = hmac_len;
	} else {
		assert_int_equal(EVP_DigestSignInit(ctx, &pk, EVP_sha256(), NULL, s->key), 1);
		if (how != PKCS1) {
			assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pk, RSA_PKCS1_PSS_PADDING), 1);
			assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(
			                     pk, how == PSS_LONG_SALT ? RSA_PSS_SALTLEN_MAX : RSA_PSS_SALTLEN_DIGEST),
			    1);
		}
		assert_int_equal(EVP_DigestSign(ctx, signature, &len, (const uint8_t *)t->data, t->len), 1);
	}
	if (how == ONE_BIT_OFF)
		signature[len / 2] ^= 1;
	base64url_encode(signature, how == NO_SIGNATURE ? 0 : len, encoded);
	text_addf(t, ".%s", encoded);
	EVP_MD_CTX_free(ctx);
}

static int64_t
present(const char *assertion)
{
	struct text form;
	int64_t number;

	text_init(&form, 16384);
	text_addf(&form, "%s%s%s", FORM, PROOF, assertion);
	drive_send(&d, "POST", "/" TENANT "/oauth2/v2.0/token", form.data);
	text_done(&form);
	number = json_integer_value(json_array_get(jx_get_array(d.json, "error_codes"), 0));
	assert_int_equal(d.status == 200, number == 0);
	return number;
}

static int64_t
present_parts(const char *header, const char *claims, const struct signer *s, enum how how)
{
	struct text t;
	int64_t number;

	text_init(&t, 8192);
	add_part(&t, header);
	add_part(&t, claims);
	sign(&t, s, how);
	number = present(t.data);
	text_done(&t);
	return number;
}

#define AUD  "https://graph.test/" TENANT "/oauth2/v2.0/token"
#define GOOD 600

/* exp_s and nbf_s count from now. Each call has a jti of its own. */
static void
claims_write(char ret[800], const char *aud, const char *iss, const char *sub, int64_t nbf_s, int64_t exp_s)
{
	static int number;

	snprintf(ret, 800, "{\"aud\":\"%s\",\"iss\":\"%s\",\"sub\":\"%s\",\"jti\":\"j%d\",\"nbf\":%lld,\"exp\":%lld}", aud, iss,
	    sub, number++, (long long)(NOW_S + nbf_s), (long long)(NOW_S + exp_s));
}

static void
takes_and_refuses_by_header(void **state)
{
	const struct {
		const char *why, *alg, *name, *thumbprint;
		const struct signer *signer;
		enum how how;
		int64_t number;
	} cases[] = {
		{ "as documented", "PS256", "x5t#S256", good.sha256, &good, PSS, 0 },
		{ "the older form", "RS256", "x5t", good.sha1, &good, PKCS1, 0 },
		{ "the second certificate", "PS256", "x5t#S256", next.sha256, &next, PSS, 0 },
		{ "a certificate that has ended", "PS256", "x5t#S256", ended.sha256, &ended, PSS, 700027 },
		{ "one not registered", "PS256", "x5t#S256", stranger.sha256, &stranger, PSS, 700027 },
		{ "the name of another", "PS256", "x5t#S256", good.sha256, &stranger, PSS, 700027 },
		{ "the wrong one of two", "PS256", "x5t#S256", good.sha256, &next, PSS, 700027 },
		{ "SHA-1 under the newer name", "PS256", "x5t#S256", good.sha1, &good, PSS, 700027 },
		{ "another padding", "PS256", "x5t#S256", good.sha256, &good, PKCS1, 700027 },
		{ "another padding, older form", "RS256", "x5t", good.sha1, &good, PSS, 700027 },
		{ "a longer salt", "PS256", "x5t#S256", good.sha256, &good, PSS_LONG_SALT, 700027 },
		{ "one bit off", "PS256", "x5t#S256", good.sha256, &good, ONE_BIT_OFF, 700027 },
		{ "unsigned", "PS256", "x5t#S256", good.sha256, &good, NO_SIGNATURE, 700027 },
		{ "none", "none", "x5t#S256", good.sha256, &good, NO_SIGNATURE, 50027 },
		{ "HMAC with what is public", "HS256", "x5t#S256", good.sha256, &good, HMAC_OF_CERTIFICATE, 50027 },
		{ "HMAC posing as RSA", "PS256", "x5t#S256", good.sha256, &good, HMAC_OF_CERTIFICATE, 700027 },
		{ "lower case", "ps256", "x5t#S256", good.sha256, &good, PSS, 50027 },
		{ "no name of a certificate", "PS256", "kid", good.sha256, &good, PSS, 50027 },
	};
	char header[400], claims[800];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t number;

		snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\",\"%s\":\"%s\"}", cases[i].alg, cases[i].name,
		    cases[i].thumbprint);
		claims_write(claims, AUD, APP, APP, 0, GOOD);
		number = present_parts(header, claims, cases[i].signer, cases[i].how);
		if (number != cases[i].number)
			fail_msg("%s: %lld", cases[i].why, (long long)number);
	}
}

static const char *
good_header(void)
{
	static char header[200];

	snprintf(header, sizeof(header), "{\"alg\":\"PS256\",\"typ\":\"JWT\",\"x5t#S256\":\"%s\"}", good.sha256);
	return header;
}

static void
takes_and_refuses_by_claims(void **state)
{
	static const struct {
		const char *why, *aud, *iss, *sub;
		int64_t nbf_s, exp_s, number;
	} cases[] = {
		{ "good", AUD, APP, APP, 0, GOOD, 0 },
		{ "another issuer", AUD, OTHER_APP, APP, 0, GOOD, 700021 },
		{ "another subject", AUD, APP, OTHER_APP, 0, GOOD, 700021 },
		{ "another tenant", "https://graph.test/" OTHER "/oauth2/v2.0/token", APP, APP, 0, GOOD, 700023 },
		{ "another host", "https://graph.example/" TENANT "/oauth2/v2.0/token", APP, APP, 0, GOOD, 700023 },
		{ "a host before", "https://x/https://graph.test/" TENANT "/oauth2/v2.0/token", APP, APP, 0, GOOD, 700023 },
		{ "the authority alone", "https://graph.test/" TENANT, APP, APP, 0, GOOD, 700023 },
		{ "ended", AUD, APP, APP, -600, 0, 700024 },
		{ "about to end", AUD, APP, APP, -599, 1, 0 },
		{ "a clock a little ahead", AUD, APP, APP, 300, 900, 0 },
		{ "a clock far ahead", AUD, APP, APP, 301, 901, 700024 },
	};
	char claims[800];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t number;

		claims_write(claims, cases[i].aud, cases[i].iss, cases[i].sub, cases[i].nbf_s, cases[i].exp_s);
		number = present_parts(good_header(), claims, &good, PSS);
		if (number != cases[i].number)
			fail_msg("%s: %lld", cases[i].why, (long long)number);
	}
}

static void
takes_each_once(void **state)
{
	char claims[800];

	(void)state;
	claims_write(claims, AUD, APP, APP, 0, GOOD);
	assert_int_equal(present_parts(good_header(), claims, &good, PSS), 0);
	assert_int_equal(present_parts(good_header(), claims, &good, PSS), 50027);
	drive_control(&d, "POST", "settings", "{\"assertion_once\":false}");
	assert_int_equal(present_parts(good_header(), claims, &good, PSS), 0);
}

static void
refuses_what_is_no_jwt(void **state)
{
	static const char *const texts[] = { "", ".", "..", "...", "a.b", "a.b.c", "e30.e30.", "e30.e30.AAAA", "W10.W10.AAAA",
		"bnVsbA.bnVsbA.AAAA", "e30.e30.e30.e30" };
	char claims[800];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (present(texts[i]) != 50027)
			fail_msg("%s: %s", texts[i], d.text);
	claims_write(claims, AUD, APP, APP, 0, GOOD);
	assert_int_equal(present_parts("{\"alg\":\"PS256\",\"alg\":\"PS256\",\"x5t\":\"\"}", claims, &good, PSS), 50027);
	assert_int_equal(present_parts(good_header(), "{}", &good, PSS), 50027);
	assert_int_equal(present_parts(good_header(), "[1]", &good, PSS), 50027);
	assert_int_equal(present_parts(good_header(), "{\"aud\":\"" AUD "\",\"iss\":1,\"sub\":2}", &good, PSS), 50027);
}

/* Without an app anybody may sign in, but an assertion must still be one. */
static void
checks_the_claims_of_unknown_apps(void **state)
{
	char claims[800];

	(void)state;
	drive_stop(&d);
	drive_start(&d);
	claims_write(claims, AUD, APP, APP, 0, GOOD);
	assert_int_equal(present_parts(good_header(), claims, &stranger, PSS), 0);
	claims_write(claims, AUD, OTHER_APP, APP, 0, GOOD);
	assert_int_equal(present_parts(good_header(), claims, &stranger, PSS), 700021);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(takes_and_refuses_by_header, start, drive_teardown),
		cmocka_unit_test_setup_teardown(takes_and_refuses_by_claims, start, drive_teardown),
		cmocka_unit_test_setup_teardown(takes_each_once, start, drive_teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_jwt, start, drive_teardown),
		cmocka_unit_test_setup_teardown(checks_the_claims_of_unknown_apps, start, drive_teardown),
	};

	return cmocka_run_group_tests(tests, make_signers, free_signers);
}
