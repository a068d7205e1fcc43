/*
 * breaker.c - the circuit breaker's three states. Only graph_breaker_set changes the state.
 */
#include "graph/breaker.h"

#include <string.h>

void
graph_breaker_init(struct graph_breaker *b)
{
	memset(b, 0, sizeof(*b));
	b->state = BREAKER_CLOSED;
	b->closed_ms = -1;
	for (int i = 0; i < BREAKER_SLOTS; i++)
		b->slots[i].start_ms = -1;
}

static void
graph_breaker_set(struct graph_breaker *b, enum graph_breaker_state state)
{
	b->state = state;
}

static bool
slot_is_recent(int64_t start_ms, int64_t now_ms)
{
	return start_ms >= 0 && now_ms - start_ms < BREAKER_SLOTS * BREAKER_SLOT_MS;
}

/* True when the last minute is bad enough to open. */
static bool
count(struct graph_breaker *b, bool failed, int64_t now_ms)
{
	int64_t start_ms = now_ms - now_ms % BREAKER_SLOT_MS;
	size_t at = (size_t)(now_ms / BREAKER_SLOT_MS % BREAKER_SLOTS);
	uint64_t all = 0, bad = 0;

	if (b->slots[at].start_ms != start_ms) {
		memset(&b->slots[at], 0, sizeof(b->slots[at]));
		b->slots[at].start_ms = start_ms;
	}
	if (failed)
		b->slots[at].failed++;
	else
		b->slots[at].ok++;
	for (int i = 0; i < BREAKER_SLOTS; i++) {
		if (!slot_is_recent(b->slots[i].start_ms, now_ms))
			continue;
		bad += b->slots[i].failed;
		all += b->slots[i].failed + b->slots[i].ok;
	}
	return all >= BREAKER_CALLS_MIN && bad * 2 >= all;
}

static void
pause_from(struct graph_breaker *b, int64_t now_ms, uint32_t jitter)
{
	b->probe_ms = now_ms + b->pause_ms + b->pause_ms * (int64_t)(jitter % 1000) / 10000; /* up to a tenth more */
	graph_breaker_set(b, BREAKER_OPEN);
}

static void
lengthen(struct graph_breaker *b, int64_t now_ms)
{
	b->pause_ms *= 2;
	if (b->pause_ms > BREAKER_PAUSE_MAX_MS)
		b->pause_ms = BREAKER_PAUSE_MAX_MS;
	if (now_ms - b->opened_ms > BREAKER_OUTAGE_SLOW_MS)
		b->pause_ms = BREAKER_PAUSE_SLOW_MS;
}

int64_t
graph_breaker_ask(struct graph_breaker *b, bool urgent, int64_t now_ms)
{
	switch (b->state) {
	case BREAKER_CLOSED: return 0;
	case BREAKER_OPEN:
		if (!urgent && now_ms < b->probe_ms)
			return b->probe_ms - now_ms;
		graph_breaker_set(b, BREAKER_PROBING);
		return 0;
	case BREAKER_PROBING: return urgent ? 0 : BREAKER_PAUSE_MIN_MS;
	}
	return 0;
}

bool
graph_breaker_result(struct graph_breaker *b, bool failed, int64_t now_ms, uint32_t jitter)
{
	switch (b->state) {
	case BREAKER_CLOSED:
		if (!count(b, failed, now_ms) || !failed)
			return false;
		b->opened_ms = now_ms;
		b->pause_ms = BREAKER_PAUSE_MIN_MS;
		pause_from(b, now_ms, jitter);
		return true;
	case BREAKER_OPEN: return false; /* was under way when it opened; only a probe decides */
	case BREAKER_PROBING: break;
	}
	if (failed) {
		lengthen(b, now_ms);
		pause_from(b, now_ms, jitter);
		return false;
	}
	graph_breaker_init(b);
	b->closed_ms = now_ms;
	return true;
}

void
graph_breaker_drop(struct graph_breaker *b, int64_t now_ms)
{
	if (b->state != BREAKER_PROBING)
		return;
	b->probe_ms = now_ms;
	graph_breaker_set(b, BREAKER_OPEN);
}

unsigned
graph_breaker_share(const struct graph_breaker *b, unsigned full, int64_t now_ms)
{
	int64_t tenths;
	unsigned share;

	if (b->closed_ms < 0)
		return full;
	tenths = 1 + (now_ms - b->closed_ms) / BREAKER_RAMP_STEP_MS;
	if (tenths >= 10)
		return full;
	share = full * (unsigned)tenths / 10;
	return share > 0 ? share : 1;
}
