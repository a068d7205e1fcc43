/* init and check, in a folder of their own. What they print is not looked at here, but what they leave behind. */
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config.h"
#include "base/json.h"
#include "base/text.h"
#include "ctl/ctl.h"
#include "unit/base/check.h"

#define DAY_S (24 * 60 * 60)

struct place {
	char folder[64];
	char path[256];
};

static const char *
in(struct place *p, const char *name)
{
	snprintf(p->path, sizeof(p->path), "%s/%s", p->folder, name);
	return p->path;
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->folder, sizeof(p->folder), "/tmp/ergsync-setup-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	assert_int_equal(nftw(p->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(p);
	return 0;
}

static int
run_line(const char *first, const char *option, const char *value, const char *config)
{
	char *argv[] = { (char *)(uintptr_t)first, (char *)(uintptr_t)option, (char *)(uintptr_t)value };
	struct ctl c = { .config_file = config };
	char why[256];

	assert_int_equal(command_parse(commands, command_count, option == NULL ? 1 : 3, argv, &c.call, why, sizeof(why)), ERR_OK);
	return c.call.command->run(&c);
}

static unsigned
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
init_makes_what_is_missing(void **state)
{
	struct place *p = *state;
	struct key32 key;
	char why[256];

	assert_int_equal(run_line("init", "--directory", p->folder, NULL), EXIT_DONE);
	assert_int_equal(mode_of(in(p, "ergsync.conf")), 0640);
	assert_int_equal(mode_of(in(p, "state.key")), 0600);
	assert_int_equal(key_file_read(in(p, "state.key"), &key, why, sizeof(why)), ERR_OK);
	assert_int_equal(mode_of(in(p, "intake.key")), 0600);
	assert_int_equal(key_file_read(in(p, "intake.key"), &key, why, sizeof(why)), ERR_OK);
	assert_int_equal(mode_of(in(p, "state")), 0700);
	assert_int_equal(mode_of(in(p, "run")), 0750);
}

static void
init_never_overwrites(void **state)
{
	struct place *p = *state;
	char config[256];
	char text[64] = "";
	FILE *f;

	str_copy(config, sizeof(config), in(p, "own.conf"));
	write_file(config,
	    "[app]\ncallback_secret_file = sub/hook\ntoken_file = token\n[state]\nkey_file = k1\nintake_key_file = k2\n"
	    "directory = s\nruntime_directory = r\n");
	write_file(in(p, "k1"), "not even a key\n");
	assert_int_equal(symlink("nowhere", in(p, "k2")), 0);
	assert_int_equal(run_line("init", NULL, NULL, config), EXIT_DONE);
	f = fopen(in(p, "k1"), "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, "not even a key\n");
	assert_int_not_equal(access(in(p, "nowhere"), F_OK), 0);
	assert_int_equal(mode_of(in(p, "token")), 0600);
	f = fopen(in(p, "sub/hook"), "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_true(str_starts(text, "whsec_"));
	assert_int_equal(strlen(text), 6 + 44 + 1);
	assert_int_equal(run_line("init", NULL, NULL, config), EXIT_DONE);
}

static void
init_fails_where_it_cannot_write(void **state)
{
	struct place *p = *state;
	char config[256];

	/* A file where a folder is needed: root could write anywhere else. */
	write_file(in(p, "file"), "");
	str_copy(config, sizeof(config), in(p, "file/ergsync.conf"));
	assert_int_equal(run_line("init", NULL, NULL, config), EXIT_FAILED);
	str_copy(config, sizeof(config), in(p, "bad.conf"));
	write_file(config, "[nonsense]\n");
	assert_int_equal(run_line("init", NULL, NULL, config), EXIT_FAILED);
}

/* ---------- check ---------- */

static EVP_PKEY *
new_key(const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	FILE *f = fopen(path, "w");

	assert_non_null(key);
	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	return key;
}

static void
new_certificate(const char *path, EVP_PKEY *key, long end_s)
{
	X509 *x = X509_new();
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -10L * DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(x), end_s);
	X509_set_pubkey(x, key);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509(f, x), 1);
	fclose(f);
	X509_free(x);
}

/* A complete installation, its certificate ending in end_s. */
static void
installation(struct place *p, char config[256], long end_s)
{
	EVP_PKEY *key;

	str_copy(config, 256, in(p, "ergsync.conf"));
	write_file(config, "[listener]\npublic_url = https://hooks.example.org\ntls_certificate = c.pem\ntls_key = c.key\n"
	                   "[graph]\nclient_id = 0a1b2c3d-0000-4000-8000-000000000001\nclient_secret_file = secret\n"
	                   "[state]\nkey_file = k1\nintake_key_file = k2\ndirectory = s\nruntime_directory = r\n");
	write_file(in(p, "secret"), "s3cret\n");
	key = new_key(in(p, "c.key"));
	new_certificate(in(p, "c.pem"), key, end_s);
	EVP_PKEY_free(key);
	assert_int_equal(run_line("init", NULL, NULL, config), EXIT_DONE);
}

static void
check_passes_a_good_installation_without_its_daemons(void **state)
{
	struct place *p = *state;
	char config[256];

	unsetenv("RUNTIME_DIRECTORY");
	installation(p, config, 30L * DAY_S);
	assert_int_equal(run_line("check", NULL, NULL, config), EXIT_DONE);
}

static void
check_fails_what_would_not_work(void **state)
{
	struct place *p = *state;
	char config[256];

	installation(p, config, -1L * DAY_S);
	assert_int_equal(run_line("check", NULL, NULL, config), EXIT_FAILED); /* expired */
	EVP_PKEY_free(new_key(in(p, "c.key")));
	assert_int_equal(run_line("check", NULL, NULL, config), EXIT_FAILED); /* another key */
	write_file(in(p, "c.pem"), "no certificate");
	assert_int_equal(run_line("check", NULL, NULL, config), EXIT_FAILED);
	assert_int_equal(run_line("check", NULL, NULL, in(p, "absent.conf")), EXIT_FAILED);
}

/* Standard output of one run, as JSON. Give. */
static json_t *
findings_of(struct place *p, const char *config)
{
	char *argv[] = { (char *)(uintptr_t) "check", (char *)(uintptr_t) "--json" }, why[256];
	struct ctl c = { .config_file = config };
	int out, kept = dup(STDOUT_FILENO);
	json_t *json;

	assert_int_equal(command_parse(commands, command_count, 2, argv, &c.call, why, sizeof(why)), ERR_OK);
	assert_int_equal(fflush(stdout), 0);
	assert_true((out = open(in(p, "out"), O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0);
	assert_int_equal(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
	(void)c.call.command->run(&c);
	assert_int_equal(fflush(stdout), 0);
	assert_int_equal(dup2(kept, STDOUT_FILENO), STDOUT_FILENO);
	close(kept);
	close(out);
	assert_non_null(json = json_load_file(in(p, "out"), 0, NULL));
	return json;
}

static bool
is_found(const json_t *json, const char *result, const char *detail)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(json, "findings"), i, item)
	{
		if (strcmp(jx_get_str(item, "result"), result) == 0 && strstr(jx_get_str(item, "detail"), detail) != NULL)
			return true;
	}
	return false;
}

static void
check_tells_every_doubt(void **state)
{
	struct place *p = *state;
	char config[256];
	json_t *json;

	installation(p, config, 15L * DAY_S);
	write_file(config, "[listener]\npublic_url = https://hooks.example.org\ntls_certificate = c.pem\ntls_key = c.key\n"
	                   "[graph]\nclient_id = app\nclient_secret_file = secret\n"
	                   "[state]\nkey_file = k1\nintake_key_file = k2\ndirectory = s\nruntime_directory = r\n");
	json = findings_of(p, config);
	assert_true(json_is_true(json_object_get(json, "ok")));
	assert_true(is_found(json, "note", "c.pem: the certificate expires on"));
	assert_true(is_found(json, "note", "c.pem: the certificate does not name hooks.example.org"));
	assert_true(is_found(json, "note", "c.pem: the certificate is self-signed"));
	assert_true(is_found(json, "note", "[graph] client_id is not a GUID"));
	assert_true(is_found(json, "ok", "it expires in 1"));
	json_decref(json);
}

static void
a_missing_folder_is_no_mistake_but_a_file_there_is(void **state)
{
	struct place *p = *state;
	char config[256];

	installation(p, config, 30L * DAY_S);
	assert_int_equal(rmdir(in(p, "s")), 0);
	assert_int_equal(run_line("check", NULL, NULL, config), EXIT_DONE);
	write_file(in(p, "s"), "");
	assert_int_equal(run_line("check", NULL, NULL, config), EXIT_FAILED);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(init_makes_what_is_missing),
		CASE(init_never_overwrites),
		CASE(init_fails_where_it_cannot_write),
		CASE(check_passes_a_good_installation_without_its_daemons),
		CASE(check_fails_what_would_not_work),
		CASE(check_tells_every_doubt),
		CASE(a_missing_folder_is_no_mistake_but_a_file_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
