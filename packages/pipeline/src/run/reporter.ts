import type { OnProgress } from '@u2seg/core';

/** Shows how a run gets on. */
export interface Reporter {
  /** A stage begins; `title` is for people. */
  begin(stage: string, title: string): void;
  readonly progress: OnProgress;
  /** A stage is done; `detail` says what came of it. */
  end(stage: string, detail: string): void;
  /** A sentence beside the stages. */
  note(sentence: string): void;
  /** Something people should know before they trust the result. */
  warn(sentence: string): void;
}

/** Says nothing. */
export const silentReporter: Reporter = {
  begin: () => undefined,
  progress: () => undefined,
  end: () => undefined,
  note: () => undefined,
  warn: () => undefined,
};

/** Runs `work` between the beginning and the end of a stage. */
export async function reported<T>(
  reporter: Reporter,
  { name, title }: { readonly name: string; readonly title: string },
  work: () => Promise<T>,
  describe: (value: T) => string,
): Promise<T> {
  reporter.begin(name, title);
  const value = await work();
  reporter.end(name, describe(value));
  return value;
}
