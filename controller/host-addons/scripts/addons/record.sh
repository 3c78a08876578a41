# The record of a deployment: which addons it boots with, as the agent wrote it.

# Puts the record to be used into $1/record, its addons into $1/addons (NAME HEX SIZE) and services into $1/services (NAME UNIT…). Sets $kind (current,
# before, good or none), $record_image, $record_set and, where a record was not used, $record_reason and $record_problem.
choose_record() {
  kind=none
  choose_missing=
  record_problem=
  record_reason=RecordDamaged
  record_image=
  record_set=
  : >"$1/addons"
  : >"$1/services"
  if [ -z "$deployment" ]; then
    record_problem='it is not known which deployment this is: neither the mounts nor the kernel command line name one'
    return
  fi
  if is_given_up && take_record "$records/$deployment.before" "$1"; then
    kind=before
    record_reason=GivenUp
    record_problem="$records/$deployment was booted $trial_most times and not proven by the agent: the one before the last change was used"
    return
  fi
  choose_own=$records/$deployment
  adopt_record "$1"
  for choose_kind in current before good; do
    choose_file=$choose_own
    if [ "$choose_kind" != current ]; then choose_file=$records/$deployment.$choose_kind; fi
    if [ ! -e "$choose_file" ]; then
      choose_missing=$choose_missing$choose_kind
      continue
    fi
    if take_record "$choose_file" "$1"; then
      kind=$choose_kind
      case $kind-$choose_missing in
        before-current* | good-current*) record_problem="${record_problem}$records/$deployment is gone; " ;;
      esac
      break
    fi
    record_problem="$record_problem$choose_file $take_wrong; "
  done
  if [ -n "$record_problem" ]; then
    case $kind in
      before) record_problem="${record_problem}the one before the last change was used" ;;
      good) record_problem="${record_problem}the last that was merged whole was used" ;;
      none) record_problem="${record_problem}there is no other, so nothing is merged" ;;
    esac
  fi
}

# A deployment without any record takes the one that the agent wrote for its image before it was staged: where staging cannot be locked, a reboot may come
# before the agent has seen the deployment. Where the disk does not take it, $choose_own is a copy in the directory $1.
adopt_record() {
  for adopt_kind in '' .before .good; do
    if [ -e "$records/$deployment$adopt_kind" ]; then return; fi
  done
  find_awaiting || return 0
  adopt_end=$(tail -n 1 "$awaiting")
  adopt_sum=$(head -n -1 "$awaiting" | sha256sum)
  if [ "$adopt_end" != "end ${adopt_sum%% *}" ]; then
    record_problem="$awaiting is cut, or was changed: its last line is not the digest of the others; "
    return
  fi
  head -n -1 "$awaiting" | while IFS= read -r adopt_line; do
    if [ "$adopt_line" = "deployment ${awaiting##*/}" ]; then adopt_line="deployment $deployment"; fi
    printf '%s\n' "$adopt_line"
  done >"$1/adopted"
  adopt_sum=$(sha256sum <"$1/adopted")
  printf 'end %s\n' "${adopt_sum%% *}" >>"$1/adopted"
  if cat "$1/adopted" >"$choose_own.new" && sync "$choose_own.new" && mv -f "$choose_own.new" "$choose_own" && sync "$records"; then return; fi
  say 4 "the record that waits for the image cannot be kept as $choose_own"
  choose_own=$1/adopted
}

# Sets $awaiting, the record that waits for the image of this deployment: its name is the digest in the reference that the image was staged by, which is in
# the deployment's origin (ostree: CHECKSUM.SERIAL.origin beside it; composefs backend: DIGEST.origin in it).
find_awaiting() {
  set +f
  set -- /sysroot/ostree/deploy/*/deploy/"$deployment".*.origin /sysroot/state/deploy/"$deployment"/"$deployment".origin
  set -f
  for find_origin in "$@"; do
    if [ ! -f "$find_origin" ]; then continue; fi
    while read -r find_line || [ -n "$find_line" ]; do
      case $find_line in
        container-image-reference*@sha256:*) ;;
        *) continue ;;
      esac
      awaiting=$records/${find_line##*@sha256:}
      if is_hex "${awaiting##*/}" && [ -f "$awaiting" ]; then return; fi
    done <"$find_origin"
  done
  return 1
}

# Takes the record $1 into the directory $2. Where it cannot be used, $take_wrong says why, and nothing of it is left.
take_record() {
  take_wrong='cannot be read'
  cat "$1" >"$2/record" 2>/dev/null || return 1
  take_wrong='is cut, or was changed: its last line is not the digest of the others'
  take_end=$(tail -n 1 "$2/record")
  take_sum=$(head -n -1 "$2/record" | sha256sum)
  [ "$take_end" = "end ${take_sum%% *}" ] || return 1
  if read_record "$2"; then return; fi
  : >"$2/addons"
  : >"$2/services"
  record_image=
  record_set=
  return 1
}

read_record() {
  record_set=
  record_names=' '
  read_count=0
  {
    read_wrong='is of a version that this image does not know'
    read -r read_line && [ "$read_line" = 'scantling addons 1' ] || record_is_wrong || return 1
    read_wrong='names no image'
    read -r read_key record_image read_more && [ "$read_key$read_more" = image ] && is_digest "$record_image" || record_is_wrong || return 1
    read_wrong='is of another deployment'
    read -r read_key read_line read_more && [ "$read_key$read_more" = deployment ] && [ "$read_line" = "$deployment" ] || record_is_wrong || return 1
    while read -r read_line; do
      # shellcheck disable=SC2086 # words; the shell expands no patterns (set -f)
      set -- "$1" $read_line
      read_wrong="has an improper line: $read_line"
      read_key=${2-}
      case $read_key in
        end) [ "$read_line" = "$take_end" ] && break || record_is_wrong || return 1 ;;
        set) [ "$#" -eq 3 ] && [ "$read_count" -eq 0 ] && is_digest "$3" && record_set=$3 || record_is_wrong || return 1 ;;
        addon) [ "$#" -eq 5 ] && add_addon "$3" "$4" "$5" && echo "$3 $4 $5" >&4 || record_is_wrong || return 1 ;;
        services) [ "$#" -ge 4 ] && is_recorded "$3" && printf '%s\n' "${read_line#services }" >&5 || record_is_wrong || return 1 ;;
        *) record_is_wrong || return 1 ;;
      esac
    done
  } <"$1/record" 4>"$1/addons" 5>"$1/services"
  read_wrong='has addons without a set, or a set without addons'
  if [ -n "$record_set" ]; then [ "$read_count" -gt 0 ]; else [ "$read_count" -eq 0 ]; fi || record_is_wrong
}

record_is_wrong() {
  take_wrong=$read_wrong
  return 1
}

add_addon() {
  is_addon_name "$1" && is_hex "$2" && is_number "$3" && [ "${#3}" -le 15 ] && [ "$3" -gt 0 ] || return 1
  if is_recorded "$1"; then return 1; fi
  record_names="$record_names$1 "
  read_count=$((read_count + 1))
  [ "$read_count" -le 64 ]
}

is_recorded() {
  case $record_names in
    *" $1 "*) ;;
    *) return 1 ;;
  esac
}

# It becomes the name of files.
is_addon_name() {
  case $1 in
    '' | *[!a-z0-9-]* | -* | *-) return 1 ;;
  esac
  [ "${#1}" -le 63 ]
}

is_digest() {
  case $1 in
    sha256:*) is_hex "${1#sha256:}" ;;
    *) return 1 ;;
  esac
}

# Keeps the record that was merged whole, for the day on which the other two cannot be read. Not one that is still to be proven.
keep_good() {
  if [ "$kind" != current ] || [ -e "$records/$deployment.before" ]; then return; fi
  keep_file=$records/$deployment.good
  if [ -f "$keep_file" ] && [ "$(cat "$keep_file")" = "$(cat "$1")" ]; then return; fi
  if cat "$1" >"$keep_file.new" && sync "$keep_file.new" && mv -f "$keep_file.new" "$keep_file" && sync "$records"; then return; fi
  say 4 "the record that was merged whole cannot be kept as $keep_file"
}
