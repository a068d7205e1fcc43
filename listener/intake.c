/*
 * The loop and the writer share struct intake's fields below "shared", under one mutex; everything else belongs to one of them.
 * A batch is with the loop while it is staged, in the queue afterwards; the loop may take the last one of the queue back to
 * add to it as long as the writer has not begun it.
 */
#include "listener/intake.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "listener/metrics.h"

#define BATCH_FIRST 64
/* A batch kept for the next use holds no more memory than this; 0.6 MiB. */
#define BATCH_KEPT 1024
/* Sequence numbers trimmed in one step between two batches, and how many must have come together to trim before the next tick. */
#define TRIM_STEP     8192
#define TRIM_AT_ONCE  4096
#define TICK_BUSY_MS  1000
#define TICK_IDLE_MS  60000
#define REOPEN_MIN_MS 100
#define REOPEN_MAX_MS 5000

struct batch {
	struct batch *next;
	struct hint *hints;
	size_t count, cap;
	struct intake_ticket *tickets, **tickets_end;
	size_t requests, rich_bytes;
	int64_t created_boot_ms;
	enum err err;
	int64_t took_us;
};

struct batch_list {
	struct batch *first, *last;
};

struct intake {
	/* The loop's. */
	struct clock *clock;
	struct timer *tick;
	struct event *done_event;
	struct intake_watcher watcher;
	struct batch *staged, *spare;
	size_t request_start; /* in staged: where the present request's hints begin */
	size_t backlog, rich_bytes;
	int64_t turn_boot_ms;
	int64_t reopen_wait_ms;
	bool trim_asked, reopening;
	bool expecting; /* as in_company was last set */
	/* The writer's. */
	struct intake_store store;
	uint64_t trimmed;
	int64_t housekept_s;
	int64_t begun_us; /* the last commit */
	/* Shared. */
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct batch_list queue, done;
	int64_t writing_since_ms; /* created_boot_ms of the batch being written; 0 when none */
	uint64_t trim_to;
	uint8_t trim_epoch[PEER_EPOCH_LEN];
	bool ticked, stop, failing;
	bool sign_asked; /* of life; the writer withdraws it */
	bool in_company; /* more requests are on their way */
	bool gathering;  /* the writer wakes by itself: it need not be told of a batch */
	struct intake_status status;
	/* Set once. */
	pthread_t thread;
	bool has_thread, has_lock;
	int done_fd;
};

static void
list_push(struct batch_list *list, struct batch *b)
{
	b->next = NULL;
	*(list->last != NULL ? &list->last->next : &list->first) = b;
	list->last = b;
}

static struct batch *
list_pop(struct batch_list *list)
{
	struct batch *b = list->first;

	if (b == NULL)
		return NULL;
	list->first = b->next;
	if (list->first == NULL)
		list->last = NULL;
	return b;
}

/* The writer thread. */

static void
publish_status(struct intake *in)
{
	struct intake_status status;

	if (in->store.status(in->store.arg, &status) != ERR_OK)
		return;
	if (status.first > 0 && in->trimmed < status.first - 1)
		in->trimmed = status.first - 1;
	pthread_mutex_lock(&in->lock);
	in->status = status;
	pthread_mutex_unlock(&in->lock);
}

static void
set_failing(struct intake *in, enum err err)
{
	bool failing = err == ERR_IO, changed;

	pthread_mutex_lock(&in->lock);
	changed = in->failing != failing;
	in->failing = failing;
	pthread_mutex_unlock(&in->lock);
	if (changed && failing)
		log_put(
		    LOG_ERROR, "store_failed", LS("error", err_text(err)), LS("consequence", "503 until it can be opened again"));
	else if (changed)
		log_event(LOG_INFO, "store_works_again");
}

static bool
is_failing(struct intake *in)
{
	bool failing;

	pthread_mutex_lock(&in->lock);
	failing = in->failing;
	pthread_mutex_unlock(&in->lock);
	return failing;
}

static void
write_batch(struct intake *in, struct batch *b)
{
	int64_t start_us = metrics_now_us();

	in->begun_us = start_us;
	b->err = is_failing(in) ? ERR_IO : ERR_OK;
	for (size_t at = 0; at < b->count && b->err == ERR_OK; at += INTAKE_BATCH_MAX) {
		size_t n = b->count - at < INTAKE_BATCH_MAX ? b->count - at : INTAKE_BATCH_MAX;

		b->err = in->store.append(in->store.arg, b->hints + at, n);
	}
	b->took_us = metrics_now_us() - start_us;
	if (b->err == ERR_IO)
		set_failing(in, ERR_IO);
}

static void
try_reopen(struct intake *in)
{
	if (in->store.reopen(in->store.arg) != ERR_OK)
		return;
	in->trimmed = 0; /* it may have become another one */
	set_failing(in, ERR_OK);
}

/* The asking is withdrawn: it was for another epoch, or for more than there is. */
static void
trim_forget(struct intake *in, uint64_t to)
{
	pthread_mutex_lock(&in->lock);
	if (in->trim_to == to)
		in->trim_to = 0;
	pthread_mutex_unlock(&in->lock);
}

/* One step, so that a batch never waits for a long trim. */
static void
trim_step(struct intake *in, const uint8_t epoch[PEER_EPOCH_LEN], uint64_t to)
{
	struct intake_status status;
	uint64_t target = to;
	enum err err = in->store.status(in->store.arg, &status);

	if (err == ERR_OK && (status.first > status.last || to < status.first || to > status.last)) {
		trim_forget(in, to);
		return;
	}
	if (err == ERR_OK) {
		if (target - (status.first - 1) > TRIM_STEP)
			target = status.first - 1 + TRIM_STEP;
		err = in->store.trim(in->store.arg, epoch, target);
	}
	if (err == ERR_OK) {
		in->trimmed = target;
	} else {
		trim_forget(in, to);
		log_put(LOG_WARN, "trim_failed", LS("error", err_text(err)));
	}
	if (err == ERR_IO)
		set_failing(in, ERR_IO);
}

static void
on_tick(struct intake *in)
{
	int64_t now_s = metrics_now_us() / 1000000;

	if (is_failing(in))
		try_reopen(in);
	else if (now_s - in->housekept_s >= TICK_IDLE_MS / 1000 - 1) {
		in->housekept_s = now_s;
		in->store.housekeep(in->store.arg);
	}
}

static void
tell_loop(struct intake *in)
{
	uint64_t one = 1;
	ssize_t n = write(in->done_fd, &one, sizeof(one));

	(void)n; /* can only fail when the counter is full, and then the loop is woken already */
}

/* What the writer does next, taken under the lock. */
struct task {
	struct batch *batch;
	bool tick, trim, stop;
	uint64_t trim_to;
	uint8_t epoch[PEER_EPOCH_LEN];
};

static bool
trim_due(const struct intake *in)
{
	if (in->failing || in->trim_to <= in->trimmed)
		return false;
	return in->ticked || in->trim_to - in->trimmed >= TRIM_AT_ONCE;
}

/* Until INTAKE_GATHER_MS after the last commit began, unless there is something else to do. Under the lock. */
static void
gather(struct intake *in)
{
	int64_t until_us = in->begun_us + INTAKE_GATHER_MS * 1000;
	const struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };

	in->gathering = true;
	while (in->in_company && !in->stop && metrics_now_us() < until_us)
		(void)pthread_cond_timedwait(&in->work, &in->lock, &until);
	in->gathering = false;
}

static struct task
next_task(struct intake *in)
{
	struct task task = { NULL, false, false, false, 0, { 0 } };

	pthread_mutex_lock(&in->lock);
	in->sign_asked = false;
	while (in->queue.first == NULL && !in->ticked && !in->stop && !trim_due(in)) {
		pthread_cond_wait(&in->work, &in->lock);
		in->sign_asked = false;
	}
	if (in->queue.first != NULL)
		gather(in);
	task.trim = trim_due(in);
	task.trim_to = in->trim_to;
	memcpy(task.epoch, in->trim_epoch, sizeof(task.epoch));
	task.batch = list_pop(&in->queue);
	in->writing_since_ms = task.batch != NULL ? task.batch->created_boot_ms : 0;
	task.tick = in->ticked;
	in->ticked = false;
	task.stop = in->stop && task.batch == NULL;
	pthread_mutex_unlock(&in->lock);
	return task;
}

static void
hand_back(struct intake *in, struct batch *b)
{
	bool first;

	pthread_mutex_lock(&in->lock);
	first = in->done.first == NULL;
	list_push(&in->done, b);
	in->writing_since_ms = 0;
	pthread_mutex_unlock(&in->lock);
	if (first)
		tell_loop(in);
}

static void *
writer_main(void *arg)
{
	struct intake *in = arg;
	struct task task;
	bool worked = true;

	publish_status(in);
	while (!(task = next_task(in)).stop) {
		if (task.batch != NULL) {
			worked = task.batch->count > 0;
			write_batch(in, task.batch);
			worked = worked && task.batch->err == ERR_OK;
			hand_back(in, task.batch);
		}
		if (task.tick)
			on_tick(in);
		if (task.trim)
			trim_step(in, task.epoch, task.trim_to);
		/* Not after each good commit: its figures age by a tick at most. */
		if (task.tick || task.trim || !worked)
			publish_status(in);
	}
	return NULL;
}

/* The loop. */

static void
arm_tick(struct intake *in, int64_t after_ms)
{
	timer_arm_sooner(in->tick, after_ms);
}

static void
on_tick_timer(void *arg)
{
	struct intake *in = arg;
	bool failing, busy;

	pthread_mutex_lock(&in->lock);
	in->ticked = true;
	failing = in->failing;
	busy = in->trim_asked || !in->status.accepting;
	pthread_cond_signal(&in->work);
	pthread_mutex_unlock(&in->lock);
	in->trim_asked = false;
	in->reopening = failing;
	in->reopen_wait_ms = failing ? in->reopen_wait_ms * 2 : REOPEN_MIN_MS;
	if (in->reopen_wait_ms > REOPEN_MAX_MS)
		in->reopen_wait_ms = REOPEN_MAX_MS;
	arm_tick(in, failing ? in->reopen_wait_ms : busy ? TICK_BUSY_MS : TICK_IDLE_MS);
}

static struct batch *
batch_new(struct intake *in)
{
	struct batch *b = in->spare;

	if (b != NULL)
		in->spare = NULL;
	else if ((b = calloc(1, sizeof(*b))) == NULL)
		return NULL;
	b->tickets_end = &b->tickets;
	b->created_boot_ms = in->turn_boot_ms;
	return b;
}

/* Of the hints from one on. */
static void
batch_drop_rich(struct batch *b, size_t from)
{
	for (size_t i = from; b->rich_bytes > 0 && i < b->count; i++) {
		if (b->hints[i].rich != NULL)
			b->rich_bytes -= b->hints[i].rich->len;
		free(b->hints[i].rich);
		b->hints[i].rich = NULL;
	}
}

static void
batch_free(struct batch *b)
{
	if (b == NULL)
		return;
	batch_drop_rich(b, 0);
	free(b->hints);
	free(b);
}

/* Keeps one for the next turn, without the memory of a burst. */
static void
batch_recycle(struct intake *in, struct batch *b)
{
	batch_drop_rich(b, 0);
	if (in->spare != NULL || b->cap > BATCH_KEPT) {
		batch_free(b);
		return;
	}
	*b = (struct batch){ .hints = b->hints, .cap = b->cap };
	in->spare = b;
}

static bool
batch_room(struct batch *b)
{
	size_t cap = b->cap == 0 ? BATCH_FIRST : b->cap * 2;
	struct hint *hints;

	if (b->count < b->cap)
		return true;
	hints = realloc(b->hints, cap * sizeof(*hints));
	if (hints == NULL)
		return false;
	b->hints = hints;
	b->cap = cap;
	return true;
}

static void
answer_tickets(struct batch *b)
{
	struct intake_ticket *next;

	for (struct intake_ticket *t = b->tickets; t != NULL; t = next) {
		next = t->next;
		t->done(t, b->err);
	}
}

static void
on_done(evutil_socket_t fd, short what, void *arg)
{
	struct intake *in = arg;
	struct batch_list done;
	struct batch *b;
	uint64_t count;
	ssize_t n = read((int)fd, &count, sizeof(count));
	bool failing, failed = false;

	(void)n;
	(void)what;
	pthread_mutex_lock(&in->lock);
	done = in->done;
	in->done = (struct batch_list){ NULL, NULL };
	failing = in->failing;
	pthread_mutex_unlock(&in->lock);
	while ((b = list_pop(&done)) != NULL) {
		struct intake_commit commit = { b->err, b->count, b->requests, b->took_us };

		failed = failed || b->err != ERR_OK;
		in->backlog -= b->count;
		in->rich_bytes -= b->rich_bytes;
		answer_tickets(b);
		in->watcher.committed(in->watcher.arg, &commit);
		batch_recycle(in, b);
	}
	if (failing && !in->reopening) {
		in->reopening = true;
		arm_tick(in, REOPEN_MIN_MS);
	} else if (failed && !failing) {
		arm_tick(in, TICK_BUSY_MS);
	}
}

static enum err
start_thread(struct intake *in)
{
	sigset_t all, before;
	int failed;

	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return ERR_NOMEM;
	failed = pthread_create(&in->thread, NULL, writer_main, in);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	in->has_thread = failed == 0;
	return failed == 0 ? ERR_OK : ERR_NOMEM;
}

/* Its waits are by the monotonic clock: a step of the wall's must not hold a commit up. */
static bool
init_lock(struct intake *in)
{
	pthread_condattr_t attributes;

	if (pthread_mutex_init(&in->lock, NULL) != 0)
		return false;
	if (pthread_condattr_init(&attributes) == 0) {
		in->has_lock = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
		               pthread_cond_init(&in->work, &attributes) == 0;
		(void)pthread_condattr_destroy(&attributes);
	}
	if (!in->has_lock)
		(void)pthread_mutex_destroy(&in->lock);
	return in->has_lock;
}

static enum err
prepare(struct intake *in, struct event_base *base)
{
	if (!init_lock(in))
		return ERR_NOMEM;
	in->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (in->done_fd < 0)
		return ERR_NOMEM;
	in->done_event = event_new(base, in->done_fd, EV_READ | EV_PERSIST, on_done, in);
	in->tick = timer_new(in->clock, on_tick_timer, in);
	if (in->done_event == NULL || in->tick == NULL || event_add(in->done_event, NULL) != 0)
		return ERR_NOMEM;
	return start_thread(in);
}

enum err
intake_new(struct event_base *base, struct clock *clock, const struct intake_store *store, const struct intake_watcher *watcher,
    struct intake **ret)
{
	struct intake *in = calloc(1, sizeof(*in));
	enum err err;

	if (in == NULL)
		return ERR_NOMEM;
	in->clock = clock;
	in->store = *store;
	in->watcher = *watcher;
	in->done_fd = -1;
	in->reopen_wait_ms = REOPEN_MIN_MS;
	in->turn_boot_ms = clock_boot_ms(clock);
	in->status.accepting = true;
	if ((err = prepare(in, base)) != ERR_OK) {
		intake_free(in);
		return err;
	}
	arm_tick(in, TICK_IDLE_MS);
	*ret = in;
	return ERR_OK;
}

void
intake_free(struct intake *in)
{
	if (in == NULL)
		return;
	if (in->has_thread) {
		intake_turn(in);
		pthread_mutex_lock(&in->lock);
		in->stop = true;
		pthread_cond_signal(&in->work);
		pthread_mutex_unlock(&in->lock);
		(void)pthread_join(in->thread, NULL);
		on_done(in->done_fd, EV_READ, in);
	}
	if (in->done_event != NULL)
		event_free(in->done_event);
	timer_free(in->tick);
	if (in->done_fd >= 0)
		(void)close(in->done_fd);
	if (in->has_lock) {
		(void)pthread_cond_destroy(&in->work);
		(void)pthread_mutex_destroy(&in->lock);
	}
	batch_free(in->staged);
	batch_free(in->spare);
	free(in);
}

/* Takes back the last queued batch to add to it, if the writer has not begun it and it is not full. Under the lock. */
static struct batch *
reclaim(struct intake *in)
{
	struct batch *last = in->queue.last, *b;

	if (last == NULL || last->count >= INTAKE_BATCH_MAX)
		return NULL;
	if (in->queue.first == last)
		return list_pop(&in->queue);
	for (b = in->queue.first; b->next != last;)
		b = b->next;
	b->next = NULL;
	in->queue.last = b;
	return last;
}

/* When the oldest request that waits came; INT64_MAX when none does. Under the lock. */
static int64_t
oldest_waiting(const struct intake *in)
{
	if (in->writing_since_ms != 0)
		return in->writing_since_ms;
	return in->queue.first != NULL ? in->queue.first->created_boot_ms : INT64_MAX;
}

static enum err
stage_open(struct intake *in)
{
	bool late;

	in->turn_boot_ms = clock_boot_ms(in->clock);
	pthread_mutex_lock(&in->lock);
	late = in->turn_boot_ms - INTAKE_LATE_MS > oldest_waiting(in);
	if (!late)
		in->staged = reclaim(in);
	pthread_mutex_unlock(&in->lock);
	if (late)
		return ERR_BUSY;
	if (in->staged == NULL)
		in->staged = batch_new(in);
	return in->staged != NULL ? ERR_OK : ERR_BUSY;
}

enum err
intake_begin(struct intake *in)
{
	enum err err;

	if (in->backlog >= INTAKE_BACKLOG_MAX)
		return ERR_BUSY;
	/* A full batch is closed in the middle of a turn; its tickets wait no longer for that. */
	if (in->staged != NULL && in->staged->count >= INTAKE_BATCH_MAX)
		intake_turn(in);
	if (in->staged == NULL && (err = stage_open(in)) != ERR_OK)
		return err;
	in->request_start = in->staged->count;
	return ERR_OK;
}

struct hint *
intake_slot(struct intake *in)
{
	if (in->backlog >= INTAKE_BACKLOG_MAX || !batch_room(in->staged))
		return NULL;
	return &in->staged->hints[in->staged->count];
}

void
intake_keep(struct intake *in)
{
	in->staged->count++;
	in->backlog++;
}

size_t
intake_kept(const struct intake *in)
{
	return in->staged->count - in->request_start;
}

void
intake_rich(struct intake *in, size_t index, struct rich_packed *rich)
{
	struct hint *hint = &in->staged->hints[in->request_start + index];

	if (rich == NULL || hint->rich != NULL || in->rich_bytes + rich->len > INTAKE_RICH_MAX) {
		free(rich);
		return;
	}
	hint->rich = rich;
	in->staged->rich_bytes += rich->len;
	in->rich_bytes += rich->len;
}

void
intake_cancel(struct intake *in)
{
	size_t rich_bytes = in->staged->rich_bytes;

	batch_drop_rich(in->staged, in->request_start);
	in->rich_bytes -= rich_bytes - in->staged->rich_bytes;
	in->backlog -= in->staged->count - in->request_start;
	in->staged->count = in->request_start;
}

void
intake_commit(struct intake *in, struct intake_ticket *ticket)
{
	struct batch *b = in->staged;

	ticket->next = NULL;
	*b->tickets_end = ticket;
	b->tickets_end = &ticket->next;
	b->requests++;
}

void
intake_expect(struct intake *in, size_t coming)
{
	bool company = coming >= INTAKE_COMPANY;

	if (company == in->expecting)
		return;
	in->expecting = company;
	pthread_mutex_lock(&in->lock);
	in->in_company = company;
	pthread_mutex_unlock(&in->lock);
	if (!company)
		pthread_cond_signal(&in->work);
}

void
intake_turn(struct intake *in)
{
	struct batch *b = in->staged;
	bool gathering;

	if (b == NULL)
		return;
	in->staged = NULL;
	if (b->requests == 0) {
		batch_recycle(in, b);
		return;
	}
	pthread_mutex_lock(&in->lock);
	list_push(&in->queue, b);
	gathering = in->gathering;
	pthread_mutex_unlock(&in->lock);
	/* Outside the lock, or the writer would wake only to wait for it. */
	if (!gathering)
		pthread_cond_signal(&in->work);
}

void
intake_trim(struct intake *in, const uint8_t epoch[PEER_EPOCH_LEN], uint64_t consumed)
{
	pthread_mutex_lock(&in->lock);
	memcpy(in->trim_epoch, epoch, PEER_EPOCH_LEN);
	in->trim_to = consumed;
	pthread_cond_signal(&in->work);
	pthread_mutex_unlock(&in->lock);
	in->trim_asked = true;
	arm_tick(in, TICK_BUSY_MS);
}

bool
intake_alive(struct intake *in)
{
	bool alive;

	pthread_mutex_lock(&in->lock);
	alive = !in->sign_asked;
	in->sign_asked = true;
	pthread_cond_signal(&in->work);
	pthread_mutex_unlock(&in->lock);
	return alive;
}

bool
intake_healthy(const struct intake *in)
{
	struct intake *open = (struct intake *)in; /* the lock is not part of its value */
	bool healthy;

	pthread_mutex_lock(&open->lock);
	healthy = !in->failing && in->status.accepting;
	pthread_mutex_unlock(&open->lock);
	return healthy;
}

struct intake_status
intake_status(const struct intake *in)
{
	struct intake *open = (struct intake *)in;
	struct intake_status status;

	pthread_mutex_lock(&open->lock);
	status = in->status;
	pthread_mutex_unlock(&open->lock);
	return status;
}

size_t
intake_backlog(const struct intake *in)
{
	return in->backlog;
}
