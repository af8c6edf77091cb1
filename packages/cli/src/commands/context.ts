/** What commands need from the process they run in. */
export interface CommandContext {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether `--json` was given. */
  readonly json: () => boolean;
}
