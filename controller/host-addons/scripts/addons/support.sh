# Whether this host can merge anything. Probed before the merge: over a merged /usr the stack is one higher.

# Sets $supported, $systemd, $support_reason and $support_message, and writes them for the agent.
probe_support() {
  systemd=
  supported=true
  support_reason=
  support_message=
  support_version=$(systemctl --version 2>/dev/null) || support_version=
  case $support_version in
    'systemd '*)
      systemd=${support_version#systemd }
      systemd=${systemd%%[!0-9]*}
      ;;
  esac
  if ! command -v systemd-sysext >/dev/null; then
    refuse_all NoSysext 'there is no systemd-sysext on this host: put a base with systemd 252 or newer below it'
  elif ! is_number "$systemd" || [ "$systemd" -lt 252 ]; then
    refuse_all NoSysext "systemd is of version ${systemd:-unknown}, and addons need 252 or newer"
  elif is_switched_off; then
    refuse_all Disabled 'merging is turned off by systemd.sysext= on the kernel command line'
  elif [ "$(systemctl show --property=LoadState --value "$sysext_unit" 2>/dev/null || :)" = masked ]; then
    refuse_all Disabled "merging is turned off: $sysext_unit is masked"
  else
    probe_depth
  fi
  {
    printf '%s\n' "$supported" "$systemd" "$support_reason"
    printf '%s\n' "$support_message"
  } | replace "$state/support" 0644
  write_support
}

refuse_all() {
  supported=false
  support_reason=$1
  support_message=$2
}

# systemd from 261 on reads the switch itself; with older ones nothing is linked, to the same end.
is_switched_off() {
  read -r off_words </proc/cmdline || [ -n "$off_words" ] || return 1
  off_found=1
  for off_word in $off_words; do
    case $off_word in
      systemd.sysext=0 | systemd.sysext=no | systemd.sysext=n | systemd.sysext=false | systemd.sysext=f | systemd.sysext=off) off_found=0 ;;
      systemd.sysext=*) off_found=1 ;;
    esac
  done
  return "$off_found"
}

probe_depth() {
  mkdir -p "$state/probe/over" "$state/probe/mount"
  if ! probe_words=$(unshare --mount --propagation private "$0" probe "$state/probe" 2>&1); then
    make_plain "$probe_words"
    refuse_all OverlayDepth "the kernel takes no overlay over /usr, as with root.transient or an overlay that was put there already ($plain)"
  fi
  remove_tree "$state/probe"
}

# In a mount namespace of its own, which takes the mount away with it.
probe_overlay() {
  mount -t overlay -o "ro,lowerdir=$1/over:/usr" overlay "$1/mount"
}

# What was probed at this boot.
read_support() {
  {
    read -r supported && read -r systemd && read -r support_reason && read -r support_message
  } <"$state/support"
}

write_support() {
  quote_or_null "$deployment"
  support_deployment=$quoted
  support_why=
  if [ -n "$support_reason" ]; then
    quote "$support_message"
    support_why=",\"reason\":\"$support_reason\",\"message\":$quoted"
  fi
  printf '{"kind":"scantling-addons-support","version":1,"boot":"%s","softReboots":%s,"deployment":%s,"supported":%s,"systemd":%s,"live":true%s}\n' \
    "$boot" "$soft_reboots" "$support_deployment" "$supported" "${systemd:-null}" "$support_why" | replace "$support_file" 0444
}
