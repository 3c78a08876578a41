# A change of addons alone has no boot loader behind it that falls back: a set with which the host comes up, and its agent does not, would be booted for ever.
# So a record that is not proven, which is one with the former one beside it, is booted so many times, and the former one after that.
trial_most=3

# Whether the record of this deployment was booted often enough before this boot.
is_given_up() {
  if [ ! -e "$records/$deployment.before" ] || is_tried; then return 1; fi
  read_tries
  [ "$tries" -ge "$trial_most" ]
}

# Whether this start of user space has the record already.
is_tried() {
  [ "$(cat "$state/tried" 2>/dev/null)" = "$key" ]
}

# Sets $tries, how often this very record was booted, and $tries_of, by which it is known: the digest in its last line.
read_tries() {
  tries=0
  tries_of=$(tail -n 1 "$records/$deployment" 2>/dev/null) || tries_of=
  tries_of=${tries_of#end }
  if [ ! -f "$records/$deployment.tries" ]; then return; fi
  read -r tries_known tries_count <"$records/$deployment.tries" || return 0
  case $tries_count in
    [1-9] | [1-9][0-9]) if [ "$tries_known" = "$tries_of" ]; then tries=$tries_count; fi ;;
  esac
}

# Notes that this boot has the record, once for each start of user space. A disk that does not take it lets the record be booted again.
count_try() {
  if [ ! -e "$records/$deployment.before" ] || is_tried; then return; fi
  printf '%s\n' "$key" | replace "$state/tried" 0644
  read_tries
  tries_file=$records/$deployment.tries
  if printf '%s %s\n' "$tries_of" "$((tries + 1))" >"$tries_file.new" && sync "$tries_file.new" && mv -f "$tries_file.new" "$tries_file" && sync "$records"; then return; fi
  say 4 "that the record is booted cannot be noted in $tries_file"
}
