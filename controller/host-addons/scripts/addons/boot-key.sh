# Which boot of which deployment this is. /run survives a soft reboot, so that something is there says nothing.

# Sets $boot, $soft_reboots, $deployment (empty where none is found) and $key.
identify_boot() {
  read -r boot </proc/sys/kernel/random/boot_id
  count_soft_reboots
  find_deployment
  key="$boot $soft_reboots ${deployment:-none}"
}

# As systemd counts them; one that does not is asked when it started, and each new start in one boot counts.
count_soft_reboots() {
  soft_reboots=$(systemctl show --property=SoftRebootsCount --value 2>/dev/null) || soft_reboots=
  if is_number "$soft_reboots"; then return; fi
  soft_reboots=0
  soft_start=$(systemctl show --property=UserspaceTimestampMonotonic --value 2>/dev/null) || soft_start=
  if ! is_number "$soft_start"; then return; fi
  if [ -f "$state/start" ]; then
    read -r soft_boot soft_known soft_reboots <"$state/start"
    if [ "$soft_boot" = "$boot" ] && [ "$soft_known" = "$soft_start" ]; then return; fi
    if [ "$soft_boot" = "$boot" ]; then soft_reboots=$((soft_reboots + 1)); else soft_reboots=0; fi
  fi
  printf '%s %s %s\n' "$boot" "$soft_start" "$soft_reboots" | replace "$state/start" 0644
}

# The mount table says where /etc or the root really comes from. The kernel command line is second: after a soft reboot it names the deployment before.
find_deployment() {
  deployment=
  while read -r _ _ _ find_root find_point _; do
    case $find_point in
      / | /etc | /usr) deployment_of "$find_root" || : ;;
    esac
  done </proc/self/mountinfo
  if [ -n "$deployment" ]; then return; fi
  read -r find_words </proc/cmdline || [ -n "$find_words" ] || return 0
  for find_word in $find_words; do
    case $find_word in
      ostree=/*)
        find_link=$(readlink "/sysroot${find_word#ostree=}" || readlink "${find_word#ostree=}") || continue
        find_link=${find_link##*/}
        keep_deployment "${find_link%.*}" || :
        ;;
      composefs=*)
        find_link=${find_word#composefs=}
        keep_deployment "${find_link#\?}" || :
        ;;
    esac
  done
}

# …/ostree/deploy/OS/deploy/CHECKSUM.SERIAL/… of ostree, or …/state/deploy/DIGEST/… of the composefs backend.
deployment_of() {
  case $1 in
    */ostree/deploy/*/deploy/*)
      of_name=${1##*/ostree/deploy/}
      of_name=${of_name#*/deploy/}
      of_name=${of_name%%/*}
      keep_deployment "${of_name%.*}"
      ;;
    */state/deploy/*)
      of_name=${1##*/state/deploy/}
      keep_deployment "${of_name%%/*}"
      ;;
  esac
}

keep_deployment() {
  if is_hex "$1" || is_hex "$1" 128; then deployment=$1; fi
}
