# What is done for merged addons that systemd did at boot before they were there.

# Reads the units of services of a generation's facts $1, of the addon $2, into $units.
units_of() {
  units=
  while read -r units_name units_rest; do
    if [ "$units_name" = "$2" ]; then units=$units_rest; fi
  done <"$1/services"
}

# Users, files and rules that the merged addons $2 (names) of the facts $1 bring; then the manager learns their units.
prepare() {
  prepare_reload=
  prepare_rules=
  for prepare_name in $2; do
    # By their base names, so that what the administrator put into /etc has precedence.
    if [ -f "$1/$prepare_name/sysusers.d" ]; then
      run_quietly systemd-sysusers "$(conf_files "$1/$prepare_name/sysusers.d")"
    fi
    if [ -f "$1/$prepare_name/tmpfiles.d" ]; then
      run_quietly "systemd-tmpfiles --create" "$(conf_files "$1/$prepare_name/tmpfiles.d")"
    fi
    if [ -f "$1/$prepare_name/rules.d" ]; then prepare_rules=1; fi
    if [ -f "$1/$prepare_name/system" ]; then prepare_reload=1; fi
  done
  if [ -n "$prepare_rules" ]; then run_quietly "udevadm control --reload" ' '; fi
  if [ -n "$prepare_reload" ]; then run_quietly "systemctl daemon-reload" ' '; fi
}

conf_files() {
  while read -r conf_file; do
    case $conf_file in
      *.conf) printf '%s ' "$conf_file" ;;
    esac
  done <"$1"
}

# Runs the words $1 with the words $2, of which there must be one. A failure is told and stops nothing: the addon is merged all the same.
run_quietly() {
  if [ -z "$2" ]; then return; fi
  # shellcheck disable=SC2086 # words
  quiet_words=$($1 $2 2>&1 9>&-) || {
    make_plain "$quiet_words"
    say 4 "$1 $2 failed: $plain"
  }
}

# Starts (or $3: restarts) the services of the addons $2 of the facts $1. Nobody waits: they may need what comes later in the boot.
start_services() {
  for start_name in $2; do
    units_of "$1" "$start_name"
    for start_unit in $units; do
      if ! start_words=$(systemctl "${3:-start}" --no-block -- "$start_unit" 2>&1 9>&-); then
        make_plain "$start_words"
        say 3 "addon $start_name: $start_unit cannot be started: $plain"
      fi
    done
  done
}
