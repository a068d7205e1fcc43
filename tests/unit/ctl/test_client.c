/* Commands against a daemon that is a child process with scripted answers: what is asked, and how the program exits. */
#include "ctl/client.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/text.h"
#include "ctl/ctl.h"
#include "net/http_server.h"
#include "unit/base/check.h"

#define WORDS_MAX 12

/* ---------- the daemon ---------- */

static const struct {
	const char *method, *path;
	int status;
	const char *body;
} script[] = {
	{ "GET", "/v1/status", 200, "{\"version\":\"1\"}" },
	{ "GET", "/v1/tenants", 200, "{\"tenants\":[{\"tenant\":\"t1\"}],\"next\":null}" },
	{ "GET", "/v1/tenants/t1", 200, "{\"tenant\":\"t1\"}" },
	{ "GET", "/v1/tenants/a%2520b", 400, "{\"title\":\"An id in the path is malformed\"}" },
	{ "PUT", "/v1/tenants/t1", 201, "{\"tenant\":\"t1\"}" },
	{ "DELETE", "/v1/tenants/t1", 202, "{}" },
	{ "GET", "/v1/ergs/e1/plan", 200, "{\"hash\":\"abc\",\"held\":true,\"items\":[]}" },
	{ "GET", "/v1/ergs/e2/plan", 200, "{\"hash\":null,\"held\":false,\"items\":[]}" },
	{ "POST", "/v1/ergs/e1/plan", 202, "{}" },
	{ "GET", "/v1/resyncs/r1", 200, "{\"id\":\"r1\",\"state\":\"done\",\"dry_run\":false}" },
	{ "GET", "/v1/changes", 200, "{\"changes\":[],\"next\":0}" },
	{ "GET", "/v1/ergs/html", 500, "<html>" },
};

/* One of tenant t1 is running; one of t2 has ended meanwhile and is forgotten; t3's is not named; there is no t4. */
static void
resync(struct http_exchange *x)
{
	static const struct {
		const char *scope, *body;
		int status;
	} answers[] = {
		{ "\"tenant:t1\"", "{\"title\":\"Running\",\"resync\":\"r1\"}", 409 },
		{ "\"tenant:t2\"", "{\"title\":\"Running\",\"resync\":\"gone\"}", 409 },
		{ "\"tenant:t3\"", "{\"title\":\"Running\"}", 409 },
		{ "\"tenant:t4\"", "{\"title\":\"No such tenant\"}", 422 },
		{ "", "{\"id\":\"r1\",\"state\":\"running\"}", 202 },
	};
	size_t len, i = 0;
	const char *body = http_exchange_body(x, &len);

	while (strstr(body, answers[i].scope) == NULL)
		i++;
	http_reply(x, answers[i].status, "application/json", answers[i].body, strlen(answers[i].body), NULL);
}

static void
serve(void *arg, struct http_exchange *x)
{
	const char *after = http_exchange_query(x);

	(void)arg;
	/* The second page of a list. */
	if (strcmp(http_exchange_path(x), "/v1/ergs") == 0) {
		const char *body = strstr(after, "after=i1") != NULL ? "{\"ergs\":[{\"erg\":\"i2\"}],\"next\":null}"
		                                                     : "{\"ergs\":[{\"erg\":\"i1\"}],\"next\":\"i1\"}";

		http_reply(x, 200, "application/json", body, strlen(body), NULL);
		return;
	}
	if (strcmp(http_exchange_path(x), "/v1/resyncs") == 0) {
		resync(x);
		return;
	}
	for (size_t i = 0; i < COUNT(script); i++) {
		if (strcmp(http_exchange_method(x), script[i].method) == 0 &&
		    strcmp(http_exchange_path(x), script[i].path) == 0) {
			http_reply(x, script[i].status, "application/json", script[i].body, strlen(script[i].body), NULL);
			return;
		}
	}
	http_reply(x, 404, "application/problem+json", "{\"title\":\"Nothing here\"}", 24, NULL);
}

/* Runs until it is killed; writes one byte to ready when it listens. */
static void
daemon_run(const char *listen, int ready)
{
	struct event_base *base = event_base_new();
	struct clock *clock = clock_new_real(base);
	const struct http_server_options options = { .listen = listen,
		.unix_mode = 0600,
		.body_max_bytes = 65536,
		.connections_max = 10,
		.request_deadline_ms = 10000,
		.handle = serve };
	struct http_server *server;
	char why[256];

	if (http_server_new(base, clock, &options, &server, why, sizeof(why)) != ERR_OK) {
		(void)fprintf(stderr, "%s\n", why);
		_exit(1);
	}
	if (write(ready, "r", 1) != 1)
		_exit(1);
	event_base_dispatch(base);
	_exit(0);
}

struct place {
	char folder[64], config[128], socket[128];
	pid_t daemon;
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	char listen[160], byte;
	int ready[2];
	FILE *f;

	snprintf(p->folder, sizeof(p->folder), "/tmp/ergsync-client-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->config, sizeof(p->config), "%s/ergsync.conf", p->folder);
	snprintf(p->socket, sizeof(p->socket), "%s/app.sock", p->folder);
	snprintf(listen, sizeof(listen), "unix:%s", p->socket);
	assert_non_null(f = fopen(p->config, "w"));
	assert_true(fprintf(f, "[app]\nlisten = %s\n", listen) > 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(pipe(ready), 0);
	p->daemon = fork();
	assert_true(p->daemon >= 0);
	if (p->daemon == 0)
		daemon_run(listen, ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	*state = p;
	return 0;
}

static void
daemon_stop(struct place *p)
{
	if (p->daemon > 0) {
		kill(p->daemon, SIGKILL);
		waitpid(p->daemon, NULL, 0);
	}
	p->daemon = 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	daemon_stop(p);
	(void)unlink(p->socket);
	(void)unlink(p->config);
	assert_int_equal(rmdir(p->folder), 0);
	free(p);
	return 0;
}

/* ---------- the program ---------- */

static int
run_line(const struct place *p, const char *line)
{
	char text[256], *rest = text, *word, *argv[WORDS_MAX], why[512];
	struct ctl c = { .config_file = p->config };
	int argc = 0, status;

	snprintf(text, sizeof(text), "%s", line);
	while (argc < WORDS_MAX && (word = strsep(&rest, " ")) != NULL)
		argv[argc++] = word;
	if (command_parse(commands, command_count, argc, argv, &c.call, why, sizeof(why)) != ERR_OK)
		return EXIT_USAGE;
	status = c.call.command->run(&c);
	client_free(c.client);
	config_free(c.config);
	return status;
}

static const struct {
	const char *line;
	int status;
} runs[] = {
	{ "status", EXIT_DONE },
	{ "status --json", EXIT_DONE },
	{ "tenant list", EXIT_DONE },
	{ "tenant show t1", EXIT_DONE },
	{ "tenant show t2", EXIT_FAILED },
	{ "tenant show a%20b", EXIT_FAILED },
	{ "tenant add t1", EXIT_USAGE },
	{ "tenant add t1 --directory-id x --organizer y", EXIT_DONE },
	{ "tenant remove t1 --yes", EXIT_DONE },
	{ "tenant remove t2", EXIT_FAILED },
	{ "erg list", EXIT_DONE },
	{ "erg list --json", EXIT_DONE },
	{ "erg show html", EXIT_UNREACHABLE },
	{ "erg add e1 --tenant t --name n --channel-url u --removal-limit many", EXIT_USAGE },
	{ "subscriptions", EXIT_DONE },
	{ "member list e9", EXIT_FAILED },
	{ "plan show e1", EXIT_DONE },
	{ "plan approve e1", EXIT_DONE },
	{ "plan reject e1 --hash abc", EXIT_DONE },
	{ "plan approve e2", EXIT_FAILED },
	{ "resync", EXIT_DONE },
	{ "resync --erg e1 --no-wait", EXIT_DONE },
	{ "resync --erg e1 --tenant t1", EXIT_USAGE },
	{ "resync --tenant t1", EXIT_DONE },
	{ "resync --tenant t1 --no-wait", EXIT_DONE },
	{ "resync --tenant t1 --dry-run", EXIT_FAILED },
	{ "resync --tenant t2", EXIT_FAILED },
	{ "resync --tenant t3", EXIT_FAILED },
	{ "resync --tenant t4", EXIT_FAILED },
	{ "changes", EXIT_DONE },
	{ "changes --after x", EXIT_USAGE },
	{ "completion", EXIT_DONE },
};

static void
exit_statuses_tell_what_happened(void **state)
{
	for (size_t i = 0; i < COUNT(runs); i++) {
		print_message("%s\n", runs[i].line);
		assert_int_equal(run_line(*state, runs[i].line), runs[i].status);
	}
}

static void
without_a_daemon_it_is_3(void **state)
{
	struct place *p = *state;

	daemon_stop(p);
	assert_int_equal(run_line(p, "status"), EXIT_UNREACHABLE);
	(void)unlink(p->socket);
	assert_int_equal(run_line(p, "erg list"), EXIT_UNREACHABLE);
	assert_int_equal(run_line(p, "resync"), EXIT_UNREACHABLE);
	assert_int_equal(run_line(p, "tenant add t1"), EXIT_USAGE);
}

static void
a_call_gives_status_and_body(void **state)
{
	struct place *p = *state;
	struct config *config;
	struct client *client;
	char why[256];
	json_t *json;
	int status;

	assert_int_equal(config_load(p->config, FOR_CTL, ctl_report, NULL, &config), ERR_OK);
	assert_int_equal(client_new(config, &client, why, sizeof(why)), ERR_OK);
	assert_int_equal(client_call(client, "GET", "/v1/ergs?after=i1", NULL, &status, &json, why, sizeof(why)), ERR_OK);
	assert_int_equal(status, 200);
	json_decref(json);
	client_free(client);
	config_free(config);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(exit_statuses_tell_what_happened),
		CASE(without_a_daemon_it_is_3),
		CASE(a_call_gives_status_and_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
