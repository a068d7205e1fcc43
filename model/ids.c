/* ids.c - checks of ids that came from somebody else. */
#include "model/ids.h"

#include <string.h>

#include "base/encode.h"
#include "base/text.h"

static bool
is_app_id_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("._~-", c) != NULL);
}

bool
app_id_valid(const char *s)
{
	size_t len = 0;

	if (s == NULL)
		return false;
	while (len < APP_ID_SIZE && is_app_id_char(s[len]))
		len++;
	return len > 0 && len < APP_ID_SIZE && s[len] == '\0';
}

static bool
app_id_copy(const char *s, char ret[APP_ID_SIZE])
{
	ret[0] = '\0';
	return app_id_valid(s) && str_copy(ret, APP_ID_SIZE, s);
}

bool
tenant_id_parse(const char *s, struct tenant_id *ret)
{
	return app_id_copy(s, ret->s);
}

bool
erg_id_parse(const char *s, struct erg_id *ret)
{
	return app_id_copy(s, ret->s);
}

bool
user_id_parse(const char *s, struct user_id *ret)
{
	return app_id_copy(s, ret->s);
}

bool
event_id_parse(const char *s, struct event_id *ret)
{
	return app_id_copy(s, ret->s);
}

/* The lower-case digit, or NUL. */
static char
hex_lower(char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
		return c;
	return c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : '\0';
}

bool
guid_parse(const char *s, struct guid *ret)
{
	size_t i;

	ret->s[0] = '\0';
	if (s == NULL)
		return false;
	for (i = 0; i < GUID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		ret->s[i] = dash ? (s[i] == '-' ? '-' : '\0') : hex_lower(s[i]);
		if (ret->s[i] == '\0')
			break;
	}
	if (i < GUID_SIZE - 1 || s[i] != '\0') {
		ret->s[0] = '\0';
		return false;
	}
	ret->s[i] = '\0';
	return true;
}

void
guid_pack(const struct guid *guid, uint8_t ret[GUID_BYTES])
{
	char digits[2 * GUID_BYTES];
	size_t n = 0;

	for (const char *c = guid->s; *c != '\0' && n < sizeof(digits); c++)
		if (*c != '-')
			digits[n++] = *c;
	if (n < sizeof(digits) || hex_decode(digits, n, ret) != ERR_OK)
		memset(ret, 0, GUID_BYTES);
}

void
guid_unpack(const uint8_t bytes[GUID_BYTES], struct guid *ret)
{
	static const uint8_t none[GUID_BYTES];
	char digits[2 * GUID_BYTES + 1];
	size_t n = 0;

	ret->s[0] = '\0';
	if (memcmp(bytes, none, sizeof(none)) == 0)
		return;
	hex_encode(bytes, GUID_BYTES, digits);
	for (size_t i = 0; i < GUID_SIZE - 1; i++)
		ret->s[i] = i == 8 || i == 13 || i == 18 || i == 23 ? '-' : digits[n++];
	ret->s[GUID_SIZE - 1] = '\0';
}

bool
person_ref_parse(const char *s, struct user_id *ret_user, struct guid *ret_entra)
{
	ret_user->s[0] = ret_entra->s[0] = '\0';
	if (s != NULL && str_starts(s, PERSON_TEAMS_PREFIX))
		return guid_parse(s + strlen(PERSON_TEAMS_PREFIX), ret_entra);
	return user_id_parse(s, ret_user);
}

bool
email_plausible(const char *s)
{
	size_t len, at_count = 0;

	if (s == NULL || (len = strnlen(s, EMAIL_SIZE)) >= EMAIL_SIZE || len < 3 || !utf8_valid(s, len))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c <= ' ' || c == 0x7f)
			return false;
		at_count += c == '@';
	}
	return at_count == 1 && s[0] != '@' && s[len - 1] != '@';
}
