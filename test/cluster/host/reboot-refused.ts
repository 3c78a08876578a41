/** Exits 1 with systemctl's words when the fault RebootRefused strikes the host in $FAKE_HOST. */
import { strike } from './faults.ts';

if (strike(process.env['FAKE_HOST'] ?? '', 'RebootRefused')) {
  process.stderr.write('Operation inhibited by "backup" (PID 812 "backup"), reason is "backup is running".\n');
  process.exitCode = 1;
}
