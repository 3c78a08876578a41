# Words for the journal, and JSON.

# A level of syslog (3 error, 4 warning, 6 information) and a line.
say() {
  printf '<%s>%s\n' "$1" "$2" >&2
}

fail() {
  say 3 "$1"
  exit 1
}

# Makes one printable line of $1 in $plain, 400 characters at most.
make_plain() {
  plain=$1
  case $plain in
    *[!\ -~]*) plain=$(printf '%s' "$plain" | tr '\n\t' '  ' | tr -cd '\40-\176') ;;
  esac
  if [ "${#plain}" -gt 400 ]; then plain=$(printf '%s' "$plain" | cut -c 1-397)...; fi
}

# Makes a JSON string of $1 in $quoted.
quote() {
  make_plain "$1"
  quoted=
  while :; do
    case $plain in
      *[\\\"]*)
        quote_head=${plain%%[\\\"]*}
        plain=${plain#"$quote_head"}
        quote_rest=${plain#?}
        quoted=$quoted$quote_head\\${plain%"$quote_rest"}
        plain=$quote_rest
        ;;
      *) break ;;
    esac
  done
  quoted=\"$quoted$plain\"
}

# The same, or null for nothing.
quote_or_null() {
  if [ -n "$1" ]; then quote "$1"; else quoted=null; fi
}

# Replaces a file by standard input in one rename.
replace() {
  cat >"$1.new"
  chmod "$2" "$1.new"
  mv -f "$1.new" "$1"
}

is_number() {
  case $1 in
    '' | *[!0-9]*) return 1 ;;
  esac
}

# Whether $1 is a digest in hexadecimal digits: 64 of them, or the number that $2 says.
is_hex() {
  case $1 in
    '' | *[!0-9a-f]*) return 1 ;;
  esac
  [ "${#1}" -eq "${2:-64}" ]
}

# A directory that a rm -rf of something else cannot be made of: only below $state.
remove_tree() {
  case $1 in
    "$state"/?*) rm -rf "$1" ;;
  esac
}
