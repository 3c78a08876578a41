/** Structured logs: one JSON object a line on standard error, secrets cut out. */
import { pino } from 'pino';
import { StallingError, TransientError, WaitingError } from '../api/errors.ts';

/** What the rest of the program logs through; pino's own loggers satisfy it. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

/** Field names whose values never reach a log, at the top level and one level down. */
const secretFields = ['password', 'token', 'bearerToken', 'authorization', 'Authorization', 'auth', 'secret', 'data', 'headers'];

/** The root logger. `level` is one of debug, info, warn, error, silent. */
export function createLog(level: string, write?: (line: string) => void): Log {
  const destination = write ? { write } : pino.destination({ dest: 2, sync: true });
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { error: describe },
      redact: { paths: [...secretFields, ...secretFields.map(f => `*.${f}`)], censor: '[redacted]' },
    },
    destination,
  );
}

/** What is expected to go wrong is told by its reason and message; a stack is for what nobody expected. */
function describe(error: unknown): object {
  if (error instanceof StallingError || error instanceof WaitingError || error instanceof TransientError) {
    return { type: error.name, reason: error.reason, message: error.message };
  }
  return error instanceof Error ? pino.stdSerializers.err(error) : { message: String(error) };
}
