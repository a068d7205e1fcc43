/* Encoding is text by hand: four fixed words do not need a serialiser, and a trace of the socket stays readable. */
#include "model/peer.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/encode.h"

#define EPOCH_HEX      ((size_t)2 * PEER_EPOCH_LEN)
#define SCOPE_HEX      ((size_t)2 * SCOPE_ID_LEN)
#define U64_DIGITS_MAX 20

static const char wake_text[] = "ergsync/1 wake";
static const char request_text[] = "ergsync/1 stats?";
static const char consumed_prefix[] = "ergsync/1 consumed ";
static const char consent_prefix[] = "ergsync/1 consent ";
static const char stats_prefix[] = "ergsync/1 stats\n";

#define LITERAL_LEN(s) (sizeof(s) - 1)

enum err
peer_encode(const struct peer_message *m, char *ret, size_t ret_size, size_t *ret_len)
{
	char epoch[EPOCH_HEX + 1], scope[SCOPE_HEX + 1];
	int n = -1;

	switch (m->kind) {
	case PEER_WAKE: n = snprintf(ret, ret_size, "%s", wake_text); break;
	case PEER_STATS_REQUEST: n = snprintf(ret, ret_size, "%s", request_text); break;
	case PEER_CONSUMED:
		hex_encode(m->epoch, PEER_EPOCH_LEN, epoch);
		n = snprintf(ret, ret_size, "%s%s %" PRIu64, consumed_prefix, epoch, m->consumed);
		break;
	case PEER_CONSENT:
		hex_encode(m->scope.b, SCOPE_ID_LEN, scope);
		n = snprintf(ret, ret_size, "%s%s", consent_prefix, scope);
		break;
	case PEER_STATS:
		if (ret_size < LITERAL_LEN(stats_prefix) || m->text_len > ret_size - LITERAL_LEN(stats_prefix))
			return ERR_TOOBIG;
		memcpy(ret, stats_prefix, LITERAL_LEN(stats_prefix));
		if (m->text_len > 0)
			memcpy(ret + LITERAL_LEN(stats_prefix), m->text, m->text_len);
		*ret_len = LITERAL_LEN(stats_prefix) + m->text_len;
		return ERR_OK;
	}
	if (n < 0 || (size_t)n >= ret_size)
		return ERR_TOOBIG;
	*ret_len = (size_t)n;
	return ERR_OK;
}

static bool
is_text(const char *data, size_t len, const char *text, size_t text_len)
{
	return len == text_len && memcmp(data, text, text_len) == 0;
}

static bool
has_prefix(const char *data, size_t len, const char *prefix, size_t prefix_len)
{
	return len >= prefix_len && memcmp(data, prefix, prefix_len) == 0;
}

/* Plain decimal as printed: no sign, no leading zero, within 64 bits. */
static bool
decode_u64(const char *data, size_t len, uint64_t *ret)
{
	uint64_t value = 0;

	if (len == 0 || len > U64_DIGITS_MAX || (len > 1 && data[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (data[i] < '0' || data[i] > '9')
			return false;
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(data[i] - '0'), &value))
			return false;
	}
	*ret = value;
	return true;
}

static bool
lower_hex(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((data[i] >= '0' && data[i] <= '9') || (data[i] >= 'a' && data[i] <= 'f')))
			return false;
	return true;
}

static enum err
decode_consumed(const char *data, size_t len, struct peer_message *ret)
{
	if (len < EPOCH_HEX + 2 || !lower_hex(data, EPOCH_HEX) || data[EPOCH_HEX] != ' ')
		return ERR_MALFORMED;
	if (hex_decode(data, EPOCH_HEX, ret->epoch) != ERR_OK ||
	    !decode_u64(data + EPOCH_HEX + 1, len - EPOCH_HEX - 1, &ret->consumed))
		return ERR_MALFORMED;
	ret->kind = PEER_CONSUMED;
	return ERR_OK;
}

static enum err
decode_consent(const char *data, size_t len, struct peer_message *ret)
{
	ret->kind = PEER_CONSENT;
	if (len != SCOPE_HEX || !lower_hex(data, len))
		return ERR_MALFORMED;
	return hex_decode(data, len, ret->scope.b);
}

enum err
peer_decode(const char *data, size_t len, struct peer_message *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (len > PEER_MESSAGE_MAX)
		return ERR_MALFORMED;
	if (is_text(data, len, wake_text, LITERAL_LEN(wake_text))) {
		ret->kind = PEER_WAKE;
		return ERR_OK;
	}
	if (is_text(data, len, request_text, LITERAL_LEN(request_text))) {
		ret->kind = PEER_STATS_REQUEST;
		return ERR_OK;
	}
	if (has_prefix(data, len, consumed_prefix, LITERAL_LEN(consumed_prefix)))
		return decode_consumed(data + LITERAL_LEN(consumed_prefix), len - LITERAL_LEN(consumed_prefix), ret);
	if (has_prefix(data, len, consent_prefix, LITERAL_LEN(consent_prefix)))
		return decode_consent(data + LITERAL_LEN(consent_prefix), len - LITERAL_LEN(consent_prefix), ret);
	if (has_prefix(data, len, stats_prefix, LITERAL_LEN(stats_prefix))) {
		ret->kind = PEER_STATS;
		ret->text = data + LITERAL_LEN(stats_prefix);
		ret->text_len = len - LITERAL_LEN(stats_prefix);
		return ERR_OK;
	}
	return ERR_MALFORMED;
}

bool
peer_address(const char *directory, const char *name, struct sockaddr_un *ret)
{
	int n;

	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	n = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%s", directory, name);
	return n > 0 && (size_t)n < sizeof(ret->sun_path);
}
