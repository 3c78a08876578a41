/** A subcommand that has been started. */
export interface Running {
  /** Ends it in order; resolves when nothing of it is left. */
  stop(): Promise<void>;
}
