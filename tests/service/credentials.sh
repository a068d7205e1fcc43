#!/usr/bin/env bash
# Encrypted credentials as ergsync.conf(5) says, word for word: its command encrypts, systemd takes its drop-in for each unit it
# names, and a daemon starts with what systemd decrypts. The machine's key is one of the test.
# usage: credentials.sh BUILD-DIRECTORY BIN-DIRECTORY SBIN-DIRECTORY     (where the units say the programs are)
set -euo pipefail
build=$1 bin=$2 sbin=$3
command -v systemd-creds >/dev/null || { echo 'SKIPPED: systemd-creds is not here, so encrypted credentials are not shown'; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0
wrong() { echo "$*"; bad=1; }

secrets=$(LC_ALL=C.UTF-8 MANWIDTH=2000 man -l "$build/man/ergsync.conf.5" 2>/dev/null | sed 's/.\x08//g' | sed -n '/^SECRETS/,/^FILES/p')
command=$(grep -o 'systemd-creds encrypt .*' <<<"$secrets")
drop_in=$(grep -A1 -x ' *\[Service\]' <<<"$secrets" | sed 's/^ *//')
mapfile -t units < <(grep 'wants a drop-in' <<<"$secrets" | grep -o 'ergsync-[a-z]*\.service')
if [ "${#units[@]}" -lt 2 ] || [ -z "$command" ] || [[ $drop_in != *LoadCredentialEncrypted=* ]]; then printf "ergsync.conf(5) does not tell how:\n%s\n" "$secrets"; exit 1; fi

# Every unit that loads the secret is named.
name=$(sed -n 's/^LoadCredentialEncrypted=\([^:]*\):.*/\1/p' <<<"$drop_in")
loading=$(grep -lx "LoadCredential=$name:.*" "$build"/systemd/*.service | xargs -n1 basename | sort)
[ "$(printf '%s\n' "${units[@]}" | sort)" = "$loading" ] || wrong "the manual names ${units[*]} for $name, but it is loaded by $loading"

# systemd has nothing to say about the units with the drop-in.
cp "$build"/systemd/ergsync-* "$dir"
sed -i -e "s#$sbin/ergsync-#$build/ergsync-#g" -e "s#$bin/ergsyncctl#$build/ergsyncctl#g" "$dir"/*.service
for unit in "${units[@]}"; do
	mkdir "$dir/$unit.d"
	printf '%s\n' "$drop_in" >"$dir/$unit.d/override.conf"
done
said=$(cd "$dir" && SYSTEMD_UNIT_PATH=$dir: systemd-analyze verify --man=no "${units[@]/#/./}" 2>&1) || bad=1
[ -z "$said" ] || wrong "verify says: $said"

# What a start does: the command, then the credentials as systemd hands them over.
etc=$dir/etc credentials=$dir/credentials
export SYSTEMD_CREDENTIAL_SECRET=$dir/host.key
mkdir "$etc" "$credentials"
"$build/ergsyncctl" init --directory "$etc" >/dev/null
key=$(cat "$etc/$name")
bash -ec "${command//\/etc\/ergsync/$etc}" 2>"$dir/said" || wrong "$command: $(cat "$dir/said")"
grep -qF "$key" "$etc/$name.cred" && wrong 'the key is readable in the encrypted file'
rm "$etc/$name"
systemd-creds decrypt --name="$name" "$etc/$name.cred" "$credentials/$name" 2>"$dir/said" || wrong "decrypt: $(cat "$dir/said")"
systemd-creds decrypt --name=other "$etc/$name.cred" - >/dev/null 2>&1 && wrong 'it decrypts by another name, too'
chmod 600 "$credentials/$name"
echo a-secret-of-the-test >"$etc/client_secret"
sed -i -e 's|^client_id = .*|client_id = 1b4e28ba-2fa1-11d2-883f-0016d3cca427|' -e 's|^#client_secret_file|client_secret_file|' \
	-e "s|^key_file = .*|key_file = %d/$name|" "$etc/ergsync.conf"
CREDENTIALS_DIRECTORY=$credentials "$build/ergsync-reconciler" --config "$etc/ergsync.conf" --check >"$dir/said" 2>&1 || wrong "--check: $(cat "$dir/said")"
rm "$credentials/$name"
CREDENTIALS_DIRECTORY=$credentials "$build/ergsync-reconciler" --config "$etc/ergsync.conf" --check >/dev/null 2>&1 && wrong '--check is content without the credential'
[ $bad -eq 0 ] && echo "encrypted, handed over and used: $name, in ${units[*]}"
exit $bad
