/** Entry of the thread that makes one image, and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { StallingError, messageOf } from '../api/errors.ts';
import { buildImage } from './build-image.ts';
import type { AddonImageRequest, ThreadMessage } from './make-image.ts';
import { ContentRefusedError } from './refusal-list.ts';

const port = parentPort;
if (!port) throw new Error('image-worker is the entry of a worker thread');

const tell = (message: ThreadMessage): void => port.postMessage(message);

try {
  const made = await buildImage(workerData as AddonImageRequest, doing => tell({ kind: 'doing', doing }));
  tell({ kind: 'made', made });
} catch (error) {
  if (error instanceof ContentRefusedError) tell({ kind: 'refused', refusals: error.refusals, more: error.more });
  else if (error instanceof StallingError) tell({ kind: 'stalling', reason: error.reason, message: error.message });
  else tell({ kind: 'failed', message: messageOf(error) });
}
