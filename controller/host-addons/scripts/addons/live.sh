# The record's addons on the running host, without a reboot. For a moment nothing is merged; how long is measured. Killed at any step and run again, it does
# what is left, from the set that was merged before the first of the runs: $state/changing names that.

# Seconds that a service may take to come up.
service_most=120

run_live() {
  identify_boot
  if [ ! -f "$state/key" ] || [ "$(cat "$state/key")" != "$key" ]; then
    fail 'the addons of this boot were not linked: see the journal of scantling-addons.service'
  fi
  read_support
  live_old=$(readlink "$state/current")
  live_begun=
  if [ -f "$state/changing" ]; then
    read -r live_begun <"$state/changing" || live_begun=
    if [ -n "$live_begun" ] && [ -d "$state/$live_begun" ]; then live_old=$live_begun; else live_begun=; fi
  fi
  live_problems=
  live_restarted=
  live_gap=
  gather_facts
  live_set=$record_set
  if [ "$kind" != current ] && [ -n "$record_problem" ]; then
    add_problem '' "$record_reason" "$record_problem"
    refuse_live
  fi
  if [ -n "$support_reason" ]; then
    add_problem '' "$support_reason" "$support_message"
    refuse_live
  fi
  inspect_all "$state/new/.facts"
  make_generation
  live_new=$generation
  collect_problems "$state/$live_new/.facts"
  if [ -n "$live_problems" ]; then refuse_live; fi
  judge "$state/current"
  if [ -z "$live_begun" ] && [ "$seal_state" != Partial ] && [ "$seal_state" != Failed ] && is_same "$state/$live_old/.facts" "$state/$live_new/.facts"; then
    remove_tree "$state/$live_new"
    end_live "$live_old" Unchanged
    return
  fi
  printf '%s\n' "$live_old" | replace "$state/changing" 0644
  change_to "$live_old" "$live_new"
  collect_unmerged
  case $seal_state-$live_problems in
    Merged- | None-)
      end_live "$live_new" Applied
      tidy "$live_new"
      return
      ;;
  esac
  take_back "$live_new"
}

# The former set is merged again in place of the generation $1.
take_back() {
  back_problems=$live_problems
  live_gap=
  change_to "$1" "$live_old"
  tidy "$live_old"
  live_problems=$back_problems
  case $seal_state in
    Merged | None) end_live "$live_old" Restored ;;
    *) end_live "$live_old" Failed ;;
  esac
  exit 1
}

# Merges the generation $2 in place of $1: stops the services that go, merges, reads back, starts those that came or changed.
change_to() {
  change_old=$state/$1/.facts
  change_new=$state/$2/.facts
  find_changes
  for change_name in $change_gone $change_other; do
    units_of "$change_new" "$change_name"
    change_kept=" $units "
    units_of "$change_old" "$change_name"
    for change_unit in $units; do
      case $change_kept in
        *" $change_unit "*) ;;
        *)
          run_quietly 'systemctl stop --' "$change_unit"
          note_restarted "$change_unit"
          ;;
      esac
    done
  done
  switch_to "$2"
  watch_gap
  run_quietly 'systemctl reload-or-restart' "$sysext_unit"
  end_gap
  judge "$state/$2"
  tidy "$1"
  prepare "$change_new" "$seal_merged"
  if [ -n "$change_gone" ]; then run_quietly 'systemctl daemon-reload' ' '; fi
  start_now "$change_new" "$change_other" restart
  start_now "$change_new" "$change_came" start
  start_services "$change_new" "$seal_merged"
}

# Starts or restarts ($3) the services of the addons $2 of the facts $1 and waits for each: one that does not come up is a problem of the change.
start_now() {
  for now_name in $2; do
    units_of "$1" "$now_name"
    for now_unit in $units; do
      if [ "$3" = restart ]; then note_restarted "$now_unit"; fi
      if now_words=$(timeout "$service_most" systemctl "$3" -- "$now_unit" 2>&1 9>&-); then continue; fi
      make_plain "${now_words:-it took longer than $service_most s}"
      say 3 "addon $now_name: $now_unit did not come up: $plain"
      add_problem "$now_name" ServiceFailed "$now_unit did not come up: $plain"
    done
  done
}

# Adds the unit $1 to $live_restarted, JSON.
note_restarted() {
  quote "$1"
  case ",$live_restarted," in
    *",$quoted,"*) ;;
    *) live_restarted="$live_restarted${live_restarted:+,}$quoted" ;;
  esac
}

# Sets $change_gone, the names that only the old generation has, $change_came, those that only the new one has, $change_other, those that both have with another digest, and $change_mark, a name that
# stays where there is one.
find_changes() {
  change_gone=
  change_came=
  change_other=
  change_mark=
  change_first=
  change_last=
  while read -r change_name change_hex _; do
    change_first=$change_name
    find_digest "$change_new" "$change_name"
    if [ -z "$digest" ]; then
      change_gone="$change_gone$change_name "
      continue
    fi
    change_mark=$change_name
    if [ "$digest" != "$change_hex" ]; then change_other="$change_other$change_name "; fi
  done <"$change_old/addons"
  while read -r change_name _; do
    change_last=$change_name
    find_digest "$change_old" "$change_name"
    if [ -z "$digest" ]; then change_came="$change_came$change_name "; fi
  done <"$change_new/addons"
}

find_digest() {
  digest=
  while read -r digest_name digest_hex _; do
    if [ "$digest_name" = "$2" ]; then digest=$digest_hex; fi
  done <"$1/addons"
}

# Watches until end_gap from when on nothing is merged, and since when something is again. It does nothing else, so as to miss nothing.
watch_gap() {
  gap_pid=
  if [ -z "$change_first" ] || [ -z "$change_last" ]; then return; fi
  gap_old=/usr/lib/extension-release.d/extension-release.${change_mark:-$change_first}
  gap_new=/usr/lib/extension-release.d/extension-release.${change_mark:-$change_last}
  : >"$state/gap"
  (
    while [ -e "$gap_old" ] && [ -e "$state/gap" ]; do :; done
    read -r gap_from _ </proc/uptime
    if [ -e "$state/gap" ]; then echo "$gap_from" >"$state/gap.from"; fi
    while [ ! -e "$gap_new" ] && [ -e "$state/gap" ]; do :; done
    read -r gap_to _ </proc/uptime
    if [ -e "$state/gap" ]; then echo "$gap_to" >"$state/gap.to"; fi
  ) 9>&- &
  gap_pid=$!
}

# Sets $live_gap in ms, rounded up: the clock has steps of 10 ms. 0 where there was none, empty where it did not end.
end_gap() {
  if [ -z "$gap_pid" ]; then return; fi
  rm -f "$state/gap"
  wait "$gap_pid" || :
  if [ ! -s "$state/gap.from" ]; then
    live_gap=0
  elif [ -s "$state/gap.to" ]; then
    read -r gap_from <"$state/gap.from"
    read -r gap_to <"$state/gap.to"
    # 1234.05 is 123405 hundredths; the 1 in front keeps the shell from reading 08 as octal.
    gap_from=$((${gap_from%.*} * 100 + 1${gap_from#*.} - 100))
    gap_to=$((${gap_to%.*} * 100 + 1${gap_to#*.} - 100))
    live_gap=$(((gap_to - gap_from + 1) * 10))
  fi
  rm -f "$state/gap.from" "$state/gap.to"
}

# Whether two generations have the same record.
is_same() {
  [ "$(cat "$1/record" 2>/dev/null)" = "$(cat "$2/record" 2>/dev/null)" ]
}

# Adds to $live_problems: name (or nothing), reason, message.
add_problem() {
  quote "$3"
  live_problems="$live_problems${live_problems:+,}{${1:+\"name\":\"$1\",}\"reason\":\"$2\",\"message\":$quoted}"
}

collect_problems() {
  while read -r collect_name _; do
    if ! is_good "$1" "$collect_name"; then add_problem "$collect_name" "${result%% *}" "${result#* }"; fi
  done <"$1/addons"
}

# What judge found not merged of the new generation.
collect_unmerged() {
  while read -r collect_name collect_hex _; do
    if ! is_merged "$collect_name" "$collect_hex" "$facts"; then
      add_problem "$collect_name" "${unmerged%% *}" "${unmerged#* }"
    fi
  done <"$facts/addons"
}

# Nothing was changed; or by a run that was killed, which is taken back.
refuse_live() {
  if [ -n "$live_begun" ] && [ "$(readlink "$state/current")" != "$live_begun" ]; then take_back "$(readlink "$state/current")"; fi
  judge "$state/current"
  end_live "$live_old" Refused
  tidy "$live_old"
  remove_tree "$state/new"
  exit 1
}

# Writes the seal of the generation that judge looked at last.
end_live() {
  quote_or_null "$live_set"
  live_set_quoted=$quoted
  live_at=$(date +%s%3N)
  write_seal "{\"set\":$live_set_quoted,\"outcome\":\"$2\",\"gapMs\":${live_gap:-null},\"restarted\":[$live_restarted],\"at\":$live_at,\"problems\":[$live_problems]}"
  rm -f "$state/changing"
  say 6 "live: $2"
  if [ -f "$state/sealed" ]; then run_quietly 'systemctl start --no-block --' scantling-addons.target; fi
}
