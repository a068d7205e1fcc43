/* secret_file.c - files of one secret each, read whole and checked. */
#include "base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/text.h"

#define SIGNING_KEY_MIN 24

static void __attribute__((format(printf, 3, 4))) tell(char *why, size_t why_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, why_size, format, args);
	va_end(args);
}

enum err
file_read(const char *path, size_t max, char *ret, size_t *ret_len, char *why, size_t why_size)
{
	struct stat st;
	size_t len = 0;
	ssize_t n = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* never hang on a FIFO */

	if (fd < 0 || fstat(fd, &st) != 0) {
		tell(why, why_size, "%s cannot be read: %s", path, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return ERR_NOTFOUND;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)close(fd);
		tell(why, why_size, "%s is not a file", path);
		return ERR_INVALID;
	}
	while (len <= max && (n = read(fd, ret + len, max + 1 - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		tell(why, why_size, "%s cannot be read: %s", path, strerror(errno));
	else if (len > max)
		tell(why, why_size, "%s is larger than %zu bytes", path, max);
	(void)close(fd);
	if (n < 0 || len > max)
		return n < 0 ? ERR_IO : ERR_TOOBIG;
	ret[len] = '\0';
	*ret_len = len;
	return ERR_OK;
}

/* Strips one line end; false unless what remains is one line of printable characters. */
static bool
one_line(char *text, size_t *len)
{
	if (*len > 0 && text[*len - 1] == '\n')
		--*len;
	if (*len > 0 && text[*len - 1] == '\r')
		--*len;
	text[*len] = '\0';
	for (size_t i = 0; i < *len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return *len > 0;
}

enum err
secret_file_read(const char *path, char *ret, size_t size, char *why, size_t why_size)
{
	char text[SECRET_FILE_SIZE];
	size_t len;
	enum err e = file_read(path, SECRET_FILE_SIZE - 1, text, &len, why, why_size);

	if (e == ERR_OK && !one_line(text, &len)) {
		tell(why, why_size, len == 0 ? "%s is empty" : "%s must hold one line of text", path);
		e = ERR_INVALID;
	}
	if (e == ERR_OK && !str_copy_len(ret, size, text, len)) {
		tell(why, why_size, "%s holds more than %zu bytes", path, size - 1);
		e = ERR_TOOBIG;
	}
	secret_wipe(text, sizeof(text));
	return e;
}

static enum err
key_decode(const char *path, const char *text, struct key32 *ret, char *why, size_t why_size)
{
	uint8_t key[128];
	size_t key_len = 0, len = strlen(text);
	enum err e = len < sizeof(key) && base64_decode(text, len, key, &key_len) == ERR_OK && key_len == sizeof(ret->b)
	                 ? ERR_OK
	                 : ERR_INVALID;

	if (e == ERR_OK)
		memcpy(ret->b, key, sizeof(ret->b));
	else
		tell(why, why_size, "%s must hold 32 bytes as base64 (44 characters); ergsyncctl init makes such a file", path);
	secret_wipe(key, sizeof(key));
	return e;
}

enum err
key_file_read(const char *path, struct key32 *ret, char *why, size_t why_size)
{
	char text[128];
	enum err e = secret_file_read(path, text, sizeof(text), why, why_size);

	if (e == ERR_OK)
		e = key_decode(path, text, ret, why, why_size);
	secret_wipe(text, sizeof(text));
	return e;
}

enum err
key_pair_read(const char *path, struct key32 *ret, struct key32 *ret_previous, bool *ret_has_previous, char *why, size_t why_size)
{
	char text[256], *second;
	size_t len;
	enum err e = file_read(path, sizeof(text) - 1, text, &len, why, why_size);

	*ret_has_previous = false;
	if (e != ERR_OK)
		return e;
	if ((second = strchr(text, '\n')) != NULL)
		*second++ = '\0';
	if (second != NULL && second[0] != '\0') {
		len = strlen(second);
		*ret_has_previous = true;
		if (!one_line(second, &len))
			e = ERR_INVALID;
	}
	len = strlen(text);
	if (e != ERR_OK || !one_line(text, &len)) {
		tell(why, why_size, "%s must hold one key a line: the present one, then perhaps the one before it", path);
		e = ERR_INVALID;
	}
	if (e == ERR_OK)
		e = key_decode(path, text, ret, why, why_size);
	if (e == ERR_OK && *ret_has_previous)
		e = key_decode(path, second, ret_previous, why, why_size);
	secret_wipe(text, sizeof(text));
	return e;
}

void
key_check_text(const struct key32 *key, char ret[KEY_CHECK_LEN + 1])
{
	static const char label[] = "ergsync key check text v1";
	struct span part = { label, strlen(label) };
	uint8_t hash[HASH_LEN];

	hmac_sha256(key, sizeof(*key), &part, 1, hash);
	hex_encode(hash, KEY_CHECK_LEN / 2, ret);
}

enum err
signing_file_read(const char *path, uint8_t ret[SIGNING_KEY_MAX], size_t *ret_len, char *why, size_t why_size)
{
	static const char prefix[] = "whsec_";
	char text[160];
	uint8_t key[sizeof(text)];
	size_t key_len = 0;
	enum err e = secret_file_read(path, text, sizeof(text), why, why_size);

	if (e == ERR_OK && (!str_starts(text, prefix) ||
	                       base64_decode(text + strlen(prefix), strlen(text) - strlen(prefix), key, &key_len) != ERR_OK ||
	                       key_len < SIGNING_KEY_MIN || key_len > SIGNING_KEY_MAX)) {
		tell(why, why_size, "%s must hold whsec_ followed by 24 to 64 bytes as base64", path);
		e = ERR_INVALID;
	}
	if (e == ERR_OK) {
		memcpy(ret, key, key_len);
		*ret_len = key_len;
	}
	secret_wipe(text, sizeof(text));
	secret_wipe(key, sizeof(key));
	return e;
}
