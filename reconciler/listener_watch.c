/* listener_watch.c - a timer, a question, and a few lines of its answer. */
#include "reconciler/listener_watch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "reconciler/peer_socket.h"

#define ASK_EVERY_MS 10000
#define AGAIN_MS     1000 /* after an answer that did not come: a datagram may be lost */
#define MISSES       2

struct listener_watch {
	struct peer_socket *peer;
	struct timer *timer;
	struct app_listener_status last;
	unsigned misses;
};

/* The value of a series without labels; false: there is none. */
static bool
value_of(const char *text, size_t text_len, const char *name, uint64_t *ret)
{
	size_t name_len = strlen(name), len;
	char number[32];

	for (const char *end = text + text_len; text < end; text += len + 1) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));

		len = line_end != NULL ? (size_t)(line_end - text) : (size_t)(end - text);
		if (len > name_len + 1 && memcmp(text, name, name_len) == 0 && text[name_len] == ' ')
			return str_copy_len(number, sizeof(number), text + name_len + 1, len - name_len - 1) &&
			       parse_u64(number, ret) == ERR_OK;
	}
	return false;
}

/* Letters, digits and what else stands in versions; else ret is "". */
static void
read_version(const char *text, size_t text_len, char *ret, size_t ret_size)
{
	static const char before[] = "\nergsync_listener_build_info{version=\"";
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+~-";
	const char *at = memmem(text, text_len, before, sizeof(before) - 1);
	size_t len = 0, left;

	ret[0] = '\0';
	if (at == NULL)
		return;
	at += sizeof(before) - 1;
	left = text_len - (size_t)(at - text);
	while (len < left && at[len] != '\0' && strchr(allowed, at[len]) != NULL)
		len++;
	if (len < left && at[len] == '"')
		(void)str_copy_len(ret, ret_size, at, len);
}

void
listener_watch_read(const char *text, size_t text_len, struct app_listener_status *ret)
{
	uint64_t healthy = 0, end_s = 0;

	memset(ret, 0, sizeof(*ret));
	ret->presence = APP_LISTENER_AWAY;
	if (text == NULL || !value_of(text, text_len, "ergsync_listener_healthy", &healthy))
		return;
	ret->presence = APP_LISTENER_UP;
	ret->can_store = healthy != 0;
	if (value_of(text, text_len, "ergsync_listener_certificate_expiry_timestamp_seconds", &end_s) && end_s < INT64_MAX / 1000)
		ret->certificate_end_wall_ms = (int64_t)end_s * 1000;
	read_version(text, text_len, ret->version, sizeof(ret->version));
}

static void
on_answer(void *arg, const char *text, size_t text_len)
{
	struct listener_watch *w = arg;
	struct app_listener_status now;

	listener_watch_read(text, text_len, &now);
	w->misses = now.presence == APP_LISTENER_AWAY ? w->misses + 1 : 0;
	if (w->misses == 0 || w->misses >= MISSES)
		w->last = now;
	timer_arm(w->timer, w->misses == 0 || w->misses >= MISSES ? ASK_EVERY_MS : AGAIN_MS);
}

static void
on_time(void *arg)
{
	struct listener_watch *w = arg;

	peer_socket_ask_stats(w->peer, on_answer, w);
}

enum err
listener_watch_new(struct clock *clock, struct peer_socket *peer, struct listener_watch **ret)
{
	struct listener_watch *w = calloc(1, sizeof(*w));

	if (w == NULL || (w->timer = timer_new(clock, on_time, w)) == NULL) {
		free(w);
		return ERR_NOMEM;
	}
	w->peer = peer;
	timer_arm(w->timer, 0);
	*ret = w;
	return ERR_OK;
}

void
listener_watch_free(struct listener_watch *w)
{
	if (w == NULL)
		return;
	timer_free(w->timer);
	free(w);
}

void
listener_watch_status(const struct listener_watch *w, struct app_listener_status *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (w != NULL)
		*ret = w->last;
}
