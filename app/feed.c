/* feed.c - entries are stored as the text of their event, so that an answer is put together without parsing one. */
#include "app/feed.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "app/answers.h"
#include "app/api.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "model/change.h"
#include "net/http_server.h"

struct waiter {
	struct feed *feed;
	struct waiter *next, *prev;
	struct http_exchange *x;
	struct timer *timer;
	uint64_t after;
	unsigned limit;
};

struct feed {
	const struct app_ops *ops;
	void *ctx;
	struct clock *clock;
	struct answers *answers;
	struct waiter *first;
	unsigned count;
};

/* One answer in the making. */
struct page {
	struct text text;
	uint64_t last;
	unsigned count, limit;
};

struct feed *
feed_new(const struct app_ops *ops, void *ctx, struct clock *clock, struct answers *answers)
{
	struct feed *f = calloc(1, sizeof(*f));

	if (f != NULL)
		*f = (struct feed){ .ops = ops, .ctx = ctx, .clock = clock, .answers = answers };
	return f;
}

static bool
on_entry(void *arg, uint64_t seq, const char *body)
{
	struct page *page = arg;

	page->last = seq;
	/* "{" and at least one member: whatever else stood there could not be joined with seq. */
	if (body[0] == '{' && body[1] == '"') {
		text_addf(&page->text, "%s{\"seq\":%" PRIu64 ",%s", page->count > 0 ? "," : "", seq, body + 1);
		page->count++;
	}
	return page->count < page->limit && page->text.len < FEED_ANSWER_MAX_BYTES && text_err(&page->text) == ERR_OK;
}

/* ERR_OK with page->count entries. The caller frees page->text. */
static enum err
page_read(struct feed *f, uint64_t after, unsigned limit, struct page *page, struct problem *p)
{
	enum err e;

	*page = (struct page){ .last = after, .limit = limit };
	text_init(&page->text, FEED_ANSWER_MAX_BYTES + CHANGE_BODY_MAX + 256);
	text_adds(&page->text, "{\"changes\":[");
	e = f->ops->changes_read(f->ctx, after, limit, on_entry, page, p);
	return e != ERR_OK ? e : text_err(&page->text);
}

static void
page_answer(struct feed *f, struct http_exchange *x, struct page *page)
{
	text_addf(&page->text, "],\"next\":%" PRIu64 "}", page->last);
	answers_text(f->answers, x, 200, text_take(&page->text));
}

static void
page_problem(struct feed *f, struct http_exchange *x, enum err e, struct problem *p)
{
	if (p->kind == PROBLEM_NONE)
		problem_set(p, problem_of_err(e), "Reading the changes failed: %s.", err_text(e));
	if (problem_status(p->kind) >= 500)
		log_put(LOG_ERROR, "changes_unreadable", LS("err", err_name(e)));
	answers_problem(f->answers, x, p, NULL, NULL);
}

/* Reads, and answers if there is something to tell or an empty page will do. False: nothing yet, not answered. */
static bool
try_answer(struct feed *f, struct http_exchange *x, uint64_t after, unsigned limit, bool empty_will_do)
{
	struct problem p = { .kind = PROBLEM_NONE };
	struct page page;
	enum err e = page_read(f, after, limit, &page, &p);
	bool answered = true;

	if (e != ERR_OK)
		page_problem(f, x, e, &p);
	else if (page.count > 0 || empty_will_do)
		page_answer(f, x, &page);
	else
		answered = false;
	text_done(&page.text);
	return answered;
}

/* The exchange has been answered or handed on. */
static void
waiter_free(struct waiter *w)
{
	struct feed *f = w->feed;

	if (w->prev != NULL)
		w->prev->next = w->next;
	else
		f->first = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
	f->count--;
	timer_free(w->timer);
	free(w);
}

/* Nothing came in time, the caller has gone, or we stop. */
static void
waiter_end(void *arg)
{
	struct waiter *w = arg;
	struct page page = { .last = w->after };

	http_exchange_on_gone(w->x, NULL, NULL);
	text_init(&page.text, 64);
	text_adds(&page.text, "{\"changes\":[");
	page_answer(w->feed, w->x, &page);
	text_done(&page.text);
	waiter_free(w);
}

/* Within the server's own work: the exchange is ended in the next turn. */
static void
on_gone(void *arg)
{
	struct waiter *w = arg;

	timer_arm(w->timer, 0);
}

static struct waiter *
waiter_new(struct feed *f, struct http_exchange *x, uint64_t after, unsigned limit)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	*w = (struct waiter){ .feed = f, .x = x, .after = after, .limit = limit };
	if ((w->timer = timer_new(f->clock, waiter_end, w)) == NULL) {
		free(w);
		return NULL;
	}
	w->next = f->first;
	if (w->next != NULL)
		w->next->prev = w;
	f->first = w;
	f->count++;
	return w;
}

void
feed_serve(struct feed *f, struct http_exchange *x, uint64_t after, unsigned limit, int64_t wait_ms)
{
	struct problem p = { .kind = PROBLEM_NONE };
	struct waiter *w;

	if (try_answer(f, x, after, limit, wait_ms <= 0))
		return;
	if (f->count >= APP_WAITERS_MAX) {
		problem_set(&p, PROBLEM_TOO_MANY_WAITERS, "%u callers wait already; ask again without wait, or later.", f->count);
		answers_problem(f->answers, x, &p, NULL, "Retry-After: 5");
		return;
	}
	if ((w = waiter_new(f, x, after, limit)) == NULL) {
		page_problem(f, x, ERR_NOMEM, &p);
		return;
	}
	timer_arm(w->timer, wait_ms);
	http_exchange_on_gone(x, on_gone, w);
}

void
feed_arrived(struct feed *f)
{
	struct waiter *w = f->first;

	while (w != NULL) {
		struct waiter *next = w->next;

		/* Once answered, the exchange is no longer ours to touch. */
		http_exchange_on_gone(w->x, NULL, NULL);
		if (try_answer(f, w->x, w->after, w->limit, false))
			waiter_free(w);
		else
			http_exchange_on_gone(w->x, on_gone, w);
		w = next;
	}
}

unsigned
feed_waiting(const struct feed *f)
{
	return f->count;
}

void
feed_free(struct feed *f)
{
	struct waiter *w = f != NULL ? f->first : NULL, *next;

	for (; w != NULL; w = next) {
		next = w->next;
		waiter_end(w);
	}
	free(f);
}
