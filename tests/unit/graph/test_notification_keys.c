/* Folders of keys: how many, which is the newest. What is refused with which words, and opening: tests/vectors. */
#include "unit/graph/pem.h"

#include "graph/notification_keys.h"

#define NOW_S 1795000000
#define DAY_S 86400

static EVP_PKEY *key;
static char folder[64];

static int
start(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ergsync-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	return 0;
}

static void
path_of(int n, char ret[128])
{
	(void)snprintf(ret, 128, "%s/k%02d.pem", folder, n);
}

/* Takes certificate. */
static void
put(int n, char *certificate)
{
	char *secret = pem_key(key, NULL), path[128];
	FILE *f;

	path_of(n, path);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fprintf(f, "%s%s", certificate, secret) > 0);
	assert_int_equal(fclose(f), 0);
	free(certificate);
	free(secret);
}

static int
stop(void **state)
{
	char path[128];

	(void)state;
	for (int n = 0; n <= NOTIFICATION_KEYS_MAX; n++) {
		path_of(n, path);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

/* As many as the header says, and the newest of those that are valid is what Graph is given. */
static void
so_many_and_no_more(void **state)
{
	struct notification_keys *keys = NULL;
	char why[512] = "";

	(void)state;
	for (int n = 0; n < NOTIFICATION_KEYS_MAX; n++)
		put(n, pem_certificate(key, NOW_S - (n == 5 ? 1 : 2) * DAY_S, NOW_S + (n + 1) * DAY_S));
	put(9, pem_certificate(key, NOW_S + DAY_S, NOW_S + 9 * DAY_S));
	put(11, pem_certificate(key, NOW_S - DAY_S, NOW_S));
	if (notification_keys_read(folder, NOW_S, &keys, why, sizeof(why)) != ERR_OK)
		fail_msg("%s", why);
	assert_string_equal(notification_keys_id(keys), "k05");
	assert_int_equal(notification_keys_expire_s(keys), NOW_S + 6 * DAY_S);
	notification_keys_free(keys);
	put(NOTIFICATION_KEYS_MAX, pem_certificate(key, NOW_S - DAY_S, NOW_S + DAY_S));
	assert_int_equal(notification_keys_read(folder, NOW_S, &keys, why, sizeof(why)), ERR_TOOBIG);
	assert_non_null(strstr(why, "too many"));
}

static void
rename_to(int n, const char *name)
{
	char from[128], to[128];

	path_of(n, from);
	(void)snprintf(to, sizeof(to), "%s/%s", folder, name);
	assert_int_equal(rename(from, to), 0);
}

/* As LoadCredential=keys:FOLDER hands a folder over: beside other files, a stand-in of its own name among them. */
static void
folder_by_systemd(void **state)
{
	static const char *const names[] = { "keys_k01.pem", "keys_k02.pem", "client.pem", "keys" };
	struct notification_keys *keys = NULL;
	char path[128], why[512] = "";

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/keys", folder);
	assert_int_equal(notification_keys_read(path, NOW_S, &keys, why, sizeof(why)), ERR_NOTFOUND);
	assert_non_null(strstr(why, "ergsyncctl key notifications"));
	for (int n = 0; n < 4; n++) {
		put(n, pem_certificate(key, NOW_S - (n == 1 ? 1 : 2) * DAY_S, NOW_S + (n + 1) * DAY_S));
		rename_to(n, names[n]);
	}
	if (notification_keys_read(path, NOW_S, &keys, why, sizeof(why)) != ERR_OK)
		fail_msg("%s", why);
	assert_string_equal(notification_keys_id(keys), "k02");
	notification_keys_free(keys);
	for (int n = 0; n < 4; n++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[n]);
		assert_int_equal(unlink(path), 0);
	}
}

static char *
certificate_without_dates(void)
{
	BIO *bio = BIO_new(BIO_s_mem());
	X509 *x = X509_new();

	assert_int_equal(X509_set_pubkey(x, key), 1);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x), NOW_S));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x), NOW_S));
	assert_int_equal(ASN1_STRING_set(X509_getm_notAfter(x), "some day", -1), 1);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(bio, x), 1);
	X509_free(x);
	return pem_take(bio);
}

/* What had been read of the file is given back: the leak checker looks on. */
static void
dates_that_cannot_be_read(void **state)
{
	struct notification_keys *keys = NULL;
	char why[512] = "";

	(void)state;
	put(0, certificate_without_dates());
	assert_int_equal(notification_keys_read(folder, NOW_S, &keys, why, sizeof(why)), ERR_MALFORMED);
	assert_non_null(strstr(why, "k00.pem has an unreadable certificate"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(so_many_and_no_more, start, stop),
		cmocka_unit_test_setup_teardown(folder_by_systemd, start, stop),
		cmocka_unit_test_setup_teardown(dates_that_cannot_be_read, start, stop),
	};
	int failed;

	key = EVP_RSA_gen(2048);
	failed = key == NULL || cmocka_run_group_tests(tests, NULL, NULL) != 0;
	EVP_PKEY_free(key);
	return failed;
}
