# What is merged, by what can be seen. The exit code of systemd-sysext is no evidence: up to 254 at least it is 0 when the kernel refused the mount.

# Looks at everything once. Sets $merged (names, with a space around each) and $since (epoch ms, or empty).
look_at_merge() {
  merged=' '
  since=
  look_json=$(systemd-sysext status --json=short 2>/dev/null) || look_json=
  look_rest=${look_json#*'"hierarchy":"/usr"'}
  if [ "$look_rest" != "$look_json" ]; then
    look_rest=${look_rest%%\}*}
    look_names=${look_rest#*'"extensions":'}
    # A list; or the word "none" up to systemd 261.
    case $look_names in
      \[*) look_names=${look_names#\[} && look_names=${look_names%%\]*} ;;
      *) look_names= ;;
    esac
    while [ -n "$look_names" ]; do
      look_names=${look_names#\"}
      merged="$merged${look_names%%\"*} "
      look_names=${look_names#*\"}
      look_names=${look_names#,}
    done
    look_time=${look_rest#*'"since":'}
    look_time=${look_time%%[!0-9]*}
    if [ "$merged" != ' ' ] && [ "${#look_time}" -gt 3 ]; then since=${look_time%???}; fi
  fi
  seen=$(systemd-sysext list --json=short 2>/dev/null) || seen=
  loops=
  set +f
  for look_loop in /sys/block/loop*/loop/backing_file; do
    if [ -r "$look_loop" ] && look_file=$(cat "$look_loop" 2>/dev/null); then
      loops="$loops$look_file
"
    fi
  done
  set -f
}

# Whether the addon with name $1 and digest $2 is what everybody sees in /usr, of the generation with the facts $3; else $unmerged is a reason and a message.
is_merged() {
  merged_file=usr/lib/extension-release.d/extension-release.$1
  case $merged in
    *" $1 "*) ;;
    *)
      case $seen in
        *"\"name\":\"$1\""*) unmerged="NotMerged systemd-sysext did not merge it$(sysext_says)" ;;
        *) unmerged="NotLinked systemd-sysext does not see it in $extensions" ;;
      esac
      return 1
      ;;
  esac
  # Of process 1: a merge in a mount namespace of its own is seen by nobody else.
  if [ ! -f "/proc/1/root/$merged_file" ]; then
    unmerged="NotMerged systemd-sysext says that it is merged, and /$merged_file is not there"
  elif [ "$(cat "/proc/1/root/$merged_file")" != "$(cat "$3/$1/release")" ]; then
    unmerged="NotMerged another version is merged: /$merged_file is not that of this one"
  else
    case $loops in
      *"/addons/$1/$2.raw"*) return 0 ;;
      *"/addons/$1/"*) unmerged="NotMerged another version is merged: the file below /usr is not $2.raw" ;;
      *) return 0 ;;
    esac
  fi
  return 1
}

# For the message of what is not merged.
sysext_says() {
  says_result=$(systemctl show --property=Result --value "$sysext_unit" 2>/dev/null) || says_result=
  case $says_result in
    '' | success) ;;
    *) printf '; %s failed (%s), which one bad image of somebody else can cause: see its journal, and systemd-sysext list' "$sysext_unit" "$says_result" ;;
  esac
}
