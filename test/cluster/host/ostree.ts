/** The fake `ostree admin lock-finalization [--unlock]` for the host in $FAKE_HOST; commands/ostree holds the lock. */
import { setLock } from './deployments.ts';
import { loadState, saveState } from './state.ts';

const directory = process.env['FAKE_HOST'] ?? '';
const state = loadState(directory);
if (state.staged) {
  saveState(directory, setLock(state, !process.argv.includes('--unlock')));
} else {
  process.stderr.write('error: No staged deployment\n');
  process.exitCode = 1;
}
