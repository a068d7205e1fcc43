/*
 * The simulated directory. A roster is an array in order of joining: pages and delta rounds resume by number, and a
 * million memberships stay below 150 MB because a membership id is computed from its number, not stored.
 */
#include "sim/world.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/text.h"
#include "sim/memory.h"

/* Those who left are kept this long for reads that lag; a lag setting beyond it sees them gone. */
#define LEFT_KEPT_MS (30 * 60 * 1000)

/* An odd multiplier spreads the numbers over 64 bits and has an inverse; ids then do not look like a count. */
#define SEQ_SPREAD 0x9e3779b97f4a7c15u
#define SEQ_GATHER 0xf1de83e19937733du

static_assert((uint64_t)(SEQ_SPREAD * SEQ_GATHER) == 1, "the multipliers are not inverse");

static const char *const permission_names[] = {
#define X(name, text) text,
	PERMISSION_TABLE(X)
#undef X
};

static const char *const first_names[] = { "Ada", "Bela", "Chidi", "Dana", "Emre", "Fatima", "Goran", "Hana", "Ines", "Jun",
	"Kofi", "Lena", "Mira", "Noor", "Olga", "Paulo", "Quinn", "Rosa", "Sanna", "Tariq" };
static const char *const last_names[] = { "Abara", "Berg", "Costa", "Dima", "Eze", "Fischer", "Gruber", "Haddad", "Ito", "Jansen",
	"Kaya", "Lopez", "Marek", "Nowak", "Okoye", "Petrov", "Rossi", "Silva", "Tanaka", "Weiss", "Yilmaz" };

static bool
dash_at(int place)
{
	return place == 8 || place == 13 || place == 18 || place == 23;
}

void
sim_guid_make(struct rng *rng, char ret[GUID_SIZE])
{
	uint8_t b[16];
	char hex[33], *from = hex;

	rng_bytes(rng, b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	hex_encode(b, sizeof(b), hex);
	for (int i = 0; i < GUID_LEN; i++)
		ret[i] = dash_at(i) ? '-' : *from++;
	ret[GUID_LEN] = '\0';
}

bool
sim_guid_copy(char ret[GUID_SIZE], const char *s)
{
	for (int i = 0; i < GUID_LEN; i++) {
		char c = s[i] >= 'A' && s[i] <= 'F' ? (char)(s[i] - 'A' + 'a') : s[i];

		if (dash_at(i) ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		ret[i] = c;
	}
	ret[GUID_LEN] = '\0';
	return s[GUID_LEN] == '\0';
}

bool
sim_guid_valid(const char *s)
{
	char copy[GUID_SIZE];

	return sim_guid_copy(copy, s);
}

int
sim_permission_find(const char *name)
{
	for (int i = 0; i < PERMISSION_COUNT; i++)
		if (str_equal_nocase(permission_names[i], name))
			return i;
	return -1;
}

const char *
sim_permission_name(enum permission_bit bit)
{
	return permission_names[bit];
}

const char *
sim_role_name(enum role role)
{
	static const char *const names[] = { "member", "owner", "guest" };

	return names[role];
}

const char *
sim_channel_type_name(enum channel_type type)
{
	static const char *const names[] = { "standard", "private", "shared" };

	return names[type];
}

void
world_init(struct world *w, struct rng *rng)
{
	*w = (struct world){ .rng = rng };
}

static void
roster_done(struct roster *r)
{
	free(r->list);
	sim_map_done(&r->by_user);
}

static void
team_free(struct team *t)
{
	for (size_t i = 0; i < t->channel_count; i++) {
		roster_done(&t->channels[i]->roster);
		free(t->channels[i]->shared_with);
		free(t->channels[i]->name);
		free(t->channels[i]);
	}
	roster_done(&t->roster);
	free(t->channels);
	free(t->shared_in);
	free(t->log);
	free(t->name);
	free(t);
}

static void
user_free(struct user *u)
{
	free(u->upn);
	free(u->mail);
	free(u->name);
	free(u->upn_key);
	free(u->mail_key);
	free(u);
}

void
world_done(struct world *w)
{
	sim_map_done(&w->tenants_by_name);
	sim_map_done(&w->users_by_id);
	sim_map_done(&w->users_by_login);
	sim_map_done(&w->teams_by_id);
	sim_map_done(&w->channels_by_id);
	for (size_t i = 0; i < w->tenant_count; i++) {
		struct tenant *t = w->tenants[i];

		for (size_t j = 0; j < t->team_count; j++)
			team_free(t->teams[j]);
		for (size_t j = 0; j < t->user_count; j++)
			user_free(t->users[j]);
		free(t->teams);
		free(t->users);
		free(t->domain);
		free(t);
	}
	free(w->tenants);
	*w = (struct world){ .rng = w->rng };
}

static void
lower_copy(char *ret, size_t size, const char *s)
{
	size_t i = 0;

	for (; s[i] != '\0' && i + 1 < size; i++)
		ret[i] = (char)tolower((unsigned char)s[i]);
	ret[i] = '\0';
}

struct tenant *
world_tenant(const struct world *w, const char *id_or_domain)
{
	char key[256];

	lower_copy(key, sizeof(key), id_or_domain);
	return sim_map_get(&w->tenants_by_name, key);
}

static void *
get_by_guid(const struct map *m, const char *id)
{
	char key[GUID_SIZE];

	return sim_guid_copy(key, id) ? sim_map_get(m, key) : NULL;
}

struct user *
world_user_by_id(const struct world *w, const char *id)
{
	return get_by_guid(&w->users_by_id, id);
}

static void
login_key(char ret[512], const struct tenant *tenant, const char *name)
{
	snprintf(ret, GUID_SIZE + 1, "%s|", tenant->id);
	lower_copy(ret + GUID_LEN + 1, 512 - GUID_LEN - 1, name);
}

struct user *
world_user(const struct world *w, const struct tenant *tenant, const char *name)
{
	struct user *u = get_by_guid(&w->users_by_id, name);
	char key[512];

	if (u == NULL) {
		login_key(key, tenant, name);
		u = sim_map_get(&w->users_by_login, key);
	}
	return u != NULL && u->tenant == tenant && !u->deleted ? u : NULL;
}

struct team *
world_team(const struct world *w, const char *id)
{
	return get_by_guid(&w->teams_by_id, id);
}

struct channel *
world_channel(const struct world *w, const char *id)
{
	return sim_map_get(&w->channels_by_id, id);
}

static void
id_set(struct world *w, char ret[GUID_SIZE], const char *id)
{
	if (id == NULL || !sim_guid_copy(ret, id))
		sim_guid_make(w->rng, ret);
}

void
sim_tenant_set_domain(struct world *w, struct tenant *t, const char *domain)
{
	if (t->domain != NULL)
		sim_map_del(&w->tenants_by_name, t->domain);
	free(t->domain);
	t->domain = must_copy(domain);
	for (char *c = t->domain; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	sim_map_put(&w->tenants_by_name, t->domain, t);
}

struct tenant *
world_add_tenant(struct world *w, const char *id, const char *domain)
{
	struct tenant *t = must_alloc(sizeof(*t));
	char made[64];

	id_set(w, t->id, id);
	t->permissions = PERMISSION_ALL;
	sim_map_put(&w->tenants_by_name, t->id, t);
	snprintf(made, sizeof(made), "org%zu.example", w->tenant_count + 1);
	sim_tenant_set_domain(w, t, domain == NULL ? made : domain);
	w->tenants = must_grow(w->tenants, w->tenant_count, &w->tenant_cap, sizeof(struct tenant *));
	w->tenants[w->tenant_count++] = t;
	return t;
}

static void
login_set(struct world *w, struct user *u, char **key, char **value, const char *to)
{
	char made[512];

	if (*key != NULL && sim_map_get(&w->users_by_login, *key) == u)
		sim_map_del(&w->users_by_login, *key);
	free(*key);
	free(*value);
	login_key(made, u->tenant, to);
	*value = must_copy(to);
	*key = must_copy(made);
	sim_map_put(&w->users_by_login, *key, u);
}

void
sim_user_set_names(struct world *w, struct user *u, const char *upn, const char *mail, const char *name)
{
	if (mail != NULL)
		login_set(w, u, &u->mail_key, &u->mail, mail);
	if (upn != NULL)
		login_set(w, u, &u->upn_key, &u->upn, upn);
	/* Where both were one text, the index held it once and has just lost it. */
	if (u->upn_key != NULL && sim_map_get(&w->users_by_login, u->upn_key) == NULL)
		sim_map_put(&w->users_by_login, u->upn_key, u);
	if (u->mail_key != NULL && sim_map_get(&w->users_by_login, u->mail_key) == NULL)
		sim_map_put(&w->users_by_login, u->mail_key, u);
	if (name != NULL) {
		free(u->name);
		u->name = must_copy(name);
	}
}

struct user *
world_add_user(struct world *w, struct tenant *tenant, const char *id)
{
	struct user *u = must_alloc(sizeof(*u));
	size_t n = tenant->user_count;
	const char *first = first_names[n % (sizeof(first_names) / sizeof(*first_names))];
	const char *last = last_names[n / 3 % (sizeof(last_names) / sizeof(*last_names))];
	char upn[320], mail[320], name[96];

	u->tenant = tenant;
	id_set(w, u->id, id);
	sim_map_put(&w->users_by_id, u->id, u);
	snprintf(name, sizeof(name), "%s %s", first, last);
	snprintf(upn, sizeof(upn), "user%zu@%s", n + 1, tenant->domain);
	snprintf(mail, sizeof(mail), "%s.%s.%zu@%s", first, last, n + 1, tenant->domain);
	sim_user_set_names(w, u, upn, mail, name);
	tenant->users = must_grow(tenant->users, n, &tenant->user_cap, sizeof(struct user *));
	tenant->users[tenant->user_count++] = u;
	return u;
}

struct channel *
world_add_channel(struct world *w, struct team *team, const char *id, const char *name, enum channel_type type)
{
	struct channel *c = must_alloc(sizeof(*c));
	uint8_t random[24];
	char text[BASE64URL_LEN(sizeof(random)) + 1];

	c->team = team;
	c->type = type;
	c->general = team->channel_count == 0;
	c->name = must_copy(name);
	if (id == NULL || !str_copy(c->id, sizeof(c->id), id)) {
		rng_bytes(w->rng, random, sizeof(random));
		base64url_encode(random, sizeof(random), text);
		snprintf(c->id, sizeof(c->id), "19:%s@thread.tacv2", text);
	}
	sim_map_put(&w->channels_by_id, c->id, c);
	team->channels = must_grow(team->channels, team->channel_count, &team->channel_cap, sizeof(struct channel *));
	team->channels[team->channel_count++] = c;
	return c;
}

struct team *
world_add_team(struct world *w, struct tenant *tenant, const char *id, const char *name)
{
	struct team *t = must_alloc(sizeof(*t));

	t->tenant = tenant;
	id_set(w, t->id, id);
	t->name = must_copy(name);
	t->created_seq = ++w->seq;
	sim_map_put(&w->teams_by_id, t->id, t);
	world_add_channel(w, t, NULL, "General", CHANNEL_STANDARD);
	tenant->teams = must_grow(tenant->teams, tenant->team_count, &tenant->team_cap, sizeof(struct team *));
	tenant->teams[tenant->team_count++] = t;
	return t;
}

static void
unshare(struct channel *c, struct team *t)
{
	for (size_t i = 0; i < t->shared_in_count; i++) {
		if (t->shared_in[i] != c)
			continue;
		t->shared_in[i] = t->shared_in[--t->shared_in_count];
		return;
	}
}

void
sim_channel_share(struct channel *c, struct team *const *teams, size_t count)
{
	for (size_t i = 0; i < c->shared_count; i++)
		unshare(c, c->shared_with[i]);
	c->shared_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct team *t = teams[i];

		c->shared_with = must_grow(c->shared_with, c->shared_count, &c->shared_cap, sizeof(struct team *));
		c->shared_with[c->shared_count++] = t;
		t->shared_in = must_grow(t->shared_in, t->shared_in_count, &t->shared_in_cap, sizeof(struct channel *));
		t->shared_in[t->shared_in_count++] = c;
	}
}

struct roster *
sim_channel_roster(struct channel *c)
{
	return c->type == CHANNEL_STANDARD ? &c->team->roster : &c->roster;
}

size_t
roster_after(const struct roster *r, uint64_t seq)
{
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->list[mid].seq <= seq)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct member *
roster_by_seq(const struct roster *r, uint64_t seq)
{
	size_t i = seq == 0 ? r->count : roster_after(r, seq - 1);

	if (i == r->count || r->list[i].seq != seq || r->list[i].hidden_ms != MEMBER_HERE)
		return NULL;
	return &r->list[i];
}

struct member *
roster_by_user(const struct roster *r, const struct user *user)
{
	return roster_by_seq(r, (uint64_t)(uintptr_t)sim_map_get(&r->by_user, user->id));
}

bool
sim_member_seen(const struct member *m, int64_t now_ms)
{
	return m->shown_ms <= now_ms && now_ms < m->hidden_ms;
}

enum role
sim_member_role_seen(const struct member *m, int64_t now_ms)
{
	return now_ms < m->role_ms ? m->old_role : m->role;
}

static void
log_change(struct world *w, struct team *t, struct user *user, bool removed, int64_t shown_ms)
{
	if (t == NULL)
		return;
	/* A shorter lag must not let a change overtake an older one: rounds resume by number. */
	if (t->log_count > 0 && t->log[t->log_count - 1].shown_ms > shown_ms)
		shown_ms = t->log[t->log_count - 1].shown_ms;
	t->log = must_grow(t->log, t->log_count, &t->log_cap, sizeof(*t->log));
	t->log[t->log_count++] = (struct team_change){ ++w->seq, shown_ms, user, removed };
}

struct member *
roster_add(struct world *w, struct roster *r, struct team *log, struct user *user, enum role role, int64_t shown_ms)
{
	struct member *m;

	assert(roster_by_user(r, user) == NULL);
	r->list = must_grow(r->list, r->count, &r->cap, sizeof(*r->list));
	m = &r->list[r->count++];
	*m = (struct member){ ++w->seq, user, shown_ms, MEMBER_HERE, INT64_MIN, (uint8_t)role, (uint8_t)role };
	sim_map_put(&r->by_user, user->id, (void *)(uintptr_t)m->seq);
	r->live++;
	r->owners += role == ROLE_OWNER;
	log_change(w, log, user, false, shown_ms);
	return m;
}

static void
forget_left(struct roster *r, int64_t now_ms)
{
	size_t kept = 0;

	if (r->count - r->live < 64 || r->count < 2 * r->live)
		return;
	for (size_t i = 0; i < r->count; i++)
		if (r->list[i].hidden_ms > now_ms - LEFT_KEPT_MS)
			r->list[kept++] = r->list[i];
	r->count = kept;
}

void
roster_remove(struct world *w, struct roster *r, struct team *log, struct member *m, int64_t now_ms, int64_t hidden_ms)
{
	struct user *user = m->user;

	sim_map_del(&r->by_user, user->id);
	r->live--;
	r->owners -= m->role == ROLE_OWNER;
	m->hidden_ms = hidden_ms;
	log_change(w, log, user, true, hidden_ms);
	forget_left(r, now_ms);
}

void
roster_set_role(struct roster *r, struct member *m, enum role role, int64_t shown_ms)
{
	r->owners -= m->role == ROLE_OWNER;
	r->owners += role == ROLE_OWNER;
	m->old_role = m->role;
	m->role = (uint8_t)role;
	m->role_ms = shown_ms;
}

void
sim_member_id(const struct team *team, const struct member *m, char ret[MEMBER_ID_SIZE])
{
	char plain[64];
	int len = snprintf(plain, sizeof(plain), "%s##u%016" PRIx64, team->id, m->seq * SEQ_SPREAD);

	base64_encode(plain, (size_t)len, ret);
}

bool
sim_member_id_parse(const struct team *team, const char *id, uint64_t *ret_seq)
{
	uint8_t plain[MEMBER_ID_SIZE], b[8];
	size_t len = strlen(id), plain_len;
	uint64_t spread = 0;

	if (len >= MEMBER_ID_SIZE || base64_decode(id, len, plain, &plain_len) != ERR_OK || plain_len != GUID_LEN + 3 + 16)
		return false;
	if (memcmp(plain, team->id, GUID_LEN) != 0 || memcmp(plain + GUID_LEN, "##u", 3) != 0)
		return false;
	if (hex_decode((const char *)plain + GUID_LEN + 3, 16, b) != ERR_OK)
		return false;
	for (int i = 0; i < 8; i++)
		spread = spread << 8 | b[i];
	*ret_seq = spread * SEQ_GATHER;
	return true;
}
