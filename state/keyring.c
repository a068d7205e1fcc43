/*
 * keyring.c - a sorted array of keys, and the file it is written to as a whole. A thousand tenants are 90 KB.
 */
#include "state/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "base/big_endian.h"
#include "base/durable_file.h"
#include "state/seal.h"

#define CHECK_LEN   16
#define HEAD_LEN    (16 + CHECK_LEN + 4 + 4)
#define PLACE_LEN   24 /* id, use, retired, owner: what a wrapped key is bound to */
#define WRAPPED_LEN (sizeof(struct key32) + SEAL_OVERHEAD_MAX)
#define ENTRY_LEN   (PLACE_LEN + WRAPPED_LEN)
/* Tenants of one installation, twice over: a ring being rotated. 16 MiB at most. */
#define KEYS_MAX 200000

#define WRAP_LABEL  "ergsync keys wrap v1"
#define MAC_LABEL   "ergsync keys mac v1"
#define CHECK_LABEL "ergsync keys check v1"

/* The store derived these from the master key before it had a ring. */
#define INDEX_LABEL "store index v1"
#define SCOPE_LABEL "ergsync scope id v1"

static const char magic[16] = "ergsync keys 1\n";
static const struct key_owner nobody;

struct entry {
	uint32_t id;
	enum key_use use;
	bool retired;
	struct key_owner owner;
	struct key32 key;
	struct seal *seal; /* made when first needed */
};

struct keyring {
	char path[PATH_MAX]; /* "": can't be written */
	struct key32 master;
	struct entry *entries; /* by id */
	size_t count, size;
	size_t recent[256]; /* by the owner's first byte: where the key of one was found last */
	uint32_t next_id;
	bool rewrapped;
};

/* --- what a ring is known by --- */

static void
check_of(const struct key32 *master, uint8_t ret[CHECK_LEN])
{
	struct span part = { CHECK_LABEL, strlen(CHECK_LABEL) };
	uint8_t hash[HASH_LEN];

	hmac_sha256(master, sizeof(*master), &part, 1, hash);
	memcpy(ret, hash, CHECK_LEN);
}

static void
mac_of(const struct key32 *master, const uint8_t *data, size_t len, uint8_t ret[HASH_LEN])
{
	struct span part = { data, len };
	struct key32 key;

	key_derive(master, MAC_LABEL, &key);
	hmac_sha256(&key, sizeof(key), &part, 1, ret);
	secret_wipe(&key, sizeof(key));
}

/* What wraps the keys themselves. */
static enum err
wrapping(const struct key32 *master, struct seal **ret)
{
	struct key32 key;
	enum err e;

	key_derive(master, WRAP_LABEL, &key);
	e = seal_new_id(&key, 1, ret);
	secret_wipe(&key, sizeof(key));
	return e;
}

/* --- entries --- */

static struct entry *
entry_add(struct keyring *k, enum key_use use, const struct key_owner *owner)
{
	size_t size = k->size > 0 ? 2 * k->size : 16;
	struct entry *grown;

	if (k->count == KEYS_MAX)
		return NULL;
	if (k->count == k->size) {
		/* Not realloc: it leaves a copy of the keys behind. */
		if ((grown = calloc(size, sizeof(*grown))) == NULL)
			return NULL;
		if (k->count > 0)
			memcpy(grown, k->entries, k->count * sizeof(*grown));
		secret_wipe(k->entries, k->count * sizeof(*grown));
		free(k->entries);
		k->entries = grown;
		k->size = size;
	}
	k->entries[k->count] = (struct entry){ .id = k->next_id, .use = use, .owner = *owner };
	return &k->entries[k->count];
}

/* The entry is counted only once its key is there. */
static void
entry_done(struct keyring *k)
{
	k->next_id = k->entries[k->count++].id + 1;
}

static enum err
entry_new(struct keyring *k, enum key_use use, const struct key_owner *owner)
{
	struct entry *e = entry_add(k, use, owner);

	if (e == NULL)
		return ERR_NOMEM;
	if (RAND_priv_bytes(e->key.b, sizeof(e->key.b)) != 1)
		return ERR_IO;
	entry_done(k);
	return ERR_OK;
}

static bool
is_data_key(const struct entry *e)
{
	return e->use == KEY_STORE || e->use == KEY_TENANT;
}

/* An owner has no other one like that. */
static bool
is_present_key_of(const struct entry *e, const struct key_owner *owner)
{
	return is_data_key(e) && !e->retired && memcmp(&e->owner, owner, sizeof(*owner)) == 0;
}

static struct entry *
entry_of(struct keyring *k, const struct key_owner *owner)
{
	size_t *recent = &k->recent[owner->b[0]];

	if (*recent < k->count && is_present_key_of(&k->entries[*recent], owner))
		return &k->entries[*recent];
	/* Newest first: after a rotation the retired ones are in front. */
	for (size_t i = k->count; i-- > 0;)
		if (is_present_key_of(&k->entries[i], owner)) {
			*recent = i;
			return &k->entries[i];
		}
	return NULL;
}

static struct entry *
entry_by_id(const struct keyring *k, uint32_t id)
{
	size_t low = 0, high = k->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (k->entries[mid].id == id)
			return &k->entries[mid];
		if (k->entries[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static void
entry_wipe(struct entry *e)
{
	seal_free(e->seal);
	secret_wipe(e, sizeof(*e));
}

/* --- to and from bytes --- */

static void
place_write(const struct entry *e, uint8_t ret[PLACE_LEN])
{
	memset(ret, 0, PLACE_LEN);
	big_endian_put_u32(ret, e->id);
	ret[4] = (uint8_t)e->use;
	ret[5] = e->retired;
	memcpy(ret + 8, e->owner.b, KEY_OWNER_LEN);
}

static size_t
file_len(size_t count)
{
	return HEAD_LEN + count * ENTRY_LEN + HASH_LEN;
}

/* Gives *ret, of file_len. */
static enum err
encode(const struct keyring *k, uint8_t **ret)
{
	size_t len = file_len(k->count);
	uint8_t *data = calloc(1, len), *at;
	struct seal *wrap = NULL;
	enum err e = data == NULL ? ERR_NOMEM : wrapping(&k->master, &wrap);

	if (e == ERR_OK) {
		memcpy(data, magic, sizeof(magic));
		check_of(&k->master, data + sizeof(magic));
		big_endian_put_u32(data + HEAD_LEN - 8, k->next_id);
		big_endian_put_u32(data + HEAD_LEN - 4, (uint32_t)k->count);
	}
	for (size_t i = 0; i < k->count && e == ERR_OK; i++) {
		at = data + HEAD_LEN + i * ENTRY_LEN;
		place_write(&k->entries[i], at);
		e = seal_wrap(wrap, &(struct seal_place){ "keys", at, PLACE_LEN }, &k->entries[i].key, sizeof(struct key32),
		    at + PLACE_LEN);
	}
	seal_free(wrap);
	if (e != ERR_OK) {
		free(data);
		return e;
	}
	mac_of(&k->master, data, len - HASH_LEN, data + len - HASH_LEN);
	*ret = data;
	return ERR_OK;
}

static enum err
entry_decode(struct keyring *k, struct seal *wrap, const uint8_t *at)
{
	struct key_owner owner;
	struct entry *entry;
	uint8_t key[WRAPPED_LEN];
	size_t len;

	memcpy(&owner, at + 8, sizeof(owner));
	if (at[4] < KEY_INDEX || at[4] > KEY_TENANT || at[5] > 1 ||
	    (k->count > 0 && big_endian_get_u32(at) <= k->entries[k->count - 1].id))
		return ERR_CORRUPT;
	if ((entry = entry_add(k, (enum key_use)at[4], &owner)) == NULL)
		return ERR_NOMEM;
	if (seal_unwrap(wrap, &(struct seal_place){ "keys", at, PLACE_LEN }, at + PLACE_LEN, WRAPPED_LEN, key, &len) != ERR_OK)
		return ERR_CORRUPT;
	entry->id = big_endian_get_u32(at);
	entry->retired = at[5] != 0;
	memcpy(&entry->key, key, sizeof(entry->key));
	secret_wipe(key, sizeof(key));
	entry_done(k);
	return ERR_OK;
}

static enum err
decode(struct keyring *k, const uint8_t *data, size_t len)
{
	struct seal *wrap = NULL;
	uint8_t mac[HASH_LEN];
	uint32_t next, count;
	enum err e;

	next = big_endian_get_u32(data + HEAD_LEN - 8);
	count = big_endian_get_u32(data + HEAD_LEN - 4);
	if (count > KEYS_MAX || len != file_len(count))
		return ERR_CORRUPT;
	mac_of(&k->master, data, len - HASH_LEN, mac);
	if (!hash_equal(mac, data + len - HASH_LEN, HASH_LEN))
		return ERR_CORRUPT;
	e = wrapping(&k->master, &wrap);
	for (size_t i = 0; i < count && e == ERR_OK; i++)
		e = entry_decode(k, wrap, data + HEAD_LEN + i * ENTRY_LEN);
	seal_free(wrap);
	k->next_id = next;
	return e;
}

/* --- the file --- */

/* What was in the former file is gone from it, too. */
static void
overwrite(int fd)
{
	static const uint8_t zeros[4096];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return;
	for (off_t at = 0; at < st.st_size; at += (off_t)sizeof(zeros)) {
		size_t n = st.st_size - at < (off_t)sizeof(zeros) ? (size_t)(st.st_size - at) : sizeof(zeros);

		if (pwrite(fd, zeros, n, at) < 0)
			break;
	}
	(void)fsync(fd);
}

static int
former_open(const char *path)
{
	return open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
}

static void
former_end(int fd)
{
	overwrite(fd);
	if (fd >= 0)
		(void)close(fd);
}

static enum err
replace(const char *path, const uint8_t *data, size_t len)
{
	char fresh[PATH_MAX];
	int former;

	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh))
		return ERR_TOOBIG;
	/* Left over by a crash, it may hold a key that was to go. */
	former_end(former_open(fresh));
	(void)unlink(fresh);
	former = former_open(path);
	if (!durable_file_replace(path, fresh, data, len, NULL)) {
		if (former >= 0)
			(void)close(former);
		return ERR_IO;
	}
	former_end(former);
	return ERR_OK;
}

static enum err
save(const struct keyring *k)
{
	uint8_t *data = NULL;
	enum err e;

	if (k->path[0] == '\0')
		return ERR_UNSUPPORTED;
	if ((e = encode(k, &data)) == ERR_OK)
		e = replace(k->path, data, file_len(k->count));
	free(data);
	return e;
}

/* --- drafts: a change is made to a copy, which takes the ring's place once it is on disk --- */

static enum err
draft_make(const struct keyring *k, struct keyring *ret)
{
	*ret = *k;
	ret->size = k->count + 1; /* for one more */
	if ((ret->entries = calloc(ret->size, sizeof(*ret->entries))) == NULL) {
		secret_wipe(&ret->master, sizeof(ret->master));
		return ERR_NOMEM;
	}
	memcpy(ret->entries, k->entries, k->count * sizeof(*k->entries));
	return ERR_OK;
}

/* A failure leaves the ring as it was: what only memory knows seals nothing. Wipes the draft. */
static enum err
draft_settle(struct keyring *k, struct keyring *draft, enum err e)
{
	struct keyring former;

	if (e == ERR_OK && (e = save(draft)) == ERR_OK) {
		former = *k;
		*k = *draft;
		*draft = former;
		secret_wipe(&former, sizeof(former));
	}
	for (size_t i = 0; i < draft->count; i++)
		if (entry_by_id(k, draft->entries[i].id) == NULL)
			seal_free(draft->entries[i].seal);
	secret_wipe(draft->entries, draft->size * sizeof(*draft->entries));
	free(draft->entries);
	secret_wipe(draft, sizeof(*draft));
	return e;
}

/* --- opening --- */

static bool
key_fits(const uint8_t *data, const struct key32 *key)
{
	uint8_t check[CHECK_LEN];

	if (key == NULL)
		return false;
	check_of(key, check);
	return hash_equal(check, data + sizeof(magic), CHECK_LEN);
}

enum err
keyring_read(const void *data, size_t len, const struct key32 *master, const struct key32 *previous, struct keyring **ret,
    char *why, size_t why_size)
{
	const struct key32 *fits;
	struct keyring *k;
	enum err e;

	if (len < file_len(0) || memcmp(data, magic, sizeof(magic)) != 0) {
		(void)snprintf(why, why_size, "the store's key ring is damaged");
		return ERR_CORRUPT;
	}
	fits = key_fits(data, master) ? master : key_fits(data, previous) ? previous : NULL;
	if (fits == NULL) {
		(void)snprintf(why, why_size, "the key in key_file is not the one this store was sealed with");
		return ERR_UNAUTHORIZED;
	}
	if ((k = calloc(1, sizeof(*k))) == NULL)
		return ERR_NOMEM;
	k->master = *fits;
	k->rewrapped = fits != master;
	if ((e = decode(k, data, len)) != ERR_OK) {
		(void)snprintf(why, why_size, "the store's key ring is damaged");
		keyring_free(k);
		return e;
	}
	*ret = k;
	return ERR_OK;
}

static enum err
file_bytes(const char *path, uint8_t **ret, size_t *ret_len, char *why, size_t why_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t *data = NULL;
	struct stat st;
	ssize_t n = -1;

	if (fd < 0 && errno == ENOENT)
		return ERR_NOTFOUND;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= (off_t)file_len(KEYS_MAX) &&
	    (data = malloc((size_t)st.st_size + 1)) != NULL)
		n = read(fd, data, (size_t)st.st_size);
	if (n >= 0) {
		*ret = data;
		*ret_len = (size_t)n;
	} else {
		(void)snprintf(why, why_size, "%s cannot be read: %s", path, strerror(errno));
		free(data);
	}
	if (fd >= 0)
		(void)close(fd);
	return n >= 0 ? ERR_OK : ERR_IO;
}

enum err
keyring_file(
    const char *path, const struct key32 *master, const struct key32 *previous, struct keyring **ret, char *why, size_t why_size)
{
	uint8_t *data = NULL;
	size_t len = 0;
	enum err e = file_bytes(path, &data, &len, why, why_size);

	if (e == ERR_OK)
		e = keyring_read(data, len, master, previous, ret, why, why_size);
	free(data);
	return e;
}

enum err
keyring_open(
    const char *path, const struct key32 *master, const struct key32 *previous, struct keyring **ret, char *why, size_t why_size)
{
	struct keyring *k = NULL;
	enum err e = keyring_file(path, master, previous, &k, why, why_size);

	if (e != ERR_OK)
		return e;
	(void)snprintf(k->path, sizeof(k->path), "%s", path);
	if (k->rewrapped && (e = keyring_rewrap(k, master)) != ERR_OK) {
		(void)snprintf(why, why_size, "%s cannot be written: %s", path, err_text(e));
		keyring_free(k);
		return e;
	}
	*ret = k;
	return ERR_OK;
}

static enum err
fixed_add(struct keyring *k, enum key_use use, const char *label)
{
	struct entry *e = entry_add(k, use, &nobody);

	if (e == NULL)
		return ERR_NOMEM;
	key_derive(&k->master, label, &e->key);
	entry_done(k);
	return ERR_OK;
}

static enum err
first_add(struct keyring *k, const struct key32 *first)
{
	struct entry *e;

	if (first == NULL)
		return ERR_OK;
	if ((e = entry_add(k, KEY_STORE, &nobody)) == NULL)
		return ERR_NOMEM;
	e->key = *first;
	e->retired = true;
	entry_done(k);
	return ERR_OK;
}

enum err
keyring_make(
    const char *path, const struct key32 *master, const struct key32 *first, struct keyring **ret, char *why, size_t why_size)
{
	struct keyring *k = calloc(1, sizeof(*k));
	enum err e;

	if (k == NULL)
		return ERR_NOMEM;
	(void)snprintf(k->path, sizeof(k->path), "%s", path);
	k->master = *master;
	k->next_id = SEAL_ID_FIRST;
	e = first_add(k, first);
	k->next_id = SEAL_ID_FIRST + 1; /* the first one is never given to another key */
	if (e == ERR_OK)
		e = fixed_add(k, KEY_INDEX, INDEX_LABEL);
	if (e == ERR_OK)
		e = fixed_add(k, KEY_SCOPE, SCOPE_LABEL);
	if (e == ERR_OK)
		e = entry_new(k, KEY_STORE, &nobody);
	if (e == ERR_OK)
		e = save(k);
	if (e != ERR_OK) {
		(void)snprintf(why, why_size, "%s cannot be written: %s", path, err_text(e));
		keyring_free(k);
		return e;
	}
	*ret = k;
	return ERR_OK;
}

void
keyring_free(struct keyring *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < k->count; i++)
		entry_wipe(&k->entries[i]);
	free(k->entries);
	secret_wipe(k, sizeof(*k));
	free(k);
}

/* --- using --- */

const struct key32 *
keyring_fixed(const struct keyring *k, enum key_use use)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->entries[i].use == use)
			return &k->entries[i].key;
	return NULL;
}

static struct seal *
seal_of(struct entry *e)
{
	if (e->seal == NULL && seal_new_id(&e->key, e->id, &e->seal) != ERR_OK)
		e->seal = NULL;
	return e->seal;
}

static enum err
owner_add(struct keyring *k, const struct key_owner *owner)
{
	struct keyring draft;
	enum err e;

	if ((e = draft_make(k, &draft)) != ERR_OK)
		return e;
	e = entry_new(&draft, memcmp(owner, &nobody, sizeof(nobody)) == 0 ? KEY_STORE : KEY_TENANT, owner);
	return draft_settle(k, &draft, e);
}

enum err
keyring_seal(struct keyring *k, const struct key_owner *owner, struct seal **ret)
{
	struct entry *entry = entry_of(k, owner);
	enum err e;

	if (entry == NULL) {
		if ((e = owner_add(k, owner)) != ERR_OK)
			return e;
		entry = &k->entries[k->count - 1];
	}
	*ret = seal_of(entry);
	return *ret != NULL ? ERR_OK : ERR_NOMEM;
}

struct seal *
keyring_by_id(struct keyring *k, uint32_t id)
{
	struct entry *e = entry_by_id(k, id);

	return e != NULL && is_data_key(e) ? seal_of(e) : NULL;
}

static bool
same_owner(const struct entry *e, const struct key_owner *owner)
{
	return memcmp(&e->owner, owner, sizeof(*owner)) == 0;
}

/* Of that owner and of nobody, or all (NULL); under that master key from now on. */
static enum err
retire(struct keyring *k, const struct key_owner *owner, const struct key32 *master)
{
	struct keyring draft;
	enum err e;

	if ((e = draft_make(k, &draft)) != ERR_OK)
		return e;
	draft.master = *master;
	for (size_t i = 0; i < draft.count; i++)
		if (is_data_key(&draft.entries[i]) &&
		    (owner == NULL || same_owner(&draft.entries[i], owner) || same_owner(&draft.entries[i], &nobody)))
			draft.entries[i].retired = true;
	return draft_settle(k, &draft, entry_new(&draft, KEY_STORE, &nobody));
}

enum err
keyring_retire(struct keyring *k, const struct key_owner *owner)
{
	return retire(k, owner, &k->master);
}

bool
keyring_has_master(const struct keyring *k, const struct key32 *master)
{
	return hash_equal(&k->master, master, sizeof(*master));
}

enum err
keyring_rewrap(struct keyring *k, const struct key32 *master)
{
	return retire(k, NULL, master);
}

bool
keyring_retiring(const struct keyring *k, const struct key_owner *owner)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->entries[i].retired && (owner == NULL || same_owner(&k->entries[i], owner)))
			return true;
	return false;
}

bool
keyring_is_retired(const struct keyring *k, uint32_t id)
{
	const struct entry *e = entry_by_id(k, id);

	return e != NULL && e->retired;
}

enum err
keyring_drop_retired(struct keyring *k, size_t *ret_count)
{
	size_t before = k->count;
	struct keyring draft;
	enum err e;

	*ret_count = 0;
	if (!keyring_retiring(k, NULL))
		return ERR_OK;
	if ((e = draft_make(k, &draft)) != ERR_OK)
		return e;
	draft.count = 0;
	for (size_t i = 0; i < before; i++)
		if (!k->entries[i].retired)
			draft.entries[draft.count++] = k->entries[i];
	if ((e = draft_settle(k, &draft, ERR_OK)) == ERR_OK)
		*ret_count = before - k->count;
	return e;
}

bool
keyring_rewrapped(const struct keyring *k)
{
	return k->rewrapped;
}

void
keyring_owners(const struct keyring *k, void (*cb)(void *arg, const struct key_owner *owner), void *arg)
{
	for (size_t i = 0; i < k->count; i++)
		if (k->entries[i].use == KEY_TENANT && !k->entries[i].retired)
			cb(arg, &k->entries[i].owner);
}
