/* The table of all commands: what each is called, what it takes, and what its help says. */
#include "ctl/ctl.h"

#include <stdio.h>

static int
run_completion(struct ctl *c)
{
	struct text out;

	(void)c;
	text_init(&out, 65536);
	command_completion(commands, command_count, &out);
	ctl_print(&out);
	return EXIT_DONE;
}

#define YES                                                                                                                      \
	{                                                                                                                        \
		"yes", NULL, "Do not ask first."                                                                                 \
	}

const struct command commands[] = {
	{ "init", "", 0, 0, "Make missing keys, folders and a configuration",
	    "Makes what a new installation lacks: an example configuration if there is none, the key files and\n"
	    "secrets that the configuration names (32 random bytes each, readable by their owner only), the state\n"
	    "and the runtime directory. Nothing that exists is ever changed or overwritten. Prints what it has made\n"
	    "and what is left to do.\n\n"
	    "The state key seals everything that is stored: keep a copy of it away from this machine. Without it\n"
	    "the stored state cannot be read.\n\n"
	    "Examples:\n"
	    "  ergsyncctl init\n"
	    "  ergsyncctl init --directory ~/ergsync-trial    (all below one folder)\n",
	    run_init, { { "directory", "DIR", "Keep configuration, keys, state and sockets in this folder." } } },
	{ "key notifications", "", 0, 0, "Make a new key for rich notifications",
	    "Makes one more file in [graph] notification_keys: a self-signed certificate and its RSA key, named after the\n"
	    "day. With [graph] notifications = rich, Graph encrypts to it what it tells of members; init makes the first one.\n"
	    "To rotate: run this, restart the reconciler, and remove the old file a day later, when every subscription has\n"
	    "been renewed. Nothing that exists is changed.\n\n"
	    "Example:\n"
	    "  CREDENTIALS_DIRECTORY=/etc/ergsync ergsyncctl key notifications\n"
	    "  systemctl restart ergsync-reconciler\n",
	    run_notification_key, { { NULL, NULL, NULL } } },
	{ "check", "", 0, 0, "Check configuration, keys, certificate and folders",
	    "Reads the whole configuration as both daemons do and reports every mistake with file and line. Then\n"
	    "checks that certificates and keys fit and have not expired, and tells all that is doubtful about them;\n"
	    "that the folders can be written by this user, and whether the daemon answers. Changes nothing. Run it\n"
	    "as the user the daemons run as.\n\n"
	    "Example:\n"
	    "  sudo -u ergsync ergsyncctl check\n",
	    run_check, { { NULL, NULL, NULL } } },
	{ "status", "", 0, 0, "Tell whether all is well, on one screen",
	    "The first line is the verdict. What needs attention follows, each with the next step; then tenants,\n"
	    "ERGs, meetings, subscriptions, waiting notifications and callbacks, and the ERG that was proved equal\n"
	    "longest ago. The console on the admin address says the same in a browser, without names.\n\n"
	    "Examples:\n"
	    "  ergsyncctl status\n"
	    "  ergsyncctl status --json | jq .ergs\n",
	    run_status, { { NULL, NULL, NULL } } },
	{ "doctor", "[TENANT]", 0, 1, "Look for what is wrong, and say what to do",
	    "Looks at the app's secret or certificate, the notification key, the listener from outside (chain, TLS 1.2 and\n"
	    "1.3, validation), the clock, and for the tenant or all of them at sign-in, permissions missing and not needed,\n"
	    "organizer, mailbox and its access policy, and subscriptions. Each gets a verdict (ok, warn, fail, unknown) and\n"
	    "the next step. Changes nothing; takes 20 seconds at most for a tenant. Fails if anything does.\n\n"
	    "Examples:\n"
	    "  ergsyncctl doctor acme\n"
	    "  ergsyncctl doctor --json | jq '.[].checks[] | select(.verdict != \"ok\")'\n",
	    run_doctor, { { NULL, NULL, NULL } } },
	{ "tenant list", "", 0, 0, "List tenants",
	    "One line a tenant, with its state: active, consent_missing, sign_in_needed, unreachable or\n"
	    "removing.\n\n"
	    "Example:\n"
	    "  ergsyncctl tenant list\n",
	    run_tenant_list, { { NULL, NULL, NULL } } },
	{ "tenant show", "TENANT", 1, 1, "Show one tenant",
	    "Everything known of the tenant, with the link by which its administrator gives consent.\n\n"
	    "Example:\n"
	    "  ergsyncctl tenant show acme\n",
	    run_tenant_show, { { NULL, NULL, NULL } } },
	{ "tenant add", "TENANT", 1, 1, "Add or change a tenant",
	    "TENANT is the app's own id of the customer. Adding it again changes it, and probes at once whether\n"
	    "consent has been given.\n\n"
	    "Example:\n"
	    "  ergsyncctl tenant add acme --organizer ergs@acme.example \\\n"
	    "      --directory-id 0a1b2c3d-0000-4000-8000-000000000001\n",
	    run_tenant_add,
	    { { "directory-id", "GUID", "The customer's Microsoft Entra directory (tenant) id." },
	        { "organizer", "ACCOUNT", "User principal name or object id of the account that organises meetings." },
	        { "sign-in", "WHO", "Whose permissions are used: application (default), or delegated: an account's." },
	        { "meetings", "WHETHER", "on (default), or off: the tenant's ERGs get no meetings." } } },
	{ "tenant sign-in", "TENANT", 1, 1, "Sign in the account that is used in the tenant",
	    "For tenants with \"sign_in\": \"delegated\". Shows a code and the page where a person enters it, signed in as\n"
	    "the dedicated account, and waits for the outcome. From then on the account's permissions are used; the\n"
	    "sign-in renews itself until it is revoked or was not used for 90 days. Signing in again replaces it.\n\n"
	    "Examples:\n"
	    "  ergsyncctl tenant add acme --sign-in delegated --organizer ergs@acme.example \\\n"
	    "      --directory-id 0a1b2c3d-0000-4000-8000-000000000001\n"
	    "  ergsyncctl tenant sign-in acme\n",
	    run_sign_in, { { NULL, NULL, NULL } } },
	{ "tenant remove", "TENANT", 1, 1, "Remove a tenant and all that is stored about it",
	    "Deletes the tenant's subscriptions on Graph and erases its tokens, references and sealed data; then the\n"
	    "key they were sealed with is destroyed. Nobody is removed from any team. Waits for the end and prints\n"
	    "the receipt: how much of what was removed, and when.\n\n"
	    "Example:\n"
	    "  ergsyncctl tenant remove acme\n",
	    run_tenant_remove, { { "no-wait", NULL, "Do not wait for the end." }, YES } },
	{ "receipt show", "RECEIPT", 1, 1, "Show what was removed with a tenant",
	    "RECEIPT is the number that \"tenant remove\" and the app's DELETE tell.\n\n"
	    "Example:\n"
	    "  ergsyncctl receipt show 1\n",
	    run_receipt_show, { { NULL, NULL, NULL } } },
	{ "erg list", "", 0, 0, "List ERGs",
	    "One line an ERG: state, how many members each side has, and when both were last proved equal.\n\n"
	    "Example:\n"
	    "  ergsyncctl erg list\n",
	    run_erg_list, { { NULL, NULL, NULL } } },
	{ "erg show", "ERG", 1, 1, "Show one ERG",
	    "Everything known of the ERG, with its subscriptions.\n\n"
	    "Example:\n"
	    "  ergsyncctl erg show pride\n",
	    run_erg_show, { { NULL, NULL, NULL } } },
	{ "erg add", "ERG", 1, 1, "Link an ERG to a Teams channel, or change it",
	    "ERG is the app's own id. The channel is named by the link that Teams gives with \"Get link to channel\"\n"
	    "(or \"Get link to team\"): quote it, for it holds characters that mean something to a shell. On the first\n"
	    "link nobody is removed: both sides get the union of their members.\n\n"
	    "Example:\n"
	    "  ergsyncctl erg add pride --tenant acme --name 'Pride' \\\n"
	    "      --channel-url 'https://teams.microsoft.com/l/channel/19%3A...'\n",
	    run_erg_add,
	    { { "tenant", "TENANT", "Whose ERG it is." }, { "name", "NAME", "What people call it." },
	        { "channel-url", "URL", "Link to the team or channel." },
	        { "membership", "POLICY", "Who decides on members: two-way (default), teams, app or off." },
	        { "meetings", "POLICY", "Who decides on meetings: two-way (default), app or off." },
	        { "removal-limit", "N", "Hold plans that remove more people than this, and ..." },
	        { "removal-percent", "N", "... more than this share of a side." },
	        { "organizer", "ACCOUNT", "Another organiser than the tenant's." } } },
	{ "erg remove", "ERG", 1, 1, "Unlink an ERG",
	    "Nobody is removed from Teams or from the app. Subscriptions that no other ERG needs are deleted.\n\n"
	    "Example:\n"
	    "  ergsyncctl erg remove pride\n",
	    run_erg_remove, { YES } },
	{ "member list", "ERG", 1, 1, "List an ERG's members and how each stands",
	    "A USER that begins with entra: is somebody only Teams knows so far.\n\n"
	    "Example:\n"
	    "  ergsyncctl member list pride\n",
	    run_member_list, { { NULL, NULL, NULL } } },
	{ "member add", "ERG USER", 2, 2, "Add a member on the app's side, or change one",
	    "USER is the app's own id of the person. An e-mail address or an object id says who that is in Teams.\n"
	    "The app should rather do this itself: it does not learn of members that are added here.\n\n"
	    "Example:\n"
	    "  ergsyncctl member add pride u42 --email ada@acme.example --role owner\n",
	    run_member_add,
	    { { "email", "ADDRESS", "E-mail address or user principal name." },
	        { "entra-id", "GUID", "Object id in the directory." }, { "role", "ROLE", "member (default) or owner." },
	        { "private", NULL, "Never show this person in Teams." } } },
	{ "member remove", "ERG USER", 2, 2, "Remove a member on the app's side",
	    "Example:\n"
	    "  ergsyncctl member remove pride u42\n",
	    run_member_remove, { { NULL, NULL, NULL } } },
	{ "event list", "ERG", 1, 1, "List an ERG's events and how each meeting stands",
	    "By their start. STATUS is pending, scheduled, cancelled, failed or off; the counts are the attendees' answers.\n\n"
	    "Example:\n"
	    "  ergsyncctl event list pride\n",
	    run_event_list, { { NULL, NULL, NULL } } },
	{ "event show", "ERG EVENT", 2, 2, "Show one event with its join link and answers",
	    "Everything known of the event; of one that failed, why and what to do.\n\n"
	    "Example:\n"
	    "  ergsyncctl event show pride picnic\n",
	    run_event_show, { { NULL, NULL, NULL } } },
	{ "event add", "ERG EVENT", 2, 2, "Schedule an event as a Teams meeting, or change it",
	    "The file holds the event as the app API's PUT takes it, in JSON. Outlook invites the attendees as soon as\n"
	    "the meeting is made. The app should rather do this itself: it does not learn of events that are added here.\n\n"
	    "Example:\n"
	    "  ergsyncctl event add pride picnic --file - <<'EOF'\n"
	    "  {\"subject\": \"Picnic\", \"time_zone\": \"Europe/Warsaw\",\n"
	    "   \"start\": \"2027-06-01T12:00:00\", \"end\": \"2027-06-01T14:00:00\",\n"
	    "   \"attendees\": [{\"email\": \"ada@acme.example\"}]}\n"
	    "  EOF\n",
	    run_event_add, { { "file", "FILE", "The event as JSON; - is standard input." } } },
	{ "event cancel", "ERG EVENT", 2, 2, "Cancel an event and its meeting",
	    "Outlook tells the attendees. The event is shown as cancelled for 30 days.\n\n"
	    "Example:\n"
	    "  ergsyncctl event cancel pride picnic --comment 'It rains.'\n",
	    run_event_cancel, { { "comment", "TEXT", "What the attendees read." }, YES } },
	{ "resync", "", 0, 0, "Compare both sides completely, and make them equal",
	    "Reads Teams afresh and compares all members, or with --dry-run only tells what it would do. Waits for\n"
	    "the end and shows the progress; fails if any ERG could not be compared. Where one of the same scope is\n"
	    "running already, that one is followed. It survives a restart of the reconciler, and so does the waiting.\n\n"
	    "Examples:\n"
	    "  ergsyncctl resync --all\n"
	    "  ergsyncctl resync --erg pride --dry-run\n"
	    "  ergsyncctl resync --tenant acme --no-wait\n",
	    run_resync,
	    { { "all", NULL, "Everything (the default)." }, { "tenant", "TENANT", "The ERGs of one tenant." },
	        { "erg", "ERG", "One ERG." }, { "dry-run", NULL, "Change nothing." },
	        { "no-wait", NULL, "Do not wait for the end." } } },
	{ "plan show", "ERG", 1, 1, "Show what would be done now",
	    "Item by item, each with its reason. A plan that would remove too many people is held until somebody\n"
	    "approves or rejects it.\n\n"
	    "Example:\n"
	    "  ergsyncctl plan show pride\n",
	    run_plan_show, { { NULL, NULL, NULL } } },
	{ "plan approve", "ERG", 1, 1, "Apply a held plan, exactly as it is",
	    "Shows the plan and asks, unless told the hash that \"plan show\" printed. If reality has moved since,\n"
	    "the hash no longer fits and nothing is done.\n\n"
	    "Example:\n"
	    "  ergsyncctl plan approve pride\n",
	    run_plan_approve, { { "hash", "HASH", "The plan that is meant." }, YES } },
	{ "plan reject", "ERG", 1, 1, "Undo the removals of a held plan",
	    "Whoever was taken out on one side is put back there, so that both sides are equal again.\n\n"
	    "Example:\n"
	    "  ergsyncctl plan reject pride\n",
	    run_plan_reject, { { "hash", "HASH", "The plan that is meant." }, YES } },
	{ "changes", "", 0, 0, "Show what the app has been told",
	    "The change feed, oldest first. With --json one object a line.\n\n"
	    "Examples:\n"
	    "  ergsyncctl changes --after 1200\n"
	    "  ergsyncctl changes --follow --json | jq -r .type\n",
	    run_changes,
	    { { "follow", NULL, "Go on and show changes as they come." }, { "after", "SEQ", "Begin after this one." } } },
	{ "subscriptions", "", 0, 0, "List the subscriptions on Graph",
	    "Which resources are watched, until when, and which of them fail and why. /teams/getAllMembers stands for all\n"
	    "teams of a tenant; refused: Graph does not grant it there, or it kept silent, and each team has its own.\n\n"
	    "Example:\n"
	    "  ergsyncctl subscriptions\n",
	    run_subscriptions, { { NULL, NULL, NULL } } },
	{ "backup", "FILE", 1, 1, "Copy the stored state into a file",
	    "May be done at any time, also while the daemons run: the copy is one state of the\n"
	    "store. Every record of it is opened before FILE is replaced. Its values stay sealed\n"
	    "with the state key, which is not in it. A backup keeps what it was made of: keep as\n"
	    "many as you need, and none for longer. Run it as the daemons' user, or as root.\n\n"
	    "Examples:\n"
	    "  ergsyncctl backup /var/backups/ergsync/today\n"
	    "  systemctl enable --now ergsync-backup.timer    (daily, keeps seven)\n",
	    run_backup, { { "key-file", "KEY", "Another state key than the configuration's." } } },
	{ "restore", "FILE", 1, 1, "Put a backup where the stored state is to be",
	    "Only while ergsync-reconciler is stopped. A store that is there is never overwritten:\n"
	    "--set-aside keeps it under another name. What a backup knows may be outdated, so after\n"
	    "it nobody is removed anywhere until a full comparison has passed the guard: it starts\n"
	    "by itself, and removals it would lead to are shown as a held plan. Needs the state key\n"
	    "that was in use when the backup was made.\n\n"
	    "Example:\n"
	    "  systemctl stop ergsync-reconciler\n"
	    "  ergsyncctl restore /var/backups/ergsync/today --set-aside\n"
	    "  systemctl start ergsync-reconciler\n",
	    run_restore,
	    { { "set-aside", NULL, "Rename the store that is there." },
	        { "key-file", "KEY", "Another state key than the configuration's." } } },
	{ "state check", "[FILE]", 0, 1, "Open every record of the state or a backup",
	    "Counts records by table and names those that do not open, by the beginning of their\n"
	    "keys, which tell nothing of anybody. Changes nothing, and may run while the daemons do.\n"
	    "Exit status 1: something is damaged.\n\n"
	    "Examples:\n"
	    "  ergsyncctl state check\n"
	    "  ergsyncctl state check /var/backups/ergsync/today\n",
	    run_state_check, { { "key-file", "KEY", "Another state key than the configuration's." } } },
	{ "key rotate", "", 0, 0, "Change the state key, while the daemons run",
	    "Makes another key and writes it into key_file, before the one in use; the daemon then wraps\n"
	    "its keys anew and seals every record anew, in the background. At the end key_file holds the\n"
	    "new key alone. May be interrupted anywhere: run it again. If the daemon got key_file as a\n"
	    "credential of its service, it must be restarted once in between; this says so.\n\n"
	    "Example:\n"
	    "  CREDENTIALS_DIRECTORY=/etc/ergsync ergsyncctl key rotate\n",
	    run_key_rotate, { YES } },
	{ "completion", "", 0, 0, "Print a completion script for bash",
	    "Example:\n"
	    "  source <(ergsyncctl completion)\n",
	    run_completion, { { NULL, NULL, NULL } } },
};

const size_t command_count = sizeof(commands) / sizeof(commands[0]);
