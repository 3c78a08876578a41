# The seal: what was asked for and what is merged, name by name.

# Reads back against the generation $1 and writes the seal to $state/seal. Sets $seal_state, $seal_merged (names) and $seal_kept (JSON, for write_seal).
judge() {
  read_facts "$1"
  look_at_merge
  judge_entries=
  judge_all=0
  seal_merged=
  while read -r judge_name judge_hex _; do
    judge_all=$((judge_all + 1))
    judge_entry="{\"name\":\"$judge_name\",\"digest\":\"sha256:$judge_hex\",\"state\":"
    if ! is_good "$facts" "$judge_name"; then
      judge_reason Quarantined "$result"
    elif is_merged "$judge_name" "$judge_hex" "$facts"; then
      seal_merged="$seal_merged$judge_name "
      judge_entry="$judge_entry\"Merged\"}"
    else
      if [ -n "$support_reason" ]; then unmerged="$support_reason $support_message"; fi
      say 3 "addon $judge_name is not merged: $unmerged"
      judge_reason NotMerged "$unmerged"
    fi
    judge_entries="$judge_entries${judge_entries:+,}$judge_entry"
  done <"$facts/addons"
  judge_foreign
  # shellcheck disable=SC2086 # words
  set -- $seal_merged
  if [ "$judge_all" -eq 0 ] && [ -n "$record_problem" ] && [ "$record_reason" != GivenUp ]; then
    seal_state=Failed
  elif [ "$judge_all" -eq 0 ]; then
    seal_state=None
  elif [ "$#" -eq "$judge_all" ]; then
    seal_state=Merged
  elif [ "$#" -gt 0 ]; then
    seal_state=Partial
  else
    seal_state=Failed
  fi
}

# Adds state $1 and the reason and message of $2 to the entry.
judge_reason() {
  quote "${2#* }"
  judge_entry="$judge_entry\"$1\",\"reason\":\"${2%% *}\",\"message\":$quoted}"
}

# What is merged and not ours.
judge_foreign() {
  foreign=
  judge_others=$merged
  while read -r judge_name _; do
    case $judge_others in
      *" $judge_name "*) judge_others="${judge_others%%" $judge_name "*} ${judge_others#*" $judge_name "}" ;;
    esac
  done <"$facts/addons"
  for judge_name in $judge_others; do
    quote "$judge_name"
    foreign="$foreign${foreign:+,}$quoted"
  done
}

# Writes the seal of what judge found; $1 is what there is to say of a live change, as JSON.
write_seal() {
  quote_or_null "$deployment"
  seal_deployment=$quoted
  quote_or_null "$record_image"
  seal_image=$quoted
  quote_or_null "$record_set"
  seal_set=$quoted
  seal_why=
  if [ -n "$record_problem" ]; then
    quote "$record_problem"
    seal_why=",\"reason\":\"$record_reason\",\"message\":$quoted"
  elif [ -n "$support_reason" ] && [ "$seal_state" != Merged ]; then
    quote "$support_message"
    seal_why=",\"reason\":\"$support_reason\",\"message\":$quoted"
  fi
  printf '{"kind":"scantling-addons-seal","version":1,"boot":"%s","softReboots":%s,"deployment":%s,"image":%s,"set":%s,"record":"%s","state":"%s","addons":[%s],"foreign":[%s],"since":%s%s%s}\n' \
    "$boot" "$soft_reboots" "$seal_deployment" "$seal_image" "$seal_set" "$kind" "$seal_state" "$judge_entries" "$foreign" "${since:-null}" "$seal_why" \
    "${1:+,\"live\":$1}" | replace "$seal_file" 0444
  case $seal_state in
    Merged | None)
      : >"$state/sealed"
      say 6 "addons: $seal_state ${seal_merged:-}(record: $kind)"
      ;;
    *)
      rm -f "$state/sealed"
      say 3 "addons: $seal_state; merged: ${seal_merged:-none}(record: $kind)"
      ;;
  esac
}

# After the merge.
run_seal() {
  identify_boot
  if [ ! -f "$state/key" ] || [ "$(cat "$state/key")" != "$key" ]; then
    say 3 'the addons of this boot were not linked: see the journal of scantling-addons.service'
    probe_support
    gather_facts
    while read -r seal_name _; do
      mkdir -p "$state/new/.facts/$seal_name"
      echo 'NotLinked scantling-addons.service did not come to its end' >"$state/new/.facts/$seal_name/result"
    done <"$state/new/.facts/addons"
    judge "$state/new"
  else
    read_support
    judge "$state/current"
  fi
  prepare "$facts" "$seal_merged"
  start_services "$facts" "$seal_merged"
  write_seal ''
  case $seal_state in
    # An empty record too: what was taken away is not to come back one day.
    Merged | None) if [ -f "$facts/record" ]; then keep_good "$facts/record"; fi ;;
  esac
}
