# Each file is looked at before systemd-sysext sees it: one bad file stops the merge of all others there.

# Looks at every addon of $1/addons, as many at once as there are processors, and leaves what was found in $1/NAME/.
inspect_all() {
  inspect_width=$(nproc 2>/dev/null) || inspect_width=1
  inspect_running=
  inspect_count=0
  while read -r inspect_name inspect_hex inspect_size; do
    mkdir -p "$1/$inspect_name"
    if [ "$inspect_count" -ge "$inspect_width" ]; then
      # The one that was started first; the others go on meanwhile.
      # shellcheck disable=SC2086 # words
      set -- "$1" $inspect_running
      wait "$2" || :
      inspect_running=${inspect_running#"$2 "}
      inspect_count=$((inspect_count - 1))
    fi
    unshare --mount --propagation private "$0" inspect "$inspect_name" "$inspect_hex" "$inspect_size" "$1/$inspect_name" </dev/null 9>&- &
    inspect_running="$inspect_running$! "
    inspect_count=$((inspect_count + 1))
  done <"$1/addons"
  for inspect_pid in $inspect_running; do wait "$inspect_pid" || :; done
  while read -r inspect_name _; do
    if [ ! -f "$1/$inspect_name/result" ]; then echo "Spoiled it could not be looked at" >"$1/$inspect_name/result"; fi
    if ! is_good "$1" "$inspect_name"; then say 3 "addon $inspect_name is left out: $result"; fi
  done <"$1/addons"
}

# Whether the addon $2 of the generation's facts $1 may be merged. $result is `ok`, or a reason and a message.
is_good() {
  read -r result <"$1/$2/result"
  [ "$result" = ok ]
}

# Looks at one raw: name, digest in hexadecimal digits, size, directory for what is found. Ends with `result` there.
inspect() {
  if why=$(find_fault "$1" "$2" "$3" "$4"); then why=ok; fi
  make_plain "$why"
  printf '%s\n' "$plain" >"$4/result"
}

# Prints a reason and a message, and fails, where something is wrong with the raw.
find_fault() {
  raw=$store/$1/$2.raw
  if [ ! -f "$raw" ] || [ -L "$raw" ]; then found NotInStore "$raw is not there"; fi
  size=$(stat -c %s "$raw")
  if [ "$size" != "$3" ]; then found Spoiled "$raw has $size bytes and should have $3"; fi
  read_digest "$2" || found Spoiled "$raw cannot be read: $sum"
  if [ "${sum%% *}" != "$2" ]; then found Spoiled "the content of $raw has the digest sha256:${sum%% *}"; fi
  mkdir "$4/mount"
  words=$(mount -t erofs -o ro,loop,nodev,nosuid,noexec "$raw" "$4/mount" 2>&1) || found NotErofs "$raw cannot be mounted: $words"
  for path in etc/os-release usr/lib/os-release; do
    if [ -e "$4/mount/$path" ] || [ -L "$4/mount/$path" ]; then found HasOSRelease "it has the file /$path"; fi
  done
  release=usr/lib/extension-release.d/extension-release.$1
  if [ ! -f "$4/mount/$release" ] || [ -L "$4/mount/$release" ]; then
    found NameMismatch "it has no file /$release; there are: $(ls "$4/mount/usr/lib/extension-release.d" 2>/dev/null || echo none)"
  fi
  if ! fits_host "$4/mount/$release"; then found WrongRelease "$mismatch"; fi
  cat "$4/mount/$release" >"$4/release"
  for kind in sysusers.d tmpfiles.d udev/rules.d systemd/system; do
    if [ -d "$4/mount/usr/lib/$kind" ]; then ls "$4/mount/usr/lib/$kind" >"$4/${kind##*/}"; fi
  done
}

# Sets $sum to the digest of $raw. Coreutils without OpenSSL (Debian 12) take five times as long for it; sha256sum has the last word where openssl is not
# there, does not work or finds another digest than $1. Fails with the words of sha256sum in $sum.
read_digest() {
  if sum=$(openssl dgst -sha256 -r <"$raw" 2>/dev/null) && [ "${sum%% *}" = "$1" ]; then return; fi
  sum=$(sha256sum <"$raw" 2>&1)
}

found() {
  printf '%s %s' "$1" "$2"
  exit 1
}
