/** Trusted roots that may be long in coming, for policies of which none is to wait for another's. */
import { TransientError } from '../api/errors.ts';
import type { PolicyReason } from './reasons.ts';
import type { TrustedRootSource } from './trusted-root.ts';

export interface LateRootsOptions {
  read: (from: TrustedRootSource) => Promise<string>;
  /** How long a policy waits for its root. Milliseconds. Default: one second. */
  waitMs?: number;
}

interface Asked {
  /** Whoever is to read again when the answer is there. */
  waiting: Set<() => void>;
  answer: Promise<string>;
  isThere: boolean;
}

/** Repositories that are asked, with what they answered last. */
export class LateRoots {
  readonly #o: LateRootsOptions;
  readonly #asked = new Map<string, Asked>();
  readonly #good = new Map<string, string>();
  readonly #bad = new Map<string, unknown>();

  constructor(options: LateRootsOptions) {
    this.#o = options;
  }

  /**
   * The trusted root. One that takes longer than a moment goes on beside, and `wake` is called when the answer is there; until then the one before is given.
   * @throws TransientError `KeyUnreadable` where there is none before, and whatever the reading throws
   */
  async read(from: TrustedRootSource, wake: () => void): Promise<string> {
    const key = JSON.stringify(from);
    const before = this.#asked.get(key);
    const asked = before ?? this.#ask(key, from);
    // Who has waited once does not wait again: that would hold up others with each try.
    const isThere = asked.isThere || (!before && (await this.#waited(asked)));
    if (isThere) {
      this.#asked.delete(key);
      return asked.answer;
    }
    asked.waiting.add(wake);
    const good = this.#good.get(key);
    if (good !== undefined) return good;
    throw this.#bad.get(key) ?? stillComing(from);
  }

  #ask(key: string, from: TrustedRootSource): Asked {
    const asked: Asked = { waiting: new Set(), answer: this.#o.read(from), isThere: false };
    this.#asked.set(key, asked);
    const end = (): void => {
      asked.isThere = true;
      for (const wake of asked.waiting) wake();
    };
    asked.answer.then(
      text => {
        this.#good.set(key, text);
        this.#bad.delete(key);
        end();
      },
      (error: unknown) => {
        this.#good.delete(key);
        this.#bad.set(key, error);
        end();
      },
    );
    return asked;
  }

  /** Whether the answer came while it was waited for. */
  async #waited({ answer }: Asked): Promise<boolean> {
    const { waitMs = 1_000 } = this.#o;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>(resolve => {
      timer = setTimeout(resolve, waitMs, false);
    });
    const came = answer.then(
      () => true,
      () => true,
    );
    try {
      return await Promise.race([came, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function stillComing(from: TrustedRootSource): TransientError {
  const where = 'public' in from ? 'the public repository of sigstore' : from.url;
  return new TransientError('KeyUnreadable' satisfies PolicyReason, `its trusted root is still to come from ${where}`);
}
