#include "listener/consent.h"

#include <stdbool.h>
#include <string.h>

#include "base/encode.h"
#include "base/text.h"

/* Longer names are none we know, longer values none we use. */
#define PIECE_MAX (CLIENT_STATE_LEN + 16)

static const char *const pages[] = {
	[CONSENT_GIVEN] =
	    "Thank you: the consent was given.\n\n"
	    "The synchronisation of your groups with Microsoft Teams starts within a minute. You may close this page.\n",
	[CONSENT_DENIED] = "The consent was not given, so nothing will be synchronised.\n\n"
	                   "If this was a mistake, open the link you were sent once more, signed in as an administrator who may\n"
	                   "consent for the whole organisation.\n",
	[CONSENT_UNKNOWN] =
	    "This page only takes visitors who come back from Microsoft's consent page.\n\n"
	    "Open the consent link you were sent once more, in full. If that leads here again, ask for a new link.\n",
};

struct findings {
	unsigned states;
	bool given, error, ours;
	struct scope_id scope;
};

static bool
decode(const char *s, size_t len, char ret[PIECE_MAX + 1])
{
	char decoded[3 * PIECE_MAX + 1];
	size_t n;

	if (len > 3 * PIECE_MAX || percent_decode(s, len, 1, decoded, &n) != ERR_OK || n > PIECE_MAX)
		return false;
	memcpy(ret, decoded, n + 1);
	return true;
}

/* Name and value, each still encoded. */
static void
take(const struct key32 *key, const char *name, size_t name_len, const char *value, size_t value_len, struct findings *f)
{
	char n[PIECE_MAX + 1], v[PIECE_MAX + 1];

	if (!decode(name, name_len, n))
		return;
	f->error = f->error || strcmp(n, "error") == 0;
	if (strcmp(n, "admin_consent") == 0)
		f->given = decode(value, value_len, v) && str_equal_nocase(v, "true");
	if (strcmp(n, "state") == 0) {
		f->states++;
		f->ours = decode(value, value_len, v) && client_state_check(key, v, strlen(v), &f->scope);
	}
}

enum consent_outcome
consent_read(const struct key32 *key, const char *query, size_t query_len, struct scope_id *ret_scope)
{
	const char *end = query + query_len;
	struct findings f = { .states = 0 };

	for (const char *p = query; p < end;) {
		const char *and = memchr(p, '&', (size_t)(end - p)), *stop = and != NULL ? and : end;
		const char *equals = memchr(p, '=', (size_t)(stop - p)), *name_end = equals != NULL ? equals : stop;

		take(key, p, (size_t)(name_end - p), equals != NULL ? equals + 1 : stop,
		    equals != NULL ? (size_t)(stop - equals - 1) : 0, &f);
		p = stop + 1;
	}
	if (f.states != 1 || !f.ours)
		return CONSENT_UNKNOWN;
	*ret_scope = f.scope;
	return f.given && !f.error ? CONSENT_GIVEN : CONSENT_DENIED;
}

const char *
consent_page(enum consent_outcome outcome)
{
	return pages[outcome];
}
