/* What is told at the end. */
#include "property/year.h"

#include <inttypes.h>

void
totals_add(struct totals *sum, const struct totals *n)
{
	sum->patches += n->patches;
	sum->creations += n->creations;
	sum->deletions += n->deletions;
	sum->lists += n->lists;
	sum->sign_ins += n->sign_ins;
	sum->signed_in += n->signed_in;
	sum->reads += n->reads;
	sum->gaps += n->gaps;
	sum->wide_creations += n->wide_creations;
	sum->wide_refusals += n->wide_refusals;
	sum->asked_again += n->asked_again;
	sum->subscription_days += n->subscription_days;
	sum->team_days += n->team_days;
	sum->wide_team_days += n->wide_team_days;
	for (size_t i = 0; i < HAPPENINGS; i++)
		sum->happenings[i] += n->happenings[i];
	sum->most_lists = n->most_lists > sum->most_lists ? n->most_lists : sum->most_lists;
	for (size_t i = 0; i < 2; i++)
		sum->longest_ms[i] = later(sum->longest_ms[i], n->longest_ms[i]);
	sum->longest_read_ms = later(sum->longest_read_ms, n->longest_read_ms);
	sum->days = n->days > sum->days ? n->days : sum->days;
	sum->processor_s += n->processor_s;
}

void
totals_look(struct year *y)
{
	int64_t now_ms = year_now(y);

	for (unsigned n = 1; n <= y->o.tenants; n++)
		y->n.subscription_days += y->tenants[n].wide.ends_ms > now_ms;
	for (uint64_t i = 0; i < y->o.ergs; i++) {
		const struct team *t = &y->teams[i];
		bool own = t->own.ends_ms > now_ms;

		y->n.subscription_days += own;
		y->n.team_days += t->own.customer->large;
		y->n.wide_team_days += !own && t->own.customer->wide.ends_ms > now_ms;
	}
}

void
totals_print(const struct options *o, const struct totals *n)
{
	double by_erg = (double)o->ergs * n->days, by_tenant = (double)o->tenants * n->days;

	for (size_t i = 0; happening_name(i) != NULL; i++)
		printf("  %6" PRIu64 " %s\n", n->happenings[i], happening_name(i));
	printf("  %" PRIu64 " renewals, %.2f per subscription and day; %" PRIu64 " creations, %" PRIu64
	       " deletions; Graph asked for one %" PRIu64 " times\n",
	    n->patches, n->subscription_days > 0 ? (double)n->patches / n->subscription_days : 0, n->creations, n->deletions,
	    n->asked_again);
	printf("  one subscription for all teams of a tenant: %" PRIu64 " created, %" PRIu64
	       " refused; it alone watches the teams of large tenants %.0f %% of the time\n",
	    n->wide_creations, n->wide_refusals, n->team_days > 0 ? 100 * n->wide_team_days / n->team_days : 0);
	printf("  %" PRIu64 " lists of subscriptions, %.2f per tenant and hour, %" PRIu64
	       " in 20 s at the most of the %d that Graph allows\n",
	    n->lists, (double)n->lists / by_tenant / 24, n->most_lists, LISTS_A_WINDOW);
	printf("  %.2f sign-ins per tenant and day, and %.2f more that failed; %" PRIu64 " full reads, %.3f per ERG and day\n",
	    (double)n->signed_in / by_tenant, (double)(n->sign_ins - n->signed_in) / by_tenant, n->reads,
	    (double)n->reads / by_erg);
	printf("  %" PRIu64 " gaps, each read after; longest time uncovered while reachable: %" PRId64
	       " s after a trouble, %" PRId64 " s after a silent loss; longest wait for the read: %" PRId64 " s\n",
	    n->gaps, n->longest_ms[0] / 1000, n->longest_ms[1] / 1000, n->longest_read_ms / 1000);
	printf("  %.1f s of processor\n", n->processor_s);
}
