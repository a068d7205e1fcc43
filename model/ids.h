/*
 * ids.h - the ids of the app and of the directory, each its own type so that none is passed for another.
 *
 * An empty string (s[0] == 0) means "none". All functions are pure and bounded; those that fill a struct leave it
 * empty when they return false.
 */
#ifndef MODEL_IDS_H
#define MODEL_IDS_H

#include <stdbool.h>
#include <stdint.h>

#define APP_ID_SIZE         129 /* 128 characters (contract.md section 4) and NUL */
#define GUID_SIZE           37  /* 8-4-4-4-12 hex digits and NUL */
#define EMAIL_SIZE          255 /* RFC 5321's longest path without its brackets, and NUL */
#define PERSON_TEAMS_PREFIX "entra:"

/* The app's own names for its things. */
struct tenant_id {
	char s[APP_ID_SIZE];
};
struct erg_id {
	char s[APP_ID_SIZE];
};
struct user_id {
	char s[APP_ID_SIZE];
};
struct event_id {
	char s[APP_ID_SIZE];
};

/* A directory object id, team id or directory id: always lower case here, so strcmp compares. */
struct guid {
	char s[GUID_SIZE];
};

/* 1 to 128 of A-Z a-z 0-9 . _ ~ - */
bool app_id_valid(const char *s);
bool tenant_id_parse(const char *s, struct tenant_id *ret);
bool erg_id_parse(const char *s, struct erg_id *ret);
bool user_id_parse(const char *s, struct user_id *ret);
bool event_id_parse(const char *s, struct event_id *ret);

/* Any case, without braces. */
bool guid_parse(const char *s, struct guid *ret);
/* The 16 bytes behind the digits; of none, zeros, which come back as none. */
#define GUID_BYTES 16
void guid_pack(const struct guid *guid, uint8_t ret[GUID_BYTES]);
void guid_unpack(const uint8_t bytes[GUID_BYTES], struct guid *ret);

/* A person in a path: the app's id in *ret_user, or "entra:<object id>" in *ret_entra; the other one is left empty. */
bool person_ref_parse(const char *s, struct user_id *ret_user, struct guid *ret_entra);

/* Could this be an address or a user principal name? One @ with something on both sides, no space, no control
 * character, valid UTF-8, at most 254 bytes. Whether anybody has it, only the directory knows. */
bool email_plausible(const char *s);

#endif
