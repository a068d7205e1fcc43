/*
 * notification_keys.h - the keys that rich notifications are encrypted to: reading them, naming one to Graph, opening items.
 *
 * A folder with a file NAME.pem a key: a certificate (self-signed will do) and its RSA key. The one that became valid last is what new
 * and renewed subscriptions name; the others still open what Graph encrypts to them until it has heard of the new one. NAME is
 * the id that Graph repeats with each item. Source: graph-facts section 5.
 * Where there is no such folder, files FOLDER_NAME.pem beside where it would be are its files: so systemd's LoadCredential= hands a
 * folder over (systemd.exec(5)).
 */
#ifndef GRAPH_NOTIFICATION_KEYS_H
#define GRAPH_NOTIFICATION_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/rich_item.h"

#define NOTIFICATION_KEYS_MAX     16
#define NOTIFICATION_KEY_ID_SIZE  65 /* A-Z a-z 0-9 . _ -; Graph takes 128 */
#define NOTIFICATION_KEY_BITS_MIN 2048
#define NOTIFICATION_KEY_BITS_MAX 4096

struct notification_keys;

/* now_s is Unix time. Gives *ret. On failure why names the file and what to do. ERR_NOTFOUND: the folder holds no key. */
enum err notification_keys_read(const char *directory, int64_t now_s, struct notification_keys **ret, char *why, size_t why_size);
void notification_keys_free(struct notification_keys *keys); /* wipes them; NULL is fine */

/* Of the newest, borrowed: its id; its certificate as Graph wants it (base64 of DER); when it ends, Unix time. */
const char *notification_keys_id(const struct notification_keys *keys);
const char *notification_keys_certificate(const struct notification_keys *keys);
int64_t notification_keys_expire_s(const struct notification_keys *keys);

/*
 * Opens an item: gives its JSON text in *ret, NUL-terminated, to be given back to rich_text_free. ERR_NOTFOUND: encrypted to a key we have
 * not; ERR_MALFORMED: not as Graph makes them; ERR_UNAUTHORIZED: the signature is wrong, nothing was decrypted.
 */
enum err notification_keys_open(const struct notification_keys *keys, const struct rich_item *item, char **ret, size_t *ret_len);
void rich_text_free(char *text, size_t len); /* wipes; NULL is fine */

#endif
