/** What threads that read what strangers wrote may take: one of them at its limit must end alone, and not with the whole program. */

/** A container of the controller has half a gibibyte. */
export const maxThreadHeapMiB = 224;

/**
 * At its limit a thread gets 16 MiB more (kExtraHeapAllowance in Node's src/node_worker.cc) and is ended at its next call or turn of a loop; V8 ends the whole process if that is not
 * enough until then. By default more than that is young, and is moved at once when it survives; so the bound of what is young matters most here. It does not help against a single array or
 * map of more than 16 MiB: whoever gives a thread work bounds how many things it may hold, and how long their names are, so that its limit is not reached.
 */
export const threadLimits = { maxOldGenerationSizeMb: maxThreadHeapMiB, maxYoungGenerationSizeMb: 16 } as const;

/** Whether a thread was ended because of these limits. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
