# For tests/package/run and deployment: a fresh Debian tree to install the package in. To be sourced; work and tree are the caller's.

skip() { echo "SKIPPED: $*" >&2; exit 77; }
failed() { echo "FAILED: $*" >&2; exit 1; }
step() { printf -- '-- %s (%d s)\n' "$*" "$SECONDS"; }
within() { chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
# quietly COMMAND...: its output only when it fails
quietly() { "$@" >"$work/log" 2>&1 </dev/null || { tail -30 "$work/log" >&2; failed "$*"; }; }

# fresh_tree PACKAGE: $tree with what the package depends on; kept as an archive beside the package, for whoever comes next
fresh_tree() {
	local codename mirror archive
	archive=$(dirname "$1")/tree.tar
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	# The mirror that this machine is set up with.
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
		awk -v codename="$codename" '$2 == codename && $3 == "main" { print $1; exit }')
	[ -n "$mirror" ] || skip "no mirror of $codename in apt's sources"
	mkdir "$tree"
	exec 9>"$archive.lock"
	flock 9
	if [ -e "$archive" ] && [ "$archive" -nt "$1" ]; then
		quietly tar -C "$tree" -xpf "$archive"
	else
		quietly debootstrap --variant=minbase "$codename" "$tree" "$mirror"
		quietly within apt-get satisfy -y --no-install-recommends "$(dpkg-deb -f "$1" Depends)"
		quietly tar -C "$tree" -cf "$archive.new" .
		mv "$archive.new" "$archive"
	fi
	exec 9>&-
	mount -t proc proc "$tree/proc" || skip "cannot mount proc in the tree"
}
