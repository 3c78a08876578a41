import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selinuxLabel } from '../../controller/addon/selinux-labels.ts';

/** As `matchpathcon` answers under the targeted policy of Fedora, with container-selinux. */
const types: Readonly<Record<string, string>> = {
  '/': 'root_t',
  '/usr': 'usr_t',
  '/opt': 'usr_t',
  '/opt/tool/data': 'usr_t',
  '/opt/tool/bin/run': 'bin_t',
  '/opt/tool/lib/libtool.so': 'lib_t',
  '/usr/bin': 'bin_t',
  '/usr/sbin/tool': 'bin_t',
  '/usr/binary': 'usr_t',
  '/usr/libexec': 'bin_t',
  '/usr/libexec/tool/helper': 'bin_t',
  '/usr/lib': 'lib_t',
  '/usr/lib64/libtool.so.1': 'lib_t',
  '/usr/library': 'usr_t',
  '/usr/lib/extension-release.d/extension-release.tool': 'lib_t',
  '/usr/lib/tool/bin/run': 'bin_t',
  '/usr/lib/systemd': 'lib_t',
  '/usr/lib/systemd/system': 'systemd_unit_file_t',
  '/usr/lib/systemd/system/tool.service.d/a.conf': 'systemd_unit_file_t',
  '/usr/lib/systemd/system-preset/a.preset': 'lib_t',
  '/usr/lib/modules/6.18.0/extra/tool.ko': 'modules_object_t',
  '/usr/share/tool': 'usr_t',
  '/usr/share/man/man1/tool.1': 'man_t',
  '/usr/share/locale/de/tool.mo': 'locale_t',
  '/usr/bin/containerd-shim-runc-v2': 'container_runtime_exec_t',
  '/usr/bin/runc': 'container_runtime_exec_t',
  '/usr/bin/runcible': 'bin_t',
  '/usr/bin/two\nlines': 'bin_t',
};

for (const [path, type] of Object.entries(types)) {
  test(`${JSON.stringify(path)} is ${type}`, () => assert.equal(selinuxLabel(path), `system_u:object_r:${type}:s0`));
}
