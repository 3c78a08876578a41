#!/bin/sh
# Becomes process 1 of a host: in namespaces of its own (mount, process, network, IPC, name, cgroup), with the root, /etc, /var and /run of one.
# Arguments: disk, system that deployments are layers over, deployment, work directory, kernel command line, how deep the overlays are (1 or 2).
set -eu
disk=$1 base=$2 deployment=$3 work=$4 words=$5 depth=$6
mount --make-rprivate /
mkdir -p "$work/upper" "$work/work" "$work/deep" "$work/root"
printf '%s\n' "$words" >"$work/cmdline"
image=$disk/image-$deployment
if [ "$depth" -eq 2 ]; then
  mount -t overlay -o "ro,lowerdir=$image:$base" overlay "$work/deep"
  mount -t overlay -o "lowerdir=$work/deep,upperdir=$work/upper,workdir=$work/work" overlay "$work/root"
else
  mount -t overlay -o "lowerdir=$image:$base,upperdir=$work/upper,workdir=$work/work" overlay "$work/root"
fi
cd "$work/root"
mkdir -p sysroot
mount --bind "$disk" sysroot
mount --bind "$base" sysroot/base
mount --bind "$disk/ostree/deploy/default/deploy/$deployment.0/etc" etc
mount --bind "$disk/var" var
mount -t proc proc proc
mount --bind "$work/cmdline" proc/cmdline
# Each boot has another, as on a machine.
cat proc/sys/kernel/random/uuid >"$work/boot-id"
mount --bind "$work/boot-id" proc/sys/kernel/random/boot_id
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --rbind /dev dev
# Neither the terminal nor the log of this machine is the host's.
: >"$work/console"
mount --bind "$work/console" dev/console
mount --bind /dev/null dev/kmsg
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mkdir -p run/old
pivot_root . run/old
umount -l /run/old
rmdir /run/old
exec env -i container=scantling-test PATH=/usr/sbin:/usr/bin /usr/lib/systemd/systemd --system --log-target=journal-or-kmsg --unit=multi-user.target
