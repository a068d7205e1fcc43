/*
 * The order of the checks is Graph's procedure: signature before decryption, so that nobody learns from our answer how a forged
 * padding fell out; and nothing of a failed item is kept. OpenSSL's error queue is emptied on every way out.
 */
#include "graph/notification_keys.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/encode.h"
#include "base/hash.h"
#include "base/pem.h"
#include "base/secret_file.h"
#include "base/text.h"

#define PEM_MAX           65536
#define PATH_SIZE         4096
#define CONTENT_KEY_LEN   32
#define BLOCK_LEN         16
#define ENCRYPTED_KEY_MAX (NOTIFICATION_KEY_BITS_MAX / 8)

struct notification_key {
	char id[NOTIFICATION_KEY_ID_SIZE];
	EVP_PKEY *key;
	char *certificate;      /* base64 of DER */
	uint8_t thumbprint[20]; /* SHA-1 of DER: Graph's name for it, not a protection */
	int64_t from_s, until_s;
};

struct notification_keys {
	struct notification_key keys[NOTIFICATION_KEYS_MAX];
	size_t count, newest;
};

/* --- reading --- */

/* A folder being read; the keys' files begin with prefix. */
struct folder {
	char path[PATH_SIZE], prefix[NAME_MAX];
	DIR *dir;
};

struct reading {
	const char *path;
	int64_t now_s;
	char *why;
	size_t why_size;
};

static enum err
refuse(const struct reading *r, enum err e, const char *what)
{
	(void)snprintf(r->why, r->why_size, "%s %s", r->path, what);
	return e;
}

static bool
certificate_keep(const X509 *x509, struct notification_key *ret)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x509, &der);
	unsigned digest_len = 0;

	if (len <= 0)
		return false;
	ret->certificate = malloc(BASE64_LEN((size_t)len) + 1);
	if (ret->certificate != NULL)
		base64_encode(der, (size_t)len, ret->certificate);
	OPENSSL_free(der);
	return ret->certificate != NULL && X509_digest(x509, EVP_sha1(), ret->thumbprint, &digest_len) == 1 &&
	       digest_len == sizeof(ret->thumbprint) && pem_time(X509_get0_notBefore(x509), &ret->from_s) &&
	       pem_time(X509_get0_notAfter(x509), &ret->until_s);
}

static enum err
pair_check(const struct reading *r, const X509 *x509, const EVP_PKEY *key)
{
	int bits;

	if (x509 == NULL)
		return refuse(r, ERR_MALFORMED, "holds no certificate in PEM form; ergsyncctl key notifications makes a new one");
	if (key == NULL)
		return refuse(r, ERR_MALFORMED, "holds no private key in PEM form without passphrase");
	bits = EVP_PKEY_get_bits(key);
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || bits < NOTIFICATION_KEY_BITS_MIN || bits > NOTIFICATION_KEY_BITS_MAX)
		return refuse(r, ERR_INVALID, "is no RSA key of 2,048 to 4,096 bits, which Graph wants");
	if (X509_check_private_key(x509, key) != 1)
		return refuse(r, ERR_INVALID, "holds a key that is not its certificate's");
	return ERR_OK;
}

static enum err
key_parse(const struct reading *r, const char *pem, size_t len, struct notification_key *ret)
{
	X509 *x509 = pem_read_certificate(pem, len);
	EVP_PKEY *key = pem_read_key(pem, len);
	enum err e = pair_check(r, x509, key);

	if (e == ERR_OK && !certificate_keep(x509, ret))
		e = refuse(r, ERR_MALFORMED, "has an unreadable certificate");
	X509_free(x509);
	ERR_clear_error();
	if (e != ERR_OK) {
		EVP_PKEY_free(key);
		return e;
	}
	ret->key = key;
	return ERR_OK;
}

static enum err
key_read(const struct reading *r, struct notification_key *ret)
{
	char *pem = malloc(PEM_MAX + 1);
	size_t len = 0;
	enum err e;

	if (pem == NULL)
		return refuse(r, ERR_NOMEM, "cannot be read: out of memory");
	e = file_read(r->path, PEM_MAX, pem, &len, r->why, r->why_size);
	if (e == ERR_OK)
		e = key_parse(r, pem, len, ret);
	secret_wipe(pem, PEM_MAX + 1);
	free(pem);
	return e;
}

/* "k2026-01.pem" -> "k2026-01"; false for files of other kinds. */
static bool
id_of(const char *file, char ret[NOTIFICATION_KEY_ID_SIZE])
{
	size_t len = strspn(file, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	if (file[0] == '.' || file[len] != '\0' || len <= 4 || strcmp(file + len - 4, ".pem") != 0 ||
	    len - 4 >= NOTIFICATION_KEY_ID_SIZE)
		return false;
	memcpy(ret, file, len - 4);
	ret[len - 4] = '\0';
	return true;
}

/* Where there is no such folder, its files are looked for where systemd puts those of a folder it hands over. */
static bool
folder_open(const char *directory, struct folder *ret)
{
	const char *slash = strrchr(directory, '/');

	ret->prefix[0] = '\0';
	if (!str_copy(ret->path, sizeof(ret->path), directory))
		return false;
	ret->dir = opendir(directory);
	if (ret->dir != NULL || (errno != ENOENT && errno != ENOTDIR) || slash == NULL)
		return ret->dir != NULL;
	ret->path[slash - directory] = '\0';
	(void)snprintf(ret->prefix, sizeof(ret->prefix), "%s_", slash + 1);
	ret->dir = opendir(ret->path);
	return ret->dir != NULL;
}

static enum err
keys_take(struct notification_keys *keys, const struct reading *all, const struct folder *folder, const char *file)
{
	struct notification_key key = { .id = "" };
	struct reading r = *all;
	char path[PATH_SIZE + NAME_MAX];
	enum err e;

	if (!str_starts(file, folder->prefix) || !id_of(file + strlen(folder->prefix), key.id))
		return ERR_OK;
	(void)snprintf(path, sizeof(path), "%s/%s", folder->path, file);
	r.path = path;
	if (keys->count == NOTIFICATION_KEYS_MAX)
		return refuse(&r, ERR_TOOBIG, "is one key too many: remove the oldest, which Graph has long stopped to name");
	if ((e = key_read(&r, &key)) == ERR_OK)
		keys->keys[keys->count++] = key;
	else
		free(key.certificate);
	return e;
}

/* The one that became valid last and has; of two, the one whose name is last. */
static enum err
newest_find(struct notification_keys *keys, const struct reading *r)
{
	const struct notification_key *best = NULL;

	for (size_t i = 0; i < keys->count; i++) {
		const struct notification_key *k = &keys->keys[i];

		if (k->from_s > r->now_s || k->until_s <= r->now_s)
			continue;
		if (best == NULL || k->from_s > best->from_s || (k->from_s == best->from_s && strcmp(k->id, best->id) > 0)) {
			best = k;
			keys->newest = i;
		}
	}
	if (best == NULL)
		return refuse(r, keys->count == 0 ? ERR_NOTFOUND : ERR_INVALID,
		    "holds no notification key that is valid now; ergsyncctl key notifications makes one");
	return ERR_OK;
}

enum err
notification_keys_read(const char *directory, int64_t now_s, struct notification_keys **ret, char *why, size_t why_size)
{
	const struct reading r = { directory, now_s, why, why_size };
	struct notification_keys *keys = calloc(1, sizeof(*keys));
	struct folder folder = { .dir = NULL };
	enum err e = keys == NULL ? ERR_NOMEM : !folder_open(directory, &folder) ? ERR_NOTFOUND : ERR_OK;

	if (e != ERR_OK)
		(void)refuse(&r, e, "cannot be read; ergsyncctl key notifications makes it");
	for (struct dirent *entry; e == ERR_OK && (entry = readdir(folder.dir)) != NULL;)
		e = keys_take(keys, &r, &folder, entry->d_name);
	if (folder.dir != NULL)
		(void)closedir(folder.dir);
	if (e == ERR_OK)
		e = newest_find(keys, &r);
	if (e != ERR_OK) {
		notification_keys_free(keys);
		return e;
	}
	*ret = keys;
	return ERR_OK;
}

void
notification_keys_free(struct notification_keys *keys)
{
	if (keys == NULL)
		return;
	for (size_t i = 0; i < keys->count; i++) {
		EVP_PKEY_free(keys->keys[i].key);
		free(keys->keys[i].certificate);
	}
	free(keys);
}

const char *
notification_keys_id(const struct notification_keys *keys)
{
	return keys->keys[keys->newest].id;
}

const char *
notification_keys_certificate(const struct notification_keys *keys)
{
	return keys->keys[keys->newest].certificate;
}

int64_t
notification_keys_expire_s(const struct notification_keys *keys)
{
	return keys->keys[keys->newest].until_s;
}

/* --- opening --- */

static const struct notification_key *
key_named(const struct notification_keys *keys, const struct rich_item *item)
{
	const struct rich_text *id = &item->parts[RICH_CERTIFICATE_ID], *print = &item->parts[RICH_THUMBPRINT];
	uint8_t thumbprint[20];

	if (print->len != 2 * sizeof(thumbprint) || hex_decode(print->at, print->len, thumbprint) != ERR_OK)
		return NULL;
	for (size_t i = 0; i < keys->count; i++)
		if (strlen(keys->keys[i].id) == id->len && memcmp(keys->keys[i].id, id->at, id->len) == 0 &&
		    memcmp(keys->keys[i].thumbprint, thumbprint, sizeof(thumbprint)) == 0)
			return &keys->keys[i];
	return NULL;
}

/* RSA-OAEP with SHA-1 and MGF1-SHA-1, as Graph encrypts. */
static bool
unwrap(EVP_PKEY *key, const uint8_t *wrapped, size_t wrapped_len, uint8_t ret[CONTENT_KEY_LEN])
{
	uint8_t plain[ENCRYPTED_KEY_MAX];
	size_t len = sizeof(plain);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool good = ctx != NULL && EVP_PKEY_decrypt_init(ctx) == 1 &&
	            EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	            EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha1()) == 1 && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha1()) == 1 &&
	            EVP_PKEY_decrypt(ctx, plain, &len, wrapped, wrapped_len) == 1 && len == CONTENT_KEY_LEN;

	if (good)
		memcpy(ret, plain, CONTENT_KEY_LEN);
	secret_wipe(plain, sizeof(plain));
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

/* AES-256-CBC, PKCS#7, the key's first half as IV. ret has room for len. */
static bool
decrypt(const uint8_t key[CONTENT_KEY_LEN], const uint8_t *data, size_t len, uint8_t *ret, size_t *ret_len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, rest = 0;
	bool good = ctx != NULL && EVP_DecryptInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, key) == 1 &&
	            EVP_DecryptUpdate(ctx, ret, &n, data, (int)len) == 1 && EVP_DecryptFinal_ex(ctx, ret + n, &rest) == 1;

	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	*ret_len = good ? (size_t)n + (size_t)rest : 0;
	return good;
}

/* What base64_decode wants for so many bytes. */
#define DECODED_SIZE(bytes) (BASE64_LEN(bytes) / 4 * 3 + 3)

/* An item's parts, decoded from base64. */
struct sealed {
	uint8_t wrapped[DECODED_SIZE(ENCRYPTED_KEY_MAX)];
	size_t wrapped_len;
	uint8_t signature[DECODED_SIZE(HASH_LEN)];
	size_t signature_len;
	uint8_t data[RICH_ITEM_MAX];
	size_t data_len;
};

static bool
decode(const struct rich_text *text, uint8_t *ret, size_t ret_size, size_t *ret_len)
{
	return text->len / 4 * 3 + 3 <= ret_size && base64_decode(text->at, text->len, ret, ret_len) == ERR_OK;
}

static bool
sealed_read(const struct rich_item *item, struct sealed *ret)
{
	return decode(&item->parts[RICH_DATA_KEY], ret->wrapped, sizeof(ret->wrapped), &ret->wrapped_len) &&
	       decode(&item->parts[RICH_SIGNATURE], ret->signature, sizeof(ret->signature), &ret->signature_len) &&
	       decode(&item->parts[RICH_DATA], ret->data, sizeof(ret->data), &ret->data_len) && ret->data_len > 0 &&
	       ret->data_len % BLOCK_LEN == 0;
}

static enum err
open_with(const struct sealed *sealed, const uint8_t key[CONTENT_KEY_LEN], char **ret, size_t *ret_len)
{
	const struct span whole = { sealed->data, sealed->data_len };
	uint8_t expected[HASH_LEN];
	uint8_t *plain;

	hmac_sha256(key, CONTENT_KEY_LEN, &whole, 1, expected);
	if (sealed->signature_len != HASH_LEN || !hash_equal(expected, sealed->signature, HASH_LEN))
		return ERR_UNAUTHORIZED;
	if ((plain = malloc(sealed->data_len + 1)) == NULL)
		return ERR_NOMEM;
	if (!decrypt(key, sealed->data, sealed->data_len, plain, ret_len)) {
		rich_text_free((char *)plain, sealed->data_len);
		return ERR_MALFORMED;
	}
	plain[*ret_len] = '\0';
	*ret = (char *)plain;
	return ERR_OK;
}

enum err
notification_keys_open(const struct notification_keys *keys, const struct rich_item *item, char **ret, size_t *ret_len)
{
	const struct notification_key *key = key_named(keys, item);
	uint8_t content_key[CONTENT_KEY_LEN];
	struct sealed *sealed;
	enum err e = ERR_MALFORMED;

	if (key == NULL)
		return ERR_NOTFOUND;
	if ((sealed = malloc(sizeof(*sealed))) == NULL)
		return ERR_NOMEM;
	if (sealed_read(item, sealed) && unwrap(key->key, sealed->wrapped, sealed->wrapped_len, content_key))
		e = open_with(sealed, content_key, ret, ret_len);
	secret_wipe(content_key, sizeof(content_key));
	free(sealed);
	return e;
}

void
rich_text_free(char *text, size_t len)
{
	if (text == NULL)
		return;
	secret_wipe(text, len);
	free(text);
}
