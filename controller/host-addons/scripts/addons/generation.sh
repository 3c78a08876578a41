# What is linked. /run/extensions/NAME.raw leads through $state/current, so that all names change by the one rename of that link; a name whose raw is not in the
# current generation leads nowhere, which systemd-sysext passes over.

# Makes a generation of $state/new, whose .facts are filled, in $generation; nothing leads to it yet.
make_generation() {
  generation=1
  for make_old in $(ls "$state"); do
    case $make_old in
      g*) if is_number "${make_old#g}" && [ "${make_old#g}" -ge "$generation" ]; then generation=$((${make_old#g} + 1)); fi ;;
    esac
  done
  generation=g$generation
  while read -r make_name make_hex _; do
    if is_good "$state/new/.facts" "$make_name" && is_free "$make_name"; then
      ln -s "$store/$make_name/$make_hex.raw" "$state/new/$make_name.raw"
    fi
  done <"$state/new/.facts/addons"
  mv -T "$state/new" "$state/$generation"
}

# Whether nobody else has the name; else says so in the facts.
is_free() {
  free_taken=
  for free_path in "/etc/extensions/$1" "/etc/extensions/$1.raw" "$extensions/$1"; do
    if [ -e "$free_path" ] || [ -L "$free_path" ]; then free_taken=$free_path; fi
  done
  if [ -e "$extensions/$1.raw" ] || [ -L "$extensions/$1.raw" ]; then
    if [ "$(readlink "$extensions/$1.raw" || :)" != "$state/current/$1.raw" ]; then free_taken=$extensions/$1.raw; fi
  fi
  if [ -z "$free_taken" ]; then return; fi
  free_why="NotLinked $free_taken is in the way, and none of ours: remove it"
  printf '%s\n' "$free_why" >"$state/new/.facts/$1/result"
  say 3 "addon $1 is left out: $free_why"
  return 1
}

# Makes $1 the current generation. What is merged follows with the next merge.
switch_to() {
  mkdir -p "$extensions"
  for switch_link in $(ls "$state/$1"); do
    if [ ! -L "$extensions/$switch_link" ]; then ln -s "$state/current/$switch_link" "$extensions/$switch_link"; fi
  done
  remove_tree "$state/current.new"
  ln -s "$1" "$state/current.new"
  mv -fT "$state/current.new" "$state/current"
}

# Removes what leads nowhere after a switch, and the generations but the current and $1.
tidy() {
  for tidy_link in $(ls "$extensions"); do
    if [ "$(readlink "$extensions/$tidy_link" || :)" = "$state/current/$tidy_link" ] && [ ! -L "$state/current/$tidy_link" ]; then
      rm -f "$extensions/$tidy_link"
    fi
  done
  tidy_current=$(readlink "$state/current")
  for tidy_old in $(ls "$state"); do
    case $tidy_old in
      "$tidy_current" | "$1") ;;
      g[0-9]*) remove_tree "$state/$tidy_old" ;;
    esac
  done
}

# Fills $state/new with the facts of the record that is to be used.
gather_facts() {
  remove_tree "$state/new"
  mkdir -p "$state/new/.facts"
  choose_record "$state/new/.facts"
  make_plain "$record_problem"
  printf '%s\n' "$kind" "$record_image" "$record_set" "$record_reason" "$plain" >"$state/new/.facts/kind"
  if [ -n "$record_problem" ]; then say 3 "$record_problem"; fi
}

# What gather_facts found, of the generation in the directory $1.
read_facts() {
  facts=$1/.facts
  {
    read -r kind && read -r record_image && read -r record_set && read -r record_reason && read -r record_problem
  } <"$facts/kind"
}

# Before the merge: the links are those of this boot's deployment. Done once for each start of user space; later changes of the record have to wait, or are `live`.
run_boot() {
  identify_boot
  if [ -f "$state/key" ] && [ "$(cat "$state/key")" = "$key" ] && [ -e "$state/current" ]; then
    say 7 'the addons of this boot are linked already'
    return
  fi
  rm -f "$seal_file" "$state/sealed" "$state/changing" "$state/key"
  probe_support
  gather_facts
  if [ "$kind" = current ] && [ -z "$support_reason" ]; then count_try; fi
  if [ "$support_reason" = Disabled ]; then
    while read -r boot_name _; do
      mkdir -p "$state/new/.facts/$boot_name"
      printf 'Disabled %s\n' "$support_message" >"$state/new/.facts/$boot_name/result"
    done <"$state/new/.facts/addons"
  else
    inspect_all "$state/new/.facts"
  fi
  make_generation
  switch_to "$generation"
  printf '%s\n' "$key" | replace "$state/key" 0644
  tidy "$generation"
  say 6 "linked $(($(ls "$state/$generation" | wc -l))) of $(($(wc -l <"$state/$generation/.facts/addons"))) addons for deployment ${deployment:-unknown} (record: $kind)"
}
