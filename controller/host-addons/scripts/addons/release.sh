# Whether an addon is for this host, by the rules of systemd-sysext (os-release(5), systemd-sysext(8)).

# Prints the value of a key of a file in the form of os-release; nothing where it has none. The last line counts.
release_value() {
  value_found=
  while IFS= read -r value_line || [ -n "$value_line" ]; do
    case $value_line in
      "$2="*) value_found=${value_line#"$2="} ;;
    esac
  done <"$1"
  case $value_found in
    \"*\") value_found=${value_found#\"} && value_found=${value_found%\"} ;;
    \'*\') value_found=${value_found#\'} && value_found=${value_found%\'} ;;
  esac
  printf '%s' "$value_found"
}

# Whether the extension-release file $1 fits this host; else $mismatch says what does not.
fits_host() {
  fits_host_file=/etc/os-release
  if [ ! -e "$fits_host_file" ]; then fits_host_file=/usr/lib/os-release; fi
  fits_scope=$(release_value "$1" SYSEXT_SCOPE)
  case " ${fits_scope:-system} " in
    *' system '*) ;;
    *) mismatch="it is not for a system, but for $fits_scope" && return 1 ;;
  esac
  fits_arch=$(release_value "$1" ARCHITECTURE)
  fits_machine=$(machine_architecture)
  case $fits_arch in
    '' | _any | "$fits_machine") ;;
    *) mismatch="it is for $fits_arch, and this host is $fits_machine" && return 1 ;;
  esac
  fits_id=$(release_value "$1" ID)
  fits_host_id=$(release_value "$fits_host_file" ID)
  if [ "$fits_id" = _any ]; then return; fi
  if [ -z "$fits_id" ] || [ "$fits_id" != "${fits_host_id:-linux}" ] && ! is_like_host "$fits_id" "$fits_host_file"; then
    mismatch="it is for ID=$fits_id, and this host is $fits_host_id"
    return 1
  fi
  fits_level=$(release_value "$1" SYSEXT_LEVEL)
  fits_host_level=$(release_value "$fits_host_file" SYSEXT_LEVEL)
  if [ -n "$fits_level" ] && [ -n "$fits_host_level" ]; then
    if [ "$fits_level" = "$fits_host_level" ]; then return; fi
    mismatch="it is for SYSEXT_LEVEL=$fits_level, and this host has $fits_host_level"
    return 1
  fi
  fits_version=$(release_value "$1" VERSION_ID)
  fits_host_version=$(release_value "$fits_host_file" VERSION_ID)
  if [ -z "$fits_host_version" ] || [ "$fits_version" = "$fits_host_version" ]; then return; fi
  mismatch="it is for VERSION_ID=$fits_version, and this host is $fits_host_version"
  return 1
}

# From 258 on systemd takes what is for a relative of the host.
is_like_host() {
  read_support
  is_number "$systemd" && [ "$systemd" -ge 258 ] || return 1
  case " $(release_value "$2" ID_LIKE) " in
    *" $1 "*) ;;
    *) return 1 ;;
  esac
}

# As systemd calls it.
machine_architecture() {
  machine=$(uname -m)
  case $machine in
    x86_64) echo x86-64 ;;
    aarch64) echo arm64 ;;
    i?86) echo x86 ;;
    ppc64le) echo ppc64-le ;;
    *) echo "$machine" ;;
  esac
}
