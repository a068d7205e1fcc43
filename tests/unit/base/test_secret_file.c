/* Files of secrets: what they may hold, and files that are none. */
#include "base/secret_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/base/check.h"

static char path[64];

static int
file_make(void **state)
{
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/ergsync_test_secret_XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int
file_drop(void **state)
{
	(void)state;
	return unlink(path);
}

static void
file_fill(const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

#define FILL(text) file_fill((text), sizeof(text) - 1)

static void
reads_one_line(void **state)
{
	static const char *const good[] = { "s3cr3t", "s3cr3t\n", "s3cr3t\r\n" };
	static const char *const bad[] = { "", "\n", "\r\n", "two\nlines\n", "s3cr3t\n\n", "tab\tbed", "\x7f" };
	char secret[7], small[6], why[256];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		file_fill(good[i], strlen(good[i]));
		assert_int_equal(secret_file_read(path, secret, sizeof(secret), why, sizeof(why)), ERR_OK);
		assert_string_equal(secret, "s3cr3t");
		assert_int_equal(secret_file_read(path, small, sizeof(small), why, sizeof(why)), ERR_TOOBIG);
		assert_non_null(strstr(why, "holds more than 5 bytes"));
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		file_fill(bad[i], strlen(bad[i]));
		assert_int_equal(secret_file_read(path, secret, sizeof(secret), why, sizeof(why)), ERR_INVALID);
		assert_non_null(strstr(why, path));
	}
	FILL("nul\0byte");
	assert_int_equal(secret_file_read(path, secret, sizeof(secret), why, sizeof(why)), ERR_INVALID);
}

static void
reads_keys(void **state)
{
	struct key32 key;
	char why[256];

	(void)state;
	FILL("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
	assert_int_equal(key_file_read(path, &key, why, sizeof(why)), ERR_OK);
	for (size_t i = 0; i < sizeof(key.b); i++)
		assert_int_equal(key.b[i], i);
	FILL("AAECAwQFBgcICQoLDA0ODw==\n");
	assert_int_equal(key_file_read(path, &key, why, sizeof(why)), ERR_INVALID);
	assert_non_null(strstr(why, "must hold 32 bytes as base64"));
	FILL("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
	assert_int_equal(key_file_read(path, &key, why, sizeof(why)), ERR_INVALID);
}

static void
reads_signing_secrets(void **state)
{
	uint8_t key[SIGNING_KEY_MAX];
	char why[256];
	size_t len;

	(void)state;
	FILL("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n");
	assert_int_equal(signing_file_read(path, key, &len, why, sizeof(why)), ERR_OK);
	assert_int_equal(len, 24);
	assert_int_equal(key[23], 23);
	FILL("AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n");
	assert_int_equal(signing_file_read(path, key, &len, why, sizeof(why)), ERR_INVALID);
	FILL("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=");
	assert_int_equal(signing_file_read(path, key, &len, why, sizeof(why)), ERR_INVALID);
	assert_null(strstr(why, "AAEC"));
}

static void
reads_files_only(void **state)
{
	char secret[16], why[256], fifo[80];

	(void)state;
	assert_int_equal(secret_file_read("/nonexistent", secret, sizeof(secret), why, sizeof(why)), ERR_NOTFOUND);
	assert_string_equal(why, "/nonexistent cannot be read: No such file or directory");
	assert_int_equal(secret_file_read("/tmp", secret, sizeof(secret), why, sizeof(why)), ERR_INVALID);
	assert_int_equal(secret_file_read("/dev/zero", secret, sizeof(secret), why, sizeof(why)), ERR_INVALID);
	(void)snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(secret_file_read(fifo, secret, sizeof(secret), why, sizeof(why)), ERR_INVALID);
	assert_int_equal(unlink(fifo), 0);
}

static void
sizes_are_limited(void **state)
{
	char text[101], data[100], why[256];
	size_t len;

	(void)state;
	memset(data, 'x', sizeof(data));
	file_fill(data, sizeof(data));
	assert_int_equal(file_read(path, 100, text, &len, why, sizeof(why)), ERR_OK);
	assert_int_equal(len, 100);
	assert_int_equal(text[100], '\0');
	assert_int_equal(file_read(path, 99, text, &len, why, sizeof(why)), ERR_TOOBIG);
	assert_non_null(strstr(why, "larger than 99 bytes"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_one_line),
		cmocka_unit_test(reads_keys),
		cmocka_unit_test(reads_signing_secrets),
		cmocka_unit_test(reads_files_only),
		cmocka_unit_test(sizes_are_limited),
	};

	return cmocka_run_group_tests(tests, file_make, file_drop);
}
