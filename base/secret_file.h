/*
 * secret_file.h - reading the small files that hold secrets.
 *
 * Only regular files of bounded size are read, so that a FIFO or a device never hangs a daemon. On an error why (of
 * why_size) names the file and what is wrong, without its content. What was read is wiped from all buffers but ret.
 */
#ifndef BASE_SECRET_FILE_H
#define BASE_SECRET_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

/* Room for the longest text a secret file may hold. */
#define SECRET_FILE_SIZE 4097

/* Any regular file of at most max bytes; ret holds max + 1 and gets a NUL. */
enum err file_read(const char *path, size_t max, char *ret, size_t *ret_len, char *why, size_t why_size);
/* A one-line secret of at most size - 1 bytes, line end stripped; ERR_INVALID when empty. */
enum err secret_file_read(const char *path, char *ret, size_t size, char *why, size_t why_size);
/* A key file: 32 bytes as standard base64, an optional line end. */
enum err key_file_read(const char *path, struct key32 *ret, char *why, size_t why_size);
/* The same, or with a second line: the key before this one, while a change of keys is under way. *ret_has_previous tells. */
enum err key_pair_read(
    const char *path, struct key32 *ret, struct key32 *ret_previous, bool *ret_has_previous, char *why, size_t why_size);

/* What tells keys apart and tells nothing of them: 32 hex digits. */
#define KEY_CHECK_LEN 32
void key_check_text(const struct key32 *key, char ret[KEY_CHECK_LEN + 1]);

/* Standard Webhooks: a signing secret has 24 to 64 bytes. */
#define SIGNING_KEY_MAX 64
/* "whsec_" and that many bytes as base64: gives the bytes. */
enum err signing_file_read(const char *path, uint8_t ret[SIGNING_KEY_MAX], size_t *ret_len, char *why, size_t why_size);

#endif
