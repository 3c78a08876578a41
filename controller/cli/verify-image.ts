/** `scantling verify image IMAGE`: the judgement that the controller would come to, and why. */
import { TransientError, messageOf, reasonOf } from '../api/errors.ts';
import { createRegistry } from '../registry/client.ts';
import { NotFoundError } from '../registry/errors.ts';
import { parseReference } from '../registry/reference.ts';
import type { Invocation } from '../running.ts';
import { createLog } from '../telemetry/log.ts';
import { createImageVerifier } from '../trust/image-verifier.ts';
import { plainLine } from '../trust/plain-text.ts';
import { userAgent } from '../version.ts';
import { formatOf, print } from './output.ts';
import { authFiles, readCredentials, registryOptions } from './registry-access.ts';
import { terminalOf } from './terminal.ts';
import { exitCodeOf, verificationText } from './verify-report.ts';
import { trustOf } from './verify-trust.ts';

/** Exit code 0 trusted, 1 refused, 3 when something could not be looked up, 4 let through without being trusted. Throws UsageError. */
export async function verifyImageCommand(invocation: Invocation): Promise<number> {
  const { config, positionals, stdout, stderr } = invocation;
  const format = formatOf(config);
  const [asked = ''] = positionals;
  const registry = createRegistry({ ...registryOptions(config), userAgent: userAgent('verify') });
  const verifier = createImageVerifier({ registry, now: Date.now, log: createLog('silent') });
  try {
    const trust = await trustOf(invocation, {
      verify: ({ auth, commit, ...of }) =>
        verifier.verify({ ...of, ...(auth ? { auth } : {}), ...(commit === undefined ? {} : { commit }) }),
    });
    const auth = await readCredentials(await authFiles(config['auth-file'], process.env), 'pull');
    const { host, repository } = parseReference(asked);
    const { digest } = await registry.resolve(asked, auth);
    const what = `${host}/${repository}@${digest}`;
    const judgement = await trust.judgeImage({
      image: what,
      ...(auth === undefined ? {} : { auth }),
      ...(config.commit === '' ? {} : { commit: config.commit }),
    });
    trust.stop();
    const terminal = terminalOf(stdout, process.env);
    await print(stdout, format, { kind: 'Verification' as const, subject: 'Image' as const, asked, what, ...judgement }, v =>
      verificationText(v, terminal),
    );
    return exitCodeOf(judgement.decision);
  } catch (error) {
    if (!(error instanceof TransientError || error instanceof NotFoundError)) throw error;
    stderr.write(`scantling: ${reasonOf(error)}: ${plainLine(messageOf(error))}; this says nothing of the image\n`);
    return 3;
  } finally {
    await verifier.close();
    await registry.close();
  }
}
